//! The sending half: what is in flight, what an ack takes out of it, and what is lost.
//!
//! ```text
//! first        oldest                     unsent          next
//!   │ records    │ in flight, acked or not  │ their turn    │ numbers not used yet
//!   │            │                          │ has not come  │
//!   └────────────┴──────────────────────────┴───────────────┘
//!                 ◀──────────── below the window ───────────▶
//! ```
//!
//! A packet is lost when its time is up, or (`Timing::Prompt`) when one that was sent three
//! transmissions later has been acknowledged. Only packets that were sent once take part in that and
//! in measuring: of the others nobody knows which copy was acknowledged (Karn).
//!
//! The resend time doubles twice over. For packets that were resent it doubles while nothing at all is
//! acknowledged. For packets that were sent once it doubles while none of *them* is acknowledged in
//! time: on a way that has become longer than the resend time all packets are resent before their ack,
//! and none could ever be measured (RFC 6298 §5.7).
//!
//! Numbers have 64 bits and begin at 0. Nothing an ack says can move anything but forward, and an ack
//! for a number that was never sent moves nothing (R27).

use std::collections::VecDeque;
use std::time::Duration;

use super::round_trip::RoundTrip;
use crate::pipeline::store::{Block, Store};
use crate::sequence::widen;
use crate::settings::{PipelineParameters as Parameters, Timing};
use crate::time::Timestamp;
use crate::wire::reliable::ReliableRepr;

/// Packets acknowledged past one that is not, before it counts as lost. RFC 9002 §6.1.1.
const REORDERING: u64 = 3;

/// Most doublings of the resend time.
const MAX_BACKOFF: u8 = 16;

/// Longest that doubling makes the time of a packet that was sent once: the round trip of a satellite
/// and a crowded mobile network. A peer with a smaller window than ours drops what lies beyond it, and
/// never acknowledges the first transmission of it.
const PATIENT: Duration = Duration::from_secs(2);

/// Unity looks records up by 16-bit numbers: from here on it finds none.
///
/// Source: Unity Transport 2.3.0 to 2.7.2 `ReliableUtility.cs`.
pub(super) const UNITY_RECORDS: i64 = 1 << 16;

/// One packet.
#[derive(Debug)]
struct InFlight {
    /// Its copy; none once it is acknowledged.
    copy: Option<Block>,
    first_sent: Timestamp,
    last_sent: Timestamp,
    /// Number of its last transmission among all of this window, from 1.
    transmission: u64,
    sent_once: bool,
    sampled: bool,
}

/// What an ack did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AckOutcome {
    /// Packets were acknowledged for the first time.
    Progress {
        /// Bytes of them.
        bytes: usize,
        /// The path's round trip, if one was measured.
        sample: Option<Duration>,
    },
    /// It said nothing that was not known.
    Nothing,
    /// It names a number that was never sent.
    Forged,
}

/// Why a packet is to be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Its time is up; for the `first` time, or again.
    Expired { first: bool },
    /// Later ones were acknowledged.
    Overtaken,
}

/// To which packets a timer put an end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expired {
    /// To some that were sent once.
    pub(super) first: bool,
    /// To some that were resent before.
    pub(super) again: bool,
}

impl Expired {
    fn any(self) -> bool {
        self.first || self.again
    }
}

/// Times without an ack after which a packet is sent again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// One that was sent once.
    first: Duration,
    /// One that was resent before.
    again: Duration,
}

impl Timeouts {
    fn expiry(self, entry: &InFlight) -> Timestamp {
        let timeout = if entry.sent_once {
            self.first
        } else {
            self.again
        };
        entry.last_sent.just_after(timeout)
    }
}

