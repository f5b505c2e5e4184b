//! What a server says to hellos it cannot serve: at once, with the right alert, and in words.

use super::*;
use crate::crypto::{CipherSuite, Group, SignatureScheme};
use crate::secure::record_layer::push_plain;
use crate::wire::handshake::{
    ClientHello, Extensions, FragmentHeader, MessageKind, RENEGOTIATION_SUITE, U16List,
};
use crate::wire::record::{Alert, AlertDescription, ContentType, ProtocolVersion, RecordHeader};

/// A hello that a server of an ECDSA certificate likes.
struct Words {
    version: ProtocolVersion,
    suites: Vec<u8>,
    compressions: Vec<u8>,
    groups: Option<Vec<u8>>,
    schemes: Option<Vec<u8>>,
    point_formats: Option<Vec<u8>>,
    extended_master_secret: bool,
    renegotiation_info: Option<Vec<u8>>,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            version: ProtocolVersion::DTLS_1_2,
            suites: U16List::encode(CipherSuite::CHACHA_FIRST.map(CipherSuite::id)),
            compressions: vec![1, 0],
            groups: Some(U16List::encode(Group::ALL.map(Group::id))),
            schemes: Some(U16List::encode(
                SignatureScheme::ALL.map(SignatureScheme::id),
            )),
            point_formats: Some(vec![0, 1, 2]),
            extended_master_secret: true,
            renegotiation_info: Some(vec![]),
        }
    }
}

/// What the server makes of it: fails, or asks for its signature.
fn start(words: &Words) -> Result<ServerHandshake, (HandshakeError, Vec<u8>)> {
    let mut body = Vec::new();
    ClientHello {
        version: words.version,
        random: [5; 32],
        session_id: &[1; 32],
        cookie: &[2; 32],
        cipher_suites: U16List::new(&words.suites).unwrap(),
        compressions: &words.compressions,
        extensions: Extensions {
            server_name: Some(b"localhost"),
            groups: words.groups.as_deref().and_then(U16List::new),
            point_formats: words.point_formats.as_deref(),
            signature_schemes: words.schemes.as_deref().and_then(U16List::new),
            extended_master_secret: words.extended_master_secret,
            renegotiation_info: words.renegotiation_info.as_deref(),
            unknown: None,
        },
    }
    .push(&mut body);
    let len = u32::try_from(body.len()).unwrap();
    let header = FragmentHeader::whole(MessageKind::ClientHello, 1, len);
    let content = [&header.emit()[..], &body].concat();
    let mut datagram = Vec::new();
    push_plain(
        ContentType::Handshake,
        ProtocolVersion::DTLS_1_0,
        3,
        &content,
        &mut datagram,
    );
    let hello = VerifiedHello {
        datagram: &datagram,
        record_sequence: 3,
        message_sequence: 1,
        random: [5; 32],
    };
    let config = Arc::new(Key::Ecdsa.server_config());
    let (now, mut out) = (Timestamp::from_micros(1), Outgoing::default());
    let (handshake, turn) = ServerHandshake::start(&config, &hello, now, wall(), &mut out);
    match turn.progress {
        Progress::NeedsSignature => Ok(handshake),
        Progress::Failed(error) => Err((*error, out.datagrams().next().unwrap().to_vec())),
        other => panic!("{other:?}"),
    }
}

/// What is wrong with a hello, what is said of it, and the alert.
type Case = (fn(&mut Words), &'static str, AlertDescription);

fn refused(words: &Words) -> (HandshakeError, AlertDescription) {
    let (error, datagram) = start(words).unwrap_err();
    let (header, content, rest) = RecordHeader::parse(&datagram).unwrap();
    assert!(rest.is_empty());
    // RFC 6347 §4.2.1: we go on counting where the hello stood.
    assert_eq!(header.number.sequence(), 3);
    let alert = Alert::parse(content).unwrap();
    assert!(alert.ends());
    (error, alert.description)
}

#[test]
fn hellos_that_can_be_served_are() {
    assert!(start(&Words::default()).is_ok());
    let signalling = Words {
        suites: U16List::encode([CipherSuite::EcdsaAes256Gcm.id(), RENEGOTIATION_SUITE]),
        renegotiation_info: None,
        ..Words::default()
    };
    assert!(start(&signalling).is_ok());
    // A later version, no groups and no point formats: they mean what we take.
    let silent = Words {
        version: ProtocolVersion(0xFEFC),
        groups: None,
        point_formats: None,
        ..Words::default()
    };
    assert!(start(&silent).is_ok());
}

#[test]
fn r13_hellos_that_cannot_be_served_are_refused_in_words() {
    let illegal = AlertDescription::ILLEGAL_PARAMETER;
    let failure = AlertDescription::HANDSHAKE_FAILURE;
    let cases: [Case; 10] = [
        (
            |words| words.version = ProtocolVersion::DTLS_1_0,
            "no DTLS 1.2 (it says feff)",
            AlertDescription::PROTOCOL_VERSION,
        ),
        (
            |words| words.compressions = vec![1],
            "does not compress",
            illegal,
        ),
        (
            |words| words.point_formats = Some(vec![1, 2]),
            "uncompressed point format",
            illegal,
        ),
        (
            |words| words.renegotiation_info = Some(vec![1; 12]),
            "what was never negotiated",
            failure,
        ),
        (|words| words.renegotiation_info = None, "RFC 5746", failure),
        (
            |words| words.extended_master_secret = false,
            "RFC 7627",
            failure,
        ),
        (
            // RSA suites, and AES-128.
            |words| words.suites = U16List::encode([0xC030, 0xCCA8, 0xC02B]),
            "no common cipher suite: 3 were offered, and with a certificate for ECDSA",
            failure,
        ),
        (
            // P-521, and a post-quantum one.
            |words| words.groups = Some(U16List::encode([25, 0x11EC])),
            "no common group",
            failure,
        ),
        (
            // RSA, and SHA-1.
            |words| words.schemes = Some(U16List::encode([0x0401, 0x0203])),
            "no signature that our private key can make",
            failure,
        ),
        (|words| words.schemes = None, "no signature", failure),
    ];
    for (change, text, expected) in cases {
        let mut words = Words::default();
        change(&mut words);
        let (error, alert) = refused(&words);
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(alert, expected, "{error}");
    }
}
