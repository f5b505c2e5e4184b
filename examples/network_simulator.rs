//! Two ways to test on a bad network: the simulator stage of a pipeline, changed at run time, and a
//! whole simulated network under both drivers, in virtual time and the same on every run.
//!
//! `cargo run --example network_simulator`

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;
use std::time::Duration;

use drumfire::StageId::{ReliableSequenced, Simulator, UnreliableSequenced};
use drumfire::address::NetworkEndpoint;
use drumfire::interface::{Conditions, SimulatedNetwork};
use drumfire::settings::SimulatorParameters;
use drumfire::{NetworkConnection, NetworkDriver, NetworkEvent, NetworkPipeline, NetworkSettings};

const FRAME: Duration = Duration::from_millis(16);
const SERVER: NetworkEndpoint = NetworkEndpoint::loopback_ipv4(7_777);

/// A server, a client and the network between them.
struct Game {
    network: SimulatedNetwork,
    server: NetworkDriver,
    client: NetworkDriver,
    connection: NetworkConnection,
    unreliable: NetworkPipeline,
    reliable: NetworkPipeline,
}

impl Game {
    fn start(seed: u64) -> Result<Self, Box<dyn Error>> {
        let network = SimulatedNetwork::new(seed, Conditions::default());
        let driver = |seed| -> Result<_, Box<dyn Error>> {
            let settings = NetworkSettings::builder()
                .plain()
                .fixed_frame_time(FRAME)
                .dangerous_random_seed(seed)
                .build()?;
            let mut driver = NetworkDriver::with_interface(settings, network.interface())?;
            // The simulator has no bytes of its own, so it could be on one side alone.
            let unreliable = driver.create_pipeline(&[UnreliableSequenced, Simulator])?;
            let reliable = driver.create_pipeline(&[ReliableSequenced])?;
            Ok((driver, unreliable, reliable))
        };
        let (mut server, ..) = driver(seed)?;
        server.bind(SERVER)?;
        server.listen()?;
        let (mut client, unreliable, reliable) = driver(seed + 1)?;
        let connection = client.connect(SERVER)?;
        let mut game = Self {
            network,
            server,
            client,
            connection,
            unreliable,
            reliable,
        };
        for _ in 0..10 {
            game.frame();
        }
        Ok(game)
    }

    /// One frame of both sides; the messages that reached the server.
    fn frame(&mut self) -> usize {
        self.network.advance(FRAME);
        self.client.update();
        while self.client.pop_event().is_some() {}
        self.server.update();
        while self.server.accept().is_some() {}
        let mut messages = 0;
        while let Some((_, event)) = self.server.pop_event() {
            messages += usize::from(matches!(event, NetworkEvent::Data { .. }));
        }
        messages
    }

    /// Sends a message a frame, and lets two seconds pass for the last ones; how many arrived.
    fn play(&mut self, pipeline: NetworkPipeline, frames: u32) -> Result<usize, Box<dyn Error>> {
        let mut arrived = 0;
        for number in 0..frames + 125 {
            if number < frames {
                let mut message = self.client.begin_send(pipeline, self.connection)?;
                message.write_uint(number);
                message.end_send()?;
            }
            arrived += self.frame();
        }
        Ok(arrived)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut game = Game::start(1)?;
    // The stage: on one pipeline, with Unity's parameters, while the game runs.
    let mut parameters = SimulatorParameters::default();
    for percent in [0, 20, 50] {
        parameters.packet_drop_percentage = percent;
        game.client.modify_simulator_stage(parameters)?;
        let arrived = game.play(game.unreliable, 200)?;
        println!("stage: {arrived} of 200 unreliable messages at {percent} % loss");
        if (percent == 0) != (arrived == 200) {
            return Err(format!("{arrived} of 200 at {percent} %").into());
        }
    }
    // The network: under everything, handshakes and acks included.
    game.network.set_conditions(Conditions {
        loss: 0.2,
        duplication: 0.1,
        delay: Duration::from_millis(30),
        jitter: Duration::from_millis(20),
        ..Conditions::default()
    });
    let arrived = game.play(game.reliable, 200)?;
    let statistics = game
        .client
        .pipeline_statistics(game.reliable, game.connection);
    println!(
        "network: {arrived} of 200 reliable messages, {} packets sent again, round trip {:?}",
        statistics.resent, statistics.round_trip.smoothed
    );
    let tally = game.network.tally();
    println!(
        "network: {} datagrams, {} lost, {} doubled",
        tally.sent,
        tally.lost(),
        tally.duplicated
    );
    if arrived != 200 || statistics.resent == 0 {
        return Err("a reliable message was lost".into());
    }
    // The same seed: the same run, to the datagram.
    let same = |seed| -> Result<_, Box<dyn Error>> {
        let mut game = Game::start(seed)?;
        game.network.set_conditions(Conditions::lossy(0.3));
        game.play(game.reliable, 100)?;
        Ok(game.network.tally())
    };
    if same(5)? != same(5)? {
        return Err("two runs of one seed differ".into());
    }
    println!("network: a second run from the same seed was the same");
    Ok(())
}
