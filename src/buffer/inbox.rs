//! One connection's events, in a byte arena.
//!
//! ```text
//! | kind u8 | pipeline u8 | reason u8 | 0 | len u32 | payload … | next event …
//! ^ head (first unread)                                          ^ end of `bytes`
//! ```
//!
//! Pushed by the connection's job, flipped with its twin, popped by the user: a copy in, a borrow out.

/// Bytes in front of an event's payload.
const HEADER: usize = 8;

/// What an event is. The numbers are Unity's `NetworkEvent.Type`; those from 64 are drumfire's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum EventKind {
    Data = 1,
    Connect = 2,
    Disconnect = 3,
    /// A pipeline's window has room again.
    Writable = 64,
}

/// One event, borrowed from its inbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawEvent<'a> {
    pub(crate) kind: EventKind,
    /// Pipeline id of a Data or Writable event.
    pub(crate) pipeline: u8,
    /// Reason code of a Disconnect event.
    pub(crate) reason: u8,
    pub(crate) payload: &'a [u8],
}

/// Events of one connection, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    head: usize,
    events: usize,
    /// Bytes that lie unread in the twin while this one is filled; they count against the budget.
    backlog: usize,
}

impl Inbox {
    /// Appends an event. Where all before it were read, their place is taken.
    pub(crate) fn push(&mut self, kind: EventKind, pipeline: u8, reason: u8, payload: &[u8]) {
        if self.events == 0 {
            self.bytes.clear();
            self.head = 0;
        }
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let [a, b, c, d] = len.to_le_bytes();
        self.bytes
            .extend_from_slice(&[kind as u8, pipeline, reason, 0, a, b, c, d]);
        self.bytes.extend_from_slice(payload);
        self.events += 1;
    }

    /// The oldest unread event, read by this call.
    pub(crate) fn pop(&mut self) -> Option<RawEvent<'_>> {
        if self.events == 0 {
            return None;
        }
        let (event, next) = read(&self.bytes, self.head)?;
        self.head = next;
        self.events -= 1;
        Some(event)
    }

    /// Unread events.
    pub(crate) fn len(&self) -> usize {
        self.events
    }

    /// Whether nothing is unread.
    pub(crate) fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// Bytes the unread events take, headers included.
    pub(crate) fn unread_bytes(&self) -> usize {
        self.bytes.len() - self.head
    }

    /// Bytes that wait to be popped, the twin's backlog counted.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.backlog + self.unread_bytes()
    }

    /// Whether `len` more payload bytes stay within `budget`, the twin's backlog counted, and `held`
    /// bytes that lie unread elsewhere.
    ///
    /// One message larger than the budget fits on top of what is within it: small ones that come with
    /// every update would keep it out for ever.
    pub(crate) fn has_room(&self, len: usize, held: usize, budget: usize) -> bool {
        let waiting = self.waiting_bytes() + held;
        if HEADER + len > budget {
            waiting <= budget
        } else {
            waiting + HEADER + len <= budget
        }
    }

    /// Says how many bytes lie unread in the twin.
    pub(crate) fn set_backlog(&mut self, bytes: usize) {
        self.backlog = bytes;
    }

    /// Forgets everything; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.head = 0;
        self.events = 0;
        self.backlog = 0;
    }

    /// Takes the unread events of `newer` behind its own, and empties it.
    pub(crate) fn append(&mut self, newer: &mut Self) {
        if self.head > 0 {
            self.bytes.drain(..self.head);
            self.head = 0;
        }
        self.bytes
            .extend_from_slice(newer.bytes.get(newer.head..).unwrap_or_default());
        self.events += newer.events;
        newer.clear();
    }

    /// Bytes of memory held.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// Gives the memory back if nothing is unread.
    pub(crate) fn release(&mut self) {
        if self.events == 0 {
            *self = Self::default();
        }
    }
}

/// The event at `at`, and where the next begins.
fn read(bytes: &[u8], at: usize) -> Option<(RawEvent<'_>, usize)> {
    let rest = bytes.get(at..)?;
    let (&[kind, pipeline, reason, _, a, b, c, d], rest) = rest.split_first_chunk::<HEADER>()?;
    let len = u32::from_le_bytes([a, b, c, d]) as usize;
    let kind = match kind {
        1 => EventKind::Data,
        2 => EventKind::Connect,
        64 => EventKind::Writable,
        _ => EventKind::Disconnect,
    };
    Some((
        RawEvent {
            kind,
            pipeline,
            reason,
            payload: rest.get(..len)?,
        },
        at + HEADER + len,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(payloads: &[&[u8]]) -> Inbox {
        let mut inbox = Inbox::default();
        for payload in payloads {
            inbox.push(EventKind::Data, 3, 0, payload);
        }
        inbox
    }

    fn drain(inbox: &mut Inbox) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| inbox.pop().map(|event| event.payload.to_vec())).collect()
    }

    #[test]
    fn events_come_out_oldest_first_empty_payloads_included() {
        let mut inbox = filled(&[b"a", b"", b"ccc"]);
        assert_eq!(inbox.len(), 3);
        assert_eq!(drain(&mut inbox), [b"a".to_vec(), vec![], b"ccc".to_vec()]);
        assert!(inbox.is_empty() && inbox.pop().is_none());
    }

    #[test]
    fn unread_events_stay_in_front_of_newer_ones() {
        let (mut old, mut new) = (filled(&[b"1", b"2"]), filled(&[b"3"]));
        old.pop();
        old.append(&mut new);
        assert_eq!(drain(&mut old), [b"2".to_vec(), b"3".to_vec()]);
        assert!(new.is_empty() && new.unread_bytes() == 0);
    }

    #[test]
    fn one_message_beyond_the_budget_fits_on_top_of_it() {
        let mut inbox = filled(&[b"12345678"]);
        assert!(inbox.has_room(1_000, 0, 32));
        inbox.push(EventKind::Data, 0, 0, &[0; 1_000]);
        assert!(!inbox.has_room(1_000, 0, 32) && !inbox.has_room(1, 0, 32));
    }

    #[test]
    fn what_was_read_gives_its_place_to_what_follows() {
        let mut inbox = Inbox::default();
        for _ in 0..1_000 {
            inbox.push(EventKind::Data, 0, 0, &[7; 100]);
            assert_eq!(inbox.pop().map(|event| event.payload.len()), Some(100));
        }
        assert!(inbox.memory() < 1_000, "{} bytes", inbox.memory());
    }

    #[test]
    fn the_twins_backlog_counts_against_the_budget() {
        let mut inbox = filled(&[b"12345678"]);
        assert!(inbox.has_room(8, 0, 32));
        inbox.set_backlog(1);
        assert!(!inbox.has_room(8, 0, 32));
    }
}
