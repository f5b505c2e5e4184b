//! Scheduling and completing: how the back leaves and comes home.

use std::sync::Arc;
use std::time::Duration;

use super::concurrent::Concurrent;
use super::handle::JobHandle;
use super::office::Office;
use super::shape::Shape;
use super::{NetworkDriver, WaitOutcome};
use crate::buffer::account::MemoryShare;
use crate::buffer::batch::ReceiveBatch;
use crate::buffer::desk::Desk;
use crate::buffer::outbox::Rooms;
use crate::counters::{Flow, HighWater};
use crate::endpoint::{Endpoint, Replies};
use crate::error::DisconnectReason;
use crate::id::place_of;
use crate::interface::{NetworkInterface, SendReport};
use crate::job::{
    self, Back, Core, Crew, Endings, Outcome, Phase, Plan, Pool, Site, StageTimes, Step,
    UpdateTimes,
};
use crate::link::Rules;
use crate::pipeline::Pipelines;
use crate::settings::{NetworkSettings, SliceOverlap, UnreadEvents};
use crate::time::{Now, Timestamp};
use crate::wire::connection::DATA_HEADER_LEN;

/// How long a driver sleeps at most while handshakes are worked on.
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
const ERRAND: Duration = Duration::from_micros(250);

/// How long a connection's boxes keep memory they do not use, about.
const TRIM_PERIOD: Duration = Duration::from_secs(1);

/// Bytes a record takes with ChaCha20-Poly1305: what Unity counts with, whatever the suite.
const RECORD_LEN: usize = 29;

/// Room for a record's header and explicit nonce, and for its tag.
const RECORD: Rooms = Rooms { head: 21, tail: 16 };

/// A driver's back, and what its messages look like.
pub(super) fn build_back(
    settings: &NetworkSettings,
    interface: Box<dyn NetworkInterface>,
    #[cfg_attr(
        not(any(feature = "aws-lc-rs", feature = "ring")),
        expect(
            unused_variables,
            reason = "without a provider there are no handshakes"
        )
    )]
    pool: &Pool,
    now: Now,
) -> (Back, Shape) {
    let is_secure = settings.security().is_secure();
    let record = if is_secure { RECORD } else { Rooms::default() };
    let below = interface.padding();
    let padding = below + if is_secure { RECORD_LEN } else { 0 };
    let header = padding + DATA_HEADER_LEN;
    let rooms = Rooms {
        head: u16::try_from(below + DATA_HEADER_LEN).unwrap_or(u16::MAX) + record.head,
        tail: record.tail,
    };
    let slot_size = interface.slot_size(settings.connection().max_message_size);
    let padding = u16::try_from(padding).unwrap_or(u16::MAX);
    let seed = settings.random_seed();
    let pipelines = Arc::new(Pipelines::new(settings.pipelines().clone()));
    let memory = MemoryShare::new(0, settings.budgets().max_memory_total, 0);
    let rules = Rules {
        settings: settings.clone(),
        listening: false,
        accept_payload: Vec::new(),
        padding,
        pipelines: pipelines.clone(),
        memory,
    };
    let core = Core {
        site: Arc::new(Site {
            interface,
            rules,
            now,
            tailroom: rooms.tail,
        }),
        endpoint: Endpoint::new(settings, padding),
        replies: Replies::default(),
        batch: ReceiveBatch::new(slot_size),
        staging: Vec::new(),
        staged: 0,
        received: 0,
        arrived: 0,
        wake: Vec::new(),
        inward: Flow::default(),
        outward: Flow::default(),
        sent: Flow::default(),
        high_water: HighWater::default(),
        times: StageTimes::default(),
        update_times: UpdateTimes::default(),
        begun: None,
        report: SendReport::default(),
        endings: Endings::default(),
        receive_deferred: 0,
        rx_budget: settings.budgets().rx_budget,
        per_connection: u16::try_from(settings.budgets().rx_budget_per_conn).unwrap_or(u16::MAX),
        slice: settings.workers().slice_size,
        overlap: settings.workers().slice_overlap == SliceOverlap::On,
        seed,
        rooms: record,
        #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
        unhurried: settings.connection().fixed_frame_time.is_some(),
        #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
        backroom: job::Backroom::new(pool.clone()),
        phase: Phase::Chained,
    };
    let shape = Shape {
        pipelines,
        header,
        rooms,
        send_budget: settings.budgets().send_bytes_per_connection,
        memory,
    };
    (
        Back {
            core,
            shards: Vec::new(),
            desks: Vec::new(),
            outcome: Outcome::default(),
        },
        shape,
    )
}

