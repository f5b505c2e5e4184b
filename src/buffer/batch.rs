//! The receive batch: the datagrams of one system call.
//!
//! ```text
//! slots:   |── slot 0 ──|── slot 1 ──| …            stride bytes each, filled by the interface
//! entries: (slot, len, segment size, path) …        what was filled
//! ```
//!
//! A slot holds one datagram, or a train of equal-size datagrams the kernel coalesced (GRO), which
//! [`ReceiveBatch::datagrams`] takes apart. Slots are as large as the interface may need, but only
//! pages that were written cost memory.

use crate::address::Path;

/// Most datagrams one receive call fills: system calls gain nothing from more, and the cache loses.
pub const BATCH_SIZE: usize = 64;

/// One filled slot.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Bytes filled.
    len: usize,
    /// Size of each datagram of a coalesced train but the last; the whole length otherwise.
    segment: usize,
    /// Whether the slot counts; false for what the interface dropped after it was read.
    kept: bool,
    path: Path,
}

/// Up to [`BATCH_SIZE`] received datagrams, in order of arrival.
///
/// An interface fills it either by [`push`](Self::push), or by reading straight into
/// [`slots`](Self::slots) and reporting each by [`commit`](Self::commit).
#[derive(Debug)]
pub struct ReceiveBatch {
    slots: Vec<u8>,
    stride: usize,
    capacity: usize,
    entries: Vec<Entry>,
}

impl ReceiveBatch {
    /// A batch whose slots hold `slot_size` bytes each.
    ///
    /// A datagram that fills its slot to the last byte may have been cut; give one byte more than
    /// the largest datagram you accept.
    pub fn new(slot_size: usize) -> Self {
        // An odd number of cache lines apart: equal offsets of all slots would share one cache set.
        let stride = (slot_size.div_ceil(64) | 1) * 64;
        Self {
            slots: vec![0; stride * BATCH_SIZE],
            stride,
            capacity: slot_size,
            entries: Vec::with_capacity(BATCH_SIZE),
        }
    }

    /// A batch without slots, to stand in for one that is in use elsewhere.
    pub(crate) fn empty() -> Self {
        Self {
            slots: Vec::new(),
            stride: 64,
            capacity: 0,
            entries: Vec::new(),
        }
    }

    /// Bytes a slot holds.
    pub fn slot_size(&self) -> usize {
        self.capacity
    }

    /// Makes the slots larger, keeping nothing of what they hold.
    pub fn grow_slots(&mut self, slot_size: usize) {
        if slot_size > self.capacity {
            *self = Self::new(slot_size);
        }
    }

    /// Forgets the datagrams; the memory stays.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Slots not filled yet.
    pub fn remaining(&self) -> usize {
        BATCH_SIZE - self.entries.len()
    }

    /// Filled slots, the discarded ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no slot was filled.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The free slots in order; the n-th is reported by the n-th [`commit`](Self::commit) from now.
    pub fn slots(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let (used, capacity) = (self.entries.len(), self.capacity);
        self.slots
            .chunks_exact_mut(self.stride)
            .skip(used)
            .filter_map(move |slot| slot.get_mut(..capacity))
    }

    /// Reports that the next free slot holds `len` bytes: one datagram, or a train of datagrams of
    /// `segment` bytes each (the last may be shorter).
    ///
    /// A `len` beyond the slot's size is cut to it; a `segment` of 0 means one datagram.
    pub fn commit(&mut self, path: Path, len: usize, segment: usize) {
        if self.entries.len() < BATCH_SIZE {
            let len = len.min(self.capacity);
            let segment = if segment == 0 { len } else { segment };
            self.entries.push(Entry {
                len,
                segment,
                kept: true,
                path,
            });
        }
    }

