//! DTLS with those whom nobody here wrote: `OpenSSL`, `GnuTLS`, mbed TLS 2.28 (the library under Unity's)
//! and dimpl, each as client and as server, against a driver on real sockets.
//!
//! In `cargo test` the cells of a clean network run, and a partner that is not installed is skipped,
//! loudly. With `DRUMFIRE_INTEROP=required` a missing partner is a failure, and with `all`, as `.ci/run`
//! says it, the lossy network runs as well; `DRUMFIRE_INTEROP_SEED` has it be another.

#![cfg(feature = "aws-lc-rs")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "helpers of tests, real time and real sockets, and a table to be printed"
)]

#[cfg(feature = "key-log")]
mod capture;
mod cell;
mod diary;
#[expect(dead_code, reason = "each test program uses its part of the support")]
#[path = "../support/dice.rs"]
mod dice;
mod dimpl;
mod line;
mod partner;
mod programs;
mod talk;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use cell::{Cell, Network, cells};

/// Cells under way at a time: lossy ones wait most of their time.
const ABREAST: usize = 16;
const ABREAST_CLEAN: usize = 6;
/// Of so many cells one may have to begin again, by chance.
const CELLS_PER_CHANCE: usize = 20;

/// Whether a partner that is missing is a failure.
fn is_required() -> bool {
    std::env::var_os("DRUMFIRE_INTEROP").is_some()
}

fn is_complete() -> bool {
    std::env::var("DRUMFIRE_INTEROP").is_ok_and(|value| value == "all")
}

/// Where the dice of lossy networks begin: each number is another weather for all cells.
fn seed() -> u64 {
    let seed = std::env::var("DRUMFIRE_INTEROP_SEED").ok();
    seed.map_or(0, |seed| seed.parse().unwrap())
}

/// Runs cells, some at a time, and prints the table of them.
fn matrix(network: Network, abreast: usize) {
    let began = Instant::now();
    let mut missing = BTreeMap::new();
    let cells: Vec<Cell> = cells(network)
        .into_iter()
        .filter(|cell| {
            let lack = missing
                .entry(cell.who)
                .or_insert_with(|| programs::missing(cell.who));
            lack.is_none()
        })
        .collect();
    for (who, lack) in &missing {
        if let Some(lack) = lack {
            assert!(!is_required(), "{who:?}: {lack}");
            println!("SKIPPED: interoperability with {who:?}: {lack}");
        }
    }
    let seed = seed();
    let next = Mutex::new(cells.iter().enumerate());
    let done = Mutex::new(Vec::<Done>::new());
    std::thread::scope(|scope| {
        for _ in 0..abreast {
            scope.spawn(|| {
                loop {
                    let Some((index, cell)) = next.lock().unwrap().next() else {
                        return;
                    };
                    let start = Instant::now();
                    let result = talk::run(cell, seed + u64::try_from(index).unwrap());
                    done.lock().unwrap().push((index, result, start.elapsed()));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(index, ..)| *index);
    let Count { failed, again } = print(&cells, &done);
    println!(
        "{} cells in {:.0} s, {failed} failed, {again} began again",
        done.len(),
        began.elapsed().as_secs_f64()
    );
    assert_eq!(failed, 0, "of {} cells", done.len());
    let chance = done.len() / CELLS_PER_CHANCE;
    assert!(again <= chance, "{again} began again, {chance} are chance");
}

/// Cells that failed, and attempts that came to nothing in those that did not.
struct Count {
    failed: usize,
    again: usize,
}

/// What became of a cell, and how long it took.
type Done = (usize, Result<Vec<String>, String>, Duration);

/// The table.
fn print(cells: &[Cell], done: &[Done]) -> Count {
    let (mut failed, mut again) = (0, 0);
    for (index, result, time) in done {
        let verdict = match result {
            Ok(late) => {
                again += late.len();
                let late = late.iter().map(|why| format!(", begun again: {why}"));
                late.fold("ok".to_owned(), |text, why| text + &why)
            }
            Err(error) => {
                failed += 1;
                format!("FAILED: {error}")
            }
        };
        println!(
            "{}  {:>5.1} s  {verdict}",
            cells[*index],
            time.as_secs_f64()
        );
    }
    Count { failed, again }
}

#[test]
fn a_clean_network() {
    matrix(Network::Clean, ABREAST_CLEAN);
}

#[test]
fn a_lossy_network() {
    if is_complete() {
        matrix(Network::Lossy, ABREAST);
    } else {
        println!("SKIPPED: the lossy network, which takes minutes: DRUMFIRE_INTEROP=all runs it");
    }
}
