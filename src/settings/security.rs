//! The security mode: the one choice that has no default.

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
use super::secure::{SecureClient, SecureServer};

/// How connections are protected.
///
/// A driver has exactly one mode, and it is always spelled out: forgetting it is an error of
/// [`build`](super::NetworkSettingsBuilder::build), never a plain server by accident.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Security {
    /// No encryption and no authentication, as Unity Transport without secure parameters:
    /// whoever sees a packet can read it, forge the next one and take the connection over.
    Plain,
    /// DTLS 1.2, as Unity Transport with secure parameters: every datagram is encrypted, and the
    /// server shows a certificate.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    #[non_exhaustive]
    Dtls {
        /// For connections that are accepted; without it none is.
        server: Option<SecureServer>,
        /// For connections that are started; without it none can be.
        client: Option<SecureClient>,
    },
}

impl Security {
    /// Whether datagrams are encrypted.
    pub fn is_secure(&self) -> bool {
        !matches!(self, Self::Plain)
    }
}

/// What a builder has been told. Judged by `build`.
#[derive(Clone, Debug, Default)]
pub(super) struct SecurityChoice {
    pub(super) plain: bool,
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub(super) server: Option<SecureServer>,
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub(super) client: Option<SecureClient>,
}

/// The value [`SettingsError`](crate::error::SettingsError) reports for a missing mode.
pub(super) const ALLOWED: &str = "chosen by one of `.plain()`, \
     `.secure_server(SecureServer::from_pem(&certificate, &private_key)?)` or \
     `.secure_client(SecureClient::new(server_name).ca_pem(&ca)?)`";
