//! Whom we believe: given CA certificates, pins, or the system's roots.
//!
//! Which rule applies is read off the leaf before any check, and never tried after another refused:
//!
//! | leaf | chain | name |
//! |---|---|---|
//! | with subject alternative names | webpki | webpki |
//! | version 3 without | webpki | the common name |
//! | version 1 | [`legacy`]: signed directly by a given CA | the common name |
//! | byte for byte a given certificate | itself | by whichever of the above |
//! | pinned | itself | none: the pin is the name |
//!
//! Before the chain, of every leaf: in date, key and signature not weak, its usages fit, no CA
//! (unless byte for byte given). Common names count only with a CA that the user gave, only where
//! no CA of the chain carries name constraints, and not under [`Trust::require_san`].

use std::sync::Arc;

use super::authority::Authority;
use super::certificate::{Certificate, Purpose};
use super::chain::{self, NameConstraints};
use super::fingerprint::Fingerprint;
use super::identity_error::TrustError;
use super::name::{self, ServerName};
#[cfg(feature = "platform-roots")]
use super::provider::provider;
use super::provider::sha256;
use super::verify_error::{CommonNameRefusal, VerifyError};
use super::wall_time::WallTime;
use super::warning::CertificateWarning;
use super::{Identity, legacy, pem};

/// Whom a peer must be vouched for by.
#[derive(Clone, Debug)]
pub struct Trust {
    anchors: Anchors,
    common_names: CommonNames,
}

#[derive(Clone, Debug)]
enum Anchors {
    Given(Arc<[Authority]>),
    Certificates(Arc<[Fingerprint]>),
    Keys(Arc<[Fingerprint]>),
    #[cfg(feature = "platform-roots")]
    System(Arc<rustls_platform_verifier::Verifier>),
    Anyone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CommonNames {
    Accepted,
    Refused,
}

/// A peer whose certificate was accepted. Its private key is proved by the handshake's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerIdentity {
    certificate: Vec<u8>,
    names: Vec<String>,
    fingerprint: Fingerprint,
}

impl PeerIdentity {
    /// The certificate, in DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Host names and addresses of the certificate, or else its common name: what the CA says the
    /// peer is called.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// SHA-256 of the certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

impl Trust {
    /// Trust in what the CA certificates of a PEM text sign: one or any number.
    ///
    /// A certificate that is no CA is trusted itself: a server that shows it is the server.
    ///
    /// # Errors
    ///
    /// The certificate that cannot be used, why, and the line that makes a better one.
    pub fn from_pem(ca: impl AsRef<[u8]>) -> Result<Self, TrustError> {
        let mut authorities = Vec::new();
        for (index, der) in certificates(ca.as_ref())?.into_iter().enumerate() {
            let number = index + 1;
            authorities.push(Authority::new(&der, number)?);
        }
        Ok(Self::new(Anchors::Given(authorities.into())))
    }

    /// Trust in exactly the certificates of a PEM text: whoever proves to hold the key of one is the
    /// peer, whatever it is called and whoever signed it.
    ///
    /// # Errors
    ///
    /// The text holds no certificate.
    pub fn pinned_certificate(certificate: impl AsRef<[u8]>) -> Result<Self, TrustError> {
        let pins: Vec<_> = certificates(certificate.as_ref())?
            .iter()
            .map(|der| Fingerprint(sha256(der)))
            .collect();
        Ok(Self::new(Anchors::Certificates(pins.into())))
    }

    /// Trust in exactly these public keys, by the SHA-256 of their `SubjectPublicKeyInfo`: a
    /// certificate may be renewed if its key stays.
    ///
    /// `openssl x509 -in CERTIFICATE -noout -pubkey | openssl pkey -pubin -outform der | sha256sum`
    /// prints it.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn pinned_public_key(
        keys: impl IntoIterator<Item = Fingerprint>,
    ) -> Result<Self, TrustError> {
        let keys: Vec<_> = keys.into_iter().collect();
        if keys.is_empty() {
            return Err(TrustError::Nothing);
        }
        Ok(Self::new(Anchors::Keys(keys.into())))
    }

    /// Trust in the root certificates of the operating system. For servers only, and only by
    /// subject alternative names.
    ///
    /// # Errors
    ///
    /// The system has none, or they cannot be read.
    #[cfg(feature = "platform-roots")]
    pub fn system() -> Result<Self, TrustError> {
        let verifier = rustls_platform_verifier::Verifier::new(provider().clone());
        let verifier = verifier.map_err(|error| TrustError::System {
            cause: error.to_string(),
        })?;
        Ok(Self::new(Anchors::System(Arc::new(verifier))))
    }

