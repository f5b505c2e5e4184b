//! Pipelines over DTLS: what holds of plain connections holds of secure ones.

use drumfire::error::SendError;
use drumfire::id::StageId::{Fragmentation, ReliableSequenced, UnreliableSequenced};
use drumfire::id::{NetworkConnection, NetworkPipeline, StageId};
use drumfire::interface::Conditions;

use crate::identities::{client, server};
use crate::support::{Event, Net, World, ms, pattern};
use crate::{messages, send};

#[test]
fn every_stage_carries_messages_of_every_size_over_dtls() {
    let mut world = World::with(1, server(), client());
    let lists: [&[_]; 7] = [
        &[UnreliableSequenced],
        &[ReliableSequenced],
        &[Fragmentation],
        &[Fragmentation, ReliableSequenced],
        &[Fragmentation, UnreliableSequenced],
        &[UnreliableSequenced, Fragmentation],
        &[ReliableSequenced, Fragmentation],
    ];
    let pipelines = lists.map(|stages| world.create_pipeline(stages));
    let (ours, theirs) = world.connect(0);
    for (pipeline, stages) in pipelines.into_iter().zip(lists) {
        let driver = &mut world.clients[0].driver;
        let most = driver.max_payload(pipeline, ours).unwrap();
        let fragments = stages.contains(&Fragmentation) && stages[0] != ReliableSequenced;
        assert_eq!(most == 4_096, fragments, "{stages:?}: {most}");
        for len in [0, 1, 500, most - 1, most] {
            for _ in 0..2 {
                let message = pattern(len);
                send(&mut world.clients[0], pipeline, ours, &message).unwrap();
                send(&mut world.server, pipeline, theirs, &message).unwrap();
                world.run(2);
                let event = [Event::Data(pipeline.id(), message)];
                assert_eq!(world.server.events_of(theirs), event, "{stages:?}");
                assert_eq!(world.clients[0].events_of(ours), event, "{stages:?}");
            }
        }
        assert_eq!(
            send(&mut world.clients[0], pipeline, ours, &pattern(most + 1)),
            Err(SendError::PacketOverflow {
                needed: most + 1,
                capacity: most
            })
        );
    }
}

/// A client and a server, connected on a calm network that turns rough.
fn rough(
    conditions: Conditions,
    stages: &[StageId],
) -> (World, NetworkPipeline, [NetworkConnection; 2]) {
    let net = Net::rough(1, Conditions::default());
    let mut world = World::on(net, 1, server(), client());
    let pipeline = world.create_pipeline(stages);
    let (ours, theirs) = world.connect(0);
    world.net.weather().set_conditions(conditions);
    (world, pipeline, [ours, theirs])
}

#[test]
fn sequenced_over_dtls_gives_each_message_once_and_none_behind_a_newer_one() {
    let conditions = Conditions {
        loss: 0.1,
        duplication: 0.3,
        jitter: ms(60),
        ..Conditions::default()
    };
    let (mut world, pipeline, [ours, theirs]) = rough(conditions, &[UnreliableSequenced]);
    let (mut newest, mut received) = (None, 0);
    for number in 0..1_000_u32 {
        send(&mut world.clients[0], pipeline, ours, &number.to_le_bytes()).unwrap();
        world.tick();
        for message in messages(world.server.events_of(theirs)) {
            let number = u32::from_le_bytes(message.try_into().unwrap());
            assert!(newest.is_none_or(|newest| number > newest));
            newest = Some(number);
            received += 1;
        }
    }
    assert!((200..950).contains(&received), "{received}");
    let statistics = world.server.driver.pipeline_statistics(pipeline, theirs);
    assert!(statistics.stale > 50, "{statistics:?}");
}

#[test]
fn fragments_over_dtls_assemble_in_whatever_order_they_arrive() {
    let conditions = Conditions {
        jitter: ms(100),
        ..Conditions::default()
    };
    let (mut world, pipeline, [ours, theirs]) = rough(conditions, &[Fragmentation]);
    let mut received = Vec::new();
    for round in 0..20_u8 {
        send(&mut world.clients[0], pipeline, ours, &[round; 4_000]).unwrap();
        world.run(10);
        received.extend(messages(world.server.events_of(theirs)));
    }
    let expected: Vec<Vec<u8>> = (0..20).map(|round| vec![round; 4_000]).collect();
    assert!(received == expected);
}

#[test]
fn reliable_over_dtls_survives_an_outage_and_a_change_of_address() {
    let (mut world, pipeline, [ours, theirs]) = rough(Conditions::default(), &[ReliableSequenced]);
    let (mut sent, mut next) = (0_u32, 0_u32);
    let elsewhere = crate::support::SERVER.with_port(50_123);
    // A silent path is asked ever more rarely, so what waits may wait as long again.
    for tick in 0..900 {
        let loss = if (100..150).contains(&tick) { 1.0 } else { 0.1 };
        world.net.weather().set_conditions(Conditions::lossy(loss));
        if tick == 300 {
            let from = world.server.driver.remote_endpoint(theirs);
            world.net.weather().rebind(&from, &elsewhere);
        }
        if tick < 400 && send(&mut world.clients[0], pipeline, ours, &sent.to_le_bytes()).is_ok() {
            sent += 1;
        }
        world.tick();
        for message in messages(world.server.events_of(theirs)) {
            assert_eq!(message, next.to_le_bytes());
            next += 1;
        }
    }
    assert_eq!(sent, next);
    assert!(sent > 300, "{sent}");
    assert_eq!(world.server.driver.remote_endpoint(theirs), elsewhere);
}
