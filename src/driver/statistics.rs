//! Statistics: counters and facts, as of the last completed update.

use super::bandwidth::Bandwidth;
use crate::counters::{Flow, HighWater, Traffic};
use crate::endpoint::EndpointStatistics;
use crate::interface::InterfaceStatistics;
use crate::job::{Core, Endings, StageTimes, UpdateTimes};

/// A driver's counters since it was made, and facts about it now.
///
/// The rule of conservation holds for each of the three flows after every update:
/// `entered = passed + drops + queued`.
///
/// Source: Unity Transport `NetworkDriverStatistics`, and more.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DriverStatistics {
    /// Datagrams from the interface to connections (Unity: Rx packets and bytes).
    pub inward: Flow,
    /// Messages from the application to packets.
    pub outward: Flow,
    /// Datagrams to the interface (Unity: Tx packets and bytes).
    pub sent: Flow,
    /// Bytes of `inward` in a second.
    pub inward_bandwidth: Bandwidth,
    /// Bytes of `sent` in a second.
    pub sent_bandwidth: Bandwidth,
    /// How full queues have been.
    pub high_water: HighWater,
    /// Bytes held for all connections: queues, windows, messages that are put together, events.
    /// Bounded by `max_memory_total`.
    pub memory_held: usize,
    /// Time spent in each stage, over all threads.
    pub stage_times: StageTimes,
    /// How long updates and flushes took.
    pub update_times: UpdateTimes,
    /// Events that were dropped unread: of connections nobody accepted, or by
    /// `unread_events(UnreadEvents::Drop)`.
    pub events_never_read: u64,
    /// Log lines that peers caused, written and suppressed.
    pub log_lines: (u64, u64),
    /// Updates and flushes completed.
    pub updates: u64,
    /// Connections that exist, incoming ones that wait for `accept` included.
    pub connections: usize,
    /// How connections ended.
    pub endings: Endings,
    /// Incoming connections that wait for `accept`.
    pub waiting_for_accept: usize,
    /// Updates that left datagrams in the interface because `rx_budget` was used up.
    pub receive_deferred: u64,
    /// Strangers.
    pub endpoint: EndpointStatistics,
    /// Handshakes of secure connections.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub handshakes: crate::endpoint::hall::HandshakeStatistics,
    /// The interface's own counters.
    pub interface: InterfaceStatistics,
}

impl DriverStatistics {
    pub(super) fn take(&mut self, core: &Core, waiting: usize, held: usize) {
        self.memory_held = held;
        self.inward = core.inward;
        self.outward = core.outward;
        self.sent = core.sent;
        let now = core.site.now.at;
        self.inward_bandwidth.take(now, self.inward.bytes);
        self.sent_bandwidth.take(now, self.sent.bytes);
        self.high_water = core.high_water;
        self.stage_times = core.times;
        self.update_times = core.update_times;
        self.log_lines = core.endpoint.log_lines();
        self.updates += 1;
        self.connections = core.endpoint.len();
        self.endings = core.endings;
        self.waiting_for_accept = waiting;
        self.receive_deferred = core.receive_deferred;
        self.endpoint = core.endpoint.statistics();
        #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
        {
            self.handshakes = core.endpoint.handshakes();
        }
        self.interface = core.site.interface.statistics();
    }
}

/// One connection's counters since it was made.
///
/// Source: Unity Transport `NetworkConnectionStatistics`; its round-trip figures come from reliable
/// pipelines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStatistics {
    /// Packets and bytes in both directions.
    pub traffic: Traffic,
}
