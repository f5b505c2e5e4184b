//! Does the path hold more: a congestion window that answers to delay and to loss.
//!
//! Once a round trip the window is judged by what the round showed: how long its last packets took, and
//! how much of it was lost.
//!
//! * **Delay.** What the shortest of the last four round trips is longer than the shortest in ten
//!   minutes is time in queues. Below the target the window grows by up to a packet, above it shrinks by
//!   as much as the queue is too long (RFC 6817 §2.4.2, and the multiplicative decrease of draft-irtf-iccrg-ledbat-plus-plus §4.3,
//!   without which a queue filled by a fast start empties a packet at a time).
//! * **Loss.** The window shrinks by half of the share that was lost (RFC 8257 §3.3, with loss in the
//!   place of marks). Halving for any loss, as RFC 9002 §7.3.2 does, costs a game on a lossy radio
//!   link nearly all its rate; here 5 % of loss costs 2.5 % a round.
//! * **Start.** The window doubles each round (RFC 9002 §7.3.1) until the target is queued or a quarter
//!   of a round is lost. By then too much is under way, so what the path holds is read off what
//!   arrived: the rate of the round, for the shortest round trip.
//!
//! Chosen for what it is asked to do: a transfer in the background of a game, whose own messages wait
//! in the same queue. `NewReno` fills that queue by design; BBR keeps it short too, with a model of the
//! path several times this size. Among drumfire connections a window yields to one that ignores delay.
//!
//! The delay is that of a round trip, the peer's processing time taken off; what is left of both
//! peers' frames is in the shortest round trip too, or is part of what the target allows.

use std::time::Duration;

use super::bucket::PACKET;
use crate::time::Timestamp;

/// RFC 9002 §7.2.
const INITIAL: u32 = 10 * PACKET;

/// Fewer, and no later packets show that one is lost.
const LEAST: u32 = 4 * PACKET;

/// Beyond it nothing is paced by the path.
const MOST: u32 = 1 << 30;

/// Minutes the shortest round trip is remembered. RFC 6817 `BASE_HISTORY`.
const MINUTES: usize = 10;

/// Round trips of which the shortest counts: one alone may have waited for a frame. RFC 6817
/// `CURRENT_FILTER`.
const LATEST: usize = 4;

/// A round lasts so long at least: three frames, of which one may bring no sample.
const SHORTEST_ROUND: Duration = Duration::from_millis(50);

/// What the path holds.
#[derive(Debug)]
pub(super) struct Window {
    bytes: u32,
    in_flight: u32,
    starting: bool,
    /// Whether the last round ended with a smaller window, for the queue there was.
    shrank: bool,
    round: Round,
    round_began: Timestamp,
    round_ends: Timestamp,
    /// Round trips in microseconds, the latest first; `u32::MAX` before there are so many.
    latest: [u32; LATEST],
    /// Shortest round trips in microseconds, a minute each, the latest first.
    shortest: [u32; MINUTES],
    minute: u64,
    /// Running mean of round trips, in microseconds; 0 before the first.
    smoothed: u32,
}

/// What happened since the last judgement.
#[derive(Debug)]
struct Round {
    acked: u32,
    lost: u32,
    /// Whether a round trip was measured.
    measured: bool,
    /// Whether the window was in the way.
    full: bool,
}

const NEW_ROUND: Round = Round {
    acked: 0,
    lost: 0,
    measured: false,
    full: false,
};

impl Default for Window {
    fn default() -> Self {
        Self {
            bytes: INITIAL,
            in_flight: 0,
            starting: true,
            shrank: false,
            round: NEW_ROUND,
            round_began: Timestamp::ZERO,
            round_ends: Timestamp::ZERO,
            latest: [u32::MAX; LATEST],
            shortest: [u32::MAX; MINUTES],
            minute: 0,
            smoothed: 0,
        }
    }
}

impl Window {
    /// Bytes it holds.
    pub(super) fn bytes(&self) -> u32 {
        self.bytes
    }

    /// Whether there is room for a packet.
    pub(super) fn has_room(&self) -> bool {
        self.in_flight < self.bytes
    }

    /// Whether a packet of `len` bytes may be sent.
    #[inline]
    pub(super) fn admits(&mut self, len: usize) -> bool {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        // A window that is not used says nothing about the path: it does not grow.
        self.round.full |= self.in_flight.saturating_add(len) >= self.bytes / 4 * 3;
        self.has_room()
    }

    #[inline]
    pub(super) fn on_sent(&mut self, len: usize) {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.in_flight = self.in_flight.saturating_add(len);
    }

    pub(super) fn on_given_up(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.in_flight = self.in_flight.saturating_sub(bytes);
    }

    /// A packet of `len` bytes is sent again. Before the first round trip was measured its time was a
    /// guess, and nothing may be lost at all.
    pub(super) fn on_lost(&mut self, len: usize) {
        if self.smoothed == 0 {
            return;
        }
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.round.lost = self.round.lost.saturating_add(len);
    }

