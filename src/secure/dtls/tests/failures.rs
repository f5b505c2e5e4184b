//! Failures speak: both sides say which check failed, and whose fault it is.

use super::*;
use crate::crypto::{CipherSuite, Group, VerifyError};
use crate::wire::record::AlertDescription;

/// Runs until both sides have failed, and says how.
fn fail(server: ServerConfig, client: ClientConfig) -> (HandshakeError, HandshakeError) {
    let mut world = World::new(server, client);
    let start = world.now;
    world.run(seconds(10));
    assert!(!world.is_up());
    assert!(world.now.since(start) <= seconds(6));
    (world.server.failed.unwrap(), world.client.failed.unwrap())
}

fn alert(description: AlertDescription) -> HandshakeError {
    HandshakeError::PeerAlert { description }
}

#[test]
fn a_wrong_ca_is_refused_by_the_client_and_both_say_so() {
    for key in Key::ALL {
        let mut client = key.client_config();
        client.trust = trust(&format!("{}-client", key.name()));
        let (server, client) = fail(key.server_config(), client);
        assert!(
            matches!(
                &client,
                HandshakeError::Certificate(
                    VerifyError::UnknownIssuer { .. } | VerifyError::WrongSignature { .. }
                )
            ),
            "{client}"
        );
        assert!(
            matches!(&server, HandshakeError::PeerAlert { .. }),
            "{server}"
        );
    }
}

#[test]
fn a_wrong_name_is_refused_by_the_client_and_both_say_so() {
    let mut client = Key::Rsa.client_config();
    client.server_name = ServerName::new("other.example").unwrap();
    let (server, client) = fail(Key::Rsa.server_config(), client);
    assert!(matches!(
        &client,
        HandshakeError::Certificate(VerifyError::WrongName { .. })
    ));
    assert!(client.to_string().contains("other.example"));
    assert_eq!(server, alert(AlertDescription::BAD_CERTIFICATE));
    assert!(server.to_string().contains("compare its server name"));
}

#[test]
fn no_common_suite_group_or_signature_ends_it_at_once() {
    let refused = alert(AlertDescription::HANDSHAKE_FAILURE);
    let mut client = Key::Ecdsa.client_config();
    client.suites = vec![CipherSuite::EcdsaAes256Gcm];
    let (server, client) = fail(Key::Rsa.server_config(), client);
    assert_eq!(
        server,
        HandshakeError::NoCommonSuite {
            offered: 1,
            key: "RSA"
        }
    );
    assert_eq!(client, refused);

    // No group at all is no extension at all: P-256 is meant, and was not offered.
    let mut client = Key::Rsa.client_config();
    client.groups = vec![Group::X25519];
    let mut server = Key::Rsa.server_config();
    server.common.timing.grace = Duration::from_millis(10);
    let mut world = World::new(server, client);
    world.run(seconds(1));
    world.assert_talks();
}

#[test]
fn a_client_certificate_that_is_missing_or_refused_ends_it() {
    let mut server = Key::Rsa.server_config();
    server.clients = ClientAuthentication::Required(Key::Rsa.client_trust());
    let (error, client) = fail(server, Key::Rsa.client_config());
    assert_eq!(error, HandshakeError::ClientCertificateMissing);
    assert_eq!(error.fault(), HandshakeFault::Peer);
    assert_eq!(client, alert(AlertDescription::HANDSHAKE_FAILURE));

    for optional in [true, false] {
        let mut server = Key::Rsa.server_config();
        let clients = Key::Ecdsa.client_trust();
        server.clients = if optional {
            ClientAuthentication::Optional(clients)
        } else {
            ClientAuthentication::Required(clients)
        };
        let mut client = Key::Rsa.client_config();
        client.identity = Some(Key::Rsa.client_identity());
        let (server, client) = fail(server, client);
        assert!(
            matches!(&server, HandshakeError::Certificate(_)),
            "{server}"
        );
        assert!(
            matches!(&client, HandshakeError::PeerAlert { .. }),
            "{client}"
        );
    }
}

#[test]
fn a_player_of_another_name_is_refused_where_a_name_is_expected() {
    let mut server = Key::Rsa.server_config();
    let mut clients = Key::Rsa.client_trust();
    clients.name = Some(ServerName::new("boss.drumfire.test").unwrap());
    server.clients = ClientAuthentication::Required(clients);
    let mut client = Key::Rsa.client_config();
    client.identity = Some(Key::Rsa.client_identity());
    let (server, _) = fail(server, client);
    assert!(matches!(
        &server,
        HandshakeError::Certificate(VerifyError::WrongName { .. })
    ));
}

#[test]
fn a_server_that_vanishes_in_the_middle_is_told_from_one_that_was_never_there() {
    let mut world = World::new(Key::Rsa.server_config(), Key::Rsa.client_config());
    while world.server.handshake.is_none() {
        assert!(world.step());
    }
    while world.client.handshake.as_ref().unwrap().awaited() == "ServerHello" {
        assert!(world.step());
    }
    world.weather.loss = 100;
    world.air.clear();
    while world.client.failed.is_none() {
        assert!(world.step());
    }
    let error = world.client.failed.unwrap();
    assert!(
        error.to_string().contains("too little came through"),
        "{error}"
    );
}

#[test]
fn r13_serial_failures() {
    // A failure leaves nothing behind for the next handshake of the same settings.
    let mut wrong = Key::Ecdsa.client_config();
    wrong.server_name = ServerName::new("other.example").unwrap();
    for _ in 0..20 {
        fail(Key::Ecdsa.server_config(), wrong.clone());
    }
    let mut world = World::new(Key::Ecdsa.server_config(), Key::Ecdsa.client_config());
    world.run(seconds(1));
    world.assert_talks();
}
