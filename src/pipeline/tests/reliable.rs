//! Conformance K: the reliable stage.

use super::network::{Pair, Wire, message};
use super::*;
use crate::wire::reliable::{MaskClass, ReliableKind, ReliableRepr};
use StageId::ReliableSequenced as R;

const BOTH: [Timing; 2] = [Timing::Prompt, Timing::Unity];

pub(super) fn header(body: &[u8]) -> ReliableRepr<'_> {
    ReliableRepr::parse(body, MaskClass::Four).unwrap().0
}

/// A sender and a receiver at these numbers, and a packet of the sender for each of `count` messages.
pub(super) fn filled(count: u8, start: i64) -> (Peer, Peer, Vec<Vec<u8>>) {
    let mut sender = Peer::new(&[R], &prompt()).starting_at(start, start);
    let receiver = Peer::new(&[R], &prompt()).starting_at(start, start);
    for index in 0..count {
        sender.send(&[index]).unwrap();
    }
    let packets = sender.take_sent();
    (sender, receiver, packets)
}

fn numbers(messages: Vec<Vec<u8>>) -> Vec<u8> {
    messages.into_iter().flatten().collect()
}

#[test]
fn k1_a_gap_holds_what_follows_until_it_closes() {
    let (mut sender, mut receiver, packets) = filled(5, 0);
    for index in [0, 1, 3, 4] {
        receiver.receive(&packets[index]).unwrap();
    }
    assert_eq!(numbers(receiver.take_messages()), [0, 1]);
    sender.update(&receiver.update(&[]));
    sender.now = at_ms(1_000);
    let resent = sender.update(&[]);
    let sequences: Vec<u16> = resent.iter().map(|body| header(body).sequence).collect();
    assert_eq!(sequences, [2]);
    receiver.receive(&resent[0]).unwrap();
    assert_eq!(numbers(receiver.take_messages()), [2, 3, 4]);
}

#[test]
fn k2_a_window_of_5_takes_5_and_again_after_release() {
    let mut sender = Peer::new(&[R], &with_window(5));
    let mut receiver = Peer::new(&[R], &with_window(5));
    for credits in (1..=5).rev() {
        assert_eq!(sender.state.window_credits(&sender.parameters), credits);
        sender.send(b"x").unwrap();
    }
    let packets = sender.take_sent();
    sender.now = at_ms(7);
    assert_eq!(
        sender.send(b"x"),
        Err(StageRefusal::WindowFull {
            window: 5,
            in_flight: 5,
            needed: 1,
            free_at: at_ms(200),
        })
    );
    assert!(sender.take_sent().is_empty());
    sender.update(&receiver.update(&packets));
    assert_eq!(sender.state.window_credits(&sender.parameters), 5);
    sender.send(b"x").unwrap();
}

#[test]
fn k3_acks_release_across_the_wrap() {
    for start in [0, 65_535, 65_533, 65_536 - 32, 65_536 * 7 - 1] {
        let (mut sender, mut receiver, packets) = filled(32, start);
        assert_eq!(sender.statistics().in_flight, 32);
        for packet in &packets[..20] {
            let acks = receiver.update(std::slice::from_ref(packet));
            assert_eq!(acks.len(), 1);
            sender.update(&acks);
        }
        assert_eq!(sender.statistics().in_flight, 12, "from {start}");
        // The places of what was released serve numbers on the other side of the wrap.
        for index in 32..52 {
            sender.send(&[index]).unwrap();
        }
        let more = sender.take_sent();
        let acks = receiver.update(&[&packets[20..], &more].concat());
        sender.update(&acks);
        assert_eq!(sender.statistics().in_flight, 0);
        let received = numbers(receiver.take_messages());
        assert!(received.iter().copied().eq(0..52), "from {start}");
    }
}

