//! What a line carried, in words: printed when a cell begins again or fails, for nobody sees the same
//! network twice.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// One line for each datagram.
#[derive(Clone)]
pub(crate) struct Diary {
    began: Instant,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Diary {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            lines: Arc::default(),
        }
    }

    /// A datagram, whether it went to the server, and what became of it.
    pub(crate) fn note(&self, upward: bool, fate: &str, datagram: &[u8]) {
        let at = self.began.elapsed().as_secs_f64();
        let whom = if upward { "server" } else { "client" };
        let line = format!("{at:>7.3} s, for the {whom}, {fate}:{}", records(datagram));
        self.lines.lock().unwrap().push(line);
    }
}

impl fmt::Display for Diary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &*self.lines.lock().unwrap() {
            writeln!(f, "    {line}")?;
        }
        Ok(())
    }
}

/// The records of a datagram: epoch and number, and what they are; of a fragment its message's kind,
/// number and length, and which bytes it brings.
fn records(mut datagram: &[u8]) -> String {
    let mut text = String::new();
    while let Some((header, rest)) = datagram.split_first_chunk::<13>() {
        let length = usize::from(u16::from_be_bytes([header[11], header[12]])).min(rest.len());
        let (content, rest) = rest.split_at(length);
        let number = u32::from_be_bytes([header[7], header[8], header[9], header[10]]);
        text += &format!(" {}/{number} ", header[4]);
        text += &match (header[0], header[4], content.first_chunk::<12>()) {
            (22, 0, Some(fragment)) => handshake(fragment),
            (20, ..) => "ChangeCipherSpec".to_owned(),
            (21, ..) => "alert".to_owned(),
            (22, ..) => "Finished".to_owned(),
            (23, ..) => format!("data {length}"),
            (other, ..) => format!("kind {other}"),
        };
        text.push(';');
        datagram = rest;
    }
    text
}

fn handshake(header: &[u8; 12]) -> String {
    let [kind, l0, l1, l2, n0, n1, o0, o1, o2, f0, f1, f2] = *header;
    let message = u16::from_be_bytes([n0, n1]);
    let length = u32::from_be_bytes([0, l0, l1, l2]);
    let offset = u32::from_be_bytes([0, o0, o1, o2]);
    let end = offset + u32::from_be_bytes([0, f0, f1, f2]);
    format!("handshake {kind}, no. {message}, {offset}..{end} of {length}")
}
