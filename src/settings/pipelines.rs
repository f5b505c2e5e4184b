//! Pipelines: what their stages are told, one set for all pipelines and connections of a driver.
//!
//! The resend times and most of the simulator's values may change while connections live; windows
//! and capacities may not. Both peers must have the same class of window (up to 32, up to 64, above).

use std::time::Duration;

use super::NetworkSettingsBuilder;
use super::congestion::{CongestionControl, CongestionParameters};
use super::range::{LONGEST, SHORTEST, duration, number};
use super::simulator::SimulatorParameters;
use crate::error::SettingsError;
use crate::wire::fragment::FRAGMENT_NUMBERS;
use crate::wire::reliable::MAX_WINDOW;

/// When the reliable stage acknowledges and resends.
///
/// Both speak the same bytes, and a stock peer understands both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Timing {
    /// Acks leave in the update that received the data, losses the ack mask shows are resent at
    /// once, and the resend time doubles while nothing is acknowledged.
    #[default]
    Prompt,
    /// When Unity Transport 2.7.2 does it: acks one update late, resends by timer alone. For
    /// comparing traffic with a stock peer's.
    Unity,
}

/// What the stages of all pipelines are told.
///
/// Source: Unity Transport `ReliableUtility.Parameters`, `FragmentationUtility.Parameters`,
/// `SimulatorUtility.Parameters`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PipelineParameters {
    /// See [`NetworkSettingsBuilder::reliable_timing`].
    pub timing: Timing,
    /// See [`NetworkSettingsBuilder::reliable_window_size`], in packets.
    pub window: u16,
    /// See [`NetworkSettingsBuilder::minimum_resend_time`].
    pub min_resend: Duration,
    /// See [`NetworkSettingsBuilder::maximum_resend_time`].
    pub max_resend: Duration,
    /// See [`NetworkSettingsBuilder::reliable_ack_delay`].
    pub ack_delay: Duration,
    /// See [`NetworkSettingsBuilder::reliable_resends_per_update`], in packets.
    pub max_resends: u16,
    /// See [`NetworkSettingsBuilder::fragmentation_payload_capacity`], in bytes.
    pub fragmentation_capacity: usize,
    /// How fast reliable data leaves.
    pub congestion: CongestionParameters,
    /// See [`NetworkSettingsBuilder::simulator_stage`].
    pub simulator: SimulatorParameters,
}

impl PipelineParameters {
    /// The defaults of a timing profile.
    ///
    /// Source: Unity Transport `ReliableUtility.Parameters`, `FragmentationUtility.Parameters`; the
    /// resend times of [`Timing::Prompt`] are drumfire's own: a stock client's frame of 33 ms twice
    /// stays below the first resend, and two seconds end the doubling.
    pub(crate) fn new(timing: Timing) -> Self {
        let (min, max, control) = match timing {
            Timing::Prompt => (30, 2_000, CongestionControl::On),
            Timing::Unity => (64, 200, CongestionControl::Off),
        };
        Self {
            timing,
            window: 32,
            min_resend: Duration::from_millis(min),
            max_resend: Duration::from_millis(max),
            ack_delay: Duration::ZERO,
            // What a stock client's socket buffer holds of full-size packets, with room to spare.
            max_resends: 24,
            fragmentation_capacity: 4_096,
            congestion: CongestionParameters {
                control,
                ..CongestionParameters::default()
            },
            simulator: SimulatorParameters::default(),
        }
    }

    /// The window as Unity uses it from 2.6.0 on: rounded up to a multiple of 8.
    ///
    /// The mask is made for it, and a peer may send as much.
    pub(crate) fn receive_window(&self) -> u16 {
        self.window.clamp(1, MAX_WINDOW).next_multiple_of(8)
    }

    /// How many packets we have in flight at most.
    ///
    /// Stock peers 2.2.0 to 2.5.3 with a window of 64 report wrongly when their newest number jumps by
    /// just that: one packet less, and it never does.
    pub(crate) fn send_window(&self) -> u16 {
        match self.timing {
            Timing::Prompt if self.window == 64 => 63,
            Timing::Prompt => self.window.clamp(1, MAX_WINDOW),
            Timing::Unity => self.receive_window(),
        }
    }
}

/// Parameters as the builder holds them: what nobody set follows from the timing.
#[derive(Clone, Debug, Default)]
pub(super) struct PipelineChoices {
    pub(super) parameters: PipelineParameters,
    min_resend: Option<Duration>,
    max_resend: Option<Duration>,
    pub(super) control: Option<CongestionControl>,
}

impl PipelineChoices {
    /// Fills in what nobody set.
    pub(super) fn resolve(&self) -> PipelineParameters {
        let defaults = PipelineParameters::new(self.parameters.timing);
        PipelineParameters {
            min_resend: self.min_resend.unwrap_or(defaults.min_resend),
            max_resend: self.max_resend.unwrap_or(defaults.max_resend),
            congestion: CongestionParameters {
                control: self.control.unwrap_or(defaults.congestion.control),
                ..self.parameters.congestion
            },
            ..self.parameters.clone()
        }
    }
}

impl Default for PipelineParameters {
    fn default() -> Self {
        Self::new(Timing::default())
    }
}

/// Longest an ack may wait: a stock peer's first resend comes 38 ms after its packet.
const LONGEST_ACK_DELAY: Duration = Duration::from_millis(20);

/// Largest message Unity can number the fragments of.
const LARGEST_CAPACITY: usize = 1_472 * (FRAGMENT_NUMBERS as usize - 1) - 1;

