//! The update as jobs.
//!
//! The only floor that knows threads. It runs the stages of an update (receive, route, decrypt,
//! process, send, finish) over the shards, inline or spread over a pool, and times them. It decides
//! nothing about the protocol: the same stages run in the same order for every connection whatever
//! the number of threads.
//!
//! ```text
//! lead          receive ─ route ─ receive ─ route ─ … ─ receive ─┬─ finish ─ chained jobs ─ home
//!                  └─ slice ─┐        └─ slice ─┐                │
//! helpers  send early ─ decrypt ─ process  decrypt ─ process ─ serve ─ send
//! ```

mod back;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod backroom;
mod decrypt;
mod deferred;
mod finish;
mod guarded;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod handshakes;
mod lead;
mod outcome;
mod parallel;
mod pool;
mod process;
mod receive;
mod rehouse;
mod route;
mod seal;
mod send;
mod serve;
mod shard;
mod site;
mod sync;
mod task;
mod threshold;
mod timing;
mod work;

pub(crate) use back::{Back, Core, Phase};
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub(crate) use backroom::Backroom;
pub(crate) use lead::{Crew, Step, lead};
pub use outcome::Endings;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub use outcome::HandshakeFailure;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub(crate) use outcome::Secured;
pub(crate) use outcome::{Incoming, Outcome};
pub use parallel::ParallelIterator;
pub(crate) use parallel::par_lanes;
pub(crate) use pool::Pool;
pub use pool::PoolError;
pub(crate) use process::end_shard;
pub use rayon::ThreadPool;
pub(crate) use site::Site;
pub(crate) use task::{Next, Panic};
pub(crate) use threshold::{Plan, Threshold};
pub use timing::{StageTimes, UpdateTimes};
pub(crate) use work::run;
