//! The proof that a peer receives what is sent to its address, and what it may be sent until then.
//!
//! A plain request proves nothing: its source may be forged (threat model section 3.1). But a peer
//! answers an MTU check with the check's 16-bit length plus a constant, without looking at the real
//! length. Two checks of 11 bytes with random lengths make 32 bits a blind sender does not know.
//!
//! ```text
//!             next_probe                 both answered
//!  Idle ───────────────────▶ Asked ─────────────────────▶ Proved (the proof is thrown away)
//!   ▲                          │
//!   └────── voided, 1 s ───────┤ third wrong answer
//!                              └─ of the third pair ─────▶ Exhausted (the record is freed)
//! ```
//!
//! Shared by links and by the endpoint's half-open records. It never sends: it says what to ask, and
//! its owner tells it what was sent and received.

use std::time::Duration;

use crate::random::Random;
use crate::time::Timestamp;

/// Bytes that may be sent for each byte received (R20).
const FACTOR: u32 = 3;

/// Bytes of an MTU check that carries no body.
pub(crate) const CHECK_LEN: usize = 11;

/// Bytes of a pair of them.
pub(crate) const PAIR_LEN: usize = 2 * CHECK_LEN;

/// Wait before an unanswered pair is sent again, doubled by each repeat. The values stay the same,
/// so an answer that takes longer still counts.
const REPEAT: Duration = Duration::from_millis(200);

/// Most doublings of [`REPEAT`].
const DOUBLINGS: u8 = 4;

/// Wrong answers that void a pair (R20).
const WRONG_ANSWERS: u8 = 3;

/// Voided pairs that end it (R20).
const VOIDED_PAIRS: u8 = 3;

/// Wait between a voided pair and the next (R20).
const VOIDED_WAIT: Duration = Duration::from_secs(1);

/// What an address without proof may be sent, and the question that is open.
#[derive(Clone, Debug)]
pub(crate) struct AddressProof {
    challenge: Challenge,
    /// Bytes that may still be sent; grows with each byte received.
    allowance: u32,
    /// Pairs that ended with wrong answers.
    voided: u8,
}

#[derive(Clone, Debug)]
enum Challenge {
    /// No pair is out.
    Idle { not_before: Timestamp },
    /// A pair is out.
    Asked {
        values: [u16; 2],
        answered: [bool; 2],
        wrong: u8,
        repeats: u8,
        repeat_at: Timestamp,
    },
}

/// What an MTU ack means for the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// No pair is out: the ack is about something else.
    Unasked,
    /// One of the two values.
    Partial,
    /// The second of the two values: the peer receives at its address.
    Proved,
    /// Neither value.
    Wrong,
    /// Too many wrong answers: give the record up.
    Exhausted,
}

impl AddressProof {
    /// A proof for an address of which `received` bytes came.
    pub(crate) fn unproven(received: usize) -> Self {
        let mut proof = Self {
            challenge: Challenge::Idle {
                not_before: Timestamp::ZERO,
            },
            allowance: 0,
            voided: 0,
        };
        proof.on_received(received);
        proof
    }

    /// A proof that goes on where a question asked without a record left off: `values` were sent,
    /// and `answered` is the one of them that has come back (R21).
    pub(crate) fn resumed(
        received: usize,
        values: [u16; 2],
        answered: u16,
        now: Timestamp,
    ) -> Self {
        let mut proof = Self::unproven(received);
        proof.challenge = Challenge::Asked {
            values,
            answered: values.map(|value| value == answered),
            wrong: 0,
            repeats: 0,
            repeat_at: now + REPEAT,
        };
        proof
    }

    /// Bytes that may still be sent to the address. Never `u32::MAX`.
    pub(crate) fn allowance(&self) -> u32 {
        self.allowance
    }

    /// Whether `bytes` may be sent.
    pub(crate) fn allows(&self, bytes: usize) -> bool {
        u32::try_from(bytes).is_ok_and(|bytes| bytes <= self.allowance)
    }

    /// `bytes` came from the address.
    pub(crate) fn on_received(&mut self, bytes: usize) {
        let credit = u32::try_from(bytes)
            .unwrap_or(u32::MAX)
            .saturating_mul(FACTOR);
        self.allowance = self.allowance.saturating_add(credit).min(u32::MAX - 1);
    }

