//! The packed number model: a fixed Huffman code over 16 buckets of values.
//!
//! A packed number is the code of its bucket, then its distance from the bucket's first value in as
//! many raw bits as the bucket needs. There is one model; nothing about it is negotiated or adapts.
//! This file knows values and bits, and no stream.
//!
//! Source: Unity Collections `StreamCompressionModel.Default`.

/// Longest code, in bits: what [`decode`] must see.
const MAX_CODE_BITS: usize = 6;

/// A range of values that shares a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    /// First value of the range.
    pub(super) offset: u32,
    /// Raw bits behind the code, 0 to 32.
    pub(super) extra_bits: u8,
    /// Bits of the code, 2 to 6.
    pub(super) code_bits: u8,
    /// The code, its first bit on the wire lowest.
    pub(super) code: u8,
}

impl Bucket {
    const fn new(offset: u32, extra_bits: u8, code_bits: u8, code: u8) -> Self {
        Self {
            offset,
            extra_bits,
            code_bits,
            code,
        }
    }

    /// Bits of a packed number of this bucket, 2 to 38.
    #[inline]
    pub(super) fn total_bits(&self) -> usize {
        usize::from(self.code_bits) + usize::from(self.extra_bits)
    }
}

// The last bucket's extra bits reach beyond `u32::MAX`: a decoded number may wrap.
const B: [Bucket; 16] = [
    Bucket::new(0, 0, 2, 0x00),
    Bucket::new(1, 0, 3, 0x02),
    Bucket::new(2, 1, 3, 0x06),
    Bucket::new(4, 2, 3, 0x01),
    Bucket::new(8, 3, 4, 0x05),
    Bucket::new(16, 4, 4, 0x0D),
    Bucket::new(32, 6, 4, 0x03),
    Bucket::new(96, 8, 5, 0x0B),
    Bucket::new(352, 10, 5, 0x1B),
    Bucket::new(1376, 12, 5, 0x07),
    Bucket::new(5472, 15, 6, 0x17),
    Bucket::new(38240, 18, 6, 0x37),
    Bucket::new(300_384, 21, 6, 0x0F),
    Bucket::new(2_397_536, 24, 6, 0x2F),
    Bucket::new(19_174_752, 27, 6, 0x1F),
    Bucket::new(153_392_480, 32, 6, 0x3F),
];

/// Bucket by the next six bits, first bit lowest. The code is complete: every pattern has one.
#[rustfmt::skip]
static DECODE: [Bucket; 1 << MAX_CODE_BITS] = [
    B[0], B[3], B[1], B[6], B[0], B[4], B[2], B[9],  B[0], B[3], B[1], B[7], B[0], B[5], B[2], B[12],
    B[0], B[3], B[1], B[6], B[0], B[4], B[2], B[10], B[0], B[3], B[1], B[8], B[0], B[5], B[2], B[14],
    B[0], B[3], B[1], B[6], B[0], B[4], B[2], B[9],  B[0], B[3], B[1], B[7], B[0], B[5], B[2], B[13],
    B[0], B[3], B[1], B[6], B[0], B[4], B[2], B[11], B[0], B[3], B[1], B[8], B[0], B[5], B[2], B[15],
];

/// The bucket that holds `value`.
#[inline]
pub(super) const fn bucket_of(value: u32) -> Bucket {
    match value {
        0 => B[0],
        1 => B[1],
        2..=3 => B[2],
        4..=7 => B[3],
        8..=15 => B[4],
        16..=31 => B[5],
        32..=95 => B[6],
        96..=351 => B[7],
        352..=1375 => B[8],
        1376..=5471 => B[9],
        5472..=38239 => B[10],
        38240..=300_383 => B[11],
        300_384..=2_397_535 => B[12],
        2_397_536..=19_174_751 => B[13],
        19_174_752..=153_392_479 => B[14],
        153_392_480.. => B[15],
    }
}

