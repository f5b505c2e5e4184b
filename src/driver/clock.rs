//! The driver's clock: read once an update, on the thread that schedules it.

use std::time::{Duration, Instant};

use crate::settings::NetworkSettings;
use crate::time::{Now, Timestamp};

/// Real time, or a fixed step an update where the settings ask for it.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    fixed: Option<Duration>,
    largest: Option<Duration>,
    credit: Duration,
    now: Now,
}

impl Clock {
    pub(crate) fn new(settings: &NetworkSettings) -> Self {
        let connection = settings.connection();
        // Unity's clock starts at one millisecond.
        let start = Timestamp::from_micros(1_000);
        Self {
            started: read(),
            fixed: connection.fixed_frame_time,
            largest: connection.max_frame_time,
            credit: settings.limits().max_tick_credit,
            now: Now {
                at: start,
                observed: start,
            },
        }
    }

    /// The time of the last update.
    pub(crate) fn now(&self) -> Now {
        self.now
    }

    /// The time of a new update.
    pub(crate) fn tick(&mut self) -> Now {
        let passed = self.peek().since(self.now.at);
        let step = self
            .fixed
            .unwrap_or_else(|| passed.min(self.largest.unwrap_or(Duration::MAX)));
        self.now = Now {
            at: self.now.at + step,
            observed: self.now.observed + step.min(self.credit),
        };
        self.now
    }

    /// What time it is, outside an update.
    pub(crate) fn peek(&self) -> Timestamp {
        Timestamp::from_micros(1_000) + read().duration_since(self.started)
    }
}

/// The one clock of the library, but for the stage timer.
#[expect(
    clippy::disallowed_methods,
    reason = "the driver is the floor that reads the clock"
)]
fn read() -> Instant {
    Instant::now()
}
