//! Who leaves first where congestion control holds back, and one message for many.

use std::collections::BTreeMap;

use drumfire::error::{PipelineError, SendError};
use drumfire::id::{NetworkConnection, NetworkPipeline, StageId};
use drumfire::interface::{Conditions, RateLimit};

use crate::send;
use crate::support::{Event, Net, World, ms, settings};

/// Two reliable pipelines that send all they can over a link of 500 kB/s: what each got through in
/// eight seconds.
fn shares(first: u8, second: u8) -> [usize; 2] {
    let conditions = Conditions {
        rate: Some(RateLimit {
            bytes_per_second: 500_000,
            queue: 100_000,
        }),
        ..Conditions::delayed(ms(30))
    };
    let settings = settings().reliable_window_size(128);
    let mut world = World::on(Net::rough(9, conditions), 1, settings.clone(), settings);
    let pipelines = [first, second].map(|priority| {
        let pipeline = world.create_pipeline(&[StageId::ReliableSequenced]);
        let driver = &mut world.clients[0].driver;
        driver.set_pipeline_priority(pipeline, priority).unwrap();
        pipeline
    });
    let (ours, theirs) = world.connect(0);
    let mut received = [0; 2];
    for tick in 0..700 {
        for pipeline in pipelines {
            for _ in 0..40 {
                if send(&mut world.clients[0], pipeline, ours, &[7; 1_000]).is_err() {
                    break;
                }
            }
        }
        world.tick();
        for event in world.server.events_of(theirs) {
            if let Event::Data(id, bytes) = event
                && tick >= 200
            {
                received[usize::from(id) - 1] += bytes.len();
            }
        }
    }
    received
}

#[test]
fn the_higher_priority_leaves_first_and_equals_share() {
    let [first, second] = shares(128, 200);
    assert!(second > 20 * first.max(1), "{first} {second}");
    assert!(second > 3_000_000, "{second}");
    let [first, second] = shares(200, 128);
    assert!(first > 20 * second.max(1), "{first} {second}");
    let [first, second] = shares(128, 128);
    let most = first.max(second);
    assert!(3 * first.min(second) > 2 * most, "{first} {second}");
    assert!(first + second > 3_000_000);
}

#[test]
fn a_priority_is_of_a_pipeline_that_exists() {
    let mut world = World::new(0);
    let driver = &mut world.server.driver;
    assert_eq!(
        driver.set_pipeline_priority(NetworkPipeline::NULL, 1),
        Err(PipelineError::UnknownPipeline { id: 0, count: 0 })
    );
}

#[test]
fn a_broadcast_reaches_everybody_once_and_names_those_it_does_not() {
    let mut world = World::with(5, settings().fragmentation_payload_capacity(9_000), {
        settings().fragmentation_payload_capacity(9_000)
    });
    let pipelines = [
        NetworkPipeline::NULL,
        world.create_pipeline(&[StageId::ReliableSequenced]),
        world.create_pipeline(&[StageId::Fragmentation, StageId::ReliableSequenced]),
        world.create_pipeline(&[StageId::UnreliableSequenced]),
    ];
    let pairs: Vec<_> = (0..5).map(|index| world.connect_proved(index)).collect();
    let all: Vec<NetworkConnection> = pairs.iter().map(|(_, theirs)| *theirs).collect();
    let (left, stays) = (all[4], &all[..4]);
    world.server.driver.disconnect(left);
    let mut expected: BTreeMap<u8, Vec<Vec<u8>>> = BTreeMap::new();
    for (round, pipeline) in (0..8_u8).flat_map(|round| pipelines.map(|p| (round, p))) {
        let len = if pipeline == pipelines[2] {
            8_000
        } else {
            1_000
        };
        let message = vec![round; len];
        // A message of one's own between two shared ones keeps its place.
        let own = world.server.driver.broadcast(&all, pipeline, &message);
        let refused: Vec<_> = own.iter().map(|(connection, _)| *connection).collect();
        assert_eq!(refused, [left]);
        assert!(matches!(
            own[0].1,
            SendError::NotConnected { .. } | SendError::StaleConnection { .. }
        ));
        expected.entry(pipeline.id()).or_default().push(message);
        for connection in stays {
            send(&mut world.server, pipeline, *connection, &[round, 1]).unwrap();
        }
        expected
            .entry(pipeline.id())
            .or_default()
            .push(vec![round, 1]);
        world.run(3);
    }
    world.run(20);
    for (index, (ours, _)) in pairs.iter().enumerate().take(4) {
        let mut received: BTreeMap<u8, Vec<Vec<u8>>> = BTreeMap::new();
        for event in world.clients[index].events_of(*ours) {
            if let Event::Data(pipeline, bytes) = event {
                received.entry(pipeline).or_default().push(bytes);
            }
        }
        assert!(received == expected, "{index}");
    }
    // Each is refused for itself.
    let full = loop {
        let refused = world
            .server
            .driver
            .broadcast(stays, pipelines[1], &[1; 1_000]);
        if !refused.is_empty() {
            break refused;
        }
    };
    assert_eq!(full.len(), 4);
    assert!(matches!(
        full[0].1,
        SendError::WindowFull { window: 32, .. }
    ));
    let too_long = world
        .server
        .driver
        .broadcast(stays, pipelines[1], &[1; 2_000]);
    assert!(matches!(
        too_long[3].1,
        SendError::PacketOverflow { needed: 2_000, .. }
    ));
}
