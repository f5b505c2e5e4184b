//! R3, R34, R40: interfaces that take a part, or fail in the middle, of what many shards send.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use drumfire::address::NetworkEndpoint;
use drumfire::buffer::batch::ReceiveBatch;
use drumfire::counters::DropReason;
use drumfire::error::BindError;
use drumfire::interface::{MemoryInterface, NetworkInterface, Received, SendReport, Transmit};
use drumfire::settings::InlineThreshold;
use drumfire::{NetworkConnection, NetworkDriver};

use crate::support::{Event, Net, Node, SERVER, settings};

/// Connections: two shards and a part of a third.
const CONNECTIONS: usize = 150;
const UNLIMITED: usize = usize::MAX / 2;
const BOTH_WAYS: [InlineThreshold; 2] =
    [InlineThreshold::AlwaysInline, InlineThreshold::NeverInline];

/// What the test lets an interface do.
#[derive(Debug)]
struct Mood {
    /// Datagrams it still has room for.
    room: AtomicUsize,
    /// Calls of `send` until one panics.
    calm: AtomicUsize,
}

#[derive(Debug)]
struct Moody {
    inner: MemoryInterface,
    mood: Arc<Mood>,
}

impl NetworkInterface for Moody {
    fn bind(&mut self, endpoint: &NetworkEndpoint) -> Result<(), BindError> {
        self.inner.bind(endpoint)
    }

    fn local_endpoint(&self) -> NetworkEndpoint {
        self.inner.local_endpoint()
    }

    fn receive(&self, batch: &mut ReceiveBatch) -> Received {
        self.inner.receive(batch)
    }

    fn send(&self, batch: &[Transmit<'_>], report: &mut SendReport) {
        assert!(
            self.mood.calm.fetch_sub(1, Ordering::Relaxed) > 0,
            "as the test asked"
        );
        let room = self.mood.room.load(Ordering::Relaxed);
        let taken = room.min(batch.len());
        self.mood.room.store(room - taken, Ordering::Relaxed);
        self.inner.send(&batch[..taken], report);
        report.congested = taken < batch.len();
    }

    fn wait(&self, timeout: Duration) -> bool {
        self.inner.wait(timeout)
    }
}

/// A client with many connections over a moody interface, and their server.
struct Crowd {
    client: Node,
    server: Node,
    /// The client's connections and the server's.
    pairs: Vec<(NetworkConnection, NetworkConnection)>,
    mood: Arc<Mood>,
}

impl Crowd {
    fn new(threshold: InlineThreshold) -> Self {
        let net = Net::calm();
        let mut server = Node::new(settings().max_connections_per_ip(0), 1, net.interface());
        server.listen_on(SERVER);
        let mood = Arc::new(Mood {
            room: AtomicUsize::new(UNLIMITED),
            calm: AtomicUsize::new(UNLIMITED),
        });
        let interface = Moody {
            inner: net.interface(),
            mood: mood.clone(),
        };
        let mut client = Node::new(settings().inline_threshold(threshold), 2, interface);
        let pairs = (0..CONNECTIONS)
            .map(|_| {
                let ours = client.driver.connect(SERVER).unwrap();
                client.update();
                server.update();
                (ours, server.driver.accept().unwrap())
            })
            .collect();
        let mut crowd = Self {
            client,
            server,
            pairs,
            mood,
        };
        for round in 0..4 {
            if round > 0 {
                crowd.say(0);
            }
            crowd.client.update();
            crowd.heard();
        }
        crowd
    }

    /// A message on every connection.
    fn say(&mut self, message: u8) {
        for (ours, _) in &self.pairs {
            self.client.send(*ours, &[message]).unwrap();
        }
    }

    /// What arrived on each connection.
    fn heard(&mut self) -> Vec<Vec<Event>> {
        self.server.update();
        self.client.events();
        let theirs = self.pairs.iter().map(|(_, theirs)| *theirs);
        let server = &mut self.server;
        theirs.map(|theirs| server.events_of(theirs)).collect()
    }
}

fn lost(driver: &NetworkDriver) -> u64 {
    driver
        .statistics()
        .sent
        .drops
        .get(DropReason::InternalError)
}

#[test]
fn what_an_interface_has_no_room_for_follows_in_order_whichever_shard_it_is_of() {
    for threshold in BOTH_WAYS {
        let mut crowd = Crowd::new(threshold);
        let mut heard: Vec<Vec<Event>> = vec![vec![]; CONNECTIONS];
        // The first time it is full within the second shard's messages, then within what was left.
        for (message, room) in [(1, 100), (2, 90), (3, UNLIMITED)] {
            crowd.mood.room.store(room, Ordering::Relaxed);
            crowd.say(message);
            // Not `Node::update`: it would hold what waits against the driver.
            crowd.client.driver.update();
            for (all, new) in heard.iter_mut().zip(crowd.heard()) {
                all.extend(new);
            }
            let sent: usize = heard.iter().map(Vec::len).sum();
            let waiting = usize::from(message) * CONNECTIONS - sent;
            assert_eq!(
                crowd.client.driver.statistics().sent.queued(),
                waiting as u64
            );
            assert!(room == UNLIMITED || waiting > 0);
        }
        for events in heard {
            assert_eq!(events, [1, 2, 3].map(|message| Event::data(&[message])));
        }
    }
}

#[test]
fn r34_an_interface_that_panics_while_it_sends_costs_messages_and_no_connection() {
    for threshold in BOTH_WAYS {
        let mut crowd = Crowd::new(threshold);
        crowd.say(1);
        crowd.mood.calm.store(1, Ordering::Relaxed);
        crowd.client.update();
        crowd.mood.calm.store(UNLIMITED, Ordering::Relaxed);
        let arrived: usize = crowd.heard().iter().map(Vec::len).sum();
        assert!(arrived > 0 && arrived < CONNECTIONS, "{arrived}");
        assert_eq!(lost(&crowd.client.driver), (CONNECTIONS - arrived) as u64);

        crowd.say(2);
        crowd.client.update();
        for events in crowd.heard() {
            assert_eq!(events, [Event::data(&[2])]);
        }
    }
}
