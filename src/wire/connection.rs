//! The simple-connection protocol: how a connection starts, lives and ends.
//!
//! Two families share a datagram. *Handshake packets* carry the signature `UTP`, *messages* do
//! not; both carry the connection's token. Exactly one packet fills one datagram (or DTLS record,
//! or WebSocket message), and it is the same bytes on all of them.
//!
//! This module knows no connection: whether a token is known, and what may arrive in which state,
//! is decided above. [`peek_token`] is for routing a batch, [`Packet::parse`] for what was routed.
//!
//! Source: Unity Transport `SimpleConnectionLayer.cs`, `ConnectionToken.cs`.

use std::fmt;

use thiserror::Error;

use super::codec::{push_u16, split_array, split_u16};

/// First bytes of every handshake packet: `UTP`.
///
/// Source: Unity Transport `SimpleConnectionLayer.cs`.
pub const SIGNATURE: [u8; 3] = *b"UTP";

/// The only protocol version of Unity Transport 2.0 to 2.7.
///
/// Source: Unity Transport `SimpleConnectionLayer.cs`.
pub const PROTOCOL_VERSION: u8 = 1;

/// Bytes of a [`Token`].
///
/// Source: Unity Transport `ConnectionToken.cs`.
pub const TOKEN_LEN: usize = 8;

/// Type and token: what every message begins with.
pub const MESSAGE_HEADER_LEN: usize = 9;

/// Signature, version, type and token: what every handshake packet begins with.
pub const HANDSHAKE_HEADER_LEN: usize = 13;

/// A data message's header: the message header and the pipeline id.
pub const DATA_HEADER_LEN: usize = 10;

/// Largest datagram by default, in bytes of UDP payload.
///
/// Source: Unity Transport `NetworkParameterConstants` in `NetworkParams.cs`.
pub const DEFAULT_MAX_MESSAGE_SIZE: usize = 1400;

/// Largest datagram that can be configured: 1500 − 20 (IPv4) − 8 (UDP).
///
/// Source: Unity Transport `NetworkParams.cs`.
pub const MAX_MESSAGE_SIZE: usize = 1472;

/// The path MTU that is never probed for, only from.
///
/// Source: Unity Transport `SimpleConnectionLayer.cs`.
pub const MIN_PATH_MTU: usize = 1024;

const REQUEST: u8 = 1;
const ACCEPT: u8 = 2;

const DATA: u8 = 1;
const DISCONNECT: u8 = 2;
const HEARTBEAT: u8 = 3;
const MTU_CHECK: u8 = 4;
const MTU_ACK: u8 = 5;

/// Bytes of the length field in front of a handshake payload.
const PAYLOAD_LENGTH_LEN: usize = 2;

/// Bytes behind the length field of an MTU ack: the size. Written there, and never read.
const MTU_ACK_BODY_LEN: u16 = 2;

/// Name of a connection on the wire, chosen by the client and used in both directions.
///
/// Whoever knows it can speak for the peer on a plain transport, so it is treated as a secret:
/// `Debug` shows two of its bytes (R19, R40). No value is reserved.
///
/// Source: Unity Transport `ConnectionToken`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub [u8; TOKEN_LEN]);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, ..] = self.0;
        write!(f, "Token({first:02x}{second:02x}…)")
    }
}

