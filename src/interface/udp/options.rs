//! What a UDP interface is asked for. Plain values: the driver fills them from its settings.

/// Most sockets one port may have.
pub(super) const MAX_SOCKETS: usize = 16;

/// Which system calls move the datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SystemPath {
    /// The fastest this system has: `recvmmsg` and `sendmmsg` on Linux.
    #[default]
    Auto,
    /// One datagram a call, with what every system has: no GSO or GRO, no kernel drop counter, and
    /// on a wildcard bind the routing table picks the address that answers leave from.
    Portable,
}

/// Options of a [`UdpInterface`](super::UdpInterface).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpOptions {
    /// Receive buffer to ask the system for, per socket.
    ///
    /// Unit: bytes. Default: 4 MiB, about 10,000 small datagrams; the Linux default holds 256.
    /// Range: any; the system grants less where its own limit is lower.
    pub receive_buffer: usize,
    /// Send buffer to ask the system for, per socket.
    ///
    /// Unit: bytes. Default: 4 MiB. Range: as above.
    pub send_buffer: usize,
    /// Sockets that share the port, each with a receive buffer of its own (`SO_REUSEPORT`).
    ///
    /// Unit: sockets. Default: 1, which sets no sharing option. Range: 1 to 16; more is taken as 16.
    /// One socket serves two threads at twice the speed of one, so this buys buffers, not cores.
    pub sockets_per_port: usize,
    /// Whether datagrams of equal size to one peer may leave in one system call (`UDP_SEGMENT`).
    ///
    /// Default: true. The wire does not change. Switched off at run time where the system fails it.
    pub gso: bool,
    /// Whether the system may hand over trains of datagrams of one peer (`UDP_GRO`).
    ///
    /// Default: false. Slots of the receive batch are 65,535 bytes long then.
    pub gro: bool,
    /// Whether a bind to `[::]` receives IPv4 as well.
    ///
    /// Default: true.
    pub dual_stack: bool,
    /// Whether to set `SO_REUSEADDR`, which on most systems lets another socket take the port too.
    ///
    /// Default: false.
    pub reuse_address: bool,
    /// Tries to re-create a failed socket before the interface is lost.
    ///
    /// Unit: tries in a row without a datagram in between. Default: 16, about a minute.
    pub socket_retry_max: u32,
    /// Which system calls move the datagrams.
    pub path: SystemPath,
}

impl Default for UdpOptions {
    fn default() -> Self {
        Self {
            receive_buffer: 4 << 20,
            send_buffer: 4 << 20,
            sockets_per_port: 1,
            gso: true,
            gro: false,
            dual_stack: true,
            reuse_address: false,
            socket_retry_max: 16,
            path: SystemPath::Auto,
        }
    }
}
