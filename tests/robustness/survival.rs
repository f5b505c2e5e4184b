//! R1, R2, R6, R19, R40: whatever arrives, the driver lives, stays quiet and counts.

use drumfire::address::NetworkEndpoint;
use drumfire::counters::DropReason;
use drumfire::settings::{NetworkSettingsBuilder, PathMtuDiscovery};
use drumfire::wire::connection::Token;
use drumfire::{ConnectionState, NetworkConnection};

use crate::support::{
    Dice, Event, Net, Node, Peer, SERVER, World, data, disconnect, heartbeat, kind_of, request,
    settings,
};

const TOKEN: Token = Token([0x5A; 8]);

/// Every type of message, with `token`.
fn every_message(token: Token) -> Vec<Vec<u8>> {
    let message = |kind: u8, body: &[u8]| [&[kind], token.0.as_slice(), body].concat();
    let mut all = vec![
        request(token, &[]),
        request(token, b"payload"),
        [b"UTP\x01\x02", token.0.as_slice()].concat(),
        data(token, b"message"),
        heartbeat(token),
        message(4, &[0xE8, 3]),
        message(4, &[0, 0]),
        message(5, &[2, 0, 0x78, 5]),
        message(1, &[]),
        message(4, &[1]),
        message(5, &[2, 0]),
        disconnect(token),
    ];
    all.extend((6..=12).map(|kind| message(kind, b"unknown")));
    all
}

/// A state a driver can be in, with the peer that brought it there.
struct Stage {
    node: Node,
    peer: Peer,
    /// Where the driver receives.
    target: NetworkEndpoint,
    token: Token,
    /// The connection and its state.
    connection: Option<(NetworkConnection, ConnectionState)>,
}

