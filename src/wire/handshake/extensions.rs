//! Extensions of the hellos, as far as this profile knows them. The rest is skipped.
//!
//! Source: RFC 5246 §7.4.1.4; RFC 6066 §3; RFC 8422 §5.1; RFC 7627 §5.1; RFC 5746 §3.2.

use super::MalformedMessage;
use super::vector::{OrTruncated, Prefix, Reader, U16List, push_bytes, push_u16, push_vector};

/// A cipher suite that is none: the client knows of secure renegotiation.
///
/// Source: RFC 5746 §3.3.
pub const RENEGOTIATION_SUITE: u16 = 0x00FF;

/// A cipher suite that is none: the client was refused with a higher version before.
///
/// Source: RFC 7507 §3.
pub const FALLBACK_SUITE: u16 = 0x5600;

/// The extension by which a client names its server.
///
/// Source: RFC 6066 §3.
pub const SERVER_NAME: u16 = 0;

const SUPPORTED_GROUPS: u16 = 10;
const EC_POINT_FORMATS: u16 = 11;
/// Number of the extension that says which signatures a client takes; servers do not send it.
///
/// Source: RFC 5246 §7.4.1.4.1.
pub const SIGNATURE_ALGORITHMS: u16 = 13;

const EXTENDED_MASTER_SECRET: u16 = 23;
const RENEGOTIATION_INFO: u16 = 0xFF01;

/// The one kind of name in a server name list.
const HOST_NAME: u8 = 0;

/// Most extensions that are read. Browsers send fewer than twenty; the bound keeps the search for
/// duplicates short.
const MAX_EXTENSIONS: usize = 64;

/// Extensions of a hello.
///
/// ```text
///  0        2      4        6
/// | length | kind | length | data … | kind | length | data … |
///   u16      u16    u16               again
///
/// server_name            0  | list: u16 | 0: u8 | length: u16 | host name |   (empty from a server)
/// supported_groups      10  | list: u16 | group: u16 … |
/// ec_point_formats      11  | list: u8  | format: u8 … |
/// signature_algorithms  13  | list: u16 | scheme: u16 … |
/// extended_master_secret 23 (empty)
/// renegotiation_info 0xFF01 | length: u8 | verify data |                     (empty data at first)
/// ```
///
/// The whole block is absent if there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions<'a> {
    /// The host name a client asks for; empty if a server says that it has used it.
    pub server_name: Option<&'a [u8]>,
    /// Groups for key exchange, in order of preference.
    pub groups: Option<U16List<'a>>,
    /// Formats of elliptic-curve points; 0 is the uncompressed one.
    pub point_formats: Option<&'a [u8]>,
    /// Signature schemes, in order of preference.
    pub signature_schemes: Option<U16List<'a>>,
    /// Whether the master secret is bound to the handshake.
    pub extended_master_secret: bool,
    /// Verify data of the handshake before this one: none the first time.
    pub renegotiation_info: Option<&'a [u8]>,
    /// The first extension that is none of the above. It is never written.
    pub unknown: Option<u16>,
}

impl<'a> Extensions<'a> {
    /// Reads what follows the last field of a hello: nothing, or one block of extensions.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, MalformedMessage> {
        let mut found = Self::default();
        if bytes.is_empty() {
            return Ok(found);
        }
        let mut reader = Reader::new(bytes);
        let block = reader.vector16().or_truncated("extensions")?;
        reader.finish()?;

