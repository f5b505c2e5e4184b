//! Counting: every datagram that is not passed on has exactly one reason.
//!
//! The rule of conservation (threat model section 2): per direction,
//! `entered = passed on + Σ dropped by reason + queued`. Counters are plain numbers owned by whoever
//! counts (a shard, the endpoint, the driver) and merged at the end of an update.

mod sizes;

pub use sizes::Sizes;

/// Why a datagram or message was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(usize)]
pub enum DropReason {
    /// Not a packet of the protocol: too short, wrong signature, wrong lengths.
    Malformed,
    /// Another version of the protocol.
    WrongVersion,
    /// Longer than `max_message_size`.
    Oversize,
    /// A source no reply could reach: port 0, multicast, broadcast, unspecified, or ourselves.
    BadSource,
    /// A Unity Transport 1.x client.
    UnityTransport1,
    /// DTLS on a plain port, or the reverse.
    WrongSecurity,
    /// A message for a token no connection has.
    UnknownToken,
    /// A message type the protocol does not have.
    UnknownType,
    /// A packet that is valid elsewhere, but not in this state or role.
    Unexpected,
    /// A pipeline this driver did not create.
    UnknownPipeline,
    /// The connection table, or the address's share of it, is full.
    ConnectionRefused,
    /// The half-open table is full, or a half-open record gave way to another.
    HalfOpenEvicted,
    /// More answers to one address than it may cause.
    RateLimited,
    /// More than an address that proved nothing may be sent (R20).
    Amplification,
    /// From an address the connection has not moved to.
    WrongAddress,
    /// The connection's share of one update was used up.
    ConnectionBudget,
    /// The application has not read enough for more unreliable events to fit.
    EventsFull,
    /// Larger than the path takes.
    TooLong,
    /// The destination could not be reached.
    Unreachable,
    /// The system refused to send it.
    SendRefused,
    /// The interface's queue stayed full for too long.
    SendQueueFull,
    /// Older than what its pipeline stage takes.
    Stale,
    /// Received before.
    Duplicate,
    /// Too far ahead for the reliable window.
    BeyondWindow,
    /// A fragment of a message that cannot be put together.
    Incomplete,
    /// A stage of the pipeline refused it.
    StageRefused,
    /// The connection ended before it could be sent.
    Closed,
    /// A record of an epoch that has no keys, or none any more.
    WrongEpoch,
    /// A record that was accepted before.
    Replayed,
    /// A record so far behind the newest that no one knows whether it was accepted before.
    TooOld,
    /// A record that is not authentic.
    Forged,
    /// An unprotected record where only protected ones are accepted.
    Unprotected,
    /// A hello without cookie in more than one piece.
    FragmentedHello,
    /// A hello whose cookie is not ours, not its sender's, or too old.
    BadCookie,
    /// A record that arrived before its keys, when as many as are kept were there already.
    TooEarly,
    /// A record from, or a packet to, an address without an association.
    NoAssociation,
    /// A failure of drumfire itself while it was processed.
    InternalError,
}

impl DropReason {
    /// All reasons, in the order of their counters.
    pub const ALL: [Self; 37] = [
        Self::Malformed,
        Self::WrongVersion,
        Self::Oversize,
        Self::BadSource,
        Self::UnityTransport1,
        Self::WrongSecurity,
        Self::UnknownToken,
        Self::UnknownType,
        Self::Unexpected,
        Self::UnknownPipeline,
        Self::ConnectionRefused,
        Self::HalfOpenEvicted,
        Self::RateLimited,
        Self::Amplification,
        Self::WrongAddress,
        Self::ConnectionBudget,
        Self::EventsFull,
        Self::TooLong,
        Self::Unreachable,
        Self::SendRefused,
        Self::SendQueueFull,
        Self::Stale,
        Self::Duplicate,
        Self::BeyondWindow,
        Self::Incomplete,
        Self::StageRefused,
        Self::Closed,
        Self::WrongEpoch,
        Self::Replayed,
        Self::TooOld,
        Self::Forged,
        Self::Unprotected,
        Self::FragmentedHello,
        Self::BadCookie,
        Self::TooEarly,
        Self::NoAssociation,
        Self::InternalError,
    ];

    /// A stable name, for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::WrongVersion => "wrong_version",
            Self::Oversize => "oversize",
            Self::BadSource => "bad_source",
            Self::UnityTransport1 => "unity_transport_1",
            Self::WrongSecurity => "wrong_security",
            Self::UnknownToken => "unknown_token",
            Self::UnknownType => "unknown_type",
            Self::Unexpected => "unexpected",
            Self::UnknownPipeline => "unknown_pipeline",
            Self::ConnectionRefused => "connection_refused",
            Self::HalfOpenEvicted => "half_open_evicted",
            Self::RateLimited => "rate_limited",
            Self::Amplification => "amplification",
            Self::WrongAddress => "wrong_address",
            Self::ConnectionBudget => "connection_budget",
            Self::EventsFull => "events_full",
            Self::TooLong => "too_long",
            Self::Unreachable => "unreachable",
            Self::SendRefused => "send_refused",
            Self::SendQueueFull => "send_queue_full",
            Self::Stale => "stale",
            Self::Duplicate => "duplicate",
            Self::BeyondWindow => "beyond_window",
            Self::Incomplete => "incomplete",
            Self::StageRefused => "stage_refused",
            Self::Closed => "closed",
            Self::WrongEpoch => "wrong_epoch",
            Self::Replayed => "replayed",
            Self::TooOld => "too_old",
            Self::Forged => "forged",
            Self::Unprotected => "unprotected",
            Self::FragmentedHello => "fragmented_hello",
            Self::BadCookie => "bad_cookie",
            Self::TooEarly => "too_early",
            Self::NoAssociation => "no_association",
            Self::InternalError => "internal_error",
        }
    }
}

