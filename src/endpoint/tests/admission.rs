//! Who gets a connection, who gets a record, and who is refused.

use super::*;
use crate::settings::{AddressValidation, LoopbackLimits};

#[test]
fn a_full_driver_refuses_with_one_disconnect_a_request_and_second() {
    let mut world = World::new(|builder| builder.max_connections(2));
    for name in [1, 2] {
        world.request(&host(1), token(name), b"");
    }
    world.endpoint.validated(0);
    world.endpoint.validated(1);
    for _ in 0..5 {
        assert_eq!(world.request(&host(2), token(3), b"payload"), Verdict::Done);
        assert_eq!(world.only_drop(), DropReason::ConnectionRefused);
    }
    let replies = world.replies();
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0], (host(2), [&[2][..], &token(3).0].concat()));
    world.wait(millis(1_000));
    world.request(&host(2), token(3), b"payload");
    assert_eq!(kinds(&world.replies()), "X");
    assert_eq!(world.endpoint.statistics().refused, 6);
    // A place is free at once, even though the last events of its connection are not read.
    world.endpoint.closed(0);
    let verdict = world.request(&host(2), token(3), b"payload");
    assert_eq!(
        verdict,
        Verdict::Open {
            slot: 2,
            token: token(3)
        }
    );
}

#[test]
fn connections_of_one_address_are_limited_and_follow_its_moves() {
    let mut world = World::new(|builder| builder.max_connections_per_ip(2));
    for name in [1, 2] {
        world.request(&port(1, 1), token(name), b"");
        world.endpoint.validated(u32::try_from(name - 1).unwrap());
    }
    assert_eq!(world.request(&port(1, 2), token(3), b""), Verdict::Done);
    assert_eq!(kinds(&world.replies()), "X");
    assert_eq!(world.endpoint.statistics().refused_per_ip, 1);
    world.endpoint.moved(0, &port(1, 1), &port(2, 1));
    let verdict = world.request(&port(1, 2), token(3), b"");
    assert!(matches!(verdict, Verdict::Open { .. }), "{verdict:?}");
    world.endpoint.validated(2);
    assert_eq!(world.request(&port(1, 3), token(4), b""), Verdict::Done);
    assert_eq!(kinds(&world.replies()), "X");
}

#[test]
fn r21_the_share_of_an_address_is_a_hard_cap_for_those_who_come_at_once() {
    let mut world = World::new(|builder| builder.max_connections_per_ip(3));
    let name = |client: u16| token(client.into());
    for client in 1..=8 {
        world.request(&port(1, client), name(client), b"");
    }
    // Two have a connection, and six a record.
    assert_eq!(world.endpoint.len(), 2);
    assert_eq!(world.endpoint.statistics().half_open, 6);
    world.replies();
    // One more gets in: whoever proves first that the address is its own.
    let open = |verdict: &Verdict| matches!(verdict, Verdict::OpenProven { .. });
    assert!(open(&prove(&mut world, &port(1, 8), name(8))));
    for client in 3..8 {
        let verdict = prove(&mut world, &port(1, client), name(client));
        assert!(!open(&verdict), "{verdict:?}");
        assert_eq!(kinds(&world.replies()), "X");
    }
    assert_eq!(world.endpoint.len(), 3);
    assert_eq!(world.endpoint.statistics().refused_per_ip, 5);
    world.endpoint.validated(0);
    world.endpoint.validated(1);
    assert_eq!(world.endpoint.len(), 3);
    world.assert_conserved();
}

#[test]
fn loopback_counts_only_if_told_to() {
    let open = |limits| {
        let mut world =
            World::new(|builder| builder.max_connections_per_ip(1).limit_loopback(limits));
        for slot in 0..5_u16 {
            let path = NetworkEndpoint::loopback_ipv4(slot + 1).into();
            world.request(&path, token(slot.into()), b"");
            world.endpoint.validated(slot.into());
        }
        world.endpoint.len()
    };
    assert_eq!(open(LoopbackLimits::Exempt), 5);
    assert_eq!(open(LoopbackLimits::Limited), 1);
}

#[test]
fn a_driver_that_does_not_listen_refuses() {
    let mut world = World::new(|builder| builder);
    world.rules.listening = false;
    assert_eq!(world.request(&host(1), token(1), b""), Verdict::Done);
    assert_eq!(kinds(&world.replies()), "X");
    assert_eq!(world.only_drop(), DropReason::ConnectionRefused);
    assert!(world.endpoint.is_empty());
}

#[test]
fn r21_forged_connections_have_nobody_refused() {
    // Whoever forges 100 requests has filled a small server, but not closed it.
    let mut world = World::new(|builder| builder.max_connections(100).max_connections_per_ip(50));
    for name in 0..100 {
        let victim = port(u32::try_from(name / 25).unwrap(), 9);
        let verdict = world.request(&victim, token(name), b"");
        assert!(matches!(verdict, Verdict::Open { .. }), "{verdict:?}");
        world.endpoint.accepted(u32::try_from(name).unwrap());
    }
    let (client, name) = (port(1, 7), token(1_000));
    world.request(&client, name, b"hello");
    assert_eq!(kinds(&world.replies()), "A");
    // It proves itself, and waits for the first forged connection to time out.
    assert_eq!(prove(&mut world, &client, name), Verdict::Done);
    world.endpoint.closed(3);
    // Nobody overtakes it.
    assert_eq!(world.request(&host(5), token(2_000), b""), Verdict::Done);
    let verdict = world.heartbeat(&client, name);
    assert_eq!(
        verdict,
        Verdict::OpenProven {
            slot: 100,
            token: name,
            path: client,
            payload: b"hello".to_vec()
        }
    );
    world.assert_conserved();
    world.assert_no_amplification();
}

