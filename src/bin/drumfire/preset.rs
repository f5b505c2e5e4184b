//! Network presets: the values that Unity's Multiplayer Tools ship, and some of our own.

use std::time::Duration;

use drumfire::interface::{BurstLoss, Conditions};
use drumfire::settings::SimulatorParameters;

/// A kind of network, one way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    delay_ms: u16,
    /// Up and down, evenly.
    jitter_ms: u16,
    loss_percent: u8,
    extra: Extra,
}

/// What the presets of our own have beside delay, jitter and loss.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Extra {
    Nothing,
    /// Duplicates, packets out of order, flipped bits.
    Chaos,
    /// Losses in bursts.
    Bursts,
}

const PRESETS: [Preset; 18] = [
    unity("home-broadband", 32, 12, 2),
    unity("home-fiber", 10, 1, 0),
    unity("home-cable", 25, 5, 0),
    unity("home-dsl", 30, 10, 0),
    unity("home-satellite", 100, 10, 0),
    unity("home-congested", 50, 50, 1),
    unity("2g", 520, 50, 7),
    unity("2.5g", 480, 40, 7),
    unity("2.75g", 440, 40, 7),
    unity("3g", 360, 30, 7),
    unity("3.5g", 160, 30, 6),
    unity("3.75g", 130, 30, 6),
    unity("4g", 100, 20, 4),
    unity("4.5g", 80, 20, 4),
    unity("5g", 30, 20, 4),
    unity("lan", 0, 0, 0),
    Preset {
        extra: Extra::Chaos,
        ..unity("chaos", 20, 20, 20)
    },
    Preset {
        extra: Extra::Bursts,
        ..unity("bursts", 30, 5, 0)
    },
];

/// What follows the help of commands that take a preset.
pub(crate) const HELP: &str = "\
Presets (delay/jitter in ms, loss in %, one way; the values of Unity's Multiplayer Tools):
  home-broadband 32/12/2, home-fiber 10/1/0, home-cable 25/5/0, home-dsl 30/10/0,
  home-satellite 100/10/0, home-congested 50/50/1, 2g 520/50/7, 2.5g 480/40/7, 2.75g 440/40/7,
  3g 360/30/7, 3.5g 160/30/6, 3.75g 130/30/6, 4g 100/20/4, 4.5g 80/20/4, 5g 30/20/4;
  and of our own: lan 0/0/0, chaos 20/20/20 with duplicates (and, in the proxy, packets out of order
  and damaged ones), bursts 30/5 with losses in bursts of ten (in the proxy only)";

const fn unity(name: &'static str, delay_ms: u16, jitter_ms: u16, loss_percent: u8) -> Preset {
    Preset {
        name,
        delay_ms,
        jitter_ms,
        loss_percent,
        extra: Extra::Nothing,
    }
}

impl Preset {
    /// The preset of a name.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        let known = PRESETS.iter().find(|preset| preset.name == name);
        known.copied().ok_or_else(|| {
            let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
            format!("no preset is called {name}: there are {}", names.join(", "))
        })
    }

    /// For the simulator stage of a pipeline, which meets what is sent and what is received.
    pub(crate) fn parse_for_stage(name: &str) -> Result<Self, String> {
        let preset = Self::parse(name)?;
        if preset.extra == Extra::Bursts {
            return Err(format!(
                "{name} has losses in bursts, which a pipeline's simulator cannot make: `drumfire proxy --both {name}` can"
            ));
        }
        Ok(preset)
    }

    fn delay(self) -> Duration {
        Duration::from_millis(self.delay_ms.into())
    }

    fn jitter(self) -> Duration {
        Duration::from_millis(self.jitter_ms.into())
    }

    /// What a simulator stage does to packets of either direction.
    pub(crate) fn simulator(self) -> SimulatorParameters {
        let mut parameters = SimulatorParameters::default();
        parameters.packet_delay = self.delay();
        parameters.packet_jitter = self.jitter();
        parameters.packet_drop_percentage = self.loss_percent;
        if self.extra == Extra::Chaos {
            parameters.packet_duplication_percentage = 5;
        }
        // Many a connection has more under way than Unity's 300.
        parameters.max_packet_count = 10_000;
        parameters
    }

    /// What one direction of the proxy does to datagrams.
    pub(crate) fn conditions(self) -> Conditions {
        // There, jitter is only added.
        let least = self.delay().saturating_sub(self.jitter());
        let plain = Conditions {
            delay: least,
            jitter: self.delay() + self.jitter() - least,
            loss: f64::from(self.loss_percent) / 100.0,
            ..Conditions::default()
        };
        match self.extra {
            Extra::Nothing => plain,
            Extra::Chaos => Conditions {
                duplication: 0.05,
                reordering: 0.05,
                reorder_by: Duration::from_millis(50),
                corruption: 0.01,
                ..plain
            },
            Extra::Bursts => Conditions {
                burst: Some(BurstLoss {
                    enter: 0.01,
                    leave: 0.1,
                    loss: 1.0,
                }),
                ..plain
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_found_and_stands_in_the_help_with_its_values() {
        for preset in PRESETS {
            assert_eq!(Preset::parse(preset.name), Ok(preset));
            let values = match preset.extra {
                Extra::Bursts => format!("{}/{}", preset.delay_ms, preset.jitter_ms),
                _ => format!(
                    "{}/{}/{}",
                    preset.delay_ms, preset.jitter_ms, preset.loss_percent
                ),
            };
            let entry = format!("{} {values}", preset.name);
            assert!(HELP.contains(&entry), "{entry}");
        }
    }

    #[test]
    fn an_unknown_preset_is_refused_with_those_there_are() {
        let refusal = Preset::parse("6g").unwrap_err();
        assert!(refusal.contains("no preset is called 6g") && refusal.contains("5g"));
        assert!(
            Preset::parse_for_stage("bursts")
                .unwrap_err()
                .contains("drumfire proxy")
        );
    }

    #[test]
    fn delay_and_jitter_mean_the_same_in_both_places() {
        for preset in PRESETS {
            let (stage, proxy) = (preset.simulator(), preset.conditions());
            let latest = stage.packet_delay + stage.packet_jitter;
            assert_eq!(proxy.delay + proxy.jitter, latest, "{}", preset.name);
            let earliest = stage.packet_delay.saturating_sub(stage.packet_jitter);
            assert_eq!(proxy.delay, earliest, "{}", preset.name);
        }
    }
}
