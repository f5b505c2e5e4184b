//! The driver: the public face.
//!
//! A driver has a front, which is the user's, and a back, which is the jobs'. Scheduling an update
//! moves the back into the job; completing it brings it home and flips the inboxes. Everything a game
//! loop does in between (pop, send, accept, disconnect) works on the front and never waits.
//!
//! This floor reads the clock, and speaks Unity Transport's words.

mod bandwidth;
mod clock;
mod closing;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod company;
mod concurrent;
mod connect;
mod event;
mod handle;
#[cfg(doctest)]
mod misuse;
mod office;
mod pipelines;
mod port;
mod send;
mod shape;
mod statistics;
mod update;

use std::collections::VecDeque;
use std::sync::Arc;

pub use bandwidth::Bandwidth;
pub use concurrent::Concurrent;
use concurrent::PortCost;
pub use event::NetworkEvent;
pub use handle::JobHandle;
pub use port::{ConnectionPort, Events, Sender};
pub use send::SendGuard;
pub use statistics::{ConnectionStatistics, DriverStatistics};

pub use crate::endpoint::EndpointStatistics;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub use crate::endpoint::hall::HandshakeStatistics;
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub use crate::job::HandshakeFailure;
pub use crate::job::{PoolError, StageTimes};

use crate::address::NetworkEndpoint;
use crate::buffer::desk::ConnectionState;
use crate::error::{BindError, ListenError, SendError, WaitOutcome};
use crate::id::{NetworkConnection, NetworkPipeline};
use crate::interface::{NetworkInterface, UdpInterface};
use crate::job::{Back, Crew, Pool, Threshold};
use crate::pipeline::PipelineStage;
use crate::settings::NetworkSettings;
use crate::time::Timestamp;
use clock::Clock;
use connect::Lookup;
use office::Office;

/// Sends and receives messages over many connections, in batched jobs.
///
/// ```
/// use drumfire::{NetworkDriver, NetworkSettings};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut driver = NetworkDriver::new(NetworkSettings::builder().plain().build()?)?;
/// driver.bind("127.0.0.1:0".parse()?)?;
/// driver.listen()?;
/// driver.schedule_update().complete();
/// assert!(driver.accept().is_none());
/// # Ok(())
/// # }
/// ```
///
/// What must not happen does not compile: a second update beside one in flight, an event kept across
/// an update, a message ended twice. `driver/misuse.rs` has a test of each.
///
/// Source: Unity Transport `NetworkDriver`.
#[derive(Debug)]
pub struct NetworkDriver {
    settings: NetworkSettings,
    front: Office,
    /// The back, unless an update in flight has it.
    home: Option<Box<Back>>,
    /// The hand-over to the pool.
    crew: Arc<Crew>,
    /// Whether the update that is home has not been flipped yet.
    unread: bool,
    /// Workers woken for the update in flight.
    woken: usize,
    pool: Pool,
    threshold: Threshold,
    clock: Clock,
    statistics: DriverStatistics,
    /// Closed slots whose events may be unread.
    closing: VecDeque<u32>,
    /// Identities of peers, and connections that were not made.
    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    company: company::Company,
    /// Host names being resolved.
    lookups: Vec<Lookup>,
    port_cost: PortCost,
    /// The user's own stages, in the order they were registered.
    stages: Vec<Arc<dyn PipelineStage>>,
    /// The shard that was trimmed last, and when the next is due.
    trimmed: usize,
    next_trim: Timestamp,
    bound: bool,
    listening: bool,
}

/// The driver could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// The worker threads could not be started.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

impl NetworkDriver {
    /// A driver over UDP.
    ///
    /// # Errors
    /// If its own worker threads could not be started.
    pub fn new(settings: NetworkSettings) -> Result<Self, DriverError> {
        let interface = UdpInterface::new(connect::udp_options(&settings));
        Self::with_interface(settings, interface)
    }

    /// A driver over an interface of the caller's choice.
    ///
    /// # Errors
    /// If its own worker threads could not be started.
    pub fn with_interface(
        settings: NetworkSettings,
        interface: impl NetworkInterface,
    ) -> Result<Self, DriverError> {
        let pool = Pool::new(settings.workers().workers)?;
        Ok(Self::build(settings, Box::new(interface), pool))
    }

