//! A link: the protocol state of one connection, all layers, sans-IO.
//!
//! Packets, wishes and `now` go in; events, packets and a deadline come out. A link never sees a
//! socket, a thread, a clock or another link: whatever it may touch is in the [`Context`] of the call.
//!
//! Four kinds of methods, as for every protocol type of the house:
//! * getters (`&self`): [`Link::snapshot`], [`Link::deadline`], [`Link::path`];
//! * input: [`Link::handle_packet`];
//! * commands of the user: [`Link::handle_message`], [`Link::handle_disconnect`], [`Link::handle_accepted`];
//! * time: [`Link::handle_timeout`].
//!
//! What others must learn (established, validated, moved, closed) leaves as a [`Notice`].

pub(crate) mod proof;

use crate::address::Path;
use crate::buffer::desk::Snapshot;
use crate::buffer::egress::Egress;
use crate::buffer::inbox::Inbox;
use crate::buffer::outbox::Outbox;
use crate::counters::Flow;
use crate::error::DisconnectReason;
use crate::random::Random;
use crate::settings::NetworkSettings;
use crate::time::{Now, Timestamp};

/// What is the same for all links of a driver during an update.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) settings: NetworkSettings,
    /// Whether incoming connections are wanted. A link admitted while they are not is closed in the
    /// next update, as Unity does.
    pub(crate) listening: bool,
    /// Payload of every accept; empty for none.
    pub(crate) accept_payload: Vec<u8>,
    /// Bytes that the layers below take out of each packet: 0 on UDP, 29 for DTLS.
    pub(crate) padding: u16,
    /// Pipelines the driver has; ids above are unknown.
    pub(crate) pipelines: u8,
}

/// What a link may touch while it works: its own lane of the desk, and its shard's collections.
pub(crate) struct Context<'a> {
    pub(crate) now: Now,
    pub(crate) rules: &'a Rules,
    /// The link's lane within its shard.
    pub(crate) lane: u8,
    /// Events for the user.
    pub(crate) inbox: &'a mut Inbox,
    /// Packets for the peer.
    pub(crate) egress: &'a mut Egress,
    /// What leaves the shard.
    pub(crate) notices: &'a mut Vec<Notice>,
    /// Counters of received packets; `entered` is counted by the caller, `passed` and drops by the link.
    pub(crate) inward: &'a mut Flow,
    /// Counters of messages to send; `entered` is counted by the caller.
    pub(crate) outward: &'a mut Flow,
    pub(crate) random: &'a mut Random,
}

/// Something a link's shard reports to the end of the update, where it is merged in slot order.
#[derive(Debug)]
pub(crate) enum Notice {
    /// An incoming connection waits for the application's `accept`.
    Established {
        lane: u8,
        /// Number of the datagram that completed it (`u64::MAX` if a timer did): the order of `accept`.
        order: u64,
        /// Connect payload of the client.
        payload: Vec<u8>,
    },
    /// The peer has proved that it receives at its address.
    Validated { lane: u8 },
    /// The connection has moved to another address.
    Moved { lane: u8, from: Path, to: Path },
    /// The connection is over and its token forgotten. Its Disconnect event, if any, is in the inbox.
    Closed {
        lane: u8,
        reason: Option<DisconnectReason>,
    },
}

/// When a link must be served next, on both of an update's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    /// On the driver's time: retries, heartbeats, probes.
    pub(crate) at: Timestamp,
    /// On the observed time: inactivity.
    pub(crate) observed: Timestamp,
}
