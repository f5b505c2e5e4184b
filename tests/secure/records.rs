//! Records on a hostile network: replayed, changed, made up (R14, R15, N8).

use drumfire::counters::DropReason;
use drumfire::interface::Captured;
use drumfire::settings::SuiteOffer;

use crate::identities::{builder, client, secure_client, server};
use crate::support::{Dice, Event, SERVER, World};

/// A connection that has said a hundred things, and every datagram that went to the server.
fn recorded() -> (World, drumfire::NetworkConnection, Vec<Captured>) {
    let mut world = World::with(1, server(), client());
    let tap = world.net.tap();
    let (ours, theirs) = world.connect(0);
    for message in 0..100_u8 {
        world.clients[0].send(ours, &[message; 40]).unwrap();
        world.run(1);
    }
    world.run(2);
    assert_eq!(world.server.events_of(theirs).len(), 100);
    let to_server = tap.take().into_iter().filter(|one| one.to == SERVER);
    (world, theirs, to_server.collect())
}

#[test]
fn a_client_offers_the_suites_it_is_told_to() {
    // A message has 10 bytes of headers; a record 13, a tag of 16, and GCM's nonce of 8.
    for (offer, overhead) in [
        (SuiteOffer::Aes256Gcm, 10 + 13 + 8 + 16),
        (SuiteOffer::ChaCha20Poly1305, 10 + 13 + 16),
    ] {
        let client = builder().secure_client(secure_client().suites(offer));
        let mut world = World::with(1, server(), client);
        let (ours, theirs) = world.connect(0);
        let tap = world.net.tap();
        world.clients[0].send(ours, &[7; 500]).unwrap();
        world.run(2);
        assert_eq!(world.server.events_of(theirs), [Event::data(&[7; 500])]);
        let longest = tap.take().iter().map(|one| one.bytes.len()).max();
        assert_eq!(longest, Some(500 + overhead), "{offer:?}");
    }
}

#[test]
fn r15_n8_a_replayed_association_delivers_nothing() {
    let (mut world, theirs, recording) = recorded();
    let mut reversed = recording.clone();
    reversed.reverse();
    let mut shuffled = recording.clone();
    let mut dice = Dice::new(1);
    for at in (1..shuffled.len()).rev() {
        shuffled.swap(at, dice.below(at));
    }
    for replay in [recording, reversed, shuffled] {
        for datagram in replay {
            world
                .net
                .inject(datagram.from, datagram.to, &datagram.bytes);
        }
        world.run(5);
    }
    assert_eq!(world.server.events_of(theirs), []);
    let drops = &world.server.driver.statistics().inward.drops;
    assert!(drops.get(DropReason::Replayed) >= 300, "{drops:?}");
    assert_eq!(world.server.driver.statistics().handshakes.completed, 1);
    assert_eq!(world.server.driver.statistics().connections, 1);
}

#[test]
fn n8_a_changed_or_shortened_record_is_dropped_and_counted() {
    let (mut world, theirs, recording) = recorded();
    let last = recording.last().unwrap();
    let mut dice = Dice::new(2);
    for _ in 0..2_000 {
        let mut bytes = last.bytes.clone();
        // Under a number of its own, so that it is not a mere repetition.
        bytes[9] = 1 + dice.byte() % 100;
        let at = dice.below(bytes.len() - 1);
        bytes[at] ^= 1 << (dice.byte() % 8);
        if dice.byte() < 64 {
            bytes.truncate(dice.below(bytes.len() - 1));
        }
        world.net.inject(last.from, SERVER, &bytes);
        world.tick();
    }
    assert_eq!(world.server.events_of(theirs), []);
    let drops = &world.server.driver.statistics().inward.drops;
    assert!(drops.get(DropReason::Forged) > 1_000, "{drops:?}");
    assert_eq!(world.server.driver.statistics().connections, 1);
}

#[test]
fn r14_plain_records_end_and_stall_nothing() {
    let mut world = World::with(1, server(), client());
    let (ours, theirs) = world.connect(0);
    let (from, to) = (world.server.driver.remote_endpoint(theirs), SERVER);
    let alert = |level, what| [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, level, what];
    let forged: Vec<Vec<u8>> = vec![
        alert(2, 40).to_vec(),
        alert(1, 0).to_vec(),
        vec![20, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1],
        [
            &[22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 12, 20],
            &[0; 11][..],
        ]
        .concat(),
        [
            &[23, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 10, 1],
            &[0; 9][..],
        ]
        .concat(),
    ];
    // Every 10 ms or so for a minute, in both directions.
    for tick in 0..3_750_usize {
        let forgery = &forged[tick % forged.len()];
        world.net.inject(from, to, forgery);
        world.net.inject(to, from, forgery);
        world.clients[0].send(ours, b"up").unwrap();
        world.server.send(theirs, b"down").unwrap();
        world.tick();
        assert_eq!(
            world.server.events_of(theirs),
            [Event::data(b"up")],
            "{tick}"
        );
        world.clients[0].events_of(ours);
    }
    let drops = &world.server.driver.statistics().inward.drops;
    assert_eq!(drops.get(DropReason::Unprotected), 3_750, "{drops:?}");
}
