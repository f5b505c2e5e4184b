//! A network driver for games and other real-time servers.
//!
//! drumfire speaks Unity Transport 2.x on the wire, and works the way Unity's *jobified* drivers
//! do: receive, decrypt, process and send run as batched jobs over a rayon pool, events are
//! double-buffered, and the game loop only schedules and completes.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod crypto;
mod endpoint;
mod job;
mod journal;
mod link;
mod random;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod secure;
mod sequence;

pub mod address;
pub mod buffer;
pub mod counters;
pub mod driver;
pub mod error;
pub mod id;
pub mod interface;
pub mod pipeline;
pub mod settings;
pub mod stream;
pub mod time;
pub mod wire;

pub use address::NetworkEndpoint;
pub use buffer::desk::ConnectionState;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub use crypto::{
    CertificateSummary, CertificateWarning, CommonNameRefusal, Fingerprint, Identity,
    IdentityError, PeerIdentity, PemError, ServerName, ServerNameError, Trust, TrustError,
    VerifyError, WallTime,
};
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub use driver::HandshakeFailure;
pub use driver::{
    Bandwidth, Concurrent, ConnectionPort, DriverError, Events, JobHandle, NetworkDriver,
    NetworkEvent, SendGuard, Sender,
};
pub use error::DisconnectReason;
pub use id::{NetworkConnection, NetworkPipeline, StageId};
pub use job::{Endings, ParallelIterator, StageTimes, ThreadPool, UpdateTimes};
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub use secure::dtls::{HandshakeError, HandshakeFault};
pub use settings::NetworkSettings;
pub use stream::{DataStreamReader, DataStreamWriter};
