//! Every requirement of the threat model (R1 to R40) and every row of the conformance list (A1 to
//! P5), with what shows it.
//!
//! The table fails on a gap, on an id that is missing or listed twice, and on a name that exists
//! nowhere in the sources. A test's name begins with its ids: `a9_…`, `c02_e16_…`, `r08_…`.

#[path = "../house/mod.rs"]
mod house;
mod repository;
mod table;

use house::sources;
use repository::{Repository, tests_of_differences};
use table::Evidence::{Later, Missing, Test};
use table::{
    CONFORMANCE, CONFORMANCE_ROWS, PIPELINES, REQUIREMENTS, Row, SECURE, THREAT_MODEL, WEBSOCKET,
};

#[test]
fn every_row_is_listed_once() {
    assert_eq!(order_of(CONFORMANCE), conformance_ids());
    assert_eq!(
        order_of(THREAT_MODEL),
        (1..=REQUIREMENTS)
            .map(|number| format!("R{number}"))
            .collect::<Vec<_>>()
    );
}

#[test]
fn every_row_has_what_shows_it() {
    let gaps: Vec<&str> = rows()
        .filter(|row| is_gap(row))
        .map(|(id, _)| *id)
        .collect();
    assert!(
        gaps.is_empty(),
        "{} rows have no evidence: {}",
        gaps.len(),
        gaps.join(" ")
    );
}

#[test]
fn everything_named_exists() {
    let repository = Repository::read();
    let unknown: Vec<String> = rows().flat_map(|row| repository.unknown(row)).collect();
    assert!(
        unknown.is_empty(),
        "{} names exist nowhere:\n{}",
        unknown.len(),
        unknown.join("\n")
    );
}

#[test]
fn what_later_steps_owe_is_told() {
    for step in [SECURE, PIPELINES, WEBSOCKET] {
        let ids: Vec<&str> = rows()
            .filter(|(_, evidence)| evidence.contains(&Later(step)))
            .map(|(id, _)| *id)
            .collect();
        tell(&format!("{step}: {}", ids.join(" ")));
    }
}

#[test]
fn the_differences_from_unity_name_tests_that_exist() {
    let repository = Repository::read();
    let page = sources(&["docs"], "unity.md");
    let named: Vec<String> = page.iter().flat_map(tests_of_differences).collect();
    assert!(
        named.len() > 10,
        "docs/unity.md names {} tests",
        named.len()
    );
    let unknown: Vec<&String> = named
        .iter()
        .filter(|name| !repository.tests.contains(*name))
        .collect();
    assert!(
        unknown.is_empty(),
        "docs/unity.md names tests that exist nowhere: {unknown:?}"
    );
}

fn rows() -> impl Iterator<Item = &'static Row> {
    CONFORMANCE.iter().chain(THREAT_MODEL)
}

fn order_of(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|(id, _)| (*id).to_owned()).collect()
}

fn conformance_ids() -> Vec<String> {
    CONFORMANCE_ROWS
        .into_iter()
        .flat_map(|(letter, rows)| (1..=rows).map(move |number| format!("{letter}{number}")))
        .collect()
}

fn is_gap((_, evidence): &Row) -> bool {
    evidence.is_empty() || evidence.contains(&Missing)
}

#[expect(
    clippy::print_stdout,
    reason = "a remark for whoever runs the test with its output shown"
)]
fn tell(remark: &str) {
    println!("{remark}");
}

// ---- it can fail -----------------------------------------------------------------------------

#[test]
fn a_gap_is_seen() {
    assert!(is_gap(&("A1", &[])));
    assert!(is_gap(&("A1", &[Test("a1_something"), Missing])));
    assert!(!is_gap(&("A1", &[Later(SECURE)])));
}
