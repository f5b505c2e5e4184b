//! A handshake in either role: records in, messages to the role, flights out.
//!
//! Input: [`Handshake::handle_datagram`]. Time: [`Handshake::handle_timeout`], not before
//! [`Handshake::deadline`]. Output: datagrams in an [`Outgoing`], and the [`Progress`].
//!
//! What is not protected can be anybody's, so nothing of it ends the handshake at once (R14): a bad
//! message is thrown away and awaited again, an alert is remembered, and both become the reason of
//! the failure only if no progress follows. What is protected is the peer's, and is taken at its word.
//!
//! Messages before the Finished travel in epoch 0, the Finished in epoch 1, and neither in the other.
//! A handshake never sees an address, a socket or a clock. It is cold: keep it in a box.

use std::fmt;

use crate::counters::DropReason;
use crate::crypto::{CryptoError, PeerIdentity};
use crate::secure::association::Association;
use crate::secure::outgoing::Outgoing;
use crate::secure::record_layer::{Opener, Sealer, reason_of_malformed};
use crate::time::Timestamp;
use crate::wire::handshake::{FragmentHeader, MessageKind};
use crate::wire::record::{
    Alert, CHANGE_CIPHER_SPEC, ContentType, RECORD_HEADER_LEN, RecordHeader,
};

use super::conversation::Conversation;
use super::error::HandshakeError;
use super::reassembly::{Intake, Message, Origin};

/// How a handshake stands.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The peer's turn.
    Pending,
    /// A server's turn: its signature is due.
    NeedsSignature,
    /// Over, and well. The handshake may be dropped.
    Established(Box<Established>),
    /// Over. The handshake may be dropped.
    Failed(Box<HandshakeError>),
}

/// What a handshake leaves behind.
#[derive(Debug)]
pub(crate) struct Established {
    /// The keys.
    pub(crate) association: Association,
    /// Who the peer proved to be; none for a client that showed no certificate.
    pub(crate) peer: Option<PeerIdentity>,
    /// Records of the application that overtook the handshake: open them now, in this order.
    pub(crate) early: Vec<Vec<u8>>,
}

/// What came of a datagram.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) progress: Progress,
    /// Why nothing in the datagram was of use, if so: its one counter.
    pub(crate) received: Result<(), DropReason>,
}

/// Why a message does not lead on.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Anybody can have sent it.
    Doubtful(HandshakeError),
    /// It is the peer's, or it is ours.
    Final(HandshakeError),
}

impl From<HandshakeError> for Trouble {
    fn from(error: HandshakeError) -> Self {
        Self::Doubtful(error)
    }
}

/// Our own operations fail for good.
impl From<CryptoError> for Trouble {
    fn from(error: CryptoError) -> Self {
        Self::Final(error.into())
    }
}

/// What a message led to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// More to come.
    Onward,
    /// The last message was right.
    Complete(Box<Complete>),
}

/// A role's share of [`Established`].
#[derive(Debug)]
pub(crate) struct Complete {
    pub(super) association: Association,
    pub(super) peer: Option<PeerIdentity>,
}

/// Client or server: the state machine.
pub(crate) trait Role: fmt::Debug {
    /// Takes a message: legal or not, whole, and the next in order.
    ///
    /// An error leaves the state as it was, and the message unnoted.
    fn handle_message(
        &mut self,
        talk: &mut Conversation,
        now: Timestamp,
        message: &Message,
        out: &mut Outgoing,
    ) -> Result<Outcome, Trouble>;

    /// Takes a ChangeCipherSpec; false if it is not legal here.
    fn handle_change_cipher_spec(&mut self) -> bool;

    /// Opens what the peer protects; none before its ChangeCipherSpec.
    fn opener(&mut self) -> Option<&mut Opener>;

    /// Seals what we protect; none before our ChangeCipherSpec.
    fn sealer(&mut self) -> Option<&mut Sealer>;

    /// What should come next, for errors.
    fn awaited(&self) -> &'static str;

    /// Whether our own signature is what is awaited, and until when it is good for anything.
    fn signature_due(&self) -> Option<Timestamp>;

    /// Drops everything: nothing will be done any more.
    fn end(&mut self);
}

/// A handshake under way.
#[derive(Debug)]
pub(crate) struct Handshake<R> {
    pub(super) role: R,
    pub(super) talk: Conversation,
    pub(super) over: bool,
}

