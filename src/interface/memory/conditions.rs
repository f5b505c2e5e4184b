//! The conditions of a simulated network: plain values, all off by default.

use std::time::Duration;

/// What a simulated network does to the datagrams of one direction.
///
/// Probabilities are from 0 (never) to 1 (always). Sizes are those of the datagram, without the
/// headers a real network adds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Conditions {
    /// Probability that a datagram is lost, each for itself.
    pub loss: f64,
    /// Losses in bursts, beside `loss`.
    pub burst: Option<BurstLoss>,
    /// Probability that a datagram arrives twice, the copy with a jitter of its own.
    pub duplication: f64,
    /// Probability that a datagram is held back by `reorder_by`, so that later ones overtake it.
    pub reordering: f64,
    /// How long a reordered datagram is held back.
    pub reorder_by: Duration,
    /// Time from one end to the other.
    pub delay: Duration,
    /// Most that is added to `delay`, evenly distributed; more than the gap between two datagrams
    /// reorders them, too.
    pub jitter: Duration,
    /// The slowest link on the way.
    pub rate: Option<RateLimit>,
    /// Largest datagram that passes, in bytes; larger ones are lost without a word.
    pub mtu: Option<usize>,
    /// Probability that one to three bits of a datagram are flipped.
    pub corruption: f64,
}

/// Losses in bursts, by the model of Gilbert and Elliott: the link is good or bad, and changes
/// between the two from datagram to datagram.
///
/// The mean burst is `1 / leave` datagrams long; the share of bad ones is
/// `enter / (enter + leave)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BurstLoss {
    /// Probability that a good link turns bad before the next datagram.
    pub enter: f64,
    /// Probability that a bad link turns good before the next datagram.
    pub leave: f64,
    /// Probability that a bad link loses a datagram.
    pub loss: f64,
}

/// A link of limited rate with a queue in front. Every flow (one source, one destination) has one
/// of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Bytes a second; 0 lets nothing pass.
    pub bytes_per_second: u64,
    /// Bytes that may wait in front of the link; what does not fit is lost.
    pub queue: u64,
}

impl Conditions {
    /// A network that only loses, each datagram with probability `loss`.
    pub fn lossy(loss: f64) -> Self {
        Self {
            loss,
            ..Self::default()
        }
    }

    /// A network that only delays.
    pub fn delayed(delay: Duration) -> Self {
        Self {
            delay,
            ..Self::default()
        }
    }
}