/// One packet of the simple-connection protocol.
///
/// A handshake packet, of either type:
///
/// ```text
///  0           3         4      5       13               15
/// | signature | version | type | token | payload length | payload … |
///   "UTP"       u8: 1     u8     8       u16, absent      absent
///                                        if 0             if empty
/// ```
///
/// Type 1 is a request (payload since 2.2.0), type 2 an accept (payload since 2.7.0). Up to two
/// bytes behind the token are no payload, whatever they say.
///
/// A message, by its type:
///
/// ```text
///  0      1       9
/// | type | token | body …
///   u8     8
///
///                 9             10
/// | 1 data, token | pipeline id | stage headers, payload … |
///                   u8
///
/// | 2 disconnect, token |      | 3 heartbeat, token |
///
///                      9     11
/// | 4 MTU check, token | n   | n zero bytes |
///                        u16   not looked at
///
///                    9     11     13
/// | 5 MTU ack, token | 2   | size |
///                      u16   u16
/// ```
///
/// Bytes behind the body of types 2 to 5 are ignored. Types 4 and 5 exist since 2.5.0.
///
/// `Debug` shows lengths in place of bytes, so it may be logged (R40).
///
/// Source: Unity Transport `SimpleConnectionLayer.cs`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A client asks for a connection under a token of its choice.
    Request {
        /// The client's token.
        token: Token,
        /// The connect payload; empty if there is none.
        payload: &'a [u8],
    },
    /// A server grants the connection.
    Accept {
        /// The request's token.
        token: Token,
        /// The accept payload; empty if there is none or its length field is wrong.
        payload: &'a [u8],
    },
    /// A message of the application or of a pipeline stage.
    Data {
        /// The connection's token.
        token: Token,
        /// Id of the pipeline, 0 for none.
        pipeline: u8,
        /// Stage headers and payload.
        body: &'a [u8],
    },
    /// The peer ended the connection. It is sent once, never answered, and has no reason.
    Disconnect {
        /// The connection's token.
        token: Token,
    },
    /// Nothing but a sign of life.
    Heartbeat {
        /// The connection's token.
        token: Token,
    },
    /// A question whether a datagram of this size arrives. See [`mtu`](super::mtu).
    MtuCheck {
        /// The connection's token.
        token: Token,
        /// The length field. How many bytes really follow it is of no interest to the protocol.
        len: u16,
    },
    /// The answer to an [`MtuCheck`](Self::MtuCheck).
    MtuAck {
        /// The connection's token.
        token: Token,
        /// The size that arrived, as its receiver sees it.
        size: u16,
    },
}

/// Why a datagram is no [`Packet`]. It is dropped and counted under this reason, never answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Malformed {
    /// No byte at all.
    #[error("empty datagram")]
    Empty,
    /// No room for type and token.
    #[error("datagram of {len} bytes, shorter than a message header")]
    Short {
        /// Bytes of the datagram, 1 to 8.
        len: usize,
    },
    /// A handshake packet of another protocol version.
    #[error("handshake of protocol version {version}, not {PROTOCOL_VERSION}")]
    WrongVersion {
        /// The version it names.
        version: u8,
    },
    /// A handshake packet that is neither request nor accept.
    #[error("unknown handshake type {kind}")]
    UnknownHandshake {
        /// The type it names.
        kind: u8,
    },
    /// A request whose length field is not the length of what follows.
    ///
    /// Unity Transport 2.5 to 2.7 answers these with connection requests of its own, a reflection.
    #[error("request with {actual} bytes of payload declares {declared}")]
    PayloadLength {
        /// The length field.
        declared: u16,
        /// Bytes behind it.
        actual: usize,
    },
    /// A message of a type that Unity Transport does not know either.
    ///
    /// It leaves the timers of the connection it names untouched.
    #[error("unknown message type {kind}")]
    UnknownType {
        /// The token it carries.
        token: Token,
        /// The type it names.
        kind: u8,
    },
    /// A data message that ends before its pipeline id.
    #[error("data message without a pipeline id")]
    DataWithoutPipeline,
    /// An MTU check or ack that ends before its number.
    ///
    /// Release builds of Unity Transport read 0 in its place.
    #[error("MTU message with a body of {len} bytes, which ends before its number")]
    MtuBodyShort {
        /// Bytes of the body, 0 to 3.
        len: usize,
    },
}

