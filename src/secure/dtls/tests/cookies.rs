//! R8, R9: what a server does before it knows that somebody is there.

use super::*;
use crate::counters::DropReason;
use crate::wire::handshake::{
    ClientHello, Extensions, FragmentHeader, HelloVerifyRequest, MessageKind, U16List,
};
use crate::wire::record::{ProtocolVersion, RecordHeader};

/// A hello as a datagram; `cut` bytes of it in the first fragment.
struct Words {
    random: [u8; 32],
    cookie: Vec<u8>,
    session_id: Vec<u8>,
    suites: Vec<u8>,
    compressions: Vec<u8>,
    record_sequence: u64,
    message_sequence: u16,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            random: [3; 32],
            cookie: vec![],
            session_id: vec![],
            suites: U16List::encode([0xCCA9, 0xC02C, 0x00FF]),
            compressions: vec![0],
            record_sequence: 5,
            message_sequence: 0,
        }
    }
}

impl Words {
    fn datagram(&self, cut: usize) -> Vec<u8> {
        let mut body = Vec::new();
        ClientHello {
            version: ProtocolVersion::DTLS_1_2,
            random: self.random,
            session_id: &self.session_id,
            cookie: &self.cookie,
            cipher_suites: U16List::new(&self.suites).unwrap(),
            compressions: &self.compressions,
            extensions: Extensions {
                extended_master_secret: true,
                ..Extensions::default()
            },
        }
        .push(&mut body);
        let part = &body[..cut.min(body.len())];
        let header = FragmentHeader {
            fragment_len: u32::try_from(part.len()).unwrap(),
            ..FragmentHeader::whole(
                MessageKind::ClientHello,
                self.message_sequence,
                u32::try_from(body.len()).unwrap(),
            )
        };
        let mut datagram = Vec::new();
        crate::secure::record_layer::push_plain(
            crate::wire::record::ContentType::Handshake,
            ProtocolVersion::DTLS_1_0,
            self.record_sequence,
            &[&header.emit()[..], part].concat(),
            &mut datagram,
        );
        datagram
    }
}

fn cookies() -> Cookies {
    Cookies::new(&mut Random::System, Timestamp::ZERO).unwrap()
}

/// What becomes of a datagram: the answer, or whether it is verified, or why not.
fn judge(cookies: &Cookies, datagram: &[u8]) -> Result<Option<Vec<u8>>, DropReason> {
    let mut out = Vec::new();
    let (peer, local) = (client_address(), server_address());
    let now = Timestamp::from_micros(1_000_000);
    match handle_hello(datagram, peer, local, cookies, now, &mut out) {
        HelloVerdict::Answered => Ok(Some(out)),
        HelloVerdict::Verified(_) => {
            assert!(out.is_empty());
            Ok(None)
        }
        HelloVerdict::Dropped(reason) => {
            assert!(out.is_empty());
            Err(reason)
        }
    }
}

fn cookie_of(answer: &[u8]) -> Vec<u8> {
    let (_, content, _) = RecordHeader::parse(answer).unwrap();
    let (_, body, _) = FragmentHeader::parse(content).unwrap();
    HelloVerifyRequest::parse(body).unwrap().cookie.to_vec()
}

#[test]
fn a_hello_is_answered_under_its_own_numbers_with_sixty_bytes_of_version_1_0() {
    let cookies = cookies();
    let mut words = Words::default();
    let answer = judge(&cookies, &words.datagram(9_999)).unwrap().unwrap();
    assert_eq!(answer.len(), 60);
    let (record, content, _) = RecordHeader::parse(&answer).unwrap();
    assert_eq!(record.version, ProtocolVersion::DTLS_1_0);
    assert_eq!(record.number.sequence(), 5);
    let (message, body, _) = FragmentHeader::parse(content).unwrap();
    assert_eq!(message.kind, MessageKind::HelloVerifyRequest);
    assert_eq!(message.sequence, 0);
    let question = HelloVerifyRequest::parse(body).unwrap();
    assert_eq!(question.version, ProtocolVersion::DTLS_1_0);

    words.cookie = question.cookie.to_vec();
    words.message_sequence = 1;
    assert_eq!(judge(&cookies, &words.datagram(9_999)), Ok(None));
}