impl Stage {
    fn server(settings: NetworkSettingsBuilder) -> Self {
        let net = Net::calm();
        let mut node = Node::new(settings, 1, net.interface());
        node.listen_on(SERVER);
        Self {
            node,
            peer: net.peer(SERVER.with_port(1)),
            target: SERVER,
            token: TOKEN,
            connection: None,
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        self.peer.send(self.target, bytes);
        self.node.update();
    }

    fn admitted(settings: NetworkSettingsBuilder) -> Self {
        let mut stage = Self::server(settings);
        stage.say(&request(TOKEN, &[]));
        let connection = stage.node.driver.accept();
        stage.connection = connection.map(|connection| (connection, ConnectionState::Connected));
        stage
    }

    fn proved() -> Self {
        let mut stage = Self::admitted(settings());
        stage.say(&heartbeat(TOKEN));
        stage.peer.answer_checks(SERVER, &stage.peer.receive());
        stage.node.update();
        stage
    }

    fn closing() -> Self {
        let mut stage = Self::proved();
        let (connection, _) = stage.connection.unwrap();
        stage.node.driver.disconnect(connection);
        stage.node.update();
        stage.connection = Some((connection, ConnectionState::Disconnected));
        stage
    }

    fn closed() -> Self {
        let mut stage = Self::closing();
        for _ in 0..10 {
            stage.node.update();
        }
        stage
    }

    fn client(settings: NetworkSettingsBuilder) -> Self {
        let net = Net::calm();
        let mut node = Node::new(settings, 1, net.interface());
        let peer = net.peer(SERVER);
        let connection = node.driver.connect(SERVER).unwrap();
        node.update();
        let target = SERVER.with_port(node.driver.local_endpoint().port());
        let asked = peer.receive();
        let token = drumfire::wire::connection::peek_token(&asked[0]).unwrap().1;
        Self {
            node,
            peer,
            target,
            token,
            connection: Some((connection, ConnectionState::Connecting)),
        }
    }

    fn connected(settings: NetworkSettingsBuilder, state: ConnectionState) -> Self {
        let mut stage = Self::client(settings);
        let token = stage.token;
        stage.say(&[b"UTP\x01\x02", token.0.as_slice()].concat());
        stage.connection = stage.connection.map(|(connection, _)| (connection, state));
        stage
    }
}

/// What a datagram of a certain length is filled with.
const FILLINGS: [&str; 4] = ["zeros", "ones", "random", "mutated"];

fn filled(filling: &str, len: usize, token: Token, dice: &mut Dice) -> Vec<u8> {
    match filling {
        "zeros" => vec![0; len],
        "ones" => vec![0xFF; len],
        "random" => (0..len).map(|_| dice.byte()).collect(),
        _ => {
            // A message of the connection, cut or continued, with a byte or two changed; never a
            // whole close, which would end the state under test.
            let messages = every_message(token);
            let mut bytes = messages[dice.below(messages.len())].clone();
            bytes.resize_with(len, || dice.byte());
            for _ in 0..=dice.below(2) {
                if let Some(at) = (len > 0).then(|| dice.below(len)) {
                    bytes[at] = dice.byte();
                }
            }
            if kind_of(&bytes) == "disconnect" {
                bytes[0] = 0;
            }
            bytes
        }
    }
}

/// A state's name, and how to get there.
type State = (&'static str, fn() -> Stage);

#[test]
fn r01_every_length_every_state() {
    let discovering = || settings().path_mtu_discovery(PathMtuDiscovery::On);
    let states: [State; 10] = [
        ("a server nobody talks to", || Stage::server(settings())),
        ("a server whose client has not spoken", || {
            Stage::admitted(settings())
        }),
        ("a server that probes the path", || {
            Stage::admitted(settings().path_mtu_discovery(PathMtuDiscovery::On))
        }),
        ("a server whose client is proved", Stage::proved),
        ("a server that closes", Stage::closing),
        ("a server that has closed", Stage::closed),
        ("a client that asks", || Stage::client(settings())),
        ("a client that is connected", || {
            Stage::connected(settings(), ConnectionState::Connected)
        }),
        ("a driver that is bound and does not listen", || {
            let net = Net::calm();
            let mut node = Node::new(settings(), 1, net.interface());
            node.driver.bind(SERVER).unwrap();
            Stage {
                node,
                peer: net.peer(SERVER.with_port(1)),
                target: SERVER,
                token: TOKEN,
                connection: None,
            }
        }),
        ("a driver of large packets", || {
            Stage::admitted(settings().max_message_size(1_472))
        }),
    ];
    let mut dice = Dice::new(1);
    for (name, state) in states {
        for filling in FILLINGS {
            // What is valid among the mutated changes the state: begin anew often.
            for lengths in (0..=2_048).chain([65_507]).collect::<Vec<_>>().chunks(256) {
                let mut stage = state();
                for len in lengths {
                    let bytes = filled(filling, *len, stage.token, &mut dice);
                    stage.peer.send(stage.target, &bytes);
                    if len % 16 == 0 {
                        stage.node.update();
                        stage.node.accept_all();
                        stage.node.events();
                    }
                }
                stage.node.update();
                if filling != "mutated"
                    && let Some((connection, expected)) = stage.connection
                {
                    assert_eq!(
                        stage.node.driver.connection_state(connection),
                        expected,
                        "{name}, {filling}"
                    );
                }
            }
        }
    }
    // A client that probes becomes connected on an answer, and by itself in time.
    for filling in FILLINGS {
        let mut stage = Stage::connected(discovering(), ConnectionState::Connecting);
        for len in 0..=2_048 {
            let bytes = filled(filling, len, stage.token, &mut dice);
            stage.peer.send(stage.target, &bytes);
            if len % 128 == 0 {
                stage.node.update();
                stage.node.events();
            }
        }
    }
}

#[test]
fn r02_fair_share() {
    let mut world = World::new(0);
    let peers: Vec<_> = (1..=100)
        .map(|port| world.net.peer(SERVER.with_port(port)))
        .collect();
    let token = |index: usize| Token(u64::try_from(index + 1).unwrap().to_le_bytes());
    for (index, peer) in peers.iter().enumerate() {
        peer.send(SERVER, &request(token(index), &[]));
    }
    world.tick();
    let accepted = world.server.accept_all();
    assert_eq!(accepted.len(), 100);
    // In the order of their addresses, which is that of their ports.
    let loud = accepted[0];
    let budget = world
        .server
        .driver
        .current_settings()
        .budgets()
        .rx_budget_per_conn;
    for round in 0..20_u8 {
        for _ in 0..20 * budget {
            peers[0].send(SERVER, &data(token(0), b"loud"));
        }
        for (index, peer) in peers.iter().enumerate().skip(1) {
            peer.send(SERVER, &data(token(index), &[round]));
        }
        world.tick();
        let events = world.server.events();
        let of = |connection| events.iter().filter(move |(whose, _)| *whose == connection);
        assert_eq!(of(loud).count(), budget);
        for quiet in &accepted[1..] {
            assert_eq!(
                of(*quiet)
                    .map(|(_, event)| event.clone())
                    .collect::<Vec<_>>(),
                [Event::data(&[round])]
            );
        }
    }
    let dropped = world
        .server
        .driver
        .statistics()
        .inward
        .drops
        .get(DropReason::ConnectionBudget);
    assert_eq!(dropped, 20 * 19 * u64::try_from(budget).unwrap());
}

#[test]
fn r02_what_an_update_has_no_budget_for_waits_in_the_interface() {
    let mut world = World::with(0, settings().rx_budget(128), settings());
    let peer = world.net.peer(SERVER.with_port(1));
    for _ in 0..1_000 {
        peer.send(SERVER, &data(TOKEN, b"junk"));
    }
    world.tick();
    let statistics = world.server.driver.statistics();
    assert!(
        statistics.inward.entered < 300,
        "{}",
        statistics.inward.entered
    );
    assert_eq!(statistics.receive_deferred, 1);
    world.run(10);
    assert_eq!(world.server.driver.statistics().inward.entered, 1_000);
}

#[test]
fn r02_junk_is_cheap() {
    // The cause: junk takes no slot, no record and no answer, and nobody's place.
    let mut world = World::new(1);
    let pairs: Vec<_> = (0..100).map(|_| world.connect(0)).collect();
    for (ours, _) in &pairs {
        world.clients[0].send(*ours, b"hello").unwrap();
    }
    world.run(4);
    world.server.events();
    let tap = world.net.tap();
    let mut dice = Dice::new(2);
    // 50,000 a second, for ten seconds.
    let ticks = 10_000 / 16;
    for _ in 0..ticks {
        tap.take();
        for _ in 0..800 {
            let from = dice.address();
            world.net.inject(from, SERVER, &data(dice.token(), b"junk"));
        }
        for (ours, _) in &pairs {
            world.clients[0].send(*ours, b"live").unwrap();
        }
        world.tick();
        assert_eq!(world.server.events().len(), 100);
        let client = world.endpoint(0);
        let answers = tap
            .take()
            .into_iter()
            .filter(|sent| sent.from == SERVER && sent.to.port() != client.port());
        assert_eq!(answers.count(), 0);
    }
    let statistics = world.server.driver.statistics();
    assert_eq!(statistics.connections, 100);
    assert_eq!(statistics.endpoint.half_open_high_water, 0);
    assert_eq!(
        statistics.inward.drops.get(DropReason::UnknownToken),
        ticks * 800
    );
}

/// Two servers, and a relay that lets each think the other is a client.
fn back_to_back(inputs: impl Iterator<Item = Vec<u8>>, hard: bool) {
    let settings = if hard {
        settings().half_open_max(2).max_connections(4)
    } else {
        settings()
    };
    let net = Net::calm();
    let places = [SERVER, SERVER.with_port(7_778)];
    let mut servers = [1, 2].map(|seed| Node::new(settings.clone(), seed, net.interface()));
    for (server, place) in servers.iter_mut().zip(places) {
        server.listen_on(place);
    }
    for input in inputs {
        net.inject(places[1], places[0], &input);
        net.inject(places[0], places[1], &input);
    }
    let tap = net.tap();
    for exchange in 0..8 {
        let sent = tap.take();
        assert!(
            exchange <= 4 || sent.is_empty(),
            "still talking: {:?}",
            kind_of(&sent[0].bytes)
        );
        for server in &mut servers {
            server.update();
        }
    }
}

#[test]
fn r06_no_loop() {
    let mut dice = Dice::new(3);
    for hard in [false, true] {
        back_to_back(every_message(TOKEN).into_iter(), hard);
        for message in every_message(TOKEN) {
            back_to_back(
                [request(TOKEN, &[]), message.clone(), message].into_iter(),
                hard,
            );
        }
        // A million inputs in all, to both servers.
        for _ in 0..250 {
            let fuzz = (0..2_000).map(|_| {
                let (len, token) = (dice.below(40), dice.token());
                filled("mutated", len, token, &mut dice)
            });
            back_to_back(fuzz.collect::<Vec<_>>().into_iter(), hard);
        }
    }
}

#[test]
fn r06_what_comes_from_nowhere_or_from_ourselves_is_dropped() {
    let mut world = World::new(0);
    let sources = [
        "127.0.0.1:0",
        "224.0.0.1:5",
        "255.255.255.255:5",
        "0.0.0.0:5",
        "127.0.0.1:7777",
    ];
    for from in sources {
        world
            .net
            .inject(from.parse().unwrap(), SERVER, &request(TOKEN, &[]));
    }
    let tap = world.net.tap();
    world.run(2);
    assert_eq!(tap.take(), []);
    let statistics = world.server.driver.statistics();
    assert_eq!(statistics.inward.drops.get(DropReason::BadSource), 5);
    assert_eq!(statistics.connections, 0);
}

#[test]
fn r19_silence() {
    let mut world = World::new(0);
    let tap = world.net.tap();
    let mut dice = Dice::new(4);
    for _ in 0..500 {
        for _ in 0..160 {
            let (from, token) = (dice.address(), dice.token());
            for message in every_message(token) {
                if kind_of(&message) != "request" {
                    world.net.inject(from, SERVER, &message);
                }
            }
        }
        tap.take();
        world.tick();
        assert_eq!(tap.take(), []);
    }
    let statistics = world.server.driver.statistics();
    assert!(statistics.inward.entered > 1_000_000);
    assert_eq!(statistics.sent.entered, 0);
    assert_eq!(statistics.inward.drops.total(), statistics.inward.entered);
}

#[test]
fn r40_conservation() {
    // `Node` checks it after every update of every test. Here every reason a peer can cause at once.
    let mut world = World::with(1, settings().max_message_size(600), settings());
    let (ours, theirs) = world.connect_proved(0);
    let token = world.net.tap();
    world.clients[0].send(ours, b"x").unwrap();
    world.tick();
    let live = drumfire::wire::connection::peek_token(&token.take()[0].bytes)
        .unwrap()
        .1;
    let mut dice = Dice::new(5);
    for round in 0..200 {
        for _ in 0..50 {
            let (from, len, token) = (dice.address(), dice.below(700), dice.token());
            for filling in FILLINGS {
                world
                    .net
                    .inject(from, SERVER, &filled(filling, len, token, &mut dice));
                world
                    .net
                    .inject(from, SERVER, &filled(filling, len, live, &mut dice));
            }
        }
        if round % 3 == 0 {
            world.server.accept_all();
        }
        world.tick();
    }
    world.server.events();
    assert_eq!(
        world.server.driver.connection_state(theirs),
        ConnectionState::Connected
    );
    let statistics = world.server.driver.statistics();
    assert!(
        statistics.inward.drops.iter().count() >= 5,
        "{:?}",
        statistics.inward.drops
    );
    assert!(world.net.tally().conserves());
}
