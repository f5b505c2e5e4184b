//! Sending: messages in place, control packets into the batch, and the budget of unproven addresses.

use super::proof::PAIR_LEN;
use super::state::{Role, Standing, State};
use super::{Context, Link, Rules};
use crate::address::Path;
use crate::buffer::egress::Egress;
use crate::buffer::outbox::{Outbox, Record};
use crate::counters::{DropReason, Flow};
use crate::time::Now;
use crate::wire::connection::{
    DATA_HEADER_LEN, MESSAGE_HEADER_LEN, push_accept, push_heartbeat, write_data_header,
};

/// The part of a [`Context`] that sending takes.
pub(super) struct Outlet<'a> {
    pub(super) now: Now,
    pub(super) rules: &'a Rules,
    pub(super) lane: u8,
    pub(super) egress: &'a mut Egress,
    pub(super) outward: &'a mut Flow,
    pub(super) surplus: u16,
}

impl Outlet<'_> {
    /// Bytes a data packet on a path of that size has for stage headers and payload.
    #[inline]
    pub(super) fn room(&self, path_mtu: u16) -> usize {
        let room = self.rules.room(path_mtu);
        room.saturating_sub(usize::from(self.surplus))
    }
}

impl Link {
    /// A message of the user.
    ///
    /// Its header is written in front of the payload, where the outbox left room.
    #[inline]
    pub(crate) fn handle_message(
        &mut self,
        outbox: &mut Outbox,
        record: &Record,
        cx: &mut Context<'_>,
    ) {
        if !matches!(self.state, State::Established { .. }) {
            cx.outward.drops.count(self.refusal());
            return;
        }
        if record.pipeline != 0 {
            self.send_through(outbox, record, cx);
            return;
        }
        match self.write_message(outbox, record, &mut cx.split().0) {
            Ok(()) => cx.outward.passed += 1,
            Err(reason) => cx.outward.drops.count(reason),
        }
    }

    #[inline]
    fn write_message(
        &mut self,
        outbox: &mut Outbox,
        record: &Record,
        out: &mut Outlet<'_>,
    ) -> Result<(), DropReason> {
        // A peer drops what is larger than its maximum without a word.
        if record.payload.len() > out.room(u16::MAX) {
            return Err(DropReason::TooLong);
        }
        let len = DATA_HEADER_LEN + record.payload.len();
        self.clear_way(len, out)?;
        let start = record.payload.start.checked_sub(DATA_HEADER_LEN);
        let (start, header) = start
            .and_then(|start| {
                let header = outbox.bytes_mut().get_mut(start..)?.first_chunk_mut()?;
                Some((start, header))
            })
            .ok_or(DropReason::InternalError)?;
        write_data_header(header, self.token, record.pipeline);
        out.egress.message(out.lane, start..record.payload.end);
        self.chains.charge(len);
        self.count_sent(len, out);
        Ok(())
    }

    /// Makes sure that a packet of `len` bytes may leave for the peer.
    #[inline]
    pub(super) fn clear_way(&mut self, len: usize, out: &mut Outlet<'_>) -> Result<(), DropReason> {
        if self.is_settled() {
            return Ok(());
        }
        self.make_way(len, out)
    }

    /// Whether nothing stands between the link and its messages.
    #[inline]
    fn is_settled(&self) -> bool {
        self.heard() && matches!(self.standing, Standing::Proved)
    }

    /// Whether what arrives in an update can change how the messages of that update leave: they carry
    /// acknowledgements, or the peer's first word spares them an accept, its proof a budget.
    pub(crate) fn is_patient(&self) -> bool {
        self.has_pipelines() || !self.is_settled()
    }

