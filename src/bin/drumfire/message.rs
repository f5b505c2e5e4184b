//! The messages of a load: numbered, stamped and checksummed, so that an echo can be judged.
//!
//! ```text
//! 0 client (u32) │ 4 number (u32) │ 8 sent at (u64, ns since the load began) │ 16 filling … │ checksum (u64)
//! ```

use std::ops::Range;

/// The smallest message: all fields, no filling.
pub(crate) const SMALLEST: usize = 24;

const CLIENT: Range<usize> = 0..4;
const NUMBER: Range<usize> = 4..8;
const SENT_AT: Range<usize> = 8..16;

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) client: u32,
    pub(crate) number: u32,
    /// Nanoseconds since the load began.
    pub(crate) sent_at: u64,
}

/// Writes a message over the whole of `bytes`, which is [`SMALLEST`] bytes long or more.
pub(crate) fn write(bytes: &mut [u8], stamp: Stamp) {
    put(bytes, CLIENT, &stamp.client.to_le_bytes());
    put(bytes, NUMBER, &stamp.number.to_le_bytes());
    put(bytes, SENT_AT, &stamp.sent_at.to_le_bytes());
    let Some((body, checksum)) = bytes.split_last_chunk_mut::<8>() else {
        return;
    };
    let word = mix(u64::from(stamp.client) << 32 | u64::from(stamp.number)).to_le_bytes();
    for filling in body
        .get_mut(SENT_AT.end..)
        .into_iter()
        .flat_map(|filling| filling.chunks_mut(8))
    {
        for (to, from) in filling.iter_mut().zip(word) {
            *to = from;
        }
    }
    *checksum = digest(body).to_le_bytes();
}

/// Reads a message; none if it is not what [`write`] wrote.
pub(crate) fn read(bytes: &[u8]) -> Option<Stamp> {
    let (body, checksum) = bytes.split_last_chunk::<8>()?;
    if digest(body) != u64::from_le_bytes(*checksum) {
        return None;
    }
    Some(Stamp {
        client: u32::from_le_bytes(body.get(CLIENT)?.try_into().ok()?),
        number: u32::from_le_bytes(body.get(NUMBER)?.try_into().ok()?),
        sent_at: u64::from_le_bytes(body.get(SENT_AT)?.try_into().ok()?),
    })
}

fn put(bytes: &mut [u8], at: Range<usize>, value: &[u8]) {
    if let Some(to) = bytes.get_mut(at) {
        to.copy_from_slice(value);
    }
}

/// A checksum of eight bytes a step. Each step is a bijection of the state, so a change of any one
/// word always shows.
fn digest(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let start = mix(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    words
        .iter()
        .chain([&last])
        .fold(start, |state, word| mix(state ^ u64::from_le_bytes(*word)))
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood 2014).
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        client: 7,
        number: 70_000,
        sent_at: 1 << 40,
    };

    #[test]
    fn a_message_of_any_size_reads_as_it_was_written() {
        for size in SMALLEST..200 {
            let mut bytes = vec![0xAA; size];
            write(&mut bytes, STAMP);
            assert_eq!(read(&bytes), Some(STAMP), "{size} bytes");
        }
    }

    #[test]
    fn a_change_of_any_byte_shows() {
        let mut bytes = vec![0; 64];
        write(&mut bytes, STAMP);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            assert_eq!(read(&changed), None, "byte {at}");
        }
        assert_eq!(read(&bytes[..63]), None);
        assert_eq!(read(&[]), None);
    }
}
