//! The peer as a server: an honest one, turn by turn.
//!
//! As with the [`Client`](crate::client::Client), only a turn that is kept changes it.

use crate::case::{At, Habits, How};
use crate::client::{Endpoint, Heard, chain_of};
use crate::identity::{ECDSA, Identity, RSA_PKCS1, Signatures, verifies};
use crate::keys::{Keys, Master, Private};
use crate::messages::{
    CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, CLIENT_HELLO, CLIENT_KEY_EXCHANGE,
    ClientHello, EC_POINT_FORMATS, EXTENDED_MASTER_SECRET, Extensions, FINISHED,
    HELLO_VERIFY_REQUEST, RENEGOTIATION_INFO, SERVER_HELLO, SERVER_HELLO_DONE, SERVER_KEY_EXCHANGE,
    SIGNATURE_ALGORITHMS, SUPPORTED_GROUPS, ServerHello, Share,
};
use crate::wire::{
    ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, DTLS_1_0, HANDSHAKE, Inbound, Record, Writer,
    message, numbers, records, u16_at, u24_at, vector8, vector16,
};

/// A server.
pub(crate) struct Server {
    habits: Habits,
    random: [u8; 32],
    cookie: Vec<u8>,
    private: Private,
    client: Told,
    transcript: Vec<u8>,
    inbound: Inbound,
    signatures: Signatures,
    writer: Writer,
    secrets: Option<Secrets>,
    heard: Heard,
    /// Hellos with the cookie.
    cookies: usize,
    /// Whether the flight has been said: what comes of hellos later was on its way before.
    answered: bool,
}

/// What the client has said.
#[derive(Default)]
struct Told {
    hello: Option<ClientHello>,
    certificate: Option<Vec<u8>>,
    finished: bool,
}

#[derive(Clone)]
struct Secrets {
    master: Master,
    ours: Keys,
    theirs: Keys,
}

/// A turn that can be sent, and what the server is once it is.
pub(crate) struct Turn {
    at: At,
    records: Vec<Record>,
    transcript: Vec<u8>,
}

impl Endpoint for Server {
    type Turn = Turn;

    const TURNS: [At; 3] = [At::Question, At::Flight, At::Last];

    fn new(habits: Habits) -> Self {
        let mut random = [0; 32];
        aws_lc_rs::rand::fill(&mut random).unwrap();
        Self {
            random,
            cookie: (0..=u8::MAX).cycle().take(habits.cookie).collect(),
            private: Private::new(habits.group),
            habits,
            client: Told::default(),
            transcript: Vec::new(),
            inbound: Inbound::default(),
            signatures: Signatures::default(),
            writer: Writer::default(),
            secrets: None,
            heard: Heard::default(),
            cookies: 0,
            answered: false,
        }
    }

    fn is_ready(&self, at: At) -> bool {
        match at {
            At::Question => self.client.hello.is_some(),
            At::Flight => self.cookies > 0,
            At::Last | At::Connected => self.client.finished,
            At::Hello | At::Cookie | At::Associated => false,
        }
    }

    fn turn(&self, at: At, how: How, wrong: &[u8]) -> Turn {
        let mut turn = Turn {
            at,
            records: Vec::new(),
            transcript: self.transcript.clone(),
        };
        match at {
            At::Question => {
                let honest = [&[0xFE, 0xFF][..], &vector8(&self.cookie)].concat();
                let bytes = how.body(HELLO_VERIFY_REQUEST, honest);
                let mut record = Record::message(0, HELLO_VERIFY_REQUEST, 0, &bytes);
                record.version = DTLS_1_0;
                turn.records.push(record);
            }
            At::Flight => self.flight(&mut turn, how),
            At::Last => {
                turn.records.push(Record::change_cipher_spec());
                let master = &self.secrets.as_ref().unwrap().master;
                let honest = master.finished("server finished", &turn.transcript);
                // One more than what came before: hello, certificate, share, (request,) done.
                let sequence = if self.habits.asks { 6 } else { 5 };
                let bytes = how.body(FINISHED, honest);
                turn.records
                    .push(Record::message(1, FINISHED, sequence, &bytes));
            }
            At::Connected => turn.records.push(Record::new(APPLICATION_DATA, 1, wrong)),
            At::Hello | At::Cookie | At::Associated => panic!("a server has no turn {at:?}"),
        }
        how.arrange(&mut turn.records);
        turn
    }

