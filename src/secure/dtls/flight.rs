//! A flight: the messages one side says in one go, and when to say them again.
//!
//! Messages are kept whole. Each time the flight leaves they are cut to the path's size, one fragment
//! a record, as many records a datagram as fit, under fresh record numbers. From the second
//! repetition on datagrams are small, in case it is their size that gets lost.
//!
//! Source: RFC 6347 §4.1.1.1, §4.2.3, §4.2.4.

use std::ops::Range;
use std::time::Duration;

use crate::secure::outgoing::Outgoing;
use crate::secure::record_layer::{Sealer, push_change_cipher_spec, push_plain};
use crate::time::Timestamp;
use crate::wire::handshake::{FragmentHeader, HANDSHAKE_HEADER_LEN, MessageKind};
use crate::wire::record::{ContentType, ProtocolVersion, RECORD_HEADER_LEN};

use super::config::Timing;

/// Largest datagram from the second repetition on: what every IPv4 path takes, 576 − 60 − 8.
///
/// Source: RFC 791 §3.1; mbed TLS does the same.
const CAUTIOUS_DATAGRAM: usize = 508;

/// Smallest datagram a flight is cut to.
const SMALLEST_DATAGRAM: usize = 128;

/// Where a flight's records get their numbers and keys.
pub(super) struct Numbers<'a> {
    /// Next record of epoch 0.
    pub(super) plain: &'a mut u64,
    /// Epoch 1; none as long as the flight has nothing of it.
    pub(super) sealer: Option<&'a mut Sealer>,
}

/// Messages said in one go.
#[derive(Debug)]
pub(super) struct Flight {
    timing: Timing,
    /// Whole messages, one behind the other, headers included.
    bytes: Vec<u8>,
    parts: Vec<Part>,
    /// Message of the peer that, said again, asks for this flight again.
    trigger: Option<u16>,
    pace: Pace,
}

#[derive(Clone, Debug)]
enum Part {
    /// A message in epoch 0.
    Message(FragmentHeader, Range<usize>),
    ChangeCipherSpec,
    /// A message in epoch 1.
    Protected(FragmentHeader, Range<usize>),
}

/// Whether the flight is on its way, and when it leaves again.
#[derive(Clone, Copy, Debug)]
enum Pace {
    /// It has not left yet.
    Unsent,
    Sent {
        at: Timestamp,
        /// How long until the next time.
        pause: Duration,
        /// How often it has left again.
        repeats: u32,
    },
}

impl Flight {
    /// A flight with nothing in it.
    pub(super) fn new(timing: Timing) -> Self {
        Self {
            timing,
            bytes: Vec::new(),
            parts: Vec::new(),
            trigger: None,
            pace: Pace::Unsent,
        }
    }

    /// Begins another flight, which the peer's message `trigger` asks for again.
    pub(super) fn restart(&mut self, trigger: Option<u16>) {
        self.bytes.clear();
        self.parts.clear();
        self.trigger = trigger;
        self.pace = Pace::Unsent;
    }

    /// Adds a message whose body `fill` appends, and answers with its bytes.
    pub(super) fn push(
        &mut self,
        kind: MessageKind,
        sequence: u16,
        fill: impl FnOnce(&mut Vec<u8>),
    ) -> &[u8] {
        let (header, range) = self.write(kind, sequence, fill);
        self.parts.push(Part::Message(header, range.clone()));
        self.bytes.get(range).unwrap_or_default()
    }

    /// Adds a ChangeCipherSpec and, under the new keys, a message.
    pub(super) fn push_protected(
        &mut self,
        kind: MessageKind,
        sequence: u16,
        fill: impl FnOnce(&mut Vec<u8>),
    ) -> &[u8] {
        let (header, range) = self.write(kind, sequence, fill);
        self.parts.push(Part::ChangeCipherSpec);
        self.parts.push(Part::Protected(header, range.clone()));
        self.bytes.get(range).unwrap_or_default()
    }

    fn write(
        &mut self,
        kind: MessageKind,
        sequence: u16,
        fill: impl FnOnce(&mut Vec<u8>),
    ) -> (FragmentHeader, Range<usize>) {
        let start = self.bytes.len();
        self.bytes.resize(start + HANDSHAKE_HEADER_LEN, 0);
        fill(&mut self.bytes);
        let end = self.bytes.len();
        // What we say is far below 2^24 bytes.
        let len = u32::try_from(end - start - HANDSHAKE_HEADER_LEN).unwrap_or(u32::MAX);
        let header = FragmentHeader::whole(kind, sequence, len);
        for (to, from) in self.bytes.iter_mut().skip(start).zip(header.emit()) {
            *to = from;
        }
        (header, start..end)
    }

    /// The messages, headers included.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the peer's message `sequence`, said again, asks for this flight again.
    pub(super) fn is_triggered_by(&self, sequence: u16) -> bool {
        self.trigger == Some(sequence)
    }

    /// When the flight leaves again; never, if it has not left yet.
    pub(super) fn deadline(&self) -> Timestamp {
        match self.pace {
            Pace::Unsent => Timestamp::NEVER,
            Pace::Sent { at, pause, .. } => at + pause,
        }
    }

