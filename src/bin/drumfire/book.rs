//! The book of a load: what left, what came back, and how long it took.
//!
//! It judges every event of the clients' driver, and knows neither the driver nor the schedule.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use drumfire::NetworkEvent;
use drumfire::error::DisconnectReason;

use crate::histogram::{Histogram, Percentiles};
use crate::message::{self, Stamp};
use crate::protocol::{Outcome, Phase, Progress};
use crate::tally::{Echo, Tally};

/// One client's entries.
#[derive(Clone, Debug)]
struct Account {
    tally: Tally,
    /// When its last new echo came.
    heard: Duration,
    up: bool,
}

/// What became of the messages of all clients.
#[derive(Debug)]
pub(crate) struct Book {
    began: Instant,
    accounts: Vec<Account>,
    connected: usize,
    closed: BTreeMap<String, u64>,
    closed_count: usize,
    sent: u64,
    received: u64,
    corrupt: u64,
    duplicate: u64,
    skipped: u64,
    pub(crate) phase: Phase,
    rtt: Histogram,
    /// Since the last [`progress`](Self::progress).
    recent: Histogram,
    /// A message as it came.
    bytes: Vec<u8>,
}

impl Book {
    pub(crate) fn new(clients: usize, began: Instant) -> Self {
        let account = Account {
            tally: Tally::default(),
            heard: Duration::ZERO,
            up: false,
        };
        Self {
            began,
            accounts: vec![account; clients],
            connected: 0,
            closed: BTreeMap::new(),
            closed_count: 0,
            sent: 0,
            received: 0,
            corrupt: 0,
            duplicate: 0,
            skipped: 0,
            phase: Phase::Connecting,
            rtt: Histogram::new(),
            recent: Histogram::new(),
            bytes: Vec::new(),
        }
    }

    /// Clients that are connected, or were.
    pub(crate) fn connected(&self) -> usize {
        self.connected
    }

    /// Clients whose connection ended, or never began.
    pub(crate) fn closed(&self) -> usize {
        self.closed_count
    }

    /// Whether client `index` can send.
    pub(crate) fn is_up(&self, index: usize) -> bool {
        self.accounts.get(index).is_some_and(|account| account.up)
    }

    /// Different echoes that came.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Messages without an echo so far.
    pub(crate) fn missing(&self) -> u64 {
        self.sent - self.received
    }

    /// Whether client `index` has `most` messages or more on their way, and has heard an echo within
    /// `patience`: its server is behind, not gone.
    pub(crate) fn is_waiting(
        &self,
        index: usize,
        most: u32,
        patience: Duration,
        now: Instant,
    ) -> bool {
        let now = now.duration_since(self.began);
        self.accounts.get(index).is_some_and(|account| {
            account.tally.under_way() >= most && now.saturating_sub(account.heard) < patience
        })
    }

    /// Writes the next message of client `index` into `bytes`.
    pub(crate) fn write(&self, index: usize, bytes: &mut [u8], now: Instant) {
        let number = self
            .accounts
            .get(index)
            .map_or(0, |account| account.tally.next());
        let sent_at = crate::clock::nanos(now.duration_since(self.began));
        let client = u32::try_from(index).unwrap_or(u32::MAX);
        message::write(
            bytes,
            Stamp {
                client,
                number,
                sent_at,
            },
        );
    }

    /// The message written last for client `index` left.
    pub(crate) fn sent(&mut self, index: usize) {
        if let Some(account) = self.accounts.get_mut(index) {
            account.tally.send();
            self.sent += 1;
        }
    }

    /// `count` messages that were due did not leave.
    pub(crate) fn skipped(&mut self, count: u64) {
        self.skipped += count;
    }

    /// Enters an event of client `index`. True if it is the first echo of a message.
    pub(crate) fn enter(&mut self, index: usize, event: NetworkEvent<'_>, now: Instant) -> bool {
        match event {
            NetworkEvent::Connect { .. } => {
                self.connected += 1;
                if let Some(account) = self.accounts.get_mut(index) {
                    account.up = true;
                }
                false
            }
            NetworkEvent::Data { mut reader, .. } => {
                self.bytes.resize(reader.length(), 0);
                reader.read_bytes(&mut self.bytes);
                self.judge(index, now)
            }
            NetworkEvent::Disconnect { reason } => {
                self.close(index, reason);
                false
            }
            _ => false,
        }
    }

    fn judge(&mut self, index: usize, now: Instant) -> bool {
        let stamp =
            message::read(&self.bytes).filter(|stamp| usize::try_from(stamp.client) == Ok(index));
        let (Some(stamp), Some(account)) = (stamp, self.accounts.get_mut(index)) else {
            self.corrupt += 1;
            return false;
        };
        match account.tally.receive(stamp.number) {
            Echo::First => {}
            Echo::Again => {
                self.duplicate += 1;
                return false;
            }
            Echo::Unknown => {
                self.corrupt += 1;
                return false;
            }
        }
        let since = now.duration_since(self.began);
        let rtt = since.saturating_sub(Duration::from_nanos(stamp.sent_at));
        account.heard = since;
        self.received += 1;
        self.recent.record(rtt);
        if self.phase == Phase::Measuring {
            self.rtt.record(rtt);
        }
        true
    }

    fn close(&mut self, index: usize, reason: DisconnectReason) {
        *self.closed.entry(format!("{reason:?}")).or_default() += 1;
        self.closed_count += 1;
        if let Some(account) = self.accounts.get_mut(index) {
            account.up = false;
        }
    }

    /// Clients that wait for echoes and have heard none for `silence`. Each counts as heard.
    pub(crate) fn stalled(&mut self, silence: Duration, now: Instant) -> Vec<usize> {
        let now = now.duration_since(self.began);
        let waiting = self.accounts.iter_mut().enumerate();
        waiting
            .filter(|(_, account)| {
                account.up && account.tally.missing() > 0 && now - account.heard > silence
            })
            .map(|(index, account)| {
                account.heard = now;
                index
            })
            .collect()
    }

    /// Where the load stands; the percentiles start over.
    pub(crate) fn progress(&mut self, seconds: f64) -> Progress {
        let rtt_us: Percentiles = self.recent.percentiles();
        self.recent.reset();
        Progress {
            phase: self.phase,
            connected: self.connected - self.closed_count.min(self.connected),
            seconds,
            sent: self.sent,
            received: self.received,
            corrupt: self.corrupt,
            rtt_us,
        }
    }

    /// The last page.
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome {
            clients: self.accounts.len(),
            connected: self.connected,
            closed: self.closed.clone(),
            refused: BTreeMap::new(),
            sent: self.sent,
            received: self.received,
            corrupt: self.corrupt,
            duplicate: self.duplicate,
            skipped: self.skipped,
            rtt_us: self.rtt.percentiles(),
            ..Outcome::default()
        }
    }
}
