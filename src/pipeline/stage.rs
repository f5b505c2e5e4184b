//! A user's own stage.
//!
//! Everything a stage may do that a built-in one does: write a header, change the payload, keep
//! packets and let them go later, make up packets of its own. It is given bytes and a time, and never
//! sees the connection. Its packets are copied, so a pipeline without one pays nothing.
//!
//! Source: Unity Transport `INetworkPipelineStage`, `NetworkPipelineStage`, `NetworkPipelineContext`.

use std::fmt;

use thiserror::Error;

use super::chain::{Stage, receive_at, send_at};
use super::packet::{Context, MessageSink, Packet, PacketSink, StageRefusal};
use crate::counters::DropReason;
use crate::time::Timestamp;

/// Packets one call may make a stage send or deliver: an end for a stage that always asks again.
const MAX_RESUMES: usize = 4_096;

/// A stage of a pipeline.
///
/// The value given to the driver is what each connection's copy is made from, by
/// [`for_connection`](Self::for_connection); it sees no packet itself. Each copy belongs to one
/// connection and pipeline and is dropped with it.
///
/// A packet that was kept is let go from [`resume_send`](Self::resume_send) or
/// [`resume_receive`](Self::resume_receive): ask for the call through [`StageContext`].
pub trait PipelineStage: fmt::Debug + Send + Sync {
    /// Name of the stage, for errors and logs.
    fn name(&self) -> &str;

    /// Most bytes the stage writes in front of a packet.
    fn header_capacity(&self) -> usize {
        0
    }

    /// The stage of a new connection.
    fn for_connection(&self) -> Box<dyn PipelineStage>;

    /// A packet on its way to the peer.
    fn send(
        &mut self,
        packet: &mut StagePacket,
        cx: &mut StageContext,
    ) -> Result<StageAction, StageError>;

    /// A packet from the peer, from this stage's header on.
    fn receive(
        &mut self,
        packet: &mut StagePacket,
        cx: &mut StageContext,
    ) -> Result<StageAction, StageError>;

    /// The stage asked to be called: it may put a packet to send into the empty `packet`.
    fn resume_send(
        &mut self,
        packet: &mut StagePacket,
        cx: &mut StageContext,
    ) -> Result<StageAction, StageError> {
        let _ = (packet, cx);
        Ok(StageAction::Keep)
    }

    /// The stage asked to be called: it may put a packet to deliver into the empty `packet`.
    fn resume_receive(
        &mut self,
        packet: &mut StagePacket,
        cx: &mut StageContext,
    ) -> Result<StageAction, StageError> {
        let _ = (packet, cx);
        Ok(StageAction::Keep)
    }
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageAction {
    /// It goes on to the next stage, as it is in `packet`.
    Pass,
    /// It does not go on. A stage that lets it go later has copied it.
    Keep,
}

/// A stage failed on a packet. The packet is dropped and counted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct StageError {
    reason: String,
}

impl StageError {
    /// An error in words.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

/// The time, and what a stage asks for.
#[derive(Debug)]
pub struct StageContext {
    now: Timestamp,
    room: usize,
    resume: bool,
    update: Option<Timestamp>,
    send_update: Option<Timestamp>,
}

impl StageContext {
    /// The time of the update.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Bytes a packet has for all stage headers and its payload.
    pub fn room(&self) -> usize {
        self.room
    }

    /// Asks to be called again at once, in the direction of this call.
    ///
    /// Source: Unity Transport `Requests.Resume`.
    pub fn request_resume(&mut self) {
        self.resume = true;
    }

    /// Asks for [`PipelineStage::resume_receive`] in the first update at or after `at`.
    ///
    /// Source: Unity Transport `Requests.Update`.
    pub fn request_update(&mut self, at: Timestamp) {
        self.update = Some(self.update.map_or(at, |before| before.min(at)));
    }

    /// Asks for [`PipelineStage::resume_send`] in the first update at or after `at`.
    ///
    /// Source: Unity Transport `Requests.SendUpdate`.
    pub fn request_send_update(&mut self, at: Timestamp) {
        self.send_update = Some(self.send_update.map_or(at, |before| before.min(at)));
    }
}

/// A packet in a stage's hands, with room in front for headers.
#[derive(Debug)]
pub struct StagePacket {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl StagePacket {
    /// The headers of stages before, and the payload.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The same, to change in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// Puts other bytes in place of the ones there are.
    pub fn replace(&mut self, bytes: &[u8]) {
        self.bytes.truncate(self.start);
        self.bytes.extend_from_slice(bytes);
        self.end = self.bytes.len();
    }

    /// Writes a header in front.
    pub fn push_header(&mut self, header: &[u8]) -> Result<(), StageError> {
        let start = self.start.checked_sub(header.len());
        let place = start.and_then(|start| self.bytes.get_mut(start..self.start));
        let (Some(start), Some(place)) = (start, place) else {
            return Err(StageError::new(format!(
                "header of {} bytes, but {} are reserved: raise header_capacity",
                header.len(),
                self.start
            )));
        };
        place.copy_from_slice(header);
        self.start = start;
        Ok(())
    }

    /// Splits a header of `N` bytes off the front.
    pub fn take_header<const N: usize>(&mut self) -> Result<[u8; N], StageError> {
        let Some(&header) = self.bytes().first_chunk::<N>() else {
            return Err(StageError::new(format!(
                "header of {N} bytes, but {} are there",
                self.bytes().len()
            )));
        };
        self.start += N;
        Ok(header)
    }

