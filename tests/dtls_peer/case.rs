//! A case: who is wrong, when, how, and all that may come of it.

use drumfire::DisconnectReason;
use drumfire::counters::DropReason;
use drumfire::settings::{SecureClient, SecureServer};

use crate::identity::Identity;
use crate::keys::{P256, Suite};
use crate::messages::{ClientHello, Share};
use crate::wire::Record;

/// The turn that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum At {
    /// A client's first hello.
    Hello,
    /// A client's hello with the cookie.
    Cookie,
    /// A server's HelloVerifyRequest.
    Question,
    /// Certificate to Finished of a client; ServerHello to ServerHelloDone of a server.
    Flight,
    /// A server's ChangeCipherSpec and Finished.
    Last,
    /// After a client's Finished was answered, before it asks for a connection.
    Associated,
    /// On a connection: one message of the application, which says `wrong`.
    Connected,
}

/// What is wrong with it.
#[derive(Clone, Copy)]
pub(crate) enum How {
    /// The body of this message, before it enters the peer's transcript.
    Body(u8, fn(&mut Vec<u8>)),
    /// The same, and nothing is said behind it: what the keys protect is the peer's own word.
    Alone(u8, fn(&mut Vec<u8>)),
    /// The records that are sent.
    Records(fn(&mut Vec<Record>)),
    /// Nothing: it is in the [`Peer`]'s habits.
    Habit,
}

impl How {
    /// The body that is said in the place of an honest one.
    pub(crate) fn body(self, kind: u8, mut honest: Vec<u8>) -> Vec<u8> {
        if let Self::Body(wrong, edit) | Self::Alone(wrong, edit) = self
            && wrong == kind
        {
            edit(&mut honest);
        }
        honest
    }

    /// The records that are sent in the place of those made.
    pub(crate) fn arrange(self, records: &mut Vec<Record>) {
        match self {
            Self::Records(edit) => edit(records),
            Self::Alone(last, _) => {
                let at = records.iter().rposition(|record| record.content[0] == last);
                records.truncate(at.map_or(0, |at| at + 1));
            }
            Self::Body(..) | Self::Habit => {}
        }
    }
}

/// What must come of it, to the last count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Expect {
    /// A stranger's datagram is dropped for this reason, in silence.
    Dropped(DropReason),
    /// It is answered with a question, and forgotten.
    Asked,
    /// The handshake goes on with it, though this many of its datagrams are of no use.
    Accepted(u64),
    /// The handshake stands where it stood; this many datagrams are of no use.
    Stuck(u64),
    /// The handshake is over at once, with these words, and with this alert where one is said.
    Refused(Option<u8>, &'static str),
    /// The handshake is over with these words if two seconds bring nothing better, and goes on if they
    /// do. The alert, if there is one, is sent then.
    Doubted(Option<u8>, &'static str),
    /// The same where honest words come too late: what was wrong has been taken for the peer's.
    Doomed(Option<u8>, &'static str),
    /// So many datagrams are of no use, and when its time is up (ten seconds of a server, a minute of
    /// a client) the handshake is over with these words and without an alert.
    Silent(u64, &'static str),
    /// ChangeCipherSpec and Finished are said again.
    Repeated,
    /// So many of the turn's messages reach the application; the rest is dropped for these reasons.
    Opened(usize, &'static [DropReason]),
    /// The connection is over.
    Ended(DisconnectReason),
}

/// How the peer is set up.
#[derive(Clone, Copy)]
pub(crate) struct Habits {
    pub(crate) suite: Suite,
    pub(crate) group: u16,
    /// Whom a server is; as whom a client shows itself if it is asked.
    pub(crate) identity: Option<Identity>,
    /// Whether a server asks for a certificate.
    pub(crate) asks: bool,
    /// Changes to both of a client's hellos.
    pub(crate) hello: fn(&mut ClientHello),
    /// Changes to a server's share, before it is signed.
    pub(crate) share: fn(&mut Share),
    /// Bytes of a server's cookie.
    pub(crate) cookie: usize,
    /// What a signature is made over, given what it should be made over.
    pub(crate) sign_over: fn(&mut Vec<u8>),
    /// The scheme a server or client signs with; none fits its key.
    pub(crate) scheme: Option<u16>,
    /// Whether the master secret is made without the transcript.
    pub(crate) plain_master: bool,
    /// Changes to the driver's settings.
    pub(crate) server: fn(SecureServer) -> SecureServer,
    pub(crate) client: fn(SecureClient) -> SecureClient,
}

impl Habits {
    /// An honest peer with AES-256-GCM over P-256.
    pub(crate) const HONEST: Self = Self {
        suite: Suite::EcdsaGcm,
        group: P256,
        identity: None,
        asks: false,
        hello: |_| {},
        share: |_| {},
        cookie: 20,
        sign_over: |_| {},
        scheme: None,
        plain_master: false,
        server: |server| server,
        client: |client| client,
    };

    /// The same peer without its bad habits.
    pub(crate) fn reformed(self) -> Self {
        Self {
            suite: self.suite,
            group: self.group,
            identity: self.identity,
            asks: self.asks,
            server: self.server,
            client: self.client,
            ..Self::HONEST
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) at: At,
    pub(crate) how: How,
    pub(crate) expect: Expect,
    pub(crate) habits: Habits,
}

/// A case of an honest peer but for `how`.
pub(crate) const fn case(name: &'static str, at: At, how: How, expect: Expect) -> Case {
    Case {
        name,
        at,
        how,
        expect,
        habits: Habits::HONEST,
    }
}

impl Case {
    /// The same of a peer with other habits.
    pub(crate) const fn with(mut self, habits: Habits) -> Self {
        self.habits = habits;
        self
    }
}
