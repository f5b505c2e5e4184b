//! Congestion: how fast reliable data leaves, so that it drowns neither the path nor its neighbours.

use std::time::Duration;

use super::NetworkSettingsBuilder;
use super::range::{duration, number};
use crate::error::SettingsError;
use crate::wire::reliable::MAX_WINDOW;

/// Whether the reliable data of a connection adapts to its path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CongestionControl {
    /// It leaves as fast as the path takes it without a queue: paced, slower where queues grow or
    /// packets are lost.
    #[default]
    On,
    /// It leaves when it is sent, up to the window, as Unity Transport does it.
    Off,
}

/// What congestion control is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CongestionParameters {
    /// See [`NetworkSettingsBuilder::congestion_control`].
    pub control: CongestionControl,
    /// See [`NetworkSettingsBuilder::send_burst`], in full-size packets.
    pub burst: u16,
    /// See [`NetworkSettingsBuilder::queueing_delay_target`].
    pub delay_target: Duration,
}

impl Default for CongestionParameters {
    fn default() -> Self {
        Self {
            control: CongestionControl::On,
            // Stock behaviour, section 8: 64 KiB of a socket's buffer hold 28 of them.
            burst: 24,
            delay_target: Duration::from_millis(25),
        }
    }
}

impl CongestionParameters {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        number("send_burst", self.burst, 2..=MAX_WINDOW, "packets")?;
        let targets = Duration::from_millis(5)..=Duration::from_millis(100);
        duration("queueing_delay_target", self.delay_target, targets)
    }
}

/// Congestion.
impl NetworkSettingsBuilder {
    /// Whether the reliable data of a connection adapts to its path.
    ///
    /// It changes when packets leave, never their bytes. Unreliable messages leave when they are
    /// sent, either way; with it on, reliable ones make room for them.
    ///
    /// Unit: none. Default: `On`, under `Timing::Unity` `Off`. Range: `On`, `Off`.
    /// Source: RFC 6817 (LEDBAT) for the delay, RFC 8257 §3.3 for the answer to loss, RFC 9002 §7.7
    /// for pacing.
    pub fn congestion_control(mut self, value: CongestionControl) -> Self {
        self.pipelines.control = Some(value);
        self
    }

    /// Most full-size packets of reliable data that leave for one peer within 30 ms; of small ones
    /// about 2.5 times as many. Without effect if congestion control is off.
    ///
    /// The default is what the socket of a stock client holds between two of its frames, and bounds
    /// a connection to about 1 MB/s. Peers with larger buffers, drumfire among them (4 MiB), take
    /// more: 240 allow 10 MB/s.
    ///
    /// Unit: packets. Default: 24. Range: 2 to 2040.
    /// Source: drumfire, from what sockets of stock clients were seen to hold.
    pub fn send_burst(mut self, packets: u16) -> Self {
        self.pipelines.parameters.congestion.burst = packets;
        self
    }

    /// How long packets may wait in queues of the path because of reliable data. Without effect if
    /// congestion control is off.
    ///
    /// Less is kinder to the connection's other messages; too little, and the frames of both peers,
    /// which look like a queue, keep reliable data slow.
    ///
    /// Unit: duration, resolution 1 µs. Default: 25 ms. Range: 5 ms to 100 ms.
    /// Source: RFC 6817 `TARGET`, which is at most 100 ms there.
    pub fn queueing_delay_target(mut self, value: Duration) -> Self {
        self.pipelines.parameters.congestion.delay_target = value;
        self
    }
}
