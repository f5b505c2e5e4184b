//! Limits: what strangers, slow peers and floods may cost.
//!
//! Per-address limits count an IPv6 /64 as one address. Many players behind one address are
//! normal (schools, carriers), so these limits are generous and easy to raise.

use std::time::Duration;

use super::NetworkSettingsBuilder;
use super::range::{LONGEST, SHORTEST, duration, number, number_or, timer_or_zero, unless_zero};
use crate::address::AddressPrefix;
use crate::error::SettingsError;

/// Whether an address must prove that it receives before it gets more than it sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressValidation {
    /// An unproven address gets at most [`Limits::AMPLIFICATION`] times what came from it.
    #[default]
    On,
    /// Every source address is believed. **Dangerous on the internet**: one forged 13-byte request
    /// makes this driver send its game traffic to whoever the forger chose, for
    /// `disconnect_timeout`. For closed networks only.
    Off,
}

/// Whether the application may vouch for peers that cannot answer probes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LegacyValidation {
    /// Only an answered probe proves an address.
    #[default]
    Refused,
    /// The application's own check of a message proves an address too, for clients older than
    /// Unity Transport 2.5, which do not answer probes.
    Allowed,
}

/// Whether per-address limits apply to peers on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoopbackLimits {
    /// Loopback addresses have no limit of their own.
    #[default]
    Exempt,
    /// Loopback addresses are limited as all others.
    Limited,
}

impl LoopbackLimits {
    /// Whether limits by address leave `prefix` out.
    pub(crate) fn exempts(self, prefix: &AddressPrefix) -> bool {
        self == Self::Exempt && prefix.is_loopback()
    }
}

/// Whether log lines show the addresses of peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogAddresses {
    /// In full.
    #[default]
    Shown,
    /// Not at all: for logs that leave the house.
    Hidden,
}

/// What strangers, slow peers and floods may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// See [`NetworkSettingsBuilder::max_connections`].
    pub max_connections: usize,
    /// See [`NetworkSettingsBuilder::max_connections_per_ip`]; `None` is no limit.
    pub max_connections_per_ip: Option<usize>,
    /// See [`NetworkSettingsBuilder::half_open_max`], in records.
    pub half_open_max: usize,
    /// See [`NetworkSettingsBuilder::half_open_lifetime`].
    pub half_open_lifetime: Duration,
    /// See [`NetworkSettingsBuilder::waiting_for_accept_max`], in connections.
    pub waiting_for_accept_max: usize,
    /// See [`NetworkSettingsBuilder::waiting_for_accept_lifetime`].
    pub waiting_for_accept_lifetime: Duration,
    /// See [`NetworkSettingsBuilder::limit_loopback`].
    pub limit_loopback: LoopbackLimits,
    /// See [`NetworkSettingsBuilder::max_tick_credit`].
    pub max_tick_credit: Duration,
    /// See [`NetworkSettingsBuilder::address_validation`].
    pub address_validation: AddressValidation,
    /// See [`NetworkSettingsBuilder::legacy_validation`].
    pub legacy_validation: LegacyValidation,
    /// See [`NetworkSettingsBuilder::dangerous_large_accept_payload`].
    pub large_accept_payload: bool,
    /// See [`NetworkSettingsBuilder::path_moves_per_minute`].
    pub path_moves_per_minute: u32,
    /// See [`NetworkSettingsBuilder::linger`]; zero waits for nothing.
    pub linger: Duration,
    /// See [`NetworkSettingsBuilder::reliable_stall_timeout`]; `None` is never.
    pub reliable_stall_timeout: Option<Duration>,
    /// See [`NetworkSettingsBuilder::dtls_half_open_max`].
    pub dtls_half_open_max: usize,
    /// See [`NetworkSettingsBuilder::dtls_half_open_per_ip`].
    pub dtls_half_open_per_ip: usize,
    /// See [`NetworkSettingsBuilder::handshake_rate`].
    pub handshake_rate: u32,
    /// See [`NetworkSettingsBuilder::handshake_rate_per_ip`].
    pub handshake_rate_per_ip: u32,
    /// See [`NetworkSettingsBuilder::records_per_key`].
    pub records_per_key: Option<u64>,
    /// See [`NetworkSettingsBuilder::log_lines_per_second`].
    pub log_lines_per_second: u32,
    /// See [`NetworkSettingsBuilder::log_addresses`].
    pub log_addresses: LogAddresses,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_connections_per_ip: Some(256),
            half_open_max: 65_536,
            half_open_lifetime: Duration::from_secs(10),
            waiting_for_accept_max: 1_024,
            waiting_for_accept_lifetime: Duration::from_secs(10),
            limit_loopback: LoopbackLimits::Exempt,
            max_tick_credit: Duration::from_secs(1),
            address_validation: AddressValidation::On,
            legacy_validation: LegacyValidation::Refused,
            large_accept_payload: false,
            path_moves_per_minute: 4,
            linger: Duration::from_millis(200),
            reliable_stall_timeout: Some(Duration::from_secs(60)),
            dtls_half_open_max: 1_024,
            dtls_half_open_per_ip: 32,
            handshake_rate: 500,
            handshake_rate_per_ip: 20,
            records_per_key: None,
            log_lines_per_second: 10,
            log_addresses: LogAddresses::default(),
        }
    }
}

