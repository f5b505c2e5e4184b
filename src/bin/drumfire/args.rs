//! What can be said on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::preset::{self, Preset};
use crate::proxy::{self, ProxyArgs};
use crate::security::{ClientSecurity, OwnSecurity, ServerSecurity, Suite};

/// A network driver for games, wire-compatible with Unity Transport 2.x.
#[derive(Debug, Parser)]
#[command(name = "drumfire", version, about, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

const EXIT_CODES: &str = "\
Without a command: `drumfire demo`.
Exit codes: 0 all is well, 1 something was lost, corrupt or found bad, 2 it could not be done.";

impl Cli {
    /// The command; the demo if none was given.
    pub(crate) fn wanted(self) -> Command {
        self.command
            .unwrap_or_else(|| Command::Demo(DemoArgs::default()))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A server and 1,000 clients on this machine for ten seconds, and one honest table.
    #[command(after_help = preset::HELP)]
    Demo(DemoArgs),
    /// A server: accepts connections, and echoes what they send if asked to.
    #[command(after_help = preset::HELP)]
    Serve(ServeArgs),
    /// Many clients of one server, each with its own socket: sends, verifies each echo, measures.
    #[command(after_help = preset::HELP)]
    Client(ClientArgs),
    /// The server's processor time per message, beside that of a bare recvmmsg/sendmmsg echo, which
    /// seals and opens each message with the same AEAD.
    #[command(after_help = preset::HELP)]
    Bench(BenchArgs),
    /// Connects to a server and measures the round trip.
    Ping(PingArgs),
    /// A bad network between clients and a server: carries any UDP traffic, encrypted or not, and
    /// loses, doubles, delays and reorders it by a seed.
    #[command(after_help = format!("{}\n\n{}", proxy::HELP, preset::HELP))]
    Proxy(Box<ProxyArgs>),
    /// Certificates: makes them, shows them, and checks them as a driver will.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    #[command(subcommand)]
    Certs(crate::certs::args::CertsCommand),
    /// What of this machine costs messages or speed, each with its remedy.
    Doctor(DoctorArgs),
    /// The floor: a bare echo that knows just enough of the protocol to be sent the same load.
    #[command(hide = true)]
    Floor(FloorArgs),
}

/// What is sent: by how many, how often, how large, for how long.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadArgs {
    /// Clients, each with its own socket.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    pub(crate) clients: usize,
    /// Messages a second of each client.
    #[arg(long, value_name = "HZ", default_value_t = 60.0, value_parser = rate)]
    pub(crate) rate: f64,
    /// Messages each client keeps under way, instead of a rate: the next leaves when an echo comes.
    #[arg(long, value_name = "W", conflicts_with = "rate", value_parser = clap::value_parser!(u32).range(1..=512))]
    pub(crate) window: Option<u32>,
    /// Bytes of a message.
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = size)]
    pub(crate) size: usize,
    /// Seconds that are measured.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) duration: Duration,
    /// Seconds of the same load before, for caches and pools to fill.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub(crate) warmup: Duration,
    /// Pipeline to send on, as its letters: U unreliable sequenced, R reliable sequenced,
    /// O reliable unordered, L reliable latest, F fragmentation; FR is R behind F. `none` sends without one.
    #[arg(long, value_name = "X", default_value = "none")]
    pub(crate) pipeline: String,
    /// Network the clients are on, by the simulator stage of the pipeline: what they send and what
    /// they receive meets it, once they are connected.
    #[arg(long, value_name = "PRESET", value_parser = Preset::parse_for_stage)]
    pub(crate) preset: Option<Preset>,
}

/// The server side of `demo` and `bench`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServerArgs {
    /// Threads of the server's own pool, one pinned to a core each [default: all cores but one].
    #[arg(long, value_name = "N", value_parser = workers)]
    pub(crate) workers: Option<usize>,
    /// Kernel receive buffer the server asks for; 212992 is all that stock Linux grants. Where it is
    /// small, the server opens several sockets on its port.
    #[arg(long, value_name = "BYTES", value_parser = buffer)]
    pub(crate) receive_buffer: Option<usize>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) security: OwnSecurity,
    /// Writes the figures as JSON, to a file or (`-`) to stdout.
    #[arg(long, value_name = "FILE|-")]
    pub(crate) json: Option<String>,
}

impl Default for DemoArgs {
    fn default() -> Self {
        let DefaultDemo { args } = DefaultDemo::parse_from(["drumfire"]);
        args
    }
}

