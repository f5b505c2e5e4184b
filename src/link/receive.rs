//! Receiving: what a packet means in which state.
//!
//! | packet | Requesting | Probing, Established | Closing | Refused, Closed |
//! |---|---|---|---|---|
//! | request | dropped | accept (server) | dropped | dropped |
//! | accept | connected | dropped | dropped | dropped |
//! | data | connected, delivered | delivered | dropped | dropped |
//! | heartbeat | connected | sign of life | dropped | dropped |
//! | MTU check | connected, answered | answered | dropped | dropped |
//! | MTU ack | connected | size or address | dropped | dropped |
//! | disconnect | ended, no Connect event | ended | ended, no further copies | dropped |
//! | anything else | dropped | dropped | dropped | dropped |
//!
//! Lingering is Closing, but what is acknowledged is taken in, and messages are dropped.
//! What is dropped changes nothing but one counter.

use super::proof::Answer;
use super::state::{Role, Standing, State};
use super::{Context, Link, Notice};
use crate::address::Path;
use crate::buffer::inbox::EventKind;
use crate::counters::DropReason;
use crate::error::DisconnectReason;
use crate::wire::connection::{
    CheckBody, MESSAGE_HEADER_LEN, Malformed, Packet, push_mtu_ack, push_mtu_check,
};
use crate::wire::mtu::ack_for_check;

/// Bytes of an MTU ack.
const MTU_ACK_LEN: usize = MESSAGE_HEADER_LEN + 4;

impl Link {
    /// A datagram that bears this link's token, opened if it was a record.
    ///
    /// `order` is its number among all datagrams of the driver.
    pub(crate) fn handle_packet(
        &mut self,
        path: &Path,
        packet: &[u8],
        order: u64,
        cx: &mut Context<'_>,
    ) {
        self.open_pipelines(cx);
        match self.receive(path, packet, order, cx) {
            Ok(()) => {
                cx.inward.passed += 1;
                self.count_received(packet.len(), cx);
            }
            Err(reason) => cx.inward.drops.count(reason),
        }
    }

    #[inline]
    fn receive(
        &mut self,
        path: &Path,
        bytes: &[u8],
        order: u64,
        cx: &mut Context<'_>,
    ) -> Result<(), DropReason> {
        let packet = Packet::parse(bytes).map_err(reason_of)?;
        if packet.token() != self.token {
            return Err(DropReason::UnknownToken);
        }
        match packet {
            Packet::Data { pipeline, body, .. } => {
                self.note_life(path, bytes.len(), order, cx)?;
                let outcome = self.deliver(pipeline, body, cx);
                self.probe_addresses(cx);
                outcome
            }
            Packet::Heartbeat { .. } => {
                self.note_life(path, bytes.len(), order, cx)?;
                self.probe_addresses(cx);
                Ok(())
            }
            Packet::MtuCheck { len, .. } => {
                self.note_life(path, bytes.len(), order, cx)?;
                self.answer_check(path, len, cx);
                self.probe_addresses(cx);
                Ok(())
            }
            Packet::MtuAck { size, .. } => {
                self.note_life(path, bytes.len(), order, cx)?;
                let outcome = self.take_answer(path, size, order, cx);
                self.probe_addresses(cx);
                outcome
            }
            Packet::Request { .. } => self.handle_request(path, bytes.len(), cx),
            Packet::Accept { payload, .. } => self.handle_accept(path, payload, order, cx),
            Packet::Disconnect { .. } => self.handle_close(path, cx),
        }
    }

    /// A message of the connection shows that the peer lives, and where.
    #[inline]
    fn note_life(
        &mut self,
        path: &Path,
        len: usize,
        order: u64,
        cx: &mut Context<'_>,
    ) -> Result<(), DropReason> {
        match self.state {
            State::Established { .. } | State::Lingering { .. } | State::Probing(_) => {}
            State::Requesting(_) => self.accept_implied(path, order, cx),
            State::Refused { .. } | State::Closing(_) | State::Closed => {
                return Err(DropReason::Unexpected);
            }
        }
        self.last_receive = cx.now.observed;
        if self.is_current(path) {
            self.credit(len);
        } else {
            self.note_elsewhere(path, len, cx);
        }
        if let Some(roaming) = &mut self.roaming {
            roaming.note_current(path.remote == self.path.remote, cx.now.at);
        }
        if let Role::Server(guest) = &mut self.role
            && !guest.heard
        {
            guest.heard = true;
            self.begin_survey(cx);
        }
        Ok(())
    }

