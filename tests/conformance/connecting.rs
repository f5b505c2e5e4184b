//! Rows B: connecting.

use drumfire::address::{NetworkEndpoint, NetworkFamily};
use drumfire::counters::DropReason;
use drumfire::error::{ConnectError, DisconnectReason, StatusCode};
use drumfire::id::NetworkPipeline;
use drumfire::settings::AddressValidation;
use drumfire::wire::connection::{Packet, Token};
use drumfire::{ConnectionState, NetworkDriver, NetworkSettings};

use crate::support::{
    Event, Net, Node, SERVER, World, data, disconnect, heartbeat, ms, request, settings,
};

fn token(number: u8) -> Token {
    Token([number; 8])
}

#[test]
fn b1_a_client_that_updates_asks_the_host_once() {
    let net = Net::calm();
    let host = net.peer(SERVER);
    let mut client = Node::new(settings(), 2, net.interface());
    client.driver.connect(SERVER).unwrap();
    assert_eq!(host.receive(), [] as [Vec<u8>; 0]);
    client.update();
    let arrived = host.receive_from();
    let [(from, bytes)] = arrived.as_slice() else {
        panic!("{arrived:?}")
    };
    assert!(matches!(
        Packet::parse(bytes),
        Ok(Packet::Request { payload: [], .. })
    ));
    assert_eq!(from.port(), client.driver.local_endpoint().port());
}

#[test]
fn b2_the_host_accepts_and_the_client_is_told() {
    let mut world = World::new(1);
    let ours = world.start(0);
    world.tick();
    let theirs = world.server.driver.accept().unwrap();
    assert!(theirs.is_created());
    assert_eq!(world.clients[0].events(), []);
    world.tick();
    assert_eq!(world.clients[0].events(), [(ours, Event::Connect(vec![]))]);
    assert_eq!(
        world.clients[0].driver.connection_state(ours),
        ConnectionState::Connected
    );
    assert_eq!(
        world.server.driver.connection_state(theirs),
        ConnectionState::Connected
    );
}

#[test]
fn b3_a_host_that_appears_late_is_found_by_a_retry() {
    let net = Net::calm();
    let mut client = Node::new(settings().connect_timeout(ms(100)), 2, net.interface());
    let ours = client.driver.connect(SERVER).unwrap();
    for _ in 0..2 * 100 / 16 + 1 {
        client.update();
    }
    let mut server = Node::new(settings(), 1, net.interface());
    server.listen_on(SERVER);
    for _ in 0..100 / 16 + 2 {
        client.update();
        server.update();
    }
    assert!(server.driver.accept().is_some());
    assert_eq!(client.events(), [(ours, Event::Connect(vec![]))]);
}

#[test]
fn b4_a_silent_server_ends_the_attempt_with_its_reason() {
    let net = Net::calm();
    let host = net.peer(SERVER);
    let mut client = Node::new(
        settings().connect_timeout(ms(50)).max_connect_attempts(1),
        2,
        net.interface(),
    );
    let ours = client.driver.connect(SERVER).unwrap();
    for _ in 0..5 {
        client.update();
    }
    assert_eq!(
        client.events(),
        [(
            ours,
            Event::Disconnect(DisconnectReason::MaxConnectionAttempts)
        )]
    );
    assert_eq!(
        client.driver.connection_state(ours),
        ConnectionState::Disconnected
    );
    assert_eq!(host.receive_kinds(), ["request"]);
}

#[test]
fn b5_two_clients_in_one_update_get_a_handle_each() {
    let mut world = World::new(2);
    let ours = [world.start(0), world.start(1)];
    world.tick();
    let theirs = world.server.accept_all();
    assert_eq!(theirs.len(), 2);
    assert_ne!(theirs[0], theirs[1]);
    world.tick();
    // The one per connection, the other through the global pop.
    assert_eq!(
        world.clients[0].events_of(ours[0]),
        [Event::Connect(vec![])]
    );
    assert_eq!(
        world.clients[1].events(),
        [(ours[1], Event::Connect(vec![]))]
    );
}

