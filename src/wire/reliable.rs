//! The header of the reliable stage: a number, and what arrived of the other direction.
//!
//! Numbers have 16 bits here; which 64-bit number is meant is decided above. The mask is looked at,
//! never copied: whatever it says about numbers that were never sent has no meaning.
//!
//! Source: Unity Transport `ReliableUtility.cs`, `ReliableAckMask.cs`.

use thiserror::Error;

use super::codec::{split_array, split_u16};

/// Largest window.
///
/// Source: Unity Transport 2.6.0 `ReliableUtility.Parameters.WindowSize`.
pub const MAX_WINDOW: u16 = 2_040;

/// Largest window whose mask has a fixed length.
const MAX_FIXED_WINDOW: u16 = 64;

/// Type byte of an ack without payload. Every other value is a payload.
const ACK: u8 = 1;

/// How the mask's length is told. Both peers must be of the same class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskClass {
    /// Windows up to 32: 4 bytes.
    Four,
    /// Windows from 33 to 64: 8 bytes.
    Eight,
    /// Larger windows, since 2.6.0: as many bytes as byte 1 of the header says.
    Explicit,
}

impl MaskClass {
    /// The class of a window. A window counts as the next multiple of 8.
    pub fn of(window: u16) -> Self {
        match window {
            0..=32 => Self::Four,
            33..=MAX_FIXED_WINDOW => Self::Eight,
            _ => Self::Explicit,
        }
    }

    /// Bytes the mask takes at most, for a window of this class.
    pub fn capacity(self, window: u16) -> usize {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
            Self::Explicit => usize::from(window.min(MAX_WINDOW).div_ceil(8)),
        }
    }
}

/// Why bytes are no reliable header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MalformedReliable {
    /// Shorter than the header, or than the mask it announces.
    #[error("reliable header of {needed} bytes, but {len} are there")]
    Short {
        /// Bytes that are there.
        len: usize,
        /// Bytes the header takes.
        needed: usize,
    },
    /// The peer's window is of another class.
    #[error(
        "ack mask of {announced} bytes does not belong to this window: both peers need the same"
    )]
    MaskLength {
        /// Byte 1 of the header.
        announced: u8,
    },
}

/// Header of a reliable message: 8 bytes, then the ack mask. Little-endian.
///
/// ```text
///  0      1          2                  4          6       8
/// | kind | mask_len | processing_time  | sequence | acked | mask …
///   u8     u8         u16, ms            u16        u16     4, 8 or mask_len bytes
/// ```
///
/// `mask_len` is 0 for windows up to 64. Bit *i* of the mask says whether `acked − i` arrived; a mask
/// that is cut short ends where all older numbers arrived. Behind the header of an ack follows one
/// byte without meaning.
///
/// Source: Unity Transport `ReliableUtility.PacketHeader`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReliableRepr<'a> {
    /// Whether a message follows, or nothing.
    pub kind: ReliableKind,
    /// Milliseconds between the arrival of `acked` and this header; 0 if unknown.
    pub processing_time: u16,
    /// Number of the message; 0 in an ack.
    pub sequence: u16,
    /// Newest number that arrived; 65,535 before any did.
    pub acked: u16,
    /// Which of the numbers before arrived.
    pub mask: MaskBytes<'a>,
}

/// What follows a reliable header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReliableKind {
    /// A message.
    Payload,
    /// Nothing of interest.
    Ack,
}

/// An ack mask as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaskBytes<'a>(pub &'a [u8]);

impl MaskBytes<'_> {
    /// Whether the number `distance` below the acked one arrived. Bytes cut off say yes.
    pub fn contains(self, distance: usize) -> bool {
        self.0
            .get(distance / 8)
            .is_none_or(|byte| byte >> (distance % 8) & 1 == 1)
    }
}

impl<'a> ReliableRepr<'a> {
    /// Bytes in front of the mask.
    pub const LEN: usize = 8;

    /// Bytes of the largest header.
    pub const MAX_LEN: usize = Self::LEN + u8::MAX as usize;

    /// Splits the header off.
    pub fn parse(bytes: &'a [u8], class: MaskClass) -> Result<(Self, &'a [u8]), MalformedReliable> {
        let short = |needed| MalformedReliable::Short {
            len: bytes.len(),
            needed,
        };
        let least = || short(Self::LEN);
        let ([kind, announced], rest) = split_array(bytes).ok_or_else(least)?;
        let (processing_time, rest) = split_u16(rest).ok_or_else(least)?;
        let (sequence, rest) = split_u16(rest).ok_or_else(least)?;
        let (acked, rest) = split_u16(rest).ok_or_else(least)?;
        let len = match (class, announced) {
            (MaskClass::Four, 0) => 4,
            (MaskClass::Eight, 0) => 8,
            (MaskClass::Explicit, 1..) => usize::from(announced),
            _ => return Err(MalformedReliable::MaskLength { announced }),
        };
        let (mask, rest) = rest
            .split_at_checked(len)
            .ok_or_else(|| short(Self::LEN + len))?;
        let header = Self {
            kind: match kind {
                ACK => ReliableKind::Ack,
                _ => ReliableKind::Payload,
            },
            processing_time,
            sequence,
            acked,
            mask: MaskBytes(mask),
        };
        Ok((header, rest))
    }

