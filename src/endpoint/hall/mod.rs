//! The hall: handshakes under way, of clients that want in and to servers we want into.
//!
//! ```text
//!  hello ──cookie──▶ greet ─┐                      ┌─▶ Established: an association for a lane
//!  connect ──────▶ begin ───┼─▶ guests ─▶ work ────┤
//!  records of a guest ─▶ hear                      └─▶ Failed: which check, in words
//! ```
//!
//! Reading hellos costs next to nothing and is done as they come. What is expensive (key exchanges,
//! signatures, chains of certificates) waits in a queue until [`Hall::work`], behind the live
//! traffic of the update, and ends there when the caller says so; what is left is for the next
//! update. Answers to those who have come furthest go first.
//!
//! Guests are bounded in number, by prefix and in bytes (R10), and how many begin in a second is
//! rationed (R11). A guest is known by its address alone. Whether the address has an association
//! already is the [`Endpoint`](super::Endpoint)'s business.

mod config;
mod guest;
mod ration;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use self::guest::{Guest, Role};
use self::ration::Ration;
use super::Replies;
use super::keyed::Keyed;
use crate::address::{AddressPrefix, NetworkEndpoint, Path};
use crate::counters::DropReason;
use crate::crypto::{Cookies, PeerIdentity, WallTime};
use crate::journal::{Journal, Kind};
use crate::random::Random;
use crate::secure::dtls::{
    ClientConfig, HandshakeError, HelloVerdict, Progress, ServerConfig, handle_hello,
};
use crate::secure::{Association, Outgoing};
use crate::settings::{Limits, LoopbackLimits, NetworkSettings, SecureServer, Security};
use crate::time::Timestamp;

/// What the hall has seen since the driver was made, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeStatistics {
    /// Handshakes under way, in both roles.
    pub under_way: usize,
    /// Most handshakes under way at a time.
    pub under_way_high_water: usize,
    /// Hellos answered with a question, and forgotten.
    pub questions: u64,
    /// Hellos that proved their address and began a handshake.
    pub begun: u64,
    /// Handshakes that ended well, in both roles.
    pub completed: u64,
    /// Handshakes that failed.
    pub failed: u64,
    /// Handshakes that gave way to others.
    pub evicted: u64,
    /// Hellos beyond the rate; their clients ask again.
    pub rationed: u64,
    /// Datagrams of handshakes under way that led nowhere: forged, doubled or out of turn.
    pub useless: u64,
    /// Operations with the private key.
    pub signatures: u64,
}

/// A handshake has ended.
#[derive(Debug)]
pub(crate) enum Event {
    /// Well.
    Established(Box<Arrived>),
    /// Otherwise.
    Failed {
        path: Path,
        /// The slot of the connection it was for, if it was begun here.
        slot: Option<u32>,
        error: Box<HandshakeError>,
        /// Whether another handshake may end better.
        may_try_again: bool,
    },
}

/// What a handshake leaves behind.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) path: Path,
    /// The slot of the connection it was for, if it was begun here.
    pub(crate) slot: Option<u32>,
    pub(crate) association: Association,
    pub(crate) peer: Option<Arc<PeerIdentity>>,
    /// Datagrams that overtook the end of the handshake, to be opened in this order.
    pub(crate) early: Vec<Vec<u8>>,
}

/// Handshakes under way.
#[derive(Debug)]
pub(crate) struct Hall {
    server: Option<Arc<ServerConfig>>,
    client: Option<Arc<ClientConfig>>,
    cookies: Cookies,
    random: Random,
    /// Where the driver is bound, for cookies.
    local: NetworkEndpoint,
    date: WallTime,
    guests: Vec<Option<Guest>>,
    vacant: Vec<usize>,
    places: HashMap<NetworkEndpoint, usize, Keyed>,
    /// Clients under way by prefix.
    crowds: HashMap<AddressPrefix, usize, Keyed>,
    /// Guests with datagrams to be read.
    answers: VecDeque<usize>,
    /// Guests that are to be begun or signed for: the expensive ones.
    beginnings: VecDeque<usize>,
    ration: Ration,
    most: usize,
    most_per_prefix: usize,
    loopback: LoopbackLimits,
    deadline: Timestamp,
    /// Counts guests, for their age.
    arrivals: u64,
    question: Vec<u8>,
    out: Outgoing,
    events: Vec<Event>,
    statistics: HandshakeStatistics,
}

