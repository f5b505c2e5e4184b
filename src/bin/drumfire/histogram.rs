//! Durations counted: histograms from a nanosecond to a minute, and the median of a few values.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::nanos;

/// Durations, counted with three significant digits.
#[derive(Debug)]
pub(crate) struct Histogram {
    counts: hdrhistogram::Histogram<u64>,
    /// Of all time, whatever was reset.
    total: u64,
}

/// Percentiles in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

impl Histogram {
    /// Longest duration that is told apart; longer ones count as this.
    const LONGEST: u64 = 60_000_000_000;

    #[expect(clippy::expect_used, reason = "the bounds are constants, and valid")]
    pub(crate) fn new() -> Self {
        let bounded = hdrhistogram::Histogram::new_with_bounds(1, Self::LONGEST, 3);
        Self {
            counts: bounded.expect("1 < 2 * 1 <= LONGEST, 3 <= 5"),
            total: 0,
        }
    }

    pub(crate) fn record(&mut self, duration: Duration) {
        self.counts.saturating_record(nanos(duration));
        self.total += 1;
    }

    /// Forgets all durations; their number stays.
    pub(crate) fn reset(&mut self) {
        self.counts.reset();
    }

    /// Durations recorded, ever.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn percentiles(&self) -> Percentiles {
        let at = |quantile| micros(self.counts.value_at_quantile(quantile));
        Percentiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: micros(self.counts.max()),
        }
    }
}

/// Microseconds, to the nearest tenth: what is finer is noise.
fn micros(nanos: u64) -> f64 {
    round(Duration::from_nanos(nanos).as_secs_f64() * 1e6, 1)
}

/// `value` with `digits` behind the point.
pub(crate) fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

/// The middle of some values; the mean of both middles if their number is even.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(values.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_both_middles() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), Some(2.5));
        assert_eq!(median(std::iter::empty()), None);
    }

    #[test]
    fn percentiles_are_in_microseconds() {
        let mut histogram = Histogram::new();
        for micros in 1..=100 {
            histogram.record(Duration::from_micros(micros));
        }
        let percentiles = histogram.percentiles();
        assert!((percentiles.p50 - 50.0).abs() < 0.1);
        assert!((percentiles.p99 - 99.0).abs() < 0.2);
        assert!((percentiles.max - 100.0).abs() < 0.2);
    }

    #[test]
    fn what_is_beyond_the_range_counts_as_its_end() {
        let mut histogram = Histogram::new();
        histogram.record(Duration::from_secs(3_600));
        assert!(histogram.percentiles().max >= 60e6);
    }
}
