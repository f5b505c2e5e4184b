//! What the rules about text look for.

use crate::house::{Source, has_word, line_of_word};
use crate::{complain, example};

/// Lines at which a file holds two ideas.
const LARGEST_FILE: usize = 600;

pub(crate) const LEFT_FOR_LATER: [&str; 2] = [concat!("FIX", "ME"), concat!("XX", "X")];

const PLACES: [&str; 2] = [concat!("/wo", "rk/"), concat!("../sha", "red")];

pub(crate) fn size_complaints(sources: &[Source]) -> Vec<String> {
    let lines = |source: &Source| source.text.lines().count();
    sources
        .iter()
        .filter(|source| lines(source) > LARGEST_FILE)
        .map(|source| {
            format!(
                "{}: {} lines, and {LARGEST_FILE} hold two ideas",
                source.path,
                lines(source)
            )
        })
        .collect()
}

pub(crate) fn doc_complaints(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| format!("{}: begins without //!", source.path))
        .collect()
}

/// `word` as a word of code, outside the files whose paths begin with one of `rooms`.
pub(crate) fn word_complaints(sources: &[Source], word: &str, rooms: &[&str]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| !rooms.iter().any(|room| source.path.starts_with(room)))
        .filter_map(|source| {
            let line = line_of_word(&source.code(), word)?;
            Some(format!(
                "{}:{line}: {word} has no business here",
                source.path
            ))
        })
        .collect()
}

/// `text` anywhere in code.
pub(crate) fn code_complaints(sources: &[Source], text: &str) -> Vec<String> {
    let line_of = |source: &Source| source.code().lines().position(|line| line.contains(text));
    sources
        .iter()
        .filter_map(|source| Some(format!("{}:{}: {text}", source.path, line_of(source)? + 1)))
        .collect()
}

/// `mark` as a word anywhere, comments included.
pub(crate) fn mark_complaints(sources: &[Source], mark: &str) -> Vec<String> {
    sources
        .iter()
        .filter_map(|source| {
            Some(format!(
                "{}:{}: {mark}",
                source.path,
                line_of_word(&source.text, mark)?
            ))
        })
        .collect()
}

/// Expectations of lints that give no reason.
pub(crate) fn reason_complaints(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let code = source.code();
        for opening in ["#[expect(", "#![expect("] {
            for (at, _) in code.match_indices(opening) {
                let attribute = code
                    .get(at..)
                    .and_then(|rest| rest.split(']').next())
                    .unwrap_or_default();
                if !has_word(attribute, "reason") {
                    let line = code.get(..at).unwrap_or_default().lines().count();
                    complaints.push(format!(
                        "{}:{line}: expectation without a reason",
                        source.path
                    ));
                }
            }
        }
    }
    complaints
}

pub(crate) fn readme_complaints(sources: &[Source]) -> Vec<String> {
    let needed = [
        "cargo run --release",
        "cargo test",
        "wire-compatible with Unity Transport 2.x",
        "not affiliated with or endorsed by Unity Technologies",
    ];
    sources
        .iter()
        .flat_map(|source| {
            let text = source.text.split_whitespace().collect::<Vec<_>>().join(" ");
            needed
                .into_iter()
                .filter(move |needed| !text.contains(needed))
                .map(|needed| format!("{}: does not say {needed:?}", source.path))
        })
        .collect()
}

/// Places outside the repository.
pub(crate) fn place_complaints(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        for (number, line) in source.text.lines().enumerate() {
            if let Some(place) = PLACES.into_iter().find(|place| line.contains(place)) {
                complaints.push(format!("{}:{}: names {place}", source.path, number + 1));
            }
        }
    }
    complaints
}

/// Lines of Markdown in which a sentence ends and another begins; code and tables are left out.
pub(crate) fn sentence_complaints(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let mut in_code = false;
        for (number, line) in source.text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            } else if !in_code && !line.trim_start().starts_with('|') && two_sentences(line) {
                complaints.push(format!(
                    "{}:{}: two sentences on one line",
                    source.path,
                    number + 1
                ));
            }
        }
    }
    complaints
}

fn two_sentences(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    words.windows(2).any(|pair| {
        let [end, start] = pair else { return false };
        let ends = end.ends_with(['.', '!', '?'])
            && end.len() > 3
            && !end.ends_with("e.g.")
            && !end.ends_with("i.e.");
        ends && start.chars().next().is_some_and(char::is_uppercase)
    })
}

