//! Data streams: numbers and strings in the encoding Unity's applications use.
//!
//! A message is bytes. Applications that talk to a Unity peer fill them with Unity's
//! `DataStreamWriter` and read them with `DataStreamReader`; these are the same two types.
//! The module knows no driver and no connection, allocates nothing and works on byte slices alone.
//! Nothing in the transport's own headers uses this encoding: who sends other bytes needs no stream.
//!
//! # The encoding
//!
//! A stream has no type tags, no length in front and no terminator: both sides make the same calls
//! in the same order. Two modes mix freely.
//!
//! * **Byte mode** (`write_byte` to `write_double`, byte arrays, fixed strings) pads the current
//!   byte with zero bits, then appends whole bytes. Numbers are little-endian, except where the
//!   method says network byte order.
//! * **Bit mode** (`write_raw_bits`, `write_packed_*`) appends bits, each byte filled from its least
//!   significant bit upwards, multi-bit values with their least significant bit first.
//!
//! Packed numbers take fewer bits the closer they are to zero: 2 to 38 for 32 bits, 4 to 76 for 64.
//! Packed deltas encode the distance to a baseline that both sides know.
//!
//! # Failing
//!
//! As in Unity, a write that does not fit returns `false` and leaves the stream as it was, a read
//! past the end returns zero, and both leave a mark that stays:
//! [`has_failed_writes`](DataStreamWriter::has_failed_writes) and
//! [`has_failed_reads`](DataStreamReader::has_failed_reads).
//! Bytes from a peer deserve more care than that, so a reader also answers with a `Result`, for one
//! read or for many:
//!
//! ```
//! use drumfire::stream::{DataStreamReader, DataStreamWriter, ReadError};
//!
//! let mut message = [0; 64];
//! let mut writer = DataStreamWriter::new(&mut message);
//! writer.write_ushort(7);
//! writer.write_packed_int(-3);
//! writer.write_fixed_string_32("Ada");
//! assert!(!writer.has_failed_writes());
//! let length = writer.length();
//!
//! let mut reader = DataStreamReader::new(&message[..length]);
//! let (id, step, name) = reader.checked(|r| {
//!     (r.read_ushort(), r.read_packed_int(), r.read_fixed_string_32())
//! })?;
//! assert_eq!((id, step, name.to_str()), (7, -3, Ok("Ada")));
//! assert!(reader.checked(|r| r.read_byte()).is_err());
//! # Ok::<(), ReadError>(())
//! ```
//!
//! # What the format does not protect against
//!
//! * Counts have no limit: bound every loop that a decoded number drives.
//! * Floats may be NaN or infinite, strings may be no UTF-8: check before use.
//! * Equal values have more than one encoding (padding bits, wrapped packed numbers): never use
//!   encoded bytes as an identity, and never sign them expecting the peer to make the same ones.
//!
//! Source: Unity Collections `DataStreamWriter`, `DataStreamReader`, `StreamCompressionModel`.

mod delta;
mod fixed_string;
mod packed;
mod reader;
mod writer;

pub use fixed_string::{
    FixedString32, FixedString64, FixedString128, FixedString512, FixedString4096,
};
pub use reader::{DataStreamReader, ReadError};
pub use writer::{DataStreamWriter, StreamMark};

#[cfg(test)]
mod tests;
