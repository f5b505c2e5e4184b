//! The portable path: one datagram a call, by the standard library.
//!
//! Every system takes it but Linux, and Linux takes it when asked, so that the same tests hold both
//! paths to the same behaviour. It knows no control data: no GSO or GRO, no kernel drop counter,
//! and on a wildcard bind neither the address a datagram arrived at nor a choice of the one to
//! answer from.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
#[expect(
    clippy::disallowed_types,
    reason = "this is the interface: sockets live here"
)]
use std::net::UdpSocket;

use socket2::{SockRef, Socket};

use super::outcome::Outcome;
use super::source::{Arrival, ReceiveTally, SourceFilter};
use super::system::{Filled, SendFailure, Sent, SystemSocket};
use crate::address::NetworkEndpoint;
use crate::buffer::batch::ReceiveBatch;
use crate::interface::Transmit;

/// A bound, non-blocking UDP socket.
#[derive(Debug)]
pub(super) struct PortableSocket {
    #[expect(
        clippy::disallowed_types,
        reason = "this is the interface: sockets live here"
    )]
    socket: UdpSocket,
    /// None if the system would not tell; it reaches nobody then.
    family: Option<SocketFamily>,
}

/// Which addresses the socket takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SocketFamily {
    V4,
    V6,
    Dual,
}

impl PortableSocket {
    pub(super) fn new(socket: Socket) -> Self {
        let family = match socket.local_addr() {
            Ok(local) if local.is_ipv4() => Some(SocketFamily::V4),
            Ok(_) => socket.only_v6().ok().map(|only| {
                if only {
                    SocketFamily::V6
                } else {
                    SocketFamily::Dual
                }
            }),
            Err(_) => None,
        };
        Self {
            socket: socket.into(),
            family,
        }
    }

    /// The form in which this socket takes `endpoint`.
    fn name(&self, endpoint: &NetworkEndpoint) -> io::Result<SocketAddr> {
        let addr = endpoint.to_socket_addr().ok_or(ErrorKind::InvalidInput)?;
        match (addr, self.family) {
            (SocketAddr::V4(v4), Some(SocketFamily::Dual)) => {
                Ok(SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()))
            }
            (SocketAddr::V4(_), Some(SocketFamily::V4))
            | (SocketAddr::V6(_), Some(SocketFamily::V6 | SocketFamily::Dual)) => Ok(addr),
            _ => Err(ErrorKind::NetworkUnreachable.into()),
        }
    }
}

impl SystemSocket for PortableSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn buffers(&self) -> (usize, usize) {
        let socket = SockRef::from(&self.socket);
        (
            socket.recv_buffer_size().unwrap_or(0),
            socket.send_buffer_size().unwrap_or(0),
        )
    }

    fn receive(
        &self,
        batch: &mut ReceiveBatch,
        filter: &SourceFilter,
        tally: &mut ReceiveTally,
    ) -> io::Result<Filled> {
        let mut any = false;
        loop {
            let Some(read) = batch.slots().next().map(|slot| self.socket.recv_from(slot)) else {
                return Ok(Filled::All);
            };
            tally.calls += 1;
            let (len, from, cut) = match read {
                Ok((len, from)) => (len, Some(from), false),
                // Windows says so where others cut in silence.
                Err(error) if Outcome::of(&error) == Outcome::TooLong => (0, None, true),
                Err(_) if any => return Ok(Filled::Some),
                Err(error) => return Err(error),
            };
            any = true;
            Arrival {
                from,
                to: None,
                len,
                segment: 0,
                cut,
            }
            .enter(batch, filter, tally);
        }
    }

    fn send(&self, batch: &[Transmit<'_>], _gso: bool) -> Result<Sent, SendFailure> {
        let mut sent = Sent::default();
        for transmit in batch {
            sent.calls += 1;
            let result = self
                .name(transmit.to)
                .and_then(|to| self.socket.send_to(transmit.bytes, to));
            match result {
                Ok(_) => sent.datagrams += 1,
                Err(_) if sent.datagrams > 0 => break,
                Err(error) => return Err(SendFailure { error, train: 1 }),
            }
        }
        Ok(sent)
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        use std::os::fd::AsFd;
        Some(self.socket.as_fd())
    }

    /// By a blocking look at the next datagram; a send beside it may block as long.
    #[cfg(not(unix))]
    fn wait(&self, timeout: std::time::Duration) -> bool {
        // A read time-out of zero means none.
        let timeout = timeout.max(std::time::Duration::from_millis(1));
        let waits = self
            .socket
            .set_read_timeout(Some(timeout))
            .and_then(|()| self.socket.set_nonblocking(false))
            .and_then(|()| self.socket.peek_from(&mut [0]));
        let _ = self.socket.set_nonblocking(true);
        // A datagram longer than the look is an error on Windows, and waits all the same.
        match waits {
            Ok(_) => true,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }
}
