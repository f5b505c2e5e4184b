//! Master secrets as text, so that tshark can decrypt a capture: `SSLKEYLOGFILE`.
//!
//! Whoever reads these lines reads every connection. So it takes a feature when drumfire is compiled
//! **and** a call when it runs (R39). This module opens no file: it writes where it is told to.

use std::fmt::Write as _;
use std::io::{self, Write};

use parking_lot::Mutex;
use zeroize::Zeroize;

use super::exchange::{HelloRandom, MasterSecret};

/// Where the lines go.
pub(crate) struct KeyLog(Mutex<Box<dyn Write + Send>>);

impl KeyLog {
    /// Writes to `output`, a line at a time.
    pub(crate) fn new(output: impl Write + Send + 'static) -> Self {
        Self(Mutex::new(Box::new(output)))
    }

    /// Writes the line of one association, in the NSS key log format.
    pub(crate) fn log(&self, client_random: &HelloRandom, master: &MasterSecret) -> io::Result<()> {
        // "CLIENT_RANDOM ", 32 and 48 bytes in hexadecimal, a space, a line feed.
        let mut line = String::with_capacity(14 + 64 + 1 + 96 + 1);
        line.push_str("CLIENT_RANDOM ");
        append_hex(&mut line, client_random);
        line.push(' ');
        append_hex(&mut line, master.expose());
        line.push('\n');
        let mut output = self.0.lock();
        let written = output.write_all(line.as_bytes());
        let flushed = output.flush();
        line.zeroize();
        written.and(flushed)
    }
}

fn append_hex(line: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(line, "{byte:02x}");
    }
}

impl std::fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyLog").finish_non_exhaustive()
    }
}
