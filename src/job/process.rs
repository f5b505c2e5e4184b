//! Stage 4, process: the connection protocol of one shard.
//!
//! Packets first, in order of arrival; then, once an update, each lane that has anything to do is
//! served: its messages and wishes in the order they were made, then its timers.

use super::guarded;
use super::shard::{NEVER, Shard, earlier, is_due};
use super::site::{Mode, Site};
use crate::buffer::account::Holder;
use crate::buffer::desk::{Desk, Snapshot, lanes_of};
use crate::buffer::inbox::EventKind;
use crate::buffer::outbox::RecordKind;
use crate::buffer::runs::ArrivalKind;
use crate::counters::{DropReason, Flow};
use crate::error::DisconnectReason;
use crate::link::guard::Guard;
use crate::link::{Context, Link, Notice};
use crate::wire::connection::Token;

/// Hands the shard's datagrams to their links.
pub(crate) fn handle_packets(shard: &mut Shard, desk: &mut Desk, site: &Site) {
    let Shard {
        links,
        guards,
        touched,
        current,
        runs,
        egress,
        notices,
        inward,
        outward,
        random,
        buffers,
        ..
    } = shard;
    let Desk {
        inboxes, snapshots, ..
    } = desk;
    while let Some(arrival) = runs.next() {
        let lane = usize::from(arrival.lane);
        let (Some(slot), Some(inbox), Some(packet)) = (
            links.get_mut(lane),
            inboxes.get_mut(lane),
            runs.bytes().get(arrival.range.clone()),
        ) else {
            continue;
        };
        *current = Some(lane);
        *touched |= 1 << lane;
        let mut cx = Context {
            now: site.now,
            rules: &site.rules,
            lane: arrival.lane,
            inbox: inbox.get_mut(),
            egress: &mut *egress,
            notices: &mut *notices,
            inward: &mut *inward,
            outward: &mut *outward,
            random: &mut *random,
            buffers: &mut *buffers,
            surplus: guards.get(lane).map_or(0, surplus_of),
        };
        match (arrival.kind, slot) {
            (ArrivalKind::Spent | ArrivalKind::Early, _) => {}
            (
                ArrivalKind::Opened
                | ArrivalKind::Knock
                | ArrivalKind::Repeat
                | ArrivalKind::Ended { .. },
                slot,
            ) => {
                if let Some(guard) = guards.get_mut(lane).and_then(Option::as_mut) {
                    if slot.is_none() {
                        open_snapshot(snapshots, lane, guard.version());
                    }
                    guarded::handle(guard, slot, &arrival, packet, &mut cx);
                }
            }
            (ArrivalKind::Packet, Some(link)) => {
                link.handle_packet(&arrival.path, packet, arrival.number, &mut cx);
            }
            // The link ended earlier in this update.
            (ArrivalKind::Packet, None) => cx.inward.drops.count(DropReason::UnknownToken),
            (ArrivalKind::Opens { version, token }, slot) => {
                open_snapshot(snapshots, lane, version);
                *slot = Some(Link::admit(
                    Token(token),
                    &arrival.path,
                    packet,
                    arrival.number,
                    &mut cx,
                ));
            }
            (ArrivalKind::OpensProven { version, token }, slot) => {
                open_snapshot(snapshots, lane, version);
                *slot = Some(Link::admit_proven(
                    Token(token),
                    &arrival.path,
                    packet,
                    arrival.number,
                    &mut cx,
                ));
            }
        }
    }
    *current = None;
    runs.clear();
}

/// Serves every lane that was touched, written to, or is due.
pub(crate) fn serve(shard: &mut Shard, desk: &mut Desk, site: &Site, mode: Mode) {
    let written = desk.written();
    let mut lanes = written;
    let wakes = mode == Mode::Last && is_due(&shard.wake, site.now);
    if wakes {
        shard.touched |= shard.due(site.now);
    }
    if mode == Mode::Last {
        shard.touched |= written | shard.leaving;
        lanes = shard.touched;
    }
    for lane in lanes_of(lanes) {
        // Taken off first: a panic does not bring the lane back.
        shard.touched &= !(1 << lane);
        serve_lane(shard, desk, site, lane, mode);
    }
    if wakes {
        shard.find_wake();
    }
    // The outboxes are emptied by the send stage, which still reads from them.
    shard.current = None;
}

