//! Golden replay: recordings of real Unity Transport 2.7.2 peers, played again with our driver as the
//! one side or the other. Bytes and events must equal the recording; where they do not, there is a
//! row in the table of [`differences`].

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "these helpers serve tests only"
)]
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these helpers serve tests only"
)]

mod differences;
mod recording;
mod replay;
#[expect(
    dead_code,
    unused_imports,
    reason = "each test program uses its part of the support"
)]
#[path = "../support/mod.rs"]
mod support;
mod wraps;

use differences::{DIFFERENCES, Difference};
use recording::{Recording, Role};

/// Replays a scenario and compares with the rows of the table.
fn replay(scenario: &str, role: Role) {
    let mut found = replay::differences(&Recording::load(scenario), role);
    let rows = DIFFERENCES
        .iter()
        .filter(|row| row.scenario == scenario && row.role == role);
    let mut known: Vec<String> = rows
        .flat_map(|row| row.what.iter().map(|what| (*what).to_owned()))
        .collect();
    found.sort_unstable();
    known.sort_unstable();
    let unknown: Vec<_> = found.iter().filter(|what| !known.contains(what)).collect();
    let gone: Vec<_> = known.iter().filter(|what| !found.contains(what)).collect();
    assert!(
        found == known,
        "{scenario} as {role:?}\n  not in the table: {unknown:?}\n  in the table, but no difference any more: {gone:?}"
    );
}

macro_rules! replays {
    ($($scenario:ident: $($role:ident)+;)+) => {
        $(mod $scenario {
            use super::{Role, replay};
            $(replays!(@ $scenario $role);)+
        })+
        const SCENARIOS: &[&str] = &[$(stringify!($scenario)),+];
    };
    (@ $scenario:ident client) => {
        #[test]
        fn as_the_client() {
            replay(stringify!($scenario), Role::Client);
        }
    };
    (@ $scenario:ident server) => {
        #[test]
        fn as_the_server() {
            replay(stringify!($scenario), Role::Server);
        }
    };
}

replays! {
    accept_dup_after_connect: client server;
    accept_payload: client server;
    address_migration: client server;
    both_payloads_max: client server;
    connect_accept_lost: client server;
    connect_accept_lost_data_first: client server;
    connect_accept_lost_defaults: client server;
    connect_accept_lost_heartbeat_first: client server;
    connect_accept_lost_then_reaccept_data: client server;
    connect_dup_request: client server;
    connect_no_server: client;
    connect_payload: client server;
    connect_payload_empty: client server;
    connect_plain: client server;
    data_fragmentation: client server;
    data_fragmentation_reliable: client server;
    data_fragmentation_unreliable_sequenced: client server;
    data_none: client server;
    data_reliable_fragmentation: client server;
    data_reliable_sequenced: client server;
    data_unreliable_sequenced: client server;
    data_unreliable_sequenced_fragmentation: client server;
    disconnect_then_data: client server;
    frag_fragmentation_1383: client server;
    frag_fragmentation_1384: client server;
    frag_fragmentation_1385: client server;
    frag_fragmentation_1386: client server;
    frag_fragmentation_1387: client server;
    frag_fragmentation_1388: client server;
    frag_fragmentation_2776: client server;
    frag_fragmentation_3000: client server;
    frag_fragmentation_reliable_1383: client server;
    frag_fragmentation_reliable_1384: client server;
    frag_fragmentation_reliable_1385: client server;
    frag_fragmentation_reliable_1386: client server;
    frag_fragmentation_reliable_1387: client server;
    frag_fragmentation_reliable_1388: client server;
    frag_fragmentation_reliable_2776: client server;
    frag_fragmentation_reliable_3000: client server;
    frag_fragmentation_unreliable_sequenced_1383: client server;
    frag_fragmentation_unreliable_sequenced_1384: client server;
    frag_fragmentation_unreliable_sequenced_1385: client server;
    frag_fragmentation_unreliable_sequenced_1386: client server;
    frag_fragmentation_unreliable_sequenced_1387: client server;
    frag_fragmentation_unreliable_sequenced_1388: client server;
    frag_fragmentation_unreliable_sequenced_2776: client server;
    frag_fragmentation_unreliable_sequenced_3000: client server;
    frag_reliable_loss: client server;
    frag_reorder: client server;
    heartbeat: client server;
    invalid_packets: client server;
    max_fragmentation: client server;
    max_fragmentation_reliable: client server;
    max_fragmentation_unreliable_sequenced: client server;
    max_message_size_512: client server;
    max_none: client server;
    max_reliable_sequenced: client server;
    max_unreliable_sequenced: client server;
    mixed_traffic: client server;
    pmtud: client server;
    pmtud_client_only: client server;
    pmtud_limited: client server;
    reliable_ack_loss: client server;
    reliable_burst_window: client server;
    reliable_burst_window64: client server;
    reliable_dup: client server;
    reliable_loss: client server;
    reliable_one_way: client server;
    reliable_pingpong: client server;
    reliable_reorder: client server;
    reliable_window128: client server;
    reliable_window2040: client server;
    reliable_window33: client server;
    reliable_window512: client server;
    reliable_window65: client server;
    server_disconnect: client server;
    timeout: client server;
    trunc_00: client server;
    trunc_010500: client server;
    trunc_02: client server;
    trunc_0200: client server;
    trunc_02000000000000ffffffff: client server;
    trunc_02000000000000ffffffffffff: client server;
    trunc_0209000000000000000000000000: client server;
    trunc_0300c0: client server;
    trunc_63: client server;
    trunc_63aabb: client server;
    unreliable_reorder: client server;
}

/// Recordings of long runs, of which only the last packets are kept: [`wraps`] replays them.
const WRAPS: [&str; 3] = [
    "wrap_fragmentation",
    "wrap_reliable",
    "wrap_unreliable_sequenced",
];

#[test]
fn every_recording_is_replayed() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut recordings: Vec<String> = std::fs::read_dir(golden)
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let scenario = name.strip_prefix("udp_")?.strip_suffix(".json")?;
            Some(scenario.to_owned())
        })
        .collect();
    recordings.sort();
    let mut replayed = [SCENARIOS, &WRAPS].concat();
    replayed.sort_unstable();
    assert_eq!(recordings, replayed);
}

#[test]
fn every_row_is_of_a_scenario_that_is_replayed_and_says_why() {
    for Difference {
        scenario,
        what,
        why,
        ..
    } in DIFFERENCES
    {
        assert!(SCENARIOS.contains(scenario), "{scenario}");
        assert!(!what.is_empty() && !why.is_empty(), "{scenario}");
    }
}
