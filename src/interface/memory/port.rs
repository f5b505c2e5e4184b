//! The interface of a driver on a network in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::hub::{Binding, Hub};
use super::tap::Captured;
use crate::address::NetworkEndpoint;
use crate::buffer::batch::ReceiveBatch;
use crate::error::BindError;
use crate::interface::{
    InterfaceLost, InterfaceStatistics, NetworkInterface, Received, SendFault, SendReport, Transmit,
};
use crate::time::Timestamp;

/// Largest datagram, as of UDP over IPv4.
const LARGEST_DATAGRAM: usize = 65_507;

/// A driver's interface on an [`InProcessNetwork`](super::InProcessNetwork) or a
/// [`SimulatedNetwork`](super::SimulatedNetwork).
///
/// On a simulated network `wait` blocks for no time, as virtual time does not pass by itself: it
/// only tells whether something has arrived.
#[derive(Debug)]
pub struct MemoryInterface {
    hub: Arc<Hub>,
    binding: Option<Binding>,
    /// Time of this driver's last update.
    now: Timestamp,
    /// What this update sent, for the taps.
    captured: Mutex<Vec<Captured>>,
    /// Counts for the statistics. Relaxed: none says anything about another.
    oversize: AtomicU64,
    receive_calls: AtomicU64,
    send_calls: AtomicU64,
}

impl MemoryInterface {
    pub(super) fn new(hub: Arc<Hub>) -> Self {
        Self {
            hub,
            binding: None,
            now: Timestamp::ZERO,
            captured: Mutex::default(),
            oversize: AtomicU64::new(0),
            receive_calls: AtomicU64::new(0),
            send_calls: AtomicU64::new(0),
        }
    }

    fn capture(&self, from: &NetworkEndpoint, run: &[Transmit<'_>]) {
        let at = self.hub.now().unwrap_or(self.now);
        self.captured
            .lock()
            .extend(run.iter().map(|transmit| Captured {
                at,
                from: *from,
                to: *transmit.to,
                bytes: transmit.bytes.to_vec(),
            }));
    }
}

impl NetworkInterface for MemoryInterface {
    fn bind(&mut self, endpoint: &NetworkEndpoint) -> Result<(), BindError> {
        if let Some(binding) = &self.binding {
            return Err(BindError::AlreadyBound {
                local: binding.local,
            });
        }
        self.binding = Some(self.hub.bind(endpoint)?);
        Ok(())
    }

    fn local_endpoint(&self) -> NetworkEndpoint {
        self.binding
            .as_ref()
            .map_or(NetworkEndpoint::Invalid, |binding| binding.local)
    }

    fn receive(&self, batch: &mut ReceiveBatch) -> Received {
        let Some(binding) = &self.binding else {
            return Received::Failed;
        };
        self.receive_calls.fetch_add(1, Ordering::Relaxed);
        self.hub.land();
        let mut oversize = 0;
        let all = binding.mailbox.drain(|path, bytes| {
            if bytes.len() >= batch.slot_size() {
                oversize += 1;
                return true;
            }
            batch.push(path, bytes)
        });
        self.oversize.fetch_add(oversize, Ordering::Relaxed);
        if all {
            Received::Drained
        } else {
            Received::More
        }
    }

    fn send(&self, batch: &[Transmit<'_>], report: &mut SendReport) {
        report.clear();
        let Some(binding) = &self.binding else {
            report.congested = true;
            return;
        };
        self.send_calls.fetch_add(1, Ordering::Relaxed);
        report.done = batch.len();
        for (index, transmit) in batch.iter().enumerate() {
            if transmit.bytes.len() > LARGEST_DATAGRAM {
                report.faults.push((index, SendFault::TooLong));
            } else if *transmit.to == NetworkEndpoint::Invalid {
                report.faults.push((index, SendFault::Refused));
            }
        }
        let runs =
            batch.chunk_by(|a, b| a.to == b.to && a.from == b.from && is_fit(a) == is_fit(b));
        for run in runs.filter(|run| run.first().is_some_and(is_fit)) {
            let Some(first) = run.first() else {
                continue;
            };
            let from = self.hub.source(&binding.local, first.from, first.to);
            if self.hub.is_tapped() {
                self.capture(&from, run);
            }
            let datagrams = run.iter().map(|transmit| transmit.bytes);
            self.hub.send(&from, first.to, datagrams);
        }
    }

    fn flush(&self) {
        if !self.hub.is_tapped() {
            return;
        }
        let mut captured = self.captured.lock();
        // Stable: what went to one peer stays in order, whichever thread sent it.
        captured.sort_by_key(|datagram| datagram.to);
        self.hub.record(&mut captured);
    }

    fn wait(&self, timeout: Duration) -> bool {
        let Some(binding) = &self.binding else {
            return false;
        };
        self.hub.land();
        let timeout = if self.hub.weather.is_some() {
            Duration::ZERO
        } else {
            timeout
        };
        binding.mailbox.wait(timeout)
    }

    fn maintain(&mut self, now: Timestamp) -> Result<(), InterfaceLost> {
        self.now = now;
        Ok(())
    }

    fn statistics(&self) -> InterfaceStatistics {
        InterfaceStatistics {
            kernel_drops: self
                .binding
                .as_ref()
                .map_or(0, |binding| binding.mailbox.overflowed()),
            oversize: self.oversize.load(Ordering::Relaxed),
            receive_calls: self.receive_calls.load(Ordering::Relaxed),
            send_calls: self.send_calls.load(Ordering::Relaxed),
            ..InterfaceStatistics::default()
        }
    }
}

/// Whether the network takes it.
fn is_fit(transmit: &Transmit<'_>) -> bool {
    transmit.bytes.len() <= LARGEST_DATAGRAM && *transmit.to != NetworkEndpoint::Invalid
}