    fn datagrams(&mut self, turn: &Turn) -> Vec<Vec<u8>> {
        let keys = self.secrets.as_ref().map(|secrets| &secrets.ours);
        self.writer.datagrams(&turn.records, keys)
    }

    fn keep(&mut self, turn: Turn) {
        self.answered |= turn.at == At::Flight;
        self.transcript = turn.transcript;
    }

    fn packet(&mut self, packet: &[u8]) -> Vec<u8> {
        let record = Record::new(APPLICATION_DATA, 1, packet);
        let keys = self.secrets.as_ref().map(|secrets| &secrets.ours);
        self.writer.datagrams(&[record], keys).remove(0)
    }

    fn take(&mut self, datagram: &[u8]) {
        for record in records(datagram) {
            let content = match record.epoch() {
                0 => record.fragment.clone(),
                _ => {
                    let keys = &self.secrets.as_ref().expect("keys for epoch 1").theirs;
                    keys.open(&record).expect("the driver seals what opens")
                }
            };
            match record.kind {
                ALERT => {
                    self.heard
                        .alerts
                        .push((record.epoch(), content[0], content[1]));
                }
                CHANGE_CIPHER_SPEC => self.heard.changes += 1,
                APPLICATION_DATA => self.heard.packets.push(content),
                HANDSHAKE => self.take_handshake(&content),
                other => panic!("a record of type {other}"),
            }
        }
    }

    fn heard(&mut self) -> &mut Heard {
        &mut self.heard
    }
}

impl Server {
    /// ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone.
    fn flight(&self, turn: &mut Turn, how: How) {
        let offered = self.client.hello.as_ref().unwrap();
        let mut sequence = 1;
        let mut say = |kind: u8, honest: Vec<u8>| {
            let bytes = how.body(kind, honest);
            turn.transcript.extend(message(kind, sequence, &bytes));
            let whole = Record::message(0, kind, sequence, &bytes);
            if bytes.len() > 1_000 {
                let end = whole.body_len();
                turn.records.push(whole.fragment(0, 1_000));
                turn.records.push(whole.fragment(1_000, end));
            } else {
                turn.records.push(whole);
            }
            sequence += 1;
        };
        let mut extensions = Extensions::default();
        extensions.set(EC_POINT_FORMATS, vector8(&[0]));
        extensions.set(EXTENDED_MASTER_SECRET, []);
        extensions.set(RENEGOTIATION_INFO, [0]);
        let hello = ServerHello {
            version: 0xFEFD,
            random: self.random,
            session_id: Vec::new(),
            suite: self.habits.suite.id(),
            compression: 0,
            extensions,
        };
        say(SERVER_HELLO, hello.emit());
        let identity = self.habits.identity.unwrap_or(Identity::Server);
        say(CERTIFICATE, chain_of(Some(identity)));

        let fitting = match identity {
            Identity::RsaServer | Identity::RsaPlayer => RSA_PKCS1,
            Identity::Server | Identity::Player => ECDSA,
        };
        let mut share = Share {
            curve_type: 3,
            group: self.habits.group,
            key: self.private.public(),
            scheme: self.habits.scheme.unwrap_or(fitting),
            signature: Vec::new(),
        };
        (self.habits.share)(&mut share);
        let mut signed = [&offered.random[..], &self.random, &share.parameters()].concat();
        (self.habits.sign_over)(&mut signed);
        share.signature = self.signatures.sign(identity, share.scheme, &signed);
        say(SERVER_KEY_EXCHANGE, share.emit());
        if self.habits.asks {
            let schemes = vector16(&numbers(&[0x0403, 0x0401]));
            say(
                CERTIFICATE_REQUEST,
                [&vector8(&[64, 1])[..], &schemes, &vector16(&[])].concat(),
            );
        }
        say(SERVER_HELLO_DONE, Vec::new());
    }

