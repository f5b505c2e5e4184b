//! What a link is told by whoever guards its lane: that it may begin, that its peer has moved, that
//! the association is over.

use super::state::{Role, State};
use super::{Context, Link};
use crate::address::Path;
use crate::error::DisconnectReason;
use crate::wire::connection::push_heartbeat;

impl Link {
    /// Whether this side began the connection.
    pub(crate) fn is_client(&self) -> bool {
        matches!(self.role, Role::Client)
    }

    /// The handshake is over: a client's request leaves at once, whenever the last one was due.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    pub(crate) fn handle_secured(&mut self, path: &Path) {
        if let State::Requesting(request) = &mut self.state {
            request.secured = true;
            request.sent_at = None;
            request.attempts = request.attempts.saturating_sub(1);
            request.others.clear();
            self.path = *path;
        }
    }

    /// The peer's association is with another address from now on.
    pub(crate) fn handle_rehomed(&mut self, path: &Path) {
        self.path = *path;
    }

    /// Sends a sign of life, so that a peer that doubts us need not begin anew (R17).
    pub(crate) fn reassure(&mut self, cx: &mut Context<'_>) {
        if self.heard() && matches!(self.state, State::Established { .. } | State::Probing(_)) {
            let token = self.token;
            self.send_control(cx, |out| push_heartbeat(out, token));
        }
    }

    /// The association was ended by the peer, or cannot go on.
    pub(crate) fn handle_cut(&mut self, reason: DisconnectReason, cx: &mut Context<'_>) {
        if !self.is_closed() {
            self.end(reason, cx);
        }
    }

    /// The keys are used up, but for a farewell.
    pub(crate) fn handle_spent_keys(&mut self, cx: &mut Context<'_>) {
        self.give_up(DisconnectReason::KeyLimit, cx);
    }
}
