//! R26 and R27: numbers and acks that no honest peer would send.

use proptest::prelude::*;

use super::network::{Pair, Wire, message};
use super::*;
use crate::wire::reliable::{MaskBytes, MaskClass, ReliableKind, ReliableRepr};
use StageId::{Fragmentation as F, ReliableSequenced as R};

/// A header at window 32 and one byte behind it.
fn forged(kind: ReliableKind, sequence: u16, acked: u16, mask: u32, processing: u16) -> Vec<u8> {
    let mut bytes = vec![0xBB; 13];
    ReliableRepr {
        kind,
        processing_time: processing,
        sequence,
        acked,
        mask: MaskBytes(&mask.to_le_bytes()),
    }
    .emit(MaskClass::Four, &mut bytes)
    .unwrap();
    bytes
}

/// Sends from 0 to 1 until `count` have arrived, in order.
fn deliver(pair: &mut Pair, next: &mut u32, count: u32) {
    let mut delivered = *next;
    let end = *next + count;
    let start = pair.now_ms;
    while delivered < end {
        pair.tick(10, |side, peer| {
            while side == 0 && *next < end && peer.send(&next.to_le_bytes()).is_ok() {
                *next += 1;
            }
        });
        for bytes in pair.peers[1].take_messages() {
            assert_eq!(bytes, delivered.to_le_bytes());
            delivered += 1;
        }
        assert!(pair.now_ms < start + 60_000, "stalled at {delivered}");
    }
}

#[test]
fn r26_forged_cycle() {
    for timing in [Timing::Prompt, Timing::Unity] {
        let mut pair = Pair::perfect(&[R], &Parameters::new(timing));
        let mut next = 0;
        deliver(&mut pair, &mut next, 100);
        // A stock receiver is desynchronised by two of them for ever.
        for sequence in [16_384, 32_768, 40_000, 49_152, 65_535, 200, 133] {
            let body = forged(ReliableKind::Payload, sequence, 65_535, u32::MAX, 0);
            assert!(pair.peers[1].receive(&body).is_err());
        }
        deliver(&mut pair, &mut next, 1_000);
    }
}

#[test]
fn r26_a_rejected_packet_changes_nothing() {
    let mut receiver = Peer::new(&[R], &prompt()).starting_at(10, 100);
    receiver.send(b"in flight").unwrap();
    receiver.take_sent();
    receiver.update(&[]);
    for sequence in (0..=u16::MAX).filter(|sequence| !(68..132).contains(sequence)) {
        let before = format!("{:?}", receiver.state);
        let body = forged(ReliableKind::Payload, sequence, 10, u32::MAX, 0);
        let reason = receiver.receive(&body).unwrap_err();
        assert!(matches!(
            reason,
            DropReason::Stale | DropReason::BeyondWindow
        ));
        if sequence % 1_000 == 0 {
            let uncounted = |text: &str| {
                let end = text.find("counters").unwrap_or(text.len());
                text[..end].to_owned()
            };
            let after = format!("{:?}", receiver.state);
            assert_eq!(uncounted(&before), uncounted(&after));
        }
    }
    // Not even its ack is taken.
    assert_eq!(receiver.statistics().in_flight, 1);
    assert!(receiver.update(&[]).is_empty());
}

