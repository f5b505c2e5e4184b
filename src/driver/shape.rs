//! The shape of messages: what headers and budgets make of every message of a driver.

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
