//! Secure connections through the whole driver, on a network in memory and virtual time: what the
//! requirements R8 to R18 and R39 and the conformance rows N ask
//! for.
//!
//! Whatever is a matter of numbers is small here, so that it is fast, and of the size that the
//! requirement names where `DRUMFIRE_FULL` is set:
//! `DRUMFIRE_FULL=1 cargo test --release --test secure`.
#![cfg(any(feature = "aws-lc-rs", feature = "ring"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these helpers serve tests only"
)]

#[expect(
    dead_code,
    unused_imports,
    reason = "each test program uses its part of the support"
)]
#[path = "../support/mod.rs"]
mod support;

#[path = "../support/hellos.rs"]
mod hellos;

mod connecting;
mod flood;
mod identities;
mod injection;
mod long_runs;
mod moving;
mod records;
mod secrets;
mod sizes;
mod storms;
mod strange_peer;
mod strangers;
mod trust;
mod weather;

/// A number that a requirement names, or a smaller one that shows the same in less time.
fn scaled(full: usize, small: usize) -> usize {
    if std::env::var_os("DRUMFIRE_FULL").is_some() {
        full
    } else {
        small
    }
}
