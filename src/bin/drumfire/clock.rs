//! The binary's clock, and the processor time of this process.

use std::time::{Duration, Instant};

/// The time.
#[expect(
    clippy::disallowed_methods,
    reason = "the binary is above the driver and measures it"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// User and system time of all threads of this process; zero where the system does not say.
///
/// `CLOCK_PROCESS_CPUTIME_ID` counts in nanoseconds where `/proc/self/stat` counts in ticks of 10 ms.
pub(crate) fn cpu_time() -> Duration {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
        Duration::new(seconds, nanos)
    }
    #[cfg(not(unix))]
    Duration::ZERO
}

/// Whole nanoseconds of `duration`.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
