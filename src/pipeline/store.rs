//! Copies of packets, in memory that follows use.
//!
//! Blocks of a few sizes, each size in one arena with a list of free blocks. An arena grows to the
//! most that was ever held at once and is given back when nothing is held for a while: a steady
//! stream neither allocates nor frees, and an idle connection holds nothing.

use std::time::Duration;

use crate::time::Timestamp;

/// Sizes of blocks, in bytes. The largest takes every packet there is.
const SIZES: [usize; 4] = [48, 192, 512, 1_472];

/// How long memory is kept while nothing is held in it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Names a copy until it is freed. Not `Clone`: what is freed cannot be read.
#[derive(Debug)]
pub(super) struct Block {
    class: u8,
    index: u16,
    len: u16,
}

impl Block {
    /// Bytes of the copy.
    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }
}

/// Copies of packets.
#[derive(Debug, Default)]
pub(super) struct Store {
    arenas: [Arena; SIZES.len()],
    held: usize,
    last_used: Timestamp,
}

#[derive(Debug, Default)]
struct Arena {
    bytes: Vec<u8>,
    free: Vec<u16>,
}

impl Store {
    /// Largest copy.
    pub(super) const MAX_LEN: usize = 1_472;

    /// Bytes of one block of each size: what a packet costs at most, whatever was held before it.
    pub(super) const BLOCKS: usize = SIZES[0] + SIZES[1] + SIZES[2] + SIZES[3];

    /// Copies `bytes`; none if they are longer than any packet or there is no number left for them.
    pub(super) fn insert(&mut self, bytes: &[u8], now: Timestamp) -> Option<Block> {
        let class = SIZES.iter().position(|&size| bytes.len() <= size)?;
        let size = *SIZES.get(class)?;
        let arena = self.arenas.get_mut(class)?;
        let index = arena.take(size)?;
        let start = usize::from(index) * size;
        arena
            .bytes
            .get_mut(start..start + bytes.len())?
            .copy_from_slice(bytes);
        self.held += 1;
        self.last_used = now;
        Some(Block {
            class: u8::try_from(class).ok()?,
            index,
            len: u16::try_from(bytes.len()).ok()?,
        })
    }

    /// The bytes of a copy.
    pub(super) fn get(&self, block: &Block) -> &[u8] {
        let class = usize::from(block.class);
        let Some((arena, size)) = self.arenas.get(class).zip(SIZES.get(class)) else {
            return &[];
        };
        let start = usize::from(block.index) * size;
        arena
            .bytes
            .get(start..start + usize::from(block.len))
            .unwrap_or_default()
    }

    /// Frees a copy.
    pub(super) fn remove(&mut self, block: Block) {
        if let Some(arena) = self.arenas.get_mut(usize::from(block.class)) {
            arena.free.push(block.index);
            self.held = self.held.saturating_sub(1);
        }
    }

    /// Bytes more that a copy of `len` bytes would take.
    pub(super) fn growth(&self, len: usize) -> usize {
        SIZES
            .iter()
            .zip(&self.arenas)
            .find(|(size, _)| len <= **size)
            .map_or(0, |(&size, arena)| {
                if arena.free.is_empty() && arena.bytes.len() + size > arena.bytes.capacity() {
                    arena.bytes.len().max(size)
                } else {
                    0
                }
            })
    }

    /// Gives memory back if nothing was held for a while.
    pub(super) fn trim(&mut self, now: Timestamp) {
        if self.held == 0 && self.memory() > 0 && now >= self.last_used + PATIENCE {
            self.arenas = Default::default();
        }
    }

    /// When `trim` would give memory back.
    pub(super) fn deadline(&self) -> Timestamp {
        if self.held == 0 && self.memory() > 0 {
            self.last_used + PATIENCE
        } else {
            Timestamp::NEVER
        }
    }

    /// Bytes of memory held.
    pub(super) fn memory(&self) -> usize {
        self.arenas
            .iter()
            .map(|arena| arena.bytes.capacity() + 2 * arena.free.capacity())
            .sum()
    }
}

impl Arena {
    fn take(&mut self, size: usize) -> Option<u16> {
        if let Some(index) = self.free.pop() {
            return Some(index);
        }
        let index = u16::try_from(self.bytes.len() / size).ok()?;
        if self.bytes.capacity() < self.bytes.len() + size {
            // Doubling, without the few blocks a vector would begin with.
            self.bytes.reserve_exact(self.bytes.len().max(size));
            // Freeing must not allocate.
            let blocks = self.bytes.capacity() / size;
            self.free.reserve_exact(blocks);
        }
        self.bytes.resize(self.bytes.len() + size, 0);
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_kept_apart_and_blocks_are_used_again() {
        let mut store = Store::default();
        let blocks: Vec<Block> = (0..100_u8)
            .map(|i| store.insert(&[i; 40], Timestamp::ZERO).unwrap())
            .collect();
        for (i, block) in (0..100_u8).zip(&blocks) {
            assert_eq!(store.get(block), [i; 40]);
        }
        let held = store.memory();
        for block in blocks {
            store.remove(block);
        }
        for i in 0..100 {
            store.insert(&[i; 48], Timestamp::ZERO).unwrap();
        }
        assert_eq!(store.memory(), held);
    }

    #[test]
    fn nothing_longer_than_a_packet_is_kept() {
        let mut store = Store::default();
        assert!(
            store
                .insert(&[0; Store::MAX_LEN], Timestamp::ZERO)
                .is_some()
        );
        assert!(
            store
                .insert(&[0; Store::MAX_LEN + 1], Timestamp::ZERO)
                .is_none()
        );
        assert!(store.insert(&[], Timestamp::ZERO).is_some());
    }

    #[test]
    fn memory_goes_back_when_nothing_is_held_for_a_while() {
        let mut store = Store::default();
        let block = store.insert(&[1; 1_000], Timestamp::ZERO).unwrap();
        store.trim(Timestamp::from_micros(9_000_000));
        assert_eq!(store.get(&block), [1; 1_000]);
        store.remove(block);
        store.trim(Timestamp::from_micros(1_000_000));
        assert!(store.memory() > 0);
        store.trim(store.deadline());
        assert_eq!((store.memory(), store.deadline()), (0, Timestamp::NEVER));
    }

    #[test]
    fn growth_is_told_before_it_happens() {
        let mut store = Store::default();
        for len in [10, 10, 10, 700, 700, 30, 10, 10] {
            let (before, growth) = (store.memory(), store.growth(len));
            store.insert(&vec![0; len], Timestamp::ZERO).unwrap();
            let grown = store.memory() - before;
            assert!(grown <= growth + growth / 16 + 16, "{grown} > {growth}");
            assert_eq!(grown == 0, growth == 0);
        }
    }
}
