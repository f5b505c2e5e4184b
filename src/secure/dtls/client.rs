//! The client's side of a handshake.
//!
//! ```text
//!   client                                                             server
//!   AwaitHello                       ClientHello                     ──▶
//!   AwaitHello, once more            HelloVerifyRequest              ◀──
//!                                    ClientHello, cookie             ──▶
//!   AwaitCertificate                 ServerHello                     ◀──
//!   AwaitKeyExchange: who is it?     Certificate                     ◀──
//!   AwaitDone: is it really?         ServerKeyExchange               ◀──
//!   AwaitDone, asked for ours        (CertificateRequest)            ◀──
//!   AwaitChangeCipherSpec            ServerHelloDone                 ◀──
//!                                    (Certificate,) ClientKeyExchange,
//!                                    (CertificateVerify,)
//!                                    ChangeCipherSpec, Finished      ──▶
//!   AwaitFinished                    ChangeCipherSpec                ◀──
//!   Over                             Finished                        ◀──
//! ```
//!
//! Each state owns what it alone needs; leaving it drops that.
//!
//! Source: RFC 5246 §7.3, RFC 6347 §4.2.4.

use std::sync::Arc;

use crate::crypto::{
    CipherSuite, Group, KeyExchange, MasterSecret, PeerIdentity, Side, SignatureScheme, WallTime,
    constant_time_equal, verify_signature,
};
use crate::random::Random;
use crate::secure::association::Association;
use crate::secure::outgoing::Outgoing;
use crate::secure::record_layer::{Opener, Sealer};
use crate::time::Timestamp;
use crate::wire::handshake::{
    Certificate, CertificateRequest, CertificateVerify, ClientHello, ClientKeyExchange, Extensions,
    Finished, HelloVerifyRequest, MalformedMessage, MessageKind, RANDOM_LEN, SERVER_NAME,
    SIGNATURE_ALGORITHMS, ServerHello, ServerKeyExchange, U16List,
};
use crate::wire::record::ProtocolVersion;

use super::config::ClientConfig;
use super::conversation::Conversation;
use super::error::HandshakeError;
use super::handshake::{Complete, Handshake, Outcome, Role, Trouble};
use super::reassembly::Message;
use super::signed::{signed_parameters, unhashed};

/// A client's handshake.
pub(crate) type ClientHandshake = Handshake<Client>;

/// How often a HelloVerifyRequest is answered. One is normal; more come if the first was forged, or its
/// key has been changed.
const MOST_QUESTIONS: u8 = 8;

/// The client's role.
#[derive(Debug)]
pub(crate) struct Client {
    config: Arc<ClientConfig>,
    /// For the dates of certificates.
    wall: WallTime,
    random: [u8; RANDOM_LEN],
    state: State,
}

#[derive(Debug)]
enum State {
    /// The server's hello, or its question. When the latest was answered, and how many.
    AwaitHello {
        questions: u8,
        answered: Option<Timestamp>,
    },
    /// The server's certificate.
    AwaitCertificate(Chosen),
    /// The server's share of the key, signed.
    AwaitKeyExchange(Chosen, Box<PeerIdentity>),
    /// The end of the server's flight; before it perhaps a request.
    AwaitDone(Box<Offer>),
    /// The server's new keys.
    AwaitChangeCipherSpec(Box<Secrets>),
    /// The first thing under them.
    AwaitFinished(Box<Secrets>),
    Over,
}

/// The server's choice.
#[derive(Clone, Copy, Debug)]
struct Chosen {
    suite: CipherSuite,
    server_random: [u8; RANDOM_LEN],
}

/// All that the server says of itself.
#[derive(Debug)]
struct Offer {
    chosen: Chosen,
    peer: PeerIdentity,
    group: Group,
    public_key: Vec<u8>,
    request: Option<Request>,
}

/// The server's wish to see our certificate.
#[derive(Debug)]
struct Request {
    schemes: Vec<u16>,
}