impl Limits {
    /// Bytes sent to an unproven address are at most this many times the bytes that came from it.
    pub const AMPLIFICATION: u64 = 3;

    /// The most connections a driver can be told to hold.
    const MOST_CONNECTIONS: usize = 16_777_216;

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let timer = SHORTEST..=LONGEST;
        number(
            "max_connections",
            self.max_connections,
            1..=Self::MOST_CONNECTIONS,
            "connections",
        )?;
        if let Some(value) = self.max_connections_per_ip {
            number_or(
                "max_connections_per_ip",
                value,
                1..=Self::MOST_CONNECTIONS,
                "connections",
                "no limit",
            )?;
        }
        number(
            "half_open_max",
            self.half_open_max,
            1..=Self::MOST_CONNECTIONS,
            "records",
        )?;
        duration("half_open_lifetime", self.half_open_lifetime, timer.clone())?;
        number(
            "waiting_for_accept_max",
            self.waiting_for_accept_max,
            1..=Self::MOST_CONNECTIONS,
            "connections",
        )?;
        duration(
            "waiting_for_accept_lifetime",
            self.waiting_for_accept_lifetime,
            timer.clone(),
        )?;
        duration("max_tick_credit", self.max_tick_credit, timer)?;
        number(
            "path_moves_per_minute",
            self.path_moves_per_minute,
            1..=3_600,
            "moves",
        )?;
        duration(
            "linger",
            self.linger,
            Duration::ZERO..=Duration::from_secs(60),
        )?;
        timer_or_zero(
            "reliable_stall_timeout",
            self.reliable_stall_timeout,
            "never",
        )?;
        number(
            "dtls_half_open_max",
            self.dtls_half_open_max,
            1..=65_536,
            "handshakes",
        )?;
        number(
            "dtls_half_open_per_ip",
            self.dtls_half_open_per_ip,
            1..=65_536,
            "handshakes",
        )?;
        number(
            "handshake_rate",
            self.handshake_rate,
            1..=1_000_000,
            "handshakes a second",
        )?;
        number(
            "handshake_rate_per_ip",
            self.handshake_rate_per_ip,
            1..=1_000_000,
            "handshakes a second",
        )?;
        if let Some(value) = self.records_per_key {
            number_or(
                "records_per_key",
                value,
                100..=1 << 48,
                "records",
                "the keys' own limit",
            )?;
        }
        number(
            "log_lines_per_second",
            self.log_lines_per_second,
            1..=1_000,
            "lines",
        )
    }
}

/// Limits.
impl NetworkSettingsBuilder {
    /// Most connections at one time, both those accepted and those started here.
    ///
    /// Unit: connections. Default: 10000. Range: 1 to 16777216.
    /// Source: drumfire; Unity has no limit.
    pub fn max_connections(mut self, value: usize) -> Self {
        self.limits.max_connections = value;
        self
    }