impl<'a> Packet<'a> {
    /// Reads one datagram.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Malformed> {
        if let Some(handshake) = split_handshake(datagram) {
            return Self::parse_handshake(handshake);
        }
        let Some(message) = split_message(datagram) else {
            return Err(match datagram.len() {
                0 => Malformed::Empty,
                len => Malformed::Short { len },
            });
        };
        Self::parse_message(message)
    }

    /// The token, which every packet carries.
    pub fn token(&self) -> Token {
        match *self {
            Self::Request { token, .. }
            | Self::Accept { token, .. }
            | Self::Data { token, .. }
            | Self::Disconnect { token }
            | Self::Heartbeat { token }
            | Self::MtuCheck { token, .. }
            | Self::MtuAck { token, .. } => token,
        }
    }

    fn parse_handshake(handshake: Handshake<'a>) -> Result<Self, Malformed> {
        let Handshake {
            version,
            kind,
            token,
            rest,
        } = handshake;
        if version != PROTOCOL_VERSION {
            return Err(Malformed::WrongVersion { version });
        }
        match (kind, split_payload(rest)) {
            (REQUEST, Ok(payload)) => Ok(Self::Request { token, payload }),
            (REQUEST, Err(mismatch)) => Err(mismatch),
            (ACCEPT, payload) => Ok(Self::Accept {
                token,
                payload: payload.unwrap_or_default(),
            }),
            _ => Err(Malformed::UnknownHandshake { kind }),
        }
    }

    fn parse_message(message: Message<'a>) -> Result<Self, Malformed> {
        let Message { kind, token, body } = message;
        let short = Malformed::MtuBodyShort { len: body.len() };
        match kind {
            DATA => {
                let (&pipeline, body) = body.split_first().ok_or(Malformed::DataWithoutPipeline)?;
                Ok(Self::Data {
                    token,
                    pipeline,
                    body,
                })
            }
            DISCONNECT => Ok(Self::Disconnect { token }),
            HEARTBEAT => Ok(Self::Heartbeat { token }),
            MTU_CHECK => {
                let (len, _) = split_u16(body).ok_or(short)?;
                Ok(Self::MtuCheck { token, len })
            }
            MTU_ACK => {
                let (_, rest) = split_u16(body).ok_or(short)?;
                let (size, _) = split_u16(rest).ok_or(short)?;
                Ok(Self::MtuAck { token, size })
            }
            _ => Err(Malformed::UnknownType { token, kind }),
        }
    }
}

impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Request { token, payload } => {
                write!(f, "Request({token:?}, {} bytes)", payload.len())
            }
            Self::Accept { token, payload } => {
                write!(f, "Accept({token:?}, {} bytes)", payload.len())
            }
            Self::Data {
                token,
                pipeline,
                body,
            } => {
                write!(
                    f,
                    "Data({token:?}, pipeline {pipeline}, {} bytes)",
                    body.len()
                )
            }
            Self::Disconnect { token } => write!(f, "Disconnect({token:?})"),
            Self::Heartbeat { token } => write!(f, "Heartbeat({token:?})"),
            Self::MtuCheck { token, len } => write!(f, "MtuCheck({token:?}, length {len})"),
            Self::MtuAck { token, size } => write!(f, "MtuAck({token:?}, size {size})"),
        }
    }
}

/// What a datagram is to a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A connection request.
    Request,
    /// A connection accept.
    Accept,
    /// Anything without a signature; its type has not been looked at.
    Message,
}

/// Kind and token of a datagram, after a few compares and without looking any further.
///
/// None means that [`Packet::parse`] will find it malformed. The reverse does not hold: what was
/// routed by its token still has to be parsed, and may be malformed then.
pub fn peek_token(datagram: &[u8]) -> Option<(Kind, Token)> {
    if let Some(handshake) = split_handshake(datagram) {
        return match (handshake.version, handshake.kind) {
            (PROTOCOL_VERSION, REQUEST) => Some((Kind::Request, handshake.token)),
            (PROTOCOL_VERSION, ACCEPT) => Some((Kind::Accept, handshake.token)),
            _ => None,
        };
    }
    split_message(datagram).map(|message| (Kind::Message, message.token))
}

/// Largest connect or accept payload that fits a datagram of `max_message_size` bytes.
///
/// `padding` is what the layers below add: 0 for UDP. The payload travels behind 15 bytes, yet
/// Unity Transport also subtracts the data header, so 1375 bytes fit by default and not 1385.
///
/// Source: Unity Transport `NetworkDriver.cs`.
pub const fn max_handshake_payload(max_message_size: usize, padding: usize) -> usize {
    max_message_size
        .saturating_sub(padding)
        .saturating_sub(DATA_HEADER_LEN + HANDSHAKE_HEADER_LEN + PAYLOAD_LENGTH_LEN)
}

