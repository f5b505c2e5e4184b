//! Unity's ping sample: a client asks, a server echoes, the client times it.
//!
//! `cargo run --release --example ping`

#![expect(clippy::disallowed_methods, reason = "a game has a clock of its own")]
#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;
use std::time::{Duration, Instant};

use drumfire::{NetworkDriver, NetworkEvent, NetworkPipeline, NetworkSettings};

fn main() -> Result<(), Box<dyn Error>> {
    let mut server = NetworkDriver::new(NetworkSettings::plain())?;
    server.bind("127.0.0.1:0".parse()?)?;
    server.listen()?;
    let mut client = NetworkDriver::new(NetworkSettings::plain())?;
    let connection = client.connect(server.local_endpoint())?;

    let mut sent = Instant::now();
    let mut pings = 0;
    while pings < 10 {
        server.update();
        while server.accept().is_some() {}
        for mut port in server.to_concurrent().iter_mut() {
            let (mut events, mut sender) = port.split();
            while let Some(event) = events.pop_event() {
                if let NetworkEvent::Data {
                    pipeline,
                    mut reader,
                } = event
                {
                    let mut answer = sender.begin_send(pipeline)?;
                    answer.write_uint(reader.read_uint());
                    answer.end_send()?;
                }
            }
        }
        server.schedule_flush_send().complete();

        client.wait(Duration::from_millis(1));
        client.update();
        let mut answered = false;
        while let Some((_, event)) = client.pop_event() {
            match event {
                NetworkEvent::Connect { .. } => answered = true,
                NetworkEvent::Data { mut reader, .. } => {
                    println!("ping {}: {:?}", reader.read_uint(), sent.elapsed());
                    pings += 1;
                    answered = true;
                }
                NetworkEvent::Disconnect { reason } => {
                    return Err(format!("disconnected: {reason:?}").into());
                }
                _ => {}
            }
        }
        if answered {
            let mut ping = client.begin_send(NetworkPipeline::NULL, connection)?;
            ping.write_uint(pings);
            ping.end_send()?;
            sent = Instant::now();
            client.schedule_flush_send().complete();
        }
    }
    client.disconnect(connection);
    client.update();
    Ok(())
}
