//! The peer as a client: an honest one, turn by turn.
//!
//! A turn is made and sent; only a turn that is kept changes the client, so that the wrong one and the
//! honest one after it can be made from the same beginning.

use crate::case::{At, Habits, How};
use crate::identity::{ECDSA, Identity, Signatures, verifies};
use crate::keys::{Keys, Master, Private, Suite};
use crate::messages::{
    CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, CLIENT_HELLO, CLIENT_KEY_EXCHANGE,
    ClientHello, EC_POINT_FORMATS, EXTENDED_MASTER_SECRET, Extensions, FINISHED,
    HELLO_VERIFY_REQUEST, RENEGOTIATION_INFO, SERVER_HELLO, SERVER_HELLO_DONE, SERVER_KEY_EXCHANGE,
    SERVER_NAME, SIGNATURE_ALGORITHMS, SUPPORTED_GROUPS, ServerHello, Share,
};
use crate::wire::{
    ALERT, APPLICATION_DATA, Arrived, CHANGE_CIPHER_SPEC, DTLS_1_0, HANDSHAKE, Inbound, Record,
    Writer, message, numbers, records, vector8, vector16, vector24,
};

/// Either role, turn by turn.
pub(crate) trait Endpoint {
    /// A turn that can be sent, and what the endpoint is once it is.
    type Turn;

    /// The turns of its handshake, in order.
    const TURNS: [At; 3];

    /// An endpoint that has said nothing.
    fn new(habits: Habits) -> Self;

    /// Whether all has come that must come before the turn at `at`.
    fn is_ready(&self, at: At) -> bool;

    /// The turn at `at`, wrong as `how` says. On a connection it is the packet `wrong`.
    fn turn(&self, at: At, how: How, wrong: &[u8]) -> Self::Turn;

    /// The datagrams of a turn.
    fn datagrams(&mut self, turn: &Self::Turn) -> Vec<Vec<u8>>;

    /// The turn is what was said.
    fn keep(&mut self, turn: Self::Turn);

    /// A packet of the layer above, sealed.
    fn packet(&mut self, packet: &[u8]) -> Vec<u8>;

    /// Takes a datagram of the driver's in.
    fn take(&mut self, datagram: &[u8]);

    /// What else has come.
    fn heard(&mut self) -> &mut Heard;
}

/// What came that is not a message of the handshake.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Epoch, level, description.
    pub(crate) alerts: Vec<(u16, u8, u8)>,
    pub(crate) questions: usize,
    /// ChangeCipherSpec records.
    pub(crate) changes: usize,
    /// Finished messages that are right.
    pub(crate) finished: usize,
    /// Contents of application records.
    pub(crate) packets: Vec<Vec<u8>>,
}

/// A client.
pub(crate) struct Client {
    habits: Habits,
    hello: ClientHello,
    private: Private,
    server: Told,
    transcript: Vec<u8>,
    inbound: Inbound,
    signatures: Signatures,
    writer: Writer,
    secrets: Option<Secrets>,
    heard: Heard,
}

/// What the server has said.
#[derive(Default)]
struct Told {
    hello: Option<ServerHello>,
    certificate: Vec<u8>,
    share: Option<Share>,
    asks: bool,
    done: bool,
}

#[derive(Clone)]
struct Secrets {
    master: Master,
    ours: Keys,
    theirs: Keys,
}

/// A turn that can be sent, and what the client is once it is.
pub(crate) struct Turn {
    records: Vec<Record>,
    hello: ClientHello,
    transcript: Vec<u8>,
    secrets: Option<Secrets>,
}

impl Endpoint for Client {
    type Turn = Turn;

    const TURNS: [At; 3] = [At::Hello, At::Cookie, At::Flight];

    fn new(habits: Habits) -> Self {
        let mut random = [0; 32];
        aws_lc_rs::rand::fill(&mut random).unwrap();
        Self {
            hello: honest_hello(random, &habits),
            private: Private::new(habits.group),
            habits,
            server: Told::default(),
            transcript: Vec::new(),
            inbound: Inbound::default(),
            signatures: Signatures::default(),
            writer: Writer::default(),
            secrets: None,
            heard: Heard::default(),
        }
    }

