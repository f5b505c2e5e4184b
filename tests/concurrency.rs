//! Many threads, many connections: nothing is lost, doubled, reordered or kept.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use drumfire::error::ConnectError;
use drumfire::interface::InProcessNetwork;
use drumfire::settings::{
    AddressValidation, InlineThreshold, NetworkSettingsBuilder, Pinning, Workers,
};
use drumfire::wire::connection::Token;
use drumfire::{
    NetworkConnection, NetworkDriver, NetworkEndpoint, NetworkEvent, NetworkPipeline,
    NetworkSettings,
};

fn settings() -> NetworkSettingsBuilder {
    NetworkSettings::builder()
        .plain()
        .dangerous_random_seed(7)
        .fixed_frame_time(Duration::from_millis(16))
        .address_validation(AddressValidation::Off)
}

/// A server and a client driver with this many connections to it, all accepted.
struct World {
    server: NetworkDriver,
    client: NetworkDriver,
    connections: Vec<NetworkConnection>,
}

impl World {
    #[expect(clippy::unwrap_used, reason = "this helper serves tests only")]
    fn new(builder: NetworkSettingsBuilder, connections: usize) -> Self {
        let network = InProcessNetwork::new();
        let driver =
            |settings| NetworkDriver::with_interface(settings, network.interface()).unwrap();
        let mut server = driver(builder.clone().build().unwrap());
        let mut client = driver(builder.build().unwrap());
        server.bind(NetworkEndpoint::loopback_ipv4(7_777)).unwrap();
        server.listen().unwrap();
        let connections = (0..connections)
            .map(|_| client.connect(server.local_endpoint()).unwrap())
            .collect();
        let mut world = Self {
            server,
            client,
            connections,
        };
        for _ in 0..4 {
            world.step();
            while world.server.accept().is_some() {}
        }
        while world.client.pop_event().is_some() {}
        assert_eq!(world.server.connections().count(), world.connections.len());
        world
    }

    fn step(&mut self) {
        self.client.update();
        self.server.update();
    }
}

fn read_all(driver: &mut NetworkDriver, connection: NetworkConnection) -> Vec<u32> {
    let mut numbers = Vec::new();
    while let Some(event) = driver.pop_event_for_connection(connection) {
        if let NetworkEvent::Data { mut reader, .. } = event {
            numbers.push(reader.read_uint());
        }
    }
    numbers
}

#[test]
fn h10_a_million_messages_begun_and_aborted_by_16_threads_leave_nothing() {
    let mut world = World::new(settings(), 4);
    let connections = world.connections.clone();
    let view = world.client.to_concurrent();
    thread::scope(|scope| {
        for index in 0..16_usize {
            let (view, connection) = (&view, connections[index % connections.len()]);
            scope.spawn(move || {
                for round in 0..62_500_u32 {
                    let mut port = view.claim(connection).unwrap();
                    let mut writer = port.begin_send(NetworkPipeline::NULL).unwrap();
                    writer.write_uint(round);
                    writer.abort_send();
                }
            });
        }
    });
    for &connection in &connections {
        let mut writer = world
            .client
            .begin_send(NetworkPipeline::NULL, connection)
            .unwrap();
        writer.write_uint(42);
        writer.end_send().unwrap();
    }
    world.step();
    let arrived: Vec<_> = world.server.connections().collect();
    for connection in arrived {
        assert_eq!(read_all(&mut world.server, connection), [42]);
    }
}

#[test]
fn h11_each_slot_is_given_out_once_and_comes_back() {
    let network = InProcessNetwork::new();
    let settings = settings().max_connections(1_024).build().unwrap();
    let mut client = NetworkDriver::with_interface(settings, network.interface()).unwrap();
    client.bind(NetworkEndpoint::loopback_ipv4(1)).unwrap();
    let nobody = NetworkEndpoint::loopback_ipv4(2);
    for _ in 0..3 {
        let handles: Vec<_> = (0..1_024)
            .map(|_| client.connect(nobody).unwrap())
            .collect();
        let slots: HashSet<_> = handles.iter().map(|handle| handle.index()).collect();
        assert_eq!(slots.len(), 1_024);
        assert!(matches!(
            client.connect(nobody),
            Err(ConnectError::TooManyConnections { max: 1_024 })
        ));
        for handle in handles {
            client.disconnect(handle);
        }
        // One update carries the wishes out, the next has the slots.
        client.update();
        client.update();
    }
}

