//! What a server holds for a connection that says nothing.

#![expect(
    clippy::disallowed_types,
    reason = "a peer of the driver's socket needs a socket of its own"
)]

use std::net::UdpSocket;
use std::sync::atomic::Ordering;
use std::time::Duration;

use drumfire::id::StageId::{Fragmentation, ReliableSequenced};
use drumfire::settings::{AddressValidation, InlineThreshold};
use drumfire::{NetworkDriver, NetworkPipeline, NetworkSettings};

use super::IN_USE;

/// Time of one update.
const FRAME: Duration = Duration::from_millis(4);

/// Connections that share a socket, told apart by their tokens.
#[derive(Debug)]
struct Crowd {
    server: NetworkDriver,
    reliable: NetworkPipeline,
    socket: UdpSocket,
    clients: usize,
}

impl Crowd {
    fn connect(clients: usize) -> Self {
        let settings = NetworkSettings::builder()
            .plain()
            .fixed_frame_time(FRAME)
            .heartbeat_timeout(Duration::ZERO)
            .disconnect_timeout(Duration::ZERO)
            .fragmentation_payload_capacity(20 * 1_024)
            .reliable_stall_timeout(Duration::ZERO)
            .address_validation(AddressValidation::Off)
            .inline_threshold(InlineThreshold::AlwaysInline)
            .build()
            .unwrap();
        let mut server = NetworkDriver::new(settings).unwrap();
        let reliable = server.create_pipeline(&[ReliableSequenced]).unwrap();
        server.create_pipeline(&[Fragmentation]).unwrap();
        server.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        server.listen().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .connect(server.local_endpoint().to_socket_addr().unwrap())
            .unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut crowd = Self {
            server,
            reliable,
            socket,
            clients,
        };
        crowd.say(b"UTP\x01\x01", b"");
        assert_eq!(crowd.server.connections().count(), clients);
        crowd
    }

    /// Every client sends a datagram: what stands before its token, and behind it. What it is sent
    /// meanwhile is not read.
    fn say(&mut self, before: &[u8], behind: &[u8]) {
        for index in 0..self.clients {
            let token = (index as u64 + 1).to_le_bytes();
            let datagram = [before, &token, behind].concat();
            self.socket.send(&datagram).unwrap();
            if index % 64 == 63 {
                self.update();
            }
        }
        self.update();
    }

    fn update(&mut self) {
        self.server.update();
        while self.server.accept().is_some() {}
        while self.server.pop_event().is_some() {}
        let mut buffer = [0; 1_500];
        while self.socket.recv(&mut buffer).is_ok() {}
    }

    /// Lets sixteen seconds pass, in which none says anything.
    fn rest(&mut self) {
        (0..4_000).for_each(|_| self.update());
    }
}

/// Bytes in use, and what `made` adds to them, its server and everything in it.
fn held(made: impl FnOnce() -> Crowd) -> (i64, Crowd) {
    let before = IN_USE.load(Ordering::Relaxed);
    let crowd = made();
    (IN_USE.load(Ordering::Relaxed) - before, crowd)
}

/// Bytes of one connection, by what many hold more than few.
fn each(made: impl Fn(usize) -> Crowd) -> i64 {
    let (few, _) = held(|| made(64));
    let (many, _) = held(|| made(4_096));
    (many - few) / (4_096 - 64)
}

pub(super) fn plain_connections_cost_at_most_a_kibibyte() {
    let each = each(|clients| {
        let mut crowd = Crowd::connect(clients);
        crowd.rest();
        crowd
    });
    println!("{each} bytes an idle connection");
    assert!(each <= 1_024, "{each} bytes an idle connection");
}

/// 10,000 connections that have used a reliable pipeline with a window of 32 in both directions take
/// 40 MB at most, the server and all it has included.
pub(super) fn reliable_connections_cost_at_most_4_000_bytes() {
    let (held, crowd) = held(|| {
        let mut crowd = Crowd::connect(10_000);
        // A reliable message of 64 bytes: number 0, nothing received.
        let header = [0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
        crowd.say(&[1], &[&[1][..], &header, &[7; 64]].concat());
        let connections: Vec<_> = crowd.server.connections().collect();
        assert_eq!(connections.len(), 10_000);
        let pipeline = crowd.reliable;
        for connection in &connections {
            let mut answer = crowd
                .server
                .begin_send_with(pipeline, *connection, 64)
                .unwrap();
            answer.write_bytes(&[7; 64]);
            answer.end_send().unwrap();
        }
        crowd.update();
        // The answer is acknowledged.
        let ack = [1, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF];
        crowd.say(&[1], &[&[1][..], &ack, &[0]].concat());
        crowd.rest();
        for connection in connections {
            let statistics = crowd.server.pipeline_statistics(pipeline, connection);
            assert_eq!(
                (statistics.messages_received, statistics.messages_sent),
                (1, 1)
            );
            assert_eq!(statistics.in_flight, 0);
        }
        crowd
    });
    drop(crowd);
    println!("{held} bytes for 10,000 idle reliable connections");
    assert!(
        held <= 40_000_000,
        "{held} bytes for 10,000 idle reliable connections"
    );
}

/// 10,000 connections with an open message of 20 KiB each, but for its last fragment: no more than
/// what came, and a little; and nothing of it ten seconds later.
pub(super) fn partial_messages_hold_what_came_of_them_and_go_after_ten_seconds() {
    let mut crowd = Crowd::connect(10_000);
    crowd.rest();
    let before = IN_USE.load(Ordering::Relaxed);
    // Fourteen of fifteen fragments; the first has its mark.
    for number in 0..14_u16 {
        let header = (number | if number == 0 { 0x8000 } else { 0 }).to_le_bytes();
        crowd.say(&[1], &[&[2][..], &header, &[7; 1_388]].concat());
    }
    let held = IN_USE.load(Ordering::Relaxed) - before;
    let came = 10_000 * 14 * 1_388;
    assert!(
        (came..=10_000 * 22 * 1_024).contains(&held),
        "{held} bytes of 10,000 open messages, of which {came} came"
    );
    crowd.rest();
    let left = IN_USE.load(Ordering::Relaxed) - before;
    println!("{held} bytes of 10,000 open messages, {left} when they are given up");
    // That a connection has used the pipeline is all it still knows.
    assert!(left <= 10_000 * 1_024, "{left} bytes are left");
}

/// What the server holds for a connection, by what is given back when it is dropped.
///
/// The provider's two key schedules are C's: under 640 bytes each (`EVP_AEAD_CTX` has a state of
/// 564), which this allocator does not see and the bound leaves room for.
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub(super) fn secure_connections_cost_at_most_four_kibibytes() {
    use super::pairs::{Security, connect, server};

    let allowed = 4_096 - 2 * 640;
    let bytes = |clients: usize| {
        let (mut server, _) = server(Security::Dtls);
        let connected: Vec<_> = (0..clients)
            .map(|_| connect(&mut server, Security::Dtls))
            .collect();
        for _ in 0..40 {
            server.update();
        }
        assert_eq!(server.connections().count(), clients);
        let before = IN_USE.load(Ordering::Relaxed);
        drop(server);
        let held = before - IN_USE.load(Ordering::Relaxed);
        drop(connected);
        held
    };
    let (few, many) = (bytes(64), bytes(320));
    let each = (many - few) / (320 - 64);
    println!("{each} bytes an idle secure connection, key schedules of the provider apart");
    assert!(each <= allowed, "{each} bytes an idle secure connection");
}
