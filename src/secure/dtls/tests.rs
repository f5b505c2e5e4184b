//! Handshakes between two ends on a network of their own, with virtual time.

mod client_machine;
mod cookies;
mod dimpl;
mod failures;
mod hellos;
mod injection;
mod limits;
mod machine;
mod network;
mod openssl;
mod profile;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::handshake::Established;
use super::hello::VerifiedHello;
use super::*;
use crate::address::NetworkEndpoint;
use crate::crypto::{Cookies, Identity, ServerName, Trust, WallTime};
use crate::random::Random;
use crate::secure::{Association, Opened, Outgoing};
use crate::time::Timestamp;

/// The text of one of the committed test identities' files.
fn certs(name: &str) -> String {
    let path = format!("{}/certs/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn identity(name: &str) -> Identity {
    Identity::from_pem(certs(&format!("{name}.pem")), certs(&format!("{name}.key"))).unwrap()
}

fn trust(name: &str) -> Trust {
    Trust::from_pem(certs(&format!("{name}-ca.pem"))).unwrap()
}

/// A day on which the test identities are valid.
fn wall() -> WallTime {
    WallTime::from_unix_seconds(1_830_000_000)
}

/// The kind of the certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Ecdsa,
    Rsa,
}

impl Key {
    const ALL: [Self; 2] = [Self::Ecdsa, Self::Rsa];

    fn name(self) -> &'static str {
        match self {
            Self::Ecdsa => "ecdsa",
            Self::Rsa => "rsa",
        }
    }

    fn server_config(self) -> ServerConfig {
        ServerConfig::new(identity(&format!("{}-server", self.name())))
    }

    fn client_config(self) -> ClientConfig {
        let trust = trust(&format!("{}-server", self.name()));
        ClientConfig::new(trust, ServerName::new("localhost").unwrap())
    }

    fn client_identity(self) -> Identity {
        identity(&format!("{}-client", self.name()))
    }

    fn client_trust(self) -> ClientTrust {
        ClientTrust {
            trust: trust(&format!("{}-client", self.name())),
            name: None,
        }
    }
}

fn endpoint(text: &str) -> NetworkEndpoint {
    text.parse().unwrap()
}

fn client_address() -> NetworkEndpoint {
    endpoint("192.0.2.7:50000")
}

fn server_address() -> NetworkEndpoint {
    endpoint("198.51.100.1:7777")
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Shares of a hundred.
#[derive(Clone, Copy, Debug, Default)]
struct Weather {
    loss: u64,
    duplication: u64,
    /// How many are held back by up to 100 ms.
    reordering: u64,
}

/// Which end a datagram is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum To {
    Server,
    Client,
}

/// A server as an integrator would write it, for one client.
struct ServerEnd {
    config: Arc<ServerConfig>,
    cookies: Cookies,
    handshake: Option<Box<ServerHandshake>>,
    up: Option<Box<Established>>,
    failed: Option<HandshakeError>,
    received: Vec<Vec<u8>>,
    /// Whether signatures are made at once.
    signs: bool,
    signatures: u32,
}

/// A client as an integrator would write it.
struct ClientEnd {
    handshake: Option<Box<ClientHandshake>>,
    up: Option<Box<Established>>,
    failed: Option<HandshakeError>,
    received: Vec<Vec<u8>>,
}

/// Both ends and what is between them.
struct World {
    now: Timestamp,
    random: Random,
    weather: Weather,
    client: ClientEnd,
    server: ServerEnd,
    air: BTreeMap<(Timestamp, u64), (To, Vec<u8>)>,
    launched: u64,
    /// Everything that was ever sent.
    history: Vec<(Timestamp, To, Vec<u8>)>,
}

impl World {
    fn new(server: ServerConfig, client: ClientConfig) -> Self {
        Self::stormy(server, client, Weather::default(), 0)
    }

    fn stormy(server: ServerConfig, client: ClientConfig, weather: Weather, seed: u64) -> Self {
        let now = Timestamp::from_micros(1_000_000);
        let mut out = Outgoing::default();
        let handshake = ClientHandshake::start(&Arc::new(client), now, wall(), &mut out).unwrap();
        let mut world = Self {
            now,
            random: Random::new(Some(seed), 7),
            weather,
            client: ClientEnd {
                handshake: Some(Box::new(handshake)),
                up: None,
                failed: None,
                received: vec![],
            },
            server: ServerEnd {
                config: Arc::new(server),
                cookies: Cookies::new(&mut Random::System, now).unwrap(),
                handshake: None,
                up: None,
                failed: None,
                received: vec![],
                signs: true,
                signatures: 0,
            },
            air: BTreeMap::new(),
            launched: 0,
            history: vec![],
        };
        world.launch(To::Server, &out);
        world
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.random.u64().unwrap() % 100 < percent
    }

