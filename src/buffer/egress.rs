//! What one shard's job wants to send: references to messages in outboxes, and packets made up here.
//!
//! Two lists keep Unity's order of an update: first the data of every lane in the order queued, then
//! the control packets, those that received packets caused before those of timers. Nothing is
//! copied: a message leaves from its outbox, a control packet from `scratch`.

use std::ops::Range;

use super::outbox::Rooms;
use crate::address::Path;

/// Where a datagram's bytes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// In the lane's outbox.
    Outbox,
    /// In [`Egress::scratch`].
    Scratch,
}

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// To the link's current path.
    Current,
    /// To a path of its own: an index into [`Egress::detours`].
    Detour(u32),
}

/// One datagram to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    pub(crate) lane: u8,
    pub(crate) source: Source,
    pub(crate) route: Route,
    pub(crate) start: u32,
    pub(crate) len: u32,
    /// Whether it leaves as it is, even where packets are sealed.
    pub(crate) bare: bool,
}

impl Outgoing {
    /// Where its bytes lie in their arena.
    pub(crate) fn range(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.len as usize
    }

    /// Its bytes lie elsewhere in their arena: around where they were, as a rule.
    pub(crate) fn place(&mut self, range: Range<usize>) {
        self.start = u32::try_from(range.start).unwrap_or(u32::MAX);
        self.len = u32::try_from(range.len()).unwrap_or(0);
    }
}

/// A shard's datagrams of one update.
#[derive(Debug, Default)]
pub(crate) struct Egress {
    scratch: Vec<u8>,
    detours: Vec<Path>,
    data: Vec<Outgoing>,
    controls: Vec<Outgoing>,
    batch: u32,
    /// Room around each packet that is made up here.
    rooms: Rooms,
}

impl Egress {
    /// Nothing to send. Packets made up here get `rooms` around them, for those who seal them.
    pub(crate) fn new(rooms: Rooms) -> Self {
        Self {
            rooms,
            ..Self::default()
        }
    }

    /// Number of the batch being collected: what a link sent in it leaves with what it adds.
    pub(crate) fn batch(&self) -> u32 {
        self.batch
    }

    /// Sends a range of the lane's outbox, headers included, to the link's current path.
    pub(crate) fn message(&mut self, lane: u8, range: Range<usize>) {
        self.data
            .push(outgoing(lane, Source::Outbox, Route::Current, range));
    }

    /// Sends a packet in front of the messages that follow: `write` appends it to the arena.
    pub(crate) fn ahead(&mut self, lane: u8, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let range = self.write(write);
        let len = range.len();
        self.data
            .push(outgoing(lane, Source::Scratch, Route::Current, range));
        len
    }

    /// Sends a control packet behind all messages, to the link's current path. Returns its length.
    pub(crate) fn control(&mut self, lane: u8, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let range = self.write(write);
        let len = range.len();
        self.controls
            .push(outgoing(lane, Source::Scratch, Route::Current, range));
        len
    }

    /// Sends a control packet behind all messages, to a path of its own. Returns its length.
    pub(crate) fn control_to(
        &mut self,
        lane: u8,
        path: Path,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> usize {
        let range = self.write(write);
        let len = range.len();
        let detour = u32::try_from(self.detours.len()).unwrap_or(u32::MAX);
        self.detours.push(path);
        self.controls.push(outgoing(
            lane,
            Source::Scratch,
            Route::Detour(detour),
            range,
        ));
        len
    }

    /// Sends bytes as they are, behind all messages, to a path of its own.
    pub(crate) fn bare(&mut self, lane: u8, path: Path, bytes: &[u8]) {
        self.control_to(lane, path, |out| out.extend_from_slice(bytes));
        if let Some(outgoing) = self.controls.last_mut() {
            outgoing.bare = true;
        }
    }

    /// Binds what `lane` has queued so far to `path`: its link goes elsewhere from here on.
    pub(crate) fn pin(&mut self, lane: u8, path: Path) {
        let detour = u32::try_from(self.detours.len()).unwrap_or(u32::MAX);
        let mut pinned = false;
        for outgoing in self.data.iter_mut().chain(&mut self.controls) {
            if outgoing.lane == lane && outgoing.route == Route::Current {
                outgoing.route = Route::Detour(detour);
                pinned = true;
            }
        }
        if pinned {
            self.detours.push(path);
        }
    }

    fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let head = self.scratch.len() + usize::from(self.rooms.head);
        self.scratch.resize(head, 0);
        write(&mut self.scratch);
        let end = self.scratch.len();
        self.scratch.resize(end + usize::from(self.rooms.tail), 0);
        head..end
    }

    /// Everything to send, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Outgoing> {
        self.data.iter().chain(&self.controls)
    }

    /// Everything to send, in order, with the arena of what was made up here: to seal it there.
    pub(crate) fn iter_mut(&mut self) -> (impl Iterator<Item = &mut Outgoing>, &mut [u8]) {
        let all = self.data.iter_mut().chain(&mut self.controls);
        (all, &mut self.scratch)
    }

    /// Forgets what has become empty.
    pub(crate) fn forget_empty(&mut self) {
        self.data.retain(|outgoing| outgoing.len > 0);
        self.controls.retain(|outgoing| outgoing.len > 0);
    }

    /// How many datagrams are to be sent.
    pub(crate) fn len(&self) -> usize {
        self.data.len() + self.controls.len()
    }

    /// Whether nothing is to be sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.data.is_empty() && self.controls.is_empty()
    }

    /// Bytes of packets made up here.
    pub(crate) fn scratch(&self) -> &[u8] {
        &self.scratch
    }

    /// Paths of the datagrams that do not take their link's.
    pub(crate) fn detours(&self) -> &[Path] {
        &self.detours
    }

    /// Gives the memory back if there is nothing in it.
    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            *self = Self::new(self.rooms);
        }
    }

    /// Forgets everything and begins the next batch; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.scratch.clear();
        self.detours.clear();
        self.data.clear();
        self.controls.clear();
        self.batch = self.batch.wrapping_add(1);
    }
}

fn outgoing(lane: u8, source: Source, route: Route, range: Range<usize>) -> Outgoing {
    // Arenas are bounded by byte budgets far below 4 GiB; a range beyond them would be sent empty.
    let start = u32::try_from(range.start).unwrap_or(u32::MAX);
    let len = u32::try_from(range.len()).unwrap_or(0);
    Outgoing {
        lane,
        source,
        route,
        start,
        len,
        bare: false,
    }
}
