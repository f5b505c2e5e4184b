//! Sending: a writer over the outbox itself, and what must hold for it to be opened.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use super::shape::Shape;
use crate::buffer::desk::{ConnectionState, Marks, Snapshot};
use crate::buffer::outbox::{Opened, Outbox, WindowIndex};
use crate::buffer::windows::Usage;
use crate::error::SendError;
use crate::id::NetworkPipeline;
use crate::pipeline::Split;
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
    room: Option<WindowRoom>,
    marks: &'a Marks,
    lane: usize,
}

impl SendGuard<'_> {
    /// Queues the message. Returns its length in bytes.
    ///
    /// # Errors
    /// [`SendError::PacketOverflow`] if a write did not fit, [`SendError::WindowFull`] if the message
    /// takes more packets than its reliable window has room for: nothing is sent.
    pub fn end_send(self) -> Result<usize, SendError> {
        let len = self.writer.length();
        if self.writer.has_failed_writes() {
            return Err(SendError::PacketOverflow {
                needed: len.saturating_add(1),
                capacity: self.writer.capacity(),
            });
        }
        self.marks.written(self.lane);
        let mut packets = 0;
        if let Some(room) = &self.room {
            packets = room.split.packets(len);
            if let Err(error) = room.check(packets) {
                self.opened.want_room();
                return Err(error);
            }
        }
        self.opened.commit(len, packets);
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
    /// How full its reliable windows are.
    pub(crate) windows: &'s [Usage],
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
        let pipelines = self.shape.pipelines.len();
        if pipeline.0 > pipelines {
            return Err(SendError::UnknownPipeline {
                id: pipeline.0,
                count: pipelines,
            });
        }
        let most = self.shape.max_payload(pipeline, self.snapshot);
        if required > most {
            return Err(SendError::PacketOverflow {
                needed: required,
                capacity: most,
            });
        }
        let room = self.window_room(outbox, pipeline);
        if let Some(room) = &room
            && let Err(error) = room.check(room.split.packets(required))
        {
            outbox.want_room(pipeline.0, room.window);
            self.marks.written(self.lane);
            return Err(error);
        }
        let wanted = if required == 0 { most } else { required };
        let capacity = self.allowed(outbox, pipeline, wanted, required)?;
        let window = room.as_ref().map(|room| room.window);
        let rooms = self.shape.rooms_of(pipeline);
        let (bytes, opened) = outbox.open(pipeline.0, window, rooms, capacity);
        Ok(SendGuard {
            writer: DataStreamWriter::new(bytes),
            opened,
            room,
            marks: self.marks,
            lane: self.lane,
        })
    }

    /// What the reliable window of `pipeline` has room for; none without one.
    fn window_room(&self, outbox: &Outbox, pipeline: NetworkPipeline) -> Option<WindowRoom> {
        let pipelines = &self.shape.pipelines;
        let index = pipelines.window(pipeline.0)?;
        let shape = pipelines.get(pipeline.0)?;
        let usage = self.windows.get(index).copied().unwrap_or_default();
        Some(WindowRoom {
            window: WindowIndex {
                index,
                of: pipelines.windows(),
            },
            size: shape.window()?,
            used: usage.used.saturating_add(outbox.claimed(index)),
            free_in: usage.free_in,
            split: shape.split(self.shape.room(self.snapshot)),
        })
    }

    /// The capacity within the byte budget, and within what an unproven address may be sent (R20).
    ///
    /// A reliable message waits in its window for the address to be proved.
    fn allowed(
        &self,
        outbox: &Outbox,
        pipeline: NetworkPipeline,
        capacity: usize,
        required: usize,
    ) -> Result<usize, SendError> {
        let queued = outbox.payload_bytes();
        let budget = self.shape.send_budget;
        let memory = &self.shape.memory;
        let needed = required.max(1);
        if queued + needed > memory.of(usize::MAX) {
            return Err(SendError::MemoryFull {
                needed,
                held: memory.held,
                limit: memory.limit,
            });
        }
        let capacity = capacity.min(memory.of(usize::MAX) - queued);
        if queued + capacity > budget && queued > 0 {
            return Err(SendError::QueueFull { queued, budget });
        }
        let waits = self.shape.pipelines.window(pipeline.0).is_some();
        if self.snapshot.allowance == u32::MAX || waits {
            return Ok(capacity);
        }
        let allowance = self.snapshot.allowance as usize;
        let header = self.shape.header_of(pipeline);
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

/// How much room a reliable window has for one more message.
#[derive(Debug)]
struct WindowRoom {
    window: WindowIndex,
    size: u16,
    used: u16,
    free_in: Duration,
    split: Split,
}

impl WindowRoom {
    /// A message of more packets than the window has waits until the window is free.
    fn check(&self, packets: usize) -> Result<(), SendError> {
        let room = usize::from(self.size.saturating_sub(self.used));
        if packets.min(usize::from(self.size)) <= room {
            return Ok(());
        }
        Err(SendError::WindowFull {
            window: self.size,
            in_flight: self.used,
            needed: packets,
            free_in: self.free_in,
        })
    }
}
