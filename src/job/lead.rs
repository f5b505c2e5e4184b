//! The lead: one update from its first datagram to its last, on one thread or with a crew.
//!
//! Receiving runs ahead: while the crew works on one slice, the lead reads and routes the next, and
//! lends a hand where the crew falls behind. A shard is out with one slice at a time, so a
//! connection's datagrams keep their order; it is served and sent once, with the last slice, so
//! acknowledgements ride along and runs to one peer stay whole.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::back::{Back, Core, Phase};
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
use super::handshakes;
use super::shard::{Shard, is_due};
use super::site::Mode;
use super::task::Task;
use super::timing::Stopwatch;
use super::work::{self, Work, run};
use super::{finish, receive, route, send};
use crate::buffer::batch::{BATCH_SIZE, ReceiveBatch};
use crate::buffer::desk::Desk;
use crate::counters::DropReason;
use crate::id::LANES_PER_SHARD;
use crate::interface::Received;
use crate::link::Deadline;
use crate::time::Now;

/// The hand-over of a driver.
pub(crate) type Crew = Task<Box<Back>, Work>;

/// Where a step of the lead ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Done,
    /// More has arrived than is worth doing here: go on with a crew.
    TooMuch,
}

impl Back {
    /// Runs the update as far as it goes on this thread, with a crew's help if there is one.
    ///
    /// Without a crew it stops with [`Step::TooMuch`] once `limit` of work has arrived; calling it
    /// again, with a crew, goes on from there.
    pub(crate) fn run(&mut self, crew: Option<&Crew>, limit: Option<Duration>) -> Step {
        let mut watch = Stopwatch::start();
        let begun = *self.core.begun.get_or_insert(watch);
        let mut out = 0;
        if let Some(crew) = crew
            && self.core.phase == Phase::Whole
            && self.core.overlap
        {
            self.send_early(crew, &mut out);
        }
        if self.core.phase == Phase::Whole
            && self.receive_all(crew, limit, &mut out, &mut watch) == Step::TooMuch
        {
            return Step::TooMuch;
        }
        if self.core.phase != Phase::Chained {
            let mode = if self.core.phase == Phase::Flush {
                Mode::Flush
            } else {
                Mode::Last
            };
            self.serve_all(crew, out, mode, &mut watch);
            self.core.phase = Phase::Chained;
            if crew.is_some() {
                watch.restart();
            }
            #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
            if mode == Mode::Last {
                handshakes::handshakes(self, &mut watch);
            }
            finish::finish(self, &mut watch);
            self.core.update_times.note(watch.since(&begun));
        }
        self.core.begun = None;
        Step::Done
    }

    fn receive_all(
        &mut self,
        crew: Option<&Crew>,
        limit: Option<Duration>,
        out: &mut usize,
        watch: &mut Stopwatch,
    ) -> Step {
        let started = self.core.received;
        loop {
            if self.core.received >= self.core.rx_budget {
                self.core.receive_deferred += 1;
                return Step::Done;
            }
            let mut batch = std::mem::replace(&mut self.core.batch, ReceiveBatch::empty());
            let received = receive::receive(
                &*self.core.site.interface,
                &mut batch,
                &mut self.core.times,
                watch,
            );
            let full = batch.len() >= BATCH_SIZE;
            let datagrams = route::route(self, &batch, watch);
            self.core.batch = batch;
            self.core.received += datagrams;
            match received {
                Received::More if full || datagrams > 0 => {}
                _ => return Step::Done,
            }
            match crew {
                None => {
                    // A packet and its answer cost about 3 µs on loopback.
                    let work = Duration::from_micros(3)
                        * u32::try_from(self.core.received - started).unwrap_or(u32::MAX);
                    if limit.is_some_and(|limit| work > limit) {
                        return Step::TooMuch;
                    }
                }
                Some(crew) => {
                    if self.core.staged < self.core.slice {
                        continue;
                    }
                    self.collect(crew, out);
                    if *out == 0 {
                        self.give_slice_away(crew, out);
                        if !self.core.overlap {
                            self.work_off(crew, out);
                        }
                    } else {
                        // The crew is behind: lend a hand, then read on.
                        self.help(crew, out);
                    }
                    watch.restart();
                }
            }
        }
    }

