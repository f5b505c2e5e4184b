//! The stage: a driver and the peer on a network in memory, and what must come of a case.

use drumfire::counters::DropReason;
use drumfire::settings::{SecureClient, SecureServer};
use drumfire::wire::connection::{Packet, Token};
use drumfire::{DisconnectReason, NetworkConnection, NetworkEndpoint, NetworkSettings};

use crate::case::{At, Case, Expect, Habits, How};
use crate::client::{Client, Endpoint};
use crate::server::Server;
use crate::support::{Event, FRAME, Net, Node, Peer, SERVER, data, request};

/// Updates for anything that needs no timer.
const SOON: usize = 10;

/// Updates that a doubt lasts: the first that is not before two seconds.
const GRACE: usize = 125;

/// The connection's token, where the peer makes it.
const TOKEN: Token = Token(*b"\x07token\x01\x02");

/// A role of the peer, and the driver in the other.
pub(crate) trait Play: Endpoint + Sized {
    /// Updates that a handshake of the driver's may take.
    const TIME: usize;

    /// The driver, ready to play.
    fn driver(net: &Net, habits: &Habits) -> Node;

    /// Has the driver begin, if it is its to begin. Its connection, if so.
    fn begin(stage: &mut Stage<Self>) -> Option<NetworkConnection>;

    /// Makes a connection of the association; its token.
    fn join(stage: &mut Stage<Self>) -> Result<Token, String>;
}

/// A driver and the peer.
pub(crate) struct Stage<P> {
    net: Net,
    node: Node,
    socket: Peer,
    /// Where the driver is.
    driver: NetworkEndpoint,
    peer: P,
    habits: Habits,
    connection: Option<NetworkConnection>,
    events: Vec<Event>,
    token: Token,
    rounds: u8,
}

/// What has been counted and told so far.
#[derive(Clone, Debug, Default, PartialEq)]
struct Counts {
    drops: Vec<DropReason>,
    useless: u64,
    completed: u64,
    alerts: Vec<(u16, u8, u8)>,
    questions: usize,
    changes: usize,
    finished: usize,
}

