//! Who we are: a certificate chain and its private key, from PEM text.
//!
//! Everything that can be wrong is found when the identity is made or when settings are built
//! ([`check`](Identity::check) takes the date), and never in a handshake. A certificate of X.509
//! version 1 serves as well as any: the key is compared with the certificate's own public key, which
//! rustls does only for version 3.

use std::fmt;
use std::sync::Arc;

use rustls::sign::SigningKey;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use super::Side;
use super::certificate::{Certificate, CommonName, Purpose};
use super::fingerprint::Fingerprint;
use super::identity_error::IdentityError;
use super::pem::{self, KeyForm};
use super::provider::{CryptoError, provider};
use super::raw::PublicKey;
use super::scheme::{Authentication, SignatureScheme};
use super::wall_time::WallTime;
use super::warning::CertificateWarning;

/// A certificate and its private key: what a server shows, and a client that is asked.
///
/// The key is never printed and never copied out; cloning shares it.
///
/// ```compile_fail,E0277
/// # let (certificate, private_key) = ("", "");
/// let identity = drumfire::Identity::from_pem(certificate, private_key).unwrap();
/// println!("{identity}");
/// ```
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    /// Leaf first, each signed by the next; a self-signed root is left out.
    chain: Vec<Certificate>,
    key: Arc<dyn SigningKey>,
    authentication: Authentication,
    warnings: Vec<CertificateWarning>,
}

impl Identity {
    /// From PEM text: a certificate with its chain in any order, and an unencrypted private key
    /// (PKCS#1, PKCS#8 or SEC1; RSA of 2,048 bits or more, P-256, P-384 or Ed25519).
    ///
    /// # Errors
    ///
    /// The item that cannot be used, why, and the line that makes a better one.
    pub fn from_pem(
        certificate: impl AsRef<[u8]>,
        private_key: impl AsRef<[u8]>,
    ) -> Result<Self, IdentityError> {
        let certificates = pem::certificates(certificate.as_ref())
            .map_err(IdentityError::CertificatePem)?
            .into_iter()
            .enumerate()
            .map(|(index, der)| {
                Certificate::parse(&der).map_err(|error| IdentityError::MalformedCertificate {
                    number: index + 1,
                    cause: error.to_string(),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let key = load_key(private_key.as_ref())?;
        let (chain, rest) = sort_chain(certificates, key.as_ref())?;
        let mut warnings = Vec::new();
        for certificate in &rest {
            warnings.push(CertificateWarning::NotOfTheChain {
                subject: certificate.subject(),
            });
        }
        let authentication = judge(&chain, &mut warnings)?;
        Ok(Self(Arc::new(Inner {
            chain,
            key,
            authentication,
            warnings,
        })))
    }

    /// Judges dates and usage: what [`from_pem`](Self::from_pem) cannot know yet.
    pub(crate) fn check(
        &self,
        side: Side,
        now: WallTime,
    ) -> Result<Vec<CertificateWarning>, IdentityError> {
        let purpose = match side {
            Side::Server => Purpose::ServerAuthentication,
            Side::Client => Purpose::ClientAuthentication,
        };
        for certificate in &self.0.chain {
            let subject = certificate.subject();
            if now > certificate.not_after() {
                return Err(IdentityError::Expired {
                    subject,
                    not_after: certificate.not_after(),
                    now,
                });
            }
            if now < certificate.not_before() {
                return Err(IdentityError::NotYetValid {
                    subject,
                    not_before: certificate.not_before(),
                    now,
                });
            }
        }
        let leaf = self.leaf();
        if !leaf.may_sign_handshakes() {
            return Err(IdentityError::WrongUsage {
                subject: leaf.subject(),
                needed: "digitalSignature",
                extension: "keyUsage=digitalSignature",
            });
        }
        if !leaf.serves(purpose) {
            return Err(IdentityError::WrongUsage {
                subject: leaf.subject(),
                needed: purpose.extension_value(),
                extension: match side {
                    Side::Server => "extendedKeyUsage=serverAuth",
                    Side::Client => "extendedKeyUsage=clientAuth",
                },
            });
        }
        Ok(self.0.warnings.clone())
    }

    /// SHA-256 of the certificate, for pinning it.
    pub fn fingerprint(&self) -> Fingerprint {
        self.leaf().fingerprint()
    }

    /// The names a client may expect: the subject alternative names, or else the common name.
    pub fn names(&self) -> Vec<String> {
        let leaf = self.leaf();
        match leaf.common_name() {
            _ if leaf.has_subject_alt_names() => leaf.alt_names(),
            CommonName::One(name) => vec![name],
            _ => Vec::new(),
        }
    }

    /// The certificates to send, leaf first, in DER.
    pub(crate) fn chain(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.0.chain.iter().map(|one| one.der().as_ref())
    }

    /// Which suites the key fits.
    pub(crate) fn authentication(&self) -> Authentication {
        self.0.authentication
    }

    /// Whether the key can make one of the schemes a peer accepts, given by their numbers.
    pub(crate) fn can_sign(&self, accepted: impl IntoIterator<Item = u16>) -> bool {
        self.0.key.choose_scheme(&spoken(accepted)).is_some()
    }

    /// Signs `message` with a scheme the peer accepts.
    pub(crate) fn sign(
        &self,
        accepted: impl IntoIterator<Item = u16>,
        message: &[u8],
    ) -> Result<(SignatureScheme, Vec<u8>), CryptoError> {
        let signer = self
            .0
            .key
            .choose_scheme(&spoken(accepted))
            .ok_or(CryptoError::NoCommonScheme)?;
        let scheme = SignatureScheme::from_id(u16::from(signer.scheme()))
            .ok_or(CryptoError::NoCommonScheme)?;
        let signature = signer
            .sign(message)
            .map_err(|_| CryptoError::SigningFailed)?;
        Ok((scheme, signature))
    }

    pub(super) fn leaf(&self) -> &Certificate {
        // The chain is never empty: it begins with the certificate of the key.
        #[expect(
            clippy::indexing_slicing,
            reason = "`sort_chain` returns at least the leaf"
        )]
        &self.0.chain[0]
    }

    pub(super) fn certificates(&self) -> &[Certificate] {
        &self.0.chain
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("subject", &self.leaf().subject())
            .field("fingerprint", &self.fingerprint())
            .finish_non_exhaustive()
    }
}

/// Schemes of a peer's list that we speak, as rustls names them.
fn spoken(accepted: impl IntoIterator<Item = u16>) -> Vec<rustls::SignatureScheme> {
    accepted
        .into_iter()
        .filter_map(SignatureScheme::from_id)
        .map(|scheme| rustls::SignatureScheme::from(scheme.id()))
        .collect()
}

fn load_key(text: &[u8]) -> Result<Arc<dyn SigningKey>, IdentityError> {
    let (form, der) = pem::private_key(text).map_err(IdentityError::PrivateKeyPem)?;
    // The provider wipes this copy (rustls: `Zeroizing`), and `der` wipes itself.
    let bytes = der.expose().to_vec();
    let key = match form {
        KeyForm::Pkcs1 => PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(bytes)),
        KeyForm::Pkcs8 => PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(bytes)),
        KeyForm::Sec1 => PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(bytes)),
    };
    let unusable = |cause: String| IdentityError::UnusablePrivateKey { cause };
    let key = provider()
        .key_provider
        .load_private_key(key)
        .map_err(|error| unusable(error.to_string()))?;
    if key.public_key().is_none() {
        return Err(unusable("its public key cannot be computed".to_owned()));
    }
    Ok(key)
}

