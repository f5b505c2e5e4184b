//! The end of a driver: everybody is told, nobody twice.

use std::time::Duration;

use super::NetworkDriver;
use crate::job::Back;

/// Longest that closing waits for the last copies of its farewells to leave.
const FAREWELL: Duration = Duration::from_millis(60);
/// Updates that closing takes at most where time is virtual.
const VIRTUAL_UPDATES: u32 = 16;

impl NetworkDriver {
    /// Closes the driver. The same as dropping it.
    ///
    /// What was sent before still leaves, and reliable data has the settings' `linger` to arrive; nobody
    /// else is let in; every peer is told, by
    /// `disconnect_copies` packets (three within 50 ms, by default), since none is acknowledged. That
    /// takes up to 60 ms if there are connections, `linger` more where reliable data is not acknowledged,
    /// and no time otherwise. No event follows.
    pub fn close(self) {}

    fn say_farewell(&mut self) {
        self.complete();
        self.listening = false;
        self.with_site(|site| site.rules.listening = false);
        let Some(back) = &mut self.home else { return };
        back.leave_all();
        let linger = self.settings.limits().linger;
        let until = self.clock.peek() + FAREWELL + linger;
        let frame = self.settings.connection().fixed_frame_time;
        let frames = frame.map_or(0, |frame| linger.as_micros() / frame.as_micros().max(1));
        let updates = VIRTUAL_UPDATES.saturating_add(u32::try_from(frames).unwrap_or(u32::MAX));
        for round in 0.. {
            self.update();
            let left = until.since(self.clock.peek());
            let done = self
                .home
                .as_ref()
                .is_none_or(|back| back.core.endpoint.is_empty());
            let late = if self.clock.is_virtual() {
                round >= updates
            } else {
                left.is_zero()
            };
            if done || late {
                return;
            }
            if !self.clock.is_virtual() {
                self.wait(left);
            }
        }
    }
}

impl Drop for NetworkDriver {
    fn drop(&mut self) {
        // After a panic nobody knows what is whole; peers find out by their time-out.
        if self.bound && !std::thread::panicking() {
            self.say_farewell();
        }
    }
}

impl Back {
    /// Marks every connection as left by the application.
    fn leave_all(&mut self) {
        let now = self.core.site.now.at;
        self.core.endpoint.dismiss(&mut self.core.replies);
        for (shard, wake) in self.shards.iter_mut().zip(&mut self.core.wake) {
            if let Some(shard) = shard
                && shard.leave_all()
            {
                wake.at = now;
            }
        }
    }
}
