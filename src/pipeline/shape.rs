//! A pipeline as the driver knows it: which stages in which order, and what fits through them.
//!
//! Nothing here belongs to a connection. Both peers make the same shapes in the same order.
//!
//! Source: Unity Transport `NetworkPipeline.cs`.

use std::sync::Arc;

use super::stage::PipelineStage;
use super::store::Store;
use crate::id::StageId;
use crate::settings::PipelineParameters as Parameters;
use crate::wire::delivery::Delivery;
use crate::wire::fragment::{FRAGMENT_NUMBERS, FRAGMENT_REACH, FragmentRepr};
use crate::wire::reliable::{MaskClass, ReliableRepr};
use crate::wire::sequenced::SequencedRepr;

/// One stage of a shape.
#[derive(Clone, Debug)]
pub(crate) enum StageKind {
    /// A stage of drumfire.
    Builtin(StageId),
    /// A user's stage: what each connection's copy is made from.
    Custom(Arc<dyn PipelineStage>),
}

impl From<StageId> for StageKind {
    fn from(stage: StageId) -> Self {
        Self::Builtin(stage)
    }
}

impl StageKind {
    /// Most bytes the stage writes in front of a packet.
    fn header_capacity(&self, parameters: &Parameters) -> usize {
        match self {
            Self::Builtin(StageId::Null | StageId::Simulator | StageId::Custom(_)) => 0,
            Self::Builtin(StageId::UnreliableSequenced) => SequencedRepr::LEN,
            Self::Builtin(StageId::Fragmentation) => FragmentRepr::LEN,
            Self::Builtin(
                StageId::ReliableSequenced | StageId::ReliableUnordered | StageId::ReliableLatest,
            ) => {
                let window = parameters.receive_window();
                let mark = self.delivery().map_or(0, Delivery::mark_len);
                mark + ReliableRepr::LEN + MaskClass::of(window).capacity(window)
            }
            Self::Custom(stage) => stage.header_capacity(),
        }
    }

    /// What the stage promises, if it is reliable.
    fn delivery(&self) -> Option<Delivery> {
        match self {
            Self::Builtin(StageId::ReliableSequenced) => Some(Delivery::Ordered),
            Self::Builtin(StageId::ReliableUnordered) => Some(Delivery::Unordered),
            Self::Builtin(StageId::ReliableLatest) => Some(Delivery::Latest),
            Self::Builtin(_) | Self::Custom(_) => None,
        }
    }

    fn is_reliable(&self) -> bool {
        self.delivery().is_some()
    }

    fn is(&self, id: StageId) -> bool {
        matches!(self, Self::Builtin(stage) if *stage == id)
    }
}

/// A pipeline: stages in the order they were given.
#[derive(Clone, Debug)]
pub(crate) struct PipelineShape {
    stages: Box<[StageKind]>,
    /// Header capacities, summed from each stage to the last, and 0 behind it.
    capacities: Box<[usize]>,
    fragmentation: Option<Fragments>,
    fragmentation_capacity: usize,
    window: Option<u16>,
}

/// What is kept of each packet in a window beside its copy, in bytes.
const PER_PACKET: usize = 128;

/// Room for what grows by steps, in bytes.
const STEP: usize = 8_192;

/// How messages of a shape are split, for one size of packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Split {
    first: usize,
    block: usize,
}

impl Split {
    /// Packets a message of `len` bytes takes.
    pub(crate) fn packets(self, len: usize) -> usize {
        1 + len.saturating_sub(self.first).div_ceil(self.block)
    }
}

/// Where a shape splits messages.
#[derive(Clone, Copy, Debug)]
struct Fragments {
    /// Header capacity of the stages in front: their headers travel in the first fragment.
    before: usize,
    /// Header capacity of this stage and those behind: it is in every fragment.
    behind: usize,
    /// Whether a reliable stage comes before it: it keeps copies of whole messages.
    after_reliable: bool,
}

impl PipelineShape {
    /// A pipeline of these stages.
    pub(crate) fn new(
        stages: impl IntoIterator<Item = StageKind>,
        parameters: &Parameters,
    ) -> Self {
        let stages: Box<[StageKind]> = stages.into_iter().collect();
        let capacity = |stage: &StageKind| stage.header_capacity(parameters);
        let total: usize = stages.iter().map(capacity).sum();
        let mut left = total;
        let mut capacities = vec![total];
        for stage in &stages {
            left -= capacity(stage);
            capacities.push(left);
        }
        let split = stages.iter().position(|s| s.is(StageId::Fragmentation));
        let reliable = stages.iter().position(StageKind::is_reliable);
        let fragmentation = split.map(|at| {
            let behind = capacities.get(at).copied().unwrap_or(0);
            Fragments {
                before: total - behind,
                behind,
                after_reliable: reliable.is_some_and(|reliable| reliable < at),
            }
        });
        Self {
            capacities: capacities.into(),
            fragmentation,
            fragmentation_capacity: parameters.fragmentation_capacity,
            window: reliable.map(|_| parameters.send_window()),
            stages,
        }
    }

    /// The stages, in order.
    pub(crate) fn stages(&self) -> &[StageKind] {
        &self.stages
    }

    /// Most bytes all stages write in front of a packet.
    pub(crate) fn header_capacity(&self) -> usize {
        self.capacity_from(0)
    }

    /// Most bytes the stages from `index` on write in front of a packet.
    pub(super) fn capacity_from(&self, index: usize) -> usize {
        self.capacities.get(index).copied().unwrap_or(0)
    }

