//! The message kinds games are made of: one pipeline each, side by side on one connection.
//!
//! `cargo run --example pipelines`

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;
use std::time::Duration;

use drumfire::StageId::{Fragmentation, ReliableSequenced, UnreliableSequenced};
use drumfire::{NetworkConnection, NetworkDriver, NetworkEvent, NetworkPipeline, NetworkSettings};

/// What is sent each way, and how much of it.
struct Kinds {
    /// Where everybody is: the newest counts, what is late is dropped.
    positions: NetworkPipeline,
    /// What happened: everything, once, in order.
    events: NetworkPipeline,
    /// A message larger than a packet, if all of it arrives.
    snapshots: NetworkPipeline,
    /// The level: as large as may be, and certain to arrive.
    level: NetworkPipeline,
}

impl Kinds {
    /// Both sides create the same pipelines in the same order, before they connect.
    fn create(driver: &mut NetworkDriver) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            positions: driver.create_pipeline(&[UnreliableSequenced])?,
            events: driver.create_pipeline(&[ReliableSequenced])?,
            snapshots: driver.create_pipeline(&[Fragmentation])?,
            level: driver.create_pipeline(&[Fragmentation, ReliableSequenced])?,
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // The largest fragmented message is part of what both sides agree on.
    let settings = || {
        NetworkSettings::builder()
            .plain()
            .fragmentation_payload_capacity(100_000)
            .build()
    };
    let mut server = NetworkDriver::new(settings()?)?;
    Kinds::create(&mut server)?;
    server.bind("127.0.0.1:0".parse()?)?;
    server.listen()?;

    let mut client = NetworkDriver::new(settings()?)?;
    let kinds = Kinds::create(&mut client)?;
    let connection = client.connect(server.local_endpoint())?;
    wait_until_connected(&mut client, &mut server)?;

    let messages = [
        ("positions", kinds.positions, 40),
        ("events", kinds.events, 12),
        ("snapshots", kinds.snapshots, 3_000),
        ("level", kinds.level, 100_000),
    ];
    for (name, pipeline, len) in messages {
        let most = client.max_payload(pipeline, connection)?;
        println!("client: {len} bytes of {name}, of at most {most}");
        send(&mut client, pipeline, connection, len)?;
    }
    let mut received = [0; 4];
    while received
        .iter()
        .zip(messages)
        .any(|(got, (_, _, len))| *got < len)
    {
        client.update();
        server.wait(Duration::from_millis(1));
        server.update();
        while let Some((_, event)) = server.pop_event() {
            let NetworkEvent::Data { pipeline, reader } = event else {
                continue;
            };
            let place = messages.iter().position(|(_, other, _)| *other == pipeline);
            let place = place.ok_or("a pipeline of its own")?;
            let (name, ..) = messages.get(place).ok_or("in the list")?;
            println!("server: {} bytes of {name}", reader.length());
            if let Some(got) = received.get_mut(place) {
                *got += reader.length();
            }
        }
    }
    for ((name, _, len), got) in messages.into_iter().zip(received) {
        if got != len {
            return Err(format!("{got} bytes of {name} arrived, of {len}").into());
        }
    }
    client.disconnect(connection);
    client.update();
    Ok(())
}

fn send(
    driver: &mut NetworkDriver,
    pipeline: NetworkPipeline,
    connection: NetworkConnection,
    len: usize,
) -> Result<(), Box<dyn Error>> {
    let mut message = driver.begin_send_with(pipeline, connection, len)?;
    message.write_bytes(&vec![7; len]);
    message.end_send()?;
    Ok(())
}

fn wait_until_connected(
    client: &mut NetworkDriver,
    server: &mut NetworkDriver,
) -> Result<(), Box<dyn Error>> {
    loop {
        client.update();
        server.update();
        while server.accept().is_some() {}
        match client.pop_event() {
            Some((_, NetworkEvent::Connect { .. })) => return Ok(()),
            Some((_, NetworkEvent::Disconnect { reason })) => {
                return Err(format!("disconnected: {reason:?}").into());
            }
            _ => client.wait(Duration::from_millis(1)),
        };
    }
}
