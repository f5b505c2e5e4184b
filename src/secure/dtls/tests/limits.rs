//! R10, R11, R15, R16: what may take how long, and how often a key is used.

use super::*;
use crate::counters::DropReason;
use crate::secure::{KeyHealth, SealRefused};
use crate::wire::handshake::FragmentHeader;
use crate::wire::record::RecordHeader;

fn connected(key: Key) -> (Association, Association) {
    let mut world = World::new(key.server_config(), key.client_config());
    world.run(seconds(1));
    world.assert_talks();
    let client = world.client.up.take().unwrap().association;
    let server = world.server.up.take().unwrap().association;
    (client, server)
}

#[test]
fn r10_trickle() {
    let mut world = World::new(Key::Rsa.server_config(), Key::Rsa.client_config());
    while world.server.handshake.is_none() {
        assert!(world.step());
    }
    let start = world.now;
    world.air.clear();
    world.client.handshake = None;
    // A byte of a Certificate-sized message every half second: progress of a kind.
    let mut offset = 0;
    while world.server.failed.is_none() {
        let header = FragmentHeader {
            kind: crate::wire::handshake::MessageKind::ClientKeyExchange,
            len: 60,
            sequence: 2,
            offset,
            fragment_len: 1,
        };
        let mut datagram = Vec::new();
        crate::secure::record_layer::push_plain(
            crate::wire::record::ContentType::Handshake,
            crate::wire::record::ProtocolVersion::DTLS_1_2,
            u64::from(offset) + 10,
            &[&header.emit()[..], &[1]].concat(),
            &mut datagram,
        );
        world.put(To::Server, datagram, Duration::ZERO);
        offset += 1;
        let half = world.now + Duration::from_millis(500);
        while world.next() <= half && world.server.failed.is_none() && world.step() {}
        if world.server.failed.is_none() {
            world.now = half;
        }
    }
    assert_eq!(world.now.since(start), seconds(10));
    let error = world.server.failed.unwrap();
    assert!(
        error
            .to_string()
            .starts_with("no ClientKeyExchange within 10000 ms"),
        "{error}"
    );
    assert!(world.server.handshake.is_none());
}

/// What a client with a valid cookie can make a server keep, at worst.
#[test]
fn r10_memory() {
    let mut config = Key::Rsa.server_config();
    config.clients = ClientAuthentication::Required(Key::Rsa.client_trust());
    let mut world = World::new(config, Key::Rsa.client_config());
    while world.server.handshake.is_none() {
        assert!(world.step());
    }
    let (now, mut out) = (world.now, Outgoing::default());
    let server = world.server.handshake.as_mut().unwrap();
    let mut random = Random::new(Some(10), 0);
    for round in 0..3_000_u32 {
        let mut datagram = Vec::new();
        if round % 10 == 0 {
            // Of epoch 1.
            let early = crate::wire::record::ContentType::ApplicationData;
            let version = crate::wire::record::ProtocolVersion::DTLS_1_2;
            let number = u64::from(round);
            crate::secure::record_layer::push_plain(
                early,
                version,
                number,
                &[7; 1_400],
                &mut datagram,
            );
            datagram[4] = 1;
        } else {
            let header = FragmentHeader {
                kind: crate::wire::handshake::MessageKind::Certificate,
                len: 16_000,
                sequence: 2 + random.u16().unwrap() % 5,
                offset: u32::from(random.u16().unwrap() % 14_600),
                fragment_len: 1_400,
            };
            crate::secure::record_layer::push_plain(
                crate::wire::record::ContentType::Handshake,
                crate::wire::record::ProtocolVersion::DTLS_1_2,
                u64::from(round),
                &[&header.emit()[..], &[7; 1_400]].concat(),
                &mut datagram,
            );
        }
        server.handle_datagram(now, &mut datagram, &mut out);
        assert!(server.talk.held() <= 32 * 1_024);
    }
    assert!(server.talk.held() >= 16 * 1_024);
    assert!(out.is_empty());
}

#[test]
fn a_datagram_of_no_use_has_one_reason() {
    let mut world = World::new(Key::Rsa.server_config(), Key::Rsa.client_config());
    while world.server.handshake.is_none() {
        assert!(world.step());
    }
    let hello = world
        .history
        .iter()
        .rfind(|(_, to, _)| *to == To::Server)
        .unwrap()
        .2
        .clone();
    let (now, mut out) = (world.now, Outgoing::default());
    let server = world.server.handshake.as_mut().unwrap();
    let mut received = |mut datagram: Vec<u8>| {
        server
            .handle_datagram(now, &mut datagram, &mut out)
            .received
    };
    // The same hello again is of use: it may have been ours that was lost.
    assert_eq!(received(hello.clone()), Ok(()));
    assert_eq!(received(vec![]), Err(DropReason::Malformed));
    assert_eq!(
        received(b"UTP\x01\x01ABCDEFGH".to_vec()),
        Err(DropReason::Malformed)
    );
    let mut data = hello.clone();
    data[0] = 23;
    assert_eq!(received(data), Err(DropReason::Unprotected));
    let mut change = hello.clone();
    change[0] = 20;
    assert_eq!(received(change), Err(DropReason::Unexpected));
    let mut later = hello;
    later[4] = 2;
    assert_eq!(received(later), Err(DropReason::WrongEpoch));
}

