//! Stage 1, receive: one batch of datagrams from the interface.

use super::timing::{StageTimes, Stopwatch};
use crate::buffer::batch::ReceiveBatch;
use crate::interface::{NetworkInterface, Received};

/// Fills `batch` anew.
pub(crate) fn receive(
    interface: &dyn NetworkInterface,
    batch: &mut ReceiveBatch,
    times: &mut StageTimes,
    watch: &mut Stopwatch,
) -> Received {
    batch.clear();
    let received = interface.receive(batch);
    watch.lap(&mut times.receive);
    received
}
