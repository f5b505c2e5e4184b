//! One flow through the weather: every random decision about its datagrams.
//!
//! The decisions about the n-th datagram of a flow depend on the seed, the flow's two ends and n,
//! and on nothing else: neither on other flows nor on threads nor on what was drawn before.

use std::time::Duration;

use super::conditions::{BurstLoss, Conditions, RateLimit};
use super::tally::Count;
use crate::address::NetworkEndpoint;
use crate::time::Timestamp;

/// A small generator, one per datagram: `SplitMix64`.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
#[derive(Clone, Copy, Debug)]
pub(super) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// True with `probability`.
    fn happens(&mut self, probability: f64) -> bool {
        // 53 bits: all an f64 holds exactly.
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        unit < probability
    }

    /// Evenly below `bound`; 0 if that is 0.
    fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX - 1);
        Duration::from_micros(self.below(micros.saturating_add(1)))
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Folds an endpoint into a hash, the same on every machine.
fn fold(hash: u64, endpoint: &NetworkEndpoint) -> u64 {
    let family = mix(hash ^ u64::from(endpoint.family() as u16));
    let bytes = |hash, bytes: &[u8]| {
        bytes
            .iter()
            .fold(hash, |hash, byte| mix(hash ^ u64::from(*byte)))
    };
    match endpoint {
        NetworkEndpoint::Invalid => family,
        NetworkEndpoint::Ipv4(v4) => bytes(family ^ u64::from(v4.port()), &v4.ip().octets()),
        NetworkEndpoint::Ipv6(v6) => bytes(family ^ u64::from(v6.port()), &v6.ip().octets()),
        NetworkEndpoint::Custom(raw) => bytes(family, raw),
    }
}

/// One source and one destination.
#[derive(Debug)]
pub(super) struct Flow {
    seed: u64,
    /// Datagrams so far.
    count: u64,
    /// Whether the link is in a burst of losses.
    bad: bool,
    /// When the link of a limited rate is done with what it has.
    busy_until: Timestamp,
}

/// One datagram's way: when it arrives, and what happened to its bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Passage {
    pub(super) number: u64,
    pub(super) at: Timestamp,
    /// When the copy arrives, if there is one.
    pub(super) copy_at: Option<Timestamp>,
    pub(super) reordered: bool,
    /// Bits to flip, by their place in the datagram.
    pub(super) flips: Vec<u64>,
}

impl Flow {
    pub(super) fn new(seed: u64, from: &NetworkEndpoint, to: &NetworkEndpoint) -> Self {
        Self {
            seed: fold(fold(mix(seed), from), to),
            count: 0,
            bad: false,
            busy_until: Timestamp::ZERO,
        }
    }

    /// Decides about the next datagram of `len` bytes: its passage, or how it is lost.
    pub(super) fn decide(
        &mut self,
        conditions: &Conditions,
        now: Timestamp,
        len: usize,
    ) -> Result<Passage, Count> {
        let number = self.count;
        self.count += 1;
        let mut random = Random(self.seed ^ mix(number));
        if conditions.mtu.is_some_and(|mtu| len > mtu) {
            return Err(Count::LostToMtu);
        }
        if let Some(burst) = &conditions.burst
            && self.is_lost_in_burst(&mut random, burst)
        {
            return Err(Count::LostInBurst);
        }
        if random.happens(conditions.loss) {
            return Err(Count::LostAtRandom);
        }
        let bytes = u64::try_from(len).unwrap_or(u64::MAX);
        let departure = match conditions.rate {
            Some(rate) => self.enqueue(rate, now, bytes).ok_or(Count::LostToRate)?,
            None => now,
        };
        let arrival = departure + conditions.delay;
        let mut at = arrival + random.up_to(conditions.jitter);
        let reordered = random.happens(conditions.reordering);
        if reordered {
            at = at + conditions.reorder_by;
        }
        let copy_at = random
            .happens(conditions.duplication)
            .then(|| arrival + random.up_to(conditions.jitter));
        let mut flips = Vec::new();
        if len > 0 && random.happens(conditions.corruption) {
            for _ in 0..=random.below(3) {
                let bit = random.below(bytes.saturating_mul(8));
                // The same bit twice would be no corruption.
                if !flips.contains(&bit) {
                    flips.push(bit);
                }
            }
        }
        Ok(Passage {
            number,
            at,
            copy_at,
            reordered,
            flips,
        })
    }

