//! R23, R24: how connections and drivers end.

use std::time::Duration;

use drumfire::ConnectionState;
use drumfire::error::DisconnectReason;
use drumfire::interface::Conditions;
use drumfire::wire::connection::peek_token;

use crate::support::{Event, FRAME, Net, Node, SERVER, World, data, ms, settings};

const CLOSED: Event = Event::Disconnect(DisconnectReason::ClosedByRemote);
const TIMED_OUT: Event = Event::Disconnect(DisconnectReason::Timeout);

#[test]
fn r23_kill9() {
    // Nothing comes from the server's process any more, its close included.
    let patient = settings().disconnect_timeout(ms(3_000));
    let net = Net::rough(1, Conditions::default());
    let mut world = World::on(net.clone(), 50, settings(), patient);
    let tap = net.tap();
    let ours: Vec<_> = (0..50).map(|index| world.connect(index).0).collect();
    let old_token = peek_token(&tap.take()[0].bytes).unwrap().1;
    net.weather().isolate(&SERVER);
    world.server = Node::new(settings(), 7, net.interface());
    let mut ends = vec![None; 50];
    for tick in 0..5_000 / 16 {
        world.tick();
        for (index, ours) in ours.iter().enumerate() {
            for event in world.clients[index].events_of(*ours) {
                assert_eq!(event, TIMED_OUT);
                ends[index] = Some(FRAME * tick);
            }
        }
    }
    for end in ends {
        let end = end.unwrap();
        assert!((ms(2_500)..=ms(4_500)).contains(&end), "{end:?}");
    }
    // Restarted on the same port, it serves at once, and meets old tokens with silence.
    net.weather().heal();
    world.server.listen_on(SERVER);
    let old = net.peer(SERVER.with_port(1));
    old.send(SERVER, &data(old_token, b"remember me?"));
    let ours: Vec<_> = (0..50).map(|index| world.start(index)).collect();
    world.run(2_000 / 16);
    for (client, ours) in world.clients.iter().zip(ours) {
        assert_eq!(
            client.driver.connection_state(ours),
            ConnectionState::Connected
        );
    }
    assert_eq!(old.receive_kinds(), [] as [&str; 0]);
}

#[test]
fn r23_silence_ends_within_a_second_of_its_timeout() {
    let mut world = World::with(1, settings().disconnect_timeout(ms(2_000)), settings());
    let (_, theirs) = world.connect_proved(0);
    let mut spent = Duration::ZERO;
    while world.server.driver.connection_state(theirs) == ConnectionState::Connected {
        world.server.update();
        spent += FRAME;
        assert!(spent <= ms(3_000));
    }
    assert!(spent > ms(1_900), "{spent:?}");
    assert_eq!(world.server.events_of(theirs), [TIMED_OUT]);
}

/// A server with `count` connections that is dropped: how many of them are told, and how many only
/// find out.
fn drop_with(count: usize, loss: f64) -> (usize, usize) {
    let net = Net::rough(1, Conditions::default());
    let roomy = || {
        settings()
            .max_connections(count.max(1))
            .rx_budget(100_000)
            .waiting_for_accept_max(100_000)
    };
    let mut world = World::on(net, 1, roomy(), roomy().disconnect_timeout(ms(2_000)));
    let mut connected = 0;
    for first in (0..count).step_by(500) {
        for _ in first..count.min(first + 500) {
            world.start(0);
        }
        world.drive_until(200, |world| {
            world.server.accept_all();
            connected += world.clients[0].events().len();
            connected == count.min(first + 500)
        });
    }
    // An address that proved nothing may be sent too little for all three copies (R20).
    world.drive_until(100, |world| {
        world.server.accept_all();
        world.server.driver.statistics().connections == count
            && world.server.driver.statistics().endpoint.unproven == 0
    });
    world
        .net
        .weather()
        .set_conditions_from(&SERVER, Conditions::lossy(loss));
    let World {
        net,
        server,
        mut clients,
        ..
    } = world;
    drop(server);
    let (mut told, mut found_out) = (0, 0);
    for _ in 0..3_000 / 16 {
        net.advance(FRAME);
        clients[0].update();
        for (_, event) in clients[0].events() {
            match event {
                CLOSED => told += 1,
                TIMED_OUT => found_out += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    (told, found_out)
}

#[test]
fn r24_sigterm_1000() {
    let (told, found_out) = drop_with(1_000, 0.10);
    assert_eq!(told + found_out, 1_000, "nobody is told twice");
    assert!(told >= 990, "{told}");
}

#[test]
fn r24_drop_10000() {
    assert_eq!(drop_with(10_000, 0.0), (10_000, 0));
}

#[test]
fn r24_a_dropped_client_tells_its_server() {
    let mut world = World::new(1);
    let (ours, theirs) = world.connect_proved(0);
    world.clients[0].send(ours, b"last words").unwrap();
    world.clients.clear();
    world.run(2);
    assert_eq!(
        world.server.events_of(theirs),
        [Event::data(b"last words"), CLOSED]
    );
}
