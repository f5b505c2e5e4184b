//! The peer's certificates and signatures.
//!
//! Source: RFC 5246 §7.4.1.4.1 and §7.4.8, RFC 8422 §5.4, RFC 8446 §4.2.3 for the numbers.

use std::cell::RefCell;
use std::collections::HashMap;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA384_ASN1, EcdsaKeyPair,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair, UnparsedPublicKey,
};
use base64ct::{Base64, Encoding};

pub(crate) const RSA_PKCS1_SHA1: u16 = 0x0201;
pub(crate) const ECDSA_SHA1: u16 = 0x0203;
pub(crate) const RSA_PKCS1: u16 = 0x0401;
pub(crate) const ECDSA: u16 = 0x0403;
pub(crate) const ECDSA_SHA384: u16 = 0x0503;
pub(crate) const RSA_PSS: u16 = 0x0804;

/// Whose certificate and key the peer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The server of the ECDSA identities.
    Server,
    /// The server of the RSA identities.
    RsaServer,
    /// The player of the ECDSA identities, with a chain of one.
    Player,
    /// A player of another CA.
    RsaPlayer,
}

impl Identity {
    fn files(self) -> (&'static str, &'static str) {
        match self {
            Self::Server => (
                include_str!("../../certs/ecdsa-server.pem"),
                include_str!("../../certs/ecdsa-server.key"),
            ),
            Self::RsaServer => (
                include_str!("../../certs/rsa-server.pem"),
                include_str!("../../certs/rsa-server.key"),
            ),
            Self::Player => (
                include_str!("../../certs/ecdsa-client.pem"),
                include_str!("../../certs/ecdsa-client.key"),
            ),
            Self::RsaPlayer => (
                include_str!("../../certs/rsa-client.pem"),
                include_str!("../../certs/rsa-client.key"),
            ),
        }
    }

    /// The chain, DER after DER.
    pub(crate) fn chain(self) -> Vec<Vec<u8>> {
        let (certificate, _) = self.files();
        all_of(certificate)
    }

    /// A signature with SHA-256, under this scheme if the key can make it.
    fn sign(self, scheme: u16, bytes: &[u8]) -> Vec<u8> {
        let (_, key) = self.files();
        let key = all_of(key).remove(0);
        let random = SystemRandom::new();
        if matches!(self, Self::RsaServer | Self::RsaPlayer) {
            let key = RsaKeyPair::from_pkcs8(&key).unwrap();
            let mut signature = vec![0; key.public_modulus_len()];
            let padding: &'static dyn RsaEncoding = match scheme {
                RSA_PSS => &RSA_PSS_SHA256,
                _ => &RSA_PKCS1_SHA256,
            };
            key.sign(padding, &random, bytes, &mut signature).unwrap();
            return signature;
        }
        let key = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, &key);
        let key = key.unwrap();
        key.sign(&random, bytes).unwrap().as_ref().to_vec()
    }
}

/// A scheme, and what is signed with it.
type Signed = (u16, Vec<u8>);

/// Signatures an endpoint has made: said again, they are the same bytes.
#[derive(Debug, Default)]
pub(crate) struct Signatures(RefCell<HashMap<Signed, Vec<u8>>>);

impl Signatures {
    /// The signature of `identity` over `bytes`.
    pub(crate) fn sign(&self, identity: Identity, scheme: u16, bytes: &[u8]) -> Vec<u8> {
        let mut known = self.0.borrow_mut();
        known
            .entry((scheme, bytes.to_vec()))
            .or_insert_with(|| identity.sign(scheme, bytes))
            .clone()
    }
}

/// Whether the P-256 key of a certificate made this signature.
pub(crate) fn verifies(certificate: &[u8], scheme: u16, bytes: &[u8], signature: &[u8]) -> bool {
    // The subject's public key: a BIT STRING of 66 bytes, none unused, an uncompressed point.
    let mark = [0x03, 0x42, 0x00, 0x04];
    let at = certificate
        .windows(4)
        .position(|four| four == mark)
        .expect("a P-256 certificate");
    let point = &certificate[at + 3..at + 68];
    let algorithm = match scheme {
        ECDSA => &ECDSA_P256_SHA256_ASN1,
        ECDSA_SHA384 => &ECDSA_P256_SHA384_ASN1,
        other => panic!("the driver signs with {other:#06x}"),
    };
    UnparsedPublicKey::new(algorithm, point)
        .verify(bytes, signature)
        .is_ok()
}

/// Every DER object of a PEM text.
fn all_of(pem: &str) -> Vec<Vec<u8>> {
    pem.split("-----BEGIN ")
        .skip(1)
        .map(|part| {
            let (_, rest) = part.split_once("-----").unwrap();
            let (body, _) = rest.split_once("-----END").unwrap();
            let body: String = body.split_whitespace().collect();
            Base64::decode_vec(&body).unwrap()
        })
        .collect()
}
