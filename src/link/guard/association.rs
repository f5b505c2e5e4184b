//! A guard, over an association.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::{IDLE, KNOCK_PAUSE, Knock, LONGEST_IDLE, Record, Renewal};
use crate::crypto::{Fingerprint, PeerIdentity};
use crate::secure::{Association, KeyHealth, Opened, Outgoing, Step};
use crate::time::Timestamp;
use crate::wire::record::AlertDescription;

/// How long records of a former association are taken.
const OVERLAP: Duration = Duration::from_secs(4);

/// Why an association is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Its keys will soon be used up.
    Keys,
    /// The peer is silent: perhaps we have another address by now.
    Silence,
}

/// An association, and what its owner must remember of it.
#[derive(Debug)]
pub(crate) struct Guard {
    association: Association,
    /// The association before this one, and until when what it protects is still taken: the peer
    /// seals with it until the last flight has arrived.
    former: Option<Box<(Association, Timestamp)>>,
    /// Version of the lane's slot.
    version: u32,
    /// Unknown tokens the peer has named.
    strangers: u8,
    /// The peer has asked for our last flight again: it is still there, and may ask once more.
    missed: bool,
    /// Whether it is being made anew, and why.
    renewal: Option<Cause>,
    /// When it was made.
    since: Timestamp,
    /// When the last authentic record came, on the driver's time.
    heard: Timestamp,
    /// When the first hello since then came.
    knocked: Option<Timestamp>,
    /// When a hello was last answered with a keep-alive.
    answered: Option<Timestamp>,
    /// Who the peer proved to be.
    peer: Option<Arc<PeerIdentity>>,
}

impl Guard {
    /// A guard that begins now. Its keys seal `records` at the most, where their own limit is not
    /// lower.
    pub(crate) fn new(
        mut association: Association,
        records: Option<u64>,
        peer: Option<Arc<PeerIdentity>>,
        now: Timestamp,
    ) -> Self {
        if let Some(records) = records {
            association.limit_records(records);
        }
        Self {
            association,
            former: None,
            version: 0,
            strangers: 0,
            missed: false,
            renewal: None,
            since: now,
            heard: now,
            knocked: None,
            answered: None,
            peer,
        }
    }

    /// Opens the record at `at` of a datagram, in place. The second value is where the next begins.
    #[inline]
    pub(crate) fn open(
        &mut self,
        datagram: &mut [u8],
        at: usize,
        now: Timestamp,
    ) -> (Record, usize) {
        let step = match &self.former {
            None => self.association.open(datagram, at),
            Some(_) => self.open_either(datagram, at, now),
        };
        let record = match step.outcome {
            Ok(opened) => {
                self.heard = now;
                self.knocked = None;
                match opened {
                    Opened::Application(range) => Record::Packet(range),
                    Opened::RepeatLastFlight => {
                        self.missed = true;
                        Record::Repeat
                    }
                    Opened::Alert(alert) if alert.ends() => Record::Ended {
                        goodbye: alert.description == AlertDescription::CLOSE_NOTIFY,
                    },
                    Opened::Alert(_) => Record::Own,
                }
            }
            Err(reason) => Record::Refused(reason),
        };
        (record, step.next)
    }

    /// Opens a record of this association or of the one before.
    #[cold]
    fn open_either(&mut self, datagram: &mut [u8], at: usize, now: Timestamp) -> Step<Opened> {
        let Some(former) = self.former.as_mut().filter(|former| now < former.1) else {
            self.former = None;
            return self.association.open(datagram, at);
        };
        // A key that does not fit leaves nothing of what it was tried on.
        let mut copy = datagram.to_vec();
        let step = self.association.open(datagram, at);
        if step.outcome.is_ok() {
            return step;
        }
        let second = former.0.open(&mut copy, at);
        // Goodbyes of the former association are none of this one.
        if matches!(second.outcome, Ok(Opened::Application(_))) {
            datagram.copy_from_slice(&copy);
            return second;
        }
        step
    }

