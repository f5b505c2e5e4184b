//! The hand-over: how an update travels from the game thread to the pool and home again.
//!
//! ```text
//!            submit              begin                     finish             take
//!  (driver) ───────▶ Waiting(B) ───────▶ Running (lead) ─────────▶ Finished(B) ────▶ (driver)
//!                                          │     ▲
//!                                   dispatch     collect
//!                                          ▼     │
//!                                    work queue ─ crew ─▶ done queue
//! ```
//!
//! `B` is the back, owned by one party at a time; `W` is one shard's work, which the lead gives away
//! and gets back. The lock is taken where something changes hands, a few times an update. Whoever
//! runs out of work takes it before it sleeps and announces what it did, so no wake-up is lost:
//!
//! * the lead pushes work, then locks and notifies: a crew member that found the queue empty either
//!   sees the work when it looks again under the lock, or sleeps and is woken;
//! * a crew member pushes its results, finds no more work, then locks and notifies: the lead, which
//!   looks at the done queue under the lock, misses none.
//!
//! Nothing here waits for a job that no thread is running: the lead works its own queue empty, and
//! whoever completes an update that was not begun begins it. A pool without a free thread is slow,
//! never stuck.

use std::any::Any;

use super::sync::{AtomicBool, AtomicUsize, Condvar, Mutex, Ordering, Queue, wait};

/// What a panic carried.
pub(crate) type Panic = Box<dyn Any + Send>;

/// A job chained behind an update. It gets the back while nobody else has it.
pub(crate) type Next<B> = Box<dyn FnOnce(&mut B) + Send>;

/// Looks at the work queue this often before it sleeps: about 20 µs.
const SPINS: u32 = if cfg!(loom) { 0 } else { 400 };

enum Stage<B> {
    /// The back is with the driver.
    Home,
    /// Submitted, not begun.
    Waiting(B),
    /// The lead has it.
    Running,
    /// Done.
    Finished(B),
}

struct Hand<B> {
    stage: Stage<B>,
    chain: Vec<Next<B>>,
}

/// One driver's hand-over, used again for every update.
pub(crate) struct Task<B, W> {
    hand: Mutex<Hand<B>>,
    changed: Condvar,
    work: Queue<W>,
    done: Queue<W>,
    /// Work may still come: the crew stays. Written under the lock; read without it as a hint
    /// (relaxed) and again under it before sleeping.
    open: AtomicBool,
    /// Pieces of work that others than the lead took. Read after they all came home.
    taken: AtomicUsize,
}

impl<B, W> std::fmt::Debug for Task<B, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}

