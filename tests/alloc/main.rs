//! The steady state allocates nothing, and an idle connection holds little: counted over real sockets
//! on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "these helpers serve tests only"
)]
#![expect(
    clippy::print_stdout,
    reason = "a figure for whoever runs the test with its output shown"
)]

use std::sync::atomic::Ordering;

use drumfire::settings::InlineThreshold;
use drumfire::{NetworkDriver, NetworkSettings};

mod counting;
mod idle;
mod pairs;
#[path = "../support/raw_clients.rs"]
mod raw_clients;

use counting::{ALLOCATIONS, IN_USE};
use raw_clients::{RawClients, answer};

const CLIENTS: usize = 200;

/// A server whose clients are connected and validated.
fn world(threshold: InlineThreshold) -> (NetworkDriver, RawClients) {
    let settings = NetworkSettings::builder()
        .plain()
        .inline_threshold(threshold)
        .build()
        .unwrap();
    let mut server = NetworkDriver::new(settings).unwrap();
    server.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    server.listen().unwrap();
    let clients = RawClients::connect(&mut server, CLIENTS);
    (server, clients)
}

/// One message from every client, echoed.
fn round(server: &mut NetworkDriver, clients: &RawClients) {
    clients.send();
    server.update();
    server.to_concurrent().iter_mut().for_each(answer);
    server.schedule_flush_send().complete();
    assert_eq!(clients.receive(), CLIENTS);
}

#[test]
fn r28_r29_steady_traffic_allocates_nothing_and_what_rests_holds_little() {
    let rounds = 50;
    let (mut server, clients) = world(InlineThreshold::AlwaysInline);
    round(&mut server, &clients);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (0..rounds).for_each(|_| round(&mut server, &clients));
    assert_eq!(
        ALLOCATIONS.load(Ordering::Relaxed) - before,
        0,
        "allocations of {rounds} inline rounds"
    );

    let (mut server, clients) = world(InlineThreshold::NeverInline);
    round(&mut server, &clients);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (0..rounds).for_each(|_| round(&mut server, &clients));
    let threads =
        u64::try_from(std::thread::available_parallelism().map_or(1, usize::from)).unwrap();
    let allocated = ALLOCATIONS.load(Ordering::Relaxed) - before;
    // An update and a flush a round, each with one lead and threads − 1 helpers; rayon's injector
    // takes a block now and then.
    let allowed = rounds * 2 * (threads + 1) * 2;
    assert!(
        allocated <= allowed,
        "{allocated} allocations in {rounds} spread rounds, at most {allowed} allowed"
    );

    // The counters are the process's, so all that counts is one test.
    pairs::steady_rounds_on_every_pipeline_allocate_nothing();
    idle::plain_connections_cost_at_most_a_kibibyte();
    idle::reliable_connections_cost_at_most_4_000_bytes();
    idle::partial_messages_hold_what_came_of_them_and_go_after_ten_seconds();
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    idle::secure_connections_cost_at_most_four_kibibytes();
}
