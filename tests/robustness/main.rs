//! Robustness: the requirements of the threat model, driver by driver, on virtual time.
//!
//! A test is named after its requirement. Where the requirement names a latency or a share of a
//! processor, the test shows the cause instead: counts, bytes, order and state.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these helpers serve tests only"
)]

mod admission;
mod amplification;
mod ending;
mod interface;
mod jobs;
mod roaming;
#[expect(dead_code, reason = "each test program uses its part of the support")]
#[path = "../support/mod.rs"]
mod support;
mod survival;
mod time;
