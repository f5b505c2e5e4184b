//! The steady state allocates nothing: counted over real sockets on loopback.

#![expect(
    clippy::disallowed_types,
    reason = "a peer of the driver's socket needs a socket of its own"
)]
#![expect(clippy::unwrap_used, reason = "these helpers serve tests only")]
#![expect(
    clippy::print_stdout,
    reason = "a figure for whoever runs the test with its output shown"
)]

use std::net::UdpSocket;
use std::sync::atomic::Ordering;

use drumfire::settings::InlineThreshold;
use drumfire::{NetworkDriver, NetworkSettings};

#[path = "alloc/counting.rs"]
mod counting;
#[path = "support/raw_clients.rs"]
mod raw_clients;

use counting::{ALLOCATIONS, IN_USE};
use raw_clients::{RawClients, answer};

const CLIENTS: usize = 200;

/// A server whose clients are connected and validated.
fn world(threshold: InlineThreshold) -> (NetworkDriver, RawClients) {
    let settings = NetworkSettings::builder()
        .plain()
        .inline_threshold(threshold)
        .build()
        .unwrap();
    let mut server = NetworkDriver::new(settings).unwrap();
    server.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    server.listen().unwrap();
    let clients = RawClients::connect(&mut server, CLIENTS);
    (server, clients)
}

/// One message from every client, echoed.
fn round(server: &mut NetworkDriver, clients: &RawClients) {
    clients.send();
    server.update();
    server.to_concurrent().iter_mut().for_each(answer);
    server.schedule_flush_send().complete();
    assert_eq!(clients.receive(), CLIENTS);
}

#[test]
fn a_steady_update_allocates_nothing_and_a_spread_one_only_its_spawns() {
    let rounds = 50;
    let (mut server, clients) = world(InlineThreshold::AlwaysInline);
    round(&mut server, &clients);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (0..rounds).for_each(|_| round(&mut server, &clients));
    assert_eq!(
        ALLOCATIONS.load(Ordering::Relaxed) - before,
        0,
        "allocations of {rounds} inline rounds"
    );

    let (mut server, clients) = world(InlineThreshold::NeverInline);
    round(&mut server, &clients);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (0..rounds).for_each(|_| round(&mut server, &clients));
    let threads =
        u64::try_from(std::thread::available_parallelism().map_or(1, usize::from)).unwrap();
    let allocated = ALLOCATIONS.load(Ordering::Relaxed) - before;
    // An update and a flush a round, each with one lead and threads − 1 helpers; rayon's injector
    // takes a block now and then.
    let allowed = rounds * 2 * (threads + 1) * 2;
    assert!(
        allocated <= allowed,
        "{allocated} allocations in {rounds} spread rounds, at most {allowed} allowed"
    );

    idle_connections_cost_at_most_a_kibibyte();
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    {
        secure::steady_updates_of_both_sides_allocate_nothing();
        secure::idle_connections_cost_at_most_four_kibibytes();
    }
}

/// Part of the one test of this file: the counters are the process's.
fn idle_connections_cost_at_most_a_kibibyte() {
    let bytes = |clients: usize| {
        let before = IN_USE.load(Ordering::Relaxed);
        let settings = NetworkSettings::builder()
            .plain()
            .fixed_frame_time(std::time::Duration::from_millis(400))
            .address_validation(drumfire::settings::AddressValidation::Off)
            .inline_threshold(InlineThreshold::AlwaysInline)
            .build()
            .unwrap();
        let mut server = NetworkDriver::new(settings).unwrap();
        server.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        server.listen().unwrap();
        let address = server.local_endpoint().to_socket_addr().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for index in 0..clients {
            let mut request = b"UTP\x01\x01".to_vec();
            request.extend_from_slice(&(index as u64 + 1).to_le_bytes());
            socket.send_to(&request, address).unwrap();
            if index % 64 == 63 {
                server.update();
                while server.accept().is_some() {}
            }
        }
        for _ in 0..40 {
            server.update();
            while server.accept().is_some() {}
        }
        assert_eq!(server.connections().count(), clients);
        let used = IN_USE.load(Ordering::Relaxed) - before;
        drop(server);
        used
    };
    let (few, many) = (bytes(64), bytes(4096));
    let each = (many - few) / (4096 - 64);
    println!("{each} bytes an idle connection");
    assert!(each <= 1024, "{each} bytes an idle connection");
}

