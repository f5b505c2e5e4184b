//! Workers: which threads an update runs on, and when it is worth waking them.
//!
//! These are plain values; no thread pool is known here. A pool of the caller's own is handed to
//! the driver itself.

use std::time::Duration;

use super::NetworkSettingsBuilder;
use super::range::{duration, number};
use crate::error::SettingsError;

/// Whether each worker stays on one core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pinning {
    /// One worker a core. Short bursts spread even where the scheduler packs virtual cores; other
    /// programs on these cores suffer.
    Yes,
    /// The system's scheduler decides.
    #[default]
    No,
}

/// The thread pool updates run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Workers {
    /// The process's global pool, shared with the rest of the program.
    #[default]
    Global,
    /// A pool of this driver alone.
    Own {
        /// Threads, 1 to 1024; 0 is one for each core.
        threads: usize,
        /// Whether each stays on one core.
        pinning: Pinning,
    },
}

/// How much estimated work it takes before an update wakes a worker.
///
/// Waking an idle pool costs 60 to 150 µs on a virtual machine; below that the calling thread is
/// done sooner alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum InlineThreshold {
    /// Learnt from what wake-ups and work cost while running.
    #[default]
    Adaptive,
    /// This much for each worker.
    Fixed(Duration),
    /// Everything runs on the calling thread.
    AlwaysInline,
    /// Everything runs on the pool. For tests.
    NeverInline,
}

/// Whether datagrams are received while the pool works on what is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SliceOverlap {
    /// While a slice is received, the one before it is worked on, and what the user wrote leaves where
    /// no arrival can change it; costs a second slice of memory.
    #[default]
    On,
    /// One thing after the other.
    Off,
}

/// Which threads an update runs on, and how its work is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerParameters {
    /// See [`NetworkSettingsBuilder::workers`].
    pub workers: Workers,
    /// See [`NetworkSettingsBuilder::inline_threshold`].
    pub inline_threshold: InlineThreshold,
    /// See [`NetworkSettingsBuilder::slice_size`], in datagrams.
    pub slice_size: usize,
    /// See [`NetworkSettingsBuilder::slice_overlap`].
    pub slice_overlap: SliceOverlap,
}

impl Default for WorkerParameters {
    fn default() -> Self {
        Self {
            workers: Workers::Global,
            inline_threshold: InlineThreshold::Adaptive,
            slice_size: 512,
            slice_overlap: SliceOverlap::On,
        }
    }
}

impl WorkerParameters {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if let Workers::Own { threads, .. } = self.workers {
            number("workers", threads, 0..=1_024, "threads")?;
        }
        if let InlineThreshold::Fixed(value) = self.inline_threshold {
            let range = Duration::from_micros(1)..=Duration::from_secs(1);
            duration("inline_threshold", value, range)?;
        }
        number("slice_size", self.slice_size, 256..=4_096, "datagrams")
    }
}

/// Workers.
impl NetworkSettingsBuilder {
    /// The thread pool updates run on.
    ///
    /// Unit: threads. Default: `Global`. Range: `Global`, or `Own` with 0 (number of cores) to 1024.
    /// Source: drumfire; Unity uses the engine's one job system.
    pub fn workers(mut self, value: Workers) -> Self {
        self.workers.workers = value;
        self
    }

    /// How much estimated work it takes before an update wakes a worker.
    ///
    /// Unit: duration, resolution 1 µs. Default: `Adaptive`. Range: `Adaptive`, `AlwaysInline`,
    /// `NeverInline`, or `Fixed` with 1 µs to 1 s.
    /// Source: drumfire.
    pub fn inline_threshold(mut self, value: InlineThreshold) -> Self {
        self.workers.inline_threshold = value;
        self
    }

    /// Datagrams received before the work on them starts.
    ///
    /// Larger slices cost fewer hand-overs and more memory, and start the work later.
    ///
    /// Unit: datagrams. Default: 512. Range: 256 to 4096.
    /// Source: drumfire.
    pub fn slice_size(mut self, datagrams: usize) -> Self {
        self.workers.slice_size = datagrams;
        self
    }

    /// Whether datagrams are received while the pool works on the slice before, and sends.
    ///
    /// Unit: none. Default: `On`. Range: `On`, `Off`.
    /// Source: drumfire.
    pub fn slice_overlap(mut self, value: SliceOverlap) -> Self {
        self.workers.slice_overlap = value;
        self
    }
}
