//! The site: what all jobs of an update share, and none may change.

use crate::interface::NetworkInterface;
use crate::link::Rules;
use crate::time::Now;

/// Shared by reference count among the jobs of one update; the driver alone has it between updates.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) interface: Box<dyn NetworkInterface>,
    pub(crate) rules: Rules,
    pub(crate) now: Now,
    /// Bytes behind each message's payload in an outbox.
    pub(crate) tailroom: u16,
}