fn serve_lane(shard: &mut Shard, desk: &mut Desk, site: &Site, lane: usize, mode: Mode) {
    let written = desk.written() & (1 << lane) != 0;
    let Desk {
        inboxes,
        outboxes,
        snapshots,
        windows,
        ready,
        changed,
        account,
        shared,
        ..
    } = desk;
    let (Some(slot), Some(inbox), Some(outbox), Some(snapshot), Some(deadline)) = (
        shard.links.get_mut(lane),
        inboxes.get_mut(lane),
        outboxes.get_mut(lane),
        snapshots.get_mut(lane),
        shard.deadlines.get_mut(lane),
    ) else {
        return;
    };
    let (inbox, outbox) = (inbox.get_mut(), outbox.get_mut());
    shard.current = Some(lane);
    let surplus = shard.guards.get(lane).map_or(0, surplus_of);
    let mut guard = shard.guards.get_mut(lane).and_then(Option::as_mut);
    let Some(link) = slot else {
        if let Some(guard) = guard {
            // An association without a connection: it is given up in time.
            *deadline = guarded::wait_for_request(guard, lane_u8(lane), site, &mut shard.notices);
            shard.wake = earlier(shard.wake, *deadline);
            return;
        }
        let lost = u64::try_from(outbox.messages()).unwrap_or(u64::MAX);
        shard.outward.entered += lost;
        shard.outward.drops.add(DropReason::Closed, lost);
        outbox.clear();
        *deadline = NEVER;
        return;
    };
    let mut cx = Context {
        now: site.now,
        rules: &site.rules,
        lane: lane_u8(lane),
        inbox,
        egress: &mut shard.egress,
        notices: &mut shard.notices,
        inward: &mut shard.inward,
        outward: &mut shard.outward,
        random: &mut shard.random,
        buffers: &mut shard.buffers,
        surplus,
    };
    let marks = &mut shard.high_water;
    marks.outbox_bytes = marks.outbox_bytes.max(outbox.payload_bytes());
    if written {
        let mut at = 0;
        while let Some(record) = outbox.record(at, site.tailroom) {
            match record.kind {
                RecordKind::Message => {
                    cx.outward.entered += 1;
                    cx.outward.bytes += u64::try_from(record.payload.len()).unwrap_or(0);
                    link.handle_message(outbox, &record, &mut cx);
                }
                RecordKind::Shared => {
                    if let Some(message) = shared.get(record.payload.len()) {
                        cx.outward.entered += 1;
                        cx.outward.bytes += u64::try_from(message.len()).unwrap_or(0);
                        link.handle_shared(record.pipeline, message, &mut cx);
                    }
                }
                RecordKind::Disconnect => shard.leaving |= 1 << lane,
                RecordKind::Vouched => link.handle_vouched(&mut cx),
                RecordKind::RoomWanted => link.handle_room_wanted(record.pipeline, &mut cx),
                RecordKind::Accepted => {
                    link.handle_accepted(&mut cx);
                    cx.notices.push(Notice::Accepted { lane: cx.lane });
                }
            }
            at = record.next;
        }
    }
    if mode == Mode::Last {
        if shard.leaving & (1 << lane) != 0 {
            shard.leaving &= !(1 << lane);
            link.handle_disconnect(&mut cx);
        }
        if let Some(guard) = &mut guard {
            guarded::watch(guard, link, &mut cx);
        }
        link.handle_timeout(&mut cx);
    }
    let version = snapshot.version;
    *snapshot = Snapshot {
        version,
        ..link.snapshot(&site.rules)
    };
    snapshot.path_mtu = snapshot.path_mtu.saturating_sub(surplus);
    *changed |= 1 << lane;
    let each = site.rules.pipelines.windows();
    if each > 0 && link.has_pipelines() {
        link.tell_windows(windows.row_mut(lane, each), &site.rules, site.now.at);
    }
    if link.has_pipelines() {
        account.set(lane, Holder::Pipelines, link.pipeline_memory());
    }
    // Both desks' boxes: what lies in front was here an update ago.
    let boxes = cx.inbox.memory() + outbox.memory();
    account.set(lane, Holder::Boxes, 2 * boxes);
    *deadline = link.deadline(&site.rules);
    if shard.leaving & (1 << lane) != 0 {
        deadline.at = site.now.at;
    }
    if !cx.inbox.is_empty() {
        marks.inbox_bytes = marks.inbox_bytes.max(cx.inbox.waiting_bytes());
    }
    if link.is_closed() {
        *deadline = NEVER;
    }
    shard.wake = earlier(shard.wake, *deadline);
    if !cx.inbox.is_empty() {
        *ready |= 1 << lane;
    }
}