#[test]
fn k4_the_mask_keeps_what_it_leaves_out() {
    for start in [0, 65_535] {
        let (mut sender, mut receiver, packets) = filled(2, start);
        let acks = receiver.update(&packets[1..]);
        assert_eq!(header(&acks[0]).mask.0, [0xFD, 0xFF, 0xFF, 0xFF]);
        sender.update(&acks);
        assert_eq!(
            sender.statistics().in_flight,
            2,
            "the oldest holds the window"
        );
        sender.now = at_ms(300);
        let resent = sender.update(&[]);
        assert_eq!(resent.len(), 1);
        assert_eq!(resent[0][12..], packets[0][12..]);
    }
}

#[test]
fn k5_k11_the_peers_processing_time_is_told_and_taken_off() {
    for timing in BOTH {
        let parameters = Parameters::new(timing);
        let mut client = Peer::new(&[R], &parameters);
        let mut server = Peer::new(&[R], &parameters);
        client.now = at_ms(100);
        client.send(b"question").unwrap();
        let question = client.take_sent();
        server.now = at_ms(105);
        server.receive(&question[0]).unwrap();
        server.now = at_ms(115);
        server.send(b"answer").unwrap();
        let answer = server.take_sent();
        assert_eq!(header(&answer[0]).processing_time, 10);
        client.now = at_ms(120);
        client.receive(&answer[0]).unwrap();
        let trip = client.statistics().round_trip;
        assert_eq!(trip.samples, 1);
        assert_eq!(trip.latest.as_millis(), 10);
    }
}

#[test]
fn k6_a_jam_across_the_wrap_comes_out_in_order() {
    for start in [65_532, 65_534] {
        let (_, mut receiver, packets) = filled(4, start);
        for index in [3, 1, 2] {
            receiver.receive(&packets[index]).unwrap();
        }
        assert!(receiver.inbox.messages.is_empty());
        receiver.receive(&packets[0]).unwrap();
        assert_eq!(numbers(receiver.take_messages()), [0, 1, 2, 3]);
    }
}

#[test]
fn k7_a_window_in_reverse_comes_out_at_its_last_packet() {
    let (_, mut receiver, packets) = filled(5, 95);
    for index in [4, 3, 2, 1] {
        receiver.receive(&packets[index]).unwrap();
        assert!(receiver.inbox.messages.is_empty());
    }
    receiver.receive(&packets[0]).unwrap();
    assert_eq!(numbers(receiver.take_messages()), [0, 1, 2, 3, 4]);
    let acks = receiver.update(&[]);
    assert_eq!(header(&acks[0]).acked, 99);
    assert_eq!(header(&acks[0]).mask.0, [0xFF; 4]);
}

#[test]
fn k8_k9_a_send_and_an_update_both_see_what_was_acknowledged() {
    for sends in [true, false] {
        let (mut sender, mut receiver, packets) = filled(32, 0);
        let mut acks = receiver.update(&packets);
        assert_eq!(acks.len(), 1, "one ack answers a whole update");
        sender.receive(&acks.remove(0)).unwrap();
        if sends {
            sender.send(b"next").unwrap();
            assert_eq!(sender.statistics().in_flight, 1);
        } else {
            assert!(sender.update(&[]).is_empty());
            assert_eq!(sender.statistics().in_flight, 0);
        }
    }
}

#[test]
fn k10_one_message() {
    for timing in BOTH {
        let mut pair = Pair::perfect(&[R], &Parameters::new(timing));
        pair.peers[0].send(b"hello").unwrap();
        pair.idle(2, 10);
        assert_eq!(pair.peers[1].take_messages(), [b"hello"]);
    }
}

/// Each side answers what it got, `rounds` times; the packets' fates are `wires`.
fn ping_pong(parameters: &Parameters, rounds: u32, start: i64, wires: [Wire; 2]) -> Pair {
    let mut pair = Pair::new(&[R], parameters, wires);
    pair.peers = pair.peers.map(|peer| peer.starting_at(start, start));
    let mut turn = 0_u32;
    let mut sent = false;
    while turn < 2 * rounds {
        pair.tick(10, |side, peer| {
            let expected = turn;
            for bytes in peer.take_messages() {
                assert_eq!(bytes, expected.to_le_bytes());
                turn += 1;
                sent = false;
            }
            if !sent && turn < 2 * rounds && turn % 2 == u32::try_from(side).unwrap() {
                peer.send(&turn.to_le_bytes()).unwrap();
                sent = true;
            }
        });
        assert!(pair.now_ms < 2_000_000, "stuck at {turn}");
    }
    pair
}

