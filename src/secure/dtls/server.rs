//! The server's side of a handshake.
//!
//! ```text
//!   client                                                     server
//!   ClientHello, cookie            ──▶   Greeting: complete? what is common?
//!                                        Signing: the integrator's turn, within 2 s
//!                                  ◀──   ServerHello, Certificate, ServerKeyExchange,
//!                                        (CertificateRequest,) ServerHelloDone
//!   (Certificate,)                 ──▶   AwaitCertificate
//!   ClientKeyExchange,             ──▶   AwaitKeyExchange: both have their secret
//!   (CertificateVerify,)           ──▶   AwaitVerify: the certificate is the client's
//!   ChangeCipherSpec,              ──▶   AwaitChangeCipherSpec
//!   Finished                       ──▶   AwaitFinished: the handshake was not changed
//!                                  ◀──   ChangeCipherSpec, Finished
//! ```
//!
//! The first hello and its question are no part of it: they were answered without a trace
//! ([`hello`](super::hello)). Each state owns what it alone needs; leaving it drops that.
//!
//! Source: RFC 5246 §7.3, RFC 6347 §4.2.4.

use std::sync::Arc;

use crate::crypto::{
    CipherSuite, KeyExchange, MasterSecret, PeerIdentity, Side, SignatureScheme, WallTime,
    constant_time_equal, verify_signature,
};
use crate::random::Random;
use crate::secure::association::{Association, Encore};
use crate::secure::outgoing::Outgoing;
use crate::secure::record_layer::{Opener, Sealer};
use crate::time::Timestamp;
use crate::wire::handshake::{
    Certificate, CertificateRequest, CertificateVerify, ClientHello, ClientKeyExchange, DerList,
    EcdheParameters, Extensions, Finished, MessageKind, RANDOM_LEN, ServerHello, ServerKeyExchange,
    U16List, push_der_list,
};
use crate::wire::record::ProtocolVersion;

use super::choice::{Choice, choose};
use super::config::{ClientAuthentication, ServerConfig};
use super::conversation::Conversation;
use super::error::HandshakeError;
use super::handshake::{Complete, Handshake, Outcome, Progress, Role, Trouble, Turn};
use super::hello::{MAX_HELLO_LEN, VerifiedHello};
use super::reassembly::Message;
use super::signed::{signed_parameters, unhashed};

/// A server's handshake.
pub(crate) type ServerHandshake = Handshake<Server>;

/// The server's role.
#[derive(Debug)]
pub(crate) struct Server {
    config: Arc<ServerConfig>,
    /// For the dates of certificates.
    wall: WallTime,
    client_random: [u8; RANDOM_LEN],
    state: State,
}

#[derive(Debug)]
enum State {
    /// The hello's fragments arrive.
    Greeting {
        until: Timestamp,
    },
    /// What is common is known, and our signature is due.
    Signing {
        choice: Box<Choice>,
        until: Timestamp,
    },
    /// A certificate of the client, if only an empty one.
    AwaitCertificate(Box<Exchange>),
    /// The client's share of the key.
    AwaitKeyExchange(Box<Exchange>, Option<PeerIdentity>),
    /// The proof that the certificate is the client's.
    AwaitVerify(Box<Secrets>, PeerIdentity),
    /// The client's new keys.
    AwaitChangeCipherSpec(Box<Secrets>, Option<PeerIdentity>),
    /// The first thing under them.
    AwaitFinished(Box<Secrets>, Option<PeerIdentity>),
    Over,
}

/// Our half of the key exchange.
#[derive(Debug)]
struct Exchange {
    suite: CipherSuite,
    private: KeyExchange,
    server_random: [u8; RANDOM_LEN],
}

/// What both sides know.
#[derive(Debug)]
struct Secrets {
    master: MasterSecret,
    opener: Opener,
    sealer: Sealer,
}

