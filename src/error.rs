//! What can go wrong, one enum per operation, with Unity's numbers.
//!
//! Errors are for the caller. What a peer does wrong is never an `Err`: it is dropped and counted.

use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::address::NetworkEndpoint;

/// Unity Transport's status numbers, for code that reports them.
///
/// Source: Unity Transport `Error.StatusCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum StatusCode {
    /// No error.
    Success = 0,
    /// The handle names no slot.
    NetworkIdMismatch = -1,
    /// The slot belongs to another connection by now.
    NetworkVersionMismatch = -2,
    /// The connection is not connected.
    NetworkStateMismatch = -3,
    /// More bytes than fit.
    NetworkPacketOverflow = -4,
    /// No room to send right now.
    NetworkSendQueueFull = -5,
    /// Two threads in one connection at once. drumfire serialises them instead.
    NetworkDriverParallelForErr = -7,
    /// The writer was ended or aborted already. drumfire's types make that impossible.
    NetworkSendHandleInvalid = -8,
    /// More was received than there was room for.
    NetworkReceiveQueueFull = -10,
    /// The socket failed.
    NetworkSocketError = -11,
}

/// Why a connection ended. Local knowledge: no reason travels on the wire.
///
/// Source: Unity Transport `Error.DisconnectReason`; numbers from 64 are drumfire's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum DisconnectReason {
    /// Nothing arrived for `disconnect_timeout`.
    Timeout = 1,
    /// No answer to `max_connect_attempts` requests.
    MaxConnectionAttempts = 2,
    /// The peer closed the connection.
    ClosedByRemote = 3,
    /// A certificate was refused, or the secure handshake failed.
    AuthenticationFailure = 6,
    /// The peer broke the protocol of a stream transport.
    ProtocolError = 7,
    /// The host name did not resolve.
    HostNotFound = 9,
    /// The peer talks but acknowledged no reliable data for `reliable_stall_timeout`.
    Stalled = 64,
    /// The keys of a secure connection have been used as often as they may (R16). Connect again.
    KeyLimit = 67,
    /// drumfire failed while processing this connection, and only this one.
    InternalError = 65,
    /// The interface cannot send or receive any more.
    InterfaceLost = 66,
}

impl DisconnectReason {
    /// The number: Unity's where it has one.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The reason of a number written by [`code`](Self::code).
    pub(crate) fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Timeout,
            2 => Self::MaxConnectionAttempts,
            3 => Self::ClosedByRemote,
            6 => Self::AuthenticationFailure,
            7 => Self::ProtocolError,
            9 => Self::HostNotFound,
            64 => Self::Stalled,
            67 => Self::KeyLimit,
            66 => Self::InterfaceLost,
            _ => Self::InternalError,
        }
    }
}

