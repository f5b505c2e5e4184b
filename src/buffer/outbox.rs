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
    /// The application waits until a pipeline's window has room again.
    RoomWanted = 5,
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
    /// What the messages take of each reliable window; empty while none does.
    claims: Vec<Claim>,
}

/// What an outbox asks of one reliable window.
#[derive(Clone, Copy, Debug, Default)]
struct Claim {
    packets: u16,
    /// Whether the application was refused, and is to be told of room.
    room_wanted: bool,
}

/// The reliable window that a message takes packets of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowIndex {
    /// Which of the connection's windows.
    pub(crate) index: usize,
    /// How many there are.
    pub(crate) of: usize,
}

impl Outbox {
    /// Opens a message of up to `capacity` bytes: where to write it, and the right to queue it.
    ///
    /// Nothing is queued until [`Opened::commit`].
    pub(crate) fn open(
        &mut self,
        pipeline: u8,
        window: Option<WindowIndex>,
        rooms: Rooms,
        capacity: usize,
    ) -> (&mut [u8], Opened<'_>) {
        let claim = window.and_then(|window| claim_of(&mut self.claims, window));
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
            claim,
            pipeline,
            rooms,
        };
        (rest.get_mut(..capacity).unwrap_or_default(), opened)
    }

    /// Queues a wish.
    pub(crate) fn wish(&mut self, kind: RecordKind) {
        self.wish_on(kind, 0);
    }

    /// Asks, once, to be told when a window that is full has room.
    pub(crate) fn want_room(&mut self, pipeline: u8, window: WindowIndex) {
        if let Some(claim) = claim_of(&mut self.claims, window)
            && !std::mem::replace(&mut claim.room_wanted, true)
        {
            self.wish_on(RecordKind::RoomWanted, pipeline);
        }
    }

    fn wish_on(&mut self, kind: RecordKind, pipeline: u8) {
        if self.bytes.len() < self.used + HEADER {
            self.bytes.resize(self.used + HEADER, 0);
        }
        if let Some(header) = self.bytes.get_mut(self.used..self.used + HEADER) {
            header.copy_from_slice(&header_bytes(kind, pipeline, 0, 0));
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
            4 => (RecordKind::Vouched, start),
            _ => (RecordKind::RoomWanted, start),
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

    /// Packets that the messages take of each reliable window; of none where there is no item.
    pub(crate) fn claims(&self) -> impl ExactSizeIterator<Item = u16> {
        self.claims.iter().map(|claim| claim.packets)
    }

    /// Packets that the messages take of one reliable window.
    pub(crate) fn claimed(&self, window: usize) -> u16 {
        self.claims.get(window).map_or(0, |claim| claim.packets)
    }

    /// Forgets everything; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.used = 0;
        self.messages = 0;
        self.payload_bytes = 0;
        self.claims.clear();
    }

    /// Bytes of memory held.
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
    claim: Option<&'a mut Claim>,
    pipeline: u8,
    rooms: Rooms,
}

impl Opened<'_> {
    /// Queues the message: the first `len` bytes that were written, which take `packets` of the
    /// window the message was opened for.
    pub(crate) fn commit(self, len: usize, packets: usize) {
        if let Some(claim) = self.claim {
            let packets = u16::try_from(packets).unwrap_or(u16::MAX);
            claim.packets = claim.packets.saturating_add(packets);
        }
        if let Some(header) = self.header {
            *header = header_bytes(RecordKind::Message, self.pipeline, self.rooms.head, len);
        }
        *self.used += HEADER + usize::from(self.rooms.head) + len + usize::from(self.rooms.tail);
        *self.messages += 1;
        *self.payload_bytes += len;
    }

    /// Gives the message up, and asks, once, to be told when the window has room.
    pub(crate) fn want_room(self) {
        if let (Some(claim), Some(header)) = (self.claim, self.header)
            && !std::mem::replace(&mut claim.room_wanted, true)
        {
            *header = header_bytes(RecordKind::RoomWanted, self.pipeline, 0, 0);
            *self.used += HEADER;
        }
    }
}

fn claim_of(claims: &mut Vec<Claim>, window: WindowIndex) -> Option<&mut Claim> {
    if claims.is_empty() {
        claims.resize(window.of, Claim::default());
    }
    claims.get_mut(window.index)
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
        let (bytes, opened) = outbox.open(pipeline, None, ROOMS, 100);
        bytes[..payload.len()].copy_from_slice(payload);
        opened.commit(payload.len(), 1);
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
        outbox.open(0, None, ROOMS, 100).0[0] = 1;
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