    fn is_ready(&self, at: At) -> bool {
        match at {
            At::Hello => true,
            At::Cookie => !self.hello.cookie.is_empty(),
            At::Flight => self.server.done,
            At::Associated | At::Connected => self.heard.finished > 0,
            At::Question | At::Last => false,
        }
    }

    fn turn(&self, at: At, how: How, wrong: &[u8]) -> Turn {
        let mut turn = Turn {
            records: Vec::new(),
            hello: self.hello.clone(),
            transcript: self.transcript.clone(),
            secrets: self.secrets.clone(),
        };
        match at {
            At::Hello | At::Cookie => {
                let sequence = u16::from(at == At::Cookie);
                let mut hello = self.hello.clone();
                if at == At::Hello {
                    hello.cookie.clear();
                }
                let bytes = how.body(CLIENT_HELLO, hello.emit());
                let mut record = Record::message(0, CLIENT_HELLO, sequence, &bytes);
                record.version = DTLS_1_0;
                turn.records.push(record);
                // RFC 6347 §4.2.1: the first hello and its answer are in no transcript.
                turn.transcript = message(CLIENT_HELLO, sequence, &bytes);
            }
            At::Flight => self.flight(&mut turn, how),
            At::Question | At::Last => panic!("a client has no turn {at:?}"),
            At::Associated => {}
            At::Connected => turn.records.push(Record::new(APPLICATION_DATA, 1, wrong)),
        }
        how.arrange(&mut turn.records);
        turn
    }

    fn datagrams(&mut self, turn: &Turn) -> Vec<Vec<u8>> {
        let keys = turn.secrets.as_ref().map(|secrets| &secrets.ours);
        self.writer.datagrams(&turn.records, keys)
    }

    fn keep(&mut self, turn: Turn) {
        self.hello = turn.hello;
        self.transcript = turn.transcript;
        self.secrets = turn.secrets;
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
                HANDSHAKE if record.epoch() == 1 => self.take_finished(&content),
                HANDSHAKE if content[0] == HELLO_VERIFY_REQUEST => {
                    self.take_question(&record, &content);
                }
                HANDSHAKE => self.take_flight(&content),
                other => panic!("a record of type {other}"),
            }
        }
    }

    fn heard(&mut self) -> &mut Heard {
        &mut self.heard
    }
}

impl Client {
    /// Certificate, ClientKeyExchange, CertificateVerify, ChangeCipherSpec, Finished.
    fn flight(&self, turn: &mut Turn, how: How) {
        let hello = self.server.hello.as_ref().unwrap();
        let share = self.server.share.as_ref().unwrap();
        let mut sequence = 2;
        let mut say = |kind: u8, honest: Vec<u8>, turn: &mut Turn| {
            let bytes = how.body(kind, honest);
            turn.transcript.extend(message(kind, sequence, &bytes));
            let epoch = u16::from(kind == FINISHED);
            turn.records
                .push(Record::message(epoch, kind, sequence, &bytes));
            sequence += 1;
        };
        let identity = self.habits.identity.filter(|_| self.server.asks);
        if self.server.asks {
            say(CERTIFICATE, chain_of(identity), turn);
        }
        say(CLIENT_KEY_EXCHANGE, vector8(&self.private.public()), turn);
        let shared = self.private.agree(&share.key).unwrap();
        let randoms = [&self.hello.random[..], &hello.random].concat();
        let suite = self.habits.suite;
        let master = if self.habits.plain_master {
            Master::plain(suite, &shared, &randoms)
        } else {
            Master::extended(suite, &shared, &turn.transcript)
        };
        if let Some(identity) = identity {
            let mut signed = turn.transcript.clone();
            (self.habits.sign_over)(&mut signed);
            let scheme = self.habits.scheme.unwrap_or(ECDSA);
            let signature = self.signatures.sign(identity, scheme, &signed);
            let honest = [&scheme.to_be_bytes()[..], &vector16(&signature)].concat();
            say(CERTIFICATE_VERIFY, honest, turn);
        }
        turn.records.push(Record::change_cipher_spec());
        let verify_data = master.finished("client finished", &turn.transcript);
        say(FINISHED, verify_data, turn);
        let (ours, theirs) = master.keys(&self.hello.random, &hello.random);
        turn.secrets = Some(Secrets {
            master,
            ours,
            theirs,
        });
    }

