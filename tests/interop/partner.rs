//! The other side of a cell: something that carries bytes in records, both ways.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// Another implementation at work.
pub(crate) trait Partner {
    /// Sends one record of application data.
    fn say(&mut self, bytes: &[u8]);

    /// All that it printed, which is the application data it received and some chatter.
    fn heard(&mut self) -> &[u8];

    /// Whether a client may be given something to say: what it is given before is sent as one record.
    fn is_ready(&mut self) -> bool;

    /// Whether it sends back what it receives, and can be made to say nothing else.
    fn only_echoes(&self) -> bool {
        false
    }
}

/// A program whose standard streams are the connection's. Ended when dropped.
pub(crate) struct Program {
    child: Child,
    input: ChildStdin,
    output: Receiver<Vec<u8>>,
    heard: Vec<u8>,
    ready: &'static str,
    echoes: bool,
}

impl Program {
    /// Starts it. As a client it has connected once it prints `ready`.
    pub(crate) fn start(mut command: Command, ready: &'static str, echoes: bool) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let input = child.stdin.take().unwrap();
        let mut stream = child.stdout.take().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4_096];
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            input,
            output,
            heard: Vec::new(),
            ready,
            echoes,
        }
    }
}

impl Partner for Program {
    fn say(&mut self, bytes: &[u8]) {
        // One that has ended is noticed by what it does not say.
        let _ = self.input.write_all(bytes);
        let _ = self.input.flush();
    }

    fn heard(&mut self) -> &[u8] {
        self.heard.extend(self.output.try_iter().flatten());
        &self.heard
    }

    fn is_ready(&mut self) -> bool {
        let ready = self.ready.as_bytes();
        let mut printed = self.heard().windows(ready.len());
        printed.any(|window| window == ready)
    }

    fn only_echoes(&self) -> bool {
        self.echoes
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
