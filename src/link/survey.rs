//! A survey of a path: how far it has come, and what it has found.

use std::time::Duration;

use crate::buffer::inbox::Inbox;
use crate::time::Timestamp;
use crate::wire::mtu::probe_targets;

/// Wait for the answers of a round.
///
/// Source: Unity Transport `SimpleConnectionLayer.cs`.
const ROUND: Duration = Duration::from_millis(300);

/// Longest wait for a client to speak and prove its address, before its connection goes on with the
/// maximum. A stock client speaks 500 ms after its last request.
const SILENCE: Duration = Duration::from_secs(2);

/// What is known about the path's size.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) phase: Phase,
    /// Largest size acknowledged; none yet.
    pub(super) best: Option<u16>,
}

#[derive(Debug)]
pub(super) enum Phase {
    Waiting { until: Timestamp },
    Round { last: bool, sent_at: Timestamp },
}

/// What a link keeps until the survey is done and its user learns of the connection.
#[derive(Debug)]
pub(super) struct Probing {
    pub(super) survey: Survey,
    /// Events that arrived before the Connect event they must follow.
    pub(super) held: Inbox,
    /// For a client the accept's payload, for a server the request's.
    pub(super) payload: Vec<u8>,
}

impl Survey {
    /// A survey that has not begun.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            phase: Phase::Waiting {
                until: now + SILENCE,
            },
            best: None,
        }
    }

    /// When it has something to do.
    pub(super) fn deadline(&self) -> Timestamp {
        match self.phase {
            Phase::Waiting { until } => until,
            Phase::Round { sent_at, .. } => sent_at.just_after(ROUND),
        }
    }

    /// Takes an acknowledged size. True if there is nothing larger to find.
    pub(super) fn on_ack(&mut self, size: u16, max: u16) -> bool {
        // R22: acks count only for sizes that were asked for.
        let asked = probe_targets(usize::from(max)).any(|target| target == usize::from(size));
        if asked && matches!(self.phase, Phase::Round { .. }) {
            self.best = self.best.max(Some(size));
        }
        self.best == Some(max)
    }
}
