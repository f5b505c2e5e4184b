//! The targets of secure connections: their formats, certificates as text, and a server and a client
//! whose honest talk somebody in the middle mutates.
//!
//! `secure_pair` reads its input as what becomes of one datagram after the other, in both directions:
//!
//! ```text
//!  byte & 7   operands            what becomes of it
//!  0          -                   it passes
//!  1          -                   it is lost
//!  2          -                   it passes twice
//!  3          at, mask            a byte of it is changed
//!  4          n                   it is cut to n bytes
//!  5          -                   it is held back until the next passes
//!  6          n                   its first handshake message comes in two fragments that overlap
//!  7          n, n bytes          these bytes come in front of it
//! ```

#![expect(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a failure is what fuzzing looks for"
)]

use std::time::Duration;

use drumfire::interface::{InProcessNetwork, RawSocket};
use drumfire::settings::{InlineThreshold, NetworkSettingsBuilder, SecureClient, SecureServer};
use drumfire::wire::handshake::{
    Certificate, CertificateRequest, CertificateVerify, ClientHello, ClientKeyExchange, Finished,
    FragmentHeader, HelloVerifyRequest, ServerHello, ServerKeyExchange,
};
use drumfire::wire::record::{RECORD_HEADER_LEN, RecordHeader};
use drumfire::{
    CertificateSummary, ConnectionState, Identity, NetworkDriver, NetworkEndpoint, NetworkSettings,
    Trust,
};

use super::{Bytes, conserves};

/// Any bytes as records, what they hold as handshake fragments, and their bodies as every message.
pub fn records(data: &[u8]) {
    let mut rest = data;
    while let Ok((header, content, more)) = RecordHeader::parse(rest) {
        assert!(more.len() < rest.len(), "a record has a header at least");
        assert_eq!(
            header.emit().as_slice(),
            &rest[..RECORD_HEADER_LEN],
            "a header that was read is written the same"
        );
        rest = more;
        fragments(content);
    }
    fragments(data);
}

fn fragments(mut bytes: &[u8]) {
    while let Ok((header, body, more)) = FragmentHeader::parse(bytes) {
        assert!(
            u64::from(header.offset) + u64::from(header.fragment_len) <= u64::from(header.len),
            "a fragment lies within its message"
        );
        bytes = more;
        let _ = ClientHello::parse(body);
        let _ = ClientHello::parse_head(body);
        let _ = HelloVerifyRequest::parse(body);
        let _ = ServerHello::parse(body);
        let _ = ServerKeyExchange::parse(body);
        let _ = CertificateRequest::parse(body);
        let _ = Finished::parse(body);
        let _ = CertificateVerify::parse(body);
        let _ = ClientKeyExchange::parse(body);
        if let Ok(Certificate { chain }) = Certificate::parse(body) {
            let bytes: usize = chain.iter().map(<[u8]>::len).sum();
            assert!(bytes <= body.len(), "certificates lie within their message");
        }
    }
}

/// Any text as PEM, and any bytes as the certificate and key in it.
pub fn certificates(data: &[u8]) {
    text(data);
    let armoured = |label: &str| {
        let body = base64(data);
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n").into_bytes()
    };
    text(&armoured("CERTIFICATE"));
    let good = CERTIFICATE.as_bytes();
    for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
        assert!(
            Identity::from_pem(good, armoured(label)).is_err() || data.len() > 100,
            "a key is found by nobody"
        );
    }
}

fn text(pem: &[u8]) {
    if let Ok(certificates) = CertificateSummary::from_pem(pem) {
        for one in certificates {
            let _ = (one.subject(), one.names().len(), one.key(), one.warnings());
        }
    }
    let _ = Trust::from_pem(pem);
    let _ = Trust::pinned_certificate(pem);
    if let Err(error) = Identity::from_pem(pem, pem) {
        assert!(!error.to_string().is_empty(), "a refusal has words");
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| chunk.get(at).copied().unwrap_or(0);
        let number = u32::from_be_bytes([0, byte(0), byte(1), byte(2)]);
        for letter in 0..4 {
            let six = number >> (18 - 6 * letter) & 63;
            text.push(match usize::try_from(letter) {
                Ok(letter) if letter > chunk.len() => '=',
                _ => char::from(LETTERS[usize::try_from(six).unwrap_or(0)]),
            });
        }
    }
    text
}

const CERTIFICATE: &str = include_str!("../certs/ecdsa-server.pem");
const KEY: &str = include_str!("../certs/ecdsa-server.key");
const CA: &str = include_str!("../certs/ecdsa-server-ca.pem");

/// Datagrams that are given a fate; later ones pass, so that honest peers may still meet.
const MOST_FATES: usize = 64;

/// A secure server and a secure client, and somebody between them.
pub fn secure_pair(data: &[u8]) {
    let mut pair = Pair::new();
    let mut fates = Bytes(data);
    for _ in 0..MOST_FATES {
        pair.update(&mut fates);
        if fates.0.is_empty() {
            break;
        }
    }
    // The longest that either waits before it repeats a flight, many times over.
    for _ in 0..80 {
        pair.update(&mut Bytes(&[]));
    }
    for driver in [&pair.server, &pair.client] {
        let statistics = driver.statistics();
        conserves("inward", &statistics.inward);
        conserves("outward", &statistics.outward);
        conserves("sent", &statistics.sent);
        assert!(
            statistics.handshakes.under_way <= 1,
            "one client, one handshake"
        );
    }
    let state = pair
        .client
        .connections()
        .next()
        .map(|connection| pair.client.connection_state(connection));
    assert!(
        !pair.honest || state == Some(ConnectionState::Connected),
        "two peers whom nobody disturbs meet, but {state:?}"
    );
}

