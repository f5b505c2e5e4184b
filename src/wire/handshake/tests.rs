use proptest::prelude::*;

use super::*;
use crate::wire::record::{ProtocolVersion, RecordHeader};

/// First hello of an mbed TLS 2.28 client with its defaults, as stock clients send it.
const STOCK_HELLO: &str = "16fefd00000000000000000130010001240000000000000124fefd6b0484c22fc6bf\
    6e23fcedaf9c334c413075c7487a10bc8eafbd04a055c052ab000000a0cca8cca9ccaac02cc030009fc0adc09fc0\
    24c028006bc00ac0140039c0afc0a3c087c08bc07dc073c07700c40088c02bc02f009ec0acc09ec023c0270067c0\
    09c0130033c0aec0a2c086c08ac07cc072c07600be0045009dc09d003d0035c032c02ac00fc02ec026c005c0a1c0\
    7b00c00084c08dc079c089c075009cc09c003c002fc031c029c00ec02dc025c004c0a0c07a00ba0041c08cc078c0\
    88c07400ff0100005a0000000e000c0000096c6f63616c686f7374000d0012001006030601050305010403040103\
    030301000a001c001a0019001c0018001b00170016001a0015001400130012001d001e000b000201000016000000\
    17000000230000";

fn bytes_of(hex: &str) -> Vec<u8> {
    let hex: Vec<u8> = hex
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    hex.chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn hello<'a>(suites: &'a [u8], extensions: Extensions<'a>) -> ClientHello<'a> {
    ClientHello {
        version: ProtocolVersion::DTLS_1_2,
        random: [7; RANDOM_LEN],
        session_id: &[],
        cookie: &[],
        cipher_suites: U16List::new(suites).unwrap(),
        compressions: &[0],
        extensions,
    }
}

#[test]
fn the_hello_of_a_stock_client_is_read() {
    let datagram = bytes_of(STOCK_HELLO);
    let (_, fragment, rest) = RecordHeader::parse(&datagram).unwrap();
    assert!(rest.is_empty());
    let (header, body, rest) = FragmentHeader::parse(fragment).unwrap();
    assert!(rest.is_empty() && header.is_whole());
    assert_eq!(
        (header.kind, header.sequence),
        (MessageKind::ClientHello, 0)
    );

    let hello = ClientHello::parse(body).unwrap();
    let mut suites = hello.cipher_suites.iter();
    assert_eq!(suites.next(), Some(0xCCA8));
    assert!(hello.cipher_suites.contains(RENEGOTIATION_SUITE));
    let extensions = hello.extensions;
    assert_eq!(extensions.server_name, Some(&b"localhost"[..]));
    assert!(extensions.groups.unwrap().contains(29));
    assert!(extensions.signature_schemes.unwrap().contains(0x0403));
    assert_eq!(extensions.point_formats, Some(&[0][..]));
    assert!(extensions.extended_master_secret);
    assert_eq!(extensions.renegotiation_info, None);
    assert_eq!(extensions.unknown, Some(22));
}

#[test]
fn the_smallest_legal_hello_is_larger_than_the_question_it_causes() {
    let mut small = Vec::new();
    hello(&[0xCC, 0xA8], Extensions::default()).push(&mut small);
    let mut question = Vec::new();
    HelloVerifyRequest {
        version: ProtocolVersion::DTLS_1_0,
        cookie: &[0; 32],
    }
    .push(&mut question);
    let headers = HANDSHAKE_HEADER_LEN + crate::wire::record::RECORD_HEADER_LEN;
    assert_eq!((small.len() + headers, question.len() + headers), (67, 60));
}

#[test]
fn a_fragment_lies_within_its_message_and_its_record() {
    let header = FragmentHeader {
        kind: MessageKind::Certificate,
        len: 10,
        sequence: 3,
        offset: 8,
        fragment_len: 2,
    };
    let bytes = [&header.emit()[..], b"abc"].concat();
    let parsed = FragmentHeader::parse(&bytes).unwrap();
    assert_eq!(parsed, (header, &b"ab"[..], &b"c"[..]));

    let beyond = FragmentHeader {
        fragment_len: 3,
        ..header
    };
    let out_of_bounds = MalformedFragment::OutOfBounds {
        len: 10,
        offset: 8,
        fragment_len: 3,
    };
    let bytes = [&beyond.emit()[..], b"abc"].concat();
    assert_eq!(FragmentHeader::parse(&bytes), Err(out_of_bounds));

    let truncated = MalformedFragment::Truncated {
        declared: 2,
        available: 1,
    };
    let bytes = [&header.emit()[..], b"a"].concat();
    assert_eq!(FragmentHeader::parse(&bytes), Err(truncated));
    assert_eq!(
        FragmentHeader::parse(&bytes[..11]),
        Err(MalformedFragment::Short { len: 11 })
    );
}

#[test]
fn an_extension_that_occurs_twice_is_refused_known_or_not() {
    for kind in [0x0017_u16, 0x9999] {
        let mut bytes = Vec::new();
        hello(&[0xCC, 0xA8], Extensions::default()).push(&mut bytes);
        vector::push_vector(&mut bytes, vector::Prefix::Two, |out| {
            for _ in 0..2 {
                out.extend_from_slice(&kind.to_be_bytes());
                out.extend_from_slice(&[0, 0]);
            }
        });
        let twice = MalformedMessage::DuplicateExtension { kind };
        assert_eq!(ClientHello::parse(&bytes), Err(twice));
    }
}

#[test]
fn more_extensions_than_anyone_sends_are_refused() {
    let mut bytes = Vec::new();
    hello(&[0xCC, 0xA8], Extensions::default()).push(&mut bytes);
    vector::push_vector(&mut bytes, vector::Prefix::Two, |out| {
        for kind in 0x9000_u16..0x9041 {
            out.extend_from_slice(&kind.to_be_bytes());
            out.extend_from_slice(&[0, 0]);
        }
    });
    assert_eq!(
        ClientHello::parse(&bytes),
        Err(MalformedMessage::TooManyExtensions { limit: 64 })
    );
}

#[test]
fn bytes_behind_the_last_field_are_refused() {
    let mut bytes = Vec::new();
    ClientKeyExchange { public_key: &[4] }.push(&mut bytes);
    bytes.push(0);
    assert_eq!(
        ClientKeyExchange::parse(&bytes),
        Err(MalformedMessage::Trailing { len: 1 })
    );
}

#[test]
fn every_cut_of_a_hello_says_where_it_ends() {
    let datagram = bytes_of(STOCK_HELLO);
    let body = &datagram[25..];
    for len in 0..body.len() {
        // Cut right before its extensions it is an older, complete hello.
        let complete = ClientHello::parse_head(body).unwrap().1.len() == body.len() - len;
        assert_eq!(ClientHello::parse(&body[..len]).is_ok(), complete, "{len}");
    }
}

#[test]
fn a_request_for_certificates_names_authorities() {
    let mut names = Vec::new();
    push_der_list([&b"one"[..], b"three"], &mut names);
    let schemes = U16List::encode([0x0403, 0x0804]);
    let request = CertificateRequest {
        types: &[1, 64],
        signature_schemes: U16List::new(&schemes).unwrap(),
        authorities: DerList::default(),
    }
    .with_authorities(&names)
    .unwrap();
    let mut bytes = Vec::new();
    request.push(&mut bytes);
    let parsed = CertificateRequest::parse(&bytes).unwrap();
    assert_eq!(parsed, request);
    assert!(parsed.authorities.iter().eq([&b"one"[..], b"three"]));
}

fn any_list() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u16>(), 1..20).prop_map(U16List::encode)
}

