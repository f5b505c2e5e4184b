//! What strangers can cause: nothing without a cookie, little with one (R8 to R11, N6, N7).

use std::collections::HashMap;

use drumfire::address::NetworkEndpoint;
use drumfire::settings::LoopbackLimits;

use crate::hellos::{first_hello, with_cookie};
use crate::identities::{client, server};
use crate::support::{Dice, Event, Node, SERVER, World, ms};

/// The first hello of a client, as it is on the wire.
pub(crate) fn hello() -> Vec<u8> {
    first_hello(client().dangerous_random_seed(9).build().unwrap())
}

/// An address of its own for each number.
pub(crate) fn address(number: u32) -> NetworkEndpoint {
    let [_, a, b, c] = number.to_be_bytes();
    NetworkEndpoint::from_socket_addr(([10, a, b, c], 5_000).into())
}

#[test]
fn r08_n7_hellos_without_a_cookie_leave_no_state_and_cost_no_signature() {
    let mut world = World::new(0);
    world.server = Node::new(server(), 1, world.net.interface());
    let place = NetworkEndpoint::loopback_ipv4(7778);
    world.server.listen_on(place);
    let hello = hello();
    let mut sent = 0;
    for round in 0..100 {
        for source in 0..1_000 {
            world
                .net
                .inject(address(round * 1_000 + source), place, &hello);
            sent += 1;
        }
        world.run(1);
    }
    world.run(20);
    let statistics = world.server.driver.statistics();
    assert_eq!(statistics.handshakes.questions, sent);
    assert_eq!(statistics.handshakes.under_way_high_water, 0);
    assert_eq!(statistics.handshakes.signatures, 0);
    assert_eq!(
        (
            statistics.connections,
            statistics.endpoint.connections_high_water
        ),
        (0, 0)
    );
}

#[test]
fn r09_ratio_no_source_is_sent_more_than_came_from_it() {
    let mut world = World::with(0, server(), client());
    let tap = world.net.tap();
    let hello = hello();
    let mut dice = Dice::new(3);
    let mut came: HashMap<NetworkEndpoint, usize> = HashMap::new();
    for number in 0..20_000_u32 {
        let from = address(number % 500);
        let mut bytes = hello.clone();
        if number % 3 != 0 {
            for _ in 0..1 + dice.byte() % 3 {
                let at = dice.below(bytes.len() - 1);
                bytes[at] = dice.byte();
            }
        }
        if number % 7 == 0 {
            bytes.truncate(dice.below(bytes.len() - 1));
        }
        *came.entry(from).or_default() += bytes.len();
        world.net.inject(from, SERVER, &bytes);
        if number % 100 == 0 {
            world.tick();
        }
    }
    world.run(10);
    let mut went: HashMap<NetworkEndpoint, usize> = HashMap::new();
    for datagram in tap.take() {
        if datagram.from == SERVER {
            *went.entry(datagram.to).or_default() += datagram.bytes.len();
        }
    }
    assert!(went.len() > 400);
    for (source, bytes) in went {
        assert!(
            bytes <= came[&source],
            "{source}: {bytes} for {}",
            came[&source]
        );
    }
}

/// Begins a handshake from an address of the test's own, and goes no further.
pub(crate) fn get_stuck(world: &mut World, hello: &[u8], from: NetworkEndpoint) -> bool {
    let peer = world.net.peer(from);
    peer.send(SERVER, hello);
    world.tick();
    let questions = peer.receive();
    let Some(question) = questions.first() else {
        return false;
    };
    peer.send(SERVER, &with_cookie(hello, question));
    world.tick();
    !peer.receive().is_empty()
}

