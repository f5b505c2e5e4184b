//! The hall: handshakes under way, of clients that want in and to servers we want into.
//!
//! ```text
//!  hello ──cookie──▶ greet ─┐                      ┌─▶ Established: an association for a lane
//!  connect ──────▶ begin ───┼─▶ guests ─▶ work ────┤
//!  records of a guest ─▶ hear                      └─▶ Failed: which check, in words
//! ```
//!
//! Reading hellos costs next to nothing and is done as they come. What is expensive (key exchanges,
//! signatures, chains of certificates) is given out as an [`Errand`], one step of one handshake, to
//! be done wherever there is time for it; [`Hall::take_back`] goes on with what came of it. Answers
//! to those who have come furthest go first.
//!
//! Guests are bounded in number, by prefix and in bytes (R10), and how many begin in a second is
//! rationed (R11). A guest is known by its address alone. Whether the address has an association
//! already is the [`Endpoint`](super::Endpoint)'s business.

mod config;
mod engine;
mod guest;
mod ration;
mod statistics;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use self::engine::{Client, Engine, Step};
pub(crate) use self::engine::{Done, Errand};
use self::guest::{Due, Guest};
use self::ration::Ration;
pub use self::statistics::HandshakeStatistics;
use super::Replies;
use super::keyed::Keyed;
use crate::address::{AddressPrefix, NetworkEndpoint, Path};
use crate::counters::DropReason;
use crate::crypto::{Cookies, PeerIdentity, WallTime};
use crate::journal::{Journal, Kind};
use crate::random::Random;
use crate::secure::dtls::{
    ClientConfig, HandshakeError, HelloVerdict, Progress, ServerConfig, ServerHandshake,
    handle_hello,
};
use crate::secure::{Association, Outgoing};
use crate::settings::{Limits, LoopbackLimits, NetworkSettings, SecureServer, Security};
use crate::time::Timestamp;

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

    /// Whether there are errands to be done.
    pub(crate) fn is_busy(&self) -> bool {
        !self.answers.is_empty() || !self.beginnings.is_empty()
    }

    /// When [`pass_time`](Self::pass_time) is due.
    pub(crate) fn deadline(&self) -> Timestamp {
        self.deadline
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
            // The rest of a hello whose first piece had the cookie.
            HelloVerdict::Dropped(DropReason::FragmentedHello) if self.knows(&path.remote) => {
                return self.hear(&path.remote, datagram);
            }
            HelloVerdict::Dropped(reason) => return Err(reason),
            HelloVerdict::Verified(hello) => hello,
        };
        if let Some(&place) = self.places.get(&path.remote)
            && let Some(Some(guest)) = self.guests.get(place)
        {
            match guest.random {
                // The same hello once more: its flight was lost.
                Some(random) if random == *hello.random() => {
                    return self.hear(&path.remote, datagram);
                }
                // R11: work for a hello that a newer one replaced is dropped.
                Some(_) => drop(self.forget(place)),
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
        let mut out = Outgoing::default();
        let (handshake, turn) = ServerHandshake::start(&server, &hello, now, self.date, &mut out);
        let engine = Engine::Server(Box::new(handshake));
        let random = Some(*hello.random());
        let place = self.seat(Guest::new(path, engine, None, random, prefix));
        send(path, &out, replies);
        self.note(place, turn.progress, Vec::new());
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
        let Some(client) = self.client.clone() else {
            return false;
        };
        if self.knows(&path.remote) {
            return false;
        }
        let engine = Engine::Client(Box::new(Client {
            config: client,
            handshake: None,
        }));
        let mut guest = Guest::new(path, engine, Some(slot), None, None);
        guest.due = Due::Queued;
        let place = self.seat(guest);
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
                .is_some_and(|guest| guest.slot == Some(slot));
            if is_its {
                self.forget(place);
            }
        }
    }

    /// The next step that is to be done, if there is one. It must be given back.
    pub(crate) fn errand(&mut self, now: Timestamp) -> Option<Errand> {
        loop {
            let (place, is_answer) = match self.answers.pop_front() {
                Some(place) => (place, true),
                None => (self.beginnings.pop_front()?, false),
            };
            let Some(Some(guest)) = self.guests.get_mut(place) else {
                continue;
            };
            let engine = guest.engine.take();
            let step = if is_answer {
                guest.queued = false;
                // Whoever is away is read when it is back.
                engine.is_some().then(|| Step::Read(guest.take_kept()))
            } else {
                guest.due = if engine.is_some() {
                    Due::No
                } else {
                    Due::Missed
                };
                engine.is_some().then_some(Step::Begin)
            };
            if let (Some(engine), Some(step)) = (engine, step) {
                return Some(Errand {
                    place,
                    age: guest.age,
                    engine,
                    step,
                    now,
                    date: self.date,
                });
            }
        }
    }

    /// Goes on with what came of an errand.
    pub(crate) fn take_back(&mut self, done: Done, replies: &mut Replies) {
        self.statistics.useless += done.useless;
        self.statistics.signatures += done.signatures;
        let place = done.place;
        // It may have been forgotten meanwhile, and somebody else may sit there.
        let Some(guest) = self
            .guests
            .get_mut(place)
            .and_then(Option::as_mut)
            .filter(|guest| guest.age == done.age)
        else {
            return;
        };
        let Some(engine) = done.engine else {
            self.forget(place);
            return;
        };
        guest.engine = Some(engine);
        let path = guest.path;
        if guest.has_kept() && !std::mem::replace(&mut guest.queued, true) {
            self.answers.push_back(place);
        }
        if guest.due == Due::Missed {
            guest.due = Due::Queued;
            self.beginnings.push_back(place);
        }
        self.deadline = self.deadline.min(guest.deadline());
        send(&path, &done.out, replies);
        self.note(place, done.progress, done.rest);
    }

    /// Has time do what is due.
    pub(crate) fn pass_time(&mut self, now: Timestamp, replies: &mut Replies) {
        if now < self.deadline {
            return;
        }
        for place in 0..self.guests.len() {
            let Some(Some(guest)) = self.guests.get_mut(place) else {
                continue;
            };
            if now < guest.deadline() {
                continue;
            }
            let Some(engine) = &mut guest.engine else {
                continue;
            };
            let path = guest.path;
            let mut out = Outgoing::default();
            let progress = engine.handle_timeout(now, &mut out);
            send(&path, &out, replies);
            self.note(place, progress, Vec::new());
        }
        self.deadline = self
            .guests
            .iter()
            .flatten()
            .map(Guest::deadline)
            .min()
            .unwrap_or(Timestamp::NEVER);
    }

    /// Whether handshakes have ended since the last time: a hello of no use ends its own at once.
    pub(crate) fn has_news(&self) -> bool {
        !self.events.is_empty()
    }

    /// Handshakes that have ended since the last time.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
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

    /// What a step has led to.
    fn note(&mut self, place: usize, progress: Progress, rest: Vec<Vec<u8>>) {
        match progress {
            Progress::Pending => {}
            Progress::NeedsSignature => {
                if let Some(Some(guest)) = self.guests.get_mut(place)
                    && guest.due == Due::No
                {
                    guest.due = Due::Queued;
                    self.beginnings.push_back(place);
                }
            }
            Progress::Established(established) => {
                let Some(mut guest) = self.forget(place) else {
                    return;
                };
                self.statistics.completed += 1;
                let mut early = established.early;
                early.extend(rest);
                early.extend(guest.take_kept());
                self.events.push(Event::Established(Box::new(Arrived {
                    path: guest.path,
                    slot: guest.slot,
                    association: established.association,
                    peer: established.peer.map(Arc::new),
                    early,
                })));
            }
            Progress::Failed(error) => {
                let Some(guest) = self.forget(place) else {
                    return;
                };
                self.statistics.failed += 1;
                let slot = guest.slot;
                // Another address of the same server may do better.
                let has_more =
                    slot.is_some() && self.guests.iter().flatten().any(|other| other.slot == slot);
                if !has_more {
                    self.events.push(Event::Failed {
                        path: guest.path,
                        slot,
                        error,
                    });
                }
            }
        }
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

    fn forget(&mut self, place: usize) -> Option<Guest> {
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
        (!self.loopback.exempts(&prefix)).then_some(prefix)
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
            .filter(|(_, guest)| guest.is_client())
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
            .filter(|guest| guest.is_client())
            .count()
    }
}

/// What a guest is to be told goes to where it is.
fn send(path: &Path, out: &Outgoing, replies: &mut Replies) {
    for datagram in out.datagrams() {
        replies.push(path, |bytes| bytes.extend_from_slice(datagram));
    }
}
