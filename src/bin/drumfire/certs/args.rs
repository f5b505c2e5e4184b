//! What can be said to `drumfire certs`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum CertsCommand {
    /// Makes CAs, a server's and a client's certificate with their keys.
    New(NewArgs),
    /// What stands in a file of certificates.
    Show(ShowArgs),
    /// What a driver will say of a certificate and key, and what its peers will.
    Check(CheckArgs),
}

#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// Directory to write to; what is there already is not overwritten.
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    pub(crate) out: PathBuf,
    /// Host name or address by which clients will know the server; may be said several times
    /// [default: localhost and this machine's own two addresses].
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Vec<String>,
    /// Name of the client.
    #[arg(long, value_name = "NAME", default_value = "client")]
    pub(crate) client_name: String,
    /// Days they are valid, the CAs as well.
    #[arg(long, value_name = "N", default_value_t = 1_095, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub(crate) days: u32,
    /// RSA-2048 keys instead of ECDSA P-256: a handshake costs the server several times as much.
    #[arg(long)]
    pub(crate) rsa: bool,
    /// As the commands of Unity's manual make them: RSA-2048, X.509 version 1, one common name and
    /// no other, files named as there. Only clients that were given the CA accept them.
    #[arg(long, conflicts_with = "client_name")]
    pub(crate) like_unity_manual: bool,
}

impl NewArgs {
    pub(super) const DEFAULT_NAME: &'static str = "localhost";

    pub(super) fn server_names(&self) -> Vec<String> {
        if self.server_name.is_empty() {
            [Self::DEFAULT_NAME, "127.0.0.1", "::1"]
                .map(str::to_owned)
                .to_vec()
        } else {
            self.server_name.clone()
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// PEM file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// PEM file of the certificate, with its chain.
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: PathBuf,
    /// PEM file of its private key.
    #[arg(long, value_name = "FILE")]
    pub(crate) private_key: PathBuf,
    /// PEM file of the CA that the other side is given.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The name by which clients know the server.
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,
    /// Who will show it.
    #[arg(long, value_name = "ROLE", value_enum, default_value_t = Role::Server)]
    pub(crate) role: Role,
}

/// Who shows a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    Server,
    Client,
}
