//! R13: exactly the legal sequences establish anything.
//!
//! A scripted client says anything at any time, with content as right as it can be: its keys, its
//! signature and its Finished are always computed over what it really said. What the server makes of
//! it is compared with a table that was written down independently.

use super::*;
use crate::crypto::{
    CipherSuite, Group, KeyExchange, MasterSecret, Side, SignatureScheme, Transcript,
};
use crate::secure::record_layer::{Sealer, push_plain};
use crate::wire::handshake::{
    Certificate, CertificateVerify, ClientHello, ClientKeyExchange, Extensions, FragmentHeader,
    MessageKind, ServerHello, ServerKeyExchange, U16List,
};
use crate::wire::record::{ContentType, ProtocolVersion, RecordHeader};

/// What the client may say next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Certificate,
    EmptyCertificate,
    KeyExchange,
    Verify,
    ChangeCipherSpec,
    /// Protected, if there are keys.
    Finished,
    PlainFinished,
    Hello,
    HelloDone,
    PlainData,
    ProtectedData,
    HelloRequest,
    Warning,
    FatalAlert,
}

use Word::{
    Certificate as C, ChangeCipherSpec as S, EmptyCertificate as E, Finished as F,
    KeyExchange as K, Verify as V,
};

const ALPHABET: [Word; 14] = [
    C,
    E,
    K,
    V,
    S,
    F,
    Word::PlainFinished,
    Word::Hello,
    Word::HelloDone,
    Word::PlainData,
    Word::ProtectedData,
    Word::HelloRequest,
    Word::Warning,
    Word::FatalAlert,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    None,
    Optional,
    Required,
}

/// The independent table: whether `words` may establish.
fn may_establish(mode: Mode, words: &[Word]) -> bool {
    // What must be said in order; what is said is only what counts as a message.
    let legal: &[&[Word]] = match mode {
        Mode::None => &[&[K, F]],
        Mode::Optional => &[&[C, K, V, F], &[E, K, F]],
        Mode::Required => &[&[C, K, V, F]],
    };
    legal.iter().any(|messages| {
        let last = messages.len() - 1;
        let mut said = 0;
        let (mut changed, mut finished) = (false, false);
        for word in words {
            match word {
                // Not messages: they change nothing.
                Word::PlainData
                | Word::ProtectedData
                | Word::HelloRequest
                | Word::Warning
                | Word::FatalAlert => {}
                // Legal once, between the last message and the Finished.
                S => changed |= said == last,
                // Under the new keys; it may overtake the ChangeCipherSpec, and waits for it.
                F if said == last && messages[last] == F => finished = true,
                word if said < last && messages[said] == *word => said += 1,
                // Anything else takes the number that the right message should have.
                _ if finished => {}
                _ => return false,
            }
            if changed && finished {
                return true;
            }
        }
        false
    })
}

/// The client.
struct Script {
    identity: Identity,
    transcript: Transcript,
    random: [u8; 32],
    server_random: [u8; 32],
    suite: CipherSuite,
    group: Group,
    server_share: Vec<u8>,
    message_next: u16,
    plain_next: u64,
    keys: Option<(MasterSecret, Sealer)>,
}

fn suites() -> Vec<u8> {
    U16List::encode([CipherSuite::EcdsaChaCha20Poly1305.id()])
}

/// A server that has said its hello, and a client that has heard it.
fn begin(mode: Mode) -> (ServerHandshake, Script) {
    let mut config = Key::Ecdsa.server_config();
    config.clients = match mode {
        Mode::None => ClientAuthentication::None,
        Mode::Optional => ClientAuthentication::Optional(Key::Ecdsa.client_trust()),
        Mode::Required => ClientAuthentication::Required(Key::Ecdsa.client_trust()),
    };
    let mut script = Script {
        identity: Key::Ecdsa.client_identity(),
        transcript: Transcript::new(),
        random: [5; 32],
        server_random: [0; 32],
        suite: CipherSuite::EcdsaChaCha20Poly1305,
        group: Group::X25519,
        server_share: vec![],
        message_next: 1,
        plain_next: 1,
        keys: None,
    };
    let hello = script.say_hello();
    let verified = VerifiedHello {
        datagram: &hello,
        record_sequence: 1,
        message_sequence: 1,
        random: script.random,
    };
    let (now, mut out) = (Timestamp::from_micros(1), Outgoing::default());
    let (mut server, turn) =
        ServerHandshake::start(&Arc::new(config), &verified, now, wall(), &mut out);
    assert!(matches!(turn.progress, Progress::NeedsSignature));
    assert!(matches!(server.sign(now, &mut out), Progress::Pending));
    let mut messages = reassembly::Reassembly::new(1, 20_000);
    for datagram in out.datagrams() {
        let mut rest = datagram;
        while let Ok((_, content, next)) = RecordHeader::parse(rest) {
            let (header, fragment, _) = FragmentHeader::parse(content).unwrap();
            let origin = reassembly::Origin::Plain;
            messages.insert(&header, fragment, origin);
            rest = next;
        }
    }
    while let Some(message) = messages.pop() {
        script.hear(&message);
    }
    (server, script)
}

