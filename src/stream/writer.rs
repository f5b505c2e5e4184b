//! Writing a stream into a buffer of fixed size.
//!
//! This file holds the cursor, the two write modes and the plain packed numbers; deltas and strings
//! are built on them in their own files. It never grows the buffer and never allocates.

use super::packed;

/// Writes numbers and strings into a buffer of fixed size, in Unity's encoding.
///
/// Every `write_*` returns whether the value fitted. If it did not, nothing is written, the length
/// stays, and [`has_failed_writes`](Self::has_failed_writes) is true from then on; a later, smaller
/// write may still succeed. The result may be ignored, because the mark stays: ending a send with a
/// marked writer fails as a packet overflow.
///
/// What is written is in the buffer at once, the last byte padded with zero bits, and bytes behind
/// the length are left alone.
///
/// Source: Unity Collections `DataStreamWriter`.
#[derive(Debug)]
pub struct DataStreamWriter<'a> {
    buffer: &'a mut [u8],
    /// Whole bytes written.
    length: usize,
    /// The bits of the byte behind them, lowest first; the rest is zero.
    bit_buffer: u64,
    /// How many these are, 0 to 7.
    bit_count: usize,
    failed: bool,
    behind: Behind,
}

/// What lies behind the write position.
#[derive(Clone, Copy, Debug)]
enum Behind {
    /// Room. The writer appends.
    Room,
    /// More of the stream. The writer patches it, and leaves bits it does not write alone.
    Stream {
        /// Bits of the buffer's last byte that are not part of the stream, 0 to 7.
        padding_bits: usize,
    },
}

/// A position in a stream that is being written, to come back to with
/// [`DataStreamWriter::patch`].
///
/// Source: a copy of Unity's `DataStreamWriter`, taken for a deferred write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamMark {
    byte: usize,
    bit: usize,
}

