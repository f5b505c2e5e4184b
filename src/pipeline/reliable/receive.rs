//! The receiving half: what arrived, what waits for a gap to close, and what is to be acknowledged.
//!
//! A number is looked at before anything is changed: what lies outside the window leaves no trace
//! but a counter (R26).

use std::collections::VecDeque;
use std::time::Duration;

use super::mask::AckMask;
use super::send::UNITY_RECORDS;
use crate::pipeline::store::{Block, Store};
use crate::sequence::widen;
use crate::settings::{PipelineParameters as Parameters, Timing};
use crate::time::Timestamp;
use crate::wire::delivery::Delivery;

/// Duplicates after which Unity acknowledges once more.
const UNITY_DUPLICATES: u32 = 3;

/// Packets that may wait for a delayed ack.
const UNACKED_PACKETS: u32 = 2;

/// What a number means to the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The next one to deliver.
    InOrder(i64),
    /// One to keep until the ones before it have arrived.
    Early(i64),
    /// It arrived before.
    Duplicate,
    /// Too old to say.
    Stale,
    /// Too far ahead.
    Beyond,
}

/// What arrived from the peer.
#[derive(Debug)]
pub(super) struct ReceiveWindow {
    delivery: Delivery,
    /// Highest number that arrived; −1 before any.
    newest: i64,
    newest_at: Timestamp,
    mask: AckMask,
    /// Highest number that was delivered; −1 before any.
    delivered: i64,
    /// Packets from number `delivered + 1` on, the ones that are missing as `None`.
    held: VecDeque<Option<Block>>,
    /// Whether something arrived that no header of ours has told.
    news: bool,
    news_since: Timestamp,
    unacked: u32,
    /// Whether the peer waits for the ack: there is a gap, or one has closed.
    urgent: bool,
    /// Duplicates since the last header of ours.
    duplicates: u32,
}

impl ReceiveWindow {
    pub(super) fn new(delivery: Delivery, parameters: &Parameters) -> Self {
        Self {
            delivery,
            newest: -1,
            newest_at: Timestamp::ZERO,
            mask: AckMask::new(parameters.receive_window()),
            delivered: -1,
            held: VecDeque::new(),
            // Since 2.6.0 a stage that is serviced before it ever sent anything sends an ack, even if
            // nothing valid arrived: the mask last told begins as zeros, the mask itself as ones.
            news: parameters.timing == Timing::Unity,
            news_since: Timestamp::ZERO,
            unacked: 0,
            urgent: false,
            duplicates: 0,
        }
    }

    /// What a number means. Nothing changes.
    pub(super) fn classify(&self, sequence: u16, parameters: &Parameters) -> Arrival {
        let window = i64::from(parameters.receive_window());
        let number = widen(sequence, self.newest);
        if self.delivery == Delivery::Latest {
            return match number {
                _ if number < 0 || number < self.newest => Arrival::Stale,
                _ if number == self.newest => Arrival::Duplicate,
                _ if number > self.newest + Delivery::REACH => Arrival::Beyond,
                _ => Arrival::InOrder(number),
            };
        }
        if number < 0 || (number <= self.newest && self.newest - number >= window) {
            return Arrival::Stale;
        }
        // Unity takes up to newest + window, and overwrites what lies a window before; a conforming
        // peer stays below delivered + 1 + window.
        if number > self.newest + window || number > self.delivered + window {
            return Arrival::Beyond;
        }
        let arrived = number <= self.newest
            && usize::try_from(self.newest - number).is_ok_and(|ago| self.mask.contains(ago));
        match () {
            () if arrived => Arrival::Duplicate,
            () if number == self.delivered + 1 => Arrival::InOrder(number),
            () => Arrival::Early(number),
        }
    }

    /// The packet of that number has arrived, and is kept or delivered.
    pub(super) fn mark(&mut self, number: i64, now: Timestamp) {
        let ahead = number - self.newest;
        if ahead > 0 {
            self.mask
                .advance(usize::try_from(ahead).unwrap_or(usize::MAX));
            self.newest = number;
            self.newest_at = now;
            self.urgent |= ahead > 1;
        } else {
            self.mask
                .insert(usize::try_from(-ahead).unwrap_or(usize::MAX));
            self.urgent = true;
        }
        if !self.news {
            self.news = true;
            self.news_since = now;
        }
        self.unacked += 1;
    }