/// A send was refused. Nothing was taken, nothing is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The handle names no slot of this driver. Unity: −1.
    #[error("connection {index} does not exist: this driver has {slots} slots")]
    UnknownConnection {
        /// The handle's slot.
        index: u32,
        /// Slots of the driver.
        slots: u32,
    },
    /// The slot belongs to another connection by now. Unity: −2.
    #[error("the connection is gone: its slot is at version {current}, the handle says {version}")]
    StaleConnection {
        /// The handle's version.
        version: u32,
        /// The slot's version.
        current: u32,
    },
    /// The connection is still connecting, or closed. Unity: −3.
    #[error(
        "the connection is {state}, not connected: wait for its Connect event or drop the handle"
    )]
    NotConnected {
        /// "connecting" or "disconnected".
        state: &'static str,
    },
    /// The pipeline was not created on this driver.
    #[error("pipeline {id} does not exist: this driver has {count}")]
    UnknownPipeline {
        /// The handle's id.
        id: u8,
        /// Pipelines of the driver.
        count: u8,
    },
    /// More bytes than a message of this pipeline holds. Unity: −4.
    #[error(
        "message of {needed} bytes, but {capacity} fit: ask `max_payload`, or use a fragmentation pipeline"
    )]
    PacketOverflow {
        /// Bytes asked for or written.
        needed: usize,
        /// Bytes that fit.
        capacity: usize,
    },
    /// The byte budget is used up until the next update or flush. Unity: −5.
    #[error(
        "{queued} bytes are queued for this connection and {budget} are its budget: flush or update, then try again"
    )]
    QueueFull {
        /// Bytes waiting.
        queued: usize,
        /// Most that may wait.
        budget: usize,
    },
    /// So much is held for all connections that nothing is left for this one. Unity: −5.
    #[error(
        "{held} of {limit} bytes are held for all connections, and {needed} more are too many for this one: pop events, disconnect peers that read nothing, or raise `max_memory_total`"
    )]
    MemoryFull {
        /// Bytes of the message.
        needed: usize,
        /// Bytes held for all connections, as of the last update.
        held: usize,
        /// Most that may be held.
        limit: usize,
    },
    /// The pipeline's reliable window has no room until the peer acknowledges. A Writable event says
    /// when it has. Unity: −5.
    #[error(
        "{in_flight} of {window} reliable packets are in flight and {needed} more are needed: try again at the Writable event, in about {free_in:?}"
    )]
    WindowFull {
        /// Packets the window holds.
        window: u16,
        /// Packets that are in flight, or queued to be.
        in_flight: u16,
        /// Packets the message takes.
        needed: usize,
        /// How long after the last update an acknowledgement can be expected.
        free_in: Duration,
    },
}

impl SendError {
    /// Unity's number for this error.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::UnknownConnection { .. } | Self::UnknownPipeline { .. } => {
                StatusCode::NetworkIdMismatch
            }
            Self::StaleConnection { .. } => StatusCode::NetworkVersionMismatch,
            Self::NotConnected { .. } => StatusCode::NetworkStateMismatch,
            Self::PacketOverflow { .. } => StatusCode::NetworkPacketOverflow,
            Self::QueueFull { .. } | Self::WindowFull { .. } | Self::MemoryFull { .. } => {
                StatusCode::NetworkSendQueueFull
            }
        }
    }
}

/// The local address could not be taken. The driver stays unbound and usable.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindError {
    /// `bind` was called before.
    #[error("already bound to {local}: one driver has one local endpoint")]
    AlreadyBound {
        /// The endpoint in use.
        local: NetworkEndpoint,
    },
    /// Another socket has the address.
    #[error(
        "{endpoint} is in use: stop the other program or choose another port (0 picks a free one)"
    )]
    AddressInUse {
        /// What was asked for.
        endpoint: NetworkEndpoint,
    },
    /// This machine does not have the address, or no ephemeral port is free.
    #[error("{endpoint} is not available on this machine")]
    AddressNotAvailable {
        /// What was asked for.
        endpoint: NetworkEndpoint,
    },
    /// Every ephemeral port is taken.
    #[error(
        "no free port is left for {endpoint}: close sockets, or widen the range (`sysctl net.ipv4.ip_local_port_range`)"
    )]
    NoPortLeft {
        /// What was asked for.
        endpoint: NetworkEndpoint,
    },
    /// Ports below 1024 and some addresses need privileges.
    #[error("no permission to bind {endpoint}")]
    PermissionDenied {
        /// What was asked for.
        endpoint: NetworkEndpoint,
    },
    /// The process has no descriptor left.
    #[error("too many open files: raise the limit (`ulimit -n`) or open fewer sockets")]
    TooManyFiles,
    /// The interface does not speak this family.
    #[error("{endpoint} is of a family this interface does not have")]
    UnsupportedFamily {
        /// What was asked for.
        endpoint: NetworkEndpoint,
    },
    /// Anything else the system said.
    #[error("binding {endpoint} failed")]
    Io {
        /// What was asked for.
        endpoint: NetworkEndpoint,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

impl BindError {
    /// Unity's number for this error.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::AlreadyBound { .. } => StatusCode::NetworkStateMismatch,
            _ => StatusCode::NetworkSocketError,
        }
    }

    /// Sorts a system error of `bind` or `socket` into its variant.
    pub(crate) fn from_io(endpoint: NetworkEndpoint, source: io::Error) -> Self {
        match source.kind() {
            // The system says "in use" when it has no ephemeral port left to pick, too.
            io::ErrorKind::AddrInUse if endpoint.port() != 0 => Self::AddressInUse { endpoint },
            io::ErrorKind::AddrInUse => Self::NoPortLeft { endpoint },
            io::ErrorKind::AddrNotAvailable => Self::AddressNotAvailable { endpoint },
            io::ErrorKind::PermissionDenied => Self::PermissionDenied { endpoint },
            // EMFILE and ENFILE have no stable kind.
            _ if matches!(source.raw_os_error(), Some(23 | 24)) => Self::TooManyFiles,
            _ => Self::Io { endpoint, source },
        }
    }
}

