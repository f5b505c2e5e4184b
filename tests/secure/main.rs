//! Secure connections through the whole driver, on a network in memory and virtual time: what the
//! requirements R8 to R18 and the conformance rows N ask for.
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

mod connecting;
mod identities;
mod moving;
mod records;
mod strangers;