/// Plays a case.
pub(crate) fn play<P: Play>(case: &Case) -> Result<(), String> {
    let mut stage = Stage::<P>::new(case.habits);
    stage.approach(case.at)?;
    let before = stage.counts();
    match case.expect {
        Expect::Dropped(reason) => {
            let sent = stage.say(case.at, case.how, false);
            stage.is(&before, |now| now.drops.extend(vec![reason; sent]))?;
            stage.finish(case.at)?;
            stage.told_nothing()
        }
        Expect::Asked => {
            let sent = stage.say(case.at, case.how, false);
            stage.is(&before, |now| now.questions += sent)?;
            let under_way = stage.node.driver.statistics().handshakes.under_way;
            ensure(under_way == 0, || {
                format!("{under_way} handshakes under way")
            })?;
            // The new cookie may be that of a wrong hello.
            stage.finish(P::TURNS[0])?;
            stage.told_nothing()
        }
        Expect::Accepted(useless) => {
            stage.say(case.at, case.how, true);
            stage.finish_after(case.at)?;
            stage.told_nothing()?;
            let counted = stage.counts().useless - before.useless;
            ensure(counted == useless, || {
                format!("{counted} useless datagrams")
            })
        }
        Expect::Stuck(useless) => {
            stage.say(case.at, case.how, false);
            stage.is(&before, |now| now.useless += useless)?;
            stage.finish(case.at)?;
            stage.told_nothing()
        }
        Expect::Refused(alert, words) => {
            stage.say(case.at, case.how, true);
            stage.over(&before, alert, words)?;
            stage.begin_anew()
        }
        Expect::Doomed(alert, words) => stage.doubt(case, alert, words),
        Expect::Silent(useless, words) => {
            stage.say(case.at, case.how, true);
            let counted = stage.counts().useless - before.useless;
            ensure(counted == useless, || {
                format!("{counted} useless datagrams")
            })?;
            // It began some updates ago.
            (0..P::TIME - 20).for_each(|_| stage.tick());
            stage.told_nothing()?;
            (0..20).for_each(|_| stage.tick());
            stage.over(&before, None, words)?;
            stage.begin_anew()
        }
        Expect::Doubted(alert, words) => {
            stage.doubt(case, alert, words)?;
            // And once more, with the honest words right behind the wrong ones.
            let mut stage = Stage::<P>::new(case.habits);
            stage.approach(case.at)?;
            stage.say(case.at, case.how, false);
            stage.finish(case.at)?;
            stage.told_nothing()?;
            let alerts = &stage.counts().alerts;
            ensure(alerts.is_empty(), || format!("alerts {alerts:?}"))
        }
        Expect::Repeated => {
            // What was said just now is not said again.
            (0..30).for_each(|_| stage.tick());
            stage.say(case.at, case.how, false);
            stage.is(&before, |now| {
                now.changes += 1;
                now.finished += 1;
            })?;
            stage.finish(case.at)?;
            stage.told_nothing()
        }
        Expect::Opened(delivered, drops) => {
            stage.say(case.at, case.how, false);
            let wrong = Event::data(b"wrong");
            let events = stage.take_events();
            ensure(events == vec![wrong; delivered], || {
                format!("events {events:?}")
            })?;
            stage.is(&before, |now| now.drops.extend(drops))?;
            stage.talk()?;
            stage.told_nothing()
        }
        Expect::Ended(reason) => {
            stage.say(case.at, case.how, false);
            let events = stage.take_events();
            ensure(events == [Event::Disconnect(reason)], || {
                format!("events {events:?}")
            })?;
            stage.is(&before, |_| {})?;
            stage.begin_anew()
        }
    }
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl<P: Play> Stage<P> {
    fn new(habits: Habits) -> Self {
        let net = Net::calm();
        let mut node = P::driver(&net, &habits);
        let (socket, driver) = place::<P>(&net, &mut node);
        let mut stage = Self {
            net,
            node,
            socket,
            driver,
            peer: P::new(habits),
            habits,
            connection: None,
            events: Vec::new(),
            token: TOKEN,
            rounds: 0,
        };
        stage.connection = P::begin(&mut stage);
        stage
    }

    /// One update, and what came of it.
    fn tick(&mut self) {
        self.net.advance(FRAME);
        self.node.update();
        for (from, datagram) in self.socket.receive_from() {
            self.driver = from;
            self.peer.take(&datagram);
        }
        if let Some(connection) = self.connection {
            self.events.extend(self.node.events_of(connection));
        }
    }

    fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Ticks until `done`.
    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) -> Result<(), String> {
        for _ in 0..SOON {
            if done(self) {
                return Ok(());
            }
            self.tick();
        }
        ensure(done(self), || format!("no {what}"))
    }

    /// Says a turn, and hears what comes of it. Returns the datagrams sent.
    fn say(&mut self, at: At, how: How, keep: bool) -> usize {
        let turn = self.peer.turn(at, how, &data(self.token, b"wrong"));
        let datagrams = self.peer.datagrams(&turn);
        if keep {
            self.peer.keep(turn);
        }
        for datagram in &datagrams {
            self.socket.send(self.driver, datagram);
        }
        self.tick();
        self.tick();
        datagrams.len()
    }

    /// Honest turns, up to the one at `at`.
    fn approach(&mut self, at: At) -> Result<(), String> {
        for turn in P::TURNS {
            self.until("answer to an honest turn", |stage| {
                stage.peer.is_ready(turn)
            })?;
            if turn == at {
                return Ok(());
            }
            self.say(turn, How::Habit, true);
        }
        self.until("association", |stage| stage.peer.is_ready(At::Connected))?;
        if at == At::Connected {
            self.join()?;
        }
        Ok(())
    }

    /// The honest turns from `at` on, a connection, and words both ways.
    fn finish(&mut self, at: At) -> Result<(), String> {
        if P::TURNS.contains(&at) {
            self.say(at, How::Habit, true);
        }
        self.finish_after(at)
    }

    /// The honest turns behind the one at `at`, a connection, and words both ways.
    fn finish_after(&mut self, at: At) -> Result<(), String> {
        let place = P::TURNS.iter().position(|turn| *turn == at);
        let from = place.map_or(P::TURNS.len(), |place| place + 1);
        for turn in P::TURNS.into_iter().skip(from) {
            self.until("answer to the turn", |stage| stage.peer.is_ready(turn))?;
            self.say(turn, How::Habit, true);
        }
        self.until("association", |stage| stage.peer.is_ready(At::Connected))?;
        self.join()?;
        self.talk()
    }

    /// The wrong turn, two seconds in which nothing happens, and the end.
    fn doubt(&mut self, case: &Case, alert: Option<u8>, words: &str) -> Result<(), String> {
        let before = self.counts();
        self.say(case.at, case.how, true);
        for _ in 2..GRACE {
            self.tick();
        }
        ensure(self.counts().alerts == before.alerts, || {
            "an early alert".to_owned()
        })?;
        self.told_nothing()?;
        (0..2).for_each(|_| self.tick());
        self.over(&before, alert, words)?;
        self.begin_anew()
    }

    /// Another honest endpoint at the same place is as welcome as the first was.
    fn begin_anew(&mut self) -> Result<(), String> {
        self.peer = P::new(self.habits.reformed());
        self.connection = None;
        self.events.clear();
        self.connection = P::begin(self);
        self.approach(P::TURNS[0])?;
        self.finish(P::TURNS[0])?;
        self.told_nothing()
    }

    fn join(&mut self) -> Result<(), String> {
        self.token = P::join(self)?;
        self.tick();
        let events = self.take_events();
        ensure(
            events.is_empty() || events == [Event::Connect(Vec::new())],
            || format!("events {events:?}"),
        )
    }

    /// A message each way.
    fn talk(&mut self) -> Result<(), String> {
        self.rounds += 1;
        let (up, down) = ([b'u', self.rounds], [b'd', self.rounds]);
        let sealed = self.peer.packet(&data(self.token, &up));
        self.socket.send(self.driver, &sealed);
        let connection = self.connection.ok_or("no connection")?;
        let sent = self.node.send(connection, &down);
        ensure(sent.is_ok(), || format!("{sent:?}"))?;
        (0..2).for_each(|_| self.tick());
        let events = self.take_events();
        ensure(events == [Event::data(&up)], || {
            format!("honest events {events:?}")
        })?;
        let expected = data(self.token, &down);
        let heard = self.peer.heard().packets.contains(&expected);
        ensure(heard, || "the driver's message did not come".to_owned())
    }

    fn counts(&mut self) -> Counts {
        let statistics = self.node.driver.statistics();
        let drops = statistics
            .inward
            .drops
            .iter()
            .flat_map(|(reason, count)| vec![reason; count as usize])
            .collect();
        let handshakes = statistics.handshakes;
        let heard = self.peer.heard();
        Counts {
            drops,
            useless: handshakes.useless,
            completed: handshakes.completed,
            alerts: heard.alerts.clone(),
            questions: heard.questions,
            changes: heard.changes,
            finished: heard.finished,
        }
    }

    /// Since `before` nothing has happened but what `change` says.
    fn is(&mut self, before: &Counts, change: impl FnOnce(&mut Counts)) -> Result<(), String> {
        let mut expected = before.clone();
        change(&mut expected);
        let mut now = self.counts();
        expected.drops.sort();
        now.drops.sort();
        ensure(now == expected, || {
            format!("{now:?} instead of {expected:?}")
        })
    }

    /// The application has heard of no failure.
    fn told_nothing(&mut self) -> Result<(), String> {
        match self.node.driver.pop_handshake_failure() {
            Some(failure) => Err(format!("failed: {}", failure.error)),
            None => Ok(()),
        }
    }

    /// The handshake is over, with this alert on the wire and these words for the application.
    fn over(&mut self, before: &Counts, alert: Option<u8>, words: &str) -> Result<(), String> {
        let failure = self.node.driver.pop_handshake_failure();
        let error = failure.ok_or("no failure")?.error.to_string();
        ensure(error.contains(words), || format!("words: {error}"))?;
        self.told_nothing()?;
        let said: Vec<_> = self.counts().alerts[before.alerts.len()..]
            .iter()
            .map(|(_, level, description)| (*level, *description))
            .collect();
        let expected: Vec<_> = alert.map(|alert| (2, alert)).into_iter().collect();
        ensure(said == expected, || format!("alerts {said:?}"))?;
        if self.connection.is_some() {
            let events = self.take_events();
            let ended = Event::Disconnect(DisconnectReason::AuthenticationFailure);
            ensure(events == [ended], || format!("events {events:?}"))?;
        }
        Ok(())
    }
}

