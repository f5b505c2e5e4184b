//! How many handshakes may begin: two token buckets, one for all and one for each prefix (R11).
//!
//! Prefixes have their buckets in a table of fixed size, under a keyed hash: two that share one share
//! its tokens. When little is left for all, it is for prefixes that have asked for little lately.

use std::hash::BuildHasher;
use std::time::Duration;

use super::super::keyed::Keyed;
use crate::address::AddressPrefix;
use crate::settings::Limits;
use crate::time::Timestamp;

/// Buckets of prefixes.
const PREFIXES: usize = 4_096;

/// Below this part of what there can be at once, the rest is for those who have taken little.
const RESERVE: u64 = 4;

/// One token, in the unit buckets count in.
const TOKEN: u64 = 1_000_000;

/// A bucket that fills by `rate` tokens a second, up to `burst`.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Millionths of tokens.
    level: u64,
    filled_at: Timestamp,
}

impl Bucket {
    fn full(burst: u64) -> Self {
        Self {
            level: burst * TOKEN,
            filled_at: Timestamp::ZERO,
        }
    }

    fn fill(&mut self, now: Timestamp, rate: u64, burst: u64) {
        let passed = now.since(self.filled_at).min(Duration::from_secs(3_600));
        let micros = u64::try_from(passed.as_micros()).unwrap_or(u64::MAX);
        self.level = (self.level + micros.saturating_mul(rate)).min(burst * TOKEN);
        self.filled_at = now;
    }

    fn has_one(&self) -> bool {
        self.level >= TOKEN
    }

    fn take(&mut self) {
        self.level = self.level.saturating_sub(TOKEN);
    }
}

/// Who may begin a handshake now.
#[derive(Debug)]
pub(super) struct Ration {
    keys: Keyed,
    all: Bucket,
    rate: u64,
    burst: u64,
    prefixes: Vec<Bucket>,
    prefix_rate: u64,
    prefix_burst: u64,
}

impl Ration {
    /// Full buckets.
    pub(super) fn new(limits: &Limits, keys: Keyed) -> Self {
        let rate = u64::from(limits.handshake_rate);
        let prefix_rate = u64::from(limits.handshake_rate_per_ip);
        let burst = rate * 2;
        let prefix_burst = (prefix_rate * 5).div_ceil(2);
        Self {
            keys,
            all: Bucket::full(burst),
            rate,
            burst,
            prefixes: vec![Bucket::full(prefix_burst); PREFIXES],
            prefix_rate,
            prefix_burst,
        }
    }

    /// Takes a token for a client of `prefix`; one without a prefix counts for all only.
    pub(super) fn take(&mut self, now: Timestamp, prefix: Option<AddressPrefix>) -> bool {
        self.all.fill(now, self.rate, self.burst);
        if !self.all.has_one() {
            return false;
        }
        if let Some(prefix) = prefix {
            let [low, high, ..] = self.keys.hash_one(prefix).to_le_bytes();
            let index = usize::from(u16::from_le_bytes([low, high])) % PREFIXES;
            let Some(own) = self.prefixes.get_mut(index) else {
                return false;
            };
            own.fill(now, self.prefix_rate, self.prefix_burst);
            let is_scarce = self.all.level < self.burst * TOKEN / RESERVE;
            let has_taken_much = own.level < self.prefix_burst * TOKEN / 2;
            if !own.has_one() || is_scarce && has_taken_much {
                return false;
            }
            own.take();
        }
        self.all.take();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::NetworkEndpoint;
    use crate::settings::NetworkSettings;

    fn ration(rate: u32, per_ip: u32) -> Ration {
        let settings = NetworkSettings::builder()
            .plain()
            .handshake_rate(rate)
            .handshake_rate_per_ip(per_ip)
            .build()
            .unwrap();
        Ration::new(settings.limits(), Keyed::new(Some(1)))
    }

    fn prefix(last: u8) -> Option<AddressPrefix> {
        let address = std::net::SocketAddr::from(([10, 0, 0, last], 1));
        Some(NetworkEndpoint::from_socket_addr(address).prefix())
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(millis * 1_000)
    }

    #[test]
    fn r11_a_burst_of_two_seconds_and_then_the_rate() {
        let mut ration = ration(500, 20);
        let begun = (0..5_000).filter(|_| ration.take(at(0), None)).count();
        assert_eq!(begun, 1_000);
        let begun = (1..=1_000)
            .filter(|&now| ration.take(at(now), None))
            .count();
        assert_eq!(begun, 500);
    }

    #[test]
    fn r11_a_prefix_has_a_rate_of_its_own() {
        let mut ration = ration(500, 20);
        let begun = (0..1_000).filter(|_| ration.take(at(0), prefix(1))).count();
        assert_eq!(begun, 50);
        assert!(ration.take(at(0), prefix(2)));
        let begun = (1..=1_000)
            .filter(|&now| ration.take(at(now), prefix(1)))
            .count();
        assert_eq!(begun, 20);
    }

    #[test]
    fn r11_the_last_tokens_are_for_those_who_took_few() {
        let mut ration = ration(100, 100);
        // Three quarters go to whoever asks.
        let begun = (0..1_000).filter(|_| ration.take(at(0), prefix(1))).count();
        assert!((150..200).contains(&begun), "{begun}");
        assert!(!ration.take(at(0), prefix(1)));
        assert!(ration.take(at(0), prefix(2)));
    }
}
