//! Two peers over a bad network: what was accepted is what is delivered, once and in order (R25).

use super::*;
use StageId::{Fragmentation as F, Null, ReliableSequenced as R, UnreliableSequenced as U};

/// A direction that loses, doubles, delays and reorders, from a seed.
#[derive(Debug)]
pub(super) struct Wire {
    state: u64,
    pub(super) loss: u64,
    pub(super) duplication: u64,
    pub(super) delay_ms: u64,
    pub(super) jitter_ms: u64,
    under_way: Vec<(Timestamp, u64, Vec<u8>)>,
    pub(super) carried: u64,
    pub(super) bytes: u64,
}

impl Wire {
    pub(super) fn perfect() -> Self {
        Self {
            state: 1,
            loss: 0,
            duplication: 0,
            delay_ms: 0,
            jitter_ms: 0,
            under_way: Vec::new(),
            carried: 0,
            bytes: 0,
        }
    }

    /// 30 % loss, 20 % duplication, 0 to 200 ms.
    pub(super) fn bad(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            loss: 30,
            duplication: 20,
            jitter_ms: 200,
            ..Self::perfect()
        }
    }

    pub(super) fn random(&mut self, bound: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % bound
    }

    pub(super) fn carry(&mut self, now: Timestamp, bodies: Vec<Vec<u8>>) {
        for body in bodies {
            self.bytes += body.len() as u64;
            let copies = 1 + u64::from(self.random(100) < self.duplication);
            for _ in 0..copies {
                if self.random(100) < self.loss {
                    continue;
                }
                let delay = self.delay_ms + self.random(self.jitter_ms + 1);
                let due = Timestamp::from_micros(now.as_micros() + delay * 1_000);
                self.under_way.push((due, self.carried, body.clone()));
                self.carried += 1;
            }
        }
    }

    pub(super) fn due(&mut self, now: Timestamp) -> Vec<Vec<u8>> {
        let (mut due, rest): (Vec<_>, Vec<_>) =
            self.under_way.drain(..).partition(|(at, ..)| *at <= now);
        self.under_way = rest;
        due.sort_by_key(|(at, order, _)| (*at, *order));
        due.into_iter().map(|(.., body)| body).collect()
    }
}

/// Two peers and the network between them.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) peers: [Peer; 2],
    pub(super) wires: [Wire; 2],
    pub(super) now_ms: u64,
}

impl Pair {
    pub(super) fn new(stages: &[StageId], parameters: &Parameters, wires: [Wire; 2]) -> Self {
        Self {
            peers: [Peer::new(stages, parameters), Peer::new(stages, parameters)],
            wires,
            now_ms: 0,
        }
    }

    pub(super) fn perfect(stages: &[StageId], parameters: &Parameters) -> Self {
        Self::new(stages, parameters, [Wire::perfect(), Wire::perfect()])
    }

    /// One update of both sides, `ms` later; `act` lets each application send.
    pub(super) fn tick(&mut self, ms: u64, mut act: impl FnMut(usize, &mut Peer)) {
        self.now_ms += ms;
        let now = at_ms(self.now_ms);
        for side in [0, 1] {
            let arrived = self.wires[1 - side].due(now);
            let peer = &mut self.peers[side];
            // Under Unity's timing, what was queued leaves first, at the time of the last update.
            if peer.parameters.timing == Timing::Unity {
                act(side, peer);
            }
            peer.now = now;
            peer.service(Phase::Opening);
            for body in &arrived {
                let _ = peer.receive(body);
            }
            if peer.parameters.timing == Timing::Prompt {
                act(side, peer);
            }
            peer.service(Phase::Closing);
            let sent = peer.take_sent();
            self.wires[side].carry(now, sent);
        }
    }

    pub(super) fn idle(&mut self, ticks: u64, ms: u64) {
        for _ in 0..ticks {
            self.tick(ms, |_, _| {});
        }
    }
}

/// Message `index`, of a length that depends on it.
pub(super) fn message(index: u32, longest: usize) -> Vec<u8> {
    let len = 4 + (index as usize).wrapping_mul(7_919) % (longest - 3);
    let mut message = index.to_le_bytes().to_vec();
    message.extend((4..len).map(|i| u8::try_from((i + index as usize) % 251).unwrap()));
    message
}

/// Sends `count` messages each way and checks every delivery; returns the milliseconds it took.
fn transfer(pair: &mut Pair, count: u32, longest: usize, place: &str) -> u64 {
    let start = pair.now_ms;
    let mut next = [0_u32; 2];
    let mut delivered = [0_u32; 2];
    while delivered != [count; 2] {
        pair.tick(10, |side, peer| {
            while next[side] < count {
                match peer.send(&message(next[side], longest)) {
                    Ok(()) => next[side] += 1,
                    Err(StageRefusal::WindowFull { free_at, .. }) => {
                        assert!(free_at >= peer.now, "{place}");
                        break;
                    }
                    Err(other) => panic!("{place}: {other}"),
                }
            }
        });
        for side in [0, 1] {
            for bytes in pair.peers[side].take_messages() {
                assert!(
                    bytes == message(delivered[side], longest),
                    "{place}: {delivered:?}"
                );
                delivered[side] += 1;
            }
            assert!(delivered[side] <= next[1 - side], "{place}");
        }
        assert!(
            pair.now_ms < start + 900_000,
            "{place}: {delivered:?} of {count}"
        );
    }
    pair.now_ms - start
}

