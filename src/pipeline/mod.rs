//! Pipelines: what happens to a message between the user and the connection's packets.
//!
//! A pipeline is an ordered list of stages, the same on both sides. Sending walks the list from the
//! first stage to the last, receiving from the last to the first, so the *last* stage's header comes
//! first on the wire. A packet that a stage makes up (an ack, a resend, the rest of a message) starts
//! behind that stage.
//!
//! ```text
//!          send ─▶                                    ─▶ PacketSink: bodies of data packets
//! message   stage 0   stage 1   …   stage N−1
//!          MessageSink ◀─                             ◀─ receive
//! ```
//!
//! | file | idea |
//! |---|---|
//! | `set` | the pipelines of a driver, and what they are told |
//! | `shape` | a pipeline as the driver knows it: stages, header sizes, largest payload |
//! | `chain` | one connection's state of one pipeline, and the walk over its stages |
//! | `packet` | bytes on their way, and what a call into a chain is given |
//! | `store` | copies of packets, in memory that follows use |
//! | `throttle` | how much reliable data of a connection may leave now |
//! | `sequenced`, `fragmentation`, `reliable`, `simulator` | the stages |
//! | `stage`, `custom` | the trait of a user's own stage, and such a stage in a chain |
//!
//! This module never sees a link, a socket or a clock. It does not know what stands in front of a
//! packet's body, nor whether there is a record around it: `room` says how many bytes are left.
//!
//! Source: Unity Transport `NetworkPipeline.cs`.

mod chain;
mod custom;
mod fragmentation;
mod packet;
mod reliable;
mod sequenced;
mod set;
mod shape;
mod simulator;
mod stage;
mod statistics;
mod store;
#[cfg(test)]
mod tests;
mod throttle;

pub use stage::{PipelineStage, StageAction, StageContext, StageError, StagePacket};
pub use statistics::{PipelineStatistics, RoundTripStatistics};

pub(crate) use {
    chain::{Phase, PipelineState},
    packet::{Buffers, Context, MessageSink, PacketSink, StageRefusal},
    set::Pipelines,
    shape::{PipelineShape, Split, StageKind},
    throttle::Throttle,
};