    /// `bytes` were sent to the address.
    pub(crate) fn on_sent(&mut self, bytes: usize) {
        let debit = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.allowance = self.allowance.saturating_sub(debit);
    }

    /// When a pair can be sent next, as far as time goes.
    pub(crate) fn deadline(&self) -> Timestamp {
        match self.challenge {
            Challenge::Idle { not_before } => not_before,
            Challenge::Asked { repeat_at, .. } => repeat_at,
        }
    }

    /// When a pair can be sent next if nothing more is received; never if the allowance is short.
    pub(crate) fn probe_deadline(&self) -> Timestamp {
        if self.allows(PAIR_LEN) {
            self.deadline()
        } else {
            Timestamp::NEVER
        }
    }

    /// Whether a pair is due and within the allowance.
    pub(crate) fn due(&self, now: Timestamp) -> bool {
        self.deadline() <= now && self.allows(PAIR_LEN)
    }

    /// The lengths of two checks to send, if a pair is [`due`](Self::due). The caller sends both and
    /// reports them with [`on_sent`](Self::on_sent).
    ///
    /// Only for a peer that has sent something other than requests: a stock client that still awaits
    /// its accept dies of a check (stock behaviour 1.5).
    pub(crate) fn next_probe(&mut self, now: Timestamp, random: &mut Random) -> Option<[u16; 2]> {
        if !self.due(now) {
            return None;
        }
        match &mut self.challenge {
            Challenge::Idle { .. } => {
                let values = draw(random)?;
                self.challenge = Challenge::Asked {
                    values,
                    answered: [false; 2],
                    wrong: 0,
                    repeats: 0,
                    repeat_at: now + REPEAT,
                };
                Some(values)
            }
            Challenge::Asked {
                values,
                repeats,
                repeat_at,
                ..
            } => {
                *repeats = (*repeats + 1).min(DOUBLINGS);
                *repeat_at = now + REPEAT * (1 << *repeats);
                Some(*values)
            }
        }
    }

    /// An MTU ack of `size` arrived from the address. `padding` is what the layers below take.
    pub(crate) fn answer(&mut self, size: u16, padding: u16, now: Timestamp) -> Answer {
        let Challenge::Asked {
            values,
            answered,
            wrong,
            ..
        } = &mut self.challenge
        else {
            return Answer::Unasked;
        };
        // The peer answers `n + 9 + 2 + padding`, modulo 65536 (connection protocol section 8).
        let value = size.wrapping_sub(padding).wrapping_sub(11);
        match (*values).map(|asked| asked == value) {
            [true, _] => answered[0] = true,
            [_, true] => answered[1] = true,
            _ => {
                *wrong += 1;
                if *wrong < WRONG_ANSWERS {
                    return Answer::Wrong;
                }
                self.voided += 1;
                self.challenge = Challenge::Idle {
                    not_before: if self.voided < VOIDED_PAIRS {
                        now + VOIDED_WAIT
                    } else {
                        Timestamp::NEVER
                    },
                };
                return if self.voided < VOIDED_PAIRS {
                    Answer::Wrong
                } else {
                    Answer::Exhausted
                };
            }
        }
        if *answered == [true; 2] {
            Answer::Proved
        } else {
            Answer::Partial
        }
    }
}

