//! What one slice of the receive stage has for one shard: its lanes' datagrams, in order of arrival.
//!
//! The route stage copies each datagram here once, straight from the receive batch; from then on it
//! belongs to the shard's job, which opens and reads it in place.

use std::ops::Range;

use crate::address::Path;

/// One datagram of a run.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// The lane it belongs to.
    pub(crate) lane: u8,
    /// True if it is the first of a new connection: a request the endpoint admitted.
    pub(crate) opens: bool,
    /// Number of the datagram among all of its driver, for orders that cross shards.
    pub(crate) number: u64,
    /// Where it came from.
    pub(crate) path: Path,
    /// Where it lies in [`Runs::bytes_mut`].
    pub(crate) range: Range<usize>,
}

/// A shard's datagrams of one slice.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    bytes: Vec<u8>,
    arrivals: Vec<Arrival>,
}

impl Runs {
    /// Takes a datagram in.
    pub(crate) fn push(
        &mut self,
        lane: u8,
        opens: bool,
        number: u64,
        path: &Path,
        datagram: &[u8],
    ) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        self.arrivals.push(Arrival {
            lane,
            opens,
            number,
            path: *path,
            range: start..self.bytes.len(),
        });
    }

    /// Datagrams held.
    pub(crate) fn len(&self) -> usize {
        self.arrivals.len()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// The datagrams and their bytes, apart: open in place, then read.
    pub(crate) fn parts(&mut self) -> (&[Arrival], &mut [u8]) {
        (&self.arrivals, &mut self.bytes)
    }

    /// Forgets the datagrams; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.arrivals.clear();
    }
}