#[test]
fn k12_many_rounds_of_ping_pong() {
    for timing in BOTH {
        let wires = [Wire::perfect(), Wire::perfect()];
        let pair = ping_pong(&Parameters::new(timing), 500, 0, wires);
        for peer in &pair.peers {
            let statistics = peer.statistics();
            assert_eq!((statistics.stale, statistics.resent), (0, 0));
        }
    }
}

#[test]
fn k13_k14_drops_near_the_wrap_and_both_ways() {
    for timing in BOTH {
        for start in [0, 65_500] {
            let mut wires = [Wire::perfect(), Wire::perfect()];
            wires[0].loss = 20;
            wires[1].loss = 20;
            let pair = ping_pong(&Parameters::new(timing), 100, start, wires);
            assert!(pair.peers.iter().all(|peer| peer.statistics().stale == 0));
        }
    }
}

#[test]
fn k15_one_way_traffic_is_acknowledged_by_packets_the_user_does_not_see() {
    for timing in BOTH {
        let mut pair = Pair::perfect(&[R], &Parameters::new(timing));
        for index in 0..1_000 {
            pair.tick(10, |side, peer| {
                if side == 0 {
                    for part in 0..8 {
                        peer.send(&message(8 * index + part, 60)).unwrap();
                    }
                }
            });
        }
        pair.idle(3, 10);
        assert_eq!(pair.peers[1].inbox.messages.len(), 8_000);
        assert!(pair.peers[0].inbox.messages.is_empty());
        let statistics = pair.peers[1].statistics();
        assert_eq!(statistics.packets_sent, statistics.acks_sent);
        assert!(statistics.acks_sent <= 1_000);
    }
}

#[test]
fn k16_an_idle_pair_is_silent() {
    for timing in BOTH {
        let wires = [Wire::perfect(), Wire::perfect()];
        let mut pair = ping_pong(&Parameters::new(timing), 1, 0, wires);
        pair.idle(160, 10);
        let sent = pair.peers.map(|peer| peer.statistics().packets_sent);
        assert_eq!(sent, [2, 1], "{timing:?}");
    }
}

#[test]
fn k17_a_lost_packet_is_resent_without_further_traffic() {
    for timing in BOTH {
        let mut pair = Pair::perfect(&[R], &Parameters::new(timing));
        pair.peers[0].send(b"once").unwrap();
        assert_eq!(pair.peers[0].take_sent().len(), 1);
        // The deadline alone wakes the sender.
        let deadline = pair.peers[0]
            .state
            .deadline(&pair.peers[0].parameters, &pair.peers[0].throttle);
        assert!(deadline > at_ms(60) && deadline < at_ms(210));
        pair.idle(40, 10);
        assert_eq!(pair.peers[1].take_messages(), [b"once"]);
        assert_eq!(pair.peers[0].statistics().resent, 1);
    }
}

#[test]
fn k18_after_an_outage_everything_accepted_arrives() {
    for timing in BOTH {
        let mut pair = Pair::perfect(&[R], &Parameters::new(timing));
        let (mut accepted, mut refused, mut delivered) = (0_u32, 0, 0_u32);
        for frame in 0..700 {
            let out = (100..200).contains(&frame);
            pair.wires[0].loss = if out { 100 } else { 0 };
            pair.wires[1].loss = pair.wires[0].loss;
            pair.tick(16, |side, peer| {
                if side == 0 && frame < 300 {
                    match peer.send(&accepted.to_le_bytes()) {
                        Ok(()) => accepted += 1,
                        Err(StageRefusal::WindowFull { .. }) => refused += 1,
                        Err(other) => panic!("{other}"),
                    }
                }
            });
            for bytes in pair.peers[1].take_messages() {
                assert_eq!(bytes, delivered.to_le_bytes());
                delivered += 1;
            }
        }
        assert!(refused > 50, "{timing:?}: {refused}");
        assert_eq!(delivered, accepted, "{timing:?}");
    }
}

