//! Reading a stream from bytes, which may come from anyone.
//!
//! This file holds the cursor, the two read modes and the plain packed numbers; deltas and strings
//! are built on them in their own files. No bytes make a read panic, loop or allocate.

use thiserror::Error;

use super::packed;

/// Reads what a [`DataStreamWriter`](super::DataStreamWriter) wrote, by the same calls in the same
/// order.
///
/// A read past the end returns zero, takes nothing, and leaves the mark
/// [`has_failed_reads`](Self::has_failed_reads). Two ways lead to a `Result` instead:
/// [`checked`](Self::checked) around one or more reads, and [`check`](Self::check) after them.
///
/// A clone is a cursor of its own over the same bytes.
///
/// Source: Unity Collections `DataStreamReader`.
#[derive(Clone, Debug)]
pub struct DataStreamReader<'a> {
    bytes: &'a [u8],
    /// The byte that holds the next bit.
    byte: usize,
    /// Bits taken from that byte, 0 to 7.
    bit: usize,
    failed: bool,
    /// The first thing that went wrong.
    error: Option<ReadError>,
}

/// A stream did not hold what was read from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The stream is over.
    #[error("{needed_bits} bits were read at bit {position_bits} of a stream of {length_bits}")]
    EndOfStream {
        /// Where the read began.
        position_bits: usize,
        /// What it wanted.
        needed_bits: usize,
        /// What there is in all.
        length_bits: usize,
    },
    /// A string is longer than its type holds. Unity reads it as empty and goes on in its middle.
    #[error("a string of {length} bytes was read where {capacity} fit")]
    StringTooLong {
        /// Bytes announced.
        length: u32,
        /// Bytes the type holds.
        capacity: usize,
    },
    /// Raw bits are read 0 to 32 at a time.
    #[error("{bits} raw bits were read at once, and 32 are the most")]
    TooManyBits {
        /// Bits asked for.
        bits: u32,
    },
    /// A seek went past the end.
    #[error("seek to byte {position} of a stream of {length}")]
    SeekPastEnd {
        /// Byte asked for.
        position: usize,
        /// Bytes there are.
        length: usize,
    },
}

/// The cursor.
impl<'a> DataStreamReader<'a> {
    /// A cursor at the start of `bytes`.
    ///
    /// Source: Unity Collections `DataStreamReader(NativeArray<byte>)`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            byte: 0,
            bit: 0,
            failed: false,
            error: None,
        }
    }

    /// Bytes of the stream, read or not.
    ///
    /// Source: Unity Collections `DataStreamReader.Length`.
    #[inline]
    pub fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes read, a partly read byte counted as one.
    ///
    /// Source: Unity Collections `DataStreamReader.GetBytesRead`.
    #[inline]
    pub fn bytes_read(&self) -> usize {
        self.byte + usize::from(self.bit > 0)
    }

    /// Bits read.
    ///
    /// Source: Unity Collections `DataStreamReader.GetBitsRead`.
    pub fn bits_read(&self) -> usize {
        self.byte.saturating_mul(8).saturating_add(self.bit)
    }

    /// Whether a read failed in Unity's sense, or a [`checked`](Self::checked) one in any.
    ///
    /// A string too long for its type does not count in Unity; [`check`](Self::check) knows it.
    ///
    /// Source: Unity Collections `DataStreamReader.HasFailedReads`.
    #[inline]
    pub fn has_failed_reads(&self) -> bool {
        self.failed
    }

    /// The first thing that went wrong with this reader, as an error.
    ///
    /// Read a whole message, then ask once. Until then every number may be a zero that was never
    /// sent, so let none of them drive a loop.
    pub fn check(&self) -> Result<(), ReadError> {
        self.error.map_or(Ok(()), Err)
    }

    /// Runs reads, and gives their result only if all of them succeeded.
    ///
    /// Otherwise the first error is returned, the cursor is back where it was, and
    /// [`has_failed_reads`](Self::has_failed_reads) is set.
    ///
    /// ```
    /// use drumfire::stream::DataStreamReader;
    ///
    /// let mut reader = DataStreamReader::new(&[3, 0, 0, 0, 9]);
    /// assert_eq!(reader.checked(|r| r.read_uint()), Ok(3));
    /// let error = reader.checked(|r| r.read_uint()).unwrap_err();
    /// assert_eq!(error.to_string(), "32 bits were read at bit 32 of a stream of 40");
    /// assert_eq!(reader.checked(|r| r.read_byte()), Ok(9));
    /// ```
    pub fn checked<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Result<T, ReadError> {
        let before = self.clone();
        self.error = None;
        let value = read(self);
        match self.error {
            None => {
                self.error = before.error;
                Ok(value)
            }
            Some(error) => {
                *self = before;
                self.fail(error);
                Err(error)
            }
        }
    }

    /// Goes to a byte, counted from the start. Past the end is a failed read, and goes nowhere.
    ///
    /// Source: Unity Collections `DataStreamReader.SeekSet`.
    pub fn seek_set(&mut self, position: usize) {
        let length = self.bytes.len();
        if position > length {
            self.fail(ReadError::SeekPastEnd { position, length });
        } else {
            self.byte = position;
            self.bit = 0;
        }
    }

    /// Skips the rest of a partly read byte.
    ///
    /// Source: Unity Collections `DataStreamReader.Flush`.
    pub fn flush(&mut self) {
        self.byte = self.bytes_read();
        self.bit = 0;
    }
}

