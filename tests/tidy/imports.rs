//! Imports: what a source file names of the crate, read as text.

use crate::house::Source;

/// A path that a file names, from the crate's root, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

/// The module a file of `src/` is: its path below the root, `lib` for the root itself.
pub(crate) fn module_of(path: &str) -> Vec<String> {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let inside = inside.strip_suffix(".rs").unwrap_or(inside);
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    inside.split('/').map(str::to_owned).collect()
}

/// Everything a file names by a path from the crate's root, from itself, or from the module above it,
/// and what its `use` declarations take from its own children.
pub(crate) fn imports(source: &Source) -> Vec<Import> {
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
