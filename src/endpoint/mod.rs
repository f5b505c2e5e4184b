//! The endpoint: all connections of a driver as tokens and slots, and who may become one.
//!
//! It routes each datagram to its connection's slot by token, and decides about strangers. It holds
//! no connection's protocol state (that is a [`Link`](crate::link), in its shard's job) and never
//! sees a socket, a thread or a clock: answers to strangers go into [`Replies`].
//!
//! ```text
//!               known token ───────────────────────────────▶ Deliver
//! datagram ───▶ request ──┬─ there is room ────────────────▶ Open
//!               (unknown) ├─ the table is full ────────────▶ refused: one Disconnect a second
//!                         └─ too many unproven ──▶ half-open record ─┐
//!                                                  or, under load,   │ address proved
//!                                                  none at all ──────┴▶ OpenProven
//!               anything else ─────────────────────────────▶ silence
//! ```
//!
//! A plain request proves nothing, so what a stranger can cause is bounded: lanes of unproven
//! connections, half-open records, bytes of payload, and three bytes sent for each received (R20,
//! R21). `max_connections` is held against a newcomer by connections that proved their address only,
//! and half of an address's share is kept for those who prove that it is theirs: whoever forges
//! requests in another's name, or in everybody's, does not keep them out.
//!
//! * getters (`&self`): [`Endpoint::connection`], [`Endpoint::len`], [`Endpoint::slots`],
//!   [`Endpoint::deadline`], [`Endpoint::statistics`];
//! * input: [`Endpoint::route`]; and what links report: [`Endpoint::validated`],
//!   [`Endpoint::moved`], [`Endpoint::closed`];
//! * commands of the user: [`Endpoint::connect`], [`Endpoint::reserve`], [`Endpoint::accepted`],
//!   [`Endpoint::released`];
//! * time: [`Endpoint::service`].

mod admission;
mod foreign;
mod half_open;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub(crate) mod hall;
#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
#[path = "no_hall.rs"]
pub(crate) mod hall;
mod homes;
mod keyed;
mod prefixes;
mod probation;
mod recent;
mod replies;
mod rings;
mod secured;
mod slots;
mod sources;
mod standing;
mod under_load;

use std::collections::HashMap;

use self::foreign::Explained;
use self::half_open::HalfOpen;
pub(crate) use self::hall::Hall;
use self::homes::Homes;
use self::keyed::Keyed;
use self::prefixes::Prefixes;
use self::recent::Recent;
pub(crate) use self::replies::Replies;
use self::slots::{Acceptance, Incoming, Occupant, Origin, Slots};
use self::sources::Sources;
use self::standing::Standing;
use self::under_load::UnderLoad;
use crate::address::{NetworkEndpoint, Path};
use crate::counters::{DropReason, Flow};
use crate::error::ConnectError;
use crate::id::NetworkConnection;
use crate::journal::{Addresses, Journal};
use crate::link::Rules;
use crate::random::Random;
use crate::settings::{Limits, LogAddresses, NetworkSettings};
use crate::time::{Now, Timestamp};
use crate::wire::connection::{Token, peek_token};

/// The stream of the endpoint's random numbers, apart from those of shards.
const RANDOM_STREAM: u64 = u64::MAX;

/// What becomes of a datagram.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It belongs to the link in this slot, which counts it.
    Deliver { slot: u32 },
    /// It is a request that was admitted: make a link of it in this slot, which counts it.
    Open { slot: u32, token: Token },
    /// It proved the address of a client whose request was answered before: make a link of what was
    /// remembered. The datagram itself is counted, and done with.
    OpenProven {
        slot: u32,
        token: Token,
        path: Path,
        /// Connect payload of the request.
        payload: Vec<u8>,
    },
    /// It is a hello from the address of the association in this slot, whose lane answers it.
    Knock { slot: u32 },
    /// It was dropped or answered, and counted.
    Done,
}

/// What the endpoint has seen since the driver was made, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointStatistics {
    /// Connections there are, those started here included.
    pub connections: usize,
    /// Most connections at a time.
    pub connections_high_water: usize,
    /// Incoming connections whose peer has not proved its address.
    pub unproven: usize,
    /// Incoming connections the application has not accepted.
    pub waiting_for_accept: usize,
    /// Half-open records there are.
    pub half_open: usize,
    /// Most half-open records at a time.
    pub half_open_high_water: usize,
    /// Half-open records that gave way to others.
    pub half_open_evicted: u64,
    /// Half-open records whose time ran out.
    pub half_open_expired: u64,
    /// Whether requests are answered without a record.
    pub under_load: bool,
    /// Requests answered without a record.
    pub stateless_accepts: u64,
    /// Clients turned away: no connection was free, or none was wanted.
    pub refused: u64,
    /// Of those, because their address had as many as it may (`max_connections_per_ip`).
    pub refused_per_ip: u64,
}

