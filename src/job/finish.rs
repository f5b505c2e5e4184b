//! Stage 7, finish: merges what the shards report, in slot order, and answers strangers.

use super::back::Back;
use super::outcome::Incoming;
use super::rehouse::{self, Move};
use super::send::Batch;
use super::timing::Stopwatch;
use crate::counters::{DropReason, Drops};
use crate::id::LANES_PER_SHARD;
use crate::interface::Transmit;
use crate::journal::Kind;
use crate::link::Notice;

/// Merges the reports of the shards that were served.
pub(crate) fn finish(back: &mut Back, watch: &mut Stopwatch) {
    let mut established: Vec<(u64, u32, Vec<u8>)> = Vec::new();
    let mut moves = Vec::new();
    let before = back.core.inward.drops;
    let Back {
        core,
        shards,
        outcome,
        ..
    } = back;
    outcome.served.sort_unstable();
    outcome.served.dedup();
    for index in &outcome.served {
        let Some(Some(shard)) = shards.get_mut(*index) else {
            continue;
        };
        core.inward.take_from(&mut shard.inward);
        core.outward.take_from(&mut shard.outward);
        core.sent.take_from(&mut shard.sent);
        core.high_water.raise(&shard.high_water);
        core.times.take_from(&mut shard.times);
        let first = u32::try_from(*index * LANES_PER_SHARD).unwrap_or(u32::MAX);
        for notice in shard.notices.drain(..) {
            match notice {
                Notice::Established {
                    lane,
                    order,
                    payload,
                } => {
                    established.push((order, first + u32::from(lane), payload));
                }
                Notice::Accepted { lane } => core.endpoint.accepted(first + u32::from(lane)),
                Notice::Validated { lane } => core.endpoint.validated(first + u32::from(lane)),
                Notice::Moved { lane, from, to } => {
                    core.endpoint.moved(first + u32::from(lane), &from, &to);
                }
                Notice::Named { lane, token } => {
                    core.endpoint.named(first + u32::from(lane), token);
                }
                Notice::Knocked { lane } => {
                    let now = core.site.now.at;
                    core.endpoint.open_door(first + u32::from(lane), now);
                }
                Notice::Astray { lane, path, token } => moves.push(Move::Astray {
                    slot: first + u32::from(lane),
                    path,
                    token,
                }),
                Notice::Supplanted { lane, path } => moves.push(Move::Supplanted {
                    slot: first + u32::from(lane),
                    path,
                }),
                Notice::Renew { lane } => moves.push(Move::Renew {
                    slot: first + u32::from(lane),
                }),
                Notice::Recovered { lane } => moves.push(Move::Recovered {
                    slot: first + u32::from(lane),
                }),
                Notice::Closed {
                    lane,
                    reason,
                    undelivered,
                } => {
                    core.endings.count(reason, undelivered);
                    let slot = first + u32::from(lane);
                    core.endpoint.closed(slot);
                    outcome.closed.push(slot);
                }
            }
        }
    }
    note_drops(back, &before);
    rehouse::carry_out(back, moves);
    let Back { core, outcome, .. } = back;
    established.sort_by_key(|(order, slot, _)| (*order, *slot));
    for (_, slot, payload) in established {
        outcome.incoming.push(Incoming {
            connection: core.endpoint.connection(slot),
            payload,
        });
    }
    core.endpoint
        .service(core.site.now, &core.site.rules, &mut core.replies);
    send_replies(back);
    back.core.site.interface.flush();
    watch.lap(&mut back.core.times.finish);
}

/// Says in the journal what links dropped for reasons somebody can mend.
fn note_drops(back: &mut Back, before: &Drops) {
    let core = &mut back.core;
    let now = core.site.now.at;
    for (reason, kind, remedy) in [
        (
            DropReason::UnknownPipeline,
            Kind::UnknownPipeline,
            "create the same pipelines in the same order on both sides",
        ),
        (
            DropReason::UnknownType,
            Kind::UnknownType,
            "the peer speaks another version of the protocol",
        ),
        (
            DropReason::InternalError,
            Kind::InternalError,
            "this is a bug in drumfire: please report it",
        ),
    ] {
        let more = core.inward.drops.get(reason) - before.get(reason);
        if more > 0 {
            let name = reason.name();
            core.endpoint.journal().note(
                now,
                kind,
                format_args!("{more} packets dropped as {name}: {remedy}"),
            );
        }
    }
}

/// Sends the answers to strangers. What the interface has no room for is dropped: strangers ask again.
fn send_replies(back: &mut Back) {
    let core = &mut back.core;
    let mut batch = Batch::new();
    for (path, bytes) in core.replies.iter() {
        core.sent.enter(bytes.len());
        let transmit = Transmit {
            to: &path.remote,
            from: path.local,
            bytes,
        };
        if !batch.push(transmit) {
            batch.send_or_drop(&*core.site.interface, &mut core.report, &mut core.sent);
            batch = Batch::new();
            batch.push(transmit);
        }
    }
    batch.send_or_drop(&*core.site.interface, &mut core.report, &mut core.sent);
    core.replies.clear();
}
