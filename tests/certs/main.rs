//! Certificates from outside: the `certs` command, the committed identities, and the commands of
//! Unity's manual.

#![cfg(all(feature = "cli", any(feature = "aws-lc-rs", feature = "ring")))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests, and what is skipped is said loudly"
)]

mod command;
mod committed;
mod manual;
#[expect(dead_code, reason = "an example is a program of its own")]
#[path = "../../examples/secure_client_server.rs"]
mod tutorial;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use drumfire::{Identity, PeerIdentity, ServerName, Trust, VerifyError, WallTime};

/// A directory of a test's own, gone when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("drumfire-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).to_str().unwrap().to_owned()
    }

    fn read(&self, file: &str) -> String {
        read(&self.0.join(file))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn certs(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_drumfire"))
        .arg("certs")
        .args(arguments)
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether there is an openssl; says loudly what is skipped where there is none.
fn openssl_is_there(otherwise: &str) -> bool {
    let there = Command::new("openssl").arg("version").output().is_ok();
    if !there {
        eprintln!("SKIPPED: openssl is missing: {otherwise}");
    }
    there
}

/// What a client that was given `ca` and expects `name` says of a server.
fn judge(ca: &str, certificate: &str, key: &str, name: &str) -> Result<PeerIdentity, VerifyError> {
    let identity = Identity::from_pem(certificate, key).unwrap();
    identity.check_server(WallTime::now()).unwrap();
    let trust = Trust::from_pem(ca).unwrap();
    trust.check(WallTime::now()).unwrap();
    trust.judge_server(&identity, &ServerName::new(name).unwrap(), WallTime::now())
}
