//! A port: one connection as a parallel job sees it.

use std::ops::{Deref, DerefMut};

use parking_lot::MutexGuard;

use super::event::NetworkEvent;
use super::send::{SendGuard, Sending};
use super::shape::Shape;
use crate::address::NetworkEndpoint;
use crate::buffer::desk::{ConnectionState, Marks, Snapshot};
use crate::buffer::inbox::Inbox;
use crate::buffer::outbox::{Outbox, RecordKind};
use crate::buffer::windows::Usage;
use crate::error::SendError;
use crate::id::{NetworkConnection, NetworkPipeline};

/// Owned by borrow, or held by its lane's lock.
#[derive(Debug)]
pub(crate) enum Held<'a, T> {
    Owned(&'a mut T),
    Locked(MutexGuard<'a, T>),
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Owned(value) => value,
            Self::Locked(guard) => guard,
        }
    }
}

impl<T> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match self {
            Self::Owned(value) => value,
            Self::Locked(guard) => guard,
        }
    }
}

/// One connection: its events and its outbox, for one thread at a time.
///
/// Ports of different connections are independent; there is no lock between them.
#[derive(Debug)]
pub struct ConnectionPort<'a> {
    pub(crate) connection: NetworkConnection,
    pub(crate) inbox: Held<'a, Inbox>,
    pub(crate) outbox: Held<'a, Outbox>,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) state: ConnectionState,
    pub(crate) shape: &'a Shape,
    pub(crate) windows: &'a [Usage],
    pub(crate) marks: &'a Marks,
    pub(crate) lane: usize,
}

impl ConnectionPort<'_> {
    /// The connection.
    pub fn connection(&self) -> NetworkConnection {
        self.connection
    }

    /// Its state.
    pub fn state(&self) -> ConnectionState {
        self.state
    }

    /// Where the peer is.
    pub fn remote_endpoint(&self) -> NetworkEndpoint {
        self.snapshot.remote
    }

    /// Largest message of `pipeline`, in bytes.
    pub fn max_payload(&self, pipeline: NetworkPipeline) -> usize {
        self.shape.max_payload(pipeline, self.snapshot)
    }

    /// The next event.
    pub fn pop_event(&mut self) -> Option<NetworkEvent<'_>> {
        self.inbox.pop().map(|raw| NetworkEvent::from_raw(&raw))
    }

    /// Opens a message as large as fits. See [`SendGuard`].
    ///
    /// # Errors
    /// Typed reasons; nothing is taken.
    pub fn begin_send(&mut self, pipeline: NetworkPipeline) -> Result<SendGuard<'_>, SendError> {
        self.split().1.into_send(pipeline, 0)
    }

    /// Opens a message of exactly `required` bytes of capacity.
    ///
    /// # Errors
    /// Typed reasons; nothing is taken.
    pub fn begin_send_with(
        &mut self,
        pipeline: NetworkPipeline,
        required: usize,
    ) -> Result<SendGuard<'_>, SendError> {
        self.split().1.into_send(pipeline, required)
    }

    /// Leaves the connection, after what was sent before.
    pub fn disconnect(&mut self) {
        if self.state != ConnectionState::Disconnected {
            self.state = ConnectionState::Disconnected;
            self.outbox.wish(RecordKind::Disconnect);
            self.marks.leaving(self.lane);
        }
    }

    /// Events and sender apart, to write one message while another is being read: no copy.
    pub fn split(&mut self) -> (Events<'_>, Sender<'_>) {
        let sender = Sender {
            outbox: &mut self.outbox,
            snapshot: self.snapshot,
            state: self.state,
            shape: self.shape,
            windows: self.windows,
            marks: self.marks,
            lane: self.lane,
        };
        (
            Events {
                inbox: &mut self.inbox,
            },
            sender,
        )
    }
}

/// The reading half of a port.
#[derive(Debug)]
pub struct Events<'a> {
    inbox: &'a mut Inbox,
}

impl Events<'_> {
    /// The next event.
    pub fn pop_event(&mut self) -> Option<NetworkEvent<'_>> {
        self.inbox.pop().map(|raw| NetworkEvent::from_raw(&raw))
    }

    /// Unread events.
    pub fn len(&self) -> usize {
        self.inbox.len()
    }

    /// Whether none is unread.
    pub fn is_empty(&self) -> bool {
        self.inbox.is_empty()
    }
}

/// The writing half of a port.
#[derive(Debug)]
pub struct Sender<'a> {
    outbox: &'a mut Outbox,
    snapshot: &'a Snapshot,
    state: ConnectionState,
    shape: &'a Shape,
    windows: &'a [Usage],
    marks: &'a Marks,
    lane: usize,
}

impl<'a> Sender<'a> {
    /// Opens a message as large as fits. See [`SendGuard`].
    ///
    /// # Errors
    /// Typed reasons; nothing is taken.
    pub fn begin_send(&mut self, pipeline: NetworkPipeline) -> Result<SendGuard<'_>, SendError> {
        self.begin_send_with(pipeline, 0)
    }

    /// Opens a message of exactly `required` bytes of capacity.
    ///
    /// # Errors
    /// Typed reasons; nothing is taken.
    pub fn begin_send_with(
        &mut self,
        pipeline: NetworkPipeline,
        required: usize,
    ) -> Result<SendGuard<'_>, SendError> {
        self.sending().begin(self.outbox, pipeline, required)
    }

    fn sending(&self) -> Sending<'a, 'a> {
        Sending {
            snapshot: self.snapshot,
            state: self.state,
            shape: self.shape,
            windows: self.windows,
            marks: self.marks,
            lane: self.lane,
        }
    }

    fn into_send(
        self,
        pipeline: NetworkPipeline,
        required: usize,
    ) -> Result<SendGuard<'a>, SendError> {
        self.sending().begin(self.outbox, pipeline, required)
    }
}
