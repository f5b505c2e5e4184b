//! A shard's desk: what its job and the user hand to each other.
//!
//! There are two of each, a front one with the user and a back one with the jobs. The outboxes are
//! flipped when an update is scheduled, the inboxes when it is completed; each flip is one swap a
//! shard, whatever the number of connections. Masks of one bit a lane say where to look.
//!
//! The lane locks serve `claim` alone. Whoever owns the desk goes around them without cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::account::{Account, Holder};
use super::inbox::Inbox;
use super::outbox::Outbox;
use super::windows::Windows;
use crate::address::NetworkEndpoint;
use crate::counters::Traffic;

/// State of a connection as the user may see it.
///
/// Source: Unity Transport `NetworkConnection.State`; its internal "disconnecting" reads as
/// disconnected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// Closed, closing, or never made.
    #[default]
    Disconnected,
    /// Waiting for the peer's accept, or probing the path.
    Connecting,
    /// Messages can be sent.
    Connected,
}

/// What the user must know of a connection while its job may be at work.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Snapshot {
    /// Version of the slot; 0 while it was never used.
    pub(crate) version: u32,
    pub(crate) state: ConnectionState,
    /// Largest packet the path takes, transport headers included.
    pub(crate) path_mtu: u16,
    /// Bytes of packets that may still be sent to an address that proved nothing (R20);
    /// `u32::MAX` once it did.
    pub(crate) allowance: u32,
    pub(crate) remote: NetworkEndpoint,
    pub(crate) traffic: Traffic,
}

/// Masks that several threads may set at once, each for lanes of its own.
///
/// Relaxed throughout: a bit publishes nothing by itself; the hand-over of the desk orders it with
/// the outbox it speaks of. Reading first spares the bus where the bit is set already.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Lanes whose outbox holds records.
    written: AtomicU64,
    /// Lanes whose connection the application has left; the job may not know yet.
    leaving: AtomicU64,
}

impl Marks {
    /// The lane's outbox holds a record.
    pub(crate) fn written(&self, lane: usize) {
        set(&self.written, lane);
    }

    /// The application has left the lane's connection, by a record in its outbox.
    pub(crate) fn leaving(&self, lane: usize) {
        set(&self.leaving, lane);
        set(&self.written, lane);
    }

    /// Whether the application has left the lane's connection.
    pub(crate) fn is_leaving(&self, lane: usize) -> bool {
        self.leaving.load(Ordering::Relaxed) & (1 << lane) != 0
    }
}

fn set(mask: &AtomicU64, lane: usize) {
    let bit = 1 << lane;
    if mask.load(Ordering::Relaxed) & bit == 0 {
        mask.fetch_or(bit, Ordering::Relaxed);
    }
}

/// Inboxes, outboxes and snapshots of one shard's lanes.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) inboxes: Vec<Mutex<Inbox>>,
    pub(crate) outboxes: Vec<Mutex<Outbox>>,
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) windows: Windows,
    /// Messages for many connections, whose outboxes name them by their place here.
    pub(crate) shared: Vec<Arc<Vec<u8>>>,
    /// Lanes whose inbox may hold events.
    pub(crate) ready: u64,
    pub(crate) marks: Marks,
    /// Lanes whose snapshot has changed since the last flip.
    pub(crate) changed: u64,
    /// Front only: lanes used since the last trim, and lanes whose boxes hold memory.
    recent: u64,
    held: u64,
    /// Back only: lanes whose inbox knows of events that lie unread in front.
    backlogged: u64,
    /// Back only: bytes held for each lane.
    pub(crate) account: Account,
    /// Lanes whose connection the application has (accepted, or made itself).
    pub(crate) owned: u64,
}

impl Desk {
    /// Lanes there is room for.
    pub(crate) fn lanes(&self) -> usize {
        self.snapshots.len()
    }

    /// Makes room for `lanes` lanes.
    pub(crate) fn grow(&mut self, lanes: usize) {
        if lanes > self.lanes() {
            self.inboxes.resize_with(lanes, Mutex::default);
            self.outboxes.resize_with(lanes, Mutex::default);
            self.snapshots.resize(lanes, Snapshot::default());
        }
    }

    /// Gives back the memory of lanes that were not used since the last call, on both desks.
    ///
    /// Costs nothing where nothing was used: memory follows traffic, time follows memory.
    pub(crate) fn trim(front: &mut Self, back: &mut Self) {
        for lane in lanes_of(front.held & !front.recent) {
            back.account.set(lane, Holder::Boxes, 0);
            for desk in [&mut *front, &mut *back] {
                if let (Some(inbox), Some(outbox)) =
                    (desk.inboxes.get_mut(lane), desk.outboxes.get_mut(lane))
                {
                    inbox.get_mut().release();
                    outbox.get_mut().release();
                }
            }
        }
        front.held = std::mem::take(&mut front.recent);
    }