/// Packets that are not acknowledged yet.
#[derive(Debug)]
pub(super) struct SendWindow {
    entries: VecDeque<InFlight>,
    /// Number of the first entry.
    first: i64,
    /// First number that is not acknowledged.
    oldest: i64,
    /// First number that has not been sent: the throttle holds it back, and those behind it.
    unsent: i64,
    /// Next number.
    next: i64,
    /// Highest number the peer named as its newest; −1 before any.
    acked: i64,
    transmissions: u64,
    /// Newest transmission known to have arrived.
    arrived: u64,
    /// Doublings for packets that were resent.
    backoff: u8,
    backed_off: Timestamp,
    /// Doublings for packets that were sent once.
    patience: u8,
    grew_patient: Timestamp,
    /// No packet expires before.
    timer: Timestamp,
    /// Whether acks have come that may have overtaken a packet.
    overtaking: bool,
    /// Since when the peer has acknowledged nothing although something was in flight.
    waiting_since: Timestamp,
    trip: RoundTrip,
}

impl Default for SendWindow {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            first: 0,
            oldest: 0,
            unsent: 0,
            next: 0,
            acked: -1,
            transmissions: 0,
            arrived: 0,
            backoff: 0,
            backed_off: Timestamp::ZERO,
            patience: 0,
            grew_patient: Timestamp::ZERO,
            timer: Timestamp::NEVER,
            overtaking: false,
            waiting_since: Timestamp::NEVER,
            trip: RoundTrip::default(),
        }
    }
}

impl SendWindow {
    /// Packets that may be sent before an ack arrives.
    ///
    /// Newest − oldest unacknowledged stays below the window: one more, and a stock receiver that
    /// misses the oldest could not take it any more.
    pub(super) fn credits(&self, parameters: &Parameters) -> usize {
        let limit = self.oldest + i64::from(parameters.send_window());
        usize::try_from(limit - self.next).unwrap_or(0)
    }

    /// Packets from the oldest unacknowledged one to the newest.
    pub(super) fn in_flight(&self) -> u16 {
        u16::try_from(self.next - self.oldest).unwrap_or(u16::MAX)
    }

    /// Packets that are not acknowledged.
    pub(super) fn unacknowledged(&self) -> usize {
        let copies = self.entries.iter().filter(|entry| entry.copy.is_some());
        copies.count()
    }

    /// Since when the peer has acknowledged nothing although something was in flight; never if
    /// nothing is.
    pub(super) fn waiting_since(&self) -> Timestamp {
        self.waiting_since
    }

    /// Whether the peer has ever acknowledged anything.
    pub(super) fn is_acked(&self) -> bool {
        self.acked >= 0
    }

    /// Number of the next packet.
    pub(super) fn next(&self) -> i64 {
        self.next
    }

    /// When an ack can be expected that makes room.
    pub(super) fn free_at(&self, now: Timestamp) -> Timestamp {
        self.entry(self.oldest)
            .map_or(now, |entry| entry.last_sent + self.trip.expected())
            .max(now)
    }

    /// The next packet waits for its turn.
    pub(super) fn push(&mut self, copy: Block, now: Timestamp, parameters: &Parameters) {
        self.entries.push_back(InFlight {
            copy: Some(copy),
            first_sent: now,
            last_sent: now,
            transmission: 0,
            sent_once: true,
            sampled: false,
        });
        self.next += 1;
        self.forget(parameters);
    }

    /// Packets that wait for their turn.
    pub(super) fn unsent(&self) -> usize {
        usize::try_from(self.next - self.unsent).unwrap_or(0)
    }

    /// The packet whose turn is next: its number and its copy.
    pub(super) fn first_unsent(&self) -> Option<(i64, &Block)> {
        let copy = self.entry(self.unsent)?.copy.as_ref()?;
        Some((self.unsent, copy))
    }

    /// The packet whose turn is next leaves.
    pub(super) fn mark_sent(&mut self, now: Timestamp, parameters: &Parameters) {
        self.transmissions += 1;
        if let Some(entry) = entry_mut(&mut self.entries, self.first, self.unsent) {
            entry.first_sent = now;
            entry.last_sent = now;
            entry.transmission = self.transmissions;
        }
        self.unsent += 1;
        self.waiting_since = self.waiting_since.min(now);
        let timeout = self.timeouts(parameters).first;
        self.timer = self.timer.min(now.just_after(timeout));
    }

