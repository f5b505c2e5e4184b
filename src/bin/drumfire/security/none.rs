//! A build without a cryptographic provider: plain connections only, and it says so.

use drumfire::NetworkDriver;

use super::{ClientSecurity, Mode, ServerSecurity};
use crate::failure::Failure;

pub(super) fn server(_: &ServerSecurity) -> Result<Mode, Failure> {
    Err(missing())
}

pub(super) fn client(_: &ClientSecurity, _: &str) -> Result<Mode, Failure> {
    Err(missing())
}

pub(super) fn check() -> Result<(), Failure> {
    Err(missing())
}

pub(super) fn failures(_: &mut NetworkDriver) -> impl Iterator<Item = String> {
    std::iter::empty()
}

fn missing() -> Failure {
    Failure::new(
        "this build has no cryptographic provider: say --plain, or build it with \
         `--features aws-lc-rs` or `--features ring`",
    )
}
