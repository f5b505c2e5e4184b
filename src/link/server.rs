//! The server's side of the handshake: accept, and mind that the accept may be lost.
//!
//! A stock client that gets anything before its accept closes without a word to its user. So until
//! the client has sent something other than requests,
//! * a copy of the accept goes in front of every batch of messages;
//! * nothing else is sent unasked: no heartbeat, no probe;
//! * its requests are answered, at the address they come from, at a bounded pace.

use super::proof::AddressProof;
use super::state::{Accepts, Application, Guest, Role, Standing, State};
use super::{Context, Link, Notice};
use crate::address::Path;
use crate::counters::DropReason;
use crate::wire::connection::{Packet, Token, push_accept};

impl Link {
    /// A server's link, from the request that the endpoint admitted. The accept leaves with this
    /// update.
    pub(crate) fn admit(
        token: Token,
        path: &Path,
        request: &[u8],
        order: u64,
        cx: &mut Context<'_>,
    ) -> Self {
        let standing = if cx.rules.validates() {
            Standing::Unproven(AddressProof::unproven(request.len()))
        } else {
            Standing::Proved
        };
        let mut guest = Guest::default();
        guest.accepts.take(u8::MAX, cx.now.at);
        let mut link = Self::new(
            token,
            *path,
            State::Closed,
            Role::Server(guest),
            standing,
            cx.now,
        );
        let Ok(Packet::Request { payload, .. }) = Packet::parse(request) else {
            cx.inward.drops.count(DropReason::Malformed);
            cx.notices.push(Notice::Closed {
                lane: cx.lane,
                reason: None,
                undelivered: 0,
            });
            return link;
        };
        cx.inward.passed += 1;
        link.count_received(request.len(), cx);
        link.send_accept(cx);
        link.receive_guest(payload, order, cx);
        link
    }

    /// A server's link for a client that has proved its address against a half-open record. The
    /// accept was sent then, and the client has spoken.
    pub(crate) fn admit_proven(
        token: Token,
        path: &Path,
        payload: &[u8],
        order: u64,
        cx: &mut Context<'_>,
    ) -> Self {
        let guest = Guest {
            heard: true,
            ..Guest::default()
        };
        let mut link = Self::new(
            token,
            *path,
            State::Closed,
            Role::Server(guest),
            Standing::Proved,
            cx.now,
        );
        link.receive_guest(payload, order, cx);
        link
    }

    fn receive_guest(&mut self, payload: &[u8], order: u64, cx: &mut Context<'_>) {
        if cx.rules.listening {
            self.welcome(payload, order, cx);
        } else {
            self.path_mtu = cx.rules.max_message_size();
            self.enter(State::Refused { served: false });
        }
    }

    /// A request for a connection that exists: the accept was lost, or the request was doubled.
    pub(super) fn handle_request(
        &mut self,
        path: &Path,
        len: usize,
        cx: &mut Context<'_>,
    ) -> Result<(), DropReason> {
        let here = self.is_current(path);
        let confirmed = matches!(self.standing, Standing::Proved);
        let Role::Server(guest) = &mut self.role else {
            return Err(DropReason::Unexpected);
        };
        if !matches!(self.state, State::Probing(_) | State::Established { .. }) {
            return Err(DropReason::Unexpected);
        }
        // R20: whoever asks with a live, confirmed token from elsewhere is not its owner.
        if !here && confirmed && guest.heard {
            return Err(DropReason::WrongAddress);
        }
        if !guest.accepts.take(cx.rules.accepts_per_second(), cx.now.at) {
            return Err(DropReason::RateLimited);
        }
        let heard = guest.heard;
        if here {
            self.credit(len);
        } else if heard {
            return self.accept_elsewhere(path, len, cx);
        } else {
            // Stock behaviour 4.4: a client whose address changed keeps its token, and is where its
            // requests come from.
            let standing = if cx.rules.validates() {
                Standing::Unproven(AddressProof::unproven(len))
            } else {
                Standing::Proved
            };
            self.relocate(*path, standing, cx);
        }
        self.last_receive = cx.now.observed;
        if !self.allows(cx.rules.accept_len()) && !cx.rules.has_large_accept() {
            return Err(DropReason::Amplification);
        }
        self.send_accept(cx);
        Ok(())
    }

    /// Answers a request from another address than the unproven one that spoke before.
    fn accept_elsewhere(
        &mut self,
        path: &Path,
        len: usize,
        cx: &mut Context<'_>,
    ) -> Result<(), DropReason> {
        let budget = AddressProof::unproven(len);
        if !budget.allows(cx.rules.accept_len()) && !cx.rules.has_large_accept() {
            return Err(DropReason::Amplification);
        }
        let (token, payload) = (self.token, cx.rules.accept_payload.as_slice());
        self.send_control_to(*path, cx, |out| push_accept(out, token, payload));
        Ok(())
    }

    fn send_accept(&mut self, cx: &mut Context<'_>) {
        let (token, payload) = (self.token, cx.rules.accept_payload.as_slice());
        self.send_control(cx, |out| push_accept(out, token, payload));
    }

    /// Whether the peer has sent anything but requests; a client's server always has.
    #[inline]
    pub(super) fn heard(&self) -> bool {
        match &self.role {
            Role::Client => true,
            Role::Server(guest) => guest.heard,
        }
    }

    /// The application has accepted the connection.
    pub(crate) fn handle_accepted(&mut self, _cx: &mut Context<'_>) {
        if let Role::Server(guest) = &mut self.role {
            guest.application = Application::Accepted;
        }
    }

    /// The application vouches for the peer's address, by a check of its own.
    ///
    /// For clients older than Unity Transport 2.5, which answer no probe. Without effect unless
    /// `legacy_validation` allows it.
    pub(crate) fn handle_vouched(&mut self, cx: &mut Context<'_>) {
        if cx.rules.trusts_application() && self.heard() {
            self.prove(cx);
        }
    }
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            heard: false,
            application: Application::Unaware,
            accepts: Accepts::default(),
            greeted: None,
        }
    }
}
