//! Our end of a cell: a driver on a real socket, and the partner's few words of the connection
//! protocol, which it knows nothing of and carries as application data.

use std::time::{Duration, Instant};

use drumfire::settings::{ClientAuthentication, SecureClient, SecureServer};
use drumfire::{
    ConnectionState, HandshakeError, NetworkConnection, NetworkDriver, NetworkEvent,
    NetworkPipeline, NetworkSettings, Trust, VerifyError,
};

use crate::cell::{Cell, Fault, Network, We};
use crate::line::{Line, Weather};
use crate::partner::Partner;
use crate::programs;

const REQUEST: &[u8] = b"UTP\x01\x01";
const ACCEPT: &[u8] = b"UTP\x01\x02";
/// A data packet's type and, behind the token, the pipeline that is none.
const DATA: u8 = 1;
const TOKEN: [u8; 8] = *b"aToken-8";
pub(crate) const FROM_US: &[u8] = b"from drumfire";
pub(crate) const FROM_THEM: &[u8] = b"from the partner";

/// Between two repetitions of what may have been lost.
const AGAIN: Duration = Duration::from_millis(200);
const TURN: Duration = Duration::from_millis(10);
/// What an attempt may take: TLS libraries wait seconds before they repeat a flight.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a cell of the lossy network may begin. Handshakes have ten seconds, and partners their
/// own limits: with a fifth of all datagrams lost, chance alone makes some take longer. A game's
/// client would try again, too.
const ATTEMPTS: u64 = 3;

/// Why an attempt came to nothing.
enum Failure {
    /// Something happened that should not have.
    Wrong(String),
    /// Time ran out: ours, or the handshake's.
    Late(String),
}

impl From<String> for Failure {
    fn from(what: String) -> Self {
        Self::Wrong(what)
    }
}

/// Runs a cell, and answers with why it had to begin again, once for each time.
///
/// # Errors
/// What did not happen, or should not have.
pub(crate) fn run(cell: &Cell, seed: u64) -> Result<Vec<String>, String> {
    let mut late = Vec::new();
    for attempt in 0..ATTEMPTS {
        let seed = seed * ATTEMPTS + attempt;
        let weather = (cell.network == Network::Lossy).then_some(Weather::Bad { seed });
        match finish(cell, Talk::start(cell, settings(cell)?, weather.as_ref())?) {
            Ok(()) => return Ok(late),
            Err(Failure::Late(why)) if weather.is_some() => late.push(why),
            Err(Failure::Late(why) | Failure::Wrong(why)) => return Err(why),
        }
    }
    Err(late.join("and once more: "))
}

/// Runs a cell, keeps all datagrams, and writes our keys to `keys`.
#[cfg(feature = "key-log")]
pub(crate) fn run_taped(
    cell: &Cell,
    tape: &crate::line::Tape,
    keys: crate::capture::Keys,
) -> Result<(), String> {
    let server = server(cell)?.dangerous_key_log(keys);
    let settings = NetworkSettings::builder()
        .max_message_size(cell.mtu)
        .secure_server(server);
    let weather = Weather::Taped(tape.clone());
    let talk = Talk::start(cell, settings.build().map_err(text)?, Some(&weather))?;
    match finish(cell, talk) {
        Ok(()) => Ok(()),
        Err(Failure::Late(why) | Failure::Wrong(why)) => Err(why),
    }
}

fn finish(cell: &Cell, mut talk: Talk) -> Result<(), Failure> {
    let end = Instant::now() + PATIENCE;
    let outcome = loop {
        if Instant::now() >= end {
            break Err(Failure::Late(format!("nothing came of it: {talk:?}")));
        }
        match talk.turn(cell) {
            Ok(true) => break talk.verify(cell).map_err(Failure::Wrong),
            Ok(false) => {}
            Err(failure) => break Err(failure),
        }
    };
    let diary = || talk.line.as_ref().map_or(String::new(), Line::diary);
    outcome.map_err(|failure| match failure {
        Failure::Wrong(what) => Failure::Wrong(format!("{what}\n{}", diary())),
        Failure::Late(why) => Failure::Late(format!("{why}\n{}", diary())),
    })
}

struct Talk {
    driver: NetworkDriver,
    partner: Box<dyn Partner>,
    connection: Option<NetworkConnection>,
    connected: bool,
    /// The partner's text has arrived here.
    heard: bool,
    again: Instant,
    line: Option<Line>,
}

