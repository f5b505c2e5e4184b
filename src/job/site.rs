//! The site: what all jobs of an update share, and none may change; and what a job is for.

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

/// What a piece of work is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Send what the user wrote to lanes that need not wait for what arrives.
    Early,
    /// Process a slice that is not the last.
    Slice,
    /// Process the last slice, serve the lanes and send.
    Last,
    /// Send what the user wrote, outside an update: no timer is judged, nobody is disconnected.
    Flush,
}
