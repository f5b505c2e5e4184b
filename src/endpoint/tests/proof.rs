//! Half-open clients: what they are sent, and what proves them.

use super::admission::prove;
use super::*;

/// A driver whose only lane without proof is taken: everyone else gets a record.
fn crowded(half_open_max: usize) -> World {
    let mut world = World::new(|builder| {
        builder
            .waiting_for_accept_max(1)
            .half_open_max(half_open_max)
    });
    world.request(&host(0xFFFF), token(u64::MAX), b"");
    world
}

/// The same under load: more than half of its table is full.
fn loaded(half_open_max: usize) -> World {
    let mut world = crowded(half_open_max);
    for number in 0..=half_open_max / 2 {
        let number = u32::try_from(number).unwrap();
        world.request(
            &host(0xA000 + number),
            token(0xA000 + u64::from(number)),
            b"",
        );
    }
    assert!(world.endpoint.under_load());
    world.replies();
    world
}

#[test]
fn a_half_open_client_becomes_a_connection_with_its_payload_and_path() {
    let mut world = crowded(100);
    let mut client = host(1);
    client.local = Some("10.9.9.9".parse().unwrap());
    assert_eq!(world.request(&client, token(1), b"hello"), Verdict::Done);
    assert_eq!(kinds(&world.replies()), "A");
    world.endpoint.accepted(0);
    let verdict = prove(&mut world, &client, token(1));
    assert_eq!(
        verdict,
        Verdict::OpenProven {
            slot: 1,
            token: token(1),
            path: client,
            payload: b"hello".to_vec()
        }
    );
    assert_eq!(
        world.heartbeat(&client, token(1)),
        Verdict::Deliver { slot: 1 }
    );
    let statistics = world.endpoint.statistics();
    assert_eq!((statistics.half_open, statistics.unproven), (0, 1));
    world.assert_conserved();
    world.assert_no_amplification();
}

#[test]
fn a_check_is_never_sent_to_a_client_that_has_not_spoken() {
    let mut world = crowded(100);
    for _ in 0..30 {
        world.request(&host(1), token(1), b"");
        world.wait(millis(300));
    }
    let replies = world.replies();
    assert!(kinds(&replies).chars().all(|kind| kind == 'A'));
}

#[test]
fn the_first_question_has_an_accept_in_front() {
    let mut world = crowded(100);
    world.request(&host(1), token(1), b"");
    world.heartbeat(&host(1), token(1));
    assert_eq!(kinds(&world.replies()), "AACC");
    // A question that was lost is repeated, as the client goes on talking and time goes by.
    world.wait(millis(100));
    world.heartbeat(&host(1), token(1));
    assert_eq!(kinds(&world.replies()), "");
    world.wait(millis(100));
    world.heartbeat(&host(1), token(1));
    assert_eq!(kinds(&world.replies()), "CC");
}

#[test]
fn an_accept_goes_to_the_address_the_request_came_from() {
    let mut world = crowded(100);
    world.request(&host(1), token(1), b"hello");
    assert_eq!(world.replies()[0].0, host(1));
    // Its NAT has given it another port (stock behaviour 4.4).
    world.request(&port(1, 6_000), token(1), b"hello");
    assert_eq!(world.replies()[0].0, port(1, 6_000));
    assert_eq!(world.endpoint.statistics().half_open, 1);
    // Only from there can it be proved.
    world.heartbeat(&port(1, 6_000), token(1));
    let values = world.question(&port(1, 6_000));
    world.ack(&host(1), token(1), ack_for_check(values[0], 0));
    assert_eq!(world.only_drop(), DropReason::WrongAddress);
    world.endpoint.accepted(0);
    world.ack(&port(1, 6_000), token(1), ack_for_check(values[0], 0));
    let verdict = world.ack(&port(1, 6_000), token(1), ack_for_check(values[1], 0));
    assert!(
        matches!(&verdict, Verdict::OpenProven { path, payload, .. }
            if *path == port(1, 6_000) && payload == b"hello"),
        "{verdict:?}"
    );
    world.assert_no_amplification();
}

#[test]
fn what_was_proved_of_one_address_is_not_proved_of_another() {
    let mut world = crowded(100);
    world.request(&host(1), token(1), b"");
    assert_eq!(prove(&mut world, &host(1), token(1)), Verdict::Done);
    world.endpoint.accepted(0);
    // Proved, and waiting: but this heartbeat is from somebody else's address.
    assert_eq!(world.heartbeat(&host(2), token(1)), Verdict::Done);
    assert_eq!(world.endpoint.len(), 1);
    world.assert_no_amplification();
}

