//! The security mode: the one choice that has no default.

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
}

/// The value [`SettingsError`](crate::error::SettingsError) reports for a missing mode.
pub(super) const ALLOWED: &str = "chosen by one of `.plain()`, \
     `.secure_server(SecureServer::from_pem(&certificate, &private_key)?)` or \
     `.secure_client(SecureClient::new(server_name).ca_pem(&ca)?)`";
