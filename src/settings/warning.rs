//! What is allowed but probably not meant.

use std::fmt;
use std::time::Duration;

/// A value that is legal and has a consequence worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsWarning {
    /// `max_message_size` is smaller than what every IPv4 path carries.
    ///
    /// Source: Unity Transport warns below the same 548 bytes (576 − 20 − 8, RFC 791).
    SmallMaxMessageSize {
        /// The size, in bytes.
        size: usize,
    },
    /// `fixed_frame_time` is above `max_tick_credit`, so inactivity timers run slower than the rest.
    FrameBeyondTickCredit {
        /// The time of one update.
        frame: Duration,
        /// What inactivity timers advance by, at most.
        credit: Duration,
    },
    /// A certificate works, with a consequence.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    Certificate(crate::crypto::CertificateWarning),
}

impl fmt::Display for SettingsWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SmallMaxMessageSize { size } => write!(
                f,
                "max_message_size is {size} bytes: every IPv4 path carries 548, and less only costs"
            ),
            Self::FrameBeyondTickCredit { frame, credit } => write!(
                f,
                "fixed_frame_time is {frame:?} and max_tick_credit {credit:?}: \
                 inactivity timers run slower than time, raise max_tick_credit"
            ),
            #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
            Self::Certificate(warning) => warning.fmt(f),
        }
    }
}
