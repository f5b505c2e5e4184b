//! How long a round trip takes, and when to stop waiting for an ack.
//!
//! Two estimates. The *path's* leaves out the peer's processing time and is what the user sees. The
//! *timer's* is what an ack really takes, processing time included: a peer that acknowledges late and
//! truthfully must still teach the timer to wait.
//!
//! Under `Timing::Unity` the timer follows Unity's arithmetic instead, in 32-bit floats.

use std::time::Duration;

use crate::pipeline::statistics::RoundTripStatistics;
use crate::settings::{PipelineParameters as Parameters, Timing};

/// Before anything is known. RFC 6298 says a second; a stock client resends after 64 ms.
const INITIAL: Duration = Duration::from_millis(200);

/// Longest sample that is taken for one.
const LONGEST: Duration = Duration::from_secs(60);

/// What the acks of one connection and pipeline have taught.
#[derive(Clone, Debug)]
pub(super) struct RoundTrip {
    path: Estimate,
    timer: Estimate,
    unity: UnityEstimate,
    latest: Duration,
    min: Duration,
    max: Duration,
    samples: u64,
}

/// RFC 6298 §2, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Estimate {
    smoothed: u32,
    variation: u32,
}

impl Estimate {
    fn take(&mut self, sample: Duration, first: bool) {
        // A sample is at most a minute, which fits; anything longer would be taken as that.
        let sample = u32::try_from(sample.as_micros()).unwrap_or(u32::MAX / 8);
        if first {
            self.smoothed = sample;
            self.variation = sample / 2;
        } else {
            let difference = self.smoothed.abs_diff(sample);
            self.variation = (3 * self.variation.min(u32::MAX / 8) + difference) / 4;
            self.smoothed = (7 * self.smoothed.min(u32::MAX / 8) + sample) / 8;
        }
    }
}

/// Unity's estimate, in milliseconds.
///
/// Source: Unity Transport `ReliableUtility.RTTInfo`, `StoreReceivedTimestamp`.
#[derive(Clone, Copy, Debug)]
struct UnityEstimate {
    smoothed: f32,
    variation: f32,
    timeout_ms: u64,
}

impl Default for RoundTrip {
    fn default() -> Self {
        Self {
            path: Estimate::default(),
            timer: Estimate::default(),
            unity: UnityEstimate {
                smoothed: 50.0,
                variation: 5.0,
                timeout_ms: 50,
            },
            latest: Duration::ZERO,
            min: Duration::MAX,
            max: Duration::ZERO,
            samples: 0,
        }
    }
}

impl RoundTrip {
    /// The ack of a packet came `elapsed` after it was sent; the peer says it took `processing` of
    /// that. A processing time longer than the sample is no processing time (R27). Returns the path's
    /// round trip.
    pub(super) fn take(&mut self, elapsed: Duration, processing: Duration) -> Option<Duration> {
        if elapsed > LONGEST {
            return None;
        }
        let path = elapsed.checked_sub(processing).unwrap_or(elapsed);
        let first = self.samples == 0;
        self.path.take(path, first);
        self.timer.take(elapsed, first);
        self.latest = path;
        self.min = self.min.min(path);
        self.max = self.max.max(path);
        self.samples += 1;
        Some(path)
    }

    /// The same, in Unity's arithmetic: whole milliseconds, and never less than one.
    pub(super) fn take_as_unity(&mut self, elapsed_ms: u64, processing_ms: u16) {
        let sample = elapsed_ms.saturating_sub(u64::from(processing_ms)).max(1);
        let unity = &mut self.unity;
        let difference = sample as f32 - unity.smoothed;
        unity.smoothed += difference / 8.0;
        unity.variation += (difference.abs() - unity.variation) / 4.0;
        unity.timeout_ms = whole_millis(unity.smoothed + 4.0 * unity.variation);
    }

    /// Time without an ack after which a packet is sent again, doubled `backoff` times.
    pub(super) fn resend_timeout(&self, parameters: &Parameters, backoff: u8) -> Duration {
        // R27 wants no timer below a millisecond, whatever was configured.
        let min = parameters.min_resend.max(Duration::from_millis(1));
        let max = parameters.max_resend.max(min);
        let timeout = match parameters.timing {
            Timing::Unity => Duration::from_millis(self.unity.timeout_ms),
            Timing::Prompt if self.samples == 0 => INITIAL,
            Timing::Prompt => {
                let Estimate {
                    smoothed,
                    variation,
                } = self.timer;
                // An ack that comes a frame of the peer late is not lost. RFC 6298 §2.3 has the
                // granularity of a clock here, RFC 9002 §6.2.1 the longest delay of an ack.
                let leeway = (4 * u64::from(variation))
                    .max(u64::from(smoothed) / 8)
                    .max(1_000);
                Duration::from_micros(u64::from(smoothed) + leeway)
            }
        };
        timeout
            .clamp(min, max)
            .saturating_mul(1_u32.checked_shl(u32::from(backoff)).unwrap_or(u32::MAX))
            .min(max)
    }

