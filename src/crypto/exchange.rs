//! From a key share to record keys: ECDHE, the extended master secret, the key block, Finished.
//!
//! ```text
//! KeyExchange::start ── public_key ─▶ wire
//!      │ master_secret(peer's share, session hash)          RFC 7627: always extended
//!      ▼
//! MasterSecret ── record_keys(randoms) ─▶ RecordKeys        RFC 5246 §6.3
//!              ── finished(side, hash) ─▶ 12 bytes          RFC 5246 §7.4.9
//! ```

use rustls::Error;
use rustls::crypto::{ActiveKeyExchange, GetRandomFailed};

use super::provider::{CipherSuite, CryptoError, Group};
use super::record_key::RecordKey;
use super::secret::Secret;
use super::transcript::Digest;

/// A hello's random.
pub(crate) type HelloRandom = [u8; 32];

/// The content of a Finished message.
pub(crate) type Finished = [u8; 12];

/// Which end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    /// The one that connected.
    Client,
    /// The one that listened.
    Server,
}

/// Our ephemeral private key, good for one exchange.
pub(crate) struct KeyExchange {
    private: Box<dyn ActiveKeyExchange>,
    group: Group,
}

impl KeyExchange {
    /// A fresh key of `group`.
    pub(crate) fn start(group: Group) -> Result<Self, CryptoError> {
        match group.supported().start() {
            Ok(private) => Ok(Self { private, group }),
            Err(_) => Err(CryptoError::RandomFailed),
        }
    }

    /// The group it is of.
    pub(crate) fn group(&self) -> Group {
        self.group
    }

    /// Our key share.
    pub(crate) fn public_key(&self) -> &[u8] {
        self.private.pub_key()
    }

    /// The extended master secret (RFC 7627 §4): `session_hash` covers the messages up to and
    /// including `ClientKeyExchange`. The shared secret itself never leaves the provider.
    pub(crate) fn master_secret(
        self,
        suite: CipherSuite,
        peer_share: &[u8],
        session_hash: &Digest,
    ) -> Result<MasterSecret, CryptoError> {
        let mut secret = Secret::zeroed();
        suite
            .prf()
            .for_key_exchange(
                secret.as_mut(),
                self.private,
                peer_share,
                b"extended master secret",
                session_hash.as_bytes(),
            )
            .map_err(|error| match error {
                Error::FailedToGetRandomBytes => GetRandomFailed.into(),
                _ => CryptoError::BadKeyShare,
            })?;
        Ok(MasterSecret { secret, suite })
    }
}

impl From<GetRandomFailed> for CryptoError {
    fn from(_: GetRandomFailed) -> Self {
        Self::RandomFailed
    }
}

impl std::fmt::Debug for KeyExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyExchange")
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

/// The secret all keys of an association come from.
pub(crate) struct MasterSecret {
    secret: Secret<48>,
    suite: CipherSuite,
}

/// The two directions' keys.
#[derive(Debug)]
pub(crate) struct RecordKeys {
    /// Seals what the client sends.
    pub(crate) client: RecordKey,
    /// Seals what the server sends.
    pub(crate) server: RecordKey,
}

impl MasterSecret {
    /// The key block, cut into record keys (RFC 5246 §6.3; no MAC keys, so it begins with the two
    /// encryption keys).
    pub(crate) fn record_keys(&self, client: &HelloRandom, server: &HelloRandom) -> RecordKeys {
        // The longest: two 32-byte keys and two 12-byte IVs.
        let mut block = Secret::<88>::zeroed();
        let mut seed = [0; 64];
        let (first, second) = seed.split_at_mut(32);
        first.copy_from_slice(server);
        second.copy_from_slice(client);
        self.suite.prf().for_secret(
            block.as_mut(),
            self.secret.expose(),
            b"key expansion",
            &seed,
        );
        let (iv_len, suite) = (if self.suite.explicit_nonce() { 4 } else { 12 }, self.suite);
        let mut rest = block.expose().as_slice();
        let mut client_key = Secret::zeroed();
        let mut server_key = Secret::zeroed();
        let mut client_iv = Secret::zeroed();
        let mut server_iv = Secret::zeroed();
        take(&mut rest, client_key.as_mut());
        take(&mut rest, server_key.as_mut());
        take(&mut rest, client_iv.as_mut().split_at_mut(iv_len).0);
        take(&mut rest, server_iv.as_mut().split_at_mut(iv_len).0);
        RecordKeys {
            client: RecordKey::new(suite, &client_key, &client_iv),
            server: RecordKey::new(suite, &server_key, &server_iv),
        }
    }

    /// What `side` says in its Finished message, over the hash of all messages before it.
    /// Compare with [`constant_time_equal`](super::constant_time_equal).
    pub(crate) fn finished(&self, side: Side, transcript: &Digest) -> Finished {
        let label: &[u8] = match side {
            Side::Client => b"client finished",
            Side::Server => b"server finished",
        };
        let mut verify_data = [0; 12];
        self.suite.prf().for_secret(
            &mut verify_data,
            self.secret.expose(),
            label,
            transcript.as_bytes(),
        );
        verify_data
    }

    /// The suite it was agreed with.
    pub(crate) fn suite(&self) -> CipherSuite {
        self.suite
    }

    /// A secret of a test vector.
    #[cfg(test)]
    pub(super) fn of_a_test(suite: CipherSuite, bytes: [u8; 48]) -> Self {
        let mut secret = Secret::zeroed();
        *secret.as_mut() = bytes;
        Self { secret, suite }
    }

    /// The bytes, for the key log alone.
    #[cfg(feature = "key-log")]
    pub(super) fn expose(&self) -> &[u8; 48] {
        self.secret.expose()
    }
}

impl std::fmt::Debug for MasterSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterSecret")
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

/// Moves the first bytes of `from` into `to`.
fn take(from: &mut &[u8], to: &mut [u8]) {
    let (head, tail) = from.split_at(to.len().min(from.len()));
    for (to, from) in to.iter_mut().zip(head) {
        *to = *from;
    }
    *from = tail;
}
