//! What an update has for the front, and what is counted of how connections end.

use crate::error::DisconnectReason;
use crate::id::NetworkConnection;

/// An incoming connection that waits for `accept`.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) connection: NetworkConnection,
    pub(crate) payload: Vec<u8>,
}

/// How connections ended, since the driver was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endings {
    /// By this application's `disconnect`, or refused by this driver.
    pub local: u64,
    /// By the peer.
    pub remote: u64,
    /// By silence, or for want of an answer.
    pub timeout: u64,
    /// Otherwise: see the events' reasons.
    pub other: u64,
    /// Reliable packets of all of them that the peers had not acknowledged.
    pub undelivered: u64,
}

impl Endings {
    pub(super) fn count(&mut self, reason: Option<DisconnectReason>, undelivered: usize) {
        self.undelivered += u64::try_from(undelivered).unwrap_or(0);
        match reason {
            None => self.local += 1,
            Some(DisconnectReason::ClosedByRemote) => self.remote += 1,
            Some(DisconnectReason::Timeout | DisconnectReason::MaxConnectionAttempts) => {
                self.timeout += 1;
            }
            Some(_) => self.other += 1,
        }
    }
}

/// How a connection is secured.
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
#[derive(Clone, Debug)]
pub(crate) struct Secured {
    pub(crate) suite: crate::crypto::CipherSuite,
    /// Who the peer proved to be; none for a client that showed no certificate.
    pub(crate) peer: Option<std::sync::Arc<crate::crypto::PeerIdentity>>,
}

/// A secure connection was not made, and why.
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeFailure {
    /// The connection it was for, if it was started here. It ends with
    /// [`AuthenticationFailure`](crate::DisconnectReason::AuthenticationFailure). A client that
    /// failed has none: it never got as far.
    pub connection: Option<NetworkConnection>,
    /// The peer's address.
    pub remote: crate::address::NetworkEndpoint,
    /// What failed, in words, with the remedy.
    pub error: crate::secure::dtls::HandshakeError,
}

/// What an update has for the front.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Shards that were served.
    pub(crate) served: Vec<usize>,
    /// Connections to accept, in the order they were established.
    pub(crate) incoming: Vec<Incoming>,
    /// Slots whose connection is over; free again once their events are read.
    pub(crate) closed: Vec<u32>,
    /// How connections have been secured.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub(crate) secured: Vec<(NetworkConnection, Secured)>,
    /// Secure connections that were not made.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub(crate) failures: Vec<HandshakeFailure>,
    /// Pieces of work that helpers took.
    pub(crate) taken: usize,
}