    /// When an ack can be expected after a packet was sent.
    pub(super) fn expected(&self) -> Duration {
        if self.samples == 0 {
            return INITIAL;
        }
        Duration::from_micros(u64::from(self.timer.smoothed))
    }

    /// For the user.
    pub(super) fn statistics(&self, parameters: &Parameters, backoff: u8) -> RoundTripStatistics {
        RoundTripStatistics {
            latest: self.latest,
            smoothed: Duration::from_micros(u64::from(self.path.smoothed)),
            variation: Duration::from_micros(u64::from(self.path.variation)),
            min: if self.samples == 0 {
                Duration::ZERO
            } else {
                self.min
            },
            max: self.max,
            samples: self.samples,
            resend_timeout: self.resend_timeout(parameters, backoff),
        }
    }
}

/// A float's whole milliseconds, as C# truncates it.
fn whole_millis(value: f32) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates, and Unity truncates here"
    )]
    let whole = value as i64;
    whole.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn unitys_estimate_begins_at_50_ms_and_is_clamped_to_64() {
        let parameters = Parameters::new(Timing::Unity);
        let mut trip = RoundTrip::default();
        assert_eq!(trip.resend_timeout(&parameters, 0), ms(64));
        trip.take_as_unity(500, 0);
        // 50 + 450/8 = 106.25; 5 + 445/4 = 116.25; 106.25 + 465 = 571.25.
        assert_eq!(trip.unity.timeout_ms, 571);
        assert_eq!(trip.resend_timeout(&parameters, 0), ms(200));
    }

    #[test]
    fn a_late_and_truthful_ack_teaches_the_timer_to_wait() {
        let parameters = Parameters::new(Timing::Prompt);
        let mut trip = RoundTrip::default();
        for _ in 0..50 {
            trip.take(ms(180), ms(170));
        }
        let statistics = trip.statistics(&parameters, 0);
        assert!(statistics.smoothed <= ms(11));
        assert!(statistics.resend_timeout > ms(180));
    }

    #[test]
    fn an_even_path_leaves_an_ack_an_eighth_of_its_time_to_be_late() {
        let parameters = Parameters::new(Timing::Prompt);
        let mut trip = RoundTrip::default();
        for _ in 0..50 {
            trip.take(ms(200), ms(0));
        }
        assert_eq!(trip.resend_timeout(&parameters, 0), ms(225));
    }

    #[test]
    fn r27_a_processing_time_beyond_the_sample_is_ignored() {
        let mut trip = RoundTrip::default();
        trip.take(ms(40), ms(65_535));
        assert_eq!((trip.latest, trip.min, trip.max), (ms(40), ms(40), ms(40)));
    }

    #[test]
    fn k26_the_resend_time_stays_within_its_bounds_whatever_arrives() {
        for timing in [Timing::Prompt, Timing::Unity] {
            let mut parameters = Parameters::new(timing);
            let mut trip = RoundTrip::default();
            for sample in [0, 1, 5, 59_999, 1_000_000, 3] {
                trip.take(ms(sample), ms(0));
                trip.take_as_unity(sample, 0);
                for backoff in [0, 1, 8, 31, 32, 255] {
                    let timeout = trip.resend_timeout(&parameters, backoff);
                    assert!(timeout >= parameters.min_resend && timeout <= parameters.max_resend);
                }
            }
            // Changeable while the connection lives.
            parameters.min_resend = ms(333);
            parameters.max_resend = ms(444);
            let timeout = trip.resend_timeout(&parameters, 0);
            assert!((ms(333)..=ms(444)).contains(&timeout));
        }
    }

    #[test]
    fn the_timeout_doubles_up_to_its_maximum() {
        let parameters = Parameters::new(Timing::Prompt);
        let trip = RoundTrip::default();
        assert_eq!(trip.resend_timeout(&parameters, 0), ms(200));
        assert_eq!(trip.resend_timeout(&parameters, 3), ms(1_600));
        assert_eq!(trip.resend_timeout(&parameters, 60), parameters.max_resend);
    }
}
