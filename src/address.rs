//! Endpoints: where a peer is, and the path a packet takes to it.
//!
//! Addresses are canonical from the door on: an IPv4-mapped IPv6 address *is* its IPv4 address
//! (R6). This module never sees a socket and resolves no name.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::str::FromStr;

use thiserror::Error;

/// Bytes of a [`NetworkEndpoint::Custom`] address.
///
/// Source: Unity Transport `NetworkEndpoint.cs`.
pub const CUSTOM_ADDRESS_LEN: usize = 60;

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
    Custom([u8; CUSTOM_ADDRESS_LEN]),
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

    /// An address with a meaning of its own, for a user-written interface.
    pub const fn custom(bytes: [u8; CUSTOM_ADDRESS_LEN]) -> Self {
        Self::Custom(bytes)
    }

    /// The endpoint of a written IPv4 or IPv6 address, [`Invalid`](Self::Invalid) if it is none.
    ///
    /// The text is an address and nothing else: no port, no brackets, no scope, no host name, no
    /// blank at either end.
    ///
    /// ```
    /// use drumfire::address::NetworkEndpoint;
    ///
    /// let server = NetworkEndpoint::parse("192.0.2.7", 7777);
    /// assert_eq!(server.to_string(), "192.0.2.7:7777");
    /// assert!(!NetworkEndpoint::parse("192.0.2.7:7777", 7777).is_valid());
    /// ```
    ///
    /// Source: Unity Transport `NetworkEndpoint.Parse`.
    pub fn parse(text: &str, port: u16) -> Self {
        Self::try_parse(text, port).unwrap_or_default()
    }

    /// Like [`parse`](Self::parse), with none for a text that is no address.
    ///
    /// Source: Unity Transport `NetworkEndpoint.TryParse`.
    pub fn try_parse(text: &str, port: u16) -> Option<Self> {
        let ip = text.parse().ok()?;
        Some(Self::from_socket_addr(SocketAddr::new(ip, port)))
    }

    /// Like [`try_parse`](Self::try_parse), for the notation of one family; none for families
    /// without one. An IPv4-mapped IPv6 address still becomes its IPv4 address.
    pub fn try_parse_as(text: &str, port: u16, family: NetworkFamily) -> Option<Self> {
        let ip = match family {
            NetworkFamily::Ipv4 => IpAddr::V4(text.parse().ok()?),
            NetworkFamily::Ipv6 => IpAddr::V6(text.parse().ok()?),
            NetworkFamily::Invalid | NetworkFamily::Custom => return None,
        };
        Some(Self::from_socket_addr(SocketAddr::new(ip, port)))
    }

    /// The endpoint of raw address bytes: 4 of IPv4, 16 of IPv6, or 60 of a custom address, whose
    /// `port` is not used. None for any other number of bytes.
    ///
    /// Source: Unity Transport `NetworkEndpoint.SetRawAddressBytes`.
    pub fn from_raw_address_bytes(bytes: &[u8], port: u16) -> Option<Self> {
        let ip = if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
            IpAddr::from(octets)
        } else if let Ok(octets) = <[u8; 16]>::try_from(bytes) {
            IpAddr::from(octets)
        } else {
            return bytes.try_into().ok().map(Self::Custom);
        };
        Some(Self::from_socket_addr(SocketAddr::new(ip, port)))
    }

    /// The raw bytes of the address, in network order: 4, 16 or 60, or none.
    ///
    /// Source: Unity Transport `NetworkEndpoint.GetRawAddressBytes`.
    pub fn raw_address_bytes(&self) -> Vec<u8> {
        match self {
            Self::Invalid => Vec::new(),
            Self::Ipv4(v4) => v4.ip().octets().to_vec(),
            Self::Ipv6(v6) => v6.ip().octets().to_vec(),
            Self::Custom(bytes) => bytes.to_vec(),
        }
    }

    /// How many bytes [`raw_address_bytes`](Self::raw_address_bytes) has.
    ///
    /// Source: Unity Transport `NetworkEndpoint.Length`.
    pub fn address_len(&self) -> usize {
        match self {
            Self::Invalid => 0,
            Self::Ipv4(_) => 4,
            Self::Ipv6(_) => 16,
            Self::Custom(_) => CUSTOM_ADDRESS_LEN,
        }
    }

    /// The same address with another port; families without one stay as they are.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        match &mut self {
            Self::Ipv4(v4) => v4.set_port(port),
            Self::Ipv6(v6) => v6.set_port(port),
            Self::Invalid | Self::Custom(_) => {}
        }
        self
    }

    /// The port as it lies in memory in network order: port 1 is 256 on a little-endian machine.
    ///
    /// Source: Unity Transport `NetworkEndpoint.RawPort`, obsolete there.
    pub fn raw_port(&self) -> u16 {
        self.port().to_be()
    }

    /// The same address with the port that [`raw_port`](Self::raw_port) gives as `raw`.
    #[must_use]
    pub fn with_raw_port(self, raw: u16) -> Self {
        self.with_port(u16::from_be(raw))
    }

    /// False for [`Invalid`](Self::Invalid) only.
    pub fn is_valid(&self) -> bool {
        *self != Self::Invalid
    }

    /// Whether the address is 0.0.0.0 or `::`, with any port.
    pub fn is_any(&self) -> bool {
        self.ip().is_some_and(|ip| ip.is_unspecified())
    }

    /// Whether the address is 127.0.0.1 or `::1`, with any port.
    ///
    /// The rest of 127.0.0.0/8 does not count, as in Unity Transport; for limits see
    /// [`AddressPrefix::is_loopback`].
    pub fn is_loopback(&self) -> bool {
        self.ip()
            .is_some_and(|ip| ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST)
    }

    /// What limits per address count this endpoint under.
    pub fn prefix(&self) -> AddressPrefix {
        match (self, self.canonical_ip()) {
            (Self::Custom(bytes), _) => AddressPrefix::Custom(*bytes),
            (_, Some(IpAddr::V4(ip))) => AddressPrefix::Ipv4(ip),
            (_, Some(IpAddr::V6(Ipv6Addr::LOCALHOST))) => AddressPrefix::LoopbackIpv6,
            (_, Some(IpAddr::V6(ip))) => {
                let [a, b, c, d, ..] = ip.segments();
                AddressPrefix::Ipv6([a, b, c, d])
            }
            (_, None) => AddressPrefix::Invalid,
        }
    }

    /// Whether no honest datagram comes from here: no address, port 0, the unspecified address,
    /// multicast or broadcast (R6). A custom address is for its interface to judge.
    pub fn is_unusable_source(&self) -> bool {
        let Some(ip) = self.canonical_ip() else {
            return !self.is_valid();
        };
        let broadcast = ip == Ipv4Addr::BROADCAST;
        self.port() == 0 || broadcast || ip.is_unspecified() || ip.is_multicast()
    }

    /// The IP address, folded even if someone built a variant from a mapped one by hand.
    fn canonical_ip(&self) -> Option<IpAddr> {
        self.ip().map(|ip| ip.to_canonical())
    }
}

