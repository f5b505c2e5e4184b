//! A line between both sides: a relay of datagrams that is bad by a seed, or good and taped.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::diary::Diary;
use crate::dice::Dice;

/// One in so many.
const FIFTH: usize = 5;
/// Longest a datagram is held back, in milliseconds.
const DELAY: usize = 40;
/// Longest sleep, so that the end is heard.
const TURN: Duration = Duration::from_millis(10);

/// What becomes of datagrams on their way.
#[derive(Clone)]
pub(crate) enum Weather {
    /// A fifth of them is lost, doubled or delayed each.
    Bad {
        /// Of the dice.
        seed: u64,
    },
    /// They pass, and are kept.
    #[cfg_attr(
        not(feature = "key-log"),
        expect(dead_code, reason = "tapes are for tshark")
    )]
    Taped(Tape),
}

/// All datagrams in their order, and whether each went to the server.
#[derive(Clone, Default)]
pub(crate) struct Tape(Arc<Mutex<Vec<Taped>>>);

/// A datagram, and whether it went to the server.
type Taped = (bool, Vec<u8>);

#[cfg(feature = "key-log")]
impl Tape {
    pub(crate) fn datagrams(&self) -> Vec<Taped> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A relay between clients of `port` and a server. Ends when dropped.
pub(crate) struct Line {
    pub(crate) port: u16,
    diary: Diary,
    over: Arc<AtomicBool>,
}

impl Line {
    pub(crate) fn to(server: u16, weather: &Weather) -> Self {
        let here = UdpSocket::bind("127.0.0.1:0").unwrap();
        let there = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = here.local_addr().unwrap().port();
        there.connect(("127.0.0.1", server)).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let client = Arc::new(Mutex::new(None));
        let diary = Diary::new();
        for (from, to, upward) in [(&here, &there, true), (&there, &here, false)] {
            let mut way = Way {
                from: from.try_clone().unwrap(),
                to: to.try_clone().unwrap(),
                upward,
                client: Arc::clone(&client),
                over: Arc::clone(&over),
                diary: diary.clone(),
                weather: weather.clone(),
                dice: Dice::new(match weather {
                    Weather::Bad { seed } => seed * 2 + u64::from(upward),
                    Weather::Taped(_) => 0,
                }),
                held: BinaryHeap::new(),
            };
            std::thread::spawn(move || way.run());
        }
        Self { port, diary, over }
    }

    /// What it carried, in words.
    pub(crate) fn diary(&self) -> String {
        self.diary.to_string()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Relaxed: nothing else is handed over by it.
        self.over.store(true, Ordering::Relaxed);
    }
}

/// One direction.
struct Way {
    from: UdpSocket,
    to: UdpSocket,
    /// From the client to the server.
    upward: bool,
    client: Arc<Mutex<Option<SocketAddr>>>,
    over: Arc<AtomicBool>,
    diary: Diary,
    weather: Weather,
    dice: Dice,
    held: BinaryHeap<Reverse<(Instant, Vec<u8>)>>,
}

impl Way {
    fn run(&mut self) {
        let mut buffer = [0; 2_048];
        while !self.over.load(Ordering::Relaxed) {
            let now = Instant::now();
            while self
                .held
                .peek()
                .is_some_and(|Reverse((due, _))| *due <= now)
            {
                if let Some(Reverse((_, bytes))) = self.held.pop() {
                    self.pass(&bytes);
                }
            }
            let next = self.held.peek().map_or(TURN, |Reverse((due, _))| {
                due.saturating_duration_since(now)
                    .clamp(Duration::from_millis(1), TURN)
            });
            self.from.set_read_timeout(Some(next)).unwrap();
            let Ok((length, from)) = self.from.recv_from(&mut buffer) else {
                continue;
            };
            if self.upward {
                *self.client.lock().unwrap() = Some(from);
            }
            self.carry(&buffer[..length]);
        }
    }

    fn carry(&mut self, bytes: &[u8]) {
        if let Weather::Taped(tape) = &self.weather {
            tape.0.lock().unwrap().push((self.upward, bytes.to_vec()));
            return self.pass(bytes);
        }
        if self.dice.below(FIFTH) == 0 {
            return self.diary.note(self.upward, "lost", bytes);
        }
        let copies = if self.dice.below(FIFTH) == 0 { 2 } else { 1 };
        for _ in 0..copies {
            if self.dice.below(FIFTH) == 0 {
                let delay = self.dice.below(DELAY).try_into().unwrap_or(0);
                self.diary
                    .note(self.upward, &format!("{delay} ms late"), bytes);
                let due = Instant::now() + Duration::from_millis(delay);
                self.held.push(Reverse((due, bytes.to_vec())));
            } else {
                self.diary.note(self.upward, "on time", bytes);
                self.pass(bytes);
            }
        }
    }

    fn pass(&self, bytes: &[u8]) {
        // A peer that is gone needs nothing more.
        if self.upward {
            let _ = self.to.send(bytes);
        } else if let Some(client) = *self.client.lock().unwrap() {
            let _ = self.to.send_to(bytes, client);
        }
    }
}
