//! Admission: what becomes of packets whose token no connection has.
//!
//! Nothing here is on the path of connected peers. A packet ends in one [`Outcome`], and the outcome
//! is counted in one place, so that no packet is counted twice or not at all.

use std::time::Duration;

use super::prefixes::Share;
use super::recent::Claim;
use super::slots::{Acceptance, Incoming, Origin};
use super::standing::Standing;
use super::{Endpoint, Replies, Verdict};
use crate::address::Path;
use crate::counters::{DropReason, Flow};
use crate::journal::Kind;
use crate::link::Rules;
use crate::link::proof::AddressProof;
use crate::settings::AddressValidation;
use crate::time::Timestamp;
use crate::wire::connection::{
    CheckBody, HANDSHAKE_HEADER_LEN, Malformed, Packet, Token, push_accept, push_disconnect,
    push_mtu_check,
};

/// Fewest lanes that connections without proof may have together.
const UNPROVEN_LANES: usize = 1_024;

/// The part of `max_connections` they may have if that is more.
const UNPROVEN_SHARE: usize = 4;

/// Largest accept without a record, or without a limit of its own: three times the smallest request.
pub(super) const SMALL_ACCEPT: usize = 3 * HANDSHAKE_HEADER_LEN;

/// Wait between two refusals of one request, and between two large accepts to one address.
const SECOND: Duration = Duration::from_secs(1);

/// Wait between two accepts without a record: three a second (R20).
const STATELESS_ACCEPT: Duration = Duration::from_millis(334);

/// Wait between two questions without a record to one client.
const STATELESS_QUESTION: Duration = Duration::from_millis(200);

/// What a limited answer is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Refusal,
    LargeAccept,
    StatelessAccept,
    StatelessQuestion,
}

/// What became of a packet.
pub(super) enum Outcome {
    /// A link takes over, with the datagram or without it.
    Opened(Verdict),
    /// It was answered, or brought its sender further.
    Passed,
    /// It was not.
    Dropped(DropReason),
}

/// A packet of a stranger, and what is needed to judge it.
pub(super) struct Stranger<'a> {
    pub(super) now: Timestamp,
    pub(super) rules: &'a Rules,
    pub(super) path: &'a Path,
    /// Bytes that came.
    pub(super) len: usize,
    pub(super) replies: &'a mut Replies,
}

impl Stranger<'_> {
    pub(super) fn accept(&mut self, token: Token) -> usize {
        let payload = &self.rules.accept_payload;
        self.replies
            .push(self.path, |out| push_accept(out, token, payload))
    }

    pub(super) fn disconnect(&mut self, token: Token) -> usize {
        self.replies
            .push(self.path, |out| push_disconnect(out, token))
    }

    pub(super) fn question(&mut self, token: Token, values: [u16; 2]) -> usize {
        let ask = |value| {
            self.replies.push(self.path, |out| {
                push_mtu_check(out, token, value, CheckBody::Absent);
            })
        };
        values.map(ask).iter().sum()
    }

    /// Bytes of an accept.
    pub(super) fn accept_len(&self) -> usize {
        match self.rules.accept_payload.len() {
            0 => HANDSHAKE_HEADER_LEN,
            len => HANDSHAKE_HEADER_LEN + 2 + len,
        }
    }
}

impl Endpoint {
    /// Judges a datagram whose token no connection has, and counts it.
    pub(super) fn admit(
        &mut self,
        now: Timestamp,
        rules: &Rules,
        path: &Path,
        datagram: &[u8],
        inward: &mut Flow,
        replies: &mut Replies,
    ) -> Verdict {
        let mut stranger = Stranger {
            now,
            rules,
            path,
            len: datagram.len(),
            replies,
        };
        match self.judge(&mut stranger, datagram) {
            Outcome::Opened(open @ Verdict::Open { .. }) => open,
            Outcome::Opened(verdict) => {
                inward.passed += 1;
                verdict
            }
            Outcome::Passed => {
                inward.passed += 1;
                Verdict::Done
            }
            Outcome::Dropped(reason) => {
                inward.drops.count(reason);
                Verdict::Done
            }
        }
    }

    fn judge(&mut self, stranger: &mut Stranger<'_>, datagram: &[u8]) -> Outcome {
        let packet = match Packet::parse(datagram) {
            Ok(packet) => packet,
            Err(malformed) => return self.nobodys(stranger, datagram, reason(malformed)),
        };
        if let Some(index) = self.half_open.find(packet.token()) {
            return self.hear(stranger, index, packet);
        }
        match packet {
            Packet::Request { token, payload } => self.request(stranger, token, payload),
            Packet::Data { token, .. } | Packet::Heartbeat { token }
                if self.under_load.is_obliged(stranger.now) =>
            {
                self.ask_without_record(stranger, token)
            }
            Packet::MtuAck { token, size } if self.under_load.is_obliged(stranger.now) => {
                self.recall(stranger, token, size)
            }
            _ => self.nobodys(stranger, datagram, DropReason::UnknownToken),
        }
    }

    /// A packet without a connection and without a meaning: it may be of another protocol.
    fn nobodys(
        &mut self,
        stranger: &Stranger<'_>,
        datagram: &[u8],
        otherwise: DropReason,
    ) -> Outcome {
        let foreign = self.explained.recognise(
            stranger.now,
            &stranger.path.remote,
            datagram,
            &mut self.journal,
        );
        Outcome::Dropped(foreign.unwrap_or(otherwise))
    }

