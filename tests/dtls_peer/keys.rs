//! The peer's key schedule and record protection, from HMAC, a hash and an AEAD.
//!
//! Source: RFC 5246 §5, §6.3 and §8.1; RFC 7627 §4; RFC 5288 §3; RFC 7905 §2.

use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{agreement, digest, hmac};

use crate::wire::{Arrived, Record};

/// ECDHE with one AEAD and one hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    EcdsaGcm,
    EcdsaChaCha,
    RsaGcm,
    RsaChaCha,
}

impl Suite {
    pub(crate) fn id(self) -> u16 {
        match self {
            Self::EcdsaGcm => 0xC02C,
            Self::EcdsaChaCha => 0xCCA9,
            Self::RsaGcm => 0xC030,
            Self::RsaChaCha => 0xCCA8,
        }
    }

    fn is_gcm(self) -> bool {
        matches!(self, Self::EcdsaGcm | Self::RsaGcm)
    }

    pub(crate) fn hash(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = if self.is_gcm() {
            &digest::SHA384
        } else {
            &digest::SHA256
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }

    /// RFC 5246 §5: `P_hash`.
    fn prf(self, secret: &[u8], label: &str, seed: &[u8], len: usize) -> Vec<u8> {
        let algorithm = if self.is_gcm() {
            hmac::HMAC_SHA384
        } else {
            hmac::HMAC_SHA256
        };
        let key = hmac::Key::new(algorithm, secret);
        let seed = [label.as_bytes(), seed].concat();
        let mut a = seed.clone();
        let mut out = Vec::new();
        while out.len() < len {
            a = hmac::sign(&key, &a).as_ref().to_vec();
            out.extend(hmac::sign(&key, &[&a[..], &seed].concat()).as_ref());
        }
        out.truncate(len);
        out
    }
}

/// A private key of one group, and what is shared with it.
pub(crate) struct Private {
    key: agreement::PrivateKey,
    pub(crate) group: u16,
}

pub(crate) const X25519: u16 = 29;
pub(crate) const P256: u16 = 23;
pub(crate) const P384: u16 = 24;

fn algorithm(group: u16) -> &'static agreement::Algorithm {
    match group {
        X25519 => &agreement::X25519,
        P256 => &agreement::ECDH_P256,
        P384 => &agreement::ECDH_P384,
        other => panic!("the peer has no group {other}"),
    }
}

impl Private {
    pub(crate) fn new(group: u16) -> Self {
        let key = agreement::PrivateKey::generate(algorithm(group)).unwrap();
        Self { key, group }
    }

    pub(crate) fn public(&self) -> Vec<u8> {
        self.key.compute_public_key().unwrap().as_ref().to_vec()
    }

    /// The shared secret; none if the other's share is no point.
    pub(crate) fn agree(&self, theirs: &[u8]) -> Option<Vec<u8>> {
        let theirs = agreement::UnparsedPublicKey::new(algorithm(self.group), theirs);
        agreement::agree(&self.key, theirs, (), |secret| Ok(secret.to_vec())).ok()
    }
}

/// The secret of a handshake.
#[derive(Clone, Debug)]
pub(crate) struct Master {
    suite: Suite,
    secret: Vec<u8>,
}

impl Master {
    /// RFC 7627 §4.
    pub(crate) fn extended(suite: Suite, shared: &[u8], transcript: &[u8]) -> Self {
        let session_hash = suite.hash(transcript);
        let secret = suite.prf(shared, "extended master secret", &session_hash, 48);
        Self { suite, secret }
    }

    /// RFC 5246 §8.1: the secret of those who know no other.
    pub(crate) fn plain(suite: Suite, shared: &[u8], randoms: &[u8]) -> Self {
        let secret = suite.prf(shared, "master secret", randoms, 48);
        Self { suite, secret }
    }

    /// RFC 5246 §7.4.9.
    pub(crate) fn finished(&self, label: &str, transcript: &[u8]) -> Vec<u8> {
        let seed = self.suite.hash(transcript);
        self.suite.prf(&self.secret, label, &seed, 12)
    }

    /// RFC 5246 §6.3: the client's keys and the server's.
    pub(crate) fn keys(&self, client_random: &[u8], server_random: &[u8]) -> (Keys, Keys) {
        let iv_len = if self.suite.is_gcm() { 4 } else { 12 };
        let seed = [server_random, client_random].concat();
        let block = self
            .suite
            .prf(&self.secret, "key expansion", &seed, 64 + 2 * iv_len);
        let (keys, ivs) = block.split_at(64);
        let one = |key: &[u8], iv: &[u8]| Keys {
            suite: self.suite,
            key: key.to_vec(),
            iv: iv.to_vec(),
        };
        (
            one(&keys[..32], &ivs[..iv_len]),
            one(&keys[32..], &ivs[iv_len..]),
        )
    }
}

/// What protects the records of one direction.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    suite: Suite,
    key: Vec<u8>,
    iv: Vec<u8>,
}

impl Keys {
    fn aead(&self) -> LessSafeKey {
        let algorithm = if self.suite.is_gcm() {
            &AES_256_GCM
        } else {
            &CHACHA20_POLY1305
        };
        LessSafeKey::new(UnboundKey::new(algorithm, &self.key).unwrap())
    }

    /// Salt and explicit nonce, or IV and number.
    fn nonce(&self, number: u64) -> Nonce {
        let mut nonce = [0; 12];
        let number = number.to_be_bytes();
        if self.suite.is_gcm() {
            nonce[..4].copy_from_slice(&self.iv);
            nonce[4..].copy_from_slice(&number);
        } else {
            nonce.copy_from_slice(&self.iv);
            for (to, from) in nonce[4..].iter_mut().zip(number) {
                *to ^= from;
            }
        }
        Nonce::assume_unique_for_key(nonce)
    }

    fn additional(number: u64, kind: u8, version: u16, len: usize) -> Vec<u8> {
        let mut bytes = number.to_be_bytes().to_vec();
        bytes.push(kind);
        bytes.extend(version.to_be_bytes());
        bytes.extend((len as u16).to_be_bytes());
        bytes
    }

    /// The fragment of a record.
    pub(crate) fn seal(&self, record: &Record, number: u64) -> Vec<u8> {
        let explicit = record.nonce.unwrap_or(number);
        let mut sealed = record.content.clone();
        let additional =
            Self::additional(number, record.kind, record.version, record.content.len());
        self.aead()
            .seal_in_place_append_tag(self.nonce(explicit), Aad::from(additional), &mut sealed)
            .unwrap();
        if self.suite.is_gcm() {
            sealed.splice(0..0, explicit.to_be_bytes());
        }
        sealed
    }

    /// The content of a record; none if it is not the driver's.
    pub(crate) fn open(&self, record: &Arrived) -> Option<Vec<u8>> {
        let (number, mut sealed) = if self.suite.is_gcm() {
            let (explicit, sealed) = record.fragment.split_first_chunk()?;
            (u64::from_be_bytes(*explicit), sealed.to_vec())
        } else {
            (record.number, record.fragment.clone())
        };
        let len = sealed.len().checked_sub(16)?;
        let additional = Self::additional(record.number, record.kind, record.version, len);
        let opened = self
            .aead()
            .open_in_place(self.nonce(number), Aad::from(additional), &mut sealed)
            .ok()?;
        Some(opened.to_vec())
    }
}
