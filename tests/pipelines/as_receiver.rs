//! What a receiver of Unity Transport 2.7.2 was seen to take and to drop, asked of ours: the same,
//! but for what stalls a stock receiver for good.

use drumfire::counters::DropReason;
use drumfire::id::NetworkPipeline;
use drumfire::id::StageId::{Fragmentation, ReliableSequenced, UnreliableSequenced};

use crate::messages;
use crate::raw::{Raw, Reliable};
use crate::support::{World, pattern, settings};

/// A server with a reliable pipeline of a window, and a peer.
fn reliable(window: u16) -> (World, NetworkPipeline, Raw) {
    let mut world = World::with(0, settings().reliable_window_size(window), settings());
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let raw = Raw::connect(&mut world);
    (world, pipeline, raw)
}

impl Raw {
    /// Sends the packets of numbers, each with the number as its payload.
    fn numbers(
        &self,
        pipeline: NetworkPipeline,
        mask: &[u8],
        numbers: impl IntoIterator<Item = u16>,
    ) {
        for number in numbers {
            let bytes = number.to_le_bytes();
            let packet = Reliable {
                mask,
                ..Reliable::payload(number, &bytes)
            };
            self.send(pipeline, &packet.body());
        }
    }

    /// Updates the server; the numbers it has delivered.
    fn delivered(&self, world: &mut World) -> Vec<u16> {
        world.tick();
        let received = messages(world.server.events_of(self.connection));
        let number = |bytes: Vec<u8>| u16::from_le_bytes(bytes.try_into().unwrap());
        received.into_iter().map(number).collect()
    }
}

#[test]
fn numbers_up_to_a_window_behind_the_oldest_missing_one_are_taken() {
    for window in [32, 64] {
        let (mut world, pipeline, raw) = reliable(window);
        let mask = vec![0xFF; usize::from(window / 8)];
        raw.numbers(pipeline, &mask, [0, window]);
        assert_eq!(raw.delivered(&mut world), [0]);
        // One more, and a stock receiver could not take the missing one any more: it stalls.
        raw.numbers(pipeline, &mask, [window + 1]);
        assert_eq!(raw.delivered(&mut world), []);
        raw.numbers(pipeline, &mask, 1..window);
        let rest: Vec<u16> = (1..=window).collect();
        assert_eq!(raw.delivered(&mut world), rest, "window {window}");
        raw.numbers(pipeline, &mask, [window + 1]);
        assert_eq!(raw.delivered(&mut world), [window + 1]);
    }
}

#[test]
fn r26_forged_cycle_numbers_far_ahead_are_dropped_and_stall_nothing() {
    // One too far, far, and from the next quarters of the number space: the first and the last two
    // stall a stock receiver for ever.
    for forged in [
        &[33][..],
        &[34, 1_000, 16_383],
        &[0x4005],
        &[0x4005, 0x8005],
    ] {
        let (mut world, pipeline, raw) = reliable(32);
        raw.numbers(pipeline, &[0xFF; 4], [0]);
        assert_eq!(raw.delivered(&mut world), [0]);
        raw.bodies();
        raw.numbers(pipeline, &[0xFF; 4], forged.iter().copied());
        assert_eq!(raw.delivered(&mut world), []);
        assert_eq!(raw.bodies(), [[]; 0], "{forged:?} draw no ack");
        for number in 1..200 {
            raw.numbers(pipeline, &[0xFF; 4], [number]);
            assert_eq!(raw.delivered(&mut world), [number], "behind {forged:?}");
        }
        let statistics = world
            .server
            .driver
            .pipeline_statistics(pipeline, raw.connection);
        let outside = statistics.beyond_window + statistics.stale;
        assert_eq!(usize::try_from(outside).unwrap(), forged.len());
    }
}