    fn take_handshake(&mut self, content: &[u8]) {
        if content[0] == CLIENT_HELLO {
            self.take_hello(content);
            return;
        }
        for (kind, sequence, body) in self.inbound.take(content) {
            match kind {
                CERTIFICATE => {
                    let len = u24_at(&body, 0);
                    assert_eq!(len, body.len() - 3);
                    self.client.certificate = (len > 0).then(|| {
                        let first = u24_at(&body, 3);
                        body[6..6 + first].to_vec()
                    });
                }
                CERTIFICATE_VERIFY => self.check_proof(&body),
                FINISHED => {
                    let master = &self.secrets.as_ref().unwrap().master;
                    let verify_data = master.finished("client finished", &self.transcript);
                    assert_eq!(body, verify_data, "the client's Finished");
                    self.client.finished = true;
                    self.heard.finished += 1;
                }
                CLIENT_KEY_EXCHANGE => {}
                other => panic!("message {other} in the client's flight"),
            }
            self.transcript.extend(message(kind, sequence, &body));
            if kind == CLIENT_KEY_EXCHANGE {
                self.take_share(&body);
            }
        }
    }

    /// A hello with the cookie is where the transcript begins (RFC 6347 §4.2.1).
    fn take_hello(&mut self, content: &[u8]) {
        let hello = ClientHello::parse(&content[12..]);
        if hello.cookie.is_empty() {
            self.client.hello = Some(hello);
            return;
        }
        let before = self.client.hello.as_ref().unwrap();
        let without = ClientHello {
            cookie: Vec::new(),
            ..hello.clone()
        };
        // RFC 6347 §4.2.1: the same parameters as before.
        assert_eq!(before.emit(), without.emit(), "the same hello");
        self.cookies += 1;
        self.check_offer(&hello);
        if !self.answered {
            let sequence = u16_at(content, 4);
            self.transcript = message(CLIENT_HELLO, sequence, &content[12..]);
            self.inbound = Inbound::from(sequence + 1);
        }
    }

    /// What a hello of the driver's must offer (RFC 5246 §7.4.1.2, RFC 7627, RFC 5746, RFC 8422).
    fn check_offer(&self, hello: &ClientHello) {
        assert_eq!((hello.version, &hello.compressions[..]), (0xFEFD, &[0][..]));
        assert!(hello.suites.contains(&self.habits.suite.id()));
        for kind in [SUPPORTED_GROUPS, EC_POINT_FORMATS, SIGNATURE_ALGORITHMS] {
            assert!(hello.extensions.get(kind).is_some());
        }
        assert_eq!(hello.extensions.get(EXTENDED_MASTER_SECRET), Some(&[][..]));
        assert_eq!(hello.extensions.get(RENEGOTIATION_INFO), Some(&[0][..]));
    }

    fn take_share(&mut self, body: &[u8]) {
        assert_eq!(usize::from(body[0]), body.len() - 1);
        let shared = self.private.agree(&body[1..]).expect("a point");
        let hello = self.client.hello.as_ref().unwrap();
        let randoms = [&hello.random[..], &self.random].concat();
        let suite = self.habits.suite;
        let master = if self.habits.plain_master {
            Master::plain(suite, &shared, &randoms)
        } else {
            Master::extended(suite, &shared, &self.transcript)
        };
        let (theirs, ours) = master.keys(&hello.random, &self.random);
        self.secrets = Some(Secrets {
            master,
            ours,
            theirs,
        });
    }

    /// RFC 5246 §7.4.8.
    fn check_proof(&self, body: &[u8]) {
        let certificate = self.client.certificate.as_ref().unwrap();
        let (scheme, signature) = (u16_at(body, 0), &body[4..]);
        assert_eq!(usize::from(u16_at(body, 2)), signature.len());
        assert!(
            verifies(certificate, scheme, &self.transcript, signature),
            "the client's proof"
        );
    }
}
