//! Homes: which slot has the association of which peer.
//!
//! A secure datagram names no connection; its sender's address does. This table is asked for every
//! datagram of a secure driver, under a keyed hash, since peers choose their homes. A slot has
//! one address at most, and an address one slot.

use std::collections::HashMap;
use std::time::Duration;

use super::keyed::Keyed;
use crate::address::NetworkEndpoint;
use crate::time::Timestamp;

/// How long hellos from a silent peer's address are let in (R17).
const DOOR: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug)]
struct Home {
    slot: u32,
    /// Until when hellos from here begin a handshake beside the association.
    open_until: Timestamp,
}

/// Associations by the address of their peer.
#[derive(Debug)]
pub(super) struct Homes {
    homes: HashMap<NetworkEndpoint, Home, Keyed>,
    /// The address of each slot; invalid for none.
    residents: Vec<NetworkEndpoint>,
}

impl Homes {
    pub(super) fn new(keys: Keyed) -> Self {
        Self {
            homes: HashMap::with_hasher(keys),
            residents: Vec::new(),
        }
    }

    /// The slot whose association is with this address.
    pub(super) fn slot(&self, remote: &NetworkEndpoint) -> Option<u32> {
        Some(self.homes.get(remote)?.slot)
    }

    /// Whether a hello from this address may begin a handshake now.
    pub(super) fn is_open(&self, remote: &NetworkEndpoint, now: Timestamp) -> bool {
        self.homes
            .get(remote)
            .is_none_or(|home| now < home.open_until)
    }

    /// The slot's association is with `remote` from now on, and with nobody else.
    pub(super) fn house(&mut self, slot: u32, remote: NetworkEndpoint) {
        self.vacate(slot);
        let index = slot as usize;
        if self.residents.len() <= index {
            self.residents.resize(index + 1, NetworkEndpoint::Invalid);
        }
        if let Some(resident) = self.residents.get_mut(index) {
            *resident = remote;
        }
        let home = Home {
            slot,
            open_until: Timestamp::ZERO,
        };
        if let Some(former) = self.homes.insert(remote, home)
            && former.slot != slot
            && let Some(resident) = self.residents.get_mut(former.slot as usize)
        {
            *resident = NetworkEndpoint::Invalid;
        }
    }

    /// The slot has no association any more.
    pub(super) fn vacate(&mut self, slot: u32) {
        if let Some(resident) = self.residents.get_mut(slot as usize) {
            let remote = std::mem::take(resident);
            self.homes.remove(&remote);
        }
    }

    /// The slot's peer has fallen silent, and somebody at its address says hello.
    pub(super) fn open_door(&mut self, slot: u32, now: Timestamp) {
        if let Some(remote) = self.residents.get(slot as usize)
            && let Some(home) = self.homes.get_mut(remote)
        {
            home.open_until = now + DOOR;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> NetworkEndpoint {
        NetworkEndpoint::loopback_ipv4(port)
    }

    #[test]
    fn a_slot_has_one_address_and_an_address_one_slot() {
        let mut homes = Homes::new(Keyed::new(Some(1)));
        homes.house(3, at(1));
        homes.house(3, at(2));
        assert_eq!((homes.slot(&at(1)), homes.slot(&at(2))), (None, Some(3)));
        // Another slot takes the address over: the former has none, and vacating it changes nothing.
        homes.house(5, at(2));
        homes.vacate(3);
        assert_eq!(homes.slot(&at(2)), Some(5));
        homes.vacate(5);
        assert_eq!(homes.slot(&at(2)), None);
        homes.vacate(99);
    }

    #[test]
    fn r17_a_door_is_open_for_strangers_and_for_a_while_where_it_was_opened() {
        let mut homes = Homes::new(Keyed::new(Some(1)));
        let now = Timestamp::from_micros(1);
        assert!(homes.is_open(&at(1), now));
        homes.house(0, at(1));
        assert!(!homes.is_open(&at(1), now));
        homes.open_door(0, now);
        assert!(homes.is_open(&at(1), now + Duration::from_secs(9)));
        assert!(!homes.is_open(&at(1), now + Duration::from_secs(11)));
    }
}