#[test]
fn a_stream_may_begin_out_of_order_and_come_in_reverse() {
    let (mut world, pipeline, raw) = reliable(32);
    raw.numbers(pipeline, &[0xFF; 4], [1, 2, 0]);
    assert_eq!(raw.delivered(&mut world), [0, 1, 2]);
    raw.numbers(pipeline, &[0xFF; 4], (3..35).rev());
    let window: Vec<u16> = (3..35).collect();
    assert_eq!(raw.delivered(&mut world), window);
}

#[test]
fn duplicates_draw_one_ack_an_update() {
    let (mut world, pipeline, raw) = reliable(32);
    raw.numbers(pipeline, &[0xFF; 4], [0]);
    assert_eq!(raw.delivered(&mut world), [0]);
    raw.bodies();
    raw.numbers(pipeline, &[0xFF; 4], [0; 300]);
    assert_eq!(raw.delivered(&mut world), []);
    assert_eq!(raw.bodies().len(), 1, "of 300 at once");
    for _ in 0..60 {
        raw.numbers(pipeline, &[0xFF; 4], [0]);
        assert_eq!(raw.delivered(&mut world), []);
        assert_eq!(raw.bodies().len(), 1);
    }
}

#[test]
fn seventy_thousand_packets_pass_in_order() {
    let (mut world, pipeline, raw) = reliable(32);
    let mut next = 0_u32;
    while next < 70_000 {
        let batch = next..next + 20;
        raw.numbers(
            pipeline,
            &[0xFF; 4],
            batch
                .clone()
                .map(|number| u16::try_from(number & 0xFFFF).unwrap()),
        );
        let expected: Vec<u32> = batch.map(|number| number & 0xFFFF).collect();
        let delivered = raw.delivered(&mut world);
        assert!(
            delivered
                .iter()
                .map(|number| u32::from(*number))
                .eq(expected)
        );
        raw.bodies();
        next += 20;
    }
}

#[test]
fn every_type_but_an_acks_is_a_payload_and_an_empty_one_a_message() {
    let (mut world, pipeline, raw) = reliable(32);
    for (number, kind) in (0..).zip([0, 2, 3, 127, 255]) {
        let packet = Reliable {
            kind,
            ..Reliable::payload(number, &[])
        };
        raw.send(pipeline, &packet.body());
        world.tick();
        let received = messages(world.server.events_of(raw.connection));
        assert_eq!(received, [b""], "type {kind}");
    }
}

#[test]
fn a_mask_of_another_class_is_dropped_and_the_connection_goes_on() {
    // The window, and what byte 1 and the mask may not be.
    let cases: [(u16, u8, &[u8]); 5] = [
        (32, 4, &[0xFF; 4]),
        (64, 8, &[0xFF; 8]),
        (256, 0, &[0xFF; 4]),
        (256, 5, &[0xFF; 4]),
        (32, 0, &[0xFF; 3]),
    ];
    for (window, mask_len, mask) in cases {
        let (mut world, pipeline, raw) = reliable(window);
        let packet = Reliable {
            mask_len,
            mask,
            ..Reliable::payload(0, &[])
        };
        raw.send(pipeline, &packet.body());
        world.tick();
        assert_eq!(world.server.events_of(raw.connection), []);
        let drops = &world.server.driver.statistics().inward.drops;
        assert_eq!(drops.get(DropReason::Malformed), 1, "window {window}");
        // And a good one after it.
        let full = vec![0xFF; usize::from(window / 8)];
        let good = Reliable {
            mask_len: if window > 64 { 32 } else { 0 },
            mask: &full,
            ..Reliable::payload(0, b"good")
        };
        raw.send(pipeline, &good.body());
        world.tick();
        let received = messages(world.server.events_of(raw.connection));
        assert_eq!(received, [b"good"], "window {window}");
    }
}

