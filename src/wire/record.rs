//! The DTLS 1.2 record layer's bytes: headers, the records of a datagram, alerts.
//!
//! All numbers are big-endian, as in every RFC. Whether a record is authentic, fresh or welcome is
//! decided above: nothing here holds a key, a window or a state.
//!
//! Source: RFC 6347 §4.1; RFC 5246 §6.2, §7.2.

use std::fmt;

use thiserror::Error;

use super::codec::split_array;

/// Bytes of a record header.
///
/// Source: RFC 6347 §4.1.
pub const RECORD_HEADER_LEN: usize = 13;

/// Largest fragment a record may carry once it is opened, in bytes.
///
/// Source: RFC 5246 §6.2.1.
pub const MAX_FRAGMENT_LEN: usize = 1 << 14;

/// Bits of a record's sequence number within its epoch.
const SEQUENCE_BITS: u32 = 48;

/// Version on the wire: the one's complement of the number, so that DTLS counts down.
///
/// A value that is not a version of DTLS is kept as it is: receivers do not judge the record's
/// version before the handshake has chosen one.
///
/// Source: RFC 6347 §4.1.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProtocolVersion(pub u16);

impl ProtocolVersion {
    /// DTLS 1.0, which first hellos and their answers still carry.
    pub const DTLS_1_0: Self = Self(0xFEFF);
    /// DTLS 1.2, the one that is spoken.
    pub const DTLS_1_2: Self = Self(0xFEFD);

    /// Whether the major version is DTLS 1.
    pub const fn is_dtls(self) -> bool {
        self.0 >> 8 == 0xFE
    }

    /// Whether a peer that names this as its highest version can speak DTLS 1.2.
    ///
    /// Later versions are smaller numbers.
    pub const fn reaches_dtls_1_2(self) -> bool {
        self.is_dtls() && self.0 <= Self::DTLS_1_2.0
    }
}

impl fmt::Debug for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProtocolVersion({:04x})", self.0)
    }
}

/// What a record carries.
///
/// Source: RFC 5246 §6.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ContentType {
    /// The records that follow are protected with the keys just agreed on.
    ChangeCipherSpec = 20,
    /// An [`Alert`].
    Alert = 21,
    /// Fragments of handshake messages.
    Handshake = 22,
    /// Bytes of the application.
    ApplicationData = 23,
}

impl ContentType {
    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            20 => Some(Self::ChangeCipherSpec),
            21 => Some(Self::Alert),
            22 => Some(Self::Handshake),
            23 => Some(Self::ApplicationData),
            _ => None,
        }
    }
}

/// Number of a record: 16 bits of epoch, 48 bits of sequence. No two records of a key share one.
///
/// Source: RFC 6347 §4.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordNumber(u64);

impl RecordNumber {
    /// Largest sequence number within an epoch: 2⁴⁸ − 1.
    pub const MAX_SEQUENCE: u64 = (1 << SEQUENCE_BITS) - 1;

    /// The number of `sequence` within `epoch`; none if the sequence does not fit 48 bits.
    pub const fn new(epoch: u16, sequence: u64) -> Option<Self> {
        if sequence > Self::MAX_SEQUENCE {
            return None;
        }
        // Widening; `From` is not const.
        Some(Self(((epoch as u64) << SEQUENCE_BITS) | sequence))
    }

    /// The epoch: how often the keys have changed.
    pub const fn epoch(self) -> u16 {
        let [high, low, ..] = self.0.to_be_bytes();
        u16::from_be_bytes([high, low])
    }

    /// The sequence number within the epoch.
    pub const fn sequence(self) -> u64 {
        self.0 & Self::MAX_SEQUENCE
    }

