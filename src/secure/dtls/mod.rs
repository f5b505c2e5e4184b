//! DTLS 1.2: handshakes that end in an [`Association`](super::association::Association).
//!
//! ```text
//!  hello        a function: datagram ─▶ question, or proof of an address      no state
//!  server, client   states that own their data                                the machine
//!  handshake        records ─▶ messages ─▶ role ─▶ flights, doubts, time      both roles
//!  conversation     reassembly in, flight out, transcript                     both roles
//! ```
//!
//! Profile: ECDHE with ECDSA or RSA certificates, ChaCha20-Poly1305 or AES-256-GCM, extended master
//! secret and renegotiation indication required. No compression, resumption, renegotiation or CBC.
//!
//! Source: RFC 6347, RFC 5246, RFC 7627, RFC 5746, RFC 7905, RFC 5288, RFC 8422.

mod choice;
mod client;
mod config;
mod conversation;
mod error;
mod flight;
mod handshake;
mod hello;
mod reassembly;
mod server;
mod signed;

#[cfg(test)]
mod tests;

pub(crate) use self::client::ClientHandshake;
pub(crate) use self::config::{
    ClientAuthentication, ClientConfig, ClientTrust, Common, ServerConfig, SuiteChoice,
};
pub use self::error::{HandshakeError, HandshakeFault};
pub(crate) use self::handshake::{Progress, Turn};
#[cfg(test)]
pub(crate) use self::hello::peek_hello;
pub(crate) use self::hello::{HelloVerdict, handle_hello};
pub(crate) use self::server::ServerHandshake;
