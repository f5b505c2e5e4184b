//! Which of the newest numbers arrived.
//!
//! Bit 0 is the newest number, bit *i* the one *i* before it. Windows up to 64 take one word; larger
//! ones have all the bits a mask can have, on the heap.

/// Words of a large mask: 2,048 bits, of which 2,040 are ever written.
const LARGE: usize = 32;

/// Most bytes of a mask on the wire.
const MAX_BYTES: usize = 255;

/// Which numbers arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AckMask {
    Small(u64),
    Large(Box<[u64; LARGE]>),
}

impl AckMask {
    /// All ones, as since Unity Transport 2.6.0: numbers before the first are of no interest.
    pub(super) fn new(window: u16) -> Self {
        if window <= 64 {
            Self::Small(u64::MAX)
        } else {
            Self::Large(Box::new([u64::MAX; LARGE]))
        }
    }

    /// Whether the number `distance` before the newest arrived.
    pub(super) fn contains(&self, distance: usize) -> bool {
        let (word, bit) = (distance / 64, distance % 64);
        self.words()
            .get(word)
            .is_none_or(|word| word >> bit & 1 == 1)
    }

    /// The number `distance` before the newest arrived.
    pub(super) fn insert(&mut self, distance: usize) {
        let (word, bit) = (distance / 64, distance % 64);
        if let Some(word) = self.words_mut().get_mut(word) {
            *word |= 1 << bit;
        }
    }

    /// A number `distance` after the newest arrived: it is the newest from here on.
    pub(super) fn advance(&mut self, distance: usize) {
        let (words, bits) = (distance / 64, distance % 64);
        let all = self.words_mut();
        let len = all.len();
        if words >= len {
            all.fill(0);
        } else {
            all.copy_within(..len - words, words);
            if let Some(emptied) = all.get_mut(..words) {
                emptied.fill(0);
            }
            if bits > 0 {
                let mut carry = 0;
                for word in all {
                    let high = *word >> (64 - bits);
                    *word = *word << bits | carry;
                    carry = high;
                }
            }
        }
        self.insert(0);
    }

    /// Writes the first `out.len()` bytes of the mask.
    pub(super) fn write(&self, out: &mut [u8]) {
        for (chunk, word) in out.chunks_mut(8).zip(self.words()) {
            for (to, from) in chunk.iter_mut().zip(word.to_le_bytes()) {
                *to = from;
            }
        }
    }

    /// Bytes up to the last one with a zero bit, at least 1, of at most `most`.
    pub(super) fn shortest(&self, most: usize) -> usize {
        let words = self.words();
        let Some(last) = words.iter().rposition(|&word| word != u64::MAX) else {
            return 1;
        };
        let ones = words.get(last).map_or(0, |word| word.leading_ones() / 8);
        let bytes = 8 * (last + 1) - ones as usize;
        bytes.clamp(1, most.min(MAX_BYTES))
    }

    /// Bytes of memory on the heap.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Small(_) => 0,
            Self::Large(words) => size_of_val(&**words),
        }
    }

    fn words(&self) -> &[u64] {
        match self {
            Self::Small(word) => std::slice::from_ref(word),
            Self::Large(words) => &words[..],
        }
    }

    fn words_mut(&mut self) -> &mut [u64] {
        match self {
            Self::Small(word) => std::slice::from_mut(word),
            Self::Large(words) => &mut words[..],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(mask: &AckMask, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        mask.write(&mut out);
        out
    }

    #[test]
    fn a_jump_leaves_what_it_skips_open() {
        for window in [32, 64, 256, 2_040] {
            let mut mask = AckMask::new(window);
            mask.advance(1);
            assert_eq!(bytes(&mask, 4), [0xFF; 4]);
            mask.advance(3);
            assert_eq!(bytes(&mask, 4), [0xF9, 0xFF, 0xFF, 0xFF]);
            mask.insert(1);
            assert_eq!(bytes(&mask, 4), [0xFB, 0xFF, 0xFF, 0xFF]);
            assert!(!mask.contains(2) && mask.contains(3));
        }
    }

    #[test]
    fn a_jump_over_the_whole_mask_leaves_one_bit() {
        // Up to Unity Transport 2.5.3, a shift by 64 changes nothing.
        let mut mask = AckMask::new(64);
        mask.advance(64);
        assert_eq!(mask, AckMask::Small(1));
        let mut mask = AckMask::new(2_040);
        mask.advance(5_000);
        assert!(mask.contains(0) && (1..2_040).all(|distance| !mask.contains(distance)));
    }

    #[test]
    fn the_shortest_mask_ends_with_its_last_gap() {
        let mut mask = AckMask::new(256);
        assert_eq!(mask.shortest(32), 1);
        mask.advance(2);
        assert_eq!(mask.shortest(32), 1);
        mask.advance(37);
        assert_eq!(mask.shortest(32), 5);
        assert_eq!(mask.shortest(4), 4);
        let mut mask = AckMask::new(2_040);
        mask.advance(2_048);
        assert_eq!(mask.shortest(255), 255);
    }

    proptest! {
        #[test]
        fn a_mask_is_a_set_of_distances(
            window in prop::sample::select(vec![32_u16, 64, 256, 2_040]),
            steps in prop::collection::vec((0..200_usize, 0..300_usize), 0..60),
        ) {
            let bits = if window <= 64 { 64 } else { 2_048 };
            let mut mask = AckMask::new(window);
            let mut model = vec![true; bits];
            for (advance, insert) in steps {
                if advance > 0 {
                    let mut moved = vec![false; advance.min(bits)];
                    moved.extend_from_slice(&model[..bits - advance.min(bits)]);
                    model = moved;
                    model[0] = true;
                    mask.advance(advance);
                }
                if insert < bits {
                    model[insert] = true;
                    mask.insert(insert);
                }
                for (distance, &held) in model.iter().enumerate() {
                    prop_assert_eq!(mask.contains(distance), held);
                }
            }
        }
    }
}
