//! The house rules, as a program: it reads the sources as text and knows nothing of what they do.
//!
//! Each rule is a function from sources to complaints, a test that the repository has none, and a
//! test with a bad example, so that a rule that cannot fail is noticed.

mod house;

use std::collections::{BTreeMap, BTreeSet};

use house::{Source, has_word, line_of_word, sources};

/// Modules of the crate and the floor each stands on (`docs/architecture.md`).
const FLOORS: [(&str, u8); 22] = [
    ("driver", 5),
    ("job", 4),
    ("link", 3),
    ("endpoint", 3),
    ("interface", 3),
    ("pipeline", 2),
    ("secure", 2),
    ("buffer", 1),
    ("settings", 1),
    ("crypto", 1),
    ("id", 0),
    ("error", 0),
    ("time", 0),
    ("sequence", 0),
    ("wire", 0),
    ("stream", 0),
    ("address", 0),
    ("counters", 0),
    ("random", 0),
    ("journal", 0),
    ("test_support", 5),
    ("lib", 6),
];

/// The imports between modules of one floor that are allowed.
///
/// On the ground floor, where all are plain values, two are their neighbours' vocabulary: addresses
/// and time.
const SAME_FLOOR: [(&str, &str); 4] = [
    ("settings", "crypto"),
    ("endpoint", "link"),
    ("error", "address"),
    ("journal", "address"),
];

/// On the ground floor every module may take the time as an argument.
const FOR_ALL_OF_THE_GROUND_FLOOR: &str = "time";

/// Lines at which a file holds two ideas.
const LARGEST_FILE: usize = 600;
/// Lines from which a file is worth a look.
const LARGE_FILE: usize = 400;

/// Blocks, functions and implementations marked unsafe in `src/`.
const UNSAFE_BUDGET: usize = 5;

/// The test that counts allocations, and with it the one global allocator of the repository.
const ALLOCATOR_TEST: &str = "tests/alloc";

// ---- the rules -------------------------------------------------------------------------------

#[test]
fn imports_point_down_the_floors() {
    complain(&floor_complaints(&sources(&["src"], ".rs")));
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    complain(&circle_complaints(&sources(&["src"], ".rs")));
}

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
        // The command line makes keys, which rustls does not.
        let keys = "src/bin/drumfire/certs/provider.rs";
        complain(&word_complaints(&sources, word, &["src/crypto/", keys]));
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
                "src/interface/",
                // The peer of these tests takes an `Instant`.
                "src/secure/dtls/tests/dimpl.rs",
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

// ---- what they look for ----------------------------------------------------------------------

const SYS: &str = "src/interface/udp/sys";
const LEFT_FOR_LATER: [&str; 2] = [concat!("FIX", "ME"), concat!("XX", "X")];
const PLACES: [&str; 2] = [concat!("/wo", "rk/"), concat!("../sha", "red")];

/// Imports that point up, sideways, or between two modules that must not know each other.
fn floor_complaints(sources: &[Source]) -> Vec<String> {
    let floors: BTreeMap<&str, u8> = FLOORS.into_iter().collect();
    let roots = root_items(sources);
    let mut complaints = Vec::new();
    for source in sources {
        let Some(from) = module_of(&source.path).first().cloned() else {
            continue;
        };
        let Some(floor) = floors.get(from.as_str()) else {
            if !source.path.starts_with("src/bin/") {
                complaints.push(format!("{}: module {from} stands on no floor", source.path));
            }
            continue;
        };
        for import in imports(source) {
            let Some(first) = import.path.first() else {
                continue;
            };
            let to = if floors.contains_key(first.as_str()) {
                Some(first)
            } else {
                roots.get(first)
            };
            let Some((to, other)) =
                to.and_then(|to| floors.get(to.as_str()).map(|other| (to, other)))
            else {
                complaints.push(format!(
                    "{}:{}: crate::{first} is no module",
                    source.path, import.line
                ));
                continue;
            };
            if *to == from || other < floor {
                continue;
            }
            let beside = SAME_FLOOR.contains(&(from.as_str(), to.as_str()))
                || (*floor == 0 && to == FOR_ALL_OF_THE_GROUND_FLOOR);
            if !beside {
                let way = if other > floor { "up" } else { "sideways" };
                complaints.push(format!(
                    "{}:{}: {from} (floor {floor}) imports {way} from {to} (floor {other})",
                    source.path, import.line
                ));
            }
        }
    }
    complaints.dedup();
    complaints
}

