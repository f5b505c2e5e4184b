//! Floors: imports point down (`docs/architecture.md`).

use std::collections::BTreeMap;

use crate::house::{Source, sources};
use crate::imports::{imports, module_of};
use crate::{complain, example};

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

#[test]
fn imports_point_down_the_floors() {
    complain(&floor_complaints(&sources(&["src"], ".rs")));
}

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

// ---- it can fail -----------------------------------------------------------------------------

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
