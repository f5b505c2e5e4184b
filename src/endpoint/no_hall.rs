//! No hall: this build has no cryptographic provider, and plain connections only.

use super::Replies;
use super::keyed::Keyed;
use crate::address::{NetworkEndpoint, Path};
use crate::counters::DropReason;
use crate::settings::NetworkSettings;
use crate::time::Timestamp;

/// There is none.
#[derive(Debug)]
pub(crate) enum Hall {}

impl Hall {
    pub(crate) fn new(_: &NetworkSettings, _: &Keyed) -> Option<Box<Self>> {
        None
    }

    pub(crate) fn bound(&mut self, _: NetworkEndpoint) {
        match *self {}
    }

    pub(crate) fn has_client(&self) -> bool {
        match *self {}
    }

    pub(crate) fn knows(&self, _: &NetworkEndpoint) -> bool {
        match *self {}
    }

    pub(crate) fn deadline(&self) -> Timestamp {
        match *self {}
    }

    pub(crate) fn greet(
        &mut self,
        _: Timestamp,
        _: &Path,
        _: &[u8],
        _: &mut Replies,
    ) -> Result<(), DropReason> {
        match *self {}
    }

    pub(crate) fn hear(&mut self, _: &NetworkEndpoint, _: &[u8]) -> Result<(), DropReason> {
        match *self {}
    }

    pub(crate) fn connect(&mut self, _: u32, _: &Path) -> bool {
        match *self {}
    }

    pub(crate) fn abandon(&mut self, _: u32) {
        match *self {}
    }
}
