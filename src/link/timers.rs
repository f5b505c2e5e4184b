//! Time: what is due, and when the next is.
//!
//! Unity compares with `>`, so every deadline lies one tick behind its timeout. After a stall each
//! timer fires once. Inactivity alone is judged on the observed time, so silence that nobody watched
//! is nobody's fault (R7).

use super::state::{Application, Role, Standing, State};
use super::{Context, Deadline, Link, Rules};
use crate::error::DisconnectReason;
use crate::time::Timestamp;
use crate::wire::connection::MESSAGE_HEADER_LEN;

impl Link {
    /// Judges every timer. Called once in each update that serves the link, after its packets and
    /// the user's wishes.
    pub(crate) fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        match &mut self.state {
            State::Established { .. } | State::Probing(_) => {
                self.close_pipelines(cx);
                self.watch(cx);
            }
            State::Lingering { until } => {
                let until = *until;
                self.linger(until, cx);
            }
            State::Requesting(_) => self.request_again(cx),
            State::Closing(_) => self.close_again(cx),
            State::Refused { served } => {
                // The accept leaves with one update, the close with the next, as in Unity.
                if std::mem::replace(served, true) {
                    self.close(None, cx);
                }
            }
            State::Closed => {}
        }
    }

    /// The timers of a living connection, in Unity's order.
    fn watch(&mut self, cx: &mut Context<'_>) {
        if cx.now.observed >= self.silence_deadline(cx.rules) {
            self.lose(DisconnectReason::Timeout, cx);
            return;
        }
        if cx.now.at >= self.stall_deadline(cx.rules) {
            self.lose(DisconnectReason::Stalled, cx);
            return;
        }
        if cx.now.at >= self.accept_deadline(cx.rules) {
            self.expire(cx);
            return;
        }
        self.continue_survey(cx);
        self.beat(cx);
        self.probe_addresses(cx);
        if self.roaming.is_some() {
            self.roam(cx);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) must run, whatever arrives until then.
    pub(crate) fn deadline(&self, rules: &Rules) -> Deadline {
        let at = match &self.state {
            State::Requesting(request) => request
                .sent_at
                .map_or(Timestamp::ZERO, |at| at.just_after(rules.connect_timeout())),
            State::Refused { .. } => Timestamp::ZERO,
            State::Lingering { until } => self.watch_deadline(rules).min(*until),
            State::Closing(closing) => closing.deadline(),
            State::Closed => Timestamp::NEVER,
            State::Probing(probing) => self.watch_deadline(rules).min(probing.survey.deadline()),
            State::Established { survey } => {
                let survey = survey
                    .as_ref()
                    .map_or(Timestamp::NEVER, |survey| survey.deadline());
                self.watch_deadline(rules).min(survey)
            }
        };
        let observed = match self.state {
            State::Probing(_) | State::Established { .. } => self.silence_deadline(rules),
            _ => Timestamp::NEVER,
        };
        Deadline { at, observed }
    }

    fn watch_deadline(&self, rules: &Rules) -> Timestamp {
        let mut at = self
            .heartbeat_deadline(rules)
            .min(self.accept_deadline(rules))
            .min(self.stall_deadline(rules))
            .min(self.chains.deadline(rules));
        if let Standing::Unproven(proof) = &self.standing
            && self.heard()
        {
            at = at.min(proof.probe_deadline());
        }
        if let Some(roaming) = &self.roaming {
            at = at.min(roaming.deadline());
        }
        at
    }

    /// When the peer has been silent for too long.
    fn silence_deadline(&self, rules: &Rules) -> Timestamp {
        rules
            .disconnect_timeout()
            .map_or(Timestamp::NEVER, |timeout| {
                self.last_receive.just_after(timeout)
            })
    }

    /// When the peer has acknowledged no reliable data for too long.
    fn stall_deadline(&self, rules: &Rules) -> Timestamp {
        rules
            .reliable_stall_timeout()
            .map_or(Timestamp::NEVER, |timeout| {
                self.chains.waiting_since().just_after(timeout)
            })
    }

    /// When a heartbeat is due; never while the client may still await its accept, or while none
    /// may be sent.
    pub(super) fn heartbeat_deadline(&self, rules: &Rules) -> Timestamp {
        match rules.heartbeat_timeout() {
            Some(timeout) if self.heard() && self.allows(MESSAGE_HEADER_LEN) => {
                self.last_send.just_after(timeout)
            }
            _ => Timestamp::NEVER,
        }
    }

    /// When the application has had its time to accept.
    fn accept_deadline(&self, rules: &Rules) -> Timestamp {
        match &self.role {
            Role::Server(guest) => match guest.application {
                Application::Waiting { since } => {
                    since.just_after(rules.waiting_for_accept_lifetime())
                }
                Application::Unaware | Application::Accepted => Timestamp::NEVER,
            },
            Role::Client => Timestamp::NEVER,
        }
    }
}
