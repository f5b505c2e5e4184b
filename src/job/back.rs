//! The back: everything of a driver that is not the user's.
//!
//! Data only. The lead works on it; between updates the driver has it at home.

use std::sync::Arc;

use super::ahead::OpenedAhead;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
use super::backroom::Backroom;
use super::outcome::{Endings, Outcome};
use super::shard::{NEVER, Shard};
use super::share::Part;
use super::site::Site;
use super::timing::{StageTimes, Stopwatch, UpdateTimes};
use super::work::Held;
use crate::buffer::batch::ReceiveBatch;
use crate::buffer::desk::Desk;
use crate::buffer::outbox::Rooms;
use crate::buffer::runs::Runs;
use crate::counters::{Flow, HighWater};
use crate::endpoint::{Endpoint, Replies};
use crate::id::{LANES_PER_SHARD, place_of};
use crate::interface::SendReport;
use crate::link::Deadline;
use crate::random::Random;

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
    pub(crate) high_water: HighWater,
    pub(crate) times: StageTimes,
    pub(crate) update_times: UpdateTimes,
    /// When the update under way began.
    pub(crate) begun: Option<Stopwatch>,
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
    /// Room around the packets that jobs make up.
    pub(crate) rooms: Rooms,
    /// Whether handshakes may take as long as they do: time is not real.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub(crate) unhurried: bool,
    /// Where handshakes are worked on between updates.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub(crate) backroom: Backroom,
    pub(crate) phase: Phase,
    /// Shards whose runs are being opened elsewhere.
    pub(crate) held: Vec<Held>,
    /// Parts on their way out.
    pub(crate) parts: Vec<Part>,
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

impl Back {
    /// Makes room for the lane of `slot`, on the back side.
    pub(crate) fn grow_to(&mut self, slot: u32) {
        let (shard, lane) = place_of(slot);
        while self.shards.len() <= shard {
            let index = self.shards.len();
            let random = Random::new(self.core.seed, 1 + u64::try_from(index).unwrap_or(0));
            self.shards
                .push(Some(Box::new(Shard::new(index, random, self.core.rooms))));
            self.desks.push(Desk::default());
            self.core.staging.push(Staging {
                runs: Runs::default(),
                counts: [0; LANES_PER_SHARD],
                given: false,
            });
            self.core.wake.push(NEVER);
        }
        // A shard that is out grows when it comes home: see `send_out`.
        if let (Some(Some(shard)), Some(desk)) =
            (self.shards.get_mut(shard), self.desks.get_mut(shard))
        {
            shard.grow(lane + 1);
            desk.grow(lane + 1);
        }
    }

    /// Gives back the memory of a shard that has had nothing to do.
    pub(crate) fn release(&mut self, shard: usize) {
        if let Some(staging) = self.core.staging.get_mut(shard) {
            staging.runs.release();
        }
        if let Some(Some(shard)) = self.shards.get_mut(shard) {
            shard.runs.release();
            shard.ahead = OpenedAhead::default();
            shard.egress.release();
            shard.buffers.release();
            shard.notices.shrink_to_fit();
        }
    }
}