    #[inline]
    pub(super) fn on_ack(&mut self, bytes: usize, sample: Option<Duration>) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.in_flight = self.in_flight.saturating_sub(bytes);
        self.round.acked = self.round.acked.saturating_add(bytes);
        if let Some(sample) = sample {
            let micros = u32::try_from(sample.as_micros())
                .unwrap_or(u32::MAX / 8)
                .max(1);
            self.round.measured = true;
            push(&mut self.latest, micros);
            if let Some(minute) = self.shortest.first_mut() {
                *minute = micros.min(*minute);
            }
            self.smoothed = match self.smoothed {
                0 => micros,
                smoothed => smoothed - smoothed / 8 + micros / 8,
            };
        }
    }

    /// Judges the round, if it is over.
    #[inline]
    pub(super) fn judge(&mut self, now: Timestamp, target: Duration) {
        self.turn_minute(now);
        if self.round.acked == 0 && self.round.lost == 0 {
            return;
        }
        let target = u32::try_from(target.as_micros()).unwrap_or(u32::MAX).max(1);
        // A start that has gone too far is not let go on to the end of its round.
        let early =
            self.starting && now >= self.round_began + SHORTEST_ROUND && self.queued() > target;
        if early || now >= self.round_ends {
            self.end_round(now, target);
        }
    }

    fn end_round(&mut self, now: Timestamp, target: u32) {
        let round = std::mem::replace(&mut self.round, NEW_ROUND);
        let lasted = now - self.round_began;
        let length = Duration::from_micros(u64::from(self.smoothed)).max(SHORTEST_ROUND);
        self.round_began = now;
        self.round_ends = now + length;
        let lost = share(round.lost, round.acked.saturating_add(round.lost));
        let queued = round.measured.then(|| self.queued());
        let mut shrank = false;
        if self.starting {
            self.starting = lost <= ONE / 4 && queued.is_none_or(|queued| queued <= target);
            if !self.starting {
                self.bytes = self.bytes.min(self.held(&round, lasted));
                shrank = true;
            }
        }
        match queued {
            _ if !round.full => {}
            Some(_) if self.starting => self.grow(round.acked),
            Some(queued) if queued <= target => {
                self.grow(part(PACKET, share(target - queued, target)));
            }
            Some(_) | None => {}
        }
        // What was sent before the window shrank says nothing about what it is since.
        if !shrank
            && !std::mem::take(&mut self.shrank)
            && let Some(excess) = queued.and_then(|queued| queued.checked_sub(target))
        {
            let excess = share(excess, target).min(ONE / 2);
            self.bytes -= part(self.bytes, excess);
            shrank = true;
        }
        self.shrank = shrank;
        self.bytes -= part(self.bytes, lost / 2);
        self.bytes = self.bytes.max(LEAST);
    }

    /// What arrived in a round that `lasted` so long, for one shortest round trip.
    fn held(&self, round: &Round, lasted: Duration) -> u32 {
        let shortest = self.shortest.iter().min().copied().unwrap_or(u32::MAX);
        let lasted = u64::try_from(lasted.as_micros()).unwrap_or(u64::MAX).max(1);
        let bytes = u64::from(round.acked) * u64::from(shortest) / lasted;
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }

    fn grow(&mut self, by: u32) {
        self.bytes = self.bytes.saturating_add(by).min(MOST);
    }

    /// Microseconds that the latest packets spent in queues.
    fn queued(&self) -> u32 {
        let shortest = |trips: &[u32]| trips.iter().min().copied().unwrap_or(u32::MAX);
        shortest(&self.latest).saturating_sub(shortest(&self.shortest))
    }

    fn turn_minute(&mut self, now: Timestamp) {
        let minute = now.as_micros() / 60_000_000;
        let passed = usize::try_from(minute - self.minute).unwrap_or(MINUTES);
        for _ in 0..passed.min(MINUTES) {
            push(&mut self.shortest, u32::MAX);
        }
        self.minute = minute;
    }

    /// Bytes a second: a little more than a window each round trip, so that it is the window that
    /// binds.
    pub(super) fn pace(&self) -> u64 {
        // RFC 9002 §7.7.
        let bytes = u64::from(self.bytes) * 5 / 4;
        bytes * 1_000_000 / u64::from(self.smoothed.max(1))
    }
}

/// Puts a value in front of the others, of which the last falls out.
fn push(values: &mut [u32], value: u32) {
    values.rotate_right(1);
    if let Some(first) = values.first_mut() {
        *first = value;
    }
}

/// A share of one, in 1,024ths.
const ONE: u32 = 1_024;

/// What `some` is of `all`; of nothing, nothing.
fn share(some: u32, all: u32) -> u32 {
    let share = u64::from(some) * u64::from(ONE) / u64::from(all.max(1));
    u32::try_from(share).unwrap_or(u32::MAX)
}

