//! R7: a client and a server whose updates come at any intervals.

use super::*;

/// Longest time between two updates.
const LONGEST: u64 = 10_000;

/// A side, its next update, and what waits for it.
struct Side {
    bench: Bench,
    due: u64,
    waiting: Vec<Vec<u8>>,
}

impl Side {
    fn new(bench: Bench) -> Self {
        Self {
            bench,
            due: 0,
            waiting: vec![],
        }
    }

    /// One update, `gap` milliseconds after the last. Returns what was sent.
    fn update(&mut self, gap: u64) -> Vec<Vec<u8>> {
        self.bench.now.at = self.bench.now.at + Duration::from_millis(gap);
        let credit = self.bench.rules.settings.limits().max_tick_credit;
        let watched = Duration::from_millis(gap).min(credit);
        self.bench.now.observed = self.bench.now.observed + watched;
        for packet in std::mem::take(&mut self.waiting) {
            if self.bench.link.is_none() {
                self.bench.admit(&packet);
                self.bench.accept();
            } else {
                self.bench.receive(&packet);
            }
        }
        if self.bench.link.is_none() {
            return vec![];
        }
        let sent = self.bench.serve().into_iter().map(|sent| sent.bytes);
        sent.collect()
    }
}

/// From no time at all to ten seconds, the short ones as often as the long ones.
fn gap(random: &mut Random) -> u64 {
    let number = random.u64().unwrap();
    let most = [1, 17, 1_000, LONGEST + 1][usize::try_from(number % 4).unwrap()];
    (number >> 2) % most
}

#[test]
fn r07_tick_gaps_drawn_by_chance_end_no_connection() {
    for seed in 0..200 {
        let mut random = Random::Seeded(seed);
        let mut client = Side::new(Bench::client(plain()));
        let mut server = Side::new(Bench::new(plain()));
        let mut heard = 0;
        for _ in 0..1_000 {
            let gap = gap(&mut random);
            let (side, other) = if client.due <= server.due {
                (&mut client, &mut server)
            } else {
                (&mut server, &mut client)
            };
            side.due += gap;
            let sent = side.update(gap);
            let beats = sent.iter().filter(|bytes| **bytes == heartbeat());
            assert!(beats.count() <= 1, "seed {seed}: each timer fires once");
            other.waiting.extend(sent);
            if client.bench.state() == "established" {
                client.bench.outbox.clear();
                client.bench.send(b"x");
            }
            for event in client.bench.events() {
                assert_eq!(event, Event::Connect(vec![]), "seed {seed}");
            }
            for event in server.bench.events() {
                assert_eq!(event, data(b"x"), "seed {seed}");
                heard += 1;
            }
        }
        assert_eq!(client.bench.state(), "established", "seed {seed}");
        assert_eq!(server.bench.state(), "established", "seed {seed}");
        assert!(heard > 100, "seed {seed}: {heard}");
    }
}
