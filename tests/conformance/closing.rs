//! Rows C: closing, timeouts and heartbeats.

use drumfire::ConnectionState;
use drumfire::error::{DisconnectReason, StatusCode};
use drumfire::id::NetworkPipeline;
use drumfire::interface::Conditions;
use drumfire::wire::connection::{Packet, Token};

use crate::support::{Event, FRAME, Net, Node, SERVER, World, disconnect, ms, request, settings};

const TOKEN: Token = Token([7; 8]);

const CLOSED: Event = Event::Disconnect(DisconnectReason::ClosedByRemote);
const TIMED_OUT: Event = Event::Disconnect(DisconnectReason::Timeout);

#[test]
fn c1_a_client_that_leaves_tells_the_host() {
    let net = Net::calm();
    let host = net.peer(SERVER);
    let mut client = Node::new(settings(), 2, net.interface());
    let ours = client.driver.connect(SERVER).unwrap();
    client.update();
    let from = client.driver.local_endpoint();
    let token = host
        .accept_request(SERVER.with_port(from.port()), &host.receive(), &[])
        .unwrap();
    client.update();
    client.driver.disconnect(ours);
    client.update();
    let told = host.receive();
    assert_eq!(Packet::parse(&told[0]), Ok(Packet::Disconnect { token }));
}

#[test]
fn c2_the_host_learns_that_the_client_has_left() {
    let mut world = World::new(1);
    let (ours, theirs) = world.connect(0);
    world.clients[0].driver.disconnect(ours);
    world.tick();
    assert_eq!(world.server.events(), [(theirs, CLOSED)]);
}

#[test]
fn c3_a_silent_client_times_out_however_much_is_sent_to_it() {
    let settings = settings()
        .fixed_frame_time(ms(10))
        .heartbeat_timeout(ms(20))
        .disconnect_timeout(ms(40));
    let mut world = World::with(0, settings.clone(), settings);
    let peer = world.net.peer(SERVER.with_port(1));
    peer.send(SERVER, &request(TOKEN, &[]));
    world.tick();
    let theirs = world.server.driver.accept().unwrap();
    for _ in 0..4 {
        // Refused once the address's budget is used up: it proved nothing (R20).
        let _ = world.server.send(theirs, b"x");
        world.tick();
        assert_eq!(world.server.events(), []);
    }
    world.tick();
    assert_eq!(world.server.events(), [(theirs, TIMED_OUT)]);
}

#[test]
fn c4_who_leaves_gets_no_event_and_reads_disconnected_at_once() {
    let mut world = World::new(1);
    let (ours, _) = world.connect(0);
    world.clients[0].driver.disconnect(ours);
    assert_eq!(
        world.clients[0].driver.connection_state(ours),
        ConnectionState::Disconnected
    );
    world.run(10);
    assert_eq!(world.clients[0].events(), []);
    assert_eq!(world.clients[0].driver.statistics().connections, 0);
}

#[test]
fn c5_leaving_twice_is_no_error() {
    let mut world = World::new(1);
    let (ours, theirs) = world.connect(0);
    world.clients[0].driver.disconnect(ours);
    world.clients[0].driver.disconnect(ours);
    world.tick();
    world.clients[0].driver.disconnect(ours);
    world.run(10);
    world.clients[0].driver.disconnect(ours);
    assert_eq!(world.server.events(), [(theirs, CLOSED)]);
}

#[test]
fn c6_a_flush_does_not_tell_the_peer_an_update_does() {
    let mut world = World::new(1);
    let (ours, theirs) = world.connect(0);
    world.clients[0].driver.disconnect(ours);
    world.clients[0].flush();
    world.server.update();
    assert_eq!(world.server.events(), []);
    world.clients[0].update();
    world.server.update();
    assert_eq!(world.server.events(), [(theirs, CLOSED)]);
}

#[test]
fn c7_a_message_ended_before_the_close_arrives_before_it() {
    let mut world = World::new(1);
    let (ours, theirs) = world.connect(0);
    world.clients[0].send(ours, b"last words").unwrap();
    world.clients[0].driver.disconnect(ours);
    world.tick();
    assert_eq!(
        world.server.events_of(theirs),
        [Event::data(b"last words"), CLOSED]
    );
}

#[test]
fn c8_a_remote_close_shows_with_its_event_and_not_before() {
    let mut world = World::new(1);
    let (ours, theirs) = world.connect(0);
    world.clients[0].driver.disconnect(ours);
    world.clients[0].update();
    // The close has arrived, and the update that reads it has not been completed.
    assert_eq!(
        world.server.driver.connection_state(theirs),
        ConnectionState::Connected
    );
    world.server.update();
    assert_eq!(
        world.server.driver.connection_state(theirs),
        ConnectionState::Disconnected
    );
    assert_eq!(world.server.events(), [(theirs, CLOSED)]);
}

/// Unity Transport tells 64 of them.
#[test]
fn c9_of_1000_connections_closed_in_one_update_every_peer_is_told() {
    let mut world = World::new(1);
    let ours: Vec<_> = (0..1000).map(|_| world.start(0)).collect();
    let mut theirs = Vec::new();
    world.drive_until(100, |world| {
        theirs.extend(world.server.accept_all());
        world.clients[0].events();
        theirs.len() == 1000
    });
    world.run(2);
    world.clients[0].events();
    for connection in theirs {
        world.server.driver.disconnect(connection);
    }
    world.run(2);
    let mut told: Vec<_> = world.clients[0]
        .events()
        .into_iter()
        .map(|(connection, event)| {
            assert_eq!(event, CLOSED);
            connection
        })
        .collect();
    told.sort_unstable();
    assert_eq!(told, ours);
}

