//! Who is believed, and what both sides are told where not: the rows N1 to N5, N10 and N12, R38, and
//! identities that change while a server runs.

use drumfire::settings::{
    ClientAuthentication, NetworkSettingsBuilder, SecureClient, SecureServer,
};
use drumfire::{
    DisconnectReason, HandshakeError, Identity, NetworkSettings, Trust, VerifyError, WallTime,
};

use crate::identities::{builder, client, player, players, secure_client, secure_server, server};
use crate::support::{Event, Net, Node, SERVER, World};

/// The text of a certificate or key made for the trust table.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../fixtures/certificates/", $name))
    };
}

const YEAR: u64 = 31_556_952;

/// Runs until the client is told that it is over: why, to the client and to the server.
fn refused(world: &mut World) -> (HandshakeError, HandshakeError) {
    let ours = world.start(0);
    let mut events = Vec::new();
    world.drive_until(1_000, |world| {
        events.extend(world.clients[0].events_of(ours));
        !events.is_empty()
    });
    assert_eq!(
        events,
        [Event::Disconnect(DisconnectReason::AuthenticationFailure)]
    );
    world.run(200);
    assert!(world.server.driver.accept().is_none());
    assert_eq!(world.server.driver.connections().count(), 0);
    let mut told = |node: usize| {
        let driver = match node {
            0 => &mut world.clients[0].driver,
            _ => &mut world.server.driver,
        };
        driver.pop_handshake_failure().unwrap().error
    };
    (told(0), told(1))
}

/// A client of `game.example` that believes this CA.
fn game_client(ca: &str) -> NetworkSettingsBuilder {
    let client = SecureClient::new("game.example").ca_pem(ca).unwrap();
    builder().secure_client(client)
}

/// A server with a certificate for the key of the trust table.
fn game_server(certificate: &str) -> NetworkSettingsBuilder {
    let server = SecureServer::from_pem(certificate, fixture!("leaf.key")).unwrap();
    builder().secure_server(server)
}

/// The settings of a server whose certificate was right in the middle of this year.
fn settings_of(year: u64, certificate: &str) -> NetworkSettings {
    let date = WallTime::from_unix_seconds((year - 1970) * YEAR + YEAR / 2);
    let settings = game_server(certificate).dangerous_random_seed(1);
    settings.build_at(date).unwrap()
}

/// A server that a client of today meets.
fn world_of(server: NetworkSettings, client: NetworkSettingsBuilder) -> World {
    let net = Net::calm();
    let mut server = Node::with_settings(server, net.interface());
    server.listen_on(SERVER);
    World {
        clients: vec![Node::new(client, 2, net.interface())],
        server,
        net,
        ticks: 0,
    }
}

fn is_alert(error: &HandshakeError) -> bool {
    matches!(error, HandshakeError::PeerAlert { .. })
}

#[test]
fn n2_a_certificate_out_of_date_is_refused_with_its_dates() {
    let trust = || game_client(fixture!("dated_ca.pem"));
    let past = settings_of(2000, fixture!("v3_past.pem"));
    let (client, server) = refused(&mut world_of(past, trust()));
    assert!(
        matches!(
            client,
            HandshakeError::Certificate(VerifyError::Expired { .. })
        ),
        "{client:?}"
    );
    assert!(client.to_string().contains("2001"), "{client}");
    assert!(is_alert(&server), "{server:?}");

    let future = settings_of(2199, fixture!("v3_future.pem"));
    let (client, server) = refused(&mut world_of(future, trust()));
    assert!(
        matches!(
            client,
            HandshakeError::Certificate(VerifyError::NotYetValid { .. })
        ),
        "{client:?}"
    );
    assert!(client.to_string().contains("2199"), "{client}");
    assert!(is_alert(&server), "{server:?}");
}

