//! What the stages of a driver are told: one set for all its pipelines and connections.
//!
//! Plain values, judged where they are set. The resend times and most of the simulator's values may
//! change while connections live; windows and capacities may not.

use std::time::Duration;

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

/// What the stages are told.
#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    /// When the reliable stage acks and resends.
    pub(crate) timing: Timing,
    /// Reliable packets in flight at once, 1 to 2,040.
    pub(crate) window: u16,
    /// Shortest time before a packet is sent again.
    pub(crate) min_resend: Duration,
    /// Longest time before a packet is sent again, doubling included.
    pub(crate) max_resend: Duration,
    /// How long an ack may wait for data to ride on, at most 20 ms. `Timing::Prompt` only.
    pub(crate) ack_delay: Duration,
    /// Resends of one pipeline in one update. `Timing::Prompt` only.
    pub(crate) max_resends: u16,
    /// Largest message of a pipeline with fragmentation, and most that is held for reassembly.
    pub(crate) fragmentation_capacity: usize,
    /// The simulator stages.
    pub(crate) simulator: SimulatorParameters,
}

impl Parameters {
    /// The defaults of a timing profile.
    ///
    /// Source: Unity Transport `ReliableUtility.Parameters`, `FragmentationUtility.Parameters`; the
    /// resend times of [`Timing::Prompt`] are drumfire's own: a stock client's frame of 33 ms twice
    /// stays below the first resend, and ten seconds end the doubling.
    pub(crate) fn new(timing: Timing) -> Self {
        let (min, max) = match timing {
            Timing::Prompt => (30, 10_000),
            Timing::Unity => (64, 200),
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
    pub(crate) fn send_window(&self) -> u16 {
        match self.timing {
            Timing::Prompt => self.window.clamp(1, MAX_WINDOW),
            Timing::Unity => self.receive_window(),
        }
    }
}

/// Which way the simulator stage acts.
///
/// Source: Unity Transport `ApplyMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SimulatorMode {
    /// On what arrives.
    ReceivedPacketsOnly,
    /// On what is sent.
    SentPacketsOnly,
    /// On both.
    #[default]
    AllPackets,
    /// Not at all.
    Off,
}

/// What a simulator stage does to packets.
///
/// Source: Unity Transport `SimulatorUtility.Parameters`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SimulatorParameters {
    /// Packets held at once, per connection and direction; what is beyond passes without delay.
    pub max_packet_count: usize,
    /// Largest packet that is held, in bytes; larger ones pass untouched.
    pub max_packet_size: usize,
    /// Which way it acts.
    pub mode: SimulatorMode,
    /// How long packets are held.
    pub packet_delay: Duration,
    /// How much the delay varies, up and down, evenly.
    pub packet_jitter: Duration,
    /// Every how many packets one is dropped; 0 drops none so.
    pub packet_drop_interval: u32,
    /// How many packets of a hundred are dropped.
    pub packet_drop_percentage: u8,
    /// How many packets of a hundred arrive twice.
    pub packet_duplication_percentage: u8,
    /// How many sent packets of a hundred are damaged, and then how many bits of a hundred.
    pub fuzz_factor: u8,
    /// Bytes at the front of a packet that are never damaged.
    pub fuzz_offset: usize,
    /// Where its randomness starts. Each connection continues differently.
    pub random_seed: u32,
}

impl Default for SimulatorParameters {
    fn default() -> Self {
        Self {
            max_packet_count: 300,
            max_packet_size: 1_472,
            mode: SimulatorMode::AllPackets,
            packet_delay: Duration::ZERO,
            packet_jitter: Duration::ZERO,
            packet_drop_interval: 0,
            packet_drop_percentage: 0,
            packet_duplication_percentage: 0,
            fuzz_factor: 0,
            fuzz_offset: 0,
            random_seed: 0,
        }
    }
}

/// A change of simulator parameters was refused: what is held was made for the old values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is fixed once a driver exists: it is {current}, and {asked} was asked for")]
#[non_exhaustive]
pub struct SimulatorChange {
    /// The parameter.
    pub field: &'static str,
    /// Its value.
    pub current: usize,
    /// What was asked for.
    pub asked: usize,
}

impl SimulatorParameters {
    /// Takes new values at run time; count, size and seed stay as they were made.
    ///
    /// Source: Unity Transport `ModifySimulatorStageParameters`.
    pub fn modify(&mut self, new: Self) -> Result<(), SimulatorChange> {
        let count = (self.max_packet_count, new.max_packet_count);
        let size = (self.max_packet_size, new.max_packet_size);
        for (field, (current, asked)) in [("max_packet_count", count), ("max_packet_size", size)] {
            if current != asked {
                return Err(SimulatorChange {
                    field,
                    current,
                    asked,
                });
            }
        }
        *self = Self {
            random_seed: self.random_seed,
            ..new
        };
        Ok(())
    }
}
