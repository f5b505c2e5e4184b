//! Under load: asking strangers for a proof without remembering that they were asked.
//!
//! ```text
//! client                                  endpoint
//!   request ─────────────────────────────▶  no record
//!          ◀───────────────────────── accept
//!   data or heartbeat ───────────────────▶  no record
//!          ◀────────── check(n₁), check(n₂)   n₁ n₂ = MAC(address, token, time slot)
//!   ack(n₁ + c) ─────────────────────────▶  a half-open record that waits for n₂
//!   ack(n₂ + c) ─────────────────────────▶  proved
//! ```
//!
//! What was asked can be computed again from the answer's address and token, for this time slot and
//! the one before (R21). A blind sender does not know the key; one that is asked knows only its own
//! values.
//!
//! A client that was given an accept without a record must find us willing to go on with it even if
//! the load is over by then, so the willingness lasts for some time after the last such accept.

use std::time::Duration;

use super::Endpoint;
use super::admission::{Outcome, SMALL_ACCEPT, Stranger, Subject};
use super::half_open::Progress;
use super::keyed::Mac;
use super::recent::Claim;
use crate::address::NetworkEndpoint;
use crate::counters::DropReason;
use crate::link::proof::AddressProof;
use crate::random::Random;
use crate::time::Timestamp;
use crate::wire::connection::Token;
use crate::wire::mtu::CHECK_HEADER_LEN;

/// Length of a time slot. An answer may take one slot at the least and two at the most: more than a
/// slow path and a slow client together.
const SLOT: Duration = Duration::from_secs(2);

/// Largest connect payload a record takes while under load (R21).
const PAYLOAD_UNDER_LOAD: usize = 256;

/// Questions without memory, and how long they are asked.
#[derive(Clone, Debug)]
pub(crate) struct UnderLoad {
    /// None until it is needed, and while the system's generator fails.
    mac: Option<Mac>,
    /// Until when clients without a record are answered.
    obliged_until: Timestamp,
}

/// Two values a stranger was asked for, and the one it has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recalled {
    pub(crate) values: [u16; 2],
    pub(crate) answered: u16,
}

impl UnderLoad {
    /// Nobody has been asked anything.
    pub(crate) fn new() -> Self {
        Self {
            mac: None,
            obliged_until: Timestamp::ZERO,
        }
    }

    /// A client was given an accept and no record: it is answered for the next `time`.
    pub(crate) fn oblige(&mut self, now: Timestamp, time: Duration) {
        self.obliged_until = now + time;
    }

    /// Whether clients without a record are answered.
    pub(crate) fn is_obliged(&self, now: Timestamp) -> bool {
        now < self.obliged_until
    }

    /// Two different values to ask a stranger for; none if the system's generator fails.
    pub(crate) fn question(
        &mut self,
        now: Timestamp,
        remote: &NetworkEndpoint,
        token: Token,
        random: &mut Random,
    ) -> Option<[u16; 2]> {
        let mac = match &self.mac {
            Some(mac) => mac,
            None => self.mac.insert(Mac::new(random).ok()?),
        };
        Some(values(mac, remote, token, slot(now)))
    }

    /// Recalls what a stranger was asked, if `value` is one of the answers.
    pub(crate) fn recall(
        &self,
        now: Timestamp,
        remote: &NetworkEndpoint,
        token: Token,
        value: u16,
    ) -> Option<Recalled> {
        let mac = self.mac.as_ref()?;
        let this = slot(now);
        [Some(this), this.checked_sub(1)]
            .into_iter()
            .flatten()
            .map(|slot| values(mac, remote, token, slot))
            .find(|values| values.contains(&value))
            .map(|values| Recalled {
                values,
                answered: value,
            })
    }
}

impl Endpoint {
    /// Answers a request without remembering it, if it carries nothing to remember.
    pub(super) fn request_under_load(
        &mut self,
        stranger: &mut Stranger<'_>,
        token: Token,
        payload: &[u8],
    ) -> Outcome {
        if payload.len() > PAYLOAD_UNDER_LOAD {
            return Outcome::Dropped(DropReason::HalfOpenEvicted);
        }
        if !payload.is_empty() || stranger.accept_len() > SMALL_ACCEPT {
            return self.remember(stranger, token, payload);
        }
        if self.claim(stranger, Subject::StatelessAccept, Some(token)) == Claim::Held {
            return Outcome::Dropped(DropReason::RateLimited);
        }
        stranger.accept(token);
        self.tally.stateless_accepts += 1;
        self.under_load
            .oblige(stranger.now, self.limits.half_open_lifetime);
        Outcome::Passed
    }

