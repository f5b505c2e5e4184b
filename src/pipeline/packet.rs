//! Bytes on their way through a chain, and what a call into a chain is given.
//!
//! Headers grow in front of what is already there. A user's message lies in its outbox with enough
//! headroom for all of them, so the common case copies nothing; what stages make up lies in a
//! borrowed [`Buffers`] entry, with headroom for the stages behind.

use std::ops::Range;

use thiserror::Error;

use super::shape::PipelineShape;
use super::throttle::Throttle;
use crate::counters::DropReason;
use crate::settings::PipelineParameters as Parameters;
use crate::time::Timestamp;

/// What a call into a chain is given.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    /// The time of the update. Under `Timing::Unity`, messages queued between two updates are sent
    /// at the time of the earlier one.
    pub(crate) now: Timestamp,
    /// Bytes a data packet has for stage headers and payload: path MTU less header padding.
    pub(crate) room: usize,
    /// Most bytes of memory the state may hold (R29).
    pub(crate) memory: usize,
    pub(crate) shape: &'a PipelineShape,
    pub(crate) parameters: &'a Parameters,
    /// How much reliable data of the connection may leave.
    pub(crate) throttle: &'a mut Throttle,
    /// Scratch memory, shared by every chain of a shard.
    pub(crate) buffers: &'a mut Buffers,
}

/// Takes the bodies of data packets, in the order they are to be sent.
pub(crate) trait PacketSink {
    /// The message that was given to `send`, headers in front: `range` of its arena.
    fn in_place(&mut self, range: Range<usize>);
    /// A packet that a stage made up. It must be copied.
    fn packet(&mut self, body: &[u8]);
}

/// Takes messages for the user, in the order they are to be read.
pub(crate) trait MessageSink {
    /// Whether a message of `len` bytes would be taken. Where not, the reliable stage does not
    /// acknowledge it, so it comes again; anything else is dropped.
    fn has_room(&self, len: usize) -> bool;
    /// Takes a message. Only called after `has_room` said yes for its length.
    fn message(&mut self, bytes: &[u8]);
}

/// The stages behind one, and the sink behind them.
pub(super) trait Upper {
    /// Hands a packet on.
    fn send(
        &mut self,
        packet: &mut Packet<'_>,
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) -> Result<(), StageRefusal>;

    /// Packets the reliable stages among them take before an ack arrives; `usize::MAX` where there
    /// are none.
    fn credits(&self, parameters: &Parameters) -> usize;
}

/// The stages in front of one, and the user in front of them.
pub(super) trait Lower {
    /// Hands a body on.
    fn receive(
        &mut self,
        body: &[u8],
        cx: &mut Context<'_>,
        sink: &mut dyn MessageSink,
    ) -> Result<(), DropReason>;
}

/// A message was not taken. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum StageRefusal {
    /// The reliable window is full. Unity: −5.
    #[error("{in_flight} of {window} reliable packets are in flight and {needed} more are needed")]
    WindowFull {
        /// Packets the window holds.
        window: u16,
        /// Packets sent and not acknowledged in order.
        in_flight: u16,
        /// Packets the message takes.
        needed: usize,
        /// When an ack can be expected that makes room.
        free_at: Timestamp,
    },
    /// More bytes than a message of this pipeline holds. Unity: −4.
    #[error("message of {needed} bytes, but {capacity} fit")]
    TooLong {
        /// Bytes of the message.
        needed: usize,
        /// Bytes that fit.
        capacity: usize,
    },
    /// A copy for resending would exceed the connection's memory. Unity: −5.
    #[error("{held} bytes are held for the connection and {limit} are its limit")]
    MemoryFull {
        /// Bytes held.
        held: usize,
        /// Most bytes that may be held.
        limit: usize,
    },
    /// A user's stage refused it.
    #[error("stage {stage} refused the message: {reason}")]
    Stage {
        /// Name of the stage.
        stage: String,
        /// What it said.
        reason: String,
    },
    /// The message came with less headroom than its pipeline's headers take: a bug of the caller.
    #[error("{needed} bytes of headroom are missing in front of the message")]
    Headroom {
        /// Bytes that were to be written.
        needed: usize,
    },
}

/// Scratch memory for packets that stages make up. Taken and given back within one call.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    free: Vec<Vec<u8>>,
}

impl Buffers {
    /// A buffer of at least `len` bytes, of any content.
    pub(crate) fn take(&mut self, len: usize) -> Vec<u8> {
        let mut buffer = self.free.pop().unwrap_or_default();
        if buffer.len() < len {
            buffer.resize(len, 0);
        }
        buffer
    }

