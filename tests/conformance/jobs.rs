//! Rows H: jobs and concurrency. Row H2 in its first half does not compile: `src/driver/misuse.rs`.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use drumfire::error::DisconnectReason;
use drumfire::id::{NetworkConnection, NetworkPipeline};
use drumfire::settings::{InlineThreshold, Pinning, Workers};
use drumfire::{Concurrent, ConnectionPort, ConnectionState, NetworkEvent};

use crate::support::{Event, World, pattern, settings};

const NULL: NetworkPipeline = NetworkPipeline::NULL;

/// A server whose jobs really run on a pool of two.
fn on_a_pool(clients: usize) -> World {
    let workers = Workers::Own {
        threads: 2,
        pinning: Pinning::No,
    };
    let spread = settings()
        .workers(workers)
        .inline_threshold(InlineThreshold::NeverInline);
    World::with(clients, spread, settings())
}

/// The next message of any connection, as a number.
fn read(concurrent: &mut Concurrent<'_>) -> Option<i32> {
    match concurrent.pop_event()?.1 {
        NetworkEvent::Data { mut reader, .. } => Some(reader.read_int()),
        other => panic!("{other:?}"),
    }
}

/// Answers every number with its successor.
fn answer(mut port: ConnectionPort<'_>) {
    let (mut events, mut sender) = port.split();
    while let Some(event) = events.pop_event() {
        if let NetworkEvent::Data {
            pipeline,
            mut reader,
        } = event
        {
            let mut writer = sender.begin_send(pipeline).unwrap();
            writer.write_int(reader.read_int() + 1);
            writer.end_send().unwrap();
        }
    }
}

fn send_int(world: &mut World, client: usize, connection: NetworkConnection, value: i32) {
    let mut writer = world.clients[client]
        .driver
        .begin_send(NULL, connection)
        .unwrap();
    writer.write_int(value);
    writer.end_send().unwrap();
}

fn int(value: i32) -> Event {
    Event::data(&value.to_le_bytes())
}

#[test]
fn h1_an_idle_driver_schedules_and_completes() {
    for mut world in [World::new(0), on_a_pool(0)] {
        for _ in 0..3 {
            world.server.driver.schedule_update().complete();
        }
        assert_eq!(world.server.driver.statistics().updates, 3);
    }
}

/// Two at once do not compile; one detached before the next is completed by it.
#[test]
fn h2_an_update_completes_the_one_before_it() {
    let mut world = on_a_pool(1);
    let (ours, theirs) = world.connect(0);
    world.clients[0].send(ours, b"x").unwrap();
    world.clients[0].update();
    world.server.driver.schedule_update().detach();
    world.server.driver.schedule_update().complete();
    assert_eq!(world.server.events_of(theirs), [Event::data(b"x")]);
}

/// A chained job accepts and reads what its own update brought; what an earlier one left is the game
/// thread's.
#[test]
fn h3_a_job_behind_update_and_accept_reads_the_message() {
    let mut world = on_a_pool(1);
    let ours = world.start(0);
    world.clients[0].update();
    let accept = |(), concurrent: &mut Concurrent<'_>| concurrent.accept();
    let theirs = world
        .server
        .driver
        .schedule_update()
        .then(accept)
        .complete();
    world.clients[0].update();
    assert_eq!(world.clients[0].events(), [(ours, Event::Connect(vec![]))]);
    send_int(&mut world, 0, ours, 42);
    world.clients[0].update();
    let receive =
        |accepted: Option<_>, concurrent: &mut Concurrent<'_>| (accepted, read(concurrent));
    let outcome = world
        .server
        .driver
        .schedule_update()
        .then(accept)
        .then(receive)
        .complete();
    assert_eq!(outcome, (None, Some(42)));
    assert!(theirs.is_some());
}

