//! A certificate as people look at it: what `drumfire certs show` prints.

use x509_cert::certificate::Version;

use super::certificate::{Certificate, CommonName};
use super::fingerprint::Fingerprint;
use super::identity_error::IdentityError;
use super::pem;
use super::printable::printable;
use super::provider::sha256;
use super::trust;
use super::verify_error::VerifyError;
use super::wall_time::WallTime;
use super::warning::CertificateWarning;

/// What stands in a certificate. Nothing about it was verified.
#[derive(Clone, Debug)]
pub struct CertificateSummary {
    certificate: Certificate,
    names: Vec<String>,
    key_fingerprint: Fingerprint,
}

impl CertificateSummary {
    /// The certificates of a PEM text, in its order.
    ///
    /// # Errors
    ///
    /// The text holds none, or the certificate that cannot be read.
    pub fn from_pem(text: impl AsRef<[u8]>) -> Result<Vec<Self>, IdentityError> {
        let certificates =
            pem::certificates(text.as_ref()).map_err(IdentityError::CertificatePem)?;
        let read = |(index, der): (usize, Vec<u8>)| {
            Self::of(&der).map_err(|error| IdentityError::MalformedCertificate {
                number: index + 1,
                cause: error.to_string(),
            })
        };
        certificates.into_iter().enumerate().map(read).collect()
    }

    fn of(der: &[u8]) -> Result<Self, VerifyError> {
        let certificate = Certificate::parse(der)?;
        let names = match certificate.common_name() {
            _ if certificate.has_subject_alt_names() => certificate.alt_names(),
            CommonName::One(name) => vec![name],
            _ => Vec::new(),
        };
        let key_fingerprint = Fingerprint(sha256(certificate.raw()?.key_info));
        Ok(Self {
            names: names.iter().map(|name| printable(name)).collect(),
            key_fingerprint,
            certificate,
        })
    }

    /// Whose certificate it is.
    pub fn subject(&self) -> String {
        self.certificate.subject()
    }

    /// Who says so.
    pub fn issuer(&self) -> String {
        self.certificate.issuer()
    }

    /// Host names and addresses of the subject alternative names, or else the common name.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Its first moment.
    pub fn not_before(&self) -> WallTime {
        self.certificate.not_before()
    }

    /// Its last moment.
    pub fn not_after(&self) -> WallTime {
        self.certificate.not_after()
    }

    /// The kind of its key: `P-256`, `RSA-2048`.
    pub fn key(&self) -> String {
        self.certificate.public_key().to_string()
    }

    /// The version of X.509: 1 to 3.
    pub fn version(&self) -> u8 {
        match self.certificate.version() {
            Version::V1 => 1,
            Version::V2 => 2,
            Version::V3 => 3,
        }
    }

    /// Whether it says that it may sign others.
    pub fn is_authority(&self) -> bool {
        self.certificate.is_authority()
    }

    /// SHA-256 of the certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.certificate.fingerprint()
    }

    /// SHA-256 of its public key, as [`Trust::pinned_public_key`](super::Trust::pinned_public_key)
    /// takes it.
    pub fn key_fingerprint(&self) -> Fingerprint {
        self.key_fingerprint
    }

    /// Why nobody accepts it at this date, whatever it is shown for: out of date, or too weak.
    pub fn refusal(&self, now: WallTime) -> Option<VerifyError> {
        trust::check_date_and_strength(&self.certificate, now).err()
    }

    /// What works and is probably not meant.
    pub fn warnings(&self) -> Vec<CertificateWarning> {
        let nameless = !self.certificate.has_subject_alt_names() && !self.is_authority();
        let warning = nameless.then(|| CertificateWarning::NoSubjectAltName {
            subject: self.subject(),
        });
        warning.into_iter().collect()
    }
}