    fn launch(&mut self, to: To, out: &Outgoing) {
        for datagram in out.datagrams() {
            self.history.push((self.now, to, datagram.to_vec()));
            let copies = 1 + u64::from(self.chance(self.weather.duplication));
            for _ in 0..copies {
                if self.chance(self.weather.loss) {
                    continue;
                }
                let mut delay = 10_000;
                if self.chance(self.weather.reordering) {
                    delay += self.random.u64().unwrap() % 100_000;
                }
                self.put(to, datagram.to_vec(), Duration::from_micros(delay));
            }
        }
    }

    fn put(&mut self, to: To, datagram: Vec<u8>, delay: Duration) {
        self.launched += 1;
        self.air
            .insert((self.now + delay, self.launched), (to, datagram));
    }

    /// When something happens next.
    fn next(&self) -> Timestamp {
        let landing = self.air.keys().next().map_or(Timestamp::NEVER, |key| key.0);
        let client = self.client.handshake.as_ref();
        let server = self.server.handshake.as_ref();
        landing
            .min(client.map_or(Timestamp::NEVER, |handshake| handshake.deadline()))
            .min(server.map_or(Timestamp::NEVER, |handshake| handshake.deadline()))
    }

    /// Lets the next thing happen. False if nothing will.
    fn step(&mut self) -> bool {
        let next = self.next();
        if next == Timestamp::NEVER {
            return false;
        }
        self.now = self.now.max(next);
        let now = self.now;
        if let Some(entry) = self.air.first_entry()
            && entry.key().0 <= now
        {
            let (to, datagram) = entry.remove();
            self.deliver(to, datagram);
            return true;
        }
        let mut out = Outgoing::default();
        if let Some(handshake) = &mut self.client.handshake
            && handshake.deadline() <= now
        {
            let progress = handshake.handle_timeout(now, &mut out);
            self.client.take(progress);
            self.launch(To::Server, &out);
            out.clear();
        }
        if let Some(handshake) = &mut self.server.handshake
            && handshake.deadline() <= now
        {
            let progress = handshake.handle_timeout(now, &mut out);
            self.server.take(now, progress, &mut out);
            self.launch(To::Client, &out);
        }
        true
    }

    fn deliver(&mut self, to: To, mut datagram: Vec<u8>) {
        let mut out = Outgoing::default();
        match to {
            To::Client => {
                self.client.handle(self.now, &mut datagram, &mut out);
                self.launch(To::Server, &out);
            }
            To::Server => {
                self.server.handle(self.now, &mut datagram, &mut out);
                self.launch(To::Client, &out);
            }
        }
    }

    fn run_until(&mut self, end: Timestamp) {
        while !self.is_settled() && self.next() <= end && self.step() {}
    }

