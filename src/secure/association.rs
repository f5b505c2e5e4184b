//! An association: what is left of a handshake once it is over. Records in, records out.
//!
//! The hot path of a secure connection. It is kept inline in its owner, and holds one cold thing in a
//! box: the server's last flight, which is repeated if the client asks once more, and forgotten as
//! soon as the client has shown that it arrived.
//!
//! Input: [`Association::open`], or [`Association::open_unmarked`] on any worker and then
//! [`Association::settle`] in order. Commands: [`Association::seal`], [`Association::close`],
//! [`Association::repeat_last_flight`]. Getters: [`Association::health`] and the sizes.
//!
//! Associations are values without ties: two of one peer live beside each other until the newer has
//! proved itself (RFC 6347 §4.2.8). This module knows no address, no connection and no timer.

use std::ops::Range;
use std::time::Duration;

use crate::counters::DropReason;
use crate::crypto::CipherSuite;
#[cfg(test)]
use crate::crypto::TAG_LEN;
use crate::time::Timestamp;
use crate::wire::handshake::{FragmentHeader, MessageKind};
use crate::wire::record::{Alert, ContentType, RECORD_HEADER_LEN, RecordHeader, RecordNumber};

use super::outgoing::Outgoing;
use super::record_layer::{
    KeyHealth, KeySpent, Opener, Refusal, SealRefused, Sealer, Unmarked, reason_of_malformed,
};

/// What a record held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// Bytes of the application, and where they lie in the datagram.
    Application(Range<usize>),
    /// The peer has not seen our last flight: [`Association::repeat_last_flight`] is due.
    RepeatLastFlight,
    /// An authentic alert. The association is over if [`Alert::ends`] says so.
    Alert(Alert),
}

/// A record that opened and is not marked: what [`Association::settle`] takes.
#[derive(Clone, Debug)]
pub(crate) struct Unsettled {
    record: Unmarked,
    content: Content,
}

/// What was found in a record, before the window has had its say.
#[derive(Clone, Copy, Debug)]
enum Content {
    Application,
    Alert(Alert),
    Finished,
    Other,
}

/// One record of a datagram, and where the next one begins.
#[derive(Clone, Debug)]
pub(crate) struct Step<T, E = DropReason> {
    /// What became of it.
    pub(crate) outcome: Result<T, E>,
    /// Where the next record begins; the datagram's length if there is none.
    pub(crate) next: usize,
}

/// Opens an association's records elsewhere: another worker takes it along. What it knows of the
/// window is as old as it is itself, so what it opens has to be [settled](Association::settle).
#[derive(Clone, Debug)]
pub(crate) struct Reader(Opener);

/// The keys of a completed handshake, in both directions.
#[derive(Debug)]
pub(crate) struct Association {
    opener: Opener,
    sealer: Sealer,
    suite: CipherSuite,
    encore: Option<Box<Encore>>,
}

/// A server's last flight, as long as it may be asked for again.
#[derive(Debug)]
pub(super) struct Encore {
    /// The Finished message, header and all.
    pub(super) finished: Vec<u8>,
    /// Number of the next record of epoch 0, for the ChangeCipherSpec.
    pub(super) plain_sequence: u64,
    /// When it was sent last.
    pub(super) sent_at: Timestamp,
}

/// Shortest time between two answers to a repeated Finished.
const ENCORE_PAUSE: Duration = Duration::from_millis(400);

impl Association {
    pub(super) fn new(
        opener: Opener,
        sealer: Sealer,
        suite: CipherSuite,
        encore: Option<Box<Encore>>,
    ) -> Self {
        Self {
            opener,
            sealer,
            suite,
            encore,
        }
    }

    /// Opens the record that begins at `at`, in place.
    ///
    /// A datagram holds one record as a rule; a bad one does not spoil those behind it (R15): go on
    /// at [`Step::next`] until the datagram is at its end.
    #[inline]
    pub(crate) fn open(&mut self, datagram: &mut [u8], at: usize) -> Step<Opened> {
        let Step { outcome, next } = self.open_unmarked(datagram, at);
        Step {
            outcome: self.settle(outcome),
            next,
        }
    }

    /// The part of [`open`](Self::open) that costs time: any worker may do it for any record, in any
    /// order. What comes of it is settled afterwards, in order.
    #[inline]
    pub(crate) fn open_unmarked(&self, datagram: &mut [u8], at: usize) -> Step<Unsettled, Refusal> {
        open_unmarked(&self.opener, datagram, at)
    }

    /// What does the same elsewhere.
    pub(crate) fn reader(&self) -> Reader {
        Reader(self.opener.clone())
    }

    /// Marks what [`open_unmarked`](Self::open_unmarked) gave, and says what it was.
    #[inline]
    pub(crate) fn settle(
        &mut self,
        outcome: Result<Unsettled, Refusal>,
    ) -> Result<Opened, DropReason> {
        let (record, content) = match outcome {
            Ok(Unsettled { record, content }) => (Ok(record), content),
            Err(refusal) => (Err(refusal), Content::Other),
        };
        let record = self.opener.settle(record)?;
        match content {
            Content::Application => {
                // The client sends data only once it has our last flight.
                if self.encore.is_some() {
                    self.encore = None;
                }
                Ok(Opened::Application(record.content))
            }
            Content::Alert(alert) => Ok(Opened::Alert(alert)),
            Content::Finished if self.encore.is_some() => Ok(Opened::RepeatLastFlight),
            // HelloRequest, and a hello that would agree on keys again: ignored (R13).
            Content::Finished | Content::Other => Err(DropReason::Unexpected),
        }
    }