fn place<P: Play>(net: &Net, node: &mut Node) -> (Peer, NetworkEndpoint) {
    let elsewhere = NetworkEndpoint::loopback_ipv4(9_999);
    if P::TURNS[0] == At::Hello {
        node.listen_on(SERVER);
        (net.peer(elsewhere), SERVER)
    } else {
        (net.peer(SERVER), elsewhere)
    }
}

fn settings() -> drumfire::settings::NetworkSettingsBuilder {
    NetworkSettings::builder().fixed_frame_time(FRAME)
}

impl Play for Client {
    /// Ten seconds (R10).
    const TIME: usize = 625;

    fn driver(net: &Net, habits: &Habits) -> Node {
        let server = SecureServer::from_pem(
            include_str!("../../certs/ecdsa-server.pem"),
            include_str!("../../certs/ecdsa-server.key"),
        );
        let server = (habits.server)(server.unwrap());
        Node::new(settings().secure_server(server), 1, net.interface())
    }

    fn begin(_: &mut Stage<Self>) -> Option<NetworkConnection> {
        None
    }

    fn join(stage: &mut Stage<Self>) -> Result<Token, String> {
        let asked = stage.peer.packet(&request(TOKEN, b""));
        stage.socket.send(stage.driver, &asked);
        stage.until("accept", |stage| {
            stage.connection = stage.connection.or_else(|| stage.node.driver.accept());
            let packets = &stage.peer.heard().packets;
            let accepted = packets
                .iter()
                .any(|packet| matches!(Packet::parse(packet), Ok(Packet::Accept { .. })));
            accepted && stage.connection.is_some()
        })?;
        Ok(TOKEN)
    }
}

