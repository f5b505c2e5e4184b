//! The parts of a certificate as they stand in it, byte for byte; and what kind its key is.
//!
//! Names and keys are compared, and signatures checked, over these bytes, never over bytes that were
//! read and written again.

use std::fmt;

use x509_cert::der::asn1::{AnyRef, BitStringRef, UintRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{self, Decode, Reader, SliceReader, Tag};

use super::scheme::Authentication;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// The bytes of a certificate's parts, as they stand in it.
pub(super) struct Raw<'a> {
    /// What is signed.
    pub(super) signed: &'a [u8],
    /// The algorithm of the signature: an `AlgorithmIdentifier`'s content.
    pub(super) signature_algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
    /// Names: a whole `Name`.
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    /// The whole `SubjectPublicKeyInfo`.
    pub(super) key_info: &'a [u8],
    /// Its algorithm: an `AlgorithmIdentifier`'s content.
    pub(super) key_algorithm: &'a [u8],
    pub(super) public_key: &'a [u8],
}

impl<'a> Raw<'a> {
    pub(super) fn read(certificate: &'a [u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(certificate)?;
        let (signed, algorithm, signature) = reader.sequence(|body| {
            let signed = body.tlv_bytes()?;
            let algorithm = body.tlv_bytes()?;
            Ok::<_, der::Error>((signed, algorithm, BitStringRef::decode(body)?))
        })?;
        let mut reader = SliceReader::new(signed)?;
        let (issuer, subject, key_info) = reader.sequence(|body| {
            // The version, where it is not the default: v1.
            if Tag::peek(body)?.is_context_specific() {
                body.tlv_bytes()?;
            }
            body.tlv_bytes()?; // serial number
            body.tlv_bytes()?; // signature algorithm, again
            let issuer = body.tlv_bytes()?;
            body.tlv_bytes()?; // validity
            let (subject, key_info) = (body.tlv_bytes()?, body.tlv_bytes()?);
            while !body.is_finished() {
                body.tlv_bytes()?; // unique ids, extensions
            }
            Ok::<_, der::Error>((issuer, subject, key_info))
        })?;
        let (key_algorithm, public_key) = SliceReader::new(key_info)?.sequence(|body| {
            Ok::<_, der::Error>((body.tlv_bytes()?, BitStringRef::decode(body)?))
        })?;
        let whole_bytes = |bits: BitStringRef<'a>| {
            let bytes = bits.as_bytes();
            bytes.ok_or_else(|| der::Error::from(Tag::BitString.value_error()))
        };
        Ok(Self {
            signed,
            signature_algorithm: content(algorithm)?,
            signature: whole_bytes(signature)?,
            issuer,
            subject,
            key_info,
            key_algorithm: content(key_algorithm)?,
            public_key: whole_bytes(public_key)?,
        })
    }
}

/// The kind of a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    Rsa { bits: usize },
    P256,
    P384,
    P521,
    Ed25519,
    Other(String),
}

impl PublicKey {
    /// Reads the kind off a certificate.
    pub(super) fn of(raw: &Raw<'_>) -> Self {
        let mut parameters = None;
        let Ok(mut reader) = SliceReader::new(raw.key_algorithm) else {
            return Self::Other("a malformed key".to_owned());
        };
        let Ok(algorithm) = ObjectIdentifier::decode(&mut reader) else {
            return Self::Other("a malformed key".to_owned());
        };
        if !reader.is_finished() {
            parameters = ObjectIdentifier::decode(&mut reader).ok();
        }
        match (algorithm, parameters) {
            (RSA_ENCRYPTION, _) => Self::Rsa {
                bits: modulus_bits(raw.public_key).unwrap_or(0),
            },
            (EC_PUBLIC_KEY, Some(P256)) => Self::P256,
            (EC_PUBLIC_KEY, Some(P384)) => Self::P384,
            (EC_PUBLIC_KEY, Some(P521)) => Self::P521,
            (EC_PUBLIC_KEY, Some(curve)) => Self::Other(format!("the curve {curve}")),
            (ED25519, None) => Self::Ed25519,
            (other, _) => Self::Other(format!("a key of the algorithm {other}")),
        }
    }

    /// What suites it fits; `None` below the floor of R18 (RSA-2048, P-256).
    pub(super) fn authentication(&self) -> Option<Authentication> {
        match self {
            Self::Rsa { bits } => (*bits >= 2_048).then_some(Authentication::Rsa),
            Self::P256 | Self::P384 | Self::P521 | Self::Ed25519 => Some(Authentication::Ecdsa),
            Self::Other(_) => None,
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA-{bits}"),
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::P521 => f.write_str("P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// The content of one TLV.
fn content(tlv: &[u8]) -> der::Result<&[u8]> {
    Ok(AnyRef::from_der(tlv)?.value())
}

/// Bits of an RSA modulus (RFC 8017 appendix A.1.1: the first of two integers).
fn modulus_bits(public_key: &[u8]) -> der::Result<usize> {
    SliceReader::new(public_key)?.sequence(|body| {
        let modulus = UintRef::decode(body)?;
        body.tlv_bytes()?;
        let bytes = modulus.as_bytes();
        let zeros = bytes.first().map_or(0, |first| first.leading_zeros());
        Ok((bytes.len() * 8).saturating_sub(zeros as usize))
    })
}
