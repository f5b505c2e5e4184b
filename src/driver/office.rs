//! The office: the desks of all shards together, as the user works at them.
//!
//! The driver keeps one on its front; a chained job gets one made of the back's desks. Both offer the
//! same: accept, pop, send, disconnect, ask. No call here waits for an update in flight.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::event::NetworkEvent;
use super::port::{ConnectionPort, Held};
use super::send::{SendGuard, Sending};
use super::shape::Shape;
use crate::buffer::desk::{ConnectionState, Desk, Snapshot, lanes_of};
use crate::buffer::outbox::RecordKind;
use crate::error::SendError;
use crate::id::{LANES_PER_SHARD, NetworkConnection, NetworkPipeline};
use crate::job::Incoming;

/// Desks, and the connections that wait for `accept`.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) desks: Vec<Desk>,
    pub(crate) incoming: VecDeque<Incoming>,
    pub(crate) shape: Shape,
    /// Where the global pop goes on.
    cursor: usize,
    /// Messages for many connections, those that have left to be written over.
    lent: Vec<Arc<Vec<u8>>>,
}

impl Office {
    pub(crate) fn new(shape: Shape) -> Self {
        Self {
            desks: Vec::new(),
            incoming: VecDeque::new(),
            shape,
            cursor: 0,
            lent: Vec::new(),
        }
    }

    /// The snapshot of a connection, if the handle is of this driver and not outdated.
    pub(crate) fn snapshot(&self, connection: NetworkConnection) -> Result<&Snapshot, SendError> {
        let snapshot = self
            .desks
            .get(connection.shard())
            .and_then(|desk| desk.snapshots.get(connection.lane()));
        match snapshot {
            Some(snapshot) if snapshot.version == connection.version() => Ok(snapshot),
            Some(snapshot) if snapshot.version != 0 => Err(SendError::StaleConnection {
                version: connection.version(),
                current: snapshot.version,
            }),
            _ => Err(SendError::UnknownConnection {
                index: connection.index(),
                slots: u32::try_from(self.desks.iter().map(Desk::lanes).sum::<usize>())
                    .unwrap_or(u32::MAX),
            }),
        }
    }

    /// State of a connection; disconnected for handles that name none.
    pub(crate) fn state(&self, connection: NetworkConnection) -> ConnectionState {
        let left = self
            .desks
            .get(connection.shard())
            .is_none_or(|desk| desk.marks.is_leaving(connection.lane()));
        match self.snapshot(connection) {
            Ok(snapshot) if !left => snapshot.state,
            _ => ConnectionState::Disconnected,
        }
    }

    /// The oldest established connection that nobody has accepted, with its connect payload.
    ///
    /// One that has closed meanwhile is passed over.
    pub(crate) fn accept(&mut self) -> Option<(NetworkConnection, Vec<u8>)> {
        while let Some(Incoming {
            connection,
            payload,
        }) = self.incoming.pop_front()
        {
            if self.state(connection) == ConnectionState::Disconnected {
                continue;
            }
            let desk = self.desks.get_mut(connection.shard())?;
            desk.owned |= 1 << connection.lane();
            desk.outboxes
                .get_mut(connection.lane())?
                .get_mut()
                .wish(RecordKind::Accepted);
            desk.marks.written(connection.lane());
            return Some((connection, payload));
        }
        None
    }

    /// Leaves a connection. Nothing happens if it is gone already.
    pub(crate) fn disconnect(&mut self, connection: NetworkConnection) {
        if self.state(connection) == ConnectionState::Disconnected {
            return;
        }
        let Some(desk) = self.desks.get_mut(connection.shard()) else {
            return;
        };
        if let Some(outbox) = desk.outboxes.get_mut(connection.lane()) {
            outbox.get_mut().wish(RecordKind::Disconnect);
            desk.marks.leaving(connection.lane());
        }
    }

    /// Vouches for a peer's address.
    pub(crate) fn vouch(&mut self, connection: NetworkConnection) {
        if self.state(connection) == ConnectionState::Disconnected {
            return;
        }
        if let Some(desk) = self.desks.get_mut(connection.shard())
            && let Some(outbox) = desk.outboxes.get_mut(connection.lane())
        {
            outbox.get_mut().wish(RecordKind::Vouched);
            desk.marks.written(connection.lane());
        }
    }

