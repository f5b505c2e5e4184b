//! Many sockets under one driver: an interface for clients that must each have their own.
//!
//! Socket `n` belongs to the endpoint [`seat`]`(n)`: the driver's n-th connection goes out through it
//! and the server sees an address of its own. The sockets are connected, which spares a route
//! look-up a message; all of them go to one server.
//!
//! This is an ordinary [`NetworkInterface`], written on the public API alone.

#![expect(
    clippy::disallowed_types,
    reason = "an interface of the binary's own: this is where its sockets live"
)]

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use drumfire::address::{CUSTOM_ADDRESS_LEN, NetworkEndpoint, Path};
use drumfire::buffer::batch::ReceiveBatch;
use drumfire::error::BindError;
use drumfire::interface::{NetworkInterface, Received, SendFault, SendReport, Transmit};

use ready::Ready;

/// One socket for each of many clients of one server.
#[derive(Debug)]
pub(crate) struct ManySockets {
    sockets: Vec<UdpSocket>,
    seats: Vec<NetworkEndpoint>,
    ready: Mutex<Ready>,
}

/// The endpoint that stands for the server as client `index` sees it: through socket `index`.
pub(crate) fn seat(index: usize) -> NetworkEndpoint {
    let mut bytes = [0; CUSTOM_ADDRESS_LEN];
    if let Some(number) = bytes.first_chunk_mut() {
        *number = (index as u64).to_le_bytes();
    }
    NetworkEndpoint::custom(bytes)
}

fn index_of(endpoint: &NetworkEndpoint) -> Option<usize> {
    let NetworkEndpoint::Custom(bytes) = endpoint else {
        return None;
    };
    usize::try_from(u64::from_le_bytes(*bytes.first_chunk()?)).ok()
}

impl ManySockets {
    /// Opens `count` sockets to `server`.
    ///
    /// # Errors
    /// If the system has no descriptors or ports left.
    pub(crate) fn open(server: SocketAddr, count: usize) -> io::Result<Self> {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
            SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
        };
        let mut sockets = Vec::with_capacity(count);
        for _ in 0..count {
            let socket = UdpSocket::bind(any)?;
            socket.set_nonblocking(true)?;
            socket.connect(server)?;
            sockets.push(socket);
        }
        Ok(Self {
            ready: Mutex::new(Ready::new(&sockets)?),
            seats: (0..count).map(seat).collect(),
            sockets,
        })
    }

    /// Reads one datagram of socket `index`. False if there is no room for it.
    fn read(&self, index: usize, batch: &mut ReceiveBatch) -> bool {
        let (Some(socket), Some(seat)) = (self.sockets.get(index), self.seats.get(index)) else {
            return true;
        };
        let Some(slot) = batch.slots().next() else {
            return false;
        };
        // An error here is an earlier send's (ECONNREFUSED): reading it took it off the socket.
        if let Ok(len) = socket.recv(slot) {
            batch.commit(Path::from(*seat), len, 0);
        }
        true
    }
}

impl NetworkInterface for ManySockets {
    fn bind(&mut self, _endpoint: &NetworkEndpoint) -> Result<(), BindError> {
        Ok(())
    }

    fn local_endpoint(&self) -> NetworkEndpoint {
        let first = self.sockets.first().map(UdpSocket::local_addr);
        first
            .and_then(Result::ok)
            .map_or_else(NetworkEndpoint::default, NetworkEndpoint::from)
    }

    fn receive(&self, batch: &mut ReceiveBatch) -> Received {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        // One datagram of each socket that has some: the kernel names those again that have more.
        loop {
            while let Some(index) = ready.next() {
                if !self.read(index, batch) {
                    ready.put_back(index);
                    return Received::More;
                }
            }
            if !ready.look() {
                return Received::Drained;
            }
        }
    }

    fn send(&self, batch: &[Transmit<'_>], report: &mut SendReport) {
        report.clear();
        for (at, transmit) in batch.iter().enumerate() {
            let socket = index_of(transmit.to).and_then(|index| self.sockets.get(index));
            let Some(socket) = socket else {
                report.faults.push((at, SendFault::Refused));
                report.done += 1;
                continue;
            };
            // What an earlier datagram met (ICMP) takes the place of this one: once more.
            let sent = socket
                .send(transmit.bytes)
                .or_else(|error| match fault(&error) {
                    SendFault::Unreachable => socket.send(transmit.bytes),
                    _ => Err(error),
                });
            match sent {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    report.congested = true;
                    return;
                }
                Err(error) => report.faults.push((at, fault(&error))),
            }
            report.done += 1;
        }
    }

