//! What a sender must keep to so that receivers of Unity Transport 2.7.2 and before take everything,
//! and the acks of theirs that it must understand.

use drumfire::id::NetworkPipeline;
use drumfire::id::StageId::ReliableSequenced;
use drumfire::settings::NetworkSettingsBuilder;

use crate::raw::{Raw, Reliable};
use crate::send;
use crate::support::{FRAME, World, ms, settings};

/// A server with a reliable pipeline, and a peer.
fn reliable(server: NetworkSettingsBuilder) -> (World, NetworkPipeline, Raw) {
    let mut world = World::with(0, server, settings());
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let raw = Raw::connect(&mut world);
    (world, pipeline, raw)
}

/// Packets in flight, and how often one was resent.
fn state(world: &mut World, pipeline: NetworkPipeline, raw: &Raw) -> (u16, u64) {
    let driver = &mut world.server.driver;
    let statistics = driver.pipeline_statistics(pipeline, raw.connection);
    (statistics.in_flight, statistics.resent)
}

#[test]
fn acks_of_every_shape_are_understood() {
    let (mut world, pipeline, raw) = reliable(settings());
    let long = [0xAB; 1_300];
    let shapes = [
        Reliable {
            payload: &[],
            ..Reliable::ack(0)
        },
        Reliable {
            payload: &[7],
            ..Reliable::ack(0)
        },
        Reliable {
            payload: &[7; 3],
            ..Reliable::ack(0)
        },
        Reliable {
            payload: &long,
            ..Reliable::ack(0)
        },
        // Riding on a message.
        Reliable {
            kind: 0,
            payload: b"by the way",
            ..Reliable::ack(0)
        },
        // With no bit but the one that is needed.
        Reliable {
            mask: &[1, 0, 0, 0],
            ..Reliable::ack(0)
        },
        Reliable {
            processing_time: 5_000,
            ..Reliable::ack(0)
        },
        Reliable {
            processing_time: u16::MAX,
            ..Reliable::ack(0)
        },
    ];
    for (number, shape) in (0..).zip(shapes) {
        send(&mut world.server, pipeline, raw.connection, b"message").unwrap();
        world.tick();
        raw.send(
            pipeline,
            &Reliable {
                acked: number,
                ..shape
            }
            .body(),
        );
        world.tick();
        assert_eq!(state(&mut world, pipeline, &raw), (0, 0), "{shape:?}");
    }
    world.run(100);
    assert_eq!(state(&mut world, pipeline, &raw), (0, 0));
    let statistics = world
        .server
        .driver
        .pipeline_statistics(pipeline, raw.connection);
    // What a peer claims to have waited is never more than what was measured.
    assert!(statistics.round_trip.smoothed <= FRAME, "{statistics:?}");
}

#[test]
fn identical_acks_draw_no_answer() {
    let (mut world, pipeline, raw) = reliable(settings());
    send(&mut world.server, pipeline, raw.connection, b"message").unwrap();
    world.tick();
    raw.bodies();
    for _ in 0..50 {
        raw.send(pipeline, &Reliable::ack(0).body());
    }
    world.run(20);
    assert_eq!(raw.bodies(), [[]; 0]);
}

#[test]
fn an_ack_that_comes_late_takes_nothing_back_and_what_is_missing_is_sent_again() {
    let (mut world, pipeline, raw) = reliable(settings());
    for number in 0..4_u8 {
        send(&mut world.server, pipeline, raw.connection, &[number]).unwrap();
    }
    world.tick();
    // 3 and 1 have arrived, 2 and 0 have not.
    raw.send(
        pipeline,
        &Reliable {
            mask: &[0b0101, 0, 0, 0],
            ..Reliable::ack(3)
        }
        .body(),
    );
    world.tick();
    // Sent before it: nothing but 1.
    raw.send(
        pipeline,
        &Reliable {
            mask: &[1, 0, 0, 0],
            ..Reliable::ack(1)
        }
        .body(),
    );
    world.tick();
    // The same newest number, another bit: 0 as well.
    raw.send(
        pipeline,
        &Reliable {
            mask: &[0b1000, 0, 0, 0],
            ..Reliable::ack(3)
        }
        .body(),
    );
    raw.bodies();
    world.run(30);
    let again: Vec<Vec<u8>> = raw.bodies();
    let resent = |body: &Vec<u8>| Reliable::read(body, 4).payload.to_vec();
    assert!(
        !again.is_empty() && again.iter().all(|body| resent(body) == [2]),
        "{again:?}"
    );
}

