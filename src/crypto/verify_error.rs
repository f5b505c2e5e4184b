//! Why a peer's certificate or signature was refused, in words for both applications.

use thiserror::Error;

use super::fingerprint::Fingerprint;
use super::wall_time::WallTime;

/// A peer's certificate was refused, or it could not prove that the certificate is its own.
///
/// The text names the item, the cause, and where the user can do something, the remedy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The peer showed no certificate.
    #[error("the peer showed no certificate")]
    NoCertificate,
    /// The certificate cannot be read.
    #[error("the peer's certificate is malformed: {cause}")]
    Malformed {
        /// What the parser said.
        cause: String,
    },
    /// No given CA certificate has the issuer's name.
    #[error(
        "`{subject}` was issued by `{issuer}`, which is none of the given CA certificates \
         ({given}): give the CA certificate that signed it"
    )]
    UnknownIssuer {
        /// Whose certificate.
        subject: String,
        /// Who signed it.
        issuer: String,
        /// The CA certificates that were given.
        given: String,
    },
    /// A CA of the right name has another key.
    #[error(
        "the signature on `{subject}` is not by the key of the given CA `{issuer}`: \
         the CA was made anew, or the certificate is forged"
    )]
    WrongSignature {
        /// Whose certificate.
        subject: String,
        /// Who should have signed it.
        issuer: String,
    },
    /// What was given as CA certificate is none.
    #[error(
        "`{issuer}` was given as CA certificate and is none (it does not say CA:TRUE): \
         it can be trusted itself, but nothing it signs"
    )]
    IssuerIsNoAuthority {
        /// The certificate that was given.
        issuer: String,
    },
    /// The given CA certificate is out of date, or the one between.
    #[error(
        "the CA certificate `{issuer}` is valid from {not_before} to {not_after}, and it is {now}"
    )]
    AuthorityOutOfDate {
        /// Whose certificate.
        issuer: String,
        /// Its first moment.
        not_before: WallTime,
        /// Its last moment.
        not_after: WallTime,
        /// The system's date.
        now: WallTime,
    },
    /// The certificate's time is over.
    #[error("the certificate of `{subject}` expired at {not_after}, and it is {now}: renew it")]
    Expired {
        /// Whose certificate.
        subject: String,
        /// Its last moment.
        not_after: WallTime,
        /// The system's date.
        now: WallTime,
    },
    /// The certificate's time has not come.
    #[error(
        "the certificate of `{subject}` is not valid before {not_before}, and it is {now}: \
         set the clock right, of this machine or of the one that made it"
    )]
    NotYetValid {
        /// Whose certificate.
        subject: String,
        /// Its first moment.
        not_before: WallTime,
        /// The system's date.
        now: WallTime,
    },
    /// The certificate is of another peer.
    #[error(
        "the certificate is for {presented}, not for `{expected}`: set one of its names as server \
         name, or make it for that one with `drumfire certs new --server-name '{expected}'`"
    )]
    WrongName {
        /// The server name that was set.
        expected: String,
        /// The names in the certificate.
        presented: String,
    },
    /// The common name may not be used.
    #[error(
        "the certificate of `{subject}` has no subject alternative name, and its common name does \
         not count: {cause}; sign it again with \
         `openssl x509 -req … -extfile <(printf 'subjectAltName=DNS:NAME')`"
    )]
    CommonNameRefused {
        /// Whose certificate.
        subject: String,
        /// Why it does not count.
        cause: CommonNameRefusal,
    },
    /// The certificate is for something else.
    #[error("the certificate of `{subject}` may not be used for this: it lacks {needed}")]
    WrongUsage {
        /// Whose certificate.
        subject: String,
        /// The usage it lacks.
        needed: &'static str,
    },
    /// A CA certificate was shown as the peer's own.
    #[error(
        "the peer showed the CA certificate `{subject}` as its own: \
         give the server a certificate that the CA signed, or pin this one"
    )]
    PeerIsAuthority {
        /// Whose certificate.
        subject: String,
    },
    /// A signature or key is below SHA-256, RSA-2048 or P-256, or unknown.
    #[error(
        "the certificate of `{subject}` uses {algorithm}: \
         SHA-256 or better, and RSA-2048, P-256 or better are needed"
    )]
    WeakAlgorithm {
        /// Whose certificate.
        subject: String,
        /// What is too weak.
        algorithm: String,
    },
    /// Something in the chain cannot be accepted.
    #[error("the certificate chain of `{subject}` is refused: {cause}")]
    Chain {
        /// Whose certificate.
        subject: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The peer's certificate is not the pinned one.
    #[error("the peer's certificate {presented} is none of those pinned")]
    NotPinned {
        /// Its fingerprint.
        presented: Fingerprint,
    },
    /// The system's roots are for servers.
    #[error(
        "the system's root certificates verify servers only: give a CA certificate for clients"
    )]
    SystemRootsAreForServers,
    /// The peer signed with a scheme that its key does not have.
    #[error("the peer signed with a scheme that does not fit its key ({key})")]
    SchemeDoesNotFitKey {
        /// The key of its certificate.
        key: String,
    },
    /// The peer does not own the certificate it showed.
    #[error("the peer's signature is wrong: it does not hold the private key of its certificate")]
    HandshakeSignature,
}