#[test]
fn n2_r38_a_certificate_out_of_date_or_of_another_use_is_refused_at_construction() {
    let refused = |certificate: &str| {
        let error = game_server(certificate).build().unwrap_err();
        assert_eq!(error.field, "secure_server");
        error.to_string()
    };
    assert!(refused(fixture!("v3_past.pem")).contains("2001"));
    assert!(refused(fixture!("v3_future.pem")).contains("2199"));
    let usage = refused(fixture!("v3_san_client_only.pem"));
    assert!(usage.contains("serverAuth is missing"), "{usage}");
    let usage = refused(fixture!("v3_san_no_signing.pem"));
    assert!(usage.contains("digitalSignature"), "{usage}");
}

#[test]
fn n2_a_certificate_of_another_use_is_no_players() {
    let identity = Identity::from_pem(fixture!("v3_server_only.pem"), fixture!("leaf.key"));
    let client = secure_client().identity(identity.unwrap());
    let error = builder().secure_client(client).build().unwrap_err();
    assert_eq!(error.field, "identity");
}

#[test]
fn n3_chains_in_any_order_and_any_text_around_them_connect() {
    let parts = [
        fixture!("v3_by_between.pem"),
        fixture!("between.pem"),
        fixture!("ca.pem"),
    ];
    let comment = "# nothing at all\r\n".repeat(1_000);
    for order in [&[0, 1][..], &[1, 0], &[2, 1, 0]] {
        let chain: Vec<_> = order
            .iter()
            .map(|part: &usize| parts[*part].replace('\n', "\r\n"))
            .collect();
        let text = format!("{comment}{}trailing", chain.join(&comment));
        assert!(text.len() > 16 * 1_024);
        let mut world = World::with(1, game_server(&text), game_client(fixture!("ca.pem")));
        world.connect(0);
    }
    // Without what lies between there is no way to the CA.
    let mut world = World::with(1, game_server(parts[0]), game_client(fixture!("ca.pem")));
    let (client, _) = refused(&mut world);
    assert!(
        matches!(
            client,
            HandshakeError::Certificate(VerifyError::UnknownIssuer { .. })
        ),
        "{client:?}"
    );
}

/// What a client shows.
enum Shown {
    Nothing,
    Right,
    OfAnotherCa,
}

#[test]
fn n4_every_policy_meets_every_client() {
    let policies = [
        ClientAuthentication::None,
        ClientAuthentication::Optional(players()),
        ClientAuthentication::Required(players()),
    ];
    for policy in policies {
        for shown in [Shown::Nothing, Shown::Right, Shown::OfAnotherCa] {
            let server = secure_server().client_authentication(policy.clone());
            let client = match shown {
                Shown::Nothing => secure_client(),
                Shown::Right => secure_client().identity(player()),
                Shown::OfAnotherCa => secure_client()
                    .identity_pem(fixture!("v3_plain.pem"), fixture!("leaf.key"))
                    .unwrap(),
            };
            let mut world = World::with(
                1,
                builder().secure_server(server),
                builder().secure_client(client),
            );
            let is_asked = !matches!(policy, ClientAuthentication::None);
            let is_required = matches!(policy, ClientAuthentication::Required(_));
            match shown {
                Shown::Nothing if is_required => {
                    let (client, server) = refused(&mut world);
                    assert_eq!(server, HandshakeError::ClientCertificateMissing);
                    assert!(is_alert(&client), "{client:?}");
                }
                Shown::OfAnotherCa if is_asked => {
                    let (client, server) = refused(&mut world);
                    assert!(
                        matches!(server, HandshakeError::Certificate(_)),
                        "{server:?}"
                    );
                    assert!(is_alert(&client), "{client:?}");
                }
                _ => {
                    let (_, theirs) = world.connect(0);
                    // N10: what the client shows is really sent, where it is asked for.
                    let seen = world.server.driver.peer_identity(theirs);
                    let seen = seen.map(drumfire::PeerIdentity::fingerprint);
                    let sent = matches!(shown, Shown::Right) && is_asked;
                    assert_eq!(seen, sent.then(|| player().fingerprint()));
                }
            }
        }
    }
}