#[test]
fn large_windows_take_masks_of_every_length() {
    let (mut world, pipeline, raw) = reliable(256);
    for (number, len) in (0..).zip([1, 5, 32, 33, 200, 255]) {
        let packet = Reliable {
            mask_len: len,
            mask: &vec![0xFF; usize::from(len)],
            ..Reliable::payload(number, b"taken")
        };
        raw.send(pipeline, &packet.body());
        world.tick();
        let received = messages(world.server.events_of(raw.connection));
        assert_eq!(received, [b"taken"], "{len} bytes of mask");
    }
}

#[test]
fn a_datagram_of_the_largest_size_is_taken_and_one_byte_more_is_not() {
    let (mut world, pipeline, raw) = reliable(32);
    // 10 bytes of the connection's header and 12 of the stage's.
    raw.send(pipeline, &Reliable::payload(0, &pattern(1_401 - 22)).body());
    world.tick();
    assert_eq!(world.server.events_of(raw.connection), []);
    raw.send(pipeline, &Reliable::payload(0, &pattern(1_400 - 22)).body());
    world.tick();
    let received = messages(world.server.events_of(raw.connection));
    assert_eq!(received, [pattern(1_400 - 22)]);
}

#[test]
fn sequenced_packets_are_culled_by_number_alone() {
    let mut world = World::new(0);
    let pipeline = world.create_pipeline(&[UnreliableSequenced]);
    let raw = Raw::connect(&mut world);
    let taken = |world: &mut World, number: u16| {
        raw.send(pipeline, &number.to_le_bytes());
        world.tick();
        !world.server.events_of(raw.connection).is_empty()
    };
    // A gap, a repeat, an older one, half the space at once, the wrap.
    for (number, is_taken) in [
        (0, true),
        (3, true),
        (3, false),
        (1, false),
        (3 + 0x7FFF, true),
        (3, false),
        (0xFFFF, true),
        (0, true),
        (0xFFFF, false),
        (0x8000, false),
        (1, true),
    ] {
        assert_eq!(taken(&mut world, number), is_taken, "{number}");
    }
    for malformed in [&[][..], &[9]] {
        raw.send(pipeline, malformed);
        world.tick();
        assert_eq!(world.server.events_of(raw.connection), []);
    }
    let drops = &world.server.driver.statistics().inward.drops;
    assert_eq!(drops.get(DropReason::Malformed), 2);
}

#[test]
fn r28_orphan_last_fragments_are_put_together_as_they_come() {
    const FIRST: u16 = 0x8000;
    const LAST: u16 = 0x4000;
    let mut world = World::new(0);
    let pipeline = world.create_pipeline(&[Fragmentation]);
    let raw = Raw::connect(&mut world);
    let mut come = |fragments: &[(u16, &[u8])]| {
        for (header, payload) in fragments {
            raw.send(pipeline, &[&header.to_le_bytes(), *payload].concat());
        }
        world.tick();
        messages(world.server.events_of(raw.connection))
    };
    assert_eq!(come(&[(FIRST | LAST, b"whole")]), [b"whole"]);
    assert_eq!(
        come(&[(FIRST | 1, b"ab"), (2, b"cd"), (LAST | 3, b"ef")]),
        [b"abcdef"]
    );
    assert_eq!(
        come(&[(FIRST | 4, b"empty last"), (LAST | 5, b"")]),
        [b"empty last"]
    );
    // A message whose middle was lost costs itself alone.
    assert_eq!(
        come(&[
            (FIRST | 6, b"x"),
            (LAST | 8, b"x"),
            (FIRST | LAST | 9, b"next")
        ]),
        [b"next"]
    );
    // A last fragment of nothing is no message.
    assert_eq!(come(&[(LAST | 10, b"stray")]), [b""; 0]);
    // Numbers wrap behind 14 bits.
    assert_eq!(
        come(&[(FIRST | 0x3FFF, b"over "), (LAST, b"the edge")]),
        [b"over the edge"]
    );
    assert_eq!(come(&[(FIRST, b"")]), [b""; 0]);
}
