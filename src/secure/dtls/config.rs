//! What a handshake is told: who we are, whom we believe, and how long anything may take.
//!
//! Finished values, parsed by the settings; nothing here is checked again. A handshake holds its
//! configuration until it is over, so a new one touches none that is under way.

use std::time::Duration;

#[cfg(feature = "key-log")]
use crate::crypto::KeyLog;
use crate::crypto::{CipherSuite, Group, Identity, MasterSecret, ServerName, Trust, aes_is_fast};
use crate::wire::handshake::RANDOM_LEN;

/// Pauses and deadlines of a handshake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Until a flight is sent again for the first time. Each pause after it is twice as long.
    ///
    /// Source: RFC 6347 §4.2.4.1.
    pub(crate) first_pause: Duration,
    /// The longest pause.
    pub(crate) longest_pause: Duration,
    /// For the whole handshake, whatever progress it makes (R10).
    pub(crate) handshake: Duration,
    /// From the hello with the cookie to the signature: a client that got none says hello anew, and
    /// does not survive a late answer to its older hello (R11).
    pub(crate) signature: Duration,
    /// How long something that anybody on the path can have sent is only a doubt (R14).
    pub(crate) grace: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(2),
            handshake: Duration::from_secs(10),
            signature: Duration::from_secs(2),
            grace: Duration::from_secs(2),
        }
    }
}

/// What both sides of a handshake are told.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    /// Largest datagram, in bytes of UDP payload.
    pub(crate) mtu: usize,
    pub(crate) timing: Timing,
    /// Where master secrets are written, so that a capture can be read.
    #[cfg(feature = "key-log")]
    pub(crate) key_log: Option<std::sync::Arc<KeyLog>>,
}

impl Default for Common {
    /// 1,200 bytes: fits every path of today, and a stock client's packets.
    fn default() -> Self {
        Self {
            mtu: 1_200,
            timing: Timing::default(),
            #[cfg(feature = "key-log")]
            key_log: None,
        }
    }
}

impl Common {
    /// Writes the master secret of a handshake where it is wanted, which is nowhere as a rule (R39).
    #[cfg_attr(
        not(feature = "key-log"),
        expect(
            clippy::unused_self,
            reason = "secrets are written with the feature alone"
        )
    )]
    pub(super) fn log_secret(&self, client_random: &[u8; RANDOM_LEN], master: &MasterSecret) {
        #[cfg(feature = "key-log")]
        if let Some(key_log) = &self.key_log {
            // The log is the user's; a handshake does not fail with it.
            let _ = key_log.log(client_random, master);
        }
        #[cfg(not(feature = "key-log"))]
        let _ = (client_random, master);
    }
}

/// What a server asks of its clients.
#[derive(Clone, Debug)]
pub(crate) enum ClientAuthentication {
    /// Nothing.
    None,
    /// A certificate may be shown, and is verified if it is.
    Optional(ClientTrust),
    /// A certificate must be shown.
    Required(ClientTrust),
}

/// Which clients a server believes.
#[derive(Clone, Debug)]
pub(crate) struct ClientTrust {
    pub(crate) trust: Trust,
    /// The name each of them must have; none takes any.
    pub(crate) name: Option<ServerName>,
}

impl ClientAuthentication {
    pub(super) fn trust(&self) -> Option<&ClientTrust> {
        match self {
            Self::None => None,
            Self::Optional(trust) | Self::Required(trust) => Some(trust),
        }
    }
}

/// Which cipher suite a server takes of those a client offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SuiteChoice {
    /// The client's first that fits. Stock clients put ChaCha20 first, and need it.
    #[default]
    AsOffered,
    /// ChaCha20 if it is offered at all, for clients that need it and do not say so.
    ChaCha20First,
}

/// What a server is told.
#[derive(Clone, Debug)]
pub(crate) struct ServerConfig {
    pub(crate) identity: Identity,
    pub(crate) clients: ClientAuthentication,
    pub(crate) suites: SuiteChoice,
    pub(crate) common: Common,
}

/// What a client is told.
#[derive(Clone, Debug)]
pub(crate) struct ClientConfig {
    pub(crate) trust: Trust,
    pub(crate) server_name: ServerName,
    /// Shown if the server asks.
    pub(crate) identity: Option<Identity>,
    /// Offered in this order.
    pub(crate) suites: Vec<CipherSuite>,
    /// Offered in this order.
    pub(crate) groups: Vec<Group>,
    pub(crate) common: Common,
}

impl ClientConfig {
    /// A client that shows nothing of itself, and offers all there is: AES first where the processor
    /// computes it.
    pub(crate) fn new(trust: Trust, server_name: ServerName) -> Self {
        let suites = if aes_is_fast() {
            CipherSuite::AES_FIRST
        } else {
            CipherSuite::CHACHA_FIRST
        };
        Self {
            trust,
            server_name,
            identity: None,
            suites: suites.to_vec(),
            groups: Group::ALL.to_vec(),
            common: Common::default(),
        }
    }
}

impl ServerConfig {
    /// A server that asks its clients for nothing.
    pub(crate) fn new(identity: Identity) -> Self {
        Self {
            identity,
            clients: ClientAuthentication::None,
            suites: SuiteChoice::default(),
            common: Common::default(),
        }
    }
}