impl Script {
    fn hear(&mut self, message: &reassembly::Message) {
        let len = u32::try_from(message.body.len()).unwrap();
        let header = FragmentHeader::whole(message.kind, message.sequence, len);
        self.transcript.add(&header.emit());
        self.transcript.add(&message.body);
        match message.kind {
            MessageKind::ServerHello => {
                let hello = ServerHello::parse(&message.body).unwrap();
                self.server_random = hello.random;
                self.transcript.start(self.suite);
            }
            MessageKind::ServerKeyExchange => {
                let exchange = ServerKeyExchange::parse(&message.body).unwrap();
                self.group = Group::from_id(exchange.parameters.group).unwrap();
                self.server_share = exchange.parameters.public_key.to_vec();
            }
            _ => {}
        }
    }

    fn plain(&mut self, content_type: ContentType, content: &[u8]) -> Vec<u8> {
        let mut datagram = Vec::new();
        push_plain(
            content_type,
            ProtocolVersion::DTLS_1_2,
            self.plain_next,
            content,
            &mut datagram,
        );
        self.plain_next += 1;
        datagram
    }

    /// The bytes of the next message.
    fn message(&mut self, kind: MessageKind, body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(body.len()).unwrap();
        let header = FragmentHeader::whole(kind, self.message_next, len);
        let bytes = [&header.emit()[..], body].concat();
        if kind != MessageKind::HelloRequest {
            self.message_next += 1;
            self.transcript.add(&bytes);
        }
        bytes
    }

    fn say_message(&mut self, kind: MessageKind, body: &[u8]) -> Vec<u8> {
        let bytes = self.message(kind, body);
        self.plain(ContentType::Handshake, &bytes)
    }

    fn say_hello(&mut self) -> Vec<u8> {
        let (suites, groups) = (suites(), U16List::encode([Group::X25519.id()]));
        let schemes = U16List::encode([SignatureScheme::EcdsaSha256.id()]);
        let mut body = vec![];
        ClientHello {
            version: ProtocolVersion::DTLS_1_2,
            random: self.random,
            session_id: &[],
            cookie: &[1; 32],
            cipher_suites: U16List::new(&suites).unwrap(),
            compressions: &[0],
            extensions: Extensions {
                groups: U16List::new(&groups),
                signature_schemes: U16List::new(&schemes),
                extended_master_secret: true,
                renegotiation_info: Some(&[]),
                ..Extensions::default()
            },
        }
        .push(&mut body);
        self.say_message(MessageKind::ClientHello, &body)
    }

    fn verify_data(&self) -> [u8; 12] {
        match &self.keys {
            Some((master, _)) => master.finished(Side::Client, &self.transcript.digest().unwrap()),
            None => [9; 12],
        }
    }

    fn say(&mut self, word: Word) -> Vec<u8> {
        let mut body = vec![];
        match word {
            Word::Certificate => {
                Certificate::push(self.identity.clone().chain(), &mut body);
                self.say_message(MessageKind::Certificate, &body)
            }
            Word::EmptyCertificate => {
                Certificate::push([], &mut body);
                self.say_message(MessageKind::Certificate, &body)
            }
            Word::KeyExchange => {
                let private = KeyExchange::start(self.group).unwrap();
                ClientKeyExchange {
                    public_key: private.public_key(),
                }
                .push(&mut body);
                let datagram = self.say_message(MessageKind::ClientKeyExchange, &body);
                let hash = self.transcript.digest().unwrap();
                let master = private
                    .master_secret(self.suite, &self.server_share, &hash)
                    .unwrap();
                let keys = master.record_keys(&self.random, &self.server_random);
                self.keys = Some((master, Sealer::new(keys.client, 1)));
                datagram
            }
            Word::Verify => {
                let signed = self.transcript.messages().unwrap();
                let scheme = SignatureScheme::EcdsaSha256.id();
                let (scheme, signature) = self.identity.sign([scheme], signed).unwrap();
                CertificateVerify {
                    scheme: scheme.id(),
                    signature: &signature,
                }
                .push(&mut body);
                self.say_message(MessageKind::CertificateVerify, &body)
            }
            Word::ChangeCipherSpec => self.plain(ContentType::ChangeCipherSpec, &[1]),
            Word::Finished if self.keys.is_some() => {
                let verify_data = self.verify_data();
                let bytes = self.message(MessageKind::Finished, &verify_data);
                self.seal(ContentType::Handshake, &bytes)
            }
            Word::Finished | Word::PlainFinished => {
                let verify_data = self.verify_data();
                self.say_message(MessageKind::Finished, &verify_data)
            }
            Word::Hello => self.say_hello(),
            Word::HelloDone => self.say_message(MessageKind::ServerHelloDone, &[]),
            Word::ProtectedData if self.keys.is_some() => {
                self.seal(ContentType::ApplicationData, b"text")
            }
            Word::PlainData | Word::ProtectedData => {
                self.plain(ContentType::ApplicationData, b"text")
            }
            Word::HelloRequest => self.say_message(MessageKind::HelloRequest, &[]),
            Word::Warning => self.plain(ContentType::Alert, &[1, 90]),
            Word::FatalAlert => self.plain(ContentType::Alert, &[2, 40]),
        }
    }

