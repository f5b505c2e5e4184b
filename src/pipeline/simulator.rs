//! The simulator stage: a bad network on one pipeline.
//!
//! It delays, drops, doubles and damages packets, all from a seed. It writes no header, so a peer
//! needs none. Unlike Unity's, an interval of *n* spares the first packet and drops every *n*-th.
//!
//! Source: Unity Transport `SimulatorPipelineStage.cs`, `SimulatorUtility.cs`.

use std::time::Duration;

use super::packet::{Context, Lower, MessageSink, Packet, PacketSink, StageRefusal, Upper};
use super::statistics::PipelineStatistics;
use crate::counters::DropReason;
use crate::settings::{SimulatorMode, SimulatorParameters};
use crate::time::Timestamp;

/// The seed that stands for 0.
const DEFAULT_SEED: u64 = 0x5EED_0F1A_7E57_0001;

/// The stage of one connection.
#[derive(Debug)]
pub(super) struct Simulator {
    state: u64,
    sent: Direction,
    received: Direction,
    /// Header capacity of the stages behind.
    headroom: usize,
    drops: u64,
    overflows: u64,
}

/// Packets held in one direction.
#[derive(Debug, Default)]
struct Direction {
    /// Packets seen, for the drop interval.
    seen: u32,
    held: Vec<Held>,
    free: Vec<Vec<u8>>,
    order: u64,
}

#[derive(Debug)]
struct Held {
    due: Timestamp,
    order: u64,
    bytes: Vec<u8>,
}

/// What is done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Drop,
    Pass { copies: u8 },
    Hold { copies: u8 },
}

