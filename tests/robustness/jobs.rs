//! R34, R35, R36: user jobs that panic, block, or let go of things.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};

use drumfire::id::NetworkPipeline;
use drumfire::settings::{AddressValidation, InlineThreshold, NetworkSettingsBuilder};
use drumfire::{NetworkConnection, ThreadPool};

use crate::support::{Dice, Event, Net, Node, SERVER, World, request, settings};

const NULL: NetworkPipeline = NetworkPipeline::NULL;

fn pool(threads: usize) -> Arc<ThreadPool> {
    Arc::new(
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap(),
    )
}

/// Settings under which every update goes through the pool.
fn spread() -> NetworkSettingsBuilder {
    settings().inline_threshold(InlineThreshold::NeverInline)
}

/// A server on `pool` with one proved client for each of `connections`.
fn on(
    pool: &Arc<ThreadPool>,
    connections: usize,
) -> (World, Vec<(NetworkConnection, NetworkConnection)>) {
    let net = Net::calm();
    let mut server = Node::on_pool(spread(), 1, net.interface(), pool.clone());
    server.listen_on(SERVER);
    let clients = vec![Node::new(settings(), 2, net.interface())];
    let mut world = World {
        net,
        server,
        clients,
        ticks: 0,
    };
    let pairs: Vec<_> = (0..connections).map(|_| world.connect(0)).collect();
    for (ours, _) in &pairs {
        world.clients[0].send(*ours, b"hello").unwrap();
    }
    world.run(4);
    world.server.events();
    (world, pairs)
}

#[test]
fn r34_panic_everywhere() {
    let (mut world, pairs) = on(&pool(2), 100);
    for round in 0..1_000_u32 {
        for (ours, _) in &pairs {
            world.clients[0].send(*ours, &round.to_le_bytes()).unwrap();
        }
        world.clients[0].update();
        let driver = &mut world.server.driver;
        // Every fourth round a job panics, each time in another place, with a message half written.
        let outcome = match round % 16 {
            0 => driver
                .schedule_update()
                .then(|(), _| panic!("in a job"))
                .try_complete(),
            4 => driver
                .schedule_update()
                .then(|(), concurrent| concurrent.for_each(|_| panic!("in a loop")))
                .try_complete(),
            8 => driver
                .schedule_update()
                .then(|(), concurrent| {
                    let connection = concurrent.connections().next().unwrap();
                    let mut writer = concurrent.begin_send(NULL, connection).unwrap();
                    writer.write_int(1);
                    panic!("with a message half written");
                })
                .try_complete(),
            12 => {
                driver.schedule_update().complete();
                let mut view = driver.to_concurrent();
                catch_unwind(AssertUnwindSafe(|| {
                    view.for_each(|port| {
                        assert!(port.connection().index() < 50, "in half the ports");
                    });
                }))
            }
            _ => driver.schedule_update().then(|(), _| ()).try_complete(),
        };
        assert_eq!(outcome.is_err(), round % 4 == 0);
        let events = world.server.events();
        assert_eq!(events.len(), 100, "round {round}");
        assert!(
            events
                .iter()
                .all(|(_, event)| *event == Event::data(&round.to_le_bytes()))
        );
    }
    // Nothing of what was half written is left, and everybody is there.
    for (_, theirs) in &pairs {
        world.server.send(*theirs, b"end").unwrap();
    }
    world.run(2);
    let events = world.clients[0].events();
    assert_eq!(events.len(), 100);
    assert!(
        events
            .iter()
            .all(|(_, event)| *event == Event::data(b"end"))
    );
}

#[test]
fn r35_all_blocked() {
    let pool = pool(2);
    let (mut world, pairs) = on(&pool, 1);
    // Both threads wait for the test to be over.
    let blocked = Arc::new(Barrier::new(3));
    for _ in 0..2 {
        let blocked = blocked.clone();
        pool.spawn(move || {
            blocked.wait();
        });
    }
    for round in 0..300_u32 {
        let (ours, theirs) = pairs[0];
        world.clients[0].send(ours, &round.to_le_bytes()).unwrap();
        world.clients[0].update();
        let ran = world
            .server
            .driver
            .schedule_update()
            .then(|(), _| true)
            .complete();
        assert!(ran);
        assert_eq!(
            world.server.events_of(theirs),
            [Event::data(&round.to_le_bytes())]
        );
    }
    blocked.wait();
}