#[test]
fn r25_oracle() {
    for timing in [Timing::Prompt, Timing::Unity] {
        for (stages, longest) in [
            (&[R][..], 300),
            (&[F, R], 4_096),
            (&[R, F], 1_300),
            (&[Null, R], 1_000),
            (&[F, R, F], 3_000),
            (&[R, U], 200),
        ] {
            for window in [1, 8, 32, 64, 256] {
                let parameters = Parameters {
                    window,
                    timing,
                    ..Parameters::new(timing)
                };
                let place = format!("{timing:?} {stages:?} window {window}");
                let wires = [Wire::bad(u64::from(window)), Wire::bad(77)];
                let mut pair = Pair::new(stages, &parameters, wires);
                transfer(&mut pair, 60, longest, &place);
            }
        }
    }
}

#[test]
fn r25_slow_reader() {
    let mut pair = Pair::perfect(&[F, R], &prompt());
    pair.wires[0].loss = 5;
    let (mut next, mut delivered) = (0_u32, 0_u32);
    for tick in 0..4_000 {
        let reads = tick > 3_000;
        pair.peers[1].inbox.room = if reads { usize::MAX } else { 10 };
        pair.tick(10, |side, peer| {
            while side == 0 && next < 500 && peer.send(&message(next, 2_000)).is_ok() {
                next += 1;
            }
        });
        assert!(pair.peers[1].state.memory() < 120_000);
        if reads {
            for bytes in pair.peers[1].take_messages() {
                assert_eq!(bytes, message(delivered, 2_000));
                delivered += 1;
            }
        }
    }
    assert_eq!((next, delivered), (500, 500));
}

#[test]
fn a_message_of_more_packets_than_the_window_streams_through_it() {
    for timing in [Timing::Prompt, Timing::Unity] {
        let parameters = Parameters {
            fragmentation_capacity: 1 << 20,
            ..Parameters::new(timing)
        };
        let mut pair = Pair::new(&[F, R], &parameters, [Wire::bad(3), Wire::bad(4)]);
        pair.wires[0].jitter_ms = 20;
        pair.wires[1].jitter_ms = 20;
        let large = message(1, 1 << 20);
        let large = [large, vec![9; 500_000]].concat();
        pair.peers[0].send(&large).unwrap();
        let mut left = pair.peers[0].state.backlog();
        assert!(left > 0);
        assert_eq!(pair.peers[0].state.window_credits(&parameters), 0);
        assert!(matches!(
            pair.peers[0].send(b"next"),
            Err(StageRefusal::WindowFull { .. })
        ));
        let mut sent_next = false;
        let mut received = Vec::new();
        for _ in 0..20_000 {
            pair.tick(10, |side, peer| {
                if side == 0 && !sent_next {
                    sent_next = peer.send(b"next").is_ok();
                }
            });
            let backlog = pair.peers[0].state.backlog();
            assert!(backlog <= left);
            left = backlog;
            received.extend(pair.peers[1].take_messages());
            if received.len() == 2 {
                break;
            }
        }
        assert!(received == [large, b"next".to_vec()], "{timing:?}");
    }
}

#[test]
fn prompt_timing_recovers_sooner_than_unitys() {
    let took = |timing| {
        let mut wires = [Wire::perfect(), Wire::perfect()];
        for (wire, seed) in wires.iter_mut().zip([5, 6]) {
            wire.state = seed;
            wire.loss = 5;
            wire.delay_ms = 20;
        }
        let mut pair = Pair::new(&[R], &Parameters::new(timing), wires);
        let took = transfer(&mut pair, 3_000, 100, "5 % loss");
        (took, pair.wires[0].bytes)
    };
    let (prompt, prompt_bytes) = took(Timing::Prompt);
    let (unity, unity_bytes) = took(Timing::Unity);
    assert!(prompt < unity, "{prompt} ms, Unity {unity} ms");
    assert!(prompt_bytes < unity_bytes * 11 / 10);
}

#[test]
fn steady_traffic_holds_the_memory_it_has() {
    for stages in [&[R][..], &[F, R], &[F], &[U]] {
        let mut pair = Pair::perfect(stages, &prompt());
        let longest = if stages.contains(&F) { 4_000 } else { 1_300 };
        let run = |pair: &mut Pair, ticks: u32| {
            for index in 0..ticks {
                pair.tick(16, |_, peer| {
                    for part in 0..4 {
                        peer.send(&message(4 * (index % 50) + part, longest))
                            .unwrap();
                    }
                });
                for peer in &mut pair.peers {
                    peer.take_messages();
                }
            }
        };
        run(&mut pair, 100);
        let memory = |pair: &Pair| {
            let held = |peer: &Peer| peer.state.memory() + peer.buffers.memory();
            [held(&pair.peers[0]), held(&pair.peers[1])]
        };
        let before = memory(&pair);
        run(&mut pair, 500);
        assert_eq!(memory(&pair), before, "{stages:?}");
        // And what is idle holds next to nothing.
        pair.idle(2_000, 16);
        assert!(
            memory(&pair)[0] <= 1_500 + pair.peers[0].buffers.memory(),
            "{stages:?} {:?}",
            memory(&pair)
        );
    }
}

#[test]
fn r29_reliable_data_beyond_the_memory_limit_is_not_acknowledged() {
    let mut pair = Pair::perfect(&[R], &with_window(256));
    pair.peers[1].memory = 20_000;
    let lost = message(0, 1_000);
    pair.peers[0].send(&lost).unwrap();
    pair.peers[0].take_sent();
    let (mut next, mut delivered) = (1_u32, 0_u32);
    for _ in 0..2_000 {
        pair.tick(10, |side, peer| {
            while side == 0 && next < 250 && peer.send(&message(next, 1_000)).is_ok() {
                next += 1;
            }
        });
        assert!(pair.peers[1].state.memory() <= 24_000);
        for bytes in pair.peers[1].take_messages() {
            assert_eq!(bytes, message(delivered, 1_000));
            delivered += 1;
        }
    }
    assert_eq!(delivered, 250);
}
