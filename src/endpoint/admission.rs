//! Admission: what becomes of packets whose token no connection has.
//!
//! Nothing here is on the path of connected peers. A packet ends in one [`Outcome`], and the outcome
//! is counted in one place, so that no packet is counted twice or not at all.

use std::time::Duration;

use super::half_open::{Progress, Record};
use super::prefixes::Share;
use super::recent::Claim;
use super::slots::{Acceptance, Incoming, Origin, Standing};
use super::{Endpoint, Replies, Verdict};
use crate::address::Path;
use crate::counters::{DropReason, Flow};
use crate::journal::Kind;
use crate::link::Rules;
use crate::link::proof::{AddressProof, Answer, PAIR_LEN};
use crate::settings::AddressValidation;
use crate::time::{Now, Timestamp};
use crate::wire::connection::{
    CheckBody, HANDSHAKE_HEADER_LEN, Malformed, Packet, Token, push_accept, push_disconnect,
    push_mtu_check,
};
use crate::wire::mtu::CHECK_HEADER_LEN;

/// Fewest lanes that connections without proof may have together.
const UNPROVEN_LANES: usize = 1_024;

/// The part of `max_connections` they may have if that is more.
const UNPROVEN_SHARE: usize = 4;

/// Largest connect payload a record takes while under load (R21).
const PAYLOAD_UNDER_LOAD: usize = 256;

/// Largest accept without a record, or without a limit of its own: three times the smallest request.
const SMALL_ACCEPT: usize = 3 * HANDSHAKE_HEADER_LEN;

/// Wait between two refusals of one request, and between two large accepts to one address.
const SECOND: Duration = Duration::from_secs(1);

/// Wait between two accepts without a record: three a second (R20).
const STATELESS_ACCEPT: Duration = Duration::from_millis(334);

/// Wait between two questions without a record to one client.
const STATELESS_QUESTION: Duration = Duration::from_millis(200);

/// What a limited answer is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Subject {
    Refusal,
    LargeAccept,
    StatelessAccept,
    StatelessQuestion,
}

/// What became of a packet.
enum Outcome {
    /// A link takes over, with the datagram or without it.
    Opened(Verdict),
    /// It was answered, or brought its sender further.
    Passed,
    /// It was not.
    Dropped(DropReason),
}

/// A packet of a stranger, and what is needed to judge it.
struct Stranger<'a> {
    now: Timestamp,
    rules: &'a Rules,
    path: &'a Path,
    /// Bytes that came.
    len: usize,
    replies: &'a mut Replies,
}

