//! The deliveries Unity Transport does not have: unordered, and latest.

use super::network::{Pair, Wire, message};
use super::*;
use StageId::{Null, ReliableLatest as L, ReliableSequenced as R, ReliableUnordered};

fn index_of(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(*bytes.first_chunk().unwrap())
}

#[test]
fn an_unordered_message_waits_for_no_other() {
    let parameters = prompt();
    let mut sender = Peer::new(&[ReliableUnordered], &parameters);
    let mut receiver = Peer::new(&[ReliableUnordered], &parameters);
    for index in 0..5 {
        sender.send(&message(index, 100)).unwrap();
    }
    let packets = sender.take_sent();
    receiver.update(&[packets[3].clone(), packets[1].clone(), packets[4].clone()]);
    let at_once: Vec<u32> = receiver
        .take_messages()
        .iter()
        .map(|m| index_of(m))
        .collect();
    assert_eq!(at_once, [3, 1, 4]);
    assert_eq!(receiver.statistics().out_of_order, 1);
    // What arrives twice is delivered once, whatever arrived between.
    receiver.update(&[packets[1].clone(), packets[0].clone(), packets[2].clone()]);
    let later: Vec<u32> = receiver
        .take_messages()
        .iter()
        .map(|m| index_of(m))
        .collect();
    assert_eq!(later, [0, 2]);
    assert_eq!(receiver.statistics().duplicates, 1);
}

#[test]
fn r25_unordered_messages_arrive_once_each_over_a_bad_network() {
    for (stages, longest) in [
        (&[ReliableUnordered][..], 1_000),
        (&[Null, ReliableUnordered], 50),
    ] {
        for window in [1, 32, 64, 256] {
            let parameters = with_window(window);
            let mut pair = Pair::new(stages, &parameters, [Wire::bad(5), Wire::bad(6)]);
            let count = 150;
            let (mut next, mut arrived) = (0, vec![false; 150]);
            while arrived.contains(&false) {
                assert!(pair.now_ms < 900_000, "{stages:?} {window}");
                pair.tick(10, |side, peer| {
                    while side == 0 && next < count && peer.send(&message(next, longest)).is_ok() {
                        next += 1;
                    }
                });
                for bytes in pair.peers[1].take_messages() {
                    let index = index_of(&bytes);
                    assert!(bytes == message(index, longest), "{stages:?} {window}");
                    let seen = std::mem::replace(&mut arrived[index as usize], true);
                    assert!(!seen, "{index} twice");
                }
            }
        }
    }
}

#[test]
fn what_a_user_has_no_room_for_comes_again_unordered() {
    let mut pair = Pair::perfect(&[ReliableUnordered], &prompt());
    pair.peers[1].inbox.room = 2;
    pair.tick(10, |side, peer| {
        for index in 0..5 {
            if side == 0 {
                peer.send(&message(index, 50)).unwrap();
            }
        }
    });
    pair.idle(5, 10);
    let mut arrived = pair.peers[1].take_messages();
    assert_eq!(arrived.len(), 2);
    pair.peers[1].inbox.room = usize::MAX;
    pair.idle(200, 10);
    arrived.extend(pair.peers[1].take_messages());
    let mut indices: Vec<u32> = arrived.iter().map(|m| index_of(m)).collect();
    indices.sort_unstable();
    assert_eq!(indices, [0, 1, 2, 3, 4]);
}

#[test]
fn only_the_newest_is_sent_again() {
    let mut pair = Pair::perfect(&[L], &prompt());
    pair.wires[0].delay_ms = 20;
    pair.wires[1].delay_ms = 20;
    let mut next = 0;
    let mut step = |pair: &mut Pair| {
        pair.tick(10, |side, peer| {
            if side == 0 {
                peer.send(&message(next, 100)).unwrap();
                next += 1;
            }
        });
    };
    for _ in 0..20 {
        step(&mut pair);
    }
    let before = pair.peers[0].statistics();
    assert!(before.round_trip.samples > 5 && before.resent == 0);
    // Nothing arrives for ten seconds: a thousand messages, far beyond any window.
    pair.wires[0].loss = 100;
    for _ in 0..1_000 {
        step(&mut pair);
    }
    assert_eq!(pair.peers[0].statistics().resent, 0);
    assert!(pair.peers[0].state.memory() < 8_000);
    assert_eq!(pair.peers[0].state.unacknowledged(), 1);
    pair.peers[1].take_messages();
    pair.wires[0].loss = 0;
    pair.idle(100, 10);
    let arrived = pair.peers[1].take_messages();
    assert_eq!(arrived, [message(1_019, 100)]);
    assert!((1..5).contains(&pair.peers[0].statistics().resent));
    assert_eq!(pair.peers[0].state.unacknowledged(), 0);
    assert_eq!(pair.peers[0].state.waiting_since(), Timestamp::NEVER);
}

#[test]
fn the_latest_arrives_in_the_end_and_none_behind_a_newer_one() {
    for seed in 0..30 {
        let mut pair = Pair::new(&[L], &prompt(), [Wire::bad(seed), Wire::bad(seed + 99)]);
        let mut newest = None;
        let mut see = |pair: &mut Pair| {
            for bytes in pair.peers[1].take_messages() {
                let index = index_of(&bytes);
                assert!(newest.is_none_or(|newest| index > newest), "seed {seed}");
                newest = Some(index);
            }
            newest
        };
        for index in 0..200 {
            pair.tick(10, |side, peer| {
                if side == 0 {
                    peer.send(&message(index, 100)).unwrap();
                }
            });
            see(&mut pair);
            assert!(pair.peers[0].state.waiting_since() > at_ms(0) || index < 100);
        }
        pair.idle(1_000, 10);
        assert_eq!(see(&mut pair), Some(199), "seed {seed}");
    }
}

#[test]
fn a_peer_with_another_stage_delivers_nothing_and_acknowledges_nothing() {
    let all = [R, ReliableUnordered, L];
    for window in [32, 64, 256] {
        let parameters = with_window(window);
        for (ours, theirs) in all.iter().flat_map(|a| all.iter().map(move |b| (*a, *b))) {
            if ours == theirs {
                continue;
            }
            let mut sender = Peer::new(&[ours], &parameters);
            let mut receiver = Peer::new(&[theirs], &parameters);
            sender.send(b"to somebody else").unwrap();
            let packets = sender.take_sent();
            assert!(receiver.update(&packets).is_empty());
            assert!(receiver.take_messages().is_empty(), "{ours:?} {theirs:?}");
            assert_eq!(receiver.statistics().malformed, 1);
        }
    }
}

#[test]
fn r26_the_new_deliveries_go_on_past_the_end_of_the_numbers() {
    for stage in [ReliableUnordered, L] {
        let parameters = prompt();
        let mut pair = Pair::perfect(&[stage], &parameters);
        let [sender, receiver] = pair.peers;
        pair.peers = [
            sender.starting_at(65_500, 7),
            receiver.starting_at(7, 65_500),
        ];
        let mut arrived = Vec::new();
        for index in 0..500 {
            pair.tick(10, |side, peer| {
                if side == 0 {
                    peer.send(&message(index, 100)).unwrap();
                }
            });
            arrived.extend(pair.peers[1].take_messages().iter().map(|m| index_of(m)));
        }
        pair.idle(3, 10);
        arrived.extend(pair.peers[1].take_messages().iter().map(|m| index_of(m)));
        assert!(arrived.into_iter().eq(0..500), "{stage:?}");
    }
}