#[test]
fn h12_each_connections_messages_keep_their_order_however_many_the_others_have() {
    let mut world = World::new(settings(), 20);
    for round in 0..6 {
        for (index, &connection) in world.connections.iter().enumerate() {
            for number in 0..index * round {
                let mut writer = world
                    .client
                    .begin_send(NetworkPipeline::NULL, connection)
                    .unwrap();
                writer.write_uint(u32::try_from(number).unwrap());
                writer.end_send().unwrap();
            }
        }
        world.step();
        let mut counts: Vec<_> = world
            .server
            .connections()
            .collect::<Vec<_>>()
            .into_iter()
            .map(|connection| {
                let numbers = read_all(&mut world.server, connection);
                assert!(
                    numbers
                        .iter()
                        .copied()
                        .eq(0..u32::try_from(numbers.len()).unwrap()),
                    "{numbers:?}"
                );
                numbers.len()
            })
            .collect();
        counts.sort_unstable();
        assert_eq!(
            counts,
            (0..20).map(|index| index * round).collect::<Vec<_>>()
        );
    }
}

#[test]
fn h13_the_front_is_read_and_written_while_an_update_runs() {
    let workers = Workers::Own {
        threads: 2,
        pinning: Pinning::No,
    };
    let mut world = World::new(
        settings()
            .workers(workers)
            .inline_threshold(InlineThreshold::NeverInline),
        130,
    );
    let connections = world.connections.clone();
    for round in 0..200_u32 {
        for &connection in &connections {
            let mut writer = world
                .client
                .begin_send(NetworkPipeline::NULL, connection)
                .unwrap();
            writer.write_uint(round);
            writer.end_send().unwrap();
        }
        world.client.update();
        let mut handle = world.server.schedule_update();
        let (mut read, mut answers) = (0, Vec::new());
        while let Some((connection, event)) = handle.pop_event() {
            let NetworkEvent::Data { mut reader, .. } = event else {
                panic!("{event:?}")
            };
            assert_eq!(reader.read_uint() + 1, round);
            answers.push(connection);
            read += 1;
        }
        assert_eq!(read, if round == 0 { 0 } else { connections.len() });
        for connection in answers {
            let mut writer = handle
                .begin_send(NetworkPipeline::NULL, connection)
                .unwrap();
            writer.write_uint(round);
            writer.end_send().unwrap();
        }
        handle.complete();
    }
}

#[test]
fn the_global_pool_and_own_pools_pinned_or_not_serve_alike_from_any_thread() {
    let own = |threads, pinning| Workers::Own { threads, pinning };
    for workers in [
        Workers::Global,
        own(1, Pinning::No),
        own(2, Pinning::Yes),
        own(0, Pinning::Yes),
    ] {
        let spread = settings()
            .workers(workers)
            .inline_threshold(InlineThreshold::NeverInline);
        let session = || {
            let mut world = World::new(spread.clone(), 130);
            for &connection in &world.connections.clone() {
                let mut writer = world
                    .client
                    .begin_send(NetworkPipeline::NULL, connection)
                    .unwrap();
                writer.write_uint(connection.index());
                writer.end_send().unwrap();
            }
            world.step();
            let arrived: Vec<_> = world.server.connections().collect();
            let read = |connection| read_all(&mut world.server, connection);
            let mut read: Vec<_> = arrived.into_iter().flat_map(read).collect();
            // The client's shards send side by side: who is first at the server is the pool's affair.
            read.sort_unstable();
            read
        };
        let expected: Vec<_> = (0..130).collect();
        assert_eq!(session(), expected, "{workers:?}");
        // On a thread of the global pool, which thus has one less.
        let (inside, ()) = rayon::join(session, || ());
        assert_eq!(inside, expected, "{workers:?}, on a worker");
    }
}

#[test]
fn r39_a_token_is_never_shown_whole() {
    let token = Token([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]);
    let shown = format!("{token:?}").to_lowercase();
    let bytes = ["11", "22", "33", "44", "55", "66", "77", "88"];
    assert!(
        bytes.iter().filter(|byte| shown.contains(*byte)).count() <= 2,
        "{shown}"
    );
}
