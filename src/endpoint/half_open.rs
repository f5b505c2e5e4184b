//! Half-open records: clients whose request was answered and who must prove their address first.
//!
//! A record holds what the endpoint must remember until then, within 128 bytes (R21). Records are
//! bounded in number and in bytes of payload, and live for a fixed time whatever their client does,
//! so the oldest is always the next to expire. When the table is full, a record gives way to a new
//! one: a random one of the prefix that has most. A flood from few prefixes thus evicts itself.
//!
//! This table sends nothing and decides nothing about packets; see [`admission`](super::admission).

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use super::keyed::Keyed;
use super::rings::{Ring, Rings};
use crate::address::{NetworkEndpoint, Path};
use crate::link::proof::AddressProof;
use crate::random::Random;
use crate::time::Timestamp;
use crate::wire::connection::Token;

/// Most bytes of connect payloads kept for clients that have proved nothing. Beyond it the table
/// counts as full by half: only small payloads are taken.
const PAYLOAD_BYTES: usize = 16 << 20;

/// Most steps between two victims of a prefix. Small, so that a step costs nothing; random, so that
/// nobody can tell whose record is next.
const STRIDE: u64 = 8;

/// Tables of at most this many records keep their memory when they become empty.
const KEPT_RECORDS: usize = 1_024;

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Its request was answered.
    Answered,
    /// It has sent something else, so it has seen the answer.
    Spoken,
    /// It has proved its address, but there is no room for its connection.
    Proven,
}

/// What is remembered of one client.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) token: Token,
    place: Place,
    pub(crate) proof: AddressProof,
    /// Connect payload; empty for none.
    payload: Box<[u8]>,
    expires: Timestamp,
    progress: Progress,
    pub(crate) accepts: Accepts,
}

impl Record {
    /// How far the client has come.
    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }

    /// The way to the client.
    pub(crate) fn path(&self) -> Path {
        self.place.path()
    }

    /// Whether a packet that came this way came from the client's address.
    pub(crate) fn is_from(&self, path: &Path) -> bool {
        Place::of(path).is_some_and(|place| place.same_remote(&self.place))
    }

    /// The record's path and payload, for the link that takes over.
    pub(crate) fn into_parts(self) -> (Path, Vec<u8>) {
        (self.place.path(), self.payload.into_vec())
    }
}

/// A path of the internet families in 40 bytes, IPv4 as mapped IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    remote: Ipv6Addr,
    scope: u32,
    port: u16,
    local: Option<Ipv6Addr>,
}

impl Place {
    fn of(path: &Path) -> Option<Self> {
        let remote = path.remote.to_socket_addr()?;
        let scope = match remote {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(v6) => v6.scope_id(),
        };
        Some(Self {
            remote: mapped(remote.ip()),
            scope,
            port: remote.port(),
            local: path.local.map(mapped),
        })
    }

    fn path(&self) -> Path {
        let remote = SocketAddrV6::new(self.remote, self.port, 0, self.scope);
        Path {
            remote: NetworkEndpoint::from_socket_addr(SocketAddr::V6(remote)),
            local: self.local.map(|ip| ip.to_canonical()),
        }
    }

    fn same_remote(&self, other: &Self) -> bool {
        (self.remote, self.scope, self.port) == (other.remote, other.scope, other.port)
    }

    /// What the address counts under: all of an IPv4 address, half of an IPv6 one.
    fn group(&self) -> Group {
        // No IPv6 network begins with 0:ffff, so the two families never meet.
        Group(match self.remote.to_ipv4_mapped() {
            Some(v4) => 0xFFFF << 32 | u64::from(v4.to_bits()),
            None => {
                let [a, b, c, d, ..] = self.remote.segments();
                [a, b, c, d]
                    .into_iter()
                    .fold(0, |group, segment| group << 16 | u64::from(segment))
            }
        })
    }
}

/// An IPv4 address or an IPv6 /64, in 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Group(u64);

fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

/// Accepts sent within one second, at most three (R20).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accepts {
    /// The second, modulo 256: records live for less.
    second: u8,
    sent: u8,
}

