//! The record layer of one epoch: an [`Opener`] for what comes in, a [`Sealer`] for what goes out.
//!
//! Both work in place and allocate nothing. A record is checked in a fixed order (R15): length,
//! epoch, replay, authenticity; then the window moves, and only then anybody looks at the content.
//! Opening and sealing work on `&self`, so several workers can share one connection's run; what
//! counts, [`Opener::settle`] and [`Sealer::reserve`], is the connection's own.
//!
//! Nonces come from record numbers alone, which a sealer gives out once each. This module knows
//! neither handshakes nor connections.
//!
//! Source: RFC 6347 §4.1.2; RFC 5288 §3; RFC 7905 §2.

use std::ops::Range;
use std::sync::Arc;

use crate::counters::DropReason;
use crate::crypto::{NONCE_LEN, RecordKey, TAG_LEN};
use crate::wire::record::{
    CHANGE_CIPHER_SPEC, ContentType, MAX_FRAGMENT_LEN, MalformedRecord, ProtocolVersion,
    RECORD_HEADER_LEN, RecordHeader, RecordNumber,
};

use super::replay::{Stale, Window};

/// Bytes of the additional data: number, type, version, length.
const ADDITIONAL_DATA_LEN: usize = 13;

/// A record that opened, and has not been marked in the window yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unmarked {
    number: RecordNumber,
    pub(super) content_type: ContentType,
    /// Where in the datagram its content lies.
    pub(super) content: Range<usize>,
}

/// Why a record did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is not authentic; its number, which may have been used by the time it is settled.
    Forged(RecordNumber),
    /// Anything that has been seen before the key was used.
    Other(DropReason),
}

impl From<DropReason> for Refusal {
    fn from(reason: DropReason) -> Self {
        Self::Other(reason)
    }
}

/// The key and the window of what the peer sends in one epoch. Clones share the key: several workers
/// may open with it at a time.
#[derive(Clone, Debug)]
pub(crate) struct Opener {
    key: Arc<RecordKey>,
    epoch: u16,
    window: Window,
    failures: u64,
    failure_limit: u64,
    /// Records the peer may seal with it.
    record_limit: u64,
}

impl Opener {
    pub(super) fn new(key: RecordKey, epoch: u16) -> Self {
        Self {
            failure_limit: key.failure_limit(),
            record_limit: key.seal_limit(),
            key: Arc::new(key),
            epoch,
            window: Window::new(),
            failures: 0,
        }
    }

    /// Opens the record of `header` that begins at `at`, in place. Marks nothing.
    ///
    /// The header is what [`RecordHeader::parse`] read there.
    #[inline]
    pub(super) fn open(
        &self,
        header: &RecordHeader,
        datagram: &mut [u8],
        at: usize,
    ) -> Result<Unmarked, Refusal> {
        let nonce_len = self.key.nonce_len();
        let plain_len = header
            .len
            .checked_sub(narrow(nonce_len + TAG_LEN))
            .filter(|&len| usize::from(len) <= MAX_FRAGMENT_LEN)
            .ok_or(DropReason::Malformed)?;
        if header.version != ProtocolVersion::DTLS_1_2 {
            return Err(DropReason::WrongVersion.into());
        }
        if header.number.epoch() != self.epoch {
            return Err(DropReason::WrongEpoch.into());
        }
        self.window
            .check(header.number.sequence())
            .map_err(reason_of)?;

        let start = at + RECORD_HEADER_LEN;
        let end = start + usize::from(header.len);
        let fragment = datagram.get_mut(start..end).ok_or(DropReason::Malformed)?;
        let (nonce, sealed) = fragment
            .split_at_mut_checked(nonce_len)
            .ok_or(DropReason::Malformed)?;
        // RFC 5288 §3: the explicit nonce is the sender's to choose.
        let nonce = match <[u8; NONCE_LEN]>::try_from(&*nonce) {
            Ok(explicit) => u64::from_be_bytes(explicit),
            Err(_) => header.number.as_u64(),
        };
        let additional = additional_data(header.number, header.content_type, plain_len);
        self.key
            .open(nonce, &additional, sealed)
            .map_err(|_| Refusal::Forged(header.number))?;
        let start = start + nonce_len;
        Ok(Unmarked {
            number: header.number,
            content_type: header.content_type,
            content: start..start + usize::from(plain_len),
        })
    }

