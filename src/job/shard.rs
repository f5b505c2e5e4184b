//! A shard: up to 64 connections, owned whole by one job at a time.

use super::timing::StageTimes;
use crate::buffer::egress::Egress;
use crate::buffer::outbox::Rooms;
use crate::buffer::runs::Runs;
use crate::counters::{Flow, HighWater};
use crate::id::LANES_PER_SHARD;
use crate::interface::SendReport;
use crate::link::guard::Guard;
use crate::link::{Deadline, Link, Notice};
use crate::pipeline::Buffers;
use crate::random::Random;
use crate::time::{Now, Timestamp};

use super::deferred::Deferred;

/// A deadline that never comes.
pub(crate) const NEVER: Deadline = Deadline {
    at: Timestamp::NEVER,
    observed: Timestamp::NEVER,
};

/// One shard's links, and everything its job needs beside the desk.
#[derive(Debug)]
pub(crate) struct Shard {
    /// Which shard this is.
    pub(crate) index: usize,
    /// One link a lane; none where the slot is free.
    pub(crate) links: Vec<Option<Link>>,
    /// One guard a lane whose peer has an association. No room at all for a plain driver.
    pub(crate) guards: Vec<Option<Guard>>,
    /// Whether every packet is sealed before it leaves.
    pub(crate) secure: bool,
    /// When each lane must be served next.
    pub(crate) deadlines: Vec<Deadline>,
    /// No lane's deadline is earlier. All may be later: it is looked up anew when it has come, so
    /// that serving a few lanes does not cost a look at all of them.
    pub(crate) wake: Deadline,
    /// Lanes whose outbox has been flipped and not been read.
    pub(crate) queued: u64,
    /// Lanes whose messages wait for what arrives in the same update.
    pub(crate) patient: u64,
    /// Lanes that received something, were written to or opened since they were served last.
    pub(crate) touched: u64,
    /// Lanes the user has disconnected; carried out by the next update, not by a flush.
    pub(crate) leaving: u64,
    /// Lane that is being worked on; tells whose fault a panic is.
    pub(crate) current: Option<usize>,
    /// Datagrams to process.
    pub(crate) runs: Runs,
    pub(crate) egress: Egress,
    /// Datagrams that the interface had no room for.
    pub(crate) deferred: Deferred,
    pub(crate) notices: Vec<Notice>,
    /// Datagrams to links.
    pub(crate) inward: Flow,
    /// Messages to packets.
    pub(crate) outward: Flow,
    /// Packets to the interface.
    pub(crate) sent: Flow,
    pub(crate) high_water: HighWater,
    pub(crate) times: StageTimes,
    pub(crate) report: SendReport,
    pub(crate) random: Random,
    /// Scratch memory of pipeline stages.
    pub(crate) buffers: Buffers,
}

impl Shard {
    /// An empty shard, whose packets get `rooms` around them.
    pub(crate) fn new(index: usize, random: Random, rooms: Rooms) -> Self {
        Self {
            index,
            links: Vec::new(),
            guards: Vec::new(),
            secure: rooms.tail > 0,
            deadlines: Vec::new(),
            wake: NEVER,
            queued: 0,
            patient: 0,
            touched: 0,
            leaving: 0,
            current: None,
            runs: Runs::default(),
            egress: Egress::new(rooms),
            deferred: Deferred::default(),
            notices: Vec::new(),
            inward: Flow::default(),
            outward: Flow::default(),
            sent: Flow::default(),
            high_water: HighWater::default(),
            times: StageTimes::default(),
            report: SendReport::default(),
            random,
            buffers: Buffers::default(),
        }
    }

    /// Makes room for `lanes` lanes.
    pub(crate) fn grow(&mut self, lanes: usize) {
        let lanes = lanes.min(LANES_PER_SHARD);
        if lanes > self.links.len() {
            self.links.resize_with(lanes, || None);
            self.deadlines.resize(lanes, NEVER);
        }
    }

    /// Puts a guard into a lane, which is served next at `at` at the latest.
    pub(crate) fn install(&mut self, lane: usize, guard: Guard, at: Timestamp) {
        self.grow(lane + 1);
        if self.guards.len() <= lane {
            self.guards.resize_with(LANES_PER_SHARD, || None);
        }
        if let Some(place) = self.guards.get_mut(lane) {
            *place = Some(guard);
        }
        self.rouse(lane, at);
    }

    /// Has a lane served at `at` at the latest.
    pub(crate) fn rouse(&mut self, lane: usize, at: Timestamp) {
        if let Some(deadline) = self.deadlines.get_mut(lane) {
            deadline.at = deadline.at.min(at);
            self.wake = earlier(self.wake, *deadline);
        }
    }

    /// Notes when a lane must be served next.
    pub(crate) fn set_deadline(&mut self, lane: usize, at: Deadline) {
        if let Some(deadline) = self.deadlines.get_mut(lane) {
            *deadline = at;
            self.wake = earlier(self.wake, at);
        }
    }

    /// The guard of a lane.
    pub(crate) fn guard(&mut self, lane: usize) -> Option<&mut Guard> {
        self.guards.get_mut(lane)?.as_mut()
    }

    /// Marks every connection as left by the application. False if there is none.
    pub(crate) fn leave_all(&mut self) -> bool {
        for (lane, _) in self
            .links
            .iter()
            .enumerate()
            .filter(|(_, link)| link.is_some())
        {
            self.leaving |= 1 << lane;
        }
        self.leaving != 0
    }

    /// Frees the lanes whose link is closed, once nothing refers to its path any more.
    pub(crate) fn sweep(&mut self) {
        for notice in &self.notices {
            if let Notice::Closed { lane, .. } = notice
                && let Some(slot) = self.links.get_mut(usize::from(*lane))
            {
                *slot = None;
                if let Some(guard) = self.guards.get_mut(usize::from(*lane)) {
                    *guard = None;
                }
            }
        }
    }

    /// Looks up the earliest of the lanes' deadlines, on each of the two times.
    pub(crate) fn find_wake(&mut self) {
        self.wake = self.deadlines.iter().copied().fold(NEVER, earlier);
    }

    /// Lanes whose deadline has come.
    pub(crate) fn due(&self, now: Now) -> u64 {
        self.deadlines
            .iter()
            .enumerate()
            .filter(|(_, deadline)| is_due(deadline, now))
            .fold(0, |mask, (lane, _)| mask | 1 << lane)
    }
}

/// The earlier one, on each of the two times.
pub(crate) fn earlier(one: Deadline, other: Deadline) -> Deadline {
    Deadline {
        at: one.at.min(other.at),
        observed: one.observed.min(other.observed),
    }
}

/// Whether a deadline has come on either time.
pub(crate) fn is_due(deadline: &Deadline, now: Now) -> bool {
    deadline.at <= now.at || deadline.observed <= now.observed
}