    /// The next event of any connection the application has, in slot order.
    pub(crate) fn pop_event(&mut self) -> Option<(NetworkConnection, NetworkEvent<'_>)> {
        let (shard, lane) = self.next_ready()?;
        let desk = self.desks.get_mut(shard)?;
        let version = desk.snapshots.get(lane)?.version;
        let index = u32::try_from(shard * LANES_PER_SHARD + lane).unwrap_or(u32::MAX);
        let raw = desk.inboxes.get_mut(lane)?.get_mut().pop()?;
        Some((
            NetworkConnection::new(index, version),
            NetworkEvent::from_raw(&raw),
        ))
    }

    /// The next lane with an unread event, from where the last search ended.
    fn next_ready(&mut self) -> Option<(usize, usize)> {
        let shards = self.desks.len();
        for step in 0..shards {
            let shard = (self.cursor + step) % shards;
            let desk = self.desks.get_mut(shard)?;
            for lane in lanes_of(desk.ready & desk.owned) {
                if desk
                    .inboxes
                    .get_mut(lane)
                    .is_some_and(|inbox| !inbox.get_mut().is_empty())
                {
                    self.cursor = shard;
                    return Some((shard, lane));
                }
                desk.ready &= !(1 << lane);
            }
        }
        self.cursor = 0;
        None
    }

    /// The next event of one connection.
    pub(crate) fn pop_event_for_connection(
        &mut self,
        connection: NetworkConnection,
    ) -> Option<NetworkEvent<'_>> {
        self.snapshot(connection).ok()?;
        let desk = self.desks.get_mut(connection.shard())?;
        if desk.owned & (1 << connection.lane()) == 0 {
            return None;
        }
        let raw = desk.inboxes.get_mut(connection.lane())?.get_mut().pop()?;
        Some(NetworkEvent::from_raw(&raw))
    }

    /// Unread events of one connection.
    pub(crate) fn event_count(&mut self, connection: NetworkConnection) -> usize {
        if self.snapshot(connection).is_err() {
            return 0;
        }
        let inbox = self
            .desks
            .get_mut(connection.shard())
            .and_then(|desk| desk.inboxes.get_mut(connection.lane()));
        inbox.map_or(0, |inbox| inbox.get_mut().len())
    }

    /// Opens a message.
    pub(crate) fn begin_send(
        &mut self,
        pipeline: NetworkPipeline,
        connection: NetworkConnection,
        required: usize,
    ) -> Result<SendGuard<'_>, SendError> {
        let snapshot = *self.snapshot(connection)?;
        let state = self.state(connection);
        let Self { desks, shape, .. } = self;
        let lane = connection.lane();
        let (outbox, marks, windows) = desks
            .get_mut(connection.shard())
            .and_then(|desk| {
                let outbox = desk.outboxes.get_mut(lane)?.get_mut();
                Some((outbox, &desk.marks, desk.windows.row(lane)))
            })
            .ok_or(SendError::NotConnected {
                state: "disconnected",
            })?;
        Sending {
            snapshot: &snapshot,
            state,
            shape,
            windows,
            marks,
            lane,
        }
        .begin(outbox, pipeline, required)
    }

    /// Queues one message for many connections. Returns who was refused, and why.
    pub(crate) fn broadcast(
        &mut self,
        connections: &[NetworkConnection],
        pipeline: NetworkPipeline,
        payload: &[u8],
    ) -> Vec<(NetworkConnection, SendError)> {
        let message = self.lend(payload);
        let refused = connections.iter().filter_map(|connection| {
            let refusal = self.share(*connection, pipeline, &message).err()?;
            Some((*connection, refusal))
        });
        refused.collect()
    }

    fn share(
        &mut self,
        connection: NetworkConnection,
        pipeline: NetworkPipeline,
        message: &Arc<Vec<u8>>,
    ) -> Result<(), SendError> {
        let snapshot = *self.snapshot(connection)?;
        let state = self.state(connection);
        let Self { desks, shape, .. } = self;
        let lane = connection.lane();
        let gone = SendError::NotConnected {
            state: "disconnected",
        };
        let Some(Desk {
            outboxes,
            windows,
            marks,
            shared,
            ..
        }) = desks.get_mut(connection.shard())
        else {
            return Err(gone);
        };
        let Some(outbox) = outboxes.get_mut(lane) else {
            return Err(gone);
        };
        let known = shared.last().is_some_and(|last| Arc::ptr_eq(last, message));
        let index = shared.len() - usize::from(known);
        Sending {
            snapshot: &snapshot,
            state,
            shape,
            windows: windows.row(lane),
            marks,
            lane,
        }
        .share(outbox.get_mut(), pipeline, index, message.len())?;
        if !known {
            shared.push(message.clone());
        }
        Ok(())
    }

    /// A copy of the payload that desks can share, in memory that no desk needs any more.
    fn lend(&mut self, payload: &[u8]) -> Arc<Vec<u8>> {
        let free = self
            .lent
            .iter_mut()
            .position(|message| Arc::get_mut(message).is_some());
        let mut message = match free {
            Some(at) => self.lent.swap_remove(at),
            None => Arc::default(),
        };
        if let Some(bytes) = Arc::get_mut(&mut message) {
            bytes.clear();
            bytes.extend_from_slice(payload);
        }
        self.lent.push(message.clone());
        message
    }

    /// Every connection the application has, in slot order, with its events and its outbox.
    pub(crate) fn ports(&mut self) -> impl Iterator<Item = ConnectionPort<'_>> {
        let shape = &self.shape;
        self.desks
            .iter_mut()
            .enumerate()
            .flat_map(move |(shard, desk)| ports_of(shard, desk, shape, Visit::All))
    }

    /// The same, of connections with unread events only.
    pub(crate) fn ready_ports(&mut self) -> impl Iterator<Item = ConnectionPort<'_>> {
        let shape = &self.shape;
        self.desks
            .iter_mut()
            .enumerate()
            .flat_map(move |(shard, desk)| ports_of(shard, desk, shape, Visit::Ready))
    }

    /// How many ports there are.
    pub(crate) fn count(&self, visit: Visit) -> u64 {
        let ports = self.desks.iter().map(|desk| visit.lanes(desk));
        ports.map(|lanes| u64::from(lanes.count_ones())).sum()
    }

    /// Handles of every connection the application has, in slot order.
    pub(crate) fn connections(&self) -> impl Iterator<Item = NetworkConnection> {
        self.desks.iter().enumerate().flat_map(|(shard, desk)| {
            lanes_of(desk.owned).filter_map(move |lane| {
                let version = desk.snapshots.get(lane)?.version;
                let index = u32::try_from(shard * LANES_PER_SHARD + lane).ok()?;
                Some(NetworkConnection::new(index, version))
            })
        })
    }

    /// Messages that wait in the outboxes.
    pub(crate) fn queued_messages(&mut self) -> usize {
        self.desks
            .iter_mut()
            .filter_map(|desk| (desk.written() != 0).then_some(desk))
            .map(|desk| {
                lanes_of(desk.written())
                    .filter_map(|lane| {
                        desk.outboxes
                            .get_mut(lane)
                            .map(|outbox| outbox.get_mut().messages())
                    })
                    .sum::<usize>()
            })
            .sum()
    }
}