#[test]
fn a_proven_client_that_finds_no_room_is_told_so() {
    let mut world = World::new(|builder| builder.waiting_for_accept_max(1));
    world.request(&host(1), token(1), b"");
    let (client, name) = (host(2), token(2));
    world.request(&client, name, b"");
    assert_eq!(prove(&mut world, &client, name), Verdict::Done);
    world.wait(millis(10_000));
    assert_eq!(kinds(&world.replies()), "X");
    assert_eq!(world.endpoint.statistics().half_open, 0);
    world.assert_no_amplification();
}

#[test]
fn a_proven_client_is_refused_if_the_driver_is_full_of_proven_ones() {
    let mut world = World::new(|builder| builder.max_connections(1));
    world.request(&host(1), token(1), b"");
    world.request(&host(2), token(2), b"");
    world.endpoint.validated(0);
    world.replies();
    assert_eq!(prove(&mut world, &host(2), token(2)), Verdict::Done);
    assert_eq!(kinds(&world.replies()), "X");
    assert_eq!(world.endpoint.statistics().half_open, 0);
}

#[test]
fn waiting_for_accept_is_bounded_and_the_rest_waits_half_open() {
    let mut world = World::new(|builder| builder);
    for name in 0..2_000 {
        world.request(&host(1), token(name), b"");
    }
    // Half of the share of one address comes first.
    assert_eq!(world.endpoint.waiting_for_accept(), 128);
    for name in 2_000..4_000 {
        world.request(&host(u32::try_from(name).unwrap()), token(name), b"");
    }
    assert_eq!(world.endpoint.waiting_for_accept(), 1_024);
    assert_eq!(world.endpoint.len(), 1_024);
    for slot in 0..1_024 {
        world.endpoint.accepted(slot);
    }
    for name in 4_000..8_000 {
        world.request(&host(u32::try_from(name).unwrap()), token(name), b"");
        if let Some(slot) = world.endpoint.slots().checked_sub(1) {
            world.endpoint.accepted(slot);
        }
    }
    // A quarter of 10,000 for those who have proved nothing.
    assert_eq!(world.endpoint.len(), 2_500);
    world.assert_conserved();
}

#[test]
fn without_address_validation_every_request_opens_at_once() {
    let mut world = World::new(|builder| {
        builder
            .address_validation(AddressValidation::Off)
            .waiting_for_accept_max(10)
            .max_connections(20)
    });
    for name in 0..11 {
        world.request(&host(1), token(name), b"");
    }
    // The eleventh must wait for the application, and asks again.
    assert_eq!(world.endpoint.len(), 10);
    assert_eq!(world.only_drop_of_many(), DropReason::RateLimited);
    for slot in 0..10 {
        world.endpoint.accepted(slot);
    }
    for name in 10..21 {
        world.request(&host(1), token(name), b"");
        world.endpoint.accepted(u32::try_from(name).unwrap());
    }
    assert_eq!(world.endpoint.len(), 20);
    assert_eq!(world.only_drop_of_many(), DropReason::ConnectionRefused);
    assert_eq!(world.endpoint.statistics().half_open, 0);
}

#[test]
fn custom_addresses_are_admitted_at_once_or_not_at_all() {
    let mut world = World::new(|builder| builder.waiting_for_accept_max(1));
    let custom = |name| NetworkEndpoint::Custom([name; 60]).into();
    let verdict = world.request(&custom(1), token(1), b"");
    assert!(matches!(verdict, Verdict::Open { .. }), "{verdict:?}");
    assert_eq!(world.request(&custom(2), token(2), b""), Verdict::Done);
    assert_eq!(world.only_drop(), DropReason::RateLimited);
    world.endpoint.accepted(0);
    let verdict = world.request(&custom(2), token(2), b"");
    assert!(matches!(verdict, Verdict::Open { .. }), "{verdict:?}");
}

#[test]
fn r20_a_large_accept_goes_out_once_a_second_and_address() {
    let mut world = World::new(|builder| {
        builder
            .dangerous_large_accept_payload()
            .waiting_for_accept_max(1)
    });
    world.rules.accept_payload = vec![7; 1_000];
    world.request(&host(9), token(9), b"");
    for name in 0..10 {
        world.request(&host(1), token(name), b"");
        world.request(&host(1), token(name), b"");
    }
    assert_eq!(kinds(&world.replies()), "A");
    world.wait(millis(1_000));
    world.request(&host(1), token(0), b"");
    assert_eq!(kinds(&world.replies()), "A");
    world.assert_conserved();
}

/// A client with a half-open record proves its address. Returns the last verdict.
pub(super) fn prove(world: &mut World, client: &Path, name: Token) -> Verdict {
    assert_eq!(world.heartbeat(client, name), Verdict::Done);
    let values = world.question(client);
    assert_eq!(values.len(), 2);
    assert_eq!(
        world.ack(client, name, ack_for_check(values[1], 0)),
        Verdict::Done
    );
    world.ack(client, name, ack_for_check(values[0], 0))
}

impl World {
    /// The reason of all drops since the last call, and at least one.
    fn only_drop_of_many(&mut self) -> DropReason {
        let drops = std::mem::take(&mut self.inward.drops);
        self.inward.entered -= drops.total();
        let reasons: Vec<_> = drops.iter().map(|(reason, _)| reason).collect();
        assert_eq!(reasons.len(), 1, "{drops:?}");
        reasons[0]
    }
}