impl PipelineParameters {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        number(
            "reliable_window_size",
            self.window,
            1..=MAX_WINDOW,
            "packets",
        )?;
        self.check_resend_times()?;
        let delays = Duration::ZERO..=LONGEST_ACK_DELAY;
        duration("reliable_ack_delay", self.ack_delay, delays)?;
        let resends = self.max_resends;
        number(
            "reliable_resends_per_update",
            resends,
            1..=MAX_WINDOW,
            "packets",
        )?;
        number(
            "fragmentation_payload_capacity",
            self.fragmentation_capacity,
            1..=LARGEST_CAPACITY,
            "bytes",
        )?;
        self.congestion.check()?;
        self.simulator.check()
    }

    fn check_resend_times(&self) -> Result<(), SettingsError> {
        duration("minimum_resend_time", self.min_resend, SHORTEST..=LONGEST)?;
        duration("maximum_resend_time", self.max_resend, SHORTEST..=LONGEST)?;
        if self.max_resend > self.min_resend {
            return Ok(());
        }
        Err(SettingsError {
            field: "maximum_resend_time",
            value: format!("{:?}", self.max_resend),
            allowed: format!("above minimum_resend_time ({:?})", self.min_resend),
        })
    }

    /// Takes new resend times at run time.
    pub(crate) fn set_resend_times(
        &mut self,
        min: Duration,
        max: Duration,
    ) -> Result<(), SettingsError> {
        let new = Self {
            min_resend: min,
            max_resend: max,
            ..self.clone()
        };
        new.check_resend_times()?;
        *self = new;
        Ok(())
    }
}

/// Pipelines and their stages.
impl NetworkSettingsBuilder {
    /// When the reliable stage acknowledges and resends.
    ///
    /// Unit: none. Default: `Prompt`. Range: `Prompt`, `Unity`.
    /// Source: drumfire.
    pub fn reliable_timing(mut self, value: Timing) -> Self {
        self.pipelines.parameters.timing = value;
        self
    }

    /// Reliable packets in flight at once, for each connection and pipeline.
    ///
    /// Both peers need the same class: up to 32, 33 to 64, or above (the header's mask has 4, 8 or
    /// up to 255 bytes). Unity Transport before 2.6.0 has windows up to 64. Of 64,
    /// 63 are used. Nothing is allocated for it: memory follows what is in flight.
    ///
    /// Unit: packets. Default: 32. Range: 1 to 2040.
    /// Source: Unity Transport `ReliableUtility.Parameters.WindowSize`, rounded up to a multiple of 8
    /// there.
    #[doc(alias = "WindowSize")]
    pub fn reliable_window_size(mut self, packets: u16) -> Self {
        self.pipelines.parameters.window = packets;
        self
    }

    /// Shortest time without an ack after which a reliable packet is sent again.
    ///
    /// Unit: duration, resolution 1 µs. Default: 30 ms, under `Timing::Unity` 64 ms. Range: 1 ms to
    /// 2147483647 ms, and below `maximum_resend_time`.
    /// Source: Unity Transport `ReliableUtility.Parameters.MinimumResendTime`.
    #[doc(alias = "MinimumResendTime")]
    pub fn minimum_resend_time(mut self, value: Duration) -> Self {
        self.pipelines.min_resend = Some(value);
        self
    }

    /// Longest time without an ack after which a reliable packet is sent again, doubling included.
    ///
    /// From one second on only the oldest quarter of what is in flight is sent again until something
    /// is acknowledged, so patience is cheap; and it decides how often a peer is asked before
    /// `reliable_stall_timeout` ends the connection. With the defaults that is 33 times a minute:
    /// where 30 % of packets are lost each way, a connection that waits for one packet ends by chance
    /// once in more than 10⁹ silences. With 10 s it would be once in 1,600.
    ///
    /// Unit: duration, resolution 1 µs. Default: 2 s, under `Timing::Unity` 200 ms. Range: 1 ms to
    /// 2147483647 ms, and above `minimum_resend_time`.
    /// Source: Unity Transport `ReliableUtility.Parameters.MaximumResendTime`.
    #[doc(alias = "MaximumResendTime")]
    pub fn maximum_resend_time(mut self, value: Duration) -> Self {
        self.pipelines.max_resend = Some(value);
        self
    }

    /// How long an ack may wait for a message to ride on. Without effect under `Timing::Unity`.
    ///
    /// Unit: duration, resolution 1 µs. Default: 0 (it leaves in the update that received the data).
    /// Range: 0 to 20 ms.
    /// Source: drumfire; the bound is what stock peers take without sending again.
    pub fn reliable_ack_delay(mut self, value: Duration) -> Self {
        self.pipelines.parameters.ack_delay = value;
        self
    }

    /// Most packets one pipeline of one connection sends again in one update. Without effect under
    /// `Timing::Unity`.
    ///
    /// Unit: packets. Default: 24, what a stock client's socket holds of full-size ones. Range: 1 to
    /// 2040.
    /// Source: drumfire.
    pub fn reliable_resends_per_update(mut self, packets: u16) -> Self {
        self.pipelines.parameters.max_resends = packets;
        self
    }

    /// Largest message of a pipeline with fragmentation, and most that is held to put one together.
    ///
    /// Both peers need the same. Nothing is allocated for it: memory follows what arrives. Whatever it
    /// is, a message has at most 16,383 fragments in front of a reliable stage (22 MB in packets of
    /// 1400 bytes), and 4,096 without one (5.6 MB).
    ///
    /// Unit: bytes. Default: 4096. Range: 1 to 24115775 (1472 × 16383 − 1, as in Unity Transport).
    /// Source: Unity Transport `FragmentationUtility.Parameters.PayloadCapacity`.
    #[doc(alias = "PayloadCapacity")]
    pub fn fragmentation_payload_capacity(mut self, bytes: usize) -> Self {
        self.pipelines.parameters.fragmentation_capacity = bytes;
        self
    }
}
