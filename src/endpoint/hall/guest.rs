//! One guest of the hall: a handshake in either role, and what its peer has sent meanwhile.

use std::sync::Arc;

use crate::address::{AddressPrefix, Path};
use crate::counters::DropReason;
use crate::crypto::{VerifyError, WallTime};
use crate::secure::Outgoing;
use crate::secure::dtls::{
    ClientConfig, ClientHandshake, HandshakeError, Progress, ServerConfig, ServerHandshake, Turn,
    VerifiedHello,
};
use crate::time::Timestamp;

/// Bytes of datagrams kept until they are read, and how many (R10).
const KEPT_BYTES: usize = 12 * 1_024;
const KEPT: usize = 16;

/// A handshake under way.
#[derive(Debug)]
pub(super) struct Guest {
    pub(super) path: Path,
    pub(super) role: Role,
    /// Whom it counts against.
    pub(super) prefix: Option<AddressPrefix>,
    /// Its number among all guests there ever were.
    pub(super) age: u64,
    /// Whether it waits to be read.
    pub(super) queued: bool,
    /// Whether it waits for its signature.
    pub(super) awaits_signature: bool,
    kept: Vec<Vec<u8>>,
}

/// Which end of the handshake is ours.
#[derive(Debug)]
pub(super) enum Role {
    /// The peer wants in.
    Server(Box<ServerHandshake>),
    /// We want in.
    Client(Box<Client>),
}

/// Our way to a server.
#[derive(Debug)]
pub(super) struct Client {
    config: Arc<ClientConfig>,
    /// The connection it is for.
    slot: u32,
    /// Whether an earlier handshake for it has run out of time: answers to that one may still come.
    is_again: bool,
    /// None until it is begun.
    handshake: Option<ClientHandshake>,
}

impl Guest {
    /// A client whose hello had the right cookie.
    pub(super) fn greet(
        config: &Arc<ServerConfig>,
        hello: &VerifiedHello<'_>,
        path: &Path,
        prefix: Option<AddressPrefix>,
        now: Timestamp,
        date: WallTime,
        out: &mut Outgoing,
    ) -> (Self, Progress) {
        let (handshake, turn) = ServerHandshake::start(config, hello, now, date, out);
        let guest = Self::new(path, Role::Server(Box::new(handshake)), prefix);
        (guest, turn.progress)
    }

    /// A server, for the connection in `slot`.
    pub(super) fn connect(
        config: Arc<ClientConfig>,
        slot: u32,
        path: &Path,
        is_again: bool,
    ) -> Self {
        let client = Client {
            config,
            slot,
            is_again,
            handshake: None,
        };
        Self::new(path, Role::Client(Box::new(client)), None)
    }

    fn new(path: &Path, role: Role, prefix: Option<AddressPrefix>) -> Self {
        Self {
            path: *path,
            role,
            prefix,
            age: 0,
            queued: false,
            awaits_signature: false,
            kept: Vec::new(),
        }
    }

    /// The connection it is for, if we began it.
    pub(super) fn slot(&self) -> Option<u32> {
        match &self.role {
            Role::Server(_) => None,
            Role::Client(client) => Some(client.slot),
        }
    }

    /// Whether another handshake may end better than this one did. The answer to a hello we have
    /// given up looks like one that is signed wrongly, so that is believed of a first answer only.
    pub(super) fn may_try_again(&self, error: &HandshakeError) -> bool {
        let is_again = matches!(&self.role, Role::Client(client) if client.is_again);
        match error {
            HandshakeError::TimedOut { .. } => true,
            HandshakeError::Certificate(VerifyError::HandshakeSignature) => is_again,
            _ => false,
        }
    }

    /// Whether it was begun with a hello of this random; none if it is no client's.
    pub(super) fn is_begun_with(&self, random: &[u8]) -> Option<bool> {
        match &self.role {
            Role::Server(handshake) => Some(handshake.client_random() == random),
            Role::Client(_) => None,
        }
    }

    /// Keeps a datagram until it is read. False if there is no room.
    pub(super) fn keep(&mut self, datagram: &[u8]) -> bool {
        let bytes: usize = self.kept.iter().map(Vec::len).sum();
        let fits = self.kept.len() < KEPT && bytes + datagram.len() <= KEPT_BYTES;
        if fits {
            self.kept.push(datagram.to_vec());
        }
        fits
    }

    /// The datagrams that were kept.
    pub(super) fn take_kept(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.kept)
    }

    /// The expensive step that is due: our first flight, or our signature.
    pub(super) fn begin(&mut self, now: Timestamp, date: WallTime, out: &mut Outgoing) -> Progress {
        self.awaits_signature = false;
        match &mut self.role {
            Role::Server(handshake) => handshake.sign(now, out),
            Role::Client(client) => match ClientHandshake::start(&client.config, now, date, out) {
                Ok(handshake) => {
                    client.handshake = Some(handshake);
                    Progress::Pending
                }
                Err(error) => Progress::Failed(Box::new(error)),
            },
        }
    }

    pub(super) fn handle_datagram(
        &mut self,
        now: Timestamp,
        datagram: &mut [u8],
        out: &mut Outgoing,
    ) -> Turn {
        match &mut self.role {
            Role::Server(handshake) => handshake.handle_datagram(now, datagram, out),
            Role::Client(client) => match &mut client.handshake {
                Some(handshake) => handshake.handle_datagram(now, datagram, out),
                None => Turn {
                    progress: Progress::Pending,
                    received: Err(DropReason::Unexpected),
                },
            },
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp, out: &mut Outgoing) -> Progress {
        match &mut self.role {
            Role::Server(handshake) => handshake.handle_timeout(now, out),
            Role::Client(client) => match &mut client.handshake {
                Some(handshake) => handshake.handle_timeout(now, out),
                None => Progress::Pending,
            },
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(super) fn deadline(&self) -> Timestamp {
        match &self.role {
            Role::Server(handshake) => handshake.deadline(),
            Role::Client(client) => client
                .handshake
                .as_ref()
                .map_or(Timestamp::NEVER, ClientHandshake::deadline),
        }
    }
}
