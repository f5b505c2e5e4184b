//! Against the `dimpl` crate, in both roles: a sans-IO engine that nobody here wrote.
//!
//! It does ECDSA only, and checks neither names nor CAs; ours checks it. Its client indicates secure
//! renegotiation only where it offers DTLS 1.3 beside 1.2.

#![expect(
    clippy::disallowed_methods,
    reason = "dimpl counts time from a clock; it is read once"
)]

use std::time::Instant;

use ::dimpl::{Config, Dtls, DtlsCertificate, Output};

use super::*;
use crate::crypto::CipherSuite;

/// A running engine.
struct Engine {
    dtls: Dtls,
    start: Instant,
    wake: Timestamp,
    connected: bool,
    received: Vec<Vec<u8>>,
}

/// How it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Server,
    /// Offers 1.3 too.
    Client,
    /// Offers 1.2 alone.
    OldClient,
}

fn der_of(pem: &str, label: &str) -> Vec<u8> {
    use base64ct::{Base64, Encoding};
    let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----")).unwrap();
    let (body, _) = rest.split_once("-----END").unwrap();
    let body: String = body.split_whitespace().collect();
    Base64::decode_vec(&body).unwrap()
}

impl Engine {
    fn new(name: &str, mode: Mode, mutual: bool, mtu: usize) -> Self {
        let config = Config::builder()
            .require_client_certificate(mutual)
            .mtu(mtu)
            .build()
            .unwrap();
        let certificate = DtlsCertificate {
            certificate: der_of(&certs(&format!("{name}.pem")), "CERTIFICATE"),
            private_key: der_of(&certs(&format!("{name}.key")), "EC PRIVATE KEY"),
        };
        let start = Instant::now();
        let config = Arc::new(config);
        let mut dtls = match mode {
            Mode::Server | Mode::OldClient => Dtls::new_12(config, certificate, start),
            Mode::Client => Dtls::new_auto(config, certificate, start),
        };
        dtls.set_active(mode != Mode::Server);
        Self {
            dtls,
            start,
            wake: Timestamp::ZERO,
            connected: false,
            received: vec![],
        }
    }

    fn at(&self, now: Timestamp) -> Instant {
        self.start + Duration::from_micros(now.as_micros())
    }

    /// What it has to send.
    fn poll(&mut self) -> Vec<Vec<u8>> {
        let mut packets = vec![];
        let mut buffer = vec![0; 4_096];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => packets.push(packet.to_vec()),
                Output::Timeout(at) => {
                    let micros = at.saturating_duration_since(self.start).as_micros();
                    self.wake = Timestamp::from_micros(u64::try_from(micros).unwrap());
                    return packets;
                }
                Output::Connected => self.connected = true,
                Output::ApplicationData(data) => self.received.push(data.to_vec()),
                _ => {}
            }
        }
    }
}

/// Loses one datagram in `loss`, if any.
struct Line {
    random: Random,
    loss: u64,
}

impl Line {
    fn loses(&mut self) -> bool {
        self.loss > 0 && self.random.u64().unwrap().is_multiple_of(self.loss)
    }
}

/// Lets an engine and one of our ends talk until both are up and have heard each other.
fn talk(
    engine: &mut Engine,
    line: &mut Line,
    mut ours: impl FnMut(Timestamp, Option<Vec<u8>>, &mut Outgoing) -> Option<bool>,
) {
    let mut now = Timestamp::from_micros(1_000);
    let mut said = false;
    while now < Timestamp::from_micros(60_000_000) {
        let mut out = Outgoing::default();
        engine.dtls.handle_timeout(engine.at(now)).unwrap();
        for packet in engine.poll() {
            if !line.loses() {
                ours(now, Some(packet), &mut out);
            }
        }
        let heard = ours(now, None, &mut out);
        for datagram in out.datagrams() {
            if !line.loses() {
                engine.dtls.handle_packet(datagram).unwrap();
            }
        }
        for packet in engine.poll() {
            ours(now, Some(packet), &mut Outgoing::default());
        }
        if engine.connected && heard.is_some() && !said {
            said = true;
            line.loss = 0;
            engine.dtls.send_application_data(b"from dimpl").unwrap();
        }
        if said && heard == Some(true) && engine.received.contains(&b"from us".to_vec()) {
            return;
        }
        now = now + Duration::from_millis(20);
    }
    panic!("{} {said} {:?}", engine.connected, engine.received);
}

const SUITES: [CipherSuite; 2] = [
    CipherSuite::EcdsaAes256Gcm,
    CipherSuite::EcdsaChaCha20Poly1305,
];

