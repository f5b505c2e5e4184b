//! Conformance: what Unity Transport's own tests, its fixes and its source promise, one test a row.
//!
//! A test is named after its row. Unless it says otherwise there are two drivers on the in-process
//! network, with a fixed frame time of 16 ms. Where drumfire differs on purpose, the test says so.
//! Rows that the types make impossible are `compile_fail` tests in `src/driver/misuse.rs`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these helpers serve tests only"
)]

mod closing;
mod connecting;
mod driver;
mod events;
mod interfaces;
mod jobs;
mod mtu;
mod names;
mod sending;
mod statistics;
#[expect(
    dead_code,
    unused_imports,
    reason = "each test program uses its part of the support"
)]
#[path = "../support/mod.rs"]
mod support;
