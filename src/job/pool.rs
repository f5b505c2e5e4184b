//! The pool: the only place that names rayon.
//!
//! Three kinds, one face: the global pool, a pool of the driver's own (its workers pinned one a core
//! if asked), or a pool of the caller's.

use std::sync::Arc;

use rayon::ThreadPool;

use crate::settings::{Pinning, Workers};

/// Where an update's jobs run.
#[derive(Clone, Debug)]
pub(crate) enum Pool {
    Global,
    Own(Arc<ThreadPool>),
}

/// The pool could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the driver's worker threads could not be started")]
pub struct PoolError(#[from] rayon::ThreadPoolBuildError);

impl Pool {
    /// The pool the settings ask for.
    pub(crate) fn new(workers: Workers) -> Result<Self, PoolError> {
        match workers {
            Workers::Own { threads, pinning } => {
                let mut builder = rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .thread_name(|index| format!("drumfire-{index}"));
                if pinning == Pinning::Yes {
                    builder = builder.start_handler(pin);
                }
                Ok(Self::Own(Arc::new(builder.build()?)))
            }
            _ => Ok(Self::Global),
        }
    }

    /// A pool of the caller's.
    pub(crate) fn shared(pool: Arc<ThreadPool>) -> Self {
        Self::Own(pool)
    }

    /// Threads of the pool.
    pub(crate) fn threads(&self) -> usize {
        match self {
            Self::Global => rayon::current_num_threads(),
            Self::Own(pool) => pool.current_num_threads(),
        }
    }

    /// Runs `job` on the pool, some time. The job must not panic: rayon would end the process.
    pub(crate) fn spawn(&self, job: impl FnOnce() + Send + 'static) {
        match self {
            Self::Global => rayon::spawn(job),
            Self::Own(pool) => pool.spawn(job),
        }
    }

    /// Runs `work` inside the pool, so that parallel iterators in it use this pool.
    pub(crate) fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match self {
            Self::Global => work(),
            Self::Own(pool) => pool.install(work),
        }
    }
}

/// Pins the calling worker to the `index`-th processor it may run on; leaves it alone if that fails.
///
/// Schedulers that pack virtual cores start a woken worker on its waker's core, where a short burst
/// then runs to its end without a second core; pinning one worker a core is what spreads it.
#[cfg(target_os = "linux")]
fn pin(index: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let Ok(allowed) = sched_getaffinity(None) else {
        return;
    };
    let processors: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|cpu| allowed.is_set(*cpu))
        .collect();
    if let Some(cpu) = index
        .checked_rem(processors.len())
        .and_then(|nth| processors.get(nth))
    {
        let mut only = CpuSet::new();
        only.set(*cpu);
        let _ = sched_setaffinity(None, &only);
    }
}

#[cfg(not(target_os = "linux"))]
fn pin(_index: usize) {}
