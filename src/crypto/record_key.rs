//! The key that seals or opens the records of one direction and epoch.
//!
//! [`RecordKey`] is `rustls::quic::PacketKey`: the nonce is the IV XOR a 64-bit number, the
//! additional data is the caller's, and it works on `&self`, in place, without allocating. That is
//! DTLS 1.2's AEAD exactly:
//!
//! | suite | IV | number | in the record |
//! |---|---|---|---|
//! | ChaCha20-Poly1305 (RFC 7905 §2) | the 12 bytes of the key block | epoch ‖ sequence | nothing |
//! | AES-256-GCM (RFC 5288 §3) | salt ‖ 0⁸ | the explicit nonce | its 8 bytes, before the ciphertext |
//!
//! To seal, the number is always epoch ‖ sequence, so it is unique if record numbers are. To open
//! GCM it is the nonce that stands in the record, which a peer may choose freely (RFC 5288 §3).
//!
//! This module counts nothing: whoever numbers the records compares with the limits.

use rustls::crypto::cipher::{AeadKey, Iv};
use rustls::quic::PacketKey;

use super::provider::{Aead, CipherSuite, quic_algorithm};
use super::secret::Secret;

/// Bytes of the authentication tag.
pub(crate) const TAG_LEN: usize = 16;

/// Bytes of GCM's explicit nonce.
pub(crate) const NONCE_LEN: usize = 8;

/// The authentication tag of a sealed record.
pub(crate) type Tag = [u8; TAG_LEN];

/// Most records of one key: a DTLS record number has 48 bits (R16).
const RECORDS: u64 = 1 << 48;

/// Most records sealed by one AES-GCM key (R16).
const GCM_RECORDS: u64 = 1 << 23;

/// Most records that may fail to open under one key (R16).
const FAILURES: u64 = 1 << 36;

/// The record is not authentic: forged, damaged, or of another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenFailed;

/// The record is longer than the AEAD can take. No datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SealFailed;

/// Seals or opens the records of one direction and epoch.
pub(crate) struct RecordKey {
    key: Box<dyn PacketKey>,
    suite: CipherSuite,
}

impl RecordKey {
    /// From a key block's parts: `iv` is the salt and zeros for GCM.
    pub(super) fn new(suite: CipherSuite, key: &Secret<32>, iv: &Secret<12>) -> Self {
        let algorithm = quic_algorithm(suite.aead());
        Self {
            key: algorithm.packet_key(AeadKey::from(*key.expose()), Iv::new(*iv.expose())),
            suite,
        }
    }

    /// Encrypts `payload` in place. `number` is epoch ‖ sequence, and with GCM the explicit nonce
    /// to be written in front; **no number may ever be used twice** with one key.
    pub(crate) fn seal(
        &self,
        number: u64,
        additional_data: &[u8],
        payload: &mut [u8],
    ) -> Result<Tag, SealFailed> {
        let tag = self
            .key
            .encrypt_in_place(number, additional_data, payload)
            .map_err(|_| SealFailed)?;
        tag.as_ref().try_into().map_err(|_| SealFailed)
    }

    /// Decrypts in place; `sealed` ends with the tag. `number` is epoch ‖ sequence with `ChaCha20`
    /// and the record's explicit nonce with GCM. What is in `sealed` after a failure is undefined.
    pub(crate) fn open<'a>(
        &self,
        number: u64,
        additional_data: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], OpenFailed> {
        let length = self
            .key
            .decrypt_in_place(number, additional_data, sealed)
            .map_err(|_| OpenFailed)?
            .len();
        sealed.get_mut(..length).ok_or(OpenFailed)
    }

    /// Bytes between the record's header and its ciphertext: the explicit nonce, or nothing.
    pub(crate) fn nonce_len(&self) -> usize {
        if self.suite.explicit_nonce() {
            NONCE_LEN
        } else {
            0
        }
    }

    /// Bytes a record is longer than its plaintext, header excluded: 16 with `ChaCha20`, 24 with GCM.
    #[cfg(test)]
    pub(crate) fn overhead(&self) -> usize {
        self.nonce_len() + TAG_LEN
    }

    /// Most records this key may seal (R16).
    pub(crate) fn seal_limit(&self) -> u64 {
        let most = match self.suite.aead() {
            Aead::Aes256Gcm => GCM_RECORDS,
            Aead::ChaCha20Poly1305 => RECORDS,
        };
        most.min(self.key.confidentiality_limit())
    }

    /// Most records that may fail to open with this key (R16).
    pub(crate) fn failure_limit(&self) -> u64 {
        FAILURES.min(self.key.integrity_limit())
    }
}

impl std::fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordKey")
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}
