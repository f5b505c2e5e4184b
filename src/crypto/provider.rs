//! The provider, and what of it is spoken: four suites, three groups, SHA-256, HMAC.
//!
//! aws-lc-rs where the feature `aws-lc-rs` is on, ring otherwise. The suites of DTLS 1.2 take their
//! hash and PRF from rustls' TLS 1.2 suites, and their record protection from the TLS 1.3 suite of
//! the same AEAD: `rustls::quic` is the one interface that seals any record by `&self`, in place.

use std::sync::{Arc, LazyLock};

use rustls::crypto::hash::Hash;
use rustls::crypto::tls12::Prf;
use rustls::crypto::tls13::{Hkdf, OkmBlock};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::{NamedGroup, SupportedCipherSuite, quic};
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::scheme::{Authentication, SignatureScheme};
use super::secret::Secret;

#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs as backend;
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
use rustls::crypto::ring as backend;

/// A cryptographic operation that did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum CryptoError {
    /// The system's random generator failed. There is no fall-back (R18).
    #[error("the system's random generator failed")]
    RandomFailed,
    /// The peer's key share is not a point of the group.
    #[error("the peer's key share is not a valid point")]
    BadKeyShare,
    /// The identity's key has no scheme that the peer accepts.
    #[error("the peer accepts no signature scheme that the private key can make")]
    NoCommonScheme,
    /// The provider could not sign.
    #[error("the provider failed to sign")]
    SigningFailed,
}

/// A cipher suite of DTLS 1.2: ephemeral elliptic curves, and nothing but AEADs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CipherSuite {
    /// `TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384` (RFC 5289).
    EcdsaAes256Gcm,
    /// `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384` (RFC 5289).
    RsaAes256Gcm,
    /// `TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256` (RFC 7905).
    EcdsaChaCha20Poly1305,
    /// `TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256` (RFC 7905).
    RsaChaCha20Poly1305,
}

/// How a suite protects records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Aead {
    Aes256Gcm,
    ChaCha20Poly1305,
}

impl CipherSuite {
    /// All of them, AES first.
    pub(crate) const AES_FIRST: [Self; 4] = [
        Self::EcdsaAes256Gcm,
        Self::RsaAes256Gcm,
        Self::EcdsaChaCha20Poly1305,
        Self::RsaChaCha20Poly1305,
    ];

    /// All of them, `ChaCha20` first: faster where the processor has no AES, and 8 bytes shorter.
    pub(crate) const CHACHA_FIRST: [Self; 4] = [
        Self::EcdsaChaCha20Poly1305,
        Self::RsaChaCha20Poly1305,
        Self::EcdsaAes256Gcm,
        Self::RsaAes256Gcm,
    ];

    /// Its name in the registry of the IANA.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::EcdsaAes256Gcm => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            Self::RsaAes256Gcm => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            Self::EcdsaChaCha20Poly1305 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            Self::RsaChaCha20Poly1305 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        }
    }

    /// The number on the wire.
    pub(crate) const fn id(self) -> u16 {
        match self {
            Self::EcdsaAes256Gcm => 0xC02C,
            Self::RsaAes256Gcm => 0xC030,
            Self::EcdsaChaCha20Poly1305 => 0xCCA9,
            Self::RsaChaCha20Poly1305 => 0xCCA8,
        }
    }

    /// The suite of a number on the wire, if it is spoken.
    pub(crate) fn from_id(id: u16) -> Option<Self> {
        Self::AES_FIRST.into_iter().find(|suite| suite.id() == id)
    }

    /// What key the server's certificate must have.
    pub(crate) const fn authentication(self) -> Authentication {
        match self {
            Self::EcdsaAes256Gcm | Self::EcdsaChaCha20Poly1305 => Authentication::Ecdsa,
            Self::RsaAes256Gcm | Self::RsaChaCha20Poly1305 => Authentication::Rsa,
        }
    }

    /// Whether the nonce of a record stands in it: 8 bytes with GCM, none with `ChaCha20`.
    pub(crate) const fn explicit_nonce(self) -> bool {
        matches!(self.aead(), Aead::Aes256Gcm)
    }

    pub(super) const fn aead(self) -> Aead {
        match self {
            Self::EcdsaAes256Gcm | Self::RsaAes256Gcm => Aead::Aes256Gcm,
            Self::EcdsaChaCha20Poly1305 | Self::RsaChaCha20Poly1305 => Aead::ChaCha20Poly1305,
        }
    }

    pub(super) fn hash(self) -> &'static dyn Hash {
        parts().of(self.aead()).hash
    }

    pub(super) fn prf(self) -> &'static dyn Prf {
        parts().of(self.aead()).prf
    }
}

/// An elliptic-curve group of the key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Group {
    /// RFC 7748.
    X25519,
    /// NIST P-256: in every client's list.
    Secp256r1,
    /// NIST P-384.
    Secp384r1,
}

impl Group {
    /// All of them, fastest first.
    pub(crate) const ALL: [Self; 3] = [Self::X25519, Self::Secp256r1, Self::Secp384r1];

    /// The number on the wire.
    pub(crate) const fn id(self) -> u16 {
        match self {
            Self::X25519 => 29,
            Self::Secp256r1 => 23,
            Self::Secp384r1 => 24,
        }
    }

