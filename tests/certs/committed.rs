//! The identities in `certs/`: complete, consistent, and valid for a century.

use std::path::Path;

use drumfire::{CertificateSummary, Identity, Trust, VerifyError, WallTime};

use crate::{judge, read};

const CENTURY: u64 = 90 * 365 * 86_400;

fn committed(file: &str) -> String {
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("certs")
            .join(file),
    )
}

#[test]
fn servers_are_accepted_by_each_of_their_names() {
    for kind in ["ecdsa", "rsa"] {
        let (certificate, key) = (
            committed(&format!("{kind}-server.pem")),
            committed(&format!("{kind}-server.key")),
        );
        let ca = committed(&format!("{kind}-server-ca.pem"));
        for name in ["localhost", "server.drumfire.test", "127.0.0.1", "::1"] {
            judge(&ca, &certificate, &key, name).unwrap();
        }
        let other = committed(&format!("{kind}-client-ca.pem"));
        assert!(matches!(
            judge(&other, &certificate, &key, "localhost"),
            Err(VerifyError::UnknownIssuer { .. })
        ));
    }
}

#[test]
fn clients_are_accepted_by_their_own_ca() {
    for kind in ["ecdsa", "rsa"] {
        let identity = Identity::from_pem(
            committed(&format!("{kind}-client.pem")),
            committed(&format!("{kind}-client.key")),
        );
        let trust = Trust::from_pem(committed(&format!("{kind}-client-ca.pem"))).unwrap();
        let peer = trust
            .judge_client(&identity.unwrap(), WallTime::now())
            .unwrap();
        assert_eq!(peer.names(), ["player.drumfire.test"]);
    }
}

#[test]
fn the_one_of_unitys_manual_is_version_1_and_known_by_its_common_name() {
    let (certificate, key) = (committed("unity-server.pem"), committed("unity-server.key"));
    assert!(key.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    judge(
        &committed("unity-ca.pem"),
        &certificate,
        &key,
        "common-name",
    )
    .unwrap();
    let summary = CertificateSummary::from_pem(&certificate).unwrap();
    assert_eq!(
        (summary[0].version(), summary[0].key().as_str()),
        (1, "RSA-2048")
    );
}

#[test]
fn none_expires_within_ninety_years() {
    let mut count = 0;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "pem") {
            for one in CertificateSummary::from_pem(read(&path)).unwrap() {
                let end = one.not_after().as_unix_seconds();
                assert!(
                    end > WallTime::now().as_unix_seconds() + CENTURY,
                    "{}",
                    path.display()
                );
                count += 1;
            }
        }
    }
    assert_eq!(count, 10);
}
