//! The repository as text: what the house rules and the table of requirements are checked against.

use std::fs;
use std::path::{Path, PathBuf};

/// One text file of the repository.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path from the repository's root, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// The text without comments and without what stands in quotes, line for line.
    pub(crate) fn code(&self) -> String {
        code_of(&self.text)
    }
}

/// Every text file below `folders` (the whole repository for `[""]`) whose name ends in `ending`,
/// build products left out, in order of path.
pub(crate) fn sources(folders: &[&str], ending: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in folders {
        walk(root, &root.join(folder), ending, &mut found);
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(root: &Path, folder: &PathBuf, ending: &str, found: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name == ".git" {
            continue;
        }
        if path.is_dir() {
            if !matches!(name.as_str(), "target" | "artifacts" | "coverage") {
                walk(root, &path, ending, found);
            }
        } else if name.ends_with(ending)
            && let (Ok(text), Ok(inside)) = (fs::read_to_string(&path), path.strip_prefix(root))
        {
            found.push(Source {
                path: inside.to_string_lossy().replace('\\', "/"),
                text,
            });
        }
    }
}

/// `text` with comments and the insides of string and character literals blanked out.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if first == '"' {
            string(rest)
        } else if let Some(length) = raw_string(rest, code.chars().next_back()) {
            length
        } else if first == '\'' {
            character(rest)
        } else {
            0
        };
        if skipped == 0 {
            code.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        } else {
            let (blanked, after) = rest.split_at(skipped);
            code.extend(blanked.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = after;
        }
    }
    code
}

/// Length of the block comment at the start of `text`; they nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of the string literal at the start of `text`.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of the raw string literal at the start of `text`, if there is one.
fn raw_string(text: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let inner = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = inner.chars().take_while(|c| *c == '#').count();
    let opened = inner.get(hashes..)?.strip_prefix('"')?;
    let closing = format!("\"{}", "#".repeat(hashes));
    let end = opened
        .find(&closing)
        .map_or(opened.len(), |at| at + closing.len());
    Some(text.len() - opened.len() + end)
}

/// Length of the character literal at the start of `text`; 0 if it is a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((after, _))) => text
            .get(after + 1..)
            .and_then(|rest| rest.find('\''))
            .map_or(0, |at| after + 1 + at + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

/// Whether `word` occurs in `code` as a word of its own; returns the line, from 1.
pub(crate) fn line_of_word(code: &str, word: &str) -> Option<usize> {
    code.lines()
        .position(|line| has_word(line, word))
        .map(|line| line + 1)
}

/// Whether `word` occurs in `line` as a word of its own.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line
            .get(at + word.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_quotes_are_no_code() {
        let source = Source::new(
            "a.rs",
            "a /* b /* c */ d */ e // f\ng(\"h \\\" i\", r#\"j\"#, 'k', '\\'', b'l')\n",
        );
        let code = source.code();
        let words: Vec<&str> = code
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        assert_eq!(words, ["a", "e", "g", "b"]);
        assert_eq!(code.lines().count(), 2);
    }

    #[test]
    fn lifetimes_are_code() {
        assert!(
            Source::new("a.rs", "fn a<'b>(c: &'b str) {}")
                .code()
                .contains("'b>(c: &'b str)")
        );
    }

    #[test]
    fn words_are_found_whole() {
        assert_eq!(
            line_of_word("unsafe_code\nan unsafe block", "unsafe"),
            Some(2)
        );
        assert_eq!(line_of_word("unsafe_code", "unsafe"), None);
    }
}
