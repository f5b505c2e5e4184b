//! One connection's long run, opened by several workers.
//!
//! ```text
//!  lead   takes segments out of the shard's run ─▶ crew: opens them, in any order
//!         puts them back, all of them           ─▶ the shard's job: settles record by record, in order
//! ```
//!
//! What a record held is known in any order; whether it is fresh only in its own. So a part takes a
//! segment and a [`Reader`] along, and what it finds lies [`Ahead`] until the shard's job asks for it:
//! the same events and the same counters as if nobody had been before it. The other lanes' datagrams
//! of a segment are left as they are.
//!
//! It is done for the last slice of an update alone: while there is more to receive, the lead and the
//! crew have each their own to do.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::shard::Shard;
use super::timing::Stopwatch;
use crate::buffer::runs::{SEGMENT, Segment};
use crate::link::guard::{Ahead, Reader};

/// Fewest packets of one connection in a segment that are worth another worker: 4 to 8 µs.
const FEWEST: usize = SEGMENT / 2;

/// A segment of a shard's run, on its way to whoever opens it.
#[derive(Debug)]
pub(crate) struct Part {
    pub(super) shard: usize,
    /// Which segment of the run it is.
    place: usize,
    /// Whose records are opened.
    lane: u8,
    reader: Reader,
    segment: Segment,
    opened: VecDeque<Ahead>,
    spent: Duration,
}

/// Takes out the segments of the shard's run that are worth it: two at least, or none.
pub(super) fn take_parts(shard: &mut Shard, parts: &mut Vec<Part>) {
    if shard.guards.is_empty() || shard.runs.segments() < 2 {
        return;
    }
    let Shard {
        index,
        guards,
        runs,
        ahead,
        ..
    } = shard;
    let worth = |segment: &Segment| {
        let (lane, packets) = segment.busiest_lane()?;
        let guard = guards.get(usize::from(lane))?.as_ref()?;
        let reader = (packets >= FEWEST).then(|| guard.reader()).flatten()?;
        Some((lane, reader))
    };
    let worthy = runs
        .segments_mut()
        .filter(|segment| worth(segment).is_some());
    if worthy.count() < 2 {
        return;
    }
    for (place, segment) in runs.segments_mut().enumerate() {
        let Some((lane, reader)) = worth(segment) else {
            continue;
        };
        parts.push(Part {
            shard: *index,
            place,
            lane,
            reader,
            segment: std::mem::take(segment),
            opened: ahead.take(place),
            spent: Duration::ZERO,
        });
    }
}

impl Part {
    /// Opens the lane's records, where they lie. After a panic what was not opened is left to the
    /// shard's job.
    pub(super) fn open(&mut self) {
        let mut watch = Stopwatch::start();
        let Self {
            lane,
            reader,
            segment,
            opened,
            ..
        } = self;
        let all = AssertUnwindSafe(|| {
            segment.packets_mut(*lane, |datagram| {
                reader.open_each(datagram, |record| opened.push_back(record));
            });
        });
        let _ = catch_unwind(all);
        watch.lap(&mut self.spent);
    }

    /// Puts everything back where it belongs.
    pub(super) fn put_back(self, shard: &mut Shard) {
        shard.times.decrypt += self.spent;
        shard.ahead.put(self.place, self.lane, self.opened);
        if let Some(segment) = shard.runs.segments_mut().nth(self.place) {
            *segment = self.segment;
        }
    }
}
