//! Time as a value: microseconds since the driver was made.
//!
//! This module never reads a clock. The driver reads one per update and hands
//! [`Now`] down; everything below compares timestamps it was given.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time, in microseconds since the driver was made. Monotonic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment the driver was made.
    pub const ZERO: Self = Self(0);
    /// Later than every deadline: "never".
    pub const NEVER: Self = Self(u64::MAX);

    /// From microseconds since the driver was made.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the driver was made.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the driver was made.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Time passed since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The first timestamp at which *strictly more* than `timeout` has passed since `self`.
    ///
    /// Unity's timers all compare with `>`; a deadline made here can be compared with `>=`.
    pub fn just_after(self, timeout: Duration) -> Self {
        (self + timeout) + Duration::from_micros(1)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    /// Saturates at [`Timestamp::NEVER`].
    fn add(self, rhs: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(rhs.as_micros()).unwrap_or(u64::MAX)),
        )
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    fn sub(self, rhs: Self) -> Duration {
        self.since(rhs)
    }
}

/// The time of one update, read once when it was scheduled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The driver's time. Retries, heartbeats and round-trip times use it.
    pub at: Timestamp,
    /// The driver's time without the stretches it slept through: it advances by at most
    /// `max_tick_credit` an update, so silence that nobody watched is nobody's fault (R7).
    /// Inactivity timers use it.
    pub observed: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_strictly_after_its_timeout() {
        let start = Timestamp::from_micros(5);
        let deadline = start.just_after(Duration::from_millis(1));
        assert!(Timestamp::from_micros(1_005) < deadline);
        assert!(Timestamp::from_micros(1_006) >= deadline);
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Timestamp::NEVER + Duration::from_secs(1), Timestamp::NEVER);
        assert_eq!(Timestamp::ZERO - Timestamp::NEVER, Duration::ZERO);
    }
}
