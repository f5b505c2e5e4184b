//! R21: the connection table under siege.

use drumfire::error::DisconnectReason;
use drumfire::settings::LoopbackLimits;
use drumfire::wire::connection::Token;
use drumfire::{ConnectionState, NetworkConnection};

use crate::support::{Dice, Event, SERVER, World, data, ms, request, settings};

#[test]
fn r21_request_flood() {
    // The cause: records are bounded, those who are in stay in, and newcomers get in meanwhile.
    const SECOND: usize = 1_000 / 16;
    let mut world = World::new(201);
    let established: Vec<_> = (0..100).map(|_| world.connect(0)).collect();
    let mut dice = Dice::new(1);
    let mut newcomers = Vec::new();
    for tick in 0..60 * SECOND {
        // 50,000 a second.
        for _ in 0..800 {
            world
                .net
                .inject(dice.address(), SERVER, &request(dice.token(), &[]));
        }
        // Two hundred of them, ten a second, each within five.
        if tick % 6 == 0 && newcomers.len() < 200 {
            let index = newcomers.len() + 1;
            newcomers.push((tick, index, world.start(index)));
        }
        for (started, index, ours) in &newcomers {
            if tick == started + 5 * SECOND {
                let state = world.clients[*index].driver.connection_state(*ours);
                assert_eq!(state, ConnectionState::Connected, "newcomer {index}");
            }
        }
        for (ours, _) in &established {
            world.clients[0].send(*ours, b"live").unwrap();
        }
        world.tick();
        world.server.accept_all();
        let live = world
            .server
            .events()
            .iter()
            .filter(|(_, event)| *event == Event::data(b"live"))
            .count();
        assert_eq!(live, 100, "of those who are in");
    }
    let statistics = world.server.driver.statistics();
    assert!(
        statistics.endpoint.half_open <= 65_536,
        "{:?}",
        statistics.endpoint
    );
    assert!(
        statistics.connections <= 10_000,
        "{}",
        statistics.connections
    );
    for (_, index, ours) in newcomers {
        let state = world.clients[index].driver.connection_state(ours);
        assert_eq!(state, ConnectionState::Connected, "newcomer {index}");
    }
    assert!(
        world.clients[0].events().is_empty(),
        "nobody was disconnected"
    );
    // The flood is over: its records go.
    world.run(12_000 / 16);
    let statistics = world.server.driver.statistics();
    assert_eq!(statistics.endpoint.half_open, 0);
    assert!(!statistics.endpoint.under_load);
}

#[test]
fn r21_max_connections_is_a_hard_cap() {
    let mut world = World::with(6, settings().max_connections(4), settings());
    let ours: Vec<_> = (0..6).map(|index| (index, world.start(index))).collect();
    let mut all = Vec::new();
    for _ in 0..60 {
        world.tick();
        world.server.accept_all();
        for (index, ours) in &ours {
            let client = &mut world.clients[*index];
            if client.driver.connection_state(*ours) == ConnectionState::Connected {
                client.send(*ours, b"x").unwrap();
            }
            all.extend(client.events());
        }
        assert!(world.server.driver.statistics().connections <= 4);
    }
    let refused = all
        .iter()
        .filter(|(_, event)| *event == Event::Disconnect(DisconnectReason::ClosedByRemote));
    assert_eq!(refused.count(), 2, "who finds no room is told so");
}

/// One by one or all at once, no more get in than may.
#[test]
fn r21_one_address_has_its_share() {
    for (apart, most) in [(30, 3), (0, 3)] {
        let strict = settings()
            .max_connections_per_ip(3)
            .limit_loopback(LoopbackLimits::Limited);
        let mut world = World::with(8, strict, settings());
        let mut ours = Vec::new();
        for index in 0..8 {
            ours.push((index, world.start(index)));
            run_talking(&mut world, &ours, apart);
        }
        // Who gets no place is told so, or asks in vain.
        run_talking(&mut world, &ours, 12_000 / 16);
        let statistics = world.server.driver.statistics();
        assert!(statistics.connections <= most, "{}", statistics.connections);
        assert!(statistics.endpoint.refused_per_ip > 0);
        let connected = ours.iter().filter(|(index, ours)| {
            let driver = &world.clients[*index].driver;
            driver.connection_state(*ours) == ConnectionState::Connected
        });
        assert_eq!(
            connected.count(),
            world.server.driver.statistics().connections
        );
    }
}

/// Lets everybody who is connected say something in every tick.
fn run_talking(world: &mut World, ours: &[(usize, NetworkConnection)], ticks: usize) {
    for _ in 0..ticks {
        world.tick();
        world.server.accept_all();
        world.server.events();
        for (index, ours) in ours {
            let client = &mut world.clients[*index];
            if client.driver.connection_state(*ours) == ConnectionState::Connected {
                client.send(*ours, b"x").unwrap();
            }
        }
    }
}

#[test]
fn r21_who_is_not_accepted_in_time_is_gone() {
    let mut world = World::with(0, settings().fixed_frame_time(ms(100)), settings());
    let peer = world.net.peer(SERVER.with_port(1));
    let token = Token([1; 8]);
    peer.send(SERVER, &request(token, &[]));
    for _ in 0..105 {
        peer.send(SERVER, &data(token, b"hello?"));
        world.tick();
        peer.answer_checks(SERVER, &peer.receive());
    }
    assert_eq!(world.server.driver.statistics().connections, 0);
    assert_eq!(world.server.driver.accept(), None);
}
