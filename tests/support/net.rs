//! A network in memory, calm or with weather, behind one face.

use std::time::Duration;

use drumfire::address::NetworkEndpoint;
use drumfire::interface::{
    Conditions, InProcessNetwork, MemoryInterface, NetworkTally, SimulatedNetwork, Tap,
};

use super::Peer;

/// Where drivers and hand-played peers meet.
#[derive(Clone, Debug)]
pub(crate) enum Net {
    /// Delivers at once and in full.
    Calm(InProcessNetwork),
    /// Loses, doubles, delays and reorders, by a seed.
    Rough(SimulatedNetwork),
}

impl Net {
    /// A network that delivers at once and in full.
    pub(crate) fn calm() -> Self {
        Self::Calm(InProcessNetwork::new())
    }

    /// A network with weather.
    pub(crate) fn rough(seed: u64, conditions: Conditions) -> Self {
        Self::Rough(SimulatedNetwork::new(seed, conditions))
    }

    /// An interface for a driver.
    pub(crate) fn interface(&self) -> MemoryInterface {
        match self {
            Self::Calm(network) => network.interface(),
            Self::Rough(network) => network.interface(),
        }
    }

    /// A peer played by hand.
    pub(crate) fn peer(&self, endpoint: NetworkEndpoint) -> Peer {
        let socket = match self {
            Self::Calm(network) => network.socket(&endpoint),
            Self::Rough(network) => network.socket(&endpoint),
        };
        Peer::new(socket.unwrap())
    }

    /// Records every datagram from now on.
    pub(crate) fn tap(&self) -> Tap {
        match self {
            Self::Calm(network) => network.tap(),
            Self::Rough(network) => network.tap(),
        }
    }

    /// A datagram out of nowhere: any source, no socket behind it.
    pub(crate) fn inject(&self, from: NetworkEndpoint, to: NetworkEndpoint, bytes: &[u8]) {
        match self {
            Self::Calm(network) => network.inject(&from, &to, bytes),
            Self::Rough(network) => network.inject(&from, &to, bytes),
        }
    }

    /// Lets time pass on a network that has any.
    pub(crate) fn advance(&self, by: Duration) {
        if let Self::Rough(network) = self {
            network.advance(by);
        }
    }

    /// What became of the datagrams so far.
    pub(crate) fn tally(&self) -> NetworkTally {
        match self {
            Self::Calm(network) => network.tally(),
            Self::Rough(network) => network.tally(),
        }
    }

    /// The network with weather.
    pub(crate) fn weather(&self) -> &SimulatedNetwork {
        match self {
            Self::Calm(_) => panic!("this network is calm"),
            Self::Rough(network) => network,
        }
    }
}
