//! The shape of a driver's messages: the same for all its connections.

use crate::buffer::desk::Snapshot;
use crate::buffer::outbox::Rooms;

/// What messages look like on this driver: the same for all its connections.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Pipelines beside the null one.
    pub(crate) pipelines: u8,
    /// Transport headers of a packet: padding of the layers below, connection header, pipeline id.
    pub(crate) header: usize,
    pub(crate) rooms: Rooms,
    /// Payload bytes that may wait in one connection's outbox.
    pub(crate) send_budget: usize,
}

/// Bytes a message of this connection may have.
pub(crate) fn max_payload(snapshot: &Snapshot, shape: &Shape) -> usize {
    usize::from(snapshot.path_mtu).saturating_sub(shape.header)
}
