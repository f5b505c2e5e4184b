//! The handle of an update in flight.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use parking_lot::Mutex;

use super::NetworkDriver;
use super::concurrent::Concurrent;
use super::event::NetworkEvent;
use super::send::SendGuard;
use crate::error::SendError;
use crate::id::{NetworkConnection, NetworkPipeline};
use crate::job::Panic;

/// Where a chained job leaves its result.
type Slot<T> = Arc<Mutex<Option<Result<T, Panic>>>>;

/// What completing will give.
enum Outcome<T> {
    Ready(T),
    Chained(Slot<T>),
}

/// An update that may still be running. It borrows the driver; the front is used through it.
///
/// Dropping the handle neither waits nor cancels: the update goes on, and the driver's next call
/// that needs it completes it. Nothing is lost, it is only late.
///
/// Source: Unity's `JobHandle`.
#[must_use = "the events of an update can be read after `complete`"]
pub struct JobHandle<'d, T = ()> {
    driver: &'d mut NetworkDriver,
    outcome: Outcome<T>,
}

impl<T> std::fmt::Debug for JobHandle<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobHandle")
            .field("completed", &self.is_completed())
            .finish_non_exhaustive()
    }
}

impl<'d> JobHandle<'d> {
    pub(crate) fn new(driver: &'d mut NetworkDriver) -> Self {
        Self {
            driver,
            outcome: Outcome::Ready(()),
        }
    }
}

impl<T> JobHandle<'_, T> {
    /// Waits for the update and the jobs chained to it, helping where there is work, and makes its
    /// events readable. Returns what the last chained job returned.
    ///
    /// # Panics
    /// With the panic of a chained job, once the driver is whole again.
    pub fn complete(self) -> T {
        match self.try_complete() {
            Ok(value) => value,
            Err(panic) => resume_unwind(panic),
        }
    }

    /// The same, with a chained job's panic as a value.
    ///
    /// # Errors
    /// What a chained job panicked with. Jobs chained behind it were not run.
    pub fn try_complete(self) -> Result<T, Box<dyn std::any::Any + Send>> {
        self.driver.complete();
        match self.outcome {
            Outcome::Ready(value) => Ok(value),
            Outcome::Chained(slot) => slot
                .lock()
                .take()
                .unwrap_or_else(|| Err(Box::new("a chained job was dropped before it ran"))),
        }
    }

    /// Whether completing would not wait.
    pub fn is_completed(&self) -> bool {
        self.driver.is_update_finished()
    }

    /// The connections as of the *last* update, for parallel jobs beside this one.
    pub fn to_concurrent(&mut self) -> Concurrent<'_> {
        self.driver.to_concurrent()
    }

    /// The next event of the *last* update.
    pub fn pop_event(&mut self) -> Option<(NetworkConnection, NetworkEvent<'_>)> {
        self.driver.pop_event()
    }

    /// Opens a message, to leave with the *next* update.
    ///
    /// # Errors
    /// As [`NetworkDriver::begin_send`].
    pub fn begin_send(
        &mut self,
        pipeline: NetworkPipeline,
        connection: NetworkConnection,
    ) -> Result<SendGuard<'_>, SendError> {
        self.driver.begin_send(pipeline, connection)
    }

    /// Lets the update run on and gives the driver back: for drivers kept in a struct or a resource,
    /// where no borrow can be kept beside them. [`NetworkDriver::complete`] brings the update home.
    ///
    /// What a chained job returned is dropped, and a panic of it is raised by `complete`.
    pub fn detach(self) {}
}

impl<'d, T: Send + 'static> JobHandle<'d, T> {
    /// Chains a job behind the update, on the pool: Unity's `job.Schedule(driver.ScheduleUpdate())`.
    ///
    /// It gets what the job before it returned, and the connections *with the events of this
    /// update*. What it sends leaves as soon as it is done, without the game thread; what it leaves
    /// unread is the game thread's after `complete`. State goes in and comes out by value, since a
    /// handle that is leaked must not leave a borrow behind.
    ///
    /// It sees what its own update brought. Connections to accept and events that an earlier update
    /// left over have come to the front, and are the game thread's: a server of jobs alone accepts
    /// and reads in a loop until there is none.
    ///
    /// A panic is raised again by [`complete`](Self::complete); jobs chained behind it do not run.
    pub fn then<U: Send + 'static>(
        self,
        job: impl FnOnce(T, &mut Concurrent<'_>) -> U + Send + 'static,
    ) -> JobHandle<'d, U> {
        let Self { driver, outcome } = self;
        let slot: Slot<U> = Arc::new(Mutex::new(None));
        let result = slot.clone();
        driver.chain(move |concurrent| {
            let input = match outcome {
                Outcome::Ready(value) => Ok(value),
                Outcome::Chained(slot) => slot
                    .lock()
                    .take()
                    .unwrap_or_else(|| Err(Box::new("the job before was dropped before it ran"))),
            };
            let output =
                input.and_then(|input| catch_unwind(AssertUnwindSafe(|| job(input, concurrent))));
            *result.lock() = Some(output);
        });
        JobHandle {
            driver,
            outcome: Outcome::Chained(slot),
        }
    }
}
