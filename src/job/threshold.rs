//! How many workers an update is worth.
//!
//! Waking an idle worker costs 60 to 150 µs on a virtual machine, so an update is run where it was
//! scheduled unless it promises more work than that. Both sides of the comparison are learnt: the
//! cost of a packet from the stage times, and whether helpers took any work when they were woken.

use std::time::Duration;

use crate::settings::InlineThreshold;

/// Estimated work below which nothing is woken, to begin with.
const START: Duration = Duration::from_micros(150);
/// Updates in a row whose helpers took nothing, after which they are left asleep for a while.
const IDLE_LIMIT: u32 = 4;
/// Updates that helpers are left asleep before they get another chance.
const REST: u32 = 64;

/// What an update is run by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// The thread that schedules it, until more has arrived than is worth this much work.
    Inline { limit: Option<Duration> },
    /// The pool, by one job and as many helpers.
    Spread { helpers: usize },
}

/// The learnt estimate.
#[derive(Clone, Debug)]
pub(crate) struct Threshold {
    mode: InlineThreshold,
    /// Cost of a packet in or out, ns, smoothed.
    packet: f64,
    /// Packets received by an update, smoothed.
    received: f64,
    /// Updates in a row whose helpers took nothing.
    idle: u32,
    /// Updates for which helpers are still left asleep.
    rest: u32,
}

impl Threshold {
    pub(crate) fn new(mode: InlineThreshold) -> Self {
        // An echo on loopback costs about 3 µs: 1.5 µs a packet, to begin with.
        Self {
            mode,
            packet: 1_500.0,
            received: 0.0,
            idle: 0,
            rest: 0,
        }
    }

    /// Plans an update that has `queued` messages to send.
    pub(crate) fn plan(&mut self, queued: usize, threads: usize) -> Plan {
        let limit = match self.mode {
            InlineThreshold::AlwaysInline => return Plan::Inline { limit: None },
            InlineThreshold::NeverInline => {
                return Plan::Spread {
                    helpers: threads.saturating_sub(1),
                };
            }
            InlineThreshold::Fixed(limit) => limit,
            _ => START,
        };
        let work = self.estimate(queued);
        if work < limit {
            // One worker more is no gain where there is none.
            return Plan::Inline {
                limit: (threads > 1).then_some(limit),
            };
        }
        let slices = work.as_nanos() / limit.as_nanos().max(1);
        let mut helpers = usize::try_from(slices)
            .unwrap_or(usize::MAX)
            .saturating_sub(1)
            .min(threads.saturating_sub(1));
        if self.rest > 0 {
            self.rest -= 1;
            helpers = 0;
        }
        Plan::Spread { helpers }
    }

    /// Work that `queued` messages and the usual arrivals will be.
    pub(crate) fn estimate(&self, queued: usize) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let packets = queued as f64 + self.received;
        Duration::from_secs_f64((packets * self.packet * 1e-9).clamp(0.0, 1.0))
    }

    /// Learns from an update: packets received and sent, and the time they took on all threads.
    pub(crate) fn learn(&mut self, received: u64, sent: u64, busy: Duration) {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let (received, packets) = (received as f64, (received + sent) as f64);
        // A burst after silence counts at once, silence after a burst slowly.
        let weight = if received > self.received { 0.5 } else { 0.125 };
        self.received += (received - self.received) * weight;
        if packets >= 8.0 {
            let cost = busy.as_secs_f64() * 1e9 / packets;
            self.packet += (cost.clamp(100.0, 20_000.0) - self.packet) * 0.125;
        }
    }

    /// Learns whether the helpers that were woken took any work.
    pub(crate) fn learn_helpers(&mut self, woken: usize, took: usize) {
        if woken == 0 {
            return;
        }
        if took > 0 {
            self.idle = 0;
            return;
        }
        self.idle += 1;
        if self.idle >= IDLE_LIMIT {
            (self.idle, self.rest) = (0, REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_work_is_done_inline_and_much_is_spread() {
        let mut threshold = Threshold::new(InlineThreshold::Adaptive);
        assert_eq!(threshold.plan(32, 8), Plan::Inline { limit: Some(START) });
        assert_eq!(threshold.plan(32, 1), Plan::Inline { limit: None });
        assert_eq!(threshold.plan(300, 8), Plan::Spread { helpers: 2 });
        assert_eq!(threshold.plan(100_000, 8), Plan::Spread { helpers: 7 });
    }

    #[test]
    fn cheap_packets_raise_the_number_that_is_done_inline() {
        let mut threshold = Threshold::new(InlineThreshold::Adaptive);
        for _ in 0..100 {
            threshold.learn(0, 1_000, Duration::from_micros(200));
        }
        assert_eq!(threshold.plan(600, 8), Plan::Inline { limit: Some(START) });
    }

    #[test]
    fn helpers_that_never_take_work_are_left_asleep_for_a_while() {
        let mut threshold = Threshold::new(InlineThreshold::Adaptive);
        for _ in 0..IDLE_LIMIT {
            threshold.learn_helpers(1, 0);
        }
        for _ in 0..REST {
            assert_eq!(threshold.plan(10_000, 2), Plan::Spread { helpers: 0 });
        }
        assert_eq!(threshold.plan(10_000, 2), Plan::Spread { helpers: 1 });
    }

    #[test]
    fn forced_modes_do_as_they_are_told() {
        let mut inline = Threshold::new(InlineThreshold::AlwaysInline);
        assert_eq!(inline.plan(100_000, 8), Plan::Inline { limit: None });
        assert_eq!(
            Threshold::new(InlineThreshold::NeverInline).plan(0, 2),
            Plan::Spread { helpers: 1 }
        );
    }
}
