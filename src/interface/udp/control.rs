//! Socket addresses and control messages as the bytes the Linux kernel reads and writes.
//!
//! Slices in, slices out: the layouts are the kernel's (`<linux/in.h>`, `<linux/in6.h>`,
//! `<linux/socket.h>`), written without a pointer. No system call is made here.
//!
//! ```text
//! control message:  | len: usize | level: i32 | type: i32 | data … | padding to usize |
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use libc::{
    IP_PKTINFO, IPPROTO_IP, IPPROTO_IPV6, IPV6_PKTINFO, SO_RXQ_OVFL, SOL_SOCKET, SOL_UDP, UDP_GRO,
    UDP_SEGMENT,
};

use crate::address::NetworkEndpoint;

/// Bytes of the header of a control message.
const HEADER: usize = size_of::<usize>() + 2 * size_of::<i32>();
/// Bytes of a `sockaddr_in6`, the longest name.
const NAME: usize = 28;
/// Room for PKTINFO (20 bytes of data), a drop counter and a segment size (4 each).
const CONTROL: usize = space(20) + space(4) + space(4);

/// Bytes a control message takes with its padding.
const fn space(data: usize) -> usize {
    HEADER + data.next_multiple_of(size_of::<usize>())
}

/// Family of a socket, and with it the form of its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6 {
        /// Whether it speaks IPv4 too, by mapped addresses.
        dual: bool,
    },
}

/// A socket address.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub(super) struct Name {
    pub(super) bytes: [u8; NAME],
}

impl Name {
    pub(super) const EMPTY: Self = Self { bytes: [0; NAME] };

    /// The name of `endpoint` for a socket of `family`, and its length; none if such a socket
    /// cannot reach it.
    pub(super) fn of(endpoint: &NetworkEndpoint, family: Family) -> Option<(Self, usize)> {
        let mut name = Self::EMPTY;
        let mut rest = name.bytes.as_mut_slice();
        let len = match (endpoint, family) {
            (NetworkEndpoint::Ipv4(v4), Family::V4) => {
                put(&mut rest, &family_number(libc::AF_INET));
                put(&mut rest, &v4.port().to_be_bytes());
                put(&mut rest, &v4.ip().octets());
                16
            }
            (NetworkEndpoint::Ipv4(v4), Family::V6 { dual: true }) => {
                put_v6(&mut rest, v4.ip().to_ipv6_mapped(), v4.port(), 0);
                NAME
            }
            (NetworkEndpoint::Ipv6(v6), Family::V6 { .. }) => {
                put_v6(&mut rest, *v6.ip(), v6.port(), v6.scope_id());
                NAME
            }
            _ => return None,
        };
        Some((name, len))
    }

    /// The address the kernel wrote, `len` bytes of it.
    pub(super) fn parse(&self, len: usize) -> Option<SocketAddr> {
        let mut rest = self.bytes.get(..len)?;
        let family = i32::from(u16::from_ne_bytes(take(&mut rest)?));
        let port = u16::from_be_bytes(take(&mut rest)?);
        if family == libc::AF_INET {
            let ip = Ipv4Addr::from(take::<4>(&mut rest)?);
            return Some(SocketAddr::V4(SocketAddrV4::new(ip, port)));
        }
        if family != libc::AF_INET6 {
            return None;
        }
        let flow = u32::from_be_bytes(take(&mut rest)?);
        let ip = Ipv6Addr::from(take::<16>(&mut rest)?);
        let scope = u32::from_ne_bytes(take(&mut rest)?);
        Some(SocketAddr::V6(SocketAddrV6::new(ip, port, flow, scope)))
    }
}

fn put_v6(rest: &mut &mut [u8], ip: Ipv6Addr, port: u16, scope: u32) {
    put(rest, &family_number(libc::AF_INET6));
    put(rest, &port.to_be_bytes());
    put(rest, &[0; 4]);
    put(rest, &ip.octets());
    put(rest, &scope.to_ne_bytes());
}

/// `sa_family_t`: families are small numbers.
fn family_number(family: i32) -> [u8; 2] {
    u16::try_from(family).unwrap_or(0).to_ne_bytes()
}

/// The control data of one message.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub(super) struct Control {
    pub(super) bytes: [u8; CONTROL],
}

/// What the kernel told about a received message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Notes {
    /// The local address it was sent to.
    pub(super) to: Option<IpAddr>,
    /// Datagrams the socket dropped so far, modulo 2³².
    pub(super) drops: Option<u32>,
    /// Size of the datagrams of a train.
    pub(super) segment: usize,
}

impl Control {
    pub(super) const EMPTY: Self = Self {
        bytes: [0; CONTROL],
    };

    /// Writes what a message asks for: a source address, and a segment size. Returns the bytes used.
    pub(super) fn write(&mut self, from: Option<IpAddr>, segment: Option<u16>) -> usize {
        let mut rest = self.bytes.as_mut_slice();
        match from {
            // struct in_pktinfo: interface index, address to send from, destination (unused).
            Some(IpAddr::V4(ip)) => {
                put_message(&mut rest, IPPROTO_IP, IP_PKTINFO, |data| {
                    put(data, &[0; 4]);
                    put(data, &ip.octets());
                    put(data, &[0; 4]);
                });
            }
            // struct in6_pktinfo: address to send from, interface index.
            Some(IpAddr::V6(ip)) => {
                put_message(&mut rest, IPPROTO_IPV6, IPV6_PKTINFO, |data| {
                    put(data, &ip.octets());
                    put(data, &[0; 4]);
                });
            }
            None => {}
        }
        if let Some(segment) = segment {
            put_message(&mut rest, SOL_UDP, UDP_SEGMENT, |data| {
                put(data, &segment.to_ne_bytes());
            });
        }
        let left = rest.len();
        CONTROL - left
    }