#[test]
fn r26_five_wraps_at_every_window() {
    for window in [1, 32, 64, 256, 2_040] {
        let parameters = with_window(window);
        let mut sender = Peer::new(&[R], &parameters);
        let mut receiver = Peer::new(&[R], &parameters);
        let (mut next, mut delivered) = (0_u32, 0_u32);
        while delivered < 5 * 65_536 + 100 {
            while sender.send(&next.to_le_bytes()).is_ok() {
                next += 1;
            }
            let mut packets = sender.take_sent();
            // Every update arrives in reverse.
            packets.reverse();
            let acks = receiver.update(&packets);
            for bytes in receiver.take_messages() {
                assert_eq!(bytes, delivered.to_le_bytes());
                delivered += 1;
            }
            sender.update(&acks);
        }
        assert_eq!(
            (sender.statistics().resent, receiver.statistics().stale),
            (0, 0)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Loss, duplication and reorder across wraps, from any starting point.
    #[test]
    fn r26_prop_wrap(
        window in prop::sample::select(vec![1_u16, 32, 64, 256, 2_040]),
        laps in 1..6_i64,
        before in 0..300_i64,
        seed: u64,
        unity: bool,
    ) {
        let timing = if unity { Timing::Unity } else { Timing::Prompt };
        let parameters = Parameters { window, ..Parameters::new(timing) };
        let start = laps * 65_536 - before;
        let mut wires = [Wire::bad(seed), Wire::bad(!seed)];
        for wire in &mut wires {
            wire.jitter_ms = 60;
            wire.loss = 15;
        }
        let mut pair = Pair::new(&[R], &parameters, wires);
        pair.peers = pair.peers.map(|peer| peer.starting_at(start, start));
        let count = if window == 1 { 40 } else { 400 };
        let (mut next, mut delivered) = (0_u32, 0_u32);
        while delivered < count {
            pair.tick(10, |side, peer| {
                while side == 0 && next < count && peer.send(&next.to_le_bytes()).is_ok() {
                    next += 1;
                }
            });
            for bytes in pair.peers[1].take_messages() {
                prop_assert_eq!(bytes, delivered.to_le_bytes());
                delivered += 1;
            }
            prop_assert!(pair.now_ms < 300_000, "stalled at {}", delivered);
        }
    }
}

#[test]
fn r27_optimistic_ack() {
    for timing in [Timing::Prompt, Timing::Unity] {
        let mut pair = Pair::perfect(&[R], &Parameters::new(timing));
        let mut next = 0;
        deliver(&mut pair, &mut next, 50);
        pair.idle(3, 10);
        // The attacker acknowledges what was never sent; a stock sender would throw it away.
        let sender = &mut pair.peers[0];
        for acked in [50, 51, 70, 81, 1_000, 32_000] {
            let body = forged(ReliableKind::Ack, 0, acked, u32::MAX, 0);
            sender.receive(&body).unwrap();
        }
        assert_eq!(sender.statistics().forged_acks, 6);
        for index in next..next + 32 {
            sender.send(&index.to_le_bytes()).unwrap();
        }
        sender.take_sent();
        let mut delivered = next;
        for _ in 0..100 {
            pair.tick(10, |_, _| {});
            for bytes in pair.peers[1].take_messages() {
                assert_eq!(bytes, delivered.to_le_bytes());
                delivered += 1;
            }
        }
        assert_eq!(delivered, next + 32, "{timing:?}");
    }
}

#[test]
fn r27_ack_fuzz() {
    for timing in [Timing::Prompt, Timing::Unity] {
        let mut pair = Pair::perfect(&[R], &Parameters::new(timing));
        let mut random = Wire::bad(27);
        let (mut next, mut delivered) = (0_u32, 0_u32);
        for _ in 0..5_000 {
            pair.tick(10, |side, peer| {
                // Whoever has the token may send anything to the receiver of data; to its sender,
                // only acks of numbers not sent yet: of others nobody can tell a lie from the truth.
                for _ in 0..100 {
                    let word = random.random(u64::MAX);
                    let [a, b, c, d, e, f, g, h] = word.to_le_bytes();
                    let mask = u32::from_le_bytes([a, b, c, d]);
                    let processing = u16::from_le_bytes([e, f]);
                    let acked = u16::from_le_bytes([g, h]);
                    let body = if side == 0 {
                        let acked = u16::try_from((next + u32::from(acked) % 32_000) % 65_536);
                        forged(ReliableKind::Ack, 0, acked.unwrap(), mask, processing)
                    } else {
                        let far = u16::try_from((next + 64 + u32::from(acked) % 60_000) % 65_536);
                        forged(ReliableKind::Payload, far.unwrap(), acked, mask, processing)
                    };
                    let _ = peer.receive(&body);
                }
                while side == 0 && peer.send(&next.to_le_bytes()).is_ok() {
                    next += 1;
                }
            });
            for bytes in pair.peers[1].take_messages() {
                assert_eq!(bytes, delivered.to_le_bytes());
                delivered += 1;
            }
        }
        assert!(delivered > 4_000, "{timing:?}: {delivered}");
        assert!(pair.peers.iter().all(|peer| peer.state.memory() < 40_000));
    }
}

#[test]
fn r27_blackhole() {
    let mut sender = Peer::new(&[R], &prompt());
    let window = 32;
    for index in 0..window {
        sender.send(&message(index, 1_000)).unwrap();
    }
    let bodies = sender.take_sent();
    let once: usize = bodies.iter().map(Vec::len).sum();
    let mut bytes = once;
    for tick in 1..6_000 {
        sender.now = at_ms(10 * tick);
        let sent = sender.update(&[]);
        assert!(sent.len() <= usize::from(sender.parameters.max_resends));
        bytes += sent.iter().map(Vec::len).sum::<usize>();
    }
    // Bytes sent ≤ window × log2(60 s / RTO) × 2, and the RTO is 200 ms here.
    let limit = once * (60_000_usize / 200).ilog2() as usize * 2;
    assert!(bytes <= limit, "{bytes} > {limit}");
    assert!(bytes > 5 * once);
}

#[test]
fn r27_nothing_is_unacknowledged() {
    let (mut sender, mut receiver) = (Peer::new(&[R], &prompt()), Peer::new(&[R], &prompt()));
    for index in 0..10 {
        sender.send(&[index]).unwrap();
    }
    sender.update(&receiver.update(&sender.sent.bodies.clone()));
    sender.take_sent();
    assert_eq!(sender.statistics().in_flight, 0);
    sender
        .receive(&forged(ReliableKind::Ack, 0, 9, 0, 0))
        .unwrap();
    sender
        .receive(&forged(ReliableKind::Ack, 0, 3, 0, 0))
        .unwrap();
    sender.now = at_ms(5_000);
    assert!(sender.update(&[]).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Bytes of any kind, to any chain: no panic, and memory within bounds.
    #[test]
    fn any_bytes_are_taken(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..60),
        window in prop::sample::select(vec![8_u16, 32, 64, 256, 2_040]),
        chain in 0..6_usize,
        unity: bool,
    ) {
        use StageId::{Null, Simulator, UnreliableSequenced as U};
        let chains: [&[StageId]; 6] = [&[R], &[F], &[U], &[F, R], &[R, F, Simulator], &[Null, U, R]];
        let timing = if unity { Timing::Unity } else { Timing::Prompt };
        let parameters = Parameters { window, ..Parameters::new(timing) };
        let mut peer = Peer::new(chains[chain], &parameters);
        for (step, body) in (1..).zip(&bodies) {
            peer.now = at_ms(step * 7);
            let _ = peer.receive(body);
            peer.update(&[]);
        }
        prop_assert!(peer.state.memory() < 60_000);
    }
}
