//! The load generator: many clients of one server, in one thread of one process.
//!
//! ```text
//! connect, some at a time ─▶ warm up ─▶ measure ─▶ wait for the last echoes ─▶ leave
//! ```
//!
//! All clients are connections of one driver, each through a socket of its own. At a rate they are
//! spread over a tick in [`SLICES`] groups, so that the load is smooth as that of real clients is;
//! with a window each answers an echo with its next message.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use drumfire::NetworkDriver;
use drumfire::id::{NetworkConnection, NetworkPipeline};
use drumfire::settings::InlineThreshold;

use crate::args::LoadArgs;
use crate::book::Book;
use crate::clock::{self, now};
use crate::failure::{Failure, While};
use crate::many::{ManySockets, seat};
use crate::pipelines::Pipelines;
use crate::protocol::{ClientLine, Outcome, Phase};
use crate::security::{self, Mode};
use crate::stop::Stop;

/// Groups of clients, each sending at its own part of a tick.
const SLICES: u32 = 16;
/// Connections under way at once. With more, the requests of one moment would overrun the 256
/// datagrams that the default receive buffer of Linux holds.
const CONNECTING: usize = 64;
/// Longest time without a further connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// Time for the last echoes.
const GRACE: Duration = Duration::from_secs(2);
/// A window that moved for so long no more has lost its messages: it is filled again.
const STALL: Duration = Duration::from_secs(1);
/// Seconds a server may be behind before its clients leave out messages, as a player's program does
/// whose connection stalls; and the fewest messages that this is.
///
/// Without it a process that waits for its turn on a busy machine finds more datagrams than any
/// buffer holds, and the loss would tell of the machine.
const BEHIND: f64 = 0.125;
const FEWEST_BEHIND: f64 = 8.0;
/// Between two reports of progress.
const REPORT: Duration = Duration::from_millis(250);
/// Longest wait, so that a request to stop is seen.
const NAP: Duration = Duration::from_millis(20);

/// What to do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) server: SocketAddr,
    pub(crate) load: LoadArgs,
    pub(crate) pipelines: Pipelines,
    pub(crate) mode: Mode,
}

/// A load under way.
struct Load<'a> {
    plan: LoadArgs,
    stop: &'a Stop,
    tell: &'a mut dyn FnMut(ClientLine),
    driver: NetworkDriver,
    pipeline: NetworkPipeline,
    /// By client.
    connections: Vec<NetworkConnection>,
    /// Client by slot of the driver.
    clients: Vec<usize>,
    book: Book,
    /// Of each client at a rate: [`BEHIND`] in messages.
    most_under_way: u32,
    /// Clients with a window that may send.
    due: Vec<usize>,
    /// A message as it leaves.
    bytes: Vec<u8>,
    began: Instant,
    reported: Instant,
}

/// Sends the load. `tell` hears how it goes.
///
/// # Errors
/// If it could not begin. What is lost or refused later stands in the outcome.
pub(crate) fn run(
    plan: Plan,
    stop: &Stop,
    tell: &mut dyn FnMut(ClientLine),
) -> Result<Outcome, Failure> {
    let clients = plan.load.clients;
    let mut load = Load::new(plan, stop, tell)?;
    let connect_seconds = load.connect()?;
    let mut outcome = if load.book.connected() == clients {
        load.work(connect_seconds)?
    } else {
        load.book.outcome()
    };
    outcome.refused = security::failures(&mut load.driver);
    load.leave();
    outcome.connect_seconds = connect_seconds;
    Ok(outcome)
}

impl<'a> Load<'a> {
    fn new(
        plan: Plan,
        stop: &'a Stop,
        tell: &'a mut dyn FnMut(ClientLine),
    ) -> Result<Self, Failure> {
        let clients = plan.load.clients;
        let sockets = ManySockets::open(plan.server, clients)
            .while_doing(|| format!("opening {clients} sockets to {}", plan.server))?;
        let mut builder = plan
            .mode
            .builder
            .max_connections(clients)
            .inline_threshold(InlineThreshold::AlwaysInline);
        if let Some(preset) = plan.load.preset {
            builder = builder.simulator_stage(preset.simulator());
        }
        let settings = builder.build()?;
        security::warn(&settings);
        let mut driver = NetworkDriver::with_interface(settings, sockets)?;
        driver.bind(seat(0))?;
        let created = plan.pipelines.create(&mut driver)?;
        let began = now();
        Ok(Self {
            pipeline: plan.pipelines.find(&plan.load.pipeline, &created)?,
            stop,
            tell,
            driver,
            connections: Vec::with_capacity(clients),
            clients: Vec::new(),
            book: Book::new(clients, began),
            most_under_way: most_under_way(plan.load.rate),
            due: Vec::new(),
            bytes: vec![0; plan.load.size],
            plan: plan.load,
            began,
            reported: began,
        })
    }

