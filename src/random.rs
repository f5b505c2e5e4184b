//! Random values: the system's generator, or a seed for tests that must repeat.
//!
//! Tokens, probes and keys are secrets, so they come from the system (R18). There is no fall-back:
//! if the generator fails, the operation fails.

/// A source of random bytes.
#[derive(Clone, Debug)]
pub(crate) enum Random {
    /// The operating system's generator.
    System,
    /// `SplitMix64` from a seed: predictable, for `dangerous_random_seed` alone.
    Seeded(u64),
    /// A generator that fails (R18).
    #[cfg(all(test, any(feature = "aws-lc-rs", feature = "ring")))]
    Broken,
}

/// The system's generator failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RandomFailed;

impl Random {
    /// The system's generator, or the one of `seed` apart for each `stream`.
    pub(crate) fn new(seed: Option<u64>, stream: u64) -> Self {
        match seed {
            None => Self::System,
            Some(seed) => {
                let mut mixer = seed ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93);
                Self::Seeded(split_mix(&mut mixer))
            }
        }
    }

    /// Fills `bytes`.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
        match self {
            Self::System => getrandom::fill(bytes).map_err(|_| RandomFailed),
            Self::Seeded(state) => {
                for chunk in bytes.chunks_mut(8) {
                    let word = split_mix(state).to_le_bytes();
                    for (to, from) in chunk.iter_mut().zip(word) {
                        *to = from;
                    }
                }
                Ok(())
            }
            #[cfg(all(test, any(feature = "aws-lc-rs", feature = "ring")))]
            Self::Broken => Err(RandomFailed),
        }
    }

    /// Eight random bytes.
    pub(crate) fn bytes8(&mut self) -> Result<[u8; 8], RandomFailed> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A random 16-bit number.
    pub(crate) fn u16(&mut self) -> Result<u16, RandomFailed> {
        let mut bytes = [0; 2];
        self.fill(&mut bytes)?;
        Ok(u16::from_le_bytes(bytes))
    }

    /// A random 64-bit number.
    pub(crate) fn u64(&mut self) -> Result<u64, RandomFailed> {
        self.bytes8().map(u64::from_le_bytes)
    }
}

/// Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators" (2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_streams_differ() {
        let draw = |stream| Random::new(Some(7), stream).bytes8().unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn the_system_generator_does_not_repeat() {
        let mut random = Random::new(None, 0);
        assert_ne!(random.bytes8().unwrap(), random.bytes8().unwrap());
    }
}