#[test]
fn a_disconnect_ends_a_record_if_it_is_the_clients() {
    let mut world = crowded(100);
    world.request(&host(1), token(1), b"");
    let mut disconnect = Vec::new();
    push_disconnect(&mut disconnect, token(1));
    world.send(&host(2), &disconnect);
    assert_eq!(world.only_drop(), DropReason::WrongAddress);
    assert_eq!(world.endpoint.statistics().half_open, 1);
    world.send(&host(1), &disconnect);
    assert_eq!(world.endpoint.statistics().half_open, 0);
}

#[test]
fn a_record_lives_for_ten_seconds_whatever_its_client_does() {
    let mut world = crowded(100);
    world.request(&host(1), token(1), b"");
    let deadline = world.endpoint.deadline();
    assert_eq!(deadline, world.now + millis(10_000));
    for _ in 0..99 {
        world.wait(millis(100));
        world.heartbeat(&host(1), token(1));
    }
    assert_eq!(world.endpoint.statistics().half_open, 1);
    world.wait(millis(100));
    assert_eq!(world.endpoint.statistics().half_open, 0);
    assert_eq!(world.endpoint.statistics().half_open_expired, 1);
    assert_eq!(world.endpoint.deadline(), Timestamp::NEVER);
    world.assert_no_amplification();
}

#[test]
fn r20_blind_request_draws_at_most_39_bytes() {
    for mut world in [crowded(65_536), loaded(10)] {
        world.rules.accept_payload = vec![7; 24];
        for number in 1..=1_000_u32 {
            world.request(&host(number), token(number.into()), b"");
            world.wait(millis(60));
        }
        world.wait(millis(60_000));
        world.replies();
        let most = (1..=1_000)
            .filter_map(|number| world.sent.get(&host(number).remote))
            .max();
        assert_eq!(most, Some(&39));
        world.assert_no_amplification();
    }
}

#[test]
fn r20_blind_request_and_data_draw_at_most_three_times_their_bytes() {
    for mut world in [crowded(65_536), loaded(10)] {
        world.rules.accept_payload = vec![7; 24];
        for round in 0..100 {
            for number in 1..=20_u32 {
                let name = token(number.into());
                if round % 10 == 0 {
                    world.request(&host(number), name, b"");
                }
                world.heartbeat(&host(number), name);
                world.ack(
                    &host(number),
                    name,
                    number.wrapping_mul(7_919).to_le_bytes()[0].into(),
                );
            }
            world.wait(millis(50));
            world.assert_no_amplification();
        }
        assert_eq!(world.endpoint.len(), 1);
        world.assert_conserved();
    }
}

#[test]
fn r20_duplicate_requests_get_three_accepts_a_second() {
    for mut world in [crowded(100), loaded(10)] {
        for _ in 0..300 {
            world.request(&host(1), token(1), b"");
            world.wait(millis(10));
        }
        let accepts = world.replies().len();
        assert!((9..=12).contains(&accepts), "{accepts} in three seconds");
    }
}

#[test]
fn r20_probe_search_of_a_record_proves_nothing() {
    let mut world = crowded(100);
    world.request(&host(1), token(1), b"");
    world.endpoint.accepted(0);
    search(&mut world);
    // Its three pairs are voided, so the record is gone long before its time.
    assert_eq!(world.endpoint.statistics().half_open, 0);
    assert_eq!(world.endpoint.statistics().half_open_expired, 0);
}

#[test]
fn r20_probe_search_under_load_proves_nothing() {
    let mut world = loaded(10);
    world.request(&host(1), token(1), b"");
    world.endpoint.accepted(0);
    search(&mut world);
    // One of the two values was found, but not both.
    assert_eq!(world.endpoint.statistics().half_open_high_water, 7);
}

/// A blind sender forges a client that talks, and tries every answer there is, within 6.6 seconds.
fn search(world: &mut World) {
    for size in 0..=u16::MAX {
        world.wait(Duration::from_micros(100));
        world.heartbeat(&host(1), token(1));
        let verdict = world.ack(&host(1), token(1), size);
        assert_eq!(verdict, Verdict::Done, "guessed with {size}");
        world.replies();
    }
    assert_eq!(world.endpoint.len(), 1);
    world.assert_conserved();
    world.assert_no_amplification();
}

#[test]
fn r21_under_load_a_client_is_admitted_without_a_record_until_it_answers() {
    let mut world = loaded(10);
    world.endpoint.accepted(0);
    let before = world.endpoint.statistics().half_open;
    let client = host(1);
    world.request(&client, token(1), b"");
    assert_eq!(kinds(&world.replies()), "A");
    assert_eq!(world.endpoint.statistics().half_open, before);
    world.wait(millis(500));
    world.heartbeat(&client, token(1));
    let values = world.question(&client);
    assert_eq!(values.len(), 2);
    assert_eq!(world.endpoint.statistics().half_open, before);
    assert_eq!(
        world.ack(&client, token(1), ack_for_check(values[0], 0)),
        Verdict::Done
    );
    assert_eq!(world.endpoint.statistics().half_open, before + 1);
    let verdict = world.ack(&client, token(1), ack_for_check(values[1], 0));
    assert_eq!(
        verdict,
        Verdict::OpenProven {
            slot: 1,
            token: token(1),
            path: client,
            payload: vec![]
        }
    );
    assert_eq!(world.endpoint.statistics().half_open, before);
    world.assert_conserved();
    world.assert_no_amplification();
}