    /// Whether no lane was used between the last two calls of [`trim`](Self::trim).
    pub(crate) fn is_resting(&self) -> bool {
        self.held == 0
    }

    /// Drops what lies unread. Returns how many events that were.
    pub(crate) fn forget_unread(&mut self) -> u64 {
        let mut events = 0;
        for lane in lanes_of(std::mem::take(&mut self.ready)) {
            if let Some(inbox) = self.inboxes.get_mut(lane) {
                let inbox = inbox.get_mut();
                events += u64::try_from(inbox.len()).unwrap_or(0);
                inbox.clear();
            }
        }
        events
    }

    /// Frees a lane for another connection: nothing of the former is left in it.
    pub(crate) fn free(&mut self, lane: usize) {
        let others = !(1 << lane);
        if let (Some(inbox), Some(outbox)) =
            (self.inboxes.get_mut(lane), self.outboxes.get_mut(lane))
        {
            inbox.get_mut().clear();
            outbox.get_mut().clear();
        }
        self.windows.free(lane);
        self.account.free(lane);
        self.ready &= others;
        self.owned &= others;
        *self.marks.written.get_mut() &= others;
        *self.marks.leaving.get_mut() &= others;
    }

    /// Lanes whose outbox holds records.
    pub(crate) fn written(&mut self) -> u64 {
        *self.marks.written.get_mut()
    }

    /// Says that the outboxes of these lanes are empty.
    pub(crate) fn clear_written(&mut self, lanes: u64) {
        *self.marks.written.get_mut() &= !lanes;
        if self.written() == 0 {
            self.shared.clear();
        }
    }

    /// Hands the outboxes that `front` filled to `back`, whose own are empty, and tells each inbox
    /// of `back` how much lies unread in its twin.
    pub(crate) fn flip_outboxes(front: &mut Self, back: &mut Self) {
        if front.written() != 0 {
            std::mem::swap(&mut front.outboxes, &mut back.outboxes);
            std::mem::swap(&mut front.shared, &mut back.shared);
            std::mem::swap(front.marks.written.get_mut(), back.marks.written.get_mut());
            for lane in lanes_of(back.written()) {
                if let Some(outbox) = back.outboxes.get_mut(lane) {
                    front.windows.add(lane, outbox.get_mut().claims());
                }
            }
        }
        front.recent |= front.ready | back.written();
        back.owned |= front.owned;
        *back.marks.leaving.get_mut() |= *front.marks.leaving.get_mut();
        back.forget_backlog();
        back.backlogged = front.ready;
        for lane in lanes_of(front.ready) {
            if let (Some(front), Some(back)) =
                (front.inboxes.get_mut(lane), back.inboxes.get_mut(lane))
            {
                back.get_mut().set_backlog(front.get_mut().unread_bytes());
            }
        }
    }

    /// Forgets what lay unread in front when the last update began: it holds for that update alone,
    /// and an inbox that changes sides must not take it along.
    fn forget_backlog(&mut self) {
        for lane in lanes_of(std::mem::take(&mut self.backlogged)) {
            if let Some(inbox) = self.inboxes.get_mut(lane) {
                inbox.get_mut().set_backlog(0);
            }
        }
    }

    /// Hands the inboxes and snapshots that `back` filled to `front`. What lies unread stays in front.
    pub(crate) fn flip_inboxes(front: &mut Self, back: &mut Self) {
        front.grow(back.lanes());
        back.forget_backlog();
        front.ready &= !front.lanes_read();
        front.recent |= back.ready;
        if back.ready != 0 {
            if front.ready == 0 && front.lanes() == back.lanes() {
                std::mem::swap(&mut front.inboxes, &mut back.inboxes);
                front.ready = std::mem::take(&mut back.ready);
            } else {
                for lane in lanes_of(std::mem::take(&mut back.ready)) {
                    let (Some(front_lane), Some(back_lane)) =
                        (front.inboxes.get_mut(lane), back.inboxes.get_mut(lane))
                    else {
                        continue;
                    };
                    let (old, new) = (front_lane.get_mut(), back_lane.get_mut());
                    if old.is_empty() {
                        std::mem::swap(old, new);
                    } else {
                        old.append(new);
                    }
                    front.ready |= 1 << lane;
                }
            }
        }
        for lane in lanes_of(std::mem::take(&mut back.changed)) {
            if let (Some(to), Some(from)) =
                (front.snapshots.get_mut(lane), back.snapshots.get(lane))
            {
                *to = *from;
                front.windows.copy_row(lane, &back.windows);
            }
        }
        front.owned |= back.owned;
        *front.marks.leaving.get_mut() |= *back.marks.leaving.get_mut();
    }

