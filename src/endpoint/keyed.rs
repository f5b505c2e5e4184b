//! Keyed hashes: tables and answers whose keys a stranger may choose.
//!
//! Tokens and addresses are chosen by peers. Under a hash they can compute they could make all of
//! them collide, and a table becomes a list (R19); or compute an answer only a receiver
//! should know (R21). So everything here is `SipHash` under a secret of this process.

use std::fmt;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};

use crate::random::{Random, RandomFailed};

/// SipHash-1-3 for tables: under a secret of the system, or of a seed for tests that must repeat.
#[derive(Clone, Debug)]
pub(crate) enum Keyed {
    /// Keys of the system's generator, different for each process.
    System(RandomState),
    /// Predictable, for `dangerous_random_seed` alone.
    Seeded(u64),
}

impl Keyed {
    /// The system's keys, or those of `seed`.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        match seed {
            None => Self::System(RandomState::new()),
            Some(seed) => Self::Seeded(seed),
        }
    }
}

impl BuildHasher for Keyed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        match self {
            Self::System(state) => state.build_hasher(),
            Self::Seeded(seed) => {
                let mut hasher = DefaultHasher::new();
                hasher.write_u64(*seed);
                hasher
            }
        }
    }
}

/// A keyed message authentication code of 64 bits: SipHash-2-4, made for this.
///
/// Its key is its own, apart from those of the tables (R18).
#[derive(Clone)]
pub(crate) struct Mac {
    key: [u64; 2],
}

impl fmt::Debug for Mac {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac")
    }
}

impl Mac {
    /// A code under a fresh key.
    pub(crate) fn new(random: &mut Random) -> Result<Self, RandomFailed> {
        Ok(Self {
            key: [random.u64()?, random.u64()?],
        })
    }

    /// The code of a value.
    #[expect(
        deprecated,
        reason = "the standard library's only hash that takes a key; its successor hides the algorithm"
    )]
    pub(crate) fn of(&self, value: impl Hash) -> u64 {
        let [first, second] = self.key;
        let mut hasher = std::hash::SipHasher::new_with_keys(first, second);
        value.hash(&mut hasher);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(deprecated, reason = "the test of the deprecated hash")]
    fn the_code_is_siphash_2_4() {
        // Aumasson, Bernstein: "SipHash: a fast short-input PRF" (2012), appendix A.
        let key = [0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908];
        let mut hasher = std::hash::SipHasher::new_with_keys(key[0], key[1]);
        hasher.write(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
        assert_eq!(hasher.finish(), 0xA129_CA61_49BE_45E5);
    }

    #[test]
    fn keys_differ_and_seeds_repeat() {
        let mut random = Random::Seeded(1);
        let (one, other) = (
            Mac::new(&mut random).unwrap(),
            Mac::new(&mut random).unwrap(),
        );
        assert_ne!(one.of(7_u64), other.of(7_u64));
        assert_eq!(one.of(7_u64), one.of(7_u64));
        assert_ne!(Keyed::new(None).hash_one(7), Keyed::new(None).hash_one(7));
        assert_eq!(
            Keyed::new(Some(3)).hash_one(7),
            Keyed::new(Some(3)).hash_one(7)
        );
        assert_ne!(
            Keyed::new(Some(3)).hash_one(7),
            Keyed::new(Some(4)).hash_one(7)
        );
    }
}
