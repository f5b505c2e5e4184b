//! Conformance J: messages larger than a packet, through whole drivers.

use drumfire::error::SendError;
use drumfire::id::StageId::{Fragmentation, ReliableSequenced, UnreliableSequenced};
use drumfire::interface::Conditions;

use crate::support::{Event, FRAME, Net, World, ms, pattern, settings};
use crate::{messages, send};

#[test]
fn j1_j2_j3_j5_j6_every_size_up_to_the_capacity_arrives() {
    let mut world = World::new(1);
    let lists: [&[_]; 4] = [
        &[Fragmentation],
        &[Fragmentation, UnreliableSequenced],
        &[UnreliableSequenced, Fragmentation],
        &[Fragmentation, ReliableSequenced],
    ];
    let pipelines = lists.map(|stages| world.create_pipeline(stages));
    let (ours, theirs) = world.connect_proved(0);
    for pipeline in pipelines {
        assert_eq!(
            world.clients[0].driver.max_payload(pipeline, ours),
            Ok(4_096)
        );
        for len in (1_380..=1_400).chain([1, 3_000, 4_095, 4_096]) {
            let message = pattern(len);
            assert_eq!(
                send(&mut world.clients[0], pipeline, ours, &message),
                Ok(len)
            );
            world.tick();
            let event = Event::Data(pipeline.id(), message);
            assert_eq!(world.server.events_of(theirs), [event], "{len}");
        }
        assert_eq!(
            send(&mut world.clients[0], pipeline, ours, &pattern(4_097)),
            Err(SendError::PacketOverflow {
                needed: 4_097,
                capacity: 4_096
            })
        );
    }
}

#[test]
fn j7_fragments_assemble_in_whatever_order_they_arrive() {
    let weather = Conditions {
        jitter: ms(100),
        ..Conditions::default()
    };
    let mut world = World::on(Net::rough(3, weather), 1, settings(), settings());
    let pipeline = world.create_pipeline(&[Fragmentation]);
    let (ours, theirs) = world.connect_proved(0);
    let mut received = Vec::new();
    for round in 0..20_u8 {
        send(&mut world.clients[0], pipeline, ours, &[round; 4_000]).unwrap();
        world.run(10);
        received.extend(messages(world.server.events_of(theirs)));
    }
    assert!(received.iter().all(|message| message.len() == 4_000));
    let firsts: Vec<u8> = received.iter().map(|message| message[0]).collect();
    assert!(firsts.iter().copied().eq(0..20), "{firsts:?}");
}

#[test]
fn a_message_of_megabytes_arrives_and_tells_how_far_it_has_come() {
    let large = || {
        settings()
            .fragmentation_payload_capacity(2_000_000)
            .send_burst(2_040)
            .reliable_window_size(64)
            .rx_budget_per_conn(1_000)
    };
    let mut world = World::with(1, large(), large());
    let pipeline = world.create_pipeline(&[Fragmentation, ReliableSequenced]);
    let (ours, theirs) = world.connect_proved(0);
    let message = pattern(2_000_000);
    assert_eq!(
        send(&mut world.clients[0], pipeline, ours, &message),
        Ok(message.len())
    );
    let (mut received, mut unsent) = (Vec::new(), usize::MAX);
    let ticks = world.drive_until(400, |world| {
        received.extend(messages(world.server.events_of(theirs)));
        let driver = &mut world.clients[0].driver;
        let left = driver.pipeline_statistics(pipeline, ours).unsent;
        assert!(left <= unsent.max(left));
        unsent = left;
        !received.is_empty()
    });
    assert!(received == [message]);
    assert_eq!(unsent, 0);
    // 1,454 packets through a window of 64, one round trip a tick.
    assert!(ticks < 40, "{ticks} ticks of {FRAME:?}");
}
