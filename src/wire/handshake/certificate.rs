//! Certificates on the wire, the wish for one, and the proof that its key is at hand.

use super::MalformedMessage;
use super::vector::{OrTruncated, Prefix, Reader, U16List, push_bytes, push_u16, push_vector};

/// DER objects one behind the other, each behind its length. All lengths are sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DerList<'a> {
    bytes: &'a [u8],
    prefix: Lengths,
}

/// Width of the length in front of each object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lengths {
    /// Names of authorities.
    Two,
    /// Certificates.
    #[default]
    Three,
}

impl<'a> DerList<'a> {
    fn read(
        bytes: &'a [u8],
        prefix: Lengths,
        field: &'static str,
    ) -> Result<Self, MalformedMessage> {
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            let object = next_object(&mut reader, prefix).or_truncated(field)?;
            if object.is_empty() {
                return Err(MalformedMessage::FieldLength { field, len: 0 });
            }
        }
        Ok(Self { bytes, prefix })
    }

    /// The objects, in order.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut reader = Reader::new(self.bytes);
        std::iter::from_fn(move || next_object(&mut reader, self.prefix))
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }
}

fn next_object<'a>(reader: &mut Reader<'a>, prefix: Lengths) -> Option<&'a [u8]> {
    match prefix {
        Lengths::Two => reader.vector16(),
        Lengths::Three => reader.vector24(),
    }
}

/// A chain of certificates, the peer's own first. A client without one sends it empty.
///
/// ```text
///  0       3        6
/// | bytes | length | certificate … | length | certificate … |
///   u24     u24                      again
/// ```
///
/// Source: RFC 5246 §7.4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// The chain.
    pub chain: DerList<'a>,
}

impl<'a> Certificate<'a> {
    /// Reads a complete message.
    pub fn parse(body: &'a [u8]) -> Result<Self, MalformedMessage> {
        const FIELD: &str = "certificate list";
        let mut reader = Reader::new(body);
        let list = reader.vector24().or_truncated(FIELD)?;
        reader.finish()?;
        let chain = DerList::read(list, Lengths::Three, FIELD)?;
        Ok(Self { chain })
    }

    /// Appends the message's body.
    pub fn push<'c>(chain: impl IntoIterator<Item = &'c [u8]>, out: &mut Vec<u8>) {
        push_vector(out, Prefix::Three, |out| {
            for certificate in chain {
                push_bytes(out, Prefix::Three, certificate);
            }
        });
    }
}

/// A server's wish to see a certificate.
///
/// ```text
///  0       +1              +2        +2
/// | types | schemes       | bytes | length | name of an authority … |
///   u8 + …  u16 + 2 each    u16     u16      again
/// ```
///
/// Source: RFC 5246 §7.4.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateRequest<'a> {
    /// Kinds of keys: 1 RSA, 64 ECDSA.
    pub types: &'a [u8],
    /// Signature schemes, in order of preference.
    pub signature_schemes: U16List<'a>,
    /// Who should have issued it; empty if the server does not say.
    pub authorities: DerList<'a>,
}

impl<'a> CertificateRequest<'a> {
    /// Keys for RSA signatures.
    pub const RSA_SIGN: u8 = 1;
    /// Keys for ECDSA signatures, and for Ed25519.
    pub const ECDSA_SIGN: u8 = 64;

    /// Reads a complete message.
    pub fn parse(body: &'a [u8]) -> Result<Self, MalformedMessage> {
        let mut reader = Reader::new(body);
        let types = reader.vector8().or_truncated("certificate types")?;
        if types.is_empty() {
            return Err(MalformedMessage::FieldLength {
                field: "certificate types",
                len: 0,
            });
        }
        let schemes = reader.vector16().or_truncated("signature algorithms")?;
        let authorities = reader.vector16().or_truncated("authorities")?;
        reader.finish()?;
        Ok(Self {
            types,
            signature_schemes: U16List::read(schemes, "signature algorithms")?,
            authorities: DerList::read(authorities, Lengths::Two, "authorities")?,
        })
    }

    /// Appends the message's body.
    pub fn push(&self, out: &mut Vec<u8>) {
        push_bytes(out, Prefix::One, self.types);
        push_bytes(out, Prefix::Two, self.signature_schemes.as_bytes());
        push_vector(out, Prefix::Two, |out| {
            for name in self.authorities.iter() {
                push_bytes(out, Prefix::Two, name);
            }
        });
    }

    /// The same request with names of authorities whose list lies in `names`, as
    /// [`push_der_list`] wrote it; none if it does not.
    #[must_use]
    pub fn with_authorities(mut self, names: &'a [u8]) -> Option<Self> {
        self.authorities = DerList::read(names, Lengths::Two, "authorities").ok()?;
        Some(self)
    }
}

/// Appends names of authorities, for [`CertificateRequest::with_authorities`].
pub fn push_der_list<'n>(names: impl IntoIterator<Item = &'n [u8]>, out: &mut Vec<u8>) {
    for name in names {
        push_bytes(out, Prefix::Two, name);
    }
}

/// A signature over everything said so far, by the key of the client's certificate.
///
/// ```text
///  0        2
/// | scheme | signature |
///   u16      u16 + …
/// ```
///
/// Source: RFC 5246 §7.4.8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateVerify<'a> {
    /// How it was made.
    pub scheme: u16,
    /// The signature.
    pub signature: &'a [u8],
}

impl<'a> CertificateVerify<'a> {
    /// Reads a complete message.
    pub fn parse(body: &'a [u8]) -> Result<Self, MalformedMessage> {
        let mut reader = Reader::new(body);
        let scheme = reader.u16().or_truncated("signature algorithm")?;
        let signature = reader.vector16().or_truncated("signature")?;
        reader.finish()?;
        Ok(Self { scheme, signature })
    }

    /// Appends the message's body.
    pub fn push(&self, out: &mut Vec<u8>) {
        push_u16(out, self.scheme);
        push_bytes(out, Prefix::Two, self.signature);
    }
}
