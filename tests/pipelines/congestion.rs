//! A large transfer and the game's own messages on one connection, over a link of limited rate.

use drumfire::id::{NetworkConnection, NetworkPipeline, StageId};
use drumfire::interface::{Conditions, RateLimit};
use drumfire::settings::{CongestionControl, NetworkSettingsBuilder};

use crate::send;
use crate::support::{Event, FRAME, Net, World, ms, settings};

/// A link of so many bytes a second and 50 ms, with a queue of a quarter of a second before it.
fn link(bytes_per_second: u64) -> Conditions {
    Conditions {
        delay: ms(50),
        rate: Some(RateLimit {
            bytes_per_second,
            queue: bytes_per_second / 4,
        }),
        ..Conditions::default()
    }
}

/// A client that sends to the server reliably, and a small unreliable message each tick.
struct Transfer {
    world: World,
    pipeline: NetworkPipeline,
    ours: NetworkConnection,
    theirs: NetworkConnection,
    sent: usize,
    received: usize,
    /// Ticks each unreliable message took.
    delays: Vec<u64>,
    beats: u64,
}

impl Transfer {
    fn new(conditions: Conditions, settings: NetworkSettingsBuilder) -> Self {
        let net = Net::rough(7, conditions);
        let settings = settings.reliable_window_size(512).send_burst(120);
        let mut world = World::on(net, 1, settings.clone(), settings);
        let pipeline = world.create_pipeline(&[StageId::ReliableSequenced]);
        let (ours, theirs) = world.connect(0);
        world.clients[0].send(ours, &[]).unwrap();
        world.run(30);
        world.server.events();
        Self {
            world,
            pipeline,
            ours,
            theirs,
            sent: 0,
            received: 0,
            delays: Vec::new(),
            beats: 0,
        }
    }

    /// One tick, in which up to `total` bytes are kept on their way.
    fn tick(&mut self, total: usize) {
        let client = &mut self.world.clients[0];
        let tick = self.world.ticks.to_le_bytes();
        client.send(self.ours, &tick).unwrap();
        while self.sent < total && send(client, self.pipeline, self.ours, &[7; 1_300]).is_ok() {
            self.sent += 1_300;
        }
        self.beats += 1;
        self.world.tick();
        for event in self.world.server.events_of(self.theirs) {
            match event {
                Event::Data(0, bytes) => {
                    let then = u64::from_le_bytes(bytes.try_into().unwrap());
                    self.delays.push(self.world.ticks - then);
                }
                Event::Data(_, bytes) => self.received += bytes.len(),
                other => panic!("{other:?}"),
            }
        }
    }

    /// The delay that so many of a hundred unreliable messages kept, in milliseconds.
    fn delay(&mut self, percent: usize) -> u64 {
        self.delays.sort_unstable();
        self.delays[(self.delays.len() - 1) * percent / 100] * 16
    }

    /// Bytes a second that arrive over so many seconds.
    fn rate(&mut self, seconds: usize) -> usize {
        let before = self.received;
        for _ in 0..seconds * 1_000 / 16 {
            self.tick(usize::MAX);
        }
        (self.received - before) / seconds
    }
}

#[test]
fn unreliable_messages_keep_their_delay_beside_a_large_transfer() {
    let run = |control| {
        let settings = settings().congestion_control(control);
        let mut transfer = Transfer::new(link(1_000_000), settings);
        let total = 10_000_000;
        let begun = transfer.world.ticks;
        while transfer.received < total {
            transfer.tick(total);
            assert!(transfer.world.ticks < 10_000);
        }
        let seconds = (transfer.world.ticks - begun) as f64 * 0.016;
        let lost = transfer.beats - transfer.delays.len() as u64;
        let lost = lost as f64 / transfer.beats as f64;
        (transfer.delay(50), transfer.delay(99), lost, seconds)
    };
    let (median, most, lost, seconds) = run(CongestionControl::On);
    let off = run(CongestionControl::Off);
    println!("{median} ms, {most} ms, {lost}, {seconds} s; without control {off:?}");
    // An idle path takes 80 ms here: 50 ms, and the frames at both ends.
    assert!(median <= 96 && most <= 160, "{median} ms, {most} ms");
    assert!(lost < 0.01, "{lost}");
    assert!(seconds < 13.0, "{seconds} s");
    assert!(off.0 > 200, "{off:?}");
}

#[test]
fn the_rate_follows_the_links_up_and_down() {
    let mut transfer = Transfer::new(link(1_000_000), settings());
    transfer.rate(3);
    for (link_rate, settling) in [(1_000_000, 1), (250_000, 5), (1_000_000, 10)] {
        let network = transfer.world.net.weather().clone();
        network.set_conditions(link(link_rate));
        transfer.rate(settling);
        let lost = transfer.world.net.tally().lost_to_rate;
        let rate = transfer.rate(5);
        let lost = transfer.world.net.tally().lost_to_rate - lost;
        println!("{rate} bytes a second of {link_rate}, {lost} lost");
        let goal = usize::try_from(link_rate).unwrap();
        assert!(rate > goal * 7 / 10 && rate < goal, "{rate} of {goal}");
        assert!(lost < 50, "{lost}");
    }
}

#[test]
fn random_loss_costs_little_of_the_rate() {
    let mut rates = Vec::new();
    for loss in [0.0, 0.02, 0.05] {
        let conditions = Conditions {
            loss,
            ..link(1_000_000)
        };
        let mut transfer = Transfer::new(conditions, settings());
        transfer.rate(3);
        rates.push(transfer.rate(5));
    }
    println!("{rates:?}");
    assert!(rates[1] > 500_000 && rates[2] > 250_000, "{rates:?}");
}

#[test]
fn what_leaves_within_a_frame_is_what_a_stock_socket_holds() {
    let net = Net::rough(3, Conditions::delayed(ms(20)));
    let settings = settings().reliable_window_size(256);
    let mut world = World::on(net, 1, settings.clone(), settings);
    let pipeline = world.create_pipeline(&[StageId::ReliableSequenced]);
    let (_, theirs) = world.connect_proved(0);
    let tap = world.net.tap();
    let (mut full, mut frames) = (0, Vec::new());
    for _ in 0..200 {
        while send(&mut world.server, pipeline, theirs, &[7; 1_300]).is_ok() {}
        world.tick();
        world.clients[0].events();
        let sent = tap.take();
        let large = sent.iter().filter(|datagram| datagram.bytes.len() > 1_000);
        frames.push(large.count());
        full += frames.last().unwrap();
    }
    let most = frames.windows(2).map(|pair| pair[0] + pair[1]).max();
    assert!(most <= Some(24), "{most:?}");
    // And no less than that, once the window has grown: 24 in two frames.
    assert!(full > 200 * 9, "{full}");
    assert_eq!(FRAME, ms(16));
}
