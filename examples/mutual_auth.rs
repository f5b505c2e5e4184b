//! Both sides show a certificate: the server knows which player it talks to.
//!
//! Players' certificates are signed by a CA of their own. With one CA for both, a player whose
//! certificate names the server could be the server.
//!
//! `cargo run --example mutual_auth`

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;
use std::time::Duration;

use drumfire::settings::{ClientAuthentication, SecureClient, SecureServer};
use drumfire::{NetworkDriver, NetworkEvent, NetworkSettings, Trust};

/// A file of the test identities; `drumfire certs new` makes such a set.
fn file(name: &str) -> std::io::Result<Vec<u8>> {
    std::fs::read(format!("{}/certs/ecdsa-{name}", env!("CARGO_MANIFEST_DIR")))
}

fn main() -> Result<(), Box<dyn Error>> {
    let players = Trust::from_pem(file("client-ca.pem")?)?;
    let server = SecureServer::from_pem(file("server.pem")?, file("server.key")?)?
        .client_authentication(ClientAuthentication::Required(players));
    let settings = NetworkSettings::builder().secure_server(server).build()?;
    let mut server = NetworkDriver::new(settings)?;
    server.bind("127.0.0.1:0".parse()?)?;
    server.listen()?;

    let stranger = SecureClient::new("localhost").ca_pem(file("server-ca.pem")?)?;
    let player = stranger
        .clone()
        .identity_pem(file("client.pem")?, file("client.key")?)?;
    for (who, client) in [("a player", player), ("a stranger", stranger)] {
        let settings = NetworkSettings::builder().secure_client(client).build()?;
        println!("{who}: {}", connect(&mut server, settings)?);
    }
    Ok(())
}

/// What becomes of a client with these settings.
fn connect(
    server: &mut NetworkDriver,
    settings: NetworkSettings,
) -> Result<String, Box<dyn Error>> {
    let mut client = NetworkDriver::new(settings)?;
    let connection = client.connect(server.local_endpoint())?;
    loop {
        client.wait(Duration::from_millis(5));
        client.update();
        server.update();
        if let Some(connection) = server.accept() {
            let peer = server.peer_identity(connection).ok_or("no certificate")?;
            return Ok(format!(
                "the server knows it as {}",
                peer.names().join(", ")
            ));
        }
        if let Some(failure) = server.pop_handshake_failure() {
            return Ok(format!("the server refuses it: {}", failure.error));
        }
        if let Some(NetworkEvent::Disconnect { reason }) =
            client.pop_event_for_connection(connection)
        {
            return Ok(format!("disconnected: {reason:?}"));
        }
    }
}
