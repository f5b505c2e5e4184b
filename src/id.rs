//! Names of things: connections, pipelines, stages.
//!
//! Plain values without behaviour. This module does not know what a connection
//! does; it only makes sure that a handle to a closed one never aliases its successor.

use std::fmt;

/// How many lanes one shard holds. A lane's mask is one `u64`, hence 64.
pub(crate) const LANES_PER_SHARD: usize = 64;

/// Handle of a connection: slot, version and driver, 8 bytes.
///
/// A slot is reused with its version raised by one, so a handle kept beyond the end of its
/// connection turns invalid and never names another. The version has 24 bits.
///
/// Source: Unity Transport `NetworkConnection`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetworkConnection {
    index: u32,
    /// Version in the low 24 bits, driver id in the high 8.
    tag: u32,
}

impl NetworkConnection {
    const VERSION_MASK: u32 = 0x00FF_FFFF;

    pub(crate) fn new(index: u32, version: u32) -> Self {
        Self {
            index,
            tag: version & Self::VERSION_MASK,
        }
    }

    /// The version after `version`: 24 bits, never 0 (0 is "not created").
    pub(crate) fn next_version(version: u32) -> u32 {
        match (version.wrapping_add(1)) & Self::VERSION_MASK {
            0 => 1,
            next => next,
        }
    }

    /// Slot index, from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Version of the slot, 1 to 2²⁴ − 1; 0 for the default handle.
    pub fn version(self) -> u32 {
        self.tag & Self::VERSION_MASK
    }

    /// Id of the driver within a `MultiNetworkDriver`, 1 to 255; 0 for a driver on its own.
    pub fn driver_id(self) -> u8 {
        (self.tag >> 24).to_le_bytes()[0]
    }

    /// False for the default handle, which names no connection.
    pub fn is_created(self) -> bool {
        self.version() != 0
    }

    /// Which shard the slot lies in.
    pub(crate) fn shard(self) -> usize {
        place_of(self.index).0
    }

    /// Which lane of its shard the slot is.
    pub(crate) fn lane(self) -> usize {
        place_of(self.index).1
    }
}

/// The shard a slot lies in, and its lane there.
pub(crate) fn place_of(slot: u32) -> (usize, usize) {
    (
        slot as usize / LANES_PER_SHARD,
        slot as usize % LANES_PER_SHARD,
    )
}

impl fmt::Debug for NetworkConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetworkConnection[id{},v{}", self.index, self.version())?;
        match self.driver_id() {
            0 => write!(f, "]"),
            id => write!(f, ",d{id}]"),
        }
    }
}

impl fmt::Display for NetworkConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Handle of a pipeline: its 1-based creation index, one byte on the wire.
///
/// Pipelines are not negotiated: both peers create the same ones in the same order.
///
/// Source: Unity Transport `NetworkPipeline`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetworkPipeline(pub(crate) u8);

impl NetworkPipeline {
    /// No pipeline: messages travel as they are, unreliable and unordered.
    pub const NULL: Self = Self(0);

    /// The byte on the wire: 0 for [`NetworkPipeline::NULL`], else 1 to 255.
    pub fn id(self) -> u8 {
        self.0
    }
}

/// A pipeline stage.
///
/// Source: Unity Transport `NetworkPipelineStageId` and its stage types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StageId {
    /// Passes messages through; only the pipeline's id differs from no pipeline.
    Null,
    /// Drops what is older than the newest.
    UnreliableSequenced,
    /// Delivers everything once and in order.
    ReliableSequenced,
    /// Delivers everything once, each message as soon as it arrives. Between drumfire peers, and
    /// without fragmentation.
    ReliableUnordered,
    /// Delivers the newest message, whatever is lost: one that a newer one has superseded is not sent
    /// again, and not delivered behind it. Between drumfire peers, and without fragmentation.
    ReliableLatest,
    /// Splits messages larger than a packet.
    Fragmentation,
    /// Delays, drops and duplicates, for testing.
    Simulator,
    /// A stage of the user's own, as `NetworkDriver::register_pipeline_stage` returns it.
    Custom(u8),
}

impl StageId {
    /// Name of the stage: Unity's, where it has one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "Null",
            Self::UnreliableSequenced => "UnreliableSequenced",
            Self::ReliableSequenced => "ReliableSequenced",
            Self::ReliableUnordered => "ReliableUnordered",
            Self::ReliableLatest => "ReliableLatest",
            Self::Fragmentation => "Fragmentation",
            Self::Simulator => "Simulator",
            Self::Custom(_) => "Custom",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_wraps_past_24_bits_and_skips_zero() {
        assert_eq!(NetworkConnection::next_version(1), 2);
        assert_eq!(NetworkConnection::next_version(0x00FF_FFFF), 1);
    }

    #[test]
    fn the_default_handle_names_nothing() {
        assert!(!NetworkConnection::default().is_created());
        assert!(NetworkConnection::new(0, 1).is_created());
    }

    #[test]
    fn a_slot_knows_its_shard_and_lane() {
        let connection = NetworkConnection::new(130, 7);
        assert_eq!((connection.shard(), connection.lane()), (2, 2));
        assert_eq!(connection.to_string(), "NetworkConnection[id130,v7]");
    }
}
