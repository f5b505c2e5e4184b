//! A user's stage in a chain: its packets are copied, its wishes remembered.
//!
//! The trait a user implements is in `stage`.

use super::packet::{Context, Lower, MessageSink, Packet, PacketSink, StageRefusal, Upper};
use super::stage::{PipelineStage, StageAction, StageContext, StageError, StagePacket};
use crate::counters::DropReason;
use crate::time::Timestamp;

/// Packets one call may make a stage send or deliver: an end for a stage that always asks again.
const MAX_RESUMES: usize = 4_096;

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
        upper: &mut (impl Upper + ?Sized),
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
        upper: &mut (impl Upper + ?Sized),
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) -> Result<(), StageRefusal> {
        let mut outcome = Ok(());
        for _ in 0..MAX_RESUMES {
            let (mut bytes, body) = step.packet.into_parts();
            match step.action {
                Ok(StageAction::Keep) => {}
                Ok(StageAction::Pass) => {
                    if let Some(mut packet) = Packet::placed(&mut bytes, body) {
                        packet.set_made();
                        let sent = upper.send(&mut packet, cx, sink);
                        outcome = outcome.and(sent);
                    }
                }
                Err(error) => {
                    let (stage, reason) = (self.stage.name().to_owned(), error.to_string());
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
        lower: &mut (impl Lower + ?Sized),
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
        lower: &mut (impl Lower + ?Sized),
        cx: &mut Context<'_>,
        sink: &mut dyn MessageSink,
    ) -> Result<(), DropReason> {
        let mut outcome = Ok(());
        for _ in 0..MAX_RESUMES {
            match step.action {
                Ok(StageAction::Keep) => {}
                Ok(StageAction::Pass) => {
                    let taken = lower.receive(step.packet.bytes(), cx, sink);
                    outcome = outcome.and(taken);
                }
                Err(_) => outcome = outcome.and(Err(DropReason::StageRefused)),
            }
            cx.buffers.give(step.packet.into_parts().0);
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
        upper: &mut (impl Upper + ?Sized),
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
        lower: &mut (impl Lower + ?Sized),
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
        let mut context = StageContext::new(cx.now, cx.room);
        let action = call(&mut *self.stage, &mut packet, &mut context);
        self.errors += u64::from(action.is_err());
        let (resume, update, send_update) = context.wishes();
        self.update = self.update.min(update.unwrap_or(Timestamp::NEVER));
        let send_update = send_update.unwrap_or(Timestamp::NEVER);
        self.send_update = self.send_update.min(send_update);
        Step {
            packet,
            action,
            resume,
        }
    }

    pub(super) fn deadline(&self) -> Timestamp {
        self.update.min(self.send_update)
    }

    pub(super) fn errors(&self) -> u64 {
        self.errors
    }
}
