//! The date, as certificates know it. [`WallTime::now`] alone reads a clock, for those who build settings
//! and schedule updates; the protocols are handed what it gave.

use std::fmt;
use std::time::Duration;

use rustls_pki_types::UnixTime;
use x509_cert::der::DateTime;

/// Seconds since 1970-01-01 00:00:00 UTC, from the system's clock or a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime(u64);

impl WallTime {
    /// The system's date; 1970 if its clock is set before.
    pub fn now() -> Self {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
        Self(since.map_or(0, |since| since.as_secs()))
    }

    /// From seconds since 1970.
    pub const fn from_unix_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970.
    pub const fn as_unix_seconds(self) -> u64 {
        self.0
    }

    /// As webpki takes it.
    pub(super) fn to_unix_time(self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(self.0))
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_unix_duration(Duration::from_secs(self.0)) {
            Ok(date) => write!(
                f,
                "{}-{:02}-{:02} {:02}:{:02} UTC",
                date.year(),
                date.month(),
                date.day(),
                date.hour(),
                date.minutes()
            ),
            Err(_) => write!(f, "{} s after 1970", self.0),
        }
    }
}
