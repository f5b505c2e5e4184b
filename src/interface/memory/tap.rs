//! A tap on the wire: what was given to a network, in order.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::address::NetworkEndpoint;
use crate::time::Timestamp;

/// One datagram as it was given to the network: before any weather.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// When: the network's virtual time, or, where it has none, the sender's own at its last
    /// update (zero for a [`RawSocket`](super::RawSocket)).
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
