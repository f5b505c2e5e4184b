//! Why a handshake failed, in words for both applications, and whose fault it is.

use std::time::Duration;

use thiserror::Error;

use crate::crypto::{CryptoError, VerifyError};
use crate::wire::handshake::{MalformedMessage, MessageKind};
use crate::wire::record::{AlertDescription, ProtocolVersion};

/// A handshake failed. The connection ends, and nothing else does.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The peer does not speak DTLS 1.2.
    #[error("the peer speaks no DTLS 1.2 (it says {version:04x}): update it")]
    Version {
        /// The version it names.
        version: u16,
    },
    /// None of the peer's cipher suites is spoken, or fits the server's key.
    #[error(
        "no common cipher suite: {offered} were offered, and with a certificate for {key} only \
         ECDHE-{key} with ChaCha20-Poly1305 or AES-256-GCM will do"
    )]
    NoCommonSuite {
        /// How many the peer offered.
        offered: usize,
        /// The kind of the server's key.
        key: &'static str,
    },
    /// None of the peer's groups is spoken.
    #[error("no common group: the peer offered neither x25519 nor P-256 nor P-384")]
    NoCommonGroup,
    /// The peer takes no signature the server's key can make.
    #[error("the peer takes no signature that our private key can make")]
    NoCommonSignature,
    /// The peer does not bind its keys to the handshake.
    #[error("the peer does not offer the extended master secret (RFC 7627): update it")]
    NoExtendedMasterSecret,
    /// The peer does not know of secure renegotiation.
    #[error("the peer does not indicate secure renegotiation (RFC 5746): update it")]
    NoRenegotiationIndication,
    /// The peer takes this handshake for the renegotiation of another one.
    #[error(
        "the peer renegotiates what was never negotiated (RFC 5746): somebody may stand between it \
         and us"
    )]
    Renegotiation,
    /// A message that is not legal at this point.
    #[error("{got} instead of {awaited}")]
    Unexpected {
        /// The message.
        got: &'static str,
        /// What should have come.
        awaited: &'static str,
    },
    /// A message that cannot be read.
    #[error("{message} cannot be read: {cause}")]
    Malformed {
        /// The message.
        message: &'static str,
        /// What is wrong with it.
        cause: MalformedMessage,
    },
    /// A message with a value it must not have.
    #[error("{message} has {what}")]
    IllegalParameter {
        /// The message.
        message: &'static str,
        /// The value.
        what: &'static str,
    },
    /// An answer to an extension that was not offered.
    #[error("the server answers extension {kind}, which was not offered")]
    UnsolicitedExtension {
        /// The extension's number.
        kind: u16,
    },
    /// The peer's certificate or signature was refused.
    #[error("{0}")]
    Certificate(#[from] VerifyError),
    /// The client showed no certificate, and must.
    #[error(
        "the client showed no certificate, and one is required: give the client a certificate and \
         its private key"
    )]
    ClientCertificateMissing,
    /// Both sides saw different handshakes.
    #[error("the peer's Finished is wrong: somebody changed the handshake on its way")]
    WrongFinished,
    /// The peer gave up, and said why.
    #[error("the peer gave up with {description}{}", explanation(*.description))]
    PeerAlert {
        /// What it said.
        description: AlertDescription,
    },
    /// Nothing came, or not enough.
    #[error("no {awaited} within {} ms: {}", .after.as_millis(), silence(*.heard))]
    TimedOut {
        /// What should have come.
        awaited: &'static str,
        /// The time allowed.
        after: Duration,
        /// Whether anything at all came.
        heard: bool,
    },
    /// The signature came too late for the client's hello.
    #[error("the handshake waited longer than {} ms for its signature", .after.as_millis())]
    SignatureTooLate {
        /// The time allowed.
        after: Duration,
    },
    /// The system's random generator failed.
    #[error("the system's random generator failed")]
    RandomFailed,
    /// The provider could not sign.
    #[error("the provider failed to sign")]
    SigningFailed,
}

/// Whose fault it is that a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeFault {
    /// The peer's, or whoever speaks in its place.
    Peer,
    /// Ours: a setting, this machine, or its load.
    Ours,
    /// Either side's: their settings do not fit.
    Either,
    /// The network's, or nobody is there.
    Network,
}

impl HandshakeError {
    /// Whose fault it is.
    pub fn fault(&self) -> HandshakeFault {
        match self {
            Self::Version { .. }
            | Self::NoExtendedMasterSecret
            | Self::NoRenegotiationIndication
            | Self::Renegotiation
            | Self::Unexpected { .. }
            | Self::Malformed { .. }
            | Self::IllegalParameter { .. }
            | Self::UnsolicitedExtension { .. }
            | Self::ClientCertificateMissing
            | Self::WrongFinished => HandshakeFault::Peer,
            Self::NoCommonSuite { .. }
            | Self::NoCommonGroup
            | Self::NoCommonSignature
            | Self::Certificate(_)
            | Self::PeerAlert { .. } => HandshakeFault::Either,
            Self::TimedOut { .. } => HandshakeFault::Network,
            Self::SignatureTooLate { .. } | Self::RandomFailed | Self::SigningFailed => {
                HandshakeFault::Ours
            }
        }
    }

