//! Connecting: who gets in, who does not, and what both are told.

use drumfire::settings::{ClientAuthentication, SecureClient};
use drumfire::{DisconnectReason, HandshakeError, Trust, VerifyError};

use crate::identities::{
    builder, client, player, players, rsa_client, rsa_server, secure_client, secure_server, server,
    unity_client, unity_server,
};
use crate::support::{Event, World, settings};

/// Messages go both ways.
fn talk(world: &mut World) {
    let (ours, theirs) = world.connect(0);
    for round in 0..10_u8 {
        world.clients[0].send(ours, &[round; 300]).unwrap();
        world.server.send(theirs, &[round; 200]).unwrap();
        world.run(2);
        assert_eq!(world.server.events_of(theirs), [Event::data(&[round; 300])]);
        assert_eq!(
            world.clients[0].events_of(ours),
            [Event::data(&[round; 200])]
        );
    }
}

#[test]
fn n1_a_secure_client_talks_to_a_secure_server() {
    let mut world = World::with(1, server(), client());
    let tap = world.net.tap();
    talk(&mut world);
    let statistics = world.server.driver.statistics().handshakes;
    assert_eq!((statistics.completed, statistics.signatures), (1, 1));
    // Nothing is made up before there is somebody to seal it for.
    for node in [&world.server, &world.clients[0]] {
        assert_eq!(node.driver.statistics().sent.drops.total(), 0);
    }
    let secret = [7; 64];
    for datagram in tap.take() {
        let bytes = &datagram.bytes;
        assert!(
            (20..=23).contains(&bytes[0]) && bytes[1] == 0xFE,
            "a record: {bytes:?}"
        );
        assert!(
            !bytes.windows(64).any(|window| window == secret),
            "in clear"
        );
    }
}

#[test]
fn rsa_and_the_certificates_of_unitys_manual_do_as_well() {
    talk(&mut World::with(1, rsa_server(), rsa_client()));
    talk(&mut World::with(
        1,
        unity_server(),
        unity_client("common-name"),
    ));
}

/// Runs until the client is told that it is over.
fn refused(world: &mut World) -> (DisconnectReason, HandshakeError) {
    let ours = world.start(0);
    let mut events = Vec::new();
    world.drive_until(1_000, |world| {
        events.extend(world.clients[0].events_of(ours));
        !events.is_empty()
    });
    let [Event::Disconnect(reason)] = events[..] else {
        panic!("{events:?}");
    };
    let failure = world.clients[0].driver.pop_handshake_failure().unwrap();
    assert_eq!(failure.connection, Some(ours));
    world.run(200);
    assert!(world.server.driver.accept().is_none());
    assert_eq!(world.server.driver.connections().count(), 0);
    (reason, failure.error)
}

#[test]
fn n2_a_wrong_name_is_refused_and_both_sides_say_so() {
    let mut world = World::with(1, unity_server(), unity_client("another-name"));
    let (reason, error) = refused(&mut world);
    assert_eq!(reason, DisconnectReason::AuthenticationFailure);
    assert!(matches!(error, HandshakeError::Certificate(_)), "{error:?}");
    assert!(error.to_string().contains("common-name"), "{error}");
    let told = world.server.driver.pop_handshake_failure().unwrap();
    assert_eq!(told.connection, None);
    assert!(
        matches!(told.error, HandshakeError::PeerAlert { .. }),
        "{told:?}"
    );
}

#[test]
fn n2_a_wrong_ca_is_refused() {
    let mut world = World::with(1, server(), rsa_client());
    let (reason, error) = refused(&mut world);
    assert_eq!(reason, DisconnectReason::AuthenticationFailure);
    assert!(
        matches!(
            error,
            HandshakeError::Certificate(VerifyError::UnknownIssuer { .. })
        ),
        "{error:?}"
    );
}

#[test]
fn n4_n10_a_clients_certificate_is_sent_verified_and_readable() {
    let server = builder().secure_server(
        secure_server().client_authentication(ClientAuthentication::Required(players())),
    );
    let client = builder().secure_client(secure_client().identity(player()));
    let mut world = World::with(1, server, client);
    let (ours, theirs) = world.connect(0);
    let peer = world.server.driver.peer_identity(theirs).unwrap();
    assert_eq!(peer.names(), ["player.drumfire.test"]);
    assert_eq!(peer.fingerprint(), player().fingerprint());
    let peer = world.clients[0].driver.peer_identity(ours).unwrap();
    assert!(peer.names().contains(&"server.drumfire.test".to_owned()));
}

#[test]
fn n5_a_plain_client_and_a_secure_server_do_not_meet() {
    let mut world = World::with(1, server(), settings());
    let ours = world.start(0);
    world.run(5_000);
    assert_eq!(
        world.clients[0].events_of(ours),
        [Event::Disconnect(DisconnectReason::MaxConnectionAttempts)]
    );
    let drops = &world.server.driver.statistics().inward.drops;
    assert_eq!(drops.get(drumfire::counters::DropReason::WrongSecurity), 60);
}

#[test]
fn n5_a_secure_client_and_a_plain_server_do_not_meet() {
    let mut world = World::with(1, settings(), client());
    let ours = world.start(0);
    world.run(5_000);
    assert_eq!(
        world.clients[0].events_of(ours),
        [Event::Disconnect(DisconnectReason::MaxConnectionAttempts)]
    );
}

#[test]
fn one_driver_has_one_secure_connection_to_an_endpoint() {
    let mut world = World::with(1, server(), client());
    world.start(0);
    let again = world.clients[0].driver.connect(crate::support::SERVER);
    assert!(
        again
            .unwrap_err()
            .to_string()
            .contains("one driver can have one")
    );
}

#[test]
fn r38_whom_to_believe_must_be_said() {
    let error = builder().secure_client(SecureClient::new("name")).build();
    assert!(error.unwrap_err().to_string().contains("ca_pem"));
    let error = builder()
        .secure_client(SecureClient::new("").trust(Trust::dangerous_anyone()))
        .build();
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("server name is empty")
    );
}
