//! A peer whose address changes.
//!
//! A client behind a NAT does nothing by itself when its address changes: its next packet just comes
//! from elsewhere. So may one of somebody who knows the token. With address validation a packet
//! from elsewhere is delivered, and opens a *pending path*:
//!
//! ```text
//!               probes, within 3× what came from it
//!  packet from ──────▶ Pending ──both answered──────────────────▶ moved, proved
//!  elsewhere              │ ────old address silent for 2 s, ────▶ moved, unproven: the budget
//!                         │     three messages from the new       goes with it (R20)
//!                         └─────silent itself, guesses wrong────▶ forgotten
//! ```
//!
//! Without it the link moves with the first packet, as Unity Transport does.

use std::time::Duration;

use super::proof::{AddressProof, Answer};
use super::state::{Standing, State};
use super::{Context, Link, Notice};
use crate::address::Path;
use crate::counters::DropReason;
use crate::time::Timestamp;
use crate::wire::connection::{CheckBody, push_mtu_check};

/// Silence of the old address after which a peer that answers no probe may move (R22).
const OLD_SILENT: Duration = Duration::from_secs(2);

/// Messages a peer that answers no probe must have sent from the new address (R22).
const NEW_MESSAGES: u8 = 3;

/// Silence after which another address may take the pending one's place.
const GIVES_WAY: Duration = Duration::from_secs(1);

/// Silence after which a pending path is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// What the moves are counted over.
const MINUTE: Duration = Duration::from_secs(60);

/// A pending path, and how often the link has moved lately.
#[derive(Debug, Default)]
pub(super) struct Roaming {
    pending: Option<Pending>,
    /// When it moved, in the last minute.
    moves: Vec<Timestamp>,
}

#[derive(Debug)]
struct Pending {
    path: Path,
    proof: AddressProof,
    /// Messages that came from it.
    messages: u8,
    /// When the latest came from it.
    heard_at: Timestamp,
    /// When the latest came from the link's current address, since this one turned up.
    current_heard_at: Timestamp,
}

impl Roaming {
    /// A message arrived, from the link's current address or from elsewhere.
    #[inline]
    pub(super) fn note_current(&mut self, current: bool, now: Timestamp) {
        if current && let Some(pending) = &mut self.pending {
            pending.current_heard_at = now;
        }
    }

    /// The pending path, if `path` is it.
    fn pending_on(&mut self, path: &Path) -> Option<&mut Pending> {
        self.pending
            .as_mut()
            .filter(|pending| pending.path.remote == path.remote)
    }

    /// Whether another path may become the pending one.
    fn has_place(&mut self, limit: usize, now: Timestamp) -> bool {
        self.moves.retain(|&at| now.since(at) < MINUTE);
        self.moves.len() < limit
            && self
                .pending
                .as_ref()
                .is_none_or(|pending| now.since(pending.heard_at) >= GIVES_WAY)
    }

    /// When it has something to do.
    pub(super) fn deadline(&self) -> Timestamp {
        let pending = self
            .pending
            .as_ref()
            .map_or(Timestamp::NEVER, Pending::deadline);
        let moves = self
            .moves
            .last()
            .map_or(Timestamp::NEVER, |&at| at + MINUTE);
        pending.min(moves)
    }
}

impl Pending {
    fn deadline(&self) -> Timestamp {
        let probe = self.proof.probe_deadline();
        let silence = if self.messages >= NEW_MESSAGES {
            self.current_heard_at + OLD_SILENT
        } else {
            Timestamp::NEVER
        };
        probe.min(silence).min(self.heard_at + FORGOTTEN)
    }
}

impl Link {
    /// A message came from another address.
    #[cold]
    pub(super) fn note_elsewhere(&mut self, path: &Path, len: usize, cx: &mut Context<'_>) {
        if !cx.rules.validates() {
            // Unity follows once established, and not before.
            if matches!(self.state, State::Established { .. }) {
                self.relocate(*path, Standing::Proved, cx);
            }
            return;
        }
        let now = cx.now.at;
        let roaming = self.roaming.get_or_insert_default();
        if roaming.pending_on(path).is_none() && roaming.has_place(cx.rules.moves_per_minute(), now)
        {
            roaming.pending = Some(Pending {
                path: *path,
                proof: AddressProof::unproven(0),
                messages: 0,
                heard_at: now,
                current_heard_at: now,
            });
        }
        if let Some(pending) = roaming.pending_on(path) {
            pending.proof.on_received(len);
            pending.messages = pending.messages.saturating_add(1);
            pending.heard_at = now;
        }
    }

