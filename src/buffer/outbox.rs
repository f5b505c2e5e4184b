//! One connection's messages and wishes, in a byte arena, in the order they were made.
//!
//! ```text
//! | kind u8 | pipeline u8 | headroom u16 | len u32 | headroom … | payload … | tailroom … | next …
//! ```
//!
//! The user writes straight into the payload. Headroom and tailroom take the headers of every layer
//! below and the tag of the record, written in place: what leaves is a slice of this arena.

use std::ops::Range;

/// Bytes in front of a record's headroom.
const HEADER: usize = 8;

/// What a record asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RecordKind {
    /// Send the payload.
    Message = 1,
    /// Close the connection, after what was queued before.
    Disconnect = 2,
    /// The application has accepted the connection.
    Accepted = 3,
    /// The application vouches for the peer's address.
    Vouched = 4,
}

/// One record, as offsets into its outbox.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) kind: RecordKind,
    pub(crate) pipeline: u8,
    /// Where the payload lies; as much headroom as was asked for precedes it.
    pub(crate) payload: Range<usize>,
    /// Where the next record begins.
    pub(crate) next: usize,
}

/// Room a message takes beside its payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rooms {
    /// Bytes in front: record, connection and stage headers at their largest.
    pub(crate) head: u16,
    /// Bytes behind: the tag of a record.
    pub(crate) tail: u16,
}

/// Messages and wishes of one connection, oldest first.
///
/// `bytes` stays at the length it once needed, so that opening a writer costs no clearing.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    used: usize,
    messages: usize,
    payload_bytes: usize,
}

impl Outbox {
    /// Opens a message of up to `capacity` bytes: where to write it, and the right to queue it.
    ///
    /// Nothing is queued until [`Opened::commit`].
    pub(crate) fn open(
        &mut self,
        pipeline: u8,
        rooms: Rooms,
        capacity: usize,
    ) -> (&mut [u8], Opened<'_>) {
        let start = HEADER + usize::from(rooms.head);
        let end = self.used + start + capacity + usize::from(rooms.tail);
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let free = self.bytes.get_mut(self.used..).unwrap_or_default();
        let (head, rest) = free.split_at_mut(start.min(free.len()));
        let opened = Opened {
            header: head.first_chunk_mut(),
            used: &mut self.used,
            messages: &mut self.messages,
            payload_bytes: &mut self.payload_bytes,
            pipeline,
            rooms,
        };
        (rest.get_mut(..capacity).unwrap_or_default(), opened)
    }

    /// Queues a wish.
    pub(crate) fn wish(&mut self, kind: RecordKind) {
        if self.bytes.len() < self.used + HEADER {
            self.bytes.resize(self.used + HEADER, 0);
        }
        if let Some(header) = self.bytes.get_mut(self.used..self.used + HEADER) {
            header.copy_from_slice(&header_bytes(kind, 0, 0, 0));
        }
        self.used += HEADER;
    }

    /// The record at `at`, for `rooms.tail` bytes of tailroom; none at the end.
    pub(crate) fn record(&self, at: usize, tail: u16) -> Option<Record> {
        if at >= self.used {
            return None;
        }
        let (&[kind, pipeline, h0, h1, a, b, c, d], _) =
            self.bytes.get(at..)?.split_first_chunk::<HEADER>()?;
        let len = u32::from_le_bytes([a, b, c, d]) as usize;
        let start = at + HEADER + usize::from(u16::from_le_bytes([h0, h1]));
        let (kind, next) = match kind {
            1 => (RecordKind::Message, start + len + usize::from(tail)),
            2 => (RecordKind::Disconnect, start),
            3 => (RecordKind::Accepted, start),
            _ => (RecordKind::Vouched, start),
        };
        Some(Record {
            kind,
            pipeline,
            payload: start..start + len,
            next,
        })
    }

    /// The arena, to write headers into and to send from.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The arena, to send from.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether nothing is queued.
    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Messages queued.
    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    /// Payload bytes queued.
    pub(crate) fn payload_bytes(&self) -> usize {
        self.payload_bytes
    }

    /// Forgets everything; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.used = 0;
        self.messages = 0;
        self.payload_bytes = 0;
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// Gives the memory back if nothing is queued.
    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }
}

/// The right to queue the message that was opened, once.
#[derive(Debug)]
pub(crate) struct Opened<'a> {
    header: Option<&'a mut [u8; HEADER]>,
    used: &'a mut usize,
    messages: &'a mut usize,
    payload_bytes: &'a mut usize,
    pipeline: u8,
    rooms: Rooms,
}

impl Opened<'_> {
    /// Queues the message: the first `len` bytes that were written.
    pub(crate) fn commit(self, len: usize) {
        if let Some(header) = self.header {
            *header = header_bytes(RecordKind::Message, self.pipeline, self.rooms.head, len);
        }
        *self.used += HEADER + usize::from(self.rooms.head) + len + usize::from(self.rooms.tail);
        *self.messages += 1;
        *self.payload_bytes += len;
    }
}

fn header_bytes(kind: RecordKind, pipeline: u8, headroom: u16, len: usize) -> [u8; HEADER] {
    let [h0, h1] = headroom.to_le_bytes();
    let [a, b, c, d] = u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
    [kind as u8, pipeline, h0, h1, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMS: Rooms = Rooms { head: 10, tail: 3 };

    fn queue(outbox: &mut Outbox, pipeline: u8, payload: &[u8]) {
        let (bytes, opened) = outbox.open(pipeline, ROOMS, 100);
        bytes[..payload.len()].copy_from_slice(payload);
        opened.commit(payload.len());
    }

    #[test]
    fn records_are_walked_in_the_order_they_were_made() {
        let mut outbox = Outbox::default();
        queue(&mut outbox, 2, b"hello");
        outbox.wish(RecordKind::Disconnect);
        let first = outbox.record(0, ROOMS.tail).unwrap();
        assert_eq!((first.kind, first.pipeline), (RecordKind::Message, 2));
        assert_eq!(&outbox.bytes()[first.payload.clone()], b"hello");
        assert!(first.payload.start >= usize::from(ROOMS.head));
        let second = outbox.record(first.next, ROOMS.tail).unwrap();
        assert_eq!(second.kind, RecordKind::Disconnect);
        assert!(outbox.record(second.next, ROOMS.tail).is_none());
        assert_eq!((outbox.messages(), outbox.payload_bytes()), (1, 5));
    }

    #[test]
    fn an_opened_message_that_is_not_committed_leaves_nothing() {
        let mut outbox = Outbox::default();
        outbox.open(0, ROOMS, 100).0[0] = 1;
        assert!(outbox.is_empty() && outbox.record(0, ROOMS.tail).is_none());
    }

    #[test]
    fn clearing_keeps_the_memory_and_releasing_gives_it_back() {
        let mut outbox = Outbox::default();
        queue(&mut outbox, 0, b"x");
        outbox.clear();
        assert!(outbox.memory() > 0);
        outbox.release();
        assert_eq!(outbox.memory(), 0);
    }
}
