//! The outcome: what an update has for the front.

use crate::id::NetworkConnection;

/// An incoming connection that waits for `accept`.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) connection: NetworkConnection,
    pub(crate) payload: Vec<u8>,
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
