//! Reliable-sequenced: everything is delivered once and in order.
//!
//! Every header carries what arrived of the other direction, so an ack needs a packet of its own only
//! where nothing else leaves. Copies of what is in flight, and of what waits for a gap to close, lie
//! in one store that follows use.
//!
//! | file | idea |
//! |---|---|
//! | `send` | what is in flight, and when it is lost |
//! | `receive` | what arrived, and what to acknowledge |
//! | `mask` | a set of the newest numbers |
//! | `round_trip` | how long an ack takes |
//!
//! Source: Unity Transport `ReliableSequencedPipelineStage.cs`, `ReliableUtility.cs`.

mod mask;
mod receive;
mod round_trip;
mod send;

use receive::{Arrival, ReceiveWindow};
use send::{AckOutcome, Expired, Loss, SendWindow};

use super::packet::{Context, Lower, MessageSink, Packet, PacketSink, StageRefusal, Upper};
use super::statistics::PipelineStatistics;
use super::store::Store;
use super::throttle::Throttle;
use crate::counters::DropReason;
use crate::sequence::low_16;
use crate::settings::{PipelineParameters as Parameters, Timing};
use crate::time::Timestamp;
use crate::wire::reliable::{MaskBytes, MaskClass, ReliableKind, ReliableRepr};

/// What follows the header of an ack. Stock peers send a byte of no meaning.
const ACK_BODY: [u8; 1] = [0];

/// What became of a packet that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It leaves.
    Leaves,
    /// It was copied, and leaves when the throttle says so.
    Waits,
}

/// The stage of one connection.
#[derive(Debug)]
pub(super) struct Reliable {
    send: SendWindow,
    receive: ReceiveWindow,
    store: Store,
    /// Header capacity of this stage and those behind it.
    headroom: usize,
    last_offer: Timestamp,
    counters: ReliableCounters,
}

#[derive(Clone, Copy, Debug, Default)]
struct ReliableCounters {
    resent: u64,
    fast_resent: u64,
    acks_sent: u64,
    duplicates: u64,
    out_of_order: u64,
    stale: u64,
    beyond_window: u64,
    malformed: u64,
    forged_acks: u64,
}

impl Reliable {
    /// The stage with `headroom` bytes of headers in front of its packets, its own included.
    pub(super) fn new(headroom: usize, parameters: &Parameters) -> Self {
        Self {
            send: SendWindow::default(),
            receive: ReceiveWindow::new(parameters),
            store: Store::default(),
            headroom,
            last_offer: Timestamp::ZERO,
            counters: ReliableCounters::default(),
        }
    }

    /// Packets that may be sent before an ack arrives.
    pub(super) fn credits(&self, parameters: &Parameters) -> usize {
        self.send.credits(parameters)
    }

    /// The refusal of a message that takes `needed` packets.
    #[cold]
    pub(super) fn window_full(&self, needed: usize, cx: &Context<'_>) -> StageRefusal {
        StageRefusal::WindowFull {
            window: cx.parameters.send_window(),
            in_flight: self.send.in_flight(),
            needed,
            free_at: self.send.free_at(cx.now),
        }
    }

