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
//! In one update a link is given its packets, then the user's wishes in the order they were made,
//! then [`Link::handle_timeout`] once. So what packets caused is sent before what timers caused, and
//! a queue that waited is read before anybody's silence is judged. Messages of a pipeline pass its
//! stages, whose state the link keeps.
//!
//! What others must learn (established, validated, moved, closed) leaves as a [`Notice`].
//!
//! ```text
//!        client                                                     server
//!          │ connect                                            admit │
//!          ▼              accept, or any message                      ▼        not listening
//!     Requesting ─────────────────────┐                    ┌── listening? ──────────▶ Refused
//!      │      │                       ▼       discovery    ▼                             │
//!      │      │                   discovery? ───────▶ Probing                            │ next
//!      │      │                       │                 │  │                             │ update
//!      │      │                       ▼      size known │  │                             │
//!      │      │                  Established ◀──────────┘  │                             │
//!      │      │                   │       │                │        local close          │
//!      │      │ Disconnect        │       └────────────────┴──────────────▶ Closing ◀────┘
//!      │      │ of the peer       │ Disconnect of the peer, silence           │
//!      ▼      ▼                   ▼                                           │ last copy sent
//!  attempts ──────────────────▶ Closed ◀────────────────────────────────────┘
//!  used up
//! ```
//!
//! Beside the state stand two facts: the [`Role`], with what a server knows of its guest, and the
//! [`Standing`] of the peer's address, which must be proved before much is sent to it.
//!
//! Source: Unity Transport `SimpleConnectionLayer.cs`. Differences are deliberate and few: the
//! implicit accept works, an address is proved before it is trusted, a close is told three times.

mod chains;
mod client;
mod closing;
mod discovery;
#[cfg_attr(
    not(any(feature = "aws-lc-rs", feature = "ring")),
    expect(dead_code, reason = "a build without a provider has no guards")
)]
pub(crate) mod guard;
mod pipelines;
pub(crate) mod proof;
mod receive;
mod roaming;
mod rules;
mod secured;
mod send;
mod server;
mod sinks;
mod state;
mod survey;
mod timers;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::address::Path;
use crate::buffer::account::MemoryShare;
use crate::buffer::desk::{ConnectionState, Snapshot};
use crate::buffer::egress::Egress;
use crate::buffer::inbox::Inbox;
use crate::counters::{Flow, Traffic};
use crate::error::DisconnectReason;
use crate::pipeline::{Buffers, Pipelines};
use crate::random::Random;
use crate::settings::NetworkSettings;
use crate::time::{Now, Timestamp};
use crate::wire::connection::Token;

use self::chains::Chains;
use self::roaming::Roaming;
use self::send::Outlet;
use self::state::{Role, Standing, State};

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
    pub(crate) pipelines: Arc<Pipelines>,
    /// How much may be held for each connection, as of the last update.
    pub(crate) memory: MemoryShare,
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
    /// Counters of what is sent. A message's `entered` is counted by the caller; a control packet,
    /// which the caller does not know of, by the link.
    pub(crate) outward: &'a mut Flow,
    pub(crate) random: &'a mut Random,
    /// Scratch memory of pipeline stages.
    pub(crate) buffers: &'a mut Buffers,
    /// Bytes that the layers below take out of this link's packets beyond the rules' padding.
    pub(crate) surplus: u16,
}

impl Context<'_> {
    /// What is needed to send, to deliver, and for stages to work in.
    fn split(&mut self) -> (Outlet<'_>, &mut Inbox, &mut Buffers) {
        let out = Outlet {
            now: self.now,
            rules: self.rules,
            lane: self.lane,
            egress: self.egress,
            outward: self.outward,
            surplus: self.surplus,
        };
        (out, self.inbox, self.buffers)
    }
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
    /// The application has accepted the connection.
    Accepted { lane: u8 },
    /// The peer has proved that it receives at its address.
    Validated { lane: u8 },
    /// The connection has moved to another address.
    Moved { lane: u8, from: Path, to: Path },
    /// The peer of a guarded lane has asked for a connection under this token.
    Named { lane: u8, token: Token },
    /// The peer of a guarded lane speaks under the token of another connection.
    Astray { lane: u8, path: Path, token: Token },
    /// The peer of a guarded lane, which has a connection, asks for another one: it has begun anew.
    Supplanted { lane: u8, path: Path },
    /// Somebody at the address of a silent peer says hello.
    Knocked { lane: u8 },
    /// A client's association is to be made anew, beside the one there is.
    Renew { lane: u8 },
    /// It is not, after all: the peer has been heard.
    Recovered { lane: u8 },
    /// The connection is over and its token forgotten. Its Disconnect event, if any, is in the inbox.
    Closed {
        lane: u8,
        reason: Option<DisconnectReason>,
        /// Reliable packets that the peer did not acknowledge.
        undelivered: usize,
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

/// One connection, in either role.
#[derive(Debug)]
pub(crate) struct Link {
    token: Token,
    state: State,
    /// On the observed time (R7).
    last_receive: Timestamp,
    /// On the driver's time. Any packet counts, of any kind.
    last_send: Timestamp,
    traffic: Traffic,
    role: Role,
    standing: Standing,
    path: Path,
    /// Another address the peer may have moved to, and its latest moves.
    roaming: Option<Box<Roaming>>,
    /// Largest packet the path takes, what the layers below add included; `u16::MAX` while nothing
    /// is known, when our own maximum bounds it.
    path_mtu: u16,
    chains: Chains,
}

impl Link {
    /// A link in `state` whose peer has just been heard, or is about to be spoken to.
    fn new(
        token: Token,
        path: Path,
        state: State,
        role: Role,
        standing: Standing,
        now: Now,
    ) -> Self {
        Self {
            token,
            state,
            last_receive: now.observed,
            last_send: now.at,
            traffic: Traffic::default(),
            role,
            standing,
            path,
            roaming: None,
            path_mtu: u16::MAX,
            chains: Chains::default(),
        }
    }

    /// Its name on the wire.
    pub(crate) fn token(&self) -> Token {
        self.token
    }

    /// Where packets go.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is over: nothing will be sent, and the token may be forgotten.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// What the user may know. The slot's version is the caller's to fill in.
    pub(crate) fn snapshot(&self, rules: &Rules) -> Snapshot {
        Snapshot {
            version: 0,
            state: match self.state {
                State::Requesting(_) | State::Refused { .. } | State::Probing(_) => {
                    ConnectionState::Connecting
                }
                State::Established { .. } => ConnectionState::Connected,
                State::Closing(_) | State::Closed => ConnectionState::Disconnected,
            },
            path_mtu: self.path_mtu.min(rules.max_message_size()),
            allowance: self.message_allowance(rules),
            remote: self.path.remote,
            traffic: self.traffic,
        }
    }

    /// Goes from one state to the next.
    fn enter(&mut self, next: State) {
        #[cfg(feature = "tracing")]
        tracing::debug!(token = ?self.token, from = self.state.name(), to = next.name(), "link");
        self.state = next;
    }
}
