//! R13 for clients: a scripted server says anything at any time, and lies in every field.
//!
//! Its keys, its signature and its Finished are computed over what was really said, so only the
//! order, or the lie, can be what is refused.

use super::*;
use crate::crypto::{
    CipherSuite, Group, KeyExchange, MasterSecret, Side, SignatureScheme, Transcript,
};
use crate::secure::record_layer::{Opener, Sealer, push_plain};
use crate::wire::handshake::{
    Certificate, CertificateRequest, ClientKeyExchange, DerList, EcdheParameters, Extensions,
    FragmentHeader, HelloVerifyRequest, MessageKind, ServerHello, ServerKeyExchange, U16List,
};
use crate::wire::record::{AlertDescription, ContentType, ProtocolVersion, RecordHeader};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Question,
    Hello,
    Certificate,
    KeyExchange,
    Request,
    Done,
    ChangeCipherSpec,
    Finished,
    PlainFinished,
    ClientKeyExchange,
    PlainData,
    ProtectedData,
    HelloRequest,
    FatalAlert,
}

use Word::{
    Certificate as C, ChangeCipherSpec as S, Done as D, Finished as F, Hello as H,
    KeyExchange as K, Question as V, Request as Q,
};

const ALPHABET: [Word; 14] = [
    V,
    H,
    C,
    K,
    Q,
    D,
    S,
    F,
    Word::PlainFinished,
    Word::ClientKeyExchange,
    Word::PlainData,
    Word::ProtectedData,
    Word::HelloRequest,
    Word::FatalAlert,
];

