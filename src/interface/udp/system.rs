//! The seam between the UDP interface and the system: one socket, and the way to open one.
//!
//! The interface above decides what an error means; this side only makes calls and says what
//! happened. Tests put a scripted system in its place.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::options::UdpOptions;
use super::source::{ReceiveTally, SourceFilter};
use crate::buffer::batch::ReceiveBatch;
use crate::interface::Transmit;

/// Longest train of datagrams in one message (`UDP_MAX_SEGMENTS` of every kernel that has it).
const TRAIN_DATAGRAMS: usize = 64;
/// Most bytes of a train: below 65,535 less the headers of any family.
const TRAIN_BYTES: usize = 65_000;

/// How a receive call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// All free slots: more may wait.
    All,
    /// Fewer than there were slots: the socket is empty.
    Some,
}

/// What a send call took from the front of its batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) datagrams: usize,
    /// Of those, the ones that left in trains.
    pub(super) segmented: usize,
    /// System calls it took.
    pub(super) calls: u64,
}

/// A send call that took nothing.
#[derive(Debug)]
pub(super) struct SendFailure {
    pub(super) error: io::Error,
    /// Datagrams of the message that failed: more than one if it was a train.
    pub(super) train: usize,
}

/// A bound, non-blocking socket.
pub(super) trait SystemSocket: fmt::Debug + Send + Sync {
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Granted sizes of the receive and the send buffer, as the system reports them.
    fn buffers(&self) -> (usize, usize);

    /// Whether it may hand over trains.
    fn coalesces(&self) -> bool {
        false
    }

    /// Whether it can send trains.
    fn segments(&self) -> bool {
        false
    }

    /// Reads into the free slots of `batch`. One thread at a time.
    fn receive(
        &self,
        batch: &mut ReceiveBatch,
        filter: &SourceFilter,
        tally: &mut ReceiveTally,
    ) -> io::Result<Filled>;

    /// Sends from the front of `batch`, trains only if `gso`. An error concerns the first message.
    fn send(&self, batch: &[Transmit<'_>], gso: bool) -> Result<Sent, SendFailure>;

    /// The descriptor to wait on.
    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>>;

    /// Blocks until something waits or `timeout` has passed.
    #[cfg(not(unix))]
    fn wait(&self, timeout: Duration) -> bool;
}

/// Opens sockets.
pub(super) trait System: fmt::Debug + Send + Sync {
    fn open(&self, options: &UdpOptions, local: SocketAddr) -> io::Result<Box<dyn SystemSocket>>;
}

/// Whether a socket at `local` carries IPv4 beside IPv6.
pub(super) fn is_dual(options: &UdpOptions, local: SocketAddr) -> bool {
    options.dual_stack && local.is_ipv6() && local.ip().is_unspecified()
}

/// Datagrams at the front of `batch` that can leave as one message: to one peer from one address,
/// of one size, only the last may be shorter.
pub(super) fn train_length(batch: &[Transmit<'_>]) -> usize {
    let Some((first, rest)) = batch.split_first() else {
        return 0;
    };
    let size = first.bytes.len();
    let mut total = size;
    let mut length = 1;
    if size == 0 {
        return length;
    }
    for next in rest.iter().take(TRAIN_DATAGRAMS - 1) {
        let len = next.bytes.len();
        total += len;
        if len == 0
            || len > size
            || total > TRAIN_BYTES
            || next.to != first.to
            || next.from != first.from
        {
            break;
        }
        length += 1;
        if len < size {
            break;
        }
    }
    length
}

/// Blocks until one of `sockets` has something to read, or `timeout` has passed. True if one has.
///
/// A signal ends the wait early. Without a socket it waits all the same, so that a loop around a
/// failed interface does not spin.
#[cfg(unix)]
pub(super) fn wait(sockets: &[Box<dyn SystemSocket>], timeout: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    // Far beyond any deadline, and still a legal `timespec`.
    const LONGEST: Duration = Duration::from_secs(86_400);

    let timeout = timeout.min(LONGEST);
    let limit = Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(0),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    let mut descriptors = sockets.iter().filter_map(|socket| socket.descriptor());
    let Some(first) = descriptors.next() else {
        let _ = poll(&mut [], Some(&limit));
        return false;
    };
    let mut count = 1;
    let mut polled: [PollFd<'_>; super::options::MAX_SOCKETS] = std::array::from_fn(|index| {
        let next = if index == 0 { None } else { descriptors.next() };
        count += usize::from(next.is_some());
        PollFd::from_borrowed_fd(next.unwrap_or(first), PollFlags::IN)
    });
    let polled = polled.get_mut(..count).unwrap_or_default();
    matches!(poll(polled, Some(&limit)), Ok(ready) if ready > 0)
}

/// Blocks until the first socket has something to read, or `timeout` has passed. True if it has.
#[cfg(not(unix))]
pub(super) fn wait(sockets: &[Box<dyn SystemSocket>], timeout: Duration) -> bool {
    sockets.first().is_some_and(|socket| socket.wait(timeout))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::NetworkEndpoint;

    fn lengths(sizes: &[(u16, usize)]) -> Vec<usize> {
        let bytes = vec![0; 65_507];
        let endpoints: Vec<_> = sizes
            .iter()
            .map(|(port, _)| NetworkEndpoint::loopback_ipv4(*port))
            .collect();
        let batch: Vec<_> = sizes
            .iter()
            .zip(&endpoints)
            .map(|((_, size), to)| Transmit {
                to,
                from: None,
                bytes: &bytes[..*size],
            })
            .collect();
        let mut rest = batch.as_slice();
        let mut lengths = Vec::new();
        while !rest.is_empty() {
            let length = train_length(rest);
            lengths.push(length);
            rest = &rest[length..];
        }
        lengths
    }

    #[test]
    fn a_train_ends_at_another_peer_or_after_a_shorter_datagram() {
        assert_eq!(lengths(&[(1, 9), (1, 9), (2, 9)]), [2, 1]);
        assert_eq!(lengths(&[(1, 9), (1, 9), (1, 5), (1, 5)]), [3, 1]);
        assert_eq!(lengths(&[(1, 5), (1, 9)]), [1, 1]);
    }

    #[test]
    fn an_empty_datagram_travels_alone() {
        assert_eq!(lengths(&[(1, 0), (1, 0), (1, 9), (1, 0)]), [1, 1, 1, 1]);
    }

    #[test]
    fn a_train_keeps_to_the_kernels_limits() {
        assert_eq!(lengths(&[(1, 9); 65]), [64, 1]);
        assert_eq!(lengths(&[(1, 1400); 64]), [46, 18]);
    }
}