impl<B, W> Task<B, W> {
    /// A hand-over for up to `capacity` pieces of work at once.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            hand: Mutex::new(Hand {
                stage: Stage::Home,
                chain: Vec::new(),
            }),
            changed: Condvar::new(),
            work: Queue::new(capacity),
            done: Queue::new(capacity),
            open: AtomicBool::new(false),
            taken: AtomicUsize::new(0),
        }
    }

    /// Pieces of work that can be under way at once.
    pub(crate) fn capacity(&self) -> usize {
        self.work.capacity()
    }

    // The driver's side.

    /// Puts the back in, to be begun by whoever comes first.
    pub(crate) fn submit(&self, back: B) {
        let mut hand = self.hand.lock();
        hand.stage = Stage::Waiting(back);
        self.taken.store(0, Ordering::Relaxed);
        self.open.store(true, Ordering::Relaxed);
    }

    /// Chains a job behind the update. If the update has finished, the back is made to wait for a
    /// lead again, and the answer is true: somebody must call [`begin`](Self::begin).
    pub(crate) fn chain(&self, next: Next<B>) -> bool {
        let mut hand = self.hand.lock();
        hand.chain.push(next);
        match std::mem::replace(&mut hand.stage, Stage::Running) {
            Stage::Finished(back) => {
                hand.stage = Stage::Waiting(back);
                true
            }
            stage => {
                hand.stage = stage;
                false
            }
        }
    }

    /// Whether the back can be taken without waiting.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.hand.lock().stage, Stage::Finished(_) | Stage::Home)
    }

    /// Takes the back home once it is finished: begins it if nobody has, helps if somebody has, and
    /// sleeps only when there is nothing to do. None if nothing was submitted.
    pub(crate) fn complete(&self, lead: impl FnOnce(B), mut run: impl FnMut(W) -> W) -> Option<B> {
        if let Some(back) = self.begin() {
            lead(back);
        }
        let mut spins = 0;
        loop {
            self.run_all(&mut run);
            let mut hand = self.hand.lock();
            match std::mem::replace(&mut hand.stage, Stage::Home) {
                Stage::Finished(back) => return Some(back),
                Stage::Home => return None,
                stage => hand.stage = stage,
            }
            if spins < SPINS {
                drop(hand);
                spins += 1;
                std::hint::spin_loop();
            } else if self.work.is_empty() {
                drop(wait(&self.changed, hand));
            }
        }
    }

    // The lead's side.

    /// Begins a submitted update: the caller is its lead.
    pub(crate) fn begin(&self) -> Option<B> {
        let mut hand = self.hand.lock();
        match std::mem::replace(&mut hand.stage, Stage::Running) {
            Stage::Waiting(back) => Some(back),
            stage => {
                hand.stage = stage;
                None
            }
        }
    }

    /// Gives work away, while `out` pieces are under way. It comes back if there is no room for it
    /// or, later, for its result.
    pub(crate) fn dispatch(&self, work: W, out: usize) -> Result<(), W> {
        if out >= self.done.capacity() {
            return Err(work);
        }
        self.work.push(work)
    }

    /// Wakes the crew for what was dispatched.
    pub(crate) fn announce(&self) {
        let _hand = self.hand.lock();
        self.changed.notify_all();
    }

    /// Takes a piece of work for the lead itself.
    pub(crate) fn take_back(&self) -> Option<W> {
        self.work.pop()
    }

    /// A piece of work that somebody has done.
    pub(crate) fn collect(&self) -> Option<W> {
        self.done.pop()
    }

    /// The next piece of work that somebody has done. Only while some is under way.
    pub(crate) fn wait_collect(&self) -> W {
        for _ in 0..SPINS {
            if let Some(done) = self.done.pop() {
                return done;
            }
            std::hint::spin_loop();
        }
        let mut hand = self.hand.lock();
        loop {
            if let Some(done) = self.done.pop() {
                return done;
            }
            hand = wait(&self.changed, hand);
        }
    }

    /// Sends the crew home; what they took is the answer.
    pub(crate) fn dismiss(&self) -> usize {
        let hand = self.hand.lock();
        self.open.store(false, Ordering::Relaxed);
        self.changed.notify_all();
        drop(hand);
        self.taken.load(Ordering::Relaxed)
    }

    /// The next chained job, with the back; or puts the back where the driver finds it.
    pub(crate) fn next_or_finish(&self, back: B) -> Option<(B, Next<B>)> {
        let mut hand = self.hand.lock();
        if hand.chain.is_empty() {
            hand.stage = Stage::Finished(back);
            self.changed.notify_all();
            return None;
        }
        let next = hand.chain.remove(0);
        Some((back, next))
    }

    // The crew's side.

    /// Works until the lead sends the crew home.
    pub(crate) fn assist(&self, mut run: impl FnMut(W) -> W) {
        let mut spins = 0;
        while self.open.load(Ordering::Relaxed) {
            if self.run_all(&mut run) {
                spins = 0;
            }
            if spins < SPINS {
                spins += 1;
                std::hint::spin_loop();
                continue;
            }
            let hand = self.hand.lock();
            if self.open.load(Ordering::Relaxed) && self.work.is_empty() {
                drop(wait(&self.changed, hand));
            }
            spins = 0;
        }
    }

    /// Does all work there is, then announces it. False if there was none.
    fn run_all(&self, run: &mut impl FnMut(W) -> W) -> bool {
        let mut any = false;
        while let Some(work) = self.work.pop() {
            any = true;
            self.taken.fetch_add(1, Ordering::Relaxed);
            let room = self.done.push(run(work));
            debug_assert!(
                room.is_ok(),
                "dispatch gives no more away than `done` holds"
            );
        }
        if any {
            let _hand = self.hand.lock();
            self.changed.notify_all();
        }
        any
    }
}