    /// Connects all clients. Returns the seconds it took.
    fn connect(&mut self) -> Result<f64, Failure> {
        let (mut done, mut moved) = (0, now());
        let clients = self.plan.clients;
        while done < clients && !self.stop.requested() && moved.elapsed() < CONNECT_PATIENCE {
            while self.connections.len() < clients.min(done + CONNECTING) {
                self.open()?;
            }
            self.turn(NAP);
            let seen = self.book.connected() + self.book.closed();
            if seen != done {
                (done, moved) = (seen, now());
            }
        }
        Ok(self.began.elapsed().as_secs_f64())
    }

    /// Starts the connection of the next client.
    fn open(&mut self) -> Result<(), Failure> {
        let client = self.connections.len();
        let connection = self.driver.connect(seat(client))?;
        let slot = connection.index() as usize;
        if self.clients.len() <= slot {
            self.clients.resize(slot + 1, usize::MAX);
        }
        if let Some(entry) = self.clients.get_mut(slot) {
            *entry = client;
        }
        self.connections.push(connection);
        Ok(())
    }

    /// Warms up, measures, and waits for the last echoes.
    fn work(&mut self, seconds: f64) -> Result<Outcome, Failure> {
        self.check_size()?;
        (self.tell)(ClientLine::Connected {
            connected: self.book.connected(),
            seconds,
        });
        let mut pace = Pace::new(&self.plan);
        if pace.is_window() {
            self.fill(0..self.plan.clients);
        }
        self.book.phase = Phase::WarmingUp;
        self.keep_going(&mut pace, self.plan.warmup);

        self.book.phase = Phase::Measuring;
        let (cpu, received, start) = (clock::cpu_time(), self.book.received(), now());
        (self.tell)(ClientLine::Measuring);
        self.keep_going(&mut pace, self.plan.duration);
        let spent = clock::cpu_time().saturating_sub(cpu);
        let echoes = self.book.received() - received;
        let measured = start.elapsed();
        (self.tell)(ClientLine::Measured);

        self.book.phase = Phase::Waiting;
        self.wait_for_the_last();
        let mut outcome = self.book.outcome();
        outcome.measured_s = measured.as_secs_f64();
        outcome.cpu_us_per_message = spent.as_secs_f64() * 1e6 / (echoes.max(1) as f64);
        Ok(outcome)
    }

    fn check_size(&mut self) -> Result<(), Failure> {
        let size = self.plan.size;
        let first = self.connections.first().copied().unwrap_or_default();
        let most = self.driver.max_payload(self.pipeline, first)?;
        if size > most {
            return Err(Failure::new(format!(
                "{size} bytes do not fit a message of pipeline {}: {most} do",
                self.plan.pipeline
            )));
        }
        Ok(())
    }

    /// Sends what is due, for as long as `duration`.
    fn keep_going(&mut self, pace: &mut Pace, duration: Duration) {
        let end = now() + duration;
        loop {
            let time = now();
            if time >= end || self.stop.requested() {
                return;
            }
            let mut rest = end - time;
            match pace {
                Pace::Rate(schedule) => {
                    while let Some(slice) = schedule.due(time) {
                        self.send_slice(slice);
                    }
                    self.book.skipped(schedule.skip(time, self.plan.clients));
                    rest = rest.min(schedule.next.saturating_duration_since(time));
                }
                Pace::Window => rest = rest.min(STALL / 4),
            }
            let reported = self.turn(rest.min(NAP));
            if pace.is_window() {
                self.answer();
                if reported {
                    let stalled = self.book.stalled(STALL, now());
                    self.fill(stalled.into_iter());
                }
            }
        }
    }

    /// One update: what was written leaves, what came is entered, and then a wait if all is quiet.
    /// True if progress was reported.
    fn turn(&mut self, wait: Duration) -> bool {
        self.driver.update();
        let arrived = now();
        let windowed = self.plan.window.is_some();
        while let Some((connection, event)) = self.driver.pop_event() {
            let Some(&client) = self.clients.get(connection.index() as usize) else {
                continue;
            };
            if self.book.enter(client, event, arrived) && windowed {
                self.due.push(client);
            }
        }
        let report = arrived.duration_since(self.reported) >= REPORT;
        if report {
            self.reported = arrived;
            let progress = self.book.progress(self.began.elapsed().as_secs_f64());
            (self.tell)(ClientLine::Progress(progress));
        }
        if self.due.is_empty() || self.book.phase == Phase::Waiting {
            self.driver.wait(wait);
        }
        report
    }

