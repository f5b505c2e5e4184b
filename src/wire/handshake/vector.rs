//! TLS's own notation: big-endian numbers, and vectors behind their length.
//!
//! Source: RFC 5246 §4.

use super::MalformedMessage;

/// Takes fields from the front of a slice. A field that is not there is `None`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// What has not been taken.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u24(&mut self) -> Option<u32> {
        let [a, b, c] = self.array()?;
        Some(u32::from_be_bytes([0, a, b, c]))
    }

    /// A vector behind a length of one byte.
    pub(super) fn vector8(&mut self) -> Option<&'a [u8]> {
        let len = self.u8()?;
        self.take(usize::from(len))
    }

    /// A vector behind a length of two bytes.
    pub(super) fn vector16(&mut self) -> Option<&'a [u8]> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// A vector behind a length of three bytes.
    pub(super) fn vector24(&mut self) -> Option<&'a [u8]> {
        let len = self.u24()?;
        self.take(usize::try_from(len).ok()?)
    }

    /// Makes sure that everything was taken.
    pub(super) const fn finish(&self) -> Result<(), MalformedMessage> {
        match self.0.len() {
            0 => Ok(()),
            len => Err(MalformedMessage::Trailing { len }),
        }
    }
}

/// A field that is not there ends the message before its time.
pub(super) trait OrTruncated<T> {
    fn or_truncated(self, field: &'static str) -> Result<T, MalformedMessage>;
}

impl<T> OrTruncated<T> for Option<T> {
    fn or_truncated(self, field: &'static str) -> Result<T, MalformedMessage> {
        self.ok_or(MalformedMessage::Truncated { field })
    }
}

/// Bytes in front of a vector that say how long it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Prefix {
    One = 1,
    Two = 2,
    Three = 3,
}

/// Appends a vector whose content `fill` appends. A length that does not fit its prefix is cut: what
/// is written here is ours, and never that long.
pub(super) fn push_vector(out: &mut Vec<u8>, prefix: Prefix, fill: impl FnOnce(&mut Vec<u8>)) {
    let width = prefix as usize;
    let start = out.len();
    out.resize(start + width, 0);
    fill(out);
    let len = out.len() - start - width;
    let bytes = len.to_be_bytes();
    let Some((_, low)) = bytes.split_at_checked(bytes.len() - width) else {
        return;
    };
    for (to, from) in out.iter_mut().skip(start).zip(low) {
        *to = *from;
    }
}

/// Appends a vector.
pub(super) fn push_bytes(out: &mut Vec<u8>, prefix: Prefix, bytes: &[u8]) {
    push_vector(out, prefix, |out| out.extend_from_slice(bytes));
}

/// Appends a big-endian number.
pub(super) fn push_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// A list of 16-bit numbers as it lies on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct U16List<'a>(&'a [u8]);

impl<'a> U16List<'a> {
    /// The list these bytes are; none if half a number is left over, or if there is no number.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        (!bytes.is_empty() && bytes.len().is_multiple_of(2)).then_some(Self(bytes))
    }

    /// The bytes of such a list.
    pub fn encode(numbers: impl IntoIterator<Item = u16>) -> Vec<u8> {
        numbers.into_iter().flat_map(u16::to_be_bytes).collect()
    }

    /// Its bytes.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Its numbers, in order.
    pub fn iter(self) -> impl Iterator<Item = u16> + use<'a> {
        self.0
            .as_chunks()
            .0
            .iter()
            .map(|pair| u16::from_be_bytes(*pair))
    }

    /// Whether `number` is one of them.
    pub fn contains(self, number: u16) -> bool {
        self.iter().any(|one| one == number)
    }

    pub(super) fn read(bytes: &'a [u8], field: &'static str) -> Result<Self, MalformedMessage> {
        Self::new(bytes).ok_or(MalformedMessage::FieldLength {
            field,
            len: bytes.len(),
        })
    }
}