/// Why a common name does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CommonNameRefusal {
    /// There is none.
    #[error("there is none")]
    Missing,
    /// There are several, and no rule says which is meant.
    #[error("there are {count}")]
    Several {
        /// How many.
        count: usize,
    },
    /// Its encoding is not read.
    #[error("its encoding is not UTF-8 or ASCII")]
    Unreadable,
    /// It has a wildcard, which only alternative names may.
    #[error("it has a wildcard")]
    Wildcard,
    /// It has a control character: a NUL hides what follows.
    #[error("it has a control character")]
    ControlCharacter,
    /// A CA's name constraints do not reach common names.
    #[error("a CA of its chain has name constraints, which do not reach common names")]
    NameConstraints,
    /// The trust demands alternative names.
    #[error("`require_san` is set")]
    Required,
    /// Only a CA that the user gave vouches for common names.
    #[error("with the system's root certificates only alternative names do")]
    SystemRoots,
}

impl VerifyError {
    /// The alert that tells the peer (RFC 5246 §7.2.2, RFC 8446 §6.2).
    pub(crate) fn alert(&self) -> u8 {
        const BAD_CERTIFICATE: u8 = 42;
        const UNSUPPORTED_CERTIFICATE: u8 = 43;
        const CERTIFICATE_EXPIRED: u8 = 45;
        const CERTIFICATE_UNKNOWN: u8 = 46;
        const ILLEGAL_PARAMETER: u8 = 47;
        const UNKNOWN_CA: u8 = 48;
        const DECRYPT_ERROR: u8 = 51;
        const INTERNAL_ERROR: u8 = 80;
        match self {
            Self::UnknownIssuer { .. }
            | Self::IssuerIsNoAuthority { .. }
            | Self::AuthorityOutOfDate { .. } => UNKNOWN_CA,
            Self::Expired { .. } | Self::NotYetValid { .. } => CERTIFICATE_EXPIRED,
            Self::WrongUsage { .. } | Self::WeakAlgorithm { .. } => UNSUPPORTED_CERTIFICATE,
            Self::NotPinned { .. } => CERTIFICATE_UNKNOWN,
            Self::SchemeDoesNotFitKey { .. } => ILLEGAL_PARAMETER,
            Self::HandshakeSignature => DECRYPT_ERROR,
            Self::SystemRootsAreForServers => INTERNAL_ERROR,
            Self::NoCertificate
            | Self::Malformed { .. }
            | Self::WrongSignature { .. }
            | Self::WrongName { .. }
            | Self::CommonNameRefused { .. }
            | Self::PeerIsAuthority { .. }
            | Self::Chain { .. } => BAD_CERTIFICATE,
        }
    }
}
