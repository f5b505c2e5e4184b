//! Rows M: payloads and names.

use drumfire::error::{ConnectError, DisconnectReason};
use drumfire::{NetworkDriver, NetworkSettings};

use crate::support::{Event, SERVER, World, ms, pattern, settings};

#[test]
fn m1_the_connect_payload_reaches_accept_once() {
    let mut world = World::new(1);
    let driver = &mut world.clients[0].driver;
    driver.connect_with_payload(SERVER, b"let me in").unwrap();
    driver.connect(SERVER).unwrap();
    world.tick();
    let accepted: Vec<_> = std::iter::from_fn(|| world.server.driver.accept_with_payload())
        .map(|(_, payload)| payload)
        .collect();
    assert_eq!(accepted, [b"let me in".to_vec(), vec![]]);
    world.run(4);
    assert_eq!(world.server.driver.accept_with_payload(), None);
    assert_eq!(world.server.events(), []);
}

#[test]
fn m1_a_connect_payload_that_does_not_fit_is_refused() {
    let mut world = World::new(1);
    let driver = &mut world.clients[0].driver;
    let error = driver
        .connect_with_payload(SERVER, &pattern(1_376))
        .unwrap_err();
    assert!(
        matches!(
            error,
            ConnectError::PayloadTooLarge {
                needed: 1_376,
                capacity: 1_375
            }
        ),
        "{error}"
    );
    driver
        .connect_with_payload(SERVER, &pattern(1_375))
        .unwrap();
    world.tick();
    assert_eq!(
        world.server.driver.accept_with_payload().unwrap().1,
        pattern(1_375)
    );
}

#[test]
fn m2_the_accept_payload_reaches_the_connect_event() {
    let mut world = World::new(1);
    world.server.driver.set_accept_payload(b"welcome").unwrap();
    let ours = world.start(0);
    world.run(2);
    assert_eq!(
        world.clients[0].events(),
        [(ours, Event::Connect(b"welcome".to_vec()))]
    );
}

#[test]
fn m2_an_accept_payload_that_is_too_large_is_refused() {
    let mut world = World::new(0);
    let driver = &mut world.server.driver;
    driver.set_accept_payload(&pattern(24)).unwrap();
    // Three times a bare request is all that an address without proof may be sent.
    let error = driver.set_accept_payload(&pattern(25)).unwrap_err();
    assert!(
        matches!(
            error,
            ConnectError::PayloadTooLarge {
                needed: 25,
                capacity: 24
            }
        ),
        "{error}"
    );

    let mut world = World::with(0, settings().dangerous_large_accept_payload(), settings());
    let driver = &mut world.server.driver;
    driver.set_accept_payload(&pattern(1_375)).unwrap();
    let error = driver.set_accept_payload(&pattern(1_376)).unwrap_err();
    assert!(
        matches!(
            error,
            ConnectError::PayloadTooLarge {
                needed: 1_376,
                capacity: 1_375
            }
        ),
        "{error}"
    );
}

#[test]
fn m3_who_leaves_before_the_name_is_resolved_stays_away() {
    let mut server = server_on("127.0.0.1:0").unwrap();
    let mut client = driver();
    let ours = client
        .connect_to_host("localhost", server.local_endpoint().port())
        .unwrap();
    client.disconnect(ours);
    for _ in 0..20 {
        client.update();
        server.wait(ms(5));
        server.update();
        assert_eq!(server.accept(), None);
    }
    assert!(client.pop_event().is_none());
    assert_eq!(client.statistics().connections, 0);
}

/// Drives a driver over real sockets until its first event.
fn first_event(client: &mut NetworkDriver, server: &mut NetworkDriver) -> Option<Event> {
    for _ in 0..500 {
        client.update();
        if let Some((_, event)) = client.pop_event() {
            return Some(Event::of(event));
        }
        server.wait(ms(10));
        server.update();
    }
    None
}

fn driver() -> NetworkDriver {
    NetworkDriver::new(NetworkSettings::builder().plain().build().unwrap()).unwrap()
}

fn server_on(address: &str) -> Option<NetworkDriver> {
    let mut server = driver();
    server.bind(address.parse().unwrap()).ok()?;
    server.listen().unwrap();
    Some(server)
}

#[test]
fn m3_localhost_connects_to_servers_of_either_family() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        // Machines without one of the families exist.
        let Some(mut server) = server_on(address) else {
            continue;
        };
        let mut client = driver();
        client
            .connect_to_host("localhost", server.local_endpoint().port())
            .unwrap();
        assert_eq!(
            first_event(&mut client, &mut server),
            Some(Event::Connect(vec![])),
            "{address}"
        );
    }
}

#[test]
fn m3_an_address_for_a_name_connects() {
    let mut server = server_on("127.0.0.1:0").unwrap();
    let mut client = driver();
    client
        .connect_to_host("127.0.0.1", server.local_endpoint().port())
        .unwrap();
    assert_eq!(
        first_event(&mut client, &mut server),
        Some(Event::Connect(vec![]))
    );
}

#[test]
fn m3_an_unknown_name_ends_with_its_reason() {
    let mut server = server_on("127.0.0.1:0").unwrap();
    let mut client = driver();
    // Longer than any name may be, so no name server is asked.
    client.connect_to_host(&"x".repeat(300), 7777).unwrap();
    let expected = Event::Disconnect(DisconnectReason::HostNotFound);
    assert_eq!(first_event(&mut client, &mut server), Some(expected));
}