    /// A client without a record has spoken: it has seen an accept, so it can be asked for a proof.
    pub(super) fn ask_without_record(
        &mut self,
        stranger: &mut Stranger<'_>,
        token: Token,
    ) -> Outcome {
        if self.claim(stranger, Subject::StatelessQuestion, Some(token)) == Claim::Held {
            return Outcome::Dropped(DropReason::RateLimited);
        }
        let remote = &stranger.path.remote;
        let question = self
            .under_load
            .question(stranger.now, remote, token, &mut self.random);
        let Some(values) = question else {
            return Outcome::Dropped(DropReason::InternalError);
        };
        stranger.question(token, values);
        Outcome::Passed
    }

    /// A client without a record answers: with one right value it gets a record.
    pub(super) fn recall(
        &mut self,
        stranger: &mut Stranger<'_>,
        token: Token,
        size: u16,
    ) -> Outcome {
        let value = size
            .wrapping_sub(CHECK_HEADER_LEN)
            .wrapping_sub(self.padding);
        let remote = &stranger.path.remote;
        let Some(recalled) = self.under_load.recall(stranger.now, remote, token, value) else {
            return Outcome::Dropped(DropReason::UnknownToken);
        };
        let proof = AddressProof::resumed(
            stranger.len,
            recalled.values,
            recalled.answered,
            stranger.now,
        );
        match self.record(stranger, token, &[], proof) {
            Some(index) => {
                self.half_open.advance(index, Progress::Spoken);
                Outcome::Passed
            }
            None => Outcome::Dropped(DropReason::RateLimited),
        }
    }
}

fn slot(now: Timestamp) -> u64 {
    now.as_millis() / u64::try_from(SLOT.as_millis()).unwrap_or(u64::MAX)
}

fn values(mac: &Mac, remote: &NetworkEndpoint, token: Token, slot: u64) -> [u16; 2] {
    let [a, b, c, d, ..] = mac.of((remote, token.0, slot)).to_le_bytes();
    let (first, second) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
    let apart = u16::from(first == second);
    [first, second.wrapping_add(apart)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Token = Token([7; 8]);

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(millis * 1_000)
    }

    fn asked(now: Timestamp) -> (UnderLoad, NetworkEndpoint, [u16; 2]) {
        let mut load = UnderLoad::new();
        let remote = NetworkEndpoint::loopback_ipv4(5);
        let values = load
            .question(now, &remote, TOKEN, &mut Random::Seeded(1))
            .unwrap();
        (load, remote, values)
    }

    #[test]
    fn an_answer_is_recalled_in_its_slot_and_the_next() {
        let (load, remote, values) = asked(at(2_000));
        for value in values {
            for now in [2_000, 3_999, 4_000, 5_999] {
                let recalled = load.recall(at(now), &remote, TOKEN, value).unwrap();
                assert_eq!((recalled.values, recalled.answered), (values, value));
            }
            assert_eq!(load.recall(at(6_000), &remote, TOKEN, value), None);
        }
    }

    #[test]
    fn a_question_repeats_within_its_slot() {
        let (mut load, remote, values) = asked(at(2_000));
        let mut random = Random::Seeded(9);
        assert_eq!(
            load.question(at(3_999), &remote, TOKEN, &mut random),
            Some(values)
        );
        assert_ne!(
            load.question(at(4_000), &remote, TOKEN, &mut random),
            Some(values)
        );
    }

    #[test]
    fn an_answer_counts_for_its_address_and_token_alone() {
        let (load, remote, [value, _]) = asked(at(0));
        let other = NetworkEndpoint::loopback_ipv4(6);
        assert_eq!(load.recall(at(0), &other, TOKEN, value), None);
        assert_eq!(load.recall(at(0), &remote, Token([8; 8]), value), None);
    }

    #[test]
    fn r20_probe_search_finds_two_values_of_65536_in_a_slot() {
        let (load, remote, values) = asked(at(0));
        let found: Vec<u16> = (0..=u16::MAX)
            .filter(|&value| load.recall(at(0), &remote, TOKEN, value).is_some())
            .collect();
        assert_eq!(found.len(), 2);
        assert!(values.iter().all(|value| found.contains(value)));
    }

    #[test]
    fn nothing_is_recalled_before_anybody_was_asked() {
        let load = UnderLoad::new();
        let remote = NetworkEndpoint::loopback_ipv4(5);
        assert_eq!(load.recall(at(0), &remote, TOKEN, 0), None);
        assert!(!load.is_obliged(at(0)));
    }
}
