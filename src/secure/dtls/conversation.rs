//! What both sides of a handshake keep: messages on their way in, the flight on its way out, the
//! transcript, and a doubt.
//!
//! It knows no state and no key: who speaks when is the business of the [`Role`](super::handshake::Role).

use crate::crypto::Transcript;
use crate::secure::outgoing::Outgoing;
use crate::secure::record_layer::{Sealer, push_plain};
use crate::time::Timestamp;
use crate::wire::handshake::{FragmentHeader, MessageKind};
use crate::wire::record::{Alert, AlertDescription, ContentType, ProtocolVersion};

use super::config::Common;
use super::error::HandshakeError;
use super::flight::{Flight, Numbers};
use super::reassembly::{Message, Reassembly};

/// Bytes of the peer's that a handshake keeps at once: in fragments, in the transcript, and in records
/// that came early. With our own flight, twice, it is below R10's 32 KiB.
const ROOM: usize = 20 * 1_024;

/// Records of epoch 1 that are kept until their keys are there (R15).
pub(super) const MAX_EARLY: usize = 8;

/// Something that ends the handshake unless progress shows that it was not the peer's.
#[derive(Debug)]
struct Doubt {
    error: HandshakeError,
    until: Timestamp,
}

/// Both sides' state of a handshake that does not depend on the role.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(super) common: Common,
    pub(super) inbound: Reassembly,
    pub(super) transcript: Transcript,
    pub(super) flight: Flight,
    /// Number of our next record in epoch 0.
    plain_next: u64,
    /// Number of our next message.
    message_next: u16,
    /// Whole records of epoch 1 that arrived before their keys, or before the handshake's end.
    early: Vec<Vec<u8>>,
    doubt: Option<Doubt>,
    started: Timestamp,
    /// Whether anything of use has come from the peer.
    pub(super) heard: bool,
}

impl Conversation {
    /// Awaits message `message_next` of the peer, and begins with that number and the record number
    /// `plain_next` itself.
    pub(super) fn new(
        common: Common,
        started: Timestamp,
        message_next: u16,
        plain_next: u64,
    ) -> Self {
        Self {
            inbound: Reassembly::new(message_next, ROOM),
            transcript: Transcript::new(),
            flight: Flight::new(common.timing),
            common,
            plain_next,
            message_next,
            early: Vec::new(),
            doubt: None,
            started,
            heard: false,
        }
    }

    /// When it is over, whatever progress was made (R10).
    pub(super) fn ends_at(&self) -> Timestamp {
        self.started + self.common.timing.handshake
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Timestamp {
        let doubt = self.doubt.as_ref().map(|doubt| doubt.until);
        self.ends_at()
            .min(self.flight.deadline())
            .min(doubt.unwrap_or(Timestamp::NEVER))
    }

    /// Number of our next record in epoch 0.
    pub(super) fn plain_next(&self) -> u64 {
        self.plain_next
    }

    // ---- what we say -------------------------------------------------------------------------

    /// Adds a message to the flight and to the transcript.
    pub(super) fn say(&mut self, kind: MessageKind, fill: impl FnOnce(&mut Vec<u8>)) {
        let sequence = self.take_sequence();
        let bytes = self.flight.push(kind, sequence, fill);
        self.transcript.add(bytes);
    }

    /// Adds a message to the flight alone.
    pub(super) fn say_off_the_record(
        &mut self,
        kind: MessageKind,
        fill: impl FnOnce(&mut Vec<u8>),
    ) {
        let sequence = self.take_sequence();
        self.flight.push(kind, sequence, fill);
    }

    /// Adds a ChangeCipherSpec and our Finished, and answers with the latter's bytes.
    pub(super) fn say_finished(&mut self, verify_data: &[u8]) -> Vec<u8> {
        let sequence = self.take_sequence();
        let kind = MessageKind::Finished;
        let bytes = self
            .flight
            .push_protected(kind, sequence, |out| out.extend_from_slice(verify_data));
        self.transcript.add(bytes);
        bytes.to_vec()
    }

    fn take_sequence(&mut self) -> u16 {
        let sequence = self.message_next;
        self.message_next = sequence.wrapping_add(1);
        sequence
    }

    /// Begins a flight, which the peer's last message asks for again.
    pub(super) fn begin_flight(&mut self) {
        self.flight.restart(self.inbound.next().checked_sub(1));
    }

    /// The flight, the numbers its records take, and the room a datagram has.
    fn sending<'a>(
        &'a mut self,
        sealer: Option<&'a mut Sealer>,
    ) -> (&'a mut Flight, Numbers<'a>, usize) {
        let numbers = Numbers {
            plain: &mut self.plain_next,
            sealer,
        };
        (&mut self.flight, numbers, self.common.mtu)
    }