    /// Sends the flight for the first time.
    pub(super) fn send(
        &mut self,
        now: Timestamp,
        mtu: usize,
        numbers: &mut Numbers<'_>,
        out: &mut Outgoing,
    ) {
        self.pace = Pace::Sent {
            at: now,
            pause: self.timing.first_pause,
            repeats: 0,
        };
        self.transmit(mtu, numbers, out);
    }

    /// Sends it again because its time has come, and waits twice as long for the next time.
    pub(super) fn repeat_in_time(
        &mut self,
        now: Timestamp,
        mtu: usize,
        numbers: &mut Numbers<'_>,
        out: &mut Outgoing,
    ) {
        let Pace::Sent { pause, repeats, .. } = self.pace else {
            return;
        };
        if now < self.deadline() {
            return;
        }
        self.pace = Pace::Sent {
            at: now,
            pause: (pause * 2).min(self.timing.longest_pause),
            repeats: repeats.saturating_add(1),
        };
        let mtu = if repeats == 0 {
            mtu
        } else {
            mtu.min(CAUTIOUS_DATAGRAM)
        };
        self.transmit(mtu, numbers, out);
    }

    /// Sends it again because the peer asks, unless it was sent just now.
    pub(super) fn repeat_on_demand(
        &mut self,
        now: Timestamp,
        mtu: usize,
        numbers: &mut Numbers<'_>,
        out: &mut Outgoing,
    ) {
        let Pace::Sent { at, pause, repeats } = self.pace else {
            return;
        };
        // Both sides count the same seconds: what both timers do at once is done once.
        if now.since(at) < self.timing.first_pause / 2 {
            return;
        }
        self.pace = Pace::Sent {
            at: now,
            pause,
            repeats,
        };
        self.transmit(mtu, numbers, out);
    }

    /// Something new came from the peer: the path works, and what is missing was only lost.
    pub(super) fn note_life(&mut self) {
        if let Pace::Sent { pause, .. } = &mut self.pace {
            *pause = self.timing.first_pause;
        }
    }

    fn transmit(&self, mtu: usize, numbers: &mut Numbers<'_>, out: &mut Outgoing) {
        let mtu = mtu.max(SMALLEST_DATAGRAM);
        let mut datagram = Vec::with_capacity(mtu);
        for part in &self.parts {
            match part {
                Part::ChangeCipherSpec => {
                    if datagram.len() + RECORD_HEADER_LEN + 1 > mtu {
                        flush(&mut datagram, out);
                    }
                    push_change_cipher_spec(*numbers.plain, &mut datagram);
                    *numbers.plain += 1;
                }
                Part::Message(header, range) => {
                    let body = self.body(range);
                    for_each_fragment(
                        body,
                        mtu,
                        RECORD_HEADER_LEN,
                        &mut datagram,
                        out,
                        |offset, part, datagram| {
                            let content = fragment(header, offset, part);
                            let version = ProtocolVersion::DTLS_1_2;
                            push_plain(
                                ContentType::Handshake,
                                version,
                                *numbers.plain,
                                &content,
                                datagram,
                            );
                            *numbers.plain += 1;
                        },
                    );
                }
                Part::Protected(header, range) => {
                    let Some(sealer) = numbers.sealer.as_deref_mut() else {
                        continue;
                    };
                    let (body, overhead) = (self.body(range), sealer.expansion());
                    for_each_fragment(
                        body,
                        mtu,
                        overhead,
                        &mut datagram,
                        out,
                        |offset, part, datagram| {
                            let content = fragment(header, offset, part);
                            // A fresh key is not spent by a handshake.
                            let _ = sealer.push(ContentType::Handshake, &content, datagram);
                        },
                    );
                }
            }
        }
        flush(&mut datagram, out);
    }

    fn body(&self, range: &Range<usize>) -> &[u8] {
        self.bytes
            .get(range.start + HANDSHAKE_HEADER_LEN..range.end)
            .unwrap_or_default()
    }
}

/// Cuts `body` so that each piece fits the datagram with its headers, and hands the pieces to `push`.
fn for_each_fragment(
    body: &[u8],
    mtu: usize,
    record_overhead: usize,
    datagram: &mut Vec<u8>,
    out: &mut Outgoing,
    mut push: impl FnMut(usize, &[u8], &mut Vec<u8>),
) {
    let overhead = record_overhead + HANDSHAKE_HEADER_LEN;
    let mut offset = 0;
    loop {
        let rest = body.get(offset..).unwrap_or_default();
        let room = mtu.saturating_sub(datagram.len() + overhead);
        // A datagram is not begun with a crumb of a message when the next one has room for more.
        if room < rest.len().clamp(1, 64) && !datagram.is_empty() {
            flush(datagram, out);
            continue;
        }
        let len = rest.len().min(room.max(1));
        push(offset, rest.get(..len).unwrap_or_default(), datagram);
        offset += len;
        if offset >= body.len() {
            return;
        }
    }
}

/// A fragment's bytes.
fn fragment(header: &FragmentHeader, offset: usize, part: &[u8]) -> Vec<u8> {
    let header = FragmentHeader {
        offset: u32::try_from(offset).unwrap_or(u32::MAX),
        fragment_len: u32::try_from(part.len()).unwrap_or(u32::MAX),
        ..*header
    };
    [&header.emit()[..], part].concat()
}

fn flush(datagram: &mut Vec<u8>, out: &mut Outgoing) {
    out.push(|bytes| bytes.append(datagram));
}

#[cfg(test)]
mod tests;