    /// A repeated Finished is said with the same number and the same bytes.
    fn take_finished(&mut self, content: &[u8]) {
        let secrets = self.secrets.as_ref().unwrap();
        let verify_data = secrets.master.finished("server finished", &self.transcript);
        assert_eq!(content[0], FINISHED);
        assert_eq!(content[12..], verify_data, "the server's Finished");
        self.heard.finished += 1;
    }

    /// RFC 6347 §4.2.1: version 1.0 in the record and in the message, and the hello's record number.
    fn take_question(&mut self, record: &Arrived, content: &[u8]) {
        assert_eq!(
            (record.version, &content[12..14]),
            (DTLS_1_0, &[0xFE, 0xFF][..])
        );
        assert_eq!(record.number, self.writer.last());
        assert_eq!(usize::from(content[14]), content.len() - 15);
        self.heard.questions += 1;
        self.hello.cookie = content[15..].to_vec();
        self.inbound = Inbound::from(1);
    }

    fn take_flight(&mut self, content: &[u8]) {
        for (kind, sequence, body) in self.inbound.take(content) {
            self.transcript.extend(message(kind, sequence, &body));
            match kind {
                SERVER_HELLO => self.server.hello = Some(self.check_hello(&body)),
                CERTIFICATE => {
                    let len = crate::wire::u24_at(&body, 3);
                    self.server.certificate = body[6..6 + len].to_vec();
                }
                SERVER_KEY_EXCHANGE => self.server.share = Some(self.check_share(&body)),
                CERTIFICATE_REQUEST => self.server.asks = true,
                SERVER_HELLO_DONE => self.server.done = true,
                other => panic!("message {other} in the server's flight"),
            }
        }
    }

    /// RFC 5246 §7.4.1.3, RFC 7627 §5.1, RFC 5746 §3.6: the server answers what was offered.
    fn check_hello(&self, body: &[u8]) -> ServerHello {
        let hello = ServerHello::parse(body);
        assert_eq!(hello.suite, self.habits.suite.id());
        assert_eq!(hello.compression, 0);
        assert_eq!(hello.extensions.get(EXTENDED_MASTER_SECRET), Some(&[][..]));
        assert_eq!(hello.extensions.get(RENEGOTIATION_INFO), Some(&[0][..]));
        hello
    }

    /// RFC 8422 §5.4: the share is in the group offered, and signed with both randoms.
    fn check_share(&self, body: &[u8]) -> Share {
        let share = Share::parse(body);
        assert_eq!(share.group, self.habits.group);
        let hello = self.server.hello.as_ref().unwrap();
        let signed = [&self.hello.random[..], &hello.random, &share.parameters()].concat();
        let certificate = &self.server.certificate;
        if matches!(self.habits.suite, Suite::EcdsaGcm | Suite::EcdsaChaCha) {
            assert!(
                verifies(certificate, share.scheme, &signed, &share.signature),
                "the server's signature"
            );
        }
        share
    }
}

/// A hello that offers what the habits say and nothing else.
fn honest_hello(random: [u8; 32], habits: &Habits) -> ClientHello {
    let name = b"server.drumfire.test";
    let names = [&[0][..], &vector16(name)].concat();
    let mut extensions = Extensions::default();
    extensions.set(SERVER_NAME, vector16(&names));
    extensions.set(SUPPORTED_GROUPS, vector16(&numbers(&[habits.group])));
    extensions.set(EC_POINT_FORMATS, vector8(&[0]));
    extensions.set(SIGNATURE_ALGORITHMS, vector16(&numbers(&[0x0403, 0x0401])));
    extensions.set(EXTENDED_MASTER_SECRET, []);
    extensions.set(RENEGOTIATION_INFO, [0]);
    let mut hello = ClientHello {
        version: 0xFEFD,
        random,
        session_id: Vec::new(),
        cookie: Vec::new(),
        suites: vec![habits.suite.id()],
        compressions: vec![0],
        extensions,
    };
    (habits.hello)(&mut hello);
    hello
}

/// The body of a Certificate.
pub(crate) fn chain_of(identity: Option<Identity>) -> Vec<u8> {
    let chain = identity.map(Identity::chain).unwrap_or_default();
    let all: Vec<u8> = chain.iter().flat_map(|one| vector24(one)).collect();
    vector24(&all)
}
