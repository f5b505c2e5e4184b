//! How messages travel: what can be said of it, and the settings that come of it.
//!
//! `serve`, `client` and `ping` are told, by `--secure` or `--plain`; `demo` and `bench` are secure
//! unless told otherwise, with an identity that the server makes in its memory and whose CA it tells
//! its parent. The private key never leaves that process.

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod dtls;
#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
mod none;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use drumfire::settings::NetworkSettingsBuilder;
use drumfire::{NetworkDriver, NetworkSettings};
use serde::Serialize;

use crate::failure::Failure;
use crate::say;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
use dtls as secure;
#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
use none as secure;

/// The name of the server that `demo` and `bench` make.
const OWN_NAME: &str = "localhost";

/// How messages travel, as reports name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protection {
    None,
    Dtls,
}

impl Protection {
    fn of(secure: bool) -> Self {
        if secure { Self::Dtls } else { Self::None }
    }

    /// In a sentence.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::None => "UDP, not encrypted",
            Self::Dtls => "encrypted UDP (DTLS 1.2)",
        }
    }
}

/// What a command runs with: settings to be finished, and what others must know.
#[derive(Clone, Debug)]
pub(crate) struct Mode {
    pub(crate) builder: NetworkSettingsBuilder,
    pub(crate) protection: Protection,
    /// The CA of an identity that was made for this run.
    pub(crate) ca: Option<String>,
}

impl Mode {
    fn plain() -> Self {
        Self {
            builder: NetworkSettings::builder().plain(),
            protection: Protection::None,
            ca: None,
        }
    }
}

/// What a server asks of its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClientAuth {
    /// No certificate.
    None,
    /// A certificate, if a client has one; it must be right then.
    Optional,
    /// A certificate.
    Required,
}

/// The key of an identity that is made for one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OwnKey {
    Ecdsa,
    Rsa,
}

/// Said to `serve`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ServerSecurity {
    /// Encrypts, and shows a certificate: DTLS 1.2.
    #[arg(long, conflicts_with = "plain")]
    pub(crate) secure: bool,
    /// No encryption, no authentication.
    #[arg(long)]
    pub(crate) plain: bool,
    /// PEM file of the certificate, with its chain.
    #[arg(long, value_name = "FILE", requires = "secure")]
    pub(crate) certificate: Option<PathBuf>,
    /// PEM file of the certificate's private key.
    #[arg(long, value_name = "FILE", requires = "secure")]
    pub(crate) private_key: Option<PathBuf>,
    /// PEM file of the CA that signs clients' certificates.
    #[arg(long, value_name = "FILE", requires = "secure")]
    pub(crate) ca: Option<PathBuf>,
    /// Certificates of clients [default: required with --ca, none without].
    #[arg(long, value_name = "WISH", value_enum, requires = "secure")]
    pub(crate) client_auth: Option<ClientAuth>,
    #[command(flatten)]
    pub(crate) key_log: KeyLogArgs,
    /// Makes the identity itself.
    #[arg(
        long,
        hide = true,
        value_name = "KIND",
        value_enum,
        requires = "secure"
    )]
    pub(crate) own: Option<OwnKey>,
}

/// Said to `client` and `ping`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ClientSecurity {
    /// Encrypts, and checks the server's certificate: DTLS 1.2.
    #[arg(long, conflicts_with = "plain")]
    pub(crate) secure: bool,
    /// No encryption, no authentication.
    #[arg(long)]
    pub(crate) plain: bool,
    /// PEM file of the CA that signed the server's certificate.
    #[arg(long, value_name = "FILE", requires = "secure")]
    pub(crate) ca: Option<PathBuf>,
    /// The name in the server's certificate [default: the host that is connected to].
    #[arg(long, value_name = "NAME", requires = "secure")]
    pub(crate) server_name: Option<String>,
    /// PEM file of a certificate to show a server that asks, with its chain.
    #[arg(long, value_name = "FILE", requires_all = ["secure", "private_key"])]
    pub(crate) certificate: Option<PathBuf>,
    /// PEM file of that certificate's private key.
    #[arg(long, value_name = "FILE", requires_all = ["secure", "certificate"])]
    pub(crate) private_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) key_log: KeyLogArgs,
    /// The CA itself, as PEM text.
    #[arg(long, hide = true, value_name = "PEM", requires = "secure")]
    pub(crate) ca_text: Option<String>,
}

