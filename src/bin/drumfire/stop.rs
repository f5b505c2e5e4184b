//! Stopping: the first SIGINT or SIGTERM asks, the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{Failure, While};

/// Whether the command was asked to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens for signals.
    pub(crate) fn on_signals() -> Result<Self, Failure> {
        let stop = Self::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            let doing = || "listening for signals".to_owned();
            // In this order: the first signal finds the flag clear and sets it, the second finds it set.
            signal_hook::flag::register_conditional_shutdown(signal, 1, stop.0.clone())
                .while_doing(doing)?;
            signal_hook::flag::register(signal, stop.0.clone()).while_doing(doing)?;
        }
        Ok(stop)
    }

    /// Asks, as a signal would.
    pub(crate) fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked. Relaxed: nothing else is read through it.
    pub(crate) fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