#[test]
fn h4_what_a_chained_job_sends_leaves_with_its_update() {
    let mut world = on_a_pool(1);
    let (ours, theirs) = world.connect_proved(0);
    let send = move |(), concurrent: &mut Concurrent<'_>| {
        let mut writer = concurrent.begin_send(NULL, theirs).unwrap();
        writer.write_int(42);
        writer.end_send().unwrap();
    };
    world.server.driver.schedule_update().then(send).complete();
    world.clients[0].update();
    assert_eq!(world.clients[0].events_of(ours), [int(42)]);
}

#[test]
fn h5_two_connections_are_answered_in_one_parallel_loop() {
    let mut world = on_a_pool(2);
    let ours = [world.connect_proved(0).0, world.connect_proved(1).0];
    for (index, ours) in ours.into_iter().enumerate() {
        send_int(&mut world, index, ours, 42);
        world.clients[index].update();
    }
    world
        .server
        .driver
        .schedule_update()
        .then(|(), concurrent| concurrent.for_each(answer))
        .complete();
    for (client, ours) in world.clients.iter_mut().zip(ours) {
        client.update();
        assert_eq!(client.events_of(ours), [int(43)]);
    }
}

#[test]
fn h7_250_clients_are_all_answered_once() {
    let mut world = on_a_pool(1);
    let ours: Vec<_> = (0..250).map(|_| world.start(0)).collect();
    let mut accepted = 0;
    world.drive_until(20, |world| {
        accepted += world.server.accept_all().len();
        accepted == 250
    });
    world.tick();
    assert_eq!(world.clients[0].events().len(), 250);
    // An answer needs room in the budget of addresses that proved nothing: let them be proved.
    for ours in &ours {
        world.clients[0].send(*ours, b"").unwrap();
    }
    world.run(4);
    world.server.events();
    for round in 0..4 {
        for (number, ours) in (0..).zip(&ours) {
            send_int(&mut world, 0, *ours, round * 1000 + number);
        }
        world.clients[0].update();
        world
            .server
            .driver
            .schedule_update()
            .then(|(), concurrent| concurrent.for_each(answer))
            .complete();
        world.clients[0].update();
        for (number, ours) in (0..).zip(&ours) {
            assert_eq!(
                world.clients[0].events_of(*ours),
                [int(round * 1000 + number + 1)]
            );
        }
    }
}

#[test]
fn h8_a_writer_stays_open_while_an_update_runs() {
    let mut world = on_a_pool(2);
    let (ours, theirs) = world.connect_proved(0);
    let late = world.start(1);
    world.clients[1].update();
    let mut handle = world.server.driver.schedule_update();
    let mut writer = handle.begin_send(NULL, theirs).unwrap();
    writer.write_int(1);
    // The update in flight answers the newcomer, now or by the time it is completed.
    world.clients[1].update();
    writer.write_int(2);
    writer.end_send().unwrap();
    handle.complete();
    assert!(world.server.driver.accept().is_some());
    world.tick();
    assert_eq!(world.clients[1].events_of(late), [Event::Connect(vec![])]);
    world.clients[0].update();
    let both = [1_i32.to_le_bytes(), 2_i32.to_le_bytes()].concat();
    assert_eq!(world.clients[0].events_of(ours), [Event::data(&both)]);
}

/// Unity Transport gives one of them −7.
#[test]
fn h9_two_threads_on_one_connection_both_send() {
    let mut world = World::new(1);
    let (ours, theirs) = world.connect_proved(0);
    for _ in 0..50 {
        let concurrent = world.server.driver.to_concurrent();
        let start = Barrier::new(2);
        std::thread::scope(|scope| {
            for thread in 0..2_u8 {
                let (concurrent, start) = (&concurrent, &start);
                scope.spawn(move || {
                    start.wait();
                    let mut port = concurrent.claim(theirs).unwrap();
                    let mut writer = port.begin_send(NULL).unwrap();
                    writer.write_byte(thread);
                    assert_eq!(writer.end_send(), Ok(1));
                });
            }
        });
        world.server.update();
        world.clients[0].update();
        let arrived: HashSet<_> = world.clients[0].events_of(ours).into_iter().collect();
        assert_eq!(
            arrived,
            HashSet::from([Event::data(&[0]), Event::data(&[1])])
        );
    }
}

