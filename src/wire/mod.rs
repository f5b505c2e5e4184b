//! Wire formats: bytes to plain values and back, without state.
//!
//! A parser takes any bytes and answers with a value or with the reason why there is none. It never
//! panics, never wraps and never allocates. Past it nobody sees raw bytes. What a packet *means*
//! depends on the connection it belongs to, and nothing here has ever seen one.
//!
//! All numbers are little-endian unless their diagram says otherwise: Unity Transport copies
//! structs out of memory, and runs on little-endian machines only.

pub(crate) mod codec;
pub mod connection;
pub mod delivery;
pub mod foreign;
pub mod fragment;
pub mod handshake;
pub mod mtu;
pub mod record;
pub mod reliable;
pub mod sequenced;