#[test]
fn r35_nested_wait_pool1() {
    for threads in [1, 2, 64] {
        let pool = pool(threads);
        let (mut world, pairs) = on(&pool, 1);
        pool.install(|| {
            for _ in 0..20 {
                world.clients[0].send(pairs[0].0, b"x").unwrap();
                world.clients[0].update();
                let ran = world
                    .server
                    .driver
                    .schedule_update()
                    .then(|(), _| true)
                    .complete();
                assert!(ran);
                world.server.driver.to_concurrent().for_each(|mut port| {
                    assert_eq!(port.pop_event().map(Event::of), Some(Event::data(b"x")));
                });
            }
        });
    }
}

#[test]
fn r35_a_job_that_blocks_delays_only_what_depends_on_it() {
    let pool = pool(2);
    let (mut slow, _) = on(&pool, 1);
    let (mut quick, _) = on(&pool, 1);
    let (release, wait) = channel::<()>();
    let handle = slow
        .server
        .driver
        .schedule_update()
        .then(move |(), _| wait.recv().unwrap());
    for _ in 0..100 {
        quick.server.update();
    }
    assert!(!handle.is_completed());
    release.send(()).unwrap();
    handle.complete();
}

#[test]
fn r35_shards_that_open_during_an_update_all_come_home() {
    // Four times as many shards as a new driver's hand-over has room for, in one update: what the
    // threads give back must find room all the same.
    let pool = pool(2);
    for round in 0..10 {
        let net = Net::calm();
        let many = spread()
            .address_validation(AddressValidation::Off)
            .max_connections(20_000)
            .waiting_for_accept_max(20_000)
            .rx_budget(20_000);
        let mut server = Node::on_pool(many, 1, net.interface(), pool.clone());
        server.listen_on(SERVER);
        let mut dice = Dice::new(round);
        for requests in [16_384, 2_000] {
            for _ in 0..requests {
                net.inject(dice.address(), SERVER, &request(dice.token(), &[]));
            }
            server.update();
        }
        assert_eq!(server.accept_all().len(), 18_384, "round {round}");
    }
}

/// What is under way when things are dropped.
#[derive(Clone, Copy, Debug)]
enum Flight {
    Nothing,
    Update,
    Flush,
    Chained,
    Panicking,
}

/// How things are dropped.
#[derive(Clone, Copy, Debug)]
enum DropPoint {
    /// The handle, then the driver.
    Handle,
    /// The handle is forgotten, and the driver dropped.
    Leak,
    /// The update is detached, and the driver dropped.
    Detached,
    /// The driver is used once more in between.
    UsedAgain,
}

/// Ten thousand rounds; `.ci/run` has them under the address sanitizer too.
#[test]
fn r36_drop_matrix() {
    let pool = pool(2);
    for flight in [
        Flight::Nothing,
        Flight::Update,
        Flight::Flush,
        Flight::Chained,
        Flight::Panicking,
    ] {
        for point in [
            DropPoint::Handle,
            DropPoint::Leak,
            DropPoint::Detached,
            DropPoint::UsedAgain,
        ] {
            for _ in 0..500 {
                drop_once(&pool, flight, point);
            }
        }
    }
}

fn drop_once(pool: &Arc<ThreadPool>, flight: Flight, point: DropPoint) {
    let (mut world, pairs) = on(pool, 2);
    world.clients[0].send(pairs[0].0, b"x").unwrap();
    world.clients[0].update();
    let driver = &mut world.server.driver;
    let handle = match flight {
        Flight::Nothing => None,
        Flight::Update => Some(driver.schedule_update()),
        Flight::Flush => Some(driver.schedule_flush_send()),
        Flight::Chained => Some(driver.schedule_update().then(|(), concurrent| {
            concurrent.for_each(|mut port| {
                port.pop_event();
            });
        })),
        Flight::Panicking => Some(driver.schedule_update().then(|(), _| panic!("on purpose"))),
    };
    match (point, handle) {
        (_, None) => {}
        (DropPoint::Handle, Some(handle)) => drop(handle),
        (DropPoint::Leak, Some(handle)) => std::mem::forget(handle),
        (DropPoint::Detached, Some(handle)) => handle.detach(),
        (DropPoint::UsedAgain, Some(handle)) => {
            handle.detach();
            driver.update();
            driver.update();
            assert!(driver.connections().count() == 2);
        }
    }
    // Closing twice is no error either.
    world.server.driver.disconnect(pairs[1].1);
    world.server.driver.disconnect(pairs[1].1);
    drop(world);
}

#[test]
fn r36_a_driver_may_be_dropped_within_a_job_of_its_own_pool() {
    let pool = pool(1);
    let (world, _) = on(&pool, 2);
    let (mut other, _) = on(&pool, 1);
    let World { mut server, .. } = world;
    let dropped = other.server.driver.schedule_update().then(move |(), _| {
        server.driver.schedule_update().detach();
        drop(server);
        true
    });
    assert!(dropped.complete());
}
