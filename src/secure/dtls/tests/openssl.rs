//! Against OpenSSL's command line, in both roles, over loopback: a peer that nobody here wrote.
//!
//! Where there is no `openssl` these tests say so and pass.

#![expect(
    clippy::disallowed_types,
    reason = "a pump between a socket and the sans-IO types, for tests alone"
)]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;

use super::*;
use crate::crypto::CipherSuite;

/// Time that passes while nothing arrives.
const TICK: Duration = Duration::from_millis(20);

fn certificate(name: &str) -> String {
    format!("{}/certs/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// OpenSSL's name of a suite.
fn cipher(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::EcdsaAes256Gcm => "ECDHE-ECDSA-AES256-GCM-SHA384",
        CipherSuite::RsaAes256Gcm => "ECDHE-RSA-AES256-GCM-SHA384",
        CipherSuite::EcdsaChaCha20Poly1305 => "ECDHE-ECDSA-CHACHA20-POLY1305",
        CipherSuite::RsaChaCha20Poly1305 => "ECDHE-RSA-CHACHA20-POLY1305",
    }
}

/// One cell of the matrix.
#[derive(Clone, Copy, Debug)]
struct Cell {
    key: Key,
    suite: CipherSuite,
    mutual: bool,
    mtu: usize,
}

fn cells() -> Vec<Cell> {
    let mut cells = vec![];
    for (key, suite) in [
        (Key::Ecdsa, CipherSuite::EcdsaAes256Gcm),
        (Key::Ecdsa, CipherSuite::EcdsaChaCha20Poly1305),
        (Key::Rsa, CipherSuite::RsaAes256Gcm),
        (Key::Rsa, CipherSuite::RsaChaCha20Poly1305),
    ] {
        for mutual in [false, true] {
            for mtu in [1_400, 300] {
                cells.push(Cell {
                    key,
                    suite,
                    mutual,
                    mtu,
                });
            }
        }
    }
    cells
}

/// A running `openssl`, ended when dropped.
struct Peer {
    child: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
}

impl Peer {
    /// None, and a loud line, if there is no `openssl`.
    fn start(arguments: &[String]) -> Option<Self> {
        let child = Command::new("openssl")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) => {
                println!("SKIPPED: no `openssl` to test against: {error}");
                return None;
            }
        };
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Some(Self {
            child,
            input,
            lines,
        })
    }

    fn write(&mut self, line: &str) {
        self.input.write_all(line.as_bytes()).unwrap();
        self.input.flush().unwrap();
    }

    fn has_written(&self, text: &str) -> bool {
        self.lines.try_iter().any(|line| line.contains(text))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A socket whose clock advances when it has waited.
struct Pump {
    socket: UdpSocket,
    peer: Option<SocketAddr>,
    now: Timestamp,
}

impl Pump {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(TICK)).unwrap();
        Self {
            socket,
            peer: None,
            now: Timestamp::from_micros(1),
        }
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; 2_048];
        match self.socket.recv_from(&mut buffer) {
            Ok((len, from)) => {
                self.peer = Some(from);
                Some(buffer[..len].to_vec())
            }
            Err(_) => {
                self.now = self.now + TICK;
                None
            }
        }
    }

    fn send(&self, out: &mut Outgoing) {
        for datagram in out.datagrams() {
            // Nobody is there yet, or any more.
            let _ = self.socket.send_to(datagram, self.peer.unwrap());
        }
        out.clear();
    }

    fn is_late(&self) -> bool {
        self.now > Timestamp::ZERO + seconds(40)
    }
}

/// A free port: bound, and let go.
fn free_port() -> u16 {
    Pump::new().port()
}

fn strings(arguments: &[&str]) -> Vec<String> {
    arguments
        .iter()
        .map(|&argument| argument.to_owned())
        .collect()
}

fn client_arguments(cell: Cell, port: u16, name: &str) -> Vec<String> {
    let mut arguments = strings(&[
        "s_client",
        "-dtls1_2",
        "-quiet",
        "-verify_return_error",
        "-servername",
        name,
        "-verify_hostname",
        name,
        "-cipher",
        cipher(cell.suite),
        "-CAfile",
        &certificate(&format!("{}-server-ca.pem", cell.key.name())),
        "-connect",
        &format!("127.0.0.1:{port}"),
        "-mtu",
        &cell.mtu.to_string(),
    ]);
    if cell.mutual {
        arguments.extend(strings(&[
            "-cert",
            &certificate(&format!("{}-client.pem", cell.key.name())),
            "-key",
            &certificate(&format!("{}-client.key", cell.key.name())),
        ]));
    }
    arguments
}

fn server_of(cell: Cell) -> ServerEnd {
    let mut config = cell.key.server_config();
    config.common.mtu = cell.mtu;
    if cell.mutual {
        config.clients = ClientAuthentication::Required(cell.key.client_trust());
    }
    World::new(config, cell.key.client_config()).server
}

