//! The crate `dimpl`, a sans-IO engine, on a socket and a thread of its own.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use dimpl::crypto::Dtls12CipherSuite;
use dimpl::{Config, Dtls, DtlsCertificate, Output};

use crate::cell::{Cell, Cipher, We};
use crate::partner::Partner;

/// Longest wait for a datagram, so that what is to be said is said soon.
const TURN: Duration = Duration::from_millis(5);

pub(crate) struct Dimpl {
    wishes: Sender<Vec<u8>>,
    output: Receiver<Vec<u8>>,
    heard: Vec<u8>,
}

impl Dimpl {
    pub(crate) fn start(cell: &Cell, port: u16) -> Self {
        let suite = match cell.cipher {
            Cipher::ChaCha20 => Dtls12CipherSuite::ECDHE_ECDSA_CHACHA20_POLY1305_SHA256,
            Cipher::Aes256 => Dtls12CipherSuite::ECDHE_ECDSA_AES256_GCM_SHA384,
        };
        let config = Config::builder()
            .require_client_certificate(cell.mutual)
            .mtu(cell.mtu.min(1_150))
            .handshake_timeout(Duration::from_secs(60))
            .flight_retries(20)
            .dtls12_cipher_suites(&[suite])
            .build()
            .unwrap();
        let name = match cell.we {
            We::Server => "client",
            We::Client => "server",
        };
        let certificate = DtlsCertificate {
            certificate: der(&cell.file(&format!("{name}.pem"))),
            private_key: der(&cell.file(&format!("{name}.key"))),
        };
        let (wishes, wished) = channel();
        let (printed, output) = channel();
        let here = ([127, 0, 0, 1], port).into();
        let (own, peer) = match cell.we {
            We::Server => (SocketAddr::from(([127, 0, 0, 1], 0)), Some(here)),
            We::Client => (here, None),
        };
        let socket = UdpSocket::bind(own).unwrap();
        socket.set_read_timeout(Some(TURN)).unwrap();
        let now = Instant::now();
        let config = Arc::new(config);
        // Its client indicates secure renegotiation only where it offers DTLS 1.3 beside 1.2.
        let mut dtls = match cell.we {
            We::Server => Dtls::new_auto(config, certificate, now),
            We::Client => Dtls::new_12(config, certificate, now),
        };
        dtls.set_active(cell.we == We::Server);
        let engine = Engine {
            dtls,
            socket,
            peer,
            wished,
            printed,
            connected: false,
        };
        std::thread::spawn(move || engine.run());
        Self {
            wishes,
            output,
            heard: Vec::new(),
        }
    }
}

impl Partner for Dimpl {
    fn is_ready(&mut self) -> bool {
        // What comes too early is dropped, not kept.
        true
    }

    fn say(&mut self, bytes: &[u8]) {
        let _ = self.wishes.send(bytes.to_vec());
    }

    fn heard(&mut self) -> &[u8] {
        self.heard.extend(self.output.try_iter().flatten());
        &self.heard
    }
}

struct Engine {
    dtls: Dtls,
    socket: UdpSocket,
    peer: Option<SocketAddr>,
    wished: Receiver<Vec<u8>>,
    printed: Sender<Vec<u8>>,
    connected: bool,
}

impl Engine {
    /// Works until its `Dimpl` is dropped, or the handshake has failed.
    fn run(mut self) {
        let mut buffer = vec![0; 4_096];
        loop {
            match self.wished.try_recv() {
                Ok(bytes) if self.connected => {
                    let _ = self.dtls.send_application_data(&bytes);
                }
                Ok(_) | Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return,
            }
            if self.peer.is_some() && self.dtls.handle_timeout(Instant::now()).is_err() {
                return;
            }
            self.answer(&mut buffer);
            if let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
                self.peer = Some(from);
                if self.dtls.handle_packet(&buffer[..length]).is_err() {
                    return;
                }
            }
            self.answer(&mut buffer);
        }
    }

    fn answer(&mut self, buffer: &mut [u8]) {
        loop {
            match self.dtls.poll_output(buffer) {
                Output::Packet(packet) => {
                    if let Some(peer) = self.peer {
                        let _ = self.socket.send_to(packet, peer);
                    }
                }
                Output::Timeout(_) => return,
                Output::Connected => self.connected = true,
                Output::ApplicationData(data) => {
                    let _ = self.printed.send(data.to_vec());
                }
                _ => {}
            }
        }
    }
}

/// What stands in the one block of a PEM file.
fn der(path: &str) -> Vec<u8> {
    use base64ct::{Base64, Encoding};

    let text = std::fs::read_to_string(path).unwrap();
    let body: String = text
        .lines()
        .filter(|line| !line.starts_with("--"))
        .collect();
    Base64::decode_vec(&body).unwrap()
}