    /// What to tell the peer; none if it knows, is not there, or has gone on.
    pub(super) fn alert(&self) -> Option<AlertDescription> {
        Some(match self {
            Self::Version { .. } => AlertDescription::PROTOCOL_VERSION,
            Self::NoCommonSuite { .. }
            | Self::NoCommonGroup
            | Self::NoCommonSignature
            | Self::NoExtendedMasterSecret
            | Self::NoRenegotiationIndication
            // RFC 5746 §3.4 and §3.6 name it.
            | Self::Renegotiation
            // RFC 5246 §7.4.6: a client that shows no certificate is refused with this one.
            | Self::ClientCertificateMissing => AlertDescription::HANDSHAKE_FAILURE,
            Self::Unexpected { .. } => AlertDescription::UNEXPECTED_MESSAGE,
            Self::Malformed { .. } => AlertDescription::DECODE_ERROR,
            Self::IllegalParameter { .. } => AlertDescription::ILLEGAL_PARAMETER,
            Self::UnsolicitedExtension { .. } => AlertDescription::UNSUPPORTED_EXTENSION,
            Self::Certificate(cause) => AlertDescription(cause.alert()),
            Self::WrongFinished => AlertDescription::DECRYPT_ERROR,
            Self::RandomFailed | Self::SigningFailed => AlertDescription::INTERNAL_ERROR,
            Self::PeerAlert { .. } | Self::TimedOut { .. } | Self::SignatureTooLate { .. } => {
                return None;
            }
        })
    }

    pub(super) fn version(version: ProtocolVersion) -> Self {
        Self::Version { version: version.0 }
    }

    pub(super) fn malformed(message: MessageKind) -> impl FnOnce(MalformedMessage) -> Self {
        move |cause| Self::Malformed {
            message: message.name(),
            cause,
        }
    }

    pub(super) fn illegal(message: MessageKind, what: &'static str) -> Self {
        Self::IllegalParameter {
            message: message.name(),
            what,
        }
    }
}

impl From<CryptoError> for HandshakeError {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::RandomFailed => Self::RandomFailed,
            CryptoError::BadKeyShare => Self::IllegalParameter {
                message: "the key exchange",
                what: "a public key that is no point of its group",
            },
            CryptoError::NoCommonScheme => Self::NoCommonSignature,
            CryptoError::SigningFailed => Self::SigningFailed,
        }
    }
}

/// What an alert means for whoever reads it.
fn explanation(description: AlertDescription) -> &'static str {
    match description {
        AlertDescription::UNKNOWN_CA => {
            ": it does not trust the CA of our certificate; give it that CA's certificate"
        }
        AlertDescription::BAD_CERTIFICATE => {
            ": it refused our certificate; compare its server name with the certificate's names"
        }
        AlertDescription::CERTIFICATE_EXPIRED => {
            ": our certificate is out of date, or the peer's clock is wrong"
        }
        AlertDescription::CERTIFICATE_UNKNOWN
        | AlertDescription::UNSUPPORTED_CERTIFICATE
        | AlertDescription::ACCESS_DENIED => ": it refused our certificate",
        AlertDescription::HANDSHAKE_FAILURE => {
            ": no common cipher suite, or it requires a certificate that was not shown"
        }
        AlertDescription::PROTOCOL_VERSION => ": it does not speak DTLS 1.2",
        _ => "",
    }
}

fn silence(heard: bool) -> &'static str {
    if heard {
        "the peer answered, and then too little came through"
    } else {
        "nothing came back; is the peer there, and does it speak DTLS?"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_to_do() {
        let refused = HandshakeError::PeerAlert {
            description: AlertDescription::UNKNOWN_CA,
        };
        assert_eq!(
            refused.to_string(),
            "the peer gave up with unknown_ca: it does not trust the CA of our certificate; \
             give it that CA's certificate"
        );
        let silent = HandshakeError::TimedOut {
            awaited: "ServerHello",
            after: Duration::from_secs(10),
            heard: false,
        };
        assert_eq!(
            silent.to_string(),
            "no ServerHello within 10000 ms: nothing came back; is the peer there, and does it \
             speak DTLS?"
        );
        assert_eq!(silent.alert(), None);
        assert_eq!(silent.fault(), HandshakeFault::Network);
    }
}