/// Counts of the endpoint that are nobody else's.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    stateless_accepts: u64,
    refused: u64,
    refused_per_ip: u64,
}

/// All connections of a driver as tokens and slots, and all who want to become one.
#[derive(Debug)]
pub(crate) struct Endpoint {
    max_message_size: usize,
    limits: Limits,
    /// Bytes that the layers below take out of each packet.
    padding: u16,
    /// Slots by token. Never walked, so its order does not matter.
    routes: HashMap<u64, u32, Keyed>,
    slots: Slots,
    prefixes: Prefixes,
    sources: Sources,
    half_open: HalfOpen,
    under_load: UnderLoad,
    /// Whether the last request found the endpoint under load: for the journal.
    was_under_load: bool,
    recent: Recent,
    /// Handshakes under way; none for a plain driver.
    hall: Option<Box<Hall>>,
    /// Associations by address; empty for a plain driver.
    homes: Homes,
    explained: Explained,
    journal: Journal,
    random: Random,
    tally: Tally,
}

impl Endpoint {
    /// An endpoint without connections. `padding` is what the layers below take out of each packet:
    /// 0 on UDP.
    pub(crate) fn new(settings: &NetworkSettings, padding: u16) -> Self {
        let limits = settings.limits().clone();
        let seed = settings.random_seed();
        let keys = || Keyed::new(seed);
        let addresses = match limits.log_addresses {
            LogAddresses::Shown => Addresses::Shown,
            LogAddresses::Hidden => Addresses::Hidden,
        };
        Self {
            max_message_size: settings.connection().max_message_size,
            padding,
            routes: HashMap::with_hasher(keys()),
            slots: Slots::new(limits.max_connections),
            prefixes: Prefixes::new(limits.max_connections_per_ip, limits.limit_loopback, keys()),
            sources: Sources::default(),
            half_open: HalfOpen::new(limits.half_open_max, limits.half_open_lifetime, keys()),
            under_load: UnderLoad::new(),
            was_under_load: false,
            recent: Recent::new(keys()),
            hall: Hall::new(settings, &keys()),
            homes: Homes::new(keys()),
            explained: Explained::default(),
            journal: Journal::new(limits.log_lines_per_second, addresses),
            random: Random::new(seed, RANDOM_STREAM),
            tally: Tally::default(),
            limits,
        }
    }

    /// The driver is bound to `local`: what comes from there is its own.
    pub(crate) fn bound(&mut self, local: NetworkEndpoint) {
        self.sources.bound(local);
        if let Some(hall) = &mut self.hall {
            hall.bound(local);
        }
    }

    /// Decides what becomes of a datagram.
    ///
    /// The caller counts it as entered. What is delivered or opened is counted further by its link;
    /// everything else is counted here, as passed if it was answered or brought its sender further,
    /// or as dropped for exactly one reason.
    pub(crate) fn route(
        &mut self,
        now: Now,
        rules: &Rules,
        path: &Path,
        datagram: &[u8],
        inward: &mut Flow,
        replies: &mut Replies,
    ) -> Verdict {
        if datagram.len() > self.max_message_size {
            inward.drops.count(DropReason::Oversize);
            return Verdict::Done;
        }
        if !self.sources.is_usable(path) {
            inward.drops.count(DropReason::BadSource);
            return Verdict::Done;
        }
        if self.hall.is_some() {
            return self.route_secured(now.at, rules, path, datagram, inward, replies);
        }
        if let Some((_, token)) = peek_token(datagram)
            && let Some(&slot) = self.routes.get(&key(token))
        {
            return Verdict::Deliver { slot };
        }
        self.admit(now.at, rules, path, datagram, inward, replies)
    }

    /// Begins a connection to `remote`: a slot, and a token nobody else has.
    pub(crate) fn connect(
        &mut self,
        remote: &NetworkEndpoint,
    ) -> Result<(NetworkConnection, Token), ConnectError> {
        if remote.is_unusable_source() {
            return Err(ConnectError::InvalidEndpoint { endpoint: *remote });
        }
        if let Some(hall) = &self.hall {
            if !hall.has_client() {
                return Err(ConnectError::NoClientParameters);
            }
            if hall.knows(remote) || self.homes.slot(remote).is_some() {
                return Err(ConnectError::AlreadyConnected { endpoint: *remote });
            }
        }
        self.reserve()
    }