#[test]
fn k19_duplicates_never_stall_the_window() {
    let (mut sender, mut receiver, packets) = filled(3, 0);
    receiver.update(&packets);
    for _ in 0..300 {
        let acks = receiver.update(&packets);
        assert_eq!(acks.len(), 1, "one ack an update, however many duplicates");
    }
    assert_eq!(receiver.statistics().duplicates, 900);
    let acks = receiver.update(&packets);
    sender.update(&acks);
    assert_eq!(sender.statistics().in_flight, 0);
    assert_eq!(receiver.take_messages().len(), 3);
}

#[test]
fn k19_unitys_timing_acknowledges_every_third_duplicate() {
    let parameters = Parameters::new(Timing::Unity);
    let mut sender = Peer::new(&[R], &parameters);
    let mut receiver = Peer::new(&[R], &parameters);
    sender.send(b"x").unwrap();
    let packets = sender.take_sent();
    receiver.update(&packets);
    let acks: usize = (0..61).map(|_| receiver.update(&packets).len()).sum();
    assert_eq!(acks, 1 + 60 / 3);
}

#[test]
fn k20_a_lost_last_ack_is_repeated() {
    for timing in BOTH {
        let mut pair = Pair::perfect(&[R], &Parameters::new(timing));
        pair.peers[0].send(b"last").unwrap();
        pair.wires[1].loss = 100;
        pair.idle(20, 10);
        assert_eq!(pair.peers[0].statistics().in_flight, 1);
        pair.wires[1].loss = 0;
        pair.idle(120, 10);
        assert_eq!(pair.peers[0].statistics().in_flight, 0, "{timing:?}");
        assert_eq!(pair.peers[1].inbox.messages.len(), 1);
    }
}

#[test]
fn k21_what_was_acknowledged_is_never_resent() {
    for timing in BOTH {
        let parameters = Parameters::new(timing);
        let mut sender = Peer::new(&[R], &parameters);
        let mut receiver = Peer::new(&[R], &parameters);
        for index in 0..6 {
            sender.send(&[index]).unwrap();
        }
        let packets = sender.take_sent();
        receiver.update(&[packets[1].clone(), packets[3].clone()]);
        receiver.send(b"ack").unwrap();
        sender.update(&receiver.take_sent());
        for tick in 1..100 {
            sender.now = at_ms(100 * tick);
            for body in sender.update(&[]) {
                let header = header(&body);
                let lost =
                    header.kind == ReliableKind::Ack || [0, 2, 4, 5].contains(&header.sequence);
                assert!(lost, "{timing:?} resent {}", header.sequence);
            }
        }
    }
}

#[test]
fn k22_large_windows_resend_what_was_sent() {
    for window in [65, 256, 2_040] {
        let mut sender = Peer::new(&[R], &with_window(window));
        let mut receiver = Peer::new(&[R], &with_window(window));
        let count = u32::from(window.min(200));
        for index in 0..count {
            sender.send(&message(index, 1_100)).unwrap();
        }
        sender.take_sent();
        let mut bodies = Vec::new();
        for tick in 1..400 {
            sender.now = at_ms(50 * tick);
            bodies = [bodies, sender.update(&[])].concat();
        }
        assert!(sender.statistics().resent > u64::from(2 * count));
        bodies.reverse();
        for body in &bodies {
            let _ = receiver.receive(body);
        }
        let received = receiver.take_messages();
        let sent = (0..count).map(|index| message(index, 1_100));
        assert!(received.into_iter().eq(sent), "window {window}");
    }
}