/// `listen` was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ListenError {
    /// A driver listens where it is bound.
    #[error("not bound: call `bind` first")]
    NotBound,
    /// `listen` was called before.
    #[error("already listening")]
    AlreadyListening,
}

/// A connection could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The endpoint has no usable address.
    #[error("{endpoint} is no address to connect to")]
    InvalidEndpoint {
        /// What was asked for.
        endpoint: NetworkEndpoint,
    },
    /// The implicit bind failed.
    #[error("could not bind a local port for the connection")]
    Bind(#[from] BindError),
    /// The connect payload does not fit one packet.
    #[error("connect payload of {needed} bytes, but {capacity} fit")]
    PayloadTooLarge {
        /// Bytes asked for.
        needed: usize,
        /// Bytes that fit.
        capacity: usize,
    },
    /// The driver holds as many connections as it may.
    #[error("{max} connections exist and `max_connections` is {max}")]
    TooManyConnections {
        /// The limit.
        max: usize,
    },
    /// A secure driver that was not told whom to believe cannot connect.
    #[error(
        "the driver has `secure_server` only: to connect it needs \
         `secure_client(SecureClient::new(server_name).ca_pem(&ca)?)` as well"
    )]
    NoClientParameters,
    /// A secure association is known by its addresses: one driver has one to each endpoint.
    #[error("a secure connection to {endpoint} exists: one driver can have one to each endpoint")]
    AlreadyConnected {
        /// What was asked for.
        endpoint: NetworkEndpoint,
    },
    /// The system's random generator failed; a token made of anything else could be guessed.
    #[error("the system's random generator failed")]
    Random,
}

/// A pipeline could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// Pipelines are part of what both peers agree on before they connect.
    #[error(
        "pipelines are created before the first connection, and {connections} exist or existed"
    )]
    AfterConnect {
        /// Connections made so far.
        connections: usize,
    },
    /// The stage has no implementation here.
    #[error("stage {stage} is not available")]
    UnknownStage {
        /// Its name.
        stage: &'static str,
    },
    /// The headers of the stages leave no room for a message.
    #[error(
        "the stages write {headers} bytes of headers and a packet has {room}: raise `max_message_size`"
    )]
    NoRoom {
        /// Bytes of stage headers.
        headers: usize,
        /// Bytes of a packet behind the transport's headers.
        room: usize,
    },
    /// An id is one byte, and 0 is no pipeline.
    #[error("255 pipelines exist already")]
    TooMany,
}

/// A setting was out of range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field} is {value}, but must be {allowed}")]
pub struct SettingsError {
    /// The builder method that set it.
    pub field: &'static str,
    /// What was given, with its unit.
    pub value: String,
    /// What is accepted, with its unit.
    pub allowed: String,
}