    /// Seals application data where it lies in `buffer`, and answers with where the record lies.
    ///
    /// The record needs [`headroom`](Self::headroom) bytes in front of the content and
    /// [`TAILROOM`](Self::TAILROOM) behind it.
    #[inline]
    pub(crate) fn seal(
        &mut self,
        buffer: &mut [u8],
        content: Range<usize>,
    ) -> Result<Range<usize>, SealRefused> {
        let number = self.reserve().map_err(|KeySpent| SealRefused::KeySpent)?;
        self.seal_numbered(number, buffer, content)
    }

    /// The next record number, for [`seal_numbered`](Self::seal_numbered): it is used up now.
    pub(crate) fn reserve(&mut self) -> Result<RecordNumber, KeySpent> {
        self.sealer.reserve()
    }

    /// The part of [`seal`](Self::seal) that costs time. Each number is for one record.
    pub(crate) fn seal_numbered(
        &self,
        number: RecordNumber,
        buffer: &mut [u8],
        content: Range<usize>,
    ) -> Result<Range<usize>, SealRefused> {
        self.sealer
            .seal(number, ContentType::ApplicationData, buffer, content)
    }

    /// Bytes in front of the content: 13, with GCM 21.
    #[cfg(test)]
    pub(crate) fn headroom(&self) -> usize {
        self.sealer.headroom()
    }

    /// Bytes behind the content: the tag.
    #[cfg(test)]
    pub(crate) const TAILROOM: usize = TAG_LEN;

    /// Bytes a datagram is longer than its content: 29, with GCM 37.
    pub(crate) fn expansion(&self) -> usize {
        self.sealer.expansion()
    }

    /// Whether what the peer seals with will soon be used up, as far as its numbers tell (R16).
    pub(crate) fn peer_keys_age(&self) -> bool {
        self.opener.peer_keys_age()
    }

    /// Whether only a few more records may be sealed: enough for a farewell (R16).
    pub(crate) fn is_almost_spent(&self) -> bool {
        self.sealer.is_almost_spent() || self.health() == KeyHealth::Spent
    }

    /// How long the keys will do (R16).
    pub(crate) fn health(&self) -> KeyHealth {
        self.sealer.health().max(self.opener.health())
    }

    /// The cipher suite.
    pub(crate) fn suite(&self) -> CipherSuite {
        self.suite
    }

    /// Sends the last flight again, unless it was sent just now.
    pub(crate) fn repeat_last_flight(&mut self, now: Timestamp, out: &mut Outgoing) {
        let Some(encore) = &mut self.encore else {
            return;
        };
        if now.since(encore.sent_at) < ENCORE_PAUSE {
            return;
        }
        encore.sent_at = now;
        let sequence = encore.plain_sequence;
        encore.plain_sequence += 1;
        let (finished, sealer) = (&encore.finished, &mut self.sealer);
        out.push(|bytes| {
            super::record_layer::push_change_cipher_spec(sequence, bytes);
            // A spent key repeats nothing; the connection is ending.
            let _ = sealer.push(ContentType::Handshake, finished, bytes);
        });
    }

    /// Sends a warning that nothing more will come. Behind the connection's own farewell, never
    /// before it: a stock peer takes it for a failure.
    #[cfg(test)]
    pub(crate) fn close(&mut self, out: &mut Outgoing) {
        let description = crate::wire::record::AlertDescription::CLOSE_NOTIFY;
        let alert = Alert::warning(description).emit();
        let sealer = &mut self.sealer;
        out.push(|bytes| {
            let _ = sealer.push(ContentType::Alert, &alert, bytes);
        });
    }

    /// Has either side's key seal `records` at the most, where its own limit is not lower.
    pub(crate) fn limit_records(&mut self, records: u64) {
        self.sealer.limit_records(records);
        self.opener.limit_records(records);
    }

    /// Lowers the limits of both keys.
    #[cfg(test)]
    pub(crate) fn lower_limits(&mut self, records: u64, failures: u64) {
        self.sealer.lower_limit(records);
        self.opener.lower_limit(failures);
    }
}

impl Reader {
    /// As [`Association::open_unmarked`].
    #[inline]
    pub(crate) fn open_unmarked(&self, datagram: &mut [u8], at: usize) -> Step<Unsettled, Refusal> {
        open_unmarked(&self.0, datagram, at)
    }
}

#[inline]
fn open_unmarked(opener: &Opener, datagram: &mut [u8], at: usize) -> Step<Unsettled, Refusal> {
    let whole = datagram.len();
    let header = match RecordHeader::parse(datagram.get(at..).unwrap_or_default()) {
        Ok((header, ..)) => header,
        // Where it ends, no one can say; nor where another begins.
        Err(malformed) => {
            return Step {
                outcome: Err(reason_of_malformed(malformed).into()),
                next: whole,
            };
        }
    };
    let next = at + RECORD_HEADER_LEN + usize::from(header.len);
    let outcome = if header.number.epoch() == 0 {
        // R14: nothing that is not protected means anything any more.
        Err(DropReason::Unprotected.into())
    } else {
        opener.open(&header, datagram, at).map(|record| Unsettled {
            content: Content::of(&record, datagram),
            record,
        })
    };
    Step { outcome, next }
}

impl Content {
    #[inline]
    fn of(record: &Unmarked, datagram: &[u8]) -> Self {
        if record.content_type == ContentType::ApplicationData {
            return Self::Application;
        }
        let content = datagram.get(record.content.clone()).unwrap_or_default();
        match record.content_type {
            ContentType::Alert => Alert::parse(content).map_or(Self::Other, Self::Alert),
            ContentType::Handshake => match FragmentHeader::parse(content) {
                Ok((header, ..)) if header.kind == MessageKind::Finished => Self::Finished,
                _ => Self::Other,
            },
            ContentType::ChangeCipherSpec | ContentType::ApplicationData => Self::Other,
        }
    }
}
