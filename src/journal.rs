//! The journal: log lines that peers can cause, at a bounded rate.
//!
//! A line has a [`Kind`]. Each kind may write a few lines a second; what goes beyond is counted, and
//! the count is written as one line when the second is over (R40). So no flood of packets becomes a
//! flood of lines, and nothing goes unsaid.
//!
//! Control characters are escaped: what a peer can put into a line stays within its line. Payloads
//! and tokens never belong into one. Lines go to `tracing` if the feature of that name is on, and
//! nowhere else; the journal keeps none.

use std::fmt;
use std::time::Duration;

use crate::address::NetworkEndpoint;
use crate::time::Timestamp;

/// How long the lines of a kind are counted together.
const WINDOW: Duration = Duration::from_secs(1);

/// What a line is about. Each kind has a rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Kind {
    /// A Unity Transport 1.x client asks for a connection.
    UnityTransport1,
    /// A DTLS client talks to a plain port.
    DtlsOnPlainPort,
    /// A plain client talks to a secure port.
    PlainOnSecurePort,
    /// A secure connection was not made.
    HandshakeFailed,
    /// A message names a pipeline this driver does not have.
    UnknownPipeline,
    /// A message has a type the protocol does not have.
    UnknownType,
    /// A request was refused for want of room.
    ConnectionRefused,
    /// Requests are answered without a record, or are no longer.
    UnderLoad,
    /// The interface reported an error.
    Interface,
    /// drumfire failed while it processed one connection.
    InternalError,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::UnityTransport1,
        Self::DtlsOnPlainPort,
        Self::PlainOnSecurePort,
        Self::HandshakeFailed,
        Self::UnknownPipeline,
        Self::UnknownType,
        Self::ConnectionRefused,
        Self::UnderLoad,
        Self::Interface,
        Self::InternalError,
    ];
}

/// Whether lines show the addresses of peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Addresses {
    /// In full.
    #[default]
    Shown,
    /// Not at all.
    Hidden,
}

/// Lines of one kind within one window.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    /// When the next window may begin.
    ends: Timestamp,
    written: u32,
    suppressed: u64,
}

/// Writes lines at a bounded rate for each [`Kind`].
#[derive(Debug)]
pub(crate) struct Journal {
    windows: [Window; Kind::ALL.len()],
    /// Most lines of a kind within a window.
    lines: u32,
    addresses: Addresses,
    /// When the first window with suppressed lines ends; [`Timestamp::NEVER`] if none has any.
    due: Timestamp,
    written: u64,
    suppressed: u64,
    #[cfg(test)]
    pub(crate) captured: Vec<(Kind, String)>,
}

impl Journal {
    /// A journal that writes at most `lines` lines a second of each kind.
    pub(crate) fn new(lines: u32, addresses: Addresses) -> Self {
        Self {
            windows: [Window::default(); Kind::ALL.len()],
            lines,
            addresses,
            due: Timestamp::NEVER,
            written: 0,
            suppressed: 0,
            #[cfg(test)]
            captured: Vec::new(),
        }
    }

    /// Writes a line, or counts it if its kind has had enough in this second.
    ///
    /// The text is put together only if it is written: `journal.note(now, kind, format_args!(…))`.
    pub(crate) fn note(&mut self, now: Timestamp, kind: Kind, text: fmt::Arguments<'_>) {
        self.turn(now, kind);
        let lines = self.lines;
        let Some(window) = self.windows.get_mut(kind as usize) else {
            return;
        };
        if window.written < lines {
            window.written += 1;
            self.write(kind, text);
        } else {
            window.suppressed += 1;
            self.suppressed += 1;
            self.due = self.due.min(window.ends);
        }
    }

    /// Writes the counts of seconds that are over. Costs one comparison if there are none.
    pub(crate) fn service(&mut self, now: Timestamp) {
        if now < self.due {
            return;
        }
        for kind in Kind::ALL {
            self.turn(now, kind);
        }
        self.due = self
            .windows
            .iter()
            .filter(|window| window.suppressed > 0)
            .map(|window| window.ends)
            .min()
            .unwrap_or(Timestamp::NEVER);
    }

    /// The address as a line may show it.
    pub(crate) fn address<'a>(&self, endpoint: &'a NetworkEndpoint) -> Shown<'a> {
        Shown((self.addresses == Addresses::Shown).then_some(endpoint))
    }

    /// Lines written and suppressed since the journal was made.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.written, self.suppressed)
    }

    /// Begins the kind's next window if the last is over. The count of what that one suppressed is
    /// the first line of the next, so that no second has more lines than it may.
    fn turn(&mut self, now: Timestamp, kind: Kind) {
        let Some(window) = self.windows.get_mut(kind as usize) else {
            return;
        };
        if now < window.ends {
            return;
        }
        let suppressed = std::mem::take(&mut window.suppressed);
        window.written = u32::from(suppressed > 0);
        window.ends = now + WINDOW;
        if suppressed > 0 {
            self.write(kind, format_args!("{suppressed} more lines like the last"));
        }
    }

    fn write(&mut self, kind: Kind, text: fmt::Arguments<'_>) {
        self.written += 1;
        #[cfg(feature = "tracing")]
        emit(kind, &escaped(text));
        #[cfg(test)]
        self.captured.push((kind, escaped(text)));
        #[cfg(not(any(test, feature = "tracing")))]
        let _ = (kind, text);
    }
}