    /// Trust in **anyone**: the connection is encrypted, and nobody knows to whom. For tests.
    pub fn dangerous_anyone() -> Self {
        Self::new(Anchors::Anyone)
    }

    /// Refuses certificates without subject alternative names, as those of Unity's manual are.
    #[must_use]
    pub fn require_san(mut self) -> Self {
        self.common_names = CommonNames::Refused;
        self
    }

    fn new(anchors: Anchors) -> Self {
        Self {
            anchors,
            common_names: CommonNames::Accepted,
        }
    }

    /// Judges dates, as building settings does: at least one given CA certificate must be in date.
    ///
    /// # Errors
    ///
    /// None of them is.
    pub fn check(&self, now: WallTime) -> Result<Vec<CertificateWarning>, TrustError> {
        let Anchors::Given(authorities) = &self.anchors else {
            return Ok(Vec::new());
        };
        let mut warnings = Vec::new();
        let mut out_of_date = None;
        for authority in authorities.iter() {
            let certificate = authority.certificate();
            if !certificate.in_date(now) {
                out_of_date = Some(certificate);
                warnings.push(CertificateWarning::AuthorityOutOfDate {
                    subject: certificate.subject(),
                    not_after: certificate.not_after(),
                });
            } else if !authority.is_issuer() {
                warnings.push(CertificateWarning::NoAuthority {
                    subject: certificate.subject(),
                });
            }
        }
        match out_of_date {
            Some(certificate)
                if authorities
                    .iter()
                    .all(|one| !one.certificate().in_date(now)) =>
            {
                Err(TrustError::OutOfDate {
                    subject: certificate.subject(),
                    not_before: certificate.not_before(),
                    not_after: certificate.not_after(),
                    now,
                })
            }
            _ => Ok(warnings),
        }
    }

    /// Warns where a given CA has signed `identity` too: ask a server's trust in clients with the
    /// server's identity. A player whose certificate names the server could be the server, unless
    /// the CA certificate says what it signs for.
    pub(crate) fn shared_with(&self, identity: &Identity) -> Option<CertificateWarning> {
        let Anchors::Given(authorities) = &self.anchors else {
            return None;
        };
        let server = Purpose::ServerAuthentication;
        let client = Purpose::ClientAuthentication;
        let shared = authorities.iter().find(|authority| {
            let both =
                authority.certificate().serves(server) && authority.certificate().serves(client);
            let chain = identity.certificates();
            authority.is_issuer()
                && both
                && chain
                    .iter()
                    .any(|one| legacy::signed_by(one, authority) == Ok(true))
        })?;
        Some(CertificateWarning::SharedAuthority {
            issuer: shared.certificate().subject(),
        })
    }

