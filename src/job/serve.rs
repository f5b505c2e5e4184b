//! The second half of stage 4, serve: what the user wrote, then what the clock asks for.
//!
//! Messages and wishes are **written** in the order they were made. Where no arrival can change them
//! they are written before arrivals are looked at, so that a crew can send them while the lead still
//! reads; **patient** lanes, whose messages carry acknowledgements for example, are written behind
//! them. The order is the same however many threads there are. Then each lane that anything happened
//! to is **settled**, once an update: timers, deadlines, and what the user is told.

use super::guarded;
use super::process::{lane_u8, surplus_of};
use super::shard::{NEVER, Shard, is_due};
use super::site::{Mode, Site};
use crate::buffer::account::Holder;
use crate::buffer::desk::{Desk, Snapshot, lanes_of};
use crate::buffer::inbox::Inbox;
use crate::buffer::outbox::RecordKind;
use crate::counters::DropReason;
use crate::link::guard::Guard;
use crate::link::{Context, Link, Notice};

/// Writes what the user queued in those of `lanes` that are not written yet.
pub(super) fn write(shard: &mut Shard, desk: &mut Desk, site: &Site, lanes: u64) {
    for lane in lanes_of(shard.queued & lanes) {
        // Taken off first: a panic does not bring the lane back.
        shard.queued &= !(1 << lane);
        shard.touched |= 1 << lane;
        write_lane(shard, desk, site, lane);
    }
    shard.current = None;
}

/// Settles every lane that was touched or is due; in a flush, those that were written to.
pub(super) fn settle(shard: &mut Shard, desk: &mut Desk, site: &Site, mode: Mode) {
    let wakes = mode == Mode::Last && is_due(&shard.wake, site.now);
    let mut lanes = desk.written();
    if mode == Mode::Last {
        if wakes {
            shard.touched |= shard.due(site.now);
        }
        shard.touched |= shard.leaving;
        lanes = shard.touched;
    }
    for lane in lanes_of(lanes) {
        shard.touched &= !(1 << lane);
        settle_lane(shard, desk, site, lane, mode);
    }
    if wakes {
        shard.find_wake();
    }
    shard.current = None;
}

/// The outbox is emptied by the send stage, which still reads from it.
fn write_lane(shard: &mut Shard, desk: &mut Desk, site: &Site, lane: usize) {
    let (Some(inbox), Some(outbox)) = (desk.inboxes.get_mut(lane), desk.outboxes.get_mut(lane))
    else {
        return;
    };
    let outbox = outbox.get_mut();
    let marks = &mut shard.high_water;
    marks.outbox_bytes = marks.outbox_bytes.max(outbox.payload_bytes());
    let Some((slot, _, mut cx)) = enter(shard, site, lane, inbox.get_mut()) else {
        return;
    };
    let Some(link) = slot else {
        let lost = u64::try_from(outbox.messages()).unwrap_or(u64::MAX);
        cx.outward.entered += lost;
        cx.outward.drops.add(DropReason::Closed, lost);
        outbox.clear();
        return;
    };
    let mut leaves = false;
    let mut at = 0;
    while let Some(record) = outbox.record(at, site.tailroom) {
        match record.kind {
            RecordKind::Message => {
                cx.outward.enter(record.payload.len());
                link.handle_message(outbox, &record, &mut cx);
            }
            RecordKind::Disconnect => leaves = true,
            RecordKind::Vouched => link.handle_vouched(&mut cx),
            RecordKind::RoomWanted => link.handle_room_wanted(record.pipeline, &mut cx),
            RecordKind::Accepted => {
                link.handle_accepted(&mut cx);
                cx.notices.push(Notice::Accepted { lane: cx.lane });
            }
        }
        at = record.next;
    }
    shard.leaving |= u64::from(leaves) << lane;
}

fn settle_lane(shard: &mut Shard, desk: &mut Desk, site: &Site, lane: usize, mode: Mode) {
    let Desk {
        inboxes,
        outboxes,
        snapshots,
        windows,
        account,
        ready,
        changed,
        ..
    } = desk;
    let (Some(inbox), Some(outbox), Some(snapshot)) = (
        inboxes.get_mut(lane),
        outboxes.get_mut(lane),
        snapshots.get_mut(lane),
    ) else {
        return;
    };
    let inbox = inbox.get_mut();
    let bit = 1 << lane;
    let leaves = shard.leaving & bit != 0;
    if mode == Mode::Last {
        shard.leaving &= !bit;
    }
    let Some((slot, mut guard, mut cx)) = enter(shard, site, lane, inbox) else {
        return;
    };
    let Some(link) = slot else {
        // An association without a connection is given up in time.
        let deadline = guard.map_or(NEVER, |guard| {
            guarded::wait_for_request(guard, cx.lane, site, cx.notices)
        });
        shard.set_deadline(lane, deadline);
        return;
    };
    if mode == Mode::Last {
        if leaves {
            link.handle_disconnect(&mut cx);
        }
        if let Some(guard) = &mut guard {
            guarded::watch(guard, link, &mut cx);
        }
        link.handle_timeout(&mut cx);
    }
    let surplus = cx.surplus;
    *snapshot = Snapshot {
        version: snapshot.version,
        ..link.snapshot(&site.rules)
    };
    snapshot.path_mtu = snapshot.path_mtu.saturating_sub(surplus);
    *changed |= bit;
    let each = site.rules.pipelines.windows();
    if each > 0 && link.has_pipelines() {
        link.tell_windows(windows.row_mut(lane, each), &site.rules, site.now.at);
    }
    if link.has_pipelines() {
        account.set(lane, Holder::Pipelines, link.pipeline_memory());
    }
    let mut deadline = link.deadline(&site.rules);
    if link.is_closed() {
        deadline = NEVER;
    } else if leaves && mode != Mode::Last {
        deadline.at = site.now.at;
    }
    let patient = u64::from(link.is_patient()) << lane;
    shard.patient = shard.patient & !bit | patient;
    shard.set_deadline(lane, deadline);
    // Both desks' boxes: what lies in front was here an update ago.
    let boxes = inbox.memory() + outbox.get_mut().memory();
    account.set(lane, Holder::Boxes, 2 * boxes);
    if !inbox.is_empty() {
        let marks = &mut shard.high_water;
        marks.inbox_bytes = marks.inbox_bytes.max(inbox.waiting_bytes());
        *ready |= bit;
    }
}

/// A lane's link and guard, and what they work with.
fn enter<'a>(
    shard: &'a mut Shard,
    site: &'a Site,
    lane: usize,
    inbox: &'a mut Inbox,
) -> Option<(&'a mut Option<Link>, Option<&'a mut Guard>, Context<'a>)> {
    shard.current = Some(lane);
    let slot = shard.links.get_mut(lane)?;
    let guard = shard.guards.get_mut(lane);
    let surplus = guard.as_deref().map_or(0, surplus_of);
    let cx = Context {
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
    Some((slot, guard.and_then(Option::as_mut), cx))
}
