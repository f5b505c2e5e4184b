//! The header of the fragmentation stage.
//!
//! It is there on every message, whole or split. Which fragments make up a message is decided
//! above: nothing here has seen another one.
//!
//! Source: Unity Transport `FragmentationPipelineStage.cs`.

use super::codec::split_u16;

/// Fragment numbers wrap at this one.
pub const FRAGMENT_NUMBERS: u16 = 1 << 14;

/// Numbers on either side of the newest that a receiver tells apart where fragments come in any
/// order: far less than what would be needed for an old fragment to fit a new message.
pub const FRAGMENT_REACH: u16 = FRAGMENT_NUMBERS / 4;

const FIRST: u16 = 1 << 15;
const LAST: u16 = 1 << 14;

/// Header of a fragment. Little-endian.
///
/// ```text
///  0                                   2
/// | first 1 bit | last 1 | number 14  | payload …
///   bit 15        bit 14   bits 13…0
/// ```
///
/// The number counts fragments, not messages; a whole message has both flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentRepr {
    /// A message begins with this fragment.
    pub first: bool,
    /// A message ends with this fragment.
    pub last: bool,
    /// Number of the fragment, from 0; after 16,383 comes 0.
    pub number: u16,
}

impl FragmentRepr {
    /// Bytes of the header.
    pub const LEN: usize = 2;

    /// Splits the header off; none if it is not there whole.
    pub fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (field, rest) = split_u16(bytes)?;
        let header = Self {
            first: field & FIRST != 0,
            last: field & LAST != 0,
            number: field % FRAGMENT_NUMBERS,
        };
        Some((header, rest))
    }

    /// The header's bytes. Of the number, the low 14 bits are written.
    pub fn emit(self) -> [u8; Self::LEN] {
        let flag = |set, bit| if set { bit } else { 0 };
        let field =
            flag(self.first, FIRST) | flag(self.last, LAST) | (self.number % FRAGMENT_NUMBERS);
        field.to_le_bytes()
    }

    /// The number behind `number`.
    pub fn next(number: u16) -> u16 {
        number.wrapping_add(1) % FRAGMENT_NUMBERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_the_recorded_ones() {
        for (first, last, number, bytes) in [
            (true, true, 0, [0x00, 0xC0]),
            (true, false, 0, [0x00, 0x80]),
            (false, false, 1, [0x01, 0x00]),
            (false, true, 2, [0x02, 0x40]),
        ] {
            let header = FragmentRepr {
                first,
                last,
                number,
            };
            assert_eq!(header.emit(), bytes);
            assert_eq!(FragmentRepr::parse(&bytes), Some((header, &[][..])));
        }
    }

    #[test]
    fn numbers_have_14_bits() {
        assert_eq!(FragmentRepr::next(16_383), 0);
        assert_eq!(FragmentRepr::next(7), 8);
        let header = FragmentRepr {
            first: false,
            last: false,
            number: 0xFFFF,
        };
        assert_eq!(header.emit(), [0xFF, 0x3F]);
    }

    #[test]
    fn half_a_header_is_none() {
        assert_eq!(FragmentRepr::parse(&[0xC0]), None);
        assert_eq!(FragmentRepr::parse(&[]), None);
    }
}
