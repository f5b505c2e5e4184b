//! Unity's tutorial of encrypted communications: a server with a certificate, and a client that
//! believes the CA that signed it and knows the server's common name.
//!
//! `cargo run --example secure_client_server`, with the identity in `certs/` that was made as the
//! manual says, or with files of your own:
//! `… -- myGameServerCertificate.pem myGameServerPrivateKey.pem myGameClientCA.pem localserver`

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;
use std::fs::read;
use std::time::Duration;

use drumfire::settings::{SecureClient, SecureServer};
use drumfire::{NetworkDriver, NetworkEvent, NetworkPipeline, NetworkSettings};

const CERTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/certs/");

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    match given.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => tutorial(
            &format!("{CERTS}unity-server.pem"),
            &format!("{CERTS}unity-server.key"),
            &format!("{CERTS}unity-ca.pem"),
            "common-name",
        ),
        [certificate, private_key, ca, name] => tutorial(certificate, private_key, ca, name),
        _ => Err("give CERTIFICATE PRIVATE_KEY CA SERVER_NAME, or nothing".into()),
    }
}

/// A server, and a client that has it add two to a number.
pub(crate) fn tutorial(
    certificate: &str,
    private_key: &str,
    ca: &str,
    server_name: &str,
) -> Result<(), Box<dyn Error>> {
    // The private key is the server's, and nobody else's.
    let settings = NetworkSettings::builder()
        .secure_server(SecureServer::from_pem(
            read(certificate)?,
            read(private_key)?,
        )?)
        .build()?;
    let mut server = NetworkDriver::new(settings)?;
    server.bind("127.0.0.1:0".parse()?)?;
    server.listen()?;

    // The CA's certificate is no secret: it is part of the client.
    let settings = NetworkSettings::builder()
        .secure_client(SecureClient::new(server_name).ca_pem(read(ca)?)?)
        .build()?;
    let mut client = NetworkDriver::new(settings)?;
    let connection = client.connect(server.local_endpoint())?;

    loop {
        client.wait(Duration::from_millis(5));
        client.update();
        server.update();
        if let Some(failure) = client.pop_handshake_failure() {
            return Err(format!("the client refuses the server: {}", failure.error).into());
        }
        while server.accept().is_some() {}
        if let Some((player, NetworkEvent::Data { mut reader, .. })) = server.pop_event() {
            let answer = reader.read_uint() + 2;
            let mut writer = server.begin_send(NetworkPipeline::NULL, player)?;
            writer.write_uint(answer);
            writer.end_send()?;
        }
        match client.pop_event_for_connection(connection) {
            Some(NetworkEvent::Connect { .. }) => {
                let suite = client.cipher_suite(connection).unwrap_or_default();
                println!("client: connected, encrypted with {suite}; sending 1");
                let mut writer = client.begin_send(NetworkPipeline::NULL, connection)?;
                writer.write_uint(1);
                writer.end_send()?;
            }
            Some(NetworkEvent::Data { mut reader, .. }) => {
                println!("client: got {} back", reader.read_uint());
                client.disconnect(connection);
                client.update();
                return Ok(());
            }
            Some(NetworkEvent::Disconnect { reason }) => {
                return Err(format!("disconnected: {reason:?}").into());
            }
            _ => {}
        }
    }
}
