//! A fixed tick whose network update overlaps the simulation, with the times of both.
//!
//! `cargo run --release --example game_loop`
//!
//! ```text
//! tick n    complete ─ read events ─ send ─ schedule ─┬─ simulate ──────┬─ tick n + 1: complete …
//! pool                                                └─ network update ┘
//! ```

#![expect(clippy::disallowed_methods, reason = "a game has a clock of its own")]
#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;
use std::time::{Duration, Instant};

use drumfire::{NetworkDriver, NetworkEvent, NetworkPipeline, NetworkSettings};

const TICK: Duration = Duration::from_millis(16);
const PLAYERS: usize = 200;
const TICKS: u32 = 120;

fn main() -> Result<(), Box<dyn Error>> {
    let mut server = NetworkDriver::new(NetworkSettings::plain())?;
    server.bind("127.0.0.1:0".parse()?)?;
    server.listen()?;
    let mut players = Players::connect(server.local_endpoint())?;

    let mut world = World::default();
    let (mut simulated, mut waited, mut networked) =
        (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut next = Instant::now();
    for _ in 0..TICKS {
        // The network runs beside the simulation, on last tick's sends.
        let started = Instant::now();
        let handle = server.schedule_update();
        world.simulate();
        simulated += started.elapsed();

        // Whatever of the update is left now costs the game thread time.
        let started = Instant::now();
        handle.complete();
        waited += started.elapsed();

        let started = Instant::now();
        while server.accept().is_some() {}
        world.read_inputs(&mut server);
        let position = world.position;
        server.to_concurrent().for_each(|mut port| {
            if let Ok(mut state) = port.begin_send_with(NetworkPipeline::NULL, 8) {
                state.write_ulong(position);
                let _ = state.end_send();
            }
        });
        networked += started.elapsed();

        players.play();
        next += TICK;
        server.wait(next.saturating_duration_since(Instant::now()));
    }
    println!(
        "{PLAYERS} players, {TICKS} ticks; {} inputs read, {} states received",
        world.inputs, players.states
    );
    println!(
        "per tick: simulate {:?}, wait for the network {:?}, events and sends {:?}",
        simulated / TICKS,
        waited / TICKS,
        networked / TICKS
    );
    Ok(())
}

#[derive(Default)]
struct World {
    position: u64,
    inputs: u64,
}

impl World {
    /// Two milliseconds of something.
    fn simulate(&mut self) {
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(2) {
            self.position = self
                .position
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
        }
    }

    fn read_inputs(&mut self, server: &mut NetworkDriver) {
        while let Some((_, event)) = server.pop_event() {
            if let NetworkEvent::Data { .. } = event {
                self.inputs += 1;
            }
        }
    }
}

/// Players in this process, all on one driver.
struct Players {
    driver: NetworkDriver,
    states: u64,
}

impl Players {
    fn connect(server: drumfire::NetworkEndpoint) -> Result<Self, Box<dyn Error>> {
        let mut driver = NetworkDriver::new(NetworkSettings::plain())?;
        for _ in 0..PLAYERS {
            driver.connect(server)?;
        }
        Ok(Self { driver, states: 0 })
    }

    fn play(&mut self) {
        self.driver.update();
        for mut port in self.driver.to_concurrent().iter_mut() {
            while let Some(event) = port.pop_event() {
                if let NetworkEvent::Data { .. } = event {
                    self.states += 1;
                }
            }
            if let Ok(mut input) = port.begin_send_with(NetworkPipeline::NULL, 4) {
                input.write_uint(7);
                let _ = input.end_send();
            }
        }
    }
}