/// The pool here is a connection's room to send.
#[test]
fn h10_sixteen_threads_that_begin_and_abort_leave_all_room_free() {
    let tight = settings().send_bytes_per_connection(2_048);
    let mut world = World::with(1, tight, settings());
    let (ours, theirs) = world.connect_proved(0);
    let concurrent = world.server.driver.to_concurrent();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..62_500 {
                    let mut port = concurrent.claim(theirs).unwrap();
                    let mut writer = port.begin_send(NULL).unwrap();
                    writer.write_int(1);
                }
            });
        }
    });
    let whole = world.server.driver.max_payload(NULL, theirs).unwrap();
    assert_eq!(whole, 1_390);
    world.server.send(theirs, &pattern(whole)).unwrap();
    world.server.update();
    world.clients[0].update();
    assert_eq!(
        world.clients[0].events_of(ours),
        [Event::data(&pattern(whole))]
    );
}

/// The types leave no room for a race; what is left to show is that both see what they should.
#[test]
fn h13_the_front_is_read_while_an_update_runs() {
    let mut world = on_a_pool(1);
    let (ours, theirs) = world.connect_proved(0);
    send_int(&mut world, 0, ours, 0);
    world.tick();
    for round in 1..200 {
        send_int(&mut world, 0, ours, round);
        world.clients[0].update();
        let mut handle = world.server.driver.schedule_update();
        let last = handle
            .pop_event()
            .map(|(whose, event)| (whose, Event::of(event)));
        assert_eq!(last, Some((theirs, int(round - 1))));
        assert!(handle.pop_event().is_none());
        handle.complete();
    }
}

#[test]
fn h14_a_panic_in_a_job_surfaces_at_complete_and_harms_nothing_else() {
    let mut world = on_a_pool(1);
    let (ours, theirs) = world.connect(0);
    world.clients[0].send(ours, b"x").unwrap();
    world.clients[0].update();
    let ran = Arc::new(AtomicUsize::new(0));
    let behind = ran.clone();
    let handle = world.server.driver.schedule_update();
    let outcome = handle
        .then(|(), _| panic!("on purpose"))
        .then(move |(), _| behind.fetch_add(1, Ordering::Relaxed))
        .try_complete();
    let panic = outcome.unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
    assert_eq!(
        ran.load(Ordering::Relaxed),
        0,
        "what depends on it is cancelled"
    );
    assert_eq!(world.server.events_of(theirs), [Event::data(b"x")]);
    world.clients[0].send(ours, b"y").unwrap();
    world.tick();
    assert_eq!(world.server.events_of(theirs), [Event::data(b"y")]);

    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        world
            .server
            .driver
            .schedule_update()
            .then(|(), _| panic!("again"))
            .complete();
    }));
    assert!(caught.is_err());
    world.tick();
    drop(world);
}

#[test]
fn h16_a_hundred_rounds_do_not_drift() {
    let mut world = on_a_pool(1);
    let (ours, theirs) = world.connect_proved(0);
    for round in 0..100 {
        send_int(&mut world, 0, ours, round);
        world.tick();
        assert_eq!(world.server.events_of(theirs), [int(round)]);
        world.server.send(theirs, &round.to_le_bytes()).unwrap();
        world.server.update();
        world.clients[0].update();
        assert_eq!(world.clients[0].events_of(ours), [int(round)]);
    }
    assert_eq!(
        world.server.driver.connection_state(theirs),
        ConnectionState::Connected
    );
    world.clients[0].driver.disconnect(ours);
    world.tick();
    assert_eq!(
        world.server.events_of(theirs),
        [Event::Disconnect(DisconnectReason::ClosedByRemote)]
    );
}
