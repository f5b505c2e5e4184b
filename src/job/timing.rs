//! Stage times: one reading of the clock where a stage ends.

use std::time::{Duration, Instant};

/// Time spent in each stage of updates, over all threads that worked on them.
///
/// "Receive" includes the system calls that read, "send" those that write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageTimes {
    /// Reading datagrams from the interface.
    pub receive: Duration,
    /// Finding each datagram's connection; strangers and admission.
    pub route: Duration,
    /// Opening records.
    pub decrypt: Duration,
    /// The connection protocol: packets, messages, timers.
    pub process: Duration,
    /// Handing datagrams to the interface.
    pub send: Duration,
    /// Handshakes of secure connections.
    pub handshake: Duration,
    /// Merging what the shards report.
    pub finish: Duration,
}

impl StageTimes {
    /// Adds other times and empties them.
    pub(crate) fn take_from(&mut self, other: &mut Self) {
        let other = std::mem::take(other);
        self.receive += other.receive;
        self.route += other.route;
        self.decrypt += other.decrypt;
        self.process += other.process;
        self.send += other.send;
        self.handshake += other.handshake;
        self.finish += other.finish;
    }

    /// Time spent for packets: all but the handshakes, which follow another clock.
    pub(crate) fn work(&self) -> Duration {
        self.total() - self.handshake
    }

    /// The stages' sum.
    pub fn total(&self) -> Duration {
        self.receive
            + self.route
            + self.decrypt
            + self.process
            + self.send
            + self.handshake
            + self.finish
    }
}

/// How long updates and flushes took, from their first stage to their last.
///
/// Waiting for a thread of the pool and jobs chained behind an update are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpdateTimes {
    /// The last one.
    pub last: Duration,
    /// The longest.
    pub longest: Duration,
    /// All together.
    pub total: Duration,
}

impl UpdateTimes {
    pub(crate) fn note(&mut self, time: Duration) {
        self.last = time;
        self.longest = self.longest.max(time);
        self.total += time;
    }
}

/// Times one stage after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "the stage timer measures its own work, it decides nothing of the protocol"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time between the start of another and the last lap of this.
    pub(crate) fn since(&self, other: &Self) -> Duration {
        self.0.duration_since(other.0)
    }

    /// Starts over, leaving out the time since the last lap.
    pub(crate) fn restart(&mut self) {
        *self = Self::start();
    }

    /// Time since the last lap, or the start.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub(crate) fn elapsed(&self) -> Duration {
        Self::start().0.duration_since(self.0)
    }

    /// Adds the time since the last lap (or the start) to `stage`.
    pub(crate) fn lap(&mut self, stage: &mut Duration) {
        let end = Self::start().0;
        *stage += end.duration_since(self.0);
        self.0 = end;
    }
}