    /// A packet arrived again.
    pub(super) fn mark_duplicate(&mut self) {
        self.duplicates = self.duplicates.saturating_add(1);
    }

    /// Keeps the packet of a number that is early.
    pub(super) fn hold(&mut self, number: i64, copy: Block) {
        let index = usize::try_from(number - self.delivered - 1).unwrap_or(0);
        while self.held.len() <= index {
            self.held.push_back(None);
        }
        if let Some(place) = self.held.get_mut(index) {
            *place = Some(copy);
        }
    }

    /// The packet that is next to deliver, if it is held.
    pub(super) fn next_held(&self) -> Option<&Block> {
        self.held.front()?.as_ref()
    }

    /// The next packet was delivered; its copy is freed.
    pub(super) fn deliver(&mut self, store: &mut Store) {
        self.delivered += 1;
        if let Some(Some(copy)) = self.held.pop_front() {
            store.remove(copy);
        }
    }

    /// Forgets numbers that everything before has arrived of, or is of no interest any more.
    pub(super) fn settle(&mut self) {
        if self.delivery == Delivery::Latest {
            self.delivered = self.newest;
        }
        while self.delivered < self.newest
            && usize::try_from(self.newest - self.delivered - 1)
                .is_ok_and(|ago| self.mask.contains(ago))
        {
            self.delivered += 1;
        }
    }

    /// Whether an ack is to be sent even without a message to ride on.
    pub(super) fn owes_ack(&self, now: Timestamp, parameters: &Parameters) -> bool {
        match parameters.timing {
            Timing::Unity => self.news || self.duplicates >= UNITY_DUPLICATES,
            // A duplicate says that our last ack was lost. One ack answers all of an update.
            Timing::Prompt => self.duplicates > 0 || now >= self.ack_deadline(parameters),
        }
    }

    /// When the ack is due.
    pub(super) fn ack_deadline(&self, parameters: &Parameters) -> Timestamp {
        match parameters.timing {
            _ if !self.news => Timestamp::NEVER,
            Timing::Prompt if !self.urgent && self.unacked < UNACKED_PACKETS => {
                self.news_since + parameters.ack_delay
            }
            Timing::Prompt | Timing::Unity => Timestamp::ZERO,
        }
    }

    /// Highest number that arrived; −1 before any.
    pub(super) fn newest(&self) -> i64 {
        self.newest
    }

    pub(super) fn mask(&self) -> &AckMask {
        &self.mask
    }

    /// Whole milliseconds since the newest packet arrived.
    pub(super) fn processing_time(&self, now: Timestamp, timing: Timing) -> u16 {
        if self.newest < 0 || (timing == Timing::Unity && self.newest >= UNITY_RECORDS) {
            return 0;
        }
        let millis = now.as_millis().saturating_sub(self.newest_at.as_millis());
        u16::try_from(millis).unwrap_or(u16::MAX)
    }

    /// A header of ours tells everything that arrived.
    pub(super) fn told(&mut self) {
        self.news = false;
        self.urgent = false;
        self.unacked = 0;
        self.duplicates = 0;
    }

    /// When a packet that the user had no room for is offered again.
    pub(super) fn offer_deadline(&self, last: Timestamp) -> Timestamp {
        match self.next_held() {
            Some(_) => last + Duration::from_millis(10),
            None => Timestamp::NEVER,
        }
    }

    /// Gives memory back that an idle window does not need.
    pub(super) fn trim(&mut self) {
        if self.held.is_empty() {
            self.held = VecDeque::new();
        }
    }

    /// Bytes of memory on the heap.
    pub(super) fn memory(&self) -> usize {
        self.held.capacity() * size_of::<Option<Block>>() + self.mask.memory()
    }

    /// Begins at another number, as a long connection does.
    #[cfg(test)]
    pub(super) fn starting_at(next: i64, delivery: Delivery, parameters: &Parameters) -> Self {
        Self {
            newest: next - 1,
            delivered: next - 1,
            ..Self::new(delivery, parameters)
        }
    }
}