/// Bytes that records of this guard take beyond what every packet leaves for them.
fn surplus_of(guard: &Option<Guard>) -> u16 {
    guard.as_ref().map_or(0, Guard::surplus)
}

fn open_snapshot(snapshots: &mut [Snapshot], lane: usize, version: u32) {
    if let Some(snapshot) = snapshots.get_mut(lane) {
        snapshot.version = version;
    }
}

/// Ends the lane that a panic interrupted. What it left half-done is dropped with it; the others go on.
pub(crate) fn end_interrupted_lane(shard: &mut Shard, desk: &mut Desk) {
    let Some(lane) = shard.current.take() else {
        return;
    };
    let link = shard.links.get_mut(lane).and_then(Option::take);
    let undelivered = link.map_or(0, |link| abandon(&link, &mut shard.outward));
    end_lane(
        shard,
        desk,
        lane,
        DisconnectReason::InternalError,
        undelivered,
    );
}

/// Tells the user that the lane's connection is over, and whoever keeps its token.
fn end_lane(
    shard: &mut Shard,
    desk: &mut Desk,
    lane: usize,
    reason: DisconnectReason,
    undelivered: usize,
) {
    tell_end(shard, desk, lane, reason);
    shard.notices.push(Notice::Closed {
        lane: lane_u8(lane),
        reason: Some(reason),
        undelivered,
    });
}

/// Tells the user that the lane's connection is over.
pub(crate) fn tell_end(shard: &mut Shard, desk: &mut Desk, lane: usize, reason: DisconnectReason) {
    let bit = 1 << lane;
    if let Some(inbox) = desk.inboxes.get_mut(lane) {
        inbox
            .get_mut()
            .push(EventKind::Disconnect, 0, reason.code(), &[]);
        desk.ready |= bit;
    }
    if let Some(snapshot) = desk.snapshots.get_mut(lane) {
        *snapshot = Snapshot {
            version: snapshot.version,
            ..Snapshot::default()
        };
        desk.changed |= bit;
    }
    if let Some(deadline) = shard.deadlines.get_mut(lane) {
        *deadline = NEVER;
    }
}

/// What waits in a link that is given up is lost. Returns the reliable packets nobody acknowledged.
pub(super) fn abandon(link: &Link, outward: &mut Flow) -> usize {
    let waiting = u64::try_from(link.waiting_messages()).unwrap_or(0);
    outward.drops.add(DropReason::Closed, waiting);
    link.undelivered()
}

/// Ends every connection of the shard.
pub(crate) fn end_shard(shard: &mut Shard, desk: &mut Desk, reason: DisconnectReason) {
    for lane in 0..shard.links.len() {
        if let Some(link) = shard.links.get_mut(lane).and_then(Option::take) {
            let undelivered = abandon(&link, &mut shard.outward);
            end_lane(shard, desk, lane, reason, undelivered);
        }
    }
}

fn lane_u8(lane: usize) -> u8 {
    u8::try_from(lane).unwrap_or(u8::MAX)
}