/// The cursor.
impl<'a> DataStreamWriter<'a> {
    /// An empty stream that may become as long as `buffer`.
    ///
    /// Source: Unity Collections `DataStreamWriter(NativeArray<byte>)`.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self {
            buffer,
            length: 0,
            bit_buffer: 0,
            bit_count: 0,
            failed: false,
            behind: Behind::Room,
        }
    }

    /// Bytes written, a partial byte counted as one.
    ///
    /// Source: Unity Collections `DataStreamWriter.Length`.
    #[inline]
    pub fn length(&self) -> usize {
        self.length + usize::from(self.bit_count > 0)
    }

    /// Bits written.
    ///
    /// Source: Unity Collections `DataStreamWriter.LengthInBits`.
    pub fn length_in_bits(&self) -> usize {
        self.length.saturating_mul(8).saturating_add(self.bit_count)
    }

    /// Bytes the stream can hold.
    ///
    /// Source: Unity Collections `DataStreamWriter.Capacity`.
    pub fn capacity(&self) -> usize {
        self.buffer.len()
    }

    /// Whether a write failed since the writer was made or cleared.
    ///
    /// Source: Unity Collections `DataStreamWriter.HasFailedWrites`.
    #[inline]
    pub fn has_failed_writes(&self) -> bool {
        self.failed
    }

    /// What is written, a partial byte padded with zero bits.
    ///
    /// Source: Unity Collections `DataStreamWriter.AsNativeArray`.
    pub fn as_bytes(&self) -> &[u8] {
        self.buffer.get(..self.length()).unwrap_or_default()
    }

    /// Pads the current byte with zero bits, if it is a partial one. This never fails.
    ///
    /// Source: Unity Collections `DataStreamWriter.Flush`.
    pub fn flush(&mut self) {
        // The padding is in the buffer since the bits were.
        self.length = self.length();
        self.bit_count = 0;
        self.bit_buffer = 0;
    }

    /// Goes back to the start and forgets failed writes.
    ///
    /// Source: Unity Collections `DataStreamWriter.Clear`.
    pub fn clear(&mut self) {
        self.length = 0;
        self.bit_count = 0;
        self.bit_buffer = 0;
        self.failed = false;
    }

    /// The position of the next write, to write there again later.
    ///
    /// Source: a copy of Unity's `DataStreamWriter`.
    pub fn mark(&self) -> StreamMark {
        StreamMark {
            byte: self.length,
            bit: self.bit_count,
        }
    }

    /// Writes over what was written at `mark`: the count in front of a list, once it is known.
    ///
    /// `write` gets a writer that stands at the mark, ends where this one stands, and replaces the
    /// bits it writes and no others. Its length counts from the start of the stream.
    /// A write that goes past the end fails as any other, and marks this writer too.
    ///
    /// A packed number may take other bits than the one it replaces, so reserve the place with a
    /// number of fixed size. A mark that lies behind the end (after [`clear`](Self::clear)) stands
    /// at the end, where nothing fits.
    ///
    /// ```
    /// use drumfire::stream::DataStreamWriter;
    ///
    /// let mut message = [0; 16];
    /// let mut writer = DataStreamWriter::new(&mut message);
    /// let count = writer.mark();
    /// writer.write_ushort(0);
    /// writer.write_byte(11);
    /// writer.write_byte(12);
    /// writer.patch(count, |patch| patch.write_ushort(2));
    /// assert_eq!(writer.as_bytes(), [2, 0, 11, 12]);
    /// ```
    ///
    /// The writer itself rests meanwhile:
    ///
    /// ```compile_fail,E0499
    /// # use drumfire::stream::DataStreamWriter;
    /// # let mut message = [0; 16];
    /// # let mut writer = DataStreamWriter::new(&mut message);
    /// let mark = writer.mark();
    /// writer.patch(mark, |_| writer.write_byte(1));
    /// ```
    ///
    /// Source: writes through a copy of Unity's `DataStreamWriter`.
    pub fn patch<R>(
        &mut self,
        mark: StreamMark,
        write: impl FnOnce(&mut DataStreamWriter<'_>) -> R,
    ) -> R {
        let end = self.length();
        let (length, bit_count) = if mark.byte < end {
            (mark.byte, mark.bit)
        } else {
            (end, 0)
        };
        let mut patch = DataStreamWriter {
            bit_buffer: bits_at(self.buffer, length, bit_count),
            buffer: self.buffer.get_mut(..end).unwrap_or_default(),
            length,
            bit_count,
            failed: false,
            behind: Behind::Stream {
                padding_bits: (8 - self.bit_count) % 8,
            },
        };
        let result = write(&mut patch);
        self.failed |= patch.failed;
        // The patch may have changed the byte this writer is in the middle of.
        self.bit_buffer = bits_at(self.buffer, self.length, self.bit_count);
        result
    }
}

