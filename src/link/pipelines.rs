//! The pipelines of a connection: a message passes its stages between the user and the packet.
//!
//! In an update a pipeline is opened before the link's first packet (what was held and is due is
//! delivered), and closed behind its messages (acks and resends, which thus ride on what the update
//! sends anyway).
//!
//! A reliable message is never lost to a full window: the user is told how full it is before it
//! sends. Where that was not the whole truth (a chained job sent as well, the path grew narrower,
//! memory is short) the message waits here, and those behind it.

use super::chains::{Chain, Share, is_full};
use super::send::Outlet;
use super::sinks::{Messages, Packets};
use super::state::{Role, State};
use super::{Context, Link, Rules};
use crate::buffer::inbox::{EventKind, Inbox};
use crate::buffer::outbox::{Outbox, Record};
use crate::buffer::windows::Usage;
use crate::counters::DropReason;
use crate::pipeline::{self, Buffers, Phase, PipelineShape, PipelineStatistics};
use crate::time::Timestamp;
use crate::wire::connection::write_data_header;

impl Link {
    /// A message of the user for a pipeline.
    pub(super) fn send_through(
        &mut self,
        outbox: &mut Outbox,
        record: &Record,
        cx: &mut Context<'_>,
    ) {
        let mut chains = std::mem::take(&mut self.chains);
        match chains.get(record.pipeline, self.stream(), cx.rules) {
            Some((chain, share)) => self.send_on(chain, share, outbox, record, cx),
            None => cx.outward.drops.count(DropReason::UnknownPipeline),
        }
        self.chains = chains;
    }

    fn send_on(
        &mut self,
        chain: &mut Chain,
        share: Share<'_>,
        outbox: &mut Outbox,
        record: &Record,
        cx: &mut Context<'_>,
    ) {
        let payload = record.payload.clone();
        if !chain.waiting.is_empty() {
            chain
                .waiting
                .extend(outbox.bytes().get(payload).map(<[u8]>::to_vec));
            return;
        }
        let (path_mtu, token) = (self.path_mtu, self.token);
        let allowance = self.message_allowance(cx.rules);
        let (out, _, buffers) = cx.split();
        let Some(mut stages) = stages(chain.id, path_mtu, allowance, share, &out, buffers) else {
            return;
        };
        // The path grew narrower since the message was written: what it is sent with is up to the
        // peer's maximum.
        if payload.len() > stages.shape.max_payload(stages.room) {
            stages.room = out.room(u16::MAX);
        }
        let mut sink = Packets {
            link: self,
            out,
            pipeline: chain.id,
            placed: None,
        };
        let outcome = chain
            .state
            .send(outbox.bytes_mut(), payload.clone(), &mut stages, &mut sink);
        if is_full(&outcome) {
            chain
                .waiting
                .extend(outbox.bytes().get(payload).map(<[u8]>::to_vec));
            return;
        }
        sink.settle(outcome);
        let header = sink
            .placed
            .and_then(|start| outbox.bytes_mut().get_mut(start..)?.first_chunk_mut());
        if let Some(header) = header {
            write_data_header(header, token, chain.id);
        }
    }