impl std::fmt::Debug for Talk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let statistics = self.driver.statistics();
        f.debug_struct("Talk")
            .field("connected", &self.connected)
            .field("heard", &self.heard)
            .field("handshakes", &statistics.handshakes)
            .field(
                "in",
                &(
                    statistics.inward.entered,
                    statistics.inward.passed,
                    statistics.sent.passed,
                ),
            )
            .field("drops", &statistics.inward.drops)
            .finish_non_exhaustive()
    }
}

impl Talk {
    fn start(
        cell: &Cell,
        settings: NetworkSettings,
        weather: Option<&Weather>,
    ) -> Result<Self, String> {
        let mut driver = NetworkDriver::new(settings).map_err(text)?;
        let through = |port| weather.map(|weather| Line::to(port, weather));
        let (partner, connection, line) = match cell.we {
            We::Server => {
                driver
                    .bind("127.0.0.1:0".parse().map_err(text)?)
                    .map_err(text)?;
                driver.listen().map_err(text)?;
                driver.update();
                let port = driver.local_endpoint().port();
                let line = through(port);
                let port = line.as_ref().map_or(port, |line| line.port);
                (programs::start(cell, port), None, line)
            }
            We::Client => {
                let port = ports::free();
                let partner = programs::start(cell, port);
                ports::wait_until_taken(port);
                let line = through(port);
                let port = line.as_ref().map_or(port, |line| line.port);
                let server = format!("127.0.0.1:{port}").parse().map_err(text)?;
                let connection = driver.connect(server).map_err(text)?;
                (partner, Some(connection), line)
            }
        };
        Ok(Self {
            driver,
            partner,
            connection,
            connected: false,
            heard: false,
            again: Instant::now(),
            line,
        })
    }

    /// One update, and what it leads to. True when the cell is over.
    fn turn(&mut self, cell: &Cell) -> Result<bool, Failure> {
        self.driver.wait(TURN);
        self.driver.update();
        if let Some(failure) = self.driver.pop_handshake_failure() {
            let what = format!("the handshake failed: {}", failure.error);
            return match failure.error {
                error if is_as_expected(cell, &error) => Ok(true),
                HandshakeError::TimedOut { .. } => Err(Failure::Late(what)),
                _ => Err(Failure::Wrong(what)),
            };
        }
        if let Some(connection) = self.driver.accept() {
            self.connection = Some(connection);
            self.connected = true;
        }
        while let Some((_, event)) = self.driver.pop_event() {
            match event {
                NetworkEvent::Connect { .. } => self.connected = true,
                NetworkEvent::Data { mut reader, .. } => {
                    let mut bytes = vec![0; reader.length()];
                    reader.read_bytes(&mut bytes);
                    self.heard |= bytes == FROM_THEM;
                }
                NetworkEvent::Disconnect { reason } if cell.fault == Fault::None => {
                    return Err(Failure::Wrong(format!("it ended: {reason:?}")));
                }
                _ => {}
            }
        }
        if Instant::now() >= self.again {
            self.again = Instant::now() + AGAIN;
            self.speak(cell);
        }
        if self.partner.only_echoes() {
            return Ok(self.is_echoed());
        }
        Ok(self.heard && contains(self.partner.heard(), FROM_US))
    }

    /// Says what has not been heard yet, on both sides.
    fn speak(&mut self, cell: &Cell) {
        if let Some(connection) = self.connection.filter(|_| self.connected) {
            // A connection that has just ended is noticed by its event.
            let _ = self
                .driver
                .begin_send_with(NetworkPipeline::NULL, connection, FROM_US.len())
                .and_then(|mut message| {
                    message.write_bytes(FROM_US);
                    message.end_send()
                });
        }
        let heard = self.partner.heard();
        match cell.we {
            We::Server if contains(heard, ACCEPT) => self.partner.say(&data(TOKEN)),
            We::Server => {
                if self.partner.is_ready() {
                    self.partner.say(&[REQUEST, &TOKEN].concat());
                }
            }
            We::Client => {
                let Some(token) = token_of_request(heard) else {
                    return;
                };
                let words = if self.connected {
                    data(token)
                } else {
                    [ACCEPT, &token].concat()
                };
                self.partner.say(&words);
            }
        }
    }

    /// Whether our own request came back from a server that can only echo: records are fine in both
    /// directions, and the driver drops it for what it is.
    fn is_echoed(&self) -> bool {
        use drumfire::counters::DropReason;

        let drops = &self.driver.statistics().inward.drops;
        drops.get(DropReason::Unexpected) > 0
    }

