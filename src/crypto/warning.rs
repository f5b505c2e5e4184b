//! What works and is probably not meant, about certificates. Each is worth one line in a log.

use std::fmt;

use super::wall_time::WallTime;

/// A certificate that works, with a consequence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateWarning {
    /// The certificate has a common name only, as those of Unity's manual.
    NoSubjectAltName {
        /// Whose certificate.
        subject: String,
    },
    /// The identity is a CA certificate, which drumfire's own clients take only as a pin.
    IdentityIsAuthority {
        /// Whose certificate.
        subject: String,
    },
    /// A certificate of the identity's text is not of its chain, and is left out.
    NotOfTheChain {
        /// Whose certificate.
        subject: String,
    },
    /// What was given as CA certificate is none: it is trusted itself, but nothing it signs.
    NoAuthority {
        /// Whose certificate.
        subject: String,
    },
    /// One CA certificate of several is out of date, and not used.
    AuthorityOutOfDate {
        /// Whose certificate.
        subject: String,
        /// Its last moment.
        not_after: WallTime,
    },
    /// One CA signs for the server and for clients.
    SharedAuthority {
        /// The CA.
        issuer: String,
    },
}

impl fmt::Display for CertificateWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSubjectAltName { subject } => write!(
                f,
                "the certificate of `{subject}` has no subject alternative name: it works with a \
                 CA that the client was given, and nowhere else; make a better one with \
                 `openssl x509 -req … -extfile <(printf 'subjectAltName=DNS:NAME')`"
            ),
            Self::IdentityIsAuthority { subject } => write!(
                f,
                "`{subject}` is a CA certificate: clients that were given exactly this one accept \
                 it; better sign another with it"
            ),
            Self::NotOfTheChain { subject } => write!(
                f,
                "`{subject}` is not of the certificate's chain, and will not be sent"
            ),
            Self::NoAuthority { subject } => write!(
                f,
                "`{subject}` was given as CA certificate and does not say CA:TRUE: the peer that \
                 shows it is accepted, and nothing it signs"
            ),
            Self::AuthorityOutOfDate { subject, not_after } => write!(
                f,
                "the CA certificate of `{subject}` is out of date (valid to {not_after}), and not used"
            ),
            Self::SharedAuthority { issuer } => write!(
                f,
                "`{issuer}` signs for servers and for clients: a player whose certificate names the \
                 server can be the server; make two CAs, or sign the players' with \
                 `-extfile <(printf 'extendedKeyUsage=clientAuth')`"
            ),
        }
    }
}
