//! R20: what an address that proved nothing can make the server send.

use std::collections::HashMap;

use drumfire::address::NetworkEndpoint;
use drumfire::id::NetworkPipeline;
use drumfire::interface::Tap;
use drumfire::wire::connection::Token;

use crate::support::{Dice, FRAME, SERVER, World, data, heartbeat, ms, pattern, request, settings};

/// Bytes sent to each address since the last look, what others sent left out.
fn bytes_sent(tap: &Tap, to: &mut HashMap<NetworkEndpoint, usize>) {
    for sent in tap.take() {
        if sent.from == SERVER {
            *to.entry(sent.to).or_default() += sent.bytes.len();
        }
    }
}

/// A game that sends all it may to everybody it accepts.
fn send_to_all(world: &mut World, message: &[u8]) {
    world.server.accept_all();
    world.server.driver.to_concurrent().for_each(|mut port| {
        for size in [message.len(), 16, 1] {
            if let Ok(mut writer) = port.begin_send_with(NetworkPipeline::NULL, size) {
                writer.write_bytes(&message[..size]);
                writer.end_send().unwrap();
            }
        }
    });
}

#[test]
fn r20_blind_request() {
    let mut world = World::new(0);
    let tap = world.net.tap();
    let mut sent = HashMap::new();
    let mut dice = Dice::new(1);
    let sources: Vec<_> = (0..1_000).map(|_| dice.address()).collect();
    for from in &sources {
        world.net.inject(*from, SERVER, &request(dice.token(), &[]));
    }
    let message = pattern(1_390);
    for _ in 0..60_000 / 16 {
        world.tick();
        send_to_all(&mut world, &message);
        bytes_sent(&tap, &mut sent);
    }
    assert!(sent.len() > 900, "{} were answered", sent.len());
    let most = sent.values().max().unwrap();
    assert!(*most <= 39, "{most} bytes for 13");
}

#[test]
fn r20_blind_request_and_data() {
    // Forged, too: messages, heartbeats, and answers to checks the forger never saw.
    let mut world = World::new(0);
    let tap = world.net.tap();
    let (mut sent, mut received) = (HashMap::new(), HashMap::<_, usize>::new());
    let mut dice = Dice::new(2);
    let forged: Vec<(NetworkEndpoint, Token)> =
        (0..200).map(|_| (dice.address(), dice.token())).collect();
    let message = pattern(1_390);
    for round in 0..1_000 {
        for (from, token) in &forged {
            let guess = dice.number().to_le_bytes();
            let ack = [&[5], token.0.as_slice(), &[2, 0, guess[0], guess[1]]].concat();
            let packet = match dice.below(8) {
                _ if round == 0 => request(*token, &[]),
                0 => request(*token, &[]),
                1 => heartbeat(*token),
                2 => data(*token, b"forged"),
                3 => ack,
                _ => continue,
            };
            *received.entry(*from).or_default() += packet.len();
            world.net.inject(*from, SERVER, &packet);
        }
        world.tick();
        send_to_all(&mut world, &message);
        bytes_sent(&tap, &mut sent);
        for (to, sent) in &sent {
            assert!(
                *sent <= 3 * received[to],
                "{sent} bytes for {} in round {round}",
                received[to]
            );
        }
    }
    assert!(sent.len() > 150);
}

#[test]
fn r20_probe_search() {
    // One source tries every answer there is; it stays without proof, and loses its connection.
    let mut world = World::new(0);
    let peer = world.net.peer("10.1.2.3:5000".parse().unwrap());
    let token = Token([9; 8]);
    peer.send(SERVER, &request(token, &[]));
    peer.send(SERVER, &heartbeat(token));
    world.tick();
    assert!(world.server.driver.accept().is_some());
    let mut received = 22;
    for value in 0..=u16::MAX {
        let [low, high] = value.to_le_bytes();
        let ack = [&[5], token.0.as_slice(), &[2, 0, low, high]].concat();
        received += ack.len();
        peer.send(SERVER, &ack);
        if value % 64 == 0 {
            world.tick();
        }
    }
    world.tick();
    assert_eq!(
        world.server.driver.statistics().connections,
        0,
        "nobody guesses for ever"
    );
    let sent: usize = peer.receive().iter().map(Vec::len).sum();
    assert!(sent <= 3 * received, "{sent} bytes for {received}");
}

#[test]
fn r20_stock_timing() {
    // A client with nothing to say gives its first sign of life after 500 ms, and is proved then.
    let mut world = World::new(1);
    let (ours, theirs) = world.connect(0);
    let ticks = world.drive_until(100, |world| {
        world
            .server
            .driver
            .max_payload(NetworkPipeline::NULL, theirs)
            == Ok(1_390)
    });
    let spent = FRAME * u32::try_from(ticks).unwrap();
    // A round trip takes two ticks here.
    assert!(spent <= ms(500) + FRAME * 2 * 2, "{spent:?}");
    world.server.send(theirs, &pattern(1_390)).unwrap();
    world.run(2);
    assert_eq!(
        world.clients[0].events_of(ours),
        [crate::support::Event::data(&pattern(1_390))]
    );
}

#[test]
fn r20_the_budget_is_known_at_the_call() {
    let mut world = World::new(0);
    let peer = world.net.peer(SERVER.with_port(1));
    let token = Token([1; 8]);
    peer.send(SERVER, &request(token, &[0; 185]));
    world.tick();
    let theirs = world.server.driver.accept().unwrap();
    // 3 × 200 bytes, less an accept of 13 that has left and one that goes in front of the batch.
    let capacity = world
        .server
        .driver
        .max_payload(NetworkPipeline::NULL, theirs)
        .unwrap();
    assert!((500..600).contains(&capacity), "{capacity}");
    world.server.send(theirs, &pattern(capacity)).unwrap();
    world.tick();
    let sent: usize = peer.receive().iter().map(Vec::len).sum();
    assert!(sent <= 600, "{sent}");
    assert!(world.server.send(theirs, &pattern(100)).is_err());
}

#[test]
fn r20_duplicate_requests_get_three_accepts_a_second() {
    let mut world = World::with(0, settings().fixed_frame_time(ms(10)), settings());
    let peer = world.net.peer(SERVER.with_port(1));
    let mut accepts = 0;
    for _ in 0..100 {
        peer.send(SERVER, &request(Token([1; 8]), &[]));
        world.tick();
        accepts += peer.receive_kinds().len();
    }
    assert!(accepts <= 4, "{accepts} in a second");
}

#[test]
fn r20_a_request_for_a_live_token_from_elsewhere_is_dropped() {
    let mut world = World::new(1);
    let tap = world.net.tap();
    let (ours, theirs) = world.connect_proved(0);
    let token = drumfire::wire::connection::peek_token(&tap.take()[0].bytes)
        .unwrap()
        .1;
    let thief = world.net.peer("10.9.9.9:999".parse().unwrap());
    for _ in 0..10 {
        thief.send(SERVER, &request(token, b"mine"));
        world.tick();
    }
    assert_eq!(thief.receive_kinds(), [] as [&str; 0]);
    world.server.send(theirs, b"still here").unwrap();
    world.run(2);
    assert_eq!(
        world.clients[0].events_of(ours),
        [crate::support::Event::data(b"still here")]
    );
}
