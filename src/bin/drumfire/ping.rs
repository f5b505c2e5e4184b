//! `drumfire ping`: can it be reached, and how far away is it?

use std::time::{Duration, Instant};

use drumfire::id::NetworkConnection;
use drumfire::{ConnectionState, NetworkDriver, NetworkEvent, NetworkPipeline};

use crate::args::PingArgs;
use crate::client::resolve;
use crate::clock::{nanos, now};
use crate::failure::{Failure, Verdict};
use crate::message::{self, Stamp};
use crate::say;
use crate::security::{self, Protection};
use crate::text::time;

/// Bytes of a ping.
const SIZE: usize = 64;

pub(crate) fn run(args: &PingArgs) -> Result<Verdict, Failure> {
    let mode = args.security.mode("ping", &args.server)?;
    let address = resolve(&args.server)?;
    let mut driver = NetworkDriver::new(mode.builder.build()?)?;
    let began = now();
    let connection = driver.connect(address.into())?;
    let mut ping = Ping {
        driver,
        connection,
        began,
        timeout: args.timeout,
    };
    let connected = ping.connect();
    for cause in security::failures(&mut ping.driver).keys() {
        say::out(cause);
    }
    if !connected? {
        say::out(&format!(
            "no answer from {address} within {:.1} s\n\
             is it a Unity Transport 2.x server, {} as this client, and does a firewall let UDP through?",
            args.timeout.as_secs_f64(),
            match mode.protection {
                Protection::None => "plain",
                Protection::Dtls => "secure",
            }
        ));
        return Ok(Verdict::Bad);
    }
    say::out(&format!(
        "connected to {address} in {} (request and accept, and the server's time to its next update)",
        micros(began.elapsed())
    ));
    ping.echoes(args.count)?;
    ping.driver.disconnect(ping.connection);
    ping.driver.update();
    Ok(Verdict::Good)
}

struct Ping {
    driver: NetworkDriver,
    connection: NetworkConnection,
    began: Instant,
    timeout: Duration,
}

/// What one event means here.
enum Heard {
    Connected,
    Echo(u32, Duration),
    /// A message of the server's own.
    Other,
}

impl Ping {
    /// Waits for the accept. False if none came.
    fn connect(&mut self) -> Result<bool, Failure> {
        let end = self.began + self.timeout;
        while now() < end {
            if let Some(Heard::Connected) = self.turn(end)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sends `count` messages, one after the other, and says when each came back.
    fn echoes(&mut self, count: u32) -> Result<(), Failure> {
        let mut times = Vec::new();
        for number in 0..count {
            self.send(number)?;
            match self.echo(number)? {
                Some(rtt) => {
                    say::out(&format!("{SIZE} bytes back: {}", micros(rtt)));
                    times.push(rtt);
                }
                None if times.is_empty() => {
                    say::out(
                        "it does not echo messages: the time to connect is the only round trip it gives",
                    );
                    return Ok(());
                }
                None => say::out(&format!(
                    "message {number} did not come back within {:.1} s",
                    self.timeout.as_secs_f64()
                )),
            }
        }
        let sum: Duration = times.iter().sum();
        if let (Some(least), Some(most)) = (times.iter().min(), times.iter().max()) {
            let mean = sum / u32::try_from(times.len()).unwrap_or(u32::MAX);
            say::out(&format!(
                "{} of {count} came back: min {}, mean {}, max {}",
                times.len(),
                micros(*least),
                micros(mean),
                micros(*most)
            ));
        }
        Ok(())
    }

    fn send(&mut self, number: u32) -> Result<(), Failure> {
        let mut bytes = [0; SIZE];
        let sent_at = nanos(self.began.elapsed());
        message::write(
            &mut bytes,
            Stamp {
                client: 0,
                number,
                sent_at,
            },
        );
        let mut message =
            self.driver
                .begin_send_with(NetworkPipeline::NULL, self.connection, SIZE)?;
        message.write_bytes(&bytes);
        message.end_send()?;
        self.driver.schedule_flush_send().complete();
        Ok(())
    }

    /// Waits for the echo of message `number`.
    fn echo(&mut self, number: u32) -> Result<Option<Duration>, Failure> {
        let end = now() + self.timeout;
        while now() < end {
            match self.turn(end)? {
                Some(Heard::Echo(which, rtt)) if which == number => return Ok(Some(rtt)),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Updates, and returns the next event; waits for one until `end` at the most.
    fn turn(&mut self, end: Instant) -> Result<Option<Heard>, Failure> {
        self.driver.update();
        let arrived = now().duration_since(self.began);
        if let Some(event) = self.driver.pop_event_for_connection(self.connection) {
            return hear(event, arrived).map(Some);
        }
        if self.driver.connection_state(self.connection) == ConnectionState::Disconnected {
            return Err(Failure::new("the connection ended"));
        }
        self.driver.wait(
            end.saturating_duration_since(now())
                .min(Duration::from_millis(20)),
        );
        Ok(None)
    }
}

fn hear(event: NetworkEvent<'_>, arrived: Duration) -> Result<Heard, Failure> {
    match event {
        NetworkEvent::Connect { .. } => Ok(Heard::Connected),
        NetworkEvent::Data { mut reader, .. } => {
            let mut bytes = [0; SIZE];
            reader.read_bytes(&mut bytes);
            let stamp = message::read(&bytes);
            Ok(stamp.map_or(Heard::Other, |stamp| {
                Heard::Echo(
                    stamp.number,
                    arrived.saturating_sub(Duration::from_nanos(stamp.sent_at)),
                )
            }))
        }
        NetworkEvent::Disconnect { reason } => Err(Failure::new(format!(
            "the server ended the connection: {reason:?}"
        ))),
        _ => Ok(Heard::Other),
    }
}

fn micros(duration: Duration) -> String {
    time(duration.as_secs_f64() * 1e6)
}
