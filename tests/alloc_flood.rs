//! What a million strangers leave behind: nothing, by the bytes in use (R8).

#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "these helpers serve tests only"
)]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use drumfire::address::Path;
use drumfire::buffer::batch::ReceiveBatch;
use drumfire::error::BindError;
use drumfire::interface::{NetworkInterface, Received, SendReport, Transmit};
use drumfire::settings::{InlineThreshold, SecureClient, SecureServer};
use drumfire::{NetworkDriver, NetworkEndpoint, NetworkSettings};

#[path = "alloc/counting.rs"]
mod counting;
#[expect(dead_code, reason = "each test program uses its part of the support")]
#[path = "support/hellos.rs"]
mod hellos;

use counting::IN_USE;

/// Hellos an update finds.
const A_TICK: u32 = 1_000;

/// A network of nobody but strangers: each datagram is a hello, from an address of its own. It
/// allocates nothing.
#[derive(Debug)]
struct Strangers {
    hello: Vec<u8>,
    said: &'static AtomicU32,
    answers: &'static AtomicU64,
    answered: &'static AtomicU64,
}

impl NetworkInterface for Strangers {
    fn bind(&mut self, _: &NetworkEndpoint) -> Result<(), BindError> {
        Ok(())
    }

    fn local_endpoint(&self) -> NetworkEndpoint {
        NetworkEndpoint::loopback_ipv4(7_777)
    }

    fn receive(&self, batch: &mut ReceiveBatch) -> Received {
        while batch.remaining() > 0 {
            let number = self.said.fetch_add(1, Ordering::Relaxed);
            let [_, a, b, c] = number.to_be_bytes();
            let from = NetworkEndpoint::from_socket_addr(([10, a, b, c], 5_000).into());
            batch.push(Path::from(from), &self.hello);
            if number % A_TICK == A_TICK - 1 {
                return Received::Drained;
            }
        }
        Received::More
    }

    fn send(&self, batch: &[Transmit<'_>], report: &mut SendReport) {
        report.clear();
        report.done = batch.len();
        for datagram in batch {
            let len = u64::try_from(datagram.bytes.len()).unwrap();
            self.answers.fetch_add(1, Ordering::Relaxed);
            self.answered.fetch_add(len, Ordering::Relaxed);
        }
    }

    fn wait(&self, _: Duration) -> bool {
        true
    }
}

#[test]
fn r08_stateless_a_million_hellos_leave_nothing_and_cost_no_signature() {
    static SAID: AtomicU32 = AtomicU32::new(0);
    static ANSWERS: AtomicU64 = AtomicU64::new(0);
    static ANSWERED: AtomicU64 = AtomicU64::new(0);
    let hello = {
        let trust = SecureClient::new("server.drumfire.test")
            .ca_pem(include_str!("../certs/ecdsa-server-ca.pem"))
            .unwrap();
        let settings = NetworkSettings::builder().secure_client(trust);
        let frame = Duration::from_millis(16);
        hellos::first_hello(settings.fixed_frame_time(frame).build().unwrap())
    };
    let hello_len = u64::try_from(hello.len()).unwrap();
    let identity = SecureServer::from_pem(
        include_str!("../certs/ecdsa-server.pem"),
        include_str!("../certs/ecdsa-server.key"),
    )
    .unwrap();
    // 170 seconds of virtual time: the keys of cookies change meanwhile.
    let settings = NetworkSettings::builder()
        .secure_server(identity)
        .fixed_frame_time(Duration::from_millis(100))
        .inline_threshold(InlineThreshold::AlwaysInline);
    let strangers = Strangers {
        hello,
        said: &SAID,
        answers: &ANSWERS,
        answered: &ANSWERED,
    };
    let mut server = NetworkDriver::with_interface(settings.build().unwrap(), strangers).unwrap();
    server.bind(NetworkEndpoint::loopback_ipv4(7_777)).unwrap();
    server.listen().unwrap();

    // Arenas grow to what one update brings, the key of older cookies is kept beside the present one
    // from the first change on; then nothing more.
    let flood = |server: &mut NetworkDriver, hellos: u32| {
        for _ in 0..hellos / A_TICK {
            server.update();
        }
        IN_USE.load(Ordering::Relaxed)
    };
    let before = flood(&mut server, 700_000);
    let after = flood(&mut server, 1_000_000);
    assert_eq!(after - before, 0);

    let statistics = server.statistics();
    let said = u64::from(SAID.load(Ordering::Relaxed));
    assert_eq!(statistics.handshakes.questions, said);
    assert_eq!(ANSWERS.load(Ordering::Relaxed), said);
    assert!(ANSWERED.load(Ordering::Relaxed) <= said * hello_len);
    assert_eq!(statistics.handshakes.under_way_high_water, 0);
    assert_eq!(statistics.handshakes.signatures, 0);
    assert_eq!(statistics.endpoint.connections_high_water, 0);
}
