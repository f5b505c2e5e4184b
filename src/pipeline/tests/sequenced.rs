//! Conformance K28 and K29: the unreliable-sequenced stage.

use super::*;
use StageId::{Null, UnreliableSequenced as U};

fn bodies(sequences: &[u16]) -> Vec<Vec<u8>> {
    sequences
        .iter()
        .map(|sequence| [&sequence.to_le_bytes()[..], b"x"].concat())
        .collect()
}

#[test]
fn k28_older_ones_are_culled_and_counted() {
    let mut peer = Peer::new(&[U], &prompt());
    let sequences = [0, 1, 5, 3, 5, 4, 2, 6, 6, 9];
    let taken: Vec<bool> = bodies(&sequences)
        .iter()
        .map(|body| peer.receive(body).is_ok())
        .collect();
    let expected = [
        true, true, true, false, false, false, false, true, false, true,
    ];
    assert_eq!(taken, expected);
    let statistics = peer.statistics();
    assert_eq!(statistics.messages_received, 5);
    assert_eq!((statistics.stale, statistics.duplicates), (3, 2));
    // 2, 3 and 4 came late; 7 and 8 never did. Unity's counters go below zero here.
    assert_eq!(statistics.missing, 2);
}

#[test]
fn k28_across_the_wrap() {
    let mut sender = Peer::new(&[U], &prompt()).starting_at(65_530, 0);
    let mut receiver = Peer::new(&[U], &prompt()).starting_at(65_530, 0);
    for index in 0..20 {
        sender.send(&[index]).unwrap();
        let sent = sender.take_sent();
        receiver.receive(&sent[0]).unwrap();
        assert_eq!(receiver.receive(&sent[0]), Err(DropReason::Duplicate));
    }
    assert_eq!(receiver.statistics().missing, 0);
    assert_eq!(receiver.take_messages().len(), 20);
}

#[test]
fn k29_one_message_end_to_end() {
    let mut sender = Peer::new(&[U], &prompt());
    let mut receiver = Peer::new(&[U], &prompt());
    for (message, header) in [(&b"hello"[..], [0, 0]), (b"", [1, 0])] {
        sender.send(message).unwrap();
        let sent = sender.take_sent();
        assert_eq!(sent, [[&header[..], message].concat()]);
        receiver.receive(&sent[0]).unwrap();
        assert_eq!(receiver.take_messages(), [message]);
    }
}

#[test]
fn a_body_without_a_whole_header_is_dropped() {
    let mut peer = Peer::new(&[U], &prompt());
    for body in [&[][..], &[0]] {
        assert_eq!(peer.receive(body), Err(DropReason::Malformed));
    }
    assert_eq!(peer.statistics().malformed, 2);
}

#[test]
fn an_empty_message_travels_without_headers_too_but_under_unitys_timing() {
    for (stages, timing) in [
        (&[Null][..], Timing::Unity),
        (&[], Timing::Unity),
        (&[StageId::Simulator], Timing::Unity),
        (&[Null], Timing::Prompt),
    ] {
        let mut peer = Peer::new(stages, &Parameters::new(timing));
        peer.send(b"").unwrap();
        let sent = usize::from(timing == Timing::Prompt);
        assert_eq!(peer.take_sent().len(), sent, "{stages:?} {timing:?}");
        peer.receive(b"").unwrap();
        peer.send(b"abc").unwrap();
        assert_eq!(peer.take_sent(), [b"abc"]);
        assert_eq!(peer.take_messages(), [b""]);
    }
}
