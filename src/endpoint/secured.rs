//! Secure routing: by the peer's address first, since only what a record holds names a connection.
//!
//! ```text
//!                    ┌─ of a live peer ── a record ─────────────────────────▶ Deliver
//! datagram ─ address ┤                 └─ a hello ── the peer is silent ──┐
//!                    │                            └─ it is not ───────────┼─▶ Knock
//!                    ├─ of a handshake under way ───────────▶ the hall ◀──┤
//!                    └─ of a stranger ── a hello ─────────────────────────┘
//!                                     └─ anything else ─────────────────────▶ silence
//! ```
//!
//! A hello proves nothing, so nothing of a live association depends on one (R17).

use super::{Endpoint, Hall, Replies, Verdict, key};
use crate::address::{NetworkEndpoint, Path};
use crate::counters::{DropReason, Flow};
use crate::journal::Kind;
use crate::link::Rules;
use crate::time::Timestamp;
use crate::wire::connection::Token;
use crate::wire::handshake::MessageKind;
use crate::wire::record::{ContentType, RecordHeader};

use super::prefixes::Share;
use super::slots::{Acceptance, Incoming, Origin};
use super::standing::Standing;

/// What a datagram looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Protected data, or an alert: for the association there is.
    Data,
    /// The beginning of a handshake.
    Hello,
    /// Anything else that handshakes are made of, their first protected message included.
    Handshake,
    /// No record.
    Noise,
}

impl Look {
    fn at(datagram: &[u8]) -> Self {
        let Ok((header, fragment, _)) = RecordHeader::parse(datagram) else {
            return Self::Noise;
        };
        match (header.content_type, header.number.epoch()) {
            (ContentType::Handshake, 0)
                if fragment.first() == Some(&(MessageKind::ClientHello as u8)) =>
            {
                Self::Hello
            }
            (_, 0) | (ContentType::Handshake, _) => Self::Handshake,
            _ => Self::Data,
        }
    }
}

impl Endpoint {
    /// Decides about a datagram of a secure driver, and counts it unless a lane gets it.
    pub(super) fn route_secured(
        &mut self,
        now: Timestamp,
        rules: &Rules,
        path: &Path,
        datagram: &[u8],
        inward: &mut Flow,
        replies: &mut Replies,
    ) -> Verdict {
        let slot = self.homes.slot(&path.remote);
        let look = Look::at(datagram);
        if let Some(slot) = slot
            && matches!(look, Look::Data | Look::Noise)
        {
            return Verdict::Deliver { slot };
        }
        let outcome = if look == Look::Hello {
            match slot {
                Some(slot) if !self.homes.is_open(&path.remote, now) => {
                    return Verdict::Knock { slot };
                }
                _ if !rules.listening => Err(DropReason::Unexpected),
                None if !self.slots.has_room() => {
                    self.note_refusal(now, &path.remote);
                    Err(DropReason::ConnectionRefused)
                }
                _ => match &mut self.hall {
                    Some(hall) => hall.greet(now, path, datagram, replies),
                    None => Err(DropReason::Unexpected),
                },
            }
        } else if let Some(hall) = &mut self.hall
            && hall.knows(&path.remote)
        {
            hall.hear(&path.remote, datagram)
        } else if let Some(slot) = slot {
            return Verdict::Deliver { slot };
        } else {
            let foreign = (look == Look::Noise)
                .then(|| {
                    self.explained
                        .plain_on_secure(now, &path.remote, datagram, &mut self.journal)
                })
                .flatten();
            Err(foreign.unwrap_or(DropReason::NoAssociation))
        };
        match outcome {
            Ok(()) => inward.passed += 1,
            Err(reason) => inward.drops.count(reason),
        }
        Verdict::Done
    }

    /// Takes a slot for a client whose handshake has ended well; none if there is no room for it.
    pub(crate) fn admit_secured(
        &mut self,
        now: Timestamp,
        remote: &NetworkEndpoint,
    ) -> Option<u32> {
        let charge = self.prefixes.charge(remote);
        let full = self.prefixes.share(charge) == Share::Full
            || self.slots.waiting() >= self.limits.waiting_for_accept_max;
        let slot = if full {
            None
        } else {
            self.slots.open(super::slots::Occupant {
                token: None,
                origin: Origin::Incoming(Incoming {
                    charge,
                    standing: Standing::Proven,
                    acceptance: Acceptance::Waiting,
                }),
            })
        };
        let Some(slot) = slot else {
            self.note_refusal(now, remote);
            return None;
        };
        self.prefixes.add(charge, Standing::Proven);
        self.homes.house(slot, *remote);
        Some(slot)
    }

    fn note_refusal(&mut self, now: Timestamp, remote: &NetworkEndpoint) {
        self.tally.refused += 1;
        let from = self.journal.address(remote);
        self.journal.note(
            now,
            Kind::ConnectionRefused,
            format_args!(
                "refused {from}: `max_connections`, `max_connections_per_ip` or \
                 `waiting_for_accept_max` is reached, raise it if these are players"
            ),
        );
    }

    /// The association of the slot's connection is with `remote` from now on.
    pub(crate) fn house(&mut self, slot: u32, remote: NetworkEndpoint) {
        let charge = self.prefixes.charge(&remote);
        self.change(slot, |incoming| incoming.charge = charge);
        self.homes.house(slot, remote);
    }

    /// The slot whose association is with `remote`.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub(crate) fn at(&self, remote: &NetworkEndpoint) -> Option<u32> {
        self.homes.slot(remote)
    }

    /// The slot of a connection.
    pub(crate) fn find(&self, token: Token) -> Option<u32> {
        self.routes.get(&key(token)).copied()
    }

    /// The peer of a slot has asked for a connection under this token. A token that another
    /// connection has stays with it.
    pub(crate) fn named(&mut self, slot: u32, token: Token) {
        if self.routes.contains_key(&key(token)) {
            return;
        }
        if self.slots.name(slot, token) {
            self.routes.insert(key(token), slot);
        }
    }

    /// The slot's peer has fallen silent, and somebody at its address says hello.
    pub(crate) fn open_door(&mut self, slot: u32, now: Timestamp) {
        self.homes.open_door(slot, now);
    }

    /// What the hall has seen and holds; nothing for a plain driver.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub(crate) fn handshakes(&self) -> super::hall::HandshakeStatistics {
        self.hall
            .as_ref()
            .map(|hall| hall.statistics())
            .unwrap_or_default()
    }

    /// Whether steps of handshakes are to be done.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub(crate) fn has_errands(&self) -> bool {
        self.hall.as_ref().is_some_and(|hall| hall.is_busy())
    }

    /// Handshakes under way; none for a plain driver.
    pub(crate) fn hall(&mut self) -> Option<&mut Hall> {
        self.hall.as_deref_mut()
    }
}