#[test]
fn r08_bindings() {
    let cookies = cookies();
    let answer = judge(&cookies, &Words::default().datagram(9_999))
        .unwrap()
        .unwrap();
    let good = || Words {
        cookie: cookie_of(&answer),
        ..Words::default()
    };
    assert_eq!(judge(&cookies, &good().datagram(9_999)), Ok(None));
    let changed: [fn(&mut Words); 5] = [
        |words| words.random[31] ^= 1,
        |words| words.session_id.push(0),
        |words| words.suites[1] ^= 1,
        |words| words.compressions.push(1),
        |words| words.cookie[7] ^= 0x80,
    ];
    for change in changed {
        let mut words = good();
        change(&mut words);
        let verdict = judge(&cookies, &words.datagram(9_999));
        assert!(matches!(verdict, Ok(Some(_))), "{verdict:?}");
    }
    let datagram = good().datagram(9_999);
    let other = endpoint("192.0.2.7:50001");
    let now = Timestamp::from_micros(1_000_000);
    for (peer, local) in [(other, server_address()), (client_address(), other)] {
        let mut out = Vec::new();
        let verdict = handle_hello(&datagram, peer, local, &cookies, now, &mut out);
        assert!(matches!(verdict, HelloVerdict::Answered));
    }
}

#[test]
fn a_first_hello_in_pieces_is_dropped_and_a_second_may_be_if_its_cookie_can_be_judged() {
    let cookies = cookies();
    let mut words = Words::default();
    let whole = words.datagram(9_999).len();
    let fragmented = Err(DropReason::FragmentedHello);
    assert_eq!(judge(&cookies, &words.datagram(20)), fragmented);
    assert_eq!(judge(&cookies, &words.datagram(whole - 26)), fragmented);

    words.cookie = cookie_of(&judge(&cookies, &words.datagram(9_999)).unwrap().unwrap());
    assert_eq!(judge(&cookies, &words.datagram(40)), fragmented);
    assert_eq!(judge(&cookies, &words.datagram(80)), Ok(None));
    words.cookie[0] ^= 1;
    assert_eq!(
        judge(&cookies, &words.datagram(80)),
        Err(DropReason::BadCookie)
    );
}

#[test]
fn what_is_no_hello_is_dropped_without_an_answer() {
    let cookies = cookies();
    let hello = Words::default().datagram(9_999);
    let mut alert = hello.clone();
    alert[0] = 21;
    assert_eq!(judge(&cookies, &alert), Err(DropReason::Unexpected));
    let mut epoch = hello.clone();
    epoch[4] = 1;
    assert_eq!(judge(&cookies, &epoch), Err(DropReason::WrongEpoch));
    let mut finished = hello.clone();
    finished[13] = 20;
    assert_eq!(judge(&cookies, &finished), Err(DropReason::Unexpected));
    let mut foreign = hello.clone();
    foreign[1] = 3;
    assert_eq!(judge(&cookies, &foreign), Err(DropReason::WrongSecurity));
    for len in 0..hello.len() {
        assert!(judge(&cookies, &hello[..len]).is_err());
    }
}

#[test]
fn r09_ratio() {
    let cookies = cookies();
    let hello = Words::default().datagram(9_999);
    let mut random = Random::new(Some(9), 0);
    for _ in 0..100_000 {
        let mut datagram = hello.clone();
        let len = usize::from(random.u16().unwrap()) % (hello.len() + 1);
        datagram.truncate(len.max(13));
        for _ in 0..random.u16().unwrap() % 3 {
            let at = usize::from(random.u16().unwrap()) % datagram.len();
            datagram[at] = random.u16().unwrap().to_le_bytes()[0];
        }
        if let Ok(Some(answer)) = judge(&cookies, &datagram) {
            assert!(answer.len() <= datagram.len());
        }
    }
}

#[test]
fn r08_stateless() {
    let mut server = World::new(Key::Ecdsa.server_config(), Key::Ecdsa.client_config()).server;
    let mut out = Outgoing::default();
    let mut random = Random::new(Some(8), 0);
    let mut answers = 0;
    for _ in 0..20_000 {
        let mut words = Words::default();
        random.fill(&mut words.random).unwrap();
        server.handle(
            Timestamp::from_micros(1),
            &mut words.datagram(9_999),
            &mut out,
        );
        answers += out.datagrams().count();
        out.clear();
    }
    // One question each; nothing else has changed.
    assert_eq!(answers, 20_000);
    assert!(server.handshake.is_none() && server.up.is_none() && server.failed.is_none());
    assert_eq!(server.signatures, 0);
}

#[test]
fn r18_two_hellos_differ() {
    let mut seen = std::collections::HashSet::new();
    let config = Arc::new(Key::Ecdsa.client_config());
    let mut out = Outgoing::default();
    for _ in 0..10_000 {
        out.clear();
        ClientHandshake::start(&config, Timestamp::ZERO, wall(), &mut out).unwrap();
        let peek = peek_hello(out.datagrams().next().unwrap()).unwrap();
        assert!(!peek.has_cookie);
        assert_ne!(peek.random, [0; 32]);
        assert!(seen.insert(peek.random));
    }
}
