//! Records and message headers of the peer: written field by field, so that each can be wrong.
//!
//! Source: RFC 6347 §4.1 and §4.2.2.

use crate::keys::Keys;

pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const APPLICATION_DATA: u8 = 23;

pub(crate) const DTLS_1_0: u16 = 0xFEFF;
pub(crate) const DTLS_1_2: u16 = 0xFEFD;

/// What protects a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seal {
    /// The keys, if the epoch is 1.
    ByEpoch,
    /// Nothing.
    Open,
    /// The keys.
    Sealed,
}

/// A record to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) kind: u8,
    pub(crate) version: u16,
    pub(crate) epoch: u16,
    /// None takes the next one of the epoch.
    pub(crate) number: Option<u64>,
    pub(crate) content: Vec<u8>,
    pub(crate) seal: Seal,
    /// GCM's explicit nonce; none takes the record's number.
    pub(crate) nonce: Option<u64>,
    /// Changes the finished record.
    pub(crate) spoil: Option<fn(&mut Vec<u8>)>,
    /// Whether it shares the datagram of the one before.
    pub(crate) joins: bool,
}

impl Record {
    /// A record of this epoch that is as it should be.
    pub(crate) fn new(kind: u8, epoch: u16, content: impl Into<Vec<u8>>) -> Self {
        Self {
            kind,
            version: DTLS_1_2,
            epoch,
            number: None,
            content: content.into(),
            seal: Seal::ByEpoch,
            nonce: None,
            spoil: None,
            joins: false,
        }
    }

    /// A whole message.
    pub(crate) fn message(epoch: u16, kind: u8, sequence: u16, body: &[u8]) -> Self {
        Self::new(HANDSHAKE, epoch, message(kind, sequence, body))
    }

    /// An alert.
    pub(crate) fn alert(epoch: u16, level: u8, description: u8) -> Self {
        Self::new(ALERT, epoch, [level, description])
    }

    /// A ChangeCipherSpec.
    pub(crate) fn change_cipher_spec() -> Self {
        Self::new(CHANGE_CIPHER_SPEC, 0, [1])
    }

    /// The same in the datagram of the record before.
    pub(crate) fn joined(mut self) -> Self {
        self.joins = true;
        self
    }

    /// The same, changed once it is finished.
    pub(crate) fn spoilt(mut self, spoil: fn(&mut Vec<u8>)) -> Self {
        self.spoil = Some(spoil);
        self
    }

    /// The same under another number.
    pub(crate) fn numbered(mut self, number: u64) -> Self {
        self.number = Some(number);
        self
    }

    /// The piece of this whole message from `start` to `end`, as a fragment.
    pub(crate) fn fragment(&self, start: usize, end: usize) -> Self {
        let body = &self.content[12..];
        let mut piece = self.clone();
        piece.content = self.content[..6].to_vec();
        piece.content.extend(u24(start));
        piece.content.extend(u24(end - start));
        piece.content.extend(&body[start..end]);
        piece
    }

    /// The same message with another body.
    pub(crate) fn saying(&self, edit: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut body = self.content[12..].to_vec();
        edit(&mut body);
        let mut changed = self.clone();
        changed.content = message(self.content[0], u16_at(&self.content, 4), &body);
        changed
    }

    /// The same message under another number.
    pub(crate) fn sequenced(&self, sequence: u16) -> Self {
        let mut changed = self.clone();
        changed.content[4..6].copy_from_slice(&sequence.to_be_bytes());
        changed
    }

    /// Bytes of the message.
    pub(crate) fn body_len(&self) -> usize {
        self.content.len() - 12
    }
}

/// A whole message with its header.
pub(crate) fn message(kind: u8, sequence: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(u24(body.len()));
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(u24(0));
    bytes.extend(u24(body.len()));
    bytes.extend(body);
    bytes
}

/// Numbers records and puts them into datagrams.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    next: [u64; 2],
}

impl Writer {
    /// The latest number of epoch 0.
    pub(crate) fn last(&self) -> u64 {
        self.next[0] - 1
    }

    /// The datagrams of `records`.
    pub(crate) fn datagrams(&mut self, records: &[Record], keys: Option<&Keys>) -> Vec<Vec<u8>> {
        let mut datagrams: Vec<Vec<u8>> = Vec::new();
        for record in records {
            let mut bytes = self.bytes(record, keys);
            if let Some(spoil) = record.spoil {
                spoil(&mut bytes);
            }
            match datagrams.last_mut().filter(|_| record.joins) {
                Some(last) => last.append(&mut bytes),
                None => datagrams.push(bytes),
            }
        }
        datagrams
    }

