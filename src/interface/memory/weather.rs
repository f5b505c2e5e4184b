//! The weather: conditions by direction, partitions, address translation, and what is in the air.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::conditions::Conditions;
use super::flow::{Flow, Passage};
use super::tally::{Count, Counters};
use crate::address::NetworkEndpoint;
use crate::time::Timestamp;

/// Everything of a simulated network but its mailboxes.
#[derive(Debug, Default)]
pub(super) struct Weather {
    seed: u64,
    now: Timestamp,
    pub(super) everywhere: Conditions,
    pub(super) from: HashMap<NetworkEndpoint, Conditions>,
    pub(super) to: HashMap<NetworkEndpoint, Conditions>,
    pub(super) between: HashMap<(NetworkEndpoint, NetworkEndpoint), Conditions>,
    /// Directions nothing passes.
    cut: HashSet<(NetworkEndpoint, NetworkEndpoint)>,
    isolated: HashSet<NetworkEndpoint>,
    /// Address translation: inner → outer, and back.
    outer: HashMap<NetworkEndpoint, NetworkEndpoint>,
    inner: HashMap<NetworkEndpoint, NetworkEndpoint>,
    flows: HashMap<(NetworkEndpoint, NetworkEndpoint), Flow>,
    air: BTreeMap<Place, Vec<u8>>,
}

/// Place of a datagram in the air: the order of landing. No two are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    at: Timestamp,
    from: NetworkEndpoint,
    to: NetworkEndpoint,
    number: u64,
    is_copy: bool,
}

/// A datagram that has arrived.
#[derive(Debug)]
pub(super) struct Landing {
    pub(super) at: Timestamp,
    pub(super) from: NetworkEndpoint,
    /// Where, behind address translation; none if the address is no one's any more.
    pub(super) to: Option<NetworkEndpoint>,
    pub(super) bytes: Vec<u8>,
}

impl Weather {
    pub(super) fn new(seed: u64, everywhere: Conditions) -> Self {
        Self {
            seed,
            everywhere,
            ..Self::default()
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.now = self.now + by;
    }

    pub(super) fn in_flight(&self) -> u64 {
        u64::try_from(self.air.len()).unwrap_or(u64::MAX)
    }

    /// When the next datagram lands.
    pub(super) fn next_arrival(&self) -> Option<Timestamp> {
        self.air.keys().next().map(|place| place.at)
    }

    /// Takes a datagram up, or loses it.
    pub(super) fn launch(
        &mut self,
        counters: &Counters,
        from: &NetworkEndpoint,
        to: &NetworkEndpoint,
        bytes: &[u8],
    ) {
        let flow = (*from, *to);
        if self.isolated.contains(from) || self.isolated.contains(to) || self.cut.contains(&flow) {
            return counters.add(Count::LostToPartition, 1);
        }
        let conditions = self
            .between
            .get(&flow)
            .or_else(|| self.from.get(from))
            .or_else(|| self.to.get(to))
            .unwrap_or(&self.everywhere);
        let decided = self
            .flows
            .entry(flow)
            .or_insert_with(|| Flow::new(self.seed, from, to))
            .decide(conditions, self.now, bytes.len());
        match decided {
            Ok(passage) => self.fly(counters, flow, passage, bytes.to_vec()),
            Err(loss) => counters.add(loss, 1),
        }
    }

    fn fly(
        &mut self,
        counters: &Counters,
        (from, to): (NetworkEndpoint, NetworkEndpoint),
        passage: Passage,
        mut bytes: Vec<u8>,
    ) {
        counters.add(Count::Reordered, u64::from(passage.reordered));
        let corrupted = !passage.flips.is_empty();
        counters.add(Count::Corrupted, u64::from(corrupted));
        let place = |at, is_copy| Place {
            at,
            from,
            to,
            number: passage.number,
            is_copy,
        };
        // The copy was made where both were whole.
        if let Some(at) = passage.copy_at {
            counters.add(Count::Duplicated, 1);
            self.air.insert(place(at, true), bytes.clone());
        }
        for bit in &passage.flips {
            let byte = usize::try_from(bit / 8).ok().and_then(|i| bytes.get_mut(i));
            if let Some(byte) = byte {
                *byte ^= 1 << (bit % 8);
            }
        }
        self.air.insert(place(passage.at, false), bytes);
    }

    /// The next datagram that is due.
    pub(super) fn land(&mut self) -> Option<Landing> {
        let next = self.air.first_entry()?;
        if next.key().at > self.now {
            return None;
        }
        let (place, bytes) = next.remove_entry();
        // An endpoint behind an outer address is not reached by its own.
        let to = match self.inner.get(&place.to) {
            Some(inner) => Some(*inner),
            None if self.outer.contains_key(&place.to) => None,
            None => Some(place.to),
        };
        Some(Landing {
            at: place.at,
            from: place.from,
            to,
            bytes,
        })
    }

    /// The address others see of `inner`.
    pub(super) fn outer(&self, inner: &NetworkEndpoint) -> NetworkEndpoint {
        self.outer.get(inner).copied().unwrap_or(*inner)
    }

    /// Gives the endpoint others know as `known` the outer address `to`; the old one is no one's.
    pub(super) fn rebind(&mut self, known: &NetworkEndpoint, to: NetworkEndpoint) {
        let inner = self.inner.remove(known).unwrap_or(*known);
        if let Some(old) = self.outer.remove(&inner) {
            self.inner.remove(&old);
        }
        if to != inner {
            self.outer.insert(inner, to);
            self.inner.insert(to, inner);
        }
    }

    pub(super) fn set_cut(&mut self, from: &NetworkEndpoint, to: &NetworkEndpoint, cut: bool) {
        if cut {
            self.cut.insert((*from, *to));
        } else {
            self.cut.remove(&(*from, *to));
        }
    }

    pub(super) fn set_isolated(&mut self, endpoint: &NetworkEndpoint, isolated: bool) {
        if isolated {
            self.isolated.insert(*endpoint);
        } else {
            self.isolated.remove(endpoint);
        }
    }

    /// Ends every partition and isolation.
    pub(super) fn heal(&mut self) {
        self.cut.clear();
        self.isolated.clear();
    }
}
