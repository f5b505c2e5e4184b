//! Stage 5, send: hands a shard's datagrams to the interface, in batches, in order.
//!
//! Datagrams leave from where they lie, neighbours to one peer side by side, so that the interface
//! can send equal sizes as one. What the interface has no room for is copied once and goes first in
//! the next update.

use std::net::IpAddr;

use super::shard::Shard;
use super::site::Site;
use crate::address::NetworkEndpoint;
use crate::buffer::batch::BATCH_SIZE;
use crate::buffer::desk::{Desk, lanes_of};
use crate::buffer::egress::{Egress, Route, Source};
use crate::buffer::outbox::Outbox;
use crate::counters::{DropReason, Flow};
use crate::id::LANES_PER_SHARD;
use crate::interface::{NetworkInterface, SendFault, SendReport, Transmit};
use crate::link::Link;

/// Sends everything the shard has, then empties its egress and outboxes.
pub(crate) fn send(shard: &mut Shard, desk: &mut Desk, site: &Site) {
    let interface = &*site.interface;
    let congested = !shard.deferred.is_empty() && send_deferred(shard, interface);
    let Shard {
        links,
        egress,
        sent,
        report,
        ..
    } = shard;
    let mut tray = Tray::new(interface, report, sent, congested);
    tray.load(links, egress, desk);
    if let Some(mut taken) = tray.finish() {
        keep_rest(shard, desk, &mut taken);
    }
    clear(shard, desk);
}

/// The same for many shards at once: what they have to send shares the calls of the interface.
///
/// Counts to `sent` what the shards themselves would, and empties nothing: [`clear`] does.
pub(crate) fn send_all(
    shards: &mut [Option<Box<Shard>>],
    desks: &mut [Desk],
    served: &[usize],
    interface: &dyn NetworkInterface,
    report: &mut SendReport,
    sent: &mut Flow,
) {
    let mut congested = false;
    for (shard, _) in chosen(shards, desks, served) {
        congested |= !shard.deferred.is_empty() && send_deferred(shard, interface);
    }
    let mut tray = Tray::new(interface, report, sent, congested);
    for (shard, desk) in chosen(shards, desks, served) {
        tray.load(&shard.links, &shard.egress, desk);
    }
    if let Some(mut taken) = tray.finish() {
        for (shard, desk) in chosen(shards, desks, served) {
            keep_rest(shard, desk, &mut taken);
        }
    }
}

/// The shards of `served`, which ascends, and their desks.
pub(super) fn chosen<'a>(
    shards: &'a mut [Option<Box<Shard>>],
    desks: &'a mut [Desk],
    served: &'a [usize],
) -> impl Iterator<Item = (&'a mut Shard, &'a mut Desk)> {
    let mut both = shards.iter_mut().zip(desks);
    let mut next = 0;
    served.iter().filter_map(move |index| {
        let (shard, desk) = both.nth(index.checked_sub(next)?)?;
        next = index + 1;
        Some((shard.as_deref_mut()?, desk))
    })
}

/// Gives up what was to be sent, counted, after the interface panicked.
pub(crate) fn abandon(shard: &mut Shard, desk: &mut Desk) {
    let done = shard.sent.passed
        + shard.sent.drops.total()
        + u64::try_from(shard.deferred.len()).unwrap_or(0);
    let lost = shard.sent.entered.saturating_sub(done);
    shard.sent.drops.add(DropReason::InternalError, lost);
    clear(shard, desk);
}

/// Empties what was sent from, and frees the lanes that are closed.
pub(super) fn clear(shard: &mut Shard, desk: &mut Desk) {
    shard.egress.clear();
    let read = desk.written() & !shard.queued;
    for lane in lanes_of(read) {
        if let Some(outbox) = desk.outboxes.get_mut(lane) {
            outbox.get_mut().clear();
        }
    }
    desk.clear_written(read);
    shard.sweep();
}

/// What was left over from earlier updates. True if the interface still has no room for all of it.
#[cold]
fn send_deferred(shard: &mut Shard, interface: &dyn NetworkInterface) -> bool {
    while !shard.deferred.is_empty() {
        let mut batch = Batch::new();
        for transmit in shard.deferred.iter() {
            if !batch.push(transmit) {
                break;
            }
        }
        let whole = batch.send(interface, &mut shard.report, &mut shard.sent);
        let done = shard.report.done;
        shard.deferred.forget(done);
        if !whole {
            return true;
        }
    }
    false
}

/// Copies what the interface did not take: this shard's datagrams behind the first `taken` of all.
#[cold]
fn keep_rest(shard: &mut Shard, desk: &mut Desk, taken: &mut usize) {
    let Shard {
        links,
        egress,
        deferred,
        sent,
        high_water,
        ..
    } = shard;
    for transmit in datagrams(links, egress, desk).flatten() {
        match taken.checked_sub(1) {
            Some(left) => *taken = left,
            None => deferred.keep(&transmit, sent),
        }
    }
    high_water.deferred_bytes = high_water.deferred_bytes.max(deferred.bytes());
}

