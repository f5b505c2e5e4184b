//! The names that evidence may refer to, read from the repository as text.

use std::collections::BTreeSet;

use crate::house::{Source, has_word, sources};
use crate::table::Evidence::{DoesNotCompile, Figure, Later, Missing, Privileged, Test};
use crate::table::{Row, SECURE};

/// The names that evidence may refer to.
#[derive(Debug, Default)]
pub(crate) struct Repository {
    pub(crate) tests: BTreeSet<String>,
    /// Words of the comments in front of `compile_fail` documentation tests.
    markers: BTreeSet<String>,
    benches: BTreeSet<String>,
    scripts: BTreeSet<String>,
}

impl Repository {
    pub(crate) fn read() -> Self {
        let rust = sources(&["src", "tests"], ".rs");
        let stems = |sources: Vec<Source>| {
            sources
                .iter()
                .filter_map(|source| {
                    source
                        .path
                        .rsplit('/')
                        .next()?
                        .split('.')
                        .next()
                        .map(str::to_owned)
                })
                .collect()
        };
        Self {
            tests: rust.iter().flat_map(tests_of).collect(),
            markers: rust.iter().flat_map(markers_of).collect(),
            benches: stems(sources(&["benches"], ".rs")),
            scripts: stems(sources(&["tests/privileged"], ".sh")),
        }
    }

    /// What is wrong with the names of a row.
    pub(crate) fn unknown(&self, (id, evidence): &Row) -> Vec<String> {
        let test = |name: &str| {
            if !names_id(name, id) {
                vec![format!("{id}: {name} does not begin with the id")]
            } else if !self.tests.contains(name) {
                vec![format!("{id}: no test is called {name}")]
            } else {
                vec![]
            }
        };
        let known = |set: &BTreeSet<String>, what: &str, name: &str| {
            if set.contains(name) {
                vec![]
            } else {
                vec![format!("{id}: no {what} is called {name}")]
            }
        };
        evidence
            .iter()
            .flat_map(|evidence| match *evidence {
                Test(name) => test(name),
                DoesNotCompile(marker) => known(&self.markers, "compile_fail marker", marker),
                Figure { cause, bench } => {
                    [test(cause), known(&self.benches, "bench", bench)].concat()
                }
                Privileged(script) => known(&self.scripts, "privileged script", script),
                Later(_) | Missing => vec![],
            })
            .collect()
    }
}

/// The test functions of a file: those with a test attribute above them, property tests included.
fn tests_of(source: &Source) -> Vec<String> {
    let code = source.code();
    let mut names = Vec::new();
    let mut is_test = false;
    for line in code.lines().map(str::trim) {
        is_test |= line.starts_with("#[test]");
        if let Some(at) = line.find("fn ").filter(|_| is_test) {
            let name = line.get(at + 3..).unwrap_or_default();
            names.extend(name.split(['(', '<']).next().map(str::to_owned));
            is_test = false;
        }
    }
    names
}

/// The tests in the last column of the table of differences; rows without one have a dash.
pub(crate) fn tests_of_differences(page: &Source) -> Vec<String> {
    let (_, table) = page
        .text
        .split_once("<!-- differences begin -->")
        .unwrap_or_default();
    let (table, _) = table
        .split_once("<!-- differences end -->")
        .unwrap_or((table, ""));
    let last_columns = table
        .lines()
        .filter_map(|line| line.trim_end_matches(['|', ' ']).rsplit('|').next());
    last_columns
        .flat_map(|column| column.split('`').skip(1).step_by(2))
        .filter(|name| !name.contains('/'))
        .map(str::to_owned)
        .collect()
}

/// The ids in the sentences in front of a file's `compile_fail` documentation tests.
fn markers_of(source: &Source) -> Vec<String> {
    let mut markers = Vec::new();
    let mut sentence = String::new();
    let mut in_block = false;
    for line in source.text.lines().map(str::trim) {
        let comment = line
            .strip_prefix("///")
            .or_else(|| line.strip_prefix("//!"))
            .map(str::trim);
        match comment {
            // A sentence that announces the block may stand a line above it.
            Some("") if sentence.ends_with(':') => {}
            None | Some("") => sentence.clear(),
            Some(fence) if fence.starts_with("```") => {
                if !in_block && fence.contains("compile_fail") {
                    markers.extend(ids_in(&sentence));
                }
                in_block = !in_block;
                sentence.clear();
            }
            Some(text) if !in_block => sentence = format!("{sentence} {text}"),
            Some(_) => {}
        }
    }
    markers
}

fn ids_in(sentence: &str) -> impl Iterator<Item = String> {
    sentence
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| id_of(&word.to_ascii_lowercase()).as_deref() == Some(*word))
        .map(str::to_owned)
}

/// Whether the name of a test begins with this id, among others: `c02_e16_…` shows C2 and E16.
fn names_id(test: &str, id: &str) -> bool {
    test.split('_').map_while(id_of).any(|named| named == id)
}

/// The id a part of a name is: `r08` is R8.
fn id_of(part: &str) -> Option<String> {
    let letter = part.chars().next().filter(char::is_ascii_lowercase)?;
    let number: u32 = part.get(1..)?.parse().ok()?;
    Some(format!("{}{number}", letter.to_ascii_uppercase()))
}

// ---- it can fail -----------------------------------------------------------------------------

#[test]
fn a_name_that_exists_nowhere_is_seen() {
    let repository = Repository::default();
    let row: Row = (
        "R8",
        &[
            Test("r08_stateless"),
            DoesNotCompile("R8"),
            Privileged("r08_script"),
            Later(SECURE),
        ],
    );
    assert_eq!(repository.unknown(&row).len(), 3);
    assert_eq!(
        repository
            .unknown(&(
                "R8",
                &[Figure {
                    cause: "r08_stateless",
                    bench: "none"
                }]
            ))
            .len(),
        2
    );
}

#[test]
fn a_test_of_another_row_is_seen() {
    let repository = Repository {
        tests: BTreeSet::from(["a9_something".to_owned()]),
        ..Repository::default()
    };
    assert!(
        repository
            .unknown(&("A9", &[Test("a9_something")]))
            .is_empty()
    );
    assert_eq!(
        repository.unknown(&("A1", &[Test("a9_something")])).len(),
        1
    );
}

#[test]
fn a_name_may_begin_with_several_ids() {
    assert!(names_id("c02_e16_a_close", "C2") && names_id("c02_e16_a_close", "E16"));
    assert!(!names_id("c02_e16_a_close", "A1") && !names_id("a_close_e16", "E16"));
    assert!(!names_id("r1_short", "R11"));
}

#[test]
fn the_last_column_of_the_differences_is_read() {
    let table = "`a0`\n<!-- differences begin -->\n| x | `y` | `a1_b`, `a2_c` |\n<!-- differences end -->\n| `a3` |\n";
    assert_eq!(
        tests_of_differences(&Source::new("docs/unity.md", table)),
        ["a1_b", "a2_c"]
    );
}

#[test]
fn tests_are_told_from_helpers_and_markers_from_text() {
    let text = "/// A second end (D8, D9):\n/// ```compile_fail,E0382\n/// x\n/// ```\n/// D10\n#[test]\nfn a1_b() {}\nfn a2_c() {}\n";
    let source = Source::new("src/a.rs", text);
    assert_eq!(tests_of(&source), ["a1_b"]);
    assert_eq!(markers_of(&source), ["D8", "D9"]);
    assert!(has_word(text, "a1_b"));
}