/// Byte mode.
impl<'a> DataStreamReader<'a> {
    /// Reads 1 byte.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadByte`.
    #[inline]
    pub fn read_byte(&mut self) -> u8 {
        let [value] = self.read_array();
        value
    }

    /// Fills `into`, or zeroes it and returns false if the stream has fewer bytes left.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadBytes`.
    #[inline]
    pub fn read_bytes(&mut self, into: &mut [u8]) -> bool {
        let start = self.bytes_read();
        let end = start + into.len();
        if let Some(bytes) = self.bytes.get(start..end) {
            into.copy_from_slice(bytes);
            self.byte = end;
            self.bit = 0;
            true
        } else {
            into.fill(0);
            self.end_of_stream(start.saturating_mul(8), into.len().saturating_mul(8));
            false
        }
    }

    /// The next `len` bytes, borrowed from the message; none, and a failed read, if fewer are left.
    ///
    /// For what is only passed on: nothing is copied.
    #[inline]
    pub fn read_slice(&mut self, len: usize) -> &'a [u8] {
        let start = self.bytes_read();
        let bytes = start
            .checked_add(len)
            .and_then(|end| self.bytes.get(start..end));
        if let Some(bytes) = bytes {
            self.byte = start + len;
            self.bit = 0;
            bytes
        } else {
            self.end_of_stream(start.saturating_mul(8), len.saturating_mul(8));
            &[]
        }
    }

    /// Reads 2 bytes, little-endian.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadShort`.
    #[inline]
    pub fn read_short(&mut self) -> i16 {
        i16::from_le_bytes(self.read_array())
    }

    /// Reads 2 bytes, little-endian.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadUShort`.
    #[inline]
    pub fn read_ushort(&mut self) -> u16 {
        u16::from_le_bytes(self.read_array())
    }

    /// Reads 4 bytes, little-endian.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadInt`.
    #[inline]
    pub fn read_int(&mut self) -> i32 {
        i32::from_le_bytes(self.read_array())
    }

    /// Reads 4 bytes, little-endian.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadUInt`.
    #[inline]
    pub fn read_uint(&mut self) -> u32 {
        u32::from_le_bytes(self.read_array())
    }

    /// Reads 8 bytes, little-endian.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadLong`.
    #[inline]
    pub fn read_long(&mut self) -> i64 {
        i64::from_le_bytes(self.read_array())
    }

    /// Reads 8 bytes, little-endian.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadULong`.
    #[inline]
    pub fn read_ulong(&mut self) -> u64 {
        u64::from_le_bytes(self.read_array())
    }

    /// Reads the 4 bytes of a float, little-endian. It may be NaN or infinite.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadFloat`.
    #[inline]
    pub fn read_float(&mut self) -> f32 {
        f32::from_le_bytes(self.read_array())
    }

    /// Reads the 8 bytes of a double, little-endian. It may be NaN or infinite.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadDouble`.
    #[inline]
    pub fn read_double(&mut self) -> f64 {
        f64::from_le_bytes(self.read_array())
    }

    /// Reads 2 bytes, big-endian.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadShortNetworkByteOrder`.
    #[inline]
    pub fn read_short_network_byte_order(&mut self) -> i16 {
        i16::from_be_bytes(self.read_array())
    }

    /// Reads 2 bytes, big-endian.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadUShortNetworkByteOrder`.
    #[inline]
    pub fn read_ushort_network_byte_order(&mut self) -> u16 {
        u16::from_be_bytes(self.read_array())
    }

    /// Reads 4 bytes, big-endian.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadIntNetworkByteOrder`.
    #[inline]
    pub fn read_int_network_byte_order(&mut self) -> i32 {
        i32::from_be_bytes(self.read_array())
    }

    /// Reads 4 bytes, big-endian.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadUIntNetworkByteOrder`.
    #[inline]
    pub fn read_uint_network_byte_order(&mut self) -> u32 {
        u32::from_be_bytes(self.read_array())
    }
}

