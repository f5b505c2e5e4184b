//! What handshakes add up to, for whoever watches a driver.

/// What the hall has seen since the driver was made, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeStatistics {
    /// Handshakes under way, in both roles.
    pub under_way: usize,
    /// Most handshakes under way at a time.
    pub under_way_high_water: usize,
    /// Hellos answered with a question, and forgotten.
    pub questions: u64,
    /// Hellos that proved their address and began a handshake.
    pub begun: u64,
    /// Handshakes that ended well, in both roles.
    pub completed: u64,
    /// Handshakes that failed.
    pub failed: u64,
    /// Handshakes that gave way to others.
    pub evicted: u64,
    /// Hellos beyond the rate; their clients ask again.
    pub rationed: u64,
    /// Datagrams of handshakes under way that led nowhere: forged, doubled or out of turn.
    pub useless: u64,
    /// Operations with the private key.
    pub signatures: u64,
}