    /// Gives a buffer back.
    pub(crate) fn give(&mut self, buffer: Vec<u8>) {
        self.free.push(buffer);
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        self.free.iter().map(Vec::capacity).sum()
    }

    /// Gives the memory back.
    pub(crate) fn release(&mut self) {
        self.free = Vec::new();
    }
}

/// A packet on its way to the sink: a body with room in front.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    bytes: &'a mut [u8],
    body: Range<usize>,
    /// Bytes of the body that are headers.
    headers: usize,
    /// Whether `bytes` is the arena of the user's message.
    placed: bool,
}

impl<'a> Packet<'a> {
    /// The user's message, at `payload` in its arena; none if it does not lie there.
    pub(super) fn placed(arena: &'a mut [u8], payload: Range<usize>) -> Option<Self> {
        arena.get(payload.clone())?;
        Some(Self {
            bytes: arena,
            body: payload,
            headers: 0,
            placed: true,
        })
    }

    /// A packet made up: `headroom`, then what `parts` say.
    pub(super) fn made(buffer: &'a mut [u8], headroom: usize, parts: [&[u8]; 2]) -> Option<Self> {
        let [front, back] = parts;
        let middle = headroom + front.len();
        let end = middle + back.len();
        buffer.get_mut(headroom..middle)?.copy_from_slice(front);
        buffer.get_mut(middle..end)?.copy_from_slice(back);
        Some(Self {
            bytes: buffer,
            body: headroom..end,
            headers: front.len(),
            placed: false,
        })
    }

    /// Headers so far, and the payload.
    pub(super) fn body(&self) -> &[u8] {
        self.bytes.get(self.body.clone()).unwrap_or_default()
    }

    /// The same, to change in place.
    pub(super) fn body_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.body.clone()).unwrap_or_default()
    }

    /// The packet does not lie in the arena of the user's message after all.
    pub(super) fn set_made(&mut self) {
        self.placed = false;
    }

    /// Bytes of the body.
    pub(super) fn len(&self) -> usize {
        self.body.len()
    }

    /// Bytes of the body that are headers.
    pub(super) fn headers(&self) -> usize {
        self.headers
    }

    /// Where the body lies.
    pub(super) fn range(&self) -> Range<usize> {
        self.body.clone()
    }

    /// Whether the body lies in the arena of the user's message.
    pub(super) fn is_placed(&self) -> bool {
        self.placed
    }

    /// Room for a header of `len` bytes in front, to be written whole.
    pub(super) fn prepend(&mut self, len: usize) -> Result<&mut [u8], StageRefusal> {
        let headroom = StageRefusal::Headroom { needed: len };
        let Some(start) = self.body.start.checked_sub(len) else {
            return Err(headroom);
        };
        let end = self.body.start;
        self.body.start = start;
        self.headers += len;
        self.bytes.get_mut(start..end).ok_or(headroom)
    }

    /// Lends the first `len` bytes of the body as a packet of their own, and keeps the rest for
    /// after it: [`tail`](Self::tail).
    pub(super) fn head(&mut self, len: usize) -> Packet<'_> {
        let end = self.body.start + len.min(self.body.len());
        Packet {
            body: self.body.start..end,
            bytes: self.bytes,
            headers: self.headers,
            placed: self.placed,
        }
    }

    /// The body from byte `at` on.
    pub(super) fn tail(&self, at: usize) -> &[u8] {
        self.body().get(at..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_grow_in_front_and_never_beyond_the_headroom() {
        let mut arena = *b"....payload";
        let mut packet = Packet::placed(&mut arena, 4..11).unwrap();
        packet.prepend(3).unwrap().copy_from_slice(b"abc");
        assert_eq!((packet.body(), packet.headers()), (&b"abcpayload"[..], 3));
        assert_eq!(
            packet.prepend(2).unwrap_err(),
            StageRefusal::Headroom { needed: 2 }
        );
        assert_eq!(packet.head(5).body(), b"abcpa");
        assert_eq!((packet.tail(5), packet.range()), (&b"yload"[..], 1..11));
        assert!(Packet::placed(&mut arena, 9..12).is_none());
    }

    #[test]
    fn buffers_are_used_again_until_they_are_released() {
        let mut buffers = Buffers::default();
        let (first, second) = (buffers.take(10), buffers.take(20));
        buffers.give(first);
        buffers.give(second);
        let held = buffers.memory();
        let again = buffers.take(15);
        buffers.give(again);
        assert_eq!(buffers.memory(), held);
        buffers.release();
        assert_eq!(buffers.memory(), 0);
    }
}