/// Bit mode.
impl DataStreamReader<'_> {
    /// Reads 0 to 32 bits. More than 32 is a failed read.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadRawBits`.
    #[inline]
    pub fn read_raw_bits(&mut self, bits: u32) -> u32 {
        let Some(width) = packed::raw_width(bits) else {
            self.fail(ReadError::TooManyBits { bits });
            return 0;
        };
        self.take(width)
    }

    /// Reads a packed number of 2 to 38 bits.
    ///
    /// If the stream ends behind its code, the code is taken and the smallest number that begins
    /// with it returned, as Unity does.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadPackedUInt`.
    #[inline]
    pub fn read_packed_uint(&mut self) -> u32 {
        let window = self.window();
        let bucket = packed::decode(window);
        let code_bits = usize::from(bucket.code_bits);
        if !self.has(code_bits) {
            self.end_of_stream(self.bits_read(), code_bits);
            return 0;
        }
        self.advance(code_bits);
        let extra = self.take(usize::from(bucket.extra_bits));
        // A number past `u32::MAX` is one nobody wrote. It wraps, as in Unity.
        bucket.offset.wrapping_add(extra)
    }

    /// Reads a packed number of 2 to 38 bits.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadPackedInt`.
    #[inline]
    pub fn read_packed_int(&mut self) -> i32 {
        packed::unzigzag(self.read_packed_uint())
    }

    /// Reads a packed number of 4 to 76 bits.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadPackedULong`.
    #[inline]
    pub fn read_packed_ulong(&mut self) -> u64 {
        let low = self.read_packed_uint();
        let high = self.read_packed_uint();
        packed::join(low, high)
    }

    /// Reads a packed number of 4 to 76 bits.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadPackedLong`.
    #[inline]
    pub fn read_packed_long(&mut self) -> i64 {
        packed::unzigzag_long(self.read_packed_ulong())
    }

    /// Reads a float of 1 or 33 bits. It may be NaN or infinite.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadPackedFloat`.
    #[inline]
    pub fn read_packed_float(&mut self) -> f32 {
        self.read_packed_float_delta(0.0)
    }

    /// Reads a double of 1 or 65 bits. It may be NaN or infinite.
    ///
    /// Source: Unity Collections `DataStreamReader.ReadPackedDouble`.
    #[inline]
    pub fn read_packed_double(&mut self) -> f64 {
        self.read_packed_double_delta(0.0)
    }
}

/// The floor under every read.
impl DataStreamReader<'_> {
    /// Leaves the mark of a failed read.
    #[cold]
    fn fail(&mut self, error: ReadError) {
        self.failed = true;
        self.note(error);
    }

    /// Remembers an error that Unity does not count as a failed read.
    #[cold]
    pub(super) fn note(&mut self, error: ReadError) {
        self.error.get_or_insert(error);
    }

    #[cold]
    fn end_of_stream(&mut self, position_bits: usize, needed_bits: usize) {
        self.fail(ReadError::EndOfStream {
            position_bits,
            needed_bits,
            length_bits: self.bytes.len().saturating_mul(8),
        });
    }

    #[inline]
    fn read_array<const N: usize>(&mut self) -> [u8; N] {
        let start = self.bytes_read();
        let rest = self.bytes.get(start..).unwrap_or_default();
        if let Some(bytes) = rest.first_chunk() {
            self.byte = start + N;
            self.bit = 0;
            *bytes
        } else {
            self.end_of_stream(start.saturating_mul(8), N * 8);
            [0; N]
        }
    }

    /// Takes up to 32 bits, or fails and takes none.
    #[inline]
    pub(super) fn take(&mut self, bits: usize) -> u32 {
        if !self.has(bits) {
            self.end_of_stream(self.bits_read(), bits);
            return 0;
        }
        let (value, _) = packed::halves(self.window() & packed::mask(bits));
        self.advance(bits);
        value
    }

    /// Whether so many bits are left.
    #[inline]
    fn has(&self, bits: usize) -> bool {
        self.byte + (self.bit + bits).div_ceil(8) <= self.bytes.len()
    }

    /// The next bits, at least 57, first bit lowest; zeros behind the end.
    #[inline]
    fn window(&self) -> u64 {
        let rest = self.bytes.get(self.byte..).unwrap_or_default();
        let word = rest.first_chunk().copied().unwrap_or_else(|| {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(rest) {
                *to = *from;
            }
            word
        });
        u64::from_le_bytes(word) >> self.bit
    }

    #[inline]
    fn advance(&mut self, bits: usize) {
        let total = self.bit + bits;
        self.byte += total / 8;
        self.bit = total % 8;
    }
}
