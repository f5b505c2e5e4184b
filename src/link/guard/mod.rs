//! The guard of a lane: what opens the records of its peer and seals what goes there.
//!
//! A lane of a secure driver has a guard from the end of its handshake on, and a link as well once
//! the peer has asked for a connection. The two know nothing of each other: the jobs open, hand the
//! packet to the link, collect what it sends, and seal. A guard can move to another lane, when its
//! peer turns out to be the one of a connection there (R17).
//!
//! A build without a cryptographic provider has no guards: the type is there and has no values, so
//! that nothing else need know.

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod association;
#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
mod none;

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub(crate) use self::association::Guard;
#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
pub(crate) use self::none::Guard;

use std::ops::Range;
use std::time::Duration;

use crate::counters::DropReason;

/// Unknown tokens an association may name before it is closed (R17).
pub(crate) const MOST_STRANGERS: u8 = 4;

/// How long an association may live without a connection, since its peer was last heard.
pub(crate) const IDLE: Duration = Duration::from_secs(10);

/// The same since it was made, whatever comes; and for a peer that has asked for our last flight again.
/// It will go on asking, after pauses that double: with mbed TLS they can be as long as this.
///
/// Source: RFC 6347 §4.2.4.
pub(crate) const LONGEST_IDLE: Duration = Duration::from_secs(60);

/// Shortest time between two answers to hellos from a live peer's address (R17).
const KNOCK_PAUSE: Duration = Duration::from_secs(1);

/// What a record held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// A packet, and where it lies in the datagram.
    Packet(Range<usize>),
    /// Something between the two associations: done with, and what it asks for is done.
    Own,
    /// The peer has not seen our last flight: it is to be repeated.
    Repeat,
    /// An authentic alert that ends the association; whether it was a goodbye.
    Ended {
        /// Whether it was `close_notify`.
        goodbye: bool,
    },
    /// Nothing that counts.
    Refused(DropReason),
}

/// Whether a client makes its association anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// As before.
    Unchanged,
    /// It begins.
    Begin,
    /// The attempt is given up: the peer has been heard.
    Recovered,
}

/// What a hello from a live peer's address leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Knock {
    /// Nothing: the last one was answered just now.
    Ignored,
    /// A keep-alive on the present association: a stock client gives its attempt up.
    KeepAlive,
    /// The peer has been silent since: it may have begun anew, so its hellos are to be answered.
    OpenDoor,
}
