//! The UDP interface: real sockets behind [`NetworkInterface`].
//!
//! ```text
//! mod ── what an error means for the batch, the socket and the caller
//!  ├─ outcome   errno → row of R3          ├─ source   who may enter (R6)
//!  ├─ health    failing, broken, repaired  ├─ options  what is asked for
//!  └─ system    the seam: one socket ──┬── sys       Linux: recvmmsg, sendmmsg, GSO, GRO
//!                                      │    └ control   addresses and control data as bytes
//!                                      └── portable  one datagram a call, any system
//! ```
//!
//! Addresses are canonical here already: an IPv4 peer of a dual-stack socket is an IPv4 endpoint,
//! in both directions. On a wildcard bind the path of a datagram names the local address it came
//! to, and an answer leaves from it. No name is resolved, and no address is shared with another
//! socket unless asked for.

#[cfg(target_os = "linux")]
mod control;
mod health;
mod native;
mod options;
mod outcome;
mod portable;
mod source;
#[cfg(target_os = "linux")]
mod sys;
mod system;
#[cfg(test)]
mod tests;

pub use options::{SystemPath, UdpOptions};

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use self::health::{Health, Repair, Step};
use self::native::Native;
use self::options::MAX_SOCKETS;
use self::outcome::{Outcome, lacks_segmentation};
use self::source::{ReceiveTally, SourceFilter};
use self::system::{Filled, SendFailure, System, SystemSocket};
use super::{
    InterfaceLost, InterfaceStatistics, NetworkInterface, Received, SendFault, SendReport, Transmit,
};
use crate::address::NetworkEndpoint;
use crate::buffer::batch::ReceiveBatch;
use crate::error::BindError;
use crate::time::Timestamp;

/// Slot for a train of any length.
const TRAIN_SLOT: usize = 65_535;
/// Retries of an interrupted call, and errors read past, before a call ends for this time.
const PATIENCE: u32 = 16;
/// Datagrams over UDP, IPv4 and IPv6.
///
/// One thread receives; any number may send beside it. See the module for the paths to the system.
#[derive(Debug)]
pub struct UdpInterface {
    options: UdpOptions,
    system: Box<dyn System>,
    /// With the real port; invalid before `bind`.
    local: NetworkEndpoint,
    /// All of one port. Everything is sent through the first, so that its order is kept.
    sockets: Vec<Box<dyn SystemSocket>>,
    /// Socket to read next. Its lock keeps a second receiver out.
    reading: Mutex<usize>,
    filter: SourceFilter,
    /// Whether trains are sent; cleared for good when the system turns out unable to.
    gso: AtomicBool,
    buffers: (usize, usize),
    health: Health,
    repair: Repair,
    counters: Counters,
}

/// Sums for the statistics. Relaxed: nothing is read off one counter about another.
#[derive(Debug, Default)]
struct Counters {
    kernel_drops: AtomicU64,
    oversize: AtomicU64,
    bad_source: AtomicU64,
    receive_calls: AtomicU64,
    send_calls: AtomicU64,
    segmented: AtomicU64,
    coalesced: AtomicU64,
    receive_errors: AtomicU64,
    send_errors: AtomicU64,
    recreated: AtomicU64,
}

impl UdpInterface {
    /// An unbound interface.
    pub fn new(options: UdpOptions) -> Self {
        Self::with_system(options, Box::new(Native))
    }

    fn with_system(options: UdpOptions, system: Box<dyn System>) -> Self {
        Self {
            gso: AtomicBool::new(options.gso),
            options,
            system,
            local: NetworkEndpoint::Invalid,
            sockets: Vec::new(),
            reading: Mutex::new(0),
            filter: SourceFilter::default(),
            buffers: (0, 0),
            health: Health::default(),
            repair: Repair::default(),
            counters: Counters::default(),
        }
    }

    /// Whether equal-size datagrams to one peer leave as one message (GSO): asked for, bound,
    /// supported, and never failed.
    pub fn segments(&self) -> bool {
        self.gso.load(Ordering::Relaxed) && self.sockets.first().is_some_and(|s| s.segments())
    }

    /// Whether the system may hand over trains of datagrams (GRO): asked for, bound and supported.
    pub fn coalesces(&self) -> bool {
        self.filter.coalescing
    }

    /// Opens all sockets of the port; the first finds a free one if `local` has none.
    fn open(&mut self, mut local: SocketAddr) -> io::Result<()> {
        self.sockets.clear();
        let mut sockets = Vec::new();
        for _ in 0..self.options.sockets_per_port.clamp(1, MAX_SOCKETS) {
            let socket = self.system.open(&self.options, local)?;
            local = socket.local_addr()?;
            sockets.push(socket);
        }
        self.local = local.into();
        self.filter = SourceFilter::new(self.local);
        self.filter.coalescing = sockets.iter().any(|socket| socket.coalesces());
        self.buffers = sockets.first().map_or((0, 0), |socket| socket.buffers());
        self.sockets = sockets;
        *self.reading.get_mut() = 0;
        Ok(())
    }

