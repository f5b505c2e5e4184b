//! What comes out of records, and what hellos do to a lane that has an association.
//!
//! A guarded lane knows its peer by address. What the peer says names a connection: the lane's own,
//! none yet, or another one's, which the lead sees to ([`rehouse`](super::rehouse)).

use super::shard::NEVER;
use super::site::Site;
use crate::buffer::runs::{Arrival, ArrivalKind};
use crate::counters::DropReason;
use crate::error::DisconnectReason;
use crate::link::guard::{Guard, Knock, Renewal};
use crate::link::{Context, Deadline, Link, Notice};
use crate::time::Timestamp;
use crate::wire::connection::{Kind, peek_token};

/// Hands on what a record held, or answers a hello.
pub(super) fn handle(
    guard: &mut Guard,
    slot: &mut Option<Link>,
    arrival: &Arrival,
    packet: &[u8],
    cx: &mut Context<'_>,
) {
    match arrival.kind {
        ArrivalKind::Opened => handle_packet(slot, arrival, packet, cx),
        ArrivalKind::Ended { goodbye } => {
            cx.inward.passed += 1;
            let reason = if goodbye {
                DisconnectReason::ClosedByRemote
            } else {
                DisconnectReason::AuthenticationFailure
            };
            match slot {
                Some(link) => link.handle_cut(reason, cx),
                None => close(cx),
            }
        }
        ArrivalKind::Repeat => {
            cx.inward.passed += 1;
            guard.repeat_last_flight(cx.now.at, |datagram| {
                cx.egress.bare(cx.lane, arrival.path, datagram);
            });
        }
        ArrivalKind::Knock => {
            cx.inward.passed += 1;
            match guard.knock(cx.now.at) {
                Knock::Ignored => {}
                Knock::KeepAlive => {
                    if let Some(link) = slot {
                        link.reassure(cx);
                    }
                }
                Knock::OpenDoor => cx.notices.push(Notice::Knocked { lane: cx.lane }),
            }
        }
        _ => {}
    }
}

fn handle_packet(slot: &mut Option<Link>, arrival: &Arrival, packet: &[u8], cx: &mut Context<'_>) {
    let named = peek_token(packet);
    match (slot.as_mut(), named) {
        // A server that asks for a connection gets none: only those who were let in may begin anew.
        (Some(link), Some((Kind::Request, token)))
            if token != link.token() && !link.is_client() =>
        {
            cx.inward.drops.count(DropReason::UnknownToken);
            cx.notices.push(Notice::Supplanted {
                lane: cx.lane,
                path: arrival.path,
            });
        }
        (Some(link), Some((_, token))) if token != link.token() => {
            cx.inward.drops.count(DropReason::UnknownToken);
        }
        (Some(link), _) => link.handle_packet(&arrival.path, packet, arrival.number, cx),
        (None, Some((Kind::Request, token))) => {
            cx.notices.push(Notice::Named {
                lane: cx.lane,
                token,
            });
            *slot = Some(Link::admit(
                token,
                &arrival.path,
                packet,
                arrival.number,
                cx,
            ));
        }
        (None, Some((_, token))) => {
            cx.inward.drops.count(DropReason::UnknownToken);
            cx.notices.push(Notice::Astray {
                lane: cx.lane,
                path: arrival.path,
                token,
            });
        }
        (None, None) => cx.inward.drops.count(DropReason::Malformed),
    }
}

/// Gives an association up that has asked for no connection in time. Returns when to look again.
pub(super) fn wait_for_request(
    guard: &Guard,
    lane: u8,
    site: &Site,
    notices: &mut Vec<Notice>,
) -> Deadline {
    if site.now.at < guard.idle_deadline() {
        return Deadline {
            at: guard.idle_deadline(),
            observed: Timestamp::NEVER,
        };
    }
    notices.push(Notice::Closed {
        lane,
        reason: None,
        undelivered: 0,
    });
    NEVER
}

/// Ends a connection whose keys are used up, and makes a client's association anew in time (R16).
pub(super) fn watch(guard: &mut Guard, link: &mut Link, cx: &mut Context<'_>) {
    if guard.is_spent() {
        link.handle_spent_keys(cx);
        return;
    }
    if !link.is_client() || link.is_closed() {
        return;
    }
    let patience = cx.rules.settings.connection().reconnection_timeout;
    let lane = cx.lane;
    match guard.renewal(patience, cx.now.at) {
        Renewal::Unchanged => {}
        Renewal::Begin => cx.notices.push(Notice::Renew { lane }),
        Renewal::Recovered => cx.notices.push(Notice::Recovered { lane }),
    }
}

fn close(cx: &mut Context<'_>) {
    cx.notices.push(Notice::Closed {
        lane: cx.lane,
        reason: None,
        undelivered: 0,
    });
}
