//! The end of stage 4, seal: a shard's packets become records, in place.
//!
//! Packets lie in outboxes and in the egress's own arena with room around them; the record takes that
//! room, and what leaves is still a slice of the arena. A secure driver sends nothing in clear: what
//! has no guard, or one whose keys are used up, is dropped and counted.

use super::shard::Shard;
use crate::buffer::desk::Desk;
use crate::buffer::egress::Source;
use crate::counters::DropReason;

/// Seals everything a secure shard has to send.
pub(super) fn seal(shard: &mut Shard, desk: &mut Desk) {
    let Shard {
        guards,
        egress,
        sent,
        secure,
        ..
    } = shard;
    if !*secure || egress.is_empty() {
        return;
    }
    let mut refused = 0;
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
        refused += u64::from(record.is_none());
        packet.place(record.unwrap_or_default());
        // A packet that is seen again, after a panic behind it, is a record by now.
        packet.bare = true;
    }
    if refused > 0 {
        egress.forget_empty();
        sent.entered += refused;
        sent.drops.add(DropReason::NoAssociation, refused);
    }
}
