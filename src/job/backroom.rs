//! The back room: where a pool does handshakes while nothing else is to be done.
//!
//! One job of the pool, started when there are errands, takes them one by one and ends when there
//! are none or when an update wants the pool. Its results lie in a queue until an update takes them
//! in, so that no update waits for a signature (R11), and a handshake is late by one step at most.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam::queue::SegQueue;

use super::pool::Pool;
use super::timing::Stopwatch;
use crate::endpoint::hall::{Done, Errand};

/// Errands under way at a time. What waits in the hall can still be forgotten; what is here is done.
const MOST: usize = 64;

/// Nobody works.
const IDLE: u8 = 0;
/// The pool has been asked, and has not begun.
const ASKED: u8 = 1;
/// A thread of the pool works.
const AT_WORK: u8 = 2;

/// Errands on their way to the pool and back.
#[derive(Debug, Default)]
struct Room {
    errands: SegQueue<Errand>,
    done: SegQueue<Done>,
    /// `IDLE`, `ASKED` or `AT_WORK`. Orders nothing: what changes hands does so in the queues.
    state: AtomicU8,
    /// An update wants the pool.
    hurry: AtomicBool,
    /// Time spent on errands, in nanoseconds.
    spent: AtomicU64,
}

/// The lead's side of the back room.
#[derive(Debug)]
pub(crate) struct Backroom {
    room: Arc<Room>,
    pool: Pool,
    under_way: usize,
}

impl Backroom {
    /// An empty room beside `pool`.
    pub(crate) fn new(pool: Pool) -> Self {
        Self {
            room: Arc::new(Room::default()),
            pool,
            under_way: 0,
        }
    }

    /// Whether errands are under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.under_way > 0
    }

    /// Whether one more errand may be given out.
    pub(super) fn has_room(&self) -> bool {
        self.under_way < MOST
    }

    /// Gives an errand out. Nothing begins before [`open`](Self::open).
    pub(super) fn give(&mut self, errand: Errand) {
        self.under_way += 1;
        self.room.errands.push(errand);
    }

    /// What came of an errand.
    pub(super) fn collect(&mut self) -> Option<Done> {
        let done = self.room.done.pop()?;
        self.under_way = self.under_way.saturating_sub(1);
        Some(done)
    }

    /// An errand that the pool has not come to since it was asked: its threads are all busy.
    pub(super) fn take_neglected(&mut self) -> Option<Errand> {
        if self.room.state.load(Ordering::Relaxed) != ASKED {
            return None;
        }
        let errand = self.room.errands.pop()?;
        self.under_way = self.under_way.saturating_sub(1);
        Some(errand)
    }

    /// An update needs the pool: whoever works here stops behind the present errand.
    pub(crate) fn close(&self) {
        self.room.hurry.store(true, Ordering::Relaxed);
    }

    /// The pool may work here until the next update needs it.
    pub(super) fn open(&self) {
        self.room.hurry.store(false, Ordering::Relaxed);
        if self.room.errands.is_empty() {
            return;
        }
        let state = &self.room.state;
        let asked = state.compare_exchange(IDLE, ASKED, Ordering::Relaxed, Ordering::Relaxed);
        if asked.is_ok() {
            let room = self.room.clone();
            self.pool.spawn(move || room.work());
        }
    }

    /// Time that the pool has spent here since the last time.
    pub(super) fn take_spent(&self) -> Duration {
        Duration::from_nanos(self.room.spent.swap(0, Ordering::Relaxed))
    }
}

impl Room {
    fn work(&self) {
        self.state.store(AT_WORK, Ordering::Relaxed);
        let watch = Stopwatch::start();
        while !self.hurry.load(Ordering::Relaxed)
            && let Some(errand) = self.errands.pop()
        {
            self.done.push(run(errand));
        }
        let spent = u64::try_from(watch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.spent.fetch_add(spent, Ordering::Relaxed);
        // What was given out just now is for whoever the next update asks.
        self.state.store(IDLE, Ordering::Relaxed);
    }
}

/// Does an errand. A panic in it ends the handshake, and nothing else.
pub(super) fn run(errand: Errand) -> Done {
    let lost = errand.lost();
    catch_unwind(AssertUnwindSafe(|| errand.run())).unwrap_or(lost)
}
