//! A loop over the connections with unread events goes to these and no others.

#![expect(clippy::unwrap_used, reason = "a helper of tests")]

use std::collections::BTreeSet;
use std::sync::Mutex;

use drumfire::interface::InProcessNetwork;
use drumfire::{
    NetworkConnection, NetworkDriver, NetworkEndpoint, NetworkEvent, NetworkPipeline,
    NetworkSettings,
};

const CLIENTS: usize = 100;

fn driver(network: &InProcessNetwork) -> NetworkDriver {
    NetworkDriver::with_interface(NetworkSettings::plain(), network.interface()).unwrap()
}

#[test]
fn a_loop_over_ready_connections_leaves_out_those_without_events() {
    let network = InProcessNetwork::new();
    let address = NetworkEndpoint::loopback_ipv4(7_777);
    let mut server = driver(&network);
    server.bind(address).unwrap();
    server.listen().unwrap();
    let mut clients = driver(&network);
    let connections: Vec<NetworkConnection> = (0..CLIENTS)
        .map(|_| clients.connect(address).unwrap())
        .collect();
    let mut accepted = Vec::new();
    for _ in 0..10 {
        clients.update();
        server.update();
        accepted.extend(std::iter::from_fn(|| server.accept()));
    }
    assert_eq!(accepted.len(), CLIENTS);
    while clients.pop_event().is_some() {}

    // Every tenth client says its number.
    for (number, connection) in (0_u32..).zip(&connections).step_by(10) {
        let mut message = clients
            .begin_send(NetworkPipeline::NULL, *connection)
            .unwrap();
        message.write_uint(number);
        message.end_send().unwrap();
    }
    clients.update();
    server.update();

    let (visited, heard) = (Mutex::new(0), Mutex::new(BTreeSet::new()));
    server.to_concurrent().for_each_ready(|mut port| {
        *visited.lock().unwrap() += 1;
        while let Some(event) = port.pop_event() {
            if let NetworkEvent::Data { mut reader, .. } = event {
                heard.lock().unwrap().insert(reader.read_uint());
            }
        }
    });
    assert_eq!(visited.into_inner().unwrap(), CLIENTS / 10);
    let expected: BTreeSet<u32> = (0..100).step_by(10).collect();
    assert_eq!(heard.into_inner().unwrap(), expected);

    // All of it was read, so there is nowhere to go; the plain loop goes everywhere.
    let visits = Mutex::new(0);
    server
        .to_concurrent()
        .for_each_ready(|_| *visits.lock().unwrap() += 1);
    assert_eq!(*visits.lock().unwrap(), 0);
    server
        .to_concurrent()
        .for_each(|_| *visits.lock().unwrap() += 1);
    assert_eq!(visits.into_inner().unwrap(), CLIENTS);
}
