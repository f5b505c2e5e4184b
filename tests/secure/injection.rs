//! Handshakes among forgeries, and after failures (R13, R14).

use drumfire::NetworkEndpoint;
use drumfire::interface::Captured;

use crate::identities::{builder, client, rsa_client, secure_client, server};
use crate::scaled;
use crate::strangers::{address, get_stuck, hello};
use crate::support::{Dice, Event, SERVER, World};

/// A plain record of this type and number.
fn plain(kind: u8, number: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap().to_be_bytes();
    let header = [
        kind, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, number, len[0], len[1],
    ];
    [&header, content].concat()
}

/// What somebody who knows both addresses would try, short of a well-formed message in a peer's
/// place: alerts, ChangeCipherSpec, data, messages that cannot be read, records nobody has a key of.
fn forged() -> Vec<Vec<u8>> {
    let mut all = vec![
        plain(20, 9, &[1]),
        plain(20, 9, &[2]),
        plain(23, 9, b"text"),
        plain(21, 9, &[1, 0]),
        plain(22, 9, b"short"),
        b"garbage of no protocol".to_vec(),
    ];
    all.extend([0, 10, 20, 40, 42, 48, 80].map(|what| plain(21, 9, &[2, what])));
    for (kind, sequence) in [(2, 1), (3, 0), (11, 2), (12, 3), (16, 2), (20, 3), (20, 7)] {
        // A message of an impossible length, and one that says too little.
        for len in [[0x10, 0, 0], [0, 0, 1]] {
            let header = [
                kind, len[0], len[1], len[2], 0, sequence, 0, 0, 0, 0, 0, 1, 0xFF,
            ];
            all.push(plain(22, 9, &header));
        }
    }
    for kind in [20, 21, 22, 23] {
        let mut record = plain(kind, 9, &[9; 40]);
        record[4] = 1;
        all.push(record);
    }
    all
}

/// All of `forged`, at every tick, in both directions of every handshake.
#[test]
fn r14_inject_at_every_tick_of_200_handshakes() {
    let forged = forged();
    let clients = scaled(1_000, 200);
    let mut world = World::with(clients, server(), client());
    let mut connecting: Vec<_> = (0..clients)
        .map(|index| (index, world.start(index)))
        .collect();
    // The first update gives every client its address.
    world.tick();
    let places: Vec<NetworkEndpoint> = (0..clients).map(|index| world.endpoint(index)).collect();
    let mut accepted = 0;
    world.drive_until(1_000, |world| {
        for (index, _) in &connecting {
            for datagram in &forged {
                world.net.inject(places[*index], SERVER, datagram);
                world.net.inject(SERVER, places[*index], datagram);
            }
        }
        accepted += world.server.accept_all().len();
        connecting.retain(|(index, connection)| {
            let events = world.clients[*index].events_of(*connection);
            assert!(
                events.iter().all(|event| *event == Event::Connect(vec![])),
                "{events:?}"
            );
            events.is_empty()
        });
        connecting.is_empty()
    });
    assert_eq!(accepted, clients);
    let statistics = world.server.driver.statistics().handshakes;
    assert_eq!(statistics.failed, 0, "{statistics:?}");
}

/// What a client says after the server's flight.
fn last_flight() -> Vec<Captured> {
    let mut world = World::with(1, server(), client());
    let tap = world.net.tap();
    world.connect(0);
    let to_server = tap.take().into_iter().filter(|one| one.to == SERVER);
    to_server.skip(2).take(2).collect()
}

#[test]
fn r13_serial_failures_leave_nothing_behind() {
    let failures = scaled(10_000, 300);
    let mut world = World::with(
        3,
        server().handshake_rate(10_000).handshake_rate_per_ip(1_000),
        client(),
    );
    let (hello, flight) = (hello(), last_flight());
    let mut dice = Dice::new(13);
    for number in 0..failures {
        let from = address(u32::try_from(number).unwrap());
        get_stuck(&mut world, &hello, from);
        for datagram in &flight {
            let mut bytes = datagram.bytes.clone();
            for _ in 0..1 + dice.below(4) {
                let at = dice.below(bytes.len());
                bytes[at] = dice.byte();
            }
            if dice.below(5) == 0 {
                bytes.truncate(dice.below(bytes.len()));
            }
            world.net.inject(from, SERVER, &bytes);
        }
    }
    // Failures of our own clients, too: a CA and a name that are not the server's.
    for (index, wrong) in [
        rsa_client(),
        builder().secure_client(secure_client_of("another.name")),
    ]
    .into_iter()
    .enumerate()
    {
        let seed = 90 + u64::try_from(index).unwrap();
        world.clients[index] = crate::support::Node::new(wrong, seed, world.net.interface());
        world.start(index);
    }
    world.run(15 * 1_000 / 16);
    let statistics = world.server.driver.statistics().handshakes;
    assert_eq!(statistics.under_way, 0, "{statistics:?}");
    assert_eq!(statistics.completed, 0, "{statistics:?}");
    assert!(
        statistics.failed + statistics.evicted + 5 >= u64::try_from(failures).unwrap(),
        "{statistics:?}"
    );
    assert_eq!(world.server.driver.statistics().connections, 0);
    world.connect(2);
}

fn secure_client_of(name: &str) -> drumfire::settings::SecureClient {
    let known = secure_client();
    assert_ne!(known.server_name(), name);
    drumfire::settings::SecureClient::new(name)
        .ca_pem(include_str!("../../certs/ecdsa-server-ca.pem"))
        .unwrap()
}
