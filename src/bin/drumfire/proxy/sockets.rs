//! The proxy's sockets: one towards the clients, and one towards the server for each client.
//!
//! A thread of its own reads each, since they are few and a datagram must not wait for another's
//! socket. What they read goes to one queue; a queue that is full makes them wait, and then the system
//! drops.

#![expect(
    clippy::disallowed_types,
    reason = "any UDP traffic passes here: a driver would want to understand it"
)]

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::failure::{Failure, While};

/// Datagrams that wait to be looked at.
const QUEUE: usize = 4_096;
/// How often a reader looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(200);
/// Clients it takes: each has a thread.
const MOST_CLIENTS: usize = 1_024;
/// The largest datagram there is.
const LARGEST: usize = 65_535;

/// A datagram that came in.
#[derive(Debug)]
pub(crate) enum Came {
    /// From a client.
    Up { client: usize, bytes: Vec<u8> },
    /// From the server, for a client.
    Down { client: usize, bytes: Vec<u8> },
}

/// Which socket a reader reads.
#[derive(Clone, Copy, Debug)]
enum Reads {
    Front,
    Back(usize),
}

/// All of the proxy's sockets.
#[derive(Debug)]
pub(crate) struct Sockets {
    server: SocketAddr,
    front: UdpSocket,
    /// By client, in the order of first appearance.
    clients: Vec<(SocketAddr, UdpSocket)>,
    numbers: HashMap<SocketAddr, usize>,
    queue: Receiver<(Reads, SocketAddr, Vec<u8>)>,
    readers: SyncSender<(Reads, SocketAddr, Vec<u8>)>,
    over: Arc<AtomicBool>,
    refused: u64,
}

impl Sockets {
    pub(crate) fn open(listen: SocketAddr, server: SocketAddr) -> Result<Self, Failure> {
        let front = UdpSocket::bind(listen).while_doing(|| format!("listening on {listen}"))?;
        let (readers, queue) = sync_channel(QUEUE);
        let sockets = Self {
            server,
            clients: Vec::new(),
            numbers: HashMap::new(),
            queue,
            readers,
            over: Arc::default(),
            refused: 0,
            front,
        };
        sockets.read(&sockets.front, Reads::Front)?;
        Ok(sockets)
    }

    pub(crate) fn listens_on(&self) -> Result<SocketAddr, Failure> {
        Ok(self.front.local_addr()?)
    }

    /// The next datagram, if one comes within `patience`.
    pub(crate) fn next(&mut self, patience: Duration) -> Result<Option<Came>, Failure> {
        match self.queue.recv_timeout(patience) {
            Ok((Reads::Back(client), _, bytes)) => Ok(Some(Came::Down { client, bytes })),
            Ok((Reads::Front, from, bytes)) => {
                let client = match self.numbers.get(&from) {
                    Some(client) => Some(*client),
                    None => self.welcome(from)?,
                };
                Ok(client.map(|client| Came::Up { client, bytes }))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Failure::new("the readers are gone")),
        }
    }

    /// A client that was not seen before; none if there are too many.
    fn welcome(&mut self, from: SocketAddr) -> Result<Option<usize>, Failure> {
        let client = self.clients.len();
        if client == MOST_CLIENTS {
            self.refused += 1;
            return Ok(None);
        }
        let any: SocketAddr = match self.server {
            SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
            SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
        };
        let doing = || format!("opening a socket to {} for {from}", self.server);
        let socket = UdpSocket::bind(any).while_doing(doing)?;
        socket.connect(self.server).while_doing(doing)?;
        self.read(&socket, Reads::Back(client))?;
        self.clients.push((from, socket));
        self.numbers.insert(from, client);
        Ok(Some(client))
    }

    /// Begins to read a socket.
    fn read(&self, socket: &UdpSocket, reads: Reads) -> Result<(), Failure> {
        let socket = socket.try_clone()?;
        socket.set_read_timeout(Some(LOOK))?;
        let (queue, over) = (self.readers.clone(), self.over.clone());
        thread::Builder::new().spawn(move || {
            let mut buffer = vec![0; LARGEST];
            // Relaxed: nothing else is read through it.
            while !over.load(Ordering::Relaxed) {
                // An error is a time-out, or an earlier send's (ECONNREFUSED), which is over with it.
                let Ok((len, from)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                let bytes = buffer.get(..len).unwrap_or_default().to_vec();
                if queue.send((reads, from, bytes)).is_err() {
                    return;
                }
            }
        })?;
        Ok(())
    }

    /// Sends a datagram of a client to the server. What the system does not take is lost, as on any
    /// network.
    pub(crate) fn up(&self, client: usize, bytes: &[u8]) {
        if let Some((_, socket)) = self.clients.get(client) {
            // What an earlier datagram met (ICMP) takes the place of this one: once more.
            let sent = socket.send(bytes);
            if sent.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
                let _ = socket.send(bytes);
            }
        }
    }

    /// Sends a datagram of the server to a client.
    pub(crate) fn down(&self, client: usize, bytes: &[u8]) {
        if let Some((endpoint, _)) = self.clients.get(client) {
            let _ = self.front.send_to(bytes, endpoint);
        }
    }

    pub(crate) fn clients(&self) -> usize {
        self.clients.len()
    }

    /// Datagrams of clients beyond the most there may be.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
