//! The commands of Unity's manual ("Encrypted communications", com.unity.transport 2.x), run as they
//! stand there, and what the library says of the files they make.

use std::io::Write;
use std::process::{Command, Stdio};

use drumfire::{CertificateSummary, VerifyError};

use crate::{Folder, certs, judge, openssl_is_there, out};

/// The manual's five commands, and the common name its questions are answered with.
const COMMANDS: [(&str, Option<&str>); 5] = [
    ("genrsa -out clientPrivateKeyForRootCA.pem 2048", None),
    (
        "req -x509 -new -nodes -key clientPrivateKeyForRootCA.pem -sha256 -days 1095 -out myGameClientCA.pem",
        Some("My Game"),
    ),
    ("genrsa -out myGameServerPrivateKey.pem 2048", None),
    (
        "req -new -key myGameServerPrivateKey.pem -out myGameServerCertificateSigningRequest.pem",
        Some("localserver"),
    ),
    (
        "x509 -req -in myGameServerCertificateSigningRequest.pem -CA myGameClientCA.pem \
         -CAkey clientPrivateKeyForRootCA.pem -CAcreateserial -out myGameServerCertificate.pem \
         -days 365 -sha256",
        None,
    ),
];

/// Answers to the questions of `openssl req`: all as offered, but for the common name.
fn answers(common_name: &str) -> String {
    // Country, state, city, company, section; the name; mail address, password, another company.
    format!("\n\n\n\n\n{common_name}\n\n\n\n")
}

/// Runs the manual's commands; `None` where there is no openssl.
fn as_the_manual_says(test: &str) -> Option<Folder> {
    if !openssl_is_there("the commands of Unity's manual were not run") {
        return None;
    }
    let folder = Folder::new(test);
    for (command, common_name) in COMMANDS {
        let mut process = Command::new("openssl")
            .args(command.split_whitespace())
            .current_dir(folder.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = process.stdin.take().unwrap();
        // A command that asks nothing may be gone before it is told anything.
        let _ = input.write_all(answers(common_name.unwrap_or_default()).as_bytes());
        drop(input);
        let output = process.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {command}: {errors}");
    }
    Some(folder)
}

#[test]
fn its_files_work_unmodified() {
    let Some(folder) = as_the_manual_says("manual") else {
        return;
    };
    let certificate = folder.read("myGameServerCertificate.pem");
    let key = folder.read("myGameServerPrivateKey.pem");
    let ca = folder.read("myGameClientCA.pem");
    let summary = CertificateSummary::from_pem(&certificate).unwrap();
    assert_eq!(summary[0].key(), "RSA-2048");
    assert_eq!(summary[0].names(), ["localserver"]);
    let peer = judge(&ca, &certificate, &key, "localserver").unwrap();
    assert_eq!(peer.names(), ["localserver"]);
}

#[test]
fn a_wrong_common_name_is_refused_with_the_remedy() {
    let Some(folder) = as_the_manual_says("manual-name") else {
        return;
    };
    let refused = judge(
        &folder.read("myGameClientCA.pem"),
        &folder.read("myGameServerCertificate.pem"),
        &folder.read("myGameServerPrivateKey.pem"),
        "127.0.0.1",
    );
    let Err(error @ VerifyError::WrongName { .. }) = refused else {
        panic!("{refused:?}");
    };
    let message = error.to_string();
    assert!(
        message.contains("the certificate is for `localserver`, not for `127.0.0.1`"),
        "{message}"
    );
    assert!(
        message.contains("set one of its names as server name"),
        "{message}"
    );
}

#[test]
fn the_command_line_checks_them() {
    let Some(folder) = as_the_manual_says("manual-check") else {
        return;
    };
    let (certificate, key, ca) = (
        folder.path("myGameServerCertificate.pem"),
        folder.path("myGameServerPrivateKey.pem"),
        folder.path("myGameClientCA.pem"),
    );
    let mut arguments = vec![
        "check",
        "--certificate",
        &certificate,
        "--private-key",
        &key,
    ];
    arguments.extend(["--ca", &ca, "--server-name", "localserver"]);
    let output = certs(&arguments);
    let printed = out(&output);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(printed.contains("mind  the certificate of"), "{printed}");
    assert!(
        printed.contains("clients that expect `localserver` accept it"),
        "{printed}"
    );
}
