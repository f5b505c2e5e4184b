//! A server's figures, and how a server child gives them to its parent.

use std::io::BufRead;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use drumfire::NetworkDriver;
use drumfire::driver::DriverStatistics;

use crate::clock;
use crate::histogram::Histogram;
use crate::process;
use crate::protocol::{Figures, Handshakes, Packets, ServerLine, Stages};
use crate::say;
use crate::stop::Stop;

/// Name of the drops the kernel makes before a program sees the datagram.
const KERNEL: &str = "kernel_receive_buffer_full";

/// Datagrams the kernel dropped for want of receive buffer.
pub(crate) fn kernel_drops(figures: &Figures) -> u64 {
    figures.drops.get(KERNEL).copied().unwrap_or(0)
}

/// What every process knows of itself.
pub(crate) fn process_figures(started: Instant) -> Figures {
    Figures {
        uptime_s: started.elapsed().as_secs_f64(),
        cpu_us: clock::cpu_time().as_secs_f64() * 1e6,
        rss_bytes: process::resident_bytes(),
        ..Figures::default()
    }
}

/// What a driver counted.
pub(crate) fn driver_figures(
    driver: &NetworkDriver,
    updates: &Histogram,
    started: Instant,
) -> Figures {
    let statistics = driver.statistics();
    let mut figures = process_figures(started);
    figures.connections = statistics.connections;
    figures.updates = updates.total();
    figures.update_us = Some(updates.percentiles());
    figures.stage_us = Some(stages(statistics));
    figures.packets = Packets {
        incoming: statistics.inward.entered,
        outgoing: statistics.sent.passed,
    };
    figures.handshakes = handshakes(statistics);
    figures.receive_buffer = statistics.interface.receive_buffer;
    let drops = statistics
        .inward
        .drops
        .iter()
        .chain(statistics.outward.drops.iter());
    for (reason, count) in drops.chain(statistics.sent.drops.iter()) {
        *figures.drops.entry(reason.name().to_owned()).or_default() += count;
    }
    if statistics.interface.kernel_drops > 0 {
        figures
            .drops
            .insert(KERNEL.to_owned(), statistics.interface.kernel_drops);
    }
    figures
}

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
fn handshakes(statistics: &DriverStatistics) -> Handshakes {
    Handshakes {
        completed: statistics.handshakes.completed,
        failed: statistics.handshakes.failed,
    }
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
fn handshakes(_: &DriverStatistics) -> Handshakes {
    Handshakes::default()
}

fn stages(statistics: &DriverStatistics) -> Stages {
    let times = &statistics.stage_times;
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    Stages {
        receive: micros(times.receive),
        route: micros(times.route),
        decrypt: micros(times.decrypt),
        process: micros(times.process),
        send: micros(times.send),
        handshake: micros(times.handshake),
        finish: micros(times.finish),
    }
}

/// The ear and mouth of a server child; deaf and mute in a server that people started.
pub(crate) struct Reporter {
    wishes: Option<Receiver<String>>,
    stop: Stop,
}

impl Reporter {
    pub(crate) fn new(machine: bool, stop: &Stop) -> Self {
        Self {
            wishes: machine.then(listen),
            stop: stop.clone(),
        }
    }

    pub(crate) fn say(&self, line: &ServerLine) {
        if self.wishes.is_some()
            && let Ok(text) = serde_json::to_string(line)
        {
            say::out(&text);
        }
    }

    /// Answers what was asked since the last call. Costs next to nothing if nothing was.
    pub(crate) fn answer(
        &mut self,
        updates: &mut Histogram,
        figures: impl Fn(&Histogram) -> Figures,
    ) {
        let Some(wishes) = &self.wishes else {
            return;
        };
        match wishes.try_recv() {
            Ok(wish) if wish == "mark" => {
                self.say(&ServerLine::Figures(figures(updates)));
                updates.reset();
            }
            Ok(wish) if wish == "peek" => self.say(&ServerLine::Figures(figures(updates))),
            Ok(_) | Err(TryRecvError::Disconnected) => self.stop.request(),
            Err(TryRecvError::Empty) => {}
        }
    }
}

/// The lines of stdin, read by a thread that sleeps in between.
fn listen() -> Receiver<String> {
    let (sender, wishes) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    wishes
}
