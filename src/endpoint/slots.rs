//! Slots: where a connection lives, and under which version.
//!
//! ```text
//!          open                  close                    release
//!  Free ──────────▶ Occupied ──────────────▶ Quarantined ─────────▶ Free
//!       version + 1          token forgotten             last event read
//! ```
//!
//! A slot index is a shard and a lane, so the lowest free one is taken: shards stay dense, and an
//! update walks no more of them than it must. A slot in quarantine holds events the application has
//! not read yet; it is given to nobody before. The version rises when a slot is taken again, so a
//! handle of the former connection reads as closed until then, and as stale from then on.
//!
//! This table knows no address and no packet: it counts what its owner tells it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::prefixes::Charge;
use super::standing::Standing;
use crate::id::NetworkConnection;
use crate::wire::connection::Token;

/// Slots in quarantine for each that may be occupied. An application that reads no events keeps
/// slots in quarantine; they are memory, so they are bounded too.
const QUARANTINE_FACTOR: usize = 1;

/// A connection, as far as the endpoint knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Occupant {
    /// None while the peer has an association and has not asked for a connection.
    pub(crate) token: Option<Token>,
    pub(crate) origin: Origin,
}

/// Which side started a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This driver did.
    Outgoing,
    /// The peer did.
    Incoming(Incoming),
}

/// A connection that a peer started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Incoming {
    /// Whom it counts against.
    pub(crate) charge: Charge,
    pub(crate) standing: Standing,
    pub(crate) acceptance: Acceptance,
}

/// Whether the application has taken a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acceptance {
    Waiting,
    Accepted,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Free,
    Occupied(Occupant),
    Quarantined,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    version: u32,
    state: State,
}

/// All slots of a driver.
#[derive(Debug)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    free: BinaryHeap<Reverse<u32>>,
    /// Most slots occupied at a time.
    max: usize,
    occupied: usize,
    occupied_high_water: usize,
    /// Of those, incoming ones that have proved nothing.
    unproven: usize,
    /// Of those, incoming ones the application has not taken.
    waiting: usize,
}

impl Slots {
    /// No slots yet, and at most `max` occupied ones at a time.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: BinaryHeap::new(),
            max,
            occupied: 0,
            occupied_high_water: 0,
            unproven: 0,
            waiting: 0,
        }
    }

    /// Most slots occupied at a time.
    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// Slots that hold a connection.
    pub(crate) fn occupied(&self) -> usize {
        self.occupied
    }

    /// Most slots that held a connection at the same time.
    pub(crate) fn occupied_high_water(&self) -> usize {
        self.occupied_high_water
    }

    /// Connections whose peer has proved its address, and those started here.
    pub(crate) fn proven(&self) -> usize {
        self.occupied - self.unproven
    }

    /// Connections whose peer has proved nothing.
    pub(crate) fn unproven(&self) -> usize {
        self.unproven
    }

    /// Connections the application has not taken.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Slots that were ever used.
    pub(crate) fn high_water(&self) -> u32 {
        // `open` never makes more slots than a `u32` counts.
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    /// Whether a slot can be taken.
    pub(crate) fn has_room(&self) -> bool {
        self.occupied < self.max
            && (!self.free.is_empty() || self.slots.len() < self.max * (1 + QUARANTINE_FACTOR))
    }

    /// Takes a slot, the lowest free one.
    pub(crate) fn open(&mut self, occupant: Occupant) -> Option<u32> {
        if !self.has_room() {
            return None;
        }
        let index = match self.free.pop() {
            Some(Reverse(index)) => {
                let slot = self.slots.get_mut(index as usize)?;
                slot.version = NetworkConnection::next_version(slot.version);
                slot.state = State::Occupied(occupant);
                index
            }
            None => {
                let index = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(Slot {
                    version: 1,
                    state: State::Occupied(occupant),
                });
                index
            }
        };
        self.occupied += 1;
        self.occupied_high_water = self.occupied_high_water.max(self.occupied);
        self.count(occupant.origin, Step::In);
        Some(index)
    }

    /// Ends the connection in a slot and puts the slot into quarantine.
    pub(crate) fn close(&mut self, index: u32) -> Option<Occupant> {
        let slot = self.slots.get_mut(index as usize)?;
        let State::Occupied(occupant) = slot.state else {
            return None;
        };
        slot.state = State::Quarantined;
        self.occupied -= 1;
        self.count(occupant.origin, Step::Out);
        Some(occupant)
    }

    /// Ends a slot's quarantine. Any other slot stays as it is.
    pub(crate) fn release(&mut self, index: u32) {
        if let Some(slot) = self.slots.get_mut(index as usize)
            && matches!(slot.state, State::Quarantined)
        {
            slot.state = State::Free;
            self.free.push(Reverse(index));
        }
    }

    /// Changes what is known of an incoming connection. Nothing happens to any other slot.
    pub(crate) fn update(&mut self, index: u32, change: impl FnOnce(&mut Incoming)) {
        let Some(Slot {
            state: State::Occupied(occupant),
            ..
        }) = self.slots.get_mut(index as usize)
        else {
            return;
        };
        let before = occupant.origin;
        if let Origin::Incoming(incoming) = &mut occupant.origin {
            change(incoming);
        }
        let after = occupant.origin;
        self.count(before, Step::Out);
        self.count(after, Step::In);
    }

    /// The peer of a slot without a token has named one. False for any other slot.
    pub(crate) fn name(&mut self, index: u32, token: Token) -> bool {
        match self.slots.get_mut(index as usize) {
            Some(Slot {
                state: State::Occupied(occupant),
                ..
            }) if occupant.token.is_none() => {
                occupant.token = Some(token);
                true
            }
            _ => false,
        }
    }

    /// The handle of the slot's connection, or of its last one.
    pub(crate) fn connection(&self, index: u32) -> NetworkConnection {
        match self.slots.get(index as usize) {
            Some(slot) => NetworkConnection::new(index, slot.version),
            None => NetworkConnection::default(),
        }
    }

    fn count(&mut self, origin: Origin, step: Step) {
        let Origin::Incoming(incoming) = origin else {
            return;
        };
        if incoming.standing == Standing::Unproven {
            step.apply(&mut self.unproven);
        }
        if incoming.acceptance == Acceptance::Waiting {
            step.apply(&mut self.waiting);
        }
    }
}

