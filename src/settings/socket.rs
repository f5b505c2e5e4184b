//! The UDP socket: buffers, offloads, address families.
//!
//! What the system does not grant is no error: buffers shrink, offloads fall back, and
//! `drumfire doctor` says what was granted.

use super::NetworkSettingsBuilder;
use super::range::{number, number_or};
use crate::error::SettingsError;

/// Whether the kernel joins and splits datagrams for us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offload {
    /// Used where the system has it, given up at run time where it fails.
    #[default]
    Auto,
    /// One datagram each.
    Off,
}

/// Whether a socket on an IPv6 wildcard address takes IPv4 as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DualStack {
    /// Both families; IPv4 peers appear with their IPv4 address.
    #[default]
    On,
    /// IPv6 only.
    Off,
}

/// Whether another program may bind the same address and port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressReuse {
    /// Binding an address in use is an error.
    #[default]
    Exclusive,
    /// The address is shared with sockets that ask for it too. Which of them gets a datagram is
    /// the system's choice.
    Shared,
}

/// The UDP socket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketParameters {
    /// See [`NetworkSettingsBuilder::receive_buffer`], in bytes; `None` leaves the system's.
    pub receive_buffer: Option<usize>,
    /// See [`NetworkSettingsBuilder::send_buffer`], in bytes; `None` leaves the system's.
    pub send_buffer: Option<usize>,
    /// See [`NetworkSettingsBuilder::sockets_per_port`].
    pub sockets_per_port: usize,
    /// See [`NetworkSettingsBuilder::send_offload`].
    pub send_offload: Offload,
    /// See [`NetworkSettingsBuilder::receive_offload`].
    pub receive_offload: Offload,
    /// See [`NetworkSettingsBuilder::dual_stack`].
    pub dual_stack: DualStack,
    /// See [`NetworkSettingsBuilder::reuse_address`].
    pub reuse_address: AddressReuse,
    /// See [`NetworkSettingsBuilder::socket_retry_max`].
    pub socket_retry_max: u32,
}

impl Default for SocketParameters {
    fn default() -> Self {
        Self {
            receive_buffer: Some(4 * 1024 * 1024),
            send_buffer: Some(4 * 1024 * 1024),
            sockets_per_port: 1,
            send_offload: Offload::Auto,
            receive_offload: Offload::Auto,
            dual_stack: DualStack::On,
            reuse_address: AddressReuse::Exclusive,
            socket_retry_max: 1_000,
        }
    }
}

impl SocketParameters {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        check_buffer("receive_buffer", self.receive_buffer)?;
        check_buffer("send_buffer", self.send_buffer)?;
        number("sockets_per_port", self.sockets_per_port, 1..=64, "sockets")?;
        number(
            "socket_retry_max",
            self.socket_retry_max,
            0..=1_000_000,
            "retries",
        )
    }
}

fn check_buffer(field: &'static str, value: Option<usize>) -> Result<(), SettingsError> {
    // Linux doubles what it is asked for and keeps it in an `int`: INT_MAX / 2 is the most it takes.
    value.map_or(Ok(()), |value| {
        number_or(
            field,
            value,
            4_096..=1_073_741_823,
            "bytes",
            "the system's default",
        )
    })
}

/// Socket.
impl NetworkSettingsBuilder {
    /// Kernel receive buffer to ask for.
    ///
    /// The system may grant less (`net.core.rmem_max` on Linux). What does not fit is dropped by
    /// the kernel, so a server that updates rarely needs it large.
    ///
    /// Unit: bytes. Default: 4194304 (4 MiB). Range: 0 (the system's default), or 4096 to
    /// 1073741823.
    /// Source: drumfire.
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.socket.receive_buffer = (bytes != 0).then_some(bytes);
        self
    }

    /// Kernel send buffer to ask for. The system may grant less (`net.core.wmem_max` on Linux).
    ///
    /// Unit: bytes. Default: 4194304 (4 MiB). Range: 0 (the system's default), or 4096 to
    /// 1073741823.
    /// Source: drumfire.
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.socket.send_buffer = (bytes != 0).then_some(bytes);
        self
    }

    /// Sockets that share the driver's port, where the system can spread datagrams over them.
    ///
    /// One is fastest until its receive queue is the limit: two threads use one socket at full
    /// speed.
    ///
    /// Unit: sockets. Default: 1. Range: 1 to 64.
    /// Source: drumfire.
    pub fn sockets_per_port(mut self, value: usize) -> Self {
        self.socket.sockets_per_port = value;
        self
    }

    /// Whether equal-size datagrams to one peer leave as one train (GSO on Linux).
    ///
    /// Unit: none. Default: `Auto`. Range: `Auto`, `Off`.
    /// Source: drumfire.
    #[doc(alias = "gso")]
    pub fn send_offload(mut self, value: Offload) -> Self {
        self.socket.send_offload = value;
        self
    }

    /// Whether datagrams of one peer arrive as one train (GRO on Linux).
    ///
    /// Unit: none. Default: `Auto`. Range: `Auto`, `Off`.
    /// Source: drumfire.
    #[doc(alias = "gro")]
    pub fn receive_offload(mut self, value: Offload) -> Self {
        self.socket.receive_offload = value;
        self
    }

    /// Whether a socket bound to `[::]` takes IPv4 peers as well.
    ///
    /// Unit: none. Default: `On`. Range: `On`, `Off`.
    /// Source: drumfire.
    pub fn dual_stack(mut self, value: DualStack) -> Self {
        self.socket.dual_stack = value;
        self
    }

    /// Whether the local address may be shared with other programs.
    ///
    /// Unit: none. Default: `Exclusive`. Range: `Exclusive`, `Shared`.
    /// Source: drumfire; Unity Transport never shares.
    pub fn reuse_address(mut self, value: AddressReuse) -> Self {
        self.socket.reuse_address = value;
        self
    }

    /// How often a socket that failed for good is made again before the driver gives up.
    ///
    /// Attempts are up to 5 s apart; connections survive them.
    ///
    /// Unit: retries. Default: 1000. Range: 0 (give up at once) to 1000000.
    /// Source: Unity Transport re-creates its socket at most 1000 times.
    pub fn socket_retry_max(mut self, value: u32) -> Self {
        self.socket.socket_retry_max = value;
        self
    }
}
