//! Strings of limited length, in Unity's five sizes.
//!
//! The sizes are encoded alike and differ only in the most bytes a reader takes. Both sides must
//! use the same one. The bytes are UTF-8 by custom; nothing here or in Unity enforces it.

use std::fmt;
use std::str::{self, Utf8Error};

use super::{DataStreamReader, DataStreamWriter, ReadError};

/// Defines a string type, and the four stream operations of its size.
macro_rules! fixed_string {
    ($name:ident, $capacity:literal, $write:ident, $read:ident, $write_delta:ident, $read_delta:ident) => {
        #[doc = concat!("A string of at most ", $capacity, " bytes, as read from a stream.")]
        ///
        /// Writing takes anything that gives bytes, so that only readers need this type.
        ///
        #[doc = concat!("Source: Unity Collections `", stringify!($name), "Bytes`.")]
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name {
            /// At most the capacity.
            length: u16,
            /// Zero behind the length.
            bytes: [u8; $capacity],
        }

        impl $name {
            /// Most bytes the string holds.
            pub const CAPACITY: usize = $capacity;

            /// The bytes, which a peer chose.
            pub fn as_bytes(&self) -> &[u8] {
                let length = usize::from(self.length);
                self.bytes.get(..length).unwrap_or_default()
            }

            /// The text, if the bytes are UTF-8.
            pub fn to_str(&self) -> Result<&str, Utf8Error> {
                str::from_utf8(self.as_bytes())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    length: 0,
                    bytes: [0; $capacity],
                }
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self.as_bytes()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\"{}\"", self.as_bytes().escape_ascii())
            }
        }

        impl DataStreamWriter<'_> {
            /// Writes a string in byte mode: 2 bytes for its length, little-endian, then its bytes.
            ///
            #[doc = concat!("More than ", $capacity, " bytes are a failed write.")]
            ///
            #[doc = concat!("Source: Unity Collections `DataStreamWriter.Write", stringify!($name), "`.")]
            pub fn $write(&mut self, value: impl AsRef<[u8]>) -> bool {
                self.write_string(value.as_ref(), $capacity)
            }

            /// Writes a string by its distance from `baseline`, in bit mode: 2 bits if both are
            /// empty, 2 more for each equal byte.
            ///
            #[doc = concat!("More than ", $capacity, " bytes in either are a failed write.")]
            ///
            #[doc = concat!("Source: Unity Collections `DataStreamWriter.WritePacked", stringify!($name), "Delta`.")]
            pub fn $write_delta(
                &mut self,
                value: impl AsRef<[u8]>,
                baseline: impl AsRef<[u8]>,
            ) -> bool {
                self.write_string_delta(value.as_ref(), baseline.as_ref(), $capacity)
            }
        }

        impl DataStreamReader<'_> {
            /// Reads a string in byte mode.
            ///
            #[doc = concat!("If it announces more than ", $capacity, " bytes, only its length is taken")]
            /// and the string is empty: an error for [`checked`](Self::checked) and
            /// [`check`](Self::check), no failed read for Unity. If the stream ends first, the
            /// announced length is kept and the bytes are zero.
            ///
            #[doc = concat!("Source: Unity Collections `DataStreamReader.Read", stringify!($name), "`.")]
            pub fn $read(&mut self) -> $name {
                let mut value = $name::default();
                value.length = self.read_string(&mut value.bytes);
                value
            }

            /// Reads a string by its distance from `baseline`, in bit mode.
            ///
            #[doc = concat!("If it announces more than ", $capacity, " bytes, only its length is taken")]
            /// and the string is empty: an error for [`checked`](Self::checked) and
            /// [`check`](Self::check), no failed read for Unity.
            ///
            #[doc = concat!("Source: Unity Collections `DataStreamReader.ReadPacked", stringify!($name), "Delta`.")]
            pub fn $read_delta(&mut self, baseline: impl AsRef<[u8]>) -> $name {
                let mut value = $name::default();
                value.length = self.read_string_delta(baseline.as_ref(), &mut value.bytes);
                value
            }
        }
    };
}

fixed_string!(
    FixedString32,
    29,
    write_fixed_string_32,
    read_fixed_string_32,
    write_packed_fixed_string_32_delta,
    read_packed_fixed_string_32_delta
);

fixed_string!(
    FixedString64,
    61,
    write_fixed_string_64,
    read_fixed_string_64,
    write_packed_fixed_string_64_delta,
    read_packed_fixed_string_64_delta
);

fixed_string!(
    FixedString128,
    125,
    write_fixed_string_128,
    read_fixed_string_128,
    write_packed_fixed_string_128_delta,
    read_packed_fixed_string_128_delta
);

fixed_string!(
    FixedString512,
    509,
    write_fixed_string_512,
    read_fixed_string_512,
    write_packed_fixed_string_512_delta,
    read_packed_fixed_string_512_delta
);

fixed_string!(
    FixedString4096,
    4093,
    write_fixed_string_4096,
    read_fixed_string_4096,
    write_packed_fixed_string_4096_delta,
    read_packed_fixed_string_4096_delta
);

impl DataStreamWriter<'_> {
    /// Writes length and bytes, or neither.
    fn write_string(&mut self, value: &[u8], capacity: usize) -> bool {
        let length = match u16::try_from(value.len()) {
            Ok(length) if value.len() <= capacity => length,
            _ => return self.fail(),
        };
        let Some(place) = self.claim(2 + value.len()) else {
            return false;
        };
        let bytes = length
            .to_le_bytes()
            .into_iter()
            .chain(value.iter().copied());
        for (to, from) in place.iter_mut().zip(bytes) {
            *to = from;
        }
        true
    }
}

impl DataStreamReader<'_> {
    /// Reads length and bytes into zeroed bytes, and returns the length.
    fn read_string(&mut self, into: &mut [u8]) -> u16 {
        let length = self.read_ushort();
        let capacity = into.len();
        let Some(text) = into.get_mut(..usize::from(length)) else {
            self.note(ReadError::StringTooLong {
                length: u32::from(length),
                capacity,
            });
            return 0;
        };
        self.read_bytes(text);
        length
    }
}
