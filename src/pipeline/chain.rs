//! One connection's state of one pipeline, and the walk over its stages.
//!
//! Sending, each stage hands the packet on to the rest of the list; receiving, to the part before it.
//! One `match` per packet and stage, no queue between them. What a stage makes up itself enters the
//! walk behind it.
//!
//! In an update, a link calls [`PipelineState::service`] with [`Phase::Opening`], then `receive` for
//! what arrived and `send` for what was queued, then `service` with [`Phase::Closing`]. Under
//! `Timing::Unity` what was queued comes first of all, and stages send in the opening phase: an ack
//! leaves one update after the data.

use std::ops::Range;

use super::custom::Custom;
use super::fragmentation::Fragmentation;
use super::packet::{Context, Lower, MessageSink, Packet, PacketSink, StageRefusal, Upper};
use super::reliable::{Admission, Reliable};
use super::sequenced::Sequenced;
use super::shape::{PipelineShape, StageKind};
use super::simulator::Simulator;
use super::statistics::PipelineStatistics;
use super::throttle::Throttle;
use crate::counters::DropReason;
use crate::id::StageId;
use crate::settings::{PipelineParameters as Parameters, Timing};
use crate::time::Timestamp;

/// Where an update is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Before anything is received.
    Opening,
    /// After everything was received and sent.
    Closing,
}

/// One stage of one connection.
#[derive(Debug)]
enum Stage {
    Null,
    Sequenced(Sequenced),
    Reliable(Box<Reliable>),
    Fragmentation(Box<Fragmentation>),
    Simulator(Box<Simulator>),
    Custom(Custom),
}

/// One connection's state of one pipeline. Made when the pipeline is first used.
#[derive(Debug)]
pub(crate) struct PipelineState {
    stages: Box<[Stage]>,
    counters: ChainCounters,
}

#[derive(Clone, Copy, Debug, Default)]
struct ChainCounters {
    messages_sent: u64,
    messages_received: u64,
    packets_sent: u64,
    packets_received: u64,
}

impl PipelineState {
    /// The state of a connection that has not used the pipeline; `stream` tells connections apart
    /// where a stage draws random numbers.
    pub(crate) fn new(shape: &PipelineShape, parameters: &Parameters, stream: u64) -> Self {
        let stages = shape
            .stages()
            .iter()
            .enumerate()
            .map(|(at, kind)| Stage::new(kind, at, shape, parameters, stream))
            .collect();
        Self {
            stages,
            counters: ChainCounters::default(),
        }
    }

    /// Sends the message at `payload` in `arena`.
    ///
    /// In front of it lies room for [`PipelineShape::header_capacity`] bytes, which is overwritten.
    /// A refusal leaves everything as it was.
    #[inline]
    pub(crate) fn send(
        &mut self,
        arena: &mut [u8],
        payload: Range<usize>,
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) -> Result<(), StageRefusal> {
        let needed = cx.shape.header_capacity();
        let packet = Packet::placed(arena, payload).ok_or(StageRefusal::Headroom { needed })?;
        self.send_packet(packet, cx, sink)
    }

    /// The same for a message that lies anywhere: its packet is one that was made up.
    pub(crate) fn send_copy(
        &mut self,
        message: &[u8],
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) -> Result<(), StageRefusal> {
        let needed = cx.shape.header_capacity();
        let mut buffer = cx.buffers.take(needed + message.len());
        let outcome = Packet::made(&mut buffer, needed, [&[], message])
            .ok_or(StageRefusal::Headroom { needed })
            .and_then(|packet| self.send_packet(packet, cx, sink));
        cx.buffers.give(buffer);
        outcome
    }

    #[inline]
    fn send_packet(
        &mut self,
        mut packet: Packet<'_>,
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) -> Result<(), StageRefusal> {
        let needed = packet.len();
        let capacity = cx.shape.max_payload(cx.room);
        if needed > capacity {
            return Err(StageRefusal::TooLong { needed, capacity });
        }
        // Unity sends nothing at all, and says it did.
        if needed == 0 && cx.parameters.timing == Timing::Unity && !cx.shape.has_headers() {
            self.counters.messages_sent += 1;
            return Ok(());
        }
        self.check_window(needed, cx)?;
        let before = self.counters.packets_sent;
        let mut counted = Counted {
            sink,
            packets: &mut self.counters.packets_sent,
        };
        self.stages.send(&mut packet, cx, &mut counted)?;
        if cx.shape.window().is_none() {
            let packets = usize::try_from(self.counters.packets_sent - before).unwrap_or(0);
            for _ in 0..packets {
                cx.throttle.charge(needed / packets);
            }
        }
        self.counters.messages_sent += 1;
        Ok(())
    }

