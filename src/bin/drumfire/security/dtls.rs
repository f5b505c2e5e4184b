//! Secure settings of files, or of an identity made for one run.

use std::path::Path;

use drumfire::settings::{ClientAuthentication, SecureClient, SecureServer};
use drumfire::{Identity, NetworkDriver, NetworkSettings, Trust, WallTime};

use super::{ClientAuth, ClientSecurity, Mode, OWN_NAME, OwnKey, Protection, ServerSecurity};
use crate::certs::made::Order;
use crate::certs::{KeyKind, files};
use crate::failure::{Failure, While};
use crate::say;

/// How long an identity is valid that is made for one run.
const OWN_DAYS: u32 = 2;

pub(super) fn server(args: &ServerSecurity) -> Result<Mode, Failure> {
    let (identity, ca) = match (args.own, &args.certificate, &args.private_key) {
        (Some(kind), ..) => own(kind)?,
        (None, Some(certificate), Some(key)) => (identity(certificate, key)?, None),
        _ => {
            return Err(Failure::new(
                "a secure server needs --certificate FILE and --private-key FILE: \
                 `drumfire certs new` makes them",
            ));
        }
    };
    let server = SecureServer::new(identity).client_authentication(clients(args)?);
    #[cfg(feature = "key-log")]
    let server = match key_log::open(&args.key_log)? {
        Some(file) => server.dangerous_key_log(file),
        None => server,
    };
    Ok(Mode {
        builder: NetworkSettings::builder().secure_server(server),
        protection: Protection::Dtls,
        ca,
    })
}

pub(super) fn client(args: &ClientSecurity, host: &str) -> Result<Mode, Failure> {
    let name = args.server_name.as_deref().unwrap_or(host);
    let mut client = SecureClient::new(name);
    if let Some(text) = &args.ca_text {
        client = client.ca_pem(text)?;
    } else if let Some(path) = &args.ca {
        client = client.trust(trust(path)?);
    }
    if let (Some(certificate), Some(key)) = (&args.certificate, &args.private_key) {
        client = client.identity(identity(certificate, key)?);
    }
    #[cfg(feature = "key-log")]
    if let Some(file) = key_log::open(&args.key_log)? {
        client = client.dangerous_key_log(file);
    }
    Ok(Mode {
        builder: NetworkSettings::builder().secure_client(client),
        protection: Protection::Dtls,
        ca: None,
    })
}

pub(super) fn check() -> Result<(), Failure> {
    Ok(())
}

pub(super) fn failures(driver: &mut NetworkDriver) -> impl Iterator<Item = String> {
    std::iter::from_fn(|| Some(driver.pop_handshake_failure()?.error.to_string()))
}

fn clients(args: &ServerSecurity) -> Result<ClientAuthentication, Failure> {
    let wish = args.client_auth.unwrap_or(match args.ca {
        Some(_) => ClientAuth::Required,
        None => ClientAuth::None,
    });
    let trust = args.ca.as_deref().map(trust).transpose()?;
    match (wish, trust) {
        (ClientAuth::None, _) => Ok(ClientAuthentication::None),
        (ClientAuth::Optional, Some(trust)) => Ok(ClientAuthentication::Optional(trust)),
        (ClientAuth::Required, Some(trust)) => Ok(ClientAuthentication::Required(trust)),
        (ClientAuth::Optional | ClientAuth::Required, None) => Err(Failure::new(
            "clients' certificates are judged by a CA: give --ca FILE (`drumfire certs new` makes \
             client-ca.pem)",
        )),
    }
}

fn identity(certificate: &Path, key: &Path) -> Result<Identity, Failure> {
    if let Some(warning) = files::exposed(key) {
        say::error(&format!("drumfire: {warning}"));
    }
    let (shown, secret) = (files::read(certificate)?, files::read_secret(key)?);
    Identity::from_pem(shown, secret.as_slice())
        .while_doing(|| format!("{} and {}", certificate.display(), key.display()))
}

fn trust(ca: &Path) -> Result<Trust, Failure> {
    Trust::from_pem(files::read(ca)?).while_doing(|| ca.display().to_string())
}

/// An identity that only this process has, and its CA.
fn own(kind: OwnKey) -> Result<(Identity, Option<String>), Failure> {
    let order = Order {
        kind: match kind {
            OwnKey::Ecdsa => KeyKind::Ecdsa,
            OwnKey::Rsa => KeyKind::Rsa,
        },
        now: WallTime::now(),
        days: OWN_DAYS,
    };
    let made = order.server(&[OWN_NAME.to_owned()])?;
    let identity = Identity::from_pem(&made.certificate, made.private_key.as_bytes())?;
    Ok((identity, Some(made.ca)))
}

#[cfg(feature = "key-log")]
mod key_log {
    //! The file that `SSLKEYLOGFILE` names.

    use std::fs::{File, OpenOptions};

    use super::super::KeyLogArgs;
    use crate::failure::{Failure, While};

    /// Opens it for more lines, if that was asked for.
    pub(super) fn open(args: &KeyLogArgs) -> Result<Option<File>, Failure> {
        if !args.dangerous_key_log {
            return Ok(None);
        }
        let path = std::env::var_os("SSLKEYLOGFILE").ok_or_else(|| {
            Failure::new("--dangerous-key-log: SSLKEYLOGFILE must name the file to write to")
        })?;
        let file = OpenOptions::new().create(true).append(true).open(&path);
        file.while_doing(|| format!("opening {}", path.display()))
            .map(Some)
    }
}
