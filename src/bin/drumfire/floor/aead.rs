//! The floor's cryptography: one message sealed and opened with a bare AEAD, and nothing around it.
//!
//! Two keys a client, as a connection has, made of the same bytes: one seals and the other opens, so
//! that both are fetched from memory as both are in a server. The numbers are the key's own, the
//! additional data is as long as that of a DTLS 1.2 record.

#[cfg(feature = "aws-lc-rs")]
use aws_lc_rs as backend;
#[cfg(not(feature = "aws-lc-rs"))]
use ring as backend;

use backend::aead::{
    AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey,
};
use backend::rand::{SecureRandom as _, SystemRandom};

use crate::failure::Failure;
use crate::security::Suite;

/// Bytes of the additional data of a DTLS 1.2 record.
const ADDITIONAL_DATA: [u8; 13] = [0; 13];
/// Bytes of either AEAD's key.
const KEY_LEN: usize = 32;

/// The keys of one client.
pub(super) struct Keys {
    seal: LessSafeKey,
    open: LessSafeKey,
    /// Messages sealed.
    number: u32,
}

impl Keys {
    /// # Errors
    /// If the system's random generator failed.
    pub(super) fn new(suite: Suite) -> Result<Self, Failure> {
        let algorithm = match suite {
            Suite::Aes => &AES_256_GCM,
            Suite::Chacha20 => &CHACHA20_POLY1305,
        };
        let mut bytes = [0; KEY_LEN];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| Failure::new("the system's random generator failed"))?;
        Ok(Self {
            seal: key(algorithm, &bytes)?,
            open: key(algorithm, &bytes)?,
            number: 0,
        })
    }

    /// Seals `message` and opens it again, in `scratch`. False if it did not come out as it went in.
    pub(super) fn seal_and_open(&mut self, message: &[u8], scratch: &mut Vec<u8>) -> bool {
        self.number += 1;
        scratch.clear();
        scratch.extend_from_slice(message);
        let sealed =
            self.seal
                .seal_in_place_append_tag(self.nonce(), Aad::from(ADDITIONAL_DATA), scratch);
        if sealed.is_err() {
            return false;
        }
        self.open
            .open_in_place(self.nonce(), Aad::from(ADDITIONAL_DATA), scratch)
            .is_ok_and(|opened| opened == message)
    }

    fn nonce(&self) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        for (to, from) in nonce.iter_mut().rev().zip(self.number.to_le_bytes()) {
            *to = from;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

fn key(algorithm: &'static Algorithm, bytes: &[u8]) -> Result<LessSafeKey, Failure> {
    UnboundKey::new(algorithm, bytes)
        .map(LessSafeKey::new)
        .map_err(|_| Failure::new("the provider makes no key of 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_sealed_and_comes_out_as_it_went_in() {
        for suite in [Suite::Aes, Suite::Chacha20] {
            let (mut keys, mut scratch) = (Keys::new(suite).unwrap(), Vec::new());
            assert!(keys.seal_and_open(&[7; 64], &mut scratch));
            // The tag behind it is what sealing left.
            assert_eq!((scratch.len(), &scratch[..64]), (80, &[7; 64][..]));
            assert_ne!(scratch[64..], [0; 16]);
            keys.open = Keys::new(suite).unwrap().open;
            assert!(!keys.seal_and_open(&[7; 64], &mut scratch));
        }
    }
}
