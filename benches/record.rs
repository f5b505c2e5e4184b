//! Records: what sealing and opening cost beside the bare AEAD of the same provider.
//!
//! First a table, one line for each suite, size and direction: the record path and the AEAD alone take
//! turns on the same bytes, so that whatever else the machine does meets both, and the difference is
//! the medians'. Then one connection's records opened by one worker and by two. Then the same as
//! criterion's benches, to be compared from day to day.
//!
//! ```text
//! cargo bench --bench record --features internals
//! ```
//!
//! Not measured here: what calls the record path, and memory that is not in the cache.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock: that is what it is for"
)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that cannot be set up has nothing to say, and a table is printed"
)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{
    AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, Tag, UnboundKey,
};
use criterion::{Criterion, Throughput, criterion_group};
use drumfire::internals::{RecordAhead, RecordPath, RecordSuite};

/// Records in a turn: enough to make the clock's own time small, few enough to stay in the cache.
const TURN: usize = 256;

/// Turns of the table.
const TURNS: usize = 2_001;

/// Content of a record, in bytes.
const SIZES: [usize; 2] = [64, 1_200];

/// Both suites, by the name of their AEAD.
const SUITES: [(&str, RecordSuite); 2] = [
    ("aes-256-gcm", RecordSuite::Aes256Gcm),
    ("chacha20-poly1305", RecordSuite::ChaCha20Poly1305),
];

/// What is timed: a turn of records, sealed or opened.
trait Path {
    /// Seals a turn; how long it took.
    fn seal(&mut self) -> Duration;
    /// Opens the turn sealed last; how long it took.
    fn open(&mut self) -> Duration;
}

/// The record path: headers, numbers, window and counters.
struct Records {
    path: RecordPath,
    content: std::ops::Range<usize>,
    buffers: Vec<Vec<u8>>,
}

impl Records {
    fn new(suite: RecordSuite, size: usize) -> Self {
        let path = RecordPath::new(suite).unwrap();
        let start = path.headroom();
        Self {
            content: start..start + size,
            buffers: vec![vec![7; start + size + RecordPath::TAILROOM]; TURN],
            path,
        }
    }
}

impl Path for Records {
    fn seal(&mut self) -> Duration {
        let start = Instant::now();
        for buffer in &mut self.buffers {
            assert!(self.path.seal(buffer, self.content.clone()).is_some());
        }
        start.elapsed()
    }

    fn open(&mut self) -> Duration {
        let start = Instant::now();
        for buffer in &mut self.buffers {
            assert_eq!(self.path.open(buffer), Some(self.content.clone()));
        }
        start.elapsed()
    }
}

/// The AEAD alone, with additional data as long as a record's.
struct Bare {
    seal: LessSafeKey,
    open: LessSafeKey,
    buffers: Vec<Vec<u8>>,
    tags: Vec<Option<Tag>>,
    sealed: u64,
}

impl Bare {
    fn new(suite: RecordSuite, size: usize) -> Self {
        let algorithm = match suite {
            RecordSuite::Aes256Gcm => &AES_256_GCM,
            RecordSuite::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        };
        let key = || LessSafeKey::new(UnboundKey::new(algorithm, &[9; 32]).unwrap());
        Self {
            seal: key(),
            open: key(),
            buffers: vec![vec![7; size + 16]; TURN],
            tags: (0..TURN).map(|_| None).collect(),
            sealed: 0,
        }
    }

    fn nonce(number: u64) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        for (to, from) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
            *to = from;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

/// As long as a record's.
const ADDITIONAL_DATA: [u8; 13] = [0; 13];

impl Path for Bare {
    fn seal(&mut self) -> Duration {
        let start = Instant::now();
        for (buffer, tag) in self.buffers.iter_mut().zip(&mut self.tags) {
            self.sealed += 1;
            let (nonce, aad) = (Self::nonce(self.sealed), Aad::from(ADDITIONAL_DATA));
            let (text, end) = buffer.split_last_chunk_mut::<16>().unwrap();
            let made = self.seal.seal_in_place_separate_tag(nonce, aad, text);
            let made = made.unwrap();
            end.copy_from_slice(made.as_ref());
            *tag = Some(made);
        }
        start.elapsed()
    }