    /// The group of a number on the wire, if it is spoken.
    pub(crate) fn from_id(id: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.id() == id)
    }

    /// Bytes of a key share.
    pub(crate) const fn share_len(self) -> usize {
        match self {
            Self::X25519 => 32,
            Self::Secp256r1 => 65,
            Self::Secp384r1 => 97,
        }
    }

    pub(super) fn supported(self) -> &'static dyn SupportedKxGroup {
        match self {
            Self::X25519 => parts().x25519,
            Self::Secp256r1 => parts().secp256r1,
            Self::Secp384r1 => parts().secp384r1,
        }
    }
}

/// Whether `a` and `b` are equal, in a time that depends on their lengths alone (R18).
pub(crate) fn constant_time_equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// Whether this processor computes AES-GCM in hardware.
///
/// Source: the two instruction sets that aws-lc and ring ask for.
pub(crate) fn aes_is_fast() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes")
        && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes")
        && std::arch::is_aarch64_feature_detected!("pmull");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

/// HMAC-SHA-256 (RFC 2104).
pub(super) fn hmac_sha256(key: &Secret<32>, message: &[u8]) -> [u8; 32] {
    let tag = parts()
        .hmac
        .hmac_sign(&OkmBlock::new(key.expose()), message);
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    bytes
}

/// SHA-256.
pub(super) fn sha256(message: &[u8]) -> [u8; 32] {
    let digest = sha256_hash().hash(message);
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    bytes
}

/// SHA-256, to be fed piece by piece.
pub(super) fn sha256_hash() -> &'static dyn Hash {
    parts().of(Aead::ChaCha20Poly1305).hash
}

/// The provider itself, for keys and signatures.
pub(super) fn provider() -> &'static Arc<CryptoProvider> {
    &parts().provider
}

/// The record protection of an AEAD.
pub(super) fn quic_algorithm(aead: Aead) -> &'static dyn quic::Algorithm {
    parts().of(aead).quic
}

/// What one AEAD's suites are made of.
struct SuiteParts {
    hash: &'static dyn Hash,
    prf: &'static dyn Prf,
    quic: &'static dyn quic::Algorithm,
}

/// The provider, taken apart once.
struct Parts {
    provider: Arc<CryptoProvider>,
    aes: SuiteParts,
    chacha: SuiteParts,
    hmac: &'static dyn Hkdf,
    x25519: &'static dyn SupportedKxGroup,
    secp256r1: &'static dyn SupportedKxGroup,
    secp384r1: &'static dyn SupportedKxGroup,
}

impl Parts {
    fn of(&self, aead: Aead) -> &SuiteParts {
        match aead {
            Aead::Aes256Gcm => &self.aes,
            Aead::ChaCha20Poly1305 => &self.chacha,
        }
    }

    /// Picks the parts out; `None` if the provider lacks one.
    ///
    /// Post-quantum groups are left out: they are not defined for TLS 1.2.
    fn take(provider: CryptoProvider) -> Option<Self> {
        let tls12 = |suite: CipherSuite| {
            provider.cipher_suites.iter().find_map(|known| match known {
                SupportedCipherSuite::Tls12(known)
                    if u16::from(known.common.suite) == suite.id() =>
                {
                    Some(*known)
                }
                _ => None,
            })
        };
        // RFC 8446 appendix B.4: TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256.
        let tls13 = |id: u16| {
            provider
                .cipher_suites
                .iter()
                .filter_map(SupportedCipherSuite::tls13)
                .find(|known| u16::from(known.common.suite) == id)
        };
        let (aes, chacha) = (tls13(0x1302)?, tls13(0x1303)?);
        let suite_parts = |suite: CipherSuite, quic| {
            let known = tls12(suite)?;
            Some(SuiteParts {
                hash: known.common.hash_provider,
                prf: known.prf_provider,
                quic,
            })
        };
        let group = |name| {
            let mut groups = provider.kx_groups.iter();
            groups.find(|group| group.name() == name).copied()
        };
        Some(Self {
            aes: suite_parts(CipherSuite::RsaAes256Gcm, aes.quic?)?,
            chacha: suite_parts(CipherSuite::RsaChaCha20Poly1305, chacha.quic?)?,
            hmac: chacha.hkdf_provider,
            x25519: group(NamedGroup::X25519)?,
            secp256r1: group(NamedGroup::secp256r1)?,
            secp384r1: group(NamedGroup::secp384r1)?,
            provider: Arc::new(provider),
        })
    }
}

#[expect(
    clippy::expect_used,
    reason = "both providers have every part, which every test of this module shows"
)]
fn parts() -> &'static Parts {
    static PARTS: LazyLock<Parts> = LazyLock::new(|| {
        Parts::take(backend::default_provider()).expect("the provider has the four suites")
    });
    &PARTS
}

/// The algorithms that verify a signature of `scheme`: one for each curve, for ECDSA.
pub(super) fn verifiers(
    scheme: SignatureScheme,
) -> &'static [&'static dyn rustls_pki_types::SignatureVerificationAlgorithm] {
    provider()
        .signature_verification_algorithms
        .mapping
        .iter()
        .find(|(known, _)| u16::from(*known) == scheme.id())
        .map_or(&[], |(_, algorithms)| *algorithms)
}
