//! The simulator stage: what it does to packets, and what of it may change while connections live.
//!
//! Source: Unity Transport `SimulatorPipelineStage.cs`.

use std::time::Duration;

use super::NetworkSettingsBuilder;
use super::range::{LONGEST, MOST, duration, number};
use crate::error::SettingsError;

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

/// A change of parameters at run time was refused. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterChange {
    /// What is held was made for the old value.
    #[error("{field} is fixed once a driver exists: it is {current}, and {asked} was asked for")]
    Fixed {
        /// The parameter.
        field: &'static str,
        /// Its value.
        current: usize,
        /// What was asked for.
        asked: usize,
    },
    /// The value was out of range.
    #[error(transparent)]
    OutOfRange(#[from] SettingsError),
}

impl SimulatorParameters {
    /// Takes new values at run time; count, size and seed stay as they were made.
    ///
    /// Source: Unity Transport `ModifySimulatorStageParameters`.
    ///
    /// # Errors
    /// If count or size differ, or a value is out of range.
    pub fn modify(&mut self, new: Self) -> Result<(), ParameterChange> {
        new.check()?;
        let count = (self.max_packet_count, new.max_packet_count);
        let size = (self.max_packet_size, new.max_packet_size);
        for (field, (current, asked)) in [("max_packet_count", count), ("max_packet_size", size)] {
            if current != asked {
                return Err(ParameterChange::Fixed {
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

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let longest = Duration::ZERO..=LONGEST;
        number(
            "max_packet_count",
            self.max_packet_count,
            0..=MOST,
            "packets",
        )?;
        number("max_packet_size", self.max_packet_size, 1..=1_472, "bytes")?;
        duration("packet_delay", self.packet_delay, longest.clone())?;
        duration("packet_jitter", self.packet_jitter, longest)?;
        for (field, percent) in [
            ("packet_drop_percentage", self.packet_drop_percentage),
            (
                "packet_duplication_percentage",
                self.packet_duplication_percentage,
            ),
            ("fuzz_factor", self.fuzz_factor),
        ] {
            number(field, percent, 0..=100, "percent")?;
        }
        Ok(())
    }
}

/// The simulator stage.
impl NetworkSettingsBuilder {
    /// What simulator stages do to their packets.
    ///
    /// Unit: see [`SimulatorParameters`]. Default: nothing. Range: percentages 0 to 100, delay and
    /// jitter 0 to 2147483647 ms, largest packet 1 to 1472 bytes.
    /// Source: Unity Transport `SimulatorUtility.Parameters`, which is not validated there.
    #[doc(alias = "WithSimulatorStageParameters")]
    pub fn simulator_stage(mut self, parameters: SimulatorParameters) -> Self {
        self.pipelines.parameters.simulator = parameters;
        self
    }
}
