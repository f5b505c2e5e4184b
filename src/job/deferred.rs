//! Datagrams that the interface had no room for.

use crate::address::Path;
use crate::counters::{DropReason, Flow};
use crate::interface::Transmit;

/// Most bytes a shard keeps for an interface that has no room.
const DEFERRED_LIMIT: usize = 1 << 20;

/// Datagrams kept until the interface has room again, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Deferred {
    bytes: Vec<u8>,
    entries: Vec<(Path, usize)>,
}

impl Deferred {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Datagrams that wait.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Keeps a datagram; counts it as dropped where there is no room.
    pub(super) fn keep(&mut self, transmit: &Transmit<'_>, sent: &mut Flow) {
        if self.bytes.len() + transmit.bytes.len() > DEFERRED_LIMIT {
            sent.drops.count(DropReason::SendQueueFull);
            return;
        }
        self.bytes.extend_from_slice(transmit.bytes);
        self.entries.push((
            Path {
                remote: *transmit.to,
                local: transmit.from,
            },
            transmit.bytes.len(),
        ));
    }

    /// Forgets the first `count` datagrams.
    pub(super) fn forget(&mut self, count: usize) {
        let bytes: usize = self.entries.iter().take(count).map(|(_, len)| len).sum();
        self.bytes.drain(..bytes);
        self.entries.drain(..count.min(self.entries.len()));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Transmit<'_>> {
        self.entries.iter().scan(0, |at, (path, len)| {
            let start = *at;
            *at += len;
            let bytes = self.bytes.get(start..*at)?;
            Some(Transmit {
                to: &path.remote,
                from: path.local,
                bytes,
            })
        })
    }
}
