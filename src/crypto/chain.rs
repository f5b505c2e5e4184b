//! From a leaf to a CA that the user gave: which rule, and webpki's words explained.
//!
//! No path is built here: version 3 is webpki's, and version 1 has none ([`legacy`]).

use rustls_pki_types::CertificateDer;
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};
use x509_cert::certificate::Version;

use super::authority::{Authority, unknown_issuer};
use super::certificate::{Certificate, Purpose};
use super::legacy;
use super::provider::provider;
use super::verify_error::VerifyError;
use super::wall_time::WallTime;

/// The chain from the leaf to a given CA.
pub(super) fn verify(
    leaf: &Certificate,
    rest: &[&[u8]],
    authorities: &[Authority],
    purpose: Purpose,
    now: WallTime,
) -> Result<NameConstraints, VerifyError> {
    match leaf.version() {
        Version::V1 => {
            let authority = legacy::verify(leaf, authorities, purpose, now)?;
            Ok(authority.certificate().has_name_constraints().into())
        }
        Version::V2 => Err(VerifyError::Chain {
            subject: leaf.subject(),
            cause: "it is of X.509 version 2".to_owned(),
        }),
        Version::V3 if leaf.is_authority() => Err(VerifyError::PeerIsAuthority {
            subject: leaf.subject(),
        }),
        Version::V3 => verify_path(leaf, rest, authorities, purpose, now),
    }
}

/// Whether a CA of the chain limits the names below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameConstraints {
    None,
    Some,
}

impl From<bool> for NameConstraints {
    fn from(there: bool) -> Self {
        if there { Self::Some } else { Self::None }
    }
}

/// The chain of a version-3 leaf, by webpki.
fn verify_path(
    leaf: &Certificate,
    rest: &[&[u8]],
    authorities: &[Authority],
    purpose: Purpose,
    now: WallTime,
) -> Result<NameConstraints, VerifyError> {
    let end_entity = EndEntityCert::try_from(leaf.der());
    let end_entity = end_entity.map_err(|error| explain(error, leaf, authorities, purpose, now))?;
    let anchors: Vec<_> = authorities
        .iter()
        .filter(|one| one.usable(purpose, now))
        .map(|one| one.anchor().clone())
        .collect();
    let intermediates: Vec<_> = rest.iter().map(|der| CertificateDer::from(*der)).collect();
    let usage = match purpose {
        Purpose::ServerAuthentication => KeyUsage::server_auth(),
        Purpose::ClientAuthentication => KeyUsage::client_auth(),
    };
    let path = end_entity
        .verify_for_usage(
            provider().signature_verification_algorithms.all,
            &anchors,
            &intermediates,
            now.to_unix_time(),
            usage,
            None,
            Some(&may_all_sign),
        )
        .map_err(|error| explain(error, leaf, authorities, purpose, now))?;
    let constrained = path.anchor().name_constraints.is_some()
        || path
            .intermediate_certificates()
            .any(|one| Certificate::parse(&one.der()).is_ok_and(|one| one.has_name_constraints()));
    Ok(constrained.into())
}

/// RFC 5280 §6.1.4 (n): a key usage of an intermediate must allow signing. webpki leaves that out.
fn may_all_sign(path: &VerifiedPath<'_>) -> Result<(), webpki::Error> {
    for one in path.intermediate_certificates() {
        let read = Certificate::parse(&one.der()).map_err(|_| webpki::Error::BadDer)?;
        if !read.may_sign_certificates() {
            return Err(webpki::Error::EndEntityUsedAsCa);
        }
    }
    Ok(())
}

/// webpki's refusal, with what it cannot know: which given CA was nearly the right one.
fn explain(
    error: webpki::Error,
    leaf: &Certificate,
    authorities: &[Authority],
    purpose: Purpose,
    now: WallTime,
) -> VerifyError {
    use webpki::Error;
    let subject = leaf.subject();
    let issuer = leaf.raw().map(|raw| raw.issuer.to_vec());
    if matches!(error, Error::UnknownIssuer | Error::UnsupportedCertVersion)
        && let Some(nearly) = authorities
            .iter()
            .find(|one| issuer.as_deref() == Ok(one.subject()) && !one.usable(purpose, now))
    {
        return nearly.refusal(purpose, now);
    }
    match error {
        Error::UnknownIssuer => unknown_issuer(leaf, authorities),
        Error::UnsupportedCertVersion => VerifyError::Chain {
            subject,
            cause: "a CA certificate in it is of X.509 version 1".to_owned(),
        },
        Error::InvalidSignatureForPublicKey => VerifyError::WrongSignature {
            subject,
            issuer: leaf.issuer(),
        },
        Error::UnsupportedCriticalExtension => VerifyError::Chain {
            subject,
            cause: "it has a critical extension that is not known".to_owned(),
        },
        Error::NameConstraintViolation => VerifyError::Chain {
            subject,
            cause: "a name is outside the name constraints of its CA".to_owned(),
        },
        Error::PathLenConstraintViolated => VerifyError::Chain {
            subject,
            cause: "there are more CA certificates in it than a CA of it allows".to_owned(),
        },
        Error::EndEntityUsedAsCa => VerifyError::Chain {
            subject,
            cause: "a certificate in it signed another and is no CA".to_owned(),
        },
        Error::CertExpired { .. } => VerifyError::Chain {
            subject,
            cause: format!("a CA certificate in it has expired, and it is {now}"),
        },
        Error::CertNotValidYet { .. } => VerifyError::Chain {
            subject,
            cause: format!("a CA certificate in it is not yet valid, and it is {now}"),
        },
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            VerifyError::WeakAlgorithm {
                subject,
                algorithm: "a weak or unknown signature in its chain".to_owned(),
            }
        }
        other => VerifyError::Chain {
            subject,
            cause: other.to_string(),
        },
    }
}