    fn run(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    fn is_settled(&self) -> bool {
        let client = self.client.up.is_some() || self.client.failed.is_some();
        let server = self.server.up.is_some() || self.server.failed.is_some();
        client && server
    }

    fn is_up(&self) -> bool {
        self.client.up.is_some() && self.server.up.is_some()
    }

    /// Both are up, and understand each other.
    fn assert_talks(&mut self) {
        assert!(
            self.is_up(),
            "client {:?} {:?}, server {:?} {:?}",
            self.client.failed,
            self.client.handshake,
            self.server.failed,
            self.server.handshake
        );
        let client = &mut self.client.up.as_mut().unwrap().association;
        let server = &mut self.server.up.as_mut().unwrap().association;
        assert_eq!(client.suite(), server.suite());
        for text in [&b"to the server"[..], &[7; 1_300], b""] {
            let mut datagram = seal(client, text);
            assert_eq!(datagram.len(), text.len() + client.expansion());
            assert_eq!(open(server, &mut datagram).as_deref(), Some(text));
            let mut datagram = seal(server, text);
            assert_eq!(open(client, &mut datagram).as_deref(), Some(text));
        }
    }
}

impl ServerEnd {
    fn handle(&mut self, now: Timestamp, datagram: &mut [u8], out: &mut Outgoing) {
        self.cookies.rotate(&mut Random::System, now).unwrap();
        if let Some(up) = &mut self.up {
            let mut at = 0;
            while at < datagram.len() {
                let step = up.association.open(datagram, at);
                match step.outcome {
                    Ok(Opened::Application(range)) => self.received.push(datagram[range].to_vec()),
                    Ok(Opened::RepeatLastFlight) => up.association.repeat_last_flight(now, out),
                    Ok(Opened::Alert(_)) | Err(_) => {}
                }
                at = step.next;
            }
            return;
        }
        let known = self
            .handshake
            .as_ref()
            .map(|handshake| *handshake.client_random());
        let stranger = peek_hello(datagram).is_some_and(|peek| Some(peek.random) != known);
        if stranger || self.handshake.is_none() {
            let mut answer = Vec::new();
            let (peer, local) = (client_address(), server_address());
            match handle_hello(datagram, peer, local, &self.cookies, now, &mut answer) {
                HelloVerdict::Answered => out.push(|bytes| bytes.append(&mut answer)),
                HelloVerdict::Verified(hello) => {
                    let (handshake, turn) =
                        ServerHandshake::start(&self.config, &hello, now, wall(), out);
                    self.handshake = Some(Box::new(handshake));
                    self.take(now, turn.progress, out);
                }
                HelloVerdict::Dropped(_) => {}
            }
            return;
        }
        if let Some(handshake) = &mut self.handshake {
            let turn = handshake.handle_datagram(now, datagram, out);
            self.take(now, turn.progress, out);
        }
    }

    fn take(&mut self, now: Timestamp, progress: Progress, out: &mut Outgoing) {
        match progress {
            Progress::Pending => {}
            Progress::NeedsSignature => {
                if self.signs
                    && let Some(handshake) = &mut self.handshake
                {
                    self.signatures += 1;
                    let progress = handshake.sign(now, out);
                    self.take(now, progress, out);
                }
            }
            Progress::Established(mut established) => {
                self.handshake = None;
                take_early(&mut established, &mut self.received);
                self.up = Some(established);
            }
            Progress::Failed(error) => {
                self.handshake = None;
                self.failed = Some(*error);
            }
        }
    }
}

impl ClientEnd {
    fn handle(&mut self, now: Timestamp, datagram: &mut [u8], out: &mut Outgoing) {
        if let Some(up) = &mut self.up {
            let mut at = 0;
            while at < datagram.len() {
                let step = up.association.open(datagram, at);
                if let Ok(Opened::Application(range)) = step.outcome {
                    self.received.push(datagram[range].to_vec());
                }
                at = step.next;
            }
        } else if let Some(handshake) = &mut self.handshake {
            let turn = handshake.handle_datagram(now, datagram, out);
            self.take(turn.progress);
        }
    }

    fn take(&mut self, progress: Progress) {
        match progress {
            Progress::Pending => {}
            Progress::NeedsSignature => unreachable!("clients sign on the spot"),
            Progress::Established(mut established) => {
                self.handshake = None;
                take_early(&mut established, &mut self.received);
                self.up = Some(established);
            }
            Progress::Failed(error) => {
                self.handshake = None;
                self.failed = Some(*error);
            }
        }
    }
}

fn take_early(established: &mut Established, received: &mut Vec<Vec<u8>>) {
    for mut record in std::mem::take(&mut established.early) {
        let step = established.association.open(&mut record, 0);
        if let Ok(Opened::Application(range)) = step.outcome {
            received.push(record[range].to_vec());
        }
    }
}

/// One datagram with `text` in it.
fn seal(association: &mut Association, text: &[u8]) -> Vec<u8> {
    let headroom = association.headroom();
    let mut buffer = vec![0; headroom];
    buffer.extend_from_slice(text);
    buffer.resize(headroom + text.len() + Association::TAILROOM, 0);
    let record = association.seal(&mut buffer, headroom..headroom + text.len());
    assert_eq!(record, Ok(0..buffer.len()));
    buffer
}

/// The text of a datagram of one application record.
fn open(association: &mut Association, datagram: &mut [u8]) -> Option<Vec<u8>> {
    let step = association.open(datagram, 0);
    assert_eq!(step.next, datagram.len());
    match step.outcome {
        Ok(Opened::Application(range)) => Some(datagram[range].to_vec()),
        _ => None,
    }
}
