//! Conformance P1 to P3: the simulator stage.

use std::time::Duration;

use super::*;
use StageId::{Null, Simulator, UnreliableSequenced as U};

fn simulated(change: impl FnOnce(&mut SimulatorParameters)) -> Peer {
    let mut parameters = prompt();
    change(&mut parameters.simulator);
    Peer::new(&[Null, Simulator], &parameters)
}

/// Which of `count` packets sent pass.
fn passed(peer: &mut Peer, count: u32) -> Vec<u32> {
    let mut passed = Vec::new();
    for index in 0..count {
        peer.send(&index.to_le_bytes()).unwrap();
        let sent = peer.take_sent();
        passed.extend(
            sent.iter()
                .map(|body| u32::from_le_bytes(body[..].try_into().unwrap())),
        );
    }
    passed
}

#[test]
fn p1_the_same_seed_drops_the_same() {
    let run = |seed| {
        let mut peer = simulated(|simulator| {
            simulator.packet_drop_percentage = 30;
            simulator.random_seed = seed;
        });
        passed(&mut peer, 1_000)
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
    assert!((600..800).contains(&run(5).len()));
}

#[test]
fn p1_an_interval_drops_every_nth() {
    let mut peer = simulated(|simulator| simulator.packet_drop_interval = 3);
    // Not the first: Unity's defect.
    assert_eq!(passed(&mut peer, 10), [0, 1, 3, 4, 6, 7, 9]);
    assert_eq!(peer.statistics().simulated_drops, 3);
}

#[test]
fn p2_delay_and_jitter_are_within_bounds() {
    let mut peer = simulated(|simulator| {
        simulator.packet_delay = Duration::from_millis(50);
        simulator.packet_jitter = Duration::from_millis(20);
    });
    for index in 0..200_u8 {
        peer.send(&[index]).unwrap();
        peer.receive(&[index]).unwrap();
    }
    let (mut sent, mut received) = (0, 0);
    let (mut early, mut late) = (0, 0);
    for ms in 0..=70 {
        peer.now = at_ms(ms);
        let now = peer.update(&[]).len();
        sent += now;
        received += peer.take_messages().len();
        assert!(ms >= 30 || sent + received == 0, "at {ms} ms");
        if ms < 45 {
            early += now;
        } else if ms > 55 {
            late += now;
        }
    }
    assert_eq!((sent, received), (200, 200));
    assert!(early > 20 && late > 20, "evenly around the delay");
}

#[test]
fn p2_duplicates_come_at_most_once_more() {
    let mut peer = simulated(|simulator| simulator.packet_duplication_percentage = 40);
    let passed = passed(&mut peer, 1_000);
    for index in 0..1_000 {
        let copies = passed.iter().filter(|&&passed| passed == index).count();
        assert!((1..=2).contains(&copies));
    }
    assert!((1_300..1_500).contains(&passed.len()));
}

#[test]
fn p2_fuzz_spares_what_lies_before_its_offset_and_what_arrives() {
    let mut peer = simulated(|simulator| {
        simulator.fuzz_factor = 50;
        simulator.fuzz_offset = 4;
    });
    let message = [0x55; 64];
    let mut damaged = 0;
    for _ in 0..200 {
        peer.send(&message).unwrap();
        peer.receive(&message).unwrap();
        let sent = peer.take_sent();
        assert_eq!(sent[0][..4], message[..4]);
        damaged += usize::from(sent[0] != message);
        assert_eq!(peer.take_messages(), [message]);
    }
    assert!((60..140).contains(&damaged), "{damaged}");
}

#[test]
fn p2_more_than_may_be_held_and_larger_than_may_be_held_pass() {
    let mut peer = simulated(|simulator| {
        simulator.packet_delay = Duration::from_millis(50);
        simulator.max_packet_count = 3;
        simulator.max_packet_size = 10;
    });
    peer.send(&[1; 11]).unwrap();
    assert_eq!(peer.take_sent().len(), 1);
    for _ in 0..5 {
        peer.send(b"x").unwrap();
    }
    assert_eq!(peer.take_sent().len(), 2);
    assert_eq!(peer.statistics().simulator_overflows, 2);
    peer.now = at_ms(50);
    assert_eq!(peer.update(&[]).len(), 3);
}

#[test]
fn p3_parameters_change_at_run_time_and_fixed_ones_do_not() {
    let mut peer = simulated(|_| {});
    assert_eq!(passed(&mut peer, 100).len(), 100);
    let new = SimulatorParameters {
        packet_drop_percentage: 100,
        ..SimulatorParameters::default()
    };
    peer.parameters.simulator.modify(new).unwrap();
    assert!(passed(&mut peer, 100).is_empty());
    for (field, refused) in [
        (
            "max_packet_count",
            SimulatorParameters {
                max_packet_count: 7,
                ..new
            },
        ),
        (
            "max_packet_size",
            SimulatorParameters {
                max_packet_size: 7,
                ..new
            },
        ),
    ] {
        let error = peer.parameters.simulator.modify(refused).unwrap_err();
        assert!(error.to_string().starts_with(field), "{error}");
    }
    let off = SimulatorParameters {
        mode: SimulatorMode::Off,
        ..new
    };
    peer.parameters.simulator.modify(off).unwrap();
    assert_eq!(passed(&mut peer, 100).len(), 100);
}

#[test]
fn p2_the_mode_says_which_way_it_acts() {
    for (mode, sends, receives) in [
        (SimulatorMode::AllPackets, false, false),
        (SimulatorMode::SentPacketsOnly, false, true),
        (SimulatorMode::ReceivedPacketsOnly, true, false),
        (SimulatorMode::Off, true, true),
    ] {
        let mut peer = simulated(|simulator| {
            simulator.mode = mode;
            simulator.packet_drop_percentage = 100;
        });
        peer.send(b"x").unwrap();
        peer.receive(b"x").unwrap();
        assert_eq!(peer.take_sent().len() == 1, sends, "{mode:?}");
        assert_eq!(peer.take_messages().len() == 1, receives, "{mode:?}");
    }
}

#[test]
fn i9_i10_i11_a_delay_first_or_last_keeps_order_and_loses_nothing() {
    for stages in [&[Simulator, U][..], &[U, Simulator]] {
        for mode in [
            SimulatorMode::SentPacketsOnly,
            SimulatorMode::ReceivedPacketsOnly,
        ] {
            let mut parameters = prompt();
            parameters.simulator.mode = mode;
            parameters.simulator.packet_delay = Duration::from_millis(100);
            // Two clients of one server: each has its own state.
            for _ in 0..2 {
                let mut client = Peer::new(stages, &parameters);
                let mut server = Peer::new(stages, &parameters);
                let mut received = Vec::new();
                for tick in 0..60_u64 {
                    client.now = at_ms(10 * tick);
                    server.now = client.now;
                    if tick < 30 {
                        client.send(&[u8::try_from(tick).unwrap()]).unwrap();
                    }
                    let sent = client.update(&[]);
                    server.update(&sent);
                    for message in server.take_messages() {
                        assert!(10 * u64::from(message[0]) + 100 <= 10 * tick);
                        received.push(message[0]);
                    }
                }
                assert!(received.iter().copied().eq(0..30), "{stages:?} {mode:?}");
            }
        }
    }
}
