//! The DTLS 1.2 handshake's bytes: fragments, and the messages they add up to.
//!
//! A message travels in fragments, and every fragment repeats the header. What is hashed and signed
//! is the message in one piece, its header included. All numbers are big-endian.
//!
//! A parser answers with borrowed values or with the reason why there is none; it never panics and
//! never allocates. Whether a message is legal at this point, and what to make of it, is decided
//! above: nothing here knows a state. Only the profile that is spoken is read: ECDHE key exchange,
//! named groups, X.509 certificates.
//!
//! Source: RFC 6347 §4.2; RFC 5246 §7.4; RFC 8422 §5.

mod certificate;
mod extensions;
mod hello;
mod key_exchange;
mod vector;

#[cfg(test)]
mod tests;

use thiserror::Error;

pub use self::certificate::{
    Certificate, CertificateRequest, CertificateVerify, DerList, push_der_list,
};
pub use self::extensions::{
    Extensions, FALLBACK_SUITE, RENEGOTIATION_SUITE, SERVER_NAME, SIGNATURE_ALGORITHMS,
};
pub use self::hello::{ClientHello, HelloVerifyRequest, ServerHello};
pub use self::key_exchange::{ClientKeyExchange, EcdheParameters, Finished, ServerKeyExchange};
pub use self::vector::U16List;

use self::vector::Reader;

/// Bytes of a handshake header: those of every fragment.
///
/// Source: RFC 6347 §4.2.2.
pub const HANDSHAKE_HEADER_LEN: usize = 12;

/// Bytes of a hello's random.
///
/// Source: RFC 5246 §7.4.1.2.
pub const RANDOM_LEN: usize = 32;

/// Bytes of a Finished.
///
/// Source: RFC 5246 §7.4.9.
pub const VERIFY_DATA_LEN: usize = 12;

/// The kind of a handshake message.
///
/// Source: RFC 5246 §7.4, RFC 6347 §4.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum MessageKind {
    /// A server wishes to agree on keys again. It is not part of any transcript.
    HelloRequest = 0,
    /// See [`ClientHello`].
    ClientHello = 1,
    /// See [`ServerHello`].
    ServerHello = 2,
    /// See [`HelloVerifyRequest`].
    HelloVerifyRequest = 3,
    /// See [`Certificate`].
    Certificate = 11,
    /// See [`ServerKeyExchange`].
    ServerKeyExchange = 12,
    /// See [`CertificateRequest`].
    CertificateRequest = 13,
    /// The server has said all it has to say. Empty.
    ServerHelloDone = 14,
    /// See [`CertificateVerify`].
    CertificateVerify = 15,
    /// See [`ClientKeyExchange`].
    ClientKeyExchange = 16,
    /// See [`Finished`].
    Finished = 20,
}

impl MessageKind {
    /// The kind of this number; none if this profile does not have it.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::HelloRequest),
            1 => Some(Self::ClientHello),
            2 => Some(Self::ServerHello),
            3 => Some(Self::HelloVerifyRequest),
            11 => Some(Self::Certificate),
            12 => Some(Self::ServerKeyExchange),
            13 => Some(Self::CertificateRequest),
            14 => Some(Self::ServerHelloDone),
            15 => Some(Self::CertificateVerify),
            16 => Some(Self::ClientKeyExchange),
            20 => Some(Self::Finished),
            _ => None,
        }
    }

    /// The RFC's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HelloRequest => "HelloRequest",
            Self::ClientHello => "ClientHello",
            Self::ServerHello => "ServerHello",
            Self::HelloVerifyRequest => "HelloVerifyRequest",
            Self::Certificate => "Certificate",
            Self::ServerKeyExchange => "ServerKeyExchange",
            Self::CertificateRequest => "CertificateRequest",
            Self::ServerHelloDone => "ServerHelloDone",
            Self::CertificateVerify => "CertificateVerify",
            Self::ClientKeyExchange => "ClientKeyExchange",
            Self::Finished => "Finished",
        }
    }
}

/// The header of a fragment.
///
/// ```text
///  0      1        4          6                 9                 12
/// | kind | length | sequence | fragment offset | fragment length | fragment …
///   u8     u24      u16        u24               u24
/// ```
///
/// `length` is that of the whole message. The fragment lies within it: a parser sees to that.
///
/// Source: RFC 6347 §4.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentHeader {
    /// What the message is.
    pub kind: MessageKind,
    /// Bytes of the whole message, without header.
    pub len: u32,
    /// Number of the message, counted by its sender from 0 in every handshake.
    pub sequence: u16,
    /// Where in the message the fragment begins.
    pub offset: u32,
    /// Bytes of the fragment.
    pub fragment_len: u32,
}