    /// The acknowledging half of a header.
    pub(super) fn on_ack(
        &mut self,
        header: &ReliableRepr<'_>,
        now: Timestamp,
        parameters: &Parameters,
        store: &mut Store,
    ) -> AckOutcome {
        let acked = widen(header.acked, self.acked);
        if acked >= self.unsent {
            return AckOutcome::Forged;
        }
        if acked < 0 {
            return AckOutcome::Nothing;
        }
        let sample = self.sample(acked, header.processing_time, now, parameters.timing);
        if acked < self.acked && parameters.timing == Timing::Unity {
            return AckOutcome::Nothing;
        }
        self.acked = self.acked.max(acked);
        let mut bytes = 0;
        let (mut progress, mut in_time) = (false, false);
        for number in self.oldest..=acked {
            let distance = usize::try_from(acked - number).unwrap_or(usize::MAX);
            if !header.mask.contains(distance) {
                continue;
            }
            let Some(entry) = entry_mut(&mut self.entries, self.first, number) else {
                continue;
            };
            if let Some(copy) = entry.copy.take() {
                bytes += copy.len();
                store.remove(copy);
                progress = true;
                in_time |= entry.sent_once;
                if entry.sent_once && entry.transmission > self.arrived {
                    self.arrived = entry.transmission;
                    self.overtaking = true;
                }
            }
        }
        if !progress {
            return AckOutcome::Nothing;
        }
        while self.oldest < self.next
            && self
                .entry(self.oldest)
                .is_none_or(|entry| entry.copy.is_none())
        {
            self.oldest += 1;
        }
        self.forget(parameters);
        self.waiting_since = if self.oldest >= self.unsent {
            Timestamp::NEVER
        } else {
            now
        };
        let was_patient = in_time && self.patience > 0;
        if was_patient {
            self.patience = 0;
        }
        if was_patient || self.backoff > 0 || self.oldest >= self.unsent {
            self.backoff = 0;
            self.wind(parameters);
        }
        AckOutcome::Progress { bytes, sample }
    }

    /// Measures the round trip of the packet the peer named.
    fn sample(
        &mut self,
        acked: i64,
        processing_ms: u16,
        now: Timestamp,
        timing: Timing,
    ) -> Option<Duration> {
        let entry = entry_mut(&mut self.entries, self.first, acked)?;
        if entry.sampled {
            return None;
        }
        let processing = Duration::from_millis(u64::from(processing_ms));
        match timing {
            Timing::Prompt => {
                if entry.sent_once && entry.copy.is_some() {
                    entry.sampled = true;
                    return self.trip.take(now - entry.first_sent, processing);
                }
            }
            // Unity measures resent packets too, from their first transmission.
            Timing::Unity => {
                if acked < UNITY_RECORDS {
                    entry.sampled = true;
                    let elapsed = now.as_millis().saturating_sub(entry.first_sent.as_millis());
                    self.trip.take_as_unity(elapsed, processing_ms);
                    return self.trip.take(now - entry.first_sent, processing);
                }
            }
        }
        None
    }

    /// Forgets entries nothing will ask for: the acknowledged ones, under `Timing::Unity` only when
    /// a packet a window later needs their place.
    fn forget(&mut self, parameters: &Parameters) {
        let kept = match parameters.timing {
            Timing::Prompt => 0,
            Timing::Unity => i64::from(parameters.send_window()),
        };
        let end = self.oldest.min(self.next - kept);
        while self.first < end {
            self.entries.pop_front();
            self.first += 1;
        }
    }