impl Hall {
    /// A hall for the settings' mode; none if they are plain, or if the system's generator fails.
    pub(crate) fn new(settings: &NetworkSettings, keys: &Keyed) -> Option<Box<Self>> {
        let Security::Dtls { server, client } = settings.security() else {
            return None;
        };
        let limits: &Limits = settings.limits();
        let mut random = Random::System;
        Some(Box::new(Self {
            server: server
                .as_ref()
                .map(|server| Arc::new(config::server(server, settings))),
            client: client
                .as_ref()
                .and_then(|client| config::client(client, settings).map(Arc::new)),
            cookies: Cookies::new(&mut random, Timestamp::ZERO).ok()?,
            random,
            local: NetworkEndpoint::default(),
            date: WallTime::from_unix_seconds(0),
            guests: Vec::new(),
            vacant: Vec::new(),
            places: HashMap::with_hasher(keys.clone()),
            crowds: HashMap::with_hasher(keys.clone()),
            answers: VecDeque::new(),
            beginnings: VecDeque::new(),
            ration: Ration::new(limits, keys.clone()),
            most: limits.dtls_half_open_max,
            most_per_prefix: limits.dtls_half_open_per_ip,
            loopback: limits.limit_loopback,
            deadline: Timestamp::NEVER,
            arrivals: 0,
            question: Vec::new(),
            out: Outgoing::default(),
            events: Vec::new(),
            statistics: HandshakeStatistics::default(),
        }))
    }

    /// The driver is bound to `local`.
    pub(crate) fn bound(&mut self, local: NetworkEndpoint) {
        self.local = local;
    }

    /// A new update begins: its date, and new cookie keys where they are due. If the generator
    /// fails the old keys run out, and nobody new comes in (R18).
    pub(crate) fn begin_update(&mut self, now: Timestamp, date: WallTime) {
        self.date = date;
        let _ = self.cookies.rotate(&mut self.random, now);
    }

    /// Shows another identity from the next handshake on.
    pub(crate) fn reload(&mut self, server: &SecureServer, settings: &NetworkSettings) {
        self.server = Some(Arc::new(config::server(server, settings)));
    }

    /// Whether connections can be accepted.
    pub(crate) fn has_server(&self) -> bool {
        self.server.is_some()
    }

    /// Whether connections can be started.
    pub(crate) fn has_client(&self) -> bool {
        self.client.is_some()
    }

    /// Whether a handshake with this address is under way.
    pub(crate) fn knows(&self, remote: &NetworkEndpoint) -> bool {
        self.places.contains_key(remote)
    }

    /// Whether there is something to do now.
    pub(crate) fn is_busy(&self) -> bool {
        !self.answers.is_empty() || !self.beginnings.is_empty()
    }

    /// When there is something to do.
    pub(crate) fn deadline(&self) -> Timestamp {
        if self.is_busy() {
            Timestamp::ZERO
        } else {
            self.deadline
        }
    }

    /// What it has seen and holds.
    pub(crate) fn statistics(&self) -> HandshakeStatistics {
        HandshakeStatistics {
            under_way: self.places.len(),
            ..self.statistics
        }
    }

    /// A hello, of whomever. One with the right cookie begins a handshake, or replaces the one its
    /// client has given up.
    pub(crate) fn greet(
        &mut self,
        now: Timestamp,
        path: &Path,
        datagram: &[u8],
        replies: &mut Replies,
    ) -> Result<(), DropReason> {
        let Some(server) = self.server.clone() else {
            return Err(DropReason::Unexpected);
        };
        let local = match path.local {
            Some(ip) => NetworkEndpoint::from_socket_addr((ip, self.local.port()).into()),
            None => self.local,
        };
        self.question.clear();
        let verdict = handle_hello(
            datagram,
            path.remote,
            local,
            &self.cookies,
            now,
            &mut self.question,
        );
        let hello = match verdict {
            HelloVerdict::Answered => {
                self.statistics.questions += 1;
                let question = &self.question;
                replies.push(path, |out| out.extend_from_slice(question));
                return Ok(());
            }
            HelloVerdict::Dropped(reason) => return Err(reason),
            HelloVerdict::Verified(hello) => hello,
        };
        if let Some(&place) = self.places.get(&path.remote)
            && let Some(Some(guest)) = self.guests.get(place)
        {
            match guest.is_begun_with(hello.random()) {
                // The same hello once more: its flight was lost.
                Some(true) => return self.hear(&path.remote, datagram),
                // R11: work for a hello that a newer one replaced is dropped.
                Some(false) => self.forget(place),
                // We are the client, and who we talk to is not.
                None => return Err(DropReason::Unexpected),
            }
        }
        let prefix = self.charge(&path.remote);
        if !self.ration.take(now, prefix) {
            self.statistics.rationed += 1;
            return Err(DropReason::RateLimited);
        }
        self.make_room(prefix);
        self.statistics.begun += 1;
        let guest = Guest::greet(&server, &hello, path, prefix, now, self.date, &mut self.out);
        let (guest, progress) = guest;
        let place = self.seat(guest);
        self.send(path, replies);
        self.note(place, progress, Vec::new());
        Ok(())
    }

