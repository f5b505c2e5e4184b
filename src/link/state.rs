//! The states of a link and the facts beside them. Each owns what it alone needs.

use std::collections::VecDeque;

use super::proof::AddressProof;
use super::survey::{Probing, Survey};
use crate::address::Path;
use crate::error::DisconnectReason;
use crate::time::Timestamp;

/// Where in its life a link is. The module's documentation draws the transitions.
#[derive(Debug)]
pub(super) enum State {
    /// A client asks for an accept.
    Requesting(Box<Request>),
    /// A server that does not listen has accepted all the same, and closes with the next update.
    Refused {
        /// Whether the update that admitted it has been served.
        served: bool,
    },
    /// Accepted, and finding out what the path takes. The user still sees it connecting.
    Probing(Box<Probing>),
    /// Messages flow.
    Established {
        /// The sizes of a path it has moved to, while they are being found out.
        survey: Option<Box<Survey>>,
    },
    /// Closed by us; the peer is told when it has acknowledged what it was sent, or the time is up.
    Lingering {
        /// When it is.
        until: Timestamp,
    },
    /// Closed by us; the peer is being told.
    Closing(Closing),
    /// Over.
    Closed,
}

impl State {
    /// A stable name, for logs.
    #[cfg_attr(
        not(any(feature = "tracing", test)),
        expect(dead_code, reason = "for logs and tests")
    )]
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Requesting(_) => "requesting",
            Self::Refused { .. } => "refused",
            Self::Probing(_) => "probing",
            Self::Established { .. } => "established",
            Self::Lingering { .. } => "lingering",
            Self::Closing(_) => "closing",
            Self::Closed => "closed",
        }
    }
}

/// A client's question, repeated until it is answered.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) payload: Vec<u8>,
    /// Requests sent.
    pub(super) attempts: u32,
    /// When the latest left; none before the first.
    pub(super) sent_at: Option<Timestamp>,
    /// Other addresses of the same peer; each request goes to the next one, in turn.
    pub(super) others: VecDeque<Path>,
    /// Whether there is an association to send it through. Of a secure driver alone, which waits for
    /// one while its attempts run.
    pub(super) secured: bool,
}

/// Which end of the connection this is.
#[derive(Debug)]
pub(super) enum Role {
    Client,
    Server(Guest),
}

/// What a server knows of its client.
#[derive(Debug)]
pub(super) struct Guest {
    /// Whether anything but requests came from it. Until then it may still await its accept, and
    /// whatever overtakes the accept kills a stock client (stock behaviour 3.1).
    pub(super) heard: bool,
    pub(super) application: Application,
    pub(super) accepts: Accepts,
    /// The batch that began with a copy of the accept.
    pub(super) greeted: Option<u32>,
}

/// Whether the application has the connection.
#[derive(Debug)]
pub(super) enum Application {
    /// It has not been told of it.
    Unaware,
    /// It may call `accept`.
    Waiting { since: Timestamp },
    /// It has called `accept`.
    Accepted,
}

/// Pace of the accepts that requests cause: at most a few without a second's rest behind them.
#[derive(Debug, Default)]
pub(super) struct Accepts {
    latest: Timestamp,
    count: u8,
}

impl Accepts {
    /// Whether one more may be sent, of at most `limit` a second. Counts it.
    pub(super) fn take(&mut self, limit: u8, now: Timestamp) -> bool {
        const REST: std::time::Duration = std::time::Duration::from_secs(1);
        if now.since(self.latest) >= REST {
            self.count = 0;
        }
        if self.count >= limit {
            return false;
        }
        self.count += 1;
        self.latest = now;
        true
    }
}

/// What is known of the peer's address.
#[derive(Debug)]
pub(super) enum Standing {
    /// The peer receives there; or we chose the address; or nobody asks.
    Proved,
    /// It may be forged: what is sent there is bounded (R20).
    Unproven(AddressProof),
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn r20_no_second_sees_more_than_three_accepts() {
        let mut accepts = Accepts::default();
        let mut sent = vec![];
        for tick in 0..1_000 {
            let now = Timestamp::from_micros(2_000_000 + tick * 10_000);
            if accepts.take(3, now) {
                sent.push(now);
            }
        }
        assert!(sent.len() >= 24);
        for four in sent.windows(4) {
            assert!(four[3].since(four[0]) >= Duration::from_secs(1));
        }
    }

    #[test]
    fn a_client_that_repeats_every_second_is_always_answered() {
        let mut accepts = Accepts::default();
        assert!((1..60).all(|second| accepts.take(1, Timestamp::from_micros(second * 1_001_000))));
    }
}

/// A Disconnect that is being repeated.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) copies_left: u8,
    pub(super) first_at: Timestamp,
    pub(super) next_at: Timestamp,
    /// What the driver is told in the end.
    pub(super) reason: Option<DisconnectReason>,
}

impl Closing {
    pub(super) fn deadline(&self) -> Timestamp {
        self.next_at
    }
}