    /// Most connections at one time from one IPv4 address or IPv6 /64.
    ///
    /// Half of them, rounded up, may be of clients that have proved nothing: the rest is left to those
    /// who prove that the address is theirs, whoever forges requests in its name.
    ///
    /// Unit: connections. Default: 256. Range: 0 (no limit), or 1 to 16777216.
    /// Source: drumfire; Unity has no limit.
    pub fn max_connections_per_ip(mut self, value: usize) -> Self {
        self.limits.max_connections_per_ip = (value != 0).then_some(value);
        self
    }

    /// Most half-open records: requests whose sender has not proven its address.
    ///
    /// A record costs at most 128 bytes. At half of it the driver is under load and answers bare
    /// requests without a record; when full, the address prefix with most records loses one.
    ///
    /// Unit: records. Default: 65536. Range: 1 to 16777216.
    /// Source: drumfire.
    pub fn half_open_max(mut self, value: usize) -> Self {
        self.limits.half_open_max = value;
        self
    }

    /// How long a half-open record lives.
    ///
    /// Unit: duration, resolution 1 µs. Default: 10 s. Range: 1 ms to 2147483647 ms.
    /// Source: drumfire.
    pub fn half_open_lifetime(mut self, value: Duration) -> Self {
        self.limits.half_open_lifetime = value;
        self
    }

    /// Most connections that wait for the application to call `accept`.
    ///
    /// Unit: connections. Default: 1024. Range: 1 to 16777216.
    /// Source: drumfire.
    pub fn waiting_for_accept_max(mut self, value: usize) -> Self {
        self.limits.waiting_for_accept_max = value;
        self
    }

    /// How long a connection waits for the application to call `accept`.
    ///
    /// Unit: duration, resolution 1 µs. Default: 10 s. Range: 1 ms to 2147483647 ms.
    /// Source: drumfire.
    pub fn waiting_for_accept_lifetime(mut self, value: Duration) -> Self {
        self.limits.waiting_for_accept_lifetime = value;
        self
    }

    /// Most handshakes of clients under way at a time (R10). One costs at most 32 KiB. When there
    /// are as many, the oldest of the address prefix with most gives way.
    ///
    /// Unit: handshakes. Default: 1024. Range: 1 to 65536.
    /// Source: drumfire; Unity has no limit.
    pub fn dtls_half_open_max(mut self, value: usize) -> Self {
        self.limits.dtls_half_open_max = value;
        self
    }

    /// Most handshakes under way at a time from one IPv4 address or IPv6 /64 (R10).
    ///
    /// Unit: handshakes. Default: 32. Range: 1 to 65536.
    /// Source: drumfire; Unity has no limit.
    pub fn dtls_half_open_per_ip(mut self, value: usize) -> Self {
        self.limits.dtls_half_open_per_ip = value;
        self
    }

    /// Handshakes begun for clients each second; twice as many at once after a quiet time. Clients
    /// beyond it ask again by themselves (R11).
    ///
    /// Unit: handshakes a second. Default: 500. Range: 1 to 1000000.
    /// Source: drumfire; Unity has no limit.
    pub fn handshake_rate(mut self, value: u32) -> Self {
        self.limits.handshake_rate = value;
        self
    }

    /// The same for one IPv4 address or IPv6 /64; two and a half times as many at once.
    ///
    /// Unit: handshakes a second. Default: 20. Range: 1 to 1000000.
    /// Source: drumfire; Unity has no limit.
    pub fn handshake_rate_per_ip(mut self, value: u32) -> Self {
        self.limits.handshake_rate_per_ip = value;
        self
    }

    /// Most records that one key seals; never more than the key's own limit of 2^23 with
    /// AES-256-GCM and 2^48 with ChaCha20-Poly1305 (R16). At nine tenths of it a client renews its
    /// keys by itself; at the limit the connection ends with `DisconnectReason::KeyLimit`.
    ///
    /// Unit: records. Default: 0, the key's own limit. Range: 0, or 100 to 2^48.
    /// Source: drumfire.
    pub fn records_per_key(mut self, value: u64) -> Self {
        self.limits.records_per_key = (value != 0).then_some(value);
        self
    }