/// Which connections a loop goes to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Visit {
    /// All the application has.
    All,
    /// Of these, those with unread events.
    Ready,
}

impl Visit {
    /// The lanes it goes to, a bit each.
    fn lanes(self, desk: &Desk) -> u64 {
        match self {
            Self::All => desk.owned,
            Self::Ready => desk.owned & desk.ready,
        }
    }
}

/// The ports of one desk's connections.
pub(crate) fn ports_of<'a>(
    shard: usize,
    desk: &'a mut Desk,
    shape: &'a Shape,
    visit: Visit,
) -> impl Iterator<Item = ConnectionPort<'a>> {
    let lanes = visit.lanes(desk);
    let Desk {
        inboxes,
        outboxes,
        snapshots,
        windows,
        marks,
        ..
    } = desk;
    let (windows, marks) = (&*windows, &*marks);
    // Lanes behind the last one are not even looked at: a desk without any costs nothing.
    let last = usize::try_from(u64::BITS - lanes.leading_zeros()).unwrap_or(LANES_PER_SHARD);
    inboxes
        .iter_mut()
        .zip(outboxes)
        .zip(&*snapshots)
        .enumerate()
        .take(last)
        .filter_map(move |(lane, ((inbox, outbox), snapshot))| {
            if lanes & (1 << lane) == 0 {
                return None;
            }
            let inbox = Mutex::get_mut(inbox);
            // A lane stays marked until the next update, read or not.
            if matches!(visit, Visit::Ready) && inbox.is_empty() {
                return None;
            }
            let index = u32::try_from(shard * LANES_PER_SHARD + lane).ok()?;
            Some(ConnectionPort {
                connection: NetworkConnection::new(index, snapshot.version),
                inbox: Held::Owned(inbox),
                outbox: Held::Owned(Mutex::get_mut(outbox)),
                snapshot,
                state: if marks.is_leaving(lane) {
                    ConnectionState::Disconnected
                } else {
                    snapshot.state
                },
                shape,
                windows: windows.row(lane),
                marks,
                lane,
            })
        })
}