#[test]
fn r21_a_client_without_a_record_gets_in_after_the_load_is_over() {
    let mut world = loaded(10);
    world.endpoint.accepted(0);
    world.wait(millis(9_500));
    world.request(&host(1), token(1), b"");
    world.wait(millis(500));
    assert!(!world.endpoint.under_load());
    world.replies();
    let verdict = prove(&mut world, &host(1), token(1));
    assert!(matches!(verdict, Verdict::OpenProven { .. }), "{verdict:?}");
    // And then strangers meet silence again.
    world.wait(millis(10_000));
    world.heartbeat(&host(2), token(2));
    assert!(world.replies().is_empty());
}

#[test]
fn r21_under_load_only_data_and_heartbeats_of_unknown_tokens_are_answered() {
    let mut world = loaded(10);
    world.request(&host(1), token(1), b"");
    world.replies();
    for kind in 0..=u8::MAX {
        let mut datagram = vec![kind];
        datagram.extend(token(0x5000 + u64::from(kind)).0);
        datagram.resize(13, 0);
        world.send(&host(2), &datagram);
        let answer = if matches!(kind, 1 | 3) { "CC" } else { "" };
        assert_eq!(kinds(&world.replies()), answer, "type {kind}");
    }
    let mut accept = Vec::new();
    push_accept(&mut accept, token(3), b"");
    world.send(&host(2), &accept);
    let mut check = Vec::new();
    push_mtu_check(&mut check, token(3), 0, CheckBody::Absent);
    world.send(&host(2), &check);
    assert!(world.replies().is_empty());
    world.assert_no_amplification();
}

#[test]
fn r21_under_load_a_request_with_a_payload_has_a_record_or_no_answer() {
    let mut world = loaded(10);
    world.endpoint.accepted(0);
    world.request(&host(1), token(1), &[7; 256]);
    assert_eq!(kinds(&world.replies()), "A");
    let verdict = prove(&mut world, &host(1), token(1));
    assert!(
        matches!(&verdict, Verdict::OpenProven { payload, .. } if *payload == [7; 256]),
        "{verdict:?}"
    );
    world.request(&host(2), token(2), &[7; 257]);
    assert_eq!(world.only_drop(), DropReason::HalfOpenEvicted);
    assert!(world.replies().is_empty());
}

#[test]
fn r21_under_load_nobody_is_told_that_he_is_refused() {
    let mut world = loaded(10);
    world.rules.listening = false;
    world.request(&host(1), token(1), b"");
    assert!(world.replies().is_empty());
    assert_eq!(world.only_drop(), DropReason::ConnectionRefused);
}

#[test]
fn r06_no_loop_between_two_endpoints() {
    // Each sees the other as its only client: whatever one says is heard by the other.
    for make in [|| crowded(100), || loaded(10)] {
        let mut pair: [World; 2] = [make(), make()];
        let (left, right) = (host(1), host(2));
        let mut random = Random::Seeded(5);
        for round in 0..3_000_u32 {
            let name = token(u64::from(round % 7));
            let mut seed = Vec::new();
            match round % 8 {
                0 => push_request(&mut seed, name, b""),
                1 => push_accept(&mut seed, name, b""),
                2 => push_heartbeat(&mut seed, name),
                3 => push_disconnect(&mut seed, name),
                4 => push_mtu_check(&mut seed, name, 5, CheckBody::Absent),
                5 => push_mtu_ack(&mut seed, name, 16),
                6 => seed.extend([&[1][..], &name.0, b"\0data"].concat()),
                _ => {
                    let [len, ..] = random.bytes8().unwrap();
                    seed.resize(usize::from(len), 0);
                    random.fill(&mut seed).unwrap();
                }
            }
            for world in &mut pair {
                world.wait(millis(40));
                world.replies();
            }
            let mut wire = vec![seed];
            for exchange in 0.. {
                let listener = &mut pair[exchange % 2];
                let from = if exchange % 2 == 0 { left } else { right };
                for datagram in &wire {
                    listener.send(&from, datagram);
                }
                wire = listener
                    .replies()
                    .into_iter()
                    .map(|(_, bytes)| bytes)
                    .collect();
                if wire.is_empty() {
                    break;
                }
                assert!(exchange < 2, "still talking: {wire:?}");
            }
        }
    }
}
