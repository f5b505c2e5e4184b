//! One load on one server, each in a process of its own: what `demo` runs once and `bench` in turns.
//!
//! ```text
//! server: listening ─ figures ─────────────── mark ─────────── mark ──────── stop
//! client:                       connected ─ warm ─ measuring ─ measured ─ finished
//! ```
//!
//! The server's figures are differences between its two marks: processor time, messages and packets
//! of the measured time alone.

use std::time::Duration;

use drumfire::address::NetworkEndpoint;
use drumfire::interface::{NetworkInterface, UdpInterface, UdpOptions};

use crate::args::{LoadArgs, ServerArgs};
use crate::failure::Failure;
use crate::process::{self, Child};
use crate::protocol::{ClientLine, Figures, Outcome, ServerLine};
use crate::screen::Screen;
use crate::security::{self, OwnSecurity};
use crate::stop::Stop;

/// A child that says nothing for so long is stuck.
const SILENCE: Duration = Duration::from_secs(20);
/// For short answers.
const SOON: Duration = Duration::from_secs(5);

/// Bytes of receive buffer, as Linux counts them: 8,000 small datagrams, 136 ms of the demo.
const ENOUGH_BUFFER: usize = 6 << 20;
/// More than this cost more system calls than they are worth.
const MOST_SOCKETS: usize = 16;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contestant {
    Drumfire,
    Floor,
}

/// How both are run.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) load: LoadArgs,
    pub(crate) security: OwnSecurity,
    pub(crate) workers: usize,
    pub(crate) receive_buffer: Option<usize>,
    /// Of the server, on its one port.
    sockets: usize,
}

/// What came out.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) outcome: Outcome,
    /// Before the first client.
    pub(crate) empty: Figures,
    /// With the last one connected.
    pub(crate) full: Figures,
    /// At the begin and the end of the measured time.
    pub(crate) begin: Figures,
    pub(crate) end: Figures,
}

impl Setup {
    pub(crate) fn new(load: &LoadArgs, server: &ServerArgs, security: OwnSecurity) -> Self {
        Self {
            load: load.clone(),
            security,
            workers: server
                .workers
                .unwrap_or_else(|| process::cores().saturating_sub(1).max(1)),
            receive_buffer: server.receive_buffer,
            sockets: sockets(server.receive_buffer),
        }
    }

    /// The server's processors: the first ones.
    fn server_cores(&self, contestant: Contestant) -> String {
        let cores = match contestant {
            Contestant::Drumfire => self.workers.min(process::cores()),
            Contestant::Floor => 1,
        };
        let cores: Vec<String> = (0..cores).map(|core| core.to_string()).collect();
        cores.join(",")
    }

    fn server_arguments(&self, contestant: Contestant) -> Vec<String> {
        let mut arguments = match contestant {
            Contestant::Drumfire => words(&["serve", "--echo"]),
            Contestant::Floor => words(&["floor"]),
        };
        arguments.extend(words(&["--bind", "127.0.0.1:0"]));
        if contestant == Contestant::Drumfire {
            arguments.extend(words(self.security.server_arguments()));
            arguments.extend(words(&["--pipelines", &self.load.pipeline]));
            arguments.extend(words(&["--workers", &self.workers.to_string()]));
        } else {
            arguments.extend(self.security.floor_arguments());
        }
        if let Some(bytes) = self.receive_buffer {
            arguments.extend(words(&["--receive-buffer", &bytes.to_string()]));
        }
        arguments.extend(words(&["--sockets", &self.sockets.to_string()]));
        arguments.extend(words(&["--pin", &self.server_cores(contestant)]));
        arguments
    }