impl ServerHandshake {
    /// Begins with a hello whose cookie was right.
    ///
    /// `wall` judges the dates of a client's certificate.
    pub(crate) fn start(
        config: &Arc<ServerConfig>,
        hello: &VerifiedHello<'_>,
        now: Timestamp,
        wall: WallTime,
        out: &mut Outgoing,
    ) -> (Self, Turn) {
        let talk = Conversation::new(
            config.common.clone(),
            now,
            hello.message_sequence,
            // RFC 6347 §4.2.1: the record number of the ClientHello is the ServerHello's.
            hello.record_sequence,
        );
        let role = Server {
            config: config.clone(),
            wall,
            client_random: hello.random,
            state: State::Greeting {
                until: now + config.common.timing.signature,
            },
        };
        let mut handshake = Self::new(role, talk);
        let turn = handshake.handle_datagram(now, &mut hello.datagram.to_vec(), out);
        (handshake, turn)
    }

    /// The random of the hello it began with: a hello with another one replaces it.
    #[cfg(test)]
    pub(crate) fn client_random(&self) -> &[u8; RANDOM_LEN] {
        &self.role.client_random
    }

    /// Makes the key share, signs it and sends the flight: the one private-key operation of a
    /// handshake, when [`Progress::NeedsSignature`] asks for it. At any other time it does nothing.
    pub(crate) fn sign(&mut self, now: Timestamp, out: &mut Outgoing) -> Progress {
        let Some(until) = self.role.signature_due() else {
            return self.standing();
        };
        if now >= until {
            let after = self.talk.common.timing.signature;
            return self.fail(HandshakeError::SignatureTooLate { after }, out);
        }
        match self.role.answer(&mut self.talk, now, out) {
            Ok(()) => Progress::Pending,
            Err(error) => self.fail(error, out),
        }
    }
}

impl Role for Server {
    fn handle_message(
        &mut self,
        talk: &mut Conversation,
        now: Timestamp,
        message: &Message,
        out: &mut Outgoing,
    ) -> Result<Outcome, Trouble> {
        match (&self.state, message.kind) {
            // There is nothing to protect yet: a hello of no use ends it at once.
            (State::Greeting { .. }, MessageKind::ClientHello) => {
                self.take_hello(talk, message).map_err(Trouble::Final)?;
            }
            (State::AwaitCertificate(_), MessageKind::Certificate) => {
                self.take_certificate(talk, message)?;
            }
            (State::AwaitKeyExchange(..), MessageKind::ClientKeyExchange) => {
                self.take_key_exchange(talk, message)?;
            }
            (State::AwaitVerify(..), MessageKind::CertificateVerify) => {
                self.take_verify(talk, message)?;
            }
            (State::AwaitFinished(..), MessageKind::Finished) => {
                return self.take_finished(talk, now, message, out);
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
            State::AwaitChangeCipherSpec(secrets, peer) => {
                self.state = State::AwaitFinished(secrets, peer);
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
            State::AwaitFinished(secrets, _) => Some(&mut secrets.opener),
            _ => None,
        }
    }

    /// Our ChangeCipherSpec is the last thing we say.
    fn sealer(&mut self) -> Option<&mut Sealer> {
        None
    }

    fn awaited(&self) -> &'static str {
        match &self.state {
            State::Greeting { .. } => "rest of the ClientHello",
            State::Signing { .. } => "signature",
            State::AwaitCertificate(_) => "Certificate",
            State::AwaitKeyExchange(..) => "ClientKeyExchange",
            State::AwaitVerify(..) => "CertificateVerify",
            State::AwaitChangeCipherSpec(..) => "ChangeCipherSpec",
            State::AwaitFinished(..) => "Finished",
            State::Over => "nothing",
        }
    }

    fn signature_due(&self) -> Option<Timestamp> {
        match &self.state {
            State::Signing { until, .. } => Some(*until),
            _ => None,
        }
    }

    fn end(&mut self) {
        self.state = State::Over;
    }
}

impl Server {
    fn take_hello(
        &mut self,
        talk: &mut Conversation,
        message: &Message,
    ) -> Result<(), HandshakeError> {
        let State::Greeting { until } = self.state else {
            return Ok(());
        };
        let hello = ClientHello::parse(&message.body)
            .map_err(HandshakeError::malformed(MessageKind::ClientHello))?;
        // Only the hello that brought the cookie has proved an address.
        if hello.random != self.client_random || message.body.len() > MAX_HELLO_LEN as usize {
            return Err(HandshakeError::illegal(
                MessageKind::ClientHello,
                "another random than the hello with the cookie",
            ));
        }
        let choice = choose(&hello, &self.config.identity, self.config.suites)?;
        talk.note(message);
        talk.transcript.start(choice.suite);
        if self.config.clients.trust().is_none() {
            talk.transcript.forget_messages();
        }
        let choice = Box::new(choice);
        self.state = State::Signing { choice, until };
        Ok(())
    }

