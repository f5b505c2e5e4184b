//! What keys need of the cryptographic provider: aws-lc-rs, or ring, which makes no RSA keys.

#[cfg(feature = "aws-lc-rs")]
use aws_lc_rs as backend;
#[cfg(not(feature = "aws-lc-rs"))]
use ring as backend;

use backend::rand::SystemRandom;
use backend::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// A key pair, with the bytes of its PKCS#8 file.
type Made = (KeyPair, Zeroizing<Vec<u8>>);

/// A key pair of the provider.
pub(super) enum KeyPair {
    Ecdsa(EcdsaKeyPair),
    #[cfg(feature = "aws-lc-rs")]
    Rsa(backend::rsa::KeyPair),
}

impl KeyPair {
    /// An elliptic curve's point, or an `RSAPublicKey`.
    pub(super) fn public_key(&self) -> &[u8] {
        match self {
            Self::Ecdsa(pair) => pair.public_key().as_ref(),
            #[cfg(feature = "aws-lc-rs")]
            Self::Rsa(pair) => pair.public_key().as_ref(),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let random = SystemRandom::new();
        let refused = |_| Failure::new("the provider cannot sign");
        match self {
            Self::Ecdsa(pair) => {
                let signature = pair.sign(&random, message).map_err(refused)?;
                Ok(signature.as_ref().to_vec())
            }
            #[cfg(feature = "aws-lc-rs")]
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &backend::signature::RSA_PKCS1_SHA256,
                    &random,
                    message,
                    &mut signature,
                )
                .map_err(refused)?;
                Ok(signature)
            }
        }
    }
}

/// A new key on P-256.
pub(super) fn ecdsa() -> Result<Made, Failure> {
    let random = SystemRandom::new();
    let refused = || Failure::new("the provider cannot make an ECDSA key");
    let file = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
        .map_err(|_| refused())?;
    #[cfg(feature = "aws-lc-rs")]
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, file.as_ref());
    #[cfg(not(feature = "aws-lc-rs"))]
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, file.as_ref(), &random);
    let pair = pair.map_err(|_| refused())?;
    Ok((KeyPair::Ecdsa(pair), Zeroizing::new(file.as_ref().to_vec())))
}

/// A new RSA-2048 key.
#[cfg(feature = "aws-lc-rs")]
pub(super) fn rsa() -> Result<Made, Failure> {
    use backend::encoding::AsDer;

    let refused = |_| Failure::new("the provider cannot make an RSA key");
    let pair = backend::rsa::KeyPair::generate(backend::rsa::KeySize::Rsa2048).map_err(refused)?;
    let file = pair.as_der().map_err(refused)?;
    let file = Zeroizing::new(file.as_ref().to_vec());
    Ok((KeyPair::Rsa(pair), file))
}

/// Says who can.
#[cfg(not(feature = "aws-lc-rs"))]
pub(super) fn rsa() -> Result<Made, Failure> {
    Err(Failure::new(
        "RSA keys are made by the provider aws-lc-rs, and this build has ring: build it with \
         `--features aws-lc-rs`, or make the key with `openssl genrsa -out KEY 2048`",
    ))
}

pub(super) fn sha256(bytes: &[u8]) -> Vec<u8> {
    backend::digest::digest(&backend::digest::SHA256, bytes)
        .as_ref()
        .to_vec()
}
