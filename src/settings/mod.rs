//! Settings: a builder in, an immutable value out.
//!
//! [`NetworkSettings::builder`] takes values as they come and [`build`] judges them: an error names
//! the field, the value and what is allowed. After that no code asks again whether a value is sane.
//! The driver keeps its own copy, and there is no way to change it.
//!
//! Where Unity Transport has the same parameter, its name is given as the source and finds the
//! setter in the documentation's search. Where zero means "off", the built value is an `Option`.
//!
//! This module knows no socket, no thread pool and no clock: it holds plain values. Certificates alone
//! are judged by a date, which [`build`] asks for and `build_at` is given.
//!
//! ```
//! use drumfire::settings::NetworkSettings;
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), drumfire::error::SettingsError> {
//! let settings = NetworkSettings::builder()
//!     .plain()
//!     .disconnect_timeout(Duration::from_secs(10))
//!     .max_connections(2_000)
//!     .build()?;
//! assert_eq!(settings.limits().max_connections, 2_000);
//! # Ok(())
//! # }
//! ```
//!
//! A negative size or count is no value at all (conformance A6):
//!
//! ```compile_fail,E0600
//! drumfire::settings::NetworkSettings::builder().receive_buffer(-1);
//! ```
//!
//! Built settings do not change:
//!
//! ```compile_fail,E0594
//! let settings = drumfire::settings::NetworkSettings::plain();
//! settings.limits().max_connections = 1;
//! ```
//!
//! [`build`]: NetworkSettingsBuilder::build

mod budgets;
mod builder;
mod congestion;
mod connection;
mod limits;
mod pipelines;
mod range;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod secure;
mod security;
mod simulator;
mod socket;
mod warning;
mod workers;

pub use budgets::{Budgets, UnreadEvents};
pub use builder::NetworkSettingsBuilder;
pub use congestion::{CongestionControl, CongestionParameters};
pub use connection::{ConnectionParameters, PathMtuDiscovery};
pub use limits::{AddressValidation, LegacyValidation, Limits, LogAddresses, LoopbackLimits};
pub use pipelines::{PipelineParameters, Timing};
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub use secure::{ClientAuthentication, SecureClient, SecureServer, SuiteOffer, SuitePreference};
pub use security::Security;
pub use simulator::{ParameterChange, SimulatorMode, SimulatorParameters};
pub use socket::{AddressReuse, DualStack, Offload, SocketParameters};
pub use warning::SettingsWarning;
pub use workers::{InlineThreshold, Pinning, SliceOverlap, WorkerParameters, Workers};

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
use crate::crypto::CertificateWarning;

/// Everything a driver is told when it is made. Immutable, and cheap to clone.
///
/// Source: Unity Transport `NetworkSettings`.
#[derive(Clone, Debug)]
pub struct NetworkSettings {
    security: Security,
    connection: ConnectionParameters,
    pipelines: PipelineParameters,
    budgets: Budgets,
    limits: Limits,
    socket: SocketParameters,
    workers: WorkerParameters,
    random_seed: Option<u64>,
    /// What was found when the certificates were judged.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    certificate_warnings: Vec<CertificateWarning>,
}

impl NetworkSettings {
    /// A builder that holds the defaults, and no security mode.
    pub fn builder() -> NetworkSettingsBuilder {
        NetworkSettingsBuilder::default()
    }

    /// The defaults, without encryption: short for `builder().plain().build()`.
    pub fn plain() -> Self {
        Self {
            security: Security::Plain,
            connection: ConnectionParameters::default(),
            pipelines: PipelineParameters::default(),
            budgets: Budgets::default(),
            limits: Limits::default(),
            socket: SocketParameters::default(),
            workers: WorkerParameters::default(),
            random_seed: None,
            #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
            certificate_warnings: Vec::new(),
        }
    }

    /// How connections are protected.
    pub fn security(&self) -> &Security {
        &self.security
    }

    /// Timers and sizes of the connection protocol.
    pub fn connection(&self) -> &ConnectionParameters {
        &self.connection
    }

    /// What the stages of pipelines are told.
    pub fn pipelines(&self) -> &PipelineParameters {
        &self.pipelines
    }

    /// How much one update reads, and how many bytes are held for peers.
    pub fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// What strangers, slow peers and floods may cost.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The UDP socket.
    pub fn socket(&self) -> &SocketParameters {
        &self.socket
    }

    /// Which threads an update runs on, and how its work is cut.
    pub fn workers(&self) -> &WorkerParameters {
        &self.workers
    }

    /// The seed all randomness comes from; `None` is the system's generator.
    pub fn random_seed(&self) -> Option<u64> {
        self.random_seed
    }

    /// What is legal and probably not meant. The driver logs each once.
    pub fn warnings(&self) -> Vec<SettingsWarning> {
        let mut warnings = Vec::new();
        let size = self.connection.max_message_size;
        if size < ConnectionParameters::SMALL_MESSAGE_SIZE {
            warnings.push(SettingsWarning::SmallMaxMessageSize { size });
        }
        let credit = self.limits.max_tick_credit;
        if let Some(frame) = self.connection.fixed_frame_time.filter(|&f| f > credit) {
            warnings.push(SettingsWarning::FrameBeyondTickCredit { frame, credit });
        }
        #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
        warnings.extend(
            self.certificate_warnings
                .iter()
                .cloned()
                .map(SettingsWarning::Certificate),
        );
        warnings
    }
}