impl Accepts {
    const MOST: u8 = 3;

    /// Counts one more; false if there were enough.
    pub(crate) fn take(&mut self, now: Timestamp) -> bool {
        let [second, ..] = (now.as_millis() / 1_000).to_le_bytes();
        if second != self.second {
            *self = Self { second, sent: 0 };
        }
        let granted = self.sent < Self::MOST;
        self.sent += u8::from(granted);
        granted
    }
}

/// Records of one group: a ring, and how many are in it.
#[derive(Clone, Copy, Debug)]
struct Crowd {
    head: u32,
    count: u32,
}

/// All half-open records of a driver.
#[derive(Debug)]
pub(crate) struct HalfOpen {
    records: Rings<Record>,
    tokens: HashMap<u64, u32, Keyed>,
    crowds: HashMap<Group, Crowd, Keyed>,
    /// Groups by their number of records; the last has most.
    fullest: BTreeSet<(u32, Group)>,
    oldest: Option<u32>,
    max: usize,
    lifetime: Duration,
    payload_bytes: usize,
    /// Records of clients that have proved their address.
    proven: usize,
    /// Random bits not used yet.
    dice: u64,
    pub(crate) counts: Counts,
}

/// What became of records, since the driver was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) high_water: usize,
    pub(crate) evicted: u64,
    pub(crate) expired: u64,
}

impl HalfOpen {
    /// An empty table for at most `max` records that live for `lifetime`.
    pub(crate) fn new(max: usize, lifetime: Duration, keys: Keyed) -> Self {
        Self {
            records: Rings::new(),
            tokens: HashMap::with_hasher(keys.clone()),
            crowds: HashMap::with_hasher(keys),
            fullest: BTreeSet::new(),
            oldest: None,
            max,
            lifetime,
            payload_bytes: 0,
            proven: 0,
            dice: 0,
            counts: Counts::default(),
        }
    }

    /// Records there are.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Records of clients that have proved their address and wait for room.
    pub(crate) fn proven(&self) -> usize {
        self.proven
    }

    /// Whether more than half of the table is in use.
    pub(crate) fn is_crowded(&self) -> bool {
        self.len() > self.max / 2 || self.payload_bytes > PAYLOAD_BYTES
    }

    /// The record of a token.
    pub(crate) fn find(&self, token: Token) -> Option<u32> {
        if self.tokens.is_empty() {
            return None;
        }
        self.tokens.get(&u64::from_le_bytes(token.0)).copied()
    }

    /// A record.
    pub(crate) fn get(&self, index: u32) -> Option<&Record> {
        self.records.get(index)
    }

    /// A record, to change what is no key of the table.
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Record> {
        self.records.get_mut(index)
    }

    /// Makes a record for a client the table does not know, if need be in the place of another.
    ///
    /// None for addresses of user-written interfaces: they do not fit a record.
    pub(crate) fn insert(
        &mut self,
        token: Token,
        path: &Path,
        payload: &[u8],
        proof: AddressProof,
        now: Timestamp,
        random: &mut Random,
    ) -> Option<u32> {
        let place = Place::of(path)?;
        if self.find(token).is_some() {
            return None;
        }
        if self.len() >= self.max {
            self.evict(random);
        }
        let index = self.records.insert(Record {
            token,
            place,
            proof,
            payload: payload.into(),
            expires: now + self.lifetime,
            progress: Progress::Answered,
            accepts: Accepts::default(),
        })?;
        self.payload_bytes += payload.len();
        self.tokens.insert(u64::from_le_bytes(token.0), index);
        let oldest = *self.oldest.get_or_insert(index);
        self.records.join(Ring::Age, oldest, index);
        self.enter_crowd(place.group(), index);
        self.counts.high_water = self.counts.high_water.max(self.len());
        Some(index)
    }

    /// The client has come as far as `progress`.
    pub(crate) fn advance(&mut self, index: u32, progress: Progress) {
        let Some(record) = self.records.get_mut(index) else {
            return;
        };
        let former = std::mem::replace(&mut record.progress, progress);
        self.proven -= usize::from(former == Progress::Proven);
        self.proven += usize::from(progress == Progress::Proven);
    }