    /// Sends the flight.
    pub(super) fn send(&mut self, now: Timestamp, sealer: Option<&mut Sealer>, out: &mut Outgoing) {
        let (flight, mut numbers, mtu) = self.sending(sealer);
        flight.send(now, mtu, &mut numbers, out);
    }

    /// Sends it again if its time has come.
    pub(super) fn repeat_in_time(
        &mut self,
        now: Timestamp,
        sealer: Option<&mut Sealer>,
        out: &mut Outgoing,
    ) {
        let (flight, mut numbers, mtu) = self.sending(sealer);
        flight.repeat_in_time(now, mtu, &mut numbers, out);
    }

    /// Sends it again because the peer asks.
    pub(super) fn repeat_on_demand(
        &mut self,
        now: Timestamp,
        sealer: Option<&mut Sealer>,
        out: &mut Outgoing,
    ) {
        let (flight, mut numbers, mtu) = self.sending(sealer);
        flight.repeat_on_demand(now, mtu, &mut numbers, out);
    }

    /// Tells the peer why it is over.
    pub(super) fn send_alert(
        &mut self,
        description: AlertDescription,
        sealer: Option<&mut Sealer>,
        out: &mut Outgoing,
    ) {
        let alert = Alert::fatal(description).emit();
        let sequence = self.plain_next;
        self.plain_next += 1;
        out.push(|bytes| match sealer {
            Some(sealer) => {
                // A fresh key is not spent by a handshake.
                let _ = sealer.push(ContentType::Alert, &alert, bytes);
            }
            None => push_plain(
                ContentType::Alert,
                ProtocolVersion::DTLS_1_2,
                sequence,
                &alert,
                bytes,
            ),
        });
    }

    // ---- what we heard -----------------------------------------------------------------------

    /// Adds a message of the peer to the transcript, as if it had come in one piece.
    ///
    /// RFC 6347 §4.2.6.
    pub(super) fn note(&mut self, message: &Message) {
        let len = u32::try_from(message.body.len()).unwrap_or(u32::MAX);
        let header = FragmentHeader::whole(message.kind, message.sequence, len);
        self.transcript.add(&header.emit());
        self.transcript.add(&message.body);
        if self.transcript.messages().is_some() {
            // It was within the room until now, so there is room.
            self.inbound.give_up(message.body.len());
        }
    }

    /// Keeps a record for later; false if there are enough.
    pub(super) fn keep_early(&mut self, record: &[u8]) -> bool {
        let fits = self.early.len() < MAX_EARLY && self.inbound.give_up(record.len());
        if fits {
            self.early.push(record.to_vec());
        }
        fits
    }

    /// The records kept.
    pub(super) fn take_early(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.early)
    }

    /// Bytes kept of the peer and of our own.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let early: usize = self.early.iter().map(Vec::capacity).sum();
        let transcript = self.transcript.messages().map_or(0, <[u8]>::len);
        self.inbound.held() + early + transcript + self.flight.bytes().len()
    }

    // ---- doubts ------------------------------------------------------------------------------

    /// Something happened that anybody on the path can have caused: it ends the handshake only if no
    /// progress follows (R14). The first doubt stands.
    pub(super) fn doubt(&mut self, error: HandshakeError, now: Timestamp) {
        let until = now + self.common.timing.grace;
        self.doubt.get_or_insert(Doubt { error, until });
    }

    /// Progress was made: whatever was doubtful did not come from the peer.
    pub(super) fn clear_doubt(&mut self) {
        self.doubt = None;
    }

    /// The doubt that no progress has cleared in time.
    pub(super) fn expired_doubt(&mut self, now: Timestamp) -> Option<HandshakeError> {
        self.doubt
            .take_if(|doubt| now >= doubt.until)
            .map(|doubt| doubt.error)
    }

    /// The doubt, if there is one: the likeliest reason for running out of time.
    pub(super) fn take_doubt(&mut self) -> Option<HandshakeError> {
        self.doubt.take().map(|doubt| doubt.error)
    }
}
