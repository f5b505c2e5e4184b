//! Pipelines through whole drivers, on networks in memory: what the chains' own tests show of one
//! connection is shown here of the API.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these helpers serve tests only"
)]

mod as_receiver;
mod as_sender;
mod congestion;
mod fragments;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
#[expect(
    dead_code,
    reason = "each test program uses its part of the identities"
)]
#[path = "../secure/identities.rs"]
mod identities;
mod lossy;
mod memory;
mod own_stages;
mod raw;
mod reliable;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod secure;
mod simulator;
mod stages;
mod stock;
mod storm;
#[expect(
    dead_code,
    unused_imports,
    reason = "each test program uses its part of the support"
)]
#[path = "../support/mod.rs"]
mod support;
mod tuning;

use drumfire::error::SendError;
use drumfire::id::{NetworkConnection, NetworkPipeline};
use drumfire::wire::connection::{DATA_HEADER_LEN, Token, write_data_header};

use support::{Event, Node};

/// Sends a message.
fn send(
    node: &mut Node,
    pipeline: NetworkPipeline,
    connection: NetworkConnection,
    message: &[u8],
) -> Result<usize, SendError> {
    let mut guard = node
        .driver
        .begin_send_with(pipeline, connection, message.len())?;
    guard.write_bytes(message);
    guard.end_send()
}

/// A data packet of a pipeline.
fn packet(token: Token, pipeline: u8, body: &[u8]) -> Vec<u8> {
    let mut header = [0; DATA_HEADER_LEN];
    write_data_header(&mut header, token, pipeline);
    [&header, body].concat()
}

/// The messages among events.
fn messages(events: Vec<Event>) -> Vec<Vec<u8>> {
    let message = |event| match event {
        Event::Data(_, bytes) => Some(bytes),
        _ => None,
    };
    events.into_iter().filter_map(message).collect()
}
