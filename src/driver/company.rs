//! Who is there: the identities of peers, and the connections that were not made.

use std::collections::{HashMap, VecDeque};

use super::NetworkDriver;
use crate::crypto::PeerIdentity;
use crate::error::SettingsError;
use crate::id::NetworkConnection;
use crate::job::{HandshakeFailure, Outcome, Secured};
use crate::settings::SecureServer;

/// Failures kept for an application that does not ask for them.
const KEPT_FAILURES: usize = 64;

/// What handshakes have told of peers.
#[derive(Debug, Default)]
pub(super) struct Company {
    secured: HashMap<NetworkConnection, Secured>,
    failures: VecDeque<HandshakeFailure>,
}

impl Company {
    /// Takes over what an update has found out.
    pub(super) fn take(&mut self, outcome: &mut Outcome) {
        self.secured.extend(outcome.secured.drain(..));
        for failure in outcome.failures.drain(..) {
            if self.failures.len() == KEPT_FAILURES {
                self.failures.pop_front();
            }
            self.failures.push_back(failure);
        }
    }

    /// The connection's slot is free again.
    pub(super) fn forget(&mut self, connection: NetworkConnection) {
        if !self.secured.is_empty() {
            self.secured.remove(&connection);
        }
    }
}

impl NetworkDriver {
    /// Who the peer of a secure connection proved to be: its certificate, names and fingerprint.
    /// None for a client that showed no certificate, a plain connection, and handles that name none.
    pub fn peer_identity(&self, connection: NetworkConnection) -> Option<&PeerIdentity> {
        self.company.secured.get(&connection)?.peer.as_deref()
    }

    /// The cipher suite of a secure connection, by its name in the registry of the IANA; none for a
    /// plain one, and for handles that name none.
    pub fn cipher_suite(&self, connection: NetworkConnection) -> Option<&'static str> {
        Some(self.company.secured.get(&connection)?.suite.name())
    }

    /// The oldest secure connection that was not made and has not been asked for, with the reason in
    /// words. The latest 64 are kept.
    pub fn pop_handshake_failure(&mut self) -> Option<HandshakeFailure> {
        self.company.failures.pop_front()
    }

    /// Shows another identity, and asks other things of clients, from the next handshake on.
    /// Connections there are stay as they are. Completes an update in flight.
    ///
    /// # Errors
    /// What is wrong with the new identity, or that the driver is no secure server; it goes on with
    /// what it has.
    pub fn reload(&mut self, server: &SecureServer) -> Result<(), SettingsError> {
        self.complete();
        server.check(crate::crypto::WallTime::now())?;
        let settings = &self.settings;
        match self
            .home
            .as_mut()
            .and_then(|back| back.core.endpoint.hall())
            .filter(|hall| hall.has_server())
        {
            Some(hall) => {
                hall.reload(server, settings);
                Ok(())
            }
            None => Err(SettingsError {
                field: "secure_server",
                value: "not set".to_owned(),
                allowed: "set when the driver is made, to be changed later".to_owned(),
            }),
        }
    }
}