/// A packed number as bits, first bit lowest, and how many they are (2 to 38).
#[inline]
pub(super) fn encode(value: u32) -> (u64, usize) {
    let bucket = bucket_of(value);
    let extra = u64::from(value.wrapping_sub(bucket.offset));
    (
        u64::from(bucket.code) | extra << bucket.code_bits,
        bucket.total_bits(),
    )
}

/// The bucket whose code the next bits of a stream begin with, first bit lowest.
#[inline]
pub(super) fn decode(window: u64) -> Bucket {
    let [next, ..] = window.to_le_bytes();
    // Six bits always find their entry.
    let entry = DECODE.get(usize::from(next & 0x3F));
    entry.copied().unwrap_or(B[0])
}

/// Maps 0, −1, 1, −2, 2 … to 0, 1, 2, 3, 4 …: small distances become small numbers.
#[inline]
pub(super) const fn zigzag(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)).cast_unsigned()
}

/// The inverse of [`zigzag`].
#[inline]
pub(super) const fn unzigzag(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// [`zigzag`] for 64 bits.
#[inline]
pub(super) const fn zigzag_long(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag_long`].
#[inline]
pub(super) const fn unzigzag_long(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// The low and the high half of 64 bits.
#[inline]
pub(super) const fn halves(value: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    (
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    )
}

/// 64 bits from their low and high half.
#[inline]
pub(super) fn join(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// A number whose lowest `bits` bits are set. `bits` is at most 63.
#[inline]
pub(super) const fn mask(bits: usize) -> u64 {
    (1 << bits) - 1
}

/// The width of a raw bit operation, if it is one: 0 to 32 bits.
#[inline]
pub(super) fn raw_width(bits: u32) -> Option<usize> {
    match u8::try_from(bits) {
        Ok(bits @ 0..=32) => Some(usize::from(bits)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_the_canonical_code_of_their_lengths() {
        let mut code = 0_u8;
        for pair in B.windows(2) {
            let reversed = code.reverse_bits() >> (8 - pair[0].code_bits);
            assert_eq!(reversed, pair[0].code, "{:?}", pair[0]);
            code = (code + 1) << (pair[1].code_bits - pair[0].code_bits);
        }
        assert_eq!(code, 0b11_1111, "the code is complete");
        assert_eq!(B[15].code, 0x3F);
    }

    #[test]
    fn every_pattern_of_six_bits_decodes_to_the_code_it_begins_with() {
        for (pattern, entry) in (0_u64..).zip(DECODE) {
            let begins = |b: &&Bucket| pattern & mask(b.code_bits.into()) == u64::from(b.code);
            let matching: Vec<_> = B.iter().filter(begins).collect();
            assert_eq!(matching, [&entry], "pattern {pattern:#04x}");
            assert_eq!(decode(pattern | 0xABC0), entry);
        }
    }

    #[test]
    fn buckets_begin_where_the_one_before_ends() {
        for pair in B.windows(2) {
            let end = pair[0].offset + (1 << pair[0].extra_bits);
            assert_eq!(end, pair[1].offset);
            assert_eq!(bucket_of(end - 1), pair[0]);
            assert_eq!(bucket_of(end), pair[1]);
        }
        assert_eq!(bucket_of(u32::MAX), B[15]);
    }

    #[test]
    fn zigzag_interleaves_the_signs() {
        for (value, code) in [
            (0, 0),
            (-1, 1),
            (1, 2),
            (-2, 3),
            (2, 4),
            (i32::MIN, u32::MAX),
        ] {
            assert_eq!(zigzag(value), code);
            assert_eq!(unzigzag(code), value);
            let wide = i64::from(value);
            assert_eq!(unzigzag_long(zigzag_long(wide)), wide);
        }
        assert_eq!(zigzag_long(i64::MIN), u64::MAX);
        assert_eq!(unzigzag_long(u64::MAX), i64::MIN);
    }

    #[test]
    fn raw_bits_come_in_0_to_32() {
        assert_eq!(raw_width(0), Some(0));
        assert_eq!(raw_width(32), Some(32));
        assert_eq!(raw_width(33), None);
        assert_eq!(raw_width(u32::MAX), None);
    }
}
