//! What one slice of the receive stage has for one shard: its lanes' datagrams, in order of arrival.
//!
//! The route stage copies each datagram here once, straight from the receive batch; from then on it
//! belongs to the shard's job, which opens and reads it in place.

use std::ops::Range;

use crate::address::Path;

/// What an arrival is to its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArrivalKind {
    /// A datagram for the lane's connection.
    Packet,
    /// The request that opens a connection in the lane, under this version of its slot.
    Opens { version: u32, token: [u8; 8] },
    /// A datagram that overtook the end of its handshake, which has kept it until now.
    #[cfg_attr(
        not(any(feature = "aws-lc-rs", feature = "ring")),
        expect(dead_code, reason = "a build without a provider has no handshakes")
    )]
    Early,
    /// A client at the connection's address says hello again: nothing of it is protected.
    Knock,
    /// What a record held, once it was opened.
    Opened,
    /// A datagram whose records were all refused or done with: counted already.
    Spent,
    /// The peer asks for the last flight of the handshake once more.
    Repeat,
    /// An authentic alert that ends the association: whether it was a mere goodbye.
    Ended { goodbye: bool },
    /// The connect payload of a half-open record that has proved its address.
    OpensProven { version: u32, token: [u8; 8] },
}

/// One datagram of a run.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// The lane it belongs to.
    pub(crate) lane: u8,
    pub(crate) kind: ArrivalKind,
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
    /// Arrivals that [`next`](Self::next) has given out.
    taken: usize,
}

impl Runs {
    /// Takes a datagram in.
    pub(crate) fn push(
        &mut self,
        lane: u8,
        kind: ArrivalKind,
        number: u64,
        path: &Path,
        datagram: &[u8],
    ) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        self.arrivals.push(Arrival {
            lane,
            kind,
            number,
            path: *path,
            range: start..self.bytes.len(),
        });
    }

    /// Lanes needed to hold them all.
    pub(crate) fn lanes(&self) -> usize {
        self.arrivals
            .iter()
            .map(|arrival| usize::from(arrival.lane) + 1)
            .max()
            .unwrap_or(0)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// The next datagram, taken by this call: where it lies is its `range` of [`bytes`](Self::bytes).
    ///
    /// A panic while it is handled thus does not bring it back.
    pub(crate) fn next(&mut self) -> Option<Arrival> {
        let arrival = self.arrivals.get(self.taken)?.clone();
        self.taken += 1;
        Some(arrival)
    }

    /// Every datagram that was not taken, to open it in place. What `open` makes of one replaces it;
    /// the further records of a datagram follow it.
    pub(crate) fn open_each(
        &mut self,
        mut open: impl FnMut(&mut Arrival, &mut [u8], &mut Vec<Arrival>),
    ) {
        let mut at = self.taken;
        let mut more = Vec::new();
        while let Some(arrival) = self.arrivals.get_mut(at) {
            at += 1;
            if let Some(bytes) = self.bytes.get_mut(arrival.range.clone()) {
                open(arrival, bytes, &mut more);
            }
            if !more.is_empty() {
                let inserted = more.len();
                self.arrivals.splice(at..at, more.drain(..));
                at += inserted;
            }
        }
    }

    /// The datagrams' bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives the memory back if there is nothing in it.
    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Forgets the datagrams; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.arrivals.clear();
        self.taken = 0;
    }
}