    /// Takes the place of `former`, whose records are taken for a while still.
    pub(crate) fn succeed(&mut self, former: Self) {
        self.former = Some(Box::new((former.association, self.since + OVERLAP)));
    }

    /// Seals a packet where it lies, and answers with where the record lies. Without a key that may
    /// be used the packet is lost.
    #[inline]
    pub(crate) fn seal(&mut self, arena: &mut [u8], packet: Range<usize>) -> Option<Range<usize>> {
        self.association.seal(arena, packet).ok()
    }

    /// Sends the last flight of the handshake again.
    pub(crate) fn repeat_last_flight(&mut self, now: Timestamp, mut send: impl FnMut(&[u8])) {
        let mut out = Outgoing::default();
        self.association.repeat_last_flight(now, &mut out);
        out.datagrams().for_each(&mut send);
    }

    /// The peer has named a token nobody has. Returns how many times by now.
    pub(crate) fn note_stranger(&mut self) -> u8 {
        self.strangers = self.strangers.saturating_add(1);
        self.strangers
    }

    /// Somebody at the peer's address says hello.
    pub(crate) fn knock(&mut self, now: Timestamp) -> Knock {
        // Its keys are running out: it is not to wait for a silence (R16).
        if self.association.peer_keys_age() || self.association.health() != KeyHealth::Good {
            return Knock::OpenDoor;
        }
        let first = *self.knocked.get_or_insert(now);
        if now.since(first) >= KNOCK_PAUSE {
            return Knock::OpenDoor;
        }
        let due = |answered| now.since(answered) >= KNOCK_PAUSE;
        if self.answered.is_none_or(due) {
            self.answered = Some(now);
            return Knock::KeepAlive;
        }
        Knock::Ignored
    }

    /// Whether the keys are used up, but for a farewell.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.association.is_almost_spent()
    }

    /// Whether a client should make the association anew, with `patience` for silence. Each answer is
    /// given once.
    pub(crate) fn renewal(&mut self, patience: Option<Duration>, now: Timestamp) -> Renewal {
        let is_silent = patience.is_some_and(|patience| self.silence(now) > patience);
        let cause = match self.renewal {
            None if self.association.health() == KeyHealth::UpdateDue => Cause::Keys,
            None if is_silent => Cause::Silence,
            Some(Cause::Silence) if !is_silent => {
                self.renewal = None;
                return Renewal::Recovered;
            }
            _ => return Renewal::Unchanged,
        };
        self.renewal = Some(cause);
        Renewal::Begin
    }

    /// The attempt to make it anew has failed; another may follow.
    pub(crate) fn handle_renewal_failed(&mut self) {
        self.renewal = None;
    }

    /// Bytes a record of it takes beyond the 29 that everybody counts with: 8 with GCM.
    pub(crate) fn surplus(&self) -> u16 {
        let surplus = self.association.expansion().saturating_sub(29);
        u16::try_from(surplus).unwrap_or(u16::MAX)
    }

    /// Version of the lane's slot.
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    /// The guard has moved to a lane whose slot has this version.
    pub(crate) fn settle(&mut self, version: u32) {
        self.version = version;
    }

    /// When it is given up, if no connection has come of it by then.
    pub(crate) fn idle_deadline(&self) -> Timestamp {
        let latest = self.since + LONGEST_IDLE;
        if self.missed {
            latest
        } else {
            latest.min(self.heard + IDLE)
        }
    }

    /// How long nothing authentic has come.
    pub(crate) fn silence(&self, now: Timestamp) -> Duration {
        now.since(self.heard)
    }

    /// Whether both were made by the holder of one certificate, or neither by any.
    pub(crate) fn is_of_the_same_peer(&self, other: &Self) -> bool {
        let of = |guard: &Self| -> Option<Fingerprint> {
            guard.peer.as_ref().map(|peer| peer.fingerprint())
        };
        of(self) == of(other)
    }
}