#[test]
fn b6_five_clients_connect_over_real_sockets() {
    // Real sockets, real time: no fixed frame, and waiting instead of sleeping.
    let plain = || NetworkSettings::builder().plain().build().unwrap();
    let mut server = NetworkDriver::new(plain()).unwrap();
    server.bind(SERVER.with_port(0)).unwrap();
    server.listen().unwrap();
    let address = server.local_endpoint();
    let mut clients: Vec<_> = (0..5)
        .map(|_| {
            let mut driver = NetworkDriver::new(plain()).unwrap();
            let connection = driver.connect(address).unwrap();
            (driver, connection, false)
        })
        .collect();
    let mut accepted = 0;
    for _ in 0..500 {
        for (driver, connection, up) in &mut clients {
            driver.update();
            while let Some(event) = driver.pop_event_for_connection(*connection) {
                assert_eq!(Event::of(event), Event::Connect(vec![]));
                *up = true;
            }
        }
        server.wait(ms(10));
        server.update();
        accepted += std::iter::from_fn(|| server.accept()).count();
        assert!(server.pop_event().is_none());
        if accepted == 5 && clients.iter().all(|(_, _, up)| *up) {
            return;
        }
    }
    panic!("{accepted} of 5 connected");
}

#[test]
fn b7_clients_the_server_leaves_are_told() {
    let mut world = World::new(3);
    let pairs: Vec<_> = (0..3).map(|index| world.connect(index)).collect();
    for (_, theirs) in &pairs {
        world.server.driver.disconnect(*theirs);
    }
    world.run(2);
    for (client, (ours, _)) in world.clients.iter_mut().zip(&pairs) {
        assert_eq!(
            client.events(),
            [(*ours, Event::Disconnect(DisconnectReason::ClosedByRemote))]
        );
    }
}

#[test]
fn b8_a_driver_that_connects_unbound_is_bound_to_the_wildcard() {
    for (endpoint, family) in [
        (SERVER, NetworkFamily::Ipv4),
        (NetworkEndpoint::loopback_ipv6(7777), NetworkFamily::Ipv6),
    ] {
        let mut node = Node::new(settings(), 1, Net::calm().interface());
        node.driver.connect(endpoint).unwrap();
        let local = node.driver.local_endpoint();
        assert!(
            node.driver.is_bound() && local.is_any() && local.port() != 0,
            "{local}"
        );
        assert_eq!(local.family(), family);
    }
}

#[test]
fn b9_an_invalid_endpoint_is_an_error() {
    let mut node = Node::new(settings(), 1, Net::calm().interface());
    for endpoint in [NetworkEndpoint::Invalid, SERVER.with_port(0)] {
        let error = node.driver.connect(endpoint).unwrap_err();
        assert!(
            matches!(error, ConnectError::InvalidEndpoint { .. }),
            "{error}"
        );
    }
    assert_eq!(node.driver.connections().count(), 0);
}

#[test]
fn b10_a_connection_that_is_not_up_reads_connecting_and_takes_no_message() {
    let mut world = World::new(1);
    let ours = world.start(0);
    for _ in 0..2 {
        let driver = &mut world.clients[0].driver;
        assert_eq!(driver.connection_state(ours), ConnectionState::Connecting);
        let error = driver.begin_send(NetworkPipeline::NULL, ours).unwrap_err();
        assert_eq!(error.status(), StatusCode::NetworkStateMismatch);
        world.clients[0].update();
    }
}

/// Unity Transport accepts on the wire and closes in the next update. Here the client is refused at
/// once, by the close that every client since 2.2 understands.
#[test]
fn b11_a_driver_that_does_not_listen_turns_clients_away() {
    let net = Net::calm();
    let mut server = Node::new(settings(), 1, net.interface());
    server.driver.bind(SERVER).unwrap();
    let mut client = Node::new(settings(), 2, net.interface());
    let ours = client.driver.connect(SERVER).unwrap();
    for _ in 0..4 {
        client.update();
        server.update();
    }
    assert_eq!(server.driver.accept(), None);
    assert_eq!(server.driver.statistics().connections, 0);
    assert_eq!(
        client.events().last(),
        Some(&(ours, Event::Disconnect(DisconnectReason::ClosedByRemote)))
    );
}

#[test]
fn b12_a_request_of_another_version_is_ignored() {
    let mut world = World::new(0);
    let peer = world.net.peer(SERVER.with_port(1));
    for version in [0, 2, 255] {
        let mut bytes = request(token(1), &[]);
        bytes[3] = version;
        peer.send(SERVER, &bytes);
    }
    world.tick();
    assert_eq!(peer.receive_kinds(), [] as [&str; 0]);
    let statistics = world.server.driver.statistics();
    assert_eq!(statistics.connections, 0);
    assert_eq!(statistics.inward.drops.get(DropReason::WrongVersion), 3);
}

