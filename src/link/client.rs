//! The client's side of the handshake: ask until accepted.
//!
//! ```text
//!  connect ──▶ request ──1 s──▶ request ──1 s──▶ … 60 of them ──1 s──▶ Disconnect event
//!                 │ accept, or any message of the connection
//!                 ▼
//!             Connect event
//! ```
//!
//! A peer with several addresses is asked at each of them in turn, and is where it answers first.
//! The interval is fixed, the request always the same. Nothing that comes from elsewhere than the
//! peer ends it early: a closed port makes no difference.

use std::collections::VecDeque;

use super::state::{Request, Role, Standing, State};
use super::{Context, Link};
use crate::address::Path;
use crate::counters::DropReason;
use crate::error::DisconnectReason;
use crate::time::Now;
use crate::wire::connection::{Token, push_request};

impl Link {
    /// A client's link. Its first request leaves with the next [`handle_timeout`](Self::handle_timeout).
    pub(crate) fn connect(path: Path, token: Token, payload: Vec<u8>, now: Now) -> Self {
        let request = Request {
            payload,
            attempts: 0,
            sent_at: None,
            others: VecDeque::new(),
            secured: false,
        };
        // We chose the address, so nobody can make us send to another's.
        Self::new(
            token,
            path,
            State::Requesting(Box::new(request)),
            Role::Client,
            Standing::Proved,
            now,
        )
    }

    /// Other addresses of the same peer, as a host name may have: requests go to all of them in turn.
    pub(crate) fn try_also(&mut self, others: impl IntoIterator<Item = Path>) {
        if let State::Requesting(request) = &mut self.state {
            request.others.extend(others);
        }
    }

    /// The peer answered at one of its addresses: that is where it is.
    pub(super) fn settle(&mut self, path: &Path) {
        if let State::Requesting(request) = &self.state
            && request
                .others
                .iter()
                .any(|other| other.remote == path.remote)
        {
            self.path = *path;
        }
    }

    /// An accept.
    pub(super) fn handle_accept(
        &mut self,
        path: &Path,
        payload: &[u8],
        order: u64,
        cx: &mut Context<'_>,
    ) -> Result<(), DropReason> {
        // Copies are harmless and count for nothing, not even as a sign of life.
        if !matches!(self.state, State::Requesting(_)) {
            return Err(DropReason::Unexpected);
        }
        self.settle(path);
        self.last_receive = cx.now.observed;
        self.welcome(payload, order, cx);
        Ok(())
    }

    /// A message while an accept is awaited: the accept was lost or overtaken, but exists.
    ///
    /// Clients of Unity Transport 2.5 and later die of this (stock behaviour 3.1). Here the user
    /// gets a Connect event without payload, then the message.
    pub(super) fn accept_implied(&mut self, path: &Path, order: u64, cx: &mut Context<'_>) {
        if matches!(self.state, State::Requesting(_)) {
            self.settle(path);
            self.welcome(&[], order, cx);
        }
    }

    /// The timer of requests.
    pub(super) fn request_again(&mut self, cx: &mut Context<'_>) {
        let token = self.token;
        let State::Requesting(request) = &mut self.state else {
            return;
        };
        if let Some(sent_at) = request.sent_at {
            if cx.now.at < sent_at.just_after(cx.rules.connect_timeout()) {
                return;
            }
            if request.attempts >= cx.rules.max_connect_attempts() {
                self.end(DisconnectReason::MaxConnectionAttempts, cx);
                return;
            }
            if let Some(next) = request.others.pop_front() {
                request
                    .others
                    .push_back(std::mem::replace(&mut self.path, next));
            }
        }
        request.attempts += 1;
        request.sent_at = Some(cx.now.at);
        if cx.rules.settings.security().is_secure() && !request.secured {
            return;
        }
        let payload = std::mem::take(&mut request.payload);
        self.send_control(cx, |out| push_request(out, token, &payload));
        if let State::Requesting(request) = &mut self.state {
            request.payload = payload;
        }
    }
}
