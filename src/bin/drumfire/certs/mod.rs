//! `drumfire certs`: makes certificates, shows them, and checks them as a driver will.
//!
//! `private_key` (over `provider`), `issue` and `made` make them in memory; `new`, `show` and `check`
//! are the commands. Certificates are judged by the library alone.

pub(crate) mod args;
mod check;
pub(crate) mod files;
mod issue;
pub(crate) mod made;
mod new;
mod pem;
mod private_key;
mod provider;
mod show;

use crate::failure::{Failure, Verdict};
use args::CertsCommand;

pub(crate) use private_key::KeyKind;

pub(crate) fn run(command: &CertsCommand) -> Result<Verdict, Failure> {
    match command {
        CertsCommand::New(args) => new::run(args),
        CertsCommand::Show(args) => show::run(args),
        CertsCommand::Check(args) => check::run(args),
    }
}