    /// Whether a stage behind the one at `index` is reliable.
    pub(super) fn is_reliable_behind(&self, index: usize) -> bool {
        let behind = self.stages.iter().skip(index + 1);
        behind.into_iter().any(StageKind::is_reliable)
    }

    /// The stage that works on messages of one packet, where there is fragmentation as well.
    pub(crate) fn fragments_for(&self) -> Option<StageId> {
        let whole = [StageId::ReliableUnordered, StageId::ReliableLatest];
        self.fragmentation?;
        whole
            .into_iter()
            .find(|id| self.stages.iter().any(|stage| stage.is(*id)))
    }

    /// Whether a message takes a place in the window until it is acknowledged: not where the next one
    /// supersedes it.
    pub(crate) fn fills_window(&self) -> bool {
        !self.stages.iter().any(|s| s.is(StageId::ReliableLatest))
    }

    /// Largest message, for packets with `room` bytes for stage headers and payload.
    pub(crate) fn max_payload(&self, room: usize) -> usize {
        match self.fragmentation {
            Some(fragments) if !fragments.after_reliable => {
                // As many as there are numbers, or as a receiver keeps apart where they may come in
                // any order.
                let most = match self.window {
                    Some(_) => usize::from(FRAGMENT_NUMBERS) - 1,
                    None => usize::from(FRAGMENT_REACH),
                };
                let Split { first, block } = self.split(room);
                self.fragmentation_capacity.min(first + (most - 1) * block)
            }
            _ => room.saturating_sub(self.header_capacity()),
        }
    }

    /// Packets a message of `len` bytes takes.
    pub(crate) fn packets(&self, len: usize, room: usize) -> usize {
        self.split(room).packets(len)
    }

    /// How messages are split, for packets with `room` bytes for stage headers and payload.
    pub(crate) fn split(&self, room: usize) -> Split {
        let Some(fragments) = self.fragmentation else {
            return Split {
                first: usize::MAX,
                block: 1,
            };
        };
        let block = room.saturating_sub(fragments.behind).max(1);
        let first = block.saturating_sub(fragments.before);
        Split { first, block }
    }

    /// Most bytes of memory that the state of a connection needs at once.
    pub(super) fn memory_need(&self, parameters: &Parameters) -> usize {
        let window = usize::from(parameters.receive_window());
        let reliable = self.stages.iter().filter(|stage| stage.is_reliable());
        let windows = reliable.count() * 2 * window * (Store::BLOCKS + PER_PACKET);
        // A message that waits, one that comes in, and the last one's memory; each grows in steps.
        let messages = self
            .fragmentation
            .map_or(0, |_| 4 * (self.fragmentation_capacity + STEP).max(STEP));
        windows + messages + STEP
    }

    /// The window messages of this pipeline take part in.
    pub(crate) fn window(&self) -> Option<u16> {
        self.window
    }

    /// Whether its packets have anything but the message.
    pub(crate) fn has_headers(&self) -> bool {
        self.header_capacity() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Timing;
    use StageId::{Fragmentation as F, Null, ReliableSequenced as R, UnreliableSequenced as U};

    /// Room at a path MTU of 1,400 on UDP.
    const ROOM: usize = 1_390;

    fn shape(stages: &[StageId], window: u16) -> PipelineShape {
        let parameters = Parameters {
            window,
            ..Parameters::new(Timing::Prompt)
        };
        PipelineShape::new(stages.iter().copied().map(StageKind::from), &parameters)
    }

    #[test]
    fn the_largest_payload_is_exact() {
        for (stages, window, payload) in [
            (&[][..], 32, 1390),
            (&[Null], 32, 1390),
            (&[U], 32, 1388),
            (&[R], 32, 1378),
            (&[R], 33, 1374),
            (&[R], 64, 1374),
            (&[R], 256, 1350),
            (&[R], 2040, 1127),
            (&[F], 32, 4096),
            (&[F, R], 32, 4096),
            (&[R, F], 32, 1376),
        ] {
            assert_eq!(shape(stages, window).max_payload(ROOM), payload);
        }
    }

    #[test]
    fn a_message_has_no_more_fragments_than_a_receiver_can_tell_apart() {
        let mut parameters = Parameters::new(Timing::Prompt);
        parameters.fragmentation_capacity = 24_115_775;
        for (stages, blocks, block) in [(&[F][..], 4_096, 1_388), (&[F, R], 16_383, 1_376)] {
            let kinds = stages.iter().map(|stage| StageKind::from(*stage));
            let shape = PipelineShape::new(kinds, &parameters);
            assert_eq!(shape.max_payload(ROOM), blocks * block);
            assert_eq!(shape.packets(blocks * block, ROOM), blocks);
        }
    }

    #[test]
    fn a_message_takes_as_many_packets_as_its_blocks() {
        for (stages, len, packets) in [
            (&[F][..], 0, 1),
            (&[F], 1388, 1),
            (&[F], 1389, 2),
            (&[F], 2776, 2),
            (&[F, U], 2777, 3),
            (&[F, R], 1376, 1),
            (&[F, R], 1377, 2),
            (&[U, F], 1386, 1),
            (&[U, F], 1387, 2),
            (&[U, F], 1386 + 1388, 2),
            (&[U], 9_999, 1),
        ] {
            assert_eq!(
                shape(stages, 32).packets(len, ROOM),
                packets,
                "{stages:?} {len}"
            );
        }
    }
}