    /// Whether per-address limits apply to loopback addresses.
    ///
    /// Unit: none. Default: `Exempt`. Range: `Exempt`, `Limited`.
    /// Source: drumfire.
    pub fn limit_loopback(mut self, value: LoopbackLimits) -> Self {
        self.limits.limit_loopback = value;
        self
    }

    /// Most by which one update advances inactivity timers.
    ///
    /// Time the driver slept through is no silence of the peer. Programs that update less often
    /// than once a second must raise it, or their timeouts stretch.
    ///
    /// Unit: duration, resolution 1 µs. Default: 1 s. Range: 1 ms to 2147483647 ms.
    /// Source: drumfire.
    pub fn max_tick_credit(mut self, value: Duration) -> Self {
        self.limits.max_tick_credit = value;
        self
    }

    /// Whether an address must prove that it receives before it gets more than three times what
    /// it sent.
    ///
    /// `Off` is **dangerous on the internet**: see [`AddressValidation::Off`].
    ///
    /// Unit: none. Default: `On`. Range: `On`, `Off`.
    /// Source: drumfire; Unity Transport behaves as `Off`.
    pub fn address_validation(mut self, value: AddressValidation) -> Self {
        self.limits.address_validation = value;
        self
    }

    /// Whether the application may vouch for peers that cannot answer probes.
    ///
    /// Unit: none. Default: `Refused`. Range: `Refused`, `Allowed`.
    /// Source: drumfire.
    pub fn legacy_validation(mut self, value: LegacyValidation) -> Self {
        self.limits.legacy_validation = value;
        self
    }

    /// Allows accept payloads of more than 24 bytes. **Dangerous on the internet.**
    ///
    /// A request of 13 bytes then draws an accept of up to `max_message_size`, a factor of 107 with
    /// the defaults, towards whatever address the request claims to come from. At most one such
    /// accept a second goes to one address.
    ///
    /// Unit: none. Default: refused. Range: none.
    /// Source: drumfire; Unity Transport always allows them.
    pub fn dangerous_large_accept_payload(mut self) -> Self {
        self.limits.large_accept_payload = true;
        self
    }

    /// How often one connection may move to another address within a minute.
    ///
    /// Unit: moves. Default: 4. Range: 1 to 3600.
    /// Source: drumfire; Unity moves with every packet.
    pub fn path_moves_per_minute(mut self, value: u32) -> Self {
        self.limits.path_moves_per_minute = value;
        self
    }

    /// How long a connection that is left, or whose driver is closed, goes on delivering reliable data.
    ///
    /// The peer is told of the end when it has acknowledged everything, or when the time is up. Until
    /// then nothing it sends is of interest but its acknowledgements. Without effect under
    /// `Timing::Unity`.
    ///
    /// Unit: duration, resolution 1 µs. Default: 200 ms. Range: 0 (do not wait) to 60 s.
    /// Source: drumfire; Unity delivers nothing after a close.
    pub fn linger(mut self, value: Duration) -> Self {
        self.limits.linger = value;
        self
    }

    /// How long a peer may go on talking without acknowledging reliable data.
    ///
    /// After it the connection ends with `DisconnectReason::Stalled`.
    ///
    /// Unit: duration, resolution 1 µs. Default: 60 s. Range: 0 (never), or 1 ms to 2147483647 ms.
    /// Source: drumfire; Unity behaves as 0.
    pub fn reliable_stall_timeout(mut self, value: Duration) -> Self {
        self.limits.reliable_stall_timeout = unless_zero(value);
        self
    }

    /// Most log lines a second that peers can cause, for each kind of message.
    ///
    /// What is left out is counted, and the count is logged.
    ///
    /// Unit: lines a second. Default: 10. Range: 1 to 1000.
    /// Source: drumfire.
    pub fn log_lines_per_second(mut self, value: u32) -> Self {
        self.limits.log_lines_per_second = value;
        self
    }

    /// Whether log lines show the addresses of peers.
    ///
    /// Unit: none. Default: `Shown`. Range: `Shown`, `Hidden`.
    /// Source: drumfire.
    pub fn log_addresses(mut self, value: LogAddresses) -> Self {
        self.limits.log_addresses = value;
        self
    }
}
