//! The hellos, and the question between two of them that proves an address.

use super::extensions::Extensions;
use super::vector::{OrTruncated, Prefix, Reader, U16List, push_bytes, push_u16};
use super::{MalformedMessage, RANDOM_LEN};
use crate::wire::record::ProtocolVersion;

/// Most bytes of a session id.
const MAX_SESSION_ID_LEN: usize = 32;

/// A client's first word, and its second with the cookie in it.
///
/// ```text
///  0         2        34           +1               +1       +2              +1
/// | version | random | session id | cookie | cipher suites | compressions | extensions
///   u16       32       u8 + ≤ 32    u8 + …   u16 + 2 each    u8 + 1 each    optional
/// ```
///
/// Source: RFC 6347 §4.2.1, RFC 5246 §7.4.1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// The highest version the client speaks.
    pub version: ProtocolVersion,
    /// The client's share of what makes the keys unique.
    pub random: [u8; RANDOM_LEN],
    /// A session to resume; nobody here does.
    pub session_id: &'a [u8],
    /// What a [`HelloVerifyRequest`] gave it; empty before.
    pub cookie: &'a [u8],
    /// Cipher suites, in order of preference.
    pub cipher_suites: U16List<'a>,
    /// Compression methods; 0, none at all, is always among them.
    pub compressions: &'a [u8],
    /// Extensions; none if the hello was cut before them.
    pub extensions: Extensions<'a>,
}

impl<'a> ClientHello<'a> {
    /// Reads a complete message.
    pub fn parse(body: &'a [u8]) -> Result<Self, MalformedMessage> {
        let (mut hello, rest) = Self::parse_head(body)?;
        hello.extensions = Extensions::parse(rest)?;
        Ok(hello)
    }

    /// Reads all but the extensions, from a message of which only the beginning may be there.
    ///
    /// Answers with what follows the last field.
    pub fn parse_head(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), MalformedMessage> {
        let mut reader = Reader::new(bytes);
        let version = ProtocolVersion(reader.u16().or_truncated("version")?);
        let random = reader.array().or_truncated("random")?;
        let session_id = read_session_id(&mut reader)?;
        let cookie = reader.vector8().or_truncated("cookie")?;
        let suites = reader.vector16().or_truncated("cipher suites")?;
        let cipher_suites = U16List::read(suites, "cipher suites")?;
        let compressions = reader.vector8().or_truncated("compression methods")?;
        if compressions.is_empty() {
            return Err(MalformedMessage::FieldLength {
                field: "compression methods",
                len: 0,
            });
        }
        let hello = Self {
            version,
            random,
            session_id,
            cookie,
            cipher_suites,
            compressions,
            extensions: Extensions::default(),
        };
        Ok((hello, reader.rest()))
    }

    /// Appends the message's body.
    pub fn push(&self, out: &mut Vec<u8>) {
        push_u16(out, self.version.0);
        out.extend_from_slice(&self.random);
        push_bytes(out, Prefix::One, self.session_id);
        push_bytes(out, Prefix::One, self.cookie);
        push_bytes(out, Prefix::Two, self.cipher_suites.as_bytes());
        push_bytes(out, Prefix::One, self.compressions);
        self.extensions.push(out);
    }
}

/// A server's question: say hello again, with this cookie.
///
/// ```text
///  0         2
/// | version | cookie |
///   u16       u8 + ≤ 255
/// ```
///
/// Source: RFC 6347 §4.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HelloVerifyRequest<'a> {
    /// 1.0, whatever will be spoken later.
    pub version: ProtocolVersion,
    /// To be repeated by the client.
    pub cookie: &'a [u8],
}

impl<'a> HelloVerifyRequest<'a> {
    /// Reads a complete message.
    pub fn parse(body: &'a [u8]) -> Result<Self, MalformedMessage> {
        let mut reader = Reader::new(body);
        let version = ProtocolVersion(reader.u16().or_truncated("version")?);
        let cookie = reader.vector8().or_truncated("cookie")?;
        reader.finish()?;
        Ok(Self { version, cookie })
    }

    /// Appends the message's body.
    pub fn push(&self, out: &mut Vec<u8>) {
        push_u16(out, self.version.0);
        push_bytes(out, Prefix::One, self.cookie);
    }
}

/// A server's choice among what the client offered.
///
/// ```text
///  0         2        34           +1             +2            +1
/// | version | random | session id | cipher suite | compression | extensions
///   u16       32       u8 + ≤ 32    u16            u8            optional
/// ```
///
/// Source: RFC 5246 §7.4.1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerHello<'a> {
    /// The version that will be spoken.
    pub version: ProtocolVersion,
    /// The server's share of what makes the keys unique.
    pub random: [u8; RANDOM_LEN],
    /// A name for the session; empty if it cannot be resumed.
    pub session_id: &'a [u8],
    /// The cipher suite.
    pub cipher_suite: u16,
    /// The compression method.
    pub compression: u8,
    /// Answers to the client's extensions.
    pub extensions: Extensions<'a>,
}

impl<'a> ServerHello<'a> {
    /// Reads a complete message.
    pub fn parse(body: &'a [u8]) -> Result<Self, MalformedMessage> {
        let mut reader = Reader::new(body);
        Ok(Self {
            version: ProtocolVersion(reader.u16().or_truncated("version")?),
            random: reader.array().or_truncated("random")?,
            session_id: read_session_id(&mut reader)?,
            cipher_suite: reader.u16().or_truncated("cipher suite")?,
            compression: reader.u8().or_truncated("compression method")?,
            extensions: Extensions::parse(reader.rest())?,
        })
    }

    /// Appends the message's body.
    pub fn push(&self, out: &mut Vec<u8>) {
        push_u16(out, self.version.0);
        out.extend_from_slice(&self.random);
        push_bytes(out, Prefix::One, self.session_id);
        push_u16(out, self.cipher_suite);
        out.push(self.compression);
        self.extensions.push(out);
    }
}

fn read_session_id<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], MalformedMessage> {
    let session_id = reader.vector8().or_truncated("session id")?;
    if session_id.len() > MAX_SESSION_ID_LEN {
        return Err(MalformedMessage::FieldLength {
            field: "session id",
            len: session_id.len(),
        });
    }
    Ok(session_id)
}
