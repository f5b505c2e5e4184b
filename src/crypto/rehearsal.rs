//! The verdicts of handshakes, before there is one: for tools that check certificates.

use super::Side;
use super::identity::Identity;
use super::identity_error::IdentityError;
use super::name::ServerName;
use super::trust::{PeerIdentity, Trust};
use super::verify_error::VerifyError;
use super::wall_time::WallTime;
use super::warning::CertificateWarning;

impl Identity {
    /// What building a server's settings says of it at this date.
    ///
    /// # Errors
    ///
    /// It is out of date, or not for servers.
    pub fn check_server(&self, now: WallTime) -> Result<Vec<CertificateWarning>, IdentityError> {
        self.check(Side::Server, now)
    }

    /// What building a client's settings says of it at this date.
    ///
    /// # Errors
    ///
    /// It is out of date, or not for clients.
    pub fn check_client(&self, now: WallTime) -> Result<Vec<CertificateWarning>, IdentityError> {
        self.check(Side::Client, now)
    }
}

impl Trust {
    /// What a client with this trust says of `server`, if it expects that name.
    ///
    /// # Errors
    ///
    /// What the client's handshake would end with.
    pub fn judge_server(
        &self,
        server: &Identity,
        name: &ServerName,
        now: WallTime,
    ) -> Result<PeerIdentity, VerifyError> {
        self.verify_server(&server.chain().collect::<Vec<_>>(), name, now)
    }

    /// What a server with this trust says of `client`.
    ///
    /// # Errors
    ///
    /// What the server's handshake would end with.
    pub fn judge_client(
        &self,
        client: &Identity,
        now: WallTime,
    ) -> Result<PeerIdentity, VerifyError> {
        self.verify_client(&client.chain().collect::<Vec<_>>(), None, now)
    }
}
