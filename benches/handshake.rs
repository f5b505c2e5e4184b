//! Handshakes beside live traffic: what 500 of them a second do to the echoes of 500 connections.
//!
//! A secure server echoes what 500 clients send at 60 Hz, each through a socket of its own. Rounds take
//! turns: nobody else comes; 500 newcomers a second shake hands with another server of the same
//! process, and leave; they do so with the players' own. On a machine with few processors all of that
//! work competes with the echoes wherever it is done, so the second is what the third compares with:
//! the difference is what handshakes cost the driver's live traffic.
//!
//! ```text
//! cargo bench --bench handshake
//! ```

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock: that is what it is for"
)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark that cannot be set up has nothing to say, and a table is printed"
)]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use drumfire::settings::{InlineThreshold, SecureClient, SecureServer};
use drumfire::{NetworkConnection, NetworkDriver, NetworkEvent, NetworkPipeline, NetworkSettings};

#[path = "../src/bin/drumfire/many.rs"]
mod many;

use many::{ManySockets, seat};

const PLAYERS: usize = 500;
const TICK: Duration = Duration::from_micros(16_667);
/// Parts of a tick, in each of which as many players send.
const PARTS: usize = 25;
/// Time for the last echoes of a round.
const GRACE: Duration = Duration::from_millis(200);
/// Handshakes a second.
const NEWCOMERS: u32 = 500;
/// Their sockets, used in turn.
const SEATS: usize = 512;
/// Bytes of a message: the time it was sent, and padding.
const MESSAGE: usize = 64;

/// Servers that newcomers come to: the players', another, none.
const HERE: usize = 0;
const ELSEWHERE: usize = 1;
const NOWHERE: usize = 2;

/// What the threads tell each other. Relaxed: nothing else depends on it.
#[derive(Default)]
struct Signals {
    over: AtomicBool,
    /// To which of the servers newcomers come; to none, if there is no such server.
    open: AtomicUsize,
    arrived: AtomicU64,
    failed: AtomicU64,
}

fn server() -> NetworkDriver {
    let identity = SecureServer::from_pem(
        include_str!("../certs/ecdsa-server.pem"),
        include_str!("../certs/ecdsa-server.key"),
    )
    .unwrap();
    let settings = NetworkSettings::builder()
        .secure_server(identity)
        .max_connections_per_ip(0)
        .dtls_half_open_per_ip(1_000)
        .handshake_rate(10_000)
        .handshake_rate_per_ip(10_000)
        .build()
        .unwrap();
    let mut server = NetworkDriver::new(settings).unwrap();
    server.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    server.listen().unwrap();
    server
}

/// Echoes until it is over.
fn serve(mut server: NetworkDriver, signals: &Signals) {
    while !signals.over.load(Ordering::Relaxed) {
        server.update();
        while server.accept().is_some() {}
        let mut echoes: Vec<(NetworkConnection, [u8; MESSAGE])> = Vec::new();
        while let Some((connection, event)) = server.pop_event() {
            if let NetworkEvent::Data { mut reader, .. } = event {
                let mut bytes = [0; MESSAGE];
                reader.read_bytes(&mut bytes);
                echoes.push((connection, bytes));
            }
        }
        let any = !echoes.is_empty();
        for (connection, bytes) in echoes {
            if let Ok(mut message) = server.begin_send(NetworkPipeline::NULL, connection) {
                message.write_bytes(&bytes);
                let _ = message.end_send();
            }
        }
        if any {
            server.schedule_flush_send().complete();
        }
        server.wait(Duration::from_millis(5));
    }
}

/// A driver for `count` clients, each through a socket of its own.
fn clients(to: SocketAddr, count: usize) -> NetworkDriver {
    let trust = SecureClient::new("server.drumfire.test")
        .ca_pem(include_str!("../certs/ecdsa-server-ca.pem"))
        .unwrap();
    let settings = NetworkSettings::builder()
        .secure_client(trust)
        .inline_threshold(InlineThreshold::AlwaysInline)
        .build()
        .unwrap();
    let sockets = ManySockets::open(to, count).unwrap();
    let mut driver = NetworkDriver::with_interface(settings, sockets).unwrap();
    driver.bind(seat(0)).unwrap();
    driver
}

/// Newcomers to one of the servers, at their rate while they may, each gone as soon as it was let in.
fn come_and_go(to: SocketAddr, which: usize, signals: &Signals) {
    let mut driver = clients(to, SEATS);
    let (mut next, mut last) = (Instant::now(), 0);
    while !signals.over.load(Ordering::Relaxed) {
        let now = Instant::now();
        if signals.open.load(Ordering::Relaxed) != which {
            next = now;
        }
        while next < now {
            next += Duration::from_secs(1) / NEWCOMERS;
            last = (last + 1) % SEATS;
            driver.connect(seat(last)).unwrap();
        }
        driver.update();
        let mut connected = Vec::new();
        while let Some((connection, event)) = driver.pop_event() {
            match event {
                NetworkEvent::Connect { .. } => connected.push(connection),
                NetworkEvent::Disconnect { .. } => {
                    signals.failed.fetch_add(1, Ordering::Relaxed);
                }
                _ => {}
            }
        }
        for connection in connected {
            signals.arrived.fetch_add(1, Ordering::Relaxed);
            driver.disconnect(connection);
        }
        driver.wait(Duration::from_millis(1));
    }
}

