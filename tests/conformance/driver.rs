//! Rows A: driver basics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use drumfire::NetworkDriver;
use drumfire::address::NetworkEndpoint;
use drumfire::buffer::batch::ReceiveBatch;
use drumfire::error::{BindError, ListenError, StatusCode};
use drumfire::interface::{NetworkInterface, Received, SendReport, Transmit};

use crate::support::{Net, Node, SERVER, ms, settings};

fn node(net: &Net) -> Node {
    Node::new(settings(), 1, net.interface())
}

#[test]
fn a1_a_driver_that_comes_and_goes_leaves_nothing_behind() {
    let net = Net::calm();
    for _ in 0..3 {
        node(&net).listen_on(SERVER);
    }
}

#[test]
fn a2_a_driver_binds_to_loopback_and_says_so() {
    let mut node = node(&Net::calm());
    assert!(!node.driver.is_bound());
    node.driver.bind(SERVER).unwrap();
    assert!(node.driver.is_bound());
    assert_eq!(node.driver.local_endpoint(), SERVER);
}

#[test]
fn a3_a_bound_driver_listens_and_says_so() {
    let mut node = node(&Net::calm());
    node.driver.bind(SERVER).unwrap();
    assert!(!node.driver.is_listening());
    node.driver.listen().unwrap();
    assert!(node.driver.is_listening());
}

#[test]
fn a4_accepting_with_nobody_there_ends_at_once() {
    let mut node = node(&Net::calm());
    node.listen_on(SERVER);
    node.update();
    assert_eq!(node.accept_all(), []);
}

#[test]
fn a9_a_bound_driver_cannot_be_bound_again_and_stays_where_it_is() {
    let mut node = node(&Net::calm());
    node.driver.bind(SERVER).unwrap();
    let error = node.driver.bind(SERVER.with_port(7778)).unwrap_err();
    assert!(
        matches!(error, BindError::AlreadyBound { local } if local == SERVER),
        "{error}"
    );
    assert_eq!(node.driver.local_endpoint(), SERVER);
}

#[test]
fn a10_an_unbound_driver_cannot_listen() {
    let mut node = node(&Net::calm());
    assert_eq!(node.driver.listen(), Err(ListenError::NotBound));
    assert!(!node.driver.is_listening());
}

#[test]
fn a11_a_listening_driver_cannot_listen_again() {
    let mut node = node(&Net::calm());
    node.listen_on(SERVER);
    assert_eq!(node.driver.listen(), Err(ListenError::AlreadyListening));
    assert!(node.driver.is_listening());
}

#[test]
fn a12_port_0_shows_a_real_port() {
    let mut in_memory = node(&Net::calm());
    in_memory.driver.bind(SERVER.with_port(0)).unwrap();
    assert_ne!(in_memory.driver.local_endpoint().port(), 0);

    let mut over_udp = NetworkDriver::new(settings().build().unwrap()).unwrap();
    over_udp.bind(SERVER.with_port(0)).unwrap();
    assert_ne!(over_udp.local_endpoint().port(), 0);
}

#[test]
fn a13_a_port_in_use_is_an_error_that_names_it() {
    let mut first = NetworkDriver::new(settings().build().unwrap()).unwrap();
    first.bind(SERVER.with_port(0)).unwrap();
    let taken = first.local_endpoint();
    let mut second = NetworkDriver::new(settings().build().unwrap()).unwrap();
    let error = second.bind(taken).unwrap_err();
    assert!(matches!(error, BindError::AddressInUse { .. }), "{error}");
    assert_eq!(error.status(), StatusCode::NetworkSocketError);
    assert!(
        error.to_string().contains(&taken.port().to_string()),
        "{error}"
    );
    assert!(!second.is_bound());
    second.bind(SERVER.with_port(0)).unwrap();
}

/// An interface that counts what is asked of it.
#[derive(Debug)]
struct Counting(Arc<AtomicUsize>);

impl Counting {
    fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl NetworkInterface for Counting {
    fn bind(&mut self, _: &NetworkEndpoint) -> Result<(), BindError> {
        Ok(())
    }

    fn local_endpoint(&self) -> NetworkEndpoint {
        SERVER
    }

    fn receive(&self, _: &mut ReceiveBatch) -> Received {
        self.count();
        Received::Drained
    }

    fn send(&self, batch: &[Transmit<'_>], report: &mut SendReport) {
        self.count();
        report.clear();
        report.done = batch.len();
    }

    fn wait(&self, _: Duration) -> bool {
        self.count();
        false
    }
}

#[test]
fn a15_an_unbound_driver_updates_and_flushes_without_touching_its_interface() {
    let calls = Arc::new(AtomicUsize::new(0));
    let mut node = Node::new(settings(), 1, Counting(calls.clone()));
    node.update();
    node.flush();
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    node.driver.bind(SERVER).unwrap();
    node.update();
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn a16_a_flush_of_an_unbound_driver_sends_nothing() {
    let calls = Arc::new(AtomicUsize::new(0));
    let mut node = Node::new(settings(), 1, Counting(calls.clone()));
    let handle = node.driver.schedule_flush_send();
    assert!(handle.is_completed());
    handle.complete();
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    assert_eq!(node.driver.statistics().sent.entered, 0);
}

#[test]
fn a17_a_driver_keeps_the_settings_it_was_made_with() {
    let builder = settings().connect_timeout(ms(123));
    let node = Node::new(builder.clone(), 1, Net::calm().interface());
    let changed = builder.connect_timeout(ms(456)).build().unwrap();
    assert_eq!(changed.connection().connect_timeout, ms(456));
    assert_eq!(
        node.driver.current_settings().connection().connect_timeout,
        ms(123)
    );
}
