//! Which datagrams may enter at all (R6), and how one enters the batch.
//!
//! Both paths to the system read into slots of the batch and then call [`Arrival::enter`], so that
//! they drop and count alike.

use std::net::{IpAddr, SocketAddr};

use crate::address::{NetworkEndpoint, Path};
use crate::buffer::batch::ReceiveBatch;

/// What one receive call dropped or noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReceiveTally {
    pub(super) calls: u64,
    pub(super) kernel_drops: u64,
    pub(super) oversize: u64,
    pub(super) bad_source: u64,
    pub(super) coalesced: u64,
}

/// Knows the interface's own address.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SourceFilter {
    local: NetworkEndpoint,
    wildcard: bool,
    /// Whether the system may hand over trains; without them a full slot means a cut datagram.
    pub(super) coalescing: bool,
}

impl SourceFilter {
    pub(super) fn new(local: NetworkEndpoint) -> Self {
        Self {
            local,
            wildcard: local.ip().is_some_and(|ip| ip.is_unspecified()),
            coalescing: false,
        }
    }

    /// Whether a datagram from `remote`, which arrived at `arrived_at`, may enter.
    pub(super) fn admits(&self, remote: &NetworkEndpoint, arrived_at: Option<IpAddr>) -> bool {
        let Some(ip) = remote.ip() else {
            return false;
        };
        let usable = match ip {
            IpAddr::V4(v4) => !(v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast()),
            IpAddr::V6(v6) => !(v6.is_unspecified() || v6.is_multicast()),
        };
        usable && remote.port() != 0 && !self.is_own(remote, ip, arrived_at)
    }

    /// On a wildcard bind our own datagrams come from the address they went to, or from a loopback
    /// address: nobody else on this machine can hold the port.
    fn is_own(&self, remote: &NetworkEndpoint, ip: IpAddr, arrived_at: Option<IpAddr>) -> bool {
        remote.port() == self.local.port()
            && if self.wildcard {
                ip.is_loopback() || arrived_at == Some(ip)
            } else {
                *remote == self.local
            }
    }
}

/// A datagram, or a train of them, that the system wrote into the next free slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// The sender as the socket saw it; none if its address made no sense.
    pub(super) from: Option<SocketAddr>,
    /// The local address it was sent to, where known.
    pub(super) to: Option<IpAddr>,
    pub(super) len: usize,
    /// Size of the datagrams of a train; 0 for a single one.
    pub(super) segment: usize,
    /// Whether the system cut it.
    pub(super) cut: bool,
}

impl Arrival {
    /// Commits the slot, or discards it and counts why.
    pub(super) fn enter(
        self,
        batch: &mut ReceiveBatch,
        filter: &SourceFilter,
        tally: &mut ReceiveTally,
    ) {
        // A slot filled to the last byte may have been cut; a train has no such byte to spare.
        let full = self.len >= batch.slot_size() && !filter.coalescing;
        if self.cut || full {
            tally.oversize += 1;
            return batch.discard();
        }
        let remote = self.from.map(NetworkEndpoint::from).unwrap_or_default();
        let local = self.to.map(|ip| ip.to_canonical());
        if !filter.admits(&remote, local) {
            tally.bad_source += 1;
            return batch.discard();
        }
        if self.segment != 0 && self.segment < self.len {
            tally.coalesced += u64::try_from(self.len.div_ceil(self.segment)).unwrap_or(0);
        }
        let local = local.filter(|ip| !ip.is_multicast() && !ip.is_unspecified());
        batch.commit(Path { remote, local }, self.len, self.segment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn endpoint(text: &str) -> NetworkEndpoint {
        text.parse::<SocketAddr>().unwrap().into()
    }

    #[test]
    fn r06_sources_nobody_can_have_are_dropped() {
        let filter = SourceFilter::new(NetworkEndpoint::any_ipv6(7777));
        for bad in [
            "192.0.2.1:0",
            "0.0.0.0:5000",
            "255.255.255.255:5000",
            "224.0.0.1:5000",
            "[::]:5000",
            "[ff02::1]:5000",
            "[2001:db8::1]:0",
        ] {
            assert!(!filter.admits(&endpoint(bad), None), "{bad}");
        }
        assert!(!filter.admits(&NetworkEndpoint::Invalid, None));
        for good in ["192.0.2.1:5000", "127.0.0.1:5000", "[2001:db8::1]:5000"] {
            assert!(filter.admits(&endpoint(good), None), "{good}");
        }
    }

    #[test]
    fn r06_our_own_address_is_dropped_and_a_neighbour_with_our_port_is_not() {
        let exact = SourceFilter::new(endpoint("127.0.0.1:7777"));
        assert!(!exact.admits(&endpoint("127.0.0.1:7777"), None));
        assert!(exact.admits(&endpoint("127.0.0.2:7777"), None));

        let wildcard = SourceFilter::new(NetworkEndpoint::any_ipv4(7777));
        let here = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)));
        assert!(!wildcard.admits(&endpoint("192.0.2.7:7777"), here));
        assert!(!wildcard.admits(&endpoint("127.0.0.3:7777"), None));
        assert!(wildcard.admits(&endpoint("192.0.2.8:7777"), here));
    }

    #[test]
    fn r06_a_mapped_source_and_destination_are_folded() {
        let filter = SourceFilter::new(NetworkEndpoint::any_ipv6(7777));
        let mut batch = ReceiveBatch::new(16);
        let mapped = Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped();
        let arrival = Arrival {
            from: Some(SocketAddr::new(IpAddr::V6(mapped), 5000)),
            to: Some(IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped())),
            len: 1,
            segment: 0,
            cut: false,
        };
        arrival.enter(&mut batch, &filter, &mut ReceiveTally::default());
        let (path, _) = batch.datagrams().next().unwrap();
        assert_eq!(path.remote, endpoint("192.0.2.1:5000"));
        assert_eq!(path.local, Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }

    #[test]
    fn a_train_may_fill_its_slot_and_a_datagram_may_not() {
        let mut batch = ReceiveBatch::new(16);
        let mut tally = ReceiveTally::default();
        let mut filter = SourceFilter::new(NetworkEndpoint::any_ipv6(7777));
        let arrival = Arrival {
            from: Some(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 5000)),
            to: None,
            len: 16,
            segment: 5,
            cut: false,
        };
        arrival.enter(&mut batch, &filter, &mut tally);
        assert_eq!((tally.oversize, batch.datagrams().count()), (1, 0));
        filter.coalescing = true;
        arrival.enter(&mut batch, &filter, &mut tally);
        assert_eq!((tally.coalesced, batch.datagrams().count()), (4, 4));
    }
}
