//! Peers that move, begin anew, or are said to (R16, R17, N9).

use drumfire::address::NetworkEndpoint;
use drumfire::counters::DropReason;
use drumfire::interface::Conditions;
use drumfire::settings::{ClientAuthentication, NetworkSettingsBuilder};
use drumfire::{DisconnectReason, NetworkConnection, StageId};

use crate::identities::{builder, client, player, players, secure_client, secure_server, server};
use crate::scaled;
use crate::strange_peer::StrangePeer;
use crate::support::{Dice, Event, Net, Node, SERVER, World, data, disconnect, heartbeat, request};

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

#[test]
fn r17_rebind_keeps_reliable() {
    let mut world = world(server(), client());
    let stages = [StageId::ReliableSequenced];
    let pipeline = world.server.driver.create_pipeline(&stages).unwrap();
    let same = world.clients[0].driver.create_pipeline(&stages).unwrap();
    assert_eq!(same, pipeline);
    let (ours, theirs) = world.connect(0);
    let from = world.server.driver.remote_endpoint(theirs);
    let to = NetworkEndpoint::loopback_ipv4(40_000);
    let total = scaled(10_000_000, 1_000_000);
    let mut dice = Dice::new(17);
    let content: Vec<u8> = (0..total).map(|_| dice.byte()).collect();
    let (mut sent, mut arrived) = (0, Vec::with_capacity(total));
    let mut rebound = false;
    world.drive_until(20_000, |world| {
        let driver = &mut world.clients[0].driver;
        while sent < total {
            let Ok(mut guard) = driver.begin_send(pipeline, ours) else {
                break;
            };
            let next = total.min(sent + 1_300);
            guard.write_bytes(&content[sent..next]);
            if guard.end_send().is_err() {
                break;
            }
            sent = next;
        }
        for event in world.server.events_of(theirs) {
            match event {
                Event::Data(_, bytes) => arrived.extend(bytes),
                other => panic!("{other:?}"),
            }
        }
        for event in world.clients[0].events_of(ours) {
            assert!(matches!(event, Event::Writable(_)), "{event:?}");
        }
        if !rebound && arrived.len() > total / 2 {
            rebound = true;
            world.net.weather().rebind(&from, &to);
        }
        arrived.len() >= total
    });
    assert!(arrived == content, "not bit for bit");
    assert_eq!(world.server.driver.remote_endpoint(theirs), to);
}

/// Somebody with associations of his own guesses at tokens: each association has four wrong guesses,
/// and the right one moves nobody who can be heard.
#[test]
fn r17_token_sweep() {
    let mut world = World::with(0, server(), client());
    let mut dice = Dice::new(18);
    let place = |number: u16| NetworkEndpoint::loopback_ipv4(30_000 + number);
    let token = dice.token();
    let mut victim = StrangePeer::new(&world, place(0));
    victim.shake_hands(&mut world);
    victim.say(&request(token, &[]));
    world.run(2);
    let theirs = world.server.driver.accept().unwrap();
    let mut heard = 0;
    let mut said = 0;
    let mut tick = |world: &mut World, victim: &mut StrangePeer| {
        victim.turn(world);
        victim.say(&data(token, b"mine"));
        said += 1;
        world.tick();
        heard += count(&world.server.events_of(theirs));
        assert_eq!(heard, said);
        assert_eq!(world.server.driver.remote_endpoint(theirs), place(0));
    };
    let associations = u16::try_from(scaled(1_000, 20)).unwrap();
    for number in 1..=associations {
        let mut attacker = StrangePeer::new(&world, place(number));
        while !attacker.is_up() {
            attacker.turn(&world);
            tick(&mut world, &mut victim);
        }
        // The association has a slot, and no connection.
        assert_eq!(world.server.driver.statistics().connections, 2);
        // The right token, in a packet of every kind: the victim is heard, so nothing moves.
        attacker.say(&data(token, b"stolen"));
        attacker.say(&heartbeat(token));
        attacker.say(&disconnect(token));
        tick(&mut world, &mut victim);
        assert_eq!(world.server.driver.statistics().connections, 2);
        for guess in 0..4 {
            assert_eq!(world.server.driver.statistics().connections, 2, "{guess}");
            attacker.say(&data(dice.token(), b"guess"));
            tick(&mut world, &mut victim);
        }
        assert_eq!(world.server.driver.statistics().connections, 1);
        let unknown = |world: &World| {
            let drops = &world.server.driver.statistics().inward.drops;
            drops.get(DropReason::NoAssociation)
        };
        let before = unknown(&world);
        attacker.say(&data(dice.token(), b"guess"));
        tick(&mut world, &mut victim);
        assert_eq!(unknown(&world), before + 1);
    }
    assert!(world.server.driver.accept().is_none());
}
