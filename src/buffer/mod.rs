//! Memory: where datagrams and messages lie between the socket and the user.
//!
//! Everything is a byte arena that grows to what traffic needs and is reused: a steady update
//! allocates nothing. This floor knows no protocol; offsets and lengths are all it understands.

pub(crate) mod account;
pub mod batch;
pub(crate) mod desk;
pub(crate) mod egress;
pub(crate) mod inbox;
pub(crate) mod outbox;
pub(crate) mod runs;
pub(crate) mod windows;