/// Appends a connection request.
///
/// The length field is written only in front of a payload. A payload beyond 65,535 bytes is left
/// out, as Unity Transport leaves out one beyond [`max_handshake_payload`]: check against that.
pub fn push_request(out: &mut Vec<u8>, token: Token, payload: &[u8]) {
    push_handshake(out, REQUEST, token, payload);
}

/// Appends a connection accept. What is said of the payload of [`push_request`] holds here too.
///
/// Clients of Unity Transport 2.0 and 2.1 take an accept of exactly 13 bytes only.
pub fn push_accept(out: &mut Vec<u8>, token: Token, payload: &[u8]) {
    push_handshake(out, ACCEPT, token, payload);
}

/// Writes the header of a data message in place; stage headers and payload follow it.
pub fn write_data_header(header: &mut [u8; DATA_HEADER_LEN], token: Token, pipeline: u8) {
    let [kind_field, token_field @ .., pipeline_field] = header;
    *kind_field = DATA;
    *token_field = token.0;
    *pipeline_field = pipeline;
}

/// Appends a disconnect.
pub fn push_disconnect(out: &mut Vec<u8>, token: Token) {
    push_message(out, DISCONNECT, token);
}

/// Appends a heartbeat.
pub fn push_heartbeat(out: &mut Vec<u8>, token: Token) {
    push_message(out, HEARTBEAT, token);
}

/// What follows the length field of an MTU check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CheckBody {
    /// As many zero bytes as the field says: a probe of the path's size.
    Zeros,
    /// Nothing: a probe of the address, whose length field is a nonce. Always 11 bytes.
    Absent,
}

/// Appends an MTU check with the length field `len`.
pub fn push_mtu_check(out: &mut Vec<u8>, token: Token, len: u16, body: CheckBody) {
    push_message(out, MTU_CHECK, token);
    push_u16(out, len);
    if body == CheckBody::Zeros {
        out.resize(out.len() + usize::from(len), 0);
    }
}

/// Appends an MTU ack.
pub fn push_mtu_ack(out: &mut Vec<u8>, token: Token, size: u16) {
    push_message(out, MTU_ACK, token);
    push_u16(out, MTU_ACK_BODY_LEN);
    push_u16(out, size);
}

struct Handshake<'a> {
    version: u8,
    kind: u8,
    token: Token,
    rest: &'a [u8],
}

struct Message<'a> {
    kind: u8,
    token: Token,
    body: &'a [u8],
}

/// None for whatever has no signature or ends before its token: then it is a message, if anything.
fn split_handshake(datagram: &[u8]) -> Option<Handshake<'_>> {
    let (header, rest) = split_array::<HANDSHAKE_HEADER_LEN>(datagram)?;
    let [u, t, p, version, kind, token @ ..] = header;
    ([u, t, p] == SIGNATURE).then_some(Handshake {
        version,
        kind,
        token: Token(token),
        rest,
    })
}

fn split_message(datagram: &[u8]) -> Option<Message<'_>> {
    let (header, body) = split_array::<MESSAGE_HEADER_LEN>(datagram)?;
    let [kind, token @ ..] = header;
    Some(Message {
        kind,
        token: Token(token),
        body,
    })
}

/// The payload behind a handshake header, or how its length field lies.
fn split_payload(rest: &[u8]) -> Result<&[u8], Malformed> {
    match split_u16(rest) {
        None | Some((_, [])) => Ok(&[]),
        Some((declared, payload)) if usize::from(declared) == payload.len() => Ok(payload),
        Some((declared, payload)) => Err(Malformed::PayloadLength {
            declared,
            actual: payload.len(),
        }),
    }
}

fn push_handshake(out: &mut Vec<u8>, kind: u8, token: Token, payload: &[u8]) {
    out.extend_from_slice(&SIGNATURE);
    out.extend_from_slice(&[PROTOCOL_VERSION, kind]);
    out.extend_from_slice(&token.0);
    match u16::try_from(payload.len()) {
        Ok(0) | Err(_) => {}
        Ok(len) => {
            push_u16(out, len);
            out.extend_from_slice(payload);
        }
    }
}

fn push_message(out: &mut Vec<u8>, kind: u8, token: Token) {
    out.push(kind);
    out.extend_from_slice(&token.0);
}

#[cfg(test)]
mod tests;
