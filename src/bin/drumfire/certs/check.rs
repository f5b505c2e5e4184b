//! `drumfire certs check`: what a driver says of a certificate and key, and what its peers will.
//!
//! Nothing is judged here: the verdicts are the library's own, those that settings are built with
//! and handshakes end with.

use std::error::Error;
use std::fmt::Display;

use drumfire::{Identity, ServerName, Trust, WallTime};

use super::args::{CheckArgs, Role};
use super::files;
use crate::failure::{Failure, Verdict, chain};
use crate::say;

pub(super) fn run(args: &CheckArgs) -> Result<Verdict, Failure> {
    let certificate = files::read(&args.certificate)?;
    let key = files::read_secret(&args.private_key)?;
    let ca = args.ca.as_deref().map(files::read).transpose()?;
    if let Some(warning) = files::exposed(&args.private_key) {
        warn(&warning);
    }
    let judged = Identity::from_pem(certificate, key.as_slice())
        .map_err(Box::<dyn Error>::from)
        .and_then(|identity| judge(args, &identity, ca.as_deref(), WallTime::now()));
    match judged {
        Ok(()) => Ok(Verdict::Good),
        Err(error) => {
            say::out(&format!("BAD   {}", chain(error.as_ref())));
            Ok(Verdict::Bad)
        }
    }
}

fn judge(
    args: &CheckArgs,
    identity: &Identity,
    ca: Option<&[u8]>,
    now: WallTime,
) -> Result<(), Box<dyn Error>> {
    let warnings = match args.role {
        Role::Server => identity.check_server(now)?,
        Role::Client => identity.check_client(now)?,
    };
    fine("certificate and private key belong together, in date, fit for their use");
    warnings.iter().for_each(warn);
    let Some(ca) = ca else {
        say::out("      --ca FILE tells what the other side will say");
        return Ok(());
    };
    let trust = Trust::from_pem(ca)?;
    trust.check(now)?.iter().for_each(warn);
    let peer = match (args.role, &args.server_name) {
        (Role::Client, _) => trust.judge_client(identity, now)?,
        (Role::Server, Some(name)) => {
            let peer = trust.judge_server(identity, &ServerName::new(name)?, now)?;
            fine(format!("clients that expect `{name}` accept it by this CA"));
            peer
        }
        (Role::Server, None) => {
            say::out("      --server-name NAME tells what clients that expect it will say");
            return Ok(());
        }
    };
    if args.role == Role::Client {
        fine(format!(
            "servers accept it by this CA, as `{}`",
            peer.names().join("`, `")
        ));
    }
    Ok(())
}

fn fine(what: impl Display) {
    say::out(&format!("ok    {what}"));
}

fn warn(what: impl Display) {
    say::out(&format!("mind  {what}"));
}
