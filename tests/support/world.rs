//! A server and its clients on one network, in lockstep.

use drumfire::address::NetworkEndpoint;
use drumfire::id::{NetworkConnection, NetworkPipeline, StageId};
use drumfire::settings::NetworkSettingsBuilder;

use super::{FRAME, Net, Node, SERVER, settings};

/// A server and its clients.
///
/// In one tick the clients update in order, then the server: what a client sends is in the server's
/// update of the same tick, the answer in the client's next.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) net: Net,
    pub(crate) server: Node,
    pub(crate) clients: Vec<Node>,
    pub(crate) ticks: u64,
}

impl World {
    /// A server that listens, and `clients` that do nothing yet.
    pub(crate) fn new(clients: usize) -> Self {
        Self::with(clients, settings(), settings())
    }

    /// The same, with settings.
    pub(crate) fn with(
        clients: usize,
        server: NetworkSettingsBuilder,
        client: NetworkSettingsBuilder,
    ) -> Self {
        Self::on(Net::calm(), clients, server, client)
    }

    /// The same, on a network of the caller's.
    pub(crate) fn on(
        net: Net,
        clients: usize,
        server: NetworkSettingsBuilder,
        client: NetworkSettingsBuilder,
    ) -> Self {
        let mut server = Node::new(server, 1, net.interface());
        server.listen_on(SERVER);
        let clients = (2..)
            .take(clients)
            .map(|seed| Node::new(client.clone(), seed, net.interface()))
            .collect();
        Self {
            net,
            server,
            clients,
            ticks: 0,
        }
    }

    /// Creates a pipeline on both sides. Before anybody connects.
    pub(crate) fn create_pipeline(&mut self, stages: &[StageId]) -> NetworkPipeline {
        let created = self.server.driver.create_pipeline(stages).unwrap();
        for client in &mut self.clients {
            assert_eq!(client.driver.create_pipeline(stages), Ok(created));
        }
        created
    }

    /// One update of everybody.
    pub(crate) fn tick(&mut self) {
        self.net.advance(FRAME);
        for client in &mut self.clients {
            client.update();
        }
        self.server.update();
        self.ticks += 1;
    }

    /// Several.
    pub(crate) fn run(&mut self, ticks: usize) {
        for _ in 0..ticks {
            self.tick();
        }
    }

    /// Ticks until `done`; how often.
    ///
    /// # Panics
    /// If it takes more than `most`.
    pub(crate) fn drive_until(
        &mut self,
        most: usize,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> usize {
        for ticks in 0..=most {
            if done(self) {
                return ticks;
            }
            self.tick();
        }
        panic!("not there after {most} ticks");
    }

    /// Starts a connection of client `index` to the server.
    pub(crate) fn start(&mut self, index: usize) -> NetworkConnection {
        self.clients[index].driver.connect(SERVER).unwrap()
    }

    /// Connects client `index`: the handles of both sides. Its Connect event has been read.
    pub(crate) fn connect(&mut self, index: usize) -> (NetworkConnection, NetworkConnection) {
        let ours = self.start(index);
        let mut theirs = None;
        let mut up = false;
        self.drive_until(200, |world| {
            theirs = theirs.or_else(|| world.server.driver.accept());
            up |= !world.clients[index].events_of(ours).is_empty();
            up && theirs.is_some()
        });
        (ours, theirs.unwrap())
    }

    /// Connects a client and lets its address be proved, so that no budget is left to watch.
    pub(crate) fn connect_proved(
        &mut self,
        index: usize,
    ) -> (NetworkConnection, NetworkConnection) {
        let (ours, theirs) = self.connect(index);
        self.clients[index].send(ours, b"hello").unwrap();
        self.run(4);
        assert_eq!(
            self.server.events_of(theirs),
            [super::Event::data(b"hello")]
        );
        (ours, theirs)
    }

    /// Where client `index` is.
    pub(crate) fn endpoint(&mut self, index: usize) -> NetworkEndpoint {
        self.clients[index].driver.local_endpoint()
    }
}