    /// `sent` bytes went to an address that is not the current one.
    pub(super) fn charge_elsewhere(&mut self, path: &Path, sent: usize) {
        if let Some(pending) = self
            .roaming
            .as_mut()
            .and_then(|roaming| roaming.pending_on(path))
        {
            pending.proof.on_sent(sent);
        }
    }

    /// An MTU ack from another address.
    pub(super) fn take_answer_elsewhere(
        &mut self,
        path: &Path,
        size: u16,
        cx: &mut Context<'_>,
    ) -> Result<(), DropReason> {
        let Some(roaming) = self.roaming.as_mut() else {
            return Ok(());
        };
        let Some(pending) = roaming.pending_on(path) else {
            return Ok(());
        };
        match pending.proof.answer(size, cx.rules.padding, cx.now.at) {
            Answer::Unasked | Answer::Partial => Ok(()),
            Answer::Proved => {
                let path = pending.path;
                self.count_move(cx.now.at);
                let validated = matches!(self.standing, Standing::Unproven(_));
                self.relocate(path, Standing::Proved, cx);
                if validated {
                    cx.notices.push(Notice::Validated { lane: cx.lane });
                }
                Ok(())
            }
            Answer::Wrong => Err(DropReason::Unexpected),
            Answer::Exhausted => {
                // It counts as a move, so that guessing has an end.
                roaming.pending = None;
                roaming.moves.push(cx.now.at);
                Err(DropReason::Unexpected)
            }
        }
    }

    /// Asks the pending path whether the peer receives there.
    #[cold]
    pub(super) fn probe_pending(&mut self, cx: &mut Context<'_>) {
        let token = self.token;
        let Some(pending) = self
            .roaming
            .as_mut()
            .and_then(|roaming| roaming.pending.as_mut())
        else {
            return;
        };
        let (path, probes) = (pending.path, pending.proof.next_probe(cx.now.at, cx.random));
        for len in probes.into_iter().flatten() {
            let sent = self.send_control_to(path, cx, |out| {
                push_mtu_check(out, token, len, CheckBody::Absent);
            });
            self.charge_elsewhere(&path, sent);
        }
    }

    /// The timers of roaming.
    #[cold]
    pub(super) fn roam(&mut self, cx: &mut Context<'_>) {
        self.probe_pending(cx);
        let now = cx.now.at;
        let Some(roaming) = &mut self.roaming else {
            return;
        };
        if let Some(pending) = &roaming.pending {
            let stays_away = now.since(pending.current_heard_at) >= OLD_SILENT;
            if stays_away && pending.messages >= NEW_MESSAGES {
                let (path, proof) = (pending.path, pending.proof.clone());
                self.count_move(now);
                self.relocate(path, Standing::Unproven(proof), cx);
                return;
            }
            if now.since(pending.heard_at) >= FORGOTTEN {
                roaming.pending = None;
            }
        }
        roaming.moves.retain(|&at| now.since(at) < MINUTE);
        if roaming.pending.is_none() && roaming.moves.is_empty() {
            self.roaming = None;
        }
    }

    fn count_move(&mut self, now: Timestamp) {
        self.roaming.get_or_insert_default().moves.push(now);
    }

    /// Goes to another address. The size of its path is found out anew; the rest stays.
    pub(super) fn relocate(&mut self, path: Path, standing: Standing, cx: &mut Context<'_>) {
        let from = std::mem::replace(&mut self.path, path);
        self.standing = standing;
        // What is queued was charged to the old address, and goes there.
        cx.egress.pin(cx.lane, from);
        if let Some(roaming) = &mut self.roaming {
            roaming.pending = None;
        }
        cx.notices.push(Notice::Moved {
            lane: cx.lane,
            from,
            to: path,
        });
        self.survey_again(cx);
    }
}