    /// Has the crew send, while the first slices are read, what need not wait for them.
    fn send_early(&mut self, crew: &Crew, out: &mut usize) {
        for index in 0..self.shards.len() {
            let written = self.desks.get_mut(index).map_or(0, Desk::written);
            let shard = self.shards.get(index).and_then(Option::as_ref);
            if shard.is_none_or(|shard| written & !shard.patient == 0) {
                continue;
            }
            if let Some(work) = self.send_out(index, Mode::Early) {
                self.give_away(work, crew, out);
            }
        }
        crew.announce();
    }

    /// Processes the last slice of every shard, serves it and sends.
    fn serve_all(&mut self, crew: Option<&Crew>, out: usize, mode: Mode, watch: &mut Stopwatch) {
        match crew {
            Some(crew) => self.serve_with(crew, out, mode),
            None => self.serve_here(mode, watch),
        }
        self.core.staged = 0;
    }

    /// The same with a crew: each shard is served and sent by whoever takes it, as soon as it is home
    /// from its last slice.
    fn serve_with(&mut self, crew: &Crew, mut out: usize, mode: Mode) {
        let first = self.outcome.served.len();
        for index in 0..self.shards.len() {
            if self.is_busy(index, mode) {
                self.outcome.served.push(index);
            }
        }
        for place in first..self.outcome.served.len() {
            let Some(index) = self.outcome.served.get(place).copied() else {
                break;
            };
            if matches!(self.shards.get(index), Some(None)) {
                crew.announce();
                self.bring_home(index, crew, &mut out);
            }
            if let Some(work) = self.send_out(index, mode) {
                self.give_away(work, crew, &mut out);
            }
        }
        crew.announce();
        self.work_off(crew, &mut out);
    }

    /// Works until a shard is home.
    fn bring_home(&mut self, index: usize, crew: &Crew, out: &mut usize) {
        while *out > 0 && matches!(self.shards.get(index), Some(None)) {
            self.collect(crew, out);
            if !self.help(crew, out) && *out > 0 {
                let work = crew.wait_collect();
                self.take_in(work);
                *out -= 1;
            }
        }
    }

    /// The same on this thread: shard after shard is served where it lies, then all are sent
    /// together. Few datagrams are spread over many shards here, so nothing is done a shard that can
    /// be done once: no clock is read, and no call of the interface made.
    fn serve_here(&mut self, mode: Mode, watch: &mut Stopwatch) {
        let site = self.core.site.clone();
        let before = self.outcome.served.len();
        for index in 0..self.shards.len() {
            if !self.is_busy(index, mode) {
                continue;
            }
            if let (Some(Some(shard)), Some(desk)) =
                (self.shards.get_mut(index), self.desks.get_mut(index))
            {
                load(&mut self.core, shard, desk, mode);
                work::process(shard, desk, &site, mode, watch);
                self.outcome.served.push(index);
            }
        }
        watch.lap(&mut self.core.times.process);
        let served = self.outcome.served.get(before..).unwrap_or_default();
        let Core {
            report, sent, wake, ..
        } = &mut self.core;
        let all = AssertUnwindSafe(|| {
            let (shards, desks) = (&mut self.shards, &mut self.desks);
            send::send_all(shards, desks, served, &*site.interface, report, sent);
        });
        let panicked = catch_unwind(all).is_err();
        for (shard, desk) in send::chosen(&mut self.shards, &mut self.desks, served) {
            send::clear(shard, desk);
            note_wake(wake, shard, site.now);
        }
        if panicked {
            self.abandon();
        }
        watch.lap(&mut self.core.times.send);
    }

    /// The interface panicked: what it was to send is lost, the connections are not.
    fn abandon(&mut self) {
        let Core { inward, sent, .. } = &mut self.core;
        inward.drops.count(DropReason::InternalError);
        let mut kept = 0;
        for shard in self.shards.iter_mut().flatten() {
            sent.take_from(&mut shard.sent);
            kept += u64::try_from(shard.deferred.len()).unwrap_or(0);
        }
        let lost = sent.queued().saturating_sub(kept);
        sent.drops.add(DropReason::InternalError, lost);
    }

    /// Whether a shard has anything to do.
    fn is_busy(&mut self, index: usize, mode: Mode) -> bool {
        let core = &self.core;
        core.staging
            .get(index)
            .is_some_and(|staging| staging.given || !staging.runs.is_empty())
            || self
                .desks
                .get_mut(index)
                .is_some_and(|desk| desk.written() != 0)
            || mode == Mode::Last
                && core
                    .wake
                    .get(index)
                    .is_some_and(|deadline| is_due(deadline, core.site.now))
    }

