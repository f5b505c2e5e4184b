//! Sources: addresses no reply could or should reach.
//!
//! Port 0, multicast, broadcast and unspecified addresses are nobody's; our own address would make
//! us talk to ourselves (R6). A datagram from any of them is dropped unread.

use crate::address::{NetworkEndpoint, Path};

/// Judges where datagrams come from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sources {
    /// Where this driver is bound.
    own: NetworkEndpoint,
}

impl Sources {
    /// The driver is bound to `own`.
    pub(crate) fn bound(&mut self, own: NetworkEndpoint) {
        self.own = own;
    }

    /// Whether a datagram that came this way may be looked at.
    pub(crate) fn is_usable(&self, path: &Path) -> bool {
        !path.remote.is_unusable_source() && !self.is_own(path)
    }

    /// Whether the datagram comes from this very driver.
    fn is_own(&self, path: &Path) -> bool {
        if path.remote.port() != self.own.port() {
            return false;
        }
        match (path.remote.ip(), self.own.ip()) {
            (Some(remote), Some(own)) if own.is_unspecified() => {
                // Nobody else can hold our port at an address of this machine.
                remote.is_loopback() || path.local == Some(remote)
            }
            (Some(remote), Some(own)) => remote == own,
            _ => path.remote.ip().is_none() && path.remote == self.own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Path {
        NetworkEndpoint::from_socket_addr(text.parse().unwrap()).into()
    }

    #[test]
    fn r06_addresses_of_nobody_are_not_usable() {
        let sources = Sources::default();
        for nobody in [
            "10.0.0.1:0",
            "224.0.0.1:5",
            "255.255.255.255:5",
            "0.0.0.0:5",
            "[::]:5",
            "[ff02::1]:5",
            "[2001:db8::1]:0",
            "[::ffff:224.0.0.1]:5",
        ] {
            assert!(!sources.is_usable(&path(nobody)), "{nobody}");
        }
        assert!(!sources.is_usable(&Path::default()));
        for somebody in ["10.0.0.1:1", "[2001:db8::1]:1", "127.0.0.1:65535"] {
            assert!(sources.is_usable(&path(somebody)), "{somebody}");
        }
        assert!(sources.is_usable(&NetworkEndpoint::Custom([0; 60]).into()));
    }

    #[test]
    fn r06_a_driver_does_not_talk_to_itself() {
        let mut sources = Sources::default();
        sources.bound(path("10.0.0.1:7777").remote);
        assert!(!sources.is_usable(&path("10.0.0.1:7777")));
        assert!(sources.is_usable(&path("10.0.0.1:7778")));
        assert!(sources.is_usable(&path("10.0.0.2:7777")));

        sources.bound(NetworkEndpoint::any_ipv4(7777));
        assert!(!sources.is_usable(&path("127.0.0.1:7777")));
        assert!(sources.is_usable(&path("10.0.0.2:7777")));
        let mut echo = path("10.0.0.2:7777");
        echo.local = echo.remote.ip();
        assert!(!sources.is_usable(&echo));

        sources.bound(NetworkEndpoint::Custom([7; 60]));
        assert!(!sources.is_usable(&NetworkEndpoint::Custom([7; 60]).into()));
        assert!(sources.is_usable(&NetworkEndpoint::Custom([8; 60]).into()));
    }
}
