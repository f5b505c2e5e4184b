//! A driver under test, with the invariants that hold for every driver.

use std::collections::HashMap;
use std::sync::Arc;

use drumfire::address::NetworkEndpoint;
use drumfire::counters::Flow;
use drumfire::error::{DisconnectReason, SendError};
use drumfire::id::{NetworkConnection, NetworkPipeline};
use drumfire::interface::NetworkInterface;
use drumfire::settings::NetworkSettingsBuilder;
use drumfire::{NetworkDriver, NetworkEvent, NetworkSettings, ThreadPool};

use super::watchdog;

/// An event, with what it borrowed copied out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    /// With the accept payload.
    Connect(Vec<u8>),
    /// Pipeline id and content.
    Data(u8, Vec<u8>),
    /// A pipeline whose window has room again.
    Writable(u8),
    /// With its reason.
    Disconnect(DisconnectReason),
}

impl Event {
    /// Copies an event.
    pub(crate) fn of(event: NetworkEvent<'_>) -> Self {
        match event {
            NetworkEvent::Connect { payload } => Self::Connect(payload.to_vec()),
            NetworkEvent::Data {
                pipeline,
                mut reader,
            } => {
                let mut bytes = vec![0; reader.length()];
                assert!(
                    reader.read_bytes(&mut bytes),
                    "a message is readable to its end"
                );
                Self::Data(pipeline.id(), bytes)
            }
            NetworkEvent::Writable { pipeline } => Self::Writable(pipeline.id()),
            NetworkEvent::Disconnect { reason } => Self::Disconnect(reason),
            other => panic!("{other:?} is new"),
        }
    }

    /// A message without a pipeline.
    pub(crate) fn data(bytes: &[u8]) -> Self {
        Self::Data(0, bytes.to_vec())
    }
}

/// How far a connection's events have come: one Connect at most, before all else; one Disconnect at
/// most, after all else (R23).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Story {
    Begun,
    Ended,
}

/// A driver under test.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) driver: NetworkDriver,
    stories: HashMap<NetworkConnection, Story>,
}

impl Node {
    /// A driver over `interface`; `seed` must differ from that of every other driver it talks to.
    pub(crate) fn new(
        settings: NetworkSettingsBuilder,
        seed: u64,
        interface: impl NetworkInterface,
    ) -> Self {
        Self::with_settings(
            settings.dangerous_random_seed(seed).build().unwrap(),
            interface,
        )
    }

    /// The same, with settings that were judged elsewhere.
    pub(crate) fn with_settings(
        settings: NetworkSettings,
        interface: impl NetworkInterface,
    ) -> Self {
        Self {
            driver: NetworkDriver::with_interface(settings, interface).unwrap(),
            stories: HashMap::new(),
        }
    }

    /// The same, with its jobs on `pool`.
    pub(crate) fn on_pool(
        settings: NetworkSettingsBuilder,
        seed: u64,
        interface: impl NetworkInterface,
        pool: Arc<ThreadPool>,
    ) -> Self {
        let settings = settings.dangerous_random_seed(seed).build().unwrap();
        Self {
            driver: NetworkDriver::with_pool(settings, interface, pool),
            stories: HashMap::new(),
        }
    }

    /// Binds and listens.
    pub(crate) fn listen_on(&mut self, endpoint: NetworkEndpoint) {
        self.driver.bind(endpoint).unwrap();
        self.driver.listen().unwrap();
    }

    /// One update, scheduled and completed.
    pub(crate) fn update(&mut self) {
        self.driver.schedule_update().complete();
        self.check();
    }

    /// Every connection that waits for it is accepted.
    pub(crate) fn accept_all(&mut self) -> Vec<NetworkConnection> {
        std::iter::from_fn(|| self.driver.accept()).collect()
    }

    /// Every unread event.
    pub(crate) fn events(&mut self) -> Vec<(NetworkConnection, Event)> {
        let mut events = Vec::new();
        while let Some((connection, event)) = self.driver.pop_event() {
            events.push((connection, Event::of(event)));
        }
        for (connection, event) in &events {
            self.note(*connection, event);
        }
        events
    }

    /// Every unread event of one connection.
    pub(crate) fn events_of(&mut self, connection: NetworkConnection) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.driver.pop_event_for_connection(connection) {
            events.push(Event::of(event));
        }
        for event in &events {
            self.note(connection, event);
        }
        events
    }

    /// Sends a message without a pipeline.
    pub(crate) fn send(
        &mut self,
        connection: NetworkConnection,
        message: &[u8],
    ) -> Result<usize, SendError> {
        let mut guard = self.driver.begin_send(NetworkPipeline::NULL, connection)?;
        guard.write_bytes(message);
        guard.end_send()
    }

    /// Sends what is queued, and nothing else.
    pub(crate) fn flush(&mut self) {
        self.driver.schedule_flush_send().complete();
        self.check();
    }

    /// R23: the order of a connection's events.
    fn note(&mut self, connection: NetworkConnection, event: &Event) {
        let story = self.stories.get(&connection).copied();
        assert_ne!(
            story,
            Some(Story::Ended),
            "{connection}: {event:?} behind its Disconnect"
        );
        let next = match event {
            Event::Connect(_) => {
                assert_eq!(story, None, "{connection}: Connect behind other events");
                Story::Begun
            }
            Event::Data(..) | Event::Writable(_) => Story::Begun,
            Event::Disconnect(_) => Story::Ended,
        };
        self.stories.insert(connection, next);
    }

    /// R40: everything that entered was passed on or dropped for a reason. A network in memory takes
    /// all it is given, so nothing is ever left queued.
    pub(crate) fn check(&self) {
        watchdog::pat();
        let statistics = self.driver.statistics();
        for (name, flow) in [
            ("inward", &statistics.inward),
            ("outward", &statistics.outward),
            ("sent", &statistics.sent),
        ] {
            check_flow(name, flow);
        }
    }
}

fn check_flow(name: &str, flow: &Flow) {
    let settled = flow.passed + flow.drops.total();
    assert_eq!(flow.entered, settled, "{name} does not conserve: {flow:?}");
}
