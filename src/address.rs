//! Endpoints: where a peer is, and the path a packet takes to it.
//!
//! Addresses are canonical from the door on: an IPv4-mapped IPv6 address *is* its IPv4 address
//! (R6). This module never sees a socket and resolves no name.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Address of a peer or of a local socket.
///
/// Source: Unity Transport `NetworkEndpoint`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NetworkEndpoint {
    /// No address: the family of a failed parse.
    #[default]
    Invalid,
    /// IPv4 address and port.
    Ipv4(SocketAddrV4),
    /// IPv6 address, port, and scope for link-local addresses.
    Ipv6(SocketAddrV6),
    /// 60 raw bytes with a meaning of their own, for user-written interfaces.
    Custom([u8; 60]),
}

/// Family of a [`NetworkEndpoint`], with Unity's numbers.
///
/// Source: Unity Transport `NetworkFamily`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum NetworkFamily {
    /// No address.
    Invalid = 0,
    /// Internet protocol, version 4.
    Ipv4 = 2,
    /// Internet protocol, version 6.
    Ipv6 = 23,
    /// Raw bytes of a user-written interface.
    Custom = 255,
}

impl NetworkEndpoint {
    /// The endpoint's family.
    pub fn family(&self) -> NetworkFamily {
        match self {
            Self::Invalid => NetworkFamily::Invalid,
            Self::Ipv4(_) => NetworkFamily::Ipv4,
            Self::Ipv6(_) => NetworkFamily::Ipv6,
            Self::Custom(_) => NetworkFamily::Custom,
        }
    }

    /// The canonical endpoint of a socket address: mapped IPv6 becomes IPv4, flow labels are
    /// dropped, a scope is kept for link-local addresses only.
    pub fn from_socket_addr(addr: SocketAddr) -> Self {
        match addr {
            SocketAddr::V4(v4) => Self::Ipv4(v4),
            SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
                Some(ip) => Self::Ipv4(SocketAddrV4::new(ip, v6.port())),
                None => {
                    let link_local = v6.ip().segments()[0] & 0xFFC0 == 0xFE80;
                    let scope = if link_local { v6.scope_id() } else { 0 };
                    Self::Ipv6(SocketAddrV6::new(*v6.ip(), v6.port(), 0, scope))
                }
            },
        }
    }

    /// The socket address, for the internet families.
    pub fn to_socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Ipv4(v4) => Some(SocketAddr::V4(*v4)),
            Self::Ipv6(v6) => Some(SocketAddr::V6(*v6)),
            Self::Invalid | Self::Custom(_) => None,
        }
    }

    /// The IP address, for the internet families.
    pub fn ip(&self) -> Option<IpAddr> {
        self.to_socket_addr().map(|addr| addr.ip())
    }

    /// The port; 0 for families without one.
    pub fn port(&self) -> u16 {
        self.to_socket_addr().map_or(0, |addr| addr.port())
    }

    /// 127.0.0.1 with `port`.
    pub const fn loopback_ipv4(port: u16) -> Self {
        Self::Ipv4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
    }

    /// 0.0.0.0 with `port`.
    pub const fn any_ipv4(port: u16) -> Self {
        Self::Ipv4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))
    }

    /// `::1` with `port`.
    pub const fn loopback_ipv6(port: u16) -> Self {
        Self::Ipv6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, port, 0, 0))
    }

    /// `::` with `port`.
    pub const fn any_ipv6(port: u16) -> Self {
        Self::Ipv6(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0))
    }
}

impl From<SocketAddr> for NetworkEndpoint {
    fn from(addr: SocketAddr) -> Self {
        Self::from_socket_addr(addr)
    }
}

impl fmt::Display for NetworkEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid => f.write_str("invalid"),
            Self::Ipv4(v4) => v4.fmt(f),
            Self::Ipv6(v6) => v6.fmt(f),
            Self::Custom(_) => f.write_str("custom"),
        }
    }
}

impl fmt::Debug for NetworkEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The way to a peer: its endpoint, and the local address its packets arrive at.
///
/// A client of Unity Transport follows the source address of any valid packet, so everything for
/// one connection leaves from the address and port it came in on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path {
    /// The peer.
    pub remote: NetworkEndpoint,
    /// The local address to send from; none lets the routing table choose.
    pub local: Option<IpAddr>,
}

impl From<NetworkEndpoint> for Path {
    fn from(remote: NetworkEndpoint) -> Self {
        Self {
            remote,
            local: None,
        }
    }
}