#[cfg(all(test, loom))]
mod loom_tests;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// A back that adds up what its crew made of 0..n.
    fn lead(task: &Task<u64, u64>, mut back: u64, pieces: u64) {
        let mut out = 0;
        for piece in 0..pieces {
            assert_eq!(task.dispatch(piece, out), Ok(()));
            out += 1;
        }
        task.announce();
        while let Some(piece) = task.take_back() {
            back += piece + 1;
            out -= 1;
        }
        while out > 0 {
            back += task.wait_collect();
            out -= 1;
        }
        task.dismiss();
        while let Some((mut with, next)) = task.next_or_finish(back) {
            next(&mut with);
            back = with;
        }
    }

    #[test]
    fn an_update_nobody_began_is_begun_by_whoever_completes_it() {
        let task = Task::new(8);
        task.submit(0);
        let back = task.complete(|back| lead(&task, back, 8), |piece| piece + 1);
        assert_eq!(back, Some(36));
        assert_eq!(task.complete(|_| unreachable!(), |piece| piece), None);
    }

    #[test]
    fn a_crew_of_threads_loses_and_doubles_nothing() {
        for _ in 0..200 {
            let task = Arc::new(Task::<u64, u64>::new(64));
            task.submit(0);
            let threads: Vec<_> = (0..3)
                .map(|index| {
                    let task = task.clone();
                    std::thread::spawn(move || {
                        if index == 0 {
                            if let Some(back) = task.begin() {
                                lead(&task, back, 64);
                            }
                        } else {
                            task.assist(|piece| piece + 1);
                        }
                    })
                })
                .collect();
            let back = task.complete(|back| lead(&task, back, 64), |piece| piece + 1);
            assert_eq!(back, Some(64 * 65 / 2));
            for thread in threads {
                thread.join().unwrap();
            }
        }
    }

    #[test]
    fn no_more_is_given_away_than_there_is_room_for_what_comes_of_it() {
        let task = Task::<usize, usize>::new(2);
        let mut out = 0;
        while task.dispatch(out, out).is_ok() {
            out += 1;
            // The crew is quick: the work queue is empty again, nothing has been collected.
            assert!(task.run_all(&mut |piece| piece));
        }
        assert_eq!(out, 2);
        assert_eq!(task.collect(), Some(0));
        assert_eq!(task.dispatch(2, 1), Ok(()));
        assert!(task.run_all(&mut |piece| piece));
        assert_eq!([task.collect(), task.collect()], [Some(1), Some(2)]);
    }

    #[test]
    fn jobs_chained_before_and_after_the_end_all_run_once_in_order() {
        let task = Task::<Vec<u8>, ()>::new(1);
        task.submit(vec![]);
        assert!(!task.chain(Box::new(|back| back.push(1))));
        assert!(!task.chain(Box::new(|back| back.push(2))));
        let run = |back: Vec<u8>| {
            task.dismiss();
            let mut back = back;
            while let Some((mut with, next)) = task.next_or_finish(back) {
                next(&mut with);
                back = with;
            }
        };
        run(task.begin().unwrap());
        assert!(task.is_finished());
        assert!(task.chain(Box::new(|back| back.push(3))));
        assert_eq!(task.complete(run, |()| ()), Some(vec![1, 2, 3]));
    }
}
