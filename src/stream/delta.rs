//! Packed deltas: values by their distance from a baseline that both sides know.
//!
//! The baseline is an argument. This file keeps none and checks none: with another baseline on the
//! other side the value is another, and nobody notices.

use std::iter;

use super::packed;
use super::{DataStreamReader, DataStreamWriter, ReadError};

impl DataStreamWriter<'_> {
    /// Writes a number by its distance from `baseline`: 2 bits if equal, at most 38.
    ///
    /// Source: Unity Collections `DataStreamWriter.WritePackedUIntDelta`.
    #[inline]
    pub fn write_packed_uint_delta(&mut self, value: u32, baseline: u32) -> bool {
        self.write_packed_uint(distance(value, baseline))
    }

    /// Writes a number by its distance from `baseline`: 2 bits if equal, at most 38.
    ///
    /// Source: Unity Collections `DataStreamWriter.WritePackedIntDelta`.
    #[inline]
    pub fn write_packed_int_delta(&mut self, value: i32, baseline: i32) -> bool {
        self.write_packed_int(baseline.wrapping_sub(value))
    }

    /// Writes a number by its distance from `baseline`: 4 bits if equal, at most 76.
    ///
    /// Source: Unity Collections `DataStreamWriter.WritePackedULongDelta`.
    #[inline]
    pub fn write_packed_ulong_delta(&mut self, value: u64, baseline: u64) -> bool {
        self.write_packed_long(baseline.wrapping_sub(value).cast_signed())
    }

    /// Writes a number by its distance from `baseline`: 4 bits if equal, at most 76.
    ///
    /// Source: Unity Collections `DataStreamWriter.WritePackedLongDelta`.
    #[inline]
    pub fn write_packed_long_delta(&mut self, value: i64, baseline: i64) -> bool {
        self.write_packed_long(baseline.wrapping_sub(value))
    }

    /// Writes 1 bit if `value` equals `baseline` as a number, or 33 bits with all of it.
    ///
    /// −0 equals 0 and is read as the baseline; NaN equals nothing and is always sent in full.
    ///
    /// Source: Unity Collections `DataStreamWriter.WritePackedFloatDelta`.
    #[inline]
    pub fn write_packed_float_delta(&mut self, value: f32, baseline: f32) -> bool {
        if value == baseline {
            return self.write_raw_bits(0, 1);
        }
        if !self.reserve(33) {
            return false;
        }
        self.push(u64::from(value.to_bits()) << 1 | 1, 33);
        true
    }

    /// Writes 1 bit if `value` equals `baseline` as a number, or 65 bits with all of it.
    ///
    /// −0 equals 0 and is read as the baseline; NaN equals nothing and is always sent in full.
    ///
    /// Source: Unity Collections `DataStreamWriter.WritePackedDoubleDelta`.
    #[inline]
    pub fn write_packed_double_delta(&mut self, value: f64, baseline: f64) -> bool {
        if value == baseline {
            return self.write_raw_bits(0, 1);
        }
        if !self.reserve(65) {
            return false;
        }
        let (low, high) = packed::halves(value.to_bits());
        self.push(u64::from(low) << 1 | 1, 33);
        self.push(u64::from(high), 32);
        true
    }

    /// Writes a string by the distance of its length and bytes from those of `baseline`.
    ///
    /// All or nothing. Either string being longer than `capacity` bytes is a failed write.
    pub(super) fn write_string_delta(
        &mut self,
        value: &[u8],
        baseline: &[u8],
        capacity: usize,
    ) -> bool {
        if value.len().max(baseline.len()) > capacity {
            return self.fail();
        }
        let bits = symbols(value, baseline)
            .map(|symbol| packed::bucket_of(symbol).total_bits())
            .sum();
        if !self.reserve(bits) {
            return false;
        }
        for symbol in symbols(value, baseline) {
            let (code, bits) = packed::encode(symbol);
            self.push(code, bits);
        }
        true
    }
}

/// If a distance cannot be read, it is 0: the result is the baseline, and the read has failed.
impl DataStreamReader<'_> {
    /// Reads a number of 2 to 38 bits by its distance from `baseline`.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadPackedUIntDelta`.
    #[inline]
    pub fn read_packed_uint_delta(&mut self, baseline: u32) -> u32 {
        baseline.wrapping_sub(self.read_packed_int().cast_unsigned())
    }

    /// Reads a number of 2 to 38 bits by its distance from `baseline`.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadPackedIntDelta`.
    #[inline]
    pub fn read_packed_int_delta(&mut self, baseline: i32) -> i32 {
        baseline.wrapping_sub(self.read_packed_int())
    }

    /// Reads a number of 4 to 76 bits by its distance from `baseline`.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadPackedULongDelta`.
    #[inline]
    pub fn read_packed_ulong_delta(&mut self, baseline: u64) -> u64 {
        baseline.wrapping_sub(self.read_packed_long().cast_unsigned())
    }

    /// Reads a number of 4 to 76 bits by its distance from `baseline`.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadPackedLongDelta`.
    #[inline]
    pub fn read_packed_long_delta(&mut self, baseline: i64) -> i64 {
        baseline.wrapping_sub(self.read_packed_long())
    }

    /// Reads a float of 1 or 33 bits: `baseline`, or another. It may be NaN or infinite.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadPackedFloatDelta`.
    #[inline]
    pub fn read_packed_float_delta(&mut self, baseline: f32) -> f32 {
        if self.take(1) == 0 {
            return baseline;
        }
        f32::from_bits(self.take(32))
    }

    /// Reads a double of 1 or 65 bits: `baseline`, or another. It may be NaN or infinite.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadPackedDoubleDelta`.
    #[inline]
    pub fn read_packed_double_delta(&mut self, baseline: f64) -> f64 {
        if self.take(1) == 0 {
            return baseline;
        }
        let low = self.take(32);
        let high = self.take(32);
        f64::from_bits(packed::join(low, high))
    }

    /// Reads a string by its distance from `baseline` into zeroed bytes, and returns its length.
    ///
    /// A longer string than `into` holds is read as empty: only its length is taken.
    pub(super) fn read_string_delta(&mut self, baseline: &[u8], into: &mut [u8]) -> u16 {
        let capacity = into.len();
        let length = self.read_packed_uint_delta(length_of(baseline));
        let text = usize::try_from(length)
            .ok()
            .and_then(|end| into.get_mut(..end));
        let (Some(text), Ok(short)) = (text, u16::try_from(length)) else {
            self.note(ReadError::StringTooLong { length, capacity });
            return 0;
        };
        for (index, byte) in text.iter_mut().enumerate() {
            let value = match baseline.get(index) {
                Some(&base) => self.read_packed_uint_delta(u32::from(base)),
                None => self.read_packed_uint(),
            };
            [*byte, ..] = value.to_le_bytes();
        }
        short
    }
}

/// What a packed delta of 32 bits encodes: baseline minus value, in zigzag.
#[inline]
fn distance(value: u32, baseline: u32) -> u32 {
    packed::zigzag(baseline.wrapping_sub(value).cast_signed())
}

/// A string's length as it is sent.
fn length_of(text: &[u8]) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

/// The packed numbers a string delta consists of.
fn symbols(value: &[u8], baseline: &[u8]) -> impl Iterator<Item = u32> {
    let bytes = value.iter().enumerate().map(|(index, &byte)| {
        let byte = u32::from(byte);
        match baseline.get(index) {
            Some(&base) => distance(byte, u32::from(base)),
            None => byte,
        }
    });
    iter::once(distance(length_of(value), length_of(baseline))).chain(bytes)
}