    /// Keeps a copy of the packet and, if it leaves at once, writes the header.
    pub(super) fn send(
        &mut self,
        packet: &mut Packet<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Admission, StageRefusal> {
        if self.send.credits(cx.parameters) == 0 {
            return Err(self.window_full(1, cx));
        }
        let held = self.memory() + self.store.growth(packet.len());
        if held > cx.memory {
            let limit = cx.memory;
            return Err(StageRefusal::MemoryFull { held, limit });
        }
        let too_long = StageRefusal::TooLong {
            needed: packet.len(),
            capacity: Store::MAX_LEN,
        };
        let copy = self.store.insert(packet.body(), cx.now).ok_or(too_long)?;
        if self.send.unsent() > 0 || !cx.throttle.admits(packet.len()) {
            self.send.push(copy, cx.now, cx.parameters);
            return Ok(Admission::Waits);
        }
        let (number, len) = (self.send.next(), packet.len());
        if let Err(refusal) = self.write_header(ReliableKind::Payload, number, packet, cx) {
            self.store.remove(copy);
            return Err(refusal);
        }
        self.send.push(copy, cx.now, cx.parameters);
        self.send.mark_sent(cx.now, cx.parameters);
        cx.throttle.on_sent(len);
        Ok(Admission::Leaves)
    }

    /// Takes a packet, delivers what it puts in order, and learns what it acknowledges.
    pub(super) fn receive(
        &mut self,
        lower: &mut (impl Lower + ?Sized),
        body: &[u8],
        cx: &mut Context<'_>,
        sink: &mut dyn MessageSink,
    ) -> Result<(), DropReason> {
        let class = MaskClass::of(cx.parameters.receive_window());
        let Ok((header, payload)) = ReliableRepr::parse(body, class) else {
            self.counters.malformed += 1;
            return Err(DropReason::Malformed);
        };
        if header.kind == ReliableKind::Ack {
            self.on_ack(&header, cx);
            return Ok(());
        }
        match self.receive.classify(header.sequence, cx.parameters) {
            Arrival::Stale => {
                self.counters.stale += 1;
                Err(DropReason::Stale)
            }
            Arrival::Beyond => {
                self.counters.beyond_window += 1;
                Err(DropReason::BeyondWindow)
            }
            Arrival::Duplicate => {
                self.on_ack(&header, cx);
                self.receive.mark_duplicate();
                self.counters.duplicates += 1;
                Err(DropReason::Duplicate)
            }
            Arrival::Early(number) => {
                self.on_ack(&header, cx);
                self.hold(number, payload, cx)
            }
            Arrival::InOrder(number) => {
                self.on_ack(&header, cx);
                let outcome = lower.receive(payload, cx, sink);
                // What the user has no room for was never here: it is not acknowledged, and comes again.
                if outcome == Err(DropReason::EventsFull) {
                    return outcome;
                }
                self.receive.mark(number, cx.now);
                self.receive.deliver(&mut self.store);
                self.deliver_held(lower, cx, sink);
                outcome
            }
        }
    }

    fn on_ack(&mut self, header: &ReliableRepr<'_>, cx: &mut Context<'_>) {
        let outcome = self
            .send
            .on_ack(header, cx.now, cx.parameters, &mut self.store);
        match outcome {
            AckOutcome::Progress { bytes, sample } => cx.throttle.on_ack(bytes, sample),
            AckOutcome::Forged => self.counters.forged_acks += 1,
            AckOutcome::Nothing => {}
        }
    }

    fn hold(&mut self, number: i64, payload: &[u8], cx: &Context<'_>) -> Result<(), DropReason> {
        if self.memory() + self.store.growth(payload.len()) > cx.memory {
            return Err(DropReason::ConnectionBudget);
        }
        let copy = self
            .store
            .insert(payload, cx.now)
            .ok_or(DropReason::TooLong)?;
        self.receive.hold(number, copy);
        self.receive.mark(number, cx.now);
        self.counters.out_of_order += 1;
        Ok(())
    }

    /// Delivers held packets up to the next gap, or until the user has no room.
    pub(super) fn deliver_held(
        &mut self,
        lower: &mut (impl Lower + ?Sized),
        cx: &mut Context<'_>,
        sink: &mut dyn MessageSink,
    ) {
        while let Some(copy) = self.receive.next_held() {
            self.last_offer = cx.now;
            let payload = self.store.get(copy);
            if lower.receive(payload, cx, sink) == Err(DropReason::EventsFull) {
                return;
            }
            self.receive.deliver(&mut self.store);
        }
    }

    /// Resends what is lost, sends what waited for its turn, and acknowledges what no other packet
    /// has.
    pub(super) fn service(
        &mut self,
        upper: &mut (impl Upper + ?Sized),
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) {
        // Unity decides on the ack before it resends, and sends it first.
        if cx.parameters.timing == Timing::Unity {
            self.acknowledge(upper, cx, sink);
        }
        if self.send.is_due(cx.now) {
            self.resend(upper, cx, sink);
        }
        if self.send.unsent() > 0 {
            self.send_waiting(upper, cx, sink);
        }
        if cx.parameters.timing == Timing::Prompt {
            self.acknowledge(upper, cx, sink);
        }
        self.trim(cx.now);
    }

    fn acknowledge(
        &mut self,
        upper: &mut (impl Upper + ?Sized),
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) {
        if !self.receive.owes_ack(cx.now, cx.parameters) {
            return;
        }
        let mut buffer = cx.buffers.take(self.headroom + ACK_BODY.len());
        if let Some(mut packet) = Packet::made(&mut buffer, self.headroom, [&[], &ACK_BODY])
            && self
                .write_header(ReliableKind::Ack, 0, &mut packet, cx)
                .is_ok()
            && upper.send(&mut packet, cx, sink).is_ok()
        {
            self.counters.acks_sent += 1;
        }
        cx.buffers.give(buffer);
    }

    fn resend(
        &mut self,
        upper: &mut (impl Upper + ?Sized),
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) {
        let timing = cx.parameters.timing;
        let timeouts = self.send.timeouts(cx.parameters);
        let mut left = match timing {
            Timing::Prompt => usize::from(cx.parameters.max_resends.max(1)),
            Timing::Unity => usize::MAX,
        };
        let (mut from, mut expired) = (0, Expired::default());
        let mut buffer = cx.buffers.take(self.headroom + Store::MAX_LEN);
        while left > 0
            && cx.throttle.admits_resend()
            && let Some((number, copy, loss)) = self.send.take_lost(from, cx.now, timeouts, timing)
        {
            left -= 1;
            from = number + 1;
            self.counters.resent += 1;
            match loss {
                Loss::Expired { first: true } => expired.first = true,
                Loss::Expired { first: false } => expired.again = true,
                Loss::Overtaken => self.counters.fast_resent += 1,
            }
            cx.throttle.on_resent(copy.len());
            let payload = self.store.get(copy);
            let Some(mut packet) = Packet::made(&mut buffer, self.headroom, [&[], payload]) else {
                continue;
            };
            if self
                .write_header(ReliableKind::Payload, number, &mut packet, cx)
                .is_ok()
            {
                // A refusal above is a loss like any other: the copy stays, and goes out again.
                let _ = upper.send(&mut packet, cx, sink);
            }
        }
        cx.buffers.give(buffer);
        let complete = left > 0 && cx.throttle.admits_resend();
        self.send.settle(expired, complete, cx.now, cx.parameters);
    }

    /// Sends what waited for its turn, as far as the throttle admits it.
    fn send_waiting(
        &mut self,
        upper: &mut (impl Upper + ?Sized),
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) {
        let mut buffer = cx.buffers.take(self.headroom + Store::MAX_LEN);
        while let Some((number, copy)) = self.send.first_unsent()
            && cx.throttle.admits(copy.len())
        {
            let payload = self.store.get(copy);
            cx.throttle.on_sent(payload.len());
            self.send.mark_sent(cx.now, cx.parameters);
            if let Some(mut packet) = Packet::made(&mut buffer, self.headroom, [&[], payload])
                && self
                    .write_header(ReliableKind::Payload, number, &mut packet, cx)
                    .is_ok()
            {
                // A refusal above is a loss like any other: the copy stays, and goes out again.
                let _ = upper.send(&mut packet, cx, sink);
            }
        }
        cx.buffers.give(buffer);
    }

    fn write_header(
        &mut self,
        kind: ReliableKind,
        number: i64,
        packet: &mut Packet<'_>,
        cx: &Context<'_>,
    ) -> Result<(), StageRefusal> {
        let window = cx.parameters.receive_window();
        let class = MaskClass::of(window);
        let most = class.capacity(window);
        let len = match class {
            MaskClass::Explicit if self.send.is_acked() => self.receive.mask().shortest(most),
            _ => most,
        };
        let mut bytes = [0; ReliableRepr::MAX_LEN];
        let mask = bytes.get_mut(..len).unwrap_or_default();
        self.receive.mask().write(mask);
        let header = ReliableRepr {
            kind,
            processing_time: self.receive.processing_time(cx.now, cx.parameters.timing),
            sequence: low_16(number),
            acked: low_16(self.receive.newest()),
            mask: MaskBytes(mask),
        };
        let needed = header.header_len();
        let out = packet.prepend(needed)?;
        header
            .emit(class, out)
            .ok_or(StageRefusal::Headroom { needed })?;
        self.receive.told();
        Ok(())
    }

    /// When `service` has something to do.
    pub(super) fn deadline(&self, parameters: &Parameters, throttle: &Throttle) -> Timestamp {
        let ack = if self.receive.owes_ack(Timestamp::ZERO, parameters) {
            Timestamp::ZERO
        } else {
            self.receive.ack_deadline(parameters)
        };
        let resends = self.send.deadline().max(throttle.resends_at());
        let waiting = if self.send.unsent() > 0 {
            throttle.admits_at()
        } else {
            Timestamp::NEVER
        };
        ack.min(resends)
            .min(waiting)
            .min(self.receive.offer_deadline(self.last_offer))
            .min(self.store.deadline())
    }

    fn trim(&mut self, now: Timestamp) {
        if now >= self.store.deadline() {
            self.store.trim(now);
            self.send.trim();
            self.receive.trim();
        }
    }

    /// Bytes of memory on the heap.
    pub(super) fn memory(&self) -> usize {
        self.store.memory() + self.send.memory() + self.receive.memory()
    }

    /// When an ack can be expected that makes room.
    pub(super) fn free_at(&self, now: Timestamp) -> Timestamp {
        self.send.free_at(now)
    }

    /// Packets that are not acknowledged.
    pub(super) fn unacknowledged(&self) -> usize {
        self.send.unacknowledged()
    }

    /// Since when the peer has acknowledged nothing; never if nothing is in flight.
    pub(super) fn waiting_since(&self) -> Timestamp {
        self.send.waiting_since()
    }

    /// Adds what was counted.
    pub(super) fn add_to(&self, statistics: &mut PipelineStatistics, parameters: &Parameters) {
        let counters = &self.counters;
        statistics.resent += counters.resent;
        statistics.fast_resent += counters.fast_resent;
        statistics.acks_sent += counters.acks_sent;
        statistics.duplicates += counters.duplicates;
        statistics.out_of_order += counters.out_of_order;
        statistics.stale += counters.stale;
        statistics.beyond_window += counters.beyond_window;
        statistics.malformed += counters.malformed;
        statistics.forged_acks += counters.forged_acks;
        statistics.in_flight += self.send.in_flight();
        statistics.held_back += u16::try_from(self.send.unsent()).unwrap_or(u16::MAX);
        statistics.round_trip = self.send.round_trip(parameters);
    }

    /// Begins at other numbers, as a long connection does.
    #[cfg(test)]
    pub(super) fn starting_at(mut self, send: i64, receive: i64, parameters: &Parameters) -> Self {
        self.send = SendWindow::starting_at(send);
        self.receive = ReceiveWindow::starting_at(receive, parameters);
        self
    }
}
