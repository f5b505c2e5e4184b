//! Known tokens, strangers' tokens, and slots.

use super::*;

#[test]
fn a_known_token_is_delivered_to_its_slot_from_wherever_it_comes() {
    let mut world = World::new(|builder| builder);
    assert_eq!(
        world.request(&host(1), token(1), b""),
        Verdict::Open {
            slot: 0,
            token: token(1)
        }
    );
    world.request(&host(2), token(2), b"");
    assert_eq!(
        world.request(&host(1), token(1), b""),
        Verdict::Deliver { slot: 0 }
    );
    assert_eq!(
        world.heartbeat(&host(2), token(2)),
        Verdict::Deliver { slot: 1 }
    );
    assert_eq!(
        world.heartbeat(&host(9), token(2)),
        Verdict::Deliver { slot: 1 }
    );
    assert!(world.replies().is_empty());
    world.assert_conserved();
}

#[test]
fn a_datagram_longer_than_a_message_is_dropped_known_or_not() {
    let mut world = World::new(|builder| builder.max_message_size(600));
    world.request(&host(1), token(1), b"");
    for name in [1, 2] {
        let mut datagram = vec![1];
        datagram.extend(token(name).0);
        datagram.resize(601, 0);
        assert_eq!(world.send(&host(1), &datagram), Verdict::Done);
        assert_eq!(world.only_drop(), DropReason::Oversize);
    }
}

#[test]
fn r06_datagrams_from_nobody_are_dropped_unread() {
    let mut world = World::new(|builder| builder);
    world.endpoint.bound(host(7).remote);
    world.request(&host(1), token(1), b"");
    for source in [
        "224.0.0.1:5",
        "255.255.255.255:5",
        "0.0.0.0:5",
        "10.0.0.1:0",
    ] {
        let path = NetworkEndpoint::from_socket_addr(source.parse().unwrap()).into();
        assert_eq!(world.heartbeat(&path, token(1)), Verdict::Done);
        assert_eq!(world.only_drop(), DropReason::BadSource);
        assert_eq!(world.request(&path, token(2), b""), Verdict::Done);
        assert_eq!(world.only_drop(), DropReason::BadSource);
    }
    assert_eq!(world.request(&host(7), token(2), b""), Verdict::Done);
    assert_eq!(world.only_drop(), DropReason::BadSource);
    assert!(world.replies().is_empty());
}

#[test]
fn r06_mapped_is_one_client() {
    let mut world = World::new(|builder| builder.max_connections_per_ip(1));
    let plain: Path = NetworkEndpoint::from_socket_addr("10.0.0.1:5".parse().unwrap()).into();
    let mapped: Path =
        NetworkEndpoint::from_socket_addr("[::ffff:10.0.0.1]:6".parse().unwrap()).into();
    world.request(&plain, token(1), b"");
    world.endpoint.validated(0);
    assert_eq!(world.request(&mapped, token(2), b""), Verdict::Done);
    assert_eq!(world.only_drop(), DropReason::ConnectionRefused);
    assert_eq!(mapped.remote.to_string(), "10.0.0.1:6");
}

#[test]
fn r19_silence_for_unknown_tokens_of_every_type() {
    let mut world = World::new(|builder| builder);
    world.request(&host(1), token(1), b"");
    for kind in 0..=u8::MAX {
        for len in [9, 10, 11, 13, 40, 1_400] {
            let mut datagram = vec![kind];
            datagram.extend(token(2).0);
            datagram.resize(len, kind);
            assert_eq!(world.send(&host(2), &datagram), Verdict::Done);
        }
    }
    let mut accept = Vec::new();
    push_accept(&mut accept, token(2), b"");
    assert_eq!(world.send(&host(2), &accept), Verdict::Done);
    assert!(world.replies().is_empty());
    assert_eq!(world.inward.passed, 0);
    world.assert_conserved();
}

#[test]
fn r19_collision_keys_spread_like_random_ones() {
    // FxHash multiplies and looks at the top bits or the low ones; FNV and a plain remainder see the
    // low bytes. These tokens are equal in all that they look at.
    let crafted = (0..100_000_u64).map(|number| number << 44);
    for seed in [Some(1), None] {
        let keys = Keyed::new(seed);
        let mut buckets = vec![0_u32; 1 << 16];
        let mut tags = [0_u32; 128];
        for number in crafted.clone() {
            let hash = std::hash::BuildHasher::hash_one(&keys, key(token(number)));
            buckets[usize::try_from(hash & 0xFFFF).unwrap()] += 1;
            tags[usize::try_from(hash >> 57).unwrap()] += 1;
        }
        assert!(buckets.iter().all(|&count| count < 20));
        assert!(tags.iter().all(|&count| (600..1_000).contains(&count)));
    }
}

#[test]
fn b12_requests_of_another_version_are_ignored() {
    let mut world = World::new(|builder| builder);
    for version in [0, 2, 255] {
        let datagram = [b"UTP", &[version, 1][..], &token(1).0].concat();
        assert_eq!(world.send(&host(1), &datagram), Verdict::Done);
        assert_eq!(world.only_drop(), DropReason::WrongVersion);
    }
    assert!(world.endpoint.is_empty() && world.replies().is_empty());
}

