//! Finding out how large a packet the path takes.
//!
//! Two rounds of probes, 300 ms apart, each of a few sizes; the largest that is acknowledged wins.
//! Either side may do it, after the accept; a peer that does not still answers. A server asks an
//! address only once it is proved, since a round is five kilobytes.
//!
//! ```text
//!  Waiting ──address proved──▶ Round one ──300 ms──▶ Round two ──300 ms──▶ the largest acknowledged,
//!     │                            │                     │                  or the maximum if none
//!     └──too long──▶ the maximum   └─────────────────────┴──maximum acknowledged──▶ the maximum
//! ```
//!
//! Source: Unity Transport `SimpleConnectionLayer.cs` (2.6.0 and later).

use super::state::{Application, Role, Standing, State};
use super::survey::{Phase, Probing, Survey};
use super::{Context, Link, Notice};
use crate::buffer::inbox::{EventKind, Inbox};
use crate::wire::connection::{CheckBody, MIN_PATH_MTU, push_mtu_check};
use crate::wire::mtu::{check_len, probe_targets};

impl Link {
    /// Goes from the accept on: to a survey, or straight to messages.
    pub(super) fn welcome(&mut self, payload: &[u8], order: u64, cx: &mut Context<'_>) {
        if cx.rules.discovers() {
            let probing = Probing {
                survey: Survey::new(cx.now.at),
                held: Inbox::default(),
                payload: payload.to_vec(),
            };
            self.path_mtu = smallest();
            self.enter(State::Probing(Box::new(probing)));
            self.begin_survey(cx);
        } else {
            self.path_mtu = cx.rules.max_message_size();
            self.announce(payload, order, cx);
            self.enter(State::Established { survey: None });
        }
    }

    /// Tells the user's side of the connection: a client's event, a server's queue of `accept`.
    fn announce(&mut self, payload: &[u8], order: u64, cx: &mut Context<'_>) {
        match &mut self.role {
            Role::Client => cx.inbox.push(EventKind::Connect, 0, 0, payload),
            Role::Server(guest) => {
                guest.application = Application::Waiting { since: cx.now.at };
                cx.notices.push(Notice::Established {
                    lane: cx.lane,
                    order,
                    payload: payload.to_vec(),
                });
            }
        }
    }

    /// Begins anew after a move: sizes belong to paths.
    pub(super) fn survey_again(&mut self, cx: &mut Context<'_>) {
        if !cx.rules.discovers() {
            return;
        }
        match &mut self.state {
            State::Probing(probing) => probing.survey = Survey::new(cx.now.at),
            State::Established { survey } => *survey = Some(Box::new(Survey::new(cx.now.at))),
            _ => return,
        }
        self.path_mtu = smallest();
        self.begin_survey(cx);
    }

    /// Sends the first round, if a survey waits for this moment.
    pub(super) fn begin_survey(&mut self, cx: &mut Context<'_>) {
        let ready = self.heard() && matches!(self.standing, Standing::Proved);
        if let Some(survey) = self.survey_mut()
            && matches!(survey.phase, Phase::Waiting { .. })
            && ready
        {
            survey.phase = Phase::Round {
                last: false,
                sent_at: cx.now.at,
            };
            self.send_round(cx);
        }
    }

    fn send_round(&mut self, cx: &mut Context<'_>) {
        let token = self.token;
        for target in probe_targets(usize::from(cx.rules.max_message_size())) {
            if let Some(len) = check_len(target, cx.rules.padding) {
                self.send_control(cx, |out| push_mtu_check(out, token, len, CheckBody::Zeros));
            }
        }
    }

    /// An MTU ack from the peer's address that is no answer about the address.
    pub(super) fn handle_size(&mut self, size: u16, order: u64, cx: &mut Context<'_>) {
        let max = cx.rules.max_message_size();
        let Some(survey) = self.survey_mut() else {
            return;
        };
        let done = survey.on_ack(size, max);
        if let Some(best) = survey.best {
            self.path_mtu = best;
        }
        if done {
            self.end_survey(order, cx);
        }
    }

    /// The survey's timer.
    pub(super) fn continue_survey(&mut self, cx: &mut Context<'_>) {
        let Some(survey) = self.survey_mut() else {
            return;
        };
        if cx.now.at < survey.deadline() {
            return;
        }
        if let Phase::Round { last: false, .. } = survey.phase {
            survey.phase = Phase::Round {
                last: true,
                sent_at: cx.now.at,
            };
            self.send_round(cx);
        } else {
            // A peer older than 2.5 answers no probe; the maximum is all there is to go by.
            self.path_mtu = survey.best.unwrap_or_else(|| cx.rules.max_message_size());
            self.last_receive = cx.now.observed;
            self.end_survey(u64::MAX, cx);
        }
    }

    fn end_survey(&mut self, order: u64, cx: &mut Context<'_>) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Probing(probing) => {
                let Probing {
                    mut held, payload, ..
                } = *probing;
                self.announce(&payload, order, cx);
                cx.inbox.append(&mut held);
            }
            State::Established { .. } => {}
            other => {
                self.state = other;
                return;
            }
        }
        self.enter(State::Established { survey: None });
    }

    fn survey_mut(&mut self) -> Option<&mut Survey> {
        match &mut self.state {
            State::Probing(probing) => Some(&mut probing.survey),
            State::Established { survey } => survey.as_deref_mut(),
            _ => None,
        }
    }
}

fn smallest() -> u16 {
    u16::try_from(MIN_PATH_MTU).unwrap_or(u16::MAX)
}
