//! Reassembly: fragments in any order become messages in theirs, within bounds.
//!
//! Messages are told apart by their sequence number alone, and all fragments of one agree on its kind
//! and length: merging by kind is what went wrong elsewhere. A fragment is refused rather than
//! believed; a refused one leaves everything as it was.
//!
//! Anyone on the path can send the first fragment of a message that does not exist. So that it holds
//! the place for good against nobody, a shape that comes twice while the other makes no progress takes
//! the place over.
//!
//! Memory follows what arrived, never what was declared. This module knows no message's meaning and
//! no record.
//!
//! Source: RFC 6347 §4.2.3; threat model R12.

use std::collections::VecDeque;
use std::ops::Range;

use crate::wire::handshake::{FragmentHeader, MessageKind};

/// Largest message that is put together, in bytes.
pub(super) const MAX_MESSAGE_LEN: u32 = 16 * 1_024;

/// Messages beyond the one awaited that may begin to arrive.
pub(super) const MAX_AHEAD: u16 = 4;

/// Most separate stretches of one message: more than any sender of sane fragments leaves open.
const MAX_STRETCHES: usize = 64;

/// How a fragment came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// In epoch 0: anybody's.
    Plain,
    /// In epoch 1: the peer's.
    Protected,
}

impl Origin {
    /// How a message of this kind must come.
    pub(super) fn of(kind: MessageKind) -> Self {
        if kind == MessageKind::Finished {
            Self::Protected
        } else {
            Self::Plain
        }
    }
}

/// A complete message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(super) kind: MessageKind,
    pub(super) sequence: u16,
    pub(super) body: Vec<u8>,
}

/// What became of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intake {
    /// It brought bytes that were missing.
    Taken,
    /// It brought nothing that was not there.
    Known,
    /// It belongs to a message that has been read already: the peer repeats itself.
    Past,
    /// The message is longer than any may be.
    TooLong,
    /// The message lies too far ahead.
    TooFarAhead,
    /// Another fragment of the message said otherwise.
    Conflict,
    /// There is no room left for it.
    Full,
}

/// Messages on their way.
#[derive(Debug)]
pub(super) struct Reassembly {
    /// Number of the next message to be read.
    next: u16,
    /// From `next` on, as far ahead as anything has arrived.
    slots: VecDeque<Slot>,
    /// Bytes that may yet be kept.
    room: usize,
}

#[derive(Debug, Default)]
struct Slot {
    assembly: Option<Assembly>,
    /// A shape that was refused since the assembly last made progress.
    rival: Option<Shape>,
}

/// What all fragments of a message agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    kind: MessageKind,
    len: u32,
}

/// One message, as far as it is there.
#[derive(Debug)]
struct Assembly {
    shape: Shape,
    origin: Origin,
    /// The bytes up to the end of the last stretch; gaps are zero.
    bytes: Vec<u8>,
    /// Stretches that are there: apart, ascending, none empty.
    stretches: Vec<Range<usize>>,
}

impl Reassembly {
    /// Awaits message `next`, and keeps at most `room` bytes.
    pub(super) fn new(next: u16, room: usize) -> Self {
        Self {
            next,
            slots: VecDeque::new(),
            room,
        }
    }

    /// Number of the message awaited.
    pub(super) fn next(&self) -> u16 {
        self.next
    }

    /// Takes a fragment in. A protected one has its place for itself: what anybody sent gives way.
    pub(super) fn insert(
        &mut self,
        header: &FragmentHeader,
        fragment: &[u8],
        origin: Origin,
    ) -> Intake {
        let Some(ahead) = header.sequence.checked_sub(self.next) else {
            return Intake::Past;
        };
        if header.len > MAX_MESSAGE_LEN {
            return Intake::TooLong;
        }
        if ahead > MAX_AHEAD {
            return Intake::TooFarAhead;
        }
        let ahead = usize::from(ahead);
        while self.slots.len() <= ahead {
            self.slots.push_back(Slot::default());
        }
        let Some(slot) = self.slots.get_mut(ahead) else {
            return Intake::TooFarAhead;
        };
        slot.insert(header, fragment, origin, &mut self.room)
    }

    /// The message awaited, once it is complete; the next one is awaited then.
    pub(super) fn pop(&mut self) -> Option<Message> {
        let complete = self
            .slots
            .front()?
            .assembly
            .as_ref()
            .is_some_and(Assembly::is_complete);
        if !complete {
            return None;
        }
        let assembly = self.slots.pop_front()?.assembly?;
        let sequence = self.next;
        // A peer that counts to the end of the numbers has nothing more to say.
        self.next = self.next.saturating_add(1);
        self.room += assembly.bytes.len();
        Some(Message {
            kind: assembly.shape.kind,
            sequence,
            body: assembly.bytes,
        })
    }

