//! R7: time.

use std::time::Duration;

use drumfire::ConnectionState;
use drumfire::error::DisconnectReason;
use drumfire::wire::connection::Token;

use crate::support::{Event, Net, Node, SERVER, World, data, heartbeat, ms, request, settings};

/// A server with 100 peers played by hand, whose every update is `step` apart.
fn with_100_peers(
    step: Duration,
) -> (
    World,
    Vec<crate::support::Peer>,
    Vec<drumfire::NetworkConnection>,
) {
    let mut world = World::with(0, settings().fixed_frame_time(step), settings());
    let peers: Vec<_> = (1..=100)
        .map(|port| world.net.peer(SERVER.with_port(port)))
        .collect();
    for (peer, number) in peers.iter().zip(1..) {
        peer.send(SERVER, &request(Token([number; 8]), &[]));
        peer.send(SERVER, &heartbeat(Token([number; 8])));
    }
    world.tick();
    let accepted = world.server.accept_all();
    assert_eq!(accepted.len(), 100);
    (world, peers, accepted)
}

#[test]
fn r07_suspend() {
    // Between two updates the server is suspended for 35 s, with a timeout of 30 s.
    let (mut world, peers, accepted) = with_100_peers(ms(35_000));
    for (peer, number) in peers.iter().zip(1..) {
        peer.send(SERVER, &data(Token([number; 8]), b"sent meanwhile"));
    }
    world.tick();
    assert_eq!(world.server.events().len(), 100);
    // Nor is anybody lost who was silent: 35 s that nobody watched count as one.
    world.run(5);
    assert!(
        accepted
            .iter()
            .all(|theirs| world.server.driver.connection_state(*theirs)
                == ConnectionState::Connected)
    );
    assert_eq!(world.server.events(), []);
    // Silence that was watched does end it.
    world.run(30);
    let events = world.server.events();
    assert_eq!(events.len(), 100);
    assert!(
        events
            .iter()
            .all(|(_, event)| *event == Event::Disconnect(DisconnectReason::Timeout))
    );
}

#[test]
fn r07_after_a_stall_each_timer_fires_once() {
    let (mut world, peers, _) = with_100_peers(ms(35_000));
    for peer in &peers {
        peer.receive();
    }
    world.tick();
    for peer in &peers {
        let beats = peer
            .receive_kinds()
            .into_iter()
            .filter(|kind| *kind == "heartbeat")
            .count();
        assert!(beats <= 1, "{beats}");
    }
}

#[test]
fn r07_tick_gaps() {
    // Both sides at every pair of update intervals, from next to none to ten seconds.
    let steps = [1, 16, 333, 1_000, 4_000, 10_000].map(ms);
    for server_step in steps {
        for client_step in steps {
            let net = Net::calm();
            // A heartbeat no side can give in time would be the application's fault.
            let patient = || {
                settings()
                    .disconnect_timeout(ms(60_000))
                    .max_tick_credit(ms(1_000))
            };
            let mut server = Node::new(patient().fixed_frame_time(server_step), 1, net.interface());
            let mut client = Node::new(patient().fixed_frame_time(client_step), 2, net.interface());
            server.listen_on(SERVER);
            let ours = client.driver.connect(SERVER).unwrap();
            let (mut server_at, mut client_at, mut arrived) = (Duration::ZERO, Duration::ZERO, 0);
            let end = (server_step.max(client_step) * 12).max(ms(2_000));
            while server_at < end || client_at < end {
                if client_at <= server_at {
                    client.update();
                    client_at += client_step;
                    client.events();
                    if client.driver.connection_state(ours) == ConnectionState::Connected {
                        client.send(ours, b"x").unwrap();
                    }
                } else {
                    server.update();
                    server_at += server_step;
                    server.accept_all();
                    for (_, event) in server.events() {
                        assert_eq!(event, Event::data(b"x"));
                        arrived += 1;
                    }
                }
            }
            let state = client.driver.connection_state(ours);
            assert_eq!(
                state,
                ConnectionState::Connected,
                "{server_step:?} and {client_step:?}"
            );
            assert!(arrived > 0, "{server_step:?} and {client_step:?}");
        }
    }
}
