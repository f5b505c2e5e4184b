//! Peers that move, begin anew, or are said to (R16, R17, N9).

use drumfire::address::NetworkEndpoint;
use drumfire::interface::Conditions;
use drumfire::settings::{ClientAuthentication, NetworkSettingsBuilder};
use drumfire::{DisconnectReason, NetworkConnection};

use crate::identities::{builder, client, player, players, secure_client, secure_server, server};
use crate::support::{Event, Net, Node, SERVER, World};

/// A world whose network can do things to addresses.
fn world(server: NetworkSettingsBuilder, client: NetworkSettingsBuilder) -> World {
    World::on(Net::rough(1, Conditions::default()), 1, server, client)
}

/// Sends a message each way every tick; how many arrived.
fn talk(
    world: &mut World,
    ours: NetworkConnection,
    theirs: NetworkConnection,
    ticks: usize,
) -> (usize, usize) {
    let mut arrived = (0, 0);
    for _ in 0..ticks {
        let _ = world.clients[0].send(ours, b"up");
        let _ = world.server.send(theirs, b"down");
        world.tick();
        arrived.0 += count(&world.server.events_of(theirs));
        arrived.1 += count(&world.clients[0].events_of(ours));
    }
    // What the server said last is on its way.
    world.tick();
    arrived.1 += count(&world.clients[0].events_of(ours));
    arrived
}

fn count(events: &[Event]) -> usize {
    for event in events {
        assert!(matches!(event, Event::Data(..)), "{event:?}");
    }
    events.len()
}

#[test]
fn n9_r17_a_client_that_is_given_another_address_keeps_its_connection() {
    let mut world = world(server(), client());
    let (ours, theirs) = world.connect(0);
    assert_eq!(talk(&mut world, ours, theirs, 50), (50, 50));
    let from = world.server.driver.remote_endpoint(theirs);
    let to = NetworkEndpoint::loopback_ipv4(40_000);
    world.net.weather().rebind(&from, &to);
    // Two seconds of silence, then a handshake beside the connection.
    talk(&mut world, ours, theirs, 300);
    assert_eq!(talk(&mut world, ours, theirs, 100), (100, 100));
    assert_eq!(world.server.driver.remote_endpoint(theirs), to);
    assert_eq!(world.server.driver.statistics().connections, 1);
    assert_eq!(world.server.driver.statistics().handshakes.completed, 2);
    assert!(world.server.driver.accept().is_none());
}

#[test]
fn r17_with_certificates_a_connection_moves_to_the_same_one_only() {
    let server = builder().secure_server(
        secure_server().client_authentication(ClientAuthentication::Optional(players())),
    );
    let client = builder().secure_client(secure_client().identity(player()));
    let mut world = world(server, client);
    let (ours, theirs) = world.connect(0);
    let from = world.server.driver.remote_endpoint(theirs);
    let to = NetworkEndpoint::loopback_ipv4(40_000);
    world.net.weather().rebind(&from, &to);
    talk(&mut world, ours, theirs, 300);
    assert_eq!(talk(&mut world, ours, theirs, 100), (100, 100));
}

#[test]
fn r17_same_port_restart() {
    let mut world = world(server(), client());
    let (ours, theirs) = world.connect(0);
    talk(&mut world, ours, theirs, 10);
    // The process dies without a word, and comes back at the same port.
    let place = world.server.driver.remote_endpoint(theirs);
    let mut seed = 40;
    let net = world.net.clone();
    let reborn = || {
        seed += 1;
        let mut node = Node::new(client(), seed, net.interface());
        node.driver.bind(place).unwrap();
        node
    };
    world.net.weather().isolate(&place);
    world.clients.clear();
    world.run(2);
    world.net.weather().rejoin(&place);
    world.clients.push({ reborn }());
    let again = world.start(0);
    let mut accepted = None;
    let mut ends = Vec::new();
    let ticks = world.drive_until(400, |world| {
        ends.extend(world.server.events_of(theirs));
        accepted = accepted.or_else(|| world.server.driver.accept());
        accepted.is_some()
    });
    assert!(ticks <= 5_000 / 16, "{ticks} ticks");
    assert_eq!(ends, [Event::Disconnect(DisconnectReason::ClosedByRemote)]);
    world.run(10);
    assert_eq!(world.clients[0].events_of(again), [Event::Connect(vec![])]);
    let new = accepted.unwrap();
    assert_eq!(talk(&mut world, again, new, 20), (20, 20));
    assert_eq!(world.server.driver.statistics().connections, 1);
}

#[test]
fn r17_hello_injection() {
    let mut world = world(server(), client());
    let tap = world.net.tap();
    let (ours, theirs) = world.connect(0);
    let hellos: Vec<_> = tap
        .take()
        .into_iter()
        .filter(|datagram| datagram.to == SERVER && datagram.bytes[0] == 22)
        .collect();
    assert!(hellos.len() >= 2);
    let victim = world.server.driver.remote_endpoint(theirs);
    let mut arrived = (0, 0);
    // A thousand a second for half a minute, with and without a cookie.
    for tick in 0..1_875 {
        for one in 0..16 {
            let hello = &hellos[(tick + one) % 2].bytes;
            world.net.inject(victim, SERVER, hello);
        }
        let (up, down) = talk(&mut world, ours, theirs, 1);
        arrived = (arrived.0 + up, arrived.1 + down);
    }
    assert_eq!(arrived, (1_875, 1_875));
    assert_eq!(world.server.driver.statistics().handshakes.completed, 1);
}

#[test]
fn r16_a_client_renews_its_keys_and_nothing_is_lost() {
    let mut world = world(
        server().records_per_key(1_000),
        client().records_per_key(1_000),
    );
    let (ours, theirs) = world.connect(0);
    assert_eq!(talk(&mut world, ours, theirs, 5_000), (5_000, 5_000));
    let completed = world.server.driver.statistics().handshakes.completed;
    assert!((5..=8).contains(&completed), "{completed} handshakes");
    assert_eq!(world.server.driver.statistics().connections, 1);
}

#[test]
fn r16_limits_a_peer_that_cannot_renew_is_told_the_end() {
    let mut world = world(server().records_per_key(1_000), client());
    let (ours, theirs) = world.connect(0);
    let mut ends = (Vec::new(), Vec::new());
    for _ in 0..1_200 {
        let _ = world.server.send(theirs, b"down");
        world.tick();
        ends.0.extend(world.server.events_of(theirs));
        ends.1.extend(world.clients[0].events_of(ours));
    }
    assert_eq!(ends.0, [Event::Disconnect(DisconnectReason::KeyLimit)]);
    assert_eq!(
        ends.1.last(),
        Some(&Event::Disconnect(DisconnectReason::ClosedByRemote))
    );
    let sent = ends.1.len() - 1;
    assert!((900..1_000).contains(&sent), "{sent} messages");
}