/// Why no handshake fragment begins where one should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum MalformedFragment {
    /// No room for a header.
    #[error("{len} bytes, shorter than a handshake header")]
    Short {
        /// Bytes left.
        len: usize,
    },
    /// A message this profile does not have.
    #[error("unknown handshake message {kind}")]
    UnknownKind {
        /// The kind it names.
        kind: u8,
    },
    /// The fragment passes the end of its message.
    #[error("fragment of {fragment_len} bytes at {offset} passes the end of a message of {len}")]
    OutOfBounds {
        /// Bytes of the message.
        len: u32,
        /// Where the fragment begins.
        offset: u32,
        /// Bytes of the fragment.
        fragment_len: u32,
    },
    /// The fragment passes the end of its record.
    #[error("fragment declares {declared} bytes, {available} are there")]
    Truncated {
        /// The length field.
        declared: u32,
        /// Bytes behind the header.
        available: usize,
    },
}

impl FragmentHeader {
    /// The header of a message in one piece.
    pub const fn whole(kind: MessageKind, sequence: u16, len: u32) -> Self {
        Self {
            kind,
            len,
            sequence,
            offset: 0,
            fragment_len: len,
        }
    }

    /// Whether the fragment is the whole message.
    pub const fn is_whole(&self) -> bool {
        self.fragment_len == self.len
    }

    /// Reads the fragment that begins `bytes`: its header, its content, and what follows it.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8], &[u8]), MalformedFragment> {
        let short = MalformedFragment::Short { len: bytes.len() };
        let mut reader = Reader::new(bytes);
        let mut fields = || {
            Some((
                reader.u8()?,
                reader.u24()?,
                reader.u16()?,
                reader.u24()?,
                reader.u24()?,
            ))
        };
        let (kind, len, sequence, offset, fragment_len) = fields().ok_or(short)?;
        let kind = MessageKind::from_byte(kind).ok_or(MalformedFragment::UnknownKind { kind })?;
        // Both are below 2^24.
        if offset + fragment_len > len {
            return Err(MalformedFragment::OutOfBounds {
                len,
                offset,
                fragment_len,
            });
        }
        let body = reader.rest();
        let (fragment, rest) = usize::try_from(fragment_len)
            .ok()
            .and_then(|end| body.split_at_checked(end))
            .ok_or(MalformedFragment::Truncated {
                declared: fragment_len,
                available: body.len(),
            })?;
        let header = Self {
            kind,
            len,
            sequence,
            offset,
            fragment_len,
        };
        Ok((header, fragment, rest))
    }

    /// The header's bytes. Lengths are below 2²⁴; what goes beyond is cut.
    pub const fn emit(&self) -> [u8; HANDSHAKE_HEADER_LEN] {
        let [_, l0, l1, l2] = self.len.to_be_bytes();
        let [s0, s1] = self.sequence.to_be_bytes();
        let [_, o0, o1, o2] = self.offset.to_be_bytes();
        let [_, f0, f1, f2] = self.fragment_len.to_be_bytes();
        [self.kind as u8, l0, l1, l2, s0, s1, o0, o1, o2, f0, f1, f2]
    }
}

/// Why the bytes of a complete message are no message of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum MalformedMessage {
    /// It ends before, or within, one of its fields.
    #[error("it ends before the end of its {field}")]
    Truncated {
        /// The field.
        field: &'static str,
    },
    /// A field has a length it must not have.
    #[error("its {field} has {len} bytes, which is not allowed")]
    FieldLength {
        /// The field.
        field: &'static str,
        /// The field's bytes.
        len: usize,
    },
    /// Bytes follow the last field.
    #[error("{len} bytes follow its last field")]
    Trailing {
        /// How many.
        len: usize,
    },
    /// An extension occurs twice.
    #[error("extension {kind} occurs twice")]
    DuplicateExtension {
        /// The extension's number.
        kind: u16,
    },
    /// More extensions than anyone has a use for.
    #[error("more than {limit} extensions")]
    TooManyExtensions {
        /// Most that are read.
        limit: usize,
    },
    /// Key exchange with a curve that has no name.
    #[error("curve of type {kind}, not a named one")]
    NotANamedCurve {
        /// The type it names.
        kind: u8,
    },
}
