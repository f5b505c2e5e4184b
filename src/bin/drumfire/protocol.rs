//! What parent and child processes say to each other: JSON, one object a line.
//!
//! A server listens to `mark` (figures so far, and update times start over), `peek` (figures only)
//! and `stop`; the end of its input is a `stop` too, so that no child outlives its parent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::histogram::Percentiles;

/// Said by `serve` and `floor`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum ServerLine {
    /// Clients may come.
    Listening {
        endpoint: String,
        /// The CA of an identity that was made for this run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca: Option<String>,
    },
    /// The answer to `mark` or `peek`.
    Figures(Figures),
}

/// A server's counters since it started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) uptime_s: f64,
    /// Processor time of all threads.
    pub(crate) cpu_us: f64,
    pub(crate) rss_bytes: u64,
    pub(crate) connections: usize,
    /// Messages the application received.
    pub(crate) received: u64,
    /// Messages it sent back.
    pub(crate) echoed: u64,
    /// Updates that had something to receive.
    pub(crate) updates: u64,
    /// Since the last `mark`.
    pub(crate) update_us: Option<Percentiles>,
    pub(crate) stage_us: Option<Stages>,
    pub(crate) packets: Packets,
    pub(crate) drops: BTreeMap<String, u64>,
    pub(crate) handshakes: Handshakes,
    /// Bytes granted.
    pub(crate) receive_buffer: usize,
}

/// Time in each stage of updates, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Stages {
    pub(crate) receive: f64,
    pub(crate) route: f64,
    pub(crate) decrypt: f64,
    pub(crate) process: f64,
    pub(crate) send: f64,
    pub(crate) handshake: f64,
    pub(crate) finish: f64,
}

impl Stages {
    /// Each stage through `f`, together with the same stage of `other`.
    pub(crate) fn zip(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            receive: f(self.receive, other.receive),
            route: f(self.route, other.route),
            decrypt: f(self.decrypt, other.decrypt),
            process: f(self.process, other.process),
            send: f(self.send, other.send),
            handshake: f(self.handshake, other.handshake),
            finish: f(self.finish, other.finish),
        }
    }
}

/// Secure handshakes since it started.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Handshakes {
    pub(crate) completed: u64,
    pub(crate) failed: u64,
}

/// Datagrams.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Packets {
    #[serde(rename = "in")]
    pub(crate) incoming: u64,
    #[serde(rename = "out")]
    pub(crate) outgoing: u64,
}

/// Said by `client`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum ClientLine {
    /// Every client is connected.
    Connected { connected: usize, seconds: f64 },
    /// Where it stands, a few times a second.
    Progress(Progress),
    /// The warm-up is over.
    Measuring,
    /// The measured time is over.
    Measured,
    /// All is over.
    Finished(Outcome),
}

/// Where a load stands.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) phase: Phase,
    pub(crate) connected: usize,
    /// Seconds since the load began.
    pub(crate) seconds: f64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) corrupt: u64,
    /// Since the last progress.
    pub(crate) rtt_us: Percentiles,
}

/// Part of a load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    #[default]
    Connecting,
    WarmingUp,
    Measuring,
    /// For the last echoes.
    Waiting,
}

/// What became of a load.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) clients: usize,
    pub(crate) connected: usize,
    pub(crate) connect_seconds: f64,
    /// Why connections ended before their time, and how many.
    pub(crate) closed: BTreeMap<String, u64>,
    /// Why secure connections were not made, and how many.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Seconds that were measured.
    pub(crate) measured_s: f64,
    /// Messages, those of the warm-up included.
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) corrupt: u64,
    pub(crate) duplicate: u64,
    /// Messages that were due and did not leave: the generator was late, or a queue full.
    pub(crate) skipped: u64,
    /// Of echoes that came while it was measured.
    pub(crate) rtt_us: Percentiles,
    pub(crate) cpu_us_per_message: f64,
}

impl Outcome {
    /// Messages without an echo.
    pub(crate) fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.received)
    }

    /// Whether every client connected and stayed, and each message came back as it was, once.
    pub(crate) fn is_clean(&self) -> bool {
        self.connected == self.clients
            && self.closed.is_empty()
            && self.sent > 0
            && self.lost() + self.corrupt + self.duplicate == 0
    }
}
