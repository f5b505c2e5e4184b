//! The hub: who is bound where, and the way from a sender to a mailbox.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};

use super::mailbox::Mailbox;
use super::tally::{Count, Counters, NetworkTally};
use super::tap::{Captured, Tap};
use super::weather::Weather;
use crate::address::NetworkEndpoint;
use crate::error::BindError;
use crate::time::Timestamp;

/// Ports given out for port 0, as on Linux and beyond.
const EPHEMERAL: std::ops::RangeInclusive<u16> = 32_768..=65_535;

/// What all handles of a network share.
#[derive(Debug, Default)]
pub(super) struct Hub {
    registry: RwLock<Registry>,
    pub(super) counters: Counters,
    /// None delivers at once and in full.
    pub(super) weather: Option<Mutex<Weather>>,
    taps: Mutex<Vec<Tap>>,
    /// Whether `taps` has any. Relaxed: a tap sees what is sent after `tap` has returned to the
    /// thread that sends, and that hand-over orders the two.
    tapped: AtomicBool,
}

#[derive(Debug)]
struct Registry {
    mailboxes: HashMap<NetworkEndpoint, Arc<Mailbox>>,
    by_port: HashMap<u16, Vec<NetworkEndpoint>>,
    next_port: u16,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            mailboxes: HashMap::new(),
            by_port: HashMap::new(),
            next_port: *EPHEMERAL.start(),
        }
    }
}

/// A bound endpoint; dropping it unbinds.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) hub: Arc<Hub>,
    pub(super) local: NetworkEndpoint,
    pub(super) mailbox: Arc<Mailbox>,
}

impl Drop for Binding {
    fn drop(&mut self) {
        self.hub.registry.write().remove(&self.local);
    }
}

impl Hub {
    pub(super) fn with_weather(weather: Weather) -> Self {
        Self {
            weather: Some(Mutex::new(weather)),
            ..Self::default()
        }
    }

    pub(super) fn bind(self: &Arc<Self>, endpoint: &NetworkEndpoint) -> Result<Binding, BindError> {
        let endpoint = *endpoint;
        if endpoint == NetworkEndpoint::Invalid {
            return Err(BindError::UnsupportedFamily { endpoint });
        }
        let mut registry = self.registry.write();
        let local = registry.choose(endpoint)?;
        let mailbox = Arc::new(Mailbox::new(&local));
        registry.mailboxes.insert(local, Arc::clone(&mailbox));
        registry
            .by_port
            .entry(local.port())
            .or_default()
            .push(local);
        drop(registry);
        Ok(Binding {
            hub: Arc::clone(self),
            local,
            mailbox,
        })
    }

    /// The mailbox of whoever receives what is sent to `to`.
    pub(super) fn mailbox(&self, to: &NetworkEndpoint) -> Option<Arc<Mailbox>> {
        self.registry.read().find(to).cloned()
    }

    /// Sends datagrams of one flow, in order.
    pub(super) fn send<'a>(
        &self,
        from: &NetworkEndpoint,
        to: &NetworkEndpoint,
        datagrams: impl ExactSizeIterator<Item = &'a [u8]>,
    ) {
        let count = u64::try_from(datagrams.len()).unwrap_or(u64::MAX);
        self.counters.add(Count::Sent, count);
        if let Some(weather) = &self.weather {
            let mut weather = weather.lock();
            for datagram in datagrams {
                weather.launch(&self.counters, from, to, datagram);
            }
        } else {
            self.deliver(Timestamp::ZERO, from, to, count, datagrams);
        }
    }

    /// Sends one datagram that no driver sent, and records it.
    pub(super) fn send_by_hand(&self, from: &NetworkEndpoint, to: &NetworkEndpoint, bytes: &[u8]) {
        if self.is_tapped() {
            self.record(&mut vec![Captured {
                at: self.now().unwrap_or_default(),
                from: *from,
                to: *to,
                bytes: bytes.to_vec(),
            }]);
        }
        self.send(from, to, std::iter::once(bytes));
    }

    /// Takes everything that has arrived at whoever receives what is sent to `to`.
    pub(super) fn take(&self, to: &NetworkEndpoint) -> Vec<(NetworkEndpoint, Vec<u8>)> {
        self.land();
        let mut taken = Vec::new();
        if let Some(mailbox) = self.mailbox(to) {
            mailbox.drain(|path, bytes| {
                taken.push((path.remote, bytes.to_vec()));
                true
            });
        }
        taken
    }

    /// The virtual time, if this network has one.
    pub(super) fn now(&self) -> Option<Timestamp> {
        self.weather.as_ref().map(|weather| weather.lock().now())
    }

    /// Lays datagrams of one flow into the mailbox of whoever is bound to `to`.
    fn deliver<'a>(
        &self,
        at: Timestamp,
        from: &NetworkEndpoint,
        to: &NetworkEndpoint,
        count: u64,
        datagrams: impl Iterator<Item = &'a [u8]>,
    ) {
        let Some(mailbox) = self.mailbox(to) else {
            return self.counters.add(Count::Unroutable, count);
        };
        let taken = mailbox.push(at, from, to, datagrams);
        self.counters.add(Count::Delivered, taken);
        self.counters.add(Count::Overflowed, count - taken);
    }

    /// Delivers what is due by the network's time.
    pub(super) fn land(&self) {
        let Some(weather) = &self.weather else {
            return;
        };
        let mut weather = weather.lock();
        while let Some(landing) = weather.land() {
            match landing.to {
                Some(to) => {
                    let bytes = std::iter::once(landing.bytes.as_slice());
                    self.deliver(landing.at, &landing.from, &to, 1, bytes);
                }
                None => self.counters.add(Count::Unroutable, 1),
            }
        }
    }

    /// The source others see on what is sent from `local`.
    pub(super) fn source(
        &self,
        local: &NetworkEndpoint,
        from: Option<IpAddr>,
        to: &NetworkEndpoint,
    ) -> NetworkEndpoint {
        let inner = source_on(local, from, to);
        match &self.weather {
            Some(weather) => weather.lock().outer(&inner),
            None => inner,
        }
    }

    pub(super) fn tally(&self) -> NetworkTally {
        let in_flight = self.weather.as_ref().map_or(0, |w| w.lock().in_flight());
        self.counters.read(in_flight)
    }

    pub(super) fn tap(&self) -> Tap {
        let tap = Tap::default();
        self.taps.lock().push(tap.clone());
        self.tapped.store(true, Ordering::Relaxed);
        tap
    }

    pub(super) fn is_tapped(&self) -> bool {
        self.tapped.load(Ordering::Relaxed)
    }

    /// Hands captured datagrams to every tap somebody still holds.
    pub(super) fn record(&self, captured: &mut Vec<Captured>) {
        let mut taps = self.taps.lock();
        taps.retain(Tap::is_held);
        self.tapped.store(!taps.is_empty(), Ordering::Relaxed);
        for tap in taps.iter() {
            tap.extend(captured);
        }
        captured.clear();
    }
}