    /// Reads from one socket until something was said of it. True if it may have more.
    fn receive_from(&self, socket: &dyn SystemSocket, batch: &mut ReceiveBatch) -> bool {
        let mut tally = ReceiveTally::default();
        let mut more = false;
        for _ in 0..PATIENCE {
            let error = match socket.receive(batch, &self.filter, &mut tally) {
                Ok(filled) => {
                    more = filled == Filled::All;
                    self.health.note_moved();
                    break;
                }
                Err(error) => error,
            };
            match Outcome::of(&error) {
                Outcome::Full => break,
                Outcome::Interrupted => {}
                Outcome::Fatal => {
                    self.count_receive_error();
                    self.health.note_broken(error);
                    break;
                }
                // Said of an earlier send to somebody: what waits can be read still.
                Outcome::TooLong | Outcome::Unreachable | Outcome::Refused => {
                    self.count_receive_error();
                }
                Outcome::Scarce | Outcome::Other => {
                    self.count_receive_error();
                    self.health.note_failed(error);
                }
            }
        }
        self.counters.add(&tally);
        more
    }

    fn count_receive_error(&self) {
        self.counters.receive_errors.fetch_add(1, Ordering::Relaxed);
    }

    /// Deals with the failure of the message at the front of `rest`.
    fn judge(
        &self,
        failure: SendFailure,
        rest: &[Transmit<'_>],
        report: &mut SendReport,
        interrupted: &mut u32,
    ) -> Verdict {
        let SendFailure { error, train } = failure;
        if train > 1 {
            let segment = rest.first().map_or(0, |first| first.bytes.len());
            let incapable = lacks_segmentation(&error, segment);
            if incapable {
                self.gso.store(false, Ordering::Relaxed);
            }
            let of_contents = matches!(
                Outcome::of(&error),
                Outcome::Refused | Outcome::TooLong | Outcome::Other
            );
            if incapable || of_contents {
                // Each datagram gets a verdict of its own.
                return Verdict::OneByOne(train);
            }
        }
        let fault = match Outcome::of(&error) {
            Outcome::Full => {
                report.congested = true;
                return Verdict::Stop;
            }
            Outcome::Interrupted => {
                *interrupted += 1;
                report.congested = *interrupted > PATIENCE;
                return if report.congested {
                    Verdict::Stop
                } else {
                    Verdict::GoOn
                };
            }
            Outcome::Scarce => {
                self.counters.send_errors.fetch_add(1, Ordering::Relaxed);
                report.congested = self.health.note_shortage(error);
                return Verdict::Stop;
            }
            Outcome::Fatal => {
                self.counters.send_errors.fetch_add(1, Ordering::Relaxed);
                self.health.note_broken(error);
                report.congested = true;
                return Verdict::Stop;
            }
            Outcome::TooLong => SendFault::TooLong,
            Outcome::Unreachable => SendFault::Unreachable,
            Outcome::Refused => SendFault::Refused,
            Outcome::Other => {
                self.health.note_failed(error);
                SendFault::Refused
            }
        };
        let failed = u64::try_from(train).unwrap_or(0);
        self.counters
            .send_errors
            .fetch_add(failed, Ordering::Relaxed);
        for _ in 0..train.min(rest.len()) {
            report.faults.push((report.done, fault));
            report.done += 1;
        }
        Verdict::GoOn
    }
}

/// What becomes of the rest of a batch after a failure.
enum Verdict {
    /// Send it.
    GoOn,
    /// Send this many of it without trains, then go on.
    OneByOne(usize),
    /// Leave it to the next update.
    Stop,
}

impl NetworkInterface for UdpInterface {
    fn bind(&mut self, endpoint: &NetworkEndpoint) -> Result<(), BindError> {
        if self.local != NetworkEndpoint::Invalid {
            return Err(BindError::AlreadyBound { local: self.local });
        }
        let endpoint = *endpoint;
        let Some(addr) = endpoint.to_socket_addr() else {
            return Err(BindError::UnsupportedFamily { endpoint });
        };
        self.open(addr).map_err(|error| match error.raw_os_error() {
            // A machine without IPv6.
            #[cfg(unix)]
            Some(libc::EAFNOSUPPORT) => BindError::UnsupportedFamily { endpoint },
            _ => BindError::from_io(endpoint, error),
        })
    }

    fn local_endpoint(&self) -> NetworkEndpoint {
        self.local
    }

