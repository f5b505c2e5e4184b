//! Stage 6, handshakes: key exchanges, signatures and certificates, behind the live traffic.
//!
//! An update takes in what the pool has done since the last one, and gives out what is to be done
//! until the next ([`backroom`](super::backroom)); none waits for a signature. Where time is virtual
//! all is done on the spot, so that a run repeats.

use std::time::Duration;

use super::back::Back;
use super::backroom::run;
use super::outcome::{HandshakeFailure, Secured};
use super::rehouse;
use super::timing::Stopwatch;
use crate::address::Path;
use crate::buffer::runs::ArrivalKind;
use crate::endpoint::Hall;
use crate::endpoint::hall::{Arrived, Event};
use crate::error::DisconnectReason;
use crate::link::guard::Guard;
use crate::secure::dtls::HandshakeError;

/// What an update does itself of what the pool has not come to.
const NEGLECTED: Duration = Duration::from_millis(1);

/// Goes on with handshakes, and gives those that ended well a lane.
pub(crate) fn handshakes(back: &mut Back, watch: &mut Stopwatch) {
    let Back { core, .. } = back;
    let now = core.site.now.at;
    let (backroom, replies) = (&mut core.backroom, &mut core.replies);
    let Some(hall) = core.endpoint.hall() else {
        return;
    };
    let is_idle = !hall.is_busy() && !hall.has_news() && !backroom.is_busy();
    if is_idle && hall.deadline() > now {
        return;
    }
    while let Some(done) = backroom.collect() {
        hall.take_back(done, replies);
    }
    hall.pass_time(now, replies);
    if core.unhurried {
        while let Some(errand) = hall.errand(now) {
            hall.take_back(run(errand), replies);
        }
    } else {
        // Threads that are all busy make handshakes late, never stuck.
        while watch.elapsed() < NEGLECTED
            && let Some(errand) = backroom.take_neglected()
        {
            hall.take_back(run(errand), replies);
        }
        while backroom.has_room()
            && let Some(errand) = hall.errand(now)
        {
            backroom.give(errand);
        }
        backroom.open();
        core.times.handshake += backroom.take_spent();
    }
    let events = hall.take_events();
    for event in events {
        match event {
            Event::Established(arrived) => arrive(back, *arrived),
            Event::Failed { path, slot, error } => {
                Hall::explain(back.core.endpoint.journal(), now, &path, &error);
                let nobody_answered =
                    matches!(*error, HandshakeError::TimedOut { heard: false, .. });
                let connection = slot.map(|slot| back.core.endpoint.connection(slot));
                back.outcome.failures.push(HandshakeFailure {
                    connection,
                    remote: path.remote,
                    error: *error,
                });
                if let Some(slot) = slot {
                    fail(back, slot, &path, nobody_answered);
                }
            }
        }
    }
    watch.lap(&mut back.core.times.handshake);
}

/// An association has been made: it belongs to the connection that began it, or to the one that is
/// at its address, or to a new slot.
fn arrive(back: &mut Back, arrived: Arrived) {
    let now = back.core.site.now.at;
    let Arrived {
        path,
        slot,
        association,
        peer,
        early,
    } = arrived;
    let slot = match slot {
        Some(slot) => {
            back.core.endpoint.house(slot, path.remote);
            if let Some(hall) = back.core.endpoint.hall() {
                hall.abandon(slot);
            }
            slot
        }
        None => {
            let present = back.core.endpoint.at(&path.remote);
            let Some(slot) =
                present.or_else(|| back.core.endpoint.admit_secured(now, &path.remote))
            else {
                return;
            };
            back.grow_to(slot);
            slot
        }
    };
    let connection = back.core.endpoint.connection(slot);
    let secured = Secured {
        suite: association.suite(),
        peer: peer.clone(),
    };
    back.outcome.secured.push((connection, secured));
    let records = back.core.site.rules.settings.limits().records_per_key;
    let mut guard = Guard::new(association, records, peer, now);
    if let Some(former) = rehouse::take_guard(back, slot) {
        guard.succeed(former);
    }
    rehouse::install(back, slot, guard);
    if let Some((shard, lane)) = rehouse::shard_of(back, slot)
        && let Some(Some(link)) = shard.links.get_mut(lane)
    {
        link.handle_secured(&path);
        rehouse::rouse(back, slot);
    }
    for datagram in early {
        back.core.arrived += 1;
        super::route::stage(back, slot, ArrivalKind::Early, &path, &datagram);
        rehouse::rouse(back, slot);
    }
}

/// A connection that has no association will get none, unless nobody has answered yet: then it asks
/// again for as long as it lives. One whose association was to be made anew goes on with the old one.
fn fail(back: &mut Back, slot: u32, path: &Path, nobody_answered: bool) {
    if let Some((shard, lane)) = rehouse::shard_of(back, slot)
        && let Some(guard) = shard.guard(lane)
    {
        guard.handle_renewal_failed();
    } else if nobody_answered && let Some(hall) = back.core.endpoint.hall() {
        hall.connect(slot, path);
    } else {
        rehouse::end(back, slot, DisconnectReason::AuthenticationFailure);
    }
}