impl Registry {
    /// The endpoint to bind for a wish, with a real port.
    fn choose(&mut self, wish: NetworkEndpoint) -> Result<NetworkEndpoint, BindError> {
        let with_port = |port| match wish {
            NetworkEndpoint::Ipv4(mut v4) => {
                v4.set_port(port);
                NetworkEndpoint::Ipv4(v4)
            }
            NetworkEndpoint::Ipv6(mut v6) => {
                v6.set_port(port);
                NetworkEndpoint::Ipv6(v6)
            }
            other => other,
        };
        if wish.ip().is_none() || wish.port() != 0 {
            return if self.conflicts(&wish) {
                Err(BindError::AddressInUse { endpoint: wish })
            } else {
                Ok(wish)
            };
        }
        for _ in EPHEMERAL {
            let candidate = with_port(self.next_port);
            self.next_port = self.next_port.checked_add(1).unwrap_or(*EPHEMERAL.start());
            if !self.conflicts(&candidate) {
                return Ok(candidate);
            }
        }
        Err(BindError::AddressNotAvailable { endpoint: wish })
    }

    /// Whether somebody receives there already. `[::]` receives IPv4 too.
    fn conflicts(&self, wish: &NetworkEndpoint) -> bool {
        let overlap = |bound: &NetworkEndpoint| match (bound.ip(), wish.ip()) {
            (Some(a), Some(b)) => a == b || covers(a, b) || covers(b, a),
            _ => bound == wish,
        };
        self.by_port
            .get(&wish.port())
            .is_some_and(|bound| bound.iter().any(overlap))
    }

    fn find(&self, to: &NetworkEndpoint) -> Option<&Arc<Mailbox>> {
        let port = to.port();
        let exact = self.mailboxes.get(to);
        match to {
            NetworkEndpoint::Ipv4(_) => exact
                .or_else(|| self.mailboxes.get(&NetworkEndpoint::any_ipv4(port)))
                .or_else(|| self.mailboxes.get(&NetworkEndpoint::any_ipv6(port))),
            NetworkEndpoint::Ipv6(_) => {
                exact.or_else(|| self.mailboxes.get(&NetworkEndpoint::any_ipv6(port)))
            }
            NetworkEndpoint::Invalid | NetworkEndpoint::Custom(_) => exact,
        }
    }

    fn remove(&mut self, local: &NetworkEndpoint) {
        self.mailboxes.remove(local);
        if let Some(bound) = self.by_port.get_mut(&local.port()) {
            bound.retain(|endpoint| endpoint != local);
        }
    }
}

/// Whether a bind to `wide` receives what is sent to `narrow`.
fn covers(wide: IpAddr, narrow: IpAddr) -> bool {
    wide.is_unspecified() && (wide.is_ipv6() || narrow.is_ipv4())
}

/// The source of what is sent from `local`: on a wildcard bind the address asked for, or the
/// loopback address of the peer's family.
fn source_on(
    local: &NetworkEndpoint,
    from: Option<IpAddr>,
    to: &NetworkEndpoint,
) -> NetworkEndpoint {
    if !local.ip().is_some_and(|ip| ip.is_unspecified()) {
        return *local;
    }
    let loopback = match to {
        NetworkEndpoint::Ipv6(_) => NetworkEndpoint::loopback_ipv6(local.port()),
        _ => NetworkEndpoint::loopback_ipv4(local.port()),
    };
    from.map_or(loopback, |ip| {
        std::net::SocketAddr::new(ip, local.port()).into()
    })
}