/// The independent table: whether `words` may establish.
fn may_establish(words: &[Word]) -> bool {
    let legal: [&[Word]; 4] = [
        &[H, C, K, D, F],
        &[H, C, K, Q, D, F],
        &[V, H, C, K, D, F],
        &[V, H, C, K, Q, D, F],
    ];
    legal.iter().any(|messages| {
        let last = messages.len() - 1;
        let mut said = 0;
        let (mut changed, mut finished) = (false, false);
        for word in words {
            match word {
                Word::PlainData | Word::ProtectedData | Word::HelloRequest | Word::FatalAlert => {}
                S => changed |= said == last,
                F if said == last => finished = true,
                word if said < last && messages[said] == *word => said += 1,
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

/// A field that the server gets wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lie {
    #[default]
    None,
    Version,
    Suite,
    SuiteOfAnotherKey,
    Compression,
    UnsolicitedExtension,
    SignatureAlgorithms,
    NoExtendedMasterSecret,
    NoRenegotiationInfo,
    Renegotiation,
    PointFormats,
    Group,
    ShareLength,
    Scheme,
    Signature,
    SignatureOfAnotherKey,
    SignedOtherRandom,
    CertificateOfAnother,
    NoCertificate,
    DoneWithContent,
    Finished,
}

struct Script {
    lie: Lie,
    client: ClientHandshake,
    out: Outgoing,
    now: Timestamp,
    hello: Vec<u8>,
    client_random: [u8; 32],
    transcript: Transcript,
    private: Option<KeyExchange>,
    keys: Option<(MasterSecret, Sealer, Opener)>,
    message_next: u16,
    plain_next: u64,
    established: bool,
    failed: Option<HandshakeError>,
}

const SUITE: CipherSuite = CipherSuite::EcdsaChaCha20Poly1305;
const SERVER_RANDOM: [u8; 32] = [6; 32];

impl Script {
    fn new(lie: Lie) -> Self {
        let (now, mut out) = (Timestamp::from_micros(1), Outgoing::default());
        let mut config = Key::Ecdsa.client_config();
        config.identity = Some(Key::Ecdsa.client_identity());
        let client = ClientHandshake::start(&Arc::new(config), now, wall(), &mut out).unwrap();
        let mut script = Self {
            lie,
            client,
            out,
            now,
            hello: vec![],
            client_random: [0; 32],
            transcript: Transcript::new(),
            private: None,
            keys: None,
            message_next: 0,
            plain_next: 0,
            established: false,
            failed: None,
        };
        script.listen();
        script
    }

    /// Hears what the client says.
    fn listen(&mut self) {
        let out = std::mem::take(&mut self.out);
        for datagram in out.datagrams() {
            let mut datagram = datagram.to_vec();
            let mut at = 0;
            while let Ok((header, content, _)) = RecordHeader::parse(&datagram[at..]) {
                let content = content.to_vec();
                let next = at + 13 + content.len();
                match (header.number.epoch(), header.content_type) {
                    (0, ContentType::Handshake) => self.hear(&content),
                    (1, ContentType::Handshake) => {
                        let (_, _, opener) = self.keys.as_mut().unwrap();
                        let opened = opener.open(&header, &mut datagram, at);
                        let opened = opener.settle(opened).unwrap();
                        let finished = datagram[opened.content].to_vec();
                        self.transcript.add(&finished);
                    }
                    _ => {}
                }
                at = next;
            }
        }
    }

    fn hear(&mut self, message: &[u8]) {
        let (header, body, _) = FragmentHeader::parse(message).unwrap();
        assert!(header.is_whole());
        if header.kind == MessageKind::ClientHello {
            self.hello = message.to_vec();
            let hello = crate::wire::handshake::ClientHello::parse(body).unwrap();
            self.client_random = hello.random;
            return;
        }
        self.transcript.add(message);
        if header.kind == MessageKind::ClientKeyExchange {
            let share = ClientKeyExchange::parse(body).unwrap();
            let hash = self.transcript.digest().unwrap();
            let private = self.private.take().unwrap();
            let master = private
                .master_secret(SUITE, share.public_key, &hash)
                .unwrap();
            let keys = master.record_keys(&self.client_random, &SERVER_RANDOM);
            let (sealer, opener) = (Sealer::new(keys.server, 1), Opener::new(keys.client, 1));
            self.keys = Some((master, sealer, opener));
        }
    }

    fn plain(&mut self, content_type: ContentType, content: &[u8]) -> Vec<u8> {
        let mut datagram = Vec::new();
        let version = ProtocolVersion::DTLS_1_2;
        push_plain(
            content_type,
            version,
            self.plain_next,
            content,
            &mut datagram,
        );
        self.plain_next += 1;
        datagram
    }

    fn message(&mut self, kind: MessageKind, body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(body.len()).unwrap();
        let header = FragmentHeader::whole(kind, self.message_next, len);
        let bytes = [&header.emit()[..], body].concat();
        if kind != MessageKind::HelloRequest {
            self.message_next += 1;
        }
        if kind == MessageKind::ServerHello {
            // The hello that is answered is the first of the transcript.
            self.transcript = Transcript::new();
            self.transcript.add(&self.hello);
            self.transcript.start(SUITE);
        }
        if !matches!(
            kind,
            MessageKind::HelloRequest | MessageKind::HelloVerifyRequest
        ) {
            self.transcript.add(&bytes);
        }
        bytes
    }

    fn say_message(&mut self, kind: MessageKind, body: &[u8]) -> Vec<u8> {
        let bytes = self.message(kind, body);
        self.plain(ContentType::Handshake, &bytes)
    }

    fn server_hello(&self) -> Vec<u8> {
        let mut body = vec![];
        let lie = self.lie;
        ServerHello {
            version: match lie {
                Lie::Version => ProtocolVersion::DTLS_1_0,
                _ => ProtocolVersion::DTLS_1_2,
            },
            random: SERVER_RANDOM,
            session_id: &[4; 32],
            cipher_suite: match lie {
                Lie::Suite => 0xC02B,
                Lie::SuiteOfAnotherKey => CipherSuite::RsaChaCha20Poly1305.id(),
                _ => SUITE.id(),
            },
            compression: u8::from(lie == Lie::Compression),
            extensions: Extensions {
                point_formats: (lie == Lie::PointFormats).then_some(&[1]),
                extended_master_secret: lie != Lie::NoExtendedMasterSecret,
                renegotiation_info: match lie {
                    Lie::NoRenegotiationInfo => None,
                    Lie::Renegotiation => Some(&[1; 12]),
                    _ => Some(&[]),
                },
                signature_schemes: (lie == Lie::SignatureAlgorithms)
                    .then(|| U16List::new(&[4, 3]))
                    .flatten(),
                ..Extensions::default()
            },
        }
        .push(&mut body);
        if lie == Lie::UnsolicitedExtension {
            // The block of extensions is the last thing: encrypt_then_mac is added to it.
            let block = body.len() - 4 - 5;
            body.extend_from_slice(&[0, 22, 0, 0]);
            let len = u16::try_from(body.len() - block).unwrap();
            body[block - 2..block].copy_from_slice(&len.to_be_bytes());
        }
        body
    }

    fn key_exchange(&mut self) -> Vec<u8> {
        let private = KeyExchange::start(Group::X25519).unwrap();
        let mut share = private.public_key().to_vec();
        if self.lie == Lie::ShareLength {
            share.push(0);
        }
        let parameters = EcdheParameters {
            // 25 is P-521.
            group: if self.lie == Lie::Group { 25 } else { 29 },
            public_key: &share,
        };
        let signer = if self.lie == Lie::SignatureOfAnotherKey {
            identity("ecdsa-client")
        } else {
            identity("ecdsa-server")
        };
        let mut random = SERVER_RANDOM;
        random[0] ^= u8::from(self.lie == Lie::SignedOtherRandom);
        let signed = signed::signed_parameters(&self.client_random, &random, &parameters);
        let scheme = SignatureScheme::EcdsaSha256.id();
        let (scheme, mut signature) = signer.sign([scheme], &signed).unwrap();
        let last = signature.last_mut().unwrap();
        *last ^= u8::from(self.lie == Lie::Signature);
        let mut body = vec![];
        ServerKeyExchange {
            parameters,
            // SHA-1 with ECDSA.
            scheme: if self.lie == Lie::Scheme {
                0x0203
            } else {
                scheme.id()
            },
            signature: &signature,
        }
        .push(&mut body);
        self.private = Some(private);
        body
    }

    fn word(&mut self, word: Word) -> Vec<u8> {
        let mut body = vec![];
        match word {
            Word::Question => {
                HelloVerifyRequest {
                    version: ProtocolVersion::DTLS_1_0,
                    cookie: &[8; 20],
                }
                .push(&mut body);
                self.say_message(MessageKind::HelloVerifyRequest, &body)
            }
            Word::Hello => {
                let body = self.server_hello();
                self.say_message(MessageKind::ServerHello, &body)
            }
            Word::Certificate => {
                match self.lie {
                    Lie::NoCertificate => Certificate::push([], &mut body),
                    Lie::CertificateOfAnother => {
                        Certificate::push(identity("rsa-server").chain(), &mut body);
                    }
                    _ => Certificate::push(identity("ecdsa-server").chain(), &mut body),
                }
                self.say_message(MessageKind::Certificate, &body)
            }
            Word::KeyExchange => {
                let body = self.key_exchange();
                self.say_message(MessageKind::ServerKeyExchange, &body)
            }
            Word::Request => {
                let schemes = U16List::encode([SignatureScheme::EcdsaSha256.id()]);
                CertificateRequest {
                    types: &[64],
                    signature_schemes: U16List::new(&schemes).unwrap(),
                    authorities: DerList::default(),
                }
                .push(&mut body);
                self.say_message(MessageKind::CertificateRequest, &body)
            }
            Word::Done => {
                body.resize(usize::from(self.lie == Lie::DoneWithContent), 1);
                self.say_message(MessageKind::ServerHelloDone, &body)
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
            Word::ClientKeyExchange => self.say_message(MessageKind::ClientKeyExchange, &[1, 7]),
            Word::ProtectedData if self.keys.is_some() => {
                self.seal(ContentType::ApplicationData, b"text")
            }
            Word::PlainData | Word::ProtectedData => {
                self.plain(ContentType::ApplicationData, b"text")
            }
            Word::HelloRequest => self.say_message(MessageKind::HelloRequest, &[]),
            Word::FatalAlert => self.plain(ContentType::Alert, &[2, 40]),
        }
    }

    fn verify_data(&self) -> [u8; 12] {
        let Some((master, ..)) = &self.keys else {
            return [9; 12];
        };
        let digest = self.transcript.digest().unwrap();
        // A server that reflects the client's proof has none of its own.
        let side = if self.lie == Lie::Finished {
            Side::Client
        } else {
            Side::Server
        };
        master.finished(side, &digest)
    }

    fn seal(&mut self, content_type: ContentType, content: &[u8]) -> Vec<u8> {
        let mut datagram = vec![];
        let (_, sealer, _) = self.keys.as_mut().unwrap();
        sealer.push(content_type, content, &mut datagram).unwrap();
        datagram
    }

    fn take(&mut self, progress: Progress) {
        match progress {
            Progress::Pending => {}
            Progress::Established(_) => self.established = true,
            Progress::Failed(error) => self.failed = Some(*error),
            Progress::NeedsSignature => panic!("clients sign on the spot"),
        }
    }

    fn say(&mut self, word: Word) {
        let mut datagram = self.word(word);
        let turn = self
            .client
            .handle_datagram(self.now, &mut datagram, &mut self.out);
        self.take(turn.progress);
        self.listen();
    }
}

/// Whether the client establishes when `words` are said.
fn establishes(words: &[Word]) -> bool {
    let mut script = Script::new(Lie::None);
    for word in words {
        script.say(*word);
        if script.established || script.failed.is_some() {
            break;
        }
    }
    script.established
}

fn check(words: &[Word]) {
    assert_eq!(establishes(words), may_establish(words), "{words:?}");
}

fn legal() -> Vec<Vec<Word>> {
    vec![
        vec![H, C, K, D, S, F],
        vec![V, H, C, K, Q, D, S, F],
        vec![H, C, K, Q, D, F, S],
    ]
}

#[test]
fn the_legal_sequences_establish() {
    for words in legal() {
        assert!(may_establish(&words) && establishes(&words), "{words:?}");
    }
}

/// Everything one step away from a legal sequence, and what chance finds farther away.
#[test]
fn r13_model_of_the_client() {
    for legal in legal() {
        for at in 0..legal.len() {
            let mut without = legal.clone();
            without.remove(at);
            check(&without);
            let mut swapped = legal.clone();
            swapped.swap(at, (at + 1) % legal.len());
            check(&swapped);
            for word in ALPHABET {
                let mut other = legal.clone();
                other[at] = word;
                check(&other);
                let mut more = legal.clone();
                more.insert(at, word);
                check(&more);
            }
        }
    }
    let mut random = Random::new(Some(131), 0);
    let mut pick = |among: usize| usize::from(random.u16().unwrap()) % among;
    for round in 0..600 {
        let mut words: Vec<Word> = vec![];
        if round % 2 == 0 {
            words.extend((0..=pick(8)).map(|_| ALPHABET[pick(8)]));
        } else {
            let all = legal();
            words.clone_from(&all[pick(all.len())]);
            for _ in 0..2 + pick(2) {
                let at = pick(words.len() + 1);
                words.insert(at, ALPHABET[pick(ALPHABET.len())]);
            }
        }
        check(&words);
    }
}

#[test]
fn r13_every_lie_of_a_server_is_refused_with_its_alert() {
    use AlertDescription as A;
    let lies = [
        (Lie::Version, A::PROTOCOL_VERSION),
        (Lie::Suite, A::ILLEGAL_PARAMETER),
        (Lie::SuiteOfAnotherKey, A::ILLEGAL_PARAMETER),
        (Lie::Compression, A::ILLEGAL_PARAMETER),
        (Lie::UnsolicitedExtension, A::UNSUPPORTED_EXTENSION),
        (Lie::SignatureAlgorithms, A::UNSUPPORTED_EXTENSION),
        (Lie::NoExtendedMasterSecret, A::HANDSHAKE_FAILURE),
        (Lie::NoRenegotiationInfo, A::HANDSHAKE_FAILURE),
        (Lie::Renegotiation, A::HANDSHAKE_FAILURE),
        (Lie::PointFormats, A::ILLEGAL_PARAMETER),
        (Lie::Group, A::ILLEGAL_PARAMETER),
        (Lie::ShareLength, A::ILLEGAL_PARAMETER),
        (Lie::Scheme, A::ILLEGAL_PARAMETER),
        (Lie::Signature, A::DECRYPT_ERROR),
        (Lie::SignatureOfAnotherKey, A::DECRYPT_ERROR),
        (Lie::SignedOtherRandom, A::DECRYPT_ERROR),
        (Lie::CertificateOfAnother, A::UNKNOWN_CA),
        (Lie::NoCertificate, A::BAD_CERTIFICATE),
        (Lie::DoneWithContent, A::DECODE_ERROR),
        (Lie::Finished, A::DECRYPT_ERROR),
    ];
    for (lie, alert) in lies {
        let mut script = Script::new(lie);
        for word in [H, C, K, D, S, F] {
            script.say(word);
        }
        assert!(!script.established, "{lie:?}");
        // What anybody can have said is believed when nothing better follows.
        let grace = script.now + seconds(2);
        if script.failed.is_none() {
            let progress = script.client.handle_timeout(grace, &mut script.out);
            script.take(progress);
        }
        let error = script.failed.unwrap_or_else(|| panic!("{lie:?}"));
        assert_eq!(error.alert(), Some(alert), "{lie:?}: {error}");
        assert!(!error.to_string().is_empty());
    }
}
