//! The record path by itself, for the benches of this repository: two associations that were never
//! shaken hands for, one to seal with and one to open with.
//!
//! It is there with the feature `internals` alone, and promises nothing to anybody.

use std::ops::Range;

use super::association::{Association, Opened, Reader, Step, Unsettled};
use super::record_layer::{Opener, Refusal, Sealer};
use crate::crypto::{CipherSuite, Group, KeyExchange, MasterSecret, TAG_LEN, Transcript};

/// How records are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordSuite {
    /// AES-256-GCM, with an explicit nonce in each record.
    Aes256Gcm,
    /// ChaCha20-Poly1305.
    ChaCha20Poly1305,
}

/// Two ends of one association.
#[derive(Debug)]
pub struct RecordPath {
    near: Association,
    far: Association,
}

impl RecordPath {
    /// Bytes a record needs behind its content.
    pub const TAILROOM: usize = TAG_LEN;

    /// Both ends, with fresh keys; none if the system's random generator fails.
    pub fn new(suite: RecordSuite) -> Option<Self> {
        let suite = match suite {
            RecordSuite::Aes256Gcm => CipherSuite::EcdsaAes256Gcm,
            RecordSuite::ChaCha20Poly1305 => CipherSuite::EcdsaChaCha20Poly1305,
        };
        let (client, server) = (
            KeyExchange::start(Group::X25519).ok()?,
            KeyExchange::start(Group::X25519).ok()?,
        );
        let (client_share, server_share) =
            (client.public_key().to_vec(), server.public_key().to_vec());
        let mut transcript = Transcript::new();
        transcript.start(suite);
        let digest = transcript.digest()?;
        let near = client.master_secret(suite, &server_share, &digest).ok()?;
        let far = server.master_secret(suite, &client_share, &digest).ok()?;
        let keys = |secret: &MasterSecret| secret.record_keys(&[1; 32], &[2; 32]);
        let (near, far) = (keys(&near), keys(&far));
        let association = |opener, sealer| {
            Association::new(Opener::new(opener, 1), Sealer::new(sealer, 1), suite, None)
        };
        Some(Self {
            near: association(near.server, near.client),
            far: association(far.client, far.server),
        })
    }

    /// Bytes a record needs in front of its content.
    pub fn headroom(&self) -> usize {
        self.near.expansion() - TAG_LEN
    }

    /// Seals `content` where it lies; where the record lies, or none if it was not sealed.
    #[inline]
    pub fn seal(&mut self, buffer: &mut [u8], content: Range<usize>) -> Option<Range<usize>> {
        self.near.seal(buffer, content).ok()
    }

    /// Opens the record that a datagram is, in place; where its content lies, or none if it is not
    /// one of the near end's, or was opened before.
    #[inline]
    pub fn open(&mut self, datagram: &mut [u8]) -> Option<Range<usize>> {
        match self.far.open(datagram, 0).outcome {
            Ok(Opened::Application(content)) => Some(content),
            _ => None,
        }
    }

    /// What opens records of the near end on another worker.
    pub fn reader(&self) -> RecordReader {
        RecordReader(self.far.reader())
    }

    /// Settles what a reader has opened; where its content lies, or none as with
    /// [`open`](Self::open).
    #[inline]
    pub fn settle(&mut self, opened: RecordAhead) -> Option<Range<usize>> {
        match self.far.settle(opened.0.outcome) {
            Ok(Opened::Application(content)) => Some(content),
            _ => None,
        }
    }
}

/// Opens records of an association on another worker.
#[derive(Clone, Debug)]
pub struct RecordReader(Reader);

/// A record that was opened there.
#[derive(Clone, Debug)]
pub struct RecordAhead(Step<Unsettled, Refusal>);

impl RecordReader {
    /// Opens the record that a datagram is, in place.
    #[inline]
    pub fn open(&self, datagram: &mut [u8]) -> RecordAhead {
        RecordAhead(self.0.open_unmarked(datagram, 0))
    }
}