/// Files that import each other, directly or over others.
///
/// Two things are no circle: what a `mod.rs`, the face of its folder, and its children take from each
/// other; and a file that takes another's type only to add an `impl` block to it.
fn circle_complaints(sources: &[Source]) -> Vec<String> {
    let modules: BTreeMap<Vec<String>, &Source> = sources
        .iter()
        .filter(|source| !source.path.starts_with("src/bin/") && !source.path.ends_with("tests.rs"))
        .map(|source| (module_of(&source.path), source))
        .collect();
    let faces: BTreeMap<Vec<String>, Vec<Import>> = modules
        .iter()
        .map(|(module, source)| (module.clone(), imports(source)))
        .collect();
    let mut edges: BTreeMap<&Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
    for (module, found) in &faces {
        for import in found {
            let extends = modules
                .get(module)
                .is_some_and(|source| only_extends(&source.code(), import));
            if let Some(to) = resolve(&import.path, &faces, 8)
                && !extends
                && !to.starts_with(module)
                && !module.starts_with(&to)
            {
                edges.entry(module).or_default().insert(to);
            }
        }
    }
    let mut complaints = Vec::new();
    for start in edges.keys() {
        if let Some(circle) = way_back(start, &edges)
            && circle.iter().all(|module| *start <= module)
        {
            let names: Vec<String> = circle.iter().map(|module| module.join("::")).collect();
            complaints.push(format!("{} → {}", start.join("::"), names.join(" → ")));
        }
    }
    complaints
}

/// Whether an imported type is named by its `use` and by headers of `impl` blocks alone.
fn only_extends(code: &str, import: &Import) -> bool {
    let Some(name) = import.path.last() else {
        return false;
    };
    let uses: Vec<&str> = code.lines().filter(|line| has_word(line, name)).collect();
    let headers = uses
        .iter()
        .filter(|line| line.starts_with("impl") && line.ends_with('{') && !has_word(line, "for"));
    let headers = headers.count();
    headers > 0 && uses.iter().filter(|line| !line.starts_with("use ")).count() == headers
}

