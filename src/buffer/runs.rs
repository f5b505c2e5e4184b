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

/// Datagrams of a segment.
pub(crate) const SEGMENT: usize = 64;

/// A shard's datagrams of one slice, in segments that can be opened by several workers at a time.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// Those behind `used` are empty, and kept for their memory.
    segments: Vec<Segment>,
    used: usize,
    /// The segment that [`next`](Self::next) gives out of.
    at: usize,
}

/// Consecutive datagrams of a shard.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    bytes: Vec<u8>,
    arrivals: Vec<Arrival>,
    /// Arrivals that [`Runs::next`] has given out.
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
        let last = self.used.checked_sub(1);
        let full = |at: usize| {
            self.segments
                .get(at)
                .is_none_or(|segment| segment.arrivals.len() >= SEGMENT)
        };
        if last.is_none_or(full) {
            self.used += 1;
            if self.segments.len() < self.used {
                self.segments.push(Segment::default());
            }
        }
        let Some(segment) = self.used_mut().last_mut() else {
            return;
        };
        let start = segment.bytes.len();
        segment.bytes.extend_from_slice(datagram);
        segment.arrivals.push(Arrival {
            lane,
            kind,
            number,
            path: *path,
            range: start..segment.bytes.len(),
        });
    }

    fn used(&self) -> &[Segment] {
        self.segments.get(..self.used).unwrap_or_default()
    }

    fn used_mut(&mut self) -> &mut [Segment] {
        self.segments.get_mut(..self.used).unwrap_or_default()
    }

    /// The segments, in order, to be taken out and put back.
    pub(crate) fn segments_mut(&mut self) -> impl Iterator<Item = &mut Segment> {
        self.used_mut().iter_mut()
    }

    /// Segments that hold something.
    pub(crate) fn segments(&self) -> usize {
        self.used
    }

    /// Lanes needed to hold them all.
    pub(crate) fn lanes(&self) -> usize {
        self.used()
            .iter()
            .flat_map(|segment| &segment.arrivals)
            .map(|arrival| usize::from(arrival.lane) + 1)
            .max()
            .unwrap_or(0)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// The next datagram, taken by this call: where it lies is its `range` of [`bytes`](Self::bytes).
    ///
    /// A panic while it is handled thus does not bring it back.
    pub(crate) fn next(&mut self) -> Option<Arrival> {
        loop {
            let at = self.at;
            let segment = self.used_mut().get_mut(at)?;
            if let Some(arrival) = segment.arrivals.get(segment.taken) {
                segment.taken += 1;
                return Some(arrival.clone());
            }
            self.at += 1;
        }
    }

    /// Every datagram that was not taken, to open it in place, with the number of its segment. What
    /// `open` makes of one replaces it; the further records of a datagram follow it.
    pub(crate) fn open_each(
        &mut self,
        mut open: impl FnMut(usize, &mut Arrival, &mut [u8], &mut Vec<Arrival>),
    ) {
        let from = self.at;
        for (index, segment) in self.used_mut().iter_mut().enumerate().skip(from) {
            segment.open_each(|arrival, bytes, more| open(index, arrival, bytes, more));
        }
    }

    /// Bytes of the segment whose datagram was taken last.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.used()
            .get(self.at)
            .map_or(&[], |segment| segment.bytes.as_slice())
    }

    /// Gives the memory back if there is nothing in it.
    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Forgets the datagrams; the memory stays.
    pub(crate) fn clear(&mut self) {
        for segment in self.used_mut() {
            segment.bytes.clear();
            segment.arrivals.clear();
            segment.taken = 0;
        }
        self.used = 0;
        self.at = 0;
    }
}

impl Segment {
    fn open_each(&mut self, mut open: impl FnMut(&mut Arrival, &mut [u8], &mut Vec<Arrival>)) {
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

    /// Packets of each lane, and the lane that has most; none if there are no packets.
    pub(crate) fn busiest_lane(&self) -> Option<(u8, usize)> {
        let mut counts = [0_usize; crate::id::LANES_PER_SHARD];
        for arrival in &self.arrivals {
            if arrival.kind == ArrivalKind::Packet
                && let Some(count) = counts.get_mut(usize::from(arrival.lane))
            {
                *count += 1;
            }
        }
        (0..)
            .zip(counts)
            .max_by_key(|(_, count)| *count)
            .filter(|(_, count)| *count > 0)
    }

    /// The bytes of every packet of a lane, in order of arrival.
    pub(crate) fn packets_mut(&mut self, lane: u8, mut open: impl FnMut(&mut [u8])) {
        for arrival in &self.arrivals {
            if arrival.lane == lane
                && arrival.kind == ArrivalKind::Packet
                && let Some(bytes) = self.bytes.get_mut(arrival.range.clone())
            {
                open(bytes);
            }
        }
    }
}
