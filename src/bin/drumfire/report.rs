//! The report: figures under stable keys, as JSON. What was not measured is `null`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::args::LoadArgs;
use crate::failure::{Failure, While};
use crate::histogram::{Percentiles, round};
use crate::protocol::{Figures, Outcome, Packets, Stages};
use crate::say;
use crate::security::Protection;
use crate::session::{Round, Setup};

/// Figures of one load. Its keys are stable: programs read them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) clients: usize,
    pub(crate) rate_hz: Option<f64>,
    pub(crate) window: Option<u32>,
    pub(crate) size: usize,
    pub(crate) pipeline: String,
    pub(crate) secure: Protection,
    pub(crate) workers: Option<usize>,
    /// Seconds measured.
    pub(crate) duration_s: f64,
    pub(crate) connected: usize,
    pub(crate) connect_seconds: f64,
    pub(crate) messages: Messages,
    pub(crate) rtt_us: Percentiles,
    pub(crate) server: Server,
    pub(crate) client: Cost,
    pub(crate) handshakes: HandshakeCost,
    pub(crate) floor: Cost,
    pub(crate) ratio_to_floor: Option<f64>,
    /// `bench` only: each round by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rounds: Vec<Pair>,
}

/// Messages of the whole load, the warm-up included.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Messages {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) lost: u64,
    pub(crate) corrupt: u64,
}

/// Figures of the server process over the measured time.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Server {
    pub(crate) cpu_us_per_message: Option<f64>,
    pub(crate) cpu_percent: Option<f64>,
    pub(crate) rss_bytes: Option<u64>,
    pub(crate) rss_bytes_per_connection: Option<f64>,
    pub(crate) update_us: UpdateTimes,
    /// Mean of an update.
    pub(crate) stage_us: Option<Stages>,
    pub(crate) packets: Option<Packets>,
    /// Since it started, by reason.
    pub(crate) drops: BTreeMap<String, u64>,
    #[serde(skip)]
    pub(crate) receive_buffer: usize,
}

/// How long updates took that had something to receive.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct UpdateTimes {
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) max: Option<f64>,
}

/// Processor time of a process, by message echoed.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Cost {
    pub(crate) cpu_us_per_message: Option<f64>,
}

/// Secure handshakes of the server.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct HandshakeCost {
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    /// All of the server's processor time while clients connected, system calls and the connection
    /// protocol's own request and accept included, over the handshakes.
    pub(crate) server_cpu_us_each: Option<f64>,
}

/// Both contestants of one round.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Pair {
    pub(crate) server_cpu_us_per_message: f64,
    pub(crate) floor_cpu_us_per_message: f64,
    pub(crate) ratio_to_floor: f64,
}

impl Pair {
    pub(crate) fn new(server: &Round, floor: &Round) -> Option<Self> {
        let (server, floor) = (server.cpu_per_message()?, floor.cpu_per_message()?);
        Some(Self {
            server_cpu_us_per_message: server,
            floor_cpu_us_per_message: floor,
            ratio_to_floor: round(server / floor, 3),
        })
    }
}

impl Round {
    /// Microseconds of the server's processor time for each message it echoed, in the measured time.
    pub(crate) fn cpu_per_message(&self) -> Option<f64> {
        let messages = self.end.echoed.saturating_sub(self.begin.echoed);
        (messages > 0).then(|| round((self.end.cpu_us - self.begin.cpu_us) / (messages as f64), 3))
    }

    /// From before the first client until the last one was connected.
    fn handshakes(&self) -> HandshakeCost {
        let completed = self.full.handshakes.completed;
        let spent = self.full.cpu_us - self.empty.cpu_us;
        HandshakeCost {
            completed: self.end.handshakes.completed,
            failed: self.end.handshakes.failed,
            server_cpu_us_each: (completed > 0).then(|| round(spent / (completed as f64), 1)),
        }
    }

    /// The server's figures over the measured time.
    fn server(&self) -> Server {
        let (begin, end) = (&self.begin, &self.end);
        let seconds = end.uptime_s - begin.uptime_s;
        let grown = end.rss_bytes.saturating_sub(self.empty.rss_bytes);
        let connections = self.outcome.connected.max(1);
        Server {
            cpu_us_per_message: self.cpu_per_message(),
            cpu_percent: (seconds > 0.0)
                .then(|| round((end.cpu_us - begin.cpu_us) / seconds / 1e4, 1)),
            rss_bytes: Some(end.rss_bytes),
            rss_bytes_per_connection: Some(((grown as f64) / (connections as f64)).round()),
            update_us: end.update_us.map(UpdateTimes::from).unwrap_or_default(),
            stage_us: mean_stages(begin, end),
            packets: Some(Packets {
                incoming: end.packets.incoming.saturating_sub(begin.packets.incoming),
                outgoing: end.packets.outgoing.saturating_sub(begin.packets.outgoing),
            }),
            drops: end.drops.clone(),
            receive_buffer: end.receive_buffer,
        }
    }
}

fn mean_stages(begin: &Figures, end: &Figures) -> Option<Stages> {
    let updates = end.updates.saturating_sub(begin.updates).max(1) as f64;
    let sum = end.stage_us?.zip(begin.stage_us?, |end, begin| end - begin);
    Some(sum.zip(sum, |time, _| round(time / updates, 2)))
}

impl From<Percentiles> for UpdateTimes {
    fn from(times: Percentiles) -> Self {
        Self {
            p50: Some(times.p50),
            p99: Some(times.p99),
            max: Some(times.max),
        }
    }
}

impl Report {
    /// What a client alone knows.
    pub(crate) fn of_client(load: &LoadArgs, secure: Protection, outcome: &Outcome) -> Self {
        Self {
            clients: load.clients,
            rate_hz: load.window.is_none().then_some(load.rate),
            window: load.window,
            size: load.size,
            pipeline: load.pipeline.clone(),
            secure,
            workers: None,
            duration_s: round(outcome.measured_s, 3),
            connected: outcome.connected,
            connect_seconds: round(outcome.connect_seconds, 3),
            messages: Messages {
                sent: outcome.sent,
                received: outcome.received,
                lost: outcome.lost(),
                corrupt: outcome.corrupt,
            },
            rtt_us: outcome.rtt_us,
            server: Server::default(),
            client: Cost {
                cpu_us_per_message: Some(round(outcome.cpu_us_per_message, 3)),
            },
            handshakes: HandshakeCost::default(),
            floor: Cost::default(),
            ratio_to_floor: None,
            rounds: Vec::new(),
        }
    }

    /// What a client and its server know, and the floor measured beside them.
    pub(crate) fn of_round(setup: &Setup, server: &Round, floor: Option<&Round>) -> Self {
        let pair = floor.and_then(|floor| Pair::new(server, floor));
        Self {
            workers: Some(setup.workers),
            server: server.server(),
            handshakes: server.handshakes(),
            floor: Cost {
                cpu_us_per_message: pair.map(|pair| pair.floor_cpu_us_per_message),
            },
            ratio_to_floor: pair.map(|pair| pair.ratio_to_floor),
            ..Self::of_client(&setup.load, setup.security.protection(), &server.outcome)
        }
    }

    /// Writes it to where `--json` says.
    pub(crate) fn write(&self, to: Option<&str>) -> Result<(), Failure> {
        let Some(to) = to else {
            return Ok(());
        };
        let text = serde_json::to_string_pretty(self)?;
        if to == "-" {
            say::out(&text);
            return Ok(());
        }
        std::fs::write(to, text + "\n").while_doing(|| format!("writing {to}"))
    }
}
