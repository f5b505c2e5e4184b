//! The hash over a handshake's messages.
//!
//! The hash function is the suite's, which a client does not know before the server's hello; and
//! `CertificateVerify` signs the messages themselves with a hash of its own (RFC 5246 §7.4.8). So the
//! messages are kept until both are settled. Whoever adds them bounds them.

use rustls::crypto::hash::{Context, Output};

use super::provider::CipherSuite;

/// A hash of the suite's function.
pub(crate) struct Digest(Output);

impl Digest {
    /// 32 or 48 bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }
}

/// The messages of one handshake: first kept, then hashed, or both.
///
/// In DTLS a message is added with its 12-byte header, as if it had come unfragmented
/// (RFC 6347 §4.2.6). The first hello and the `HelloVerifyRequest` are not added.
pub(crate) struct Transcript {
    messages: Option<Vec<u8>>,
    running: Option<Box<dyn Context>>,
}

impl Transcript {
    /// Empty, keeping messages, with no hash function yet.
    pub(crate) fn new() -> Self {
        Self {
            messages: Some(Vec::new()),
            running: None,
        }
    }

    /// Settles the hash function, over what was added already too.
    pub(crate) fn start(&mut self, suite: CipherSuite) {
        let mut running = suite.hash().start();
        running.update(self.messages.as_deref().unwrap_or_default());
        self.running = Some(running);
    }

    /// Adds bytes of a message.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        if let Some(messages) = &mut self.messages {
            messages.extend_from_slice(bytes);
        }
        if let Some(running) = &mut self.running {
            running.update(bytes);
        }
    }

    /// Stops keeping messages: no client certificate will be signed or verified.
    pub(crate) fn forget_messages(&mut self) {
        self.messages = None;
    }

    /// Everything added so far, unless forgotten: what `CertificateVerify` signs.
    pub(crate) fn messages(&self) -> Option<&[u8]> {
        self.messages.as_deref()
    }

    /// The hash of everything added so far; more can be added. `None` before [`start`](Self::start).
    pub(crate) fn digest(&self) -> Option<Digest> {
        self.running
            .as_ref()
            .map(|running| Digest(running.fork_finish()))
    }

    /// An independent copy: what comes next may come in two ways.
    #[cfg(test)]
    pub(crate) fn fork(&self) -> Self {
        Self {
            messages: self.messages.clone(),
            running: self.running.as_ref().map(|running| running.fork()),
        }
    }
}

impl std::fmt::Debug for Transcript {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transcript").finish_non_exhaustive()
    }
}