#[test]
fn b13_malformed_requests_are_ignored() {
    let mut world = World::new(0);
    let peer = world.net.peer(SERVER.with_port(1));
    let good = request(token(1), b"hi");
    let mut wrong_type = request(token(1), &[]);
    wrong_type[4] = 3;
    let mut too_long = good.clone();
    too_long[13] = 3;
    let mut too_short = good.clone();
    too_short[13] = 1;
    for bytes in [&good[..5], &good[..12], &wrong_type, &too_long, &too_short] {
        peer.send(SERVER, bytes);
    }
    world.run(3);
    assert_eq!(peer.receive_kinds(), [] as [&str; 0]);
    let statistics = world.server.driver.statistics();
    assert_eq!(statistics.connections, 0);
    assert_eq!(statistics.inward.drops.total(), 5);
}

#[test]
fn b14_the_accept_is_lost_and_data_comes_first() {
    let net = Net::calm();
    let host = net.peer(SERVER);
    let mut client = Node::new(settings(), 2, net.interface());
    let ours = client.driver.connect(SERVER).unwrap();
    client.update();
    let asked = host.receive_from();
    let (from, bytes) = &asked[0];
    let token = Packet::parse(bytes).unwrap().token();
    host.send(*from, &data(token, b"first"));
    client.update();
    assert_eq!(
        client.events_of(ours),
        [Event::Connect(vec![]), Event::data(b"first")]
    );
    assert_eq!(
        client.driver.connection_state(ours),
        ConnectionState::Connected
    );
}

#[test]
fn b15_a_doubled_request_makes_one_connection_and_gets_two_accepts() {
    let mut world = World::new(0);
    let peer = world.net.peer(SERVER.with_port(1));
    peer.send(SERVER, &request(token(1), b"x"));
    peer.send(SERVER, &request(token(1), b"x"));
    world.tick();
    assert_eq!(peer.receive_kinds(), ["accept", "accept"]);
    assert_eq!(world.server.accept_all().len(), 1);
    peer.send(SERVER, &request(token(1), b"x"));
    world.tick();
    assert_eq!(peer.receive_kinds(), ["accept"]);
    assert_eq!(world.server.accept_all().len(), 0);
}

#[test]
fn b16_accept_returns_connections_in_the_order_they_were_completed() {
    let mut world = World::new(0);
    let peers: Vec<_> = (1..=3)
        .map(|port| world.net.peer(SERVER.with_port(port)))
        .collect();
    for (index, name) in [(2, b"c"), (0, b"a"), (1, b"b")] {
        peers[index].send(SERVER, &request(token(name[0]), name));
        world.tick();
    }
    let accepted = std::iter::from_fn(|| world.server.driver.accept_with_payload());
    assert_eq!(
        accepted.map(|(_, payload)| payload).collect::<Vec<_>>(),
        [b"c", b"a", b"b"]
    );
}

/// Unity Transport returns nothing in the place of one that is gone already.
#[test]
fn b17_accept_passes_over_connections_that_are_gone_already() {
    let mut world = World::new(0);
    let peers: Vec<_> = (1..=2)
        .map(|port| world.net.peer(SERVER.with_port(port)))
        .collect();
    for (peer, name) in peers.iter().zip([1, 2]) {
        peer.send(SERVER, &request(token(name), &[name]));
        world.tick();
    }
    peers[0].send(SERVER, &disconnect(token(1)));
    world.tick();
    assert_eq!(world.server.driver.accept_with_payload().unwrap().1, [2]);
    assert_eq!(world.server.driver.accept(), None);
}

#[test]
fn b18_a_chained_job_accepts_what_its_update_brought() {
    let mut world = World::new(1);
    world.start(0);
    world.clients[0].update();
    let accepted = world
        .server
        .driver
        .schedule_update()
        .then(|(), concurrent| concurrent.accept())
        .complete();
    let theirs = accepted.unwrap();
    assert_eq!(
        world.server.driver.connection_state(theirs),
        ConnectionState::Connected
    );
    assert_eq!(world.server.driver.accept(), None);
}

/// The stock rule that has bitten most: nothing but an accept may reach a client first.
#[test]
fn until_the_client_speaks_an_accept_goes_in_front_of_every_batch() {
    let mut world = World::with(
        0,
        settings().address_validation(AddressValidation::Off),
        settings(),
    );
    let peer = world.net.peer(SERVER.with_port(1));
    peer.send(SERVER, &request(token(1), &[]));
    world.tick();
    let theirs = world.server.driver.accept().unwrap();
    assert_eq!(peer.receive_kinds(), ["accept"]);
    for _ in 0..2 {
        world.server.send(theirs, b"one").unwrap();
        world.server.send(theirs, b"two").unwrap();
        world.tick();
        assert_eq!(peer.receive_kinds(), ["accept", "data", "data"]);
    }
    peer.send(SERVER, &heartbeat(token(1)));
    world.server.send(theirs, b"three").unwrap();
    world.tick();
    assert_eq!(peer.receive_kinds(), ["data"]);
}