/// One counter for each [`DropReason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drops {
    counts: [u64; DropReason::ALL.len()],
    /// Whether any is not 0: mostly none is, and merging costs nothing then.
    any: bool,
}

impl Default for Drops {
    fn default() -> Self {
        Self {
            counts: [0; DropReason::ALL.len()],
            any: false,
        }
    }
}

impl Drops {
    /// Counts one more.
    pub(crate) fn count(&mut self, reason: DropReason) {
        self.add(reason, 1);
    }

    /// Counts `more` at once.
    pub(crate) fn add(&mut self, reason: DropReason, more: u64) {
        if let Some(counter) = self.counts.get_mut(reason as usize) {
            *counter += more;
            self.any |= more != 0;
        }
    }

    /// Adds another set of counters and empties it.
    pub(crate) fn take_from(&mut self, other: &mut Self) {
        if !std::mem::take(&mut other.any) {
            return;
        }
        self.any = true;
        for (to, from) in self.counts.iter_mut().zip(&mut other.counts) {
            *to += std::mem::take(from);
        }
    }

    /// How many were dropped for `reason`.
    pub fn get(&self, reason: DropReason) -> u64 {
        self.counts.get(reason as usize).copied().unwrap_or(0)
    }

    /// How many were dropped in all.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Reasons that occurred, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL
            .into_iter()
            .zip(self.counts)
            .filter(|(_, count)| *count > 0)
    }
}

/// Traffic in one direction, and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Datagrams (inward) or messages and control packets (outward) that entered the layer.
    pub entered: u64,
    /// Passed on to the layer above (inward) or to the interface (outward).
    pub passed: u64,
    /// Bytes of what entered, without IP and UDP headers.
    pub bytes: u64,
    /// How large they were, each.
    pub sizes: Sizes,
    /// Dropped, by reason.
    pub drops: Drops,
}

impl Flow {
    /// One more of `len` bytes enters.
    pub(crate) fn enter(&mut self, len: usize) {
        self.entered += 1;
        self.count_bytes(len);
    }

    /// The bytes of one that has been counted.
    pub(crate) fn count_bytes(&mut self, len: usize) {
        self.bytes += u64::try_from(len).unwrap_or(0);
        self.sizes.count(len);
    }

    /// Adds another flow and empties it.
    pub(crate) fn take_from(&mut self, other: &mut Self) {
        self.entered += std::mem::take(&mut other.entered);
        self.passed += std::mem::take(&mut other.passed);
        self.bytes += std::mem::take(&mut other.bytes);
        self.sizes.take_from(&mut other.sizes);
        self.drops.take_from(&mut other.drops);
    }

    /// Datagrams that are neither passed on nor dropped: what must be queued somewhere.
    pub fn queued(&self) -> u64 {
        self.entered
            .saturating_sub(self.passed)
            .saturating_sub(self.drops.total())
    }
}

/// Most that a queue of each kind has held at a time, since the driver was made.
///
/// Seen where each queue is fullest: once a connection and update, not once a message. How close a
/// mark comes to its cap says whether the cap was felt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HighWater {
    /// Events of one connection that wait to be popped, in bytes with 8 for each event. The cap of
    /// data is `event_bytes_per_connection`.
    pub inbox_bytes: usize,
    /// Messages of one connection that wait for an update or flush, in bytes of payload. The cap is
    /// `send_bytes_per_connection`.
    pub outbox_bytes: usize,
    /// Datagrams of 64 connections (one shard) that wait for the interface to have room, in bytes.
    /// The cap is 1 MiB.
    pub deferred_bytes: usize,
}

impl HighWater {
    /// Takes over another's marks where they are higher.
    pub(crate) fn raise(&mut self, other: &Self) {
        self.inbox_bytes = self.inbox_bytes.max(other.inbox_bytes);
        self.outbox_bytes = self.outbox_bytes.max(other.outbox_bytes);
        self.deferred_bytes = self.deferred_bytes.max(other.deferred_bytes);
    }
}

/// Traffic of one connection since it was made, in packets and bytes of the transport (UDP payload).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Packets that arrived and were valid.
    pub packets_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Packets handed to the interface.
    pub packets_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter_and_name() {
        let mut names = std::collections::HashSet::new();
        for (index, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            assert!(names.insert(reason.name()));
        }
    }

    #[test]
    fn marks_only_rise() {
        let marks = |inbox_bytes, outbox_bytes, deferred_bytes| HighWater {
            inbox_bytes,
            outbox_bytes,
            deferred_bytes,
        };
        let mut all = marks(1, 5, 3);
        all.raise(&marks(4, 2, 3));
        assert_eq!(all, marks(4, 5, 3));
    }

    #[test]
    fn merging_moves_counts_and_leaves_nothing_behind() {
        let (mut sum, mut part) = (
            Flow::default(),
            Flow {
                entered: 3,
                passed: 1,
                ..Flow::default()
            },
        );
        part.drops.count(DropReason::Malformed);
        sum.take_from(&mut part);
        assert_eq!(
            (sum.entered, sum.passed, sum.drops.total(), sum.queued()),
            (3, 1, 1, 1)
        );
        assert_eq!(part, Flow::default());
    }
}
