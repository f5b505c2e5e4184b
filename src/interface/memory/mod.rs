//! Networks in memory: datagrams between drivers of one process, without a socket.
//!
//! ```text
//! MemoryInterface ─┐                       ┌─ Mailbox ── MemoryInterface
//! RawSocket       ─┼─▶ Hub ─▶ (Weather) ─▶ ┤
//! inject          ─┘     └▶ Tap            └─ Mailbox ── RawSocket
//! ```
//!
//! [`InProcessNetwork`] delivers at once and in full. [`SimulatedNetwork`] has weather: it delays,
//! loses, doubles, reorders, cuts off and corrupts, by a seed and in virtual time. Both behave like
//! UDP to the driver: wildcard binds, ephemeral ports, source addresses, full buffers.
//!
//! Results do not depend on the number of threads that send. What is random is drawn per *flow*
//! (one source, one destination), in the order of that flow; a mailbox is read ordered by time,
//! source and flow. No clock is read here.

mod conditions;
mod flow;
mod handle;
mod hub;
mod in_process;
mod mailbox;
mod port;
mod raw;
mod simulated;
mod tally;
mod tap;
mod weather;

pub use conditions::{BurstLoss, Conditions, RateLimit};
pub use in_process::InProcessNetwork;
pub use port::MemoryInterface;
pub use raw::RawSocket;
pub use simulated::SimulatedNetwork;
pub use tally::NetworkTally;
pub use tap::{Captured, Tap};
