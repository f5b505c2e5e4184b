//! Conformance J and R28: fragmentation.

use proptest::prelude::*;

use super::*;
use crate::wire::fragment::FragmentRepr;
use StageId::{Fragmentation as F, ReliableSequenced as R, UnreliableSequenced as U};

fn pair(stages: &[StageId]) -> (Peer, Peer) {
    (Peer::new(stages, &prompt()), Peer::new(stages, &prompt()))
}

fn split(sender: &mut Peer, message: &[u8]) -> Vec<Vec<u8>> {
    sender.send(message).unwrap();
    sender.take_sent()
}

fn fragment(number: u16, first: bool, last: bool, payload: &[u8]) -> Vec<u8> {
    let header = FragmentRepr {
        first,
        last,
        number,
    };
    [&header.emit()[..], payload].concat()
}

#[test]
fn j1_j2_j3_j6_messages_of_every_size_arrive() {
    for stages in [&[F][..], &[F, U], &[U, F], &[F, R]] {
        let (mut sender, mut receiver) = pair(stages);
        for len in [0, 1, 200, 1_376, 1_388, 1_389, 2_776, 3_000, 4_096] {
            let message = vec![u8::try_from(len % 251).unwrap(); len];
            for body in split(&mut sender, &message) {
                assert!(body.len() <= ROOM);
                receiver.receive(&body).unwrap();
            }
            assert_eq!(receiver.take_messages(), [message], "{stages:?} {len}");
            sender.update(&receiver.update(&[]));
        }
        assert_eq!(
            sender.send(&[0; 4_097]),
            Err(StageRefusal::TooLong {
                needed: 4_097,
                capacity: 4_096
            })
        );
    }
}

#[test]
fn j4_a_lost_fragment_costs_its_message_and_no_other() {
    for lost in 0..9 {
        let (mut sender, mut receiver) = pair(&[F]);
        let messages: Vec<Vec<u8>> = (0..3).map(|i| vec![i; 3_000]).collect();
        let bodies: Vec<Vec<u8>> = messages
            .iter()
            .flat_map(|message| split(&mut sender, message))
            .collect();
        assert_eq!(bodies.len(), 9);
        for (index, body) in bodies.iter().enumerate() {
            if index != lost {
                receiver.receive(body).unwrap();
            }
        }
        let mut expected = messages;
        expected.remove(lost / 3);
        assert_eq!(receiver.take_messages(), expected, "without {lost}");
    }
}

#[test]
fn j5_sizes_around_the_packet_before_and_after_sequenced() {
    for stages in [&[F, U][..], &[U, F]] {
        let (mut sender, mut receiver) = pair(stages);
        for len in 1_380..=1_400 {
            let message = vec![1; len];
            let bodies = split(&mut sender, &message);
            assert_eq!(bodies.len(), if len <= 1_386 { 1 } else { 2 });
            for body in bodies {
                receiver.receive(&body).unwrap();
            }
            assert_eq!(receiver.take_messages(), [message]);
        }
    }
}

#[test]
fn j7_reordered_and_interleaved_fragments_assemble() {
    let (mut sender, mut receiver) = pair(&[F]);
    // Both together are within the capacity: more is never held.
    let (a, b) = (vec![3; 2_090], vec![7; 2_000]);
    let mut bodies = split(&mut sender, &b);
    bodies.extend(split(&mut sender, &a));
    bodies.reverse();
    for body in &bodies {
        receiver.receive(body).unwrap();
    }
    let mut received = receiver.take_messages();
    received.sort();
    let mut expected = vec![a, b];
    expected.sort();
    assert_eq!(received, expected);
}

