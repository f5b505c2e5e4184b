//! What a secure driver shows of itself, and whom it believes.
//!
//! Two generations of Unity's parameter names lead here:
//!
//! | Unity Transport | drumfire |
//! |---|---|
//! | `WithSecureServerParameters(certificate, privateKey)`; older: `pem`/`rsa`, `rsaKey` | [`SecureServer::from_pem`] |
//! | `WithSecureServerParameters(caCertificate, certificate, privateKey, clientName, clientAuthenticationPolicy)` | [`SecureServer::client_authentication`], [`SecureServer::client_name`] |
//! | `WithSecureClientParameters(serverName)`; older: `hostname` | [`SecureClient::new`] |
//! | `WithSecureClientParameters(caCertificate, serverName)` | [`SecureClient::ca_pem`] |
//! | `WithSecureClientParameters(certificate, privateKey, caCertificate, serverName)` | [`SecureClient::identity_pem`] |
//!
//! Source: Unity Transport `SecureParameters.cs`.

#[cfg(feature = "key-log")]
use std::sync::Arc;

use crate::crypto::{
    CertificateWarning, Identity, IdentityError, ServerName, Side, Trust, TrustError, WallTime,
};
use crate::error::SettingsError;

/// What a secure server shows its clients, and what it asks of them.
///
/// ```no_run
/// use drumfire::settings::{NetworkSettings, SecureServer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let certificate = std::fs::read("server.pem")?;
/// let private_key = std::fs::read("server.key")?;
/// let settings = NetworkSettings::builder()
///     .secure_server(SecureServer::from_pem(certificate, private_key)?)
///     .build()?;
/// # Ok(())
/// # }
/// ```
///
/// Source: Unity Transport `WithSecureServerParameters`.
#[derive(Clone, Debug)]
pub struct SecureServer {
    identity: Identity,
    clients: ClientAuthentication,
    client_name: Option<String>,
    suites: SuitePreference,
    #[cfg(feature = "key-log")]
    key_log: Option<Arc<crate::crypto::KeyLog>>,
}

/// What a server asks of its clients beside a connection.
///
/// Source: Unity Transport `SecureClientAuthPolicy`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// Nothing (Unity: `None`).
    #[default]
    None,
    /// A client may show a certificate; one that is shown must be right (Unity: `Optional`, which
    /// does not verify it).
    Optional(Trust),
    /// A client must show a certificate (Unity: `Required`).
    Required(Trust),
}

/// Which of a client's cipher suites a server takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SuitePreference {
    /// The client's first that fits. Stock clients put ChaCha20-Poly1305 first, and need it for
    /// messages of full size.
    #[default]
    AsOffered,
    /// ChaCha20-Poly1305 if a client offers it at all.
    ChaCha20First,
}

/// Which cipher suites a client offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SuiteOffer {
    /// All there are: AES-256-GCM first where the processor computes it, ChaCha20-Poly1305 elsewhere.
    #[default]
    All,
    /// AES-256-GCM alone.
    Aes256Gcm,
    /// ChaCha20-Poly1305 alone. Its records are 8 bytes shorter.
    ChaCha20Poly1305,
}

impl SecureServer {
    /// A server with this certificate (its chain in any order) and private key, both in PEM.
    ///
    /// # Errors
    /// The item that cannot be used, why, and the line that makes a better one.
    pub fn from_pem(
        certificate: impl AsRef<[u8]>,
        private_key: impl AsRef<[u8]>,
    ) -> Result<Self, IdentityError> {
        Identity::from_pem(certificate, private_key).map(Self::new)
    }

