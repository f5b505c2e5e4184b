//! Is it time: a token bucket for the path, and a bound for the peer's socket.
//!
//! The bucket is filled at the pace of the window, a token for a byte, and holds a burst, so a message
//! after a pause leaves at once. What asks nobody may empty it beyond its bottom.
//!
//! A peer reads its socket once a frame, and what does not fit into the socket's buffer until then is
//! lost. Such a buffer is charged for more than a datagram's bytes: one of Linux with 212,992 bytes
//! was seen to hold 92 datagrams of 1,400 bytes and 256 of 40. So within any 30 ms no more leaves than
//! a burst of full-size packets is charged, and a packet counts [`CHARGE`] bytes beside its own: 24
//! full-size ones as much as 56 of 80 bytes.

use std::time::Duration;

use crate::time::Timestamp;

/// Bytes of a packet on the path beside those the stage knows: headers of the network, of the
/// connection and of the stage.
pub(super) const HEADERS: u32 = 60;

/// Bytes a socket's buffer is charged for a packet beside its length.
const CHARGE: u32 = 900;

/// Bytes of a full-size packet.
pub(super) const PACKET: u32 = 1_400;

/// Two frames at 60 a second, one at 30, in microseconds.
const PERIOD: u64 = 32_000;

/// Parts of a period that are told apart.
const PARTS: usize = 16;

/// Length of a part in microseconds.
const PART: u64 = PERIOD / PARTS as u64;

/// Tokens, and what left lately.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    tokens: i64,
    filled_at: Timestamp,
    /// Tokens a second.
    pace: u64,
    /// Full-size packets of a burst; 0 before it was filled first.
    burst: u16,
    /// What sockets were charged in each of the latest parts of a period, the one that has begun
    /// first.
    charged: [u32; PARTS],
    /// Number of the part that has begun.
    part: u64,
}

/// The sum, within range.
pub(super) fn plus(len: usize, more: u32) -> u32 {
    u32::try_from(len)
        .unwrap_or(u32::MAX / 2)
        .saturating_add(more)
}

impl Bucket {
    /// It is `now`, and tokens come at `pace` a second.
    pub(super) fn fill(&mut self, now: Timestamp, burst: u16, pace: u64) {
        let first = std::mem::replace(&mut self.burst, burst) == 0;
        let elapsed = u64::try_from(now.since(self.filled_at).as_micros()).unwrap_or(u64::MAX);
        let gained = elapsed.saturating_mul(self.pace) / 1_000_000;
        let gained = i64::try_from(gained).unwrap_or(i64::MAX);
        self.tokens = if first {
            self.capacity()
        } else {
            self.tokens.saturating_add(gained).min(self.capacity())
        };
        self.pace = pace.max(1);
        self.filled_at = now;
        let part = now.as_micros() / PART;
        let passed = usize::try_from(part - self.part).unwrap_or(usize::MAX);
        for _ in 0..passed.min(PARTS) {
            self.charged.rotate_right(1);
            if let Some(newest) = self.charged.first_mut() {
                *newest = 0;
            }
        }
        self.part = part;
    }

    fn capacity(&self) -> i64 {
        i64::from(self.burst) * i64::from(PACKET + HEADERS)
    }

    /// Whether a packet of `len` bytes may leave.
    #[inline]
    pub(super) fn admits(&self, len: usize) -> bool {
        self.tokens > 0 && self.socket_holds(plus(len, HEADERS + CHARGE))
    }

    /// Whether a packet of any size may leave.
    pub(super) fn is_open(&self) -> bool {
        self.tokens > 0 && self.socket_holds(PACKET + CHARGE)
    }

    fn socket_holds(&self, charge: u32) -> bool {
        let sum = |sum: u32, part: &u32| sum.saturating_add(*part);
        let charged = self.charged.iter().fold(charge, sum);
        charged <= u32::from(self.burst) * (PACKET + CHARGE)
    }

    /// A packet of `len` bytes leaves.
    #[inline]
    pub(super) fn spend(&mut self, len: usize) {
        let tokens = self.tokens - i64::from(plus(len, HEADERS));
        self.tokens = tokens.max(-self.capacity());
        if let Some(newest) = self.charged.first_mut() {
            *newest = newest.saturating_add(plus(len, HEADERS + CHARGE));
        }
    }

    /// When a packet of any size may leave, if nothing else does; at the latest when the next part
    /// of a period begins, to look again.
    pub(super) fn opens_at(&self) -> Timestamp {
        if self.is_open() {
            return Timestamp::ZERO;
        }
        let missing = u64::try_from(1 - self.tokens).unwrap_or(0);
        let micros = missing.saturating_mul(1_000_000).div_ceil(self.pace.max(1));
        let filled = self.filled_at + Duration::from_micros(micros);
        if self.socket_holds(PACKET + CHARGE) {
            return filled;
        }
        filled.max(Timestamp::from_micros((self.part + 1) * PART))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends packets of `len` whenever it may, every `tick`, and returns when.
    fn run(burst: u16, len: usize, pace: u64, tick_ms: u64, ticks: u64) -> Vec<u64> {
        let mut bucket = Bucket::default();
        let mut sent = Vec::new();
        for tick in 0..ticks {
            let now = 1_000_000 + tick * tick_ms * 1_000;
            bucket.fill(Timestamp::from_micros(now), burst, pace);
            while bucket.admits(len) {
                bucket.spend(len);
                sent.push(now);
            }
        }
        sent
    }

    #[test]
    fn no_30_milliseconds_see_more_than_a_stock_socket_holds() {
        for (len, most) in [(1_340, 24), (20, 64)] {
            for tick in [1, 5, 16, 33] {
                let sent = run(24, len, 1 << 40, tick, 400);
                for (i, at) in sent.iter().enumerate() {
                    let within = sent[i..].iter().take_while(|later| *later - at < 30_000);
                    assert!(within.count() <= most, "{len} bytes, {tick} ms");
                }
                let seconds = 0.4 * tick as f64;
                let rate = sent.len() as f64 / seconds;
                assert!(rate > 0.75 * most as f64 / 0.033, "{rate} a second");
            }
        }
    }

    #[test]
    fn packets_leave_at_the_pace_once_the_first_burst_has_left() {
        let sent = run(24, 1_400, 100 * 1_460, 10, 1_000);
        assert!((1_000..=1_026).contains(&sent.len()), "{}", sent.len());
    }

    #[test]
    fn it_opens_when_it_says_so() {
        let mut bucket = Bucket::default();
        let mut now = Timestamp::from_micros(5_000_000);
        let mut sent = 0;
        for _ in 0..2_000 {
            bucket.fill(now, 4, 80_000);
            while bucket.is_open() {
                bucket.spend(1_400);
                sent += 1;
            }
            assert!(bucket.opens_at() > now);
            now = bucket.opens_at();
        }
        // Nothing is lost by looking at no other time.
        let due = now.since(Timestamp::from_micros(5_000_000)).as_micros() * 80_000 / 1_460_000_000;
        assert!((due..due + 8).contains(&sent), "{sent} of {due}");
    }

    #[test]
    fn what_asks_nobody_is_made_room_for() {
        let mut bucket = Bucket::default();
        bucket.fill(Timestamp::from_micros(1), 24, 100 * 1_460);
        for _ in 0..30 {
            bucket.spend(1_400);
        }
        assert!(!bucket.admits(1));
        // Six packets too many at 100 a second.
        let opens = bucket.opens_at().as_millis();
        assert!((60..=61).contains(&opens), "{opens}");
    }
}