impl Stranger<'_> {
    fn accept(&mut self, token: Token) -> usize {
        let payload = &self.rules.accept_payload;
        self.replies
            .push(self.path, |out| push_accept(out, token, payload))
    }

    fn disconnect(&mut self, token: Token) -> usize {
        self.replies
            .push(self.path, |out| push_disconnect(out, token))
    }

    fn question(&mut self, token: Token, values: [u16; 2]) -> usize {
        let ask = |value| {
            self.replies.push(self.path, |out| {
                push_mtu_check(out, token, value, CheckBody::Absent);
            })
        };
        values.map(ask).iter().sum()
    }

    /// Bytes of an accept.
    fn accept_len(&self) -> usize {
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

    /// Lets records go whose time is over.
    pub(crate) fn service(&mut self, now: Now, _rules: &Rules, replies: &mut Replies) {
        while let Some(record) = self.half_open.expire(now.at) {
            if record.progress() == Progress::Proven {
                // It did all that was asked of it, so it is told (R20 does not apply to it).
                self.tally.refused += 1;
                replies.push(&record.path(), |out| push_disconnect(out, record.token));
            }
        }
        self.journal.service(now.at);
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
    fn refuse(&mut self, stranger: &mut Stranger<'_>, token: Token, share: Share) -> Outcome {
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
    fn remember(&mut self, stranger: &mut Stranger<'_>, token: Token, payload: &[u8]) -> Outcome {
        let proof = AddressProof::unproven(stranger.len);
        match self.record(stranger, token, payload, proof) {
            Some(index) => {
                self.send_accept(stranger, index);
                Outcome::Passed
            }
            None => Outcome::Dropped(DropReason::RateLimited),
        }
    }

    fn record(
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

    /// Answers a request without remembering it, if it carries nothing to remember.
    fn request_under_load(
        &mut self,
        stranger: &mut Stranger<'_>,
        token: Token,
        payload: &[u8],
    ) -> Outcome {
        if payload.len() > PAYLOAD_UNDER_LOAD {
            return Outcome::Dropped(DropReason::HalfOpenEvicted);
        }
        if !payload.is_empty() || stranger.accept_len() > SMALL_ACCEPT {
            return self.remember(stranger, token, payload);
        }
        if self.claim(stranger, Subject::StatelessAccept, Some(token)) == Claim::Held {
            return Outcome::Dropped(DropReason::RateLimited);
        }
        stranger.accept(token);
        self.tally.stateless_accepts += 1;
        self.under_load
            .oblige(stranger.now, self.limits.half_open_lifetime);
        Outcome::Passed
    }

    /// A client without a record has spoken: it has seen an accept, so it can be asked for a proof.
    fn ask_without_record(&mut self, stranger: &mut Stranger<'_>, token: Token) -> Outcome {
        if self.claim(stranger, Subject::StatelessQuestion, Some(token)) == Claim::Held {
            return Outcome::Dropped(DropReason::RateLimited);
        }
        let remote = &stranger.path.remote;
        let question = self
            .under_load
            .question(stranger.now, remote, token, &mut self.random);
        let Some(values) = question else {
            return Outcome::Dropped(DropReason::InternalError);
        };
        stranger.question(token, values);
        Outcome::Passed
    }

    /// A client without a record answers: with one right value it gets a record.
    fn recall(&mut self, stranger: &mut Stranger<'_>, token: Token, size: u16) -> Outcome {
        let value = size
            .wrapping_sub(CHECK_HEADER_LEN)
            .wrapping_sub(self.padding);
        let remote = &stranger.path.remote;
        let Some(recalled) = self.under_load.recall(stranger.now, remote, token, value) else {
            return Outcome::Dropped(DropReason::UnknownToken);
        };
        let proof = AddressProof::resumed(
            stranger.len,
            recalled.values,
            recalled.answered,
            stranger.now,
        );
        match self.record(stranger, token, &[], proof) {
            Some(index) => {
                self.half_open.advance(index, Progress::Spoken);
                Outcome::Passed
            }
            None => Outcome::Dropped(DropReason::RateLimited),
        }
    }

    /// A packet of a client that has a half-open record.
    fn hear(&mut self, stranger: &mut Stranger<'_>, index: u32, packet: Packet<'_>) -> Outcome {
        let Some(record) = self.half_open.get_mut(index) else {
            return Outcome::Dropped(DropReason::InternalError);
        };
        let is_home = record.is_from(stranger.path);
        if is_home {
            record.proof.on_received(stranger.len);
        }
        match packet {
            Packet::Request { .. } => {
                if !is_home {
                    self.follow(stranger, index);
                }
                self.request_again(stranger, index)
            }
            Packet::Data { .. } | Packet::Heartbeat { .. } => {
                if !is_home {
                    self.follow(stranger, index);
                }
                self.spoken(stranger, index)
            }
            _ if !is_home => Outcome::Dropped(DropReason::WrongAddress),
            Packet::MtuAck { size, .. } => self.answered(stranger, index, size),
            Packet::Disconnect { .. } => {
                self.half_open.remove(index);
                Outcome::Passed
            }
            // Checks of a client that discovers its path: it goes on without an answer.
            Packet::MtuCheck { .. } | Packet::Accept { .. } => {
                Outcome::Dropped(DropReason::Unexpected)
            }
        }
    }

    /// The client's address has changed; until it has proved one, the last it spoke from is its own
    /// (stock behaviour 4.4). What it proved before was about another address.
    fn follow(&mut self, stranger: &Stranger<'_>, index: u32) {
        let proof = AddressProof::unproven(stranger.len);
        self.half_open.relocate(index, stranger.path, proof);
    }

    fn request_again(&mut self, stranger: &mut Stranger<'_>, index: u32) -> Outcome {
        if self.may_accept(stranger) && self.send_accept(stranger, index) {
            Outcome::Passed
        } else {
            Outcome::Dropped(DropReason::RateLimited)
        }
    }

    /// Whether an accept may be sent to an address without proof. One beyond three times the request
    /// goes out once a second and address (R20).
    fn may_accept(&mut self, stranger: &Stranger<'_>) -> bool {
        stranger.accept_len() <= SMALL_ACCEPT
            || self.claim(stranger, Subject::LargeAccept, None) == Claim::Granted
    }

    /// Sends a record's accept, if the budget of its address and its rate allow it. A large one has
    /// a rate of its own and no budget.
    fn send_accept(&mut self, stranger: &mut Stranger<'_>, index: u32) -> bool {
        let len = stranger.accept_len();
        let Some(record) = self.half_open.get_mut(index) else {
            return false;
        };
        let is_allowed = len > SMALL_ACCEPT || record.proof.allows(len);
        if !is_allowed || !record.accepts.take(stranger.now) {
            return false;
        }
        let sent = stranger.accept(record.token);
        record.proof.on_sent(sent);
        true
    }

    /// The client has sent something other than a request, so it has seen its accept and can be
    /// asked for a proof.
    fn spoken(&mut self, stranger: &mut Stranger<'_>, index: u32) -> Outcome {
        let Some(progress) = self.half_open.get(index).map(Record::progress) else {
            return Outcome::Dropped(DropReason::InternalError);
        };
        if progress == Progress::Proven {
            return self.promote(stranger, index);
        }
        self.half_open.advance(index, Progress::Spoken);
        let Some(record) = self.half_open.get_mut(index) else {
            return Outcome::Dropped(DropReason::InternalError);
        };
        let token = record.token;
        let Some(values) = record.proof.next_probe(stranger.now, &mut self.random) else {
            return Outcome::Dropped(DropReason::Unexpected);
        };
        // A copy of the accept in front, where there is room: it is what a stock client expects to
        // see before all else (stock behaviour 1.6).
        let accept_len = stranger.accept_len();
        let has_room = accept_len <= SMALL_ACCEPT && record.proof.allows(accept_len + PAIR_LEN);
        if progress == Progress::Answered && has_room && record.accepts.take(stranger.now) {
            let sent = stranger.accept(token);
            record.proof.on_sent(sent);
        }
        let sent = stranger.question(token, values);
        record.proof.on_sent(sent);
        Outcome::Passed
    }

    fn answered(&mut self, stranger: &mut Stranger<'_>, index: u32, size: u16) -> Outcome {
        let (padding, now) = (self.padding, stranger.now);
        let Some(record) = self.half_open.get_mut(index) else {
            return Outcome::Dropped(DropReason::InternalError);
        };
        match record.proof.answer(size, padding, now) {
            Answer::Partial => Outcome::Passed,
            Answer::Unasked | Answer::Wrong => Outcome::Dropped(DropReason::Unexpected),
            Answer::Exhausted => {
                self.half_open.remove(index);
                Outcome::Dropped(DropReason::Unexpected)
            }
            Answer::Proved => {
                self.half_open.advance(index, Progress::Proven);
                self.promote(stranger, index)
            }
        }
    }

    /// Makes a connection of a client that has proved its address, as soon as there is room.
    fn promote(&mut self, stranger: &mut Stranger<'_>, index: u32) -> Outcome {
        let Some(token) = self.half_open.get(index).map(|record| record.token) else {
            return Outcome::Dropped(DropReason::InternalError);
        };
        let charge = self.prefixes.charge(&stranger.path.remote);
        let share = self.prefixes.share(charge);
        let is_full = self.slots.proven() >= self.slots.max();
        if !stranger.rules.listening || is_full || share == Share::Full {
            self.half_open.remove(index);
            return self.refuse(stranger, token, share);
        }
        if !self.slots.has_room() || self.slots.waiting() >= self.limits.waiting_for_accept_max {
            return Outcome::Passed;
        }
        let origin = Origin::Incoming(Incoming {
            charge,
            standing: Standing::Proven,
            acceptance: Acceptance::Waiting,
        });
        let (Some(record), Some(slot)) = (self.half_open.remove(index), self.open(token, origin))
        else {
            return Outcome::Dropped(DropReason::InternalError);
        };
        let (path, payload) = record.into_parts();
        Outcome::Opened(Verdict::OpenProven {
            slot,
            token,
            path,
            payload,
        })
    }

    fn claim(&mut self, stranger: &Stranger<'_>, subject: Subject, token: Option<Token>) -> Claim {
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
