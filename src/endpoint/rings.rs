//! A slab whose entries are linked into two rings each: one of age, one of neighbours.
//!
//! ```text
//! age:         oldest ⇄ … ⇄ newest ⇄ oldest
//! neighbours:  one ring for each group; any entry of it can be its head
//! ```
//!
//! Indices of 32 bits link them, so an entry costs 16 bytes more than its value, and taking one out
//! of the middle costs what taking the first costs. What a group is, and when an entry is too old,
//! is the owner's business.

/// Which ring of an entry is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ring {
    Age,
    Neighbours,
}

#[derive(Clone, Copy, Debug)]
struct Links {
    previous: u32,
    next: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry<T> {
    value: T,
    age: Links,
    neighbours: Links,
}

impl<T> Entry<T> {
    fn links(&mut self, ring: Ring) -> &mut Links {
        match ring {
            Ring::Age => &mut self.age,
            Ring::Neighbours => &mut self.neighbours,
        }
    }
}

/// Entries by index, in two rings each.
#[derive(Debug)]
pub(crate) struct Rings<T> {
    entries: Vec<Option<Entry<T>>>,
    free: Vec<u32>,
}

impl<T> Rings<T> {
    /// No entries, and no memory for any.
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Entries there is memory for.
    pub(crate) fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    /// Adds an entry, in two rings of its own.
    pub(crate) fn insert(&mut self, value: T) -> Option<u32> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.entries.len()).ok()?;
                self.entries.push(None);
                index
            }
        };
        let alone = Links {
            previous: index,
            next: index,
        };
        *self.entries.get_mut(index as usize)? = Some(Entry {
            value,
            age: alone,
            neighbours: alone,
        });
        Some(index)
    }

    /// Takes an entry out. It must have left rings it shared.
    pub(crate) fn remove(&mut self, index: u32) -> Option<T> {
        let entry = self.entries.get_mut(index as usize)?.take()?;
        self.free.push(index);
        Some(entry.value)
    }

    /// An entry's value.
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        let entry = self.entries.get(index as usize)?.as_ref()?;
        Some(&entry.value)
    }

    /// An entry's value.
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        Some(&mut self.entry(index)?.value)
    }

    /// The entry that follows in a ring.
    pub(crate) fn next(&mut self, ring: Ring, index: u32) -> Option<u32> {
        Some(self.entry(index)?.links(ring).next)
    }

    /// Puts an entry, which is in no other's ring, at the end of the ring that begins at `head`.
    pub(crate) fn join(&mut self, ring: Ring, head: u32, index: u32) {
        if head == index {
            return;
        }
        let Some(last) = self.entry(head).map(|entry| entry.links(ring).previous) else {
            return;
        };
        self.link(ring, last, index);
        self.link(ring, index, head);
    }

    /// Takes an entry out of a ring. Returns the one that followed it; none if it was alone.
    pub(crate) fn leave(&mut self, ring: Ring, index: u32) -> Option<u32> {
        let Links { previous, next } = *self.entry(index)?.links(ring);
        if next == index {
            return None;
        }
        self.link(ring, previous, next);
        self.link(ring, index, index);
        Some(next)
    }

    fn entry(&mut self, index: u32) -> Option<&mut Entry<T>> {
        self.entries.get_mut(index as usize)?.as_mut()
    }

    fn link(&mut self, ring: Ring, from: u32, to: u32) {
        if let Some(entry) = self.entry(from) {
            entry.links(ring).next = to;
        }
        if let Some(entry) = self.entry(to) {
            entry.links(ring).previous = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(rings: &mut Rings<char>, ring: Ring, head: u32) -> String {
        let mut seen = String::new();
        let mut at = head;
        loop {
            seen.push(*rings.get(at).unwrap());
            at = rings.next(ring, at).unwrap();
            if at == head {
                return seen;
            }
        }
    }

    #[test]
    fn entries_join_at_the_end_and_leave_from_anywhere() {
        let mut rings = Rings::new();
        let [a, b, c, d] = ['a', 'b', 'c', 'd'].map(|name| rings.insert(name).unwrap());
        for index in [a, b, c, d] {
            rings.join(Ring::Age, a, index);
        }
        rings.join(Ring::Neighbours, b, d);
        assert_eq!(walk(&mut rings, Ring::Age, a), "abcd");
        assert_eq!(walk(&mut rings, Ring::Neighbours, d), "db");
        assert_eq!(rings.leave(Ring::Age, c), Some(d));
        assert_eq!(walk(&mut rings, Ring::Age, a), "abd");
        assert_eq!(rings.leave(Ring::Age, a), Some(b));
        assert_eq!(walk(&mut rings, Ring::Age, b), "bd");
        assert_eq!(rings.leave(Ring::Age, d), Some(b));
        assert_eq!(rings.leave(Ring::Age, b), None);
        assert_eq!(walk(&mut rings, Ring::Neighbours, d), "db");
    }

    #[test]
    fn indices_are_reused() {
        let mut rings = Rings::new();
        let a = rings.insert('a').unwrap();
        rings.insert('b').unwrap();
        assert_eq!(rings.remove(a), Some('a'));
        assert_eq!(rings.remove(a), None);
        assert_eq!((rings.len(), rings.get(a)), (1, None));
        assert_eq!(rings.insert('c'), Some(a));
        assert_eq!(rings.len(), 2);
    }
}
