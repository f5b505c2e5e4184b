//! Homes: which slot has the association of which peer.
//!
//! A secure datagram names no connection; its sender's address does. This table is asked for every
//! datagram of a secure driver, under a keyed hash, since peers choose their homes. A slot has
//! one address at most, and an address one slot.
//!
//! An IPv4 address and its port are 48 bits: as a number they hash in one step, and four of them lie
//! in a cache line, where one whole endpoint would.

use std::collections::HashMap;
use std::time::Duration;

use super::keyed::Keyed;
use crate::address::NetworkEndpoint;
use crate::time::Timestamp;

/// How long hellos from a silent peer's address are let in (R17).
const DOOR: Duration = Duration::from_secs(10);

/// What is known of a slot.
#[derive(Clone, Copy, Debug)]
struct Resident {
    /// Where its peer is; invalid for nowhere.
    remote: NetworkEndpoint,
    /// Until when hellos from there begin a handshake beside the association.
    open_until: Timestamp,
}

const NOBODY: Resident = Resident {
    remote: NetworkEndpoint::Invalid,
    open_until: Timestamp::ZERO,
};

/// Associations by the address of their peer.
#[derive(Debug)]
pub(super) struct Homes {
    /// Slots by IPv4 address and port.
    short: HashMap<u64, u32, Keyed>,
    /// Slots by any other address.
    long: HashMap<NetworkEndpoint, u32, Keyed>,
    /// By slot.
    residents: Vec<Resident>,
}

impl Homes {
    pub(super) fn new(keys: Keyed) -> Self {
        Self {
            short: HashMap::with_hasher(keys.clone()),
            long: HashMap::with_hasher(keys),
            residents: Vec::new(),
        }
    }

    /// The slot whose association is with this address.
    #[inline]
    pub(super) fn slot(&self, remote: &NetworkEndpoint) -> Option<u32> {
        match short(remote) {
            Some(short) => self.short.get(&short).copied(),
            None => self.long.get(remote).copied(),
        }
    }

    /// Whether a hello from this address may begin a handshake now.
    pub(super) fn is_open(&self, remote: &NetworkEndpoint, now: Timestamp) -> bool {
        self.slot(remote)
            .and_then(|slot| self.residents.get(slot as usize))
            .is_none_or(|resident| now < resident.open_until)
    }

    /// The slot's association is with `remote` from now on, and with nobody else.
    pub(super) fn house(&mut self, slot: u32, remote: NetworkEndpoint) {
        self.vacate(slot);
        let index = slot as usize;
        if self.residents.len() <= index {
            self.residents.resize(index + 1, NOBODY);
        }
        if let Some(resident) = self.residents.get_mut(index) {
            resident.remote = remote;
        }
        let former = match short(&remote) {
            Some(short) => self.short.insert(short, slot),
            None => self.long.insert(remote, slot),
        };
        if let Some(former) = former
            && former != slot
            && let Some(resident) = self.residents.get_mut(former as usize)
        {
            *resident = NOBODY;
        }
    }

    /// The slot has no association any more.
    pub(super) fn vacate(&mut self, slot: u32) {
        if let Some(resident) = self.residents.get_mut(slot as usize) {
            let remote = std::mem::replace(resident, NOBODY).remote;
            match short(&remote) {
                Some(short) => self.short.remove(&short),
                None => self.long.remove(&remote),
            };
        }
    }

    /// The slot's peer has fallen silent, and somebody at its address says hello.
    pub(super) fn open_door(&mut self, slot: u32, now: Timestamp) {
        if let Some(resident) = self.residents.get_mut(slot as usize)
            && resident.remote.is_valid()
        {
            resident.open_until = now + DOOR;
        }
    }
}

/// An IPv4 address and port as one number.
#[inline]
fn short(remote: &NetworkEndpoint) -> Option<u64> {
    match remote {
        NetworkEndpoint::Ipv4(v4) => {
            Some(u64::from(u32::from(*v4.ip())) << 16 | u64::from(v4.port()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> NetworkEndpoint {
        NetworkEndpoint::loopback_ipv4(port)
    }

    #[test]
    fn addresses_of_every_family_are_told_apart() {
        let mut homes = Homes::new(Keyed::new(Some(1)));
        let everywhere = [
            at(1),
            at(2),
            NetworkEndpoint::any_ipv4(1),
            NetworkEndpoint::loopback_ipv6(1),
            NetworkEndpoint::loopback_ipv6(2),
            NetworkEndpoint::custom([1; 60]),
        ];
        for (slot, remote) in (0..).zip(everywhere) {
            homes.house(slot, remote);
        }
        let slots: Vec<_> = everywhere.iter().map(|remote| homes.slot(remote)).collect();
        assert_eq!(slots, (0..6).map(Some).collect::<Vec<_>>());
        (0..6).for_each(|slot| homes.vacate(slot));
        assert!(everywhere.iter().all(|remote| homes.slot(remote).is_none()));
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
