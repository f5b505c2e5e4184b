//! Key exchange over a named group, and the Finished that proves it.

use super::vector::{OrTruncated, Prefix, Reader, push_bytes, push_u16};
use super::{MalformedMessage, VERIFY_DATA_LEN};

/// The only type of curve parameters that is in use.
const NAMED_CURVE: u8 = 3;

/// A server's share of a key exchange.
///
/// ```text
///  0   1       3
/// | 3 | group | public key |
///   u8  u16     u8 + …
/// ```
///
/// Source: RFC 8422 §5.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EcdheParameters<'a> {
    /// The group.
    pub group: u16,
    /// The server's public key in it.
    pub public_key: &'a [u8],
}

impl<'a> EcdheParameters<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, MalformedMessage> {
        let kind = reader.u8().or_truncated("curve type")?;
        if kind != NAMED_CURVE {
            return Err(MalformedMessage::NotANamedCurve { kind });
        }
        let group = reader.u16().or_truncated("group")?;
        let public_key = read_public_key(reader)?;
        Ok(Self { group, public_key })
    }

    /// Appends the parameters: what is signed, behind the two randoms.
    pub fn push(&self, out: &mut Vec<u8>) {
        out.push(NAMED_CURVE);
        push_u16(out, self.group);
        push_bytes(out, Prefix::One, self.public_key);
    }
}

/// A server's share of a key exchange, signed.
///
/// ```text
/// | parameters | scheme | signature |
///                u16      u16 + …
/// ```
///
/// Source: RFC 8422 §5.4, RFC 5246 §7.4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerKeyExchange<'a> {
    /// Group and public key.
    pub parameters: EcdheParameters<'a>,
    /// How the signature was made.
    pub scheme: u16,
    /// A signature over both randoms and the parameters.
    pub signature: &'a [u8],
}

impl<'a> ServerKeyExchange<'a> {
    /// Reads a complete message.
    pub fn parse(body: &'a [u8]) -> Result<Self, MalformedMessage> {
        let mut reader = Reader::new(body);
        let parameters = EcdheParameters::read(&mut reader)?;
        let scheme = reader.u16().or_truncated("signature algorithm")?;
        let signature = reader.vector16().or_truncated("signature")?;
        reader.finish()?;
        Ok(Self {
            parameters,
            scheme,
            signature,
        })
    }

    /// Appends the message's body.
    pub fn push(&self, out: &mut Vec<u8>) {
        self.parameters.push(out);
        push_u16(out, self.scheme);
        push_bytes(out, Prefix::Two, self.signature);
    }
}

/// A client's share of a key exchange: its public key behind one byte of length.
///
/// Source: RFC 8422 §5.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientKeyExchange<'a> {
    /// The client's public key in the server's group.
    pub public_key: &'a [u8],
}

impl<'a> ClientKeyExchange<'a> {
    /// Reads a complete message.
    pub fn parse(body: &'a [u8]) -> Result<Self, MalformedMessage> {
        let mut reader = Reader::new(body);
        let public_key = read_public_key(&mut reader)?;
        reader.finish()?;
        Ok(Self { public_key })
    }

    /// Appends the message's body.
    pub fn push(&self, out: &mut Vec<u8>) {
        push_bytes(out, Prefix::One, self.public_key);
    }
}

fn read_public_key<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], MalformedMessage> {
    let public_key = reader.vector8().or_truncated("public key")?;
    if public_key.is_empty() {
        return Err(MalformedMessage::FieldLength {
            field: "public key",
            len: 0,
        });
    }
    Ok(public_key)
}

/// Proof that both ends saw the same handshake: twelve bytes.
///
/// Source: RFC 5246 §7.4.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// A function of the master secret and of the transcript. Compare it in constant time.
    pub verify_data: [u8; VERIFY_DATA_LEN],
}

impl Finished {
    /// Reads a complete message.
    pub fn parse(body: &[u8]) -> Result<Self, MalformedMessage> {
        let mut reader = Reader::new(body);
        let verify_data = reader.array().or_truncated("verify data")?;
        reader.finish()?;
        Ok(Self { verify_data })
    }

    /// Appends the message's body.
    pub fn push(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.verify_data);
    }
}
