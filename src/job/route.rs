//! Stage 2, route: finds each datagram's connection and copies it to that shard's runs.
//!
//! One thread, one look-up a datagram. Strangers are the endpoint's: what it answers them lies in its
//! replies, and whom it admits gets a lane.

use super::back::Back;
use super::timing::Stopwatch;
use crate::address::Path;
use crate::buffer::batch::ReceiveBatch;
use crate::buffer::runs::ArrivalKind;
use crate::counters::DropReason;
use crate::endpoint::Verdict;
use crate::id::place_of;

/// Routes the batch. Returns the number of datagrams it held.
pub(crate) fn route(back: &mut Back, batch: &ReceiveBatch, watch: &mut Stopwatch) -> usize {
    let mut datagrams = 0;
    for (path, datagram) in batch.datagrams() {
        datagrams += 1;
        route_one(back, path, datagram);
    }
    back.core.staged += datagrams;
    watch.lap(&mut back.core.times.route);
    datagrams
}

fn route_one(back: &mut Back, path: &Path, datagram: &[u8]) {
    let core = &mut back.core;
    let site = &core.site;
    core.inward.enter(datagram.len());
    core.arrived += 1;
    let verdict = core.endpoint.route(
        site.now,
        &site.rules,
        path,
        datagram,
        &mut core.inward,
        &mut core.replies,
    );
    match verdict {
        Verdict::Deliver { slot } => stage(back, slot, ArrivalKind::Packet, path, datagram),
        Verdict::Knock { slot } => stage(back, slot, ArrivalKind::Knock, path, &[]),
        Verdict::Open { slot, token } => {
            let version = core.endpoint.connection(slot).version();
            back.grow_to(slot);
            stage(
                back,
                slot,
                ArrivalKind::Opens {
                    version,
                    token: token.0,
                },
                path,
                datagram,
            );
        }
        Verdict::OpenProven {
            slot,
            token,
            path,
            payload,
        } => {
            let version = core.endpoint.connection(slot).version();
            back.grow_to(slot);
            stage(
                back,
                slot,
                ArrivalKind::OpensProven {
                    version,
                    token: token.0,
                },
                &path,
                &payload,
            );
        }
        Verdict::Done => {}
    }
}

/// Puts a datagram into its shard's runs, within its connection's share of the update (R2).
pub(super) fn stage(back: &mut Back, slot: u32, kind: ArrivalKind, path: &Path, datagram: &[u8]) {
    let core = &mut back.core;
    let (shard, lane) = place_of(slot);
    let Some(staging) = core.staging.get_mut(shard) else {
        return;
    };
    let Some(count) = staging.counts.get_mut(lane) else {
        return;
    };
    if *count >= core.per_connection {
        core.inward.drops.count(DropReason::ConnectionBudget);
        return;
    }
    *count += 1;
    let lane = u8::try_from(lane).unwrap_or(u8::MAX);
    staging.runs.push(lane, kind, core.arrived, path, datagram);
}