    fn new(mut bytes: Vec<u8>, headroom: usize, body: &[u8]) -> Self {
        bytes.clear();
        bytes.resize(headroom, 0);
        bytes.extend_from_slice(body);
        Self {
            start: headroom,
            end: bytes.len(),
            bytes,
        }
    }
}

/// A user's stage in a chain.
#[derive(Debug)]
pub(super) struct Custom {
    stage: Box<dyn PipelineStage>,
    /// Header capacity of this stage and those behind it.
    headroom: usize,
    update: Timestamp,
    send_update: Timestamp,
    errors: u64,
}

/// A packet to go on with, and whether the stage wants to be called again.
struct Step {
    packet: StagePacket,
    action: Result<StageAction, StageError>,
    resume: bool,
}

impl Custom {
    /// A connection's stage with `headroom` bytes of headers in front of its packets.
    pub(super) fn new(prototype: &dyn PipelineStage, headroom: usize) -> Self {
        Self {
            stage: prototype.for_connection(),
            headroom,
            update: Timestamp::NEVER,
            send_update: Timestamp::NEVER,
            errors: 0,
        }
    }

    pub(super) fn send(
        &mut self,
        packet: &mut Packet<'_>,
        upper: &mut [Stage],
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) -> Result<(), StageRefusal> {
        let step = self.step(packet.body(), cx, |stage, packet, cx| {
            stage.send(packet, cx)
        });
        self.send_step(step, upper, cx, sink)
    }

    /// Goes on with a packet to send, and with those that follow it.
    fn send_step(
        &mut self,
        mut step: Step,
        upper: &mut [Stage],
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) -> Result<(), StageRefusal> {
        let mut outcome = Ok(());
        for _ in 0..MAX_RESUMES {
            let StagePacket {
                mut bytes,
                start,
                end,
            } = step.packet;
            match step.action {
                Ok(StageAction::Keep) => {}
                Ok(StageAction::Pass) => {
                    if let Some(mut packet) = Packet::placed(&mut bytes, start..end) {
                        packet.set_made();
                        let sent = send_at(upper, &mut packet, cx, sink);
                        outcome = outcome.and(sent);
                    }
                }
                Err(StageError { reason }) => {
                    let stage = self.stage.name().to_owned();
                    outcome = outcome.and(Err(StageRefusal::Stage { stage, reason }));
                }
            }
            cx.buffers.give(bytes);
            if !step.resume {
                break;
            }
            step = self.step(&[], cx, |stage, packet, cx| stage.resume_send(packet, cx));
        }
        outcome
    }

    pub(super) fn receive(
        &mut self,
        lower: &mut [Stage],
        body: &[u8],
        cx: &mut Context<'_>,
        sink: &mut dyn MessageSink,
    ) -> Result<(), DropReason> {
        let step = self.step(body, cx, |stage, packet, cx| stage.receive(packet, cx));
        self.receive_step(step, lower, cx, sink)
    }

    fn receive_step(
        &mut self,
        mut step: Step,
        lower: &mut [Stage],
        cx: &mut Context<'_>,
        sink: &mut dyn MessageSink,
    ) -> Result<(), DropReason> {
        let mut outcome = Ok(());
        for _ in 0..MAX_RESUMES {
            match step.action {
                Ok(StageAction::Keep) => {}
                Ok(StageAction::Pass) => {
                    let taken = receive_at(lower, step.packet.bytes(), cx, sink);
                    outcome = outcome.and(taken);
                }
                Err(_) => outcome = outcome.and(Err(DropReason::StageRefused)),
            }
            cx.buffers.give(step.packet.bytes);
            if !step.resume {
                break;
            }
            step = self.step(&[], cx, |stage, packet, cx| {
                stage.resume_receive(packet, cx)
            });
        }
        outcome
    }

    pub(super) fn service_sent(
        &mut self,
        upper: &mut [Stage],
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) {
        if cx.now >= self.send_update {
            self.send_update = Timestamp::NEVER;
            let step = self.step(&[], cx, |stage, packet, cx| stage.resume_send(packet, cx));
            // A packet that is refused here has no caller to be told.
            let _ = self.send_step(step, upper, cx, sink);
        }
    }

    pub(super) fn service_received(
        &mut self,
        lower: &mut [Stage],
        cx: &mut Context<'_>,
        sink: &mut dyn MessageSink,
    ) {
        if cx.now >= self.update {
            self.update = Timestamp::NEVER;
            let step = self.step(&[], cx, |stage, packet, cx| {
                stage.resume_receive(packet, cx)
            });
            let _ = self.receive_step(step, lower, cx, sink);
        }
    }

    fn step(
        &mut self,
        body: &[u8],
        cx: &mut Context<'_>,
        call: impl FnOnce(
            &mut dyn PipelineStage,
            &mut StagePacket,
            &mut StageContext,
        ) -> Result<StageAction, StageError>,
    ) -> Step {
        let buffer = cx.buffers.take(0);
        let mut packet = StagePacket::new(buffer, self.headroom, body);
        let mut context = StageContext {
            now: cx.now,
            room: cx.room,
            resume: false,
            update: None,
            send_update: None,
        };
        let action = call(&mut *self.stage, &mut packet, &mut context);
        self.errors += u64::from(action.is_err());
        if let Some(at) = context.update {
            self.update = self.update.min(at);
        }
        if let Some(at) = context.send_update {
            self.send_update = self.send_update.min(at);
        }
        Step {
            packet,
            action,
            resume: context.resume,
        }
    }

    pub(super) fn deadline(&self) -> Timestamp {
        self.update.min(self.send_update)
    }

    pub(super) fn errors(&self) -> u64 {
        self.errors
    }
}