    /// A datagram of a guest, for later.
    pub(crate) fn hear(
        &mut self,
        remote: &NetworkEndpoint,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        let Some(&place) = self.places.get(remote) else {
            return Err(DropReason::NoAssociation);
        };
        let Some(Some(guest)) = self.guests.get_mut(place) else {
            return Err(DropReason::NoAssociation);
        };
        if !guest.keep(datagram) {
            return Err(DropReason::ConnectionBudget);
        }
        if !std::mem::replace(&mut guest.queued, true) {
            self.answers.push_back(place);
        }
        Ok(())
    }

    /// Begins a handshake with a server, for the connection in `slot`. False if there is one with
    /// this address already, or nothing that says whom to believe.
    pub(crate) fn connect(&mut self, slot: u32, path: &Path) -> bool {
        self.connect_as(slot, path, false)
    }

    /// The same, after a handshake for the same connection that has run out of time.
    pub(crate) fn connect_again(&mut self, slot: u32, path: &Path) -> bool {
        self.connect_as(slot, path, true)
    }

    fn connect_as(&mut self, slot: u32, path: &Path, is_again: bool) -> bool {
        let Some(client) = self.client.clone() else {
            return false;
        };
        if self.knows(&path.remote) {
            return false;
        }
        let place = self.seat(Guest::connect(client, slot, path, is_again));
        self.beginnings.push_back(place);
        true
    }

    /// The connection in `slot` is over, or secured by another handshake: those under way for it
    /// are of no use.
    pub(crate) fn abandon(&mut self, slot: u32) {
        for place in 0..self.guests.len() {
            let is_its = self
                .guests
                .get(place)
                .and_then(Option::as_ref)
                .is_some_and(|guest| guest.slot() == Some(slot));
            if is_its {
                self.forget(place);
            }
        }
    }