    /// Bytes this header takes.
    pub fn header_len(&self) -> usize {
        Self::LEN + self.mask.0.len()
    }

    /// Writes the header to the front of `out`; none if it does not fit.
    ///
    /// The mask is written as it is: its length must be of the class.
    pub fn emit(&self, class: MaskClass, out: &mut [u8]) -> Option<()> {
        let (fixed, rest) = out.split_first_chunk_mut::<{ ReliableRepr::LEN }>()?;
        let announced = match class {
            MaskClass::Four | MaskClass::Eight => 0,
            MaskClass::Explicit => u8::try_from(self.mask.0.len()).ok()?,
        };
        let kind = match self.kind {
            ReliableKind::Payload => 0,
            ReliableKind::Ack => ACK,
        };
        let [p0, p1] = self.processing_time.to_le_bytes();
        let [s0, s1] = self.sequence.to_le_bytes();
        let [a0, a1] = self.acked.to_le_bytes();
        *fixed = [kind, announced, p0, p1, s0, s1, a0, a1];
        rest.get_mut(..self.mask.0.len())?
            .copy_from_slice(self.mask.0);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(mask: &[u8]) -> ReliableRepr<'_> {
        ReliableRepr {
            kind: ReliableKind::Payload,
            processing_time: 5,
            sequence: 0,
            acked: 3,
            mask: MaskBytes(mask),
        }
    }

    #[test]
    fn headers_of_every_class_are_written_and_read() {
        for (class, mask, head) in [
            (MaskClass::Four, &[0xFD, 0xFF, 0xFF, 0xFF][..], 0),
            (MaskClass::Eight, &[0xFD, 1, 2, 3, 4, 5, 6, 7][..], 0),
            (MaskClass::Explicit, &[0xFD][..], 1),
            (MaskClass::Explicit, &[7; 255][..], 255),
        ] {
            let mut bytes = [0x42; ReliableRepr::MAX_LEN + 1];
            header(mask).emit(class, &mut bytes).unwrap();
            assert_eq!(bytes[..8], [0, head, 5, 0, 0, 0, 3, 0]);
            let (parsed, rest) = ReliableRepr::parse(&bytes, class).unwrap();
            assert_eq!(parsed, header(mask));
            assert_eq!(rest.len(), bytes.len() - parsed.header_len());
            assert_eq!(rest.last(), Some(&0x42));
        }
    }

    #[test]
    fn every_type_but_one_is_a_payload() {
        for kind in 0..=u8::MAX {
            let bytes = [kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            let (parsed, _) = ReliableRepr::parse(&bytes, MaskClass::Four).unwrap();
            assert_eq!(parsed.kind == ReliableKind::Ack, kind == 1);
        }
    }

    #[test]
    fn k27_a_mask_of_another_class_is_refused() {
        let with = |announced| [0, announced, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        for (class, announced) in [
            (MaskClass::Four, 4),
            (MaskClass::Eight, 8),
            (MaskClass::Explicit, 0),
        ] {
            assert_eq!(
                ReliableRepr::parse(&with(announced), class),
                Err(MalformedReliable::MaskLength { announced })
            );
        }
        assert_eq!(
            ReliableRepr::parse(&with(9), MaskClass::Explicit),
            Err(MalformedReliable::Short {
                len: 16,
                needed: 17
            })
        );
        assert!(ReliableRepr::parse(&with(0)[..11], MaskClass::Four).is_err());
        assert!(ReliableRepr::parse(&[], MaskClass::Four).is_err());
    }

    #[test]
    fn what_a_mask_leaves_out_arrived() {
        let mask = MaskBytes(&[0xFD]);
        assert!(mask.contains(0) && !mask.contains(1) && mask.contains(2));
        assert!(mask.contains(8) && mask.contains(5_000));
    }

    #[test]
    fn classes_follow_the_window() {
        for (window, class, capacity) in [
            (1, MaskClass::Four, 4),
            (32, MaskClass::Four, 4),
            (33, MaskClass::Eight, 8),
            (64, MaskClass::Eight, 8),
            (65, MaskClass::Explicit, 9),
            (256, MaskClass::Explicit, 32),
            (2_040, MaskClass::Explicit, 255),
        ] {
            assert_eq!(MaskClass::of(window), class);
            assert_eq!(class.capacity(window), capacity);
        }
    }
}