#[test]
fn b13_malformed_requests_are_ignored() {
    let mut world = World::new(|builder| builder);
    let start = b"UTP\x01\x01";
    for datagram in [
        vec![],
        b"U".to_vec(),
        start.to_vec(),
        [start, &[7; 3][..]].concat(),
        [b"UTP\x01\x03", &[7; 8][..]].concat(),
        [b"UTP\x01\x00", &[7; 8][..]].concat(),
        [start, &[7; 8][..], &[4, 0, 1, 2, 3]].concat(),
        [start, &[7; 8][..], &[2, 0, 1, 2, 3]].concat(),
    ] {
        assert_eq!(
            world.send(&host(1), &datagram),
            Verdict::Done,
            "{datagram:?}"
        );
        assert_eq!(world.only_drop(), DropReason::Malformed, "{datagram:?}");
    }
    // As in Unity Transport, what has a signature and no token is a message, of a type 0x55.
    assert_eq!(world.send(&host(1), b"UTP\x01\x01abcdefg"), Verdict::Done);
    assert_eq!(world.only_drop(), DropReason::UnknownToken);
    assert!(world.endpoint.is_empty() && world.replies().is_empty());
}

#[test]
fn other_protocols_are_recognised_counted_and_explained_once() {
    let mut world = World::new(|builder| builder);
    let hello = [&[22, 0xFE, 0xFD][..], &[0; 60]].concat();
    for _ in 0..2 {
        world.send(&host(1), &[0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(world.only_drop(), DropReason::UnityTransport1);
        world.send(&host(1), &hello);
        assert_eq!(world.only_drop(), DropReason::WrongSecurity);
    }
    assert_eq!(world.endpoint.journal().captured.len(), 2);
    assert!(world.replies().is_empty());
}

#[test]
fn c14_a_closed_token_is_forgotten_at_once_and_its_slot_when_its_events_are_read() {
    let mut world = World::new(|builder| builder);
    world.request(&host(1), token(1), b"");
    let first = world.endpoint.connection(0);
    world.endpoint.closed(0);
    assert_eq!(world.endpoint.len(), 0);
    assert_eq!(world.heartbeat(&host(1), token(1)), Verdict::Done);
    assert_eq!(world.only_drop(), DropReason::UnknownToken);
    // The same client may come again, in another slot.
    let again = world.request(&host(1), token(1), b"");
    assert!(matches!(again, Verdict::Open { slot: 1, .. }), "{again:?}");
    world.endpoint.released(0);
    let next = world.request(&host(1), token(2), b"");
    assert!(matches!(next, Verdict::Open { slot: 0, .. }), "{next:?}");
    let second = world.endpoint.connection(0);
    assert_eq!((first.index(), second.index()), (0, 0));
    assert_eq!((first.version(), second.version()), (1, 2));
    assert_eq!(world.endpoint.slots(), 2);
}

#[test]
fn reports_about_slots_without_a_connection_change_nothing() {
    let mut world = World::new(|builder| builder);
    for slot in [0, 5] {
        world.endpoint.validated(slot);
        world.endpoint.accepted(slot);
        world.endpoint.moved(slot, &host(1), &host(2));
        world.endpoint.closed(slot);
        world.endpoint.released(slot);
    }
    assert_eq!(world.endpoint.statistics(), EndpointStatistics::default());
}

#[test]
fn connections_started_here_have_tokens_of_their_own() {
    let mut world = World::new(|builder| builder.max_connections(100));
    let mut tokens = std::collections::HashSet::new();
    for slot in 0..100 {
        let (connection, token) = world.endpoint.connect(&host(1).remote).unwrap();
        assert_eq!(connection.index(), slot);
        assert!(tokens.insert(token));
        assert_eq!(world.heartbeat(&host(1), token), Verdict::Deliver { slot });
    }
    assert!(matches!(
        world.endpoint.connect(&host(1).remote),
        Err(ConnectError::TooManyConnections { max: 100 })
    ));
    assert_eq!(world.endpoint.waiting_for_accept(), 0);
}

#[test]
fn nobody_can_be_connected_to() {
    let mut world = World::new(|builder| builder);
    for endpoint in [
        NetworkEndpoint::Invalid,
        NetworkEndpoint::any_ipv4(5),
        NetworkEndpoint::loopback_ipv4(0),
    ] {
        assert!(matches!(
            world.endpoint.connect(&endpoint),
            Err(ConnectError::InvalidEndpoint { .. })
        ));
    }
    assert!(
        world
            .endpoint
            .connect(&NetworkEndpoint::Custom([1; 60]))
            .is_ok()
    );
}

#[test]
fn a_seed_repeats_everything() {
    let run = || {
        let mut world = World::new(|builder| builder.waiting_for_accept_max(1));
        let (_, outgoing) = world.endpoint.connect(&host(1).remote).unwrap();
        for number in 0..20 {
            world.request(&host(1), token(number), b"");
            world.heartbeat(&host(1), token(number));
        }
        (outgoing, world.replies())
    };
    assert_eq!(run(), run());
}