    /// A message of several packets is sent whole or not at all; one of more packets than the window
    /// has waits until the window is free.
    fn check_window(&self, len: usize, cx: &Context<'_>) -> Result<(), StageRefusal> {
        let Some(window) = cx.shape.window() else {
            return Ok(());
        };
        let needed = cx.shape.packets(len, cx.room);
        if self.window_credits(cx.parameters) >= needed.min(usize::from(window)) {
            return Ok(());
        }
        let reliable = self.reliable().next();
        reliable.map_or(Ok(()), |reliable| Err(reliable.window_full(needed, cx)))
    }

    /// Takes the body of a data packet.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        body: &[u8],
        cx: &mut Context<'_>,
        sink: &mut dyn MessageSink,
    ) -> Result<(), DropReason> {
        self.counters.packets_received += 1;
        let mut counted = Delivered {
            sink,
            messages: &mut self.counters.messages_received,
        };
        self.stages.receive(body, cx, &mut counted)
    }

    /// Does what is due: delivers what was held, acknowledges, resends, sends what was held.
    pub(crate) fn service(
        &mut self,
        phase: Phase,
        cx: &mut Context<'_>,
        packets: &mut dyn PacketSink,
        messages: &mut dyn MessageSink,
    ) {
        let mut packets = Counted {
            sink: packets,
            packets: &mut self.counters.packets_sent,
        };
        let mut messages = Delivered {
            sink: messages,
            messages: &mut self.counters.messages_received,
        };
        let sends = match cx.parameters.timing {
            Timing::Unity => Phase::Opening,
            Timing::Prompt => Phase::Closing,
        };
        for at in 0..self.stages.len() {
            let (lower, rest) = self.stages.split_at_mut(at);
            let Some((stage, upper)) = rest.split_first_mut() else {
                return;
            };
            if phase == Phase::Opening {
                stage.service_received(lower, cx, &mut messages);
            }
            if phase == sends {
                stage.service_sent(upper, cx, &mut packets);
            }
        }
    }

    /// When `service` has something to do, at the earliest.
    pub(crate) fn deadline(&self, parameters: &Parameters, throttle: &Throttle) -> Timestamp {
        let deadlines = self
            .stages
            .iter()
            .enumerate()
            .map(|(at, stage)| match stage {
                Stage::Null | Stage::Sequenced(_) => Timestamp::NEVER,
                Stage::Reliable(reliable) => reliable.deadline(parameters, throttle),
                Stage::Fragmentation(fragmentation) => {
                    let upper = self.stages.get(at + 1..).unwrap_or_default();
                    if fragmentation.is_busy() && upper.credits(parameters) > 0 {
                        Timestamp::ZERO
                    } else {
                        fragmentation.deadline()
                    }
                }
                Stage::Simulator(simulator) => simulator.deadline(),
                Stage::Custom(custom) => custom.deadline(),
            });
        deadlines.min().unwrap_or(Timestamp::NEVER)
    }

    /// Packets that may be sent before an ack arrives; none where no stage is reliable.
    ///
    /// A message is taken where its packets, or the whole window if it has more, are within this.
    pub(crate) fn window_credits(&self, parameters: &Parameters) -> usize {
        let busy = |stage: &Stage| match stage {
            Stage::Fragmentation(fragmentation) => fragmentation.is_busy(),
            _ => false,
        };
        if self.stages.iter().any(busy) {
            return 0;
        }
        self.stages.credits(parameters)
    }

    /// Bytes of the last message that have not left: the progress of a large one.
    pub(super) fn backlog(&self) -> usize {
        let waiting = self.stages.iter().map(|stage| match stage {
            Stage::Fragmentation(fragmentation) => fragmentation.waiting(),
            _ => 0,
        });
        waiting.sum()
    }

    /// When an ack can be expected that makes room.
    pub(crate) fn free_at(&self, now: Timestamp) -> Timestamp {
        let free = self.reliable().map(|reliable| reliable.free_at(now));
        free.max().unwrap_or(now)
    }

    /// Reliable packets that are not acknowledged: what a connection that ends has not delivered.
    pub(crate) fn unacknowledged(&self) -> usize {
        let counts = self.reliable().map(Reliable::unacknowledged);
        counts.sum()
    }

    /// Since when the peer has acknowledged nothing although reliable packets were in flight; never
    /// if none are (R23).
    pub(crate) fn waiting_since(&self) -> Timestamp {
        let since = self.reliable().map(Reliable::waiting_since);
        since.min().unwrap_or(Timestamp::NEVER)
    }

    fn reliable(&self) -> impl Iterator<Item = &Reliable> {
        self.stages.iter().filter_map(|stage| match stage {
            Stage::Reliable(reliable) => Some(&**reliable),
            _ => None,
        })
    }

    /// Bytes of memory held, this value included.
    pub(crate) fn memory(&self) -> usize {
        let stages: usize = self.stages.iter().map(Stage::memory).sum();
        size_of::<Self>() + size_of_val(&*self.stages) + stages
    }

    /// What was counted.
    pub(crate) fn statistics(&self, parameters: &Parameters) -> PipelineStatistics {
        let ChainCounters {
            messages_sent,
            messages_received,
            packets_sent,
            packets_received,
        } = self.counters;
        let mut statistics = PipelineStatistics {
            messages_sent,
            messages_received,
            packets_sent,
            packets_received,
            unsent: self.backlog(),
            ..PipelineStatistics::default()
        };
        for stage in &self.stages {
            match stage {
                Stage::Null => {}
                Stage::Sequenced(sequenced) => {
                    let counters = sequenced.counters();
                    statistics.duplicates += counters.duplicates;
                    statistics.stale += counters.stale;
                    statistics.malformed += counters.malformed;
                    statistics.missing += counters.missing;
                }
                Stage::Reliable(reliable) => reliable.add_to(&mut statistics, parameters),
                Stage::Fragmentation(fragmentation) => fragmentation.add_to(&mut statistics),
                Stage::Simulator(simulator) => simulator.add_to(&mut statistics),
                Stage::Custom(custom) => statistics.stage_errors += custom.errors(),
            }
        }
        statistics
    }

    /// Begins at other numbers, as a long connection does.
    #[cfg(test)]
    pub(super) fn starting_at(mut self, send: i64, receive: i64, parameters: &Parameters) -> Self {
        for stage in &mut self.stages {
            let taken = std::mem::replace(stage, Stage::Null);
            *stage = match taken {
                Stage::Sequenced(_) => {
                    Stage::Sequenced(Sequenced::starting_at((send & 0xFFFF).try_into().unwrap()))
                }
                Stage::Reliable(reliable) => {
                    Stage::Reliable(Box::new(reliable.starting_at(send, receive, parameters)))
                }
                Stage::Fragmentation(fragmentation) => Stage::Fragmentation(Box::new(
                    fragmentation.starting_at((send & 0x3FFF).try_into().unwrap()),
                )),
                other => other,
            };
        }
        self
    }
}

