//! The simulated network: weather by a seed, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use super::conditions::Conditions;
use super::handle::is_a_handle;
use super::hub::Hub;
use super::weather::Weather;
use crate::address::NetworkEndpoint;
use crate::time::Timestamp;

/// A network in memory that behaves as badly as it is told to. Clones are the same network.
///
/// Time stands still until [`advance`](Self::advance). The same seed and the same sends give the
/// same arrivals, whatever the number of threads that send: what happens to the n-th datagram from
/// one endpoint to another follows from the seed, the two and n alone.
///
/// Endpoints are named by the address others see; a driver bound to `0.0.0.0` is seen as
/// `127.0.0.1` unless it answers from another.
#[derive(Clone, Debug)]
pub struct SimulatedNetwork {
    hub: Arc<Hub>,
}

is_a_handle!(SimulatedNetwork);

impl SimulatedNetwork {
    /// A network with nobody on it, at time zero, with `conditions` everywhere.
    pub fn new(seed: u64, conditions: Conditions) -> Self {
        Self {
            hub: Arc::new(Hub::with_weather(Weather::new(seed, conditions))),
        }
    }

    /// The virtual time.
    pub fn now(&self) -> Timestamp {
        self.hub.now().unwrap_or_default()
    }

    /// Lets time pass, and everything arrive that is due by then.
    pub fn advance(&self, by: Duration) {
        self.change(|weather| weather.advance(by));
        self.hub.land();
    }

    /// When the next datagram under way arrives: how far to advance for something to happen.
    pub fn next_arrival(&self) -> Option<Timestamp> {
        self.hub.land();
        self.hub
            .weather
            .as_ref()
            .and_then(|weather| weather.lock().next_arrival())
    }

    /// Changes the conditions of every direction that has none of its own. Like all changes it
    /// concerns what is sent from now on.
    pub fn set_conditions(&self, conditions: Conditions) {
        self.change(|weather| weather.everywhere = conditions);
    }

    /// Gives everything sent by `from` conditions of its own; before those by destination.
    pub fn set_conditions_from(&self, from: &NetworkEndpoint, conditions: Conditions) {
        self.change(|weather| weather.from.insert(*from, conditions));
    }

    /// Gives everything sent to `to` conditions of its own.
    pub fn set_conditions_to(&self, to: &NetworkEndpoint, conditions: Conditions) {
        self.change(|weather| weather.to.insert(*to, conditions));
    }

    /// Gives everything sent by `from` to `to` conditions of its own; before all others.
    pub fn set_conditions_between(
        &self,
        from: &NetworkEndpoint,
        to: &NetworkEndpoint,
        conditions: Conditions,
    ) {
        self.change(|weather| weather.between.insert((*from, *to), conditions));
    }

    /// Changes the address by which others know `from` to `to`, as an address translator on the
    /// way does after a pause or a change of network.
    ///
    /// What is under way to the old address is lost on arrival. The interface itself notices
    /// nothing; giving it its own address back ends the translation.
    pub fn rebind(&self, from: &NetworkEndpoint, to: &NetworkEndpoint) {
        self.change(|weather| weather.rebind(from, *to));
    }

    /// Cuts two endpoints off from each other, in both directions.
    pub fn partition(&self, a: &NetworkEndpoint, b: &NetworkEndpoint) {
        self.cut(a, b);
        self.cut(b, a);
    }

    /// Lets nothing pass from one endpoint to another; the other direction is not concerned.
    pub fn cut(&self, from: &NetworkEndpoint, to: &NetworkEndpoint) {
        self.change(|weather| weather.set_cut(from, to, true));
    }

    /// Ends the partition of two endpoints, in both directions.
    pub fn join(&self, a: &NetworkEndpoint, b: &NetworkEndpoint) {
        self.change(|weather| {
            weather.set_cut(a, b, false);
            weather.set_cut(b, a, false);
        });
    }

    /// Cuts an endpoint off from everybody.
    pub fn isolate(&self, endpoint: &NetworkEndpoint) {
        self.change(|weather| weather.set_isolated(endpoint, true));
    }

    /// Ends the isolation of an endpoint.
    pub fn rejoin(&self, endpoint: &NetworkEndpoint) {
        self.change(|weather| weather.set_isolated(endpoint, false));
    }

    /// Ends every partition and isolation.
    pub fn heal(&self) {
        self.change(Weather::heal);
    }

    fn change<R>(&self, change: impl FnOnce(&mut Weather) -> R) {
        if let Some(weather) = &self.hub.weather {
            change(&mut weather.lock());
        }
    }
}
