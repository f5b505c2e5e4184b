//! The first hello, answered without a trace: a function of the datagram, its addresses and two keys.
//!
//! Nothing is stored, nothing is signed, and nothing is sent that is longer than what came in (R8,
//! R9). Whoever repeats the cookie receives at its address; only then is there a handshake.
//!
//! ```text
//! ClientHello            ──▶  without a cookie, or with one that is not (or no longer) right:
//!            HelloVerifyRequest ◀── 60 bytes, under the hello's own record and message number
//! ClientHello, cookie    ──▶  Verified
//! ```
//!
//! Source: RFC 6347 §4.2.1.

use crate::address::NetworkEndpoint;
use crate::counters::DropReason;
use crate::crypto::{CookieFields, Cookies};
use crate::secure::record_layer::{push_plain, reason_of_malformed};
use crate::time::Timestamp;
use crate::wire::handshake::{
    ClientHello, FragmentHeader, HelloVerifyRequest, MessageKind, RANDOM_LEN,
};
use crate::wire::record::{ContentType, ProtocolVersion, RecordHeader};

/// Longest hello that is read, in bytes. Those of today have a few hundred, two thousand with
/// post-quantum key shares.
pub(super) const MAX_HELLO_LEN: u32 = 4 * 1_024;

/// What becomes of a datagram from an address without an association.
#[derive(Debug)]
pub(crate) enum HelloVerdict<'a> {
    /// It was answered with a HelloVerifyRequest, and may be forgotten.
    Answered,
    /// The client receives at its address: a handshake may begin.
    Verified(VerifiedHello<'a>),
    /// It is of no use.
    Dropped(DropReason),
}

/// A hello with a valid cookie, or the first fragment of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VerifiedHello<'a> {
    pub(super) datagram: &'a [u8],
    pub(super) record_sequence: u64,
    pub(super) message_sequence: u16,
    pub(super) random: [u8; RANDOM_LEN],
}

impl VerifiedHello<'_> {
    /// The hello's random: the same for a repetition, another for a hello that replaces this one.
    pub(crate) fn random(&self) -> &[u8; RANDOM_LEN] {
        &self.random
    }
}

/// A datagram that looks like a hello: cheap to find out, and proof of nothing.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HelloPeek {
    /// The hello's random. A hello with a new one replaces the handshake of the one before.
    pub(crate) random: [u8; RANDOM_LEN],
    /// Whether it claims to repeat a cookie.
    pub(crate) has_cookie: bool,
}

/// Looks whether a datagram begins with a hello.
#[cfg(test)]
pub(crate) fn peek_hello(datagram: &[u8]) -> Option<HelloPeek> {
    let first = First::read(datagram).ok()?;
    Some(HelloPeek {
        random: first.hello.random,
        has_cookie: !first.hello.cookie.is_empty(),
    })
}

/// Judges a datagram from an address without an association; a HelloVerifyRequest is appended to
/// `out`.
///
/// `local` is where it arrived: the bound address, or the packet's own where it is known.
pub(crate) fn handle_hello<'a>(
    datagram: &'a [u8],
    peer: NetworkEndpoint,
    local: NetworkEndpoint,
    cookies: &Cookies,
    now: Timestamp,
    out: &mut Vec<u8>,
) -> HelloVerdict<'a> {
    let first = match First::read(datagram) {
        Ok(first) => first,
        Err(reason) => return HelloVerdict::Dropped(reason),
    };
    let First {
        record,
        message,
        hello,
    } = first;
    let fields = CookieFields {
        peer,
        local,
        random: &hello.random,
        session_id: hello.session_id,
        cipher_suites: hello.cipher_suites.as_bytes(),
        compression_methods: hello.compressions,
    };
    if !hello.cookie.is_empty() && cookies.verify(hello.cookie, &fields, now) {
        return HelloVerdict::Verified(VerifiedHello {
            datagram,
            record_sequence: record.number.sequence(),
            message_sequence: message.sequence,
            random: hello.random,
        });
    }
    if !message.is_whole() {
        return HelloVerdict::Dropped(if hello.cookie.is_empty() {
            DropReason::FragmentedHello
        } else {
            DropReason::BadCookie
        });
    }
    let before = out.len();
    push_question(&record, &message, &cookies.make(&fields), out);
    // R9: never more bytes than came in. No legal hello is that short.
    if out.len() - before > datagram.len() {
        out.truncate(before);
        return HelloVerdict::Dropped(DropReason::Malformed);
    }
    HelloVerdict::Answered
}

/// Appends a HelloVerifyRequest, in a record.
fn push_question(
    record: &RecordHeader,
    message: &FragmentHeader,
    cookie: &[u8],
    out: &mut Vec<u8>,
) {
    let mut body = Vec::with_capacity(64);
    HelloVerifyRequest {
        version: ProtocolVersion::DTLS_1_0,
        cookie,
    }
    .push(&mut body);
    let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let header = FragmentHeader::whole(MessageKind::HelloVerifyRequest, message.sequence, len);
    let content = [&header.emit()[..], &body].concat();
    push_plain(
        ContentType::Handshake,
        ProtocolVersion::DTLS_1_0,
        // RFC 6347 §4.2.1: the record sequence number of the ClientHello.
        record.number.sequence(),
        &content,
        out,
    );
}

/// The first record of a datagram, if it is a hello or the beginning of one.
struct First<'a> {
    record: RecordHeader,
    message: FragmentHeader,
    hello: ClientHello<'a>,
}

impl<'a> First<'a> {
    fn read(datagram: &'a [u8]) -> Result<Self, DropReason> {
        let (record, content, _) = RecordHeader::parse(datagram).map_err(reason_of_malformed)?;
        if record.number.epoch() != 0 {
            return Err(DropReason::WrongEpoch);
        }
        if record.content_type != ContentType::Handshake {
            return Err(DropReason::Unexpected);
        }
        let (message, fragment, _) =
            FragmentHeader::parse(content).map_err(|_| DropReason::Malformed)?;
        if message.kind != MessageKind::ClientHello {
            return Err(DropReason::Unexpected);
        }
        if message.len > MAX_HELLO_LEN {
            return Err(DropReason::Oversize);
        }
        if message.offset != 0 {
            return Err(DropReason::FragmentedHello);
        }
        let hello = if message.is_whole() {
            ClientHello::parse(fragment).map_err(|_| DropReason::Malformed)?
        } else {
            // What the cookie covers must be in the first fragment, whole.
            let head = ClientHello::parse_head(fragment);
            head.map_err(|_| DropReason::FragmentedHello)?.0
        };
        Ok(Self {
            record,
            message,
            hello,
        })
    }
}
