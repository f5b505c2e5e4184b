//! Unity's first tutorial: the client sends a number, the server adds two and sends it back.
//!
//! `cargo run --example simple_client_server`

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;
use std::time::Duration;

use drumfire::{NetworkConnection, NetworkDriver, NetworkEvent, NetworkPipeline, NetworkSettings};

fn main() -> Result<(), Box<dyn Error>> {
    let mut server = NetworkDriver::new(NetworkSettings::plain())?;
    server.bind("127.0.0.1:0".parse()?)?;
    server.listen()?;
    println!("server: listening on {}", server.local_endpoint());

    let mut client = NetworkDriver::new(NetworkSettings::plain())?;
    let connection = client.connect(server.local_endpoint())?;

    let mut answer = None;
    while answer.is_none() {
        update_server(&mut server)?;
        answer = update_client(&mut client, connection)?;
    }
    println!("client: got {} back", answer.unwrap_or_default());
    client.disconnect(connection);
    client.update();
    Ok(())
}

fn update_server(server: &mut NetworkDriver) -> Result<(), Box<dyn Error>> {
    server.update();
    while let Some(connection) = server.accept() {
        println!("server: accepted {connection}");
    }
    // What a message asks for is kept until the driver is free to send again.
    let mut answers = Vec::new();
    while let Some((connection, event)) = server.pop_event() {
        match event {
            NetworkEvent::Data { mut reader, .. } => {
                answers.push((connection, reader.read_uint() + 2));
            }
            NetworkEvent::Disconnect { reason } => {
                println!("server: {connection} left, {reason:?}");
            }
            _ => {}
        }
    }
    for (connection, number) in answers {
        let mut writer = server.begin_send(NetworkPipeline::NULL, connection)?;
        writer.write_uint(number);
        writer.end_send()?;
    }
    Ok(())
}

fn update_client(
    client: &mut NetworkDriver,
    connection: NetworkConnection,
) -> Result<Option<u32>, Box<dyn Error>> {
    client.wait(Duration::from_millis(5));
    client.update();
    let (mut connected, mut answer) = (false, None);
    while let Some((_, event)) = client.pop_event() {
        match event {
            NetworkEvent::Connect { .. } => connected = true,
            NetworkEvent::Data { mut reader, .. } => answer = Some(reader.read_uint()),
            NetworkEvent::Disconnect { reason } => {
                return Err(format!("disconnected: {reason:?}").into());
            }
            _ => {}
        }
    }
    if connected {
        println!("client: connected, sending 1");
        let mut writer = client.begin_send(NetworkPipeline::NULL, connection)?;
        writer.write_uint(1);
        writer.end_send()?;
    }
    Ok(answer)
}