    fn wait(&self, timeout: Duration) -> bool {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.wait(&self.sockets, timeout)
    }
}

fn fault(error: &io::Error) -> SendFault {
    match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable => SendFault::Unreachable,
        ErrorKind::InvalidInput => SendFault::TooLong,
        _ => SendFault::Refused,
    }
}

/// Which sockets have something to read: epoll.
#[cfg(target_os = "linux")]
mod ready {
    use std::io;
    use std::mem::MaybeUninit;
    use std::net::UdpSocket;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    /// Sockets looked up in one call.
    const AT_ONCE: usize = 256;

    #[derive(Debug)]
    pub(super) struct Ready {
        epoll: OwnedFd,
        /// Sockets that had something when last looked.
        found: Vec<u64>,
        /// Of `found`, those handed out.
        taken: usize,
    }

    impl Ready {
        pub(super) fn new(sockets: &[UdpSocket]) -> io::Result<Self> {
            let epoll = epoll::create(CreateFlags::CLOEXEC)?;
            for (index, socket) in sockets.iter().enumerate() {
                epoll::add(
                    &epoll,
                    socket,
                    EventData::new_u64(index as u64),
                    EventFlags::IN,
                )?;
            }
            Ok(Self {
                epoll,
                found: Vec::with_capacity(AT_ONCE),
                taken: 0,
            })
        }

        /// The next socket that had something when last looked.
        pub(super) fn next(&mut self) -> Option<usize> {
            let index = self.found.get(self.taken)?;
            self.taken += 1;
            usize::try_from(*index).ok()
        }

        /// The next one is this again.
        pub(super) fn put_back(&mut self, _index: usize) {
            self.taken = self.taken.saturating_sub(1);
        }

        /// Looks which sockets have something. False if none has.
        pub(super) fn look(&mut self) -> bool {
            self.found.clear();
            self.taken = 0;
            let at_once = Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            let mut events = [MaybeUninit::<Event>::uninit(); AT_ONCE];
            if let Ok((events, _)) = epoll::wait(&self.epoll, &mut events, Some(&at_once)) {
                self.found
                    .extend(events.iter().map(|event| event.data.u64()));
            }
            !self.found.is_empty()
        }

        /// Waits until some socket has something. The set itself is polled, with a time-out in
        /// nanoseconds, where `epoll_wait` has milliseconds: a load is sent in steps of less.
        pub(super) fn wait(&mut self, _sockets: &[UdpSocket], timeout: Duration) -> bool {
            if self.taken < self.found.len() {
                return true;
            }
            let timeout = Timespec::try_from(timeout).ok();
            let mut set = [PollFd::new(&self.epoll, PollFlags::IN)];
            poll(&mut set, timeout.as_ref()).is_ok_and(|found| found > 0)
        }
    }
}

/// Which sockets have something to read: every one may, so each is tried in turn.
#[cfg(not(target_os = "linux"))]
mod ready {
    use std::io;
    use std::net::UdpSocket;
    use std::time::Duration;

    #[derive(Debug)]
    pub(super) struct Ready {
        sockets: usize,
        next: usize,
    }

    impl Ready {
        pub(super) fn new(sockets: &[UdpSocket]) -> io::Result<Self> {
            Ok(Self {
                sockets: sockets.len(),
                next: 0,
            })
        }

        pub(super) fn next(&mut self) -> Option<usize> {
            let index = self.next;
            self.next += 1;
            (index < self.sockets).then_some(index)
        }

        pub(super) fn put_back(&mut self, index: usize) {
            self.next = index;
        }

        /// Starts over with the next call of `receive`.
        pub(super) fn look(&mut self) -> bool {
            self.next = 0;
            false
        }

        /// Waits until some socket has something.
        #[cfg(unix)]
        pub(super) fn wait(&mut self, sockets: &[UdpSocket], timeout: Duration) -> bool {
            use rustix::event::{PollFd, PollFlags, Timespec, poll};

            let timeout = Timespec::try_from(timeout).ok();
            let mut set: Vec<_> = sockets
                .iter()
                .map(|socket| PollFd::new(socket, PollFlags::IN))
                .collect();
            poll(&mut set, timeout.as_ref()).is_ok_and(|found| found > 0)
        }

        /// Parks for a moment: without `poll` there is no one socket to wait on.
        #[cfg(not(unix))]
        pub(super) fn wait(&mut self, _sockets: &[UdpSocket], timeout: Duration) -> bool {
            std::thread::park_timeout(timeout.min(Duration::from_micros(500)));
            true
        }
    }
}