/// That share of a number.
fn part(of: u32, share: u32) -> u32 {
    let part = u64::from(of) * u64::from(share) / u64::from(ONE);
    u32::try_from(part).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(25);

    /// A round of 100 ms in which the window is used, `lost` per mille of it are lost, and packets
    /// wait `queued_ms`.
    fn round(window: &mut Window, at: &mut u64, lost: u32, queued_ms: u64) -> u32 {
        let bytes = window.bytes();
        assert!(window.admits(bytes as usize));
        window.on_sent(bytes as usize);
        let gone = part(bytes, lost * ONE / 1_000);
        let trip = Duration::from_millis(100 + queued_ms);
        window.on_ack((bytes - gone) as usize, Some(trip));
        window.on_lost(gone as usize);
        window.on_ack(0, Some(trip));
        window.on_ack(0, Some(trip));
        window.on_ack(0, Some(trip));
        window.in_flight = 0;
        *at += 100_000;
        window.round_ends = Timestamp::from_micros(*at);
        window.judge(Timestamp::from_micros(*at), TARGET);
        window.bytes()
    }

    #[test]
    fn it_doubles_until_a_queue_grows_and_then_holds_the_target() {
        let (mut window, mut at) = (Window::default(), 0);
        assert_eq!(round(&mut window, &mut at, 0, 0), 2 * INITIAL);
        assert_eq!(round(&mut window, &mut at, 0, 5), 4 * INITIAL);
        // All that was in flight arrived within one shortest round trip: that is what the path holds.
        let held = round(&mut window, &mut at, 0, 35);
        assert_eq!(held, 4 * INITIAL);
        // The queue of before has its time to empty.
        assert_eq!(round(&mut window, &mut at, 0, 35), held);
        assert_eq!(round(&mut window, &mut at, 0, 0), held + PACKET);
        // A fifth of the target too long: a fifth less. Far too long: half.
        let shrunk = round(&mut window, &mut at, 0, 30);
        assert!(shrunk.abs_diff((held + PACKET) * 4 / 5) < 100, "{shrunk}");
        assert_eq!(round(&mut window, &mut at, 0, 500), shrunk);
        assert_eq!(round(&mut window, &mut at, 0, 500), shrunk - shrunk / 2);
    }

    #[test]
    fn what_a_start_overshot_is_taken_back_at_once() {
        let (mut window, mut at) = (Window::default(), 0);
        for _ in 0..3 {
            round(&mut window, &mut at, 0, 0);
        }
        // The path gives an eighth of the window in a round trip, the rest waits.
        let bytes = window.bytes();
        for bytes in [bytes as usize / 8, 0, 0, 0] {
            window.on_ack(bytes, Some(Duration::from_millis(300)));
        }
        at += 100_000;
        window.round_ends = Timestamp::from_micros(at);
        window.judge(Timestamp::from_micros(at), TARGET);
        assert_eq!(window.bytes(), bytes / 8);
    }

    #[test]
    fn loss_costs_half_of_its_share() {
        let (mut window, mut at) = (Window::default(), 0);
        window.starting = false;
        window.bytes = 100 * PACKET;
        let after = round(&mut window, &mut at, 200, 0);
        let expected = 101 * PACKET * 9 / 10;
        assert!(after.abs_diff(expected) < PACKET, "{after}");
        for _ in 0..200 {
            round(&mut window, &mut at, 900, 0);
        }
        assert_eq!(window.bytes(), LEAST);
        for _ in 0..50 {
            round(&mut window, &mut at, 0, 0);
        }
        assert_eq!(window.bytes(), LEAST + 50 * PACKET);
    }

    #[test]
    fn what_is_resent_before_the_first_round_trip_ends_no_start() {
        let mut window = Window::default();
        window.on_sent(INITIAL as usize);
        // The path takes longer than the guess: all was sent again, and nothing was lost.
        window.on_lost(INITIAL as usize);
        window.on_ack(INITIAL as usize, Some(Duration::from_millis(400)));
        window.round.full = true;
        window.judge(Timestamp::from_micros(400_000), TARGET);
        assert!(window.starting);
        assert_eq!(window.bytes(), 2 * INITIAL);
    }

    #[test]
    fn a_window_that_is_not_used_does_not_grow() {
        let mut window = Window::default();
        for i in 1..100 {
            assert!(window.admits(100));
            window.on_sent(100);
            window.on_ack(100, Some(Duration::from_millis(20)));
            window.judge(Timestamp::from_micros(i * 1_000_000), TARGET);
        }
        assert_eq!(window.bytes(), INITIAL);
    }

    #[test]
    fn the_shortest_round_trip_is_forgotten_after_ten_minutes() {
        let (mut window, mut at) = (Window::default(), 0);
        round(&mut window, &mut at, 0, 0);
        window.starting = false;
        // The path has become longer: at first that looks like a queue.
        let before = window.bytes();
        assert!(round(&mut window, &mut at, 0, 40) < before);
        round(&mut window, &mut at, 0, 40);
        at += 11 * 60 * 1_000_000;
        window.judge(Timestamp::from_micros(at), TARGET);
        let before = window.bytes();
        assert_eq!(round(&mut window, &mut at, 0, 40), before + PACKET);
    }

    #[test]
    fn the_pace_is_a_quarter_more_than_a_window_each_round_trip() {
        let mut window = Window::default();
        window.on_ack(0, Some(Duration::from_millis(100)));
        assert_eq!(window.pace(), 25 * u64::from(INITIAL) / 2);
    }
}