/// Hands a line to `tracing`, as loud as its kind is.
#[cfg(feature = "tracing")]
fn emit(kind: Kind, line: &str) {
    match kind {
        Kind::InternalError => tracing::error!(target: "drumfire", "{line}"),
        Kind::UnityTransport1
        | Kind::DtlsOnPlainPort
        | Kind::PlainOnSecurePort
        | Kind::HandshakeFailed
        | Kind::ConnectionRefused
        | Kind::UnderLoad
        | Kind::Interface => tracing::warn!(target: "drumfire", "{line}"),
        Kind::UnknownPipeline | Kind::UnknownType => {
            tracing::debug!(target: "drumfire", "{line}");
        }
    }
}

/// An address, unless the journal hides addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a>(Option<&'a NetworkEndpoint>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(endpoint) => endpoint.fmt(f),
            None => f.write_str("an address"),
        }
    }
}

/// The text as one line: control characters, and those that reorder what a terminal shows, escaped.
#[cfg(any(test, feature = "tracing"))]
fn escaped(text: fmt::Arguments<'_>) -> String {
    let text = text.to_string();
    let is_plain = |character: char| {
        !character.is_control()
            && !matches!(character, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    if text.chars().all(is_plain) {
        return text;
    }
    let mut line = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_plain(character) {
            line.push(character);
        } else {
            line.extend(character.escape_default());
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(millis * 1_000)
    }

    #[test]
    fn r40_ten_lines_a_second_and_then_their_count() {
        let mut journal = Journal::new(10, Addresses::Shown);
        for packet in 0..1_000_u64 {
            journal.note(at(packet), Kind::UnknownType, format_args!("{packet}"));
        }
        assert_eq!(journal.captured.len(), 10);
        journal.service(at(999));
        assert_eq!(journal.captured.len(), 10);
        journal.service(at(1_000));
        assert_eq!(journal.captured.len(), 11);
        assert_eq!(journal.captured[10].1, "990 more lines like the last");
        journal.service(at(5_000));
        assert_eq!(journal.captured.len(), 11);
        assert_eq!(journal.totals(), (11, 990));
    }

    #[test]
    fn r40_no_second_has_more_lines_than_it_may() {
        let mut journal = Journal::new(10, Addresses::Shown);
        let mut seconds = vec![0; 20];
        for packet in 0..200_000_u64 {
            let before = journal.captured.len();
            journal.note(at(packet / 10), Kind::UnknownType, format_args!("x"));
            seconds[usize::try_from(packet / 10_000).unwrap()] += journal.captured.len() - before;
        }
        assert!(seconds.iter().all(|&lines| lines <= 10), "{seconds:?}");
        journal.service(at(30_000));
        let (_, suppressed) = journal.totals();
        let texts = 200_000 - suppressed;
        let counts = u64::try_from(journal.captured.len()).unwrap() - texts;
        assert_eq!(counts, 20);
    }

    #[test]
    fn kinds_do_not_silence_each_other() {
        let mut journal = Journal::new(1, Addresses::Shown);
        for _ in 0..5 {
            journal.note(at(0), Kind::UnknownType, format_args!("loud"));
        }
        journal.note(at(0), Kind::UnityTransport1, format_args!("rare"));
        assert_eq!(journal.captured.last().unwrap().1, "rare");
    }

    #[test]
    fn r40_no_injection() {
        let mut journal = Journal::new(10, Addresses::Shown);
        let name = "a\r\nERROR forged \u{1b}[2J \u{202E}";
        journal.note(at(0), Kind::UnknownType, format_args!("from {name}"));
        let line = &journal.captured[0].1;
        assert_eq!(line, "from a\\r\\nERROR forged \\u{1b}[2J \\u{202e}");
    }

    #[test]
    fn addresses_can_be_hidden() {
        let endpoint = NetworkEndpoint::loopback_ipv4(7777);
        let shown = Journal::new(10, Addresses::Shown);
        let hidden = Journal::new(10, Addresses::Hidden);
        assert_eq!(shown.address(&endpoint).to_string(), "127.0.0.1:7777");
        assert_eq!(hidden.address(&endpoint).to_string(), "an address");
    }
}
