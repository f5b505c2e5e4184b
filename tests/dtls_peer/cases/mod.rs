//! The table, by topic, and the tests that play it.

mod client_flight;
mod connected;
mod framing;
mod hello;
mod server_flight;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::case::{At, Case, Expect, How, case};
use crate::client::Client;
use crate::server::Server;
use crate::stage::{Play, play};

/// Plays every case of a table; the table of those that went otherwise, if there are any.
fn play_all<P: Play>(table: &[Case]) {
    let mut wrong = Vec::new();
    for case in table {
        let outcome = catch_unwind(AssertUnwindSafe(|| play::<P>(case)))
            .unwrap_or_else(|_| Err("the peer panicked".to_owned()));
        if let Err(got) = outcome {
            wrong.push(format!(
                "{}\n    at {:?}: expected {:?}\n    but {got}",
                case.name, case.at, case.expect
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases went otherwise:\n{}",
        wrong.len(),
        table.len(),
        wrong.join("\n")
    );
}

#[test]
fn honest_endpoints_are_served() {
    let honest = "RFC 5246 §7.3: an honest endpoint gets a connection";
    play_all::<Client>(&[case(honest, At::Hello, How::Habit, Expect::Asked)]);
    play_all::<Client>(&[case(honest, At::Cookie, How::Habit, Expect::Accepted(0))]);
    play_all::<Client>(&[case(honest, At::Flight, How::Habit, Expect::Accepted(0))]);
    play_all::<Server>(&[case(honest, At::Question, How::Habit, Expect::Accepted(0))]);
    play_all::<Server>(&[case(honest, At::Flight, How::Habit, Expect::Accepted(0))]);
    play_all::<Server>(&[case(honest, At::Last, How::Habit, Expect::Accepted(0))]);
}

/// Different names in these tables; a name that stands twice is one case.
fn count(tables: &[Vec<Case>]) -> usize {
    let cases = tables.concat();
    let names: BTreeSet<_> = cases.iter().map(|case| case.name).collect();
    let twice: Vec<_> = names
        .iter()
        .filter(|name| cases.iter().filter(|case| case.name == **name).count() > 1)
        .collect();
    assert!(twice.is_empty(), "cases of one name: {twice:#?}");
    assert!(names.iter().all(|name| name.starts_with("RFC ")));
    names.len()
}

#[test]
fn each_role_is_shown_two_hundred_ways_to_be_wrong() {
    let against_servers = [
        hello::all(),
        client_flight::all(),
        framing::of_clients(),
        connected::all(),
    ];
    let against_clients = [
        server_flight::all(),
        framing::of_servers(),
        connected::all(),
    ];
    for tables in [&against_servers[..], &against_clients[..]] {
        let cases = count(tables);
        assert!(cases >= 200, "{cases} cases");
    }
}