/// Two different values; none if the system's generator fails.
fn draw(random: &mut Random) -> Option<[u16; 2]> {
    let first = random.u16().ok()?;
    let second = random.u16().ok()?;
    Some([
        first,
        if second == first {
            second.wrapping_add(1)
        } else {
            second
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(5_000_000);

    fn asked() -> (AddressProof, [u16; 2]) {
        let mut proof = AddressProof::unproven(22);
        let values = proof.next_probe(NOW, &mut Random::Seeded(1)).unwrap();
        (proof, values)
    }

    fn ack(value: u16, padding: u16) -> u16 {
        value.wrapping_add(11).wrapping_add(padding)
    }

    #[test]
    fn both_values_prove_the_address_in_any_order() {
        for (first, second) in [(0, 1), (1, 0)] {
            let (mut proof, values) = asked();
            assert_eq!(
                proof.answer(ack(values[first], 29), 29, NOW),
                Answer::Partial
            );
            assert_eq!(
                proof.answer(ack(values[first], 29), 29, NOW),
                Answer::Partial
            );
            assert_eq!(
                proof.answer(ack(values[second], 29), 29, NOW),
                Answer::Proved
            );
        }
    }

    #[test]
    fn a_question_asked_without_a_record_is_resumed_and_waits_for_its_second_value() {
        let mut proof = AddressProof::resumed(13, [7, 9], 9, NOW);
        assert_eq!(proof.answer(ack(9, 0), 0, NOW), Answer::Partial);
        assert_eq!(proof.answer(ack(7, 0), 0, NOW), Answer::Proved);
    }

    #[test]
    fn an_answer_with_the_padding_of_another_transport_is_wrong() {
        let (mut proof, values) = asked();
        assert_eq!(proof.answer(ack(values[0], 0), 29, NOW), Answer::Wrong);
    }

    #[test]
    fn values_near_the_top_wrap() {
        let mut proof = AddressProof::unproven(22);
        proof.challenge = Challenge::Asked {
            values: [0xFFFF, 0xFFF5],
            answered: [false; 2],
            wrong: 0,
            repeats: 0,
            repeat_at: NOW,
        };
        assert_eq!(proof.answer(0x000A, 0, NOW), Answer::Partial);
        assert_eq!(proof.answer(0x0000, 0, NOW), Answer::Proved);
    }

    #[test]
    fn the_budget_is_three_times_what_was_received() {
        let mut proof = AddressProof::unproven(13);
        assert_eq!(proof.allowance(), 39);
        proof.on_sent(13);
        assert!(proof.allows(26) && !proof.allows(27));
        proof.on_sent(27);
        assert_eq!(proof.allowance(), 0);
        proof.on_received(usize::MAX);
        assert_eq!(proof.allowance(), u32::MAX - 1);
    }

    #[test]
    fn a_pair_waits_for_room_in_the_budget() {
        let mut proof = AddressProof::unproven(7);
        assert_eq!(proof.next_probe(NOW, &mut Random::Seeded(1)), None);
        proof.on_received(1);
        assert!(proof.next_probe(NOW, &mut Random::Seeded(1)).is_some());
    }

    #[test]
    fn an_unanswered_pair_is_repeated_ever_more_rarely_with_the_same_values() {
        let (mut proof, values) = asked();
        let (mut at, mut waits) = (NOW, vec![]);
        for _ in 0..6 {
            waits.push(proof.deadline().since(at).as_millis());
            at = proof.deadline();
            proof.on_received(22);
            let early = Timestamp::from_micros(at.as_micros() - 1);
            assert_eq!(proof.next_probe(early, &mut Random::Seeded(2)), None);
            assert_eq!(proof.next_probe(at, &mut Random::Seeded(2)), Some(values));
        }
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 3200]);
    }

    #[test]
    fn r20_three_wrong_answers_void_a_pair_and_three_pairs_the_record() {
        let (mut proof, mut values) = asked();
        let mut now = NOW;
        for pair in 1..=3 {
            for wrong in 1..=3 {
                let size = ack(values[0].wrapping_add(values[1]).wrapping_add(wrong), 0);
                let expected = if (pair, wrong) == (3, 3) {
                    Answer::Exhausted
                } else {
                    Answer::Wrong
                };
                assert_eq!(proof.answer(size, 0, now), expected);
            }
            assert_eq!(proof.answer(ack(values[0], 0), 0, now), Answer::Unasked);
            proof.on_received(22);
            if pair < 3 {
                assert_eq!(proof.deadline(), now + VOIDED_WAIT);
                now = proof.deadline();
                values = proof
                    .next_probe(now, &mut Random::Seeded(pair + 10))
                    .unwrap();
            }
        }
        assert_eq!(
            proof.next_probe(now + VOIDED_WAIT * 100, &mut Random::Seeded(9)),
            None
        );
    }

    #[test]
    fn r20_probe_search_finds_nothing() {
        let (mut proof, _) = asked();
        let mut random = Random::Seeded(3);
        let mut now = NOW;
        for size in 0..=u16::MAX {
            now = now + Duration::from_millis(100);
            proof.on_received(13);
            if proof.next_probe(now, &mut random).is_some() {
                proof.on_sent(PAIR_LEN);
            }
            match proof.answer(size, 0, now) {
                Answer::Proved => panic!("guessed"),
                Answer::Exhausted => return,
                _ => {}
            }
        }
        panic!("65,536 guesses and still allowed to guess");
    }

    #[test]
    fn a_proof_is_small_enough_for_a_half_open_record() {
        assert!(size_of::<AddressProof>() <= 32);
    }
}