/// Blocks, functions and implementations marked unsafe.
pub(crate) fn unsafe_count(source: &Source) -> usize {
    source
        .code()
        .lines()
        .filter(|line| has_word(line, "unsafe"))
        .count()
}

/// Files with fewer proofs than uses of unsafe code.
pub(crate) fn proof_complaints(sources: &[Source]) -> Vec<String> {
    let proofs = |source: &Source| source.text.matches("// SAFETY").count();
    sources
        .iter()
        .filter(|source| proofs(source) < unsafe_count(source))
        .map(|source| {
            format!(
                "{}: {} proofs for {} uses of unsafe",
                source.path,
                proofs(source),
                unsafe_count(source)
            )
        })
        .collect()
}

// ---- every rule can fail ---------------------------------------------------------------------

#[test]
fn a_file_of_601_lines_is_seen() {
    assert_eq!(
        size_complaints(&example("src/a.rs", &"\n".repeat(601))).len(),
        1
    );
    complain(&size_complaints(&example("src/a.rs", &"\n".repeat(600))));
}

#[test]
fn a_file_without_its_sentence_is_seen() {
    assert_eq!(
        doc_complaints(&example("src/a.rs", "use std::io;\n")).len(),
        1
    );
    complain(&doc_complaints(&example("src/a.rs", "//! Something.\n")));
}

#[test]
fn a_word_out_of_place_is_seen_and_one_in_a_comment_is_not() {
    let text = "// rayon\nlet a = \"rayon\";\nuse rayon::join;\n";
    assert_eq!(
        word_complaints(&example("src/link/mod.rs", text), "rayon", &["src/job/"]).len(),
        1
    );
    complain(&word_complaints(
        &example("src/job/pool.rs", text),
        "rayon",
        &["src/job/"],
    ));
    complain(&word_complaints(
        &example("src/link/mod.rs", "// rayon\n"),
        "rayon",
        &["src/job/"],
    ));
}

#[test]
fn an_unsafe_block_is_counted() {
    let source = Source::new(
        "src/interface/udp/sys.rs",
        "#![expect(unsafe_code)]\n// unsafe\nunsafe { f() }\n",
    );
    assert_eq!(unsafe_count(&source), 1);
}

#[test]
fn an_unsafe_block_without_its_proof_is_seen() {
    let bare = "unsafe { f() }\n";
    assert_eq!(proof_complaints(&example("src/a.rs", bare)).len(), 1);
    let proved = format!("// SAFETY: because.\n{bare}");
    complain(&proof_complaints(&example("src/a.rs", &proved)));
}

#[test]
fn forbidden_code_is_seen() {
    assert_eq!(
        code_complaints(
            &example("src/a.rs", "std::thread::sleep(d);"),
            "thread::sleep"
        )
        .len(),
        1
    );
    complain(&code_complaints(
        &example("src/a.rs", "// thread::sleep\n"),
        "thread::sleep",
    ));
}

#[test]
fn a_mark_in_a_comment_is_seen() {
    for mark in LEFT_FOR_LATER {
        assert_eq!(
            mark_complaints(&example("src/a.rs", &format!("// {mark}: later\n")), mark).len(),
            1
        );
    }
}

#[test]
fn an_expectation_without_a_reason_is_seen() {
    assert_eq!(
        reason_complaints(&example("src/a.rs", "#[expect(dead_code)]\nfn a() {}\n")).len(),
        1
    );
    complain(&reason_complaints(&example(
        "src/a.rs",
        "#[expect(\n    dead_code,\n    reason = \"b\"\n)]\nfn a() {}\n",
    )));
}

#[test]
fn a_readme_that_says_nothing_is_seen() {
    assert_eq!(
        readme_complaints(&example("README.md", "# drumfire\n")).len(),
        4
    );
}

#[test]
fn a_place_outside_is_seen() {
    for place in PLACES {
        assert_eq!(
            place_complaints(&example("docs/a.md", &format!("see {place}b"))).len(),
            1
        );
    }
}

#[test]
fn two_sentences_on_a_line_are_seen() {
    assert_eq!(
        sentence_complaints(&example("a.md", "This is one. This is two.\n")).len(),
        1
    );
    complain(&sentence_complaints(&example(
        "a.md",
        "One, e.g. This.\nUnity 2.7 Peers.\n```\nlet a. B\n```\n| One. | Two. Three. |\n",
    )));
}
