//! The builder: takes every value as it comes, judges them all in `build`.
//!
//! The setters of a group stand in the group's file, beside its defaults and its range checks.

use super::budgets::BudgetChoices;
use super::pipelines::PipelineChoices;
use super::security::SecurityChoice;
use super::{
    ConnectionParameters, Limits, NetworkSettings, Security, SocketParameters, WorkerParameters,
    security,
};
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
use super::{SecureClient, SecureServer};
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
use crate::crypto::WallTime;
use crate::error::SettingsError;

/// Collects settings; made by [`NetworkSettings::builder`].
///
/// A setter called twice overwrites. Nothing is judged before [`build`](Self::build).
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct NetworkSettingsBuilder {
    pub(super) security: SecurityChoice,
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
        self.security.plain = true;
        self
    }

    /// Accepts encrypted connections only, and shows its clients a certificate. May stand beside
    /// [`secure_client`](Self::secure_client).
    ///
    /// Unit: none. Default: none, a security mode must be chosen. Range: an identity that is valid
    /// when [`build`](Self::build) is called.
    /// Source: Unity Transport `WithSecureServerParameters`.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub fn secure_server(mut self, server: SecureServer) -> Self {
        self.security.server = Some(server);
        self
    }

    /// Starts encrypted connections only, to servers that prove who they are. May stand beside
    /// [`secure_server`](Self::secure_server).
    ///
    /// Unit: none. Default: none, a security mode must be chosen. Range: a server name and a CA,
    /// valid when [`build`](Self::build) is called.
    /// Source: Unity Transport `WithSecureClientParameters`.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub fn secure_client(mut self, client: SecureClient) -> Self {
        self.security.client = Some(client);
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
    /// Certificates are judged by today's date: the one thing that settings ask the system for.
    ///
    /// # Errors
    ///
    /// The first value out of range, the first pair of values that contradict each other, a
    /// certificate that cannot be used, or the missing security mode.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub fn build(self) -> Result<NetworkSettings, SettingsError> {
        self.build_at(WallTime::now())
    }

    /// The same, as of another date than today's.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub fn build_at(mut self, now: WallTime) -> Result<NetworkSettings, SettingsError> {
        if self.security.plain && (self.security.server.is_some() || self.security.client.is_some())
        {
            return Err(SettingsError {
                field: "security",
                value: "plain and secure".to_owned(),
                allowed: security::ALLOWED.to_owned(),
            });
        }
        let mut warnings = Vec::new();
        if let Some(server) = &self.security.server {
            warnings.extend(server.check(now)?);
        }
        let client = self.security.client.take();
        let client = client.map(SecureClient::with_default_trust).transpose()?;
        if let Some(client) = &client {
            warnings.extend(client.check(now)?);
        }
        let security = match (self.security.server.take(), client) {
            (None, None) => None,
            (server, client) => Some(Security::Dtls { server, client }),
        };
        let mut settings = self.finish(security)?;
        settings.certificate_warnings = warnings;
        Ok(settings)
    }

    /// Judges everything, and makes the settings final.
    ///
    /// # Errors
    ///
    /// The first value out of range, the first pair of values that contradict each other, or the
    /// missing security mode.
    #[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
    pub fn build(self) -> Result<NetworkSettings, SettingsError> {
        self.finish(None)
    }

    /// Judges all but certificates. Without a secure mode the plain one must have been chosen.
    fn finish(self, secure: Option<Security>) -> Result<NetworkSettings, SettingsError> {
        let security = match secure {
            Some(security) => security,
            None if self.security.plain => Security::Plain,
            None => {
                return Err(SettingsError {
                    field: "security",
                    value: "not set".to_owned(),
                    allowed: security::ALLOWED.to_owned(),
                });
            }
        };
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
            #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
            certificate_warnings: Vec::new(),
        })
    }
}
