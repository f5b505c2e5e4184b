//! The end of a connection: by us, by the peer, by silence.
//!
//! A Disconnect is one datagram that nobody acknowledges. Unity sends it once, and where it is lost
//! the peer waits for its timeout; here it is sent up to three times within 50 ms, and the token
//! lives until the last has left. Before it is sent, reliable data has its time to arrive.

use std::time::Duration;

use super::state::{Application, Closing, Role, State};
use super::{Context, Link, Notice};
use crate::address::Path;
use crate::buffer::inbox::EventKind;
use crate::counters::DropReason;
use crate::error::DisconnectReason;
use crate::time::Timestamp;
use crate::wire::connection::{MESSAGE_HEADER_LEN, push_disconnect};

/// Time between two copies.
const APART: Duration = Duration::from_millis(15);

/// After this no further copy is worth waiting for (R24).
const SPREAD: Duration = Duration::from_millis(50);

impl Link {
    /// The user closes the connection. There is no event for what one did oneself, and none of what
    /// arrived since: the packets of an update are read before the wishes made before it.
    pub(crate) fn handle_disconnect(&mut self, cx: &mut Context<'_>) {
        cx.inbox.clear();
        let linger = cx.rules.linger();
        if matches!(self.state, State::Established { .. })
            && !linger.is_zero()
            && self.chains.undelivered() > 0
        {
            let until = cx.now.at.just_after(linger);
            self.enter(State::Lingering { until });
            return;
        }
        self.close(None, cx);
    }

    /// Goes on delivering what was sent before the close. Nothing the peer sends is of interest but its
    /// acknowledgements.
    pub(super) fn linger(&mut self, until: Timestamp, cx: &mut Context<'_>) {
        self.close_pipelines(cx);
        cx.inbox.clear();
        if self.chains.undelivered() == 0 || cx.now.at >= until {
            self.close(None, cx);
        } else {
            self.beat(cx);
        }
    }

    /// Closes from this side: tells the peer, if it knows of the connection.
    pub(super) fn close(&mut self, reason: Option<DisconnectReason>, cx: &mut Context<'_>) {
        match self.state {
            State::Closing(_) | State::Closed => {}
            // Nothing is sent, as in Unity: nobody has accepted.
            State::Requesting(_) => self.finish(reason, cx),
            State::Refused { .. }
            | State::Probing(_)
            | State::Established { .. }
            | State::Lingering { .. } => {
                self.send_disconnect(cx);
                match cx.rules.disconnect_copies().saturating_sub(1) {
                    0 => self.finish(reason, cx),
                    copies_left => self.enter(State::Closing(Closing {
                        copies_left,
                        first_at: cx.now.at,
                        next_at: cx.now.at + APART,
                        reason,
                    })),
                }
            }
        }
    }

    /// The timer of copies.
    pub(super) fn close_again(&mut self, cx: &mut Context<'_>) {
        let State::Closing(closing) = &mut self.state else {
            return;
        };
        if cx.now.at < closing.next_at {
            return;
        }
        closing.copies_left = closing.copies_left.saturating_sub(1);
        closing.next_at = cx.now.at + APART;
        let over = closing.copies_left == 0 || closing.next_at > closing.first_at + SPREAD;
        let reason = closing.reason;
        self.send_disconnect(cx);
        if over {
            self.finish(reason, cx);
        }
    }

    /// A Disconnect of the peer.
    pub(super) fn handle_close(
        &mut self,
        path: &Path,
        cx: &mut Context<'_>,
    ) -> Result<(), DropReason> {
        // R22: whoever learned the token elsewhere cannot end the connection from there.
        if cx.rules.validates() && !self.is_current(path) {
            return Err(DropReason::WrongAddress);
        }
        match &self.state {
            State::Closed => Err(DropReason::Unexpected),
            State::Closing(closing) => {
                let reason = closing.reason;
                self.finish(reason, cx);
                Ok(())
            }
            State::Refused { .. } | State::Lingering { .. } => {
                self.finish(None, cx);
                Ok(())
            }
            State::Requesting(_) | State::Probing(_) | State::Established { .. } => {
                self.end(DisconnectReason::ClosedByRemote, cx);
                Ok(())
            }
        }
    }

    /// The peer has been silent for too long, or acknowledges nothing. It is told, in case it can
    /// still hear.
    pub(super) fn lose(&mut self, reason: DisconnectReason, cx: &mut Context<'_>) {
        self.send_disconnect(cx);
        self.end(reason, cx);
    }

    /// The application has not accepted the connection in time.
    pub(super) fn expire(&mut self, cx: &mut Context<'_>) {
        self.give_up(DisconnectReason::Timeout, cx);
    }

    /// Closes from this side without having been asked to: tells the user, and the peer.
    pub(super) fn give_up(&mut self, reason: DisconnectReason, cx: &mut Context<'_>) {
        if matches!(self.state, State::Lingering { .. }) {
            self.close(None, cx);
        } else if !matches!(self.state, State::Closing(_) | State::Closed) {
            self.report(reason, cx);
            self.close(Some(reason), cx);
        }
    }

    /// Ends without another word to the peer.
    pub(super) fn end(&mut self, reason: DisconnectReason, cx: &mut Context<'_>) {
        if matches!(self.state, State::Lingering { .. }) {
            self.finish(None, cx);
            return;
        }
        self.report(reason, cx);
        self.finish(Some(reason), cx);
    }

    /// Tells the user, if it knows of the connection: once, behind everything else.
    fn report(&mut self, reason: DisconnectReason, cx: &mut Context<'_>) {
        if let Role::Server(guest) = &self.role
            && matches!(guest.application, Application::Unaware)
        {
            return;
        }
        if let State::Probing(probing) = &mut self.state
            && !probing.held.is_empty()
        {
            // Data that arrived while the path was probed is not lost, and needs its Connect.
            cx.inbox.push(EventKind::Connect, 0, 0, &probing.payload);
            cx.inbox.append(&mut probing.held);
        }
        cx.inbox.push(EventKind::Disconnect, 0, reason.code(), &[]);
    }

    fn finish(&mut self, reason: Option<DisconnectReason>, cx: &mut Context<'_>) {
        self.enter(State::Closed);
        self.roaming = None;
        let waiting = u64::try_from(self.chains.waiting()).unwrap_or(0);
        cx.outward.drops.add(DropReason::Closed, waiting);
        cx.notices.push(Notice::Closed {
            lane: cx.lane,
            reason,
            undelivered: std::mem::take(&mut self.chains).undelivered(),
        });
    }

    fn send_disconnect(&mut self, cx: &mut Context<'_>) {
        if self.allows(MESSAGE_HEADER_LEN) {
            let token = self.token;
            self.send_control(cx, |out| push_disconnect(out, token));
        }
    }
}
