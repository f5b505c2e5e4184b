//! `drumfire certs`: what it writes, prints and exits with.

use std::process::Command;

#[cfg(feature = "aws-lc-rs")]
use crate::judge;
use crate::{Folder, certs, errors, openssl_is_there, out};

/// Makes a set; returns what was printed.
fn new(folder: &Folder, more: &[&str]) -> String {
    let output = certs(&[&["new", "--out", &folder.path("")], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    out(&output)
}

#[test]
fn new_makes_a_set_that_check_finds_good() {
    let folder = Folder::new("new");
    let printed = new(&folder, &[]);
    // The last line is a command to be run as it stands.
    let line = printed.lines().last().unwrap().trim();
    let words: Vec<_> = line
        .split(' ')
        .map(|word| word.trim_matches('\''))
        .collect();
    assert_eq!(words[..2], ["drumfire", "certs"], "{line}");
    let check = certs(&words[2..]);
    assert_eq!(
        check.status.code(),
        Some(0),
        "{}{}",
        out(&check),
        errors(&check)
    );
    assert!(
        out(&check).contains("clients that expect `localhost` accept it"),
        "{}",
        out(&check)
    );
    assert!(!out(&check).contains("mind"), "{}", out(&check));
    let client = certs(&[
        "check",
        "--role",
        "client",
        "--certificate",
        &folder.path("client.pem"),
        "--private-key",
        &folder.path("client.key"),
        "--ca",
        &folder.path("client-ca.pem"),
    ]);
    assert_eq!(client.status.code(), Some(0), "{}", out(&client));
    assert!(out(&client).contains("as `client`"), "{}", out(&client));
}

#[test]
#[cfg(unix)]
fn private_keys_are_their_owners_alone_and_check_minds_others() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new("modes");
    new(&folder, &[]);
    for file in ["server-ca.key", "server.key", "client-ca.key", "client.key"] {
        let mode = std::fs::metadata(folder.path(file)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600, "{file}");
    }
    let key = folder.path("server.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    let check = certs(&[
        "check",
        "--certificate",
        &folder.path("server.pem"),
        "--private-key",
        &key,
    ]);
    assert_eq!(check.status.code(), Some(0));
    let printed = out(&check);
    assert!(printed.contains(&format!("chmod 600 {key}")), "{printed}");
}

