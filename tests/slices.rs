//! Updates that are larger than a slice.

#![expect(
    clippy::unwrap_used,
    reason = "an interface made for a test may fail it"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use drumfire::buffer::batch::ReceiveBatch;
use drumfire::error::BindError;
use drumfire::interface::{
    InProcessNetwork, MemoryInterface, NetworkInterface, Received, SendReport, Transmit,
};
use drumfire::settings::{AddressValidation, InlineThreshold, Pinning, SliceOverlap, Workers};
use drumfire::{NetworkDriver, NetworkEndpoint, NetworkEvent, NetworkPipeline, NetworkSettings};

const CLIENTS: u16 = 900;

fn packet(kind: &[u8], client: u16, rest: &[u8]) -> Vec<u8> {
    let mut packet = kind.to_vec();
    packet.extend_from_slice(&u64::from(client).to_le_bytes());
    packet.extend_from_slice(rest);
    packet
}

#[test]
fn connections_and_messages_of_every_slice_arrive_in_the_update_that_received_them() {
    for overlap in [SliceOverlap::On, SliceOverlap::Off] {
        let network = InProcessNetwork::new();
        let settings = NetworkSettings::builder()
            .plain()
            .workers(Workers::Own {
                threads: 2,
                pinning: Pinning::No,
            })
            .inline_threshold(InlineThreshold::NeverInline)
            .slice_size(256)
            .slice_overlap(overlap)
            .fixed_frame_time(Duration::from_millis(16))
            .build()
            .unwrap();
        let mut server = NetworkDriver::with_interface(settings, network.interface()).unwrap();
        let address = NetworkEndpoint::loopback_ipv4(7777);
        server.bind(address).unwrap();
        server.listen().unwrap();

        for client in 0..CLIENTS {
            let from = NetworkEndpoint::loopback_ipv4(10_000 + client);
            network.inject(&from, &address, &packet(b"UTP\x01\x01", client, &[]));
        }
        server.update();
        let accepted: Vec<_> = std::iter::from_fn(|| server.accept()).collect();
        assert_eq!(accepted.len(), usize::from(CLIENTS));

        for round in 0..3_u8 {
            for client in 0..CLIENTS {
                let from = NetworkEndpoint::loopback_ipv4(10_000 + client);
                for message in 0..2 {
                    network.inject(&from, &address, &packet(&[1], client, &[0, round, message]));
                }
            }
            server.update();
            for connection in &accepted {
                for message in 0..2 {
                    let Some(NetworkEvent::Data { mut reader, .. }) =
                        server.pop_event_for_connection(*connection)
                    else {
                        panic!("{connection} lacks message {message} of round {round}");
                    };
                    assert_eq!([reader.read_byte(), reader.read_byte()], [round, message]);
                }
                assert!(server.pop_event_for_connection(*connection).is_none());
            }
        }
        let statistics = server.statistics();
        assert_eq!(statistics.inward.queued(), 0);
        assert_eq!(statistics.inward.drops.total(), 0);
    }
}

/// An interface that keeps a record of how it is called.
#[derive(Debug)]
struct Recorded {
    below: MemoryInterface,
    calls: Arc<Mutex<Vec<&'static str>>>,
}

impl NetworkInterface for Recorded {
    fn bind(&mut self, endpoint: &NetworkEndpoint) -> Result<(), BindError> {
        self.below.bind(endpoint)
    }

    fn local_endpoint(&self) -> NetworkEndpoint {
        self.below.local_endpoint()
    }

    fn receive(&self, batch: &mut ReceiveBatch) -> Received {
        self.calls.lock().unwrap().push("receive");
        self.below.receive(batch)
    }

    fn send(&self, batch: &[Transmit<'_>], report: &mut SendReport) {
        self.calls.lock().unwrap().push("send");
        self.below.send(batch, report);
    }

    fn wait(&self, timeout: Duration) -> bool {
        self.below.wait(timeout)
    }
}

#[test]
fn what_the_user_wrote_leaves_while_slices_are_still_read() {
    for (overlap, early) in [(SliceOverlap::On, true), (SliceOverlap::Off, false)] {
        let network = InProcessNetwork::new();
        let settings = NetworkSettings::builder()
            .plain()
            .workers(Workers::Own {
                threads: 1,
                pinning: Pinning::No,
            })
            .inline_threshold(InlineThreshold::NeverInline)
            .address_validation(AddressValidation::Off)
            .slice_size(256)
            .slice_overlap(overlap)
            .fixed_frame_time(Duration::from_millis(16))
            .build()
            .unwrap();
        let calls = Arc::default();
        let interface = Recorded {
            below: network.interface(),
            calls: Arc::clone(&calls),
        };
        let mut server = NetworkDriver::with_interface(settings, interface).unwrap();
        let address = NetworkEndpoint::loopback_ipv4(7777);
        server.bind(address).unwrap();
        server.listen().unwrap();
        let everybody_sends = |kind: &[u8], rest: &[u8]| {
            for client in 0..CLIENTS {
                let from = NetworkEndpoint::loopback_ipv4(10_000 + client);
                network.inject(&from, &address, &packet(kind, client, rest));
            }
        };
        everybody_sends(b"UTP\x01\x01", &[]);
        server.update();
        let accepted: Vec<_> = std::iter::from_fn(|| server.accept()).collect();
        everybody_sends(&[1], &[0]);
        server.update();

        everybody_sends(&[1], &[0]);
        for connection in &accepted {
            let empty = server
                .begin_send(NetworkPipeline::NULL, *connection)
                .unwrap();
            empty.end_send().unwrap();
        }
        calls.lock().unwrap().clear();
        server.update();
        let calls = calls.lock().unwrap();
        let first_send = calls.iter().position(|call| *call == "send");
        let last_receive = calls.iter().rposition(|call| *call == "receive");
        assert_eq!(first_send < last_receive, early, "{calls:?}");
        assert!(first_send.is_some());
    }
}
