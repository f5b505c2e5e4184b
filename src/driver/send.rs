//! Sending: a writer over the outbox itself, and what must hold for it to be opened.

use std::ops::{Deref, DerefMut};

use super::shape::{Shape, max_payload};
use crate::buffer::desk::{ConnectionState, Marks, Snapshot};
use crate::buffer::outbox::{Opened, Outbox};
use crate::error::SendError;
use crate::id::NetworkPipeline;
use crate::stream::DataStreamWriter;

/// A message being written, straight into the connection's outbox.
///
/// [`end_send`](Self::end_send) queues it; dropping the guard aborts it. It derefs to a
/// [`DataStreamWriter`]. Nothing reaches the wire before the next update or flush.
///
/// Source: Unity Transport `NetworkDriver.BeginSend`, `EndSend`, `AbortSend`.
#[derive(Debug)]
#[must_use = "a message that is not ended is not sent"]
pub struct SendGuard<'a> {
    writer: DataStreamWriter<'a>,
    opened: Opened<'a>,
    marks: &'a Marks,
    lane: usize,
}

impl SendGuard<'_> {
    /// Queues the message. Returns its length in bytes.
    ///
    /// # Errors
    /// [`SendError::PacketOverflow`] if a write did not fit: nothing is sent.
    pub fn end_send(self) -> Result<usize, SendError> {
        let len = self.writer.length();
        if self.writer.has_failed_writes() {
            return Err(SendError::PacketOverflow {
                needed: len.saturating_add(1),
                capacity: self.writer.capacity(),
            });
        }
        self.opened.commit(len);
        self.marks.written(self.lane);
        Ok(len)
    }

    /// Drops the message. The same as dropping the guard.
    pub fn abort_send(self) {}
}

impl<'a> Deref for SendGuard<'a> {
    type Target = DataStreamWriter<'a>;

    fn deref(&self) -> &Self::Target {
        &self.writer
    }
}

impl DerefMut for SendGuard<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.writer
    }
}

/// What a send depends on, of one connection.
pub(crate) struct Sending<'s, 'a> {
    pub(crate) snapshot: &'s Snapshot,
    pub(crate) state: ConnectionState,
    pub(crate) shape: &'s Shape,
    pub(crate) marks: &'a Marks,
    pub(crate) lane: usize,
}

impl<'a> Sending<'_, 'a> {
    /// Opens a message of exactly `required` bytes of capacity, or of as many as fit if it is 0.
    pub(crate) fn begin(
        &self,
        outbox: &'a mut Outbox,
        pipeline: NetworkPipeline,
        required: usize,
    ) -> Result<SendGuard<'a>, SendError> {
        match self.state {
            ConnectionState::Connected => {}
            ConnectionState::Connecting => {
                return Err(SendError::NotConnected {
                    state: "connecting",
                });
            }
            ConnectionState::Disconnected => {
                return Err(SendError::NotConnected {
                    state: "disconnected",
                });
            }
        }
        if pipeline.0 > self.shape.pipelines {
            return Err(SendError::UnknownPipeline {
                id: pipeline.0,
                count: self.shape.pipelines,
            });
        }
        let most = max_payload(self.snapshot, self.shape);
        if required > most {
            return Err(SendError::PacketOverflow {
                needed: required,
                capacity: most,
            });
        }
        let capacity = self.allowed(
            outbox,
            if required == 0 { most } else { required },
            required,
        )?;
        let (bytes, opened) = outbox.open(pipeline.0, self.shape.rooms, capacity);
        Ok(SendGuard {
            writer: DataStreamWriter::new(bytes),
            opened,
            marks: self.marks,
            lane: self.lane,
        })
    }

    /// The capacity within the byte budget, and within what an unproven address may be sent (R20).
    fn allowed(
        &self,
        outbox: &Outbox,
        capacity: usize,
        required: usize,
    ) -> Result<usize, SendError> {
        let queued = outbox.payload_bytes();
        let budget = self.shape.send_budget;
        if queued + capacity > budget && queued > 0 {
            return Err(SendError::QueueFull { queued, budget });
        }
        if self.snapshot.allowance == u32::MAX {
            return Ok(capacity);
        }
        let allowance = self.snapshot.allowance as usize;
        let header = self.shape.header;
        let spent = queued + outbox.messages() * header;
        let left = allowance.saturating_sub(spent + header);
        if left < required.max(1) {
            return Err(SendError::QueueFull {
                queued: spent,
                budget: allowance,
            });
        }
        Ok(capacity.min(left))
    }
}