/// More parts of the one test, over DTLS.
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod secure {
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use drumfire::id::NetworkPipeline;
    use drumfire::settings::{InlineThreshold, NetworkSettingsBuilder, SecureClient, SecureServer};
    use drumfire::{NetworkConnection, NetworkDriver, NetworkEvent, NetworkSettings};

    use super::raw_clients::{PAYLOAD, answer};
    use super::{ALLOCATIONS, IN_USE};

    /// A driver of one client, and its connection.
    type Client = (NetworkDriver, NetworkConnection);

    fn quiet(builder: NetworkSettingsBuilder) -> NetworkSettings {
        builder
            .inline_threshold(InlineThreshold::AlwaysInline)
            .heartbeat_timeout(Duration::ZERO)
            .disconnect_timeout(Duration::ZERO)
            .max_connections_per_ip(0)
            .build()
            .unwrap()
    }

    fn server() -> NetworkDriver {
        let identity = SecureServer::from_pem(
            include_str!("../certs/ecdsa-server.pem"),
            include_str!("../certs/ecdsa-server.key"),
        )
        .unwrap();
        let settings = quiet(NetworkSettings::builder().secure_server(identity));
        let mut server = NetworkDriver::new(settings).unwrap();
        server.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        server.listen().unwrap();
        server
    }

    /// Connects another client.
    fn connect(server: &mut NetworkDriver) -> Client {
        let trust = SecureClient::new("server.drumfire.test")
            .ca_pem(include_str!("../certs/ecdsa-server-ca.pem"))
            .unwrap();
        let settings = quiet(NetworkSettings::builder().secure_client(trust));
        let mut client = NetworkDriver::new(settings).unwrap();
        let connection = client.connect(server.local_endpoint()).unwrap();
        for _ in 0..100_000 {
            client.update();
            server.update();
            while server.accept().is_some() {}
            if let Some((_, NetworkEvent::Connect { .. })) = client.pop_event() {
                return (client, connection);
            }
        }
        unreachable!("no secure connection");
    }

    /// One message of every client, echoed.
    fn round(server: &mut NetworkDriver, clients: &mut [Client]) {
        for (client, connection) in &mut *clients {
            let mut message = client
                .begin_send(NetworkPipeline::NULL, *connection)
                .unwrap();
            message.write_bytes(&[7; PAYLOAD]);
            message.end_send().unwrap();
            client.schedule_flush_send().complete();
        }
        server.update();
        server.to_concurrent().iter_mut().for_each(answer);
        server.schedule_flush_send().complete();
        for (client, _) in clients {
            client.update();
            let echoed = matches!(client.pop_event(), Some((_, NetworkEvent::Data { .. })));
            assert!(echoed, "a message was not echoed");
        }
    }

    pub(super) fn steady_updates_of_both_sides_allocate_nothing() {
        let rounds = 50;
        let mut server = server();
        let mut clients: Vec<_> = (0..20).map(|_| connect(&mut server)).collect();
        (0..4).for_each(|_| round(&mut server, &mut clients));
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        (0..rounds).for_each(|_| round(&mut server, &mut clients));
        assert_eq!(
            ALLOCATIONS.load(Ordering::Relaxed) - before,
            0,
            "allocations of {rounds} secure rounds, server and clients"
        );
    }

    /// What the server holds for a connection, by what is given back when it is dropped.
    ///
    /// The provider's two key schedules are C's: under 640 bytes each (`EVP_AEAD_CTX` has a state of
    /// 564), which this allocator does not see and the bound leaves room for.
    pub(super) fn idle_connections_cost_at_most_four_kibibytes() {
        let allowed = 4_096 - 2 * 640;
        let bytes = |clients: usize| {
            let mut server = server();
            let connected: Vec<_> = (0..clients).map(|_| connect(&mut server)).collect();
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
}