impl Stage {
    fn new(
        kind: &StageKind,
        at: usize,
        shape: &PipelineShape,
        parameters: &Parameters,
        stream: u64,
    ) -> Self {
        let behind = shape.capacity_from(at);
        match kind {
            // A user's stage is known by its prototype alone.
            StageKind::Builtin(StageId::Null | StageId::Custom(_)) => Self::Null,
            StageKind::Builtin(StageId::UnreliableSequenced) => {
                Self::Sequenced(Sequenced::default())
            }
            StageKind::Builtin(StageId::ReliableSequenced) => {
                Self::Reliable(Box::new(Reliable::new(behind, parameters)))
            }
            StageKind::Builtin(StageId::Fragmentation) => {
                let before = shape.header_capacity() - behind;
                let patient = shape.is_reliable_behind(at);
                Self::Fragmentation(Box::new(Fragmentation::new(before, behind, patient)))
            }
            StageKind::Builtin(StageId::Simulator) => {
                let stream = stream.rotate_left(8) ^ at as u64;
                let simulator = Simulator::new(behind, &parameters.simulator, stream);
                Self::Simulator(Box::new(simulator))
            }
            StageKind::Custom(prototype) => Self::Custom(Custom::new(&**prototype, behind)),
        }
    }

    fn service_received(
        &mut self,
        lower: &mut [Self],
        cx: &mut Context<'_>,
        sink: &mut dyn MessageSink,
    ) {
        match self {
            Self::Reliable(reliable) => reliable.deliver_held(lower, cx, sink),
            Self::Simulator(simulator) => simulator.service_received(lower, cx, sink),
            Self::Custom(custom) => custom.service_received(lower, cx, sink),
            Self::Null | Self::Sequenced(_) | Self::Fragmentation(_) => {}
        }
    }

