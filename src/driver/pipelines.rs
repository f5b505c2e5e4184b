//! Pipelines: created before the first connection, tuned and looked at while there are some.

use std::sync::Arc;
use std::time::Duration;

use super::NetworkDriver;
use crate::error::{PipelineError, SettingsError};
use crate::id::{NetworkConnection, NetworkPipeline, StageId};
use crate::pipeline::{PipelineStage, PipelineStatistics, Pipelines, StageKind};
use crate::settings::{ParameterChange, SimulatorParameters};

impl NetworkDriver {
    /// Creates a pipeline of these stages, first to last as messages pass them on their way out.
    /// Completes an update in flight.
    ///
    /// Nothing of it is negotiated: both peers create the same pipelines in the same order. The
    /// parameters of the stages are in the settings, the same for all pipelines.
    ///
    /// # Errors
    /// After the first connection, for more than 255, for a stage that was not registered, for
    /// `ReliableUnordered` or `ReliableLatest` with `Fragmentation`, and where the stages' headers leave no room for a message.
    pub fn create_pipeline(
        &mut self,
        stages: &[StageId],
    ) -> Result<NetworkPipeline, PipelineError> {
        self.check_unconnected()?;
        let kinds = stages
            .iter()
            .map(|stage| self.stage_kind(*stage))
            .collect::<Result<Vec<_>, _>>()?;
        let shape = self.front.shape.pipelines.shape_of(kinds);
        if let Some(stage) = shape.fragments_for() {
            let stage = stage.name();
            return Err(PipelineError::Fragmented { stage });
        }
        let room = self
            .settings
            .connection()
            .max_message_size
            .saturating_sub(self.front.shape.header);
        let headers = shape.header_capacity();
        if headers >= room {
            return Err(PipelineError::NoRoom { headers, room });
        }
        let id = self
            .change_pipelines(|pipelines| pipelines.add(shape))
            .ok_or(PipelineError::TooMany)?;
        Ok(NetworkPipeline(id))
    }

    /// Says which reliable data of a connection leaves first where congestion control holds some back:
    /// that of the pipeline with the highest number. Completes an update in flight.
    ///
    /// Reliable messages of the pipelines behind the first wait for the end of the update, and leave
    /// with what is left; in the outbox they may take three quarters of the connection's
    /// `send_bytes_per_connection`. Among equals each has the first turn in turn. Unreliable messages
    /// leave when they are sent. Without effect if congestion control is off. Nothing of it is
    /// known to the peer.
    ///
    /// `priority`: 0 to 255, 128 before it is set.
    ///
    /// # Errors
    /// For handles that name no pipeline of this driver, [`NetworkPipeline::NULL`] among them.
    pub fn set_pipeline_priority(
        &mut self,
        pipeline: NetworkPipeline,
        priority: u8,
    ) -> Result<(), PipelineError> {
        if self.change_pipelines(|pipelines| pipelines.set_priority(pipeline.0, priority)) {
            return Ok(());
        }
        Err(PipelineError::UnknownPipeline {
            id: pipeline.0,
            count: self.front.shape.pipelines.len(),
        })
    }

    /// Makes a stage of one's own known, for [`create_pipeline`](Self::create_pipeline).
    ///
    /// Each connection gets a copy of its own, by [`PipelineStage::for_connection`].
    ///
    /// # Errors
    /// For more than 256.
    pub fn register_pipeline_stage(
        &mut self,
        stage: impl PipelineStage + 'static,
    ) -> Result<StageId, PipelineError> {
        let id = u8::try_from(self.stages.len()).map_err(|_| PipelineError::TooMany)?;
        self.stages.push(Arc::new(stage));
        Ok(StageId::Custom(id))
    }

    /// Changes what simulator stages do, from the next update on. Completes an update in flight.
    ///
    /// Source: Unity Transport `NetworkDriver.ModifySimulatorStageParameters`.
    ///
    /// # Errors
    /// If the number or size of held packets differs, or a value is out of range.
    pub fn modify_simulator_stage(
        &mut self,
        parameters: SimulatorParameters,
    ) -> Result<(), ParameterChange> {
        self.change_pipelines(|pipelines| pipelines.parameters.simulator.modify(parameters))
    }

    /// Changes the bounds of the resend time, from the next update on. Completes an update in
    /// flight.
    ///
    /// Source: Unity Transport `ReliableUtility.SetMinimumResendTime`, `SetMaximumResendTime`.
    ///
    /// # Errors
    /// As the settings' `minimum_resend_time` and `maximum_resend_time`.
    pub fn set_resend_times(
        &mut self,
        minimum: Duration,
        maximum: Duration,
    ) -> Result<(), SettingsError> {
        self.change_pipelines(|pipelines| pipelines.parameters.set_resend_times(minimum, maximum))
    }

    /// What a pipeline of one connection has counted, its round trips among it; zero before its
    /// first use and for handles that name none. Completes an update in flight.
    pub fn pipeline_statistics(
        &mut self,
        pipeline: NetworkPipeline,
        connection: NetworkConnection,
    ) -> PipelineStatistics {
        self.complete();
        if self.front.snapshot(connection).is_err() {
            return PipelineStatistics::default();
        }
        let back = self.home.as_ref();
        let link = back.and_then(|back| {
            let shard = back.shards.get(connection.shard())?.as_ref()?;
            let link = shard.links.get(connection.lane())?.as_ref()?;
            Some(link.pipeline_statistics(pipeline.0, &back.core.site.rules))
        });
        link.unwrap_or_default()
    }

    /// Pipelines are part of what both peers agree on before they connect.
    fn check_unconnected(&mut self) -> Result<(), PipelineError> {
        self.complete();
        let back = self.home.as_ref();
        match back.map_or(0, |back| back.core.endpoint.slots()) {
            0 => Ok(()),
            slots => Err(PipelineError::AfterConnect {
                connections: usize::try_from(slots).unwrap_or(usize::MAX),
            }),
        }
    }

    fn stage_kind(&self, stage: StageId) -> Result<StageKind, PipelineError> {
        let StageId::Custom(id) = stage else {
            return Ok(stage.into());
        };
        let known = self.stages.get(usize::from(id)).cloned();
        known
            .map(StageKind::Custom)
            .ok_or_else(|| PipelineError::UnknownStage {
                stage: stage.name(),
            })
    }

    /// Changes the pipelines that both sides of the driver share.
    fn change_pipelines<R>(&mut self, change: impl FnOnce(&mut Pipelines) -> R) -> R {
        self.complete();
        let mut pipelines = (*self.front.shape.pipelines).clone();
        let outcome = change(&mut pipelines);
        let pipelines = Arc::new(pipelines);
        self.front.shape.pipelines = pipelines.clone();
        self.with_site(|site| site.rules.pipelines = pipelines);
        outcome
    }
}
