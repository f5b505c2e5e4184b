//! A build without a cryptographic provider: the floor is a plain one.

use crate::failure::Failure;
use crate::security::Suite;

/// There are none.
pub(super) enum Keys {}

impl Keys {
    pub(super) fn new(_: Suite) -> Result<Self, Failure> {
        Err(Failure::new(
            "--suite: this build has no cryptographic provider",
        ))
    }

    pub(super) fn seal_and_open(&mut self, _: &[u8], _: &mut Vec<u8>) -> bool {
        match *self {}
    }
}
