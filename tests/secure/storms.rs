//! Storms: secure clients connect, leave, are given other addresses and begin anew, by a seed.
//!
//! `DRUMFIRE_STORMS=1000 cargo test --release --test secure storm` runs more of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use drumfire::interface::Conditions;
use drumfire::settings::{InlineThreshold, NetworkSettingsBuilder};
use drumfire::{ConnectionState, NetworkConnection, NetworkEndpoint, ThreadPool};

use crate::identities::{client, server};
use crate::support::{Dice, Event, Net, Node, SERVER, ms};

const CLIENTS: usize = 8;

/// What the server saw, by connection.
type Log = BTreeMap<NetworkConnection, Vec<Event>>;

fn storms(few: u64) -> u64 {
    let wanted = std::env::var("DRUMFIRE_STORMS").ok();
    wanted.map_or(few, |number| number.parse().unwrap())
}

struct Storm {
    net: Net,
    dice: Dice,
    server: Node,
    clients: Vec<(Node, Option<NetworkConnection>)>,
    pool: Option<Arc<ThreadPool>>,
    accepted: BTreeSet<NetworkConnection>,
    log: Log,
    seed: u64,
    born: u64,
}

impl Storm {
    fn new(seed: u64, pool: Option<&Arc<ThreadPool>>) -> Self {
        let conditions = Conditions {
            loss: 0.05,
            duplication: 0.05,
            jitter: ms(20),
            ..Conditions::default()
        };
        let net = Net::rough(seed, conditions);
        let mut storm = Self {
            server: Node::new(server(), 1, net.interface()),
            net,
            dice: Dice::new(seed),
            clients: Vec::new(),
            pool: pool.cloned(),
            accepted: BTreeSet::new(),
            log: Log::new(),
            seed,
            born: 0,
        };
        storm.server = storm.node(server());
        storm.server.listen_on(SERVER);
        for _ in 0..CLIENTS {
            let node = storm.node(client());
            storm.clients.push((node, None));
        }
        storm
    }

    fn node(&mut self, settings: NetworkSettingsBuilder) -> Node {
        self.born += 1;
        let (seed, interface) = (self.seed * 10_000 + self.born, self.net.interface());
        match &self.pool {
            Some(pool) => {
                let spread = settings.inline_threshold(InlineThreshold::NeverInline);
                Node::on_pool(spread, seed, interface, pool.clone())
            }
            None => Node::new(settings, seed, interface),
        }
    }

    fn tick(&mut self) {
        self.net.advance(ms(16));
        for (node, connection) in &mut self.clients {
            node.update();
            for (from, event) in node.events() {
                if matches!(event, Event::Disconnect(_)) && *connection == Some(from) {
                    *connection = None;
                }
            }
            if let Some(connection) = connection
                && node.driver.connection_state(*connection) == ConnectionState::Connected
            {
                let _ = node.send(*connection, b"up");
            }
        }
        self.server.update();
        for connection in self.server.accept_all() {
            assert!(self.accepted.insert(connection), "{connection} twice");
        }
        for (connection, event) in self.server.events() {
            assert!(
                self.accepted.contains(&connection),
                "{connection}: {event:?}"
            );
            self.log.entry(connection).or_default().push(event);
        }
    }

    /// Something happens to one of the clients.
    fn strike(&mut self) {
        let index = self.dice.below(CLIENTS);
        let what = self.dice.below(8);
        let place = self.clients[index].0.driver.local_endpoint();
        match what {
            0..=3 => {
                let (node, connection) = &mut self.clients[index];
                if connection.is_none() {
                    *connection = node.driver.connect(SERVER).ok();
                }
            }
            4 => {
                let (node, connection) = &mut self.clients[index];
                if let Some(connection) = connection.take() {
                    node.driver.disconnect(connection);
                }
            }
            5 | 6 => {
                let port = u16::try_from(20_000 + self.dice.below(20_000)).unwrap();
                let to = NetworkEndpoint::loopback_ipv4(port);
                self.net.weather().rebind(&place, &to);
            }
            _ => {
                // It dies without a word, and comes back at the same port.
                let is_bound = self.clients[index].0.driver.is_bound();
                self.net.weather().isolate(&place);
                let reborn = self.node(client());
                self.clients[index] = (reborn, None);
                self.net.weather().rejoin(&place);
                if is_bound {
                    self.clients[index].0.driver.bind(place).unwrap();
                }
            }
        }
    }

    fn run(mut self) -> Log {
        for _ in 0..120 {
            self.strike();
            let ticks = 1 + self.dice.below(40);
            (0..ticks).for_each(|_| self.tick());
        }
        // Everybody leaves, and in the end nobody is there.
        for (node, connection) in &mut self.clients {
            if let Some(connection) = connection.take() {
                node.driver.disconnect(connection);
            }
        }
        for _ in 0..40_000 / 16 {
            self.tick();
        }
        assert_eq!(self.server.driver.connections().count(), 0);
        let statistics = self.server.driver.statistics();
        assert_eq!(statistics.connections, 0, "{statistics:?}");
        assert_eq!(statistics.handshakes.under_way, 0, "{statistics:?}");
        assert!(!self.log.is_empty());
        for connection in &self.accepted {
            let events = &self.log[connection];
            let ends = events
                .iter()
                .filter(|event| matches!(event, Event::Disconnect(_)));
            assert_eq!(ends.count(), 1, "{connection}: {events:?}");
        }
        self.log
    }
}

#[test]
fn a_storm_loses_and_doubles_no_connection() {
    for seed in 0..storms(10) {
        Storm::new(seed, None).run();
    }
}

#[test]
fn h15_storms_are_the_same_on_1_2_and_16_workers() {
    let pools = [1, 2, 16].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        Arc::new(pool.build().unwrap())
    });
    for seed in 0..storms(2) {
        let inline = Storm::new(seed, None).run();
        for pool in &pools {
            let spread = Storm::new(seed, Some(pool)).run();
            let threads = pool.current_num_threads();
            assert!(spread == inline, "seed {seed} on {threads} workers");
        }
    }
}
