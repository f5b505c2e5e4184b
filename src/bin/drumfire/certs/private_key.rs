//! New private keys, and signatures on certificates: the provider's, under one roof.

use x509_cert::der::asn1::{AnyRef, BitString, Null, OctetStringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{self, Decode, Encode, Reader, SliceReader};
use x509_cert::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfo};
use zeroize::Zeroizing;

use super::pem::{self, Label};
use super::provider::{self, KeyPair};
use crate::failure::Failure;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// The kinds of keys that are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// ECDSA on P-256: a handshake costs the server a tenth of what RSA costs it.
    Ecdsa,
    /// RSA-2048, as in Unity's manual.
    Rsa,
}

/// A private key. Its bytes are wiped when it is dropped.
pub(super) struct PrivateKey {
    kind: KeyKind,
    pair: KeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
}

impl PrivateKey {
    pub(super) fn generate(kind: KeyKind) -> Result<Self, Failure> {
        let (pair, pkcs8) = match kind {
            KeyKind::Ecdsa => provider::ecdsa()?,
            KeyKind::Rsa => provider::rsa()?,
        };
        Ok(Self { kind, pair, pkcs8 })
    }

    /// The `SubjectPublicKeyInfo`, in DER.
    pub(super) fn public_key(&self) -> der::Result<Vec<u8>> {
        let algorithm = match self.kind {
            KeyKind::Ecdsa => AlgorithmIdentifierRef {
                oid: EC_PUBLIC_KEY,
                parameters: Some((&P256).into()),
            },
            KeyKind::Rsa => AlgorithmIdentifierRef {
                oid: RSA_ENCRYPTION,
                parameters: Some(AnyRef::from(Null)),
            },
        };
        SubjectPublicKeyInfo {
            algorithm,
            subject_public_key: BitString::from_bytes(self.pair.public_key())?,
        }
        .to_der()
    }

    /// The first 160 bits of the public key's SHA-256 (RFC 7093 §2, method 1).
    pub(super) fn identifier(&self) -> Vec<u8> {
        let mut hash = provider::sha256(self.pair.public_key());
        hash.truncate(20);
        hash
    }

    /// How its signatures are called, in DER.
    pub(super) fn signature_algorithm(&self) -> der::Result<Vec<u8>> {
        let (oid, parameters) = match self.kind {
            KeyKind::Ecdsa => (ECDSA_WITH_SHA256, None),
            KeyKind::Rsa => (SHA256_WITH_RSA, Some(AnyRef::from(Null))),
        };
        AlgorithmIdentifierRef { oid, parameters }.to_der()
    }

    /// Signs with SHA-256.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        self.pair.sign(message)
    }

    /// As a PKCS#8 file.
    pub(super) fn pem(&self) -> Zeroizing<String> {
        pem::text(Label::PrivateKey, &self.pkcs8)
    }

    /// As the files of Unity's manual have it: what stands inside of PKCS#8.
    pub(super) fn traditional_pem(&self) -> der::Result<Zeroizing<String>> {
        let inner = SliceReader::new(&self.pkcs8)?.sequence(|body| {
            body.tlv_bytes()?; // version
            body.tlv_bytes()?; // algorithm
            let inner = <&OctetStringRef>::decode(body)?;
            while !body.is_finished() {
                body.tlv_bytes()?;
            }
            Ok::<_, der::Error>(inner)
        })?;
        let label = match self.kind {
            KeyKind::Ecdsa => Label::EcPrivateKey,
            KeyKind::Rsa => Label::RsaPrivateKey,
        };
        Ok(pem::text(label, inner.as_bytes()))
    }
}
