//! Whether a socket still works, and when to try for another (R3).
//!
//! ```text
//!            a call failed for want of memory,            fatal error, or 100 such
//!            no datagram moved                            updates in a row
//! working ───────────────────────────────────▶ failing ──────────────────────────▶ broken
//!    ▲  ◀──────────────────────────────────────  │                                   │
//!    │        a datagram moved                                    re-created after   │
//!    └───────────────────────────────────────────────────────── 0, 100, 200, 400 … ◀─┘
//!                                                               ≤ 5,000 ms; lost after
//!                                                               `socket_retry_max` tries
//! ```
//!
//! What fails for one address (unreachable, refused, too long) says nothing about the socket and
//! moves nothing here: no peer can have our socket closed.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::interface::InterfaceLost;
use crate::time::Timestamp;

/// Failing updates in a row after which the socket is given up (R3).
const FAILING_UPDATES: u32 = 100;
/// Shortages in one update after which it sends no more (R3).
const SHORTAGES: u32 = 3;
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_millis(5_000);

/// What the calls of one update said. Shared by the threads that send.
///
/// Every atomic is relaxed: each is a fact of its own, and `&mut self` of the next update orders
/// them before [`Repair::next_step`] looks.
#[derive(Debug, Default)]
pub(super) struct Health {
    moved: AtomicBool,
    failed: AtomicBool,
    broken: AtomicBool,
    shortages: AtomicU32,
    last: Mutex<Option<io::Error>>,
}

impl Health {
    /// A datagram went in or out.
    pub(super) fn note_moved(&self) {
        // Read first: the line stays shared among the senders.
        if !self.moved.load(Ordering::Relaxed) {
            self.moved.store(true, Ordering::Relaxed);
        }
    }

    /// A call failed in a way that is no address's fault.
    pub(super) fn note_failed(&self, error: io::Error) {
        self.failed.store(true, Ordering::Relaxed);
        *self.last.lock() = Some(error);
    }

    /// The system was short of memory. True if that was once too often in this update.
    pub(super) fn note_shortage(&self, error: io::Error) -> bool {
        self.note_failed(error);
        self.shortages.fetch_add(1, Ordering::Relaxed) + 1 >= SHORTAGES
    }

    /// The socket is of no use any more.
    pub(super) fn note_broken(&self, error: io::Error) {
        self.broken.store(true, Ordering::Relaxed);
        *self.last.lock() = Some(error);
    }

    /// Whether the interface may send in this update.
    pub(super) fn may_send(&self) -> bool {
        !self.is_broken() && self.shortages.load(Ordering::Relaxed) < SHORTAGES
    }

    /// Whether the socket waits to be re-created.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }
}

/// What is to be done at the start of an update.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing: the socket works, or its time has not come.
    None,
    /// Close it and make another.
    Recreate,
    /// No tries are left.
    GiveUp,
}

/// Counts failures over updates, and times the tries.
#[derive(Debug, Default)]
pub(super) struct Repair {
    failing_updates: u32,
    /// Tries since a datagram last moved.
    attempts: u32,
    /// No try before this.
    next: Timestamp,
}

impl Repair {
    /// Judges the last update, starts the next one, and says what to do first.
    pub(super) fn next_step(&mut self, health: &mut Health, now: Timestamp, max: u32) -> Step {
        *health.shortages.get_mut() = 0;
        let moved = std::mem::take(health.moved.get_mut());
        let failed = std::mem::take(health.failed.get_mut());
        if moved {
            self.failing_updates = 0;
            self.attempts = 0;
        } else if failed {
            self.failing_updates += 1;
        }
        if self.failing_updates >= FAILING_UPDATES {
            *health.broken.get_mut() = true;
        }
        if !health.is_broken() || (self.attempts > 0 && now < self.next) {
            return Step::None;
        }
        if self.attempts >= max {
            return Step::GiveUp;
        }
        // 0, 100, 200, 400 … ms between the tries; the shift stays within the cap.
        let delay = FIRST_DELAY * (1 << self.attempts.min(6));
        self.attempts += 1;
        self.next = now + delay.min(LONGEST_DELAY);
        Step::Recreate
    }

    /// A socket was made.
    pub(super) fn recreated(&mut self, health: &mut Health) {
        self.failing_updates = 0;
        *health.broken.get_mut() = false;
    }

    /// The error to give up with.
    pub(super) fn lost(&self, health: &mut Health) -> InterfaceLost {
        InterfaceLost {
            attempts: self.attempts,
            source: health.last.get_mut().take(),
        }
    }
}