#[test]
fn k23_an_old_packet_is_not_a_new_one_after_the_wrap() {
    let (_, mut old_receiver, old) = filled(32, 0);
    old_receiver.update(&old);
    for behind in [32, 33, 100, 1_000, 30_000] {
        let mut receiver = Peer::new(&[R], &prompt()).starting_at(0, 65_536 + behind);
        for packet in &old {
            assert!(receiver.receive(packet).is_err());
        }
        assert!(receiver.take_messages().is_empty());
    }
}

#[test]
fn k24_the_largest_payload_fits_and_one_more_byte_does_not() {
    for window in [32, 64, 256, 2_040] {
        let mut pair = Pair::perfect(&[R], &with_window(window));
        let max = pair.peers[0].shape.max_payload(ROOM);
        let largest = vec![0xAB; max];
        pair.peers[0].send(&largest).unwrap();
        assert_eq!(
            pair.peers[0].send(&vec![0; max + 1]),
            Err(StageRefusal::TooLong {
                needed: max + 1,
                capacity: max
            })
        );
        assert!(
            pair.peers[0]
                .sent
                .bodies
                .iter()
                .all(|body| body.len() <= ROOM)
        );
        pair.idle(2, 10);
        assert_eq!(pair.peers[1].take_messages(), [largest]);
    }
}

#[test]
fn k25_r26_rtt_after_wrap() {
    let mut pair = Pair::perfect(&[R], &prompt());
    for start in [0, 65_530, 1_000_000, i64::from(u32::MAX)] {
        pair.peers = pair.peers.map(|peer| peer.starting_at(start, start));
        for _ in 0..50 {
            pair.wires[0].delay_ms = 30;
            pair.tick(10, |side, peer| {
                if side == 0 {
                    peer.send(b"x").unwrap();
                }
            });
        }
        let trip = pair.peers[0].statistics().round_trip;
        assert!(trip.samples > 40, "from {start}: {}", trip.samples);
        assert!((20..=50).contains(&trip.smoothed.as_millis()));
    }
    // Unity's freezes, and so does its timing profile: the recordings show it.
    let unity = Parameters::new(Timing::Unity);
    let mut pair = Pair::perfect(&[R], &unity);
    pair.peers = pair.peers.map(|peer| peer.starting_at(65_536, 65_536));
    pair.tick(10, |side, peer| {
        if side == 0 {
            peer.send(b"x").unwrap();
        }
    });
    pair.idle(5, 10);
    assert_eq!(pair.peers[0].statistics().in_flight, 0);
    assert_eq!(pair.peers[0].statistics().round_trip.samples, 0);
}

#[test]
fn k27_different_windows_neither_corrupt_nor_stall() {
    // Of one class, the smaller receiver drops what is too far ahead, and resends repair it.
    let mut pair = Pair::perfect(&[R], &with_window(32));
    pair.peers[1] = Peer::new(&[R], &with_window(8));
    pair.wires[0].loss = 10;
    let (mut next, mut delivered) = (0_u32, 0_u32);
    for _ in 0..3_000 {
        pair.tick(10, |side, peer| {
            while side == 0 && next < 200 && peer.send(&next.to_le_bytes()).is_ok() {
                next += 1;
            }
        });
        for bytes in pair.peers[1].take_messages() {
            assert_eq!(bytes, delivered.to_le_bytes());
            delivered += 1;
        }
    }
    assert_eq!(delivered, 200);
    assert!(pair.peers[1].statistics().beyond_window > 0);

    // Of different classes with an announced mask, everything is malformed and counted.
    let mut large = Peer::new(&[R], &with_window(256));
    let mut small = Peer::new(&[R], &with_window(64));
    large.send(b"x").unwrap();
    small.send(b"x").unwrap();
    for body in large.take_sent() {
        assert_eq!(small.receive(&body), Err(DropReason::Malformed));
    }
    for body in small.take_sent() {
        assert_eq!(large.receive(&body), Err(DropReason::Malformed));
    }
    assert_eq!(small.statistics().malformed, 1);
}