/// Byte mode.
impl DataStreamWriter<'_> {
    /// Writes 1 byte.
    ///
    /// Source: Unity Collections `DataStreamWriter.WriteByte`.
    #[inline]
    pub fn write_byte(&mut self, value: u8) -> bool {
        self.write_array([value])
    }

    /// Writes bytes as they are, all of them or none. Their number is not written.
    ///
    /// Source: Unity Collections `DataStreamWriter.WriteBytes`.
    #[inline]
    pub fn write_bytes(&mut self, value: &[u8]) -> bool {
        let Some(place) = self.claim(value.len()) else {
            return false;
        };
        place.copy_from_slice(value);
        true
    }

    /// Writes 2 bytes, little-endian.
    ///
    /// Source: Unity Collections `DataStreamWriter.WriteShort`.
    #[inline]
    pub fn write_short(&mut self, value: i16) -> bool {
        self.write_array(value.to_le_bytes())
    }

    /// Writes 2 bytes, little-endian.
    ///
    /// Source: Unity Collections `DataStreamWriter.WriteUShort`.
    #[inline]
    pub fn write_ushort(&mut self, value: u16) -> bool {
        self.write_array(value.to_le_bytes())
    }

    /// Writes 4 bytes, little-endian.
    ///
    /// Source: Unity Collections `DataStreamWriter.WriteInt`.
    #[inline]
    pub fn write_int(&mut self, value: i32) -> bool {
        self.write_array(value.to_le_bytes())
    }

    /// Writes 4 bytes, little-endian.
    ///
    /// Source: Unity Collections `DataStreamWriter.WriteUInt`.
    #[inline]
    pub fn write_uint(&mut self, value: u32) -> bool {
        self.write_array(value.to_le_bytes())
    }

    /// Writes 8 bytes, little-endian.
    ///
    /// Source: Unity Collections `DataStreamWriter.WriteLong`.
    #[inline]
    pub fn write_long(&mut self, value: i64) -> bool {
        self.write_array(value.to_le_bytes())
    }

    /// Writes 8 bytes, little-endian.
    ///
    /// Source: Unity Collections `DataStreamWriter.WriteULong`.
    #[inline]
    pub fn write_ulong(&mut self, value: u64) -> bool {
        self.write_array(value.to_le_bytes())
    }

    /// Writes the 4 bytes of a float, little-endian, every bit kept.
    ///
    /// Source: Unity Collections `DataStreamWriter.WriteFloat`.
    #[inline]
    pub fn write_float(&mut self, value: f32) -> bool {
        self.write_array(value.to_le_bytes())
    }

    /// Writes the 8 bytes of a double, little-endian, every bit kept.
    ///
    /// Source: Unity Collections `DataStreamWriter.WriteDouble`.
    #[inline]
    pub fn write_double(&mut self, value: f64) -> bool {
        self.write_array(value.to_le_bytes())
    }

    /// Writes 2 bytes, big-endian.
    ///
    /// Source: Unity Collections `DataStreamWriter.WriteShortNetworkByteOrder`.
    #[inline]
    pub fn write_short_network_byte_order(&mut self, value: i16) -> bool {
        self.write_array(value.to_be_bytes())
    }

    /// Writes 2 bytes, big-endian.
    ///
    /// Source: Unity Collections `DataStreamWriter.WriteUShortNetworkByteOrder`.
    #[inline]
    pub fn write_ushort_network_byte_order(&mut self, value: u16) -> bool {
        self.write_array(value.to_be_bytes())
    }

    /// Writes 4 bytes, big-endian.
    ///
    /// Source: Unity Collections `DataStreamWriter.WriteIntNetworkByteOrder`.
    #[inline]
    pub fn write_int_network_byte_order(&mut self, value: i32) -> bool {
        self.write_array(value.to_be_bytes())
    }

    /// Writes 4 bytes, big-endian.
    ///
    /// Source: Unity Collections `DataStreamWriter.WriteUIntNetworkByteOrder`.
    #[inline]
    pub fn write_uint_network_byte_order(&mut self, value: u32) -> bool {
        self.write_array(value.to_be_bytes())
    }
}

/// Bit mode.
impl DataStreamWriter<'_> {
    /// Writes the lowest `bits` bits of `value`, 0 to 32. More than 32 is a failed write.
    ///
    /// Higher bits of `value` are ignored. A Unity release build lets them spill into what follows;
    /// no reader depends on that.
    ///
    /// Source: Unity Collections `DataStreamWriter.WriteRawBits`.
    #[inline]
    pub fn write_raw_bits(&mut self, value: u32, bits: u32) -> bool {
        let Some(bits) = packed::raw_width(bits) else {
            return self.fail();
        };
        if !self.reserve(bits) {
            return false;
        }
        self.push(u64::from(value) & packed::mask(bits), bits);
        true
    }

    /// Writes a packed number: 2 bits for 0, 38 from 153 392 480 on.
    ///
    /// Source: Unity Collections `DataStreamWriter.WritePackedUInt`.
    #[inline]
    pub fn write_packed_uint(&mut self, value: u32) -> bool {
        let (code, bits) = packed::encode(value);
        if !self.reserve(bits) {
            return false;
        }
        self.push(code, bits);
        true
    }

    /// Writes a packed number: 2 bits for 0, more with the distance from 0, at most 38.
    ///
    /// Source: Unity Collections `DataStreamWriter.WritePackedInt`.
    #[inline]
    pub fn write_packed_int(&mut self, value: i32) -> bool {
        self.write_packed_uint(packed::zigzag(value))
    }

    /// Writes a packed number, the low 32 bits first: 4 bits for 0, at most 76.
    ///
    /// Source: Unity Collections `DataStreamWriter.WritePackedULong`.
    #[inline]
    pub fn write_packed_ulong(&mut self, value: u64) -> bool {
        let (low, high) = packed::halves(value);
        let ((low, low_bits), (high, high_bits)) = (packed::encode(low), packed::encode(high));
        if !self.reserve(low_bits + high_bits) {
            return false;
        }
        self.push(low, low_bits);
        self.push(high, high_bits);
        true
    }

    /// Writes a packed number: 4 bits for 0, more with the distance from 0, at most 76.
    ///
    /// Source: Unity Collections `DataStreamWriter.WritePackedLong`.
    #[inline]
    pub fn write_packed_long(&mut self, value: i64) -> bool {
        self.write_packed_ulong(packed::zigzag_long(value))
    }

    /// Writes a float in 33 bits, or 1 if it is zero. −0 becomes +0; all else is kept.
    ///
    /// Source: Unity Collections `DataStreamWriter.WritePackedFloat`.
    #[inline]
    pub fn write_packed_float(&mut self, value: f32) -> bool {
        self.write_packed_float_delta(value, 0.0)
    }

    /// Writes a double in 65 bits, or 1 if it is zero. −0 becomes +0; all else is kept.
    ///
    /// Source: Unity Collections `DataStreamWriter.WritePackedDouble`.
    #[inline]
    pub fn write_packed_double(&mut self, value: f64) -> bool {
        self.write_packed_double_delta(value, 0.0)
    }
}