#[test]
fn r10_trickle_a_handshake_ends_after_ten_seconds_whatever_comes() {
    let mut world = World::with(0, server(), client());
    let hello = hello();
    assert!(get_stuck(&mut world, &hello, address(1)));
    let under_way = |world: &World| world.server.driver.statistics().handshakes.under_way;
    assert_eq!(under_way(&world), 1);
    // A byte of the next message every half second is no progress.
    for byte in 0..19_u8 {
        let fragment = [
            22,
            0xFE,
            0xFD,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            9 + byte,
            0,
            13,
            16,
            0,
            0,
            33,
            0,
            2,
            0,
            0,
            byte,
            0,
            0,
            1,
            7,
        ];
        world.net.inject(address(1), SERVER, &fragment);
        world.run(31);
    }
    world.run(50);
    assert_eq!(under_way(&world), 0);
    assert_eq!(world.server.driver.statistics().handshakes.failed, 1);
}

#[test]
fn r10_full_table_a_client_from_elsewhere_gets_in() {
    let mut world = World::with(
        1,
        server()
            .dtls_half_open_max(128)
            .handshake_rate(10_000)
            .handshake_rate_per_ip(1_000),
        client(),
    );
    let hello = hello();
    // Eight prefixes, each with one more than its share.
    for prefix in 0..8_u8 {
        for port in 0..33 {
            let place = ([10, 9, prefix, 1], 1_000 + port).into();
            get_stuck(&mut world, &hello, NetworkEndpoint::from_socket_addr(place));
        }
    }
    let statistics = world.server.driver.statistics().handshakes;
    assert_eq!(statistics.under_way, 128);
    assert_eq!(statistics.evicted, 8 * 33 - 128);
    let ours = world.start(0);
    let ticks = world.drive_until(200, |world| !world.clients[0].events_of(ours).is_empty());
    assert!(ticks <= 2_000 / 16, "{ticks} ticks");
}

#[test]
fn r11_hellos_beyond_the_rate_wait_and_live_connections_do_not_notice() {
    let server = server()
        .handshake_rate(5)
        .limit_loopback(LoopbackLimits::Exempt);
    let mut world = World::with(1, server, client());
    let (ours, theirs) = world.connect(0);
    let hello = hello();
    for number in 0..200 {
        let _ = get_stuck(&mut world, &hello, address(number));
        world.clients[0].send(ours, b"on").unwrap();
        world.run(1);
        let arrived = world.server.events_of(theirs);
        assert!(
            arrived.iter().all(|event| *event == Event::data(b"on")),
            "{arrived:?}"
        );
    }
    let statistics = world.server.driver.statistics().handshakes;
    assert!(statistics.rationed > 100, "{statistics:?}");
    // The burst, and five for each of the ten seconds.
    assert!((40..=70).contains(&statistics.begun), "{statistics:?}");
}

#[test]
fn n6_five_hundred_at_once_get_in_while_a_connection_goes_on() {
    let mut world = World::with(501, server(), client());
    let (ours, theirs) = world.connect(0);
    let mut connecting: Vec<_> = (1..501).map(|index| (index, world.start(index))).collect();
    let mut accepted = 0;
    let mut echoed = 0;
    let ticks = world.drive_until(500, |world| {
        accepted += world.server.accept_all().len();
        world.clients[0].send(ours, b"on").unwrap();
        echoed += world.server.events_of(theirs).len();
        connecting
            .retain(|(index, connection)| world.clients[*index].events_of(*connection).is_empty());
        connecting.is_empty()
    });
    assert_eq!(accepted, 500);
    assert!(echoed + 2 >= ticks, "{echoed} of {ticks}");
    assert!(
        ms(16) * u32::try_from(ticks).unwrap() < ms(5_000),
        "{ticks}"
    );
}

#[test]
fn n6_a_thousand_at_once_get_in() {
    let mut world = World::with(1_000, server(), client());
    let mut connecting: Vec<_> = (0..1_000)
        .map(|index| (index, world.start(index)))
        .collect();
    let mut accepted = 0;
    world.drive_until(1_000, |world| {
        accepted += world.server.accept_all().len();
        connecting
            .retain(|(index, connection)| world.clients[*index].events_of(*connection).is_empty());
        connecting.is_empty()
    });
    assert_eq!(accepted, 1_000);
    assert_eq!(world.server.driver.statistics().handshakes.completed, 1_000);
    assert_eq!(world.server.driver.statistics().handshakes.failed, 0);
}
