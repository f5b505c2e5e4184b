//! A network driver for games and other real-time servers.
//!
//! drumfire speaks Unity Transport 2.x on the wire, and works the way Unity's *jobified* drivers
//! do: receive, decrypt, process and send run as batched jobs over a rayon pool, events are
//! double-buffered, and the game loop only schedules and completes.

pub mod address;
pub mod buffer;
pub mod counters;
mod driver;
mod endpoint;
pub mod error;
pub mod id;
pub mod interface;
mod job;
mod journal;
mod link;
mod random;
mod sequence;
pub mod settings;
pub mod stream;
pub mod time;
pub mod wire;
