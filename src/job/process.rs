//! Stage 4, process: what arrived, in order of arrival, goes through the connection protocol of its
//! link; and what becomes of a lane in which a job panicked.

use super::guarded;
use super::shard::{NEVER, Shard};
use super::site::Site;
use crate::buffer::desk::{Desk, Snapshot};
use crate::buffer::inbox::EventKind;
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

/// Bytes that records of this guard take beyond what every packet leaves for them.
pub(super) fn surplus_of(guard: &Option<Guard>) -> u16 {
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
    // What the user wrote and nobody has read is given up, counted.
    shard.queued |= desk.written() & (1 << lane);
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

pub(super) fn lane_u8(lane: usize) -> u8 {
    u8::try_from(lane).unwrap_or(u8::MAX)
}
