//! What the networks in memory have in common: each is a handle of one hub.

/// Gives a network with the field `hub` what every network in memory offers.
macro_rules! is_a_handle {
    ($network:ty) => {
        const _: () = {
            use std::sync::Arc;

            use $crate::address::NetworkEndpoint;
            use $crate::error::BindError;
            use $crate::interface::{MemoryInterface, NetworkTally, RawSocket, Tap};

            impl $network {
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

                /// Records every datagram sent from now on, before any weather gets hold of it.
                pub fn tap(&self) -> Tap {
                    self.hub.tap()
                }

                /// Sends a datagram in the name of `from`, whoever that is.
                pub fn inject(&self, from: &NetworkEndpoint, to: &NetworkEndpoint, bytes: &[u8]) {
                    self.hub.send_by_hand(from, to, bytes);
                }

                /// Takes away everything that has arrived at whoever receives at `to`: sources and
                /// bytes.
                pub fn take(&self, to: &NetworkEndpoint) -> Vec<(NetworkEndpoint, Vec<u8>)> {
                    self.hub.take(to)
                }

                /// What became of the datagrams so far.
                pub fn tally(&self) -> NetworkTally {
                    self.hub.tally()
                }
            }
        };
    };
}

pub(super) use is_a_handle;
