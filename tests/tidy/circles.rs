//! Circles: no two files import each other, directly or over others.

use std::collections::{BTreeMap, BTreeSet};

use crate::complain;
use crate::house::{Source, has_word, sources};
use crate::imports::{Import, imports, module_of};

#[test]
fn no_modules_import_each_other_in_a_circle() {
    complain(&circle_complaints(&sources(&["src"], ".rs")));
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

// ---- it can fail -----------------------------------------------------------------------------

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