    /// Goes on with what is queued and what is due, for as long as `go_on` says.
    pub(crate) fn work(
        &mut self,
        now: Timestamp,
        mut go_on: impl FnMut() -> bool,
        replies: &mut Replies,
    ) -> std::vec::Drain<'_, Event> {
        while let Some(place) = self.answers.pop_front() {
            self.read(place, now, replies);
            if !go_on() {
                break;
            }
        }
        while self.answers.is_empty()
            && let Some(place) = self.beginnings.pop_front()
        {
            self.begin(place, now, replies);
            if !go_on() {
                break;
            }
        }
        if now >= self.deadline {
            for place in 0..self.guests.len() {
                self.pass_time(place, now, replies);
            }
        }
        self.deadline = self
            .guests
            .iter()
            .flatten()
            .map(Guest::deadline)
            .min()
            .unwrap_or(Timestamp::NEVER);
        self.events.drain(..)
    }

    /// Says in the journal why a handshake failed.
    pub(crate) fn explain(
        journal: &mut Journal,
        now: Timestamp,
        path: &Path,
        error: &HandshakeError,
    ) {
        let peer = journal.address(&path.remote);
        journal.note(
            now,
            Kind::HandshakeFailed,
            format_args!("no secure connection with {peer}: {error}"),
        );
    }

    /// Reads what a guest has sent.
    fn read(&mut self, place: usize, now: Timestamp, replies: &mut Replies) {
        let Some(Some(guest)) = self.guests.get_mut(place) else {
            return;
        };
        guest.queued = false;
        let path = guest.path;
        let mut datagrams = guest.take_kept().into_iter();
        let mut progress = Progress::Pending;
        for mut datagram in datagrams.by_ref() {
            let turn = guest.handle_datagram(now, &mut datagram, &mut self.out);
            self.statistics.useless += u64::from(turn.received.is_err());
            progress = turn.progress;
            if !matches!(progress, Progress::Pending | Progress::NeedsSignature) {
                break;
            }
        }
        self.send(&path, replies);
        self.note(place, progress, datagrams.collect());
    }

    /// The expensive step: a client's first flight, or a server's signature.
    fn begin(&mut self, place: usize, now: Timestamp, replies: &mut Replies) {
        let Some(Some(guest)) = self.guests.get_mut(place) else {
            return;
        };
        self.statistics.signatures += u64::from(guest.slot().is_none());
        let path = guest.path;
        let progress = guest.begin(now, self.date, &mut self.out);
        self.send(&path, replies);
        self.note(place, progress, Vec::new());
    }

    fn pass_time(&mut self, place: usize, now: Timestamp, replies: &mut Replies) {
        let Some(Some(guest)) = self.guests.get_mut(place) else {
            return;
        };
        if now < guest.deadline() {
            return;
        }
        let path = guest.path;
        let progress = guest.handle_timeout(now, &mut self.out);
        self.send(&path, replies);
        self.note(place, progress, Vec::new());
    }

    /// What a step has led to.
    fn note(&mut self, place: usize, progress: Progress, rest: Vec<Vec<u8>>) {
        match progress {
            Progress::Pending => {}
            Progress::NeedsSignature => {
                if let Some(Some(guest)) = self.guests.get_mut(place)
                    && !std::mem::replace(&mut guest.awaits_signature, true)
                {
                    self.beginnings.push_back(place);
                }
            }
            Progress::Established(established) => {
                let Some(guest) = self.forget_guest(place) else {
                    return;
                };
                self.statistics.completed += 1;
                let mut early = established.early;
                early.extend(rest);
                self.events.push(Event::Established(Box::new(Arrived {
                    path: guest.path,
                    slot: guest.slot(),
                    association: established.association,
                    peer: established.peer.map(Arc::new),
                    early,
                })));
            }
            Progress::Failed(error) => {
                let Some(guest) = self.forget_guest(place) else {
                    return;
                };
                self.statistics.failed += 1;
                let slot = guest.slot();
                // Another address of the same server may do better.
                let has_more = slot.is_some()
                    && self
                        .guests
                        .iter()
                        .flatten()
                        .any(|other| other.slot() == slot);
                if !has_more {
                    self.events.push(Event::Failed {
                        path: guest.path,
                        slot,
                        may_try_again: guest.may_try_again(&error),
                        error,
                    });
                }
            }
        }
    }

    /// What the guest said goes to where it is.
    fn send(&mut self, path: &Path, replies: &mut Replies) {
        for datagram in self.out.datagrams() {
            replies.push(path, |out| out.extend_from_slice(datagram));
        }
        self.out.clear();
    }

    fn seat(&mut self, mut guest: Guest) -> usize {
        self.arrivals += 1;
        guest.age = self.arrivals;
        if let Some(prefix) = guest.prefix {
            *self.crowds.entry(prefix).or_default() += 1;
        }
        let place = self.vacant.pop().unwrap_or(self.guests.len());
        self.places.insert(guest.path.remote, place);
        // A hello that cannot be answered at once is due at once.
        self.deadline = self.deadline.min(guest.deadline());
        if place == self.guests.len() {
            self.guests.push(Some(guest));
        } else if let Some(seat) = self.guests.get_mut(place) {
            *seat = Some(guest);
        }
        self.statistics.under_way_high_water =
            self.statistics.under_way_high_water.max(self.places.len());
        place
    }

    fn forget(&mut self, place: usize) {
        self.forget_guest(place);
    }

    fn forget_guest(&mut self, place: usize) -> Option<Guest> {
        let guest = self.guests.get_mut(place)?.take()?;
        self.places.remove(&guest.path.remote);
        self.vacant.push(place);
        // What is queued for the place must not reach the next who sits there.
        self.answers.retain(|queued| *queued != place);
        self.beginnings.retain(|queued| *queued != place);
        if let Some(prefix) = guest.prefix
            && let Some(count) = self.crowds.get_mut(&prefix)
        {
            *count -= 1;
            if *count == 0 {
                self.crowds.remove(&prefix);
            }
        }
        if self.places.is_empty() {
            self.guests = Vec::new();
            self.vacant = Vec::new();
        }
        Some(guest)
    }

    /// Whom a client counts against; none for loopback where that is exempt.
    fn charge(&self, remote: &NetworkEndpoint) -> Option<AddressPrefix> {
        let prefix = remote.prefix();
        let exempt = self.loopback == LoopbackLimits::Exempt && prefix.is_loopback();
        (!exempt).then_some(prefix)
    }

    /// R10: before one more of `prefix`, the oldest of the prefix that has most gives way, if it
    /// must: its own, once it has its share; else the largest.
    fn make_room(&mut self, prefix: Option<AddressPrefix>) {
        let own = prefix.and_then(|prefix| Some((prefix, *self.crowds.get(&prefix)?)));
        let victim_prefix = match own {
            Some((prefix, count)) if count >= self.most_per_prefix => Some(prefix),
            _ if self.clients() < self.most => return,
            _ => self
                .crowds
                .iter()
                .max_by_key(|(prefix, count)| (**count, **prefix))
                .map(|(prefix, _)| *prefix),
        };
        let oldest = self
            .guests
            .iter()
            .enumerate()
            .filter_map(|(place, guest)| guest.as_ref().map(|guest| (place, guest)))
            .filter(|(_, guest)| matches!(guest.role, Role::Server(_)))
            .filter(|(_, guest)| victim_prefix.is_none() || guest.prefix == victim_prefix)
            .min_by_key(|(_, guest)| guest.age);
        if let Some((place, _)) = oldest {
            self.statistics.evicted += 1;
            self.forget(place);
        }
    }

    /// Clients under way.
    fn clients(&self) -> usize {
        self.guests
            .iter()
            .flatten()
            .filter(|guest| matches!(guest.role, Role::Server(_)))
            .count()
    }
}