fn any_bytes(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), len)
}

proptest! {
    #[test]
    fn a_client_hello_is_read_as_it_was_written(
        random: [u8; 32],
        session_id in any_bytes(0..33),
        cookie in any_bytes(0..256),
        suites in any_list(),
        groups in any_list(),
        name in any_bytes(1..40),
        flags: (bool, bool, bool),
    ) {
        let hello = ClientHello {
            version: ProtocolVersion::DTLS_1_2,
            random,
            session_id: &session_id,
            cookie: &cookie,
            cipher_suites: U16List::new(&suites).unwrap(),
            compressions: &[0, 1],
            extensions: Extensions {
                server_name: flags.0.then_some(&name),
                groups: U16List::new(&groups),
                point_formats: Some(&[0]),
                signature_schemes: U16List::new(&suites),
                extended_master_secret: flags.1,
                renegotiation_info: flags.2.then_some(&[]),
                unknown: None,
            },
        };
        let mut bytes = Vec::new();
        hello.push(&mut bytes);
        prop_assert_eq!(ClientHello::parse(&bytes), Ok(hello));
    }

    #[test]
    fn the_other_messages_are_read_as_they_were_written(
        random: [u8; 32],
        verify_data: [u8; 12],
        number: u16,
        short in any_bytes(1..200),
        long in any_bytes(0..600),
    ) {
        let mut bytes = Vec::new();
        let hello = ServerHello {
            version: ProtocolVersion::DTLS_1_2,
            random,
            session_id: short.get(..32).unwrap_or_default(),
            cipher_suite: number,
            compression: 0,
            extensions: Extensions { server_name: Some(&[]), ..Extensions::default() },
        };
        hello.push(&mut bytes);
        prop_assert_eq!(ServerHello::parse(&bytes), Ok(hello));

        bytes.clear();
        let exchange = ServerKeyExchange {
            parameters: EcdheParameters { group: number, public_key: &short },
            scheme: number,
            signature: &long,
        };
        exchange.push(&mut bytes);
        prop_assert_eq!(ServerKeyExchange::parse(&bytes), Ok(exchange));

        bytes.clear();
        let verify = CertificateVerify { scheme: number, signature: &long };
        verify.push(&mut bytes);
        prop_assert_eq!(CertificateVerify::parse(&bytes), Ok(verify));

        bytes.clear();
        let finished = Finished { verify_data };
        finished.push(&mut bytes);
        prop_assert_eq!(Finished::parse(&bytes), Ok(finished));

        bytes.clear();
        Certificate::push([&short[..], &short], &mut bytes);
        let parsed = Certificate::parse(&bytes).unwrap();
        prop_assert!(parsed.chain.iter().eq([&short[..], &short]));
    }

    #[test]
    fn any_bytes_are_survived(bytes: Vec<u8>) {
        let _ = FragmentHeader::parse(&bytes);
        let _ = ClientHello::parse(&bytes);
        let _ = ClientHello::parse_head(&bytes);
        let _ = HelloVerifyRequest::parse(&bytes);
        let _ = ServerHello::parse(&bytes);
        let _ = Certificate::parse(&bytes).map(|parsed| parsed.chain.iter().count());
        let _ = CertificateRequest::parse(&bytes).map(|parsed| parsed.authorities.iter().count());
        let _ = CertificateVerify::parse(&bytes);
        let _ = ServerKeyExchange::parse(&bytes);
        let _ = ClientKeyExchange::parse(&bytes);
        let _ = Finished::parse(&bytes);
    }

    #[test]
    fn a_mutated_hello_is_survived(at in 25_usize..317, with: u8) {
        let mut datagram = bytes_of(STOCK_HELLO);
        datagram[at] = with;
        let _ = ClientHello::parse(&datagram[25..]);
    }
}