impl<R: Role> Handshake<R> {
    pub(super) fn new(role: R, talk: Conversation) -> Self {
        Self {
            role,
            talk,
            over: false,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(crate) fn deadline(&self) -> Timestamp {
        if self.over {
            return Timestamp::NEVER;
        }
        let signature = self.role.signature_due().unwrap_or(Timestamp::NEVER);
        self.talk.deadline().min(signature)
    }

    /// What should come next, for the log.
    #[cfg(test)]
    pub(crate) fn awaited(&self) -> &'static str {
        self.role.awaited()
    }

    /// A datagram of the peer. Its records are opened in place.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Timestamp,
        datagram: &mut [u8],
        out: &mut Outgoing,
    ) -> Turn {
        let mut received = Err(DropReason::Malformed);
        let mut at = 0;
        let mut progress = None;
        while at < datagram.len() && progress.is_none() && !self.over {
            let rest = datagram.get(at..).unwrap_or_default();
            let header = match RecordHeader::parse(rest) {
                Ok((header, ..)) => header,
                Err(malformed) => {
                    received = received.map_err(|_| reason_of_malformed(malformed));
                    break;
                }
            };
            let end = at + RECORD_HEADER_LEN + usize::from(header.len);
            let record = datagram.get_mut(at..end).unwrap_or_default();
            match self.handle_record(now, &header, record, out) {
                Ok(step) => {
                    received = Ok(());
                    progress = step;
                }
                Err(reason) => received = received.map_err(|_| reason),
            }
            at = end;
        }
        // Records behind the last one of the handshake are the application's.
        if let Some(Progress::Established(established)) = &mut progress {
            keep_rest(datagram.get(at..).unwrap_or_default(), established);
        }
        if self.over && progress.is_none() {
            received = Err(DropReason::Closed);
        }
        Turn {
            progress: progress.unwrap_or_else(|| self.standing()),
            received,
        }
    }

    /// Whatever time has brought about.
    pub(crate) fn handle_timeout(&mut self, now: Timestamp, out: &mut Outgoing) -> Progress {
        if self.over {
            return Progress::Pending;
        }
        if now >= self.talk.ends_at() {
            let error = match self.talk.take_doubt() {
                Some(error) => error,
                None => HandshakeError::TimedOut {
                    awaited: self.role.awaited(),
                    after: self.talk.common.timing.handshake,
                    heard: self.talk.heard,
                },
            };
            return self.fail(error, out);
        }
        if self.role.signature_due().is_some_and(|due| now >= due) {
            let after = self.talk.common.timing.signature;
            return self.fail(HandshakeError::SignatureTooLate { after }, out);
        }
        if let Some(error) = self.talk.expired_doubt(now) {
            return self.fail(error, out);
        }
        self.talk.repeat_in_time(now, self.role.sealer(), out);
        self.standing()
    }

    /// Ends it, and tells the peer why.
    pub(super) fn fail(&mut self, error: HandshakeError, out: &mut Outgoing) -> Progress {
        if let Some(description) = error.alert() {
            self.talk.send_alert(description, self.role.sealer(), out);
        }
        self.end();
        Progress::Failed(Box::new(error))
    }

    fn end(&mut self) {
        self.over = true;
        self.role.end();
    }

    pub(super) fn standing(&self) -> Progress {
        if !self.over && self.role.signature_due().is_some() {
            Progress::NeedsSignature
        } else {
            Progress::Pending
        }
    }

    /// One record. An error is why it was of no use.
    fn handle_record(
        &mut self,
        now: Timestamp,
        header: &RecordHeader,
        record: &mut [u8],
        out: &mut Outgoing,
    ) -> Result<Option<Progress>, DropReason> {
        match header.number.epoch() {
            0 => {
                let content = record.get(RECORD_HEADER_LEN..).unwrap_or_default();
                self.handle_plain(now, header.content_type, content, out)
            }
            1 => self.handle_protected(now, header, record, out),
            _ => Err(DropReason::WrongEpoch),
        }
    }

    fn handle_plain(
        &mut self,
        now: Timestamp,
        content_type: ContentType,
        content: &[u8],
        out: &mut Outgoing,
    ) -> Result<Option<Progress>, DropReason> {
        match content_type {
            ContentType::Handshake => self.handle_fragments(now, content, Origin::Plain, out),
            ContentType::ChangeCipherSpec => {
                if content != CHANGE_CIPHER_SPEC || !self.role.handle_change_cipher_spec() {
                    return Err(DropReason::Unexpected);
                }
                self.talk.heard = true;
                Ok(self.retry_early(now, out))
            }
            ContentType::Alert => {
                let alert = Alert::parse(content).ok_or(DropReason::Malformed)?;
                if alert.ends() {
                    let description = alert.description;
                    self.talk
                        .doubt(HandshakeError::PeerAlert { description }, now);
                }
                Ok(None)
            }
            // R13: never from epoch 0.
            ContentType::ApplicationData => Err(DropReason::Unprotected),
        }
    }