    /// Lanes marked ready whose inbox has been read to its end. Their memory is kept for the next flip.
    fn lanes_read(&mut self) -> u64 {
        let mut read = 0;
        for lane in lanes_of(self.ready) {
            if let Some(inbox) = self.inboxes.get_mut(lane) {
                let inbox = inbox.get_mut();
                if inbox.is_empty() {
                    inbox.clear();
                    read |= 1 << lane;
                }
            }
        }
        read
    }
}

/// The lanes of a mask, ascending.
pub(crate) fn lanes_of(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (mask != 0).then(|| {
            let lane = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            lane
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::inbox::EventKind;
    use crate::buffer::outbox::RecordKind;

    fn pair(lanes: usize) -> (Desk, Desk) {
        let (mut front, mut back) = (Desk::default(), Desk::default());
        front.grow(lanes);
        back.grow(lanes);
        (front, back)
    }

    fn receive(back: &mut Desk, lane: usize, payload: &[u8]) {
        back.inboxes[lane]
            .get_mut()
            .push(EventKind::Data, 0, 0, payload);
        back.ready |= 1 << lane;
    }

    fn read(front: &mut Desk, lane: usize) -> Vec<Vec<u8>> {
        let inbox = front.inboxes[lane].get_mut();
        std::iter::from_fn(|| inbox.pop().map(|event| event.payload.to_vec())).collect()
    }

    #[test]
    fn what_was_left_unread_is_read_first_and_once() {
        let (mut front, mut back) = pair(2);
        receive(&mut back, 0, b"a");
        receive(&mut back, 1, b"x");
        Desk::flip_inboxes(&mut front, &mut back);
        assert_eq!(read(&mut front, 1), [b"x".to_vec()]);
        receive(&mut back, 0, b"b");
        receive(&mut back, 1, b"y");
        Desk::flip_inboxes(&mut front, &mut back);
        assert_eq!(read(&mut front, 0), [b"a".to_vec(), b"b".to_vec()]);
        assert_eq!(read(&mut front, 1), [b"y".to_vec()]);
        Desk::flip_inboxes(&mut front, &mut back);
        assert!(read(&mut front, 0).is_empty() && front.ready == 0);
    }

    #[test]
    fn an_inbox_that_was_read_leaves_no_backlog_behind() {
        let budget = 32;
        let (mut front, mut back) = pair(1);
        receive(&mut back, 0, &[7; 24]);
        Desk::flip_inboxes(&mut front, &mut back);
        // Unread while an update runs, which thus has no room; then read, and unmarked.
        Desk::flip_outboxes(&mut front, &mut back);
        assert!(!back.inboxes[0].get_mut().has_room(1, 0, budget));
        assert_eq!(read(&mut front, 0).len(), 1);
        front.ready = 0;
        Desk::flip_inboxes(&mut front, &mut back);
        Desk::flip_outboxes(&mut front, &mut back);
        assert!(back.inboxes[0].get_mut().has_room(24, 0, budget));
    }

    #[test]
    fn outboxes_change_sides_whole() {
        let (mut front, mut back) = pair(2);
        front.outboxes[1].get_mut().wish(RecordKind::Accepted);
        front.marks.written(1);
        Desk::flip_outboxes(&mut front, &mut back);
        assert_eq!((front.written(), back.written()), (0, 0b10));
        assert!(!back.outboxes[1].get_mut().is_empty() && front.outboxes[1].get_mut().is_empty());
    }

    #[test]
    fn memory_goes_back_after_a_whole_period_without_use() {
        let (mut front, mut back) = pair(1);
        receive(&mut back, 0, &[7; 1000]);
        Desk::flip_inboxes(&mut front, &mut back);
        read(&mut front, 0);
        Desk::flip_inboxes(&mut front, &mut back);
        Desk::trim(&mut front, &mut back);
        assert!(front.inboxes[0].get_mut().memory() > 0);
        Desk::trim(&mut front, &mut back);
        assert_eq!(front.inboxes[0].get_mut().memory(), 0);
    }

    #[test]
    fn the_lanes_of_a_mask_are_ascending() {
        assert_eq!(lanes_of(1 << 63 | 0b101).collect::<Vec<_>>(), [0, 2, 63]);
    }
}
