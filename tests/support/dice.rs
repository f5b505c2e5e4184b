//! Chance from a seed.

use drumfire::address::NetworkEndpoint;
use drumfire::wire::connection::Token;

/// A small generator (splitmix64): the same seed throws the same numbers on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `most` − 1.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.number() % u64::try_from(most.max(1)).unwrap()).unwrap()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.number().to_le_bytes()[0]
    }

    pub(crate) fn token(&mut self) -> Token {
        Token(self.number().to_le_bytes())
    }

    /// An address out of 10.0.0.0/8, so that limits per address apply.
    pub(crate) fn address(&mut self) -> NetworkEndpoint {
        let [a, b, c, p, q, ..] = self.number().to_le_bytes();
        let port = u16::from_le_bytes([p, q]).max(1_024);
        NetworkEndpoint::from_socket_addr(([10, a, b, c.clamp(1, 254)], port).into())
    }
}