impl Simulator {
    /// The stage in front of `headroom` bytes of headers; `stream` tells connections apart.
    pub(super) fn new(headroom: usize, parameters: &SimulatorParameters, stream: u64) -> Self {
        let seed = match parameters.random_seed {
            0 => DEFAULT_SEED,
            seed => u64::from(seed),
        };
        Self {
            state: seed ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93),
            sent: Direction::default(),
            received: Direction::default(),
            headroom,
            drops: 0,
            overflows: 0,
        }
    }

    /// Passes a packet on, or drops or keeps it.
    pub(super) fn send(
        &mut self,
        packet: &mut Packet<'_>,
        upper: &mut (impl Upper + ?Sized),
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) -> Result<(), StageRefusal> {
        let simulator = &cx.parameters.simulator;
        if !acts(simulator, SimulatorMode::SentPacketsOnly) {
            return upper.send(packet, cx, sink);
        }
        let fate = self.decide(packet.len(), simulator, Way::Sent);
        let damaged = packet.len() <= simulator.max_packet_size
            && self.percent(simulator.fuzz_factor)
            && fate != Fate::Drop;
        if damaged {
            // The message itself stays whole: what is sent is a damaged copy.
            let mut buffer = cx.buffers.take(self.headroom + packet.len());
            let outcome = match Packet::made(&mut buffer, self.headroom, [packet.body(), &[]]) {
                Some(mut copy) => {
                    self.damage(copy.body_mut(), simulator);
                    self.carry_out(fate, &mut copy, upper, cx, sink)
                }
                None => Ok(()),
            };
            cx.buffers.give(buffer);
            return outcome;
        }
        self.carry_out(fate, packet, upper, cx, sink)
    }

    fn carry_out(
        &mut self,
        fate: Fate,
        packet: &mut Packet<'_>,
        upper: &mut (impl Upper + ?Sized),
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) -> Result<(), StageRefusal> {
        match fate {
            Fate::Drop => Ok(()),
            Fate::Hold { copies } => {
                for _ in 0..copies {
                    let due = cx.now + self.delay(&cx.parameters.simulator);
                    self.sent.hold(packet.body(), due);
                }
                Ok(())
            }
            Fate::Pass { copies } => {
                if copies > 1 {
                    self.send_copy(packet.body(), upper, cx, sink);
                }
                upper.send(packet, cx, sink)
            }
        }
    }

    fn send_copy(
        &self,
        body: &[u8],
        upper: &mut (impl Upper + ?Sized),
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) {
        let mut buffer = cx.buffers.take(self.headroom + body.len());
        if let Some(mut copy) = Packet::made(&mut buffer, self.headroom, [body, &[]]) {
            // A refusal of a packet nobody waits for is a loss, which is what this stage is for.
            let _ = upper.send(&mut copy, cx, sink);
        }
        cx.buffers.give(buffer);
    }

    /// Passes a packet that arrived on, or drops or keeps it.
    pub(super) fn receive(
        &mut self,
        lower: &mut (impl Lower + ?Sized),
        body: &[u8],
        cx: &mut Context<'_>,
        sink: &mut dyn MessageSink,
    ) -> Result<(), DropReason> {
        let simulator = &cx.parameters.simulator;
        if !acts(simulator, SimulatorMode::ReceivedPacketsOnly) {
            return lower.receive(body, cx, sink);
        }
        match self.decide(body.len(), simulator, Way::Received) {
            Fate::Drop => Ok(()),
            Fate::Hold { copies } => {
                for _ in 0..copies {
                    let due = cx.now + self.delay(&cx.parameters.simulator);
                    self.received.hold(body, due);
                }
                Ok(())
            }
            Fate::Pass { copies } => {
                if copies > 1 {
                    let _ = lower.receive(body, cx, sink);
                }
                lower.receive(body, cx, sink)
            }
        }
    }

    /// Lets go of packets to send whose time has come.
    pub(super) fn service_sent(
        &mut self,
        upper: &mut (impl Upper + ?Sized),
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) {
        while let Some(bytes) = self.sent.take_due(cx.now) {
            self.send_copy(&bytes, upper, cx, sink);
            self.sent.free.push(bytes);
        }
    }

    /// Lets go of packets that arrived and whose time has come.
    pub(super) fn service_received(
        &mut self,
        lower: &mut (impl Lower + ?Sized),
        cx: &mut Context<'_>,
        sink: &mut dyn MessageSink,
    ) {
        while let Some(bytes) = self.received.take_due(cx.now) {
            let _ = lower.receive(&bytes, cx, sink);
            self.received.free.push(bytes);
        }
    }

    fn decide(&mut self, len: usize, simulator: &SimulatorParameters, way: Way) -> Fate {
        let copies = 1 + u8::from(self.percent(simulator.packet_duplication_percentage));
        if len > simulator.max_packet_size {
            return Fate::Pass { copies: 1 };
        }
        let dropped = self.percent(simulator.packet_drop_percentage);
        let direction = match way {
            Way::Sent => &mut self.sent,
            Way::Received => &mut self.received,
        };
        direction.seen = direction.seen.wrapping_add(1);
        let interval = simulator.packet_drop_interval;
        if dropped || (interval > 0 && direction.seen.is_multiple_of(interval)) {
            self.drops += 1;
            return Fate::Drop;
        }
        if simulator.packet_delay.is_zero() && simulator.packet_jitter.is_zero() {
            return Fate::Pass { copies };
        }
        if direction.held.len() + usize::from(copies) > simulator.max_packet_count {
            self.overflows += 1;
            return Fate::Pass { copies: 1 };
        }
        Fate::Hold { copies }
    }

    /// The delay of one packet: evenly around the set one, and never negative.
    fn delay(&mut self, simulator: &SimulatorParameters) -> Duration {
        let jitter = u64::try_from(simulator.packet_jitter.as_micros()).unwrap_or(u64::MAX / 4);
        let shift = Duration::from_micros(self.below(2 * jitter + 1));
        (simulator.packet_delay + shift).saturating_sub(simulator.packet_jitter)
    }

    fn damage(&mut self, bytes: &mut [u8], simulator: &SimulatorParameters) {
        for byte in bytes.iter_mut().skip(simulator.fuzz_offset) {
            for bit in 0..8 {
                if self.percent(simulator.fuzz_factor) {
                    *byte ^= 1 << bit;
                }
            }
        }
    }

    fn percent(&mut self, percent: u8) -> bool {
        percent > 0 && self.below(100) < u64::from(percent)
    }

    /// A number below `bound`. The bias of the remainder is far below what a test could tell.
    fn below(&mut self, bound: u64) -> u64 {
        split_mix(&mut self.state) % bound.max(1)
    }

    /// When a packet is let go.
    pub(super) fn deadline(&self) -> Timestamp {
        self.sent.deadline().min(self.received.deadline())
    }

    /// Bytes of memory on the heap.
    pub(super) fn memory(&self) -> usize {
        self.sent.memory() + self.received.memory()
    }

    /// Adds what was counted.
    pub(super) fn add_to(&self, statistics: &mut PipelineStatistics) {
        statistics.simulated_drops += self.drops;
        statistics.simulator_overflows += self.overflows;
    }
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Sent,
    Received,
}

fn acts(simulator: &SimulatorParameters, way: SimulatorMode) -> bool {
    simulator.mode == SimulatorMode::AllPackets || simulator.mode == way
}

impl Direction {
    fn hold(&mut self, body: &[u8], due: Timestamp) {
        let mut bytes = self.free.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(body);
        let order = self.order;
        self.order += 1;
        self.held.push(Held { due, order, bytes });
    }

    /// The packet that has waited longest past its time.
    fn take_due(&mut self, now: Timestamp) -> Option<Vec<u8>> {
        let (index, _) = self
            .held
            .iter()
            .enumerate()
            .filter(|(_, held)| held.due <= now)
            .min_by_key(|(_, held)| (held.due, held.order))?;
        Some(self.held.swap_remove(index).bytes)
    }

    fn deadline(&self) -> Timestamp {
        let due = self.held.iter().map(|held| held.due).min();
        due.unwrap_or(Timestamp::NEVER)
    }

    fn memory(&self) -> usize {
        let held: usize = self.held.iter().map(|held| held.bytes.capacity()).sum();
        let free: usize = self.free.iter().map(Vec::capacity).sum();
        held + free
    }
}

/// Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators" (2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}