        let mut reader = Reader::new(block);
        let mut seen = [0; MAX_EXTENSIONS];
        let mut count = 0;
        while !reader.is_empty() {
            let kind = reader.u16().or_truncated("extension's number")?;
            let data = reader.vector16().or_truncated("extension")?;
            // RFC 5246 §7.4.1.4: there MUST NOT be more than one extension of the same type.
            if seen.iter().take(count).any(|earlier| *earlier == kind) {
                return Err(MalformedMessage::DuplicateExtension { kind });
            }
            let place = seen
                .get_mut(count)
                .ok_or(MalformedMessage::TooManyExtensions {
                    limit: MAX_EXTENSIONS,
                })?;
            *place = kind;
            count += 1;
            found.read(kind, data)?;
        }
        Ok(found)
    }

    fn read(&mut self, kind: u16, data: &'a [u8]) -> Result<(), MalformedMessage> {
        match kind {
            SERVER_NAME => self.server_name = Some(read_server_name(data)?),
            SUPPORTED_GROUPS => self.groups = Some(read_numbers(data, "supported groups")?),
            EC_POINT_FORMATS => {
                self.point_formats = Some(read_vector8(data, "point formats")?);
            }
            SIGNATURE_ALGORITHMS => {
                self.signature_schemes = Some(read_numbers(data, "signature algorithms")?);
            }
            EXTENDED_MASTER_SECRET => {
                Reader::new(data).finish()?;
                self.extended_master_secret = true;
            }
            RENEGOTIATION_INFO => {
                self.renegotiation_info = Some(read_vector8(data, "renegotiation info")?);
            }
            _ => {
                self.unknown.get_or_insert(kind);
            }
        }
        Ok(())
    }

    /// Appends the block; nothing if no extension is set.
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        let start = out.len();
        push_vector(out, Prefix::Two, |out| self.push_each(out));
        if out.len() == start + Prefix::Two as usize {
            out.truncate(start);
        }
    }

    fn push_each(&self, out: &mut Vec<u8>) {
        if let Some(host) = self.server_name {
            push_extension(out, SERVER_NAME, |out| {
                if !host.is_empty() {
                    push_vector(out, Prefix::Two, |out| {
                        out.push(HOST_NAME);
                        push_bytes(out, Prefix::Two, host);
                    });
                }
            });
        }
        if let Some(groups) = self.groups {
            push_extension(out, SUPPORTED_GROUPS, |out| {
                push_bytes(out, Prefix::Two, groups.as_bytes());
            });
        }
        if let Some(formats) = self.point_formats {
            push_extension(out, EC_POINT_FORMATS, |out| {
                push_bytes(out, Prefix::One, formats);
            });
        }
        if let Some(schemes) = self.signature_schemes {
            push_extension(out, SIGNATURE_ALGORITHMS, |out| {
                push_bytes(out, Prefix::Two, schemes.as_bytes());
            });
        }
        if self.extended_master_secret {
            push_extension(out, EXTENDED_MASTER_SECRET, |_| {});
        }
        if let Some(verify_data) = self.renegotiation_info {
            push_extension(out, RENEGOTIATION_INFO, |out| {
                push_bytes(out, Prefix::One, verify_data);
            });
        }
    }
}

fn push_extension(out: &mut Vec<u8>, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    push_u16(out, kind);
    push_vector(out, Prefix::Two, fill);
}

/// The first host name of the list. A list holds one of each kind, and no other kind is in use.
fn read_server_name(data: &[u8]) -> Result<&[u8], MalformedMessage> {
    const FIELD: &str = "server name";
    if data.is_empty() {
        return Ok(data);
    }
    let mut reader = Reader::new(data);
    let list = reader.vector16().or_truncated(FIELD)?;
    reader.finish()?;
    let mut reader = Reader::new(list);
    while !reader.is_empty() {
        let kind = reader.u8().or_truncated(FIELD)?;
        let name = reader.vector16().or_truncated(FIELD)?;
        if kind == HOST_NAME && !name.is_empty() {
            return Ok(name);
        }
    }
    Err(MalformedMessage::FieldLength {
        field: FIELD,
        len: list.len(),
    })
}

fn read_numbers<'a>(data: &'a [u8], field: &'static str) -> Result<U16List<'a>, MalformedMessage> {
    let mut reader = Reader::new(data);
    let list = reader.vector16().or_truncated(field)?;
    reader.finish()?;
    U16List::read(list, field)
}

fn read_vector8<'a>(data: &'a [u8], field: &'static str) -> Result<&'a [u8], MalformedMessage> {
    let mut reader = Reader::new(data);
    let vector = reader.vector8().or_truncated(field)?;
    reader.finish()?;
    Ok(vector)
}
