//! By hand: a socket for tests that play a peer themselves.

use super::hub::Binding;
use crate::address::NetworkEndpoint;

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
