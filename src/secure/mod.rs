//! Secure connections: handshakes, and the records they make possible, sans-IO.
//!
//! ```text
//!  datagram of a stranger ─▶ dtls::handle_hello ─▶ ServerHandshake ─▶ Association
//!  connect                ─▶ ClientHandshake ───────────────────────▶ Association
//!  datagram of a peer     ─▶ Association::open  ─▶ the packet, in place
//!  packet                 ─▶ Association::seal  ─▶ the datagram, in place
//! ```
//!
//! Bytes and `now` go in; bytes, a progress and a deadline come out. Nothing here sees a socket, an
//! address (but for the cookie), a connection, a thread or a clock, and nothing names rustls: that is
//! the business of `crypto`. Handshakes are cold and boxed by their owner; an [`Association`] is hot
//! and lies inline.

mod association;
pub(crate) mod dtls;
mod outgoing;
mod record_layer;
#[cfg(feature = "internals")]
mod record_path;
mod replay;

pub(crate) use self::association::{Association, Opened, Reader, Step, Unsettled};
pub(crate) use self::outgoing::Outgoing;
#[cfg(test)]
pub(crate) use self::record_layer::SealRefused;
pub(crate) use self::record_layer::{KeyHealth, Refusal};
#[cfg(feature = "internals")]
pub use self::record_path::{RecordAhead, RecordPath, RecordReader, RecordSuite};
