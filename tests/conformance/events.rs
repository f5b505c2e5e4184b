//! Rows E: events.

use std::collections::BTreeSet;
use std::sync::Mutex;

use drumfire::ConnectionState;
use drumfire::NetworkEvent;
use drumfire::counters::DropReason;
use drumfire::error::DisconnectReason;
use drumfire::id::NetworkConnection;
use drumfire::settings::UnreadEvents;
use rayon::iter::ParallelIterator;

use crate::support::{Event, World, settings};

const CLOSED: Event = Event::Disconnect(DisconnectReason::ClosedByRemote);

/// A server with 16 connections, of one client driver: its handles, and the server's in their order.
fn sixteen() -> (World, Vec<NetworkConnection>, Vec<NetworkConnection>) {
    let mut world = World::new(1);
    let pairs: Vec<_> = (0..16).map(|_| world.connect(0)).collect();
    let (ours, theirs) = pairs.into_iter().unzip();
    (world, ours, theirs)
}

/// Message `number` of connection `k`.
fn message(k: usize, number: usize) -> Vec<u8> {
    format!("{k}/{number}").into_bytes()
}

#[test]
fn e1_an_empty_queue_gives_nothing() {
    let mut world = World::new(1);
    let (_, theirs) = world.connect(0);
    let driver = &mut world.server.driver;
    assert!(driver.pop_event().is_none());
    assert!(driver.pop_event_for_connection(theirs).is_none());
    let mut concurrent = driver.to_concurrent();
    assert!(concurrent.pop_event().is_none());
    assert!(concurrent.pop_event_for_connection(theirs).is_none());
    assert!(concurrent.claim(theirs).unwrap().pop_event().is_none());
    assert!(concurrent.iter_mut().next().unwrap().pop_event().is_none());
}

#[test]
fn e2_an_event_is_popped_once() {
    let mut world = World::new(1);
    let (ours, theirs) = world.connect(0);
    world.clients[0].send(ours, b"x").unwrap();
    world.tick();
    assert_eq!(
        world
            .server
            .driver
            .pop_event_for_connection(theirs)
            .map(Event::of),
        Some(Event::data(b"x"))
    );
    assert!(
        world
            .server
            .driver
            .pop_event_for_connection(theirs)
            .is_none()
    );
}

#[test]
fn e3_the_global_pop_names_the_connection() {
    let mut world = World::new(1);
    let (ours, theirs) = world.connect(0);
    world.clients[0].send(ours, b"x").unwrap();
    world.tick();
    assert_eq!(theirs.index(), 0);
    assert_eq!(world.server.events(), [(theirs, Event::data(b"x"))]);
    assert!(world.server.driver.pop_event().is_none());
}

#[test]
fn e4_sixteen_events_are_sixteen_pops() {
    let mut world = World::new(1);
    let (ours, theirs) = world.connect(0);
    for number in 0..16 {
        world.clients[0].send(ours, &message(0, number)).unwrap();
    }
    world.tick();
    let expected: Vec<_> = (0..16)
        .map(|number| Event::data(&message(0, number)))
        .collect();
    assert_eq!(world.server.events_of(theirs), expected);
}

#[test]
fn e5_connection_k_has_its_k_events() {
    for concurrently in [false, true] {
        let (mut world, ours, theirs) = sixteen();
        for (k, ours) in ours.iter().enumerate() {
            for number in 0..k {
                world.clients[0].send(*ours, &message(k, number)).unwrap();
            }
        }
        world.tick();
        for (k, theirs) in theirs.iter().enumerate() {
            let expected: Vec<_> = (0..k)
                .map(|number| Event::data(&message(k, number)))
                .collect();
            let events = if concurrently {
                let concurrent = world.server.driver.to_concurrent();
                let mut port = concurrent.claim(*theirs).unwrap();
                let mut events = Vec::new();
                while let Some(event) = port.pop_event() {
                    events.push(Event::of(event));
                }
                events
            } else {
                world.server.events_of(*theirs)
            };
            assert_eq!(events, expected);
        }
    }
}

#[test]
fn e6_global_and_single_pops_take_turns_in_order() {
    let mut world = World::new(1);
    let (ours, theirs) = world.connect(0);
    for number in 0..16 {
        world.clients[0].send(ours, &[number]).unwrap();
    }
    world.tick();
    for number in 0..16 {
        let driver = &mut world.server.driver;
        let event = if number % 2 == 0 {
            driver.pop_event().map(|(_, event)| Event::of(event))
        } else {
            driver.pop_event_for_connection(theirs).map(Event::of)
        };
        assert_eq!(event, Some(Event::data(&[number])));
    }
    assert!(world.server.driver.pop_event().is_none());
}