/// What both sides know.
#[derive(Debug)]
struct Secrets {
    master: MasterSecret,
    opener: Opener,
    sealer: Sealer,
    peer: PeerIdentity,
}

impl ClientHandshake {
    /// Begins with a hello.
    ///
    /// `wall` judges the dates of the server's certificate.
    ///
    /// # Errors
    ///
    /// The system's random generator failed.
    pub(crate) fn start(
        config: &Arc<ClientConfig>,
        now: Timestamp,
        wall: WallTime,
        out: &mut Outgoing,
    ) -> Result<Self, HandshakeError> {
        let mut random = [0; RANDOM_LEN];
        Random::System
            .fill(&mut random)
            .map_err(|_| HandshakeError::RandomFailed)?;
        let mut talk = Conversation::new(config.common.clone(), now, 0, 0);
        let role = Client {
            config: config.clone(),
            wall,
            random,
            state: State::AwaitHello {
                questions: 0,
                answered: None,
            },
        };
        role.say_hello(&mut talk, &[]);
        talk.send(now, None, out);
        Ok(Self::new(role, talk))
    }
}

impl Role for Client {
    fn handle_message(
        &mut self,
        talk: &mut Conversation,
        now: Timestamp,
        message: &Message,
        out: &mut Outgoing,
    ) -> Result<Outcome, Trouble> {
        match (&self.state, message.kind) {
            (State::AwaitHello { .. }, MessageKind::HelloVerifyRequest) => {
                self.take_question(talk, now, message, out)?;
            }
            (State::AwaitHello { .. }, MessageKind::ServerHello) => {
                self.take_hello(talk, message)?;
            }
            (State::AwaitCertificate(_), MessageKind::Certificate) => {
                self.take_certificate(talk, message)?;
            }
            (State::AwaitKeyExchange(..), MessageKind::ServerKeyExchange) => {
                self.take_key_exchange(talk, message)?;
            }
            (State::AwaitDone(offer), MessageKind::CertificateRequest)
                if offer.request.is_none() =>
            {
                self.take_request(talk, message)?;
            }
            (State::AwaitDone(_), MessageKind::ServerHelloDone) => {
                self.take_done(talk, now, message, out)?;
            }
            (State::AwaitFinished(_), MessageKind::Finished) => {
                return self.take_finished(talk, message);
            }
            (_, kind) => {
                return Err(Trouble::Doubtful(HandshakeError::Unexpected {
                    got: kind.name(),
                    awaited: self.awaited(),
                }));
            }
        }
        Ok(Outcome::Onward)
    }

    fn handle_change_cipher_spec(&mut self) -> bool {
        match std::mem::replace(&mut self.state, State::Over) {
            State::AwaitChangeCipherSpec(secrets) => {
                self.state = State::AwaitFinished(secrets);
                true
            }
            other => {
                self.state = other;
                false
            }
        }
    }

    fn opener(&mut self) -> Option<&mut Opener> {
        match &mut self.state {
            State::AwaitFinished(secrets) => Some(&mut secrets.opener),
            _ => None,
        }
    }

    fn sealer(&mut self) -> Option<&mut Sealer> {
        match &mut self.state {
            State::AwaitChangeCipherSpec(secrets) | State::AwaitFinished(secrets) => {
                Some(&mut secrets.sealer)
            }
            _ => None,
        }
    }

    fn awaited(&self) -> &'static str {
        match &self.state {
            State::AwaitHello { .. } => "ServerHello",
            State::AwaitCertificate(_) => "Certificate",
            State::AwaitKeyExchange(..) => "ServerKeyExchange",
            State::AwaitDone(_) => "ServerHelloDone",
            State::AwaitChangeCipherSpec(_) => "ChangeCipherSpec",
            State::AwaitFinished(_) => "Finished",
            State::Over => "nothing",
        }
    }

    fn signature_due(&self) -> Option<Timestamp> {
        None
    }

    fn end(&mut self) {
        self.state = State::Over;
    }
}

