//! Numbers that wrap: which of two is newer, and which full number a short one stands for.
//!
//! Wire headers carry 16 bits; state counts in 64. Nothing here remembers anything: what was last
//! seen is an argument, and a window test is the caller's next line.

/// Whether `a` comes after `b`, by the shorter way around.
///
/// Half a circle apart, the numerically smaller one is the newer one.
///
/// Source: Unity Transport `SequenceHelpers.GreaterThan16`.
pub(crate) fn newer(a: u16, b: u16) -> bool {
    match a.wrapping_sub(b) {
        0 => false,
        0x8000 => a < b,
        ahead => ahead < 0x8000,
    }
}

/// The number nearest to `expected` whose low 16 bits are `raw`.
///
/// Half a circle away the older one is taken: mistaking a number for an old one only drops it.
/// With `expected` = −1, "nothing yet", `0xFFFF` is −1 again. A result may lie below −1.
pub(crate) fn widen(raw: u16, expected: i64) -> i64 {
    let ahead = raw.wrapping_sub(low_16(expected)).cast_signed();
    expected.wrapping_add(i64::from(ahead))
}

/// The 16 bits of a number that travel; 65,535 for −1, "nothing yet".
pub(crate) fn low_16(number: i64) -> u16 {
    let [low, high, ..] = number.to_le_bytes();
    u16::from_le_bytes([low, high])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers a connection can reach.
    fn start() -> impl Strategy<Value = i64> {
        -1..(1_i64 << 48)
    }

    #[test]
    fn the_number_after_the_last_is_newer_across_the_wrap() {
        assert!(newer(0, 0xFFFF));
        assert!(!newer(0xFFFF, 0));
        assert!(!newer(7, 7));
        assert!(newer(0x7FFF, 0));
        assert!(!newer(0, 0x7FFF));
    }

    #[test]
    fn half_a_circle_apart_the_smaller_is_newer() {
        assert!(newer(0, 0x8000));
        assert!(!newer(0x8000, 0));
        assert!(newer(0x7FFF, 0xFFFF));
        assert!(!newer(0xFFFF, 0x7FFF));
    }

    #[test]
    fn before_anything_arrived_the_last_number_means_none() {
        assert_eq!(widen(0xFFFF, -1), -1);
        assert_eq!(widen(0, -1), 0);
        assert_eq!(widen(0x8000, 0), -0x8000);
    }

    proptest! {
        #[test]
        fn newer_is_the_comparison_of_its_definition(a: u16, b: u16) {
            let defined = (a > b && a - b <= 0x7FFF) || (a < b && b - a > 0x7FFF);
            prop_assert_eq!(newer(a, b), defined);
        }

        #[test]
        fn newer_agrees_with_64_bits_within_half_a_circle(b in start(), step in -0x7FFF_i64..0x8000) {
            prop_assert_eq!(newer(low_16(b + step), low_16(b)), step > 0);
        }

        #[test]
        fn widening_finds_every_number_within_half_a_circle(
            expected in start(),
            step in -0x8000_i64..0x8000,
        ) {
            let number = expected + step;
            prop_assert_eq!(widen(low_16(number), expected), number);
        }

        #[test]
        fn widening_never_panics_and_keeps_the_low_bits(raw: u16, expected: i64) {
            prop_assert_eq!(low_16(widen(raw, expected)), raw);
        }

        /// Unity Transport counts quarters of the circle instead. For a peer that keeps to its
        /// window, both give the same number.
        #[test]
        fn widening_agrees_with_counting_quarters(
            steps in prop::collection::vec((1..2041_i64, 0..2040_i64), 1..200),
        ) {
            let (mut highest, mut quarters) = (-1_i64, 0_i64);
            for (ahead, behind) in steps {
                let next = highest + ahead;
                for number in [next, (next - behind).max(0)] {
                    let raw = low_16(number);
                    let turn = (i64::from(raw >> 14) - quarters).rem_euclid(4);
                    let quarter = match turn {
                        0 => quarters,
                        1 => { quarters += 1; quarters }
                        3 => quarters - 1,
                        _ => return Err(TestCaseError::fail("stale for Unity Transport")),
                    };
                    prop_assert_eq!(widen(raw, highest), (quarter << 14) | i64::from(raw & 0x3FFF));
                    highest = highest.max(number);
                }
            }
        }
    }
}