    /// A server with this identity, that asks its clients for nothing.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            clients: ClientAuthentication::None,
            client_name: None,
            suites: SuitePreference::default(),
            #[cfg(feature = "key-log")]
            key_log: None,
        }
    }

    /// What clients must show. Default: nothing.
    #[must_use]
    pub fn client_authentication(mut self, clients: ClientAuthentication) -> Self {
        self.clients = clients;
        self
    }

    /// The name every client's certificate must have. Default: any name. Without effect where no
    /// certificate is asked for.
    ///
    /// Source: Unity Transport, `clientName` of the server's parameters.
    #[must_use]
    pub fn client_name(mut self, name: impl Into<String>) -> Self {
        self.client_name = Some(name.into());
        self
    }

    /// Which of a client's cipher suites is taken. Default: its first that fits.
    #[must_use]
    pub fn suites(mut self, suites: SuitePreference) -> Self {
        self.suites = suites;
        self
    }

    /// Writes the master secret of every connection to `output`, in the NSS format that tshark
    /// reads. **Dangerous**: whoever reads it reads every connection.
    #[cfg(feature = "key-log")]
    #[must_use]
    pub fn dangerous_key_log(mut self, output: impl std::io::Write + Send + 'static) -> Self {
        self.key_log = Some(Arc::new(crate::crypto::KeyLog::new(output)));
        self
    }

    /// The certificate and its key.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whom clients must be vouched for by.
    pub(crate) fn clients(&self) -> &ClientAuthentication {
        &self.clients
    }

    /// The name clients must have. It was judged by `check`.
    pub(crate) fn expected_client(&self) -> Option<ServerName> {
        ServerName::new(self.client_name.as_deref()?).ok()
    }

    /// Which suite is taken.
    pub(crate) fn preference(&self) -> SuitePreference {
        self.suites
    }

    #[cfg(feature = "key-log")]
    pub(crate) fn key_log(&self) -> Option<&Arc<crate::crypto::KeyLog>> {
        self.key_log.as_ref()
    }

    /// Judges everything that depends on the date, and what fits together.
    pub(crate) fn check(&self, now: WallTime) -> Result<Vec<CertificateWarning>, SettingsError> {
        let mut warnings = self
            .identity
            .check(Side::Server, now)
            .map_err(|cause| refused("secure_server", &cause, VALID_IDENTITY))?;
        if let Some(Err(cause)) = self.client_name.as_deref().map(ServerName::new) {
            return Err(refused("client_name", &cause, "the name of one client"));
        }
        if let Some(trust) = self.clients.trust() {
            let more = trust
                .check(now)
                .map_err(|cause| refused("client_authentication", &cause, VALID_TRUST))?;
            if !trust.judges_clients() {
                return Err(SettingsError {
                    field: "client_authentication",
                    value: "the system's root certificates".to_owned(),
                    allowed: "a CA of your own: the system's roots vouch for servers only"
                        .to_owned(),
                });
            }
            warnings.extend(more);
            warnings.extend(trust.shared_with(&self.identity));
        }
        Ok(warnings)
    }
}

impl ClientAuthentication {
    fn trust(&self) -> Option<&Trust> {
        match self {
            Self::None => None,
            Self::Optional(trust) | Self::Required(trust) => Some(trust),
        }
    }
}

/// Whom a secure client believes, and what it shows of itself.
///
/// ```no_run
/// use drumfire::settings::{NetworkSettings, SecureClient};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ca = std::fs::read("ca.pem")?;
/// let settings = NetworkSettings::builder()
///     .secure_client(SecureClient::new("game.example.com").ca_pem(ca)?)
///     .build()?;
/// # Ok(())
/// # }
/// ```
///
/// Source: Unity Transport `WithSecureClientParameters`.
#[derive(Clone, Debug)]
pub struct SecureClient {
    server_name: String,
    trust: Option<Trust>,
    identity: Option<Identity>,
    suites: SuiteOffer,
    #[cfg(feature = "key-log")]
    key_log: Option<Arc<crate::crypto::KeyLog>>,
}

impl SecureClient {
    /// A client of the server with this name: a host name or an address of its certificate's
    /// subject alternative names, or else its whole common name. It need not be the address that is
    /// connected to.
    pub fn new(server_name: impl Into<String>) -> Self {
        Self {
            server_name: server_name.into(),
            trust: None,
            identity: None,
            suites: SuiteOffer::default(),
            #[cfg(feature = "key-log")]
            key_log: None,
        }
    }

    /// Believes what the CA certificates of a PEM text sign.
    ///
    /// # Errors
    /// The certificate that cannot be used, why, and the line that makes a better one.
    pub fn ca_pem(self, ca: impl AsRef<[u8]>) -> Result<Self, TrustError> {
        Ok(self.trust(Trust::from_pem(ca)?))
    }