impl Client {
    /// Says hello, for the first time or with a cookie.
    ///
    /// It is off the record: which hello counts is known when the server answers it.
    fn say_hello(&self, talk: &mut Conversation, cookie: &[u8]) {
        let suites = U16List::encode(self.config.suites.iter().map(|suite| suite.id()));
        let groups = U16List::encode(self.config.groups.iter().map(|group| group.id()));
        let schemes = U16List::encode(SignatureScheme::ALL.map(SignatureScheme::id));
        talk.say_off_the_record(MessageKind::ClientHello, |out| {
            ClientHello {
                version: ProtocolVersion::DTLS_1_2,
                random: self.random,
                session_id: &[],
                cookie,
                cipher_suites: U16List::new(&suites).unwrap_or_default(),
                compressions: &[0],
                extensions: Extensions {
                    server_name: self.config.server_name.sni().map(str::as_bytes),
                    groups: U16List::new(&groups),
                    point_formats: Some(&[0]),
                    signature_schemes: U16List::new(&schemes),
                    extended_master_secret: true,
                    renegotiation_info: Some(&[]),
                    unknown: None,
                },
            }
            .push(out);
        });
    }

    fn take_question(
        &mut self,
        talk: &mut Conversation,
        now: Timestamp,
        message: &Message,
        out: &mut Outgoing,
    ) -> Result<(), HandshakeError> {
        let State::AwaitHello {
            questions,
            answered,
        } = &mut self.state
        else {
            return Ok(());
        };
        let question = HelloVerifyRequest::parse(&message.body)
            .map_err(HandshakeError::malformed(MessageKind::HelloVerifyRequest))?;
        // A second question right behind the first is somebody else's: the server has our cookie, or
        // asks again when we repeat our hello.
        let hasty = answered.is_some_and(|at| now.since(at) < talk.common.timing.first_pause);
        if hasty || *questions >= MOST_QUESTIONS {
            return Err(HandshakeError::illegal(
                MessageKind::HelloVerifyRequest,
                "the same question once more",
            ));
        }
        *questions += 1;
        *answered = Some(now);
        // Asking is no reason to say it twice: the server has forgotten us.
        talk.flight.restart(None);
        self.say_hello(talk, question.cookie);
        talk.send(now, None, out);
        Ok(())
    }

    fn take_hello(
        &mut self,
        talk: &mut Conversation,
        message: &Message,
    ) -> Result<(), HandshakeError> {
        const MESSAGE: MessageKind = MessageKind::ServerHello;
        let hello =
            ServerHello::parse(&message.body).map_err(HandshakeError::malformed(MESSAGE))?;
        let extensions = &hello.extensions;
        if hello.version != ProtocolVersion::DTLS_1_2 {
            return Err(HandshakeError::version(hello.version));
        }
        let suite = CipherSuite::from_id(hello.cipher_suite)
            .filter(|suite| self.config.suites.contains(suite))
            .ok_or_else(|| {
                HandshakeError::illegal(MESSAGE, "a cipher suite that was not offered")
            })?;
        if hello.compression != 0 {
            return Err(HandshakeError::illegal(MESSAGE, "a compression method"));
        }
        // RFC 5246 §7.4.1.4: an extension that was not offered ends the handshake.
        if let Some(kind) = extensions.unknown {
            return Err(HandshakeError::UnsolicitedExtension { kind });
        }
        // RFC 5246 §7.4.1.4.1: servers do not send it.
        if extensions.signature_schemes.is_some() {
            let kind = SIGNATURE_ALGORITHMS;
            return Err(HandshakeError::UnsolicitedExtension { kind });
        }
        // RFC 6066 §3: a server that has used the name we gave it says so, and no more.
        match extensions.server_name {
            Some(_) if self.config.server_name.sni().is_none() => {
                let kind = SERVER_NAME;
                return Err(HandshakeError::UnsolicitedExtension { kind });
            }
            Some(name) if !name.is_empty() => {
                return Err(HandshakeError::illegal(MESSAGE, "a server name of its own"));
            }
            _ => {}
        }
        // RFC 5746 §3.4.
        match extensions.renegotiation_info {
            Some([]) => {}
            Some(_) => return Err(HandshakeError::Renegotiation),
            None => return Err(HandshakeError::NoRenegotiationIndication),
        }
        if !extensions.extended_master_secret {
            return Err(HandshakeError::NoExtendedMasterSecret);
        }
        if extensions
            .point_formats
            .is_some_and(|formats| !formats.contains(&0))
        {
            return Err(HandshakeError::illegal(
                MESSAGE,
                "no uncompressed point format",
            ));
        }
        // RFC 6347 §4.2.1: the hello that was answered is the first of the transcript.
        talk.transcript.add(talk.flight.bytes());
        talk.transcript.start(suite);
        if self.config.identity.is_none() {
            talk.transcript.forget_messages();
        }
        talk.note(message);
        self.state = State::AwaitCertificate(Chosen {
            suite,
            server_random: hello.random,
        });
        Ok(())
    }