/// A connection is added to a count, or taken out of it.
#[derive(Clone, Copy)]
enum Step {
    In,
    Out,
}

impl Step {
    fn apply(self, count: &mut usize) {
        *count = match self {
            Self::In => *count + 1,
            Self::Out => count.saturating_sub(1),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(name: u8) -> Occupant {
        Occupant {
            token: Some(Token([name; 8])),
            origin: Origin::Outgoing,
        }
    }

    fn incoming(name: u8) -> Occupant {
        Occupant {
            token: Some(Token([name; 8])),
            origin: Origin::Incoming(Incoming {
                charge: Charge::Exempt,
                standing: Standing::Unproven,
                acceptance: Acceptance::Waiting,
            }),
        }
    }

    #[test]
    fn c14_a_slot_is_reused_under_the_next_version_and_not_before_its_events_are_read() {
        let mut slots = Slots::new(10);
        let first = slots.open(outgoing(1)).unwrap();
        let old = slots.connection(first);
        assert_eq!((old.index(), old.version()), (0, 1));
        assert_eq!(slots.close(first), Some(outgoing(1)));
        // In quarantine: another slot is taken, and the handle still names the closed connection.
        assert_eq!(slots.open(outgoing(2)), Some(1));
        assert_eq!(slots.connection(first), old);
        slots.release(first);
        assert_eq!(slots.connection(first), old);
        assert_eq!(slots.open(outgoing(3)), Some(0));
        assert_eq!(slots.connection(first).version(), 2);
    }

    #[test]
    fn the_lowest_free_slot_is_taken() {
        let mut slots = Slots::new(10);
        for name in 0..5 {
            slots.open(outgoing(name)).unwrap();
        }
        for index in [3, 1, 4] {
            slots.close(index).unwrap();
            slots.release(index);
        }
        let taken: Vec<_> = (5..9)
            .filter_map(|name| slots.open(outgoing(name)))
            .collect();
        assert_eq!(taken, [1, 3, 4, 5]);
        assert_eq!(slots.high_water(), 6);
    }

    #[test]
    fn closing_or_releasing_twice_changes_nothing() {
        let mut slots = Slots::new(10);
        let index = slots.open(incoming(1)).unwrap();
        slots.release(index);
        assert_eq!(slots.occupied(), 1);
        assert!(slots.close(index).is_some());
        assert!(slots.close(index).is_none());
        slots.release(index);
        slots.release(index);
        assert_eq!(slots.open(incoming(2)), Some(0));
        assert_eq!(slots.open(incoming(3)), Some(1));
        slots.release(99);
        assert!(slots.close(99).is_none());
        assert_eq!(slots.connection(99), NetworkConnection::default());
    }

    #[test]
    fn counts_follow_what_is_known_of_each_connection() {
        let mut slots = Slots::new(10);
        let index = slots.open(incoming(1)).unwrap();
        slots.open(incoming(2)).unwrap();
        slots.open(outgoing(3)).unwrap();
        let counts = |slots: &Slots| (slots.unproven(), slots.waiting(), slots.proven());
        assert_eq!(counts(&slots), (2, 2, 1));
        slots.update(index, |incoming| incoming.standing = Standing::Proven);
        slots.update(index, |incoming| incoming.standing = Standing::Proven);
        assert_eq!(counts(&slots), (1, 2, 2));
        slots.update(index, |incoming| incoming.acceptance = Acceptance::Accepted);
        assert_eq!(counts(&slots), (1, 1, 2));
        slots.close(1).unwrap();
        slots.update(1, |incoming| incoming.standing = Standing::Proven);
        assert_eq!(counts(&slots), (0, 0, 2));
    }

    #[test]
    fn slots_are_bounded_even_if_nobody_reads_events() {
        let mut slots = Slots::new(4);
        for name in 0..8 {
            let index = slots.open(outgoing(name)).unwrap();
            slots.close(index).unwrap();
        }
        assert!(!slots.has_room());
        assert_eq!(slots.open(outgoing(9)), None);
        slots.release(5);
        assert_eq!(slots.open(outgoing(9)), Some(5));
        assert_eq!(slots.high_water(), 8);
    }
}
