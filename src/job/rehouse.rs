//! Moving house: associations that turn out to belong to another lane, or to a new connection (R17).
//!
//! Carried out by the lead when all shards are home, after their reports were merged. A guard moves
//! whole, keys and replay window included; what its peer sent meanwhile is lost, and is sent again or
//! was unreliable.

use super::back::Back;
use super::process::{abandon, tell_end};
use crate::address::Path;
use crate::error::DisconnectReason;
use crate::id::place_of;
use crate::link::guard::{Guard, MOST_STRANGERS};
use crate::wire::connection::Token;

/// What a guarded lane has reported.
#[derive(Clone, Copy, Debug)]
pub(super) enum Move {
    /// The association in `slot` speaks under another connection's token.
    Astray { slot: u32, path: Path, token: Token },
    /// The peer of the connection in `slot` has begun anew, at the same address.
    Supplanted { slot: u32, path: Path },
    /// The association of the connection in `slot` is to be made anew: its keys are used up (R16), or
    /// its peer is silent and may not know where we are.
    Renew { slot: u32 },
    /// It is not, after all.
    Recovered { slot: u32 },
}

/// Does what was reported.
pub(super) fn carry_out(back: &mut Back, moves: Vec<Move>) {
    for one in moves {
        match one {
            Move::Astray { slot, path, token } => follow(back, slot, &path, token),
            Move::Supplanted { slot, path } => supplant(back, slot, &path),
            Move::Renew { slot } => renew(back, slot),
            Move::Recovered { slot } => {
                if let Some(hall) = back.core.endpoint.hall() {
                    hall.abandon(slot);
                }
            }
        }
    }
}

/// The connection of `token` moves to where its peer's new association is, if it may.
fn follow(back: &mut Back, from: u32, path: &Path, token: Token) {
    let now = back.core.site.now.at;
    let Some(to) = back.core.endpoint.find(token).filter(|to| *to != from) else {
        charge_stranger(back, from);
        return;
    };
    // R17: not while the old association delivers, and not to somebody else's certificate.
    let patience = back
        .core
        .site
        .rules
        .settings
        .connection()
        .reconnection_timeout
        .unwrap_or(RECONNECTION);
    let may_move = match (guard(back, from), guard(back, to)) {
        (Some(new), Some(old)) => old.silence(now) >= patience && new.is_of_the_same_peer(old),
        _ => false,
    };
    if !may_move {
        return;
    }
    let Some(guard) = take_guard(back, from) else {
        return;
    };
    vacate(back, from);
    back.core.endpoint.house(to, path.remote);
    install(back, to, guard);
    if let Some(Some(link)) =
        shard_of(back, to).map(|(shard, lane)| shard.links.get_mut(lane).and_then(Option::as_mut))
    {
        link.handle_rehomed(path);
    }
}

const RECONNECTION: std::time::Duration = std::time::Duration::from_secs(2);

/// The old connection is over, and the association gets a slot of its own for the new one, whose
/// request comes again within a second.
fn supplant(back: &mut Back, slot: u32, path: &Path) {
    let Some(guard) = take_guard(back, slot) else {
        return;
    };
    end(back, slot, DisconnectReason::ClosedByRemote);
    let now = back.core.site.now.at;
    if let Some(new) = back.core.endpoint.admit_secured(now, &path.remote) {
        back.grow_to(new);
        install(back, new, guard);
    }
}

/// A client begins a handshake beside the association it has.
fn renew(back: &mut Back, slot: u32) {
    let path = shard_of(back, slot)
        .and_then(|(shard, lane)| Some(*shard.links.get(lane)?.as_ref()?.path()));
    if let Some(path) = path
        && let Some(hall) = back.core.endpoint.hall()
    {
        hall.connect(slot, &path);
    }
}

/// An association has named a token nobody has.
fn charge_stranger(back: &mut Back, slot: u32) {
    let Some(guard) = guard_mut(back, slot) else {
        return;
    };
    if guard.note_stranger() >= MOST_STRANGERS {
        take_guard(back, slot);
        vacate(back, slot);
    }
}

/// Ends the connection in a slot, and tells the application.
pub(super) fn end(back: &mut Back, slot: u32, reason: DisconnectReason) {
    let (index, lane) = place_of(slot);
    let (Some(Some(shard)), Some(desk)) = (back.shards.get_mut(index), back.desks.get_mut(index))
    else {
        return;
    };
    let Some(link) = shard.links.get_mut(lane).and_then(Option::take) else {
        return;
    };
    let undelivered = abandon(&link, &mut shard.outward);
    if let Some(guard) = shard.guards.get_mut(lane) {
        *guard = None;
    }
    tell_end(shard, desk, lane, reason);
    back.outcome.served.push(index);
    back.core.endings.count(Some(reason), undelivered);
    vacate(back, slot);
}

/// The slot is nobody's any more.
pub(super) fn vacate(back: &mut Back, slot: u32) {
    back.core.endpoint.closed(slot);
    back.outcome.closed.push(slot);
}

/// Puts a guard into the lane of a slot, and has the lane served in time.
pub(super) fn install(back: &mut Back, slot: u32, mut guard: Guard) {
    let version = back.core.endpoint.connection(slot).version();
    guard.settle(version);
    let at = guard.idle_deadline();
    let (index, lane) = place_of(slot);
    if let Some(Some(shard)) = back.shards.get_mut(index) {
        shard.install(lane, guard, at);
    }
    if let Some(wake) = back.core.wake.get_mut(index) {
        wake.at = wake.at.min(at);
    }
}

/// Has the lane of a slot served with the next update.
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub(super) fn rouse(back: &mut Back, slot: u32) {
    let at = crate::time::Timestamp::ZERO;
    let (index, lane) = place_of(slot);
    if let Some(Some(shard)) = back.shards.get_mut(index) {
        shard.rouse(lane, at);
    }
    if let Some(wake) = back.core.wake.get_mut(index) {
        wake.at = at;
    }
}

/// The shard of a slot, and its lane there.
pub(super) fn shard_of(back: &mut Back, slot: u32) -> Option<(&mut super::shard::Shard, usize)> {
    let (index, lane) = place_of(slot);
    let shard = back.shards.get_mut(index)?.as_mut()?;
    Some((shard, lane))
}

fn guard(back: &Back, slot: u32) -> Option<&Guard> {
    let (index, lane) = place_of(slot);
    back.shards.get(index)?.as_ref()?.guards.get(lane)?.as_ref()
}

fn guard_mut(back: &mut Back, slot: u32) -> Option<&mut Guard> {
    let (shard, lane) = shard_of(back, slot)?;
    shard.guard(lane)
}

pub(super) fn take_guard(back: &mut Back, slot: u32) -> Option<Guard> {
    let (shard, lane) = shard_of(back, slot)?;
    shard.guards.get_mut(lane)?.take()
}