    fn take_certificate(
        &mut self,
        talk: &mut Conversation,
        message: &Message,
    ) -> Result<(), HandshakeError> {
        let State::AwaitCertificate(chosen) = self.state else {
            return Ok(());
        };
        let certificate = Certificate::parse(&message.body)
            .map_err(HandshakeError::malformed(MessageKind::Certificate))?;
        let chain: Vec<&[u8]> = certificate.chain.iter().collect();
        let name = &self.config.server_name;
        let peer = self.config.trust.verify_server(&chain, name, self.wall)?;
        talk.note(message);
        self.state = State::AwaitKeyExchange(chosen, Box::new(peer));
        Ok(())
    }

    fn take_key_exchange(
        &mut self,
        talk: &mut Conversation,
        message: &Message,
    ) -> Result<(), HandshakeError> {
        const MESSAGE: MessageKind = MessageKind::ServerKeyExchange;
        let State::AwaitKeyExchange(chosen, peer) = &self.state else {
            return Ok(());
        };
        let illegal = |what| move || HandshakeError::illegal(MESSAGE, what);
        let exchange =
            ServerKeyExchange::parse(&message.body).map_err(HandshakeError::malformed(MESSAGE))?;
        let group = Group::from_id(exchange.parameters.group)
            .filter(|group| self.config.groups.contains(group))
            .ok_or_else(illegal("a group that was not offered"))?;
        if exchange.parameters.public_key.len() != group.share_len() {
            return Err(illegal("a public key of another group")());
        }
        let scheme = SignatureScheme::from_id(exchange.scheme)
            .filter(|scheme| scheme.authentication() == chosen.suite.authentication())
            .ok_or_else(illegal("a signature scheme that does not fit"))?;
        let signed = signed_parameters(&self.random, &chosen.server_random, &exchange.parameters);
        verify_signature(peer.certificate(), scheme, &signed, exchange.signature)?;
        talk.note(message);
        let public_key = exchange.parameters.public_key.to_vec();
        if let State::AwaitKeyExchange(chosen, peer) =
            std::mem::replace(&mut self.state, State::Over)
        {
            self.state = State::AwaitDone(Box::new(Offer {
                chosen,
                peer: *peer,
                group,
                public_key,
                request: None,
            }));
        }
        Ok(())
    }

    fn take_request(
        &mut self,
        talk: &mut Conversation,
        message: &Message,
    ) -> Result<(), HandshakeError> {
        let State::AwaitDone(offer) = &mut self.state else {
            return Ok(());
        };
        let request = CertificateRequest::parse(&message.body)
            .map_err(HandshakeError::malformed(MessageKind::CertificateRequest))?;
        offer.request = Some(Request {
            schemes: request.signature_schemes.iter().collect(),
        });
        talk.note(message);
        Ok(())
    }