#[test]
fn a_newer_hello_is_told_by_its_random() {
    let mut world = World::new(Key::Rsa.server_config(), Key::Rsa.client_config());
    while world.server.handshake.is_none() {
        assert!(world.step());
    }
    let hello = world
        .history
        .iter()
        .rfind(|(_, to, _)| *to == To::Server)
        .unwrap()
        .2
        .clone();
    let mut out = Vec::new();
    let verdict = handle_hello(
        &hello,
        client_address(),
        server_address(),
        &world.server.cookies,
        world.now,
        &mut out,
    );
    let HelloVerdict::Verified(verified) = verdict else {
        panic!("the cookie was right");
    };
    assert_eq!(peek_hello(&hello).unwrap().random, *verified.random());
    let known = world.server.handshake.as_ref().unwrap().client_random();
    assert_eq!(known, verified.random());
}

#[test]
fn r11_a_signature_that_comes_late_is_not_made() {
    let mut world = World::new(Key::Rsa.server_config(), Key::Rsa.client_config());
    world.server.signs = false;
    while world.server.handshake.is_none() {
        assert!(world.step());
    }
    let start = world.now;
    let handshake = world.server.handshake.as_mut().unwrap();
    assert_eq!(handshake.deadline(), start + seconds(2));
    assert!(matches!(
        handshake.handle_timeout(start, &mut Outgoing::default()),
        Progress::NeedsSignature
    ));
    let mut out = Outgoing::default();
    let late = handshake.sign(start + seconds(2), &mut out);
    assert!(matches!(late, Progress::Failed(error)
        if *error == HandshakeError::SignatureTooLate { after: seconds(2) }));
    // Not even an alert: the client has gone on to another hello.
    assert!(out.is_empty());
}

#[test]
fn a_signature_in_time_is_made_once() {
    let mut world = World::new(Key::Rsa.server_config(), Key::Rsa.client_config());
    world.server.signs = false;
    while world.server.handshake.is_none() {
        assert!(world.step());
    }
    let mut out = Outgoing::default();
    let now = world.now + Duration::from_millis(1_900);
    let handshake = world.server.handshake.as_mut().unwrap();
    assert!(matches!(handshake.sign(now, &mut out), Progress::Pending));
    assert!(!out.is_empty());
    out.clear();
    assert!(matches!(handshake.sign(now, &mut out), Progress::Pending));
    assert!(out.is_empty());
}

#[test]
fn r15_future_epoch_big_seq() {
    let (mut client, mut server) = connected(Key::Rsa);
    // A forged record of a far number, in this epoch and in others, moves nothing.
    for (epoch, reason) in [
        (1, DropReason::Forged),
        (2, DropReason::WrongEpoch),
        (0xFFFF, DropReason::WrongEpoch),
        (0, DropReason::Unprotected),
    ] {
        let mut datagram = seal(&mut client, b"text");
        datagram[3..5].copy_from_slice(&u16::to_be_bytes(epoch));
        datagram[5..11].copy_from_slice(&[0xFF; 6]);
        assert_eq!(server.open(&mut datagram, 0).outcome, Err(reason));
    }
    let mut datagram = seal(&mut client, b"text");
    assert!(open(&mut server, &mut datagram).is_some());
}

#[test]
fn r15_replay_capture() {
    let (mut client, mut server) = connected(Key::Ecdsa);
    let capture: Vec<_> = (0_u16..2_000)
        .map(|number| seal(&mut client, &number.to_be_bytes()))
        .collect();
    for datagram in &capture {
        assert!(open(&mut server, &mut datagram.clone()).is_some());
    }
    for datagram in capture.iter().chain(capture.iter().rev()) {
        let outcome = server.open(&mut datagram.clone(), 0).outcome;
        assert!(matches!(
            outcome,
            Err(DropReason::Replayed | DropReason::TooOld)
        ));
    }
}

#[test]
fn r15_a_bad_record_does_not_spoil_the_ones_behind_it() {
    let (mut client, mut server) = connected(Key::Rsa);
    let mut bad = seal(&mut client, b"bad");
    *bad.last_mut().unwrap() ^= 1;
    let mut datagram = [bad, seal(&mut client, b"good")].concat();
    let step = server.open(&mut datagram, 0);
    assert_eq!(step.outcome, Err(DropReason::Forged));
    assert_eq!(open_at(&mut server, &mut datagram, step.next), b"good");
}