/// The demo's arguments with nothing said.
#[derive(Debug, Parser)]
struct DefaultDemo {
    #[command(flatten)]
    args: DemoArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address and port to listen on; port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:7777")]
    pub(crate) bind: SocketAddr,
    /// Sends every message back on the pipeline it came on.
    #[arg(long)]
    pub(crate) echo: bool,
    /// Pipelines to create, in this order: letters of stages, divided by `;`, as in "U;R;F;FR;FU".
    #[arg(long, value_name = "LIST", default_value = "")]
    pub(crate) pipelines: String,
    /// Network the server is on, by the simulator stage of each pipeline: what it sends and what it
    /// receives meets it, once a client is connected.
    #[arg(long, value_name = "PRESET", value_parser = Preset::parse_for_stage)]
    pub(crate) preset: Option<Preset>,
    /// Threads of a pool of the server's own, one pinned to a core each [default: a shared pool].
    #[arg(long, value_name = "N", value_parser = workers)]
    pub(crate) workers: Option<usize>,
    /// Writes counters to this file, once a second and at the end.
    #[arg(long, value_name = "FILE")]
    pub(crate) stats_json: Option<PathBuf>,
    /// Kernel receive buffer to ask for, for each socket.
    #[arg(long, value_name = "BYTES", value_parser = buffer)]
    pub(crate) receive_buffer: Option<usize>,
    /// Sockets that share the port, each with its own receive buffer: where the system grants small
    /// ones, more of them hold what one does not. Another server can take the same port then.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=16))]
    pub(crate) sockets: usize,
    #[command(flatten)]
    pub(crate) security: ServerSecurity,
    #[command(flatten)]
    pub(crate) child: ChildArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ClientArgs {
    /// The server.
    #[arg(value_name = "HOST:PORT")]
    pub(crate) server: String,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    /// The pipelines of the server, if `--pipeline` is not the only one: they are numbered by order.
    #[arg(long, value_name = "LIST")]
    pub(crate) pipelines: Option<String>,
    /// Writes the figures as JSON, to a file or (`-`) to stdout.
    #[arg(long, value_name = "FILE|-")]
    pub(crate) json: Option<String>,
    #[command(flatten)]
    pub(crate) security: ClientSecurity,
    #[command(flatten)]
    pub(crate) child: ChildArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Rounds; each measures both servers, in turns of who goes first.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Writes the figures as JSON, to a file or (`-`) to stdout.
    #[arg(long, value_name = "FILE|-")]
    pub(crate) json: Option<String>,
    #[command(flatten)]
    pub(crate) security: OwnSecurity,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct PingArgs {
    /// The server.
    #[arg(value_name = "HOST:PORT")]
    pub(crate) server: String,
    /// Messages to send.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) count: u32,
    /// Seconds to wait for the connection, and for each echo.
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) security: ClientSecurity,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Changes nothing here: the machine is the same either way.
    #[arg(long)]
    pub(crate) plain: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct FloorArgs {
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(crate) bind: SocketAddr,
    /// Kernel receive buffer to ask for, for each socket.
    #[arg(long, value_name = "BYTES", value_parser = buffer)]
    pub(crate) receive_buffer: Option<usize>,
    /// Sockets that share the port.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) sockets: usize,
    /// Seals and opens each message once with this suite's AEAD.
    #[arg(long, value_name = "SUITE", value_enum)]
    pub(crate) suite: Option<Suite>,
    #[command(flatten)]
    pub(crate) child: ChildArgs,
}

/// How `demo` and `bench` run the others.
#[derive(Clone, Debug, Args)]
pub(crate) struct ChildArgs {
    /// Speaks JSON, a line each, on stdin and stdout.
    #[arg(long, hide = true)]
    pub(crate) machine: bool,
    /// Processors this process stays on, `0,1`.
    #[arg(long, hide = true, value_delimiter = ',', value_name = "CORES")]
    pub(crate) pin: Vec<usize>,
}

fn rate(text: &str) -> Result<f64, String> {
    number_within(text, 0.1, 10_000.0, "messages a second")
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let text = text.strip_suffix('s').unwrap_or(text);
    number_within(text, 0.0, 86_400.0, "seconds").map(Duration::from_secs_f64)
}

fn size(text: &str) -> Result<usize, String> {
    let least = crate::message::SMALLEST;
    match text.parse() {
        Ok(size) if (least..=1 << 20).contains(&size) => Ok(size),
        _ => Err(format!(
            "must be {least} to 1048576 bytes: a message carries its number and a checksum"
        )),
    }
}

fn workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(workers) if (1..=1_024).contains(&workers) => Ok(workers),
        _ => Err("must be 1 to 1024 threads".to_owned()),
    }
}

fn buffer(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes) if (4_096..=1_073_741_823).contains(&bytes) => Ok(bytes),
        _ => Err("must be 4096 to 1073741823 bytes".to_owned()),
    }
}

fn number_within(text: &str, least: f64, most: f64, unit: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (least..=most).contains(&value) => Ok(value),
        _ => Err(format!("must be {least} to {most} {unit}")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn nothing_said_is_the_demo_of_the_readme() {
        let Command::Demo(demo) = Cli::parse_from(["drumfire"]).wanted() else {
            panic!("not the demo");
        };
        assert_eq!((demo.load.clients, demo.load.size), (1_000, 64));
        assert_eq!(demo.load.duration, Duration::from_secs(10));
        assert!((demo.load.rate - 60.0).abs() < f64::EPSILON);
    }

    #[test]
    fn rate_and_window_exclude_each_other() {
        let both = ["drumfire", "client", "h:1", "--rate", "60", "--window", "1"];
        assert!(Cli::try_parse_from(both).is_err());
    }

    #[test]
    fn a_size_too_small_for_its_checksum_is_refused_with_the_reason() {
        assert!(size("23").unwrap_err().contains("checksum"));
        assert_eq!(size("24"), Ok(24));
    }
}