    fn handle_protected(
        &mut self,
        now: Timestamp,
        header: &RecordHeader,
        record: &mut [u8],
        out: &mut Outgoing,
    ) -> Result<Option<Progress>, DropReason> {
        let application = header.content_type == ContentType::ApplicationData;
        let opener = match self.role.opener() {
            Some(opener) if !application => opener,
            // Its keys, or its turn, are to come.
            _ if self.talk.keep_early(record) => return Ok(None),
            _ => return Err(DropReason::TooEarly),
        };
        let opened = opener.open(header, record, 0);
        let opened = opener.settle(opened)?;
        let content = record.get(opened.content).unwrap_or_default();
        match header.content_type {
            ContentType::Handshake => self.handle_fragments(now, content, Origin::Protected, out),
            ContentType::Alert => match Alert::parse(content) {
                // It is the peer's, and it is over.
                Some(alert) if alert.ends() => {
                    self.end();
                    let description = alert.description;
                    let error = HandshakeError::PeerAlert { description };
                    Ok(Some(Progress::Failed(Box::new(error))))
                }
                Some(_) => Ok(None),
                None => Err(DropReason::Malformed),
            },
            ContentType::ChangeCipherSpec | ContentType::ApplicationData => {
                Err(DropReason::Unexpected)
            }
        }
    }

    /// Records that were kept for these keys.
    fn retry_early(&mut self, now: Timestamp, out: &mut Outgoing) -> Option<Progress> {
        let mut progress = None;
        for mut record in self.talk.take_early() {
            let Ok((header, ..)) = RecordHeader::parse(&record) else {
                continue;
            };
            match &mut progress {
                None => {
                    let step = self.handle_protected(now, &header, &mut record, out);
                    progress = step.ok().flatten();
                }
                Some(Progress::Established(established)) => established.early.push(record),
                Some(_) => {}
            }
        }
        progress
    }

    fn handle_fragments(
        &mut self,
        now: Timestamp,
        mut content: &[u8],
        origin: Origin,
        out: &mut Outgoing,
    ) -> Result<Option<Progress>, DropReason> {
        let mut received = Err(DropReason::Malformed);
        while !content.is_empty() {
            // What follows is lost with it; what came before was of use.
            let Ok((header, fragment, rest)) = FragmentHeader::parse(content) else {
                break;
            };
            content = rest;
            // R13: HelloRequest is ignored, and each message has its epoch.
            if header.kind == MessageKind::HelloRequest || origin != Origin::of(header.kind) {
                received = received.map_err(|_| DropReason::Unexpected);
                continue;
            }
            match self.talk.inbound.insert(&header, fragment, origin) {
                Intake::Taken => {
                    received = Ok(());
                    self.talk.flight.note_life();
                }
                Intake::Known => received = Ok(()),
                Intake::Past => {
                    received = Ok(());
                    self.handle_repetition(now, &header, out);
                }
                Intake::TooLong => received = received.map_err(|_| DropReason::Oversize),
                Intake::TooFarAhead | Intake::Conflict | Intake::Full => {
                    received = received.map_err(|_| DropReason::Unexpected);
                }
            }
            if let Some(progress) = self.handle_messages(now, out) {
                return Ok(Some(progress));
            }
        }
        received.map(|()| None)
    }

    /// The peer says again what it has said: perhaps it has not heard us.
    fn handle_repetition(&mut self, now: Timestamp, header: &FragmentHeader, out: &mut Outgoing) {
        // The end of a message stands for all of it.
        let complete = header.offset + header.fragment_len == header.len;
        if complete && self.talk.flight.is_triggered_by(header.sequence) {
            self.talk.flight.note_life();
            self.talk.repeat_on_demand(now, self.role.sealer(), out);
        }
    }

    fn handle_messages(&mut self, now: Timestamp, out: &mut Outgoing) -> Option<Progress> {
        while let Some(message) = self.talk.inbound.pop() {
            match self.role.handle_message(&mut self.talk, now, &message, out) {
                Ok(outcome) => {
                    self.talk.heard = true;
                    self.talk.clear_doubt();
                    if let Outcome::Complete(complete) = outcome {
                        let early = self.talk.take_early();
                        self.end();
                        let Complete { association, peer } = *complete;
                        return Some(Progress::Established(Box::new(Established {
                            association,
                            peer,
                            early,
                        })));
                    }
                }
                Err(Trouble::Doubtful(error)) => {
                    self.talk.inbound.push_back(&message);
                    self.talk.doubt(error, now);
                    return None;
                }
                Err(Trouble::Final(error)) => return Some(self.fail(error, out)),
            }
        }
        None
    }
}

/// Keeps application records that follow the handshake's last one in its datagram.
fn keep_rest(mut rest: &[u8], established: &mut Established) {
    while let Ok((header, _, next)) = RecordHeader::parse(rest) {
        let len = rest.len() - next.len();
        let record = rest.get(..len).unwrap_or_default();
        if header.number.epoch() == 1 && established.early.len() < super::conversation::MAX_EARLY {
            established.early.push(record.to_vec());
        }
        rest = next;
    }
}
