//! The builder: takes every value as it comes, judges them all in `build`.
//!
//! The setters of a group stand in the group's file, beside its defaults and its range checks.

use super::budgets::BudgetChoices;
use super::pipelines::PipelineChoices;
use super::{
    ConnectionParameters, Limits, NetworkSettings, Security, SocketParameters, WorkerParameters,
    security,
};
use crate::error::SettingsError;

/// Collects settings; made by [`NetworkSettings::builder`].
///
/// A setter called twice overwrites. Nothing is judged before [`build`](Self::build).
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct NetworkSettingsBuilder {
    pub(super) security: Option<Security>,
    pub(super) connection: ConnectionParameters,
    pub(super) pipelines: PipelineChoices,
    pub(super) budgets: BudgetChoices,
    pub(super) limits: Limits,
    pub(super) socket: SocketParameters,
    pub(super) workers: WorkerParameters,
    pub(super) random_seed: Option<u64>,
}

/// Security and randomness.
impl NetworkSettingsBuilder {
    /// No encryption, no authentication: what Unity Transport does without secure parameters.
    ///
    /// Unit: none. Default: none, a security mode must be chosen. Range: none.
    /// Source: Unity Transport, no `WithSecureServerParameters` or `WithSecureClientParameters`.
    pub fn plain(mut self) -> Self {
        self.security = Some(Security::Plain);
        self
    }

    /// Takes all randomness from a seed, for reproducible tests. **Dangerous everywhere else**:
    /// tokens and probe values become predictable, so anyone can take over any connection.
    ///
    /// Unit: none. Default: the system's random generator. Range: any.
    /// Source: drumfire.
    pub fn dangerous_random_seed(mut self, seed: u64) -> Self {
        self.random_seed = Some(seed);
        self
    }

    /// Judges everything, and makes the settings final.
    ///
    /// # Errors
    ///
    /// The first value out of range, the first pair of values that contradict each other, or the
    /// missing security mode.
    pub fn build(self) -> Result<NetworkSettings, SettingsError> {
        let security = self.security.ok_or_else(|| SettingsError {
            field: "security",
            value: "not set".to_owned(),
            allowed: security::ALLOWED.to_owned(),
        })?;
        let budgets = self.budgets.resolve();
        let pipelines = self.pipelines.resolve();
        self.connection.check()?;
        pipelines.check()?;
        budgets.check()?;
        self.limits.check()?;
        self.socket.check()?;
        self.workers.check()?;
        Ok(NetworkSettings {
            security,
            connection: self.connection,
            pipelines,
            budgets,
            limits: self.limits,
            socket: self.socket,
            workers: self.workers,
            random_seed: self.random_seed,
        })
    }
}