#[test]
fn what_is_sent_keeps_to_what_a_stock_receiver_can_take() {
    let (mut world, pipeline, raw) = reliable(settings());
    let (mut next, mut theirs, mut newest, mut oldest) = (0_u16, 0_u16, -1_i32, 0_i32);
    let mut acked = 0_i32;
    for tick in 0..400_u32 {
        while send(&mut world.server, pipeline, raw.connection, &[1; 3]).is_ok() {}
        if tick % 3 == 0 {
            raw.send(pipeline, &Reliable::payload(theirs, b"theirs").body());
            theirs += 1;
        }
        world.tick();
        world.server.events_of(raw.connection);
        for body in raw.bodies() {
            // Never shorter than its headers, its mask never of another class.
            assert!(body.len() >= 12 && body[1] == 0, "{body:02x?}");
            let packet = Reliable::read(&body, 4);
            // Never more than what arrived, and never less than was acknowledged before.
            let told = i32::from(packet.acked.wrapping_add(1));
            assert!((acked..=i32::from(theirs)).contains(&told), "{told}");
            acked = told;
            match packet.kind {
                0 => {
                    assert_eq!(packet.payload, [1; 3]);
                    let number = i32::from(packet.sequence);
                    assert!(
                        number <= newest + 1,
                        "a number that is not its own: {number}"
                    );
                    newest = newest.max(number);
                    // Counted from the oldest that the peer has not acknowledged.
                    assert!((oldest..oldest + 32).contains(&number), "{number}");
                }
                // An ack, and its one byte.
                _ => assert_eq!((packet.sequence, packet.payload), (0, &[0][..])),
            }
        }
        // What arrived is acknowledged in the same update.
        assert_eq!(acked, i32::from(theirs));
        // Now and then all but the oldest packet are acknowledged, so that the window stands still.
        if newest >= oldest {
            let holds = tick % 5 != 4;
            next = u16::try_from(newest).unwrap();
            let ago = newest - oldest;
            let mask = if holds { !(1_u32 << ago) } else { u32::MAX };
            let mask = mask.to_le_bytes();
            if !holds {
                oldest = newest + 1;
            }
            raw.send(
                pipeline,
                &Reliable {
                    mask: &mask,
                    ..Reliable::ack(next)
                }
                .body(),
            );
        }
    }
    assert!(next > 1_000, "{next}");
}

#[test]
fn a_stock_clients_late_acks_draw_no_resend() {
    // Frames of 33 ms and acks one of them late: what stock clients do by default.
    let frame = settings().fixed_frame_time(ms(11));
    let (mut world, pipeline, raw) = reliable(frame);
    let (mut received, mut to_tell, mut sent) = (None, None, 0);
    for tick in 0..3_000_u32 {
        if tick % 10 == 0 {
            send(&mut world.server, pipeline, raw.connection, b"message").unwrap();
            sent += 1;
        }
        world.tick();
        if tick % 3 == 0 {
            if let Some(acked) = std::mem::replace(&mut to_tell, received.take()) {
                raw.send(
                    pipeline,
                    &Reliable {
                        processing_time: 33,
                        ..Reliable::ack(acked)
                    }
                    .body(),
                );
            }
            let bodies = raw.bodies();
            let numbers = bodies.iter().map(|body| Reliable::read(body, 4).sequence);
            received = numbers.max();
        }
    }
    let (_, resent) = state(&mut world, pipeline, &raw);
    assert!(resent == 0, "{resent} resends of {sent} messages");
}

#[test]
fn r27_blackhole_a_peer_that_acknowledges_nothing_costs_little() {
    let (mut world, pipeline, raw) = reliable(settings().reliable_stall_timeout(ms(0)));
    while send(&mut world.server, pipeline, raw.connection, &[1; 1_000]).is_ok() {}
    let mut packets = 0;
    for _ in 0..60_000 / FRAME.as_millis() {
        raw.heartbeat();
        world.tick();
        packets += raw.bodies().len();
    }
    // The window, times the doublings of 200 ms that a minute holds, twice.
    let bound = 32 * 9 * 2;
    assert!(
        (64..=bound).contains(&packets),
        "{packets} packets in a minute"
    );
}
