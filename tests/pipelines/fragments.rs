//! Conformance J: messages larger than a packet, through whole drivers.

use drumfire::error::SendError;
use drumfire::id::StageId::{Fragmentation, ReliableSequenced, UnreliableSequenced};
use drumfire::interface::Conditions;
use drumfire::settings::CongestionControl;

use crate::raw::Raw;
use crate::support::{Event, FRAME, Net, SERVER, World, ms, pattern, settings};
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

#[test]
fn messages_of_more_fragments_than_half_the_numbers_arrive_whole() {
    const SIZE: usize = 16_000_000;
    let large = || {
        settings()
            .fragmentation_payload_capacity(SIZE)
            .reliable_window_size(512)
            .rx_budget_per_conn(4_000)
            .congestion_control(CongestionControl::Off)
    };
    let mut world = World::with(1, large(), large());
    let pipeline = world.create_pipeline(&[Fragmentation, ReliableSequenced]);
    let (ours, theirs) = world.connect_proved(0);
    // The numbers of the second overlap those of the first, and those of the third both.
    for first in 1..4_u8 {
        let mut message = pattern(SIZE);
        message[0] = first;
        send(&mut world.clients[0], pipeline, ours, &message).unwrap();
        let mut received = Vec::new();
        world.drive_until(1_000, |world| {
            received.extend(messages(world.server.events_of(theirs)));
            !received.is_empty()
        });
        assert!(received == [message], "message {first}");
        world.run(5);
    }
}

#[test]
fn a_message_beyond_the_budget_is_not_kept_out_by_small_ones() {
    let large = || settings().fragmentation_payload_capacity(400_000);
    let mut world = World::with(1, large(), large());
    let pipeline = world.create_pipeline(&[Fragmentation, ReliableSequenced]);
    let (ours, theirs) = world.connect_proved(0);
    let budget = world
        .server
        .driver
        .current_settings()
        .budgets()
        .event_bytes_per_connection;
    assert!(budget < 400_000);
    send(&mut world.clients[0], pipeline, ours, &pattern(400_000)).unwrap();
    // It fills the queue of its update.
    world.tick();
    // And a small one in front of it in every one that follows.
    let ticks = world.drive_until(2_000, |world| {
        world.clients[0].send(ours, b"small").unwrap();
        let received = messages(world.server.events_of(theirs));
        received.iter().any(|message| message.len() == 400_000)
    });
    assert!(ticks < 60, "{ticks}");
}

#[test]
fn j4_through_drivers_a_lost_fragment_costs_its_message_and_no_other() {
    for lost in 0..9_u64 {
        let net = Net::rough(1, Conditions::default());
        // An update a packet, so that each has its own weather.
        let slow = || settings().fragmentation_payload_capacity(3_000);
        let mut world = World::on(net, 1, slow(), slow());
        let pipeline = world.create_pipeline(&[Fragmentation]);
        let (ours, theirs) = world.connect_proved(0);
        let tap = world.net.tap();
        for number in 0..3_u8 {
            send(&mut world.clients[0], pipeline, ours, &[number; 3_000]).unwrap();
        }
        // The client's nine packets are carried one by one, but for the one.
        world.net.weather().set_conditions(Conditions::lossy(1.0));
        world.clients[0].update();
        world.net.weather().set_conditions(Conditions::default());
        let packets: Vec<_> = tap
            .take()
            .into_iter()
            .filter(|one| one.to == SERVER)
            .collect();
        assert_eq!(packets.len(), 9);
        for (_, packet) in (0..).zip(packets).filter(|(number, _)| *number != lost) {
            world.net.inject(packet.from, packet.to, &packet.bytes);
        }
        world.run(2);
        let received = messages(world.server.events_of(theirs));
        let firsts: Vec<u64> = received.iter().map(|message| message[0].into()).collect();
        let expected: Vec<u64> = (0..3).filter(|number| *number != lost / 3).collect();
        assert_eq!(firsts, expected, "packet {lost} was lost");
    }
}

#[test]
fn j8_j9_r28_partial_through_drivers_what_does_not_become_a_message_is_given_up() {
    const FIRST: u16 = 0x8000;
    let mut world = World::new(0);
    let pipeline = world.create_pipeline(&[Fragmentation]);
    let raw = Raw::connect(&mut world);
    let fragment = |header: u16, len: usize| [&header.to_le_bytes(), &*pattern(len)].concat();
    // J8: four packets are more than the 4,096 bytes a message may have.
    raw.send(pipeline, &fragment(FIRST, 1_300));
    for number in 1..4 {
        raw.send(pipeline, &fragment(number, 1_300));
    }
    world.tick();
    let incomplete = |world: &mut World| {
        let driver = &mut world.server.driver;
        driver
            .pipeline_statistics(pipeline, raw.connection)
            .incomplete
    };
    assert_eq!(incomplete(&mut world), 1);
    // J9: by age. A message that is begun and not continued for ten seconds is gone.
    raw.send(pipeline, &fragment(FIRST | 100, 10));
    let ticks = world.drive_until(700, |world| {
        raw.heartbeat();
        incomplete(world) == 2
    });
    let age = FRAME * u32::try_from(ticks).unwrap();
    assert!((ms(10_000)..ms(10_100)).contains(&age), "{age:?}");
    // And by count: of a hundred messages that are begun, few are kept.
    for number in 0..100 {
        raw.send(pipeline, &fragment(FIRST | (200 + 2 * number), 10));
        world.tick();
    }
    assert!(incomplete(&mut world) >= 2 + 84);
    assert_eq!(world.server.events_of(raw.connection), []);
    // A whole one goes through all the same.
    raw.send(pipeline, &fragment(FIRST | 0x4000 | 1_000, 10));
    world.tick();
    assert_eq!(
        messages(world.server.events_of(raw.connection)),
        [pattern(10)]
    );
}
