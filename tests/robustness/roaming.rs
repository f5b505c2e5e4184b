//! R22: an address that changes, and one that somebody pretends has changed.

use drumfire::address::NetworkEndpoint;
use drumfire::interface::Conditions;
use drumfire::wire::connection::{Token, peek_token};
use drumfire::{ConnectionState, NetworkConnection};

use crate::support::{Event, Net, SERVER, World, data, disconnect, heartbeat, settings};

/// A client that has proved its address on a network that can move it: where it is, and its token.
fn at_home() -> (
    World,
    NetworkConnection,
    NetworkConnection,
    NetworkEndpoint,
    Token,
) {
    let mut world = World::on(
        Net::rough(1, Conditions::default()),
        1,
        settings(),
        settings(),
    );
    let tap = world.net.tap();
    let (ours, theirs) = world.connect_proved(0);
    let first = tap.take().remove(0);
    let token = peek_token(&first.bytes).unwrap().1;
    (world, ours, theirs, first.from, token)
}

#[test]
fn r22_nat_rebind() {
    let (mut world, ours, theirs, home, _) = at_home();
    for (moves, away) in ["127.0.0.1:9001", "10.5.5.5:9002"].into_iter().enumerate() {
        let away: NetworkEndpoint = away.parse().unwrap();
        world.net.weather().rebind(&home, &away);
        // Until the new address is proved, what is sent goes to the old one.
        world.clients[0].send(ours, b"from elsewhere").unwrap();
        world.tick();
        assert_eq!(
            world.server.events_of(theirs),
            [Event::data(b"from elsewhere")],
            "nothing is lost inward"
        );
        assert_ne!(world.server.driver.remote_endpoint(theirs), away);
        world.run(3);
        assert_eq!(
            world.server.driver.remote_endpoint(theirs),
            away,
            "move {moves}"
        );
        world.server.send(theirs, b"welcome").unwrap();
        world.run(2);
        assert_eq!(world.clients[0].events_of(ours), [Event::data(b"welcome")]);
    }
}

#[test]
fn r22_redirect_attack() {
    // A hostile client forges its victim's address under its own token, with a game running.
    let (mut world, ours, theirs, home, token) = at_home();
    let victim = world.net.peer("10.6.6.6:666".parse().unwrap());
    let (mut forged, mut hit) = (0, 0);
    for tick in 0..600 {
        if tick % 10 == 0 {
            let packet = if tick % 20 == 0 {
                heartbeat(token)
            } else {
                data(token, b"mine")
            };
            forged += packet.len();
            victim.send(SERVER, &packet);
        }
        world.clients[0].send(ours, b"input").unwrap();
        world.server.send(theirs, &[0; 200]).unwrap();
        world.tick();
        world.server.events();
        hit += victim.receive().iter().map(Vec::len).sum::<usize>();
        assert!(hit <= 3 * forged, "{hit} bytes for {forged}");
    }
    assert_eq!(world.server.driver.remote_endpoint(theirs), home);
    assert!(hit > 0, "the victim is asked whether it is the client");
}

#[test]
fn r22_flapping() {
    let (mut world, ours, theirs, home, _) = at_home();
    let places: Vec<NetworkEndpoint> = (1..=2)
        .map(|last| format!("10.7.7.{last}:7000").parse().unwrap())
        .collect();
    let (mut moves, mut last) = (0, home);
    for tick in 0..2_000 {
        if tick % 40 == 0 {
            world.net.weather().rebind(&home, &places[tick / 40 % 2]);
        }
        world.clients[0].send(ours, b"x").unwrap();
        world.tick();
        assert_eq!(world.server.events_of(theirs), [Event::data(b"x")]);
        let now = world.server.driver.remote_endpoint(theirs);
        moves += usize::from(now != last);
        last = now;
    }
    // 32 s of it: four moves a minute.
    assert_eq!(moves, 4);
    assert_eq!(
        world.server.driver.connection_state(theirs),
        ConnectionState::Connected
    );
}

#[test]
fn r22_a_close_from_another_address_is_not_heard() {
    let (mut world, ours, theirs, _, token) = at_home();
    let stranger = world.net.peer("10.8.8.8:888".parse().unwrap());
    stranger.send(SERVER, &disconnect(token));
    world.tick();
    assert_eq!(
        world.server.driver.connection_state(theirs),
        ConnectionState::Connected
    );
    world.clients[0].driver.disconnect(ours);
    world.run(2);
    assert_eq!(
        world.server.driver.connection_state(theirs),
        ConnectionState::Disconnected
    );
}
