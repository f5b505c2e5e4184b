//! Stage 5, send: hands a shard's datagrams to the interface, in batches, in order.
//!
//! Datagrams leave from where they lie, neighbours to one peer side by side, so that the interface
//! can send equal sizes as one. What the interface has no room for is copied once and goes first in
//! the next update.

use std::net::IpAddr;

use super::deferred::Deferred;
use super::shard::Shard;
use super::site::Site;
use super::timing::Stopwatch;
use crate::address::NetworkEndpoint;
use crate::buffer::batch::BATCH_SIZE;
use crate::buffer::desk::{Desk, lanes_of};
use crate::buffer::egress::{Route, Source};
use crate::buffer::outbox::Outbox;
use crate::counters::{DropReason, Flow};
use crate::id::LANES_PER_SHARD;
use crate::interface::{NetworkInterface, SendFault, SendReport, Transmit};
use crate::link::Link;

/// Sends everything the shard has, then empties its egress and outboxes.
pub(crate) fn send(shard: &mut Shard, desk: &mut Desk, site: &Site) {
    let mut watch = Stopwatch::start();
    let interface = &*site.interface;
    let congested = send_deferred(shard, interface);
    if !shard.egress.is_empty() {
        seal(shard, desk);
        send_egress(shard, desk, interface, congested);
        let waiting = shard.deferred.bytes();
        shard.high_water.deferred_bytes = shard.high_water.deferred_bytes.max(waiting);
    }
    clear(shard, desk);
    watch.lap(&mut shard.times.send);
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
fn clear(shard: &mut Shard, desk: &mut Desk) {
    shard.egress.clear();
    for lane in lanes_of(desk.written()) {
        if let Some(outbox) = desk.outboxes.get_mut(lane) {
            outbox.get_mut().clear();
        }
    }
    desk.clear_written();
    shard.sweep();
}

/// What was left over from earlier updates. True if the interface still has no room for all of it.
fn send_deferred(shard: &mut Shard, interface: &dyn NetworkInterface) -> bool {
    while !shard.deferred.is_empty() {
        let mut batch = Batch::new();
        for transmit in shard.deferred.iter() {
            if !batch.push(transmit) {
                break;
            }
        }
        let whole = batch.send(interface, &mut shard.report, &mut shard.sent, None);
        let done = shard.report.done;
        shard.deferred.forget(done);
        if !whole {
            return true;
        }
    }
    false
}

/// Seals every packet of a guarded lane where it lies. A secure driver sends nothing in clear: what
/// has no guard, or one whose keys are used up, becomes empty.
fn seal(shard: &mut Shard, desk: &mut Desk) {
    let Shard {
        guards,
        egress,
        secure,
        ..
    } = shard;
    if !*secure {
        return;
    }
    let (packets, scratch) = egress.iter_mut();
    for packet in packets.filter(|packet| !packet.bare) {
        let lane = usize::from(packet.lane);
        let arena = match packet.source {
            Source::Scratch => Some(&mut *scratch),
            Source::Outbox => desk
                .outboxes
                .get_mut(lane)
                .map(|outbox| outbox.get_mut().bytes_mut()),
        };
        let guard = guards.get_mut(lane).and_then(Option::as_mut);
        let record = arena
            .zip(guard)
            .and_then(|(arena, guard)| guard.seal(arena, packet.range()));
        packet.place(record.unwrap_or_default());
    }
}

/// This update's datagrams. Once the interface has no room, the rest is kept.
fn send_egress(
    shard: &mut Shard,
    desk: &mut Desk,
    interface: &dyn NetworkInterface,
    mut congested: bool,
) {
    let Shard {
        links,
        egress,
        deferred,
        sent,
        report,
        ..
    } = shard;
    let mut outboxes: [Option<&Outbox>; LANES_PER_SHARD] = [None; LANES_PER_SHARD];
    for (to, from) in outboxes.iter_mut().zip(desk.outboxes.iter_mut()) {
        *to = Some(from.get_mut());
    }
    let mut batch = Batch::new();
    sent.entered += u64::try_from(egress.len()).unwrap_or(0);
    for outgoing in egress.iter() {
        let lane = usize::from(outgoing.lane);
        let arena = match outgoing.source {
            Source::Scratch => Some(egress.scratch()),
            Source::Outbox => outboxes.get(lane).copied().flatten().map(Outbox::bytes),
        };
        let path = match outgoing.route {
            Route::Current => links.get(lane).and_then(Option::as_ref).map(Link::path),
            Route::Detour(index) => egress.detours().get(index as usize),
        };
        if outgoing.len == 0 {
            sent.drops.count(DropReason::NoAssociation);
            continue;
        }
        let bytes = arena.and_then(|arena| arena.get(outgoing.range()));
        let (Some(path), Some(bytes)) = (path, bytes) else {
            // The lane was ended by a panic after it had queued this.
            sent.drops.count(DropReason::InternalError);
            continue;
        };
        sent.bytes += u64::from(outgoing.len);
        let transmit = Transmit {
            to: &path.remote,
            from: path.local,
            bytes,
        };
        if congested {
            deferred.keep(&transmit, sent);
            continue;
        }
        if !batch.push(transmit) {
            congested = !batch.send(interface, report, sent, Some(deferred));
            batch = Batch::new();
            if congested {
                deferred.keep(&transmit, sent);
            } else {
                batch.push(transmit);
            }
        }
    }
    if !batch.is_empty() {
        batch.send(interface, report, sent, Some(deferred));
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
            self.send(interface, report, sent, None);
            let left = self.len.saturating_sub(report.done);
            sent.drops
                .add(DropReason::SendQueueFull, u64::try_from(left).unwrap_or(0));
        }
    }

    /// Sends the batch and counts what became of it. What the interface did not take goes to
    /// `deferred`, where given. False if the interface asks for no more.
    pub(crate) fn send(
        &self,
        interface: &dyn NetworkInterface,
        report: &mut SendReport,
        sent: &mut Flow,
        deferred: Option<&mut Deferred>,
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
        if let Some(deferred) = deferred {
            for transmit in batch.get(report.done..).unwrap_or_default() {
                deferred.keep(transmit, sent);
            }
        }
        report.done == batch.len() && !report.congested
    }
}
