//! The handshake of a guest, in either role, and the errands that take it elsewhere.
//!
//! An errand is the work of one step: it owns what it works on, and can be done on any thread while
//! the hall goes on. What comes of it is given back to the hall, which may have forgotten the guest
//! by then.

use std::sync::Arc;

use crate::counters::DropReason;
use crate::crypto::WallTime;
use crate::secure::Outgoing;
use crate::secure::dtls::{ClientConfig, ClientHandshake, Progress, ServerHandshake, Turn};
use crate::time::Timestamp;

/// A handshake.
#[derive(Debug)]
pub(super) enum Engine {
    /// The peer wants in.
    Server(Box<ServerHandshake>),
    /// We want in.
    Client(Box<Client>),
}

/// Our way to a server.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) config: Arc<ClientConfig>,
    /// None until it is begun.
    pub(super) handshake: Option<ClientHandshake>,
}

/// One step of a handshake, to be done anywhere.
#[derive(Debug)]
pub(crate) struct Errand {
    pub(super) place: usize,
    pub(super) age: u64,
    pub(super) engine: Engine,
    pub(super) step: Step,
    pub(super) now: Timestamp,
    pub(super) date: WallTime,
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Step {
    /// Read what the peer has sent.
    Read(Vec<Vec<u8>>),
    /// Our first flight, or our signature.
    Begin,
}

/// What came of an errand.
#[derive(Debug)]
pub(crate) struct Done {
    pub(super) place: usize,
    pub(super) age: u64,
    /// None if a panic has taken it.
    pub(super) engine: Option<Engine>,
    pub(super) progress: Progress,
    pub(super) out: Outgoing,
    /// Datagrams behind the end of the handshake.
    pub(super) rest: Vec<Vec<u8>>,
    /// Datagrams that led nowhere.
    pub(super) useless: u64,
    /// Operations with the private key.
    pub(super) signatures: u64,
}

impl Errand {
    /// What is given back if doing it panics.
    pub(crate) fn lost(&self) -> Done {
        Done {
            place: self.place,
            age: self.age,
            engine: None,
            progress: Progress::Pending,
            out: Outgoing::default(),
            rest: Vec::new(),
            useless: 0,
            signatures: 0,
        }
    }

    /// Does it.
    pub(crate) fn run(self) -> Done {
        let mut done = self.lost();
        let Self {
            mut engine,
            step,
            now,
            date,
            ..
        } = self;
        match step {
            Step::Begin => {
                done.signatures = u64::from(matches!(engine, Engine::Server(_)));
                done.progress = engine.begin(now, date, &mut done.out);
            }
            Step::Read(datagrams) => {
                let mut datagrams = datagrams.into_iter();
                for mut datagram in datagrams.by_ref() {
                    let turn = engine.handle_datagram(now, &mut datagram, &mut done.out);
                    done.useless += u64::from(turn.received.is_err());
                    done.progress = turn.progress;
                    if !matches!(done.progress, Progress::Pending | Progress::NeedsSignature) {
                        break;
                    }
                }
                done.rest = datagrams.collect();
            }
        }
        done.engine = Some(engine);
        done
    }
}

impl Engine {
    /// The expensive step that is due: our first flight, or our signature.
    fn begin(&mut self, now: Timestamp, date: WallTime, out: &mut Outgoing) -> Progress {
        match self {
            Self::Server(handshake) => handshake.sign(now, out),
            Self::Client(client) => match ClientHandshake::start(&client.config, now, date, out) {
                Ok(handshake) => {
                    client.handshake = Some(handshake);
                    Progress::Pending
                }
                Err(error) => Progress::Failed(Box::new(error)),
            },
        }
    }

    fn handle_datagram(&mut self, now: Timestamp, datagram: &mut [u8], out: &mut Outgoing) -> Turn {
        match self {
            Self::Server(handshake) => handshake.handle_datagram(now, datagram, out),
            Self::Client(client) => match &mut client.handshake {
                Some(handshake) => handshake.handle_datagram(now, datagram, out),
                None => Turn {
                    progress: Progress::Pending,
                    received: Err(DropReason::Unexpected),
                },
            },
        }
    }

    /// Whatever time has brought about.
    pub(super) fn handle_timeout(&mut self, now: Timestamp, out: &mut Outgoing) -> Progress {
        match self {
            Self::Server(handshake) => handshake.handle_timeout(now, out),
            Self::Client(client) => match &mut client.handshake {
                Some(handshake) => handshake.handle_timeout(now, out),
                None => Progress::Pending,
            },
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(super) fn deadline(&self) -> Timestamp {
        match self {
            Self::Server(handshake) => handshake.deadline(),
            Self::Client(client) => client
                .handshake
                .as_ref()
                .map_or(Timestamp::NEVER, ClientHandshake::deadline),
        }
    }
}
