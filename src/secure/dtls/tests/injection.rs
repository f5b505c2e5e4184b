//! R14: what anybody can send ends nothing and stalls nothing.

use super::*;
use crate::counters::DropReason;
use crate::secure::record_layer::push_plain;
use crate::wire::handshake::{FragmentHeader, MessageKind};
use crate::wire::record::{ContentType, ProtocolVersion};

fn plain(content_type: ContentType, content: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    push_plain(
        content_type,
        ProtocolVersion::DTLS_1_2,
        77,
        content,
        &mut datagram,
    );
    datagram
}

fn message(kind: MessageKind, sequence: u16, declared: u32, body: &[u8]) -> Vec<u8> {
    let header = FragmentHeader {
        fragment_len: u32::try_from(body.len()).unwrap(),
        ..FragmentHeader::whole(kind, sequence, declared)
    };
    plain(ContentType::Handshake, &[&header.emit()[..], body].concat())
}

/// Everything an attacker on the path would try, short of a well-formed message in the peer's place.
fn forged() -> Vec<Vec<u8>> {
    let mut all = vec![
        plain(ContentType::ChangeCipherSpec, &[1]),
        plain(ContentType::ChangeCipherSpec, &[1]),
        plain(ContentType::ChangeCipherSpec, &[2]),
        plain(ContentType::ApplicationData, b"text"),
        plain(ContentType::Alert, &[1, 0]),
        plain(ContentType::Alert, &[1]),
        plain(ContentType::Handshake, b"short"),
        vec![],
        b"garbage of no protocol".to_vec(),
    ];
    for description in [0, 10, 20, 40, 42, 48, 70, 80, 100] {
        all.push(plain(ContentType::Alert, &[2, description]));
    }
    let kinds = [0, 1, 2, 3, 11, 12, 13, 14, 15, 16, 20];
    for kind in kinds.into_iter().filter_map(MessageKind::from_byte) {
        for sequence in 0..9 {
            // A message that cannot be read; and an impossible length.
            if kind != MessageKind::ServerHelloDone {
                all.push(message(kind, sequence, 1, &[0xFF]));
            }
            all.push(message(kind, sequence, 1 << 20, b"x"));
        }
    }
    // Protected records nobody has the key of.
    for content_type in [23, 22, 21, 20] {
        let mut record = plain(ContentType::ApplicationData, &[9; 40]);
        record[0] = content_type;
        record[4] = 1;
        all.push(record);
    }
    all
}

#[test]
fn r14_inject() {
    let forged = forged();
    for seed in 0..40_u64 {
        let key = Key::ALL[usize::from(seed % 2 == 1)];
        let mut server = key.server_config();
        let mut client = key.client_config();
        if seed % 4 >= 2 {
            server.clients = ClientAuthentication::Required(key.client_trust());
            client.identity = Some(key.client_identity());
        }
        server.common.mtu = 300;
        client.common.mtu = 300;
        let mut world = World::new(server, client);
        // At one point of the handshake, everything at once, at both ends.
        let point = seed / 2;
        let (mut step, end) = (0, world.now + seconds(10));
        while !world.is_settled() && world.next() <= end {
            if step == point {
                for datagram in &forged {
                    world.deliver(To::Client, datagram.clone());
                    world.deliver(To::Server, datagram.clone());
                }
            }
            step += 1;
            world.step();
        }
        world.assert_talks();
    }
}

#[test]
fn r14_forged_alerts_at_every_point_end_nothing() {
    let alerts: Vec<_> = forged()
        .into_iter()
        .filter(|datagram| datagram.first() == Some(&21))
        .collect();
    let mut world = World::new(Key::Rsa.server_config(), Key::Rsa.client_config());
    while !world.is_settled() {
        for datagram in &alerts {
            world.deliver(To::Client, datagram.clone());
            world.deliver(To::Server, datagram.clone());
        }
        assert!(world.step());
    }
    world.assert_talks();
}

#[test]
fn an_alert_that_nothing_follows_is_believed_after_two_seconds() {
    let mut world = World::new(Key::Rsa.server_config(), Key::Rsa.client_config());
    world.air.clear();
    world.weather.loss = 100;
    let start = world.now;
    world.deliver(To::Client, plain(ContentType::Alert, &[2, 40]));
    while world.client.failed.is_none() {
        assert!(world.step());
    }
    assert_eq!(world.now.since(start), seconds(2));
    assert!(matches!(
        world.client.failed,
        Some(HandshakeError::PeerAlert { .. })
    ));
}

#[test]
fn nothing_unprotected_means_anything_once_there_are_keys() {
    let mut world = World::new(Key::Rsa.server_config(), Key::Rsa.client_config());
    world.run(seconds(1));
    world.assert_talks();
    let up = world.server.up.as_mut().unwrap();
    for mut datagram in forged() {
        let step = up.association.open(&mut datagram, 0);
        assert!(matches!(
            step.outcome,
            Err(DropReason::Unprotected
                | DropReason::Malformed
                | DropReason::WrongSecurity
                | DropReason::Forged)
        ));
    }
    world.assert_talks();
}

#[test]
fn any_datagrams_at_any_time_are_survived() {
    let mut random = Random::new(Some(14), 0);
    for round in 0..60 {
        let mut world = World::new(Key::Ecdsa.server_config(), Key::Ecdsa.client_config());
        let end = world.now + seconds(5);
        while !world.is_settled() && world.next() <= end {
            // A datagram in flight, changed in a few places, comes first.
            if let Some((to, datagram)) = world.air.values().next().cloned()
                && !datagram.is_empty()
            {
                for _ in 0..round % 8 {
                    let mut changed = datagram.clone();
                    let at = usize::from(random.u16().unwrap()) % changed.len();
                    changed[at] = random.u16().unwrap().to_le_bytes()[0];
                    let len = usize::from(random.u16().unwrap()) % (2 * changed.len());
                    changed.truncate(len);
                    world.deliver(to, changed);
                }
            }
            world.step();
        }
    }
}