#[test]
fn e7_the_global_pop_gives_what_single_pops_left() {
    let (mut world, ours, theirs) = sixteen();
    for (k, ours) in ours.iter().enumerate() {
        for number in 0..16 {
            world.clients[0].send(*ours, &message(k, number)).unwrap();
        }
    }
    world.tick();
    let mut seen = BTreeSet::new();
    for number in 0..8 {
        let event = world
            .server
            .driver
            .pop_event_for_connection(theirs[10])
            .map(Event::of);
        assert_eq!(event, Some(Event::data(&message(10, number))));
        seen.insert((theirs[10], message(10, number)));
    }
    for (connection, event) in world.server.events() {
        let Event::Data(0, content) = event else {
            panic!("{event:?}")
        };
        assert!(seen.insert((connection, content)), "doubled");
    }
    assert_eq!(seen.len(), 16 * 16);
}

#[test]
fn e8_parallel_pops_give_each_event_once() {
    let (mut world, ours, theirs) = sixteen();
    for (k, ours) in ours.iter().enumerate() {
        world.clients[0].send(*ours, &message(k, 0)).unwrap();
    }
    world.tick();
    let seen = Mutex::new(BTreeSet::new());
    world
        .server
        .driver
        .to_concurrent()
        .par_iter_mut()
        .for_each(|mut port| {
            let connection = port.connection();
            while let Some(event) = port.pop_event() {
                let Event::Data(0, content) = Event::of(event) else {
                    panic!("no message")
                };
                assert!(
                    seen.lock().unwrap().insert((connection, content)),
                    "doubled"
                );
            }
        });
    let expected: BTreeSet<_> = theirs
        .iter()
        .enumerate()
        .map(|(k, theirs)| (*theirs, message(k, 0)))
        .collect();
    assert_eq!(seen.into_inner().unwrap(), expected);
    assert!(world.server.driver.pop_event().is_none());
}

#[test]
fn e10_copies_of_a_reader_read_for_themselves() {
    let mut world = World::new(1);
    let (ours, _) = world.connect(0);
    world.clients[0].send(ours, &[1, 2, 3, 4]).unwrap();
    world.tick();
    let Some((_, NetworkEvent::Data { mut reader, .. })) = world.server.driver.pop_event() else {
        panic!("no message")
    };
    assert_eq!(reader.read_byte(), 1);
    let mut copy = reader.clone();
    assert_eq!((reader.read_byte(), reader.read_byte()), (2, 3));
    assert_eq!((copy.read_byte(), copy.read_byte()), (2, 3));
}

/// Unity Transport forgets them and logs an error. Here they are kept, unless the settings say drop,
/// and then counted.
#[test]
fn e11_what_is_not_popped_is_kept_or_dropped_as_the_settings_say() {
    for (unread, expected, dropped) in [
        (
            UnreadEvents::Keep,
            vec![Event::data(b"one"), Event::data(b"two")],
            0,
        ),
        (UnreadEvents::Drop, vec![Event::data(b"two")], 1),
    ] {
        let mut world = World::with(1, settings().unread_events(unread), settings());
        let (ours, theirs) = world.connect(0);
        world.clients[0].send(ours, b"one").unwrap();
        world.tick();
        assert_eq!(
            world.server.driver.event_queue_size_for_connection(theirs),
            1
        );
        world.clients[0].send(ours, b"two").unwrap();
        world.server.driver.update();
        world.clients[0].update();
        world.server.driver.update();
        assert_eq!(world.server.events_of(theirs), expected, "{unread:?}");
        assert_eq!(world.server.driver.statistics().events_never_read, dropped);
    }
}

/// What lay unread is held against a connection as long as it lies there, and no longer.
#[test]
fn e11_a_connection_that_was_full_takes_events_again_once_it_was_read() {
    let small = settings().event_bytes_per_connection(2_048);
    let mut world = World::with(1, small, settings());
    let (ours, _) = world.connect_proved(0);
    for _ in 0..40 {
        world.clients[0].send(ours, &[7; 100]).unwrap();
        world.tick();
    }
    let full = |world: &World| {
        let drops = world.server.driver.statistics().inward.drops;
        drops.get(DropReason::EventsFull)
    };
    let lost = full(&world);
    assert!(lost > 0);
    let mut read = world.server.events().len();
    for _ in 0..3 {
        world.clients[0].send(ours, &[8; 100]).unwrap();
        world.tick();
        read += world.server.events().len();
    }
    assert_eq!(full(&world), lost);
    assert_eq!(read + usize::try_from(lost).unwrap(), 43);
}

