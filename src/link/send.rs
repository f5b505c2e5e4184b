//! Sending: messages in place, control packets into the batch, and the budget of unproven addresses.

use super::proof::PAIR_LEN;
use super::state::{Role, Standing, State};
use super::{Context, Link, Rules};
use crate::address::Path;
use crate::buffer::outbox::{Outbox, Record};
use crate::counters::DropReason;
use crate::wire::connection::{
    DATA_HEADER_LEN, MESSAGE_HEADER_LEN, push_accept, push_heartbeat, write_data_header,
};

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
        match self.write_message(outbox, record, cx) {
            Ok(()) => cx.outward.passed += 1,
            Err(reason) => cx.outward.drops.count(reason),
        }
    }

    #[inline]
    fn write_message(
        &mut self,
        outbox: &mut Outbox,
        record: &Record,
        cx: &mut Context<'_>,
    ) -> Result<(), DropReason> {
        if !matches!(self.state, State::Established { .. }) {
            return Err(self.refusal());
        }
        let len = DATA_HEADER_LEN + record.payload.len();
        // A peer drops what is larger than its maximum without a word.
        if len + usize::from(cx.rules.padding) > usize::from(cx.rules.max_message_size()) {
            return Err(DropReason::TooLong);
        }
        if !self.is_settled() {
            self.make_way(len, cx)?;
        }
        let start = record.payload.start.checked_sub(DATA_HEADER_LEN);
        let (start, header) = start
            .and_then(|start| {
                let header = outbox.bytes_mut().get_mut(start..)?.first_chunk_mut()?;
                Some((start, header))
            })
            .ok_or(DropReason::InternalError)?;
        write_data_header(header, self.token, record.pipeline);
        cx.egress.message(cx.lane, start..record.payload.end);
        self.count_sent(len, cx);
        Ok(())
    }

    /// Whether nothing stands between the link and its messages.
    #[inline]
    fn is_settled(&self) -> bool {
        self.heard() && matches!(self.standing, Standing::Proved)
    }

    /// Makes sure that a message of `len` bytes is allowed, and that an accept goes in front of it.
    #[cold]
    fn make_way(&mut self, len: usize, cx: &mut Context<'_>) -> Result<(), DropReason> {
        let greets = self.must_greet(cx.egress.batch());
        let accept = if greets { cx.rules.accept_len() } else { 0 };
        if !self.allows(accept + len + self.reserve()) {
            return Err(DropReason::Amplification);
        }
        if greets {
            let (token, payload) = (self.token, cx.rules.accept_payload.as_slice());
            let sent = cx
                .egress
                .ahead(cx.lane, |out| push_accept(out, token, payload));
            self.count_control(sent, cx);
            self.count_sent(sent, cx);
            if let Role::Server(guest) = &mut self.role {
                guest.greeted = Some(cx.egress.batch());
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
        let len = cx.egress.control(cx.lane, write);
        self.count_control(len, cx);
        self.count_sent(len, cx);
    }

    /// Sends a control packet to another address than the peer's, and returns its length.
    pub(super) fn send_control_to(
        &mut self,
        path: Path,
        cx: &mut Context<'_>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> usize {
        let len = cx.egress.control_to(cx.lane, path, write);
        self.count_control(len, cx);
        self.count_traffic(len, cx);
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
    fn count_sent(&mut self, len: usize, cx: &Context<'_>) {
        self.count_traffic(len, cx);
        if let Standing::Unproven(proof) = &mut self.standing {
            proof.on_sent(len);
        }
    }

    #[inline]
    fn count_traffic(&mut self, len: usize, cx: &Context<'_>) {
        self.last_send = cx.now.at;
        self.traffic.packets_sent += 1;
        self.traffic.bytes_sent += len as u64 + u64::from(cx.rules.padding);
    }

    /// A packet that was no message enters the layer, and leaves it.
    fn count_control(&self, len: usize, cx: &mut Context<'_>) {
        cx.outward.entered += 1;
        cx.outward.passed += 1;
        cx.outward.bytes += len as u64;
    }
}