    /// The names of the given CAs, in DER: what a server asks client certificates of.
    pub(crate) fn authority_names(&self) -> Vec<&[u8]> {
        match &self.anchors {
            Anchors::Given(authorities) => authorities.iter().map(Authority::subject).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether it can judge clients: the system's roots cannot.
    pub(crate) fn judges_clients(&self) -> bool {
        match &self.anchors {
            Anchors::Given(_) | Anchors::Certificates(_) | Anchors::Keys(_) | Anchors::Anyone => {
                true
            }
            #[cfg(feature = "platform-roots")]
            Anchors::System(_) => false,
        }
    }

    /// Whether the peer's chain, leaf first, is that of the server `name`.
    pub(crate) fn verify_server(
        &self,
        chain: &[&[u8]],
        name: &ServerName,
        now: WallTime,
    ) -> Result<PeerIdentity, VerifyError> {
        self.verify(chain, Purpose::ServerAuthentication, Some(name), now)
    }

    /// Whether the peer's chain, leaf first, is that of a client; of the client `name`, if one is
    /// given (Unity: the host name of a server's secure parameters).
    pub(crate) fn verify_client(
        &self,
        chain: &[&[u8]],
        name: Option<&ServerName>,
        now: WallTime,
    ) -> Result<PeerIdentity, VerifyError> {
        self.verify(chain, Purpose::ClientAuthentication, name, now)
    }

    fn verify(
        &self,
        shown: &[&[u8]],
        purpose: Purpose,
        expected: Option<&ServerName>,
        now: WallTime,
    ) -> Result<PeerIdentity, VerifyError> {
        let (leaf, rest) = shown.split_first().ok_or(VerifyError::NoCertificate)?;
        let leaf = Certificate::parse(leaf)?;
        if !matches!(self.anchors, Anchors::Anyone) {
            check_leaf(&leaf, purpose, now)?;
        }
        match &self.anchors {
            Anchors::Given(authorities) => {
                let pinned = authorities
                    .iter()
                    .any(|one| one.certificate().der() == leaf.der());
                let constraints = if pinned {
                    NameConstraints::None
                } else {
                    chain::verify(&leaf, rest, authorities, purpose, now)?
                };
                self.check_name(&leaf, expected, constraints)?;
            }
            Anchors::Certificates(pins) => {
                let presented = leaf.fingerprint();
                if !pins.contains(&presented) {
                    return Err(VerifyError::NotPinned { presented });
                }
            }
            Anchors::Keys(pins) => {
                if !pins.contains(&Fingerprint(sha256(leaf.raw()?.key_info))) {
                    let presented = leaf.fingerprint();
                    return Err(VerifyError::NotPinned { presented });
                }
            }
            #[cfg(feature = "platform-roots")]
            Anchors::System(verifier) => {
                super::system::verify(verifier, &leaf, rest, purpose, expected, now)?;
            }
            Anchors::Anyone => {}
        }
        Ok(identity(&leaf))
    }

    /// The name, by the leaf's rule. A client of which no name is expected must still have one that
    /// may be used: applications read it.
    fn check_name(
        &self,
        leaf: &Certificate,
        expected: Option<&ServerName>,
        constraints: NameConstraints,
    ) -> Result<(), VerifyError> {
        if leaf.has_subject_alt_names() {
            return expected.map_or(Ok(()), |name| name::check_alt_names(leaf, name));
        }
        let refused = |cause| VerifyError::CommonNameRefused {
            subject: leaf.subject(),
            cause,
        };
        if self.common_names == CommonNames::Refused {
            return Err(refused(CommonNameRefusal::Required));
        }
        if constraints == NameConstraints::Some {
            return Err(refused(CommonNameRefusal::NameConstraints));
        }
        match expected {
            Some(name) => name::check_common_name(leaf, name),
            None => name::usable_common_name(leaf).map(|_| ()),
        }
    }
}

fn identity(leaf: &Certificate) -> PeerIdentity {
    let names = if leaf.has_subject_alt_names() {
        leaf.alt_names()
    } else {
        name::usable_common_name(leaf).into_iter().collect()
    };
    PeerIdentity {
        certificate: leaf.der().to_vec(),
        names,
        fingerprint: leaf.fingerprint(),
    }
}

/// What every leaf must fulfil, whatever the rule.
fn check_leaf(leaf: &Certificate, purpose: Purpose, now: WallTime) -> Result<(), VerifyError> {
    check_date_and_strength(leaf, now)?;
    let subject = leaf.subject();
    if !leaf.may_sign_handshakes() {
        return Err(VerifyError::WrongUsage {
            subject,
            needed: "digitalSignature",
        });
    }
    if !leaf.serves(purpose) {
        return Err(VerifyError::WrongUsage {
            subject,
            needed: purpose.extension_value(),
        });
    }
    Ok(())
}

/// What every certificate must fulfil, whatever it is shown for.
pub(super) fn check_date_and_strength(
    leaf: &Certificate,
    now: WallTime,
) -> Result<(), VerifyError> {
    let subject = leaf.subject();
    if now > leaf.not_after() {
        return Err(VerifyError::Expired {
            subject,
            not_after: leaf.not_after(),
            now,
        });
    }
    if now < leaf.not_before() {
        return Err(VerifyError::NotYetValid {
            subject,
            not_before: leaf.not_before(),
            now,
        });
    }
    if leaf.public_key().authentication().is_none() {
        return Err(VerifyError::WeakAlgorithm {
            subject,
            algorithm: leaf.public_key().to_string(),
        });
    }
    if let Some(algorithm) = leaf.weak_signature() {
        return Err(VerifyError::WeakAlgorithm { subject, algorithm });
    }
    Ok(())
}

fn certificates(text: &[u8]) -> Result<Vec<Vec<u8>>, TrustError> {
    pem::certificates(text).map_err(TrustError::Pem)
}