    /// Says everything from ServerHello to ServerHelloDone.
    fn answer(
        &mut self,
        talk: &mut Conversation,
        now: Timestamp,
        out: &mut Outgoing,
    ) -> Result<(), HandshakeError> {
        let State::Signing { choice, .. } = &self.state else {
            return Ok(());
        };
        let mut server_random = [0; RANDOM_LEN];
        Random::System
            .fill(&mut server_random)
            .map_err(|_| HandshakeError::RandomFailed)?;
        let private = KeyExchange::start(choice.group)?;
        let parameters = EcdheParameters {
            group: choice.group.id(),
            public_key: private.public_key(),
        };
        let identity = &self.config.identity;
        let signed = signed_parameters(&self.client_random, &server_random, &parameters);
        let (scheme, signature) = identity.sign(choice.schemes.iter().copied(), &signed)?;

        talk.begin_flight();
        talk.say(MessageKind::ServerHello, |out| {
            ServerHello {
                version: ProtocolVersion::DTLS_1_2,
                random: server_random,
                session_id: &[],
                cipher_suite: choice.suite.id(),
                compression: 0,
                extensions: Extensions {
                    point_formats: choice.point_formats.then_some(&[0]),
                    extended_master_secret: true,
                    renegotiation_info: Some(&[]),
                    ..Extensions::default()
                },
            }
            .push(out);
        });
        talk.say(MessageKind::Certificate, |out| {
            Certificate::push(identity.chain(), out);
        });
        talk.say(MessageKind::ServerKeyExchange, |out| {
            ServerKeyExchange {
                parameters,
                scheme: scheme.id(),
                signature: &signature,
            }
            .push(out);
        });
        let asks = self.say_request(talk);
        talk.say(MessageKind::ServerHelloDone, |_| {});
        talk.send(now, None, out);

        let exchange = Box::new(Exchange {
            suite: choice.suite,
            private,
            server_random,
        });
        self.state = if asks {
            State::AwaitCertificate(exchange)
        } else {
            State::AwaitKeyExchange(exchange, None)
        };
        Ok(())
    }

    /// Asks for a certificate, if there is anyone to believe.
    fn say_request(&self, talk: &mut Conversation) -> bool {
        let Some(clients) = self.config.clients.trust() else {
            return false;
        };
        let schemes = U16List::encode(SignatureScheme::ALL.map(SignatureScheme::id));
        let mut names = Vec::new();
        push_der_list(clients.trust.authority_names(), &mut names);
        talk.say(MessageKind::CertificateRequest, |out| {
            let request = CertificateRequest {
                types: &[CertificateRequest::ECDSA_SIGN, CertificateRequest::RSA_SIGN],
                signature_schemes: U16List::new(&schemes).unwrap_or_default(),
                authorities: DerList::default(),
            };
            request
                .with_authorities(&names)
                .unwrap_or(request)
                .push(out);
        });
        true
    }

    fn take_certificate(
        &mut self,
        talk: &mut Conversation,
        message: &Message,
    ) -> Result<(), Trouble> {
        let certificate = Certificate::parse(&message.body)
            .map_err(HandshakeError::malformed(MessageKind::Certificate))?;
        let chain: Vec<&[u8]> = certificate.chain.iter().collect();
        let peer = match &self.config.clients {
            ClientAuthentication::Required(_) if chain.is_empty() => {
                return Err(HandshakeError::ClientCertificateMissing.into());
            }
            ClientAuthentication::Optional(clients) | ClientAuthentication::Required(clients)
                if !chain.is_empty() =>
            {
                let name = clients.name.as_ref();
                let verified = clients.trust.verify_client(&chain, name, self.wall);
                Some(verified.map_err(HandshakeError::from)?)
            }
            _ => None,
        };
        talk.note(message);
        if peer.is_none() {
            talk.transcript.forget_messages();
        }
        if let State::AwaitCertificate(exchange) = std::mem::replace(&mut self.state, State::Over) {
            self.state = State::AwaitKeyExchange(exchange, peer);
        }
        Ok(())
    }

