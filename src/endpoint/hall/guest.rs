//! One guest of the hall: who it is, and what it has sent while its handshake was not looked at.

use super::engine::Engine;
use crate::address::{AddressPrefix, Path};
use crate::time::Timestamp;

/// Bytes of datagrams kept until they are read, and how many (R10).
const KEPT_BYTES: usize = 12 * 1_024;
const KEPT: usize = 16;

/// A handshake under way.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) path: Path,
    /// The connection it is for, if we began it.
    pub(super) slot: Option<u32>,
    /// The random of the hello it began with, if the peer did.
    pub(super) random: Option<[u8; 32]>,
    /// Whom it counts against.
    pub(super) prefix: Option<AddressPrefix>,
    /// Its number among all guests there ever were.
    pub(super) age: u64,
    /// Whether it waits to be read.
    pub(super) queued: bool,
    /// Whether its expensive step is due: queued, or to be queued once the engine is back.
    pub(super) due: Due,
    /// The handshake itself; none while an errand has it.
    pub(super) engine: Option<Engine>,
    kept: Vec<Vec<u8>>,
}

/// Whether the expensive step of a handshake is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    No,
    Queued,
    /// Its turn came while the engine was away.
    Missed,
}

impl Guest {
    /// A guest whose handshake is here. Either `slot` or `random` is known: it is ours or its own.
    pub(super) fn new(
        path: &Path,
        engine: Engine,
        slot: Option<u32>,
        random: Option<[u8; 32]>,
        prefix: Option<AddressPrefix>,
    ) -> Self {
        Self {
            path: *path,
            slot,
            random,
            prefix,
            age: 0,
            queued: false,
            due: Due::No,
            engine: Some(engine),
            kept: Vec::new(),
        }
    }

    /// Whether the peer began it.
    pub(super) fn is_client(&self) -> bool {
        self.slot.is_none()
    }

    /// Keeps a datagram until it is read. False if there is no room.
    pub(super) fn keep(&mut self, datagram: &[u8]) -> bool {
        let bytes: usize = self.kept.iter().map(Vec::len).sum();
        let fits = self.kept.len() < KEPT && bytes + datagram.len() <= KEPT_BYTES;
        if fits {
            self.kept.push(datagram.to_vec());
        }
        fits
    }

    /// Whether there are datagrams to be read.
    pub(super) fn has_kept(&self) -> bool {
        !self.kept.is_empty()
    }

    /// The datagrams that were kept.
    pub(super) fn take_kept(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.kept)
    }

    /// When time has something to say to it.
    pub(super) fn deadline(&self) -> Timestamp {
        self.engine
            .as_ref()
            .map_or(Timestamp::NEVER, Engine::deadline)
    }
}
