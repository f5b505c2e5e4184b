//! A mailbox: what waits for one bound endpoint.
//!
//! Two sides that are swapped when the reader's is empty; sorting happens then, so that the order
//! does not depend on which sender came first. One arena of bytes a side, so a steady exchange
//! allocates nothing.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::address::{NetworkEndpoint, Path};
use crate::time::Timestamp;

/// Bytes that may wait, bookkeeping included: the place of a socket's receive buffer.
const CAPACITY: usize = 16 << 20;

/// What waits for one endpoint.
#[derive(Debug)]
pub(super) struct Mailbox {
    /// Bound to every address: the path of a datagram says which it came to.
    wildcard: bool,
    sides: Mutex<Sides>,
    arrived: Condvar,
    /// Datagrams that found no room. Relaxed: a count.
    overflowed: AtomicU64,
}

#[derive(Debug, Default)]
struct Sides {
    arriving: Side,
    reading: Side,
    /// Next entry to read.
    next: usize,
}

#[derive(Debug, Default)]
struct Side {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    at: Timestamp,
    from: NetworkEndpoint,
    to: Option<IpAddr>,
    start: usize,
    len: usize,
    /// Place among the arrivals of this side; orders the datagrams of one flow.
    place: usize,
}

impl Mailbox {
    pub(super) fn new(local: &NetworkEndpoint) -> Self {
        Self {
            wildcard: local.ip().is_some_and(|ip| ip.is_unspecified()),
            sides: Mutex::default(),
            arrived: Condvar::new(),
            overflowed: AtomicU64::new(0),
        }
    }

    /// Lays `datagrams` from one source in, in order. How many found room.
    pub(super) fn push<'a>(
        &self,
        at: Timestamp,
        from: &NetworkEndpoint,
        to: &NetworkEndpoint,
        datagrams: impl Iterator<Item = &'a [u8]>,
    ) -> u64 {
        let to = to.ip().filter(|_| self.wildcard);
        let mut sides = self.sides.lock();
        let (mut taken, mut refused) = (0, 0);
        for datagram in datagrams {
            if sides.arriving.used() + sides.reading.used() + datagram.len() > CAPACITY {
                refused += 1;
                continue;
            }
            taken += 1;
            let side = &mut sides.arriving;
            side.entries.push(Entry {
                at,
                from: *from,
                to,
                start: side.bytes.len(),
                len: datagram.len(),
                place: side.entries.len(),
            });
            side.bytes.extend_from_slice(datagram);
        }
        drop(sides);
        if refused > 0 {
            self.overflowed.fetch_add(refused, Ordering::Relaxed);
        }
        if taken > 0 {
            self.arrived.notify_one();
        }
        taken
    }

    /// Gives the next datagrams to `take` until it wants no more or none is left. True if all went.
    pub(super) fn drain(&self, mut take: impl FnMut(Path, &[u8]) -> bool) -> bool {
        let sides = &mut *self.sides.lock();
        loop {
            let Some(entry) = sides.reading.entries.get(sides.next) else {
                if !sides.flip() {
                    return true;
                }
                continue;
            };
            let bytes = sides
                .reading
                .bytes
                .get(entry.start..entry.start + entry.len);
            let path = Path {
                remote: entry.from,
                local: entry.to,
            };
            if !take(path, bytes.unwrap_or_default()) {
                return false;
            }
            sides.next += 1;
        }
    }

    /// Blocks until something waits or `timeout` has passed. True if something waits.
    pub(super) fn wait(&self, timeout: Duration) -> bool {
        let mut sides = self.sides.lock();
        if sides.waiting() == 0 && !timeout.is_zero() {
            let _ = self.arrived.wait_for(&mut sides, timeout);
        }
        sides.waiting() > 0
    }

    /// Datagrams that found no room.
    pub(super) fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }
}

impl Sides {
    /// Starts to read what has arrived, in order. False if nothing has.
    fn flip(&mut self) -> bool {
        self.next = 0;
        self.reading.entries.clear();
        self.reading.bytes.clear();
        std::mem::swap(&mut self.reading, &mut self.arriving);
        let entries = &mut self.reading.entries;
        if !entries.is_sorted_by(|a, b| a.order() <= b.order()) {
            // No two are equal: the place differs.
            entries.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
        }
        !entries.is_empty()
    }

    fn waiting(&self) -> usize {
        self.arriving.entries.len() + self.reading.entries.len() - self.next
    }
}

impl Side {
    fn used(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<Entry>()
    }
}

impl Entry {
    /// Sources send side by side, so their arrivals are ordered by address; one source's by flow.
    fn order(&self) -> (Timestamp, &NetworkEndpoint, usize) {
        (self.at, &self.from, self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(mailbox: &Mailbox, most: usize) -> Vec<(u16, Vec<u8>)> {
        let mut got = Vec::new();
        mailbox.drain(|path, bytes| {
            got.len() < most && {
                got.push((path.remote.port(), bytes.to_vec()));
                true
            }
        });
        got
    }

    fn push(mailbox: &Mailbox, from: u16, datagrams: &[&[u8]]) -> u64 {
        mailbox.push(
            Timestamp::ZERO,
            &NetworkEndpoint::loopback_ipv4(from),
            &NetworkEndpoint::loopback_ipv4(1),
            datagrams.iter().copied(),
        )
    }

    #[test]
    fn sources_are_read_by_address_and_each_in_its_own_order() {
        let mailbox = Mailbox::new(&NetworkEndpoint::loopback_ipv4(1));
        push(&mailbox, 3, &[b"x", b"a"]);
        push(&mailbox, 2, &[b"z"]);
        push(&mailbox, 3, &[b"b"]);
        let expected = [(2, b"z"), (3, b"x"), (3, b"a"), (3, b"b")].map(|(p, b)| (p, b.to_vec()));
        assert_eq!(drain(&mailbox, 9), expected);
        assert_eq!(drain(&mailbox, 9), []);
    }

    #[test]
    fn what_a_reader_leaves_comes_before_what_arrives_later() {
        let mailbox = Mailbox::new(&NetworkEndpoint::loopback_ipv4(1));
        push(&mailbox, 3, &[b"1", b"2"]);
        assert_eq!(drain(&mailbox, 1), [(3, b"1".to_vec())]);
        push(&mailbox, 2, &[b"3"]);
        assert!(mailbox.wait(Duration::ZERO));
        assert_eq!(drain(&mailbox, 9), [(3, b"2".to_vec()), (2, b"3".to_vec())]);
        assert!(!mailbox.wait(Duration::ZERO));
    }

    #[test]
    fn a_full_mailbox_drops_and_counts() {
        let mailbox = Mailbox::new(&NetworkEndpoint::loopback_ipv4(1));
        let big = vec![0; 65_507];
        let mut taken = 0;
        for _ in 0..300 {
            taken += push(&mailbox, 2, &[&big]);
        }
        assert!(taken < 300, "{taken}");
        assert_eq!(mailbox.overflowed(), 300 - taken);
    }
}