    /// The same for a peer whose address is not known yet, since its host name is being resolved.
    pub(crate) fn reserve(&mut self) -> Result<(NetworkConnection, Token), ConnectError> {
        let token = loop {
            let token = Token(self.random.bytes8().map_err(|_| ConnectError::Random)?);
            let is_taken =
                self.routes.contains_key(&key(token)) || self.half_open.find(token).is_some();
            if !is_taken {
                break token;
            }
        };
        let Some(slot) = self.open(token, Origin::Outgoing) else {
            return Err(ConnectError::TooManyConnections {
                max: self.slots.max(),
            });
        };
        Ok((self.slots.connection(slot), token))
    }

    /// The peer of an incoming connection has proved its address.
    pub(crate) fn validated(&mut self, slot: u32) {
        self.change(slot, |incoming| incoming.standing = Standing::Proven);
    }

    /// A connection has moved: it counts against its new address from now on.
    pub(crate) fn moved(&mut self, slot: u32, _from: &Path, to: &Path) {
        let charge = self.prefixes.charge(&to.remote);
        self.change(slot, |incoming| incoming.charge = charge);
    }

    /// The application has accepted a connection.
    pub(crate) fn accepted(&mut self, slot: u32) {
        self.change(slot, |incoming| incoming.acceptance = Acceptance::Accepted);
    }

    /// A connection is over: its token is unknown from now on. Its slot is not used again before it
    /// was [`released`](Self::released).
    pub(crate) fn closed(&mut self, slot: u32) {
        let Some(occupant) = self.slots.close(slot) else {
            return;
        };
        if let Some(token) = occupant.token {
            self.routes.remove(&key(token));
        }
        if let Some(hall) = &mut self.hall {
            hall.abandon(slot);
            self.homes.vacate(slot);
        }
        if let Origin::Incoming(incoming) = occupant.origin {
            self.prefixes.remove(incoming.charge, incoming.standing);
        }
    }

    /// The application has read the last event of the slot's former connection.
    pub(crate) fn released(&mut self, slot: u32) {
        self.slots.release(slot);
    }

    /// The handle of the connection in a slot, or of the last one there.
    pub(crate) fn connection(&self, slot: u32) -> NetworkConnection {
        self.slots.connection(slot)
    }

    /// Connections there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.occupied()
    }

    /// Slots that were ever used: all indices are below it.
    pub(crate) fn slots(&self) -> u32 {
        self.slots.high_water()
    }

    /// Whether there is no connection.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Connections the application has not accepted.
    #[cfg(test)]
    pub(crate) fn waiting_for_accept(&self) -> usize {
        self.slots.waiting()
    }

    /// Log lines written and suppressed.
    pub(crate) fn log_lines(&self) -> (u64, u64) {
        self.journal.totals()
    }

    /// Whether requests are answered without a record.
    pub(crate) fn under_load(&self) -> bool {
        self.half_open.is_crowded()
    }

    /// When [`service`](Self::service) has something to do.
    pub(crate) fn deadline(&self) -> Timestamp {
        let hall = self
            .hall
            .as_ref()
            .map_or(Timestamp::NEVER, |hall| hall.deadline());
        self.half_open.deadline().min(hall)
    }

    /// The journal, for what links and the interface have to say.
    pub(crate) fn journal(&mut self) -> &mut Journal {
        &mut self.journal
    }

    /// What the endpoint has seen and holds.
    pub(crate) fn statistics(&self) -> EndpointStatistics {
        let records = self.half_open.counts;
        EndpointStatistics {
            connections: self.slots.occupied(),
            connections_high_water: self.slots.occupied_high_water(),
            unproven: self.slots.unproven(),
            waiting_for_accept: self.slots.waiting(),
            half_open: self.half_open.len(),
            half_open_high_water: records.high_water,
            half_open_evicted: records.evicted,
            half_open_expired: records.expired,
            under_load: self.under_load(),
            stateless_accepts: self.tally.stateless_accepts,
            refused: self.tally.refused,
            refused_per_ip: self.tally.refused_per_ip,
        }
    }

    /// Takes a slot for a token nobody has.
    fn open(&mut self, token: Token, origin: Origin) -> Option<u32> {
        let slot = self.slots.open(Occupant {
            token: Some(token),
            origin,
        })?;
        self.routes.insert(key(token), slot);
        if let Origin::Incoming(incoming) = origin {
            self.prefixes.add(incoming.charge, incoming.standing);
        }
        Some(slot)
    }

    /// Changes what is known of an incoming connection, and all counts with it.
    fn change(&mut self, slot: u32, change: impl FnOnce(&mut Incoming)) {
        let prefixes = &mut self.prefixes;
        self.slots.update(slot, |incoming| {
            prefixes.remove(incoming.charge, incoming.standing);
            change(incoming);
            prefixes.add(incoming.charge, incoming.standing);
        });
    }
}

/// A token as the tables' key.
fn key(token: Token) -> u64 {
    u64::from_le_bytes(token.0)
}

#[cfg(test)]
mod tests;