    /// Hands a message to the user.
    #[inline]
    fn deliver(
        &mut self,
        pipeline: u8,
        body: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<(), DropReason> {
        if pipeline != 0 {
            let outcome = self.receive_through(pipeline, body, cx);
            let left = matches!(self.state, State::Lingering { .. });
            return match outcome {
                Err(DropReason::EventsFull) if left => Err(DropReason::Closed),
                outcome => outcome,
            };
        }
        if matches!(self.state, State::Lingering { .. }) {
            return Err(DropReason::Closed);
        }
        let budget = cx.rules.event_budget();
        let (held, inbox) = self.place_of_events(cx.inbox);
        if !inbox.has_room(body.len(), held, budget) {
            return Err(DropReason::EventsFull);
        }
        inbox.push(EventKind::Data, pipeline, 0, body);
        Ok(())
    }

    /// Answers an MTU check, at the address it came from.
    fn answer_check(&mut self, path: &Path, len: u16, cx: &mut Context<'_>) {
        let (token, size) = (self.token, ack_for_check(len, cx.rules.padding));
        let write = |out: &mut Vec<u8>| push_mtu_ack(out, token, size);
        if !self.is_current(path) {
            // 13 bytes for at least 11: within any budget, and charged to the path it is for.
            let sent = self.send_control_to(*path, cx, write);
            self.charge_elsewhere(path, sent);
        } else if self.allows(MTU_ACK_LEN) {
            self.send_control(cx, write);
        }
    }

    /// An MTU ack: an answer about the address, or about the path's size.
    fn take_answer(
        &mut self,
        path: &Path,
        size: u16,
        order: u64,
        cx: &mut Context<'_>,
    ) -> Result<(), DropReason> {
        if !self.is_current(path) {
            return self.take_answer_elsewhere(path, size, cx);
        }
        let answer = match &mut self.standing {
            Standing::Proved => Answer::Unasked,
            Standing::Unproven(proof) => proof.answer(size, cx.rules.padding, cx.now.at),
        };
        match answer {
            Answer::Unasked => self.handle_size(size, order, cx),
            Answer::Partial => {}
            Answer::Proved => self.prove(cx),
            Answer::Wrong => return Err(DropReason::Unexpected),
            Answer::Exhausted => {
                // R20: whoever guesses gets no further guess, and the user a connection less.
                self.end(DisconnectReason::ProtocolError, cx);
                return Err(DropReason::Unexpected);
            }
        }
        Ok(())
    }

    /// The peer receives at its address.
    pub(super) fn prove(&mut self, cx: &mut Context<'_>) {
        if matches!(self.standing, Standing::Unproven(_)) {
            self.standing = Standing::Proved;
            cx.notices.push(Notice::Validated { lane: cx.lane });
            self.begin_survey(cx);
        }
    }

    /// Asks whether the peer receives at its address, and at the one it may have moved to.
    #[inline]
    pub(super) fn probe_addresses(&mut self, cx: &mut Context<'_>) {
        if matches!(self.standing, Standing::Unproven(_)) {
            self.probe_current(cx);
        }
        if self.roaming.is_some() {
            self.probe_pending(cx);
        }
    }

    #[cold]
    fn probe_current(&mut self, cx: &mut Context<'_>) {
        // A stock client that still awaits its accept dies of a check (stock behaviour 1.5).
        if !self.heard() || !matches!(self.state, State::Probing(_) | State::Established { .. }) {
            return;
        }
        let token = self.token;
        let Standing::Unproven(proof) = &mut self.standing else {
            return;
        };
        for len in proof.next_probe(cx.now.at, cx.random).into_iter().flatten() {
            self.send_control(cx, |out| push_mtu_check(out, token, len, CheckBody::Absent));
        }
    }

    /// Whether a packet that came on `path` comes from the address packets are sent to.
    #[inline]
    pub(super) fn is_current(&self, path: &Path) -> bool {
        path.remote == self.path.remote
    }

    #[inline]
    pub(super) fn count_received(&mut self, len: usize, cx: &Context<'_>) {
        self.traffic.packets_received += 1;
        self.traffic.bytes_received += len as u64 + u64::from(cx.rules.padding);
    }
}

/// The counter of a datagram that is no packet.
#[cold]
fn reason_of(malformed: Malformed) -> DropReason {
    match malformed {
        Malformed::WrongVersion { .. } => DropReason::WrongVersion,
        Malformed::UnknownType { .. } => DropReason::UnknownType,
        _ => DropReason::Malformed,
    }
}
