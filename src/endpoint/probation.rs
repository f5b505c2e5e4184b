//! Probation: clients with a half-open record, from the answer to their request to a connection.
//!
//! ```text
//!             first data or heartbeat           both values right          a slot is free
//!  Answered ──────────────────────────▶ Spoken ───────────────────▶ Proven ─────────────▶ OpenProven
//!      ▲ request: another accept            │ three voided pairs       │ ten seconds
//!      └────────────────────────────────    ▼                          ▼
//!                                        forgotten                 forgotten, and told
//! ```
//!
//! A client is asked for its proof once it has sent something other than a request: a stock client
//! that still awaits its accept dies of anything else (stock behaviour 3.1). Its messages are not
//! kept: reliable ones come again, unreliable ones are lost.

use super::admission::{Outcome, SMALL_ACCEPT, Stranger, Subject};
use super::half_open::{Progress, Record};
use super::prefixes::Share;
use super::recent::Claim;
use super::slots::{Acceptance, Incoming, Origin};
use super::standing::Standing;
use super::{Endpoint, Replies, Verdict};
use crate::counters::DropReason;
use crate::link::Rules;
use crate::link::proof::{AddressProof, Answer, PAIR_LEN};
use crate::time::{Now, Timestamp};
use crate::wire::connection::{MESSAGE_HEADER_LEN, Packet, push_disconnect};

impl Endpoint {
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

    /// The driver is closing: half-open clients, to which it looks as if they were connected, are
    /// told within what their address may be sent.
    pub(crate) fn dismiss(&mut self, replies: &mut Replies) {
        while let Some(record) = self.half_open.expire(Timestamp::NEVER) {
            if record.proof.allows(MESSAGE_HEADER_LEN) {
                replies.push(&record.path(), |out| push_disconnect(out, record.token));
            }
        }
    }

    /// A packet of a client that has a half-open record.
    pub(super) fn hear(
        &mut self,
        stranger: &mut Stranger<'_>,
        index: u32,
        packet: Packet<'_>,
    ) -> Outcome {
        let Some(record) = self.half_open.get_mut(index) else {
            return Outcome::Dropped(DropReason::InternalError);
        };
        let is_home = record.is_from(stranger.path);
        if is_home {
            record.proof.on_received(stranger.len);
        }
        let is_followed = matches!(
            packet,
            Packet::Request { .. } | Packet::Data { .. } | Packet::Heartbeat { .. }
        );
        if !(is_home || is_followed && self.follow(stranger, index)) {
            return Outcome::Dropped(DropReason::WrongAddress);
        }
        match packet {
            Packet::Request { .. } => self.request_again(stranger, index),
            Packet::Data { .. } | Packet::Heartbeat { .. } => self.spoken(stranger, index),
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
    fn follow(&mut self, stranger: &Stranger<'_>, index: u32) -> bool {
        let proof = AddressProof::unproven(stranger.len);
        self.half_open.relocate(index, stranger.path, proof)
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
    pub(super) fn may_accept(&mut self, stranger: &Stranger<'_>) -> bool {
        stranger.accept_len() <= SMALL_ACCEPT
            || self.claim(stranger, Subject::LargeAccept, None) == Claim::Granted
    }

    /// Sends a record's accept, if the budget of its address and its rate allow it. A large one has
    /// a rate of its own and no budget.
    pub(super) fn send_accept(&mut self, stranger: &mut Stranger<'_>, index: u32) -> bool {
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
}
