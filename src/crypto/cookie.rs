//! The cookie of a `HelloVerifyRequest`: proof that a client receives at its address, without state.
//!
//! HMAC-SHA-256 over everything the second hello must repeat. Two keys live at a time; a cookie made
//! by one counts while either does, so for 30 to 60 s (R8). Nothing is stored per client.

use std::time::Duration;

use super::provider::{constant_time_equal, hmac_sha256, sha256_hash};
use super::secret::Secret;
use crate::address::NetworkEndpoint;
use crate::random::{Random, RandomFailed};
use crate::time::Timestamp;

/// How long a key makes cookies; it checks them for twice as long.
const ROTATION: Duration = Duration::from_secs(30);

/// The cookie itself.
pub(crate) type Cookie = [u8; 32];

/// What a cookie is bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CookieFields<'a> {
    /// Where the hello came from.
    pub(crate) peer: NetworkEndpoint,
    /// Where it arrived: the bound address, or the packet's own.
    pub(crate) local: NetworkEndpoint,
    /// The client's random.
    pub(crate) random: &'a [u8; 32],
    /// The id of the session to resume: any bytes.
    pub(crate) session_id: &'a [u8],
    /// The suites, as they stand in the hello.
    pub(crate) cipher_suites: &'a [u8],
    /// The compression methods, as they stand in the hello.
    pub(crate) compression_methods: &'a [u8],
}

struct Key {
    secret: Secret<32>,
    /// Counts keys: part of what is signed.
    id: u64,
    made: Timestamp,
}

/// The two keys.
pub(crate) struct Cookies {
    current: Key,
    previous: Option<Key>,
}

impl Cookies {
    /// A first key.
    pub(crate) fn new(random: &mut Random, now: Timestamp) -> Result<Self, RandomFailed> {
        Ok(Self {
            current: Key::new(random, 0, now)?,
            previous: None,
        })
    }

    /// Makes a new key where the present one is 30 s old. Call it before the hellos of an update.
    ///
    /// If the generator fails the present key stays, and stops counting when its time is over.
    pub(crate) fn rotate(
        &mut self,
        random: &mut Random,
        now: Timestamp,
    ) -> Result<(), RandomFailed> {
        if now.since(self.current.made) < ROTATION {
            return Ok(());
        }
        let next = Key::new(random, self.current.id.wrapping_add(1), now)?;
        self.previous = Some(std::mem::replace(&mut self.current, next));
        Ok(())
    }

    /// The cookie for a hello.
    pub(crate) fn make(&self, fields: &CookieFields<'_>) -> Cookie {
        self.current.sign(fields, &fields.digest())
    }

    /// Whether `cookie` was made for this hello, 30 to 60 s ago at most.
    pub(crate) fn verify(&self, cookie: &[u8], fields: &CookieFields<'_>, now: Timestamp) -> bool {
        if cookie.len() != size_of::<Cookie>() {
            return false;
        }
        let digest = fields.digest();
        // Both are always computed: which one matched is nobody's business.
        let keys = [Some(&self.current), self.previous.as_ref()];
        let mut valid = false;
        for key in keys.into_iter().flatten() {
            let right = constant_time_equal(&key.sign(fields, &digest), cookie);
            valid |= right && key.counts(now);
        }
        valid
    }
}

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cookies")
            .field("current", &self.current.id)
            .finish_non_exhaustive()
    }
}

impl Key {
    fn new(random: &mut Random, id: u64, made: Timestamp) -> Result<Self, RandomFailed> {
        let mut secret = Secret::zeroed();
        random.fill(secret.as_mut())?;
        Ok(Self { secret, id, made })
    }

    fn counts(&self, now: Timestamp) -> bool {
        now.since(self.made) < ROTATION * 2
    }

    fn sign(&self, fields: &CookieFields<'_>, digest: &[u8]) -> Cookie {
        let mut message = Vec::with_capacity(256);
        message.extend_from_slice(&self.id.to_be_bytes());
        for endpoint in [&fields.peer, &fields.local] {
            append_endpoint(&mut message, endpoint);
        }
        message.extend_from_slice(digest);
        hmac_sha256(&self.secret, &message)
    }
}

impl CookieFields<'_> {
    /// A digest of what the hello says. Every field has its length in front, so that no byte can
    /// move from one into the next.
    fn digest(&self) -> Vec<u8> {
        let mut hash = sha256_hash().start();
        for field in [
            self.random.as_slice(),
            self.session_id,
            self.cipher_suites,
            self.compression_methods,
        ] {
            hash.update(&(field.len() as u64).to_be_bytes());
            hash.update(field);
        }
        hash.finish().as_ref().to_vec()
    }
}

/// Family, address, port and scope; every family has its own length.
fn append_endpoint(message: &mut Vec<u8>, endpoint: &NetworkEndpoint) {
    message.extend_from_slice(&(endpoint.family() as u16).to_be_bytes());
    message.extend_from_slice(&endpoint.raw_address_bytes());
    message.extend_from_slice(&endpoint.port().to_be_bytes());
    if let NetworkEndpoint::Ipv6(address) = endpoint {
        message.extend_from_slice(&address.scope_id().to_be_bytes());
    }
}