    /// Sends the messages of one group of clients.
    fn send_slice(&mut self, slice: u32) {
        let clients = self.plan.clients;
        let time = now();
        for client in (slice as usize..clients).step_by(SLICES as usize) {
            if self
                .book
                .is_waiting(client, self.most_under_way, STALL, time)
            {
                self.book.skipped(1);
            } else {
                self.send(client);
            }
        }
    }

    /// Answers the echoes that came.
    fn answer(&mut self) {
        let mut due = std::mem::take(&mut self.due);
        for client in due.drain(..) {
            self.send(client);
        }
        self.due = due;
    }

    /// Sends a whole window of each of `clients`.
    fn fill(&mut self, clients: impl Iterator<Item = usize>) {
        for client in clients {
            for _ in 0..self.plan.window.unwrap_or(0) {
                self.send(client);
            }
        }
    }

    /// Sends the next message of `client`.
    fn send(&mut self, client: usize) {
        let Some(&connection) = self
            .connections
            .get(client)
            .filter(|_| self.book.is_up(client))
        else {
            return;
        };
        self.book.write(client, &mut self.bytes, now());
        let size = self.bytes.len();
        let sent = self
            .driver
            .begin_send_with(self.pipeline, connection, size)
            .and_then(|mut message| {
                message.write_bytes(&self.bytes);
                message.end_send()
            });
        match sent {
            Ok(_) => self.book.sent(client),
            Err(_) => self.book.skipped(1),
        }
    }

    fn wait_for_the_last(&mut self) {
        let end = now() + GRACE;
        self.due.clear();
        // The messages written last are still in the outboxes.
        self.turn(Duration::ZERO);
        while self.book.missing() > 0 && now() < end && self.book.closed() < self.plan.clients {
            self.turn(Duration::from_millis(1));
            self.due.clear();
        }
    }

    /// Disconnects all clients, and lets their last packets leave.
    fn leave(&mut self) {
        for connection in &self.connections {
            self.driver.disconnect(*connection);
        }
        self.driver.update();
        self.driver.update();
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rates are 0.1 to 10,000")]
fn most_under_way(rate: f64) -> u32 {
    (rate * BEHIND).max(FEWEST_BEHIND).ceil() as u32
}

/// When messages leave.
enum Pace {
    Rate(Schedule),
    Window,
}

impl Pace {
    fn new(load: &LoadArgs) -> Self {
        match load.window {
            Some(_) => Self::Window,
            None => Self::Rate(Schedule::new(load.rate, now())),
        }
    }

    fn is_window(&self) -> bool {
        matches!(self, Self::Window)
    }
}

/// The slices of a rate, one after the other.
#[derive(Debug)]
struct Schedule {
    /// Between two slices.
    step: Duration,
    slice: u32,
    /// When the next slice is due.
    next: Instant,
}

impl Schedule {
    fn new(rate: f64, start: Instant) -> Self {
        Self {
            step: Duration::from_secs_f64(1.0 / (rate * f64::from(SLICES))),
            slice: 0,
            next: start,
        }
    }

    /// The next slice, if its time has come. At most one tick is made up for.
    fn due(&mut self, now: Instant) -> Option<u32> {
        let late = now.checked_duration_since(self.next)?;
        if late > self.step * SLICES {
            return None;
        }
        let slice = self.slice;
        self.advance();
        Some(slice)
    }

    /// Leaves out whole ticks that nobody had time for. Returns the messages that did not leave.
    fn skip(&mut self, now: Instant, clients: usize) -> u64 {
        let mut ticks = 0;
        while now
            .checked_duration_since(self.next)
            .is_some_and(|late| late > self.step * SLICES)
        {
            self.next += self.step * SLICES;
            ticks += 1;
        }
        ticks * (clients as u64)
    }

    fn advance(&mut self) {
        self.slice = (self.slice + 1) % SLICES;
        self.next += self.step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_has_each_slice_once_in_order() {
        let start = now();
        let mut schedule = Schedule::new(50.0, start);
        let almost = start + Duration::from_millis(19);
        let slices: Vec<u32> = std::iter::from_fn(|| schedule.due(almost)).collect();
        assert_eq!(slices, (0..SLICES).collect::<Vec<_>>());
        assert_eq!(schedule.due(start + Duration::from_millis(20)), Some(0));
    }

    #[test]
    fn whole_ticks_that_were_missed_are_left_out_and_counted() {
        let start = now();
        let mut schedule = Schedule::new(50.0, start);
        let late = start + Duration::from_millis(65);
        assert_eq!(schedule.due(late), None);
        assert_eq!(schedule.skip(late, 10), 30);
        assert_eq!(schedule.due(late), Some(0));
    }
}