#[test]
fn n4_a_server_may_expect_one_name_of_its_clients() {
    let policy = || ClientAuthentication::Required(players());
    let expecting = |name: &str| {
        let server = secure_server().client_authentication(policy());
        builder().secure_server(server.client_name(name))
    };
    let client = || builder().secure_client(secure_client().identity(player()));
    World::with(1, expecting("player.drumfire.test"), client()).connect(0);
    let mut world = World::with(1, expecting("boss.drumfire.test"), client());
    let (_, server) = refused(&mut world);
    assert!(
        server.to_string().contains("player.drumfire.test"),
        "{server}"
    );
}

#[test]
fn n12_r38_key_mismatch_and_bad_pem_fail_at_construction_by_name() {
    let error = SecureServer::from_pem(fixture!("v3_san.pem"), fixture!("rsa.key")).unwrap_err();
    assert!(
        error.to_string().contains("not the key of the certificate"),
        "{error}"
    );
    let error = SecureServer::from_pem(fixture!("leaf.key"), fixture!("v3_san.pem")).unwrap_err();
    assert!(error.to_string().starts_with("certificate: "), "{error}");
    let error = SecureServer::from_pem(fixture!("v3_san.pem"), "nothing").unwrap_err();
    assert!(error.to_string().starts_with("private key: "), "{error}");
    let error = secure_client()
        .identity_pem(fixture!("v3_san.pem"), fixture!("rsa.key"))
        .unwrap_err();
    assert!(error.to_string().starts_with("private key: "), "{error}");
    let error = SecureClient::new("name").ca_pem("nothing").unwrap_err();
    assert!(error.to_string().contains("-----BEGIN"), "{error}");
}

#[test]
fn a_server_is_given_another_identity_while_it_runs() {
    let clients = || {
        let client =
            SecureClient::new("game.example").trust(Trust::from_pem(ca_of_both()).unwrap());
        builder().secure_client(client)
    };
    let mut world = World::with(3, game_server(fixture!("v3_san.pem")), clients());
    let (first, theirs) = world.connect(0);
    let of = |world: &World, index: usize, connection| {
        let peer = world.clients[index].driver.peer_identity(connection);
        peer.unwrap().fingerprint()
    };
    let old = of(&world, 0, first);

    // One that cannot be used changes nothing.
    let past = SecureServer::from_pem(fixture!("v3_past.pem"), fixture!("leaf.key")).unwrap();
    let error = world.server.driver.reload(&past).unwrap_err();
    assert_eq!(error.field, "secure_server");
    let (second, _) = world.connect(1);
    assert_eq!(of(&world, 1, second), old);

    // A good one is for those who come; those who are there stay.
    let new = SecureServer::from_pem(fixture!("v1_rsa.pem"), fixture!("rsa.key")).unwrap();
    world.server.driver.reload(&new).unwrap();
    let (third, _) = world.connect(2);
    assert_eq!(of(&world, 2, third), new.identity().fingerprint());
    assert_ne!(of(&world, 2, third), old);
    for index in 0..2 {
        let ours = [first, second][index];
        assert_eq!(of(&world, index, ours), old);
    }
    world.clients[0].send(first, b"still here").unwrap();
    world.run(2);
    assert_eq!(world.server.events_of(theirs), [Event::data(b"still here")]);

    // A driver that is no secure server becomes none.
    let error = world.clients[0].driver.reload(&new).unwrap_err();
    assert!(error.to_string().contains("not set"), "{error}");
}

fn ca_of_both() -> &'static str {
    fixture!("ca.pem")
}

#[test]
fn n2_dates_are_those_of_the_day_a_handshake_is_made() {
    // Right when it was configured, and refused by who looks at today's date.
    let error = client()
        .build_at(WallTime::from_unix_seconds(0))
        .unwrap_err();
    assert_eq!(error.field, "ca_pem");
    let error = server()
        .build_at(WallTime::from_unix_seconds(0))
        .unwrap_err();
    assert_eq!(error.field, "secure_server");
}