/// Nothing arrived in time, or the wait was over for another reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitOutcome {
    /// A datagram waits: update to receive it.
    Readable,
    /// A timer of the driver is due: update to serve it.
    Deadline,
    /// The time-out passed first.
    TimedOut {
        /// How long was waited.
        waited: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes_have_unitys_numbers() {
        let numbers = [
            (StatusCode::Success, 0),
            (StatusCode::NetworkIdMismatch, -1),
            (StatusCode::NetworkVersionMismatch, -2),
            (StatusCode::NetworkStateMismatch, -3),
            (StatusCode::NetworkPacketOverflow, -4),
            (StatusCode::NetworkSendQueueFull, -5),
            (StatusCode::NetworkDriverParallelForErr, -7),
            (StatusCode::NetworkSendHandleInvalid, -8),
            (StatusCode::NetworkReceiveQueueFull, -10),
            (StatusCode::NetworkSocketError, -11),
        ];
        for (code, number) in numbers {
            assert_eq!(code as i32, number, "{code:?}");
        }
    }

    #[test]
    fn send_errors_map_to_unitys_status() {
        let errors = [
            (SendError::UnknownConnection { index: 9, slots: 4 }, -1),
            (SendError::UnknownPipeline { id: 3, count: 2 }, -1),
            (
                SendError::StaleConnection {
                    version: 1,
                    current: 2,
                },
                -2,
            ),
            (
                SendError::NotConnected {
                    state: "connecting",
                },
                -3,
            ),
            (
                SendError::PacketOverflow {
                    needed: 2,
                    capacity: 1,
                },
                -4,
            ),
            (
                SendError::QueueFull {
                    queued: 2,
                    budget: 1,
                },
                -5,
            ),
            (
                SendError::WindowFull {
                    window: 32,
                    in_flight: 32,
                    needed: 1,
                    free_in: Duration::ZERO,
                },
                -5,
            ),
        ];
        for (error, number) in errors {
            assert_eq!(error.status() as i32, number, "{error}");
        }
    }

    #[test]
    fn bind_errors_map_to_unitys_status() {
        let local = NetworkEndpoint::Invalid;
        assert_eq!(BindError::AlreadyBound { local }.status() as i32, -3);
        assert_eq!(BindError::TooManyFiles.status() as i32, -11);
    }

    #[test]
    fn system_errors_of_bind_find_their_variant() {
        let sorted = |kind: io::ErrorKind| {
            BindError::from_io(NetworkEndpoint::loopback_ipv4(7777), kind.into())
        };
        assert!(matches!(
            sorted(io::ErrorKind::AddrInUse),
            BindError::AddressInUse { .. }
        ));
        assert!(matches!(
            sorted(io::ErrorKind::AddrNotAvailable),
            BindError::AddressNotAvailable { .. }
        ));
        assert!(matches!(
            sorted(io::ErrorKind::PermissionDenied),
            BindError::PermissionDenied { .. }
        ));
        assert!(matches!(sorted(io::ErrorKind::Other), BindError::Io { .. }));
        let any = NetworkEndpoint::any_ipv4(0);
        assert!(matches!(
            BindError::from_io(any, io::ErrorKind::AddrInUse.into()),
            BindError::NoPortLeft { .. }
        ));
    }

    #[test]
    fn disconnect_reasons_have_unitys_numbers_and_ours_from_64() {
        let reasons = [
            (DisconnectReason::Timeout, 1),
            (DisconnectReason::MaxConnectionAttempts, 2),
            (DisconnectReason::ClosedByRemote, 3),
            (DisconnectReason::AuthenticationFailure, 6),
            (DisconnectReason::ProtocolError, 7),
            (DisconnectReason::HostNotFound, 9),
            (DisconnectReason::Stalled, 64),
            (DisconnectReason::KeyLimit, 67),
            (DisconnectReason::InternalError, 65),
            (DisconnectReason::InterfaceLost, 66),
        ];
        for (reason, number) in reasons {
            assert_eq!(reason.code(), number, "{reason:?}");
        }
    }
}
