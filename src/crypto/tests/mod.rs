//! Tests that need certificates: the trust table, identities, names; and keys end to end.
//!
//! The certificates are in `tests/fixtures/certificates`, made by the script beside them.

mod identities;
mod keys;
mod secrets;
mod trust_table;
mod trusts;

use super::certificate::Certificate;
use super::{PeerIdentity, ServerName, Trust, VerifyError, WallTime, pem};

/// The server of the trust table.
const NAME: &str = "game.example";

/// The text of a fixture.
fn fixture(name: &str) -> String {
    read(&format!("tests/fixtures/certificates/{name}"))
}

/// The text of a file of the repository.
fn read(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The first certificate of a fixture, in DER.
fn der(name: &str) -> Vec<u8> {
    let text = fixture(&format!("{name}.pem"));
    pem::certificates(text.as_bytes()).unwrap().swap_remove(0)
}

fn certificate(name: &str) -> Certificate {
    Certificate::parse(&der(name)).unwrap()
}

/// An hour after the fixtures were made.
fn now() -> WallTime {
    let made = certificate("ca").not_before();
    WallTime::from_unix_seconds(made.as_unix_seconds() + 3_600)
}

fn trust(ca: &str) -> Trust {
    Trust::from_pem(fixture(&format!("{ca}.pem"))).unwrap()
}

/// Judges a server that shows these certificates.
fn judge(ca: &str, shown: &[&str], name: &str) -> Result<PeerIdentity, VerifyError> {
    judge_at(ca, shown, name, now())
}

fn judge_at(
    ca: &str,
    shown: &[&str],
    name: &str,
    now: WallTime,
) -> Result<PeerIdentity, VerifyError> {
    let chain: Vec<_> = shown.iter().map(|name| der(name)).collect();
    let chain: Vec<_> = chain.iter().map(Vec::as_slice).collect();
    trust(ca).verify_server(&chain, &ServerName::new(name).unwrap(), now)
}
