//! Ten megabytes to one client as a single reliable message, with its progress, beside the small
//! messages of a game that goes on meanwhile.
//!
//! `cargo run --release --example large_transfer`

#![expect(clippy::disallowed_methods, reason = "a game has a clock of its own")]
#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;
use std::time::{Duration, Instant};

use drumfire::StageId::{Fragmentation, ReliableSequenced};
use drumfire::{NetworkDriver, NetworkEvent, NetworkPipeline, NetworkSettings};

const SIZE: usize = 10_000_000;
/// How often the game speaks.
const TICK: Duration = Duration::from_millis(16);

fn main() -> Result<(), Box<dyn Error>> {
    let settings = || {
        NetworkSettings::builder()
            .plain()
            // The largest message both sides take, and as many packets of it as may be under way.
            .fragmentation_payload_capacity(SIZE)
            .reliable_window_size(512)
            // Between drumfire peers: their sockets hold more than those of stock clients.
            .send_burst(240)
            .build()
    };
    let mut server = NetworkDriver::new(settings()?)?;
    let large = server.create_pipeline(&[Fragmentation, ReliableSequenced])?;
    server.bind("127.0.0.1:0".parse()?)?;
    server.listen()?;
    let mut client = NetworkDriver::new(settings()?)?;
    client.create_pipeline(&[Fragmentation, ReliableSequenced])?;
    let connection = client.connect(server.local_endpoint())?;

    let content: Vec<u8> = (0..=250).cycle().take(SIZE).collect();
    let mut player = None;
    let (mut told, mut small) = (0, 0);
    let mut last_tick = Instant::now();
    loop {
        server.update();
        while server.accept().is_some() {}
        while let Some((connection, event)) = server.pop_event() {
            if matches!(event, NetworkEvent::Data { .. }) {
                player = Some(connection);
            }
        }
        if let Some(connection) = player {
            if told == 0 {
                let mut message = server.begin_send_with(large, connection, SIZE)?;
                message.write_bytes(&content);
                message.end_send()?;
                told = 1;
            } else if last_tick.elapsed() >= TICK {
                // What the game says meanwhile does not wait behind it.
                last_tick = Instant::now();
                let mut tick = server.begin_send(NetworkPipeline::NULL, connection)?;
                tick.write_uint(small);
                tick.end_send()?;
            }
            let left = server.pipeline_statistics(large, connection).unsent;
            let percent = (SIZE - left.min(SIZE)) * 100 / SIZE;
            if left > 0 && percent >= told + 10 {
                told = percent / 10 * 10;
                println!("server: {told} % has left");
            }
        }
        client.wait(Duration::from_millis(1));
        client.update();
        let mut connected = false;
        while let Some((_, event)) = client.pop_event() {
            match event {
                NetworkEvent::Connect { .. } => connected = true,
                NetworkEvent::Data {
                    pipeline,
                    mut reader,
                } if pipeline == large => {
                    if reader.read_slice(SIZE) != content {
                        return Err("the transfer arrived damaged".into());
                    }
                    println!("client: {SIZE} bytes arrived whole, and {small} ticks of the game");
                    return Ok(());
                }
                NetworkEvent::Data { .. } => small += 1,
                NetworkEvent::Disconnect { reason } => {
                    return Err(format!("disconnected: {reason:?}").into());
                }
                _ => {}
            }
        }
        if connected {
            // A client that says nothing is sent next to nothing: it could be anybody's address.
            let mut ready = client.begin_send(NetworkPipeline::NULL, connection)?;
            ready.write_uint(0);
            ready.end_send()?;
        }
    }
}