    /// Makes sure that a message of `len` bytes is allowed, and that an accept goes in front of it.
    #[cold]
    fn make_way(&mut self, len: usize, out: &mut Outlet<'_>) -> Result<(), DropReason> {
        let greets = self.must_greet(out.egress.batch());
        let accept = if greets { out.rules.accept_len() } else { 0 };
        if !self.allows(accept + len + self.reserve()) {
            return Err(DropReason::Amplification);
        }
        if greets {
            let (token, payload) = (self.token, out.rules.accept_payload.as_slice());
            let sent = out
                .egress
                .ahead(out.lane, |out| push_accept(out, token, payload));
            self.count_control(sent, out);
            self.count_sent(sent, out);
            if let Role::Server(guest) = &mut self.role {
                guest.greeted = Some(out.egress.batch());
            }
        }
        Ok(())
    }

    /// Whether the batch needs a copy of the accept in front.
    fn must_greet(&self, batch: u32) -> bool {
        match &self.role {
            Role::Client => false,
            Role::Server(guest) => !guest.heard && guest.greeted != Some(batch),
        }
    }

    /// Bytes kept back from messages, so that a close and, for a peer that can answer, a pair of
    /// probes always fit.
    fn reserve(&self) -> usize {
        if self.heard() {
            MESSAGE_HEADER_LEN + PAIR_LEN
        } else {
            MESSAGE_HEADER_LEN
        }
    }

    /// Bytes of messages, headers included, that may be sent to the peer's address.
    pub(super) fn message_allowance(&self, rules: &Rules) -> u32 {
        let Standing::Unproven(proof) = &self.standing else {
            return u32::MAX;
        };
        let greeting = if self.heard() { 0 } else { rules.accept_len() };
        let kept = u32::try_from(self.reserve() + greeting).unwrap_or(u32::MAX);
        proof.allowance().saturating_sub(kept)
    }

    /// Whether `bytes` may go to the peer's address.
    pub(super) fn allows(&self, bytes: usize) -> bool {
        match &self.standing {
            Standing::Proved => true,
            Standing::Unproven(proof) => proof.allows(bytes),
        }
    }

    /// `bytes` came from the peer's address.
    pub(super) fn credit(&mut self, bytes: usize) {
        if let Standing::Unproven(proof) = &mut self.standing {
            proof.on_received(bytes);
        }
    }

    /// Why messages cannot be sent.
    #[cold]
    fn refusal(&self) -> DropReason {
        match self.state {
            State::Closing(_) | State::Closed => DropReason::Closed,
            _ => DropReason::Unexpected,
        }
    }

    /// Sends a control packet to the peer, whatever its budget says; it is charged all the same.
    pub(super) fn send_control(&mut self, cx: &mut Context<'_>, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = cx.split().0;
        let len = out.egress.control(out.lane, write);
        self.count_control(len, &mut out);
        self.count_sent(len, &out);
    }

    /// Sends a control packet to another address than the peer's, and returns its length.
    pub(super) fn send_control_to(
        &mut self,
        path: Path,
        cx: &mut Context<'_>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> usize {
        let mut out = cx.split().0;
        let len = out.egress.control_to(out.lane, path, write);
        self.count_control(len, &mut out);
        self.count_traffic(len, &out);
        len
    }

    /// The timer of heartbeats.
    pub(super) fn beat(&mut self, cx: &mut Context<'_>) {
        if cx.now.at >= self.heartbeat_deadline(cx.rules) {
            let token = self.token;
            self.send_control(cx, |out| push_heartbeat(out, token));
        }
    }

    /// A packet of `len` bytes goes to the peer's address.
    #[inline]
    pub(super) fn count_sent(&mut self, len: usize, out: &Outlet<'_>) {
        self.count_traffic(len, out);
        if let Standing::Unproven(proof) = &mut self.standing {
            proof.on_sent(len);
        }
    }

    #[inline]
    fn count_traffic(&mut self, len: usize, out: &Outlet<'_>) {
        self.last_send = out.now.at;
        self.traffic.packets_sent += 1;
        self.traffic.bytes_sent += len as u64 + u64::from(out.rules.padding);
    }

    /// A packet that was no message enters the layer, and leaves it.
    pub(super) fn count_control(&self, len: usize, out: &mut Outlet<'_>) {
        out.outward.entered += 1;
        out.outward.passed += 1;
        out.outward.bytes += len as u64;
    }
}
