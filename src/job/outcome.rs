//! What an update has for the front, and what is counted of how connections end.

use crate::error::DisconnectReason;
use crate::id::NetworkConnection;

/// An incoming connection that waits for `accept`.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) connection: NetworkConnection,
    pub(crate) payload: Vec<u8>,
}

/// How connections ended, since the driver was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endings {
    /// By this application's `disconnect`, or refused by this driver.
    pub local: u64,
    /// By the peer.
    pub remote: u64,
    /// By silence, or for want of an answer.
    pub timeout: u64,
    /// Otherwise: see the events' reasons.
    pub other: u64,
    /// Reliable packets of all of them that the peers had not acknowledged.
    pub undelivered: u64,
}

impl Endings {
    pub(super) fn count(&mut self, reason: Option<DisconnectReason>, undelivered: usize) {
        self.undelivered += u64::try_from(undelivered).unwrap_or(0);
        match reason {
            None => self.local += 1,
            Some(DisconnectReason::ClosedByRemote) => self.remote += 1,
            Some(DisconnectReason::Timeout | DisconnectReason::MaxConnectionAttempts) => {
                self.timeout += 1;
            }
            Some(_) => self.other += 1,
        }
    }
}

/// What an update has for the front.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Shards that were served.
    pub(crate) served: Vec<usize>,
    /// Connections to accept, in the order they were established.
    pub(crate) incoming: Vec<Incoming>,
    /// Slots whose connection is over; free again once their events are read.
    pub(crate) closed: Vec<u32>,
    /// Pieces of work that helpers took.
    pub(crate) taken: usize,
}