/// A shard's datagrams in the order they leave, from where they lie; none for what was queued by a
/// lane that a panic ended.
fn datagrams<'a>(
    links: &'a [Option<Link>],
    egress: &'a Egress,
    desk: &'a mut Desk,
) -> impl Iterator<Item = Option<Transmit<'a>>> {
    let mut outboxes: [Option<&Outbox>; LANES_PER_SHARD] = [None; LANES_PER_SHARD];
    let written = desk.written();
    let mut rest = desk.outboxes.iter_mut().enumerate();
    let mut next = 0;
    for lane in lanes_of(written) {
        if let (Some((_, outbox)), Some(place)) = (rest.nth(lane - next), outboxes.get_mut(lane)) {
            *place = Some(outbox.get_mut());
        }
        next = lane + 1;
    }
    egress.iter().map(move |outgoing| {
        let lane = usize::from(outgoing.lane);
        let arena = match outgoing.source {
            Source::Scratch => egress.scratch(),
            Source::Outbox => outboxes.get(lane).copied().flatten()?.bytes(),
        };
        let path = match outgoing.route {
            Route::Current => links.get(lane)?.as_ref()?.path(),
            Route::Detour(index) => egress.detours().get(index as usize)?,
        };
        let start = outgoing.start as usize;
        Some(Transmit {
            to: &path.remote,
            from: path.local,
            bytes: arena.get(start..start + outgoing.len as usize)?,
        })
    })
}

/// Gathers datagrams and sends them, a batch at a time, until the interface has no room.
struct Tray<'a, 'c> {
    batch: Batch<'a>,
    interface: &'c dyn NetworkInterface,
    report: &'c mut SendReport,
    sent: &'c mut Flow,
    /// Datagrams the interface took.
    taken: usize,
    congested: bool,
}

impl<'a, 'c> Tray<'a, 'c> {
    fn new(
        interface: &'c dyn NetworkInterface,
        report: &'c mut SendReport,
        sent: &'c mut Flow,
        congested: bool,
    ) -> Self {
        Self {
            batch: Batch::new(),
            interface,
            report,
            sent,
            taken: 0,
            congested,
        }
    }

    /// Sends, sooner or later, what a shard has.
    fn load(&mut self, links: &'a [Option<Link>], egress: &'a Egress, desk: &'a mut Desk) {
        if egress.is_empty() {
            return;
        }
        self.sent.entered += u64::try_from(egress.len()).unwrap_or(0);
        for transmit in datagrams(links, egress, desk) {
            let Some(transmit) = transmit else {
                self.sent.drops.count(DropReason::InternalError);
                continue;
            };
            self.sent.count_bytes(transmit.bytes.len());
            if !self.congested && !self.batch.push(transmit) {
                self.flush();
                self.batch.push(transmit);
            }
        }
    }

    fn flush(&mut self) {
        self.congested = !self.batch.send(self.interface, self.report, self.sent);
        self.taken += self.report.done;
        self.batch.len = 0;
    }

    /// Sends the last batch. How many datagrams the interface took, if it did not take all.
    fn finish(mut self) -> Option<usize> {
        if !self.congested && !self.batch.is_empty() {
            self.flush();
        }
        self.congested.then_some(self.taken)
    }
}

/// Up to [`BATCH_SIZE`] datagrams for one call of the interface.
pub(crate) struct Batch<'a> {
    transmits: [Transmit<'a>; BATCH_SIZE],
    len: usize,
}

const NOWHERE: &NetworkEndpoint = &NetworkEndpoint::Invalid;
const NO_ADDRESS: Option<IpAddr> = None;

impl<'a> Batch<'a> {
    pub(crate) fn new() -> Self {
        Self {
            transmits: [Transmit {
                to: NOWHERE,
                from: NO_ADDRESS,
                bytes: &[],
            }; BATCH_SIZE],
            len: 0,
        }
    }

    /// Takes a datagram. False, and nothing taken, if the batch is full.
    pub(crate) fn push(&mut self, transmit: Transmit<'a>) -> bool {
        match self.transmits.get_mut(self.len) {
            Some(slot) => {
                *slot = transmit;
                self.len += 1;
                true
            }
            None => false,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sends the batch; what the interface has no room for is dropped and counted.
    pub(crate) fn send_or_drop(
        &self,
        interface: &dyn NetworkInterface,
        report: &mut SendReport,
        sent: &mut Flow,
    ) {
        if !self.is_empty() {
            self.send(interface, report, sent);
            let left = self.len.saturating_sub(report.done);
            sent.drops
                .add(DropReason::SendQueueFull, u64::try_from(left).unwrap_or(0));
        }
    }

    /// Sends the batch and counts what became of it. False if the interface asks for no more; what it
    /// did not take is the caller's.
    pub(crate) fn send(
        &self,
        interface: &dyn NetworkInterface,
        report: &mut SendReport,
        sent: &mut Flow,
    ) -> bool {
        let batch = self.transmits.get(..self.len).unwrap_or_default();
        report.clear();
        interface.send(batch, report);
        report.done = report.done.min(batch.len());
        for (_, fault) in &report.faults {
            sent.drops.count(match fault {
                SendFault::TooLong => DropReason::TooLong,
                SendFault::Unreachable => DropReason::Unreachable,
                SendFault::Refused => DropReason::SendRefused,
            });
        }
        let count = |number: usize| u64::try_from(number).unwrap_or(0);
        sent.passed += count(report.done).saturating_sub(count(report.faults.len()));
        report.done == batch.len() && !report.congested
    }
}