#[test]
fn j8_what_grows_beyond_the_capacity_is_refused() {
    let (_, mut receiver) = pair(&[F]);
    receiver
        .receive(&fragment(0, true, false, &[1; 1_388]))
        .unwrap();
    receiver
        .receive(&fragment(1, false, false, &[1; 1_388]))
        .unwrap();
    let before = receiver.state.memory();
    let beyond = fragment(2, false, false, &[1; 1_388]);
    assert_eq!(receiver.receive(&beyond), Err(DropReason::Incomplete));
    assert!(receiver.state.memory() <= before);
    // A stock receiver hands this one to the application; the message is lost as a whole.
    let _ = receiver.receive(&fragment(3, false, true, &[1; 10]));
    assert!(receiver.take_messages().is_empty());
    assert_eq!(receiver.statistics().incomplete, 1);
    // A whole message is not limited.
    receiver
        .receive(&fragment(4, true, true, &[1; 1_388]))
        .unwrap();
    assert_eq!(receiver.take_messages().len(), 1);
}

#[test]
fn j9_abandoned_messages_are_freed_by_age_and_by_count() {
    let (_, mut receiver) = pair(&[F]);
    for number in (0..100).step_by(2) {
        let _ = receiver.receive(&fragment(number, true, false, &[1; 50]));
    }
    assert_eq!(receiver.statistics().incomplete, 50 - 16);
    receiver.now = at_ms(9_999);
    receiver.update(&[]);
    assert_eq!(receiver.statistics().incomplete, 34);
    assert_eq!(
        receiver
            .state
            .deadline(&receiver.parameters, &receiver.throttle),
        at_ms(10_000)
    );
    receiver.now = at_ms(20_000);
    receiver.update(&[]);
    receiver.update(&[]);
    assert_eq!(receiver.statistics().incomplete, 50);
    assert!(receiver.state.memory() < 500);
}

#[test]
fn r28_orphan_last() {
    let (mut sender, mut receiver) = pair(&[F]);
    for number in [0, 9, 16_383] {
        let _ = receiver.receive(&fragment(number, false, true, b"orphan"));
        let _ = receiver.receive(&fragment(number, false, false, b"orphan"));
    }
    // Legal, and of no use to anybody.
    let _ = receiver.receive(&fragment(100, false, false, b""));
    assert!(receiver.take_messages().is_empty());
    sender = sender.starting_at(200, 0);
    for body in split(&mut sender, &[5; 3_000]) {
        receiver.receive(&body).unwrap();
    }
    assert_eq!(receiver.take_messages(), [[5; 3_000]]);
}

#[test]
fn r28_short_and_empty_fragments_are_no_harm() {
    let (_, mut receiver) = pair(&[F]);
    for body in [&[][..], &[0xC0]] {
        assert_eq!(receiver.receive(body), Err(DropReason::Malformed));
    }
    receiver.receive(&fragment(0, true, false, b"ab")).unwrap();
    receiver.receive(&fragment(1, false, false, b"")).unwrap();
    receiver.receive(&fragment(2, false, true, b"")).unwrap();
    receiver.receive(&fragment(3, true, true, b"")).unwrap();
    assert_eq!(receiver.take_messages(), [&b"ab"[..], b""]);
}

#[test]
fn r28_a_repeat_changes_nothing() {
    let (mut sender, mut receiver) = pair(&[F]);
    let bodies = split(&mut sender, &[5; 3_000]);
    for body in &bodies {
        receiver.receive(body).unwrap();
        assert_eq!(receiver.receive(body), Err(DropReason::Duplicate));
    }
    assert_eq!(receiver.take_messages().len(), 1);
    assert_eq!(receiver.statistics().duplicates, 3);
}

#[test]
fn r28_an_old_fragment_never_joins_a_message_a_lap_later() {
    let (mut sender, mut receiver) = pair(&[F]);
    let old = split(&mut sender, &[0xAA; 3_000]);
    receiver.receive(&old[0]).unwrap();
    receiver.receive(&old[1]).unwrap();
    // 16,381 whole messages later, the same numbers come again.
    for _ in 3..16_384 {
        let whole = split(&mut sender, b"x");
        receiver.receive(&whole[0]).unwrap();
    }
    receiver.take_messages();
    let new = split(&mut sender, &[0xBB; 3_000]);
    assert_eq!(new[2][..2], old[2][..2], "the same number");
    receiver.receive(&new[2]).unwrap();
    assert!(receiver.take_messages().is_empty());
    receiver.receive(&new[0]).unwrap();
    receiver.receive(&new[1]).unwrap();
    assert_eq!(receiver.take_messages(), [[0xBB; 3_000]]);
}