    /// Marks a record that opened; counts one that is forged.
    ///
    /// What was opened ahead of others is judged as if it had been opened behind them: a number that
    /// was used meanwhile is a replay, whatever it stood on.
    #[inline]
    pub(super) fn settle(
        &mut self,
        opened: Result<Unmarked, Refusal>,
    ) -> Result<Unmarked, DropReason> {
        match opened {
            // RFC 6347 §4.1.2.6: the receive window is updated only if the MAC verification succeeds.
            Ok(unmarked) => {
                let sequence = unmarked.number.sequence();
                self.window.mark(sequence).map_err(reason_of)?;
                Ok(unmarked)
            }
            Err(Refusal::Forged(number)) => {
                self.window.check(number.sequence()).map_err(reason_of)?;
                self.failures += 1;
                Err(DropReason::Forged)
            }
            Err(Refusal::Other(reason)) => Err(reason),
        }
    }

    /// Whether the peer has sealed nine tenths of what it may.
    pub(super) fn peer_keys_age(&self) -> bool {
        KeyHealth::of(self.window.next(), self.record_limit) != KeyHealth::Good
    }

    /// How much of the key is used up, in records that failed to open (R16).
    pub(super) fn health(&self) -> KeyHealth {
        KeyHealth::of(self.failures, self.failure_limit)
    }

    /// The peer seals `records` at the most.
    pub(super) fn limit_records(&mut self, records: u64) {
        self.record_limit = self.record_limit.min(records);
    }

    #[cfg(test)]
    pub(super) fn lower_limit(&mut self, failures: u64) {
        self.failure_limit = failures;
    }
}

/// The key and the next number of what we send in one epoch.
#[derive(Debug)]
pub(crate) struct Sealer {
    key: RecordKey,
    epoch: u16,
    next: u64,
    limit: u64,
}

/// No record may be sealed with this key any more (R16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeySpent;

/// Why a record was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SealRefused {
    /// The key has sealed as many records as it may.
    KeySpent,
    /// The buffer has no room around the content, or the content is too long for a record.
    NoRoom,
}

impl Sealer {
    pub(super) fn new(key: RecordKey, epoch: u16) -> Self {
        Self {
            limit: key.seal_limit().min(RecordNumber::MAX_SEQUENCE + 1),
            key,
            epoch,
            next: 0,
        }
    }

    /// Bytes a record needs in front of its content.
    pub(super) fn headroom(&self) -> usize {
        RECORD_HEADER_LEN + self.key.nonce_len()
    }

    /// The next number. No number is given out twice.
    #[inline]
    pub(super) fn reserve(&mut self) -> Result<RecordNumber, KeySpent> {
        if self.next >= self.limit {
            return Err(KeySpent);
        }
        let number = RecordNumber::new(self.epoch, self.next).ok_or(KeySpent)?;
        self.next += 1;
        Ok(number)
    }

    /// Seals `content` where it lies, under a number that was reserved for it alone.
    ///
    /// Answers with where the record lies: from [`headroom`](Self::headroom) bytes in front of the
    /// content to [`TAG_LEN`] behind it.
    #[inline]
    pub(super) fn seal(
        &self,
        number: RecordNumber,
        content_type: ContentType,
        buffer: &mut [u8],
        content: Range<usize>,
    ) -> Result<Range<usize>, SealRefused> {
        let nonce_len = self.key.nonce_len();
        let start = content
            .start
            .checked_sub(self.headroom())
            .ok_or(SealRefused::NoRoom)?;
        let end = content.end + TAG_LEN;
        let plain_len = u16::try_from(content.len()).map_err(|_| SealRefused::NoRoom)?;
        let len = plain_len
            .checked_add(narrow(nonce_len + TAG_LEN))
            .ok_or(SealRefused::NoRoom)?;
        let record = buffer.get_mut(start..end).ok_or(SealRefused::NoRoom)?;
        let (header, fragment) = record
            .split_first_chunk_mut::<RECORD_HEADER_LEN>()
            .ok_or(SealRefused::NoRoom)?;
        let (nonce, fragment) = fragment
            .split_at_mut_checked(nonce_len)
            .ok_or(SealRefused::NoRoom)?;
        let (plain, tag) = fragment
            .split_last_chunk_mut::<TAG_LEN>()
            .ok_or(SealRefused::NoRoom)?;

        *header = RecordHeader {
            content_type,
            version: ProtocolVersion::DTLS_1_2,
            number,
            len,
        }
        .emit();
        for (to, from) in nonce.iter_mut().zip(number.as_u64().to_be_bytes()) {
            *to = from;
        }
        let additional = additional_data(number, content_type, plain_len);
        *tag = self
            .key
            .seal(number.as_u64(), &additional, plain)
            .map_err(|_| SealRefused::NoRoom)?;
        Ok(start..end)
    }

