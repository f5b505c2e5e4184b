//! Stage 3, decrypt: opens a shard's records in place.
//!
//! Datagrams of plain connections are packets as they are. Those of guarded lanes are opened where
//! they lie; what a record held takes the datagram's place, and the further records of a datagram
//! follow it, each judged for itself (R15). Nothing is processed before all of the slice is opened.
//! What other workers have opened of a long run ([`share`](super::share)) is only settled here.

use super::shard::Shard;
use super::site::Site;
use crate::buffer::runs::{Arrival, ArrivalKind};
use crate::counters::Flow;
use crate::link::guard::Record;

/// Opens the records of the shard's runs.
pub(crate) fn decrypt(shard: &mut Shard, site: &Site) {
    let Shard {
        guards,
        runs,
        ahead,
        inward,
        ..
    } = shard;
    runs.open_each(|segment, arrival, datagram, more| {
        match arrival.kind {
            ArrivalKind::Packet => {}
            // It was passed once, to the handshake.
            ArrivalKind::Early => inward.entered += 1,
            _ => return,
        }
        match guards
            .get_mut(usize::from(arrival.lane))
            .and_then(Option::as_mut)
        {
            Some(guard) => {
                let lane = arrival.lane;
                let mut others = arrival.kind == ArrivalKind::Packet;
                let now = site.now.at;
                open(arrival, datagram, more, inward, |datagram, at| {
                    let opened = others.then(|| ahead.next(segment, lane)).flatten();
                    others = opened.is_some();
                    match opened {
                        Some(record) => guard.take(record, now),
                        None => guard.open(datagram, at, now),
                    }
                });
            }
            None => {
                inward
                    .drops
                    .count(crate::counters::DropReason::NoAssociation);
                arrival.kind = ArrivalKind::Spent;
            }
        }
    });
    ahead.clear();
}

/// Opens every record of a datagram. What the first one held becomes the arrival.
fn open(
    arrival: &mut Arrival,
    datagram: &mut [u8],
    more: &mut Vec<Arrival>,
    inward: &mut Flow,
    mut next_record: impl FnMut(&mut [u8], usize) -> (Record, usize),
) {
    let start = arrival.range.start;
    arrival.kind = ArrivalKind::Spent;
    let mut refused = None;
    let mut used = false;
    let mut at = 0;
    while at < datagram.len() {
        let (record, next) = next_record(datagram, at);
        at = next;
        let (kind, range) = match record {
            Record::Packet(range) => (ArrivalKind::Opened, range),
            Record::Ended { goodbye } => (ArrivalKind::Ended { goodbye }, 0..0),
            Record::Repeat => (ArrivalKind::Repeat, 0..0),
            Record::Own => {
                used = true;
                continue;
            }
            Record::Refused(reason) => {
                refused = Some(reason);
                continue;
            }
        };
        let range = start + range.start..start + range.end;
        if arrival.kind == ArrivalKind::Spent {
            arrival.kind = kind;
            arrival.range = range;
        } else {
            // A datagram is one arrival for the counters: what its first record held.
            inward.entered += 1;
            more.push(Arrival {
                kind,
                range,
                ..arrival.clone()
            });
        }
    }
    if arrival.kind == ArrivalKind::Spent {
        match refused {
            Some(reason) if !used => inward.drops.count(reason),
            _ => inward.passed += 1,
        }
    }
}
