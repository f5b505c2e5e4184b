//! Lines for people. A reader that hung up (`drumfire … | head`) is no error.

use std::io::{IsTerminal, Write};

/// Where a command's own lines go: to stderr while stdout carries JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    /// Lines on stdout.
    Out,
    /// Lines on stderr: stdout carries JSON.
    Aside,
}

impl Say {
    /// The place for lines beside a `--json` argument.
    pub(crate) fn beside(json: Option<&str>) -> Self {
        if json == Some("-") {
            Self::Aside
        } else {
            Self::Out
        }
    }

    /// Says one line, or several.
    pub(crate) fn line(self, text: &str) {
        match self {
            Self::Out => out(text),
            Self::Aside => error(text),
        }
    }

    /// Whether somebody looks at it live.
    pub(crate) fn is_terminal(self) -> bool {
        match self {
            Self::Out => std::io::stdout().is_terminal(),
            Self::Aside => false,
        }
    }
}

/// One line on stdout, sent off at once.
pub(crate) fn out(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// One line on stderr.
pub(crate) fn error(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
