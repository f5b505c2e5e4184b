//! The concurrent view: all connections at once, for parallel jobs.

use std::time::Instant;

use parking_lot::Mutex;

use super::event::NetworkEvent;
use super::office::{Office, Visit, ports_of};
use super::port::{ConnectionPort, Held};
use super::send::SendGuard;
use crate::buffer::desk::ConnectionState;
use crate::error::SendError;
use crate::id::{NetworkConnection, NetworkPipeline};
use crate::job::{ParallelIterator, Pool, par_lanes};

/// Work of a parallel loop below which no worker is woken, in nanoseconds.
const INLINE_WORK: u64 = 150_000;

/// The driver's connections, to be handled by many threads.
///
/// [`par_iter_mut`](Self::par_iter_mut) gives every connection's port to some thread, without locks;
/// [`claim`](Self::claim) gives one port by handle, under its lane's lock.
///
/// Source: Unity Transport `NetworkDriver.Concurrent`.
#[derive(Debug)]
pub struct Concurrent<'a> {
    pub(crate) office: &'a mut Office,
    pub(crate) pool: &'a Pool,
    /// Shared with the driver.
    pub(crate) port_cost: &'a mut PortCost,
}

/// Nanoseconds a port took in the last loops, smoothed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PortCost {
    /// In loops over all connections.
    all: u64,
    /// In loops over those with events.
    ready: u64,
}

impl Default for PortCost {
    fn default() -> Self {
        Self {
            all: 100,
            ready: 200,
        }
    }
}

impl Concurrent<'_> {
    /// The oldest incoming connection that nobody has accepted.
    pub fn accept(&mut self) -> Option<NetworkConnection> {
        self.office.accept().map(|(connection, _)| connection)
    }

    /// The same, with the payload the client sent along.
    pub fn accept_with_payload(&mut self) -> Option<(NetworkConnection, Vec<u8>)> {
        self.office.accept()
    }

    /// The next event of any connection, in slot order.
    pub fn pop_event(&mut self) -> Option<(NetworkConnection, NetworkEvent<'_>)> {
        self.office.pop_event()
    }

    /// The next event of one connection. None for handles that name none.
    pub fn pop_event_for_connection(
        &mut self,
        connection: NetworkConnection,
    ) -> Option<NetworkEvent<'_>> {
        self.office.pop_event_for_connection(connection)
    }

    /// Opens a message. See [`SendGuard`].
    ///
    /// # Errors
    /// Typed reasons; nothing is taken.
    pub fn begin_send(
        &mut self,
        pipeline: NetworkPipeline,
        connection: NetworkConnection,
    ) -> Result<SendGuard<'_>, SendError> {
        self.office.begin_send(pipeline, connection, 0)
    }

    /// Leaves a connection, after what was sent before.
    pub fn disconnect(&mut self, connection: NetworkConnection) {
        self.office.disconnect(connection);
    }

    /// State of a connection; disconnected for handles that name none.
    pub fn connection_state(&self, connection: NetworkConnection) -> ConnectionState {
        self.office.state(connection)
    }

    /// Handles of all connections, in slot order.
    pub fn connections(&self) -> impl Iterator<Item = NetworkConnection> {
        self.office.connections()
    }

    /// Every connection's port, one after the other, in slot order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = ConnectionPort<'_>> {
        self.office.ports()
    }

    /// Every connection's port, spread over the threads of the pool this is called in (rayon's
    /// global one outside a pool).
    ///
    /// This always wakes workers; [`for_each`](Self::for_each) does only where it pays.
    pub fn par_iter_mut(&mut self) -> impl ParallelIterator<Item = ConnectionPort<'_>> {
        let Office { desks, shape, .. } = &mut *self.office;
        let shape = &*shape;
        par_lanes(desks, move |shard, desk| {
            ports_of(shard, desk, shape, Visit::All)
        })
    }

    /// Calls `job` for every connection, on the driver's pool where there is enough to do: below
    /// about 150 µs of work, as measured in earlier calls, on the calling thread alone.
    pub fn for_each(&mut self, job: impl Fn(ConnectionPort<'_>) + Send + Sync) {
        self.visit(Visit::All, job);
    }

    /// The same, for connections with unread events only: what it costs follows the traffic, not the
    /// number of connections.
    pub fn for_each_ready(&mut self, job: impl Fn(ConnectionPort<'_>) + Send + Sync) {
        self.visit(Visit::Ready, job);
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the driver is the floor that reads the clock"
    )]
    fn visit(&mut self, visit: Visit, job: impl Fn(ConnectionPort<'_>) + Send + Sync) {
        let ports = self.office.count(visit);
        if ports == 0 {
            return;
        }
        let started = Instant::now();
        let mut share = 1;
        let cost = match visit {
            Visit::All => &mut self.port_cost.all,
            Visit::Ready => &mut self.port_cost.ready,
        };
        let threads = self.pool.threads();
        // A pool of one thread would do it no sooner than this one.
        if threads <= 1 || ports.saturating_mul(*cost) < INLINE_WORK {
            match visit {
                Visit::All => self.office.ports().for_each(job),
                Visit::Ready => self.office.ready_ports().for_each(job),
            }
        } else {
            share = u64::try_from(threads).unwrap_or(1);
            let Office { desks, shape, .. } = &mut *self.office;
            let shape = &*shape;
            self.pool.install(|| {
                par_lanes(desks, move |shard, desk| {
                    ports_of(shard, desk, shape, visit)
                })
                .for_each(job);
            });
        }
        let spent = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        *cost = (*cost * 7 + spent.saturating_mul(share) / ports) / 8;
    }

    /// One connection's port by its handle, for as long as it is held; another thread that claims the
    /// same connection waits until then. None for handles that name none.
    pub fn claim(&self, connection: NetworkConnection) -> Option<ConnectionPort<'_>> {
        let snapshot = self.office.snapshot(connection).ok()?;
        let desk = self.office.desks.get(connection.shard())?;
        let lane = connection.lane();
        if desk.owned & (1 << lane) == 0 {
            return None;
        }
        // Always inbox before outbox.
        let inbox = desk.inboxes.get(lane).map(Mutex::lock)?;
        let outbox = desk.outboxes.get(lane).map(Mutex::lock)?;
        Some(ConnectionPort {
            connection,
            inbox: Held::Locked(inbox),
            outbox: Held::Locked(outbox),
            snapshot,
            state: self.office.state(connection),
            shape: &self.office.shape,
            windows: desk.windows.row(lane),
            marks: &desk.marks,
            lane,
        })
    }
}