#[test]
fn c10_a_peer_learns_quickly_even_if_the_close_is_lost() {
    let net = Net::rough(1, Conditions::default());
    let mut world = World::on(net, 1, settings(), settings());
    let (ours, theirs) = world.connect_proved(0);
    let client = SERVER.with_port(world.endpoint(0).port());
    world.net.weather().cut(&SERVER, &client);
    world.server.driver.disconnect(theirs);
    world.tick();
    world.net.weather().heal();
    let ticks = world.drive_until(10, |world| world.clients[0].events() == [(ours, CLOSED)]);
    assert!(
        FRAME * u32::try_from(ticks).unwrap() <= ms(64),
        "{ticks} ticks"
    );
}

#[test]
fn c11_without_a_timeout_silence_is_no_end() {
    let settings = settings()
        .fixed_frame_time(ms(500))
        .disconnect_timeout(ms(0));
    let mut world = World::with(0, settings.clone(), settings);
    let peer = world.net.peer(SERVER.with_port(1));
    peer.send(SERVER, &request(TOKEN, &[]));
    world.tick();
    let theirs = world.server.driver.accept().unwrap();
    world.run(2 * 3600);
    assert_eq!(
        world.server.driver.connection_state(theirs),
        ConnectionState::Connected
    );
    assert_eq!(world.server.events(), []);
}

#[test]
fn c12_heartbeats_keep_an_idle_connection_and_nothing_else_does() {
    let quick = settings()
        .disconnect_timeout(ms(1_000))
        .heartbeat_timeout(ms(250));
    let mut world = World::with(1, quick.clone(), quick.clone());
    let (ours, theirs) = world.connect(0);
    world.run(10_000 / 16);
    assert_eq!(
        (world.clients[0].events(), world.server.events()),
        (vec![], vec![])
    );
    assert_eq!(
        world.clients[0].driver.connection_state(ours),
        ConnectionState::Connected
    );
    assert_eq!(
        world.server.driver.connection_state(theirs),
        ConnectionState::Connected
    );

    let mute = quick.heartbeat_timeout(ms(0));
    let mut world = World::with(1, mute.clone(), mute);
    let (ours, theirs) = world.connect(0);
    world.run(1_100 / 16);
    let ends = [world.clients[0].events(), world.server.events()];
    assert!(
        ends.iter().flatten().any(|(_, event)| *event == TIMED_OUT),
        "{ends:?}"
    );
    assert_eq!(
        world.clients[0].driver.connection_state(ours),
        ConnectionState::Disconnected
    );
    assert_eq!(
        world.server.driver.connection_state(theirs),
        ConnectionState::Disconnected
    );
}

#[test]
fn c13_of_1000_idle_connections_none_times_out() {
    let quick = settings().disconnect_timeout(ms(2_000));
    let mut world = World::with(1, quick.clone(), quick);
    let ours: Vec<_> = (0..1000).map(|_| world.start(0)).collect();
    let mut accepted = 0;
    world.drive_until(100, |world| {
        accepted += world.server.accept_all().len();
        accepted == 1000
    });
    world.run(6_000 / 16);
    assert_eq!(world.server.driver.statistics().connections, 1000);
    let events = world.clients[0].events();
    assert_eq!(events.len(), 1000);
    assert!(
        events
            .iter()
            .all(|(_, event)| *event == Event::Connect(vec![]))
    );
    assert!(
        ours.iter()
            .all(|ours| world.clients[0].driver.connection_state(*ours)
                == ConnectionState::Connected)
    );
    assert_eq!(world.server.events(), []);
}

#[test]
fn c14_the_old_handle_of_a_slot_used_again_names_nothing() {
    let mut world = World::new(1);
    let (ours, old) = world.connect(0);
    world.clients[0].driver.disconnect(ours);
    world.run(8);
    assert_eq!(world.server.events(), [(old, CLOSED)]);
    world.run(2);
    let (again, new) = world.connect(0);
    assert_eq!(
        (old.index(), again.index()),
        (new.index(), ours.index()),
        "the slots are used again"
    );
    assert_ne!((old, again), (new, ours));
    world.clients[0].send(again, b"news").unwrap();
    world.tick();
    let driver = &mut world.server.driver;
    assert_eq!(driver.connection_state(old), ConnectionState::Disconnected);
    assert_eq!(
        driver
            .begin_send(NetworkPipeline::NULL, old)
            .unwrap_err()
            .status(),
        StatusCode::NetworkVersionMismatch
    );
    assert!(driver.pop_event_for_connection(old).is_none());
    driver.disconnect(old);
    assert_eq!(driver.connection_state(new), ConnectionState::Connected);
    assert_eq!(world.server.events_of(new), [Event::data(b"news")]);
}

/// A close in the state of asking, and one nobody asked for.
#[test]
fn a_close_of_a_stranger_is_met_with_silence() {
    let mut world = World::new(0);
    let peer = world.net.peer(SERVER.with_port(1));
    peer.send(SERVER, &disconnect(TOKEN));
    world.run(2);
    assert_eq!(peer.receive_kinds(), [] as [&str; 0]);
}