    fn service_sent(
        &mut self,
        upper: &mut [Self],
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) {
        match self {
            Self::Reliable(reliable) => reliable.service(upper, cx, sink),
            Self::Fragmentation(fragmentation) => fragmentation.service(upper, cx, sink),
            Self::Simulator(simulator) => simulator.service_sent(upper, cx, sink),
            Self::Custom(custom) => custom.service_sent(upper, cx, sink),
            Self::Null | Self::Sequenced(_) => {}
        }
    }

    fn memory(&self) -> usize {
        match self {
            Self::Null | Self::Sequenced(_) | Self::Custom(_) => 0,
            Self::Reliable(reliable) => size_of_val(&**reliable) + reliable.memory(),
            Self::Fragmentation(stage) => size_of_val(&**stage) + stage.memory(),
            Self::Simulator(simulator) => size_of_val(&**simulator) + simulator.memory(),
        }
    }
}

impl Upper for [Stage] {
    #[inline]
    fn send(
        &mut self,
        packet: &mut Packet<'_>,
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) -> Result<(), StageRefusal> {
        let mut left = self;
        while let Some((stage, upper)) = left.split_first_mut() {
            match stage {
                Stage::Null => {}
                Stage::Sequenced(sequenced) => sequenced.send(packet)?,
                Stage::Reliable(reliable) => {
                    if reliable.send(packet, cx)? == Admission::Waits {
                        return Ok(());
                    }
                }
                Stage::Fragmentation(fragmentation) => {
                    return fragmentation.send(packet, upper, cx, sink);
                }
                Stage::Simulator(simulator) => return simulator.send(packet, upper, cx, sink),
                Stage::Custom(custom) => return custom.send(packet, upper, cx, sink),
            }
            left = upper;
        }
        if packet.is_placed() {
            sink.in_place(packet.range());
        } else {
            sink.packet(packet.body());
        }
        Ok(())
    }

    fn credits(&self, parameters: &Parameters) -> usize {
        let credits = self.iter().filter_map(|stage| match stage {
            Stage::Reliable(reliable) => Some(reliable.credits(parameters)),
            _ => None,
        });
        credits.min().unwrap_or(usize::MAX)
    }
}

impl Lower for [Stage] {
    #[inline]
    fn receive(
        &mut self,
        body: &[u8],
        cx: &mut Context<'_>,
        sink: &mut dyn MessageSink,
    ) -> Result<(), DropReason> {
        let Some((stage, lower)) = self.split_last_mut() else {
            if !sink.has_room(body.len()) {
                return Err(DropReason::EventsFull);
            }
            sink.message(body);
            return Ok(());
        };
        match stage {
            Stage::Null => lower.receive(body, cx, sink),
            Stage::Sequenced(sequenced) => {
                let (sequence, rest) = sequenced.open(body)?;
                let outcome = lower.receive(rest, cx, sink);
                // Where a reliable stage offers it again, it must not look like one seen before.
                if outcome != Err(DropReason::EventsFull) {
                    sequenced.take(sequence);
                }
                outcome
            }
            Stage::Reliable(reliable) => reliable.receive(lower, body, cx, sink),
            Stage::Fragmentation(fragmentation) => fragmentation.receive(lower, body, cx, sink),
            Stage::Simulator(simulator) => simulator.receive(lower, body, cx, sink),
            Stage::Custom(custom) => custom.receive(lower, body, cx, sink),
        }
    }
}

/// Counts what passes.
struct Counted<'a> {
    sink: &'a mut dyn PacketSink,
    packets: &'a mut u64,
}

impl PacketSink for Counted<'_> {
    fn in_place(&mut self, range: Range<usize>) {
        *self.packets += 1;
        self.sink.in_place(range);
    }

    fn packet(&mut self, body: &[u8]) {
        *self.packets += 1;
        self.sink.packet(body);
    }
}

/// Counts what is delivered.
struct Delivered<'a> {
    sink: &'a mut dyn MessageSink,
    messages: &'a mut u64,
}

impl MessageSink for Delivered<'_> {
    fn has_room(&self, len: usize) -> bool {
        self.sink.has_room(len)
    }

    fn message(&mut self, bytes: &[u8]) {
        *self.messages += 1;
        self.sink.message(bytes);
    }
}
