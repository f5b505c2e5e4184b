//! The replay window: each record of an epoch is accepted once.
//!
//! Asking and marking are two steps, because a record is asked about before it is opened and marked
//! after (R15): what is not authentic moves nothing. This module never sees a key or an epoch.
//!
//! Source: RFC 6347 §4.1.2.6.

/// Records behind the highest one that can still be told apart.
pub(crate) const WINDOW_LEN: u64 = 1_024;

const WORDS: usize = 16;
const WORD_BITS: u64 = 64;

/// Why a sequence number is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    /// It was accepted before.
    Duplicate,
    /// It lies so far behind that no one knows.
    TooOld,
}

/// Which of the latest sequence numbers have been accepted.
///
/// Bits lie in a ring: number `n` at bit `n mod 1024`. Those of numbers above the highest are 0.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    /// One more than the highest number accepted; 0 before the first.
    next: u64,
    bits: [u64; WORDS],
}

impl Window {
    /// A window that accepts everything.
    pub(crate) const fn new() -> Self {
        Self {
            next: 0,
            bits: [0; WORDS],
        }
    }

    /// One more than the highest number accepted; 0 before the first.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// Whether `sequence` would be accepted. Changes nothing.
    #[inline]
    pub(crate) fn check(&self, sequence: u64) -> Result<(), Stale> {
        if sequence >= self.next {
            return Ok(());
        }
        if self.next - sequence > WINDOW_LEN {
            return Err(Stale::TooOld);
        }
        let (word, bit) = place(sequence);
        match self.bits.get(word) {
            Some(bits) if bits & bit == 0 => Ok(()),
            _ => Err(Stale::Duplicate),
        }
    }

    /// Accepts `sequence`, or says again why not. Only for records that have been authenticated.
    #[inline]
    pub(crate) fn mark(&mut self, sequence: u64) -> Result<(), Stale> {
        self.check(sequence)?;
        if sequence >= self.next {
            self.advance(sequence);
        }
        let (word, bit) = place(sequence);
        if let Some(bits) = self.bits.get_mut(word) {
            *bits |= bit;
        }
        Ok(())
    }

    /// Makes `sequence` the highest number. Clears the bits of all numbers up to it.
    fn advance(&mut self, sequence: u64) {
        if sequence - self.next >= WINDOW_LEN {
            self.bits = [0; WORDS];
        } else {
            let mut number = self.next;
            while number <= sequence {
                let (word, bit) = place(number);
                let whole = bit == 1 && sequence - number >= WORD_BITS - 1;
                if let Some(bits) = self.bits.get_mut(word) {
                    *bits &= if whole { 0 } else { !bit };
                }
                number += if whole { WORD_BITS } else { 1 };
            }
        }
        // Sequence numbers have 48 bits.
        self.next = sequence + 1;
    }
}

/// Word and bit of a number.
const fn place(sequence: u64) -> (usize, u64) {
    let word = (sequence / WORD_BITS) % WORDS as u64;
    (word as usize, 1 << (sequence % WORD_BITS))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The same as a set of numbers.
    #[derive(Default)]
    struct Model(BTreeSet<u64>);

    impl Model {
        fn mark(&mut self, sequence: u64) -> Result<(), Stale> {
            let highest = self.0.last().copied();
            if highest.is_some_and(|highest| highest >= WINDOW_LEN + sequence) {
                return Err(Stale::TooOld);
            }
            if !self.0.insert(sequence) {
                return Err(Stale::Duplicate);
            }
            Ok(())
        }
    }

    #[test]
    fn each_number_is_accepted_once() {
        let mut window = Window::new();
        for sequence in [0, 5, 3, 1_000_000, 999_000] {
            assert_eq!(window.mark(sequence), Ok(()));
            assert_eq!(window.mark(sequence), Err(Stale::Duplicate));
        }
        assert_eq!(window.mark(5), Err(Stale::TooOld));
        assert_eq!(window.next(), 1_000_001);
    }

    #[test]
    fn the_window_is_1024_numbers_wide() {
        let mut window = Window::new();
        window.mark(2_000).unwrap();
        assert_eq!(window.check(2_000 - 1_023), Ok(()));
        assert_eq!(window.check(2_000 - 1_024), Err(Stale::TooOld));
    }

    #[test]
    fn the_largest_number_is_a_number_like_others() {
        let mut window = Window::new();
        let last = (1 << 48) - 1;
        assert_eq!(window.mark(last), Ok(()));
        assert_eq!(window.mark(last), Err(Stale::Duplicate));
        assert_eq!(window.mark(last - 1), Ok(()));
    }

    #[test]
    fn asking_changes_nothing() {
        let mut window = Window::new();
        window.mark(10).unwrap();
        for sequence in 0..5_000 {
            let _ = window.check(sequence);
        }
        assert_eq!(window.next(), 11);
        assert_eq!(window.check(9), Ok(()));
    }

    fn any_step() -> impl Strategy<Value = i64> {
        prop_oneof![
            8 => -3_i64..4,
            4 => -80_i64..80,
            2 => -1_100_i64..1_100,
            1 => 0_i64..1 << 40,
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn r15_prop_window(steps in prop::collection::vec(any_step(), 1..500)) {
            let (mut window, mut model) = (Window::new(), Model::default());
            let mut at = 0_i64;
            for step in steps {
                at = (at + step).clamp(0, (1 << 48) - 1);
                let sequence = at.cast_unsigned();
                let asked = window.check(sequence);
                let expected = model.mark(sequence);
                prop_assert_eq!(asked, expected);
                prop_assert_eq!(window.mark(sequence), expected);
            }
        }
    }
}
