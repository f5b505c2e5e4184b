//! One connection's long run of records, opened by one worker or by many: the same comes of it.

use std::sync::Arc;

use drumfire::interface::{Captured, Conditions};
use drumfire::settings::InlineThreshold;
use drumfire::{NetworkConnection, ThreadPool};

use crate::identities::{client, server};
use crate::support::{Dice, Event, Net, Node, SERVER, World};

/// Messages of a run, in one update.
const MESSAGES: u16 = 420;

/// A server whose jobs are spread over so many threads, and a client; none is a server on its own.
fn world(threads: Option<usize>) -> World {
    let net = Net::rough(3, Conditions::default());
    let rule = match threads {
        Some(_) => InlineThreshold::NeverInline,
        None => InlineThreshold::AlwaysInline,
    };
    let settings = server().inline_threshold(rule).rx_budget_per_conn(4_096);
    let mut world = World::on(net, 1, settings.clone(), client());
    if let Some(threads) = threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool: Arc<ThreadPool> = Arc::new(pool.build().unwrap());
        // The one that listens is dropped first: it has the address.
        world.server = Node::new(server(), 9, world.net.interface());
        world.server = Node::on_pool(settings, 1, world.net.interface(), pool);
        world.server.listen_on(SERVER);
    }
    world
}

/// Everything the client seals for one update, on its way to nobody.
fn run_of(world: &mut World, ours: NetworkConnection, theirs: NetworkConnection) -> Vec<Captured> {
    let from = world.server.driver.remote_endpoint(theirs);
    let tap = world.net.tap();
    world.net.weather().cut(&from, &SERVER);
    for number in 0..MESSAGES {
        let message = [&number.to_be_bytes()[..], &[7; 60]].concat();
        world.clients[0].send(ours, &message).unwrap();
        if number % 60 == 59 {
            world.clients[0].update();
        }
    }
    world.clients[0].update();
    world.net.weather().join(&from, &SERVER);
    let run: Vec<_> = tap
        .take()
        .into_iter()
        .filter(|one| one.to == SERVER)
        .collect();
    assert!(run.len() >= usize::from(MESSAGES), "{}", run.len());
    run
}

/// The run with replays, forgeries, plain records, garbage and shared datagrams strewn in; not quite in
/// order. Of the same shape every time.
fn spoilt(run: &[Captured]) -> Vec<Vec<u8>> {
    let mut dice = Dice::new(77);
    let mut spoilt: Vec<Vec<u8>> = Vec::new();
    for (at, one) in run.iter().enumerate() {
        let bytes = &one.bytes;
        let mut forged = bytes.clone();
        *forged.last_mut().unwrap() ^= 1;
        let mut plain = bytes.clone();
        plain[4] = 0;
        match dice.below(24) {
            // A forgery in front of the record, and one behind it: not authentic, and a replay.
            0 => spoilt.extend([forged.clone(), bytes.clone()]),
            1 => spoilt.extend([bytes.clone(), forged]),
            2 => spoilt.extend([bytes.clone(), bytes.clone()]),
            // A replay from far behind.
            3 => spoilt.extend([bytes.clone(), run[at / 2].bytes.clone()]),
            4 => spoilt.extend([plain, bytes.clone()]),
            5 => spoilt.push([&forged[..], bytes].concat()),
            6 => spoilt.push([&bytes[..], &run[at / 3].bytes].concat()),
            7 => spoilt.push([&bytes[..], b"garbage"].concat()),
            // It comes later than the next.
            8 => {
                let place = spoilt.len().saturating_sub(5);
                spoilt.insert(place, bytes.clone());
            }
            _ => spoilt.push(bytes.clone()),
        }
    }
    spoilt.truncate(500);
    spoilt
}

/// What the application gets, and what is counted, of a spoilt run in one update and one in the next.
fn outcome(threads: Option<usize>) -> (Vec<Event>, String, u64) {
    let mut world = world(threads);
    let (ours, theirs) = world.connect_proved(0);
    let before = world.server.driver.statistics().inward.passed;
    let mut events = Vec::new();
    for _ in 0..2 {
        let run = run_of(&mut world, ours, theirs);
        for datagram in spoilt(&run) {
            world.net.inject(run[0].from, SERVER, &datagram);
        }
        world.server.update();
        events.extend(world.server.events_of(theirs));
    }
    let inward = world.server.driver.statistics().inward;
    let drops: Vec<_> = inward.drops.iter().collect();
    (events, format!("{drops:?}"), inward.passed - before)
}

#[test]
fn r15_the_number_of_workers_on_one_connections_records_changes_nothing() {
    let alone = outcome(None);
    assert!(alone.0.len() > 700, "{} events", alone.0.len());
    for reason in ["Replayed", "Forged", "Unprotected"] {
        assert!(alone.1.contains(reason), "{}", alone.1);
    }
    for threads in [1, 2, 16] {
        // Who opens what is a matter of chance; what comes of it is not.
        for _ in 0..4 {
            assert_eq!(outcome(Some(threads)), alone, "{threads} threads");
        }
    }
}