#[test]
fn we_connect_to_dimpl() {
    for (seed, loss) in [(0, 0), (1, 0), (2, 5), (3, 5), (4, 5), (5, 5)] {
        for suite in SUITES {
            for mutual in [false, true] {
                let mtu = if seed % 2 == 0 { 1_150 } else { 300 };
                let mut engine = Engine::new("ecdsa-server", Mode::Server, mutual, mtu);
                let mut config = Key::Ecdsa.client_config();
                config.suites = vec![suite];
                config.common.mtu = mtu;
                config.common.timing.handshake = seconds(60);
                config.identity = mutual.then(|| Key::Ecdsa.client_identity());
                let mut first = Outgoing::default();
                let start = Timestamp::from_micros(1_000);
                let handshake =
                    ClientHandshake::start(&Arc::new(config), start, wall(), &mut first).unwrap();
                let mut client = ClientEnd {
                    handshake: Some(Box::new(handshake)),
                    up: None,
                    failed: None,
                    received: vec![],
                };
                let mut line = Line {
                    random: Random::new(Some(seed), 1),
                    loss,
                };
                let mut said = false;
                talk(&mut engine, &mut line, |now, datagram, out| {
                    for datagram in first.datagrams() {
                        out.push(|bytes| bytes.extend_from_slice(datagram));
                    }
                    first.clear();
                    match datagram {
                        Some(mut datagram) => client.handle(now, &mut datagram, out),
                        None => {
                            if let Some(handshake) = &mut client.handshake
                                && handshake.deadline() <= now
                            {
                                let progress = handshake.handle_timeout(now, out);
                                client.take(progress);
                            }
                        }
                    }
                    assert_eq!(client.failed, None);
                    let up = client.up.as_mut()?;
                    assert_eq!(up.association.suite(), suite);
                    let heard = client.received.contains(&b"from dimpl".to_vec());
                    if heard && !said {
                        said = true;
                        let datagram = seal(&mut up.association, b"from us");
                        out.push(|bytes| bytes.extend_from_slice(&datagram));
                        return Some(false);
                    }
                    Some(heard)
                });
            }
        }
    }
}

#[test]
fn dimpl_connects_to_us() {
    for (seed, loss) in [(0, 0), (1, 0), (2, 5), (3, 5), (4, 5), (5, 5)] {
        for choice in [SuiteChoice::AsOffered, SuiteChoice::ChaCha20First] {
            for mutual in [false, true] {
                let mtu = if seed % 2 == 0 { 1_150 } else { 300 };
                let mut engine = Engine::new("ecdsa-client", Mode::Client, mutual, mtu);
                let mut config = Key::Ecdsa.server_config();
                config.suites = choice;
                config.common.mtu = mtu;
                if mutual {
                    config.clients = ClientAuthentication::Required(Key::Ecdsa.client_trust());
                }
                let mut server = World::new(config, Key::Ecdsa.client_config()).server;
                let mut line = Line {
                    random: Random::new(Some(seed), 2),
                    loss,
                };
                let mut said = false;
                talk(&mut engine, &mut line, |now, datagram, out| {
                    match datagram {
                        Some(mut datagram) => server.handle(now, &mut datagram, out),
                        None => {
                            if let Some(handshake) = &mut server.handshake
                                && handshake.deadline() <= now
                            {
                                let progress = handshake.handle_timeout(now, out);
                                server.take(now, progress, out);
                            }
                        }
                    }
                    assert_eq!(server.failed, None);
                    let up = server.up.as_mut()?;
                    assert_eq!(up.peer.is_some(), mutual);
                    if choice == SuiteChoice::ChaCha20First {
                        let suite = CipherSuite::EcdsaChaCha20Poly1305;
                        assert_eq!(up.association.suite(), suite);
                    }
                    let heard = server.received.contains(&b"from dimpl".to_vec());
                    if heard && !said {
                        said = true;
                        let datagram = seal(&mut up.association, b"from us");
                        out.push(|bytes| bytes.extend_from_slice(&datagram));
                        return Some(false);
                    }
                    Some(heard)
                });
            }
        }
    }
}

#[test]
fn a_client_that_does_not_indicate_secure_renegotiation_is_refused() {
    let mut engine = Engine::new("ecdsa-client", Mode::OldClient, false, 1_150);
    let mut server = World::new(Key::Ecdsa.server_config(), Key::Ecdsa.client_config()).server;
    let now = Timestamp::from_micros(1_000);
    for _ in 0..4 {
        let mut out = Outgoing::default();
        engine.dtls.handle_timeout(engine.at(now)).unwrap();
        for mut packet in engine.poll() {
            server.handle(now, &mut packet, &mut out);
        }
        for datagram in out.datagrams() {
            // An alert ends it.
            let _ = engine.dtls.handle_packet(datagram);
        }
    }
    let refused = Some(HandshakeError::NoRenegotiationIndication);
    assert_eq!(server.failed, refused);
}
