//! Leaving a connection: what was sent reliably has its time to arrive.

use std::time::Duration;

use drumfire::id::StageId::ReliableSequenced;
use drumfire::interface::Conditions;
use drumfire::{ConnectionState, DisconnectReason};

use crate::send;
use crate::support::{Event, Net, SERVER, World, ms, settings};

/// What a server gets of 20 messages whose sender leaves at once, at 30 % loss, and how many its
/// sender knows of that did not arrive.
fn leave(linger: Duration) -> (usize, u64) {
    let calm = Conditions::delayed(ms(20));
    let mut world = World::on(
        Net::rough(5, calm),
        1,
        settings(),
        settings().linger(linger),
    );
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let (ours, theirs) = world.connect(0);
    world.clients[0].send(ours, &[]).unwrap();
    world.run(20);
    world.server.events();
    send(&mut world.server, pipeline, theirs, b"crossing").unwrap();
    for index in 0..20 {
        send(&mut world.clients[0], pipeline, ours, &[index; 100]).unwrap();
    }
    world
        .net
        .weather()
        .set_conditions(Conditions { loss: 0.3, ..calm });
    world.clients[0].driver.disconnect(ours);
    let (mut arrived, mut ended) = (0, false);
    for _ in 0..600 {
        world.tick();
        let state = world.clients[0].driver.connection_state(ours);
        assert_eq!(state, ConnectionState::Disconnected);
        assert_eq!(world.clients[0].events_of(ours), []);
        for event in world.server.events_of(theirs) {
            assert!(!ended, "{event:?} behind the end");
            match event {
                Event::Data(_, bytes) => {
                    assert_eq!(usize::from(bytes[0]), arrived);
                    arrived += 1;
                }
                Event::Disconnect(DisconnectReason::ClosedByRemote) => ended = true,
                other => panic!("{other:?}"),
            }
        }
    }
    let statistics = world.clients[0].driver.statistics();
    assert_eq!(statistics.connections, 0);
    assert_eq!(statistics.endings.local, 1);
    (arrived, statistics.endings.undelivered)
}

#[test]
fn what_was_sent_reliably_arrives_before_the_end() {
    assert_eq!(leave(ms(5_000)), (20, 0));
    let (arrived, undelivered) = leave(ms(0));
    assert!(arrived < 20 && undelivered == 20, "{arrived} {undelivered}");
}

#[test]
fn a_peer_that_is_gone_is_waited_for_no_longer_than_told() {
    let mut world = World::on(
        Net::rough(5, Conditions::default()),
        1,
        settings(),
        settings().linger(ms(320)),
    );
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let (ours, _) = world.connect_proved(0);
    world.net.weather().isolate(&SERVER);
    send(&mut world.clients[0], pipeline, ours, b"to nobody").unwrap();
    world.clients[0].driver.disconnect(ours);
    let mut ticks = 0;
    while world.clients[0].driver.statistics().connections > 0 || ticks == 0 {
        world.tick();
        ticks += 1;
        assert!(ticks < 100);
    }
    // 20 frames, and the copies of the farewell.
    assert!((20..=26).contains(&ticks), "{ticks}");
    assert_eq!(world.clients[0].driver.statistics().endings.undelivered, 1);
}

#[test]
fn nobody_waits_where_everything_has_arrived() {
    let mut world = World::new(1);
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let (ours, theirs) = world.connect_proved(0);
    send(&mut world.clients[0], pipeline, ours, b"heard").unwrap();
    world.run(3);
    world.server.events();
    world.clients[0].driver.disconnect(ours);
    world.tick();
    let end = Event::Disconnect(DisconnectReason::ClosedByRemote);
    assert_eq!(world.server.events_of(theirs), [end]);
}