#[test]
fn r28_partial_messages_of_many_peers_stay_small_and_go() {
    let parameters = Parameters {
        fragmentation_capacity: 20 * 1_024,
        ..prompt()
    };
    let mut sender = Peer::new(&[F], &parameters);
    let mut bodies = split(&mut sender, &[1; 20 * 1_024]);
    bodies.pop();
    // One of the 10,000 of the threat model: each takes the same.
    let mut receiver = Peer::new(&[F], &parameters);
    let empty = receiver.state.memory();
    for body in &bodies {
        receiver.receive(body).unwrap();
    }
    assert!(receiver.state.memory() - empty <= 22 * 1_024);
    receiver.now = at_ms(10_000);
    receiver.update(&[]);
    assert!(receiver.state.memory() - empty <= 100);
}

#[test]
fn r28_a_user_without_room_gets_the_message_later_where_it_is_reliable() {
    let (mut sender, mut receiver) = pair(&[F, R]);
    receiver.inbox.room = 0;
    let bodies = split(&mut sender, &[5; 3_000]);
    for body in &bodies[..2] {
        receiver.receive(body).unwrap();
    }
    assert_eq!(receiver.receive(&bodies[2]), Err(DropReason::EventsFull));
    let acks = receiver.update(&[]);
    sender.update(&acks);
    assert_eq!(
        sender.statistics().in_flight,
        1,
        "the last one is not acknowledged"
    );
    receiver.inbox.room = 1;
    receiver.receive(&bodies[2]).unwrap();
    assert_eq!(receiver.take_messages(), [[5; 3_000]]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever the network does to fragments, what comes out is a message that went in; and what it
    /// did nothing to comes out.
    #[test]
    fn r28_prop_frag(
        lens in prop::collection::vec(0..4_000_usize, 1..12),
        start in 0..16_384_i64,
        order in prop::collection::vec((0..10_u8, 0..6_usize), 60),
    ) {
        let (sender, mut receiver) = pair(&[F]);
        let mut sender = sender.starting_at(start, 0);
        let mut sent = Vec::new();
        let mut bodies = Vec::new();
        for (index, len) in (0_u8..).zip(lens) {
            let mut message = vec![index; len.max(1)];
            message[0] = index;
            for body in split(&mut sender, &message) {
                bodies.push((index, body));
            }
            sent.push(message);
        }
        // Drop, repeat and move fragments by a few places.
        let mut harmed = vec![false; sent.len()];
        let mut arriving: Vec<(usize, Vec<u8>)> = Vec::new();
        for (place, ((index, body), (fate, shift))) in
            bodies.into_iter().zip(order.into_iter().cycle()).enumerate()
        {
            match fate {
                0 => harmed[usize::from(index)] = true,
                1 => {
                    arriving.push((place + shift, body.clone()));
                    arriving.push((place, body));
                }
                _ => arriving.push((place + shift / 2, body)),
            }
        }
        arriving.sort_by_key(|(place, _)| *place);
        for (_, body) in &arriving {
            let _ = receiver.receive(body);
        }
        let received = receiver.take_messages();
        for message in &received {
            prop_assert!(sent.contains(message));
        }
        for (message, harmed) in sent.iter().zip(harmed) {
            // At most four messages of the capacity's size are open at once here, which is more than
            // the capacity holds: only small ones must all come through.
            if !harmed && message.len() <= 1_388 {
                prop_assert!(received.contains(message));
            }
        }
    }
}
