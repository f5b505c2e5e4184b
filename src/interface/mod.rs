//! Network interfaces: where datagrams come from and go to.
//!
//! The only floor with sockets. An interface moves whole datagrams in batches; it knows no
//! connection, no pipeline and no timer of the protocol. Users may write their own by implementing
//! [`NetworkInterface`] (any transport that carries datagrams will do, with
//! [`NetworkEndpoint::Custom`] addresses if it needs them).

mod memory;
mod udp;

pub use memory::{
    BurstLoss, Captured, Conditions, InProcessNetwork, MemoryInterface, NetworkTally, RateLimit,
    RawSocket, SimulatedNetwork, Tap,
};
pub use udp::{SystemPath, UdpInterface, UdpOptions};

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::address::NetworkEndpoint;
use crate::buffer::batch::ReceiveBatch;
use crate::error::BindError;
use crate::time::Timestamp;

/// One datagram to send.
#[derive(Clone, Copy, Debug)]
pub struct Transmit<'a> {
    /// Where to.
    pub to: &'a NetworkEndpoint,
    /// The local address to send from; none lets the routing table choose.
    pub from: Option<IpAddr>,
    /// The whole datagram.
    pub bytes: &'a [u8],
}

/// Why one datagram was not sent and never will be. The rest of its batch is not concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendFault {
    /// Larger than the path takes (EMSGSIZE).
    TooLong,
    /// The address cannot be reached just now (ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ENETDOWN).
    Unreachable,
    /// The system refuses to send it (EPERM, EACCES, EINVAL).
    Refused,
}

/// What became of a batch: how many datagrams the interface is done with, and which of them failed.
///
/// Those from [`done`](Self::done) on were not taken (the socket's buffer is full); the driver
/// keeps them for its next update.
#[derive(Debug, Default)]
pub struct SendReport {
    /// Datagrams dealt with, counted from the front of the batch: sent, or failed for good.
    pub done: usize,
    /// Failures by index into the batch, ascending.
    pub faults: Vec<(usize, SendFault)>,
    /// True if the interface asks for no more sends in this update.
    pub congested: bool,
}

impl SendReport {
    /// Starts over for the next batch, keeping the memory.
    pub fn clear(&mut self) {
        self.done = 0;
        self.faults.clear();
        self.congested = false;
    }
}

/// What a receive call left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Nothing more waits just now.
    Drained,
    /// More may wait: call again.
    More,
    /// The interface cannot receive; [`NetworkInterface::maintain`] may repair it.
    Failed,
}

/// Counters and facts of an interface, since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InterfaceStatistics {
    /// Datagrams the kernel dropped because the receive buffer was full (Linux: `SO_RXQ_OVFL`).
    pub kernel_drops: u64,
    /// Datagrams cut by the kernel or longer than a slot: dropped.
    pub oversize: u64,
    /// Datagrams dropped for their source: port 0, multicast, broadcast, unspecified, or the
    /// interface's own address (R6).
    pub bad_source: u64,
    /// System calls to receive.
    pub receive_calls: u64,
    /// System calls to send.
    pub send_calls: u64,
    /// Datagrams that left as part of a GSO train.
    pub segmented: u64,
    /// Datagrams that arrived as part of a GRO train.
    pub coalesced: u64,
    /// Errors of the receive call, by no particular peer.
    pub receive_errors: u64,
    /// Errors of the send call: datagrams refused for good, and calls the system had no memory for.
    pub send_errors: u64,
    /// Times the socket was closed and made again after a fatal error.
    pub recreated: u64,
    /// Bytes of receive buffer the system granted, as it reports them; 0 if it has none.
    ///
    /// Linux counts its own bookkeeping (768 bytes for a small datagram) against the buffer and
    /// reports twice what was asked for, up to twice `net.core.rmem_max`.
    pub receive_buffer: usize,
    /// Bytes of send buffer the system granted, as it reports them; 0 if it has none.
    pub send_buffer: usize,
}

/// The interface gave up: it could not be repaired within its retries.
#[derive(Debug, thiserror::Error)]
#[error("the interface failed {attempts} times in a row and gave up")]
pub struct InterfaceLost {
    /// Repairs tried.
    pub attempts: u32,
    /// The last error, where there was one.
    #[source]
    pub source: Option<std::io::Error>,
}

/// A way to move datagrams.
///
/// One thread at a time calls `receive`; several may call `send` at once, also beside `receive`.
/// Calls with `&mut self` have the interface to themselves.
///
/// Source: Unity Transport `INetworkInterface`.
pub trait NetworkInterface: fmt::Debug + Send + Sync + 'static {
    /// Takes the local endpoint. Port 0 picks a free one.
    ///
    /// # Errors
    /// A typed reason; the interface stays unbound and may be bound again.
    fn bind(&mut self, endpoint: &NetworkEndpoint) -> Result<(), BindError>;

    /// The endpoint in use, with its real port; invalid before `bind`.
    fn local_endpoint(&self) -> NetworkEndpoint;

    /// Slot size of the batch that `receive` is given, for datagrams of up to `max_message_size`
    /// bytes: at least one more, so that longer ones are noticed.
    fn slot_size(&self, max_message_size: usize) -> usize {
        max_message_size + 1
    }

    /// Fills free slots of `batch` with what has arrived, without blocking.
    fn receive(&self, batch: &mut ReceiveBatch) -> Received;

    /// Sends `batch` in order, without blocking, and reports into `report` (which is cleared).
    ///
    /// Neighbours of equal size to one peer may leave as one system call.
    fn send(&self, batch: &[Transmit<'_>], report: &mut SendReport);

    /// Called once after everything of an update was given to `send`.
    fn flush(&self) {}

    /// Blocks until `receive` would find something, or `timeout` has passed. True if something waits.
    fn wait(&self, timeout: Duration) -> bool;

    /// Called at the start of each update: the place to repair what failed.
    ///
    /// # Errors
    /// The interface is lost for good; the driver ends its connections.
    fn maintain(&mut self, now: Timestamp) -> Result<(), InterfaceLost> {
        let _ = now;
        Ok(())
    }

    /// Bytes this interface adds in front of or behind each datagram, out of the packet's size.
    fn padding(&self) -> usize {
        0
    }

    /// Counters and facts so far.
    fn statistics(&self) -> InterfaceStatistics {
        InterfaceStatistics::default()
    }
}