impl Play for Server {
    /// A minute, as all connection attempts together.
    const TIME: usize = 3_750;

    fn driver(net: &Net, habits: &Habits) -> Node {
        let client = SecureClient::new("server.drumfire.test")
            .ca_pem(include_str!("../../certs/ecdsa-server-ca.pem"))
            .unwrap();
        let client = (habits.client)(client);
        Node::new(settings().secure_client(client), 2, net.interface())
    }

    fn begin(stage: &mut Stage<Self>) -> Option<NetworkConnection> {
        Some(stage.node.driver.connect(SERVER).unwrap())
    }

    fn join(stage: &mut Stage<Self>) -> Result<Token, String> {
        let mut token = None;
        stage.until("request", |stage| {
            token =
                stage
                    .peer
                    .heard()
                    .packets
                    .iter()
                    .find_map(|packet| match Packet::parse(packet) {
                        Ok(Packet::Request { token, .. }) => Some(token),
                        _ => None,
                    });
            token.is_some()
        })?;
        let token = token.ok_or("no request")?;
        let mut accept = Vec::new();
        drumfire::wire::connection::push_accept(&mut accept, token, b"");
        let accept = stage.peer.packet(&accept);
        stage.socket.send(stage.driver, &accept);
        stage.tick();
        Ok(token)
    }
}