    fn open(&mut self) -> Duration {
        let first = self.sealed - self.buffers.len() as u64 + 1;
        let start = Instant::now();
        for (number, buffer) in (first..).zip(&mut self.buffers) {
            let (nonce, aad) = (Self::nonce(number), Aad::from(ADDITIONAL_DATA));
            assert!(self.open.open_in_place(nonce, aad, buffer).is_ok());
        }
        start.elapsed()
    }
}

/// The middle of many, in nanoseconds a record.
fn median(mut turns: Vec<Duration>) -> f64 {
    turns.sort_unstable();
    let middle = turns.get(turns.len() / 2).copied().unwrap_or_default();
    middle.as_secs_f64() * 1e9 / TURN as f64
}

/// The table: the record path, the AEAD alone, and the difference.
fn table() {
    println!("ns a record             size  direction   records  bare AEAD  above it");
    for (name, suite) in SUITES {
        for size in SIZES {
            let mut records = Records::new(suite, size);
            let mut bare = Bare::new(suite, size);
            let mut times: [Vec<Duration>; 4] = Default::default();
            for _ in 0..TURNS {
                let [seal, open, bare_seal, bare_open] = &mut times;
                seal.push(records.seal());
                bare_seal.push(bare.seal());
                open.push(records.open());
                bare_open.push(bare.open());
            }
            let [seal, open, bare_seal, bare_open] = times.map(median);
            for (direction, ours, theirs) in [("seal", seal, bare_seal), ("open", open, bare_open)]
            {
                println!(
                    "{name:<22} {size:>5}  {direction:<9} {ours:>9.1}  {theirs:>9.1}  {:>8.1}",
                    ours - theirs
                );
            }
        }
    }
}

/// One path, sealed and opened, as criterion's benches.
fn bench_path(c: &mut Criterion, name: &str, size: usize, path: &mut dyn Path) {
    let mut group = c.benchmark_group(format!("{name}/{size}"));
    group.throughput(Throughput::Bytes(size as u64));
    let turns = |iterations: u64| iterations.div_ceil(TURN as u64);
    let share = |time: Duration, iterations: u64| {
        time.mul_f64(iterations as f64 / (turns(iterations) * TURN as u64) as f64)
    };
    group.bench_function("seal", |bencher| {
        bencher.iter_custom(|iterations| {
            share(
                (0..turns(iterations)).map(|_| path.seal()).sum(),
                iterations,
            )
        });
    });
    group.bench_function("open", |bencher| {
        bencher.iter_custom(|iterations| {
            let opened = (0..turns(iterations)).map(|_| {
                path.seal();
                path.open()
            });
            share(opened.sum(), iterations)
        });
    });
    group.finish();
}

/// Records of one connection that are opened by several workers at a time, as an update does it: in
/// segments that whoever is free takes, and settled in order behind all of them.
struct LongRun {
    records: Records,
    opened: Vec<Vec<RecordAhead>>,
}

/// Records of a long run: so many that ending a thread is nothing beside opening them.
const LONG: usize = 8_192;

/// Records of a segment.
const SEGMENT: usize = 64;

impl LongRun {
    fn new(suite: RecordSuite, size: usize) -> Self {
        let mut records = Records::new(suite, size);
        let one = records.buffers.first().cloned().unwrap_or_default();
        records.buffers = vec![one; LONG];
        Self {
            records,
            opened: vec![Vec::new(); LONG / SEGMENT],
        }
    }

    /// Seals the run, and opens it with so many workers; how long opening took.
    fn open(&mut self, workers: usize) -> Duration {
        self.records.seal();
        let Self { records, opened } = self;
        let Records {
            path,
            content,
            buffers,
        } = records;
        let reader = path.reader();
        let segments = Mutex::new(buffers.chunks_mut(SEGMENT).zip(opened.iter_mut()));
        let work = || {
            while let Some((segment, opened)) = { segments.lock().unwrap().next() } {
                opened.extend(segment.iter_mut().map(|record| reader.open(record)));
            }
        };
        // Workers of an update are awake when there is something to open.
        let (awake, begun) = (AtomicUsize::new(1), AtomicBool::new(false));
        let start = std::thread::scope(|scope| {
            for _ in 1..workers {
                scope.spawn(|| {
                    awake.fetch_add(1, Ordering::Relaxed);
                    while !begun.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                    work();
                });
            }
            while awake.load(Ordering::Relaxed) < workers {
                std::hint::spin_loop();
            }
            let start = Instant::now();
            begun.store(true, Ordering::Relaxed);
            work();
            start
        });
        for record in opened.iter_mut().flat_map(|segment| segment.drain(..)) {
            assert_eq!(path.settle(record), Some(content.clone()));
        }
        start.elapsed()
    }
}

/// The table of one connection's records and two workers.
fn workers() {
    println!("records of one connection, ns each   1 worker  2 workers   ratio");
    for (name, suite) in SUITES {
        for size in SIZES {
            let mut run = LongRun::new(suite, size);
            let mut times: [Vec<Duration>; 2] = Default::default();
            for _ in 0..101 {
                for (workers, times) in (1..).zip(&mut times) {
                    times.push(run.open(workers));
                }
            }
            let [one, two] = times.map(|times| median(times) * TURN as f64 / LONG as f64);
            println!(
                "{name:<22} {size:>5}        {one:>9.1}  {two:>9.1}  {:>6.2}",
                one / two
            );
        }
    }
}

fn long_runs(c: &mut Criterion) {
    for (name, suite) in SUITES {
        let mut run = LongRun::new(suite, 64);
        let mut group = c.benchmark_group(format!("one connection/{name}/64"));
        group.throughput(Throughput::Elements(LONG as u64));
        for workers in [1, 2] {
            group.bench_function(format!("{workers} workers"), |bencher| {
                bencher.iter_custom(|iterations| (0..iterations).map(|_| run.open(workers)).sum());
            });
        }
        group.finish();
    }
}

fn records(c: &mut Criterion) {
    for (name, suite) in SUITES {
        for size in SIZES {
            let mut records = Records::new(suite, size);
            bench_path(c, &format!("record/{name}"), size, &mut records);
            let mut bare = Bare::new(suite, size);
            bench_path(c, &format!("bare/{name}"), size, &mut bare);
        }
    }
}

criterion_group!(benches, records, long_runs);

fn main() {
    // Tests of all targets run every bench once; they have no use for the table.
    if std::env::args().any(|argument| argument == "--bench") {
        table();
        workers();
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
