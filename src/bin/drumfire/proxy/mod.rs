//! `drumfire proxy`: stands between clients and a server, and is a bad network.
//!
//! It knows nothing of what it carries: any UDP passes, encrypted or not. Each direction is a
//! [`Way`](way::Way), the simulated network of the library's own tests, whose time is the clock's here.

mod conditions;
mod sockets;
mod way;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use drumfire::interface::NetworkTally;

use crate::client::resolve;
use crate::clock::now;
use crate::failure::{Failure, Verdict};
use crate::say::{self, Say};
use crate::stop::Stop;
use crate::text;

pub(crate) use conditions::{HELP, Said};
use sockets::{Came, Sockets};
use way::Way;

/// Longest sleep, so that signals are heard.
const NAP: Duration = Duration::from_millis(20);
/// Datagrams that are taken in before those that have arrived go out.
const BATCH: usize = 64;

/// What `proxy` is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ProxyArgs {
    /// Address and port that clients are sent to; port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7778")]
    pub(crate) listen: SocketAddr,
    /// The server.
    #[arg(value_name = "HOST:PORT")]
    pub(crate) server: String,
    /// The network of both directions.
    #[arg(long, value_name = "CONDITIONS", conflicts_with_all = ["up", "down"])]
    pub(crate) both: Option<Said>,
    /// The network from the clients to the server [default: passes everything at once].
    #[arg(
        long,
        value_name = "CONDITIONS",
        default_value = "lan",
        hide_default_value = true
    )]
    pub(crate) up: Said,
    /// The network from the server to the clients [default: passes everything at once].
    #[arg(
        long,
        value_name = "CONDITIONS",
        default_value = "lan",
        hide_default_value = true
    )]
    pub(crate) down: Said,
    /// Where its randomness starts: under one seed a client's n-th datagram meets the same fate in
    /// every run, whatever the others send.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Seconds after which it ends [default: at a signal].
    #[arg(long, value_name = "SECONDS", value_parser = crate::args::seconds)]
    pub(crate) duration: Option<Duration>,
    /// Writes the counters as JSON at the end, to a file or (`-`) to stdout.
    #[arg(long, value_name = "FILE|-")]
    pub(crate) json: Option<String>,
}

pub(crate) fn run(args: &ProxyArgs) -> Result<Verdict, Failure> {
    let stop = Stop::on_signals()?;
    let server = resolve(&args.server)?;
    let say = Say::beside(args.json.as_deref());
    let mut proxy = Proxy::new(args, server)?;
    say.line(&format!(
        "listening on {} for {server}, seed {}; Ctrl-C stops",
        proxy.sockets.listens_on()?,
        args.seed
    ));
    let end = args.duration.map(|duration| now() + duration);
    while !stop.requested() && end.is_none_or(|end| now() < end) {
        proxy.turn()?;
    }
    let [up, down] = proxy.tallies();
    say.line(&farewell(proxy.sockets.clients(), &up, &down));
    if proxy.sockets.refused() > 0 {
        say.line(&format!(
            "{} datagrams of further clients were not carried: one proxy takes 1,024 clients",
            text::count(proxy.sockets.refused())
        ));
    }
    write(args.json.as_deref(), proxy.sockets.clients(), &up, &down)?;
    Ok(Verdict::Good)
}

struct Proxy {
    sockets: Sockets,
    up: Way,
    down: Way,
    time: Instant,
}

impl Proxy {
    fn new(args: &ProxyArgs, server: SocketAddr) -> Result<Self, Failure> {
        let [up, down] = match args.both {
            Some(both) => [both.0, both.0],
            None => [args.up.0, args.down.0],
        };
        Ok(Self {
            sockets: Sockets::open(args.listen, server)?,
            up: Way::new(args.seed, up)?,
            // The other direction has fates of its own.
            down: Way::new(!args.seed, down)?,
            time: now(),
        })
    }

    /// Takes in what comes, and sends out what has arrived.
    fn turn(&mut self) -> Result<(), Failure> {
        let waits = [self.up.wait(), self.down.wait()];
        let mut patience = waits.into_iter().flatten().min().unwrap_or(NAP).min(NAP);
        for _ in 0..BATCH {
            let came = self.sockets.next(patience)?;
            self.pass_time();
            match came {
                Some(Came::Up { client, bytes }) => self.up.launch(client, &bytes)?,
                Some(Came::Down { client, bytes }) => self.down.launch(client, &bytes)?,
                None => break,
            }
            patience = Duration::ZERO;
        }
        while let Some((client, bytes)) = self.up.land() {
            self.sockets.up(client, &bytes);
        }
        while let Some((client, bytes)) = self.down.land() {
            self.sockets.down(client, &bytes);
        }
        Ok(())
    }

    fn pass_time(&mut self) {
        let now = now();
        let by = now.saturating_duration_since(self.time);
        // Whole microseconds: what is cut off stays for the next time.
        let by = Duration::from_micros(u64::try_from(by.as_micros()).unwrap_or(u64::MAX));
        self.time += by;
        self.up.advance(by);
        self.down.advance(by);
    }

    fn tallies(&self) -> [NetworkTally; 2] {
        [self.up.tally(), self.down.tally()]
    }
}

/// What is counted, with its name.
fn counts(tally: &NetworkTally) -> [(&'static str, u64); 9] {
    [
        ("came", tally.sent),
        ("passed", tally.delivered),
        ("lost", tally.lost_at_random + tally.lost_in_burst),
        ("beyond_rate", tally.lost_to_rate + tally.overflowed),
        ("beyond_mtu", tally.lost_to_mtu),
        ("duplicated", tally.duplicated),
        ("reordered", tally.reordered),
        ("corrupted", tally.corrupted),
        ("under_way", tally.in_flight),
    ]
}

/// Both directions, side by side.
fn farewell(clients: usize, up: &NetworkTally, down: &NetworkTally) -> String {
    let mut lines = vec![format!(
        "{clients} clients\n{:<12}{:>12}{:>12}",
        "", "up", "down"
    )];
    for ((name, up), (_, down)) in counts(up).into_iter().zip(counts(down)) {
        let name = name.replace('_', " ");
        lines.push(format!(
            "{name:<12}{:>12}{:>12}",
            text::count(up),
            text::count(down)
        ));
    }
    lines.join("\n")
}

fn write(
    json: Option<&str>,
    clients: usize,
    up: &NetworkTally,
    down: &NetworkTally,
) -> Result<(), Failure> {
    let Some(place) = json else { return Ok(()) };
    let object = |tally| {
        serde_json::Map::from_iter(
            counts(tally).map(|(name, count)| (name.to_owned(), count.into())),
        )
    };
    let text = serde_json::to_string_pretty(&serde_json::json!({
        "clients": clients,
        "up": object(up),
        "down": object(down),
    }))?;
    if place == "-" {
        say::out(&text);
    } else {
        std::fs::write(place, text + "\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farewell_has_a_line_for_each_count() {
        let mut up = NetworkTally::default();
        (up.sent, up.lost_at_random, up.lost_in_burst) = (1_234, 30, 4);
        let text = farewell(2, &up, &NetworkTally::default());
        assert!(
            text.contains("came               1,234           0"),
            "{text}"
        );
        assert!(
            text.contains("lost                  34           0"),
            "{text}"
        );
    }
}
