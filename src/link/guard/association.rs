//! A guard, over an association.

use std::ops::Range;
use std::sync::Arc;

use super::{IDLE, KNOCK_PAUSE, Knock, Record};
use crate::crypto::{Fingerprint, PeerIdentity};
use crate::secure::{Association, KeyHealth, Opened, Outgoing};
use crate::time::Timestamp;
use crate::wire::record::AlertDescription;

/// An association, and what its owner must remember of it.
#[derive(Debug)]
pub(crate) struct Guard {
    association: Association,
    /// Version of the lane's slot.
    version: u32,
    /// Unknown tokens the peer has named.
    strangers: u8,
    /// Whether a renewal of its keys has been asked for.
    renewing: bool,
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
        version: u32,
        now: Timestamp,
    ) -> Self {
        if let Some(records) = records {
            association.limit_records(records);
        }
        Self {
            association,
            version,
            strangers: 0,
            renewing: false,
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
        let step = self.association.open(datagram, at);
        let record = match step.outcome {
            Ok(opened) => {
                self.heard = now;
                self.knocked = None;
                match opened {
                    Opened::Application(range) => Record::Packet(range),
                    Opened::RepeatLastFlight => Record::Repeat,
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

    /// Whether the keys are used up.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.association.health() == KeyHealth::Spent
    }

    /// Whether the keys are to be renewed. True once.
    #[inline]
    pub(crate) fn wants_renewal(&mut self) -> bool {
        self.association.health() == KeyHealth::UpdateDue
            && !std::mem::replace(&mut self.renewing, true)
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
        self.since + IDLE
    }

    /// How long nothing authentic has come.
    pub(crate) fn silence(&self, now: Timestamp) -> std::time::Duration {
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
