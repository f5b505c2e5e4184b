//! Updates: what a tick costs, alone and spread.
//!
//! `canned` isolates drumfire: its interface hands out prepared datagrams and swallows what is sent.
//! `udp` is the whole way over real sockets on loopback; only `schedule_update().complete()` is timed.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock: that is what it is for"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up has nothing to say"
)]

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use drumfire::address::Path;
use drumfire::buffer::batch::ReceiveBatch;
use drumfire::error::BindError;
use drumfire::interface::{NetworkInterface, Received, SendReport, Transmit};
use drumfire::settings::{AddressValidation, InlineThreshold, Pinning, SliceOverlap, Workers};
use drumfire::{NetworkDriver, NetworkEndpoint, NetworkSettings};

#[path = "../tests/support/raw_clients.rs"]
mod raw_clients;

use raw_clients::{RawClients, echo};

/// Prepared datagrams in, nothing out.
#[derive(Debug)]
struct Canned {
    datagrams: Mutex<Vec<(Path, Vec<u8>)>>,
    /// Datagrams of the present update that are not handed out yet.
    next: AtomicUsize,
    sent: AtomicU64,
}

impl Canned {
    fn new(connections: u32) -> Self {
        let datagrams = (0..connections)
            .map(|index| {
                let remote = NetworkEndpoint::custom(std::array::from_fn(|byte| {
                    index.to_le_bytes().get(byte).copied().unwrap_or(0)
                }));
                let mut request = b"UTP\x01\x01".to_vec();
                request.extend_from_slice(&(u64::from(index) + 1).to_le_bytes());
                (
                    Path {
                        remote,
                        local: None::<IpAddr>,
                    },
                    request,
                )
            })
            .collect();
        Self {
            datagrams: Mutex::new(datagrams),
            next: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
        }
    }
}

/// The interface is shared with the bench, which turns its requests into messages.
#[derive(Debug, Clone)]
struct Shared(std::sync::Arc<Canned>);

impl NetworkInterface for Shared {
    fn bind(&mut self, _endpoint: &NetworkEndpoint) -> Result<(), BindError> {
        Ok(())
    }

    fn local_endpoint(&self) -> NetworkEndpoint {
        NetworkEndpoint::loopback_ipv4(7777)
    }

    fn receive(&self, batch: &mut ReceiveBatch) -> Received {
        let datagrams = self.0.datagrams.lock().unwrap();
        while batch.remaining() > 0 {
            let next = self.0.next.fetch_add(1, Ordering::Relaxed);
            let Some((path, datagram)) = datagrams.get(next) else {
                return Received::Drained;
            };
            batch.push(*path, datagram);
        }
        Received::More
    }