impl NetworkDriver {
    /// Starts an update and returns. The time of the update is now.
    ///
    /// An update too small to be worth a wake-up is done on the spot; its handle is finished. The
    /// events of the *last* update stay readable until this one is completed, and messages ended
    /// from now on leave with the next one.
    ///
    /// Completes an update that is still in flight (a detached one, or one whose handle was dropped).
    pub fn schedule_update(&mut self) -> JobHandle<'_> {
        self.start(Phase::Whole);
        JobHandle::new(self)
    }

    /// Starts sending what is queued, and nothing else: nothing is received, no timer is judged, and
    /// nobody is told of a `disconnect`.
    pub fn schedule_flush_send(&mut self) -> JobHandle<'_> {
        self.start(Phase::Flush);
        JobHandle::new(self)
    }

    /// Schedules an update and completes it: one call for programs without jobs.
    pub fn update(&mut self) {
        self.schedule_update().complete();
    }

    /// Waits for an update in flight, helping where there is work, and makes its events readable.
    /// Does nothing if there is none.
    ///
    /// # Panics
    /// If the driver itself failed in a way that is no connection's: a bug.
    pub fn complete(&mut self) {
        if self.home.is_none() {
            let crew = self.crew.clone();
            self.home = crew.complete(|back| job::lead(&crew, back), job::run);
        }
        if self.unread {
            self.unread = false;
            self.flip();
        }
    }

    /// Sleeps until a datagram arrives, a timer of the driver is due, or `timeout` has passed. For
    /// servers without a frame rate. Completes an update in flight first.
    pub fn wait(&mut self, timeout: Duration) -> WaitOutcome {
        self.complete();
        let now = self.clock.peek();
        let Some(back) = &self.home else {
            return WaitOutcome::TimedOut {
                waited: Duration::ZERO,
            };
        };
        let queued =
            self.front.desks.iter_mut().any(|desk| desk.written() != 0) || !self.lookups.is_empty();
        let due = if queued {
            Duration::ZERO
        } else {
            back.until_due(now)
        };
        if back.core.site.interface.wait(timeout.min(due)) {
            return WaitOutcome::Readable;
        }
        if due <= timeout {
            WaitOutcome::Deadline
        } else {
            WaitOutcome::TimedOut { waited: timeout }
        }
    }

    /// Whether completing would not wait.
    pub(super) fn is_update_finished(&self) -> bool {
        self.home.is_some() || self.crew.is_finished()
    }

    /// Works on what all jobs share, while the back is home and nobody else has it.
    pub(super) fn with_site<R>(&mut self, work: impl FnOnce(&mut Site) -> R) -> Option<R> {
        let back = self.home.as_mut()?;
        Arc::get_mut(&mut back.core.site).map(work)
    }

    fn start(&mut self, phase: Phase) {
        self.complete();
        if !self.bound {
            return;
        }
        let now = if phase == Phase::Whole {
            self.clock.tick()
        } else {
            self.clock.now()
        };
        self.finish_lookups();
        self.release_closed();
        let Some(mut back) = self.home.take() else {
            return;
        };
        let memory = back.memory(&self.settings);
        self.front.shape.memory = memory;
        let lost = Arc::get_mut(&mut back.core.site).is_some_and(|site| {
            site.now = now;
            site.rules.memory = memory;
            phase == Phase::Whole && site.interface.maintain(now.at).is_err()
        });
        if lost {
            back.end_all(DisconnectReason::InterfaceLost);
        }
        #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
        if let Some(hall) = back.core.endpoint.hall() {
            hall.begin_update(now.at, crate::crypto::WallTime::now());
        }
        let queued = self.front.queued_messages();
        back.flip_outboxes(&mut self.front);
        self.trim(&mut back, now.at);
        back.core.phase = phase;
        back.core.received = 0;
        self.unread = true;
        self.woken = 0;
        let threads = self.pool.threads();
        let plan = self.threshold.plan(queued, threads);
        let helpers = match plan {
            Plan::Spread { helpers } => helpers,
            Plan::Inline { limit } => {
                if back.run(None, limit) == Step::Done {
                    self.home = Some(back);
                    return;
                }
                1
            }
        };
        self.spread(back, helpers);
    }

    /// Looks for unused memory, a shard at a time, so that each has its turn once a period.
    fn trim(&mut self, back: &mut Back, now: Timestamp) {
        let shards = back.desks.len();
        let turn = TRIM_PERIOD / u32::try_from(shards).unwrap_or(u32::MAX).max(1);
        for _ in 0..shards {
            if now < self.next_trim {
                return;
            }
            self.next_trim = self.next_trim + turn;
            self.trimmed = (self.trimmed + 1) % shards;
            if let (Some(front), Some(desk)) = (
                self.front.desks.get_mut(self.trimmed),
                back.desks.get_mut(self.trimmed),
            ) {
                Desk::trim(front, desk);
                if front.is_resting() {
                    back.release(self.trimmed);
                }
            }
        }
        self.next_trim = now + turn;
    }

    /// Gives the back to the pool: a lead, and helpers from the start.
    fn spread(&mut self, back: Box<Back>, helpers: usize) {
        let shards = back.shards.len().max(1);
        if self.crew.capacity() < shards {
            self.crew = Arc::new(Crew::new(shards.next_power_of_two() * 2));
        }
        #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
        back.core.backroom.close();
        self.crew.submit(back);
        self.woken = helpers;
        for index in 0..=helpers {
            let crew = self.crew.clone();
            self.pool.spawn(move || {
                if index > 0 {
                    crew.assist(job::run);
                } else if let Some(back) = crew.begin() {
                    job::lead(&crew, back);
                }
            });
        }
    }

    /// Chains a job behind the update that was scheduled last.
    pub(super) fn chain(&mut self, job: impl FnOnce(&mut Concurrent<'_>) + Send + 'static) {
        let shape = self.front.shape.clone();
        let pool = self.pool.clone();
        let mut port_cost = self.port_cost;
        let next: job::Next<Box<Back>> = Box::new(move |back| {
            let mut office = Office::new(shape);
            std::mem::swap(&mut office.desks, &mut back.desks);
            office.incoming.extend(back.outcome.incoming.drain(..));
            job(&mut Concurrent {
                office: &mut office,
                pool: &pool,
                port_cost: &mut port_cost,
            });
            std::mem::swap(&mut office.desks, &mut back.desks);
            back.outcome.incoming.extend(office.incoming.drain(..));
        });
        let begin = match self.home.take() {
            Some(mut back) => {
                back.core.phase = Phase::Chained;
                self.unread = true;
                self.crew.submit(back);
                self.crew.chain(next);
                true
            }
            None => self.crew.chain(next),
        };
        if begin {
            let crew = self.crew.clone();
            self.pool.spawn(move || {
                if let Some(back) = crew.begin() {
                    job::lead(&crew, back);
                }
            });
        }
    }

    /// Takes over what an update has for the user.
    fn flip(&mut self) {
        let Some(back) = &mut self.home else { return };
        let drop_unread = self.settings.budgets().unread_events == UnreadEvents::Drop;
        self.front
            .desks
            .resize_with(back.desks.len(), Desk::default);
        for shard in back.outcome.served.drain(..) {
            if let (Some(front), Some(back_desk)) =
                (self.front.desks.get_mut(shard), back.desks.get_mut(shard))
            {
                if drop_unread {
                    self.statistics.events_never_read += front.forget_unread();
                }
                Desk::flip_inboxes(front, back_desk);
            }
        }
        self.front.incoming.extend(back.outcome.incoming.drain(..));
        self.closing.extend(back.outcome.closed.drain(..));
        #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
        self.company.take(&mut back.outcome);
        self.threshold
            .learn_helpers(self.woken, std::mem::take(&mut back.outcome.taken));
        let before = (
            self.statistics.inward.entered,
            self.statistics.sent.entered,
            self.statistics.stage_times.work(),
        );
        let held = back.memory(&self.settings).held;
        self.statistics
            .take(&back.core, self.front.incoming.len(), held);
        let busy = self.statistics.stage_times.work().saturating_sub(before.2);
        self.threshold.learn(
            self.statistics.inward.entered.saturating_sub(before.0),
            self.statistics.sent.entered.saturating_sub(before.1),
            busy,
        );
    }

    /// Frees the slots of closed connections whose last event has been read.
    fn release_closed(&mut self) {
        let Some(back) = &mut self.home else { return };
        for _ in 0..self.closing.len() {
            let Some(slot) = self.closing.pop_front() else {
                break;
            };
            let (shard, lane) = place_of(slot);
            let Some(desk) = self.front.desks.get_mut(shard) else {
                continue;
            };
            let owned = desk.owned & (1 << lane) != 0;
            let unread = desk
                .inboxes
                .get_mut(lane)
                .map_or(0, |inbox| inbox.get_mut().len());
            if owned && unread > 0 {
                self.closing.push_back(slot);
                continue;
            }
            self.statistics.events_never_read += u64::try_from(unread).unwrap_or(0);
            desk.free(lane);
            if let Some(desk) = back.desks.get_mut(shard) {
                desk.free(lane);
            }
            #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
            self.company.forget(back.core.endpoint.connection(slot));
            back.core.endpoint.released(slot);
        }
    }
}

