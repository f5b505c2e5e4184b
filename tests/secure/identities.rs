//! Settings made of the test identities.

use drumfire::settings::{NetworkSettingsBuilder, SecureClient, SecureServer};
use drumfire::{Identity, NetworkSettings, Trust};

use crate::support::FRAME;

/// A test identity's file.
macro_rules! file {
    ($name:literal) => {
        include_str!(concat!("../../certs/", $name))
    };
}

/// Virtual time, and no security mode yet.
pub(crate) fn builder() -> NetworkSettingsBuilder {
    NetworkSettings::builder().fixed_frame_time(FRAME)
}

/// A server with the ECDSA identity.
pub(crate) fn secure_server() -> SecureServer {
    SecureServer::from_pem(file!("ecdsa-server.pem"), file!("ecdsa-server.key")).unwrap()
}

/// A client that believes it.
pub(crate) fn secure_client() -> SecureClient {
    SecureClient::new("server.drumfire.test")
        .ca_pem(file!("ecdsa-server-ca.pem"))
        .unwrap()
}

/// Settings of that server.
pub(crate) fn server() -> NetworkSettingsBuilder {
    builder().secure_server(secure_server())
}

/// Settings of that client.
pub(crate) fn client() -> NetworkSettingsBuilder {
    builder().secure_client(secure_client())
}

/// A server with the RSA identity.
pub(crate) fn rsa_server() -> NetworkSettingsBuilder {
    builder().secure_server(
        SecureServer::from_pem(file!("rsa-server.pem"), file!("rsa-server.key")).unwrap(),
    )
}

/// A client that believes it.
pub(crate) fn rsa_client() -> NetworkSettingsBuilder {
    builder().secure_client(
        SecureClient::new("localhost")
            .ca_pem(file!("rsa-server-ca.pem"))
            .unwrap(),
    )
}

/// The server of Unity's manual.
pub(crate) fn unity_server() -> NetworkSettingsBuilder {
    builder().secure_server(
        SecureServer::from_pem(file!("unity-server.pem"), file!("unity-server.key")).unwrap(),
    )
}

/// A client of it that expects this name.
pub(crate) fn unity_client(name: &str) -> NetworkSettingsBuilder {
    builder().secure_client(
        SecureClient::new(name)
            .ca_pem(file!("unity-ca.pem"))
            .unwrap(),
    )
}

/// The player's identity.
pub(crate) fn player() -> Identity {
    Identity::from_pem(file!("ecdsa-client.pem"), file!("ecdsa-client.key")).unwrap()
}

/// Trust in players.
pub(crate) fn players() -> Trust {
    Trust::from_pem(file!("ecdsa-client-ca.pem")).unwrap()
}