    /// Reads the first `len` bytes, as the kernel left them. Unknown messages are passed over.
    pub(super) fn parse(&self, len: usize) -> Notes {
        let mut notes = Notes::default();
        let mut rest = self.bytes.get(..len).unwrap_or_default();
        while let Some((level, kind, data)) = take_message(&mut rest) {
            let mut data = data;
            match (level, kind) {
                (IPPROTO_IP, IP_PKTINFO) => {
                    let _interface = take::<4>(&mut data);
                    notes.to = take::<4>(&mut data).map(|ip| IpAddr::V4(ip.into()));
                }
                (IPPROTO_IPV6, IPV6_PKTINFO) => {
                    notes.to = take::<16>(&mut data).map(|ip| IpAddr::V6(ip.into()));
                }
                (SOL_SOCKET, SO_RXQ_OVFL) => {
                    notes.drops = take(&mut data).map(u32::from_ne_bytes);
                }
                (SOL_UDP, UDP_GRO) => {
                    let segment = take(&mut data).map_or(0, i32::from_ne_bytes);
                    notes.segment = usize::try_from(segment).unwrap_or(0);
                }
                _ => {}
            }
        }
        notes
    }
}

/// Appends one control message whose data `fill` writes.
fn put_message(rest: &mut &mut [u8], level: i32, kind: i32, fill: impl FnOnce(&mut &mut [u8])) {
    let Some((header, mut data)) = std::mem::take(rest).split_at_mut_checked(HEADER) else {
        return;
    };
    let room = data.len();
    fill(&mut data);
    let used = room - data.len();
    let padding = used.next_multiple_of(size_of::<usize>()) - used;
    *rest = data.get_mut(padding..).unwrap_or_default();
    let mut header = header;
    put(&mut header, &(HEADER + used).to_ne_bytes());
    put(&mut header, &level.to_ne_bytes());
    put(&mut header, &kind.to_ne_bytes());
}

/// Takes the next control message off: level, type, data.
fn take_message<'a>(rest: &mut &'a [u8]) -> Option<(i32, i32, &'a [u8])> {
    let mut header = *rest;
    let len = usize::from_ne_bytes(take(&mut header)?);
    let level = i32::from_ne_bytes(take(&mut header)?);
    let kind = i32::from_ne_bytes(take(&mut header)?);
    let data = rest.get(HEADER..len)?;
    *rest = rest
        .get(len.next_multiple_of(size_of::<usize>())..)
        .unwrap_or_default();
    Some((level, kind, data))
}

/// Copies `bytes` to the front and moves on; writes nothing where they do not fit.
fn put(rest: &mut &mut [u8], bytes: &[u8]) {
    if let Some((front, back)) = std::mem::take(rest).split_at_mut_checked(bytes.len()) {
        front.copy_from_slice(bytes);
        *rest = back;
    }
}

/// Takes `N` bytes off the front.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (front, back) = rest.split_first_chunk::<N>()?;
    *rest = back;
    Some(*front)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> NetworkEndpoint {
        text.parse::<SocketAddr>().unwrap().into()
    }

    #[test]
    fn names_come_back_as_they_were_written() {
        for (text, family) in [
            ("127.0.0.1:7777", Family::V4),
            ("[::1]:7777", Family::V6 { dual: false }),
            ("[fe80::1%3]:7777", Family::V6 { dual: true }),
        ] {
            let (name, len) = Name::of(&endpoint(text), family).unwrap();
            assert_eq!(name.parse(len).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_dual_socket_maps_ipv4_and_no_other_crosses_families() {
        let v4 = endpoint("127.0.0.1:7777");
        let (name, len) = Name::of(&v4, Family::V6 { dual: true }).unwrap();
        assert_eq!(
            name.parse(len).unwrap().to_string(),
            "[::ffff:127.0.0.1]:7777"
        );
        assert!(Name::of(&v4, Family::V6 { dual: false }).is_none());
        assert!(Name::of(&endpoint("[::1]:1"), Family::V4).is_none());
        assert!(Name::of(&NetworkEndpoint::Invalid, Family::V4).is_none());
    }

    #[test]
    fn a_name_cut_short_is_no_name() {
        let (name, len) = Name::of(&endpoint("127.0.0.1:7777"), Family::V4).unwrap();
        assert!(name.parse(len).is_some());
        assert!(name.parse(6).is_none());
        assert!(name.parse(0).is_none());
        assert!(name.parse(1_000).is_none());
    }

    #[test]
    fn control_messages_are_laid_out_as_the_kernel_wants_them() {
        let mut control = Control::EMPTY;
        let used = control.write(Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), Some(1200));
        assert_eq!(used, space(12) + space(2));
        assert_eq!(
            control.parse(used).to,
            Some(IpAddr::V4(Ipv4Addr::LOCALHOST))
        );
        assert_eq!(control.write(None, None), 0);
        assert_eq!(
            control.write(Some(IpAddr::V6(Ipv6Addr::LOCALHOST)), Some(1)),
            CONTROL - space(4)
        );
    }

    #[test]
    fn nonsense_in_control_data_ends_the_reading_and_nothing_else() {
        for fill in [0x00, 0x01, 0x10, 0xFF] {
            let control = Control {
                bytes: [fill; CONTROL],
            };
            for len in [0, 1, HEADER, CONTROL, CONTROL + 1] {
                assert_eq!(control.parse(len), Notes::default());
            }
        }
    }
}