struct Pair {
    server: NetworkDriver,
    client: NetworkDriver,
    /// What the client takes for the server, and the server for the client.
    to_client: RawSocket,
    to_server: RawSocket,
    held: Option<Vec<u8>>,
    /// Nothing has been touched.
    honest: bool,
}

const SERVER: u16 = 9_000;
const CLIENT: u16 = 9_001;

impl Pair {
    fn new() -> Self {
        let network = InProcessNetwork::new();
        let secure = SecureServer::from_pem(CERTIFICATE, KEY).expect("a test identity");
        let mut server = driver(&network, NetworkSettings::builder().secure_server(secure));
        server
            .bind(NetworkEndpoint::loopback_ipv4(SERVER))
            .expect("nobody else is on the network");
        server.listen().expect("it is bound");
        let secure = SecureClient::new("localhost")
            .ca_pem(CA)
            .expect("a test CA");
        let mut client = driver(&network, NetworkSettings::builder().secure_client(secure));
        client
            .bind(NetworkEndpoint::loopback_ipv4(CLIENT))
            .expect("nobody else is on the network");
        let socket = |port| {
            network
                .socket(&NetworkEndpoint::loopback_ipv4(port))
                .expect("the port is free")
        };
        let (to_client, to_server) = (socket(1_001), socket(1_002));
        client
            .connect(to_client.local_endpoint())
            .expect("it is an address");
        Self {
            server,
            client,
            to_client,
            to_server,
            held: None,
            honest: true,
        }
    }

    fn update(&mut self, fates: &mut Bytes<'_>) {
        self.client.update();
        while let Some((_, datagram)) = self.to_client.recv_from() {
            self.relay(Way::Up, datagram, fates);
        }
        self.server.update();
        while self.server.accept().is_some() {}
        while let Some((_, datagram)) = self.to_server.recv_from() {
            self.relay(Way::Down, datagram, fates);
        }
        while self.server.pop_event().is_some() || self.client.pop_event().is_some() {}
        while self.server.pop_handshake_failure().is_some() {}
        while self.client.pop_handshake_failure().is_some() {}
    }

    fn relay(&mut self, way: Way, mut datagram: Vec<u8>, fates: &mut Bytes<'_>) {
        let fate = fates.next().unwrap_or(0) & 7;
        self.honest &= fate == 0;
        match fate {
            1 => return,
            2 => self.pass(way, &datagram),
            3 => {
                let at = usize::from(fates.next_or_0()) % datagram.len().max(1);
                let mask = fates.next_or_0();
                if let Some(byte) = datagram.get_mut(at) {
                    *byte ^= mask;
                }
            }
            4 => datagram.truncate(usize::from(fates.next_or_0())),
            5 => {
                if let Some(earlier) = self.held.replace(datagram) {
                    self.pass(way, &earlier);
                }
                return;
            }
            6 => {
                for part in split(&datagram, fates.next_or_0()) {
                    self.pass(way, &part);
                }
                return;
            }
            7 => self.pass(way, fates.counted()),
            _ => {}
        }
        self.pass(way, &datagram);
        if let Some(earlier) = self.held.take() {
            self.pass(way, &earlier);
        }
    }

    fn pass(&self, way: Way, datagram: &[u8]) {
        let (socket, to) = match way {
            Way::Up => (&self.to_server, SERVER),
            Way::Down => (&self.to_client, CLIENT),
        };
        socket.send_to(&NetworkEndpoint::loopback_ipv4(to), datagram);
    }
}

#[derive(Clone, Copy)]
enum Way {
    Up,
    Down,
}

/// The datagram with its first handshake message in two records whose fragments overlap by a byte.
fn split(datagram: &[u8], at: u8) -> Vec<Vec<u8>> {
    let whole = || vec![datagram.to_vec()];
    let Ok((record, content, rest)) = RecordHeader::parse(datagram) else {
        return whole();
    };
    let Ok((header, body, [])) = FragmentHeader::parse(content) else {
        return whole();
    };
    if record.emit()[0] != 22 || body.len() < 2 {
        return whole();
    }
    let middle = 1 + usize::from(at) % (body.len() - 1);
    let part = |from: usize, to: usize| {
        let mut fragment = content[..6].to_vec();
        let number = |value: usize| (value as u32).to_be_bytes();
        fragment.extend_from_slice(&number(header.offset as usize + from)[1..]);
        fragment.extend_from_slice(&number(to - from)[1..]);
        fragment.extend_from_slice(&body[from..to]);
        let mut bytes = record.emit().to_vec();
        let length = u16::try_from(fragment.len()).unwrap_or(u16::MAX);
        bytes[RECORD_HEADER_LEN - 2..].copy_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&fragment);
        bytes
    };
    let mut last = part(middle - 1, body.len());
    last.extend_from_slice(rest);
    vec![part(0, middle), last]
}

fn driver(network: &InProcessNetwork, builder: NetworkSettingsBuilder) -> NetworkDriver {
    let settings = builder
        .dangerous_random_seed(1)
        .fixed_frame_time(Duration::from_millis(100))
        .inline_threshold(InlineThreshold::AlwaysInline)
        .build()
        .expect("these settings are in range");
    NetworkDriver::with_interface(settings, network.interface()).expect("no thread is started")
}
