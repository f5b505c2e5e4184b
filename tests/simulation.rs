//! Simulations: many connections in bad weather, from a seed.
//!
//! Every connection completes, every message that arrives was sent, every counter adds up, and the
//! events do not depend on the number of threads.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these helpers serve tests only"
)]

#[expect(
    dead_code,
    unused_imports,
    reason = "each test program uses its part of the support"
)]
#[path = "support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use drumfire::error::DisconnectReason;
use drumfire::interface::Conditions;
use drumfire::settings::{InlineThreshold, NetworkSettingsBuilder};
use drumfire::{ConnectionState, NetworkConnection, ThreadPool};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use support::{Event, Net, Node, SERVER, ms, settings};

/// Client drivers, and connections of each.
const CLIENTS: usize = 4;
const EACH: usize = 5;

/// Messages each client sends once it is connected, and the server answers.
const MESSAGES: u8 = 10;

/// What everybody saw: events by driver (0 is the server) and connection.
type Log = BTreeMap<(usize, NetworkConnection), Vec<Event>>;

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

/// Settings with a step large enough for long runs.
fn stormy() -> NetworkSettingsBuilder {
    settings().fixed_frame_time(ms(50))
}

struct Simulation {
    net: Net,
    /// The server first.
    nodes: Vec<Node>,
    log: Log,
    /// Of each client, by connection: the next message to send.
    outstanding: BTreeMap<(usize, NetworkConnection), u8>,
}

impl Simulation {
    fn new(seed: u64, pool: Option<&Arc<ThreadPool>>) -> Self {
        let net = Net::rough(seed, weather());
        let node = |index: usize| {
            let (index, interface) = (u64::try_from(index).unwrap(), net.interface());
            let seed = seed * 100 + index;
            match pool {
                Some(pool) => {
                    let spread = stormy().inline_threshold(InlineThreshold::NeverInline);
                    Node::on_pool(spread, seed, interface, pool.clone())
                }
                None => Node::new(stormy(), seed, interface),
            }
        };
        let mut nodes: Vec<Node> = (0..=CLIENTS).map(node).collect();
        nodes[0].listen_on(SERVER);
        let mut outstanding = BTreeMap::new();
        for (index, node) in nodes.iter_mut().enumerate().skip(1) {
            for _ in 0..EACH {
                outstanding.insert((index, node.driver.connect(SERVER).unwrap()), 0);
            }
        }
        Self {
            net,
            nodes,
            log: Log::new(),
            outstanding,
        }
    }

    fn tick(&mut self) {
        self.net.advance(ms(50));
        for index in 0..self.nodes.len() {
            self.nodes[index].update();
            let node = &mut self.nodes[index];
            node.accept_all();
            for (connection, event) in node.events() {
                if let (0, Event::Data(0, message)) = (index, &event) {
                    // An answer over the budget of an address without proof is refused, and lost.
                    let _ = node.send(connection, message);
                }
                self.log.entry((index, connection)).or_default().push(event);
            }
        }
        for ((index, connection), next) in &mut self.outstanding {
            let node = &mut self.nodes[*index];
            if *next < MESSAGES
                && node.driver.connection_state(*connection) == ConnectionState::Connected
            {
                node.send(*connection, &[u8::try_from(*index).unwrap(), *next])
                    .unwrap();
                *next += 1;
            }
        }
    }

    /// Everybody connects, sends, and leaves.
    fn run(mut self) -> Log {
        let all = CLIENTS * EACH;
        let talked = |simulation: &Self| {
            simulation
                .outstanding
                .values()
                .all(|next| *next == MESSAGES)
                && simulation.nodes[0].driver.connections().count() == all
        };
        self.drive(60 * 20, "everybody is connected", talked);
        for (index, connection) in self.outstanding.keys() {
            self.nodes[*index].driver.disconnect(*connection);
        }
        let over = |simulation: &Self| {
            simulation
                .nodes
                .iter()
                .all(|node| node.driver.statistics().connections == 0)
        };
        self.drive(40 * 20, "everybody has left", over);
        self.check();
        self.log
    }

    fn drive(&mut self, most: usize, what: &str, done: impl Fn(&Self) -> bool) {
        for _ in 0..most {
            self.tick();
            if done(self) {
                return;
            }
        }
        panic!("not in {most} ticks: {what}");
    }

    fn check(&self) {
        assert!(self.net.tally().conserves(), "{:?}", self.net.tally());
        for ((index, connection), events) in &self.log {
            let (first, last) = (&events[0], events.last().unwrap());
            if *index == 0 {
                // Clients left: the server heard it, or waited long enough.
                let ends = [DisconnectReason::ClosedByRemote, DisconnectReason::Timeout]
                    .map(Event::Disconnect);
                assert!(ends.contains(last), "{connection}: {last:?}");
            } else {
                assert_eq!(first, &Event::Connect(vec![]), "{connection}");
            }
            let messages = events.iter().filter_map(|event| match event {
                Event::Data(pipeline, message) => Some((*pipeline, message.as_slice())),
                _ => None,
            });
            for (pipeline, message) in messages {
                assert_eq!((pipeline, message.len()), (0, 2));
                assert!(
                    message[1] < MESSAGES && (1..=CLIENTS).contains(&message[0].into()),
                    "{message:?}"
                );
                assert!(
                    *index == 0 || usize::from(message[0]) == *index,
                    "{message:?} is another's"
                );
            }
        }
        let connections: BTreeSet<_> = self.log.keys().collect();
        assert_eq!(
            connections.iter().filter(|(index, _)| *index > 0).count(),
            CLIENTS * EACH
        );
    }
}

#[test]
fn r23_every_connection_has_one_end_and_it_is_its_last_event() {
    // `Node` checks it at every event of every test; here in a storm, with the ends counted.
    let log = Simulation::new(1_000, None).run();
    let ends = log
        .iter()
        .filter(|((index, _), _)| *index == 0)
        .map(|(_, events)| {
            events
                .iter()
                .filter(|event| matches!(event, Event::Disconnect(_)))
                .count()
        });
    assert_eq!(ends.collect::<Vec<_>>(), vec![1; CLIENTS * EACH]);
}

/// How many storms there are: 200, or what `DRUMFIRE_STORMS` says.
fn storms() -> u64 {
    let wanted = std::env::var("DRUMFIRE_STORMS").ok();
    wanted.map_or(200, |number| number.parse().unwrap())
}

/// Everybody connects, talks and leaves; every counter adds up; and each connection's events are the
/// same inline and on 1, 2 and 16 workers.
///
/// Ten thousand storms take about five minutes on two cores:
/// `DRUMFIRE_STORMS=10000 cargo test --release --test simulation h15`.
#[test]
fn h15_in_200_storms_events_are_the_same_on_1_2_and_16_workers() {
    let pools = [1, 2, 16].map(|threads| {
        Arc::new(
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap(),
        )
    });
    (0..storms()).into_par_iter().for_each(|seed| {
        let inline = Simulation::new(seed, None).run();
        for pool in &pools {
            let spread = Simulation::new(seed, Some(pool)).run();
            assert!(
                spread == inline,
                "seed {seed} on {} workers",
                pool.current_num_threads()
            );
        }
    });
}

#[test]
fn the_same_seed_gives_the_same_events_and_another_gives_others() {
    let run = |seed| Simulation::new(seed, None).run();
    assert!(run(3_000) == run(3_000));
    assert!(run(3_000) != run(3_001));
}