/// Whether the keys of connections are written to a file.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct KeyLogArgs {
    /// Writes the keys of all connections to the file that SSLKEYLOGFILE names, for tshark: whoever
    /// reads it reads everything.
    #[cfg(feature = "key-log")]
    #[arg(long, requires = "secure")]
    pub(crate) dangerous_key_log: bool,
}

/// Said to `demo` and `bench`, which are secure unless told otherwise.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct OwnSecurity {
    /// No encryption: the default is DTLS 1.2, with an ECDSA identity made for the run.
    #[arg(long)]
    pub(crate) plain: bool,
    /// An RSA-2048 identity instead, as in Unity's manual.
    #[arg(long, conflicts_with = "plain")]
    pub(crate) rsa: bool,
}

impl ServerSecurity {
    /// # Errors
    /// If nothing was said of it, or what was said cannot be done.
    pub(crate) fn mode(&self) -> Result<Mode, Failure> {
        if self.plain {
            return Ok(Mode::plain());
        }
        if !self.secure {
            return Err(unsaid(
                "drumfire serve --secure --certificate server.pem --private-key server.key",
                "drumfire serve --plain",
            ));
        }
        secure::server(self)
    }
}

impl ClientSecurity {
    /// # Errors
    /// If nothing was said of it, or what was said cannot be done.
    pub(crate) fn mode(&self, command: &str, server: &str) -> Result<Mode, Failure> {
        if self.plain {
            return Ok(Mode::plain());
        }
        if !self.secure {
            return Err(unsaid(
                &format!("drumfire {command} {server} --secure --ca server-ca.pem"),
                &format!("drumfire {command} {server} --plain"),
            ));
        }
        let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
        secure::client(self, host.trim_matches(['[', ']']))
    }
}

impl OwnSecurity {
    pub(crate) fn protection(self) -> Protection {
        Protection::of(!self.plain)
    }

    /// Whether it can be done at all: asked before anything is started.
    pub(crate) fn check(self) -> Result<(), Failure> {
        if self.plain {
            return Ok(());
        }
        secure::check()
    }

    /// Arguments of the server's process.
    pub(crate) fn server_arguments(self) -> &'static [&'static str] {
        match (self.plain, self.rsa) {
            (true, _) => &["--plain"],
            (false, false) => &["--secure", "--own", "ecdsa"],
            (false, true) => &["--secure", "--own", "rsa"],
        }
    }
}

/// Arguments of the clients' process of a server that said it made its identity under this CA.
pub(crate) fn client_arguments(ca: Option<&str>) -> Vec<String> {
    let words = |words: &'static [&str]| words.iter().map(|word| (*word).to_owned());
    match ca {
        Some(ca) => words(&["--secure", "--server-name", OWN_NAME])
            .chain([format!("--ca-text={ca}")])
            .collect(),
        None => words(&["--plain"]).collect(),
    }
}

/// Neither of two command lines was meant for sure.
fn unsaid(secure: &str, plain: &str) -> Failure {
    Failure::new(format!(
        "say how messages travel: encrypted, or readable and forgeable by whoever is on the way\n  \
         {secure}\n  {plain}\n`drumfire certs new` makes certificates"
    ))
}

/// Why secure connections were not made since this was last asked, in words, and how often.
pub(crate) fn failures(driver: &mut NetworkDriver) -> BTreeMap<String, u64> {
    let mut causes = BTreeMap::new();
    for cause in secure::failures(driver) {
        *causes.entry(cause).or_default() += 1;
    }
    causes
}

/// Says what is probably not meant.
pub(crate) fn warn(settings: &NetworkSettings) {
    for warning in settings.warnings() {
        say::error(&format!("drumfire: {warning}"));
    }
}
