//! `drumfire serve`: a server that waits on its socket and drains it between ticks.
//!
//! There is no fixed tick: the loop sleeps until a datagram or a timer needs it, updates, handles
//! every connection's events in parallel, and sends the answers off. So a receive buffer as small as
//! stock Linux grants (256 datagrams) holds what comes in, however many clients there are.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use drumfire::error::WaitOutcome;
use drumfire::settings::{InlineThreshold, Pinning, Workers};
use drumfire::{ConnectionPort, NetworkDriver, NetworkEvent, NetworkSettings};

use crate::args::ServeArgs;
use crate::clock::now;
use crate::failure::{Failure, Verdict, While};
use crate::figures::{Reporter, driver_figures, kernel_drops};
use crate::histogram::Histogram;
use crate::pipelines::Pipelines;
use crate::protocol::{Figures, ServerLine};
use crate::say;
use crate::security::{self, Mode};
use crate::stop::Stop;
use crate::{process, table, text};

/// Connections it takes.
const MAX_CONNECTIONS: usize = 65_536;
/// Longest sleep, so that signals and a parent are heard.
const NAP: Duration = Duration::from_millis(20);
const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn run(args: &ServeArgs) -> Result<Verdict, Failure> {
    let stop = Stop::on_signals()?;
    process::pin(&args.child.pin);
    let mode = args.security.mode()?;
    let (protection, ca) = (mode.protection, mode.ca.clone());
    let settings = settings(args, mode)?;
    security::warn(&settings);
    let mut driver = NetworkDriver::new(settings)?;
    // The pool has its threads, each pinned; this one works along on the first core.
    process::pin(args.child.pin.get(..1).unwrap_or_default());
    Pipelines::parse(&args.pipelines)?
        .on(args.preset)?
        .create(&mut driver)?;
    driver.bind(args.bind.into())?;
    driver.listen()?;
    let endpoint = driver.local_endpoint();
    let mut server = Server {
        driver,
        counts: Counts::new(args.echo),
        updates: Histogram::new(),
        started: now(),
    };
    let mut reporter = Reporter::new(args.child.machine, &stop);
    server.driver.update();
    reporter.say(&ServerLine::Listening {
        endpoint: endpoint.to_string(),
        ca,
    });
    if !args.child.machine {
        say::out(&table::listening(
            &endpoint.to_string(),
            protection,
            &args.pipelines,
            &server.figures(),
        ));
    }
    let mut journal = Journal::new(args);
    while !stop.requested() {
        server.turn();
        reporter.answer(&mut server.updates, |updates| {
            figures(&server.driver, &server.counts, updates, server.started)
        });
        journal.write(&mut server)?;
    }
    server.leave();
    journal.close(&mut server)?;
    Ok(Verdict::Good)
}

fn settings(args: &ServeArgs, mode: Mode) -> Result<NetworkSettings, Failure> {
    let mut builder = mode
        .builder
        .max_connections(MAX_CONNECTIONS)
        .sockets_per_port(args.sockets);
    if let Some(threads) = args.workers {
        builder = builder.workers(Workers::Own {
            threads,
            pinning: Pinning::Yes,
        });
        // One worker is this thread itself: waking another on the same core would gain nothing.
        if threads == 1 {
            builder = builder.inline_threshold(InlineThreshold::AlwaysInline);
        }
    }
    if let Some(preset) = args.preset {
        builder = builder.simulator_stage(preset.simulator());
    }
    if let Some(bytes) = args.receive_buffer {
        builder = builder.receive_buffer(bytes);
    }
    Ok(builder.build()?)
}

/// What the application counts. Relaxed: sums of independent events.
#[derive(Debug)]
struct Counts {
    /// Whether what is received goes back.
    echo: bool,
    received: AtomicU64,
    /// Echoes the driver did not take: the connection's queue is full, or it is closing.
    refused: AtomicU64,
}

impl Counts {
    fn new(echo: bool) -> Self {
        Self {
            echo,
            received: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }
}

struct Server {
    driver: NetworkDriver,
    counts: Counts,
    updates: Histogram,
    started: Instant,
}

impl Server {
    /// Waits for something to do, and does it.
    fn turn(&mut self) {
        let woken = self.driver.wait(NAP);
        let start = now();
        self.driver.update();
        if woken == WaitOutcome::Readable {
            self.updates.record(start.elapsed());
        }
        while self.driver.accept().is_some() {}
        let Self { driver, counts, .. } = self;
        driver
            .to_concurrent()
            .for_each_ready(|mut port| handle(&mut port, counts));
        // Answers leave at once, whatever the next wait finds.
        driver.schedule_flush_send().complete();
    }