/// The shortest way from `start` back to itself.
fn way_back(
    start: &Vec<String>,
    edges: &BTreeMap<&Vec<String>, BTreeSet<Vec<String>>>,
) -> Option<Vec<Vec<String>>> {
    let mut ways = std::collections::VecDeque::from([vec![start.clone()]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in edges.get(way.last()?).into_iter().flatten() {
            let longer: Vec<_> = way.iter().skip(1).cloned().chain([next.clone()]).collect();
            if next == start {
                return Some(longer);
            }
            if seen.insert(next.clone()) {
                ways.push_back(way.iter().cloned().chain([next.clone()]).collect());
            }
        }
    }
    None
}

/// The module a path ends in: the item's own, where a face hands it on.
fn resolve(
    path: &[String],
    faces: &BTreeMap<Vec<String>, Vec<Import>>,
    hops: u8,
) -> Option<Vec<String>> {
    let length = (1..=path.len()).rev().find(|length| {
        path.get(..*length)
            .is_some_and(|module| faces.contains_key(module))
    });
    let (module, rest) = path.split_at(length.unwrap_or(0));
    if let (Some(name), Some(imports)) = (rest.first(), faces.get(module))
        && hops > 0
        && let Some(handed_on) = imports
            .iter()
            .find(|import| import.path.last() == Some(name))
        && handed_on.path != path
    {
        return resolve(&handed_on.path, faces, hops - 1);
    }
    (!module.is_empty()).then(|| module.to_vec())
}

fn size_complaints(sources: &[Source]) -> Vec<String> {
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

fn doc_complaints(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| format!("{}: begins without //!", source.path))
        .collect()
}

/// `word` as a word of code, outside the files whose paths begin with one of `rooms`.
fn word_complaints(sources: &[Source], word: &str, rooms: &[&str]) -> Vec<String> {
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
fn code_complaints(sources: &[Source], text: &str) -> Vec<String> {
    let line_of = |source: &Source| source.code().lines().position(|line| line.contains(text));
    sources
        .iter()
        .filter_map(|source| Some(format!("{}:{}: {text}", source.path, line_of(source)? + 1)))
        .collect()
}

/// `mark` as a word anywhere, comments included.
fn mark_complaints(sources: &[Source], mark: &str) -> Vec<String> {
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
fn reason_complaints(sources: &[Source]) -> Vec<String> {
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

fn readme_complaints(sources: &[Source]) -> Vec<String> {
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
fn place_complaints(sources: &[Source]) -> Vec<String> {
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
fn sentence_complaints(sources: &[Source]) -> Vec<String> {
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
fn unsafe_count(source: &Source) -> usize {
    source
        .code()
        .lines()
        .filter(|line| has_word(line, "unsafe"))
        .count()
}

/// Files with fewer proofs than uses of unsafe code.
fn proof_complaints(sources: &[Source]) -> Vec<String> {
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

// ---- reading sources -------------------------------------------------------------------------

/// A path that a file names, from the crate's root, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Import {
    path: Vec<String>,
    line: usize,
}

/// The module a file of `src/` is: its path below the root, `lib` for the root itself.
fn module_of(path: &str) -> Vec<String> {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let inside = inside.strip_suffix(".rs").unwrap_or(inside);
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    inside.split('/').map(str::to_owned).collect()
}

/// Everything a file names by a path from the crate's root, from itself, or from the module above it,
/// and what its `use` declarations take from its own children.
fn imports(source: &Source) -> Vec<Import> {
    let code = source.code();
    let module = module_of(&source.path);
    let mut found: Vec<Import> = Vec::new();
    for (at, _) in code
        .match_indices("use ")
        .chain(code.match_indices("crate::"))
        .chain(code.match_indices("super::"))
    {
        let before = code.get(..at).unwrap_or_default();
        if before
            .chars()
            .next_back()
            .is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
        {
            continue;
        }
        let line = before.lines().count().max(1) + usize::from(before.ends_with('\n'));
        let rest = code.get(at..).unwrap_or_default();
        let tree = match rest.strip_prefix("use ") {
            Some(tree) => tree.split(';').next().unwrap_or_default(),
            None => path_at(rest),
        };
        // Within `mod tests { … }` of the same file, `super` is the file itself.
        let nested = inline_modules(before);
        for path in flatten(tree) {
            if let Some(path) = from_root(&path, &module, nested) {
                let import = Import { path, line };
                if !found.contains(&import) {
                    found.push(import);
                }
            }
        }
    }
    found
}

/// How many inline modules are open at the end of `before`.
fn inline_modules(before: &str) -> usize {
    let mut depth = 0_usize;
    let mut open = Vec::new();
    let mut declares = false;
    for line in before.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        declares |= words.contains(&"mod") && line.trim_end().ends_with('{');
        for c in line.chars() {
            match c {
                '{' => {
                    depth += 1;
                    if std::mem::take(&mut declares) {
                        open.push(depth);
                    }
                }
                '}' => {
                    if open.last() == Some(&depth) {
                        open.pop();
                    }
                    depth = depth.saturating_sub(1);
                }
                _ => {}
            }
        }
    }
    open.len()
}

/// The path of names at the start of `text`.
fn path_at(text: &str) -> &str {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// The paths of a `use` tree.
fn flatten(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return vec![
            path.split("::")
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect(),
        ];
    };
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let head: Vec<String> = head
        .split("::")
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    split_group(group)
        .into_iter()
        .flat_map(flatten)
        .map(|tail| head.iter().cloned().chain(tail).collect())
        .collect()
}

/// The members of a group, at its own level.
fn split_group(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut members) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.extend(group.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    members.extend(group.get(start..));
    members
        .into_iter()
        .filter(|member| !member.trim().is_empty())
        .collect()
}

/// `path` from the crate's root, if it is one of this crate's; `nested` inline modules deep in `module`.
fn from_root(path: &[String], module: &[String], nested: usize) -> Option<Vec<String>> {
    let first = path.first()?.as_str();
    let base = match first {
        "crate" => return Some(path.iter().skip(1).cloned().collect()),
        "self" | "super" => {
            let ups = path.iter().take_while(|name| *name == "super").count();
            let keep = module.len().saturating_sub(ups.saturating_sub(nested));
            let rest = path
                .iter()
                .skip_while(|name| matches!(name.as_str(), "super" | "self"))
                .cloned();
            return Some(module.iter().take(keep).cloned().chain(rest).collect());
        }
        "std" | "core" | "alloc" => return None,
        _ => module,
    };
    // A child of this module, or another crate: whichever it is, `resolve` finds out.
    Some(base.iter().cloned().chain(path.iter().cloned()).collect())
}

/// What the crate's root hands on, and from which module.
fn root_items(sources: &[Source]) -> BTreeMap<String, String> {
    let mut items = BTreeMap::new();
    for source in sources.iter().filter(|source| source.path == "src/lib.rs") {
        for import in imports(source) {
            let path: Vec<&String> = import.path.iter().filter(|name| *name != "lib").collect();
            if let (Some(first), Some(last)) = (path.first(), path.last()) {
                items.insert((*last).clone(), (*first).clone());
            }
        }
    }
    items
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

// ---- every rule can fail ---------------------------------------------------------------------

fn example(path: &str, text: &str) -> Vec<Source> {
    vec![Source::new(path, text)]
}

#[test]
fn an_import_that_points_up_is_seen() {
    for text in [
        "use crate::job::Pool;",
        "use crate::{id::X, job::{Pool, Plan}};",
        "fn f() { crate::driver::clock(); }",
        "use crate::endpoint::Endpoint;",
        "use crate::interface::Transmit;",
    ] {
        assert_eq!(
            floor_complaints(&example("src/link/send.rs", text)).len(),
            1,
            "{text}"
        );
    }
    assert_eq!(
        floor_complaints(&example("src/secure/mod.rs", "use crate::pipeline::Stage;")).len(),
        1
    );
    assert_eq!(
        floor_complaints(&example("src/pipeline/mod.rs", "use crate::secure::Key;")).len(),
        1
    );
    assert_eq!(
        floor_complaints(&example("src/cellar/mod.rs", "")).len(),
        1,
        "a module without a floor"
    );
    assert_eq!(
        floor_complaints(&example("src/id.rs", "use crate::error::Error;")).len(),
        1
    );
    let up_by_root = [
        Source::new("src/lib.rs", "pub use driver::NetworkDriver;"),
        Source::new("src/job/mod.rs", "use crate::NetworkDriver;"),
    ];
    assert_eq!(floor_complaints(&up_by_root).len(), 1);
}

#[test]
fn an_import_that_points_down_is_fine() {
    let down =
        "//! [`crate::driver`]\nuse std::io;\nuse crate::link::Link;\nuse crate::{id::Id, wire};\n";
    complain(&floor_complaints(&example("src/endpoint/mod.rs", down)));
    complain(&floor_complaints(&example(
        "src/job/lead.rs",
        "use super::finish;\nuse crate::endpoint::Endpoint;",
    )));
}

#[test]
fn a_circle_is_seen_directly_over_others_and_through_a_face() {
    let face = Source::new(
        "src/job/mod.rs",
        "mod a;\nmod b;\nmod c;\npub(crate) use a::A;\n",
    );
    let direct = [
        Source::new("src/job/a.rs", "use super::b::B;"),
        Source::new("src/job/b.rs", "use super::a::A;"),
    ];
    assert_eq!(circle_complaints(&direct), ["job::a → job::b → job::a"]);
    let over = [
        Source::new("src/job/a.rs", "use super::b::B;"),
        Source::new("src/job/b.rs", "use crate::job::c::C;"),
        Source::new("src/job/c.rs", "fn f() { super::a::g() }"),
    ];
    assert_eq!(
        circle_complaints(&over),
        ["job::a → job::b → job::c → job::a"]
    );
    let by_face = [
        face,
        Source::new("src/job/a.rs", "use super::b::B;"),
        Source::new("src/job/b.rs", "use super::A;"),
    ];
    assert_eq!(circle_complaints(&by_face), ["job::a → job::b → job::a"]);
}

#[test]
fn a_face_and_its_children_are_no_circle() {
    let family = [
        Source::new("src/job/mod.rs", "mod a;\npub use a::A;\npub struct Job;"),
        Source::new(
            "src/job/a.rs",
            "use super::Job;\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n",
        ),
    ];
    complain(&circle_complaints(&family));
}

#[test]
fn adding_an_impl_block_to_a_siblings_type_is_no_circle() {
    let builder = Source::new(
        "src/settings/builder.rs",
        "use super::limits::Limits;\npub struct Builder(Limits);",
    );
    let extends =
        "use super::builder::Builder;\npub struct Limits;\nimpl Builder {\n    fn a() {}\n}\n";
    complain(&circle_complaints(&[
        builder,
        Source::new("src/settings/limits.rs", extends),
    ]));
    let builder = Source::new(
        "src/settings/builder.rs",
        "use super::limits::Limits;\npub struct Builder(Limits);",
    );
    let uses = "use super::builder::Builder;\npub struct Limits(Box<Builder>);\nimpl Builder {\n    fn a() {}\n}\n";
    assert_eq!(
        circle_complaints(&[builder, Source::new("src/settings/limits.rs", uses)]).len(),
        1
    );
}

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