    /// Says everything from Certificate to Finished.
    fn take_done(
        &mut self,
        talk: &mut Conversation,
        now: Timestamp,
        message: &Message,
        out: &mut Outgoing,
    ) -> Result<(), Trouble> {
        if !message.body.is_empty() {
            let len = message.body.len();
            let cause = MalformedMessage::Trailing { len };
            return Err(HandshakeError::malformed(message.kind)(cause).into());
        }
        let State::AwaitDone(offer) = std::mem::replace(&mut self.state, State::Over) else {
            return Ok(());
        };
        let Offer {
            chosen,
            peer,
            group,
            public_key,
            request,
        } = *offer;
        talk.note(message);
        talk.begin_flight();

        let identity = request.as_ref().and_then(|request| {
            let identity = self.config.identity.as_ref()?;
            identity
                .can_sign(request.schemes.iter().copied())
                .then_some(identity)
        });
        if request.is_some() {
            talk.say(MessageKind::Certificate, |out| match identity {
                Some(identity) => Certificate::push(identity.chain(), out),
                None => Certificate::push([], out),
            });
        }
        let private = KeyExchange::start(group)?;
        talk.say(MessageKind::ClientKeyExchange, |out| {
            ClientKeyExchange {
                public_key: private.public_key(),
            }
            .push(out);
        });
        // RFC 7627 §3: all messages up to and including ClientKeyExchange.
        let session_hash = talk.transcript.digest().ok_or_else(unhashed)?;
        let master = private.master_secret(chosen.suite, &public_key, &session_hash)?;
        if let (Some(identity), Some(request)) = (identity, request) {
            let signed = talk.transcript.messages().ok_or_else(unhashed)?;
            let (scheme, signature) = identity.sign(request.schemes, signed)?;
            talk.say(MessageKind::CertificateVerify, |out| {
                CertificateVerify {
                    scheme: scheme.id(),
                    signature: &signature,
                }
                .push(out);
            });
        }
        talk.transcript.forget_messages();
        talk.common.log_secret(&self.random, &master);
        let digest = talk.transcript.digest().ok_or_else(unhashed)?;
        talk.say_finished(&master.finished(Side::Client, &digest));

        let keys = master.record_keys(&self.random, &chosen.server_random);
        let mut sealer = Sealer::new(keys.client, 1);
        talk.send(now, Some(&mut sealer), out);
        self.state = State::AwaitChangeCipherSpec(Box::new(Secrets {
            master,
            opener: Opener::new(keys.server, 1),
            sealer,
            peer,
        }));
        Ok(())
    }

    fn take_finished(
        &mut self,
        talk: &Conversation,
        message: &Message,
    ) -> Result<Outcome, Trouble> {
        let State::AwaitFinished(secrets) = &self.state else {
            return Ok(Outcome::Onward);
        };
        let digest = talk.transcript.digest().ok_or_else(unhashed)?;
        let expected = secrets.master.finished(Side::Server, &digest);
        let finished = Finished::parse(&message.body)
            .map_err(HandshakeError::malformed(MessageKind::Finished))
            .map_err(Trouble::Final)?;
        if !constant_time_equal(&expected, &finished.verify_data) {
            return Err(Trouble::Final(HandshakeError::WrongFinished));
        }
        let State::AwaitFinished(secrets) = std::mem::replace(&mut self.state, State::Over) else {
            return Ok(Outcome::Onward);
        };
        let Secrets {
            master,
            opener,
            sealer,
            peer,
        } = *secrets;
        Ok(Outcome::Complete(Box::new(Complete {
            association: Association::new(opener, sealer, master.suite(), None),
            peer: Some(peer),
        })))
    }
}
