//! Conformance K and R25, R27: reliable pipelines through whole drivers.

use drumfire::DisconnectReason;
use drumfire::error::SendError;
use drumfire::id::StageId::ReliableSequenced;
use drumfire::interface::Conditions;

use crate::support::{Event, Net, SERVER, World, kind_of, ms, request, settings};
use crate::{messages, packet, send};

#[test]
fn k2_a_full_window_is_known_before_sending_and_told_when_it_has_room() {
    let five = || settings().reliable_window_size(5);
    let mut world = World::with(1, five(), five());
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let (ours, theirs) = world.connect_proved(0);
    for number in 0..5 {
        send(&mut world.clients[0], pipeline, ours, &[number]).unwrap();
    }
    let refused = send(&mut world.clients[0], pipeline, ours, &[5]);
    assert!(
        matches!(
            refused,
            Err(SendError::WindowFull {
                window: 5,
                in_flight: 5,
                needed: 1,
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(refused.unwrap_err().status() as i32, -5);
    // The messages have left and nothing is acknowledged yet: the window is as full.
    world.clients[0].update();
    assert!(send(&mut world.clients[0], pipeline, ours, &[5]).is_err());
    world.run(2);
    let writable = Event::Writable(pipeline.id());
    assert!(world.clients[0].events_of(ours).contains(&writable));
    assert_eq!(send(&mut world.clients[0], pipeline, ours, &[5]), Ok(1));
    world.tick();
    let received = messages(world.server.events_of(theirs));
    assert!(received.iter().flatten().copied().eq(0..6));
    world.run(5);
    assert!(world.clients[0].events_of(ours).is_empty(), "told once");
}

#[test]
fn k12_acks_leave_in_the_update_that_received() {
    let mut world = World::new(1);
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let (ours, theirs) = world.connect_proved(0);
    for round in 0..50 {
        send(&mut world.clients[0], pipeline, ours, &[round]).unwrap();
        world.tick();
        assert_eq!(
            messages(world.server.events_of(theirs)),
            [vec![round]],
            "round {round}"
        );
    }
    world.tick();
    let statistics = world.clients[0].driver.pipeline_statistics(pipeline, ours);
    assert_eq!((statistics.resent, statistics.in_flight), (0, 0));
    assert_eq!(statistics.round_trip.samples, 50);
}

#[test]
fn k16_an_idle_pair_is_silent() {
    let quiet = || settings().heartbeat_timeout(ms(0));
    let mut world = World::with(1, quiet(), quiet());
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let (ours, _) = world.connect_proved(0);
    send(&mut world.clients[0], pipeline, ours, b"ping").unwrap();
    world.run(4);
    let sent = |world: &World| {
        let nodes = [&world.server, &world.clients[0]];
        nodes.map(|node| node.driver.statistics().sent.entered)
    };
    let before = sent(&world);
    world.run(100);
    assert_eq!(sent(&world), before);
}

#[test]
fn k18_after_an_outage_everything_accepted_arrives_in_order() {
    let mut world = World::on(
        Net::rough(1, Conditions::default()),
        1,
        settings(),
        settings(),
    );
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let (ours, theirs) = world.connect_proved(0);
    let (mut accepted, mut refused, mut received) = (0_u32, 0, Vec::new());
    for frame in 0..300 {
        let outage = (100..200).contains(&frame);
        let loss = if outage { 1.0 } else { 0.0 };
        world.net.weather().set_conditions(Conditions::lossy(loss));
        match send(
            &mut world.clients[0],
            pipeline,
            ours,
            &accepted.to_le_bytes(),
        ) {
            Ok(_) => accepted += 1,
            Err(error) => {
                assert!(outage || frame < 260, "{error}");
                assert_eq!(error.status() as i32, -5);
                refused += 1;
            }
        }
        world.tick();
        received.extend(messages(world.server.events_of(theirs)));
    }
    world.run(100);
    received.extend(messages(world.server.events_of(theirs)));
    let expected: Vec<_> = (0..accepted).map(|n| n.to_le_bytes().to_vec()).collect();
    assert_eq!(received, expected);
    assert!(refused > 50 && accepted > 150, "{refused} {accepted}");
}

#[test]
fn r25_a_reader_that_sleeps_loses_nothing() {
    let small = settings()
        .event_bytes_per_connection(2_048)
        .send_bytes_per_connection(4_096);
    let mut world = World::with(1, small, settings());
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let (ours, theirs) = world.connect_proved(0);
    let mut accepted = 0_u32;
    for _ in 0..200 {
        let message = [&accepted.to_le_bytes()[..], &[0; 96]].concat();
        if send(&mut world.clients[0], pipeline, ours, &message).is_ok() {
            accepted += 1;
        }
        world.tick();
    }
    assert!((20..100).contains(&accepted), "{accepted} fill the windows");
    let mut received = Vec::new();
    world.drive_until(2_000, |world| {
        received.extend(messages(world.server.events_of(theirs)));
        received.len() >= accepted as usize
    });
    let numbers = received.iter().map(|message| {
        let bytes = message.first_chunk().copied().unwrap();
        u32::from_le_bytes(bytes)
    });
    assert!(numbers.eq(0..accepted));
}

#[test]
fn r25_what_two_sides_of_one_update_send_together_waits_for_the_window() {
    let mut world = World::new(1);
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let (ours, theirs) = world.connect_proved(0);
    let mut handle = world.clients[0]
        .driver
        .schedule_update()
        .then(move |(), view| {
            let mut sent = 0;
            while let Ok(mut guard) = view.begin_send(pipeline, ours) {
                guard.write_bytes(&[1]);
                sent += u8::from(guard.end_send().is_ok());
            }
            sent
        });
    let mut front = 0;
    while let Ok(mut guard) = handle.begin_send(pipeline, ours) {
        guard.write_bytes(&[2]);
        front += u8::from(guard.end_send().is_ok());
    }
    let chained = handle.complete();
    assert_eq!((chained, front), (32, 32), "each sees an empty window");
    let mut received = Vec::new();
    for _ in 0..10 {
        world.clients[0].driver.update();
        world.server.update();
        received.extend(messages(world.server.events_of(theirs)));
    }
    let expected = [[[1]; 32].concat(), [[2]; 32].concat()].concat();
    assert_eq!(received.concat(), expected);
    world.clients[0].check();
}

#[test]
fn r23_zombie_a_peer_that_talks_and_acknowledges_nothing_is_let_go() {
    let stalled = settings().reliable_stall_timeout(ms(2_000));
    let mut world = World::with(0, stalled, settings());
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let peer = world.net.peer(SERVER.with_port(9_999));
    let token = crate::support::Dice::new(5).token();
    peer.send(SERVER, &request(token, b""));
    world.tick();
    let connection = world.server.driver.accept().unwrap();
    peer.answer_checks(SERVER, &peer.receive());
    send(&mut world.server, pipeline, connection, b"hear me").unwrap();
    let mut ended = None;
    let ticks = world.drive_until(400, |world| {
        peer.send(SERVER, &crate::support::heartbeat(token));
        let packets = peer.receive();
        peer.answer_checks(SERVER, &packets);
        for event in world.server.events_of(connection) {
            ended = Some(event);
        }
        ended.is_some()
    });
    assert_eq!(ended, Some(Event::Disconnect(DisconnectReason::Stalled)));
    assert!((125..160).contains(&ticks), "{ticks}");
    assert_eq!(world.server.driver.statistics().endings.undelivered, 1);
}

#[test]
fn r27_a_forged_ack_through_a_driver_changes_nothing() {
    let mut world = World::new(0);
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let peer = world.net.peer(SERVER.with_port(9_999));
    let token = crate::support::Dice::new(6).token();
    peer.send(SERVER, &request(token, b""));
    world.tick();
    let connection = world.server.driver.accept().unwrap();
    peer.send(SERVER, &crate::support::heartbeat(token));
    world.tick();
    peer.answer_checks(SERVER, &peer.receive());
    world.tick();
    send(&mut world.server, pipeline, connection, b"once").unwrap();
    world.tick();
    // Acknowledges 9, and 8 to −22 with it.
    let forged = [1, 0, 0, 0, 0, 0, 9, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0];
    peer.send(SERVER, &packet(token, pipeline.id(), &forged));
    peer.receive();
    world.run(30);
    let again = peer.receive();
    assert!(
        again
            .iter()
            .any(|packet| kind_of(packet) == "data" && packet.ends_with(b"once")),
        "it is sent again"
    );
    let statistics = world
        .server
        .driver
        .pipeline_statistics(pipeline, connection);
    assert_eq!((statistics.forged_acks, statistics.in_flight), (1, 1));
}

#[test]
fn b19_reliable_data_waits_for_a_late_accept_in_order() {
    let mut world = World::new(1);
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let ours = world.start(0);
    world.drive_until(50, |world| !world.clients[0].events_of(ours).is_empty());
    for number in 0..10 {
        send(&mut world.clients[0], pipeline, ours, &[number]).unwrap();
        world.tick();
    }
    let theirs = world.server.driver.accept().unwrap();
    for number in 10..20 {
        send(&mut world.clients[0], pipeline, ours, &[number]).unwrap();
        world.tick();
    }
    let received = messages(world.server.events_of(theirs)).concat();
    assert!(received.into_iter().eq(0..20));
}

#[test]
fn a_storm_of_thirty_percent_ends_no_connection() {
    // One message at a time and nothing the other way, the worst case: of each attempt, message and
    // ack must arrive. Ten minutes of forty connections.
    let storm = Conditions {
        loss: 0.3,
        ..Conditions::delayed(ms(40))
    };
    let patient = || settings().disconnect_timeout(ms(0));
    let mut world = World::on(
        Net::rough(21, Conditions::default()),
        1,
        patient(),
        patient(),
    );
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let pairs: Vec<_> = (0..40).map(|_| world.connect(0)).collect();
    world.net.weather().set_conditions(storm);
    let mut arrived = 0;
    for tick in 0..37_500 {
        if tick % 5 == 0 {
            for (ours, _) in &pairs {
                let client = &mut world.clients[0];
                let state = client.driver.pipeline_statistics(pipeline, *ours);
                if state.in_flight == 0 {
                    send(client, pipeline, *ours, b"one").unwrap();
                }
            }
        }
        world.tick();
        arrived += world.server.events().len();
    }
    println!("{arrived} messages");
    assert!(arrived > 30_000, "{arrived}");
    let endings = world.clients[0].driver.statistics().endings;
    let ended = endings.local + endings.remote + endings.timeout + endings.other;
    assert_eq!(ended, 0);
}
