//! Pipelines by their letters, as both sides of a load must create them alike.

use drumfire::NetworkDriver;
use drumfire::id::{NetworkPipeline, StageId};

use crate::failure::Failure;
use crate::preset::Preset;

/// Letters of the stages, as in "FR".
const LETTERS: [(char, StageId); 7] = [
    ('N', StageId::Null),
    ('U', StageId::UnreliableSequenced),
    ('R', StageId::ReliableSequenced),
    ('O', StageId::ReliableUnordered),
    ('L', StageId::ReliableLatest),
    ('F', StageId::Fragmentation),
    ('S', StageId::Simulator),
];

/// Name of the pipeline every driver has: no stages.
pub(crate) const NONE: &str = "none";

/// Pipelines in their order, which numbers them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pipelines(Vec<(String, Vec<StageId>)>);

impl Pipelines {
    /// Reads a list as in "U;R;FR".
    pub(crate) fn parse(list: &str) -> Result<Self, Failure> {
        let names = list.split(';').map(str::trim);
        names
            .filter(|name| !name.is_empty() && *name != NONE)
            .map(|name| Ok((name.to_owned(), stages(name)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The same on a network of a preset: a simulator behind all stages of each, which the peer does
    /// not see. The settings must say what it does.
    ///
    /// # Errors
    /// If there is none: messages without a pipeline pass no stage.
    pub(crate) fn on(mut self, preset: Option<Preset>) -> Result<Self, Failure> {
        let Some(preset) = preset else {
            return Ok(self);
        };
        if self.0.is_empty() {
            return Err(Failure::new(format!(
                "--preset {} works in the simulator stage of a pipeline, and there is none: name one \
                 on both sides (N is one that does nothing else), or put `drumfire proxy` in between",
                preset.name
            )));
        }
        for (_, stages) in &mut self.0 {
            if !stages.contains(&StageId::Simulator) {
                stages.push(StageId::Simulator);
            }
        }
        Ok(self)
    }

    /// Creates them all on `driver`.
    ///
    /// # Errors
    /// If one cannot be made, with its name.
    pub(crate) fn create(
        &self,
        driver: &mut NetworkDriver,
    ) -> Result<Vec<NetworkPipeline>, Failure> {
        self.0
            .iter()
            .map(|(name, stages)| {
                driver
                    .create_pipeline(stages)
                    .map_err(|error| Failure::new(format!("pipeline {name}: {error}")))
            })
            .collect()
    }

    /// Which of the created pipelines is called `name`.
    pub(crate) fn find(
        &self,
        name: &str,
        created: &[NetworkPipeline],
    ) -> Result<NetworkPipeline, Failure> {
        if name == NONE {
            return Ok(NetworkPipeline::NULL);
        }
        let at = self.0.iter().position(|(known, _)| known == name);
        at.and_then(|at| created.get(at)).copied().ok_or_else(|| {
            Failure::new(format!(
                "pipeline {name} is not among those of the server: {}",
                self.names()
            ))
        })
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        if names.is_empty() {
            NONE.to_owned()
        } else {
            names.join(", ")
        }
    }
}

fn stages(name: &str) -> Result<Vec<StageId>, Failure> {
    name.chars()
        .map(|letter| {
            let stage = LETTERS.iter().find(|(known, _)| *known == letter);
            stage.map(|(_, stage)| *stage).ok_or_else(|| {
                Failure::new(format!(
                    "pipeline {name}: no stage is called {letter} \
                     (U unreliable sequenced, R reliable sequenced, F fragmentation, S simulator, N null; `{NONE}` is no pipeline)"
                ))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_in_order_and_none_is_nothing() {
        let list = Pipelines::parse("U; FR;none;").unwrap();
        assert_eq!(list.names(), "U, FR");
        assert_eq!(
            list.0[1].1,
            [StageId::Fragmentation, StageId::ReliableSequenced]
        );
    }

    #[test]
    fn a_preset_puts_a_simulator_behind_the_stages_of_each_and_needs_one() {
        let preset = Preset::parse("3g").ok();
        let list = Pipelines::parse("R;SU").unwrap().on(preset).unwrap();
        let stages = list.0.iter().map(|(_, stages)| &stages[..]);
        let reliable = [StageId::ReliableSequenced, StageId::Simulator];
        let sequenced = [StageId::Simulator, StageId::UnreliableSequenced];
        assert!(stages.eq([reliable, sequenced]));
        let refusal = Pipelines::parse("none").unwrap().on(preset).unwrap_err();
        assert!(refusal.to_string().contains("drumfire proxy"), "{refusal}");
    }

    #[test]
    fn an_unknown_letter_is_refused_with_those_that_are_known() {
        let refusal = Pipelines::parse("UX").unwrap_err().to_string();
        assert!(
            refusal.contains("no stage is called X") && refusal.contains("F fragmentation"),
            "{refusal}"
        );
    }
}