    /// Gives every shard with arrivals to the crew.
    fn give_slice_away(&mut self, crew: &Crew, out: &mut usize) {
        self.core.staged = 0;
        for index in 0..self.shards.len() {
            if self
                .core
                .staging
                .get(index)
                .is_none_or(|staging| staging.runs.is_empty())
            {
                continue;
            }
            let Some(work) = self.send_out(index, Mode::Slice) else {
                continue;
            };
            self.give_away(work, crew, out);
        }
        crew.announce();
    }

    /// Gives one piece of work to the crew, or does it here if the crew has its hands full.
    fn give_away(&mut self, work: Work, crew: &Crew, out: &mut usize) {
        self.collect(crew, out);
        match crew.dispatch(work, *out) {
            Ok(()) => *out += 1,
            Err(work) => self.take_in(run(work)),
        }
    }

    /// Packs a shard up, with its staged arrivals.
    fn send_out(&mut self, index: usize, mode: Mode) -> Option<Work> {
        let mut shard = self.shards.get_mut(index)?.take()?;
        let mut desk = std::mem::take(self.desks.get_mut(index)?);
        load(&mut self.core, &mut shard, &mut desk, mode);
        Some(Work {
            shard,
            desk,
            site: Some(self.core.site.clone()),
            mode,
        })
    }

    /// Unpacks a shard.
    fn take_in(&mut self, work: Work) {
        let Work {
            shard, desk, mode, ..
        } = work;
        let index = shard.index;
        if mode != Mode::Slice {
            note_wake(&mut self.core.wake, &shard, self.core.site.now);
        }
        if let (Some(home), Some(place)) = (self.shards.get_mut(index), self.desks.get_mut(index)) {
            *home = Some(shard);
            *place = desk;
        }
    }

    /// Takes in what is done.
    fn collect(&mut self, crew: &Crew, out: &mut usize) {
        while let Some(work) = crew.collect() {
            self.take_in(work);
            *out -= 1;
        }
    }

    /// Does one piece of work, if one is left.
    fn help(&mut self, crew: &Crew, out: &mut usize) -> bool {
        let Some(work) = crew.take_back() else {
            return false;
        };
        self.take_in(run(work));
        *out -= 1;
        true
    }

    /// Works until everything that was given away is home.
    fn work_off(&mut self, crew: &Crew, out: &mut usize) {
        while self.help(crew, out) {}
        while *out > 0 {
            let work = crew.wait_collect();
            self.take_in(work);
            *out -= 1;
        }
    }
}

/// Gives a shard its staged arrivals.
fn load(core: &mut Core, shard: &mut Shard, desk: &mut Desk, mode: Mode) {
    let (Some(staging), Some(wake)) = (
        core.staging.get_mut(shard.index),
        core.wake.get(shard.index),
    ) else {
        return;
    };
    shard.wake = *wake;
    if mode != Mode::Early {
        std::mem::swap(&mut shard.runs, &mut staging.runs);
    }
    if mode != Mode::Slice {
        shard.queued |= desk.written();
    }
    // Lanes that were opened while the shard was out.
    let lanes = shard.runs.lanes().max(desk.lanes());
    shard.grow(lanes);
    desk.grow(lanes);
    if mode == Mode::Last {
        staging.counts = [0; LANES_PER_SHARD];
    }
    staging.given = matches!(mode, Mode::Early | Mode::Slice);
}

/// Notes when a shard that was served must be served next.
fn note_wake(wake: &mut [Deadline], shard: &Shard, now: Now) {
    if let Some(wake) = wake.get_mut(shard.index) {
        *wake = shard.wake;
        if !shard.deferred.is_empty() {
            wake.at = now.at;
        }
    }
}

/// Runs a submitted update to its end, chained jobs included, and puts it where the driver finds it.
pub(crate) fn lead(crew: &Crew, mut back: Box<Back>) {
    if back.core.phase != Phase::Chained {
        back.run(Some(crew), None);
    }
    back.outcome.taken += crew.dismiss();
    while let Some((mut with, next)) = crew.next_or_finish(back) {
        next(&mut with);
        with.flush_written();
        back = with;
    }
}

impl Back {
    /// Serves and sends what a chained job wrote.
    fn flush_written(&mut self) {
        if self.desks.iter_mut().any(|desk| desk.written() != 0) {
            let mut watch = Stopwatch::start();
            self.serve_all(None, 0, Mode::Flush, &mut watch);
            finish::finish(self, &mut watch);
        }
    }
}