/// The players.
struct Players {
    driver: NetworkDriver,
    connections: Vec<NetworkConnection>,
    began: Instant,
    /// Nanoseconds that echoes took.
    took: Vec<u64>,
}

impl Players {
    fn new(to: SocketAddr) -> Self {
        let mut driver = clients(to, PLAYERS);
        let mut connections = Vec::new();
        for player in 0..PLAYERS {
            connections.push(driver.connect(seat(player)).unwrap());
            while driver.pop_event().is_none() {
                driver.wait(Duration::from_millis(1));
                driver.update();
            }
        }
        Self {
            driver,
            connections,
            began: Instant::now(),
            took: Vec::new(),
        }
    }

    /// Plays for `time`; the 50th and 99th of a hundred echoes, in microseconds, and the share lost.
    fn play(&mut self, time: Duration) -> [f64; 3] {
        self.took.clear();
        let part = TICK / u32::try_from(PARTS).unwrap();
        let groups: Vec<Vec<NetworkConnection>> = self
            .connections
            .chunks(PLAYERS / PARTS)
            .map(<[_]>::to_vec)
            .collect();
        let (start, mut sent) = (Instant::now(), 0_usize);
        let mut next = start;
        for group in groups.iter().cycle() {
            if next >= start + time {
                break;
            }
            while Instant::now() < next {
                self.listen(next);
            }
            for connection in group {
                let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap();
                let mut message = self
                    .driver
                    .begin_send(NetworkPipeline::NULL, *connection)
                    .unwrap();
                message.write_ulong(now);
                message.write_bytes(&[7; MESSAGE - 8]);
                message.end_send().unwrap();
                sent += 1;
            }
            self.driver.schedule_flush_send().complete();
            next += part;
        }
        let grace = Instant::now() + GRACE;
        while Instant::now() < grace {
            self.listen(grace);
        }
        self.took.sort_unstable();
        let at = |percent: usize| {
            let index = self.took.len().saturating_sub(1) * percent / 100;
            self.took.get(index).copied().unwrap_or(0) as f64 / 1_000.0
        };
        let lost = sent.saturating_sub(self.took.len()) as f64 / sent.max(1) as f64;
        [at(50), at(99), lost]
    }

    /// Waits for echoes until then, and takes those that are there.
    fn listen(&mut self, until: Instant) {
        self.driver
            .wait(until.saturating_duration_since(Instant::now()));
        self.driver.update();
        while let Some((_, event)) = self.driver.pop_event() {
            if let NetworkEvent::Data { mut reader, .. } = event {
                let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap();
                self.took.push(now.saturating_sub(reader.read_ulong()));
            }
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    let (rounds, time) = if test {
        (1, Duration::from_millis(200))
    } else {
        (7, Duration::from_secs(2))
    };
    let mut servers = [server(), server()];
    let to = servers
        .each_mut()
        .map(|server| server.local_endpoint().to_socket_addr().unwrap());
    let signals = Signals::default();
    thread::scope(|threads| {
        for (which, server) in servers.into_iter().enumerate() {
            let (to, signals) = (to[which], &signals);
            threads.spawn(move || serve(server, signals));
            threads.spawn(move || come_and_go(to, which, signals));
        }
        signals.open.store(NOWHERE, Ordering::Relaxed);
        let mut players = Players::new(to[HERE]);
        players.play(time / 4);
        let mut all = [const { Vec::new() }; 3];
        for _ in 0..rounds {
            for (figures, open) in all.iter_mut().zip([NOWHERE, ELSEWHERE, HERE]) {
                signals.open.store(open, Ordering::Relaxed);
                figures.push(players.play(time));
            }
        }
        signals.over.store(true, Ordering::Relaxed);

        println!("| echoes of {PLAYERS} connections | p50 µs | p99 µs | lost |");
        println!("|---|---|---|---|");
        let all = all.map(|rounds| {
            [0, 1, 2].map(|which| median(rounds.iter().map(|figures| figures[which]).collect()))
        });
        let names = ["nobody comes", "handshakes elsewhere", "handshakes here"];
        for (name, [p50, p99, lost]) in names.into_iter().zip(all) {
            println!("| {name} | {p50:.0} | {p99:.0} | {:.2} % |", lost * 100.0);
        }
        let [_, elsewhere, here] = all.map(|[_, p99, _]| p99.max(1.0));
        let seconds = 2.0 * (time + GRACE).as_secs_f64() * f64::from(rounds);
        println!(
            "\np99 beside {:.0} handshakes a second here: {:.2} times that beside as many elsewhere ({} failed)",
            signals.arrived.load(Ordering::Relaxed) as f64 / seconds,
            here / elsewhere,
            signals.failed.load(Ordering::Relaxed),
        );
    });
}