    fn slot_size(&self, max_message_size: usize) -> usize {
        let trains = if self.sockets.is_empty() {
            self.options.gro && cfg!(target_os = "linux")
        } else {
            self.filter.coalescing
        };
        if trains {
            TRAIN_SLOT
        } else {
            max_message_size + 1
        }
    }

    fn receive(&self, batch: &mut ReceiveBatch) -> Received {
        let mut reading = self.reading.lock();
        for _ in 0..self.sockets.len() {
            if self.health.is_broken() {
                return Received::Failed;
            }
            let Some(socket) = self.sockets.get(*reading) else {
                break;
            };
            if batch.remaining() == 0 {
                return Received::More;
            }
            let more = self.receive_from(socket.as_ref(), batch);
            // One after the other, also if this one has more: none may starve the rest.
            *reading = (*reading + 1) % self.sockets.len();
            if more {
                return Received::More;
            }
        }
        if self.sockets.is_empty() || self.health.is_broken() {
            Received::Failed
        } else {
            Received::Drained
        }
    }

    fn send(&self, batch: &[Transmit<'_>], report: &mut SendReport) {
        report.clear();
        let Some(socket) = self.sockets.first().filter(|_| self.health.may_send()) else {
            report.congested = true;
            return;
        };
        let mut segmented = 0;
        let mut calls = 0;
        // Datagrams up to here go without GSO, after it failed for them.
        let mut plain = 0;
        let mut interrupted = 0;
        while let Some(rest) = batch.get(report.done..).filter(|rest| !rest.is_empty()) {
            let single = plain > report.done;
            let part = if single {
                rest.get(..plain - report.done).unwrap_or(rest)
            } else {
                rest
            };
            let gso = !single && self.gso.load(Ordering::Relaxed);
            let failure = match socket.send(part, gso) {
                Ok(sent) if sent.datagrams > 0 => {
                    report.done += sent.datagrams;
                    calls += sent.calls;
                    segmented += u64::try_from(sent.segmented).unwrap_or(0);
                    self.health.note_moved();
                    continue;
                }
                // No call takes nothing and says nothing; if one did, it would be full.
                Ok(_) => SendFailure {
                    error: io::ErrorKind::WouldBlock.into(),
                    train: 1,
                },
                Err(failure) => failure,
            };
            calls += 1;
            match self.judge(failure, part, report, &mut interrupted) {
                Verdict::GoOn => {}
                Verdict::OneByOne(train) => plain = report.done + train,
                Verdict::Stop => break,
            }
        }
        self.counters.send_calls.fetch_add(calls, Ordering::Relaxed);
        if segmented > 0 {
            self.counters
                .segmented
                .fetch_add(segmented, Ordering::Relaxed);
        }
    }

    fn wait(&self, timeout: Duration) -> bool {
        let sockets = if self.health.is_broken() {
            &[]
        } else {
            self.sockets.as_slice()
        };
        system::wait(sockets, timeout)
    }

    fn maintain(&mut self, now: Timestamp) -> Result<(), InterfaceLost> {
        let max = self.options.socket_retry_max;
        match self.repair.next_step(&mut self.health, now, max) {
            Step::None => Ok(()),
            Step::GiveUp => Err(self.repair.lost(&mut self.health)),
            Step::Recreate => {
                let local = self.local.to_socket_addr();
                match local.map(|local| self.open(local)) {
                    Some(Ok(())) => {
                        self.repair.recreated(&mut self.health);
                        self.counters.recreated.fetch_add(1, Ordering::Relaxed);
                    }
                    // `next_step` tries again when it is time.
                    Some(Err(error)) => self.health.note_broken(error),
                    None => {}
                }
                Ok(())
            }
        }
    }

    fn statistics(&self) -> InterfaceStatistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        InterfaceStatistics {
            kernel_drops: read(&counters.kernel_drops),
            oversize: read(&counters.oversize),
            bad_source: read(&counters.bad_source),
            receive_calls: read(&counters.receive_calls),
            send_calls: read(&counters.send_calls),
            segmented: read(&counters.segmented),
            coalesced: read(&counters.coalesced),
            receive_errors: read(&counters.receive_errors),
            send_errors: read(&counters.send_errors),
            recreated: read(&counters.recreated),
            receive_buffer: self.buffers.0,
            send_buffer: self.buffers.1,
        }
    }
}

impl Counters {
    fn add(&self, tally: &ReceiveTally) {
        for (counter, value) in [
            (&self.receive_calls, tally.calls),
            (&self.kernel_drops, tally.kernel_drops),
            (&self.oversize, tally.oversize),
            (&self.bad_source, tally.bad_source),
            (&self.coalesced, tally.coalesced),
        ] {
            // Almost always nothing was dropped.
            if value > 0 {
                counter.fetch_add(value, Ordering::Relaxed);
            }
        }
    }
}