impl Back {
    /// How much may be held for each connection from here on.
    fn memory(&self, settings: &NetworkSettings) -> MemoryShare {
        let held = self.desks.iter().map(|desk| desk.account.total()).sum();
        let limit = settings.budgets().max_memory_total;
        MemoryShare::new(held, limit, self.core.endpoint.len())
    }

    /// Hands over what the user has written.
    fn flip_outboxes(&mut self, front: &mut Office) {
        for (front, back) in front.desks.iter_mut().zip(&mut self.desks) {
            Desk::flip_outboxes(front, back);
        }
    }

    /// When to look after the handshakes that are worked on.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    fn errands_due(&self, now: Timestamp) -> Timestamp {
        if self.core.backroom.is_busy() || self.core.endpoint.has_errands() {
            now + ERRAND
        } else {
            Timestamp::NEVER
        }
    }

    #[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
    #[expect(clippy::unused_self, reason = "as above, where there are handshakes")]
    fn errands_due(&self, _: Timestamp) -> Timestamp {
        Timestamp::NEVER
    }

    /// How long until a timer is due, at most.
    fn until_due(&self, now: Timestamp) -> Duration {
        let site = &self.core.site.now;
        let strangers = self.core.endpoint.deadline().min(self.errands_due(now));
        let at = self
            .core
            .wake
            .iter()
            .fold(strangers, |next, wake| next.min(wake.at));
        let observed = self
            .core
            .wake
            .iter()
            .fold(Timestamp::NEVER, |next, wake| next.min(wake.observed));
        // The observed time stood where the driver's did, at the last update.
        let silent = observed
            .since(site.observed)
            .saturating_sub(now.since(site.at));
        at.since(now).min(silent)
    }

    /// Ends every connection.
    fn end_all(&mut self, reason: DisconnectReason) {
        for index in 0..self.shards.len() {
            if let (Some(Some(shard)), Some(desk)) =
                (self.shards.get_mut(index), self.desks.get_mut(index))
            {
                job::end_shard(shard, desk, reason);
                self.outcome.served.push(index);
            }
        }
    }
}
