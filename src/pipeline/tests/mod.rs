//! Chains among themselves, against models, against attackers, and against recordings.

mod acks;
mod custom;
mod fragmentation;
mod golden;
mod hostile;
mod network;
mod reliable;
mod sequenced;
mod simulator;

use std::ops::Range;

use super::*;
use crate::counters::DropReason;
use crate::id::StageId;
use crate::settings::{
    CongestionControl, PipelineParameters as Parameters, SimulatorMode, SimulatorParameters, Timing,
};
use crate::time::Timestamp;

/// Stage bytes at a path MTU of 1,400 on UDP.
const ROOM: usize = 1_390;

/// Headroom in front of every test message.
const HEADROOM: usize = 320;

fn at_ms(millis: u64) -> Timestamp {
    Timestamp::from_micros(millis * 1_000)
}

/// Packets, copied.
#[derive(Debug, Default)]
struct Packets {
    bodies: Vec<Vec<u8>>,
    placed: Vec<(usize, Range<usize>)>,
}

impl PacketSink for Packets {
    fn in_place(&mut self, range: Range<usize>) {
        self.placed.push((self.bodies.len(), range));
        self.bodies.push(Vec::new());
    }

    fn packet(&mut self, body: &[u8]) {
        self.bodies.push(body.to_vec());
    }
}

impl Packets {
    /// Copies what was sent in place out of its arena.
    fn settle(&mut self, arena: &[u8]) {
        for (index, range) in self.placed.drain(..) {
            self.bodies[index] = arena[range].to_vec();
        }
    }
}

/// A user with room for so many messages.
#[derive(Debug)]
struct Messages {
    messages: Vec<Vec<u8>>,
    room: usize,
}

impl Default for Messages {
    fn default() -> Self {
        Self {
            messages: Vec::new(),
            room: usize::MAX,
        }
    }
}

impl MessageSink for Messages {
    fn has_room(&self, _: usize) -> bool {
        self.messages.len() < self.room
    }

    fn message(&mut self, bytes: &[u8]) {
        assert!(self.messages.len() < self.room);
        self.messages.push(bytes.to_vec());
    }
}

/// One side of one pipeline.
#[derive(Debug)]
struct Peer {
    parameters: Parameters,
    shape: PipelineShape,
    state: PipelineState,
    buffers: Buffers,
    throttle: Throttle,
    room: usize,
    memory: usize,
    now: Timestamp,
    /// Whether the pipeline was used: before that, a connection has no state to serve.
    used: bool,
    sent: Packets,
    inbox: Messages,
}

impl Peer {
    fn new(stages: &[StageId], parameters: &Parameters) -> Self {
        Self::of(stages.iter().copied().map(StageKind::from), parameters)
    }

    fn of(stages: impl IntoIterator<Item = StageKind>, parameters: &Parameters) -> Self {
        let shape = PipelineShape::new(stages, parameters);
        Self {
            state: PipelineState::new(&shape, parameters, 1),
            parameters: parameters.clone(),
            shape,
            buffers: Buffers::default(),
            throttle: Throttle::default(),
            room: ROOM,
            memory: usize::MAX,
            now: Timestamp::ZERO,
            used: false,
            sent: Packets::default(),
            inbox: Messages::default(),
        }
    }

    /// Begins at other numbers.
    fn starting_at(mut self, send: i64, receive: i64) -> Self {
        self.state = self.state.starting_at(send, receive, &self.parameters);
        self
    }

    fn cx<R>(
        &mut self,
        call: impl FnOnce(&mut PipelineState, &mut Context<'_>, &mut Packets, &mut Messages) -> R,
    ) -> R {
        self.throttle.begin(self.now, u32::MAX, &self.parameters);
        let mut cx = Context {
            now: self.now,
            room: self.room,
            memory: self.memory,
            shape: &self.shape,
            parameters: &self.parameters,
            throttle: &mut self.throttle,
            buffers: &mut self.buffers,
        };
        call(&mut self.state, &mut cx, &mut self.sent, &mut self.inbox)
    }

    fn send(&mut self, message: &[u8]) -> Result<(), StageRefusal> {
        let mut arena = vec![0xEE; HEADROOM];
        arena.extend_from_slice(message);
        let payload = HEADROOM..arena.len();
        self.used = true;
        let outcome = self.cx(|state, cx, sent, _| state.send(&mut arena, payload, cx, sent));
        self.sent.settle(&arena);
        outcome
    }

    fn receive(&mut self, body: &[u8]) -> Result<(), DropReason> {
        self.used = true;
        self.cx(|state, cx, _, inbox| state.receive(body, cx, inbox))
    }

    fn service(&mut self, phase: Phase) {
        if self.used {
            self.cx(|state, cx, sent, inbox| state.service(phase, cx, sent, inbox));
        }
    }

    /// A whole update: receives, then serves. Returns what leaves.
    fn update(&mut self, bodies: &[Vec<u8>]) -> Vec<Vec<u8>> {
        self.service(Phase::Opening);
        for body in bodies {
            let _ = self.receive(body);
        }
        self.service(Phase::Closing);
        self.take_sent()
    }

    fn take_sent(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.sent.bodies)
    }

    fn take_messages(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.inbox.messages)
    }

    fn statistics(&self) -> PipelineStatistics {
        self.state.statistics(&self.parameters)
    }
}

/// Without a throttle: what leaves is up to the stages alone.
fn prompt() -> Parameters {
    let mut parameters = Parameters::new(Timing::Prompt);
    parameters.congestion.control = CongestionControl::Off;
    parameters
}

fn with_window(window: u16) -> Parameters {
    Parameters { window, ..prompt() }
}