    /// The same, with jobs on a pool that the caller shares with others.
    pub fn with_pool(
        settings: NetworkSettings,
        interface: impl NetworkInterface,
        pool: Arc<crate::ThreadPool>,
    ) -> Self {
        Self::build(settings, Box::new(interface), Pool::shared(pool))
    }

    /// The settings, as they were when the driver was made.
    pub fn current_settings(&self) -> &NetworkSettings {
        &self.settings
    }

    /// Takes a local address; port 0 picks a free one. Completes an update in flight.
    ///
    /// # Errors
    /// A typed reason; the driver stays unbound (or bound as before) and usable.
    pub fn bind(&mut self, endpoint: NetworkEndpoint) -> Result<(), BindError> {
        self.complete();
        if self.bound {
            return Err(BindError::AlreadyBound {
                local: self.local_endpoint(),
            });
        }
        self.with_site(|site| site.interface.bind(&endpoint))
            .unwrap_or(Err(BindError::UnsupportedFamily { endpoint }))?;
        self.bound = true;
        let local = self.local_endpoint();
        if let Some(back) = &mut self.home {
            back.core.endpoint.bound(local);
        }
        Ok(())
    }

    /// Lets others connect. Completes an update in flight.
    ///
    /// # Errors
    /// If the driver is not bound, or listens already.
    pub fn listen(&mut self) -> Result<(), ListenError> {
        self.complete();
        if !self.bound {
            return Err(ListenError::NotBound);
        }
        if self.listening {
            return Err(ListenError::AlreadyListening);
        }
        self.listening = true;
        self.with_site(|site| site.rules.listening = true);
        Ok(())
    }

    /// Whether the driver has a local address.
    pub fn is_bound(&self) -> bool {
        self.bound
    }

    /// Whether others may connect.
    pub fn is_listening(&self) -> bool {
        self.listening
    }

    /// The local endpoint, with its real port; invalid while unbound. Completes an update in flight.
    pub fn local_endpoint(&mut self) -> NetworkEndpoint {
        self.complete();
        self.with_site(|site| site.interface.local_endpoint())
            .unwrap_or_default()
    }

    /// The oldest incoming connection that nobody has accepted. One that has closed meanwhile is
    /// passed over.
    pub fn accept(&mut self) -> Option<NetworkConnection> {
        self.front.accept().map(|(connection, _)| connection)
    }

    /// The same, with the payload the client sent along (empty without one).
    pub fn accept_with_payload(&mut self) -> Option<(NetworkConnection, Vec<u8>)> {
        self.front.accept()
    }

    /// The next event of any connection, in slot order. Connections that wait for
    /// [`accept`](Self::accept) keep theirs.
    pub fn pop_event(&mut self) -> Option<(NetworkConnection, NetworkEvent<'_>)> {
        self.front.pop_event()
    }

