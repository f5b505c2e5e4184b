//! Timers and sizes of the connection protocol: Unity's `NetworkConfigParameter`.
//!
//! All are local: nothing is negotiated, and a peer cannot learn them. Queue capacities, which
//! Unity keeps in the same struct, are in [`Budgets`](super::Budgets).

use std::time::Duration;

use super::NetworkSettingsBuilder;
use super::range::{LONGEST, SHORTEST, duration, number, timer_or_zero, unless_zero};
use crate::error::SettingsError;

/// Whether both peers look for the largest datagram their path carries while they connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathMtuDiscovery {
    /// Probe while connecting; costs up to 600 ms when probes are lost.
    On,
    /// Take `max_message_size` as the path's size. Probes of the peer are still answered.
    #[default]
    Off,
}

/// Timers and sizes of the connection protocol. Where a duration may be off, off is `None`.
///
/// Source: Unity Transport `NetworkConfigParameter`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionParameters {
    /// See [`NetworkSettingsBuilder::connect_timeout`].
    pub connect_timeout: Duration,
    /// See [`NetworkSettingsBuilder::max_connect_attempts`].
    pub max_connect_attempts: u32,
    /// See [`NetworkSettingsBuilder::disconnect_timeout`]; `None` is never.
    pub disconnect_timeout: Option<Duration>,
    /// See [`NetworkSettingsBuilder::heartbeat_timeout`]; `None` is off.
    pub heartbeat_timeout: Option<Duration>,
    /// See [`NetworkSettingsBuilder::disconnect_copies`].
    pub disconnect_copies: u8,
    /// See [`NetworkSettingsBuilder::reconnection_timeout`]; `None` is off.
    pub reconnection_timeout: Option<Duration>,
    /// See [`NetworkSettingsBuilder::max_frame_time`]; `None` is no cap.
    pub max_frame_time: Option<Duration>,
    /// See [`NetworkSettingsBuilder::fixed_frame_time`]; `None` is the clock.
    pub fixed_frame_time: Option<Duration>,
    /// See [`NetworkSettingsBuilder::max_message_size`], in bytes.
    pub max_message_size: usize,
    /// See [`NetworkSettingsBuilder::path_mtu_discovery`].
    pub path_mtu_discovery: PathMtuDiscovery,
}

impl Default for ConnectionParameters {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_millis(1_000),
            max_connect_attempts: 60,
            disconnect_timeout: Some(Duration::from_secs(30)),
            heartbeat_timeout: Some(Duration::from_millis(500)),
            disconnect_copies: 3,
            reconnection_timeout: Some(Duration::from_millis(2_000)),
            max_frame_time: None,
            fixed_frame_time: None,
            max_message_size: 1_400,
            path_mtu_discovery: PathMtuDiscovery::Off,
        }
    }
}

impl ConnectionParameters {
    /// Below this a message is smaller than every IPv4 path allows: 576 − 20 − 8 (RFC 791).
    pub const SMALL_MESSAGE_SIZE: usize = 548;

    /// The largest `max_message_size`: 1500 − 20 − 8, an Ethernet frame of IPv4 and UDP.
    pub const LARGEST_MESSAGE_SIZE: usize = 1_472;

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        duration("connect_timeout", self.connect_timeout, SHORTEST..=LONGEST)?;
        number(
            "max_connect_attempts",
            self.max_connect_attempts,
            1..=2_147_483_647,
            "attempts",
        )?;
        timer_or_zero("disconnect_timeout", self.disconnect_timeout, "never")?;
        timer_or_zero("heartbeat_timeout", self.heartbeat_timeout, "off")?;
        number("disconnect_copies", self.disconnect_copies, 1..=3, "copies")?;
        timer_or_zero("reconnection_timeout", self.reconnection_timeout, "off")?;
        timer_or_zero("max_frame_time", self.max_frame_time, "no cap")?;
        timer_or_zero("fixed_frame_time", self.fixed_frame_time, "the clock")?;
        number(
            "max_message_size",
            self.max_message_size,
            1..=Self::LARGEST_MESSAGE_SIZE,
            "bytes",
        )?;
        match (self.heartbeat_timeout, self.disconnect_timeout) {
            (Some(heartbeat), Some(disconnect)) if heartbeat >= disconnect => Err(SettingsError {
                field: "disconnect_timeout",
                value: format!("{disconnect:?}"),
                allowed: format!("0 (never) or above heartbeat_timeout ({heartbeat:?})"),
            }),
            _ => Ok(()),
        }
    }
}

/// Connection protocol.
impl NetworkSettingsBuilder {
    /// Time between two connect requests.
    ///
    /// It is also the first retransmission time-out of a secure handshake.
    ///
    /// Unit: duration, resolution 1 µs. Default: 1000 ms. Range: 1 ms to 2147483647 ms.
    /// Source: Unity Transport `NetworkConfigParameter.connectTimeoutMS`, where 0 is legal too.
    #[doc(alias = "connectTimeoutMS")]
    pub fn connect_timeout(mut self, value: Duration) -> Self {
        self.connection.connect_timeout = value;
        self
    }

