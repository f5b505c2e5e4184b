//! Updates that are larger than a slice.

use std::time::Duration;

use drumfire::interface::InProcessNetwork;
use drumfire::settings::{InlineThreshold, Pinning, SliceOverlap, Workers};
use drumfire::{NetworkDriver, NetworkEndpoint, NetworkEvent, NetworkSettings};

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
