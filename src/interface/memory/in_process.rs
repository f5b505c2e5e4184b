//! The in-process network: everything arrives, at once.

use std::sync::Arc;

use super::hub::Hub;
use super::port::MemoryInterface;
use super::raw::RawSocket;
use super::tally::NetworkTally;
use super::tap::Tap;
use crate::address::NetworkEndpoint;
use crate::error::BindError;

/// A network within the process, for single player and for tests. Clones are the same network.
///
/// Any endpoint can be bound, custom ones included; port 0 gives a fresh port. A datagram to an
/// endpoint nobody is bound to is dropped and counted. Nothing else is lost, unless a receiver
/// leaves 16 MiB unread.
///
/// ```
/// use drumfire::interface::{InProcessNetwork, NetworkInterface};
/// use drumfire::address::NetworkEndpoint;
///
/// let network = InProcessNetwork::new();
/// let mut interface = network.interface();
/// interface.bind(&NetworkEndpoint::loopback_ipv4(7777))?;
/// let peer = network.socket(&NetworkEndpoint::loopback_ipv4(0))?;
/// peer.send_to(&interface.local_endpoint(), b"hello");
/// # Ok::<(), drumfire::error::BindError>(())
/// ```
///
/// Source: Unity Transport `IPCNetworkInterface`.
#[derive(Clone, Debug, Default)]
pub struct InProcessNetwork {
    hub: Arc<Hub>,
}

impl InProcessNetwork {
    /// A network with nobody on it.
    pub fn new() -> Self {
        Self::default()
    }

    /// An unbound interface for a driver.
    pub fn interface(&self) -> MemoryInterface {
        MemoryInterface::new(Arc::clone(&self.hub))
    }

    /// A peer to play by hand, bound to `endpoint`.
    ///
    /// # Errors
    /// As [`NetworkInterface::bind`](crate::interface::NetworkInterface::bind).
    pub fn socket(&self, endpoint: &NetworkEndpoint) -> Result<RawSocket, BindError> {
        self.hub.bind(endpoint).map(RawSocket::new)
    }

    /// Records every datagram sent from now on.
    pub fn tap(&self) -> Tap {
        self.hub.tap()
    }

    /// Sends a datagram in the name of `from`, whoever that is.
    pub fn inject(&self, from: &NetworkEndpoint, to: &NetworkEndpoint, bytes: &[u8]) {
        self.hub.send_by_hand(from, to, bytes);
    }

    /// Takes away everything that waits for whoever receives at `to`: sources and bytes.
    pub fn take(&self, to: &NetworkEndpoint) -> Vec<(NetworkEndpoint, Vec<u8>)> {
        self.hub.take(to)
    }

    /// What became of the datagrams so far.
    pub fn tally(&self) -> NetworkTally {
        self.hub.tally()
    }
}