    /// Whether a packet may be lost.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.overtaking || now >= self.timer
    }

    /// The first lost packet from number `from` on. It counts as sent again from here.
    pub(super) fn take_lost(
        &mut self,
        from: i64,
        now: Timestamp,
        timeouts: Timeouts,
        timing: Timing,
    ) -> Option<(i64, &Block, Loss)> {
        let arrived = self.arrived;
        let lost = |entry: &InFlight| {
            entry.copy.as_ref()?;
            if now >= timeouts.expiry(entry) {
                return Some(Loss::Expired {
                    first: entry.sent_once,
                });
            }
            let overtaken = timing == Timing::Prompt && arrived >= entry.transmission + REORDERING;
            overtaken.then_some(Loss::Overtaken)
        };
        let from = from.max(self.oldest);
        let skipped = usize::try_from(from - self.first).ok()?;
        let sent = usize::try_from(self.unsent - self.first).ok()?;
        let (ahead, loss) = self
            .entries
            .iter()
            .take(sent)
            .skip(skipped)
            .enumerate()
            .find_map(|(ahead, entry)| Some((ahead, lost(entry)?)))?;
        self.transmissions += 1;
        let entry = self.entries.get_mut(skipped + ahead)?;
        entry.last_sent = now;
        entry.transmission = self.transmissions;
        entry.sent_once = false;
        let number = from + i64::try_from(ahead).ok()?;
        Some((number, entry.copy.as_ref()?, loss))
    }

    /// All losses up to now were resent, or as many as may be; `expired` says whether a timer did it,
    /// and to packets of which kind.
    pub(super) fn settle(
        &mut self,
        expired: Expired,
        complete: bool,
        now: Timestamp,
        parameters: &Parameters,
    ) {
        let timeouts = self.timeouts(parameters);
        if parameters.timing == Timing::Prompt {
            if expired.any() && now >= self.backed_off + timeouts.again {
                self.backoff = (self.backoff + 1).min(MAX_BACKOFF);
                self.backed_off = now;
            }
            if expired.first && now >= self.grew_patient + timeouts.first {
                self.patience = (self.patience + 1).min(MAX_BACKOFF);
                self.grew_patient = now;
            }
        }
        if complete {
            self.overtaking = false;
            self.wind(parameters);
        } else {
            self.timer = now;
        }
    }

    /// Sets the timer to the first packet that expires.
    fn wind(&mut self, parameters: &Parameters) {
        let timeouts = self.timeouts(parameters);
        let oldest = usize::try_from(self.oldest - self.first).unwrap_or(usize::MAX);
        let sent = usize::try_from(self.unsent - self.first).unwrap_or(0);
        self.timer = self
            .entries
            .iter()
            .take(sent)
            .skip(oldest)
            .filter(|entry| entry.copy.is_some())
            .map(|entry| timeouts.expiry(entry))
            .min()
            .unwrap_or(Timestamp::NEVER);
    }

    /// Times without an ack after which packets are sent again.
    pub(super) fn timeouts(&self, parameters: &Parameters) -> Timeouts {
        let timeout = self.trip.resend_timeout(parameters, 0);
        Timeouts {
            first: self
                .trip
                .resend_timeout(parameters, self.patience)
                .min(timeout.max(PATIENT)),
            again: self.trip.resend_timeout(parameters, self.backoff),
        }
    }

    /// When a packet may be lost, at the earliest.
    pub(super) fn deadline(&self) -> Timestamp {
        if self.overtaking {
            Timestamp::ZERO
        } else {
            self.timer
        }
    }

    /// For the user.
    pub(super) fn round_trip(
        &self,
        parameters: &Parameters,
    ) -> crate::pipeline::statistics::RoundTripStatistics {
        self.trip.statistics(parameters, self.patience)
    }

    /// Gives memory back that an idle window does not need.
    pub(super) fn trim(&mut self) {
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
    }

    /// Bytes of memory on the heap.
    pub(super) fn memory(&self) -> usize {
        self.entries.capacity() * size_of::<InFlight>()
    }

    fn entry(&self, number: i64) -> Option<&InFlight> {
        let index = usize::try_from(number - self.first).ok()?;
        self.entries.get(index)
    }

    /// Begins at another number, as a long connection does.
    #[cfg(test)]
    pub(super) fn starting_at(next: i64) -> Self {
        Self {
            first: next,
            oldest: next,
            unsent: next,
            next,
            acked: next - 1,
            ..Self::default()
        }
    }
}

fn entry_mut(entries: &mut VecDeque<InFlight>, first: i64, number: i64) -> Option<&mut InFlight> {
    let index = usize::try_from(number - first).ok()?;
    entries.get_mut(index)
}
