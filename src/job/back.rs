//! The back: everything of a driver that is not the user's, and travels with an update.

use std::sync::Arc;

use super::outcome::{Endings, Outcome};
use super::shard::Shard;
use super::site::Site;
use super::timing::StageTimes;
use crate::buffer::batch::ReceiveBatch;
use crate::buffer::desk::Desk;
use crate::buffer::runs::Runs;
use crate::counters::Flow;
use crate::endpoint::{Endpoint, Replies};
use crate::id::LANES_PER_SHARD;
use crate::interface::SendReport;
use crate::link::Deadline;

/// Arrivals of one shard that are not with its job yet.
#[derive(Debug)]
pub(crate) struct Staging {
    pub(crate) runs: Runs,
    /// Datagrams of each lane in this update.
    pub(crate) counts: [u16; LANES_PER_SHARD],
    /// Whether a slice of this update has gone to the shard already, which thus must be served.
    pub(crate) given: bool,
}

/// How far an update has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// From the start: receive, and everything after it.
    Whole,
    /// Only serve and send what the user wrote (`schedule_flush_send`).
    Flush,
    /// Nothing but chained jobs is left.
    Chained,
}

/// What the lead has to itself.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) site: Arc<Site>,
    pub(crate) endpoint: Endpoint,
    pub(crate) replies: Replies,
    pub(crate) batch: ReceiveBatch,
    pub(crate) staging: Vec<Staging>,
    /// Datagrams staged since the last slice was given away.
    pub(crate) staged: usize,
    /// Datagrams received by this update.
    pub(crate) received: usize,
    /// Datagrams received by this driver, ever: their numbers.
    pub(crate) arrived: u64,
    /// When each shard must be served next.
    pub(crate) wake: Vec<Deadline>,
    pub(crate) inward: Flow,
    pub(crate) outward: Flow,
    pub(crate) sent: Flow,
    pub(crate) times: StageTimes,
    pub(crate) report: SendReport,
    pub(crate) endings: Endings,
    /// Updates that ended with datagrams left in the interface because of `rx_budget`.
    pub(crate) receive_deferred: u64,
    pub(crate) rx_budget: usize,
    pub(crate) per_connection: u16,
    pub(crate) slice: usize,
    /// Whether a slice is read while the one before it is processed.
    pub(crate) overlap: bool,
    pub(crate) seed: Option<u64>,
    pub(crate) phase: Phase,
}

/// Everything of a driver that is not the user's: the lead's core, the shards and their desks.
#[derive(Debug)]
pub(crate) struct Back {
    pub(crate) core: Core,
    /// A shard is none while its job has it.
    pub(crate) shards: Vec<Option<Box<Shard>>>,
    pub(crate) desks: Vec<Desk>,
    pub(crate) outcome: Outcome,
}

/// What a piece of work is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Process a slice that is not the last.
    Slice,
    /// Process the last slice, serve the lanes and send.
    Last,
    /// Send what the user wrote, outside an update: no timer is judged, nobody is disconnected.
    Flush,
}