    /// Believes what `trust` does.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = Some(trust);
        self
    }

    /// Shows this certificate where a server asks for one.
    ///
    /// # Errors
    /// The item that cannot be used, why, and the line that makes a better one.
    pub fn identity_pem(
        self,
        certificate: impl AsRef<[u8]>,
        private_key: impl AsRef<[u8]>,
    ) -> Result<Self, IdentityError> {
        Ok(self.identity(Identity::from_pem(certificate, private_key)?))
    }

    /// Shows this identity where a server asks for one.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Which cipher suites are offered. Default: all there are. A server that takes none of them
    /// refuses the handshake.
    #[must_use]
    pub fn suites(mut self, suites: SuiteOffer) -> Self {
        self.suites = suites;
        self
    }

    /// Writes the master secret of every connection to `output`, in the NSS format that tshark
    /// reads. **Dangerous**: whoever reads it reads every connection.
    #[cfg(feature = "key-log")]
    #[must_use]
    pub fn dangerous_key_log(mut self, output: impl std::io::Write + Send + 'static) -> Self {
        self.key_log = Some(Arc::new(crate::crypto::KeyLog::new(output)));
        self
    }

    /// The name the server must prove to have.
    pub fn server_name(&self) -> &str {
        &self.server_name
    }

    /// Trust and name, which `check` has found there.
    pub(crate) fn expected_server(&self) -> Option<(Trust, ServerName)> {
        Some((
            self.trust.clone()?,
            ServerName::new(&self.server_name).ok()?,
        ))
    }

    /// Which suites are offered.
    pub(crate) fn offer(&self) -> SuiteOffer {
        self.suites
    }

    /// What is shown to a server that asks.
    pub(crate) fn shown(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    #[cfg(feature = "key-log")]
    pub(crate) fn key_log(&self) -> Option<&Arc<crate::crypto::KeyLog>> {
        self.key_log.as_ref()
    }

    /// Takes the system's roots where no CA was given and there are some.
    #[cfg_attr(
        not(feature = "platform-roots"),
        expect(
            clippy::unnecessary_wraps,
            reason = "with the feature `platform-roots` the system's roots may be unreadable"
        )
    )]
    pub(super) fn with_default_trust(self) -> Result<Self, SettingsError> {
        #[cfg(feature = "platform-roots")]
        if self.trust.is_none() {
            let system = Trust::system()
                .map_err(|cause| refused("secure_client", &cause, "a CA of your own: `ca_pem`"))?;
            return Ok(self.trust(system));
        }
        Ok(self)
    }

    /// Judges everything that depends on the date, and what must be there.
    pub(crate) fn check(&self, now: WallTime) -> Result<Vec<CertificateWarning>, SettingsError> {
        ServerName::new(&self.server_name)
            .map_err(|cause| refused("server_name", &cause, "the name of one server"))?;
        let Some(trust) = &self.trust else {
            return Err(SettingsError {
                field: "secure_client",
                value: "without a CA".to_owned(),
                allowed:
                    "told whom to believe: `.ca_pem(&ca)?` with the certificate of the CA that \
                          signed the server's, or the feature `platform-roots`"
                        .to_owned(),
            });
        };
        let mut warnings = trust
            .check(now)
            .map_err(|cause| refused("ca_pem", &cause, VALID_TRUST))?;
        if let Some(identity) = &self.identity {
            let more = identity
                .check(Side::Client, now)
                .map_err(|cause| refused("identity", &cause, VALID_IDENTITY))?;
            warnings.extend(more);
        }
        Ok(warnings)
    }
}

const VALID_IDENTITY: &str = "a certificate that is valid now and may be used for this";
const VALID_TRUST: &str = "at least one CA certificate that is valid now";

fn refused(
    field: &'static str,
    cause: &impl std::fmt::Display,
    allowed: &'static str,
) -> SettingsError {
    SettingsError {
        field,
        value: format!("refused ({cause})"),
        allowed: allowed.to_owned(),
    }
}