    fn is_lost_in_burst(&mut self, random: &mut Random, burst: &BurstLoss) -> bool {
        let change = if self.bad { burst.leave } else { burst.enter };
        if random.happens(change) {
            self.bad = !self.bad;
        }
        self.bad && random.happens(burst.loss)
    }

    /// When the link is done with the datagram; none if the queue is full.
    fn enqueue(&mut self, rate: RateLimit, now: Timestamp, bytes: u64) -> Option<Timestamp> {
        let speed = u128::from(rate.bytes_per_second);
        let start = self.busy_until.max(now);
        let backlog = start.since(now).as_micros() * speed / 1_000_000;
        if speed == 0 || backlog + u128::from(bytes) > u128::from(rate.queue) {
            return None;
        }
        let micros = (u128::from(bytes) * 1_000_000).div_ceil(speed);
        let done = start + Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        self.busy_until = done;
        Some(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(seed: u64) -> Flow {
        Flow::new(
            seed,
            &NetworkEndpoint::loopback_ipv4(1),
            &NetworkEndpoint::loopback_ipv4(2),
        )
    }

    fn losses(conditions: &Conditions, seed: u64) -> Vec<bool> {
        let mut flow = flow(seed);
        (0..20_000)
            .map(|_| flow.decide(conditions, Timestamp::ZERO, 100).is_err())
            .collect()
    }

    #[test]
    fn random_loss_comes_at_its_rate() {
        let lost = losses(&Conditions::lossy(0.3), 1)
            .iter()
            .filter(|lost| **lost)
            .count();
        assert!((5_700..6_300).contains(&lost), "{lost}");
    }

    #[test]
    fn bursts_have_their_length_and_their_share() {
        let conditions = Conditions {
            burst: Some(BurstLoss {
                enter: 0.01,
                leave: 0.1,
                loss: 1.0,
            }),
            ..Conditions::default()
        };
        let lost = losses(&conditions, 1);
        let total = lost.iter().filter(|lost| **lost).count();
        let bursts = lost.windows(2).filter(|pair| pair[1] && !pair[0]).count();
        // 1/11 of 20,000 in bursts of 10.
        assert!((1_400..2_300).contains(&total), "{total}");
        assert!((7..14).contains(&(total / bursts)), "{total} in {bursts}");
    }

    #[test]
    fn a_limited_link_spaces_datagrams_and_drops_beyond_its_queue() {
        let conditions = Conditions {
            rate: Some(RateLimit {
                bytes_per_second: 1_000,
                queue: 250,
            }),
            ..Conditions::default()
        };
        let mut flow = flow(1);
        let mut decide = |now| flow.decide(&conditions, Timestamp::from_micros(now), 100);
        assert_eq!(decide(0).unwrap().at, Timestamp::from_micros(100_000));
        assert_eq!(decide(0).unwrap().at, Timestamp::from_micros(200_000));
        assert_eq!(decide(0), Err(Count::LostToRate));
        assert_eq!(decide(60_000).unwrap().at, Timestamp::from_micros(300_000));
    }

    #[test]
    fn decisions_about_one_datagram_do_not_depend_on_those_before() {
        let plain = Conditions {
            jitter: Duration::from_millis(50),
            ..Conditions::default()
        };
        let corrupting = Conditions {
            corruption: 1.0,
            ..plain
        };
        let (mut a, mut b) = (flow(7), flow(7));
        a.decide(&plain, Timestamp::ZERO, 100).unwrap();
        b.decide(&corrupting, Timestamp::ZERO, 100).unwrap();
        assert_eq!(
            a.decide(&plain, Timestamp::ZERO, 100),
            b.decide(&plain, Timestamp::ZERO, 100)
        );
    }
}
