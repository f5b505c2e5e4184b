//! Anything at all, from anywhere: nothing panics, everything is counted, nobody is flooded.

use proptest::prelude::*;

use super::*;
use crate::settings::AddressValidation;

#[derive(Clone, Debug)]
enum Step {
    Request {
        from: u32,
        name: u64,
        payload: usize,
    },
    Accept {
        from: u32,
        name: u64,
    },
    Data {
        from: u32,
        name: u64,
        len: usize,
    },
    Heartbeat {
        from: u32,
        name: u64,
    },
    Disconnect {
        from: u32,
        name: u64,
    },
    Check {
        from: u32,
        name: u64,
        len: u16,
    },
    Ack {
        from: u32,
        name: u64,
        size: u16,
    },
    /// The answer to the n-th last check that was sent, from where it was sent to or elsewhere.
    Answer {
        back: usize,
        from: Option<u32>,
    },
    Raw {
        from: u32,
        bytes: Vec<u8>,
    },
    Connect {
        to: u32,
    },
    Validated {
        slot: u32,
    },
    Moved {
        slot: u32,
        to: u32,
    },
    Accepted {
        slot: u32,
    },
    Closed {
        slot: u32,
    },
    Released {
        slot: u32,
    },
    Listen {
        listening: bool,
    },
    Wait {
        millis: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (from, name, slot) = (0..8_u32, 0..12_u64, 0..10_u32);
    let who = (from.clone(), name);
    prop_oneof![
        6 => (who.clone(), prop_oneof![Just(0), 0..600_usize])
            .prop_map(|((from, name), payload)| Step::Request { from, name, payload }),
        1 => who.clone().prop_map(|(from, name)| Step::Accept { from, name }),
        2 => (who.clone(), 0..40_usize)
            .prop_map(|((from, name), len)| Step::Data { from, name, len }),
        4 => who.clone().prop_map(|(from, name)| Step::Heartbeat { from, name }),
        1 => who.clone().prop_map(|(from, name)| Step::Disconnect { from, name }),
        1 => (who.clone(), any::<u16>())
            .prop_map(|((from, name), len)| Step::Check { from, name, len }),
        1 => (who, any::<u16>()).prop_map(|((from, name), size)| Step::Ack { from, name, size }),
        6 => (0..3_usize, prop::option::weighted(0.1, from.clone()))
            .prop_map(|(back, from)| Step::Answer { back, from }),
        2 => (from.clone(), prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(from, bytes)| Step::Raw { from, bytes }),
        1 => from.clone().prop_map(|to| Step::Connect { to }),
        1 => slot.clone().prop_map(|slot| Step::Validated { slot }),
        1 => (slot.clone(), from).prop_map(|(slot, to)| Step::Moved { slot, to }),
        2 => slot.clone().prop_map(|slot| Step::Accepted { slot }),
        2 => slot.clone().prop_map(|slot| Step::Closed { slot }),
        2 => slot.prop_map(|slot| Step::Released { slot }),
        1 => prop::bool::weighted(0.9).prop_map(|listening| Step::Listen { listening }),
        3 => prop_oneof![0..400_u64, 0..12_000_u64].prop_map(|millis| Step::Wait { millis }),
    ]
}

/// A few hosts, some of which are nobody.
fn peer(number: u32) -> Path {
    match number {
        0..=3 => port(number / 2, 1_000 + u16::try_from(number).unwrap()),
        4 => NetworkEndpoint::from_socket_addr("[2001:db8::1]:7".parse().unwrap()).into(),
        5 => NetworkEndpoint::loopback_ipv4(9).into(),
        6 => NetworkEndpoint::Custom([6; 60]).into(),
        _ => NetworkEndpoint::any_ipv4(5).into(),
    }
}

/// Takes the steps; `asked` remembers checks that were sent.
fn take(world: &mut World, steps: Vec<Step>) {
    let mut asked: Vec<(Path, Token, u16)> = Vec::new();
    for step in steps {
        let mut datagram = Vec::new();
        let mut source = None;
        match step {
            Step::Request {
                from,
                name,
                payload,
            } => {
                push_request(&mut datagram, token(name), &vec![7; payload]);
                source = Some(peer(from));
            }
            Step::Accept { from, name } => {
                push_accept(&mut datagram, token(name), b"");
                source = Some(peer(from));
            }
            Step::Data { from, name, len } => {
                datagram.push(1);
                datagram.extend(token(name).0);
                datagram.resize(9 + len, 0);
                source = Some(peer(from));
            }
            Step::Heartbeat { from, name } => {
                push_heartbeat(&mut datagram, token(name));
                source = Some(peer(from));
            }
            Step::Disconnect { from, name } => {
                push_disconnect(&mut datagram, token(name));
                source = Some(peer(from));
            }
            Step::Check { from, name, len } => {
                push_mtu_check(&mut datagram, token(name), len, CheckBody::Absent);
                source = Some(peer(from));
            }
            Step::Ack { from, name, size } => {
                push_mtu_ack(&mut datagram, token(name), size);
                source = Some(peer(from));
            }
            Step::Answer { back, from } => {
                let last = asked.len().checked_sub(1 + back);
                if let Some(&(path, name, len)) = last.and_then(|index| asked.get(index)) {
                    push_mtu_ack(&mut datagram, name, ack_for_check(len, 0));
                    source = Some(from.map_or(path, peer));
                }
            }
            Step::Raw { from, bytes } => {
                datagram = bytes;
                source = Some(peer(from));
            }
            Step::Connect { to } => {
                let _ = world.endpoint.connect(&peer(to).remote);
            }
            Step::Validated { slot } => world.endpoint.validated(slot),
            Step::Moved { slot, to } => world.endpoint.moved(slot, &peer(to), &peer(to)),
            Step::Accepted { slot } => world.endpoint.accepted(slot),
            Step::Closed { slot } => world.endpoint.closed(slot),
            Step::Released { slot } => world.endpoint.released(slot),
            Step::Listen { listening } => world.rules.listening = listening,
            Step::Wait { millis: time } => world.wait(millis(time)),
        }
        if let Some(path) = source {
            world.send(&path, &datagram);
        }
        for (path, bytes) in world.replies() {
            if let Ok(Packet::MtuCheck { token, len }) = Packet::parse(&bytes) {
                asked.push((path, token, len));
            }
        }
    }
}

fn world(validation: AddressValidation, half_open_max: usize, accept_payload: usize) -> World {
    let mut world = World::new(|builder| {
        builder
            .max_connections(4)
            .max_connections_per_ip(2)
            .waiting_for_accept_max(2)
            .half_open_max(half_open_max)
            .max_message_size(600)
            .address_validation(validation)
    });
    world.rules.accept_payload = vec![3; accept_payload];
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn r40_conservation_and_r20_amplification_hold_for_any_input(
        steps in prop::collection::vec(step(), 0..300),
        half_open_max in 1..8_usize,
        accept_payload in 0..=24_usize,
        validation in prop_oneof![3 => Just(AddressValidation::On), 1 => Just(AddressValidation::Off)],
    ) {
        let mut world = world(validation, half_open_max, accept_payload);
        take(&mut world, steps);
        world.assert_conserved();
        world.assert_no_amplification();
        let statistics = world.endpoint.statistics();
        prop_assert!(statistics.connections <= 4);
        prop_assert!(statistics.half_open <= half_open_max);
        prop_assert!(statistics.waiting_for_accept <= 2);
        prop_assert!(world.endpoint.slots() <= 8);

        // Everything can be taken down again, and then nothing is left.
        for slot in 0..world.endpoint.slots() {
            world.endpoint.closed(slot);
            world.endpoint.released(slot);
        }
        world.wait(millis(20_000));
        let statistics = world.endpoint.statistics();
        prop_assert_eq!(
            (statistics.connections, statistics.unproven, statistics.waiting_for_accept, statistics.half_open),
            (0, 0, 0, 0)
        );
        prop_assert!(world.endpoint.routes.is_empty());
        prop_assert_eq!(world.endpoint.deadline(), Timestamp::NEVER);
    }
}

#[test]
fn r20_what_fits_no_record_is_not_answered_from_another_address_budget() {
    let mut world = world(AddressValidation::On, 1, 0);
    let request = |name, payload| Step::Request {
        from: 2,
        name,
        payload,
    };
    let elsewhere = Step::Data {
        from: 6,
        name: 1,
        len: 1,
    };
    take(&mut world, vec![request(2, 0), request(1, 14), elsewhere]);
    world.assert_conserved();
    assert_eq!(world.sent.get(&peer(6).remote), None);
}
