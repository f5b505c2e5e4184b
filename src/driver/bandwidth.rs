//! Bytes in a second, of one direction: a window that slides by tenths.

use std::time::Duration;

use crate::time::Timestamp;

/// A tenth of the window.
const TENTH: Duration = Duration::from_millis(100);

/// Tenths of the window.
const TENTHS: usize = 10;

/// Bytes a second, without IP and UDP headers, in the driver's time.
///
/// The window is one second long and moves by a tenth of it: the tenth under way is not in it yet.
///
/// Source: Unity Transport 2.7.0 `NetworkDriverStatistics`, which counts in kbit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bandwidth {
    /// In the last second.
    pub current: u64,
    /// In the second that had fewest, once one is over.
    pub least: u64,
    /// In the second that had most, once one is over.
    pub most: u64,
    /// Since the driver was made.
    pub mean: u64,
    /// Bytes of the update or flush that had most.
    pub largest_burst: u64,
    tenths: [u64; TENTHS],
    /// Bytes of the tenth under way, and which it is, counted from the beginning.
    open: u64,
    number: u64,
    total: u64,
}

impl Bandwidth {
    /// So many bytes have passed in all, by `now`.
    pub(super) fn take(&mut self, now: Timestamp, total: u64) {
        let tenth = u64::try_from(TENTH.as_micros()).unwrap_or(u64::MAX);
        let number = now.as_micros() / tenth;
        // Behind a whole window without an update there is nothing but zeros.
        for _ in 0..number.saturating_sub(self.number).min(2 * TENTHS as u64) {
            self.close();
        }
        self.number = self.number.max(number);
        let burst = total.saturating_sub(self.total);
        self.largest_burst = self.largest_burst.max(burst);
        self.open += burst;
        self.total = total;
        let micros = u128::from(now.as_micros().max(1));
        self.mean = u64::try_from(u128::from(total) * 1_000_000 / micros).unwrap_or(u64::MAX);
    }

    /// The tenth under way is over.
    fn close(&mut self) {
        self.tenths.rotate_left(1);
        if let Some(last) = self.tenths.last_mut() {
            *last = std::mem::take(&mut self.open);
        }
        self.number += 1;
        self.current = self.tenths.iter().sum();
        self.most = self.most.max(self.current);
        match self.number.cmp(&(TENTHS as u64)) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => self.least = self.current,
            std::cmp::Ordering::Greater => self.least = self.least.min(self.current),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_micros(1_000 * ms)
    }

    #[test]
    fn the_window_is_a_second_and_moves_by_tenths() {
        let mut bandwidth = Bandwidth::default();
        let mut total = 0;
        for ms in (0..3_000).step_by(10) {
            total += 7;
            bandwidth.take(at(ms), total);
        }
        assert_eq!(
            (bandwidth.current, bandwidth.least, bandwidth.most),
            (700, 700, 700)
        );
        assert_eq!((bandwidth.largest_burst, bandwidth.mean), (7, 702));
        // Half a second of more, and half of nothing.
        for ms in (3_000..3_500).step_by(10) {
            total += 14;
            bandwidth.take(at(ms), total);
        }
        bandwidth.take(at(3_500), total);
        assert_eq!(bandwidth.current, 350 + 700);
        bandwidth.take(at(4_000), total);
        assert_eq!((bandwidth.current, bandwidth.most), (700, 1_050));
        bandwidth.take(at(4_499), total);
        assert_eq!(bandwidth.current, 140);
        bandwidth.take(at(4_500), total);
        assert_eq!((bandwidth.current, bandwidth.least), (0, 0));
    }

    #[test]
    fn a_long_sleep_is_a_time_of_nothing() {
        let mut bandwidth = Bandwidth::default();
        bandwidth.take(at(50), 1_000);
        bandwidth.take(at(100), 1_000);
        assert_eq!(bandwidth.current, 1_000);
        bandwidth.take(at(86_400_000), 1_000);
        assert_eq!(
            (bandwidth.current, bandwidth.least, bandwidth.most),
            (0, 0, 1_000)
        );
        bandwidth.take(at(86_400_010), 1_500);
        bandwidth.take(at(86_400_100), 1_500);
        assert_eq!(bandwidth.current, 500);
    }
}