    /// A request for a token nobody has.
    fn request(&mut self, stranger: &mut Stranger<'_>, token: Token, payload: &[u8]) -> Outcome {
        self.note_load(stranger.now);
        let charge = self.prefixes.charge(&stranger.path.remote);
        let share = self.prefixes.share(charge);
        let is_full = self.slots.proven() >= self.slots.max();
        if !stranger.rules.listening || is_full || share == Share::Full {
            return self.refuse(stranger, token, share);
        }
        let standing = match self.limits.address_validation {
            AddressValidation::On => Standing::Unproven,
            AddressValidation::Off => Standing::Proven,
        };
        if standing == Standing::Unproven && !self.may_accept(stranger) {
            return Outcome::Dropped(DropReason::RateLimited);
        }
        if self.may_open(share, standing) {
            let origin = Origin::Incoming(Incoming {
                charge,
                standing,
                acceptance: Acceptance::Waiting,
            });
            if let Some(slot) = self.open(token, origin) {
                return Outcome::Opened(Verdict::Open { slot, token });
            }
        }
        if standing == Standing::Proven || stranger.path.remote.ip().is_none() {
            // Nothing is left but to wait for room: the client asks again in a second. Addresses of
            // user-written interfaces fit no record.
            return Outcome::Dropped(DropReason::RateLimited);
        }
        if self.under_load() {
            self.request_under_load(stranger, token, payload)
        } else {
            self.remember(stranger, token, payload)
        }
    }

    /// Whether a request gets a connection at once.
    fn may_open(&self, share: Share, standing: Standing) -> bool {
        if !self.slots.has_room() || self.slots.waiting() >= self.limits.waiting_for_accept_max {
            return false;
        }
        let lanes = UNPROVEN_LANES.max(self.slots.max() / UNPROVEN_SHARE);
        standing == Standing::Proven
            || (share == Share::Free
                && self.slots.unproven() < lanes
                && self.half_open.proven() == 0
                && !self.under_load())
    }

    /// Turns a client away (threat model, appendix B).
    pub(super) fn refuse(
        &mut self,
        stranger: &mut Stranger<'_>,
        token: Token,
        share: Share,
    ) -> Outcome {
        self.tally.refused += 1;
        if stranger.rules.listening {
            let by_ip = share == Share::Full;
            self.tally.refused_per_ip += u64::from(by_ip);
            let (knob, limit) = if by_ip {
                ("max_connections_per_ip", self.limits.max_connections_per_ip)
            } else {
                ("max_connections", Some(self.limits.max_connections))
            };
            let from = self.journal.address(&stranger.path.remote);
            self.journal.note(
                stranger.now,
                Kind::ConnectionRefused,
                format_args!(
                    "refused {from}: `{knob}` is {}, raise it if these are players",
                    limit.unwrap_or(0)
                ),
            );
        }
        if !self.under_load() && self.claim(stranger, Subject::Refusal, Some(token)) != Claim::Held
        {
            stranger.disconnect(token);
        }
        Outcome::Dropped(DropReason::ConnectionRefused)
    }

    /// Makes a half-open record for a request, and answers it.
    pub(super) fn remember(
        &mut self,
        stranger: &mut Stranger<'_>,
        token: Token,
        payload: &[u8],
    ) -> Outcome {
        let proof = AddressProof::unproven(stranger.len);
        match self.record(stranger, token, payload, proof) {
            Some(index) => {
                self.send_accept(stranger, index);
                Outcome::Passed
            }
            None => Outcome::Dropped(DropReason::RateLimited),
        }
    }

    pub(super) fn record(
        &mut self,
        stranger: &Stranger<'_>,
        token: Token,
        payload: &[u8],
        proof: AddressProof,
    ) -> Option<u32> {
        self.half_open.insert(
            token,
            stranger.path,
            payload,
            proof,
            stranger.now,
            &mut self.random,
        )
    }

    pub(super) fn claim(
        &mut self,
        stranger: &Stranger<'_>,
        subject: Subject,
        token: Option<Token>,
    ) -> Claim {
        let period = match subject {
            Subject::Refusal | Subject::LargeAccept => SECOND,
            Subject::StatelessAccept => STATELESS_ACCEPT,
            Subject::StatelessQuestion => STATELESS_QUESTION,
        };
        let who = (subject, stranger.path.remote, token.map(|token| token.0));
        self.recent.claim(stranger.now, period, who)
    }

    /// Says in the journal when a time of load begins or ends.
    fn note_load(&mut self, now: Timestamp) {
        let is_under_load = self.under_load();
        if is_under_load == self.was_under_load {
            return;
        }
        self.was_under_load = is_under_load;
        let records = self.half_open.len();
        let text = if is_under_load {
            "under load: requests are answered without a record"
        } else {
            "no longer under load"
        };
        self.journal.note(
            now,
            Kind::UnderLoad,
            format_args!("{text} ({records} half-open records)"),
        );
    }
}

/// The counter of a packet that is none.
fn reason(malformed: Malformed) -> DropReason {
    match malformed {
        Malformed::WrongVersion { .. } => DropReason::WrongVersion,
        Malformed::UnknownType { .. } => DropReason::UnknownToken,
        Malformed::Empty
        | Malformed::Short { .. }
        | Malformed::UnknownHandshake { .. }
        | Malformed::PayloadLength { .. }
        | Malformed::DataWithoutPipeline
        | Malformed::MtuBodyShort { .. } => DropReason::Malformed,
    }
}