#[test]
fn new_overwrites_nothing() {
    let folder = Folder::new("overwrite");
    std::fs::write(folder.path("client.key"), "precious").unwrap();
    let output = certs(&["new", "--out", &folder.path("")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        errors(&output).contains("client.key is there already"),
        "{}",
        errors(&output)
    );
    assert_eq!(folder.read("client.key"), "precious");
    assert_eq!(std::fs::read_dir(folder.path("")).unwrap().count(), 1);
}

#[test]
fn show_tells_what_stands_in_a_certificate() {
    let folder = Folder::new("show");
    new(
        &folder,
        &["--server-name", "game.example", "--server-name", "10.0.0.1"],
    );
    let output = certs(&["show", &folder.path("server.pem")]);
    assert_eq!(output.status.code(), Some(0));
    let printed = out(&output);
    for part in [
        "subject      CN=game.example",
        "issuer       CN=drumfire server CA",
        "names        game.example, 10.0.0.1",
        "key          P-256",
        "version      3 (no CA)",
        "fingerprint  ",
    ] {
        assert!(printed.contains(part), "{part} is not in {printed}");
    }
    assert!(!printed.contains("warning"), "{printed}");
    let key = certs(&["show", &folder.path("server.key")]);
    assert_eq!(key.status.code(), Some(2));
    assert!(
        errors(&key).contains("there is no `CERTIFICATE` block, only PRIVATE KEY"),
        "{}",
        errors(&key)
    );
}

#[test]
fn check_finds_a_wrong_key_a_wrong_name_and_a_wrong_ca() {
    let (folder, other) = (Folder::new("check"), Folder::new("check-other"));
    new(&folder, &[]);
    new(&other, &[]);
    let check = |key: String, ca: String, name: &str| {
        let certificate = folder.path("server.pem");
        let output = certs(&[
            "check",
            "--certificate",
            &certificate,
            "--private-key",
            &key,
            "--ca",
            &ca,
            "--server-name",
            name,
        ]);
        assert_eq!(output.status.code(), Some(1), "{}", out(&output));
        out(&output)
    };
    let (key, ca) = (folder.path("server.key"), folder.path("server-ca.pem"));
    let wrong_key = check(other.path("server.key"), ca.clone(), "localhost");
    assert!(
        wrong_key.contains("BAD   private key: it is not the key"),
        "{wrong_key}"
    );
    let wrong_name = check(key.clone(), ca, "game.example");
    assert!(
        wrong_name.contains("not for `game.example`"),
        "{wrong_name}"
    );
    assert!(wrong_name.contains("--server-name"), "{wrong_name}");
    let wrong_ca = check(key.clone(), folder.path("client-ca.pem"), "localhost");
    assert!(
        wrong_ca.contains("none of the given CA certificates"),
        "{wrong_ca}"
    );
    let renewed_ca = check(key, other.path("server-ca.pem"), "localhost");
    assert!(renewed_ca.contains("the CA was made anew"), "{renewed_ca}");
}

#[test]
#[cfg(feature = "aws-lc-rs")]
fn like_unity_manual_is_version_1_under_the_manuals_file_names() {
    let folder = Folder::new("like-unity");
    new(
        &folder,
        &["--like-unity-manual", "--server-name", "My Game"],
    );
    let certificate = folder.read("myGameServerCertificate.pem");
    let key = folder.read("myGameServerPrivateKey.pem");
    let ca = folder.read("myGameClientCA.pem");
    assert!(
        folder
            .read("clientPrivateKeyForRootCA.pem")
            .starts_with("-----BEGIN RSA PRIVATE KEY-----")
    );
    assert!(judge(&ca, &certificate, &key, "my game").is_ok());
    let shown = out(&certs(&[
        "show",
        &folder.path("myGameServerCertificate.pem"),
    ]));
    assert!(shown.contains("version      1"), "{shown}");
    assert!(shown.contains("key          RSA-2048"), "{shown}");
    assert!(shown.contains("has no subject alternative name"), "{shown}");
}

#[test]
#[cfg(feature = "aws-lc-rs")]
fn rsa_is_for_the_asking() {
    let folder = Folder::new("rsa");
    new(&folder, &["--rsa", "--days", "1"]);
    let shown = out(&certs(&["show", &folder.path("server.pem")]));
    assert!(shown.contains("key          RSA-2048"), "{shown}");
}

#[test]
#[cfg(not(feature = "aws-lc-rs"))]
fn a_provider_that_makes_no_rsa_keys_says_so() {
    let folder = Folder::new("ring");
    for wish in ["--rsa", "--like-unity-manual"] {
        let output = certs(&["new", "--out", &folder.path(""), wish]);
        assert_eq!(output.status.code(), Some(2));
        assert!(errors(&output).contains("aws-lc-rs"), "{}", errors(&output));
    }
}

#[test]
fn names_that_cannot_be_are_refused() {
    let folder = Folder::new("names");
    for (names, part) in [
        (
            &["--server-name", "my game"][..],
            "neither host name nor address",
        ),
        (
            &[
                "--like-unity-manual",
                "--server-name",
                "a",
                "--server-name",
                "b",
            ],
            "has one",
        ),
    ] {
        let output = certs(&[&["new", "--out", &folder.path("")], names].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(errors(&output).contains(part), "{}", errors(&output));
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = certs(&["show", "/nowhere/server.pem"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        errors(&output).contains("reading /nowhere/server.pem"),
        "{}",
        errors(&output)
    );
}

#[test]
fn openssl_accepts_them_strictly() {
    if !openssl_is_there("what drumfire makes was not checked by it") {
        return;
    }
    let folder = Folder::new("strict");
    new(&folder, &[]);
    for (name, purpose) in [("server", "sslserver"), ("client", "sslclient")] {
        let verified = Command::new("openssl")
            .args(["verify", "-x509_strict", "-purpose", purpose, "-CAfile"])
            .arg(folder.path(&format!("{name}-ca.pem")))
            .arg(folder.path(&format!("{name}.pem")))
            .output()
            .unwrap();
        assert!(
            verified.status.success(),
            "{}{}",
            out(&verified),
            errors(&verified)
        );
    }
}
