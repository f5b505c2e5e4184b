//! The shape of a driver's messages: the same for all its connections.

use std::sync::Arc;

use crate::buffer::account::MemoryShare;
use crate::buffer::desk::Snapshot;
use crate::buffer::outbox::Rooms;
use crate::id::NetworkPipeline;
use crate::pipeline::{PipelineShape, Pipelines};

/// What messages look like on this driver: the same for all its connections.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Pipelines beside the null one.
    pub(crate) pipelines: Arc<Pipelines>,
    /// Transport headers of a packet: padding of the layers below, connection header, pipeline id.
    pub(crate) header: usize,
    /// Room of a message without a pipeline.
    pub(crate) rooms: Rooms,
    /// Payload bytes that may wait in one connection's outbox.
    pub(crate) send_budget: usize,
    /// How much may be held for each connection, as of the update that was scheduled last.
    pub(crate) memory: MemoryShare,
}

impl Shape {
    /// Bytes of a packet to this connection that are for stage headers and payload.
    pub(crate) fn room(&self, snapshot: &Snapshot) -> usize {
        usize::from(snapshot.path_mtu).saturating_sub(self.header)
    }

    /// Bytes a message to this connection may have.
    pub(crate) fn max_payload(&self, pipeline: NetworkPipeline, snapshot: &Snapshot) -> usize {
        let room = self.room(snapshot);
        match self.pipelines.get(pipeline.0) {
            Some(shape) => shape.max_payload(room),
            None => room,
        }
    }

    /// Bytes of headers in front of a message.
    pub(crate) fn header_of(&self, pipeline: NetworkPipeline) -> usize {
        self.header + self.stage_headers(pipeline)
    }

    /// Room a message takes beside its payload.
    pub(crate) fn rooms_of(&self, pipeline: NetworkPipeline) -> Rooms {
        let stages = u16::try_from(self.stage_headers(pipeline)).unwrap_or(u16::MAX);
        Rooms {
            head: self.rooms.head.saturating_add(stages),
            ..self.rooms
        }
    }

    fn stage_headers(&self, pipeline: NetworkPipeline) -> usize {
        let shape = self.pipelines.get(pipeline.0);
        shape.map_or(0, PipelineShape::header_capacity)
    }
}
