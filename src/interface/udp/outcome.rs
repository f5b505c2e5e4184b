//! What an error of a send or receive call means: the rows of R3, and nothing of what to do.

use std::io::{Error, ErrorKind};

/// The row an error belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing to read, or no room to send: the normal end of a batch.
    Full,
    /// The system is short of memory just now.
    Scarce,
    /// A signal came: try again at once.
    Interrupted,
    /// The datagram is larger than the path or the buffer takes.
    TooLong,
    /// The address of this datagram cannot be reached.
    Unreachable,
    /// The system refuses this datagram.
    Refused,
    /// The socket is of no use any more.
    Fatal,
    /// Anything else. The datagram is given up; the socket is if it goes on.
    Other,
}

impl Outcome {
    pub(super) fn of(error: &Error) -> Self {
        // What has no stable kind comes first.
        if let Some(outcome) = error.raw_os_error().and_then(by_code) {
            return outcome;
        }
        match error.kind() {
            ErrorKind::WouldBlock => Self::Full,
            ErrorKind::Interrupted => Self::Interrupted,
            ErrorKind::OutOfMemory => Self::Scarce,
            // Windows reports a port-unreachable message as a reset.
            ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown => Self::Unreachable,
            ErrorKind::PermissionDenied | ErrorKind::InvalidInput => Self::Refused,
            _ => Self::Other,
        }
    }
}

#[cfg(unix)]
fn by_code(code: i32) -> Option<Outcome> {
    match code {
        libc::ENOBUFS | libc::ENOMEM => Some(Outcome::Scarce),
        libc::EMSGSIZE => Some(Outcome::TooLong),
        libc::EBADF | libc::ENOTSOCK | libc::ENODEV => Some(Outcome::Fatal),
        _ => None,
    }
}

/// Winsock's numbers: WSAENOBUFS, WSAEMSGSIZE, and the two for "not a socket".
#[cfg(not(unix))]
fn by_code(code: i32) -> Option<Outcome> {
    match code {
        10055 => Some(Outcome::Scarce),
        10040 => Some(Outcome::TooLong),
        10009 | 10038 => Some(Outcome::Fatal),
        _ => None,
    }
}

/// A segment of the smallest legal path of IPv6 (1,280) less its headers fits every path.
#[cfg(unix)]
const FITS_EVERY_PATH: usize = 1_280 - 40 - 8;

/// Whether a train of `segment` bytes a datagram failed because the system cannot send trains,
/// rather than for its contents.
///
/// EIO: the device has no checksum offload, which segmentation needs. EINVAL: the kernel does not
/// know it, or the segment exceeds the path; only a small one tells which.
#[cfg(unix)]
pub(super) fn lacks_segmentation(error: &Error, segment: usize) -> bool {
    match error.raw_os_error() {
        Some(libc::EIO) => true,
        Some(libc::EINVAL) => segment <= FITS_EVERY_PATH,
        _ => false,
    }
}

/// Nothing but Linux sends trains.
#[cfg(not(unix))]
pub(super) fn lacks_segmentation(_error: &Error, _segment: usize) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn every_errno_of_the_table_has_its_row() {
        for (code, expected) in [
            (libc::EAGAIN, Outcome::Full),
            (libc::ENOBUFS, Outcome::Scarce),
            (libc::ENOMEM, Outcome::Scarce),
            (libc::EINTR, Outcome::Interrupted),
            (libc::EMSGSIZE, Outcome::TooLong),
            (libc::ECONNREFUSED, Outcome::Unreachable),
            (libc::EHOSTUNREACH, Outcome::Unreachable),
            (libc::ENETUNREACH, Outcome::Unreachable),
            (libc::ENETDOWN, Outcome::Unreachable),
            (libc::EPERM, Outcome::Refused),
            (libc::EACCES, Outcome::Refused),
            (libc::EINVAL, Outcome::Refused),
            (libc::EBADF, Outcome::Fatal),
            (libc::ENOTSOCK, Outcome::Fatal),
            (libc::ENODEV, Outcome::Fatal),
            (libc::EPIPE, Outcome::Other),
        ] {
            let error = Error::from_raw_os_error(code);
            assert_eq!(Outcome::of(&error), expected, "{error}");
        }
    }
}
