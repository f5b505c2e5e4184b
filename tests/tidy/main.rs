//! The house rules, as a program: it reads the sources as text and knows nothing of what they do.
//!
//! Each rule is a function from sources to complaints, a test that the repository has none, and a
//! test with a bad example, so that a rule that cannot fail is noticed.

mod circles;
mod floors;
#[path = "../house/mod.rs"]
mod house;
mod imports;
mod words;

use house::{Source, sources};
use words::{
    LEFT_FOR_LATER, code_complaints, doc_complaints, mark_complaints, place_complaints,
    proof_complaints, readme_complaints, reason_complaints, sentence_complaints, size_complaints,
    unsafe_count, word_complaints,
};

/// Lines from which a file is worth a look.
const LARGE_FILE: usize = 400;

/// Blocks, functions and implementations marked unsafe in `src/`.
const UNSAFE_BUDGET: usize = 5;

/// Where the system calls are.
const SYS: &str = "src/interface/udp/sys";

/// The test that counts allocations, and with it the one global allocator of the repository.
const ALLOCATOR_TEST: &str = "tests/alloc";

#[test]
fn a_file_holds_one_idea() {
    let sources = sources(&["src"], ".rs");
    for source in sources
        .iter()
        .filter(|source| source.text.lines().count() > LARGE_FILE)
    {
        report(&format!(
            "{}: {} lines, aim for 150 to {LARGE_FILE}",
            source.path,
            source.text.lines().count()
        ));
    }
    complain(&size_complaints(&sources));
}

#[test]
fn every_file_says_what_it_does() {
    complain(&doc_complaints(&sources(&["src"], ".rs")));
}

#[test]
fn unsafe_code_has_one_room() {
    let folders = ["src", "tests", "benches", "examples", "fuzz"];
    complain(&word_complaints(
        &sources(&folders, ".rs"),
        "unsafe",
        &[SYS, ALLOCATOR_TEST],
    ));
}

#[test]
fn r37_unsafe_budget() {
    let sources = sources(&["src"], ".rs");
    let count: usize = sources.iter().map(unsafe_count).sum();
    assert_eq!(
        count, UNSAFE_BUDGET,
        "every unsafe block is listed: change the number in the commit that adds one and proves it"
    );
    complain(&proof_complaints(&sources));
}

#[test]
fn rayon_is_named_by_the_job_floor_alone() {
    complain(&word_complaints(
        &sources(&["src"], ".rs"),
        "rayon",
        &["src/job/"],
    ));
}

#[test]
fn rustls_is_named_by_crypto_alone() {
    let sources = sources(&["src"], ".rs");
    for word in ["rustls", "aws_lc_rs", "webpki"] {
        // The command line makes keys, which rustls does not; and its floor is a bare AEAD, without
        // the library that is measured against it.
        let keys = "src/bin/drumfire/certs/provider.rs";
        let floor = "src/bin/drumfire/floor/aead.rs";
        complain(&word_complaints(
            &sources,
            word,
            &["src/crypto/", keys, floor],
        ));
    }
}

#[test]
fn libc_is_named_by_the_sockets_alone() {
    complain(&word_complaints(
        &sources(&["src"], ".rs"),
        "libc",
        &["src/interface/udp/"],
    ));
}

#[test]
fn only_the_driver_its_timer_the_interface_and_the_binary_read_a_clock() {
    let sources = sources(&["src"], ".rs");
    for word in ["Instant", "SystemTime"] {
        complain(&word_complaints(
            &sources,
            word,
            &[
                "src/driver/",
                "src/job/timing.rs",
                // The date of certificates, for those who build settings and schedule updates.
                "src/crypto/wall_time.rs",
                "src/interface/",
                "src/bin/",
                // Another crate's engine, which reads its own clock, as a partner.
                "src/secure/dtls/tests/dimpl.rs",
            ],
        ));
    }
}

#[test]
fn r07_wall_jump() {
    // Nothing below the binary can see the wall clock, so moving it has no effect.
    complain(&word_complaints(
        &sources(&["src"], ".rs"),
        "SystemTime",
        &["src/bin/", "src/crypto/"],
    ));
}

#[test]
fn nothing_sleeps() {
    complain(&code_complaints(
        &sources(&["src", "tests", "fuzz"], ".rs"),
        "thread::sleep",
    ));
}

#[test]
fn no_test_is_switched_off() {
    complain(&code_complaints(
        &sources(&["src", "tests", "benches", "examples", "fuzz"], ".rs"),
        "#[ignore",
    ));
}

#[test]
fn nothing_is_left_for_later() {
    let sources = sources(&["src", "tests", "benches", "examples", "fuzz"], ".rs");
    for code in ["todo!", "unimplemented!"] {
        complain(&code_complaints(&sources, code));
    }
    for mark in LEFT_FOR_LATER {
        complain(&mark_complaints(&sources, mark));
    }
}

#[test]
fn lints_are_expected_with_a_reason_and_never_allowed() {
    let sources = sources(&["src", "tests", "benches", "examples", "fuzz"], ".rs");
    for attribute in ["#[allow(", "#![allow("] {
        complain(&code_complaints(&sources, attribute));
    }
    complain(&reason_complaints(&sources));
}

#[test]
fn the_readme_has_two_commands_and_the_disclaimer() {
    let readme: Vec<Source> = sources(&[""], ".md")
        .into_iter()
        .filter(|source| source.path == "README.md")
        .collect();
    assert_eq!(readme.len(), 1, "the repository has a README.md");
    complain(&readme_complaints(&readme));
}

#[test]
fn the_repository_stands_alone() {
    complain(&place_complaints(&sources(&[""], "")));
}

#[test]
fn markdown_has_one_sentence_a_line() {
    complain(&sentence_complaints(&sources(&[""], ".md")));
}

fn complain(complaints: &[String]) {
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}

#[expect(
    clippy::print_stdout,
    reason = "a remark for whoever runs the test with its output shown"
)]
fn report(remark: &str) {
    println!("{remark}");
}

/// A repository of one file, for the bad examples.
fn example(path: &str, text: &str) -> Vec<Source> {
    vec![Source::new(path, text)]
}
