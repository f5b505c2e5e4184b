//! The operating system's root certificates, by its own verifier.

use rustls::Error;
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::CertificateDer;
use rustls_platform_verifier::Verifier;

use super::certificate::{Certificate, Purpose};
use super::name::{self, ServerName};
use super::verify_error::{CommonNameRefusal, VerifyError};
use super::wall_time::WallTime;

/// Chain and name of a server, by subject alternative names only.
pub(super) fn verify(
    verifier: &Verifier,
    leaf: &Certificate,
    rest: &[&[u8]],
    purpose: Purpose,
    expected: Option<&ServerName>,
    now: WallTime,
) -> Result<(), VerifyError> {
    if purpose != Purpose::ServerAuthentication {
        return Err(VerifyError::SystemRootsAreForServers);
    }
    let expected = expected.ok_or(VerifyError::SystemRootsAreForServers)?;
    if !leaf.has_subject_alt_names() {
        return Err(VerifyError::CommonNameRefused {
            subject: leaf.subject(),
            cause: CommonNameRefusal::SystemRoots,
        });
    }
    if leaf.is_authority() {
        return Err(VerifyError::PeerIsAuthority {
            subject: leaf.subject(),
        });
    }
    // Systems differ in what they compare: so do it here, once and for all.
    name::check_alt_names(leaf, expected)?;
    let Some(wire) = expected.wire() else {
        return Err(VerifyError::WrongName {
            expected: expected.as_str().to_owned(),
            presented: format!("`{}`", leaf.alt_names().join("`, `")),
        });
    };
    let rest: Vec<_> = rest.iter().map(|der| CertificateDer::from(*der)).collect();
    let verified = verifier.verify_server_cert(leaf.der(), &rest, wire, &[], now.to_unix_time());
    match verified {
        Ok(_) => Ok(()),
        Err(Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)) => {
            Err(VerifyError::UnknownIssuer {
                subject: leaf.subject(),
                issuer: leaf.issuer(),
                given: "those of the operating system".to_owned(),
            })
        }
        Err(error) => Err(VerifyError::Chain {
            subject: leaf.subject(),
            cause: error.to_string(),
        }),
    }
}