    /// Both as one number, epoch first: what nonces and additional data are made of.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// The header of a record.
///
/// ```text
///  0       1         3       5          11       13
/// | type  | version | epoch | sequence | length | fragment …
///   u8      u16       u16     u48        u16      length bytes
/// ```
///
/// Source: RFC 6347 §4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// What the record carries.
    pub content_type: ContentType,
    /// The version it names; 1.0 or 1.2 before the versions are agreed on.
    pub version: ProtocolVersion,
    /// Its number.
    pub number: RecordNumber,
    /// Bytes behind the header.
    pub len: u16,
}

/// Why no record begins where one should. The rest of the datagram is dropped with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum MalformedRecord {
    /// No room for a header.
    #[error("{len} bytes, shorter than a record header")]
    Short {
        /// Bytes left.
        len: usize,
    },
    /// A content type DTLS 1.2 does not have.
    #[error("unknown content type {content_type}")]
    UnknownType {
        /// The type it names.
        content_type: u8,
    },
    /// Not a version of DTLS 1.
    #[error("record of version {version:04x}, not DTLS")]
    NotDtls {
        /// The version it names.
        version: u16,
    },
    /// The length field passes the end of the datagram.
    #[error("record declares {declared} bytes, {available} are there")]
    Truncated {
        /// The length field.
        declared: u16,
        /// Bytes behind the header.
        available: usize,
    },
}

impl RecordHeader {
    /// Reads the record that begins `bytes`: its header, its fragment, and what follows it.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8], &[u8]), MalformedRecord> {
        let short = MalformedRecord::Short { len: bytes.len() };
        let (header, body) = split_array::<RECORD_HEADER_LEN>(bytes).ok_or(short)?;
        let [kind, v0, v1, e0, e1, s0, s1, s2, s3, s4, s5, l0, l1] = header;
        let content_type = ContentType::from_byte(kind)
            .ok_or(MalformedRecord::UnknownType { content_type: kind })?;
        let version = ProtocolVersion(u16::from_be_bytes([v0, v1]));
        if !version.is_dtls() {
            return Err(MalformedRecord::NotDtls { version: version.0 });
        }
        let len = u16::from_be_bytes([l0, l1]);
        let (fragment, rest) =
            body.split_at_checked(usize::from(len))
                .ok_or(MalformedRecord::Truncated {
                    declared: len,
                    available: body.len(),
                })?;
        let header = Self {
            content_type,
            version,
            number: RecordNumber(u64::from_be_bytes([e0, e1, s0, s1, s2, s3, s4, s5])),
            len,
        };
        Ok((header, fragment, rest))
    }

    /// The header's bytes.
    pub fn emit(&self) -> [u8; RECORD_HEADER_LEN] {
        let [v0, v1] = self.version.0.to_be_bytes();
        let [e0, e1, s0, s1, s2, s3, s4, s5] = self.number.0.to_be_bytes();
        let [l0, l1] = self.len.to_be_bytes();
        [
            self.content_type as u8,
            v0,
            v1,
            e0,
            e1,
            s0,
            s1,
            s2,
            s3,
            s4,
            s5,
            l0,
            l1,
        ]
    }
}

/// The only byte a ChangeCipherSpec record may carry.
///
/// Source: RFC 5246 §7.1.
pub const CHANGE_CIPHER_SPEC: [u8; 1] = [1];

/// How bad an alert is. Whatever is not a warning is treated as fatal.
///
/// Source: RFC 5246 §7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlertLevel {
    /// The connection may go on.
    Warning,
    /// The connection is over.
    Fatal,
}

/// What an alert says.
///
/// Source: RFC 5246 §7.2, RFC 6066 §9.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AlertDescription(pub u8);