    /// The client speaks from another address: the record follows, and its proof begins anew. False
    /// if the address fits no record.
    pub(crate) fn relocate(&mut self, index: u32, path: &Path, proof: AddressProof) -> bool {
        let (Some(place), Some(record)) = (Place::of(path), self.records.get_mut(index)) else {
            return false;
        };
        let former = std::mem::replace(&mut record.place, place);
        record.proof = proof;
        if record.progress == Progress::Proven {
            self.advance(index, Progress::Spoken);
        }
        self.leave_crowd(former.group(), index);
        self.enter_crowd(place.group(), index);
        true
    }

    /// Takes a record out.
    pub(crate) fn remove(&mut self, index: u32) -> Option<Record> {
        let group = self.get(index)?.place.group();
        self.leave_crowd(group, index);
        let next = self.records.leave(Ring::Age, index);
        if self.oldest == Some(index) {
            self.oldest = next;
        }
        let record = self.records.remove(index)?;
        self.tokens.remove(&u64::from_le_bytes(record.token.0));
        self.payload_bytes -= record.payload.len();
        self.proven -= usize::from(record.progress == Progress::Proven);
        if self.len() == 0 && self.records.capacity() > KEPT_RECORDS {
            self.give_memory_back();
        }
        Some(record)
    }

    /// Takes the oldest record out if its time is over.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Option<Record> {
        if self.deadline() > now {
            return None;
        }
        self.counts.expired += 1;
        self.remove(self.oldest?)
    }

    /// When the oldest record's time is over.
    pub(crate) fn deadline(&self) -> Timestamp {
        self.oldest
            .and_then(|index| self.get(index))
            .map_or(Timestamp::NEVER, |record| record.expires)
    }

    /// Takes out a random record of the prefix that has most.
    fn evict(&mut self, random: &mut Random) {
        let Some(&(count, group)) = self.fullest.last() else {
            return;
        };
        let Some(mut victim) = self.crowds.get(&group).map(|crowd| crowd.head) else {
            return;
        };
        let steps = self.throw(random) % u64::from(count.max(1));
        for _ in 0..steps {
            victim = self
                .records
                .next(Ring::Neighbours, victim)
                .unwrap_or(victim);
        }
        self.counts.evicted += 1;
        // The ring goes on behind the victim, so every record has its turn.
        if let Some(crowd) = self.crowds.get_mut(&group) {
            crowd.head = victim;
        }
        self.remove(victim);
    }

    /// A random number below [`STRIDE`]. Without a generator it is 0, and the oldest goes.
    fn throw(&mut self, random: &mut Random) -> u64 {
        if self.dice <= 1 {
            // The topmost bit marks the end of what is left.
            self.dice = random.u64().unwrap_or(0) | 1 << 63;
        }
        let steps = self.dice % STRIDE;
        self.dice /= STRIDE;
        steps
    }

    fn enter_crowd(&mut self, group: Group, index: u32) {
        let crowd = self.crowds.entry(group).or_insert(Crowd {
            head: index,
            count: 0,
        });
        self.fullest.remove(&(crowd.count, group));
        crowd.count += 1;
        self.fullest.insert((crowd.count, group));
        self.records.join(Ring::Neighbours, crowd.head, index);
    }

    fn leave_crowd(&mut self, group: Group, index: u32) {
        let next = self.records.leave(Ring::Neighbours, index);
        let Some(crowd) = self.crowds.get_mut(&group) else {
            return;
        };
        self.fullest.remove(&(crowd.count, group));
        crowd.count = crowd.count.saturating_sub(1);
        match next {
            Some(next) => {
                if crowd.head == index {
                    crowd.head = next;
                }
                self.fullest.insert((crowd.count, group));
            }
            None => {
                self.crowds.remove(&group);
            }
        }
    }

    /// A flood is over: its memory need not stay.
    fn give_memory_back(&mut self) {
        self.records = Rings::new();
        self.tokens.shrink_to(KEPT_RECORDS);
        self.crowds.shrink_to(KEPT_RECORDS);
    }
}

#[cfg(test)]
mod tests;
