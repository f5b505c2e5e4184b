//! What is held for the lanes of a desk, in bytes, and for all of them together (R29).
//!
//! Told anew for each lane that is served; what does not change costs nothing.

/// Where bytes are held for a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holder {
    /// Its inboxes and outboxes, on both desks.
    Boxes,
    /// The state of its pipelines.
    Pipelines,
}

/// Bytes held for each lane.
#[derive(Debug, Default)]
pub(crate) struct Account {
    lanes: Vec<[u32; 2]>,
    total: usize,
}

impl Account {
    /// So many bytes are held there.
    pub(crate) fn set(&mut self, lane: usize, holder: Holder, bytes: usize) {
        if self.lanes.len() <= lane {
            if bytes == 0 {
                return;
            }
            self.lanes.resize(lane + 1, [0; 2]);
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let Some([boxes, pipelines]) = self.lanes.get_mut(lane) else {
            return;
        };
        let entry = match holder {
            Holder::Boxes => boxes,
            Holder::Pipelines => pipelines,
        };
        self.total = self.total.saturating_sub(*entry as usize) + bytes as usize;
        *entry = bytes;
    }

    /// Nothing is held for the lane.
    pub(crate) fn free(&mut self, lane: usize) {
        self.set(lane, Holder::Boxes, 0);
        self.set(lane, Holder::Pipelines, 0);
    }

    /// Bytes held for all lanes.
    pub(crate) fn total(&self) -> usize {
        self.total
    }
}

/// How much more may be held, for all connections and for each.
///
/// An eighth of the memory is a reserve, a part of it for each connection however much the others
/// hold. Of what is free of the rest each may take a quarter for each of its queues: so those who
/// hold much are the first to be refused, and something is left for those who come.
///
/// Source: Choudhury, Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches",
/// 1998.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryShare {
    /// Bytes held for all connections.
    pub(crate) held: usize,
    /// Most that may be.
    pub(crate) limit: usize,
    /// Most bytes one queue of one connection may have.
    pub(crate) each: usize,
}

/// Most of the reserve that is one connection's.
const OWN_RESERVE: usize = 16_384;

impl MemoryShare {
    /// What is left where `held` of `limit` bytes are held for so many connections.
    pub(crate) fn new(held: usize, limit: usize, connections: usize) -> Self {
        let reserve = limit / 8;
        let free = (limit - reserve).saturating_sub(held);
        let own = (reserve / connections.max(1)).min(OWN_RESERVE);
        Self {
            held,
            limit,
            each: (free / 4).max(own),
        }
    }

    /// A budget, as far as there is memory for it.
    #[inline]
    pub(crate) fn of(&self, budget: usize) -> usize {
        budget.min(self.each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_the_sum_of_what_was_told_last() {
        let mut account = Account::default();
        account.set(3, Holder::Boxes, 100);
        account.set(1, Holder::Pipelines, 10);
        account.set(3, Holder::Boxes, 70);
        account.set(3, Holder::Pipelines, 5);
        assert_eq!(account.total(), 85);
        account.free(3);
        account.free(60);
        assert_eq!(account.total(), 10);
    }

    #[test]
    fn whoever_holds_much_is_refused_first_and_nobody_is_left_with_nothing() {
        let limit = 1 << 20;
        assert_eq!(MemoryShare::new(0, limit, 1).of(1_000), 1_000);
        let mut held = 0;
        for connections in 1..100 {
            let share = MemoryShare::new(held, limit, 100);
            held += share.of(limit);
            assert!(held <= limit, "{connections} hold {held}");
        }
        let full = MemoryShare::new(limit, limit, 100);
        assert_eq!(full.of(limit), limit / 800);
    }
}