    /// Connect requests sent before the attempt ends with `MaxConnectionAttempts`.
    ///
    /// Times `connect_timeout` it is the longest time a secure handshake may take.
    ///
    /// Unit: requests. Default: 60. Range: 1 to 2147483647.
    /// Source: Unity Transport `NetworkConfigParameter.maxConnectAttempts`, where 0 acts as 1.
    #[doc(alias = "maxConnectAttempts")]
    pub fn max_connect_attempts(mut self, value: u32) -> Self {
        self.connection.max_connect_attempts = value;
        self
    }

    /// Longest silence before a connection is considered lost.
    ///
    /// Silence is time the driver watched: see [`max_tick_credit`](Self::max_tick_credit).
    ///
    /// Unit: duration, resolution 1 µs. Default: 30 s. Range: 0 (never), or 1 ms to 2147483647 ms
    /// and above `heartbeat_timeout`.
    /// Source: Unity Transport `NetworkConfigParameter.disconnectTimeoutMS`.
    #[doc(alias = "disconnectTimeoutMS")]
    pub fn disconnect_timeout(mut self, value: Duration) -> Self {
        self.connection.disconnect_timeout = unless_zero(value);
        self
    }

    /// Time without sending after which a heartbeat is sent.
    ///
    /// The peer's disconnect timeout must be longer, several times so on paths that lose packets.
    ///
    /// Unit: duration, resolution 1 µs. Default: 500 ms. Range: 0 (off), or 1 ms to 2147483647 ms
    /// and below `disconnect_timeout`.
    /// Source: Unity Transport `NetworkConfigParameter.heartbeatTimeoutMS`.
    #[doc(alias = "heartbeatTimeoutMS")]
    pub fn heartbeat_timeout(mut self, value: Duration) -> Self {
        self.connection.heartbeat_timeout = unless_zero(value);
        self
    }

    /// How often a peer is told that we close its connection.
    ///
    /// The message is one datagram that nobody acknowledges; if it is lost, the peer waits for its
    /// own timeout. The copies follow within 50 ms and do no harm. 1 is what Unity Transport does.
    ///
    /// Unit: copies, the first included. Default: 3. Range: 1 to 3.
    /// Source: drumfire.
    pub fn disconnect_copies(mut self, copies: u8) -> Self {
        self.connection.disconnect_copies = copies;
        self
    }

    /// Silence after which a secure client assumes that its address changed and shakes hands anew.
    ///
    /// Plain connections move by their token and do not use it.
    ///
    /// Unit: duration, resolution 1 µs. Default: 2000 ms. Range: 0 (off), or 1 ms to 2147483647 ms.
    /// Source: Unity Transport `NetworkConfigParameter.reconnectionTimeoutMS`.
    #[doc(alias = "reconnectionTimeoutMS")]
    pub fn reconnection_timeout(mut self, value: Duration) -> Self {
        self.connection.reconnection_timeout = unless_zero(value);
        self
    }

    /// Most by which one update advances the driver's time.
    ///
    /// A debugging help that distorts time: it keeps both ends of a connection in one process
    /// alive over a breakpoint.
    ///
    /// Unit: duration, resolution 1 µs. Default: 0. Range: 0 (no cap), or 1 ms to 2147483647 ms.
    /// Source: Unity Transport `NetworkConfigParameter.maxFrameTimeMS`.
    #[doc(alias = "maxFrameTimeMS")]
    pub fn max_frame_time(mut self, value: Duration) -> Self {
        self.connection.max_frame_time = unless_zero(value);
        self
    }

    /// Time every update takes, instead of what the clock says.
    ///
    /// For reproducible tests: timers become exact, and every update waits for handshake jobs.
    /// Above [`max_tick_credit`](Self::max_tick_credit) inactivity timers stretch, and
    /// [`warnings`](super::NetworkSettings::warnings) says so.
    ///
    /// Unit: duration, resolution 1 µs. Default: 0. Range: 0 (the clock), or 1 ms to 2147483647 ms.
    /// Source: Unity Transport `NetworkConfigParameter.fixedFrameTimeMS`.
    #[doc(alias = "fixedFrameTimeMS")]
    pub fn fixed_frame_time(mut self, value: Duration) -> Self {
        self.connection.fixed_frame_time = unless_zero(value);
        self
    }

    /// Largest datagram sent or accepted, all headers of the transport included.
    ///
    /// A peer drops larger ones than its own limit without a word, so both should agree.
    /// [`warnings`](super::NetworkSettings::warnings) has a line below 548 bytes.
    ///
    /// Unit: bytes. Default: 1400. Range: 1 to 1472 (1500 − 20 − 8).
    /// Source: Unity Transport `NetworkConfigParameter.maxMessageSize`.
    #[doc(alias = "maxMessageSize")]
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.connection.max_message_size = bytes;
        self
    }

    /// Whether to look for the largest datagram the path carries while connecting.
    ///
    /// Skipped where `max_message_size` is 1024 bytes or less.
    ///
    /// Unit: none. Default: `Off`. Range: `On`, `Off`.
    /// Source: Unity Transport `NetworkConfigParameter.performPathMtuDiscovery`.
    #[doc(alias = "performPathMtuDiscovery")]
    pub fn path_mtu_discovery(mut self, value: PathMtuDiscovery) -> Self {
        self.connection.path_mtu_discovery = value;
        self
    }
}
