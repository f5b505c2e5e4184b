//! Unreliable-sequenced: what is older than the newest is dropped.
//!
//! Gaps are not repaired, only counted. One number each way; nothing is held.
//!
//! Source: Unity Transport `UnreliableSequencedPipelineStage.cs`.

use super::packet::{Packet, StageRefusal};
use crate::counters::DropReason;
use crate::sequence::newer;
use crate::wire::sequenced::SequencedRepr;

/// The stage of one connection.
#[derive(Debug)]
pub(super) struct Sequenced {
    /// Number of the next message.
    next: u16,
    /// The newest number that was taken; the one before 0 at first.
    newest: u16,
    counters: SequencedCounters,
}

/// What the stage has counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SequencedCounters {
    pub(super) duplicates: u64,
    pub(super) stale: u64,
    pub(super) malformed: u64,
    /// Numbers skipped, less those that came too late.
    pub(super) missing: u64,
}

impl Default for Sequenced {
    fn default() -> Self {
        Self {
            next: 0,
            newest: u16::MAX,
            counters: SequencedCounters::default(),
        }
    }
}

impl Sequenced {
    /// Writes the header.
    pub(super) fn send(&mut self, packet: &mut Packet<'_>) -> Result<(), StageRefusal> {
        let header = SequencedRepr {
            sequence: self.next,
        };
        packet
            .prepend(SequencedRepr::LEN)?
            .copy_from_slice(&header.emit());
        self.next = self.next.wrapping_add(1);
        Ok(())
    }

    /// The number and the rest of a packet that is new enough.
    pub(super) fn open<'a>(&mut self, body: &'a [u8]) -> Result<(u16, &'a [u8]), DropReason> {
        let Some((header, rest)) = SequencedRepr::parse(body) else {
            self.counters.malformed += 1;
            return Err(DropReason::Malformed);
        };
        if newer(header.sequence, self.newest) {
            return Ok((header.sequence, rest));
        }
        if header.sequence == self.newest {
            self.counters.duplicates += 1;
            return Err(DropReason::Duplicate);
        }
        self.counters.stale += 1;
        // It was counted as missing when a newer one came; a second copy finds nothing to take back.
        self.counters.missing = self.counters.missing.saturating_sub(1);
        Err(DropReason::Stale)
    }

    /// The packet of that number was delivered.
    pub(super) fn take(&mut self, sequence: u16) {
        let skipped = sequence.wrapping_sub(self.newest).wrapping_sub(1);
        self.counters.missing += u64::from(skipped);
        self.newest = sequence;
    }

    /// What was counted.
    pub(super) fn counters(&self) -> SequencedCounters {
        self.counters
    }

    /// Begins at another number, as a long connection does.
    #[cfg(test)]
    pub(super) fn starting_at(next: u16) -> Self {
        Self {
            next,
            newest: next.wrapping_sub(1),
            ..Self::default()
        }
    }
}
