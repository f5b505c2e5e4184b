//! Goodput: how fast ten megabytes of reliable data arrive over paths that lose and delay.
//!
//! Two drivers on the simulated network, on virtual time: the same figures on every machine, in about
//! a minute. The path carries 10 MB/s with a queue of a tenth of a second; both sides update every
//! 4 ms, which is in the round trip. Fixed windows leave congestion control off, so each shows what
//! its size allows; the dynamic one is of 2,040 packets, under congestion control.
//!
//! ```text
//! cargo bench --bench goodput
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark that cannot be set up has nothing to say, and a table is printed"
)]

use std::time::Duration;

use drumfire::StageId::ReliableSequenced;
use drumfire::error::SendError;
use drumfire::interface::{Conditions, RateLimit, SimulatedNetwork};
use drumfire::settings::CongestionControl;
use drumfire::{
    NetworkConnection, NetworkDriver, NetworkEndpoint, NetworkEvent, NetworkPipeline,
    NetworkSettings,
};

const BYTES: usize = 10_000_000;
const MESSAGE: usize = 1_100;
const FRAME: Duration = Duration::from_millis(4);
const LOSS: [u32; 5] = [0, 1, 2, 5, 10];
const ROUND_TRIPS: [u64; 4] = [10, 50, 100, 200];
const SERVER: NetworkEndpoint = NetworkEndpoint::loopback_ipv4(7777);

/// How much may be under way.
#[derive(Clone, Copy)]
enum Window {
    Fixed(u16),
    Dynamic,
}

const WINDOWS: [Window; 4] = [
    Window::Fixed(32),
    Window::Fixed(64),
    Window::Fixed(256),
    Window::Dynamic,
];

impl Window {
    fn settings(self, seed: u64) -> NetworkSettings {
        let (packets, control) = match self {
            Self::Fixed(packets) => (packets, CongestionControl::Off),
            Self::Dynamic => (2_040, CongestionControl::On),
        };
        NetworkSettings::builder()
            .plain()
            .reliable_window_size(packets)
            .congestion_control(control)
            .send_burst(2_040)
            .rx_budget_per_conn(4_096)
            .fixed_frame_time(FRAME)
            .dangerous_random_seed(seed)
            .build()
            .unwrap()
    }
}

/// A client and a server that know each other.
struct Pair {
    net: SimulatedNetwork,
    client: NetworkDriver,
    server: NetworkDriver,
    pipeline: NetworkPipeline,
    connection: NetworkConnection,
}

impl Pair {
    fn new(window: Window, conditions: Conditions) -> Self {
        let net = SimulatedNetwork::new(7, Conditions::delayed(conditions.delay));
        let create =
            |seed| NetworkDriver::with_interface(window.settings(seed), net.interface()).unwrap();
        let (mut client, mut server) = (create(1), create(2));
        let pipeline = client.create_pipeline(&[ReliableSequenced]).unwrap();
        server.create_pipeline(&[ReliableSequenced]).unwrap();
        server.bind(SERVER).unwrap();
        server.listen().unwrap();
        let connection = client.connect(SERVER).unwrap();
        let mut pair = Self {
            net,
            client,
            server,
            pipeline,
            connection,
        };
        while !matches!(
            pair.client.pop_event(),
            Some((_, NetworkEvent::Connect { .. }))
        ) {
            pair.tick();
        }
        pair.net.set_conditions(conditions);
        pair
    }

    /// One frame of both. Returns the reliable bytes that arrived.
    fn tick(&mut self) -> usize {
        self.net.advance(FRAME);
        self.client.update();
        self.server.update();
        while self.server.accept().is_some() {}
        let mut arrived = 0;
        while let Some((_, event)) = self.server.pop_event() {
            if let NetworkEvent::Data { reader, .. } = event {
                arrived += reader.length();
            }
        }
        arrived
    }

    /// Sends all there is room for, of `left` bytes.
    fn send(&mut self, left: &mut usize) {
        while *left > 0 {
            let size = MESSAGE.min(*left);
            let room = self
                .client
                .begin_send_with(self.pipeline, self.connection, size);
            let mut message = match room {
                Ok(message) => message,
                Err(SendError::WindowFull { .. } | SendError::QueueFull { .. }) => return,
                Err(other) => panic!("{other}"),
            };
            message.write_bytes(&vec![7; size]);
            message.end_send().unwrap();
            *left -= size;
        }
    }

    /// Seconds that `bytes` take.
    fn transfer(&mut self, bytes: usize) -> f64 {
        let (mut left, mut arrived, mut frames) = (bytes, 0, 0_u32);
        while arrived < bytes {
            self.send(&mut left);
            arrived += self.tick();
            frames += 1;
            assert!(frames < 1_000_000, "{arrived} of {bytes} bytes arrived");
        }
        (FRAME * frames).as_secs_f64()
    }
}

fn path(loss: u32, round_trip: u64) -> Conditions {
    Conditions {
        loss: f64::from(loss) / 100.0,
        delay: Duration::from_millis(round_trip / 2),
        rate: Some(RateLimit {
            bytes_per_second: 10_000_000,
            queue: 1_000_000,
        }),
        ..Conditions::default()
    }
}

fn main() {
    // `cargo bench -- --test` shows that it runs.
    let bytes = if std::env::args().any(|argument| argument == "--test") {
        BYTES / 100
    } else {
        BYTES
    };
    println!("| kB/s | round trip | window 32 | 64 | 256 | dynamic |");
    println!("|---|---|---|---|---|---|");
    for loss in LOSS {
        for round_trip in ROUND_TRIPS {
            let rates = WINDOWS.map(|window| {
                let seconds = Pair::new(window, path(loss, round_trip)).transfer(bytes);
                format!("{:.0}", bytes as f64 / seconds / 1_000.0)
            });
            println!("| {loss} % | {round_trip} ms | {} |", rates.join(" | "));
        }
    }
}
