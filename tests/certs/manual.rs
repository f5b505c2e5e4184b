//! The commands of Unity's manual ("Encrypted communications", com.unity.transport 2.x), run as they
//! stand there, and what the library says of the files they make.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

use drumfire::{CertificateSummary, VerifyError};

use crate::tutorial::tutorial;
use crate::{Folder, certs, errors, judge, openssl_is_there, out};

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
fn the_tutorial_takes_them_on_both_sides_and_says_why_not() {
    let Some(folder) = as_the_manual_says("manual-tutorial") else {
        return;
    };
    let play = |name: &str| {
        tutorial(
            &folder.path("myGameServerCertificate.pem"),
            &folder.path("myGameServerPrivateKey.pem"),
            &folder.path("myGameClientCA.pem"),
            name,
        )
    };
    play("localserver").unwrap();
    let refused = play("game.example").unwrap_err().to_string();
    for part in [
        "the client refuses the server",
        "the certificate is for `localserver`, not for `game.example`",
        "set one of its names as server name",
    ] {
        assert!(refused.contains(part), "{refused}");
    }
}

/// A process that is killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn serve_client_and_ping_take_them_and_say_why_not() {
    let Some(folder) = as_the_manual_says("manual-serve") else {
        return;
    };
    let (certificate, key, ca) = (
        folder.path("myGameServerCertificate.pem"),
        folder.path("myGameServerPrivateKey.pem"),
        folder.path("myGameClientCA.pem"),
    );
    let drumfire = || Command::new(env!("CARGO_BIN_EXE_drumfire"));
    let serve = drumfire()
        .args(["serve", "--bind", "127.0.0.1:0", "--secure", "--echo"])
        .args(["--certificate", &certificate, "--private-key", &key])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut server = Running(serve.unwrap());
    let mut line = String::new();
    let output = server.0.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    let rest = line.strip_prefix("listening on ").unwrap();
    let endpoint = rest.split(',').next().unwrap();
    let run = |words: &str, name: &str| -> Output {
        let mut command = drumfire();
        let mut words = words.split(' ');
        command.arg(words.next().unwrap()).arg(endpoint).args(words);
        command.args(["--secure", "--ca", &ca, "--server-name", name]);
        command.stdin(Stdio::null()).output().unwrap()
    };
    let ping = run("ping --count 2", "LocalServer");
    assert_eq!(ping.status.code(), Some(0), "{}", errors(&ping));
    assert!(out(&ping).contains("2 of 2 came back"), "{}", out(&ping));
    let client = run("client --clients 3 --duration 0.5", "localserver");
    assert_eq!(client.status.code(), Some(0), "{}", errors(&client));
    for command in ["ping --count 2", "client --clients 3 --duration 0.5"] {
        let wrong = run(command, "game.example");
        let said = out(&wrong) + &errors(&wrong);
        assert_ne!(wrong.status.code(), Some(0), "{command}: {said}");
        for part in ["`localserver`, not for `game.example`", "--server-name"] {
            assert!(said.contains(part), "{command}: {said}");
        }
    }
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