    /// Reports that the next free slot holds nothing of use: it is used up, and yields no datagram.
    ///
    /// For datagrams that are dropped after a system call has filled the slots behind them, too.
    pub fn discard(&mut self) {
        if self.entries.len() < BATCH_SIZE {
            self.entries.push(Entry {
                len: 0,
                segment: 0,
                kept: false,
                path: Path::default(),
            });
        }
    }

    /// Copies one datagram into the next free slot. False, and nothing taken, if all are filled.
    ///
    /// A datagram longer than the slot is kept at the slot's size, which marks it as oversize.
    pub fn push(&mut self, path: Path, datagram: &[u8]) -> bool {
        let len = datagram.len().min(self.capacity);
        let Some(slot) = self.slots().next() else {
            return false;
        };
        if let (Some(to), Some(from)) = (slot.get_mut(..len), datagram.get(..len)) {
            to.copy_from_slice(from);
        }
        self.commit(path, len, 0);
        true
    }

    /// Every datagram with its path, in order of arrival, trains taken apart.
    pub fn datagrams(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.slots
            .chunks_exact(self.stride)
            .zip(&self.entries)
            .filter(|(_, entry)| entry.kept)
            .flat_map(|(slot, entry)| {
                let train = slot.get(..entry.len).unwrap_or_default();
                let (first, rest) = train.split_at(entry.segment.min(train.len()));
                std::iter::once(first)
                    .chain(rest.chunks(entry.segment.max(1)))
                    .map(move |datagram| (&entry.path, datagram))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::NetworkEndpoint;

    fn path(port: u16) -> Path {
        NetworkEndpoint::loopback_ipv4(port).into()
    }

    fn collect(batch: &ReceiveBatch) -> Vec<(u16, Vec<u8>)> {
        batch
            .datagrams()
            .map(|(path, bytes)| (path.remote.port(), bytes.to_vec()))
            .collect()
    }

    #[test]
    fn datagrams_come_out_as_they_went_in_empty_ones_included() {
        let mut batch = ReceiveBatch::new(16);
        assert!(batch.push(path(1), b"one"));
        assert!(batch.push(path(2), b""));
        assert!(batch.push(path(3), b"three"));
        assert_eq!(
            collect(&batch),
            [(1, b"one".to_vec()), (2, vec![]), (3, b"three".to_vec())]
        );
    }

    #[test]
    fn a_coalesced_train_is_taken_apart() {
        let mut batch = ReceiveBatch::new(16);
        batch.slots().next().unwrap()[..8].copy_from_slice(b"aabbccdd");
        batch.commit(path(1), 7, 3);
        assert_eq!(
            collect(&batch),
            [
                (1, b"aab".to_vec()),
                (1, b"bcc".to_vec()),
                (1, b"d".to_vec())
            ]
        );
    }

    #[test]
    fn a_datagram_beyond_the_slot_fills_it_to_the_last_byte() {
        let mut batch = ReceiveBatch::new(4);
        assert!(batch.push(path(1), b"12345"));
        assert_eq!(collect(&batch), [(1, b"1234".to_vec())]);
    }

    #[test]
    fn a_discarded_slot_yields_nothing_and_moves_nobody() {
        let mut batch = ReceiveBatch::new(4);
        for (slot, byte) in batch.slots().take(3).zip(b"abc") {
            slot[0] = *byte;
        }
        batch.commit(path(1), 1, 0);
        batch.discard();
        batch.commit(path(3), 1, 0);
        assert_eq!(collect(&batch), [(1, b"a".to_vec()), (3, b"c".to_vec())]);
        assert_eq!(batch.len(), 3);
    }

    #[test]
    fn a_full_batch_refuses_and_a_cleared_one_takes_again() {
        let mut batch = ReceiveBatch::new(4);
        for _ in 0..BATCH_SIZE {
            assert!(batch.push(path(1), b"x"));
        }
        assert!(!batch.push(path(1), b"y"));
        batch.clear();
        assert!(batch.push(path(1), b"y"));
        assert_eq!(batch.len(), 1);
    }
}