    /// Appends one record with this content.
    pub(super) fn push(
        &mut self,
        content_type: ContentType,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SealRefused> {
        let number = self.reserve().map_err(|KeySpent| SealRefused::KeySpent)?;
        let start = out.len() + self.headroom();
        let end = start + content.len();
        let restore = out.len();
        out.resize(start, 0);
        out.extend_from_slice(content);
        out.resize(end + TAG_LEN, 0);
        match self.seal(number, content_type, out, start..end) {
            Ok(_) => Ok(()),
            Err(refused) => {
                out.truncate(restore);
                Err(refused)
            }
        }
    }

    /// Bytes a record is longer than its content.
    pub(super) fn expansion(&self) -> usize {
        self.headroom() + TAG_LEN
    }

    /// How much of the key is used up, in records sealed (R16).
    pub(super) fn health(&self) -> KeyHealth {
        KeyHealth::of(self.next, self.limit)
    }

    /// Whether less than a sixty-fourth of what may be sealed is left.
    pub(super) fn is_almost_spent(&self) -> bool {
        self.limit.saturating_sub(self.next) <= self.limit / 64
    }

    /// Seals `records` at the most.
    pub(super) fn limit_records(&mut self, records: u64) {
        self.limit = self.limit.min(records);
    }

    #[cfg(test)]
    pub(super) fn lower_limit(&mut self, records: u64) {
        self.limit = records;
    }
}

/// How much longer a key can be used (R16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KeyHealth {
    /// For long.
    Good,
    /// Nine tenths are used up: a client starts a fresh handshake now.
    UpdateDue,
    /// Not any more: the connection ends.
    Spent,
}

impl KeyHealth {
    fn of(used: u64, limit: u64) -> Self {
        if used >= limit {
            Self::Spent
        } else if used >= limit - limit / 10 {
            Self::UpdateDue
        } else {
            Self::Good
        }
    }
}

/// Appends one record that is not protected: epoch 0.
pub(super) fn push_plain(
    content_type: ContentType,
    version: ProtocolVersion,
    sequence: u64,
    content: &[u8],
    out: &mut Vec<u8>,
) {
    let (Some(number), Ok(len)) = (RecordNumber::new(0, sequence), u16::try_from(content.len()))
    else {
        return;
    };
    let header = RecordHeader {
        content_type,
        version,
        number,
        len,
    };
    out.extend_from_slice(&header.emit());
    out.extend_from_slice(content);
}

/// Appends a ChangeCipherSpec: never protected in a first handshake, and there is no second.
pub(super) fn push_change_cipher_spec(sequence: u64, out: &mut Vec<u8>) {
    push_plain(
        ContentType::ChangeCipherSpec,
        ProtocolVersion::DTLS_1_2,
        sequence,
        &CHANGE_CIPHER_SPEC,
        out,
    );
}

/// What a record is authenticated with besides its content (RFC 5246 §6.2.3.3, RFC 6347 §4.1.2.1).
#[inline]
fn additional_data(
    number: RecordNumber,
    content_type: ContentType,
    plain_len: u16,
) -> [u8; ADDITIONAL_DATA_LEN] {
    let [n0, n1, n2, n3, n4, n5, n6, n7] = number.as_u64().to_be_bytes();
    let [v0, v1] = ProtocolVersion::DTLS_1_2.0.to_be_bytes();
    let [l0, l1] = plain_len.to_be_bytes();
    let kind = content_type as u8;
    [n0, n1, n2, n3, n4, n5, n6, n7, kind, v0, v1, l0, l1]
}

/// The drop reason of bytes that are no record.
pub(super) fn reason_of_malformed(malformed: MalformedRecord) -> DropReason {
    match malformed {
        MalformedRecord::NotDtls { .. } => DropReason::WrongSecurity,
        _ => DropReason::Malformed,
    }
}

fn reason_of(stale: Stale) -> DropReason {
    match stale {
        Stale::Duplicate => DropReason::Replayed,
        Stale::TooOld => DropReason::TooOld,
    }
}

/// The bytes a record grows by: 24 at most.
#[expect(clippy::cast_possible_truncation, reason = "24 at most")]
const fn narrow(expansion: usize) -> u16 {
    expansion as u16
}
