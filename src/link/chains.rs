//! What a connection keeps of its pipelines: one state for each that was used, and what waits there.
//!
//! State is made when a pipeline is first used, on either side, so a connection that uses none pays
//! a pointer.

use std::collections::VecDeque;

use super::Rules;
use super::sinks::Packets;
use crate::pipeline::{self, PipelineState, StageRefusal, Throttle};
use crate::time::Timestamp;

/// The pipelines of one connection that were used, by id.
#[derive(Debug, Default)]
pub(super) struct Chains(Option<Box<Used>>);

#[derive(Debug, Default)]
struct Used {
    chains: Vec<Chain>,
    /// How much reliable data of all of them may leave.
    throttle: Throttle,
    /// The batch they were opened in last.
    opened: Option<u32>,
}

/// What a chain may use of what its connection has.
#[derive(Debug)]
pub(super) struct Share<'a> {
    /// Bytes of memory.
    pub(super) memory: usize,
    pub(super) throttle: &'a mut Throttle,
}

/// One pipeline of one connection.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) id: u8,
    pub(super) state: PipelineState,
    /// Messages that its window had no room for.
    pub(super) waiting: VecDeque<Vec<u8>>,
    /// Whether the user was refused, and is to be told of room.
    pub(super) room_wanted: bool,
}

impl Chains {
    pub(super) fn each(&self) -> impl Iterator<Item = &Chain> {
        self.0.iter().flat_map(|used| &used.chains)
    }

    /// All chains, and what they share.
    pub(super) fn parts(&mut self) -> Option<(&mut [Chain], &mut Throttle)> {
        let used = self.0.as_mut()?;
        Some((&mut used.chains, &mut used.throttle))
    }

    /// A packet of `len` bytes left without asking.
    #[inline]
    pub(super) fn charge(&mut self, len: usize) {
        if let Some(used) = &mut self.0 {
            used.throttle.charge(len);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The chain of a pipeline, made if this is its first use, and its share; none if there is no such
    /// pipeline.
    pub(super) fn get(
        &mut self,
        id: u8,
        stream: u64,
        rules: &Rules,
    ) -> Option<(&mut Chain, Share<'_>)> {
        let shape = rules.pipelines.get(id)?;
        let Used {
            chains, throttle, ..
        } = &mut **self.0.get_or_insert_default();
        let at = match chains.binary_search_by_key(&id, |chain| chain.id) {
            Ok(at) => at,
            Err(at) => {
                chains.insert(
                    at,
                    Chain {
                        id,
                        state: PipelineState::new(shape, &rules.pipelines.parameters, stream),
                        waiting: VecDeque::new(),
                        room_wanted: false,
                    },
                );
                at
            }
        };
        let others = chains.iter().filter(|chain| chain.id != id);
        let held: usize = others.map(Chain::memory).sum();
        let memory = rules.pipeline_memory().saturating_sub(held);
        Some((chains.get_mut(at)?, Share { memory, throttle }))
    }

    /// Whether this is the first call in a batch.
    pub(super) fn begin(&mut self, batch: u32) -> bool {
        match &mut self.0 {
            Some(used) => used.opened.replace(batch) != Some(batch),
            None => false,
        }
    }

    /// Bytes of reliable data that may be in flight; 0 without congestion control.
    pub(super) fn congestion_window(&self) -> u32 {
        self.0.as_ref().map_or(0, |used| used.throttle.window())
    }

    /// When there is something to do for one of them.
    pub(super) fn deadline(&self, rules: &Rules) -> Timestamp {
        let Some(used) = &self.0 else {
            return Timestamp::NEVER;
        };
        let deadlines = used
            .chains
            .iter()
            .map(|chain| chain.deadline(rules, &used.throttle));
        deadlines.min().unwrap_or(Timestamp::NEVER)
    }

    /// Since when the peer has acknowledged nothing although it was sent reliable data.
    pub(super) fn waiting_since(&self) -> Timestamp {
        let since = self.each().map(|chain| chain.state.waiting_since());
        since.min().unwrap_or(Timestamp::NEVER)
    }

    /// Reliable packets and messages that the peer has not acknowledged.
    pub(super) fn undelivered(&self) -> usize {
        let counts = self
            .each()
            .map(|chain| chain.state.unacknowledged() + chain.waiting.len());
        counts.sum()
    }

    /// Bytes of memory held.
    pub(super) fn memory(&self) -> usize {
        self.each().map(Chain::memory).sum()
    }

    /// Messages that wait for their window.
    pub(super) fn waiting(&self) -> usize {
        self.each().map(|chain| chain.waiting.len()).sum()
    }
}

impl Chain {
    pub(super) fn memory(&self) -> usize {
        let waiting: usize = self.waiting.iter().map(Vec::capacity).sum();
        self.state.memory() + waiting
    }

    /// Packets the window has room for.
    pub(super) fn credits(&self, rules: &Rules) -> usize {
        if self.waiting.is_empty() {
            self.state.window_credits(&rules.pipelines.parameters)
        } else {
            0
        }
    }

    pub(super) fn deadline(&self, rules: &Rules, throttle: &Throttle) -> Timestamp {
        let parameters = &rules.pipelines.parameters;
        let overdue = (self.room_wanted || !self.waiting.is_empty())
            && self.state.window_credits(parameters) > 0;
        if overdue {
            Timestamp::ZERO
        } else {
            self.state.deadline(parameters, throttle)
        }
    }

    /// Sends what waits, as far as there is room.
    pub(super) fn send_waiting(
        &mut self,
        cx: &mut pipeline::Context<'_>,
        sink: &mut Packets<'_, '_>,
    ) {
        while let Some(message) = self.waiting.pop_front() {
            let outcome = self.state.send_copy(&message, cx, sink);
            if is_full(&outcome) {
                self.waiting.push_front(message);
                return;
            }
            sink.settle(outcome);
        }
    }
}

/// Whether a message is to wait.
pub(super) fn is_full(outcome: &Result<(), StageRefusal>) -> bool {
    matches!(
        outcome,
        Err(StageRefusal::WindowFull { .. } | StageRefusal::MemoryFull { .. })
    )
}
