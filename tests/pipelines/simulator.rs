//! Conformance P1 and P2: the simulator stage, through whole drivers.

use drumfire::id::StageId::Simulator;
use drumfire::settings::{SimulatorMode, SimulatorParameters};

use crate::support::{World, ms, settings};
use crate::{messages, send};

/// A message that arrived: its tick, counted from the first that was sent, and its bytes.
type Arrival = (u64, Vec<u8>);

/// What the server gets of `count` messages of a byte each, their number, of a client with this
/// simulator, `each_tick` at a time.
fn arrivals(
    change: impl FnOnce(&mut SimulatorParameters),
    count: u8,
    each_tick: usize,
) -> Vec<Arrival> {
    let mut parameters = SimulatorParameters::default();
    parameters.mode = SimulatorMode::SentPacketsOnly;
    change(&mut parameters);
    let mut world = World::with(1, settings(), settings().simulator_stage(parameters));
    let pipeline = world.create_pipeline(&[Simulator]);
    let (ours, theirs) = world.connect_proved(0);
    let begin = world.ticks + 1;
    let mut arrived = Vec::new();
    let mut numbers = 0..count;
    for _ in 0..usize::from(count) / each_tick + 20 {
        for number in numbers.by_ref().take(each_tick) {
            send(&mut world.clients[0], pipeline, ours, &[number; 20]).unwrap();
        }
        world.tick();
        let received = messages(world.server.events_of(theirs));
        arrived.extend(
            received
                .into_iter()
                .map(|bytes| (world.ticks - begin, bytes)),
        );
    }
    arrived
}

/// The numbers that arrived.
fn numbers(arrivals: &[Arrival]) -> Vec<u8> {
    arrivals.iter().map(|(_, bytes)| bytes[0]).collect()
}

#[test]
fn p1_through_drivers_the_same_seed_drops_the_same_and_an_interval_every_nth() {
    let run = |seed| {
        let arrived = arrivals(
            |simulator| {
                simulator.packet_drop_percentage = 30;
                simulator.random_seed = seed;
            },
            250,
            10,
        );
        numbers(&arrived)
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
    // Three standard deviations of 250 throws are 22.
    assert!((153..=197).contains(&run(5).len()));
    let every_fifth = arrivals(|simulator| simulator.packet_drop_interval = 5, 100, 10);
    let kept: Vec<u8> = (0..100).filter(|number| number % 5 != 4).collect();
    assert_eq!(numbers(&every_fifth), kept);
}

#[test]
fn p2_through_drivers_delay_and_jitter_are_within_bounds() {
    let arrived = arrivals(
        |simulator| {
            simulator.packet_delay = ms(160);
            simulator.packet_jitter = ms(64);
        },
        250,
        5,
    );
    assert_eq!(arrived.len(), 250);
    let (mut least, mut most) = (u64::MAX, 0);
    for (tick, bytes) in arrived {
        let ticks = tick - u64::from(bytes[0] / 5);
        (least, most) = (least.min(ticks), most.max(ticks));
    }
    // 96 to 224 ms in frames of 16 ms; a packet leaves in the first update that is late enough.
    assert!(
        (6..=7).contains(&least) && (13..=14).contains(&most),
        "{least} to {most}"
    );
}

#[test]
fn p2_through_drivers_a_packet_arrives_at_most_twice() {
    let arrived = arrivals(
        |simulator| simulator.packet_duplication_percentage = 40,
        250,
        10,
    );
    let arrived = numbers(&arrived);
    for number in 0..250 {
        let copies = arrived.iter().filter(|other| **other == number).count();
        assert!((1..=2).contains(&copies), "{copies} of {number}");
    }
    // Three standard deviations of 250 throws are 23.
    assert!((327..=373).contains(&arrived.len()), "{}", arrived.len());
}

#[test]
fn p2_through_drivers_what_lies_before_the_offset_stays_whole() {
    let arrived = arrivals(
        |simulator| {
            simulator.fuzz_factor = 50;
            simulator.fuzz_offset = 8;
        },
        200,
        10,
    );
    assert_eq!(arrived.len(), 200);
    let mut damaged = 0;
    for (number, (_, bytes)) in (0..).zip(&arrived) {
        assert_eq!(bytes[..8], [number; 8]);
        damaged += usize::from(bytes[8..] != [number; 12]);
    }
    // Three standard deviations of 200 throws are 21.
    assert!((79..=121).contains(&damaged), "{damaged}");
}

#[test]
fn p2_through_drivers_more_than_may_be_held_passes_at_once() {
    let arrived = arrivals(
        |simulator| {
            simulator.packet_delay = ms(160);
            simulator.max_packet_count = 7;
        },
        10,
        10,
    );
    let at_once = arrived.iter().filter(|(tick, _)| *tick == 0).count();
    assert_eq!((at_once, arrived.len()), (3, 10));
}
