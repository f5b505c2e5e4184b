//! The header of the unreliable-sequenced stage.
//!
//! One number; which of two is the newer one is decided above, by `sequence`.
//!
//! Source: Unity Transport `UnreliableSequencedPipelineStage.cs`.

use super::codec::split_u16;

/// Header of an unreliable-sequenced message. Little-endian.
///
/// ```text
///  0          2
/// | sequence | payload …
///   u16
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequencedRepr {
    /// Number of the message, from 0; after 65,535 comes 0.
    pub sequence: u16,
}

impl SequencedRepr {
    /// Bytes of the header.
    pub const LEN: usize = 2;

    /// Splits the header off; none if it is not there whole.
    pub fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (sequence, rest) = split_u16(bytes)?;
        Some((Self { sequence }, rest))
    }

    /// The header's bytes.
    pub fn emit(self) -> [u8; Self::LEN] {
        self.sequence.to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_little_endian_and_needs_both_bytes() {
        let header = SequencedRepr { sequence: 0x0201 };
        assert_eq!(header.emit(), [1, 2]);
        assert_eq!(
            SequencedRepr::parse(&[1, 2, 3]),
            Some((header, &[3_u8][..]))
        );
        assert_eq!(SequencedRepr::parse(&[1]), None);
        assert_eq!(SequencedRepr::parse(&[]), None);
    }
}