    /// The next event of one connection. None for handles that name none.
    pub fn pop_event_for_connection(
        &mut self,
        connection: NetworkConnection,
    ) -> Option<NetworkEvent<'_>> {
        self.front.pop_event_for_connection(connection)
    }

    /// Unread events of one connection; 0 for handles that name none.
    pub fn event_queue_size_for_connection(&mut self, connection: NetworkConnection) -> usize {
        self.front.event_count(connection)
    }

    /// Opens a message as large as fits. See [`SendGuard`].
    ///
    /// # Errors
    /// Typed reasons with Unity's numbers; nothing is taken.
    pub fn begin_send(
        &mut self,
        pipeline: NetworkPipeline,
        connection: NetworkConnection,
    ) -> Result<SendGuard<'_>, SendError> {
        self.front.begin_send(pipeline, connection, 0)
    }

    /// Opens a message of exactly `required` bytes of capacity (0: as large as fits).
    ///
    /// # Errors
    /// Typed reasons with Unity's numbers; nothing is taken.
    pub fn begin_send_with(
        &mut self,
        pipeline: NetworkPipeline,
        connection: NetworkConnection,
        required: usize,
    ) -> Result<SendGuard<'_>, SendError> {
        self.front.begin_send(pipeline, connection, required)
    }

    /// Sends one message to many connections: the payload is stored once until the jobs make their
    /// packets, so the cost of the call does not depend on its length. Returns who was refused, and why,
    /// as [`begin_send_with`](Self::begin_send_with) and [`SendGuard::end_send`] would; empty if
    /// nobody was.
    ///
    /// A connection that is listed twice is sent the message twice. For each connection it counts
    /// like a message of its own: against its windows, budgets and congestion window.
    #[must_use = "those who were refused do not get the message"]
    pub fn broadcast(
        &mut self,
        connections: &[NetworkConnection],
        pipeline: NetworkPipeline,
        payload: &[u8],
    ) -> Vec<(NetworkConnection, SendError)> {
        self.front.broadcast(connections, pipeline, payload)
    }

    /// Leaves a connection, after what was sent before. Its state reads disconnected at once, and no
    /// event follows; the peer learns of it by the next update. Harmless if it is gone already.
    pub fn disconnect(&mut self, connection: NetworkConnection) {
        self.front.disconnect(connection);
    }

    /// Vouches that the peer receives at its address, by a check of the application's own (a login
    /// answered, say). For clients before Unity Transport 2.5, which answer no probe. Without effect
    /// unless the settings say [`LegacyValidation::Allowed`](crate::settings::LegacyValidation).
    pub fn vouch_for(&mut self, connection: NetworkConnection) {
        self.front.vouch(connection);
    }

    /// State of a connection; disconnected for handles that name none.
    pub fn connection_state(&self, connection: NetworkConnection) -> ConnectionState {
        self.front.state(connection)
    }

    /// Handles of all connections the application has, in slot order.
    pub fn connections(&self) -> impl Iterator<Item = NetworkConnection> {
        self.front.connections()
    }

    /// Where the peer is now; invalid for handles that name none.
    pub fn remote_endpoint(&self, connection: NetworkConnection) -> NetworkEndpoint {
        self.front
            .snapshot(connection)
            .map(|snapshot| snapshot.remote)
            .unwrap_or_default()
    }

    /// Largest packet to this peer in bytes, transport headers included (Unity:
    /// `GetMaxSupportedMessageSize`).
    ///
    /// # Errors
    /// As [`begin_send`](Self::begin_send) for handles that name none.
    pub fn max_message_size(&self, connection: NetworkConnection) -> Result<usize, SendError> {
        self.front
            .snapshot(connection)
            .map(|snapshot| usize::from(snapshot.path_mtu))
    }

    /// Largest message of `pipeline` to this peer in bytes: exactly the capacity that
    /// [`begin_send`](Self::begin_send) would give (Unity: `GetMaxSupportedPayloadSize`).
    ///
    /// # Errors
    /// As [`begin_send`](Self::begin_send).
    pub fn max_payload(
        &mut self,
        pipeline: NetworkPipeline,
        connection: NetworkConnection,
    ) -> Result<usize, SendError> {
        self.front
            .begin_send(pipeline, connection, 0)
            .map(|guard| guard.capacity())
    }

    /// Bytes of headers in front of a message of `pipeline`, IP and UDP left out.
    pub fn max_header_size(&self, pipeline: NetworkPipeline) -> usize {
        self.front.shape.header_of(pipeline)
    }

    /// All connections at once, for parallel jobs.
    pub fn to_concurrent(&mut self) -> Concurrent<'_> {
        Concurrent {
            office: &mut self.front,
            pool: &self.pool,
            port_cost: &mut self.port_cost,
        }
    }

    /// Counters and facts as of the last completed update.
    pub fn statistics(&self) -> &DriverStatistics {
        &self.statistics
    }

    /// Counters of one connection as of the last completed update; zero for handles that name none.
    pub fn connection_statistics(&self, connection: NetworkConnection) -> ConnectionStatistics {
        self.front
            .snapshot(connection)
            .map(|snapshot| ConnectionStatistics {
                traffic: snapshot.traffic,
            })
            .unwrap_or_default()
    }

    fn build(settings: NetworkSettings, interface: Box<dyn NetworkInterface>, pool: Pool) -> Self {
        let clock = Clock::new(&settings);
        let (back, shape) = update::build_back(&settings, interface, &pool, clock.now());
        let threshold = Threshold::new(settings.workers().inline_threshold);
        Self {
            front: Office::new(shape),
            home: Some(Box::new(back)),
            crew: Arc::new(Crew::new(64)),
            unread: false,
            woken: 0,
            pool,
            threshold,
            clock,
            statistics: DriverStatistics::default(),
            closing: VecDeque::new(),
            #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
            company: company::Company::default(),
            lookups: Vec::new(),
            port_cost: PortCost::default(),
            stages: Vec::new(),
            trimmed: 0,
            next_trim: Timestamp::ZERO,
            bound: false,
            listening: false,
            settings,
        }
    }
}
