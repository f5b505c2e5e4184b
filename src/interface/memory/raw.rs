//! By hand: a socket for tests that play a peer themselves, and a tap on the wire.

use std::sync::Arc;

use parking_lot::Mutex;

use super::hub::Binding;
use crate::address::NetworkEndpoint;
use crate::time::Timestamp;

/// One datagram as it was given to the network: before any weather.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// When: the network's virtual time, or, where it has none, the sender's own at its last
    /// update (zero for a [`RawSocket`]).
    pub at: Timestamp,
    /// The source others see.
    pub from: NetworkEndpoint,
    /// Where to.
    pub to: NetworkEndpoint,
    /// The whole datagram.
    pub bytes: Vec<u8>,
}

/// Records every datagram given to a network from the moment it was made.
///
/// A driver's datagrams show up when its update is over, ordered by destination, those to one peer
/// as they were sent: the same whatever the number of threads.
#[derive(Clone, Debug, Default)]
pub struct Tap {
    log: Arc<Mutex<Vec<Captured>>>,
}

impl Tap {
    /// Takes what was recorded since the last time.
    pub fn take(&self) -> Vec<Captured> {
        std::mem::take(&mut *self.log.lock())
    }

    /// Whether anybody but the network has it.
    pub(super) fn is_held(&self) -> bool {
        Arc::strong_count(&self.log) > 1
    }

    pub(super) fn extend(&self, captured: &[Captured]) {
        self.log.lock().extend_from_slice(captured);
    }
}

/// A bound endpoint without a driver: a peer played by hand. Dropping it unbinds.
#[derive(Debug)]
pub struct RawSocket {
    binding: Binding,
}

impl RawSocket {
    pub(super) fn new(binding: Binding) -> Self {
        Self { binding }
    }

    /// The endpoint in use, with its real port.
    pub fn local_endpoint(&self) -> NetworkEndpoint {
        self.binding.local
    }

    /// Sends one datagram.
    pub fn send_to(&self, to: &NetworkEndpoint, bytes: &[u8]) {
        let hub = &self.binding.hub;
        let from = hub.source(&self.binding.local, None, to);
        hub.send_by_hand(&from, to, bytes);
    }

    /// Takes the next datagram that has arrived: its source and its bytes.
    pub fn recv_from(&self) -> Option<(NetworkEndpoint, Vec<u8>)> {
        self.binding.hub.land();
        let mut next = None;
        self.binding.mailbox.drain(|path, bytes| {
            let first = next.is_none();
            if first {
                next = Some((path.remote, bytes.to_vec()));
            }
            first
        });
        next
    }
}
