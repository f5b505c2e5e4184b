//! Rows L: the path's size.

use drumfire::ConnectionState;
use drumfire::interface::Conditions;
use drumfire::settings::{NetworkSettingsBuilder, PathMtuDiscovery};

use crate::support::{Event, FRAME, Net, Node, SERVER, World, data, ms, pattern, settings};

fn discovering() -> NetworkSettingsBuilder {
    settings().path_mtu_discovery(PathMtuDiscovery::On)
}

fn limited(mtu: usize) -> Net {
    Net::rough(
        1,
        Conditions {
            mtu: Some(mtu),
            ..Conditions::default()
        },
    )
}

#[test]
fn l1_a_limited_path_gives_a_size_that_passes() {
    let mut world = World::on(limited(1_200), 1, discovering(), discovering());
    let (ours, theirs) = world.connect(0);
    let size = world.clients[0].driver.max_message_size(ours).unwrap();
    assert!((1_024..=1_200).contains(&size), "{size}");
    let most = world.clients[0]
        .driver
        .max_payload(drumfire::NetworkPipeline::NULL, ours)
        .unwrap();
    world.clients[0].send(ours, &pattern(most)).unwrap();
    world.run(2);
    assert_eq!(
        world.server.events_of(theirs),
        [Event::data(&pattern(most))]
    );
}

#[test]
fn l2_without_a_limit_the_maximum_is_found_without_waiting() {
    let mut world = World::with(1, discovering(), discovering());
    let ours = world.start(0);
    let ticks = world.drive_until(100, |world| !world.clients[0].events_of(ours).is_empty());
    assert!(
        FRAME * u32::try_from(ticks).unwrap() < ms(100),
        "{ticks} ticks"
    );
    assert_eq!(world.clients[0].driver.max_message_size(ours), Ok(1_400));
}

#[test]
fn l3_a_peer_that_answers_no_probe_gets_the_maximum() {
    let net = Net::calm();
    let host = net.peer(SERVER);
    let mut client = Node::new(discovering(), 2, net.interface());
    let ours = client.driver.connect(SERVER).unwrap();
    client.update();
    let from = SERVER.with_port(client.driver.local_endpoint().port());
    host.accept_request(from, &host.receive(), b"hi").unwrap();
    let mut probes = 0;
    for _ in 0..650 / 16 + 1 {
        client.update();
        probes += host
            .receive_kinds()
            .iter()
            .filter(|kind| **kind == "mtu check")
            .count();
    }
    assert_eq!(probes, 8, "two rounds of four");
    assert_eq!(client.events_of(ours), [Event::Connect(b"hi".to_vec())]);
    assert_eq!(client.driver.max_message_size(ours), Ok(1_400));
}

#[test]
fn l4_the_result_never_exceeds_the_limit() {
    for mtu in [1_024, 1_100, 1_299, 1_300, 1_379, 1_380, 1_399, 1_400] {
        let mut world = World::on(limited(mtu), 1, discovering(), discovering());
        let (ours, theirs) = world.connect(0);
        let sizes = [
            world.clients[0].driver.max_message_size(ours),
            world.server.driver.max_message_size(theirs),
        ];
        for size in sizes.map(Result::unwrap) {
            assert!((1_024..=mtu).contains(&size), "{size} on a path of {mtu}");
        }
    }
}

#[test]
fn l5_a_client_that_probes_reads_connecting_and_loses_no_data() {
    let net = Net::calm();
    let host = net.peer(SERVER);
    let mut client = Node::new(discovering(), 2, net.interface());
    let ours = client.driver.connect(SERVER).unwrap();
    client.update();
    let from = SERVER.with_port(client.driver.local_endpoint().port());
    let token = host.accept_request(from, &host.receive(), &[]).unwrap();
    host.send(from, &data(token, b"early"));
    client.update();
    assert_eq!(
        client.driver.connection_state(ours),
        ConnectionState::Connecting
    );
    assert_eq!(
        client.events_of(ours),
        [],
        "Connect comes first, and is not due yet"
    );
    host.answer_checks(from, &host.receive());
    host.send(from, &data(token, b"late"));
    client.update();
    assert_eq!(
        client.driver.connection_state(ours),
        ConnectionState::Connected
    );
    assert_eq!(
        client.events_of(ours),
        [
            Event::Connect(vec![]),
            Event::data(b"early"),
            Event::data(b"late")
        ]
    );
}
