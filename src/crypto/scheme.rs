//! Signature schemes, and the keys that make them.

/// What key a suite's server certificate must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Authentication {
    /// An ECDSA key; Ed25519 counts as one (RFC 8422 §5.1.1).
    Ecdsa,
    /// An RSA key.
    Rsa,
}

/// A signature scheme, by its number on the wire (RFC 8446 §4.2.3; in TLS 1.2 a pair of hash and
/// signature, RFC 5246 §7.4.1.4.1). SHA-256 or better, as the floor of R18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SignatureScheme {
    /// In TLS 1.2 with any curve.
    EcdsaSha256,
    /// In TLS 1.2 with any curve.
    EcdsaSha384,
    /// In TLS 1.2 with any curve.
    EcdsaSha512,
    /// RFC 8422.
    Ed25519,
    /// RSASSA-PSS, with an ordinary RSA key.
    PssSha256,
    /// RSASSA-PSS, with an ordinary RSA key.
    PssSha384,
    /// RSASSA-PSS, with an ordinary RSA key.
    PssSha512,
    /// RSASSA-PKCS1-v1_5: all that mbed TLS 2.28 takes of an RSA key.
    Pkcs1Sha256,
    /// RSASSA-PKCS1-v1_5.
    Pkcs1Sha384,
    /// RSASSA-PKCS1-v1_5.
    Pkcs1Sha512,
}

impl SignatureScheme {
    /// All of them, as we offer them.
    pub(crate) const ALL: [Self; 10] = [
        Self::EcdsaSha256,
        Self::EcdsaSha384,
        Self::EcdsaSha512,
        Self::Ed25519,
        Self::PssSha256,
        Self::PssSha384,
        Self::PssSha512,
        Self::Pkcs1Sha256,
        Self::Pkcs1Sha384,
        Self::Pkcs1Sha512,
    ];

    /// The number on the wire.
    pub(crate) const fn id(self) -> u16 {
        match self {
            Self::EcdsaSha256 => 0x0403,
            Self::EcdsaSha384 => 0x0503,
            Self::EcdsaSha512 => 0x0603,
            Self::Ed25519 => 0x0807,
            Self::PssSha256 => 0x0804,
            Self::PssSha384 => 0x0805,
            Self::PssSha512 => 0x0806,
            Self::Pkcs1Sha256 => 0x0401,
            Self::Pkcs1Sha384 => 0x0501,
            Self::Pkcs1Sha512 => 0x0601,
        }
    }

    /// The scheme of a number on the wire, if it is spoken.
    pub(crate) fn from_id(id: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.id() == id)
    }

    /// What key makes it.
    pub(crate) const fn authentication(self) -> Authentication {
        match self {
            Self::EcdsaSha256 | Self::EcdsaSha384 | Self::EcdsaSha512 | Self::Ed25519 => {
                Authentication::Ecdsa
            }
            Self::PssSha256
            | Self::PssSha384
            | Self::PssSha512
            | Self::Pkcs1Sha256
            | Self::Pkcs1Sha384
            | Self::Pkcs1Sha512 => Authentication::Rsa,
        }
    }
}
