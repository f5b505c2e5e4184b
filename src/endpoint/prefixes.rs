//! Prefixes: how many connections each IPv4 address or IPv6 /64 has.
//!
//! Two counts a prefix: all its connections, whose number is a hard cap (R21), and those whose peer
//! has proved nothing, which may be half of it. A forger can open the latter in somebody else's name;
//! the other half is left to those who prove that the address is theirs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::keyed::Keyed;
use super::standing::Standing;
use crate::address::{AddressPrefix, NetworkEndpoint};
use crate::settings::LoopbackLimits;

/// Whom a connection counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charge {
    /// Nobody: there is no limit, or not for this address.
    Exempt,
    /// A prefix.
    Prefix(AddressPrefix),
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    all: usize,
    unproven: usize,
}

/// Whether a prefix may have one connection more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// There is room.
    Free,
    /// There is room for who has proved its address.
    Reserved,
    /// Its share is used up.
    Full,
}

/// Connections by prefix.
#[derive(Debug)]
pub(crate) struct Prefixes {
    counts: HashMap<AddressPrefix, Count, Keyed>,
    /// Most connections of a prefix; none is no limit.
    limit: Option<usize>,
    loopback: LoopbackLimits,
}

impl Prefixes {
    /// No connections yet.
    pub(crate) fn new(limit: Option<usize>, loopback: LoopbackLimits, keys: Keyed) -> Self {
        Self {
            counts: HashMap::with_hasher(keys),
            limit,
            loopback,
        }
    }

    /// Whom a connection from `endpoint` counts against.
    pub(crate) fn charge(&self, endpoint: &NetworkEndpoint) -> Charge {
        let prefix = endpoint.prefix();
        if self.limit.is_none() || self.loopback.exempts(&prefix) {
            Charge::Exempt
        } else {
            Charge::Prefix(prefix)
        }
    }

    /// Whether whom `charge` names may have one connection more.
    pub(crate) fn share(&self, charge: Charge) -> Share {
        let (Some(limit), Charge::Prefix(prefix)) = (self.limit, charge) else {
            return Share::Free;
        };
        match self.counts.get(&prefix) {
            Some(count) if count.all >= limit => Share::Full,
            Some(count) if count.unproven >= limit.div_ceil(2) => Share::Reserved,
            _ => Share::Free,
        }
    }

    /// Counts a connection.
    pub(crate) fn add(&mut self, charge: Charge, standing: Standing) {
        if let Charge::Prefix(prefix) = charge {
            let count = self.counts.entry(prefix).or_default();
            count.all += 1;
            count.unproven += usize::from(standing == Standing::Unproven);
        }
    }

    /// Takes a connection out of the counts.
    pub(crate) fn remove(&mut self, charge: Charge, standing: Standing) {
        if let Charge::Prefix(prefix) = charge
            && let Entry::Occupied(mut entry) = self.counts.entry(prefix)
        {
            let count = entry.get_mut();
            count.all = count.all.saturating_sub(1);
            let unproven = usize::from(standing == Standing::Unproven);
            count.unproven = count.unproven.saturating_sub(unproven);
            if count.all == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn endpoint(text: &str) -> NetworkEndpoint {
        NetworkEndpoint::from_socket_addr(text.parse::<SocketAddr>().unwrap())
    }

    fn prefixes(limit: usize) -> Prefixes {
        Prefixes::new(Some(limit), LoopbackLimits::Exempt, Keyed::new(Some(1)))
    }

    #[test]
    fn ports_and_the_lower_half_of_ipv6_share_one_count() {
        let mut prefixes = prefixes(1);
        for (one, other) in [
            ("10.0.0.1:1", "10.0.0.1:2"),
            ("[2001:db8::1]:1", "[2001:db8::ffff:2]:2"),
        ] {
            let charge = prefixes.charge(&endpoint(one));
            prefixes.add(charge, Standing::Proven);
            assert_eq!(
                prefixes.share(prefixes.charge(&endpoint(other))),
                Share::Full
            );
        }
        let neighbour = prefixes.charge(&endpoint("[2001:db8:0:1::1]:1"));
        assert_eq!(prefixes.share(neighbour), Share::Free);
    }

    #[test]
    fn half_of_a_share_is_kept_for_those_who_prove_their_address() {
        let mut prefixes = prefixes(5);
        let charge = prefixes.charge(&endpoint("10.0.0.1:1"));
        for _ in 0..3 {
            assert_eq!(prefixes.share(charge), Share::Free);
            prefixes.add(charge, Standing::Unproven);
        }
        for _ in 0..2 {
            assert_eq!(prefixes.share(charge), Share::Reserved);
            prefixes.add(charge, Standing::Proven);
        }
        assert_eq!(prefixes.share(charge), Share::Full);
        prefixes.remove(charge, Standing::Unproven);
        assert_eq!(prefixes.share(charge), Share::Free);
    }

    #[test]
    fn loopback_and_no_limit_are_exempt() {
        let loopback = NetworkEndpoint::loopback_ipv6(1);
        assert_eq!(prefixes(1).charge(&loopback), Charge::Exempt);
        let limited = Prefixes::new(Some(1), LoopbackLimits::Limited, Keyed::new(None));
        assert_ne!(limited.charge(&loopback), Charge::Exempt);
        let off = Prefixes::new(None, LoopbackLimits::Limited, Keyed::new(None));
        assert_eq!(off.charge(&endpoint("10.0.0.1:1")), Charge::Exempt);
    }

    #[test]
    fn a_prefix_without_connections_costs_nothing() {
        let mut prefixes = prefixes(2);
        let charge = prefixes.charge(&endpoint("10.0.0.1:1"));
        prefixes.add(charge, Standing::Unproven);
        prefixes.remove(charge, Standing::Unproven);
        prefixes.remove(charge, Standing::Unproven);
        assert!(prefixes.counts.is_empty());
    }
}
