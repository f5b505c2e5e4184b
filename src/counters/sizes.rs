//! How large things were: counted by class, and summed for their mean and deviation.

/// Classes by size, in bytes: below 128, 256, 512 and 1,024, and from there on.
///
/// Source: Unity Transport 2.7.0 `NetworkDriverStatistics`.
const CLASSES: usize = 5;

/// Sizes of what entered a [`Flow`](super::Flow), in bytes without IP and UDP headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    classes: [u64; CLASSES],
    sum: u64,
    squares: u64,
    smallest: u32,
    largest: u32,
}

impl Sizes {
    /// Counts one more.
    #[inline]
    pub(super) fn count(&mut self, len: usize) {
        let class = usize::BITS - (len >> 7).leading_zeros();
        let class = usize::try_from(class).map_or(0, |class| class.min(CLASSES - 1));
        let is_first = self.largest == 0 && self.number() == 0;
        if let Some(count) = self.classes.get_mut(class) {
            *count += 1;
        }
        let (wide, narrow) = (
            u64::try_from(len).unwrap_or(u64::MAX),
            u32::try_from(len).unwrap_or(u32::MAX),
        );
        self.sum += wide;
        self.squares = self.squares.saturating_add(wide.saturating_mul(wide));
        self.smallest = if is_first {
            narrow
        } else {
            self.smallest.min(narrow)
        };
        self.largest = self.largest.max(narrow);
    }

    /// Adds others and leaves none of them.
    pub(super) fn take_from(&mut self, other: &mut Self) {
        let other = std::mem::take(other);
        if other.number() == 0 {
            return;
        }
        self.smallest = match self.number() {
            0 => other.smallest,
            _ => self.smallest.min(other.smallest),
        };
        self.largest = self.largest.max(other.largest);
        for (to, from) in self.classes.iter_mut().zip(other.classes) {
            *to += from;
        }
        self.sum += other.sum;
        self.squares = self.squares.saturating_add(other.squares);
    }

    /// How many there were.
    pub fn number(&self) -> u64 {
        self.classes.iter().sum()
    }

    /// How many were below 128, 256, 512 and 1,024 bytes (and not below the one before), and from
    /// 1,024 bytes on.
    pub fn classes(&self) -> [u64; CLASSES] {
        self.classes
    }

    /// Bytes of the smallest; 0 if there was none.
    pub fn smallest(&self) -> u32 {
        self.smallest
    }

    /// Bytes of the largest; 0 if there was none.
    pub fn largest(&self) -> u32 {
        self.largest
    }

    /// Mean, in bytes; 0 if there was none.
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.number().max(1) as f64
    }

    /// Standard deviation, in bytes; 0 if there was none.
    pub fn deviation(&self) -> f64 {
        let mean_square = self.squares as f64 / self.number().max(1) as f64;
        (mean_square - self.mean() * self.mean()).max(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lens: &[usize]) -> Sizes {
        let mut sizes = Sizes::default();
        lens.iter().for_each(|len| sizes.count(*len));
        sizes
    }

    #[test]
    fn each_size_is_in_its_class() {
        let sizes = of(&[0, 127, 128, 255, 256, 511, 512, 1_023, 1_024, 1_400, 65_507]);
        assert_eq!(sizes.classes(), [2, 2, 2, 2, 3]);
        assert_eq!((sizes.smallest(), sizes.largest()), (0, 65_507));
    }

    #[test]
    fn mean_and_deviation_are_those_of_the_sizes() {
        let sizes = of(&[2, 4, 4, 4, 5, 5, 7, 9]);
        assert!((sizes.mean() - 5.0).abs() < 1e-9);
        assert!((sizes.deviation() - 2.0).abs() < 1e-9);
        assert!(of(&[]).mean() == 0.0 && of(&[]).deviation() == 0.0);
    }

    #[test]
    fn counted_apart_or_together_they_are_the_same() {
        let (mut one, mut other) = (of(&[300, 20]), of(&[5, 2_000]));
        one.take_from(&mut other);
        assert_eq!((one, other), (of(&[300, 20, 5, 2_000]), Sizes::default()));
        one.take_from(&mut other);
        assert_eq!(one.smallest(), 5);
        other.take_from(&mut one);
        assert_eq!(other, of(&[300, 20, 5, 2_000]));
    }
}
