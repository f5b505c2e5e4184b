//! Where a peer stands: the one thing slots and prefixes both count.

/// Whether a peer has shown that it receives at its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Unproven,
    Proven,
}
