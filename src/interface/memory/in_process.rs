//! The in-process network: everything arrives, at once.

use std::sync::Arc;

use super::handle::is_a_handle;
use super::hub::Hub;

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
}

is_a_handle!(InProcessNetwork);