    fn take_key_exchange(
        &mut self,
        talk: &mut Conversation,
        message: &Message,
    ) -> Result<(), Trouble> {
        let share = ClientKeyExchange::parse(&message.body)
            .map_err(HandshakeError::malformed(MessageKind::ClientKeyExchange))?;
        let State::AwaitKeyExchange(exchange, _) = &self.state else {
            return Ok(());
        };
        if share.public_key.len() != exchange.private.group().share_len() {
            return Err(HandshakeError::illegal(
                MessageKind::ClientKeyExchange,
                "a public key of another group",
            )
            .into());
        }
        let State::AwaitKeyExchange(exchange, peer) =
            std::mem::replace(&mut self.state, State::Over)
        else {
            return Ok(());
        };
        talk.note(message);
        // RFC 7627 §3: all messages up to and including ClientKeyExchange.
        let session_hash = talk.transcript.digest().ok_or_else(unhashed)?;
        let Exchange {
            suite,
            private,
            server_random,
        } = *exchange;
        let master = private.master_secret(suite, share.public_key, &session_hash)?;
        talk.common.log_secret(&self.client_random, &master);
        let keys = master.record_keys(&self.client_random, &server_random);
        let secrets = Box::new(Secrets {
            master,
            opener: Opener::new(keys.client, 1),
            sealer: Sealer::new(keys.server, 1),
        });
        self.state = match peer {
            Some(peer) => State::AwaitVerify(secrets, peer),
            None => State::AwaitChangeCipherSpec(secrets, None),
        };
        Ok(())
    }

    fn take_verify(&mut self, talk: &mut Conversation, message: &Message) -> Result<(), Trouble> {
        let State::AwaitVerify(_, peer) = &self.state else {
            return Ok(());
        };
        let verify = CertificateVerify::parse(&message.body)
            .map_err(HandshakeError::malformed(MessageKind::CertificateVerify))?;
        let scheme = SignatureScheme::from_id(verify.scheme).ok_or_else(|| {
            HandshakeError::illegal(
                MessageKind::CertificateVerify,
                "a signature scheme that was not offered",
            )
        })?;
        // RFC 5246 §7.4.8: all messages sent or received so far, this one excluded.
        let signed = talk.transcript.messages().ok_or_else(unhashed)?;
        verify_signature(peer.certificate(), scheme, signed, verify.signature)
            .map_err(HandshakeError::from)?;
        talk.note(message);
        talk.transcript.forget_messages();
        if let State::AwaitVerify(secrets, peer) = std::mem::replace(&mut self.state, State::Over) {
            self.state = State::AwaitChangeCipherSpec(secrets, Some(peer));
        }
        Ok(())
    }

    fn take_finished(
        &mut self,
        talk: &mut Conversation,
        now: Timestamp,
        message: &Message,
        out: &mut Outgoing,
    ) -> Result<Outcome, Trouble> {
        let State::AwaitFinished(secrets, _) = &self.state else {
            return Ok(Outcome::Onward);
        };
        let digest = talk.transcript.digest().ok_or_else(unhashed)?;
        let expected = secrets.master.finished(Side::Client, &digest);
        let finished = Finished::parse(&message.body)
            .map_err(HandshakeError::malformed(MessageKind::Finished))
            .map_err(Trouble::Final)?;
        if !constant_time_equal(&expected, &finished.verify_data) {
            return Err(Trouble::Final(HandshakeError::WrongFinished));
        }
        talk.note(message);
        let digest = talk.transcript.digest().ok_or_else(unhashed)?;
        let State::AwaitFinished(secrets, peer) = std::mem::replace(&mut self.state, State::Over)
        else {
            return Ok(Outcome::Onward);
        };
        let Secrets {
            master,
            opener,
            mut sealer,
        } = *secrets;
        talk.begin_flight();
        let finished = talk.say_finished(&master.finished(Side::Server, &digest));
        talk.send(now, Some(&mut sealer), out);
        let encore = Encore {
            finished,
            plain_sequence: talk.plain_next(),
            sent_at: now,
        };
        let suite = master.suite();
        Ok(Outcome::Complete(Box::new(Complete {
            association: Association::new(opener, sealer, suite, Some(Box::new(encore))),
            peer,
        })))
    }
}