/// The unit that limits per address count by: who owns one of its addresses owns them all.
///
/// A site has a /64 of IPv6 at the least, so anything smaller would be no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AddressPrefix {
    /// No address.
    Invalid,
    /// One IPv4 address.
    Ipv4(Ipv4Addr),
    /// A /64 of IPv6: the first four groups.
    Ipv6([u16; 4]),
    /// `::1`, whose /64 holds no other host.
    LoopbackIpv6,
    /// One custom address.
    Custom([u8; CUSTOM_ADDRESS_LEN]),
}

impl AddressPrefix {
    /// Whether it is this machine: 127.0.0.0/8 or `::1`.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Ipv4(ip) => ip.is_loopback(),
            Self::LoopbackIpv6 => true,
            Self::Invalid | Self::Ipv6(_) | Self::Custom(_) => false,
        }
    }
}

impl fmt::Display for AddressPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Invalid => f.write_str("invalid"),
            Self::Ipv4(ip) => ip.fmt(f),
            Self::Ipv6([a, b, c, d]) => write!(f, "{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)),
            Self::LoopbackIpv6 => Ipv6Addr::LOCALHOST.fmt(f),
            Self::Custom(_) => f.write_str("custom"),
        }
    }
}

/// A text is not an address with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[error(
    "not an endpoint: write `192.0.2.7:7777` or `[2001:db8::7]:7777`, host names are resolved elsewhere"
)]
pub struct ParseEndpointError;

impl FromStr for NetworkEndpoint {
    type Err = ParseEndpointError;

