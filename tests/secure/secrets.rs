//! What is printed holds no secret (R39).

use crate::identities::{builder, client, player, players, secure_client, secure_server, server};
use crate::support::World;
use drumfire::settings::ClientAuthentication;

/// The lines of a private key's text.
fn lines_of(key: &str) -> Vec<&str> {
    let lines = key.lines().filter(|line| !line.starts_with("-----"));
    let lines: Vec<_> = lines.filter(|line| line.len() >= 16).collect();
    assert!(lines.len() >= 2);
    lines
}

/// The bytes of a PEM text.
pub(crate) fn bytes_of(key: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let text: String = key
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let mut bytes = Vec::new();
    for four in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = four
            .iter()
            .fold(0_u32, |bits, c| bits << 6 | u32::from(digit(*c)));
        let bits = bits << (6 * (4 - four.len()));
        bytes.extend(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
}

#[test]
fn r39_nothing_that_is_printed_has_a_key_in_it() {
    let policy = ClientAuthentication::Required(players());
    let identity = secure_server().client_authentication(policy);
    let mut world = World::with(
        1,
        builder().secure_server(identity.clone()),
        builder().secure_client(secure_client().identity(player())),
    );
    let (ours, theirs) = world.connect(0);
    let wrong = crate::identities::rsa_client();
    world.clients[0] = crate::support::Node::new(wrong, 70, world.net.interface());
    world.start(0);
    world.run(700);
    let failure = world.clients[0].driver.pop_handshake_failure();
    let seen = [
        format!("{identity:?} {:?} {:?}", player(), players()),
        format!("{:?} {:?}", server().build(), client().build()),
        format!("{:?} {:?}", world.server.driver, world.clients[0].driver),
        format!("{:?}", world.server.driver.peer_identity(theirs)),
        format!("{:?} {ours:?}", world.server.driver.current_settings()),
        format!("{:#?}", world.server.driver.statistics()),
        format!("{failure:?} {}", failure.as_ref().unwrap().error),
    ]
    .concat();
    assert!(seen.len() > 1_000);
    for key in [
        include_str!("../../certs/ecdsa-server.key"),
        include_str!("../../certs/ecdsa-client.key"),
    ] {
        for line in lines_of(key) {
            assert!(!seen.contains(line), "base64");
        }
        // The key itself is 32 bytes behind a header of seven, in any form a Debug may print.
        let bytes = bytes_of(key);
        let secret = &bytes[7..39];
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let lower = seen.to_lowercase();
        assert!(!lower.contains(&hex[..16]), "hex");
        let list = format!("{:?}", &secret[..8]);
        assert!(!seen.contains(list.trim_matches(['[', ']'])), "a list");
    }
}

/// Without the feature there is no such method: this file would not compile with a call of it.
#[cfg(feature = "key-log")]
#[test]
fn r39_keys_are_logged_where_that_was_asked_for_and_nowhere_else() {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let log = Log::default();
    let talkative = builder().secure_server(secure_server().dangerous_key_log(log.clone()));
    World::with(1, server(), client()).connect(0);
    assert!(log.0.lock().unwrap().is_empty());
    World::with(1, talkative, client()).connect(0);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.starts_with("CLIENT_RANDOM "), "{text}");
    assert_eq!(text.lines().count(), 1);
}
