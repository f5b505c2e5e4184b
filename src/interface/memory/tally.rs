//! What became of the datagrams of a network in memory. Every one is accounted for.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of a network, since it was made.
///
/// Conservation: `sent + duplicated = delivered + lost() + in_flight`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkTally {
    /// Datagrams given to the network.
    pub sent: u64,
    /// Copies the network made of them.
    pub duplicated: u64,
    /// Datagrams and copies laid into the mailbox of a bound endpoint.
    pub delivered: u64,
    /// Under way.
    pub in_flight: u64,
    /// Lost at random.
    pub lost_at_random: u64,
    /// Lost in a burst.
    pub lost_in_burst: u64,
    /// Lost because the queue in front of a rate limit was full.
    pub lost_to_rate: u64,
    /// Lost because they were larger than the MTU.
    pub lost_to_mtu: u64,
    /// Lost because the two endpoints were cut off from each other.
    pub lost_to_partition: u64,
    /// Addressed to an endpoint nobody is bound to.
    pub unroutable: u64,
    /// Lost because the receiver's mailbox was full.
    pub overflowed: u64,
    /// Sent with one or more bits flipped. Not a part of the sum.
    pub corrupted: u64,
    /// Held back so that later ones overtake them. Not a part of the sum.
    pub reordered: u64,
}

impl NetworkTally {
    /// Datagrams and copies that never arrived, for whatever reason.
    pub fn lost(&self) -> u64 {
        self.lost_at_random
            + self.lost_in_burst
            + self.lost_to_rate
            + self.lost_to_mtu
            + self.lost_to_partition
            + self.unroutable
            + self.overflowed
    }

    /// Whether every datagram is accounted for. Only meaningful while nobody sends.
    pub fn conserves(&self) -> bool {
        self.sent + self.duplicated == self.delivered + self.lost() + self.in_flight
    }
}

/// One event to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    Sent,
    Duplicated,
    Delivered,
    LostAtRandom,
    LostInBurst,
    LostToRate,
    LostToMtu,
    LostToPartition,
    Unroutable,
    Overflowed,
    Corrupted,
    Reordered,
}

/// The counts behind a [`NetworkTally`]. Relaxed: none says anything about another.
#[derive(Debug, Default)]
pub(super) struct Counters {
    sent: AtomicU64,
    duplicated: AtomicU64,
    delivered: AtomicU64,
    lost_at_random: AtomicU64,
    lost_in_burst: AtomicU64,
    lost_to_rate: AtomicU64,
    lost_to_mtu: AtomicU64,
    lost_to_partition: AtomicU64,
    unroutable: AtomicU64,
    overflowed: AtomicU64,
    corrupted: AtomicU64,
    reordered: AtomicU64,
}

impl Counters {
    pub(super) fn add(&self, what: Count, times: u64) {
        let counter = match what {
            Count::Sent => &self.sent,
            Count::Duplicated => &self.duplicated,
            Count::Delivered => &self.delivered,
            Count::LostAtRandom => &self.lost_at_random,
            Count::LostInBurst => &self.lost_in_burst,
            Count::LostToRate => &self.lost_to_rate,
            Count::LostToMtu => &self.lost_to_mtu,
            Count::LostToPartition => &self.lost_to_partition,
            Count::Unroutable => &self.unroutable,
            Count::Overflowed => &self.overflowed,
            Count::Corrupted => &self.corrupted,
            Count::Reordered => &self.reordered,
        };
        if times > 0 {
            counter.fetch_add(times, Ordering::Relaxed);
        }
    }

    pub(super) fn read(&self, in_flight: u64) -> NetworkTally {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        NetworkTally {
            sent: read(&self.sent),
            duplicated: read(&self.duplicated),
            delivered: read(&self.delivered),
            in_flight,
            lost_at_random: read(&self.lost_at_random),
            lost_in_burst: read(&self.lost_in_burst),
            lost_to_rate: read(&self.lost_to_rate),
            lost_to_mtu: read(&self.lost_to_mtu),
            lost_to_partition: read(&self.lost_to_partition),
            unroutable: read(&self.unroutable),
            overflowed: read(&self.overflowed),
            corrupted: read(&self.corrupted),
            reordered: read(&self.reordered),
        }
    }
}
