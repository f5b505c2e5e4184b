//! Every cell of the profile completes: suites, groups, certificates, client authentication.

use super::*;
use crate::crypto::{CipherSuite, Group, PeerIdentity};

fn suites_of(key: Key) -> [CipherSuite; 2] {
    match key {
        Key::Ecdsa => [
            CipherSuite::EcdsaAes256Gcm,
            CipherSuite::EcdsaChaCha20Poly1305,
        ],
        Key::Rsa => [CipherSuite::RsaAes256Gcm, CipherSuite::RsaChaCha20Poly1305],
    }
}

#[test]
fn every_suite_group_certificate_and_client_authentication_completes() {
    for key in Key::ALL {
        for suite in suites_of(key) {
            for group in Group::ALL {
                for clients in 0..4 {
                    let mut server = key.server_config();
                    let mut client = key.client_config();
                    client.suites = vec![suite];
                    client.groups = vec![group];
                    let shown = match clients {
                        0 => None,
                        // Optional, and not shown.
                        1 => {
                            server.clients = ClientAuthentication::Optional(key.client_trust());
                            None
                        }
                        2 => {
                            server.clients = ClientAuthentication::Optional(key.client_trust());
                            Some(key.client_identity())
                        }
                        _ => {
                            server.clients = ClientAuthentication::Required(key.client_trust());
                            Some(key.client_identity())
                        }
                    };
                    client.identity = shown.clone();
                    let mut world = World::new(server, client);
                    world.run(seconds(1));
                    world.assert_talks();
                    let up = world.server.up.as_ref().unwrap();
                    assert_eq!(up.association.suite(), suite);
                    let seen = up.peer.as_ref().map(PeerIdentity::fingerprint);
                    assert_eq!(seen, shown.map(|identity| identity.fingerprint()));
                    let server = world.client.up.as_ref().unwrap().peer.as_ref();
                    assert!(server.is_some_and(|peer| !peer.names().is_empty()));
                }
            }
        }
    }
}

#[test]
fn an_rsa_client_of_an_ecdsa_server_and_the_reverse_complete() {
    for (key, other) in [(Key::Ecdsa, Key::Rsa), (Key::Rsa, Key::Ecdsa)] {
        let mut server = key.server_config();
        let mut client = key.client_config();
        server.clients = ClientAuthentication::Required(other.client_trust());
        client.identity = Some(other.client_identity());
        let mut world = World::new(server, client);
        world.run(seconds(1));
        world.assert_talks();
    }
}

#[test]
fn the_certificate_of_unitys_manual_completes() {
    let server = ServerConfig::new(identity("unity-server"));
    let trust = Trust::from_pem(certs("unity-ca.pem")).unwrap();
    let client = ClientConfig::new(trust, ServerName::new("common-name").unwrap());
    let mut world = World::new(server, client);
    world.run(seconds(1));
    world.assert_talks();
}

#[test]
fn the_server_follows_the_clients_order_unless_it_is_told_otherwise() {
    for order in [CipherSuite::AES_FIRST, CipherSuite::CHACHA_FIRST] {
        for choice in [SuiteChoice::AsOffered, SuiteChoice::ChaCha20First] {
            let mut server = Key::Rsa.server_config();
            let mut client = Key::Rsa.client_config();
            server.suites = choice;
            client.suites = order.to_vec();
            let mut world = World::new(server, client);
            world.run(seconds(1));
            let first = order
                .into_iter()
                .find(|suite| suites_of(Key::Rsa).contains(suite));
            let expected = match choice {
                SuiteChoice::AsOffered => first.unwrap(),
                SuiteChoice::ChaCha20First => CipherSuite::RsaChaCha20Poly1305,
            };
            let up = world.server.up.as_ref().unwrap();
            assert_eq!(up.association.suite(), expected);
            let expansion = if expected.explicit_nonce() { 37 } else { 29 };
            assert_eq!(up.association.expansion(), expansion);
        }
    }
}

#[test]
fn nothing_stands_behind_the_finished_of_the_server() {
    let mut world = World::new(Key::Rsa.server_config(), Key::Rsa.client_config());
    world.run(seconds(1));
    let (_, _, last) = world
        .history
        .iter()
        .rfind(|(_, to, _)| *to == To::Client)
        .unwrap();
    let (_, _, rest) = crate::wire::record::RecordHeader::parse(last).unwrap();
    let (finished, _, rest) = crate::wire::record::RecordHeader::parse(rest).unwrap();
    assert_eq!((finished.number.epoch(), rest), (1, &[][..]));
}

#[test]
fn a_flight_keeps_to_the_size_of_the_path() {
    for mtu in [200, 300, 576, 1_200, 1_400] {
        let mut server = Key::Rsa.server_config();
        let mut client = Key::Rsa.client_config();
        server.common.mtu = mtu;
        client.common.mtu = mtu;
        server.clients = ClientAuthentication::Required(Key::Rsa.client_trust());
        client.identity = Some(Key::Rsa.client_identity());
        let mut world = World::new(server, client);
        world.run(seconds(1));
        world.assert_talks();
        assert!(
            world
                .history
                .iter()
                .all(|(_, _, datagram)| datagram.len() <= mtu)
        );
    }
}
