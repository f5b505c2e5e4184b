//! A shard: up to 64 connections, owned whole by one job at a time.

use super::timing::StageTimes;
use crate::buffer::egress::Egress;
use crate::buffer::runs::Runs;
use crate::counters::Flow;
use crate::id::LANES_PER_SHARD;
use crate::interface::SendReport;
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
    /// When each lane must be served next.
    pub(crate) deadlines: Vec<Deadline>,
    /// Lanes that received something or were opened since they were served last.
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
    pub(crate) times: StageTimes,
    pub(crate) report: SendReport,
    pub(crate) random: Random,
    /// Scratch memory of pipeline stages.
    pub(crate) buffers: Buffers,
}

impl Shard {
    pub(crate) fn new(index: usize, random: Random) -> Self {
        Self {
            index,
            links: Vec::new(),
            deadlines: Vec::new(),
            touched: 0,
            leaving: 0,
            current: None,
            runs: Runs::default(),
            egress: Egress::default(),
            deferred: Deferred::default(),
            notices: Vec::new(),
            inward: Flow::default(),
            outward: Flow::default(),
            sent: Flow::default(),
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
            }
        }
    }

    /// The earliest of the lanes' deadlines, on each of the two times.
    pub(crate) fn next_deadline(&self) -> Deadline {
        self.deadlines.iter().fold(NEVER, |next, lane| Deadline {
            at: next.at.min(lane.at),
            observed: next.observed.min(lane.observed),
        })
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

/// Whether a deadline has come on either time.
pub(crate) fn is_due(deadline: &Deadline, now: Now) -> bool {
    deadline.at <= now.at || deadline.observed <= now.observed
}
