//! The endpoint: all connections of a driver as tokens and slots, and who may become one.
//!
//! It routes each datagram to its connection's slot by token, and decides about strangers. It holds
//! no connection's protocol state (that is a [`Link`](crate::link), in its shard's job) and never
//! sees a socket: answers to strangers go into [`Replies`].

/// (skeleton)
pub(crate) struct Endpoint;