    /// Reads what `Display` writes for the internet families: `ip:port` or `[v6]:port`.
    fn from_str(text: &str) -> Result<Self, ParseEndpointError> {
        let addr: SocketAddr = text.parse().map_err(|_| ParseEndpointError)?;
        Ok(Self::from_socket_addr(addr))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> NetworkEndpoint {
        text.parse().unwrap()
    }

    #[test]
    fn a_mapped_address_is_its_ipv4_address_whatever_it_came_from() {
        let plain = NetworkEndpoint::parse("192.0.2.7", 80);
        let octets = Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped().octets();
        let mapped = "::ffff:192.0.2.7";
        assert_eq!(NetworkEndpoint::parse(mapped, 80), plain);
        assert_eq!(endpoint("[::ffff:192.0.2.7]:80"), plain);
        let as_v6 = NetworkEndpoint::try_parse_as(mapped, 80, NetworkFamily::Ipv6);
        assert_eq!(as_v6, Some(plain));
        let raw = NetworkEndpoint::from_raw_address_bytes(&octets, 80);
        assert_eq!(raw, Some(plain));
    }

    #[test]
    fn only_link_local_addresses_keep_a_scope() {
        assert_eq!(endpoint("[fe80::1%3]:80").to_string(), "[fe80::1%3]:80");
        assert_eq!(
            endpoint("[2001:db8::1%3]:80").to_string(),
            "[2001:db8::1]:80"
        );
    }

    #[test]
    fn a_family_takes_its_own_notation_only() {
        let parse = |text, family| NetworkEndpoint::try_parse_as(text, 80, family);
        assert!(parse("192.0.2.7", NetworkFamily::Ipv4).is_some());
        assert!(parse("2001:db8::7", NetworkFamily::Ipv6).is_some());
        assert_eq!(parse("192.0.2.7", NetworkFamily::Ipv6), None);
        assert_eq!(parse("2001:db8::7", NetworkFamily::Ipv4), None);
        assert_eq!(parse("192.0.2.7", NetworkFamily::Custom), None);
        assert_eq!(parse("192.0.2.7", NetworkFamily::Invalid), None);
    }

    #[test]
    fn limits_count_ipv4_by_address_and_ipv6_by_64_bits() {
        let prefix = |text| endpoint(text).prefix();
        assert_eq!(prefix("192.0.2.7:1"), prefix("192.0.2.7:2"));
        assert_ne!(prefix("192.0.2.7:1"), prefix("192.0.2.8:1"));
        assert_eq!(
            prefix("[2001:db8:0:1::7]:1"),
            prefix("[2001:db8:0:1:ffff::9]:2")
        );
        assert_ne!(prefix("[2001:db8:0:1::7]:1"), prefix("[2001:db8:0:2::7]:1"));
        assert_eq!(
            prefix("[2001:db8:0:1::7]:1").to_string(),
            "2001:db8:0:1::/64"
        );

        let (one, two) = (
            NetworkEndpoint::custom([1; 60]),
            NetworkEndpoint::custom([2; 60]),
        );
        assert_eq!(one.prefix(), AddressPrefix::Custom([1; 60]));
        assert_ne!(one.prefix(), two.prefix());
        assert_eq!(NetworkEndpoint::Invalid.prefix(), AddressPrefix::Invalid);
    }

    #[test]
    fn a_mapped_address_built_by_hand_is_counted_as_ipv4() {
        let mapped = Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped();
        let by_hand = NetworkEndpoint::Ipv6(SocketAddrV6::new(mapped, 80, 0, 0));
        assert_eq!(by_hand.prefix(), endpoint("192.0.2.7:80").prefix());
        let multicast = Ipv4Addr::new(224, 0, 0, 1).to_ipv6_mapped();
        let by_hand = NetworkEndpoint::Ipv6(SocketAddrV6::new(multicast, 80, 0, 0));
        assert!(by_hand.is_unusable_source());
    }

    #[test]
    fn the_loopback_prefix_is_the_whole_of_127_and_one_ipv6_address() {
        let loopback = |text| endpoint(text).prefix().is_loopback();
        assert!(loopback("127.0.0.1:1") && loopback("127.9.8.7:1") && loopback("[::1]:1"));
        assert!(!loopback("[::2]:1") && !loopback("128.0.0.1:1"));
        assert!(!NetworkEndpoint::custom([0; 60]).prefix().is_loopback());
    }

    #[test]
    fn no_honest_datagram_comes_from_port_zero_multicast_broadcast_or_nowhere() {
        for text in [
            "192.0.2.7:0",
            "[2001:db8::7]:0",
            "0.0.0.0:1",
            "[::]:1",
            "224.0.0.1:1",
            "239.255.255.255:1",
            "[ff02::1]:1",
            "255.255.255.255:1",
        ] {
            assert!(endpoint(text).is_unusable_source(), "{text}");
        }
        for text in [
            "192.0.2.7:1",
            "127.0.0.1:1",
            "[fe80::1]:1",
            "192.0.2.255:65535",
        ] {
            assert!(!endpoint(text).is_unusable_source(), "{text}");
        }
        assert!(NetworkEndpoint::Invalid.is_unusable_source());
        assert!(!NetworkEndpoint::custom([0; 60]).is_unusable_source());
    }
}
