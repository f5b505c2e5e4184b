//! A server and clients, all of them drivers, plain and secure: a steady round of messages on any
//! pipeline allocates nothing on either side.

use std::sync::atomic::Ordering;
use std::time::Duration;

use drumfire::id::NetworkPipeline;
use drumfire::id::StageId::{Fragmentation, ReliableSequenced, UnreliableSequenced};
use drumfire::settings::{InlineThreshold, NetworkSettingsBuilder};
use drumfire::{
    ConnectionPort, NetworkConnection, NetworkDriver, NetworkEvent, NetworkSettings, StageId,
};

use super::ALLOCATIONS;

/// Stages of the pipelines, and bytes of a message on each.
const PIPELINES: [(&[StageId], usize); 5] = [
    (&[], 64),
    (&[UnreliableSequenced], 64),
    (&[ReliableSequenced], 64),
    (&[Fragmentation], 4_000),
    (&[Fragmentation, ReliableSequenced], 4_000),
];

/// What both sides are made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    Plain,
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    Dtls,
}

/// A driver of one client, and its connection.
pub(super) type Client = (NetworkDriver, NetworkConnection);

fn quiet(builder: NetworkSettingsBuilder) -> NetworkSettings {
    builder
        .inline_threshold(InlineThreshold::AlwaysInline)
        .heartbeat_timeout(Duration::ZERO)
        .disconnect_timeout(Duration::ZERO)
        .max_connections_per_ip(0)
        // Rounds follow each other faster than a stock client's socket could take them.
        .send_burst(2_040)
        .build()
        .unwrap()
}

/// A driver with the pipelines, and those in order.
fn with_pipelines(settings: NetworkSettings) -> (NetworkDriver, Vec<NetworkPipeline>) {
    let mut driver = NetworkDriver::new(settings).unwrap();
    let created = PIPELINES.map(|(stages, _)| match stages {
        [] => NetworkPipeline::NULL,
        stages => driver.create_pipeline(stages).unwrap(),
    });
    (driver, created.into())
}

/// A server that listens, and its pipelines.
pub(super) fn server(security: Security) -> (NetworkDriver, Vec<NetworkPipeline>) {
    let builder = NetworkSettings::builder();
    let (mut server, pipelines) = with_pipelines(quiet(match security {
        Security::Plain => builder.plain(),
        #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
        Security::Dtls => builder.secure_server(
            drumfire::settings::SecureServer::from_pem(
                include_str!("../../certs/ecdsa-server.pem"),
                include_str!("../../certs/ecdsa-server.key"),
            )
            .unwrap(),
        ),
    }));
    server.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    server.listen().unwrap();
    (server, pipelines)
}

/// Connects another client.
pub(super) fn connect(server: &mut NetworkDriver, security: Security) -> Client {
    let builder = NetworkSettings::builder();
    let (mut client, _) = with_pipelines(quiet(match security {
        Security::Plain => builder.plain(),
        #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
        Security::Dtls => builder.secure_client(
            drumfire::settings::SecureClient::new("server.drumfire.test")
                .ca_pem(include_str!("../../certs/ecdsa-server-ca.pem"))
                .unwrap(),
        ),
    }));
    let connection = client.connect(server.local_endpoint()).unwrap();
    for _ in 0..100_000 {
        client.update();
        server.update();
        while server.accept().is_some() {}
        if let Some((_, NetworkEvent::Connect { .. })) = client.pop_event() {
            return (client, connection);
        }
    }
    unreachable!("no connection");
}

/// One message of every client, echoed.
fn round(
    server: &mut NetworkDriver,
    clients: &mut [Client],
    pipeline: NetworkPipeline,
    size: usize,
) {
    for (client, connection) in &mut *clients {
        let mut message = client.begin_send_with(pipeline, *connection, size).unwrap();
        message.write_bytes(&[7; 4_096][..size]);
        message.end_send().unwrap();
        client.schedule_flush_send().complete();
    }
    server.update();
    server.to_concurrent().iter_mut().for_each(echo);
    server.schedule_flush_send().complete();
    for (client, _) in clients {
        client.update();
        let mut echoed = 0;
        while let Some((_, event)) = client.pop_event() {
            echoed += usize::from(matches!(event, NetworkEvent::Data { .. }));
        }
        assert_eq!(echoed, 1, "a message of {size} bytes was not echoed");
    }
}

/// Answers every message of one connection with itself.
fn echo(mut port: ConnectionPort<'_>) {
    let (mut events, mut sender) = port.split();
    while let Some(event) = events.pop_event() {
        if let NetworkEvent::Data {
            pipeline,
            mut reader,
        } = event
        {
            let mut bytes = [0; 4_096];
            let message = &mut bytes[..reader.length()];
            reader.read_bytes(message);
            let mut echo = sender.begin_send_with(pipeline, message.len()).unwrap();
            echo.write_bytes(message);
            echo.end_send().unwrap();
        }
    }
}

pub(super) fn steady_rounds_on_every_pipeline_allocate_nothing() {
    let rounds = 50;
    for security in [
        Security::Plain,
        #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
        Security::Dtls,
    ] {
        let (mut server, pipelines) = server(security);
        let mut clients: Vec<_> = (0..10).map(|_| connect(&mut server, security)).collect();
        for ((stages, size), pipeline) in PIPELINES.into_iter().zip(pipelines) {
            (0..20).for_each(|_| round(&mut server, &mut clients, pipeline, size));
            let before = ALLOCATIONS.load(Ordering::Relaxed);
            (0..rounds).for_each(|_| round(&mut server, &mut clients, pipeline, size));
            let allocated = ALLOCATIONS.load(Ordering::Relaxed) - before;
            assert_eq!(
                allocated, 0,
                "allocations of {rounds} rounds on {stages:?}, {security:?}, server and clients"
            );
        }
    }
}
