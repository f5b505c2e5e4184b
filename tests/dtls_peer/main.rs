//! A deliberately wrong DTLS 1.2 endpoint, in both roles, against the whole driver.
//!
//! ```text
//!  wire, messages      bytes, as the RFCs draw them            the peer's own: nothing of the
//!  keys, identity      key schedule, records, signatures       driver's DTLS is used
//!  client, server      an honest endpoint, turn by turn
//!  case, stage         one turn that is wrong, and what must come of it
//!  cases/              the table
//! ```
//!
//! The peer says what an honest one says, but for one thing in one turn. Each case names the rule, the
//! deviation and all that the driver may make of it: what is sent back, what is counted, what the
//! application is told, and that the honest words said after it still lead to a connection over which
//! messages travel both ways.
#![cfg(feature = "aws-lc-rs")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test's peer speaks of its own bytes, and a case that goes wrong ends the test"
)]

#[expect(
    dead_code,
    unused_imports,
    reason = "each test program uses its part of the support"
)]
#[path = "../support/mod.rs"]
mod support;

mod case;
mod cases;
mod client;
mod identity;
mod keys;
mod messages;
mod server;
mod stage;
mod wire;