    /// Awaits `message`, just read, once more: it was not what it should have been.
    pub(super) fn push_back(&mut self, message: &Message) {
        if self.next == message.sequence.saturating_add(1) {
            self.next = message.sequence;
            self.slots.push_front(Slot::default());
        }
    }

    /// Gives up room for good: bytes that are kept elsewhere. False, and nothing is given up, if there
    /// is not that much.
    pub(super) fn give_up(&mut self, bytes: usize) -> bool {
        let left = self.room.checked_sub(bytes);
        self.room = left.unwrap_or(self.room);
        left.is_some()
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(in crate::secure) fn held(&self) -> usize {
        self.slots
            .iter()
            .filter_map(|slot| slot.assembly.as_ref())
            .map(|assembly| assembly.bytes.capacity())
            .sum()
    }
}

impl Slot {
    fn insert(
        &mut self,
        header: &FragmentHeader,
        fragment: &[u8],
        origin: Origin,
        room: &mut usize,
    ) -> Intake {
        let shape = Shape {
            kind: header.kind,
            len: header.len,
        };
        let Ok(offset) = usize::try_from(header.offset) else {
            return Intake::TooLong;
        };
        if let Some(assembly) = &self.assembly
            && assembly.shape != shape
        {
            let contested = !assembly.is_complete() && self.rival == Some(shape);
            self.rival = Some(shape);
            let gives_way = match (assembly.origin, origin) {
                (Origin::Plain, Origin::Plain) => contested,
                (Origin::Plain, Origin::Protected) => true,
                (Origin::Protected, _) => false,
            };
            if !gives_way {
                return Intake::Conflict;
            }
            *room += assembly.bytes.len();
            self.assembly = None;
            self.rival = None;
        }
        let assembly = self
            .assembly
            .get_or_insert_with(|| Assembly::new(shape, origin));
        let intake = assembly.insert(offset, fragment, room);
        if intake == Intake::Taken {
            self.rival = None;
        }
        intake
    }
}

impl Assembly {
    fn new(shape: Shape, origin: Origin) -> Self {
        Self {
            shape,
            origin,
            bytes: Vec::new(),
            stretches: Vec::new(),
        }
    }

    fn is_complete(&self) -> bool {
        let len = usize::try_from(self.shape.len).unwrap_or(usize::MAX);
        match self.stretches.as_slice() {
            [] => len == 0,
            [one] => one.start == 0 && one.end == len,
            _ => false,
        }
    }

    fn insert(&mut self, offset: usize, fragment: &[u8], room: &mut usize) -> Intake {
        let end = offset + fragment.len();
        if fragment.is_empty() || self.covers(offset, end) {
            return if self.agrees(offset, fragment) {
                Intake::Known
            } else {
                Intake::Conflict
            };
        }
        if !self.agrees(offset, fragment) {
            return Intake::Conflict;
        }
        let growth = end.saturating_sub(self.bytes.len());
        if growth > *room {
            return Intake::Full;
        }
        // Stretches that the fragment touches or overlaps become one with it.
        let first = self.stretches.partition_point(|known| known.end < offset);
        let past = self.stretches.partition_point(|known| known.start <= end);
        if first == past && self.stretches.len() >= MAX_STRETCHES {
            return Intake::Full;
        }
        let touched = self.stretches.get(first..past).unwrap_or_default();
        let merged = Range {
            start: touched
                .first()
                .map_or(offset, |known| known.start.min(offset)),
            end: touched.last().map_or(end, |known| known.end.max(end)),
        };
        self.stretches.splice(first..past, [merged]);

        *room -= growth;
        if growth > 0 {
            self.bytes.reserve_exact(growth);
            self.bytes.resize(end, 0);
        }
        if let Some(to) = self.bytes.get_mut(offset..end) {
            to.copy_from_slice(fragment);
        }
        Intake::Taken
    }

    /// Whether all of it is there already.
    fn covers(&self, start: usize, end: usize) -> bool {
        let at = self.stretches.partition_point(|known| known.end < end);
        self.stretches
            .get(at)
            .is_some_and(|known| known.start <= start && known.end >= end)
    }

    /// Whether the fragment says the same as what is there, wherever both say something.
    fn agrees(&self, offset: usize, fragment: &[u8]) -> bool {
        let end = offset + fragment.len();
        let first = self.stretches.partition_point(|known| known.end <= offset);
        self.stretches
            .iter()
            .skip(first)
            .take_while(|known| known.start < end)
            .all(|known| {
                let both = known.start.max(offset)..known.end.min(end);
                let ours = self.bytes.get(both.clone());
                ours == fragment.get(both.start - offset..both.end - offset)
            })
    }
}

#[cfg(test)]
mod tests;
