//! Bad networks: loss, duplication, reordering, small paths.

use super::*;

/// One handshake on a bad network.
fn play(seed: u64, weather: Weather, time: Duration) -> World {
    let key = if seed.is_multiple_of(2) {
        Key::Ecdsa
    } else {
        Key::Rsa
    };
    let mut server = key.server_config();
    let mut client = key.client_config();
    let mtu = 200 + usize::try_from(seed * 37 % 1_201).unwrap();
    server.common.mtu = mtu;
    client.common.mtu = mtu;
    client.common.timing.handshake = time;
    if seed.is_multiple_of(3) {
        server.clients = ClientAuthentication::Required(key.client_trust());
        client.identity = Some(key.client_identity());
    }
    let mut world = World::stormy(server, client, weather, seed);
    let end = world.now + time;
    // A server that gave up has forgotten: the client's next hello begins again.
    while !world.is_up() && world.client.failed.is_none() && world.next() <= end {
        world.server.failed = None;
        world.step();
    }
    world
}

/// How many handshakes complete within `time`.
fn count_completed(weather: Weather, seeds: std::ops::Range<u64>, time: Duration) -> usize {
    seeds
        .filter(|&seed| {
            let mut world = play(seed, weather, time);
            if world.is_up() {
                world.assert_talks();
            }
            world.is_up()
        })
        .count()
}

#[test]
fn all_complete_at_ten_per_cent_of_loss() {
    let weather = Weather {
        loss: 10,
        duplication: 20,
        reordering: 20,
    };
    assert_eq!(count_completed(weather, 0..1_000, seconds(30)), 1_000);
}

#[test]
fn all_but_two_of_two_thousand_complete_at_thirty_per_cent_of_loss() {
    let weather = Weather {
        loss: 30,
        duplication: 20,
        reordering: 20,
    };
    assert!(count_completed(weather, 0..2_000, seconds(30)) >= 1_998);
}

#[test]
fn one_attempt_is_enough_for_most_at_thirty_per_cent_of_loss() {
    let weather = Weather {
        loss: 30,
        duplication: 20,
        reordering: 20,
    };
    assert!(count_completed(weather, 5_000..5_400, seconds(10)) >= 370);
}

#[test]
fn a_lost_last_flight_is_said_again_when_the_client_asks() {
    let mut world = World::new(Key::Rsa.server_config(), Key::Rsa.client_config());
    while world.server.up.is_none() {
        assert!(world.step());
    }
    // The server is done, and its last flight is lost.
    world.air.clear();
    world.run(seconds(2));
    world.assert_talks();
    assert_eq!(world.server.signatures, 1);
}

#[test]
fn data_that_overtakes_the_last_flight_is_kept() {
    let mut world = World::new(Key::Rsa.server_config(), Key::Rsa.client_config());
    while world.server.up.is_none() {
        assert!(world.step());
    }
    let held: Vec<_> = std::mem::take(&mut world.air).into_values().collect();
    let server = &mut world.server.up.as_mut().unwrap().association;
    let texts: Vec<Vec<u8>> = (0..10).map(|number| vec![number; 20]).collect();
    let early: Vec<_> = texts.iter().map(|text| seal(server, text)).collect();
    for datagram in early {
        world.deliver(To::Client, datagram);
    }
    for (to, datagram) in held {
        world.deliver(to, datagram);
    }
    assert!(world.client.up.is_some());
    // Eight are kept (R15).
    assert_eq!(world.client.received, texts[..8]);
}

#[test]
fn a_silent_server_is_asked_after_one_two_and_two_seconds() {
    let mut world = World::new(Key::Rsa.server_config(), Key::Rsa.client_config());
    world.air.clear();
    let start = world.now;
    world.weather.loss = 100;
    while world.client.failed.is_none() && world.step() {}
    let times: Vec<_> = world
        .history
        .iter()
        .map(|(at, ..)| at.since(start).as_secs())
        .collect();
    assert_eq!(times, [0, 1, 3, 5, 7, 9]);
    assert_eq!(world.now.since(start), seconds(10));
    let error = world.client.failed.unwrap();
    assert_eq!(error.fault(), HandshakeFault::Network);
    assert!(
        error
            .to_string()
            .starts_with("no ServerHello within 10000 ms")
    );
}
