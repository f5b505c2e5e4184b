//! Statistics: how full queues have been, and how long updates took.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use drumfire::address::NetworkEndpoint;
use drumfire::buffer::batch::ReceiveBatch;
use drumfire::counters::HighWater;
use drumfire::error::BindError;
use drumfire::interface::{MemoryInterface, NetworkInterface, Received, SendReport, Transmit};
use drumfire::settings::InlineThreshold;

use crate::support::{Net, Node, SERVER, World, settings};

fn marks(node: &Node) -> HighWater {
    node.driver.statistics().high_water
}

#[test]
fn the_fullest_inbox_and_outbox_leave_their_marks() {
    let mut world = World::new(2);
    let (loud, _) = world.connect_proved(0);
    let (quiet, _) = world.connect_proved(1);
    // Ten messages wait in one outbox, and one in another of the same driver.
    for _ in 0..10 {
        world.clients[0].send(loud, &[7; 100]).unwrap();
    }
    world.clients[1].send(quiet, &[7; 100]).unwrap();
    world.tick();
    assert_eq!(marks(&world.clients[0]).outbox_bytes, 1_000);
    assert_eq!(marks(&world.clients[1]).outbox_bytes, 100);
    assert_eq!(marks(&world.server).inbox_bytes, 10 * 108);
    // What lies unread counts; what was read does not, and a mark never falls.
    world.clients[0].send(loud, &[7; 92]).unwrap();
    world.tick();
    assert_eq!(marks(&world.server).inbox_bytes, 10 * 108 + 100);
    world.server.events();
    world.clients[0].send(loud, &[7; 100]).unwrap();
    world.tick();
    assert_eq!(marks(&world.server).inbox_bytes, 10 * 108 + 100);
    assert_eq!(marks(&world.clients[0]).outbox_bytes, 1_000);
    assert_eq!(marks(&world.server).deferred_bytes, 0);
}

/// An interface that has no room while the test says so.
#[derive(Debug)]
struct Narrow {
    inner: MemoryInterface,
    is_full: Arc<AtomicBool>,
}

impl NetworkInterface for Narrow {
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
        if self.is_full.load(Ordering::Relaxed) {
            report.clear();
            report.congested = true;
        } else {
            self.inner.send(batch, report);
        }
    }

    fn wait(&self, timeout: Duration) -> bool {
        self.inner.wait(timeout)
    }
}

#[test]
fn datagrams_that_wait_for_the_interface_leave_their_mark_and_then_arrive() {
    let net = Net::calm();
    let mut server = Node::new(settings(), 1, net.interface());
    server.listen_on(SERVER);
    let is_full = Arc::new(AtomicBool::new(false));
    let narrow = Narrow {
        inner: net.interface(),
        is_full: is_full.clone(),
    };
    let mut client = Node::new(settings(), 2, narrow);
    let ours = client.driver.connect(SERVER).unwrap();
    for _ in 0..4 {
        client.update();
        server.update();
        server.accept_all();
        client.events();
    }
    is_full.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        client.send(ours, &[7; 90]).unwrap();
    }
    // Not `Node::update`: it would hold what waits against the driver.
    client.driver.update();
    let statistics = client.driver.statistics();
    assert_eq!(statistics.sent.queued(), 3);
    // A header of 10 bytes each.
    assert_eq!(statistics.high_water.deferred_bytes, 300);
    is_full.store(false, Ordering::Relaxed);
    client.update();
    server.update();
    assert_eq!(server.events().len(), 3);
    assert_eq!(marks(&client).deferred_bytes, 300);
}

#[test]
fn updates_are_timed_whole_and_by_stage() {
    let inline = settings().inline_threshold(InlineThreshold::AlwaysInline);
    let mut world = World::with(1, inline, settings());
    let (ours, _) = world.connect_proved(0);
    let before = world.server.driver.statistics().update_times;
    for _ in 0..100 {
        world.clients[0].send(ours, b"x").unwrap();
        world.tick();
        world.server.events();
    }
    let statistics = world.server.driver.statistics();
    let times = statistics.update_times;
    assert!(times.total > before.total);
    assert!(times.last <= times.longest && times.longest <= times.total);
    // On one thread the stages lie within the updates.
    assert!(statistics.stage_times.total() <= times.total);
}