    /// What was agreed on, and who each of both is.
    fn verify(&mut self, cell: &Cell) -> Result<(), String> {
        if cell.fault != Fault::None {
            return Ok(());
        }
        let connection = self.connection.ok_or("no connection")?;
        let suite = self.driver.cipher_suite(connection);
        if suite != Some(cell.suite().as_str()) {
            return Err(format!("the suite is {suite:?}, not {}", cell.suite()));
        }
        let peer = self.driver.peer_identity(connection);
        let names = peer.map(|peer| peer.names().to_vec());
        let expected = match (cell.we, cell.mutual) {
            (We::Server, false) => None,
            (We::Server, true) => Some("player.drumfire.test".to_owned()),
            (We::Client, _) => Some("server.drumfire.test".to_owned()),
        };
        let as_expected = match (&names, &expected) {
            (None, None) => true,
            (Some(names), Some(expected)) => names.contains(expected),
            _ => false,
        };
        if !as_expected {
            return Err(format!("the peer is {names:?}, not {expected:?}"));
        }
        let state = self.driver.connection_state(connection);
        if !self.partner.only_echoes() && state != ConnectionState::Connected {
            return Err(format!("the connection is {state:?}"));
        }
        Ok(())
    }
}

fn server(cell: &Cell) -> Result<SecureServer, String> {
    let (certificate, key) = (cell.file("server.pem"), cell.file("server.key"));
    let server = SecureServer::from_pem(read(certificate)?, read(key)?).map_err(text)?;
    if !cell.mutual {
        return Ok(server);
    }
    let trust = Trust::from_pem(read(cell.file("client-ca.pem"))?).map_err(text)?;
    Ok(server.client_authentication(ClientAuthentication::Required(trust)))
}

fn read(path: String) -> Result<Vec<u8>, String> {
    std::fs::read(&path).map_err(|error| format!("{path}: {error}"))
}

fn settings(cell: &Cell) -> Result<NetworkSettings, String> {
    let mut builder = NetworkSettings::builder().max_message_size(cell.mtu);
    match cell.we {
        We::Server => {
            builder = builder.secure_server(server(cell)?);
        }
        We::Client => {
            let mut client = SecureClient::new(cell.server_name())
                .ca_pem(read(cell.server_ca())?)
                .map_err(text)?;
            if cell.mutual {
                let (certificate, key) = (cell.file("client.pem"), cell.file("client.key"));
                client = client
                    .identity_pem(read(certificate)?, read(key)?)
                    .map_err(text)?;
            }
            builder = builder.secure_client(client);
        }
    }
    builder.build().map_err(text)
}

/// Whether the handshake failed as it should: the client refuses the server's certificate, in words
/// if it is ours, and by an alert if it is theirs.
fn is_as_expected(cell: &Cell, error: &HandshakeError) -> bool {
    use HandshakeError::{Certificate, PeerAlert};

    match (cell.fault, cell.we) {
        (Fault::None, _) => false,
        (_, We::Server) => matches!(error, PeerAlert { .. }),
        (Fault::Name, We::Client) => matches!(error, Certificate(VerifyError::WrongName { .. })),
        (Fault::Ca, We::Client) => matches!(error, Certificate(VerifyError::UnknownIssuer { .. })),
    }
}

fn data(token: [u8; 8]) -> Vec<u8> {
    [&[DATA][..], &token, &[0], FROM_THEM].concat()
}

/// The token of the first connection request in what a partner printed.
fn token_of_request(heard: &[u8]) -> Option<[u8; 8]> {
    let at = heard
        .windows(REQUEST.len())
        .position(|window| window == REQUEST)?;
    heard.get(at + REQUEST.len()..)?.first_chunk().copied()
}

pub(crate) fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

mod ports {
    //! Ports for servers that must be told one.

    use std::net::UdpSocket;
    use std::sync::atomic::{AtomicU16, Ordering};
    use std::time::{Duration, Instant};

    /// A port that no cell of this run has had. Others of this machine may take it in between; that
    /// they use the same range at the same time is unlikely.
    pub(super) fn free() -> u16 {
        // Relaxed: only that no number comes twice.
        static NEXT: AtomicU16 = AtomicU16::new(0);
        loop {
            let offset = NEXT.fetch_add(1, Ordering::Relaxed);
            let port = 20_000 + offset % 10_000;
            if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    }

    /// Waits until a server has its port, where the system says so: the first hello of a client that
    /// began before would be lost, and the cell wait for the second.
    pub(super) fn wait_until_taken(port: u16) {
        let end = Instant::now() + Duration::from_secs(5);
        let local = format!(":{port:04X} ");
        while let Ok(sockets) = std::fs::read_to_string("/proc/net/udp") {
            if sockets.contains(&local) || Instant::now() > end {
                return;
            }
            std::thread::yield_now();
        }
    }
}