    fn send(&self, batch: &[Transmit<'_>], report: &mut SendReport) {
        report.clear();
        report.done = batch.len();
        for transmit in batch {
            black_box(transmit.bytes);
        }
        self.0.sent.fetch_add(batch.len() as u64, Ordering::Relaxed);
    }

    fn wait(&self, _timeout: Duration) -> bool {
        true
    }
}

fn settings(threads: usize, threshold: InlineThreshold, overlap: SliceOverlap) -> NetworkSettings {
    NetworkSettings::builder()
        .plain()
        .workers(Workers::Own {
            threads,
            pinning: Pinning::Yes,
        })
        .inline_threshold(threshold)
        .slice_overlap(overlap)
        .address_validation(AddressValidation::Off)
        .rx_budget(16_384)
        .max_connections_per_ip(0)
        .waiting_for_accept_max(100_000)
        .heartbeat_timeout(Duration::ZERO)
        .disconnect_timeout(Duration::ZERO)
        .build()
        .unwrap()
}

/// A driver with `connections` canned connections, each of which sends 64 bytes an update.
fn canned(connections: u32, settings: NetworkSettings) -> (NetworkDriver, std::sync::Arc<Canned>) {
    let canned = std::sync::Arc::new(Canned::new(connections));
    let mut driver = NetworkDriver::with_interface(settings, Shared(canned.clone())).unwrap();
    driver.bind(NetworkEndpoint::loopback_ipv4(7777)).unwrap();
    driver.listen().unwrap();
    for _ in 0..100 {
        canned.next.store(0, Ordering::Relaxed);
        driver.update();
        while driver.accept().is_some() {}
    }
    assert_eq!(driver.connections().count(), connections as usize);
    for (index, (_, datagram)) in canned.datagrams.lock().unwrap().iter_mut().enumerate() {
        datagram.clear();
        datagram.push(1);
        datagram.extend_from_slice(&(index as u64 + 1).to_le_bytes());
        datagram.resize(74, 0);
    }
    (driver, canned)
}

/// One update that receives and sends a message of every connection, and the echo of the next.
fn tick(driver: &mut NetworkDriver, canned: &Canned) -> Duration {
    canned.next.store(0, Ordering::Relaxed);
    let started = Instant::now();
    driver.schedule_update().complete();
    let took = started.elapsed();
    echo(driver);
    took
}

fn canned_updates(c: &mut Criterion) {
    let mut group = c.benchmark_group("update/canned");
    for packets in [1, 8, 32, 1_000] {
        group.throughput(Throughput::Elements(u64::from(packets)));
        let (mut driver, canned) = canned(
            packets,
            settings(2, InlineThreshold::AlwaysInline, SliceOverlap::On),
        );
        group.bench_with_input(BenchmarkId::new("inline", packets), &packets, |b, _| {
            b.iter_custom(|rounds| (0..rounds).map(|_| tick(&mut driver, &canned)).sum());
        });
    }
    // A thousand take less than two wake-ups: whether a second worker pays shows with ten thousand.
    for packets in [1_000, 10_000] {
        group.throughput(Throughput::Elements(u64::from(packets)));
        for (name, threads, overlap) in [
            ("1 worker", 1, SliceOverlap::On),
            ("2 workers", 2, SliceOverlap::On),
            ("2 workers, no overlap", 2, SliceOverlap::Off),
        ] {
            let (mut driver, canned) = canned(
                packets,
                settings(threads, InlineThreshold::NeverInline, overlap),
            );
            group.bench_function(BenchmarkId::new(name, packets), |b| {
                b.iter_custom(|rounds| (0..rounds).map(|_| tick(&mut driver, &canned)).sum());
            });
        }
    }
    group.finish();
}

/// What an update costs beside its stages: schedule, complete, flips, plan.
fn overhead(c: &mut Criterion) {
    let mut group = c.benchmark_group("update/overhead");
    for packets in [0, 1, 8, 32] {
        let (mut driver, canned) = canned(
            packets,
            settings(2, InlineThreshold::Adaptive, SliceOverlap::On),
        );
        group.bench_function(
            BenchmarkId::new("schedule + complete − stages", packets),
            |b| {
                b.iter_custom(|rounds| {
                    let before = driver.statistics().stage_times.total();
                    let whole: Duration = (0..rounds).map(|_| tick(&mut driver, &canned)).sum();
                    whole.saturating_sub(driver.statistics().stage_times.total() - before)
                });
            },
        );
    }
    group.finish();
}

/// An update of a driver with idle connections.
fn idle(c: &mut Criterion) {
    let mut group = c.benchmark_group("update/idle");
    for connections in [0, 100, 1_000, 10_000] {
        let (mut driver, canned) = canned(
            connections,
            settings(2, InlineThreshold::Adaptive, SliceOverlap::On),
        );
        canned.next.store(usize::MAX / 2, Ordering::Relaxed);
        driver.update();
        while driver.pop_event().is_some() {}
        group.bench_function(BenchmarkId::from_parameter(connections), |b| {
            b.iter(|| driver.schedule_update().complete());
        });
    }
    group.finish();
}

fn udp_updates(c: &mut Criterion) {
    let mut group = c.benchmark_group("update/udp");
    group.sample_size(20);
    group.throughput(Throughput::Elements(1_000));
    for (name, threads, overlap) in [
        ("1 worker", 1, SliceOverlap::On),
        ("2 workers", 2, SliceOverlap::On),
        ("2 workers, no overlap", 2, SliceOverlap::Off),
    ] {
        let threshold = if threads == 1 {
            InlineThreshold::AlwaysInline
        } else {
            InlineThreshold::Adaptive
        };
        let mut server = NetworkDriver::new(settings(threads, threshold, overlap)).unwrap();
        server.bind(NetworkEndpoint::loopback_ipv4(0)).unwrap();
        server.listen().unwrap();
        let clients = RawClients::connect(&mut server, 1_000);
        group.bench_function(BenchmarkId::new(name, 1_000), |b| {
            b.iter_custom(|rounds| {
                (0..rounds)
                    .map(|_| {
                        clients.receive();
                        clients.send();
                        let started = Instant::now();
                        server.schedule_update().complete();
                        let took = started.elapsed();
                        echo(&mut server);
                        took
                    })
                    .sum()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, canned_updates, overhead, idle, udp_updates);
criterion_main!(benches);