#[test]
fn e12_the_events_of_a_closed_connection_can_still_be_read() {
    let mut world = World::new(1);
    let (ours, theirs) = world.connect(0);
    world.clients[0].send(ours, b"last words").unwrap();
    world.clients[0].driver.disconnect(ours);
    world.run(20);
    assert_eq!(
        world.server.driver.connection_state(theirs),
        ConnectionState::Disconnected
    );
    assert_eq!(
        world.server.events(),
        [(theirs, Event::data(b"last words")), (theirs, CLOSED)]
    );
    world.run(2);
    assert_eq!(world.server.events(), []);
}

#[test]
fn e13_what_one_update_has_no_room_for_comes_with_the_next_in_order() {
    let mut world = World::with(1, settings().rx_budget(64), settings());
    let (ours, theirs) = world.connect(0);
    let sent: Vec<_> = (0..100).map(|number| message(0, number)).collect();
    for content in &sent {
        world.clients[0].send(ours, content).unwrap();
    }
    world.tick();
    let mut events = world.server.events_of(theirs);
    assert!((1..100).contains(&events.len()), "{}", events.len());
    assert!(world.server.driver.statistics().receive_deferred > 0);
    world.tick();
    events.extend(world.server.events_of(theirs));
    assert_eq!(
        events,
        sent.iter()
            .map(|content| Event::data(content))
            .collect::<Vec<_>>()
    );
}

/// Unity Transport discards it with a warning.
#[test]
fn e14_data_for_a_connection_that_is_not_accepted_waits_for_accept() {
    let mut world = World::new(1);
    let ours = world.start(0);
    world.run(2);
    assert_eq!(world.clients[0].events(), [(ours, Event::Connect(vec![]))]);
    world.clients[0].send(ours, b"early").unwrap();
    world.run(2);
    assert_eq!(world.server.events(), [], "the global pop passes over it");
    let theirs = world.server.driver.accept().unwrap();
    world.clients[0].send(ours, b"late").unwrap();
    world.tick();
    assert_eq!(
        world.server.events_of(theirs),
        [Event::data(b"early"), Event::data(b"late")]
    );
}

#[test]
fn e15_an_unknown_handle_reads_disconnected() {
    let mut world = World::new(1);
    let unknown = NetworkConnection::default();
    assert_eq!(
        world.server.driver.connection_state(unknown),
        ConnectionState::Disconnected
    );
    world.connect(0);
    assert_eq!(
        world.server.driver.connection_state(unknown),
        ConnectionState::Disconnected
    );
    assert_eq!(
        world.server.driver.event_queue_size_for_connection(unknown),
        0
    );
    assert!(!world.server.driver.remote_endpoint(unknown).is_valid());
}

#[test]
fn e16_data_comes_before_the_close_it_arrived_with() {
    let mut world = World::new(1);
    let (ours, theirs) = world.connect(0);
    world.clients[0].send(ours, b"one").unwrap();
    world.clients[0].send(ours, b"two").unwrap();
    world.clients[0].driver.disconnect(ours);
    world.tick();
    assert_eq!(
        world.server.events_of(theirs),
        [Event::data(b"one"), Event::data(b"two"), CLOSED]
    );
}

#[test]
fn e17_the_event_count_is_the_number_of_pops() {
    let mut world = World::new(1);
    let (ours, theirs) = world.connect(0);
    for round in 0..5 {
        for _ in 0..round {
            world.clients[0].send(ours, b"x").unwrap();
        }
        world.tick();
        assert_eq!(
            world.server.driver.event_queue_size_for_connection(theirs),
            round
        );
        assert_eq!(world.server.events_of(theirs).len(), round);
        assert_eq!(
            world.server.driver.event_queue_size_for_connection(theirs),
            0
        );
    }
}

#[test]
fn e18_a_server_has_no_event_for_a_client_that_connects() {
    let mut world = World::new(1);
    world.start(0);
    world.run(4);
    assert_eq!(world.server.events(), []);
    assert!(world.server.driver.accept().is_some());
    world.run(4);
    assert_eq!(world.server.events(), []);
}

#[test]
fn e19_one_connections_burst_is_its_own() {
    // That the others' memory does not grow is for the allocation test; that they lose nothing is here.
    let roomy = settings().rx_budget(20_000).rx_budget_per_conn(20_000);
    let mut world = World::with(2, roomy, settings().send_bytes_per_connection(128 * 1024));
    let (loud, from_loud) = world.connect(0);
    let (quiet, from_quiet) = world.connect(1);
    for _ in 0..10_000 {
        world.clients[0].send(loud, b"burst").unwrap();
    }
    world.clients[1].send(quiet, b"one").unwrap();
    world.tick();
    assert_eq!(world.server.events_of(from_quiet), [Event::data(b"one")]);
    assert_eq!(world.server.events_of(from_loud).len(), 10_000);
}