fn open_at(association: &mut Association, datagram: &mut [u8], at: usize) -> Vec<u8> {
    let step = association.open(datagram, at);
    let Ok(Opened::Application(range)) = step.outcome else {
        panic!("{step:?}");
    };
    datagram[range].to_vec()
}

#[test]
fn every_changed_byte_of_a_record_is_noticed() {
    for key in Key::ALL {
        let (mut client, mut server) = connected(key);
        let record = seal(&mut client, b"some text");
        for at in 0..record.len() {
            let mut changed = record.clone();
            changed[at] ^= 0x10;
            assert!(server.open(&mut changed, 0).outcome.is_err(), "byte {at}");
        }
        assert!(open(&mut server, &mut record.clone()).is_some());
    }
}

#[test]
fn several_workers_can_open_one_run_and_one_settles_it() {
    let (mut client, mut server) = connected(Key::Rsa);
    let mut run: Vec<_> = (0_u8..100)
        .map(|number| seal(&mut client, &[number]))
        .collect();
    run.push(run[5].clone());
    let (left, right) = run.split_at_mut(50);
    let opener = &server;
    let opened: Vec<_> = std::thread::scope(|scope| {
        let work = |half: &mut [Vec<u8>]| -> Vec<_> {
            half.iter_mut()
                .map(|datagram| opener.open_unmarked(datagram, 0).outcome)
                .collect()
        };
        let right = scope.spawn(move || work(right));
        let left = work(left);
        left.into_iter().chain(right.join().unwrap()).collect()
    });
    let settled: Vec<_> = opened
        .into_iter()
        .map(|outcome| server.settle(outcome))
        .collect();
    assert!(settled[..100].iter().all(Result::is_ok));
    assert_eq!(settled[100], Err(DropReason::Replayed));
}

#[test]
fn r16_limits() {
    let (mut client, mut server) = connected(Key::Rsa);
    client.lower_limits(1_000, 1 << 36);
    let mut last = KeyHealth::Good;
    let mut sealed = 3;
    while client.health() != KeyHealth::Spent {
        if client.health() != last {
            assert_eq!(sealed + 1, 900);
            last = client.health();
            assert_eq!(last, KeyHealth::UpdateDue);
        }
        let mut datagram = seal(&mut client, b"text");
        assert!(open(&mut server, &mut datagram).is_some());
        sealed += 1;
    }
    // One more was the Finished.
    assert_eq!((sealed + 1, last), (1_000, KeyHealth::UpdateDue));
    let mut buffer = [0; 100];
    assert_eq!(client.seal(&mut buffer, 40..44), Err(SealRefused::KeySpent));
    assert_eq!(buffer, [0; 100]);
    let mut out = Outgoing::default();
    client.close(&mut out);
    assert!(out.is_empty());

    let (mut client, mut server) = connected(Key::Ecdsa);
    server.lower_limits(1 << 23, 10);
    for _ in 0..10 {
        assert_ne!(server.health(), KeyHealth::Spent);
        let mut datagram = seal(&mut client, b"text");
        datagram[20] ^= 1;
        assert!(open(&mut server, &mut datagram).is_none());
    }
    assert_eq!(server.health(), KeyHealth::Spent);
}

#[test]
fn r16_nonce_unique() {
    let (mut client, _) = connected(Key::Rsa);
    let mut seen = std::collections::HashSet::new();
    let mut buffer = [0; 64];
    for _ in 0..100_000 {
        let range = client.seal(&mut buffer, 30..34).unwrap();
        let (header, ..) = RecordHeader::parse(&buffer[range]).unwrap();
        assert!(seen.insert(header.number.as_u64()));
    }
}

#[test]
fn a_record_needs_room_around_its_content() {
    let (mut client, _) = connected(Key::Rsa);
    let headroom = client.headroom();
    let mut buffer = vec![0; headroom + 4 + Association::TAILROOM];
    for wrong in [headroom - 1..headroom + 3, headroom + 1..headroom + 5] {
        assert_eq!(client.seal(&mut buffer, wrong), Err(SealRefused::NoRoom));
    }
    assert!(client.seal(&mut buffer, headroom..headroom + 4).is_ok());
}

#[test]
fn a_farewell_is_authentic() {
    let (mut client, mut server) = connected(Key::Rsa);
    let mut out = Outgoing::default();
    client.close(&mut out);
    let mut datagram = out.datagrams().next().unwrap().to_vec();
    let Ok(Opened::Alert(alert)) = server.open(&mut datagram, 0).outcome else {
        panic!("an alert");
    };
    assert!(alert.ends());
}