/// The chain of the key's certificate, and the certificates that are not of it.
fn sort_chain(
    mut certificates: Vec<Certificate>,
    key: &dyn SigningKey,
) -> Result<(Vec<Certificate>, Vec<Certificate>), IdentityError> {
    let public_key = key.public_key();
    let public_key = public_key.as_ref().map(AsRef::as_ref);
    let is_leaf = |one: &Certificate| {
        let raw = one.raw().ok();
        raw.is_some_and(|raw| Some(raw.key_info) == public_key)
    };
    let Some(leaf) = certificates.iter().position(is_leaf) else {
        return Err(mismatch(&certificates, key));
    };
    let mut chain = vec![certificates.remove(leaf)];
    while let Some(last) = chain.last() {
        let Ok(issuer) = last.raw().map(|raw| raw.issuer.to_vec()) else {
            break;
        };
        let is_issuer = |one: &Certificate| one.raw().is_ok_and(|raw| raw.subject == issuer);
        let found = certificates.iter().position(is_issuer);
        match found {
            Some(found) if !last.is_self_issued() => {
                let next = certificates.remove(found);
                // RFC 5246 §7.4.2: a root may be left out, the peer must have it anyway.
                if next.is_self_issued() {
                    break;
                }
                chain.push(next);
            }
            _ => break,
        }
    }
    Ok((chain, certificates))
}

fn mismatch(certificates: &[Certificate], key: &dyn SigningKey) -> IdentityError {
    let leaf = certificates.first();
    IdentityError::KeyMismatch {
        subject: leaf.map(Certificate::subject).unwrap_or_default(),
        certificate_key: leaf
            .map(|leaf| leaf.public_key().to_string())
            .unwrap_or_default(),
        private_key: format!("{:?}", key.algorithm()),
    }
}

/// Keys and signatures that peers refuse whatever the date is, and what is only a pity.
fn judge(
    chain: &[Certificate],
    warnings: &mut Vec<CertificateWarning>,
) -> Result<Authentication, IdentityError> {
    let mut authentication = None;
    for certificate in chain {
        let subject = certificate.subject();
        let Some(kind) = certificate.public_key().authentication() else {
            return Err(IdentityError::WeakKey {
                subject,
                key: certificate.public_key().to_string(),
            });
        };
        authentication.get_or_insert(kind);
        if let Some(algorithm) = certificate.weak_signature() {
            return Err(IdentityError::WeakSignature { subject, algorithm });
        }
    }
    if let Some(leaf) = chain.first() {
        let subject = leaf.subject();
        if leaf.public_key() == &PublicKey::P521 {
            return Err(IdentityError::UnusablePrivateKey {
                cause: "P-521 is not supported".to_owned(),
            });
        }
        if !leaf.has_subject_alt_names() {
            warnings.push(CertificateWarning::NoSubjectAltName {
                subject: subject.clone(),
            });
        }
        if leaf.is_authority() {
            warnings.push(CertificateWarning::IdentityIsAuthority { subject });
        }
    }
    authentication.ok_or(IdentityError::CertificatePem(
        super::identity_error::PemError::NoBlock,
    ))
}
