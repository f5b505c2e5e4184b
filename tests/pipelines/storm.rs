//! R25 in a storm: reliable bytes both ways over a bad network, bit-exact, once, in order.
//!
//! Each transfer is a seed: clients of one server, plain or secure, directly or through
//! fragmentation, at 30 % loss, 20 % duplication, reordering and 0 to 200 ms of jitter.
//! `DRUMFIRE_STORM=seeds,connections,bytes` makes them more or larger; the bytes are those of each
//! direction of each connection:
//!
//! * `DRUMFIRE_STORM=1000,20,100000 cargo test --release --test pipelines storm` takes a few minutes,
//! * `DRUMFIRE_STORM=20,100,10000000 cargo test --release --test pipelines storm` some hours.

use std::time::Duration;

use drumfire::DisconnectReason::AuthenticationFailure;
use drumfire::id::StageId::{Fragmentation, ReliableSequenced};
use drumfire::id::{NetworkConnection, NetworkPipeline, StageId};
use drumfire::interface::Conditions;
use drumfire::settings::NetworkSettingsBuilder;

use crate::send;
use crate::support::{Dice, Event, Net, Node, SERVER, ms, settings};

/// One update.
const TICK: Duration = ms(20);

/// Seeds, connections, and bytes of each direction.
fn size() -> [usize; 3] {
    let Ok(text) = std::env::var("DRUMFIRE_STORM") else {
        return [40, 10, 50_000];
    };
    let numbers: Vec<usize> = text.split(',').map(|part| part.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

fn weather() -> Conditions {
    Conditions {
        loss: 0.30,
        duplication: 0.20,
        reordering: 0.10,
        reorder_by: ms(100),
        jitter: ms(200),
        ..Conditions::default()
    }
}

/// What all transfers of a test have in common.
#[derive(Debug)]
struct Plan {
    stages: &'static [StageId],
    /// Bytes of a message.
    message: usize,
    /// Bytes of each direction.
    bytes: usize,
    server: NetworkSettingsBuilder,
    client: NetworkSettingsBuilder,
}

impl Plan {
    fn plain(stages: &'static [StageId], message: usize) -> Self {
        Self {
            stages,
            message,
            bytes: size()[2],
            server: settings(),
            client: settings(),
        }
    }

    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    fn secure(stages: &'static [StageId], message: usize) -> Self {
        Self {
            server: crate::identities::server(),
            client: crate::identities::client(),
            ..Self::plain(stages, message)
        }
    }
}

/// The bytes of one direction: any part of them can be made at any time.
#[derive(Clone, Debug)]
struct Stream {
    dice: Dice,
    left: usize,
}

impl Stream {
    fn new(seed: u64, bytes: usize) -> Self {
        Self {
            dice: Dice::new(seed),
            left: bytes,
        }
    }

    fn next(&mut self, most: usize) -> Vec<u8> {
        let len = most.min(self.left);
        self.left -= len;
        let mut bytes = Vec::with_capacity(len.next_multiple_of(8));
        while bytes.len() < len {
            bytes.extend(self.dice.number().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }
}

/// One end of a connection that sends one stream and receives the other.
#[derive(Debug)]
struct End {
    connection: NetworkConnection,
    pipeline: NetworkPipeline,
    /// To send and to receive; nothing before it is known whose they are.
    streams: Option<[Stream; 2]>,
}

impl End {
    fn new(connection: NetworkConnection, pipeline: NetworkPipeline) -> Self {
        Self {
            connection,
            pipeline,
            streams: None,
        }
    }

    /// What is to be received has arrived.
    fn is_done(&self) -> bool {
        let nothing_left = |[to_send, to_come]: &[Stream; 2]| to_send.left + to_come.left == 0;
        self.streams.as_ref().is_some_and(nothing_left)
    }

    /// What arrived is what was to come next.
    fn check(&mut self, message: &[u8]) {
        let [_, to_come] = self.streams.as_mut().unwrap();
        assert!(!message.is_empty() && message == to_come.next(message.len()));
    }

    /// Sends as much as the window takes.
    fn fill(&mut self, node: &mut Node, most: usize) {
        let Some([to_send, _]) = &mut self.streams else {
            return;
        };
        while to_send.left > 0 {
            let mut ahead = to_send.clone();
            if send(node, self.pipeline, self.connection, &ahead.next(most)).is_err() {
                return;
            }
            *to_send = ahead;
        }
    }

    /// Packets that were sent again. Nothing is in flight at the end.
    fn resent(&self, node: &mut Node) -> u64 {
        let statistics = node
            .driver
            .pipeline_statistics(self.pipeline, self.connection);
        assert_eq!(statistics.in_flight, 0, "{statistics:?}");
        statistics.resent
    }
}

/// One seed.
#[derive(Debug)]
struct Transfer<'a> {
    plan: &'a Plan,
    seed: u64,
    net: Net,
    server: Node,
    clients: Vec<(Node, End)>,
    accepted: Vec<End>,
}

impl<'a> Transfer<'a> {
    fn new(plan: &'a Plan, seed: u64, connections: usize) -> Self {
        let net = Net::rough(seed, weather());
        let node = |settings: &NetworkSettingsBuilder, number: u64| {
            // At this loss a packet is lost ten times in a row now and then, and ten are sent in a
            // minute; a client asks once a second, and may do so for long.
            let patient = settings
                .clone()
                .fixed_frame_time(TICK)
                .disconnect_timeout(ms(0))
                .reliable_stall_timeout(ms(0));
            Node::new(patient, 1_000 * seed + number, net.interface())
        };
        let mut server = node(&plan.server, 0);
        let pipeline = server.driver.create_pipeline(plan.stages).unwrap();
        server.listen_on(SERVER);
        let clients = (1..)
            .take(connections)
            .map(|number| {
                let mut client = node(&plan.client, number);
                client.driver.create_pipeline(plan.stages).unwrap();
                let connection = client.driver.connect(SERVER).unwrap();
                (client, End::new(connection, pipeline))
            })
            .collect();
        Self {
            plan,
            seed,
            net,
            server,
            clients,
            accepted: Vec::new(),
        }
    }

    /// What client `number` sends, and what it receives.
    fn streams(&self, number: u64) -> [Stream; 2] {
        [2 * number, 2 * number + 1]
            .map(|direction| Stream::new(self.seed << 32 | direction, self.plan.bytes))
    }

    fn run(mut self) {
        for tick in 0_u32.. {
            assert!(tick < 1_000_000, "nothing moves any more");
            self.tick();
            if self.accepted.len() == self.clients.len()
                && self.accepted.iter().all(End::is_done)
                && self.clients.iter().all(|(_, end)| end.is_done())
            {
                break;
            }
        }
        // Whatever is in the air lands, and is nothing new.
        self.net.weather().set_conditions(Conditions::default());
        for _ in 0..(20_000 / TICK.as_millis()) {
            self.tick();
        }
        assert!(self.net.tally().conserves());
        let mut resent = 0;
        for end in &self.accepted {
            resent += end.resent(&mut self.server);
        }
        for (client, end) in &mut self.clients {
            resent += end.resent(client);
        }
        assert!(resent > 100, "it did not storm: {resent}");
    }

    fn tick(&mut self) {
        self.net.advance(TICK);
        for number in 0..self.clients.len() {
            self.update_client(number);
        }
        self.update_server();
    }

    fn update_client(&mut self, number: usize) {
        let name = u64::try_from(number).unwrap();
        let streams = self.streams(name);
        let (client, end) = &mut self.clients[number];
        client.update();
        for event in client.events_of(end.connection) {
            match event {
                // Its number comes first, so that the other side knows what follows.
                Event::Connect(_) => {
                    send(client, end.pipeline, end.connection, &name.to_le_bytes()).unwrap();
                    end.streams = Some(streams.clone());
                }
                Event::Data(_, message) => end.check(&message),
                Event::Writable(_) => {}
                Event::Disconnect(AuthenticationFailure)
                    if end.streams.is_none() && was_forgotten(client) =>
                {
                    end.connection = client.driver.connect(SERVER).unwrap();
                    return;
                }
                Event::Disconnect(reason) => panic!("{reason:?}"),
            }
        }
        end.fill(client, self.plan.message);
    }

    fn update_server(&mut self) {
        self.server.update();
        let pipeline = self.clients[0].1.pipeline;
        while let Some(connection) = self.server.driver.accept() {
            self.accepted.push(End::new(connection, pipeline));
        }
        for (connection, event) in self.server.events() {
            let known = self
                .accepted
                .iter()
                .position(|end| end.connection == connection);
            let known = known.unwrap();
            match event {
                Event::Data(_, message) if self.accepted[known].streams.is_none() => {
                    let number = u64::from_le_bytes(message.try_into().unwrap());
                    let [up, down] = self.streams(number);
                    self.accepted[known].streams = Some([down, up]);
                }
                Event::Data(_, message) => self.accepted[known].check(&message),
                Event::Writable(_) => {}
                Event::Connect(_) | Event::Disconnect(_) => panic!("{event:?}"),
            }
        }
        for end in &mut self.accepted {
            end.fill(&mut self.server, self.plan.message);
        }
    }
}

/// Whether a client's handshake failed for want of an answer: a server forgets one after ten seconds,
/// which in such weather are three or four flights of the client that never came.
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
fn was_forgotten(client: &mut Node) -> bool {
    let failure = client.driver.pop_handshake_failure();
    failure
        .is_some_and(|failure| matches!(failure.error, drumfire::HandshakeError::TimedOut { .. }))
}

/// A plain client makes no handshake.
#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
fn was_forgotten(_: &mut Node) -> bool {
    false
}

#[expect(
    clippy::print_stderr,
    reason = "which seed it was is the first thing to know of a failure"
)]
fn storm(plan: &Plan) {
    let [seeds, connections, _] = size();
    for seed in 1..=u64::try_from(seeds).unwrap() {
        let begun = std::panic::AssertUnwindSafe(|| Transfer::new(plan, seed, connections).run());
        if let Err(failure) = std::panic::catch_unwind(begun) {
            eprintln!("seed {seed} of {:?}", plan.stages);
            std::panic::resume_unwind(failure);
        }
    }
}

#[test]
fn r25_oracle_every_byte_arrives_once_and_in_order_in_a_storm() {
    storm(&Plan::plain(&[ReliableSequenced], 1_000));
}

#[test]
fn r25_oracle_the_same_through_fragmentation() {
    storm(&Plan::plain(&[Fragmentation, ReliableSequenced], 4_000));
}

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
#[test]
fn r25_oracle_the_same_over_dtls() {
    storm(&Plan::secure(&[ReliableSequenced], 1_000));
}

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
#[test]
fn r25_oracle_the_same_through_fragmentation_over_dtls() {
    storm(&Plan::secure(&[Fragmentation, ReliableSequenced], 4_000));
}