/// The floor under every write.
impl DataStreamWriter<'_> {
    /// Leaves the mark of a failed write.
    #[cold]
    pub(super) fn fail(&mut self) -> bool {
        self.failed = true;
        false
    }

    #[inline]
    fn write_array<const N: usize>(&mut self, bytes: [u8; N]) -> bool {
        let Some(place) = self.claim(N) else {
            return false;
        };
        place.copy_from_slice(&bytes);
        true
    }

    /// Moves past `count` whole bytes and gives them to be filled, or fails.
    #[inline]
    pub(super) fn claim(&mut self, count: usize) -> Option<&mut [u8]> {
        let start = self.length();
        let end = start + count;
        // The last byte of a patched stream may be partial.
        let partial = usize::from(self.padding_bits() > 0);
        if end + partial > self.buffer.len() {
            self.fail();
            return None;
        }
        self.length = end;
        self.bit_count = 0;
        self.bit_buffer = 0;
        self.buffer.get_mut(start..end)
    }

    /// Whether `bits` more bits fit; if not, the write has failed.
    #[inline]
    pub(super) fn reserve(&mut self, bits: usize) -> bool {
        let bytes = (self.bit_count + bits + self.padding_bits()).div_ceil(8);
        self.length + bytes <= self.buffer.len() || self.fail()
    }

    /// Appends the lowest `bits` bits of `value`, at most 56, for which room was reserved.
    ///
    /// The other bits of `value` are zero.
    #[inline]
    pub(super) fn push(&mut self, value: u64, bits: usize) {
        let total = self.bit_count + bits;
        let partial = total % 8;
        self.bit_buffer |= value << self.bit_count;

        let end = self.length + total.div_ceil(8);
        let place = self.buffer.get_mut(self.length..end).unwrap_or_default();
        let mut window = self.bit_buffer;
        if let (Behind::Stream { .. }, 1.., Some(last)) = (self.behind, partial, place.last()) {
            window |= u64::from(last >> partial) << total;
        }
        for (to, from) in place.iter_mut().zip(window.to_le_bytes()) {
            *to = from;
        }

        self.length += total / 8;
        self.bit_buffer >>= total - partial;
        self.bit_count = partial;
    }

    #[inline]
    fn padding_bits(&self) -> usize {
        match self.behind {
            Behind::Room => 0,
            Behind::Stream { padding_bits } => padding_bits,
        }
    }
}

/// The lowest `count` bits of a byte of the buffer, 0 to 7.
fn bits_at(buffer: &[u8], byte: usize, count: usize) -> u64 {
    let byte = buffer.get(byte).copied().unwrap_or_default();
    u64::from(byte) & packed::mask(count)
}