    fn bytes(&mut self, record: &Record, keys: Option<&Keys>) -> Vec<u8> {
        let next = &mut self.next[usize::from(record.epoch.min(1))];
        let number = record.number.unwrap_or(*next);
        *next = (*next).max(number + 1);
        let number = (u64::from(record.epoch) << 48) | number;
        let sealed = match record.seal {
            Seal::ByEpoch => record.epoch == 1,
            Seal::Open => false,
            Seal::Sealed => true,
        };
        let fragment = if sealed {
            let keys = keys.expect("a sealed record needs keys");
            keys.seal(record, number)
        } else {
            record.content.clone()
        };
        let mut bytes = vec![record.kind];
        bytes.extend(record.version.to_be_bytes());
        bytes.extend(number.to_be_bytes());
        bytes.extend((fragment.len() as u16).to_be_bytes());
        bytes.extend(fragment);
        bytes
    }
}

/// A record that came.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) kind: u8,
    pub(crate) version: u16,
    pub(crate) number: u64,
    pub(crate) fragment: Vec<u8>,
}

impl Arrived {
    pub(crate) fn epoch(&self) -> u16 {
        (self.number >> 48) as u16
    }
}

/// The records of a datagram of the driver's, which is never malformed.
pub(crate) fn records(mut datagram: &[u8]) -> Vec<Arrived> {
    let mut records = Vec::new();
    while !datagram.is_empty() {
        let len = usize::from(u16_at(datagram, 11));
        let (record, rest) = datagram.split_at(13 + len);
        records.push(Arrived {
            kind: record[0],
            version: u16_at(record, 1),
            number: u64::from_be_bytes(record[3..11].try_into().unwrap()),
            fragment: record[13..].to_vec(),
        });
        datagram = rest;
    }
    records
}

/// Messages of the driver's, put together from their fragments. A repetition is taken once.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    next: u16,
    /// Bytes of the message that is under way, from its start.
    partial: Vec<u8>,
}

impl Inbound {
    /// Awaits message `next`.
    pub(crate) fn from(next: u16) -> Self {
        Self {
            next,
            partial: Vec::new(),
        }
    }

    /// The messages that are complete with this record: kind, sequence and body. The driver sends
    /// fragments in order, and the network keeps it.
    pub(crate) fn take(&mut self, mut content: &[u8]) -> Vec<(u8, u16, Vec<u8>)> {
        let mut complete = Vec::new();
        while content.len() >= 12 {
            let (kind, len, sequence) = (content[0], u24_at(content, 1), u16_at(content, 4));
            let (offset, part) = (u24_at(content, 6), u24_at(content, 9));
            let (fragment, rest) = content[12..].split_at(part);
            content = rest;
            if sequence != self.next || offset != self.partial.len() {
                continue;
            }
            self.partial.extend(fragment);
            if self.partial.len() == len {
                complete.push((kind, sequence, std::mem::take(&mut self.partial)));
                self.next += 1;
            }
        }
        assert!(content.is_empty(), "half a message header");
        complete
    }
}

pub(crate) fn u24(number: usize) -> [u8; 3] {
    let [_, a, b, c] = (number as u32).to_be_bytes();
    [a, b, c]
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

pub(crate) fn u24_at(bytes: &[u8], at: usize) -> usize {
    let [a, b, c] = [bytes[at], bytes[at + 1], bytes[at + 2]];
    u32::from_be_bytes([0, a, b, c]) as usize
}

/// A vector behind a length of one byte.
pub(crate) fn vector8(bytes: &[u8]) -> Vec<u8> {
    [&[bytes.len() as u8], bytes].concat()
}

/// A vector behind a length of two bytes.
pub(crate) fn vector16(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

/// A vector behind a length of three bytes.
pub(crate) fn vector24(bytes: &[u8]) -> Vec<u8> {
    [&u24(bytes.len()), bytes].concat()
}

/// Numbers of two bytes, one behind the other.
pub(crate) fn numbers(all: &[u16]) -> Vec<u8> {
    all.iter().flat_map(|number| number.to_be_bytes()).collect()
}