    /// The body of a data packet of a pipeline.
    pub(super) fn receive_through(
        &mut self,
        pipeline: u8,
        body: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<(), DropReason> {
        let mut chains = std::mem::take(&mut self.chains);
        let outcome = match chains.get(pipeline, self.stream(), cx.rules) {
            Some((chain, share)) => self.receive_on(chain, share, body, cx),
            None => Err(DropReason::UnknownPipeline),
        };
        // What was made by this packet had nothing to open.
        chains.begin(cx.egress.batch());
        self.chains = chains;
        outcome
    }

    fn receive_on(
        &mut self,
        chain: &mut Chain,
        share: Share<'_>,
        body: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<(), DropReason> {
        let path_mtu = self.path_mtu;
        let allowance = self.message_allowance(cx.rules);
        let (out, inbox, buffers) = cx.split();
        let budget = out.rules.event_budget();
        let (held, inbox) = self.place_of_events(inbox);
        let mut stages = stages(chain.id, path_mtu, allowance, share, &out, buffers)
            .ok_or(DropReason::UnknownPipeline)?;
        let mut sink = Messages {
            inbox,
            held,
            budget,
            pipeline: chain.id,
        };
        chain.state.receive(body, &mut stages, &mut sink)
    }

    /// Where messages for the user go, and how many bytes lie unread elsewhere: a client's user
    /// learns of the connection first.
    pub(super) fn place_of_events<'a>(
        &'a mut self,
        inbox: &'a mut Inbox,
    ) -> (usize, &'a mut Inbox) {
        match (&mut self.state, &self.role) {
            (State::Probing(probing), Role::Client) => (inbox.unread_bytes(), &mut probing.held),
            _ => (0, inbox),
        }
    }

    /// Opens the pipelines, once a batch, before anything is received.
    #[inline]
    pub(super) fn open_pipelines(&mut self, cx: &mut Context<'_>) {
        if !self.chains.is_empty() && self.chains.begin(cx.egress.batch()) {
            self.serve_pipelines(Phase::Opening, cx);
        }
    }

    /// Closes the pipelines, behind the messages of an update.
    #[inline]
    pub(super) fn close_pipelines(&mut self, cx: &mut Context<'_>) {
        if !self.chains.is_empty() {
            self.open_pipelines(cx);
            self.serve_pipelines(Phase::Closing, cx);
        }
    }

    fn serve_pipelines(&mut self, phase: Phase, cx: &mut Context<'_>) {
        if !matches!(self.state, State::Established { .. } | State::Probing(_)) {
            return;
        }
        // What is held for a client's user, so that link and inbox can both be written to.
        let mut held = match (&mut self.state, &self.role) {
            (State::Probing(probing), Role::Client) => Some(std::mem::take(&mut probing.held)),
            _ => None,
        };
        let mut chains = std::mem::take(&mut self.chains);
        let limit = cx.rules.pipeline_memory();
        let mut total: usize = chains.each().map(Chain::memory).sum();
        let Some((all, throttle)) = chains.parts() else {
            return;
        };
        for chain in all {
            let own = chain.memory();
            let share = Share {
                memory: limit.saturating_sub(total - own),
                throttle: &mut *throttle,
            };
            let allowance = self.message_allowance(cx.rules);
            let (path_mtu, (out, inbox, buffers)) = (self.path_mtu, cx.split());
            let (unread, inbox) = match &mut held {
                Some(held) => (inbox.unread_bytes(), held),
                None => (0, inbox),
            };
            let Some(mut stages) = stages(chain.id, path_mtu, allowance, share, &out, buffers)
            else {
                continue;
            };
            let mut messages = Messages {
                inbox,
                held: unread,
                budget: out.rules.event_budget(),
                pipeline: chain.id,
            };
            let rules = out.rules;
            let mut packets = Packets {
                link: self,
                out,
                pipeline: chain.id,
                placed: None,
            };
            if phase == Phase::Closing && !chain.waiting.is_empty() {
                chain.send_waiting(&mut stages, &mut packets);
            }
            chain
                .state
                .service(phase, &mut stages, &mut packets, &mut messages);
            if phase == Phase::Closing && chain.room_wanted && chain.credits(rules) > 0 {
                chain.room_wanted = false;
                messages.inbox.push(EventKind::Writable, chain.id, 0, &[]);
            }
            total = total - own + chain.memory();
        }
        self.chains = chains;
        if let (Some(held), State::Probing(probing)) = (held, &mut self.state) {
            probing.held = held;
        }
    }

    /// The user was refused for a full window, and waits for room.
    pub(crate) fn handle_room_wanted(&mut self, pipeline: u8, cx: &mut Context<'_>) {
        let stream = self.stream();
        if matches!(self.state, State::Established { .. })
            && let Some((chain, _)) = self.chains.get(pipeline, stream, cx.rules)
        {
            chain.room_wanted = true;
        }
    }

    /// Whether one of its pipelines may have a window that is not empty.
    pub(crate) fn has_pipelines(&self) -> bool {
        !self.chains.is_empty()
    }

    /// Says how full the reliable windows are, as of now.
    pub(crate) fn tell_windows(&self, windows: &mut [Usage], rules: &Rules, now: Timestamp) {
        for chain in self.chains.each() {
            let Some((place, window)) = rules
                .pipelines
                .window(chain.id)
                .and_then(|index| windows.get_mut(index))
                .zip(
                    rules
                        .pipelines
                        .get(chain.id)
                        .and_then(PipelineShape::window),
                )
            else {
                continue;
            };
            let credits = u16::try_from(chain.credits(rules)).unwrap_or(u16::MAX);
            *place = Usage {
                used: window.saturating_sub(credits),
                free_in: chain.state.free_at(now).since(now),
            };
        }
    }

    /// What one of its pipelines has counted; nothing before its first use.
    pub(crate) fn pipeline_statistics(&self, pipeline: u8, rules: &Rules) -> PipelineStatistics {
        let Some(chain) = self.chains.each().find(|chain| chain.id == pipeline) else {
            return PipelineStatistics::default();
        };
        PipelineStatistics {
            congestion_window: self.chains.congestion_window(),
            ..chain.state.statistics(&rules.pipelines.parameters)
        }
    }

    /// Bytes of memory that its pipelines hold.
    pub(crate) fn pipeline_memory(&self) -> usize {
        self.chains.memory()
    }

    /// Messages that wait for room in a window.
    pub(crate) fn waiting_messages(&self) -> usize {
        self.chains.waiting()
    }

    /// Reliable packets that the peer has not acknowledged.
    pub(crate) fn undelivered(&self) -> usize {
        self.chains.undelivered()
    }

    /// Tells connections and their two ends apart where a stage draws random numbers.
    fn stream(&self) -> u64 {
        let end = match self.role {
            Role::Client => 0,
            Role::Server(_) => u64::MAX,
        };
        u64::from_le_bytes(self.token.0) ^ end
    }
}

/// What a call into a chain is given; none if there is no such pipeline.
fn stages<'a>(
    pipeline: u8,
    path_mtu: u16,
    allowance: u32,
    share: Share<'a>,
    out: &Outlet<'a>,
    buffers: &'a mut Buffers,
) -> Option<pipeline::Context<'a>> {
    let Share { memory, throttle } = share;
    let parameters = &out.rules.pipelines.parameters;
    throttle.begin(out.now.at, allowance, parameters);
    Some(pipeline::Context {
        now: out.now.at,
        room: out.room(path_mtu),
        memory,
        shape: out.rules.pipelines.get(pipeline)?,
        parameters,
        throttle,
        buffers,
    })
}