/// Serves until the client is done, its text has been answered, or all hope is gone.
fn serve(cell: Cell, name: &str) -> Option<ServerEnd> {
    let mut pump = Pump::new();
    let mut peer = Peer::start(&client_arguments(cell, pump.port(), name))?;
    let mut server = server_of(cell);
    let mut out = Outgoing::default();
    let mut answered = false;
    peer.write("from the client\n");
    while !pump.is_late() {
        if let Some(mut datagram) = pump.receive() {
            server.handle(pump.now, &mut datagram, &mut out);
        }
        if let Some(handshake) = &mut server.handshake
            && handshake.deadline() <= pump.now
        {
            let progress = handshake.handle_timeout(pump.now, &mut out);
            server.take(pump.now, progress, &mut out);
        }
        if let Some(up) = &mut server.up
            && !answered
            && server
                .received
                .iter()
                .any(|text| text.starts_with(b"from the client"))
        {
            answered = true;
            let datagram = seal(&mut up.association, b"from the server\n");
            out.push(|bytes| bytes.extend_from_slice(&datagram));
        }
        if !out.is_empty() {
            pump.send(&mut out);
        }
        if server.failed.is_some() || (answered && peer.has_written("from the server")) {
            return Some(server);
        }
    }
    panic!("{cell:?}: {:?} {:?}", server.handshake, server.received);
}

#[test]
fn openssl_connects_to_our_server() {
    for cell in cells() {
        let Some(server) = serve(cell, "localhost") else {
            return;
        };
        let up = server
            .up
            .unwrap_or_else(|| panic!("{cell:?}: {:?}", server.failed));
        assert_eq!(up.association.suite(), cell.suite);
        assert_eq!(up.peer.is_some(), cell.mutual);
        println!("openssl s_client: {cell:?} ok");
    }
}

#[test]
fn openssl_refuses_our_certificate_for_another_name() {
    let cell = cells()[0];
    let Some(server) = serve(cell, "other.example") else {
        return;
    };
    let error = server.failed.unwrap();
    assert!(matches!(error, HandshakeError::PeerAlert { .. }), "{error}");
}

fn server_arguments(cell: Cell, port: u16) -> Vec<String> {
    let mut arguments = strings(&[
        "s_server",
        "-dtls1_2",
        "-quiet",
        "-listen",
        "-cipher",
        cipher(cell.suite),
        "-cert",
        &certificate(&format!("{}-server.pem", cell.key.name())),
        "-key",
        &certificate(&format!("{}-server.key", cell.key.name())),
        "-accept",
        &format!("127.0.0.1:{port}"),
        "-mtu",
        &cell.mtu.to_string(),
    ]);
    if cell.mutual {
        arguments.extend(strings(&[
            "-Verify",
            "2",
            "-verify_return_error",
            "-CAfile",
            &certificate(&format!("{}-client-ca.pem", cell.key.name())),
        ]));
    }
    arguments
}

/// Connects until both sides have heard each other, or all hope is gone.
fn connect(cell: Cell, name: &str) -> Option<ClientEnd> {
    let port = free_port();
    let mut peer = Peer::start(&server_arguments(cell, port))?;
    let mut pump = Pump::new();
    pump.peer = Some(SocketAddr::from(([127, 0, 0, 1], port)));
    let mut config = cell.key.client_config();
    config.server_name = ServerName::new(name).unwrap();
    config.common.mtu = cell.mtu;
    config.common.timing.first_pause = Duration::from_millis(100);
    config.common.timing.longest_pause = Duration::from_millis(500);
    config.common.timing.handshake = seconds(30);
    if cell.mutual {
        config.identity = Some(cell.key.client_identity());
    }
    let mut out = Outgoing::default();
    let handshake = ClientHandshake::start(&Arc::new(config), pump.now, wall(), &mut out).unwrap();
    let mut client = ClientEnd {
        handshake: Some(Box::new(handshake)),
        up: None,
        failed: None,
        received: vec![],
    };
    let mut said = false;
    while !pump.is_late() {
        if !out.is_empty() {
            pump.send(&mut out);
        }
        if let Some(mut datagram) = pump.receive() {
            client.handle(pump.now, &mut datagram, &mut out);
        }
        if let Some(handshake) = &mut client.handshake
            && handshake.deadline() <= pump.now
        {
            let progress = handshake.handle_timeout(pump.now, &mut out);
            client.take(progress);
        }
        if let Some(up) = &mut client.up
            && !said
        {
            said = true;
            let datagram = seal(&mut up.association, b"from the client\n");
            out.push(|bytes| bytes.extend_from_slice(&datagram));
        }
        if said && peer.has_written("from the client") {
            peer.write("from the server\n");
        }
        let heard = client
            .received
            .iter()
            .any(|text| text.starts_with(b"from the server"));
        if client.failed.is_some() || heard {
            pump.send(&mut out);
            return Some(client);
        }
    }
    panic!("{cell:?}: {:?} {:?}", client.handshake, client.received);
}

#[test]
fn we_connect_to_openssls_server() {
    for cell in cells() {
        let Some(client) = connect(cell, "localhost") else {
            return;
        };
        let up = client
            .up
            .unwrap_or_else(|| panic!("{cell:?}: {:?}", client.failed));
        assert_eq!(up.association.suite(), cell.suite);
        println!("openssl s_server: {cell:?} ok");
    }
}

#[test]
fn we_refuse_openssls_certificate_for_another_name() {
    let cell = cells()[0];
    let Some(client) = connect(cell, "other.example") else {
        return;
    };
    let error = client.failed.unwrap();
    assert!(matches!(error, HandshakeError::Certificate(_)), "{error}");
}
