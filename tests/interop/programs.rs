//! How each of the programs is told what a cell asks for.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::cell::{Cell, Cipher, Key, Network, We, Who};
use crate::dimpl::Dimpl;
use crate::partner::{Partner, Program};

/// Starts the other side of `cell`: a client of `port`, or a server on it.
pub(crate) fn start(cell: &Cell, port: u16) -> Box<dyn Partner> {
    match cell.who {
        Who::OpenSsl => Box::new(Program::start(
            openssl(cell, port),
            "Verify return code",
            false,
        )),
        Who::GnuTls => Box::new(Program::start(
            gnutls(cell, port),
            "Handshake was completed",
            cell.we == We::Client,
        )),
        Who::MbedTls => Box::new(Program::start(mbedtls(cell, port), "ready", false)),
        Who::Dimpl => Box::new(Dimpl::start(cell, port)),
    }
}

/// What is missing to run cells with `who`, if anything is.
pub(crate) fn missing(who: Who) -> Option<String> {
    let answers = |program: &str| {
        let version = Command::new(program).arg("--version").output();
        version
            .is_err()
            .then(|| format!("{program} is not installed"))
    };
    match who {
        Who::OpenSsl => answers("openssl"),
        Who::GnuTls => answers("gnutls-cli").or_else(|| answers("gnutls-serv")),
        Who::MbedTls => peer_of_mbedtls().as_ref().err().cloned(),
        Who::Dimpl => None,
    }
}

/// The little program on mbed TLS, compiled once.
fn peer_of_mbedtls() -> &'static Result<PathBuf, String> {
    static PEER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    PEER.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/mbedtls.c");
        let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("mbedtls_peer");
        let output = Command::new("cc")
            .args(["-O1", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(&program)
            .args([source, "-lmbedtls", "-lmbedx509", "-lmbedcrypto"])
            .output()
            .map_err(|error| format!("no C compiler for mbed TLS: {error}"))?;
        if output.status.success() {
            return Ok(program);
        }
        Err(format!(
            "mbed TLS 2.28 (libmbedtls-dev) cannot be compiled against: {}",
            String::from_utf8_lossy(&output.stderr)
        ))
    })
}

fn openssl(cell: &Cell, port: u16) -> Command {
    let key = match cell.key {
        Key::Ecdsa => "ECDSA",
        Key::Rsa => "RSA",
    };
    let cipher = match cell.cipher {
        Cipher::ChaCha20 => format!("ECDHE-{key}-CHACHA20-POLY1305"),
        Cipher::Aes256 => format!("ECDHE-{key}-AES256-GCM-SHA384"),
    };
    let mut command = Command::new("openssl");
    match cell.we {
        We::Server => {
            // Without -nbio a datagram of no use has it wait for the next one, deaf to what we type.
            command.args(["s_client", "-nbio"]);
            command.args(["-connect", &format!("127.0.0.1:{port}")]);
            command.args(["-servername", cell.server_name()]);
            command.args(["-verify_hostname", cell.server_name()]);
            command.args(["-CAfile", &cell.server_ca()]);
            if cell.mutual {
                command.args(["-cert", &cell.file("client.pem")]);
                command.args(["-key", &cell.file("client.key")]);
            }
            if cell.network == Network::Taped {
                command.arg("-keylogfile").arg(cell.made("their-keys.txt"));
            }
        }
        We::Client => {
            command.args(["s_server", "-quiet"]);
            // Told to listen, the program gives a client up whose ChangeCipherSpec comes early.
            command.arg(match cell.network {
                Network::Clean | Network::Taped => "-listen",
                Network::Lossy => "-nbio",
            });
            command.args(["-accept", &format!("127.0.0.1:{port}")]);
            command.args(["-cert", &cell.file("server.pem")]);
            command.args(["-key", &cell.file("server.key")]);
            if cell.mutual {
                command.args(["-Verify", "2", "-CAfile", &cell.file("client-ca.pem")]);
            }
        }
    }
    command.args(["-dtls1_2", "-verify_return_error"]);
    command.args(["-cipher", &cipher, "-mtu", &cell.mtu.to_string()]);
    command
}

fn gnutls(cell: &Cell, port: u16) -> Command {
    let cipher = match cell.cipher {
        Cipher::ChaCha20 => "CHACHA20-POLY1305",
        Cipher::Aes256 => "AES-256-GCM",
    };
    let priority = format!("NORMAL:-VERS-ALL:+VERS-DTLS1.2:-CIPHER-ALL:+{cipher}");
    let mut command = match cell.we {
        We::Server => {
            let mut command = Command::new("gnutls-cli");
            command.arg(format!("--x509cafile={}", cell.server_ca()));
            command.arg(format!("--verify-hostname={}", cell.server_name()));
            command.arg(format!("--sni-hostname={}", cell.server_name()));
            if cell.mutual {
                command.arg(format!("--x509certfile={}", cell.file("client.pem")));
                command.arg(format!("--x509keyfile={}", cell.file("client.key")));
            }
            command
        }
        We::Client => {
            let mut command = Command::new("gnutls-serv");
            command.args(["--echo", "--quiet"]);
            command.arg(format!("--x509certfile={}", cell.file("server.pem")));
            command.arg(format!("--x509keyfile={}", cell.file("server.key")));
            if cell.mutual {
                command.args(["--require-client-cert", "--verify-client-cert"]);
                command.arg(format!("--x509cafile={}", cell.file("client-ca.pem")));
            } else {
                command.arg("--disable-client-cert");
            }
            command
        }
    };
    command.args(["--udp", &format!("--port={port}"), "--priority", &priority]);
    command.arg(format!("--mtu={}", cell.mtu));
    if cell.we == We::Server {
        command.arg("127.0.0.1");
    }
    command
}

fn mbedtls(cell: &Cell, port: u16) -> Command {
    let key = match cell.key {
        Key::Ecdsa => "ECDSA",
        Key::Rsa => "RSA",
    };
    let suite = match cell.cipher {
        Cipher::ChaCha20 => format!("TLS-ECDHE-{key}-WITH-CHACHA20-POLY1305-SHA256"),
        Cipher::Aes256 => format!("TLS-ECDHE-{key}-WITH-AES-256-GCM-SHA384"),
    };
    let none = || "-".to_owned();
    let (role, ca, own) = match cell.we {
        We::Server => ("client", cell.server_ca(), cell.mutual.then_some("client")),
        We::Client => {
            let ca = if cell.mutual {
                cell.file("client-ca.pem")
            } else {
                none()
            };
            ("server", ca, Some("server"))
        }
    };
    let own = |ending: &str| own.map_or_else(none, |own| cell.file(&format!("{own}.{ending}")));
    let program = peer_of_mbedtls().as_ref().unwrap();
    let mut command = Command::new(program);
    command.args([role, &port.to_string(), &ca, &own("pem"), &own("key")]);
    command.args([cell.server_name(), &suite, &cell.mtu.to_string()]);
    command
}
