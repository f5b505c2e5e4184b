//! What the network tests share: drivers on a network in memory, on virtual time.
//!
//! Nothing here sleeps and nothing depends on luck: every driver has a fixed frame time and a seed of
//! its own, and after every update its counters must add up.

mod dice;
mod net;
mod node;
mod peer;
mod watchdog;
mod world;

pub(crate) use dice::Dice;
pub(crate) use net::Net;
pub(crate) use node::{Event, Node};
pub(crate) use peer::{Peer, data, disconnect, heartbeat, kind_of, request};
pub(crate) use world::World;

use std::time::Duration;

use drumfire::NetworkSettings;
use drumfire::address::NetworkEndpoint;
use drumfire::settings::NetworkSettingsBuilder;

/// Time of one update, as in Unity Transport's own tests.
pub(crate) const FRAME: Duration = Duration::from_millis(16);

/// Where servers are.
pub(crate) const SERVER: NetworkEndpoint = NetworkEndpoint::loopback_ipv4(7777);

/// Plain settings on virtual time. Each driver gets its seed from its [`Node`].
pub(crate) fn settings() -> NetworkSettingsBuilder {
    NetworkSettings::builder().plain().fixed_frame_time(FRAME)
}

/// Milliseconds.
pub(crate) const fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}

/// `len` bytes that differ from their neighbours.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..=u8::MAX).cycle().take(len).collect()
}