    fn seal(&mut self, content_type: ContentType, content: &[u8]) -> Vec<u8> {
        let mut datagram = vec![];
        if let Some((_, sealer)) = &mut self.keys {
            sealer.push(content_type, content, &mut datagram).unwrap();
        }
        datagram
    }
}

/// Whether the server establishes when `words` are said.
fn establishes(mode: Mode, words: &[Word]) -> bool {
    let (mut server, mut script) = begin(mode);
    let (now, mut out) = (Timestamp::from_micros(1_000), Outgoing::default());
    for word in words {
        let mut datagram = script.say(*word);
        match server
            .handle_datagram(now, &mut datagram, &mut out)
            .progress
        {
            Progress::Pending => {}
            Progress::Established(established) => {
                let first = words.iter().find(|word| matches!(word, C | E | K));
                assert_eq!(established.peer.is_some(), first == Some(&C), "{words:?}");
                return true;
            }
            Progress::Failed(_) => return false,
            Progress::NeedsSignature => panic!("signed before"),
        }
    }
    false
}

fn check(mode: Mode, words: &[Word]) {
    assert_eq!(
        establishes(mode, words),
        may_establish(mode, words),
        "{mode:?} {words:?}"
    );
}

const MODES: [Mode; 3] = [Mode::None, Mode::Optional, Mode::Required];

fn legal_of(mode: Mode) -> Vec<Vec<Word>> {
    match mode {
        Mode::None => vec![vec![K, S, F], vec![K, F, S]],
        Mode::Optional => vec![vec![C, K, V, S, F], vec![E, K, S, F]],
        Mode::Required => vec![vec![C, K, V, S, F], vec![C, K, V, F, S]],
    }
}

#[test]
fn the_legal_sequences_establish() {
    for mode in MODES {
        for legal in legal_of(mode) {
            assert!(
                may_establish(mode, &legal) && establishes(mode, &legal),
                "{mode:?} {legal:?}"
            );
        }
    }
}

/// Everything one step away from a legal sequence, and what chance finds farther away.
#[test]
fn r13_model() {
    for mode in MODES {
        for legal in legal_of(mode) {
            for at in 0..legal.len() {
                let mut without = legal.clone();
                without.remove(at);
                check(mode, &without);
                let mut swapped = legal.clone();
                swapped.swap(at, (at + 1) % legal.len());
                check(mode, &swapped);
                for word in ALPHABET {
                    let mut other = legal.clone();
                    other[at] = word;
                    check(mode, &other);
                    let mut more = legal.clone();
                    more.insert(at, word);
                    check(mode, &more);
                }
            }
        }
        let mut random = Random::new(Some(13), mode as u64);
        let mut pick = |among: usize| usize::from(random.u16().unwrap()) % among;
        for round in 0..600 {
            let mut words: Vec<Word> = vec![];
            if round % 2 == 0 {
                // Of the words that matter, in any order.
                words.extend((0..=pick(8)).map(|_| ALPHABET[pick(6)]));
            } else {
                let all = legal_of(mode);
                words.clone_from(&all[pick(all.len())]);
                for _ in 0..2 + pick(2) {
                    let at = pick(words.len() + 1);
                    words.insert(at, ALPHABET[pick(ALPHABET.len())]);
                }
                words.truncate(8);
            }
            check(mode, &words);
        }
    }
}
