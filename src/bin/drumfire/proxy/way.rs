//! One direction of the proxy: what the simulated network does to its datagrams.
//!
//! Each client is a source of its own, numbered in the order of first appearance, and all of them send
//! to one sink. So the fate of a client's n-th datagram depends on the seed, the client's number and n,
//! and on nothing else.

use std::time::Duration;

use drumfire::address::NetworkEndpoint;
use drumfire::interface::{Conditions, NetworkTally, RawSocket, SimulatedNetwork};

use crate::failure::Failure;

const SINK: NetworkEndpoint = NetworkEndpoint::loopback_ipv4(1);

/// One direction.
#[derive(Debug)]
pub(crate) struct Way {
    net: SimulatedNetwork,
    sink: RawSocket,
    sources: Vec<RawSocket>,
}

impl Way {
    pub(crate) fn new(seed: u64, conditions: Conditions) -> Result<Self, Failure> {
        let net = SimulatedNetwork::new(seed, conditions);
        Ok(Self {
            sink: net.socket(&SINK)?,
            net,
            sources: Vec::new(),
        })
    }

    /// A datagram of client `number`, the next one or one that is known, sets out.
    pub(crate) fn launch(&mut self, number: usize, bytes: &[u8]) -> Result<(), Failure> {
        while self.sources.len() <= number {
            let source = self.net.socket(&seat(self.sources.len()))?;
            self.sources.push(source);
        }
        if let Some(source) = self.sources.get(number) {
            source.send_to(&SINK, bytes);
        }
        Ok(())
    }

    /// Time passes.
    pub(crate) fn advance(&self, by: Duration) {
        self.net.advance(by);
    }

    /// The next datagram that has arrived, and whose client it is.
    pub(crate) fn land(&self) -> Option<(usize, Vec<u8>)> {
        let (from, bytes) = self.sink.recv_from()?;
        Some((number_of(&from)?, bytes))
    }

    /// How long nothing arrives, if anything is on its way.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let next = self.net.next_arrival()?;
        Some(next.since(self.net.now()))
    }

    pub(crate) fn tally(&self) -> NetworkTally {
        self.net.tally()
    }
}

/// Where client `number` stands in the simulated network.
fn seat(number: usize) -> NetworkEndpoint {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    let [a, b, c, d] = number.to_be_bytes();
    NetworkEndpoint::from_socket_addr(([127, b, c, d], 1_000 + u16::from(a)).into())
}

fn number_of(endpoint: &NetworkEndpoint) -> Option<usize> {
    let address = endpoint.to_socket_addr()?;
    let std::net::IpAddr::V4(ip) = address.ip() else {
        return None;
    };
    let [_, b, c, d] = ip.octets();
    let a = u8::try_from(address.port().checked_sub(1_000)?).ok()?;
    usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_has_a_seat_and_is_known_by_it() {
        for number in [0, 1, 255, 256, 70_000, 1 << 24] {
            assert_eq!(number_of(&seat(number)), Some(number));
        }
    }

    #[test]
    fn a_datagrams_fate_depends_on_seed_client_and_number_alone() {
        let arrived = |seed, crowd: usize| {
            let mut way = Way::new(seed, Conditions::lossy(0.5)).unwrap();
            for number in 0..100_u8 {
                for client in 0..crowd {
                    way.launch(client, &[number]).unwrap();
                }
            }
            let all = std::iter::from_fn(|| way.land());
            let first = all.filter(|(client, _)| *client == 0);
            first.map(|(_, bytes)| bytes).collect::<Vec<_>>()
        };
        assert_eq!(arrived(1, 1), arrived(1, 5));
        assert_ne!(arrived(1, 1), arrived(2, 1));
    }
}