    fn client_arguments(
        &self,
        endpoint: &str,
        ca: Option<&str>,
        contestant: Contestant,
    ) -> Vec<String> {
        let load = &self.load;
        let mut arguments = words(&["client", endpoint]);
        arguments.extend(security::client_arguments(ca, self.security.suite()));
        arguments.extend(words(&["--clients", &load.clients.to_string()]));
        arguments.extend(match load.window {
            Some(window) => words(&["--window", &window.to_string()]),
            None => words(&["--rate", &load.rate.to_string()]),
        });
        // What the floor is sent is not encrypted, and as long as if it were.
        let longer = match (contestant, self.security.suite()) {
            (Contestant::Floor, Some(suite)) => suite.expansion(),
            _ => 0,
        };
        arguments.extend(words(&["--size", &(load.size + longer).to_string()]));
        arguments.extend(words(&[
            "--duration",
            &load.duration.as_secs_f64().to_string(),
        ]));
        arguments.extend(words(&["--warmup", &load.warmup.as_secs_f64().to_string()]));
        // The floor knows no pipelines: the same bytes without one are the least there is to carry.
        if contestant == Contestant::Drumfire {
            arguments.extend(words(&["--pipeline", &load.pipeline]));
            if let Some(preset) = load.preset {
                arguments.extend(words(&["--preset", preset.name]));
            }
        }
        arguments.extend(words(&[
            "--pin",
            &process::cores().saturating_sub(1).to_string(),
        ]));
        arguments
    }

    /// Runs the load on `contestant`.
    pub(crate) fn run(
        &self,
        contestant: Contestant,
        screen: &mut Screen,
        stop: &Stop,
    ) -> Result<Round, Failure> {
        let name = match contestant {
            Contestant::Drumfire => "server",
            Contestant::Floor => "floor server",
        };
        let mut server = Child::start(name, &self.server_arguments(contestant))?;
        let ServerLine::Listening { endpoint, ca } = server.answer(SOON)? else {
            return Err(Failure::new(format!("the {name} process does not listen")));
        };
        let empty = figures(&mut server, "peek")?;
        let arguments = self.client_arguments(&endpoint, ca.as_deref(), contestant);
        let mut client = Child::start("client", &arguments)?;
        let round = follow(&mut server, &mut client, empty, screen, stop)?;
        client.finish(SOON)?;
        server.tell("stop")?;
        server.finish(SOON)?;
        Ok(round)
    }
}

/// Sockets it takes to hold the datagrams of a stall in buffers of the size the system grants.
///
/// The buffer that stock Linux grants holds 554 small datagrams. At 60,000 a second that is 9 ms, and
/// on a busy machine a process waits longer than that for its turn.
fn sockets(asked: Option<usize>) -> usize {
    let mut options = UdpOptions::default();
    options.receive_buffer = asked.unwrap_or(options.receive_buffer);
    let mut probe = UdpInterface::new(options);
    if probe.bind(&NetworkEndpoint::loopback_ipv4(0)).is_err() {
        return 1;
    }
    let granted = probe.statistics().receive_buffer.max(1);
    ENOUGH_BUFFER.div_ceil(granted).clamp(1, MOST_SOCKETS)
}

/// Follows the client through its load, and marks the server where it is measured.
fn follow(
    server: &mut Child,
    client: &mut Child,
    empty: Figures,
    screen: &mut Screen,
    stop: &Stop,
) -> Result<Round, Failure> {
    let (mut full, mut begin, mut end) = (empty.clone(), empty.clone(), empty.clone());
    loop {
        let line: ClientLine = client.answer(SILENCE)?;
        if stop.requested() {
            return Err(Failure::new("interrupted"));
        }
        match &line {
            ClientLine::Measuring => begin = figures(server, "mark")?,
            ClientLine::Measured => end = figures(server, "mark")?,
            ClientLine::Finished(outcome) => {
                let outcome = outcome.clone();
                return Ok(Round {
                    outcome,
                    empty,
                    full,
                    begin,
                    end,
                });
            }
            ClientLine::Connected { .. } => full = figures(server, "peek")?,
            ClientLine::Progress(_) => {}
        }
        let peek = if screen.wants_server() {
            Some(figures(server, "peek")?)
        } else {
            None
        };
        screen.show(&line, peek.as_ref());
    }
}

fn figures(server: &mut Child, wish: &str) -> Result<Figures, Failure> {
    server.tell(wish)?;
    match server.answer(SOON)? {
        ServerLine::Figures(figures) => Ok(figures),
        ServerLine::Listening { .. } => Err(Failure::new(
            "the server process says twice that it listens",
        )),
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