    fn figures(&self) -> Figures {
        figures(&self.driver, &self.counts, &self.updates, self.started)
    }

    /// Disconnects everybody, and lets the last packets leave.
    fn leave(&mut self) {
        let connections: Vec<_> = self.driver.connections().collect();
        for connection in connections {
            self.driver.disconnect(connection);
        }
        self.driver.update();
    }
}

/// Handles the events of one connection: each message is written while it is read.
fn handle(port: &mut ConnectionPort<'_>, counts: &Counts) {
    let (mut received, mut refused) = (0, 0);
    let (mut events, mut sender) = port.split();
    while let Some(event) = events.pop_event() {
        let NetworkEvent::Data {
            pipeline,
            mut reader,
        } = event
        else {
            continue;
        };
        received += 1;
        if !counts.echo {
            continue;
        }
        let sent = sender
            .begin_send_with(pipeline, reader.length())
            .and_then(|mut message| {
                message.write_bytes(reader.read_slice(reader.length()));
                message.end_send()
            });
        refused += u64::from(sent.is_err());
    }
    if received > 0 {
        counts.received.fetch_add(received, Ordering::Relaxed);
    }
    if refused > 0 {
        counts.refused.fetch_add(refused, Ordering::Relaxed);
    }
}

fn figures(
    driver: &NetworkDriver,
    counts: &Counts,
    updates: &Histogram,
    started: Instant,
) -> Figures {
    let mut figures = driver_figures(driver, updates, started);
    figures.received = counts.received.load(Ordering::Relaxed);
    let refused = counts.refused.load(Ordering::Relaxed);
    if counts.echo {
        figures.echoed = figures.received.saturating_sub(refused);
    }
    if refused > 0 {
        figures.drops.insert("echo_refused".to_owned(), refused);
    }
    figures
}

/// What a server tells the world: a file once a second, and a line where something changed.
struct Journal {
    file: Option<PathBuf>,
    talks: bool,
    next: Instant,
    last: Figures,
}

impl Journal {
    fn new(args: &ServeArgs) -> Self {
        Self {
            file: args.stats_json.clone(),
            talks: !args.child.machine,
            next: now(),
            last: Figures::default(),
        }
    }

    fn write(&mut self, server: &mut Server) -> Result<(), Failure> {
        if now() < self.next || (self.file.is_none() && !self.talks) {
            return Ok(());
        }
        self.next = now() + SECOND;
        if self.talks {
            for (cause, count) in security::failures(&mut server.driver) {
                say::out(&format!("{count} handshakes failed: {cause}"));
            }
        }
        let figures = server.figures();
        self.save(&figures)?;
        if self.talks
            && (figures.received != self.last.received
                || figures.connections != self.last.connections)
        {
            say::out(&table::server_line(&figures, &self.last));
        }
        if self.talks && kernel_drops(&figures) > kernel_drops(&self.last) {
            say::out(&text::kernel_drops(
                kernel_drops(&figures),
                figures.receive_buffer,
            ));
        }
        self.explain(&figures);
        server.updates.reset();
        self.last = figures;
        Ok(())
    }

    /// Says what clients of the wrong kind need, when the first of a kind has come.
    fn explain(&self, figures: &Figures) {
        for (reason, remedy) in text::STRANGERS {
            let came = |figures: &Figures| figures.drops.contains_key(reason.name());
            if self.talks && came(figures) && !came(&self.last) {
                say::out(remedy);
            }
        }
    }

    fn close(&mut self, server: &mut Server) -> Result<(), Failure> {
        let figures = server.figures();
        self.save(&figures)?;
        self.explain(&figures);
        if self.talks {
            say::out(&table::server_farewell(&figures));
        }
        Ok(())
    }

    /// Replaces the file in one step: a reader finds the old figures or the new ones, never half.
    fn save(&self, figures: &Figures) -> Result<(), Failure> {
        self.file
            .as_deref()
            .map_or(Ok(()), |file| replace(file, figures))
    }
}

fn replace(file: &Path, figures: &Figures) -> Result<(), Failure> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".part");
    let doing = || format!("writing {}", file.display());
    let text = serde_json::to_string_pretty(figures)?;
    std::fs::write(&beside, text + "\n").while_doing(doing)?;
    std::fs::rename(&beside, file).while_doing(doing)
}
