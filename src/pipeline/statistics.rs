//! What one connection's pipeline has counted.

use std::time::Duration;

/// Counters of one connection and pipeline since it was first used.
///
/// Source: Unity Transport `ReliableUtility.Statistics`, `UnreliableSequencedPipelineStage.Statistics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PipelineStatistics {
    /// Messages taken from the user.
    pub messages_sent: u64,
    /// Messages given to the user.
    pub messages_received: u64,
    /// Packets sent, resends and acks included.
    pub packets_sent: u64,
    /// Packets that arrived.
    pub packets_received: u64,
    /// Reliable packets sent again.
    pub resent: u64,
    /// Of those, the ones whose loss the ack mask showed before their time was up.
    pub fast_resent: u64,
    /// Packets without payload, sent to acknowledge.
    pub acks_sent: u64,
    /// Packets that had arrived before.
    pub duplicates: u64,
    /// Packets that arrived before one with a smaller number.
    pub out_of_order: u64,
    /// Packets too old to be taken.
    pub stale: u64,
    /// Packets too far ahead to be taken.
    pub beyond_window: u64,
    /// Packets without a whole header.
    pub malformed: u64,
    /// Acknowledged numbers that were never sent.
    pub forged_acks: u64,
    /// Sequenced messages that never arrived, as far as the numbers tell.
    pub missing: u64,
    /// Messages of which fragments arrived, and were given up.
    pub incomplete: u64,
    /// Packets the simulator dropped.
    pub simulated_drops: u64,
    /// Packets the simulator let pass at once because it held as many as it may.
    pub simulator_overflows: u64,
    /// Errors of the user's own stages.
    pub stage_errors: u64,
    /// Reliable packets that are not acknowledged.
    pub in_flight: u16,
    /// Of these, the ones that congestion control holds back.
    pub held_back: u16,
    /// Bytes of reliable data that congestion control lets the connection have in flight; 0 if it is
    /// off.
    pub congestion_window: u32,
    /// Bytes of the last message that have not left: how far a large one has come.
    pub unsent: usize,
    /// Round trips of reliable packets.
    pub round_trip: RoundTripStatistics,
}

/// Round-trip times of one connection and pipeline, the peer's processing time taken off.
///
/// Source: Unity Transport `ReliableUtility.RTTInfo`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoundTripStatistics {
    /// The last one.
    pub latest: Duration,
    /// Their running mean: an eighth of each new one.
    pub smoothed: Duration,
    /// Running mean of how much they differ from it.
    pub variation: Duration,
    /// The shortest.
    pub min: Duration,
    /// The longest.
    pub max: Duration,
    /// How many there were.
    pub samples: u64,
    /// Time without an ack after which a packet is sent again.
    pub resend_timeout: Duration,
}
