//! One CA certificate that the user gave, and what it may vouch for.

use rustls_pki_types::TrustAnchor;
use x509_cert::certificate::Version;

use super::certificate::{Certificate, Purpose};
use super::identity_error::TrustError;
use super::verify_error::VerifyError;
use super::wall_time::WallTime;

/// One given CA certificate.
#[derive(Debug)]
pub(super) struct Authority {
    certificate: Certificate,
    subject: Vec<u8>,
    anchor: TrustAnchor<'static>,
}

impl Authority {
    pub(super) fn new(der: &[u8], number: usize) -> Result<Self, TrustError> {
        let malformed = |cause: String| TrustError::Malformed { number, cause };
        let certificate = Certificate::parse(der).map_err(|error| malformed(error.to_string()))?;
        if certificate.public_key().authentication().is_none() {
            return Err(TrustError::WeakKey {
                subject: certificate.subject(),
                key: certificate.public_key().to_string(),
            });
        }
        let anchor = webpki::anchor_from_trusted_cert(certificate.der())
            .map_err(|error| malformed(error.to_string()))?
            .to_owned();
        let subject = certificate
            .raw()
            .map_err(|error| malformed(error.to_string()))?
            .subject
            .to_vec();
        Ok(Self {
            certificate,
            subject,
            anchor,
        })
    }

    pub(super) fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its public key, as webpki takes it.
    pub(super) fn anchor(&self) -> &TrustAnchor<'static> {
        &self.anchor
    }

    /// Its name, in DER.
    pub(super) fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// Whether it may sign others: it says so; or it is of version 1, which cannot, and signed
    /// itself, which only a root does.
    pub(super) fn is_issuer(&self) -> bool {
        match self.certificate.version() {
            Version::V1 => self.certificate.is_self_issued(),
            Version::V2 => false,
            Version::V3 => {
                self.certificate.is_authority() && self.certificate.may_sign_certificates()
            }
        }
    }

    /// Whether what it signed is accepted for `purpose`.
    pub(super) fn usable(&self, purpose: Purpose, now: WallTime) -> bool {
        self.is_issuer() && self.certificate.in_date(now) && self.certificate.serves(purpose)
    }

    /// Why it is not [`usable`](Self::usable).
    pub(super) fn refusal(&self, purpose: Purpose, now: WallTime) -> VerifyError {
        let issuer = self.certificate.subject();
        if !self.is_issuer() {
            VerifyError::IssuerIsNoAuthority { issuer }
        } else if !self.certificate.in_date(now) {
            VerifyError::AuthorityOutOfDate {
                issuer,
                not_before: self.certificate.not_before(),
                not_after: self.certificate.not_after(),
                now,
            }
        } else {
            VerifyError::WrongUsage {
                subject: issuer,
                needed: purpose.extension_value(),
            }
        }
    }
}

/// None of the given CAs has the name of the leaf's issuer.
pub(super) fn unknown_issuer(leaf: &Certificate, authorities: &[Authority]) -> VerifyError {
    const SHOWN: usize = 3;
    let mut given: Vec<_> = authorities
        .iter()
        .take(SHOWN)
        .map(|one| format!("`{}`", one.certificate().subject()))
        .collect();
    if authorities.len() > SHOWN {
        given.push(format!("{} more", authorities.len() - SHOWN));
    }
    VerifyError::UnknownIssuer {
        subject: leaf.subject(),
        issuer: leaf.issuer(),
        given: given.join(", "),
    }
}