macro_rules! alert_descriptions {
    ($($(#[$doc:meta])* $constant:ident = $number:literal, $name:literal;)+) => {
        impl AlertDescription {
            $($(#[$doc])* pub const $constant: Self = Self($number);)+

            /// The RFC's name for it; none for a number no RFC has.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$constant => Some($name),)+
                    _ => None,
                }
            }
        }
    };
}

alert_descriptions! {
    /// The sender will send no more.
    CLOSE_NOTIFY = 0, "close_notify";
    /// A message that is not legal at this point.
    UNEXPECTED_MESSAGE = 10, "unexpected_message";
    /// A record that does not open.
    BAD_RECORD_MAC = 20, "bad_record_mac";
    /// A record that is too long.
    RECORD_OVERFLOW = 22, "record_overflow";
    /// No common set of parameters.
    HANDSHAKE_FAILURE = 40, "handshake_failure";
    /// A certificate that is broken or does not fit.
    BAD_CERTIFICATE = 42, "bad_certificate";
    /// A kind of certificate that is not supported.
    UNSUPPORTED_CERTIFICATE = 43, "unsupported_certificate";
    /// A certificate that was revoked.
    CERTIFICATE_REVOKED = 44, "certificate_revoked";
    /// A certificate outside its dates.
    CERTIFICATE_EXPIRED = 45, "certificate_expired";
    /// Something else is wrong with the certificate.
    CERTIFICATE_UNKNOWN = 46, "certificate_unknown";
    /// A field with a value it must not have.
    ILLEGAL_PARAMETER = 47, "illegal_parameter";
    /// The certificate's issuer is not trusted.
    UNKNOWN_CA = 48, "unknown_ca";
    /// The certificate is valid, and not wanted here.
    ACCESS_DENIED = 49, "access_denied";
    /// A message that cannot be read.
    DECODE_ERROR = 50, "decode_error";
    /// A signature or a Finished that is wrong.
    DECRYPT_ERROR = 51, "decrypt_error";
    /// A version that is not spoken.
    PROTOCOL_VERSION = 70, "protocol_version";
    /// Parameters that are too weak.
    INSUFFICIENT_SECURITY = 71, "insufficient_security";
    /// Something failed that has nothing to do with the peer.
    INTERNAL_ERROR = 80, "internal_error";
    /// The user gave up.
    USER_CANCELED = 90, "user_canceled";
    /// Keys are not agreed on a second time.
    NO_RENEGOTIATION = 100, "no_renegotiation";
    /// An answer to an extension that was not offered.
    UNSUPPORTED_EXTENSION = 110, "unsupported_extension";
    /// No certificate for the name that was asked for.
    UNRECOGNIZED_NAME = 112, "unrecognized_name";
}

impl fmt::Debug for AlertDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for AlertDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "alert {}", self.0),
        }
    }
}

/// An alert.
///
/// ```text
///  0       1             2
/// | level | description |
///   u8      u8
/// ```
///
/// Source: RFC 5246 §7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alert {
    /// How bad it is.
    pub level: AlertLevel,
    /// What it says.
    pub description: AlertDescription,
}

impl Alert {
    /// Bytes of an alert.
    pub const LEN: usize = 2;

    /// An alert that ends the connection.
    pub const fn fatal(description: AlertDescription) -> Self {
        Self {
            level: AlertLevel::Fatal,
            description,
        }
    }

    /// An alert that does not.
    pub const fn warning(description: AlertDescription) -> Self {
        Self {
            level: AlertLevel::Warning,
            description,
        }
    }

    /// Reads the fragment of an alert record; none if it is not exactly one alert.
    pub const fn parse(fragment: &[u8]) -> Option<Self> {
        let &[level, description] = fragment else {
            return None;
        };
        Some(Self {
            level: if level == 1 {
                AlertLevel::Warning
            } else {
                AlertLevel::Fatal
            },
            description: AlertDescription(description),
        })
    }

    /// The alert's bytes.
    pub const fn emit(self) -> [u8; Self::LEN] {
        let level = match self.level {
            AlertLevel::Warning => 1,
            AlertLevel::Fatal => 2,
        };
        [level, self.description.0]
    }

    /// Whether the connection is over: the alert is fatal, or announces the end.
    pub fn ends(self) -> bool {
        self.level == AlertLevel::Fatal || self.description == AlertDescription::CLOSE_NOTIFY
    }
}

#[cfg(test)]
mod tests;
