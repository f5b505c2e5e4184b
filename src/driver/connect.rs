//! Connecting: by address, or by a name that is resolved off the game thread.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use super::NetworkDriver;
use crate::address::{NetworkEndpoint, NetworkFamily, Path};
use crate::buffer::desk::{ConnectionState, Snapshot};
use crate::buffer::inbox::EventKind;
use crate::error::{ConnectError, DisconnectReason};
use crate::id::NetworkConnection;
use crate::interface::UdpOptions;
use crate::link::Link;
use crate::settings::{AddressReuse, DualStack, NetworkSettings, Offload};
use crate::time::Timestamp;
use crate::wire::connection::{Token, max_handshake_payload};

/// A host name being resolved, and the connection that waits for it.
#[derive(Debug)]
pub(super) struct Lookup {
    connection: NetworkConnection,
    token: Token,
    payload: Vec<u8>,
    answer: Receiver<Vec<SocketAddr>>,
}

/// The UDP interface's options, from the settings.
pub(super) fn udp_options(settings: &NetworkSettings) -> UdpOptions {
    let socket = settings.socket();
    UdpOptions {
        receive_buffer: socket.receive_buffer.unwrap_or(0),
        send_buffer: socket.send_buffer.unwrap_or(0),
        sockets_per_port: socket.sockets_per_port,
        gso: socket.send_offload == Offload::Auto,
        gro: socket.receive_offload == Offload::Auto,
        dual_stack: socket.dual_stack == DualStack::On,
        reuse_address: socket.reuse_address == AddressReuse::Shared,
        socket_retry_max: socket.socket_retry_max,
        ..UdpOptions::default()
    }
}

impl NetworkDriver {
    /// Starts a connection and returns its handle at once; a Connect or Disconnect event follows.
    ///
    /// An unbound driver is bound to the wildcard of the endpoint's family. Completes an update in
    /// flight.
    ///
    /// # Errors
    /// Typed reasons; nothing is started.
    pub fn connect(
        &mut self,
        endpoint: NetworkEndpoint,
    ) -> Result<NetworkConnection, ConnectError> {
        self.connect_with_payload(endpoint, &[])
    }

    /// The same, with a payload that the server gets with `accept_with_payload`. It must fit one
    /// packet: 1,375 bytes on UDP by default.
    ///
    /// # Errors
    /// Typed reasons; nothing is started.
    pub fn connect_with_payload(
        &mut self,
        endpoint: NetworkEndpoint,
        payload: &[u8],
    ) -> Result<NetworkConnection, ConnectError> {
        self.complete();
        self.check_payload(payload)?;
        if endpoint.family() == NetworkFamily::Invalid
            || (endpoint.port() == 0 && endpoint.ip().is_some())
        {
            return Err(ConnectError::InvalidEndpoint { endpoint });
        }
        if !self.bound {
            self.bind(match endpoint {
                NetworkEndpoint::Ipv6(_) => NetworkEndpoint::any_ipv6(0),
                NetworkEndpoint::Custom(_) => endpoint,
                _ => NetworkEndpoint::any_ipv4(0),
            })?;
        }
        let (connection, token) = self.reserve(Some(&endpoint))?;
        self.open(connection, token, &[endpoint], payload.to_vec());
        Ok(connection)
    }

    /// Starts a connection to a host by name. It is resolved on a thread of its own, and both of its
    /// address families are tried; a name that does not resolve gives a Disconnect event with
    /// [`DisconnectReason::HostNotFound`]. Address literals connect directly.
    ///
    /// # Errors
    /// Typed reasons; nothing is started.
    pub fn connect_to_host(
        &mut self,
        host: &str,
        port: u16,
    ) -> Result<NetworkConnection, ConnectError> {
        if let Some(endpoint) = NetworkEndpoint::try_parse(host, port) {
            return self.connect(endpoint);
        }
        self.complete();
        if !self.bound && self.bind(NetworkEndpoint::any_ipv6(0)).is_err() {
            self.bind(NetworkEndpoint::any_ipv4(0))?;
        }
        let (connection, token) = self.reserve(None)?;
        let (name, (send, answer)) = (host.to_owned(), channel());
        std::thread::Builder::new()
            .name("drumfire-lookup".into())
            .spawn(move || {
                // The driver may be gone by now.
                let _ = send.send(resolve(&name, port));
            })
            .map_err(|_| ConnectError::Random)?;
        self.lookups.push(Lookup {
            connection,
            token,
            payload: Vec::new(),
            answer,
        });
        Ok(connection)
    }

    /// Sets the payload of every accept; empty for none. Clients before 2.2.0 cannot connect to a
    /// server that sends one. Completes an update in flight.
    ///
    /// # Errors
    /// Beyond 24 bytes, unless the settings say `dangerous_large_accept_payload`; and beyond a packet.
    pub fn set_accept_payload(&mut self, payload: &[u8]) -> Result<(), ConnectError> {
        self.complete();
        self.check_payload(payload)?;
        if payload.len() > 24 && !self.settings.limits().large_accept_payload {
            return Err(ConnectError::PayloadTooLarge {
                needed: payload.len(),
                capacity: 24,
            });
        }
        self.with_site(|site| site.rules.accept_payload = payload.to_vec());
        Ok(())
    }

    fn check_payload(&mut self, payload: &[u8]) -> Result<(), ConnectError> {
        let padding = self
            .with_site(|site| usize::from(site.rules.padding))
            .unwrap_or(0);
        let capacity = max_handshake_payload(self.settings.connection().max_message_size, padding);
        if payload.len() > capacity {
            return Err(ConnectError::PayloadTooLarge {
                needed: payload.len(),
                capacity,
            });
        }
        Ok(())
    }

    /// A slot and a token, with the lane's state set to connecting on both desks. A host name that
    /// is being resolved has no endpoint yet.
    fn reserve(
        &mut self,
        endpoint: Option<&NetworkEndpoint>,
    ) -> Result<(NetworkConnection, Token), ConnectError> {
        let max = self.settings.limits().max_connections;
        let Some(back) = &mut self.home else {
            return Err(ConnectError::TooManyConnections { max });
        };
        let (connection, token) = match endpoint {
            Some(endpoint) => back.core.endpoint.connect(endpoint)?,
            None => back.core.endpoint.reserve()?,
        };
        back.grow_to(connection.index());
        self.front
            .desks
            .resize_with(back.desks.len(), Default::default);
        let snapshot = Snapshot {
            version: connection.version(),
            state: ConnectionState::Connecting,
            remote: endpoint.copied().unwrap_or_default(),
            ..Snapshot::default()
        };
        for desks in [&mut self.front.desks, &mut back.desks] {
            if let Some(desk) = desks.get_mut(connection.shard()) {
                desk.grow(connection.lane() + 1);
                desk.owned |= 1 << connection.lane();
                if let Some(place) = desk.snapshots.get_mut(connection.lane()) {
                    *place = snapshot;
                }
            }
        }
        Ok((connection, token))
    }

    /// Puts a link into the lane, due at once.
    fn open(
        &mut self,
        connection: NetworkConnection,
        token: Token,
        endpoints: &[NetworkEndpoint],
        payload: Vec<u8>,
    ) {
        let Some(back) = &mut self.home else { return };
        let Some(Some(shard)) = back.shards.get_mut(connection.shard()) else {
            return;
        };
        let Some((first, others)) = endpoints.split_first() else {
            return;
        };
        let now = self.clock.now();
        let mut link = Link::connect(Path::from(*first), token, payload, now);
        link.try_also(others.iter().copied().map(Path::from));
        // Handshakes with all of its addresses at once: the first that ends well is the connection's.
        if let Some(hall) = back.core.endpoint.hall() {
            let slot = connection.index();
            let begun = endpoints
                .iter()
                .filter(|endpoint| hall.connect(slot, &Path::from(**endpoint)))
                .count();
            if begun == 0 {
                self.fail(connection, DisconnectReason::AuthenticationFailure);
                return;
            }
        }
        if let Some(slot) = shard.links.get_mut(connection.lane()) {
            *slot = Some(link);
        }
        shard.rouse(connection.lane(), Timestamp::ZERO);
        if let Some(wake) = back.core.wake.get_mut(connection.shard()) {
            wake.at = Timestamp::ZERO;
        }
    }

    /// Goes on with connections whose host name has been resolved.
    pub(super) fn finish_lookups(&mut self) {
        let mut pending = std::mem::take(&mut self.lookups);
        pending.retain_mut(|lookup| {
            let found = match lookup.answer.try_recv() {
                Ok(found) => found,
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => Vec::new(),
            };
            let endpoints: Vec<_> = found
                .into_iter()
                .map(NetworkEndpoint::from_socket_addr)
                .filter(|endpoint| !endpoint.is_unusable_source())
                .collect();
            // The application may have left meanwhile.
            let left = self.front.state(lookup.connection) == ConnectionState::Disconnected;
            if left || endpoints.is_empty() {
                self.fail(lookup.connection, DisconnectReason::HostNotFound);
            } else {
                self.open(
                    lookup.connection,
                    lookup.token,
                    &endpoints,
                    std::mem::take(&mut lookup.payload),
                );
            }
            false
        });
        self.lookups.append(&mut pending);
    }

    /// Ends a connection that has no link yet.
    fn fail(&mut self, connection: NetworkConnection, reason: DisconnectReason) {
        if let Some(desk) = self.front.desks.get_mut(connection.shard()) {
            if let Some(snapshot) = desk.snapshots.get_mut(connection.lane()) {
                snapshot.state = ConnectionState::Disconnected;
            }
            if let Some(inbox) = desk.inboxes.get_mut(connection.lane())
                && !desk.marks.is_leaving(connection.lane())
            {
                inbox
                    .get_mut()
                    .push(EventKind::Disconnect, 0, reason.code(), &[]);
                desk.ready |= 1 << connection.lane();
            }
        }
        if let Some(back) = &mut self.home {
            back.core.endpoint.closed(connection.index());
            self.closing.push_back(connection.index());
        }
    }
}

/// All addresses of a host; none if it is unknown.
fn resolve(name: &str, port: u16) -> Vec<SocketAddr> {
    let mut found: Vec<_> = (name, port)
        .to_socket_addrs()
        .map(Iterator::collect)
        .unwrap_or_default();
    // RFC 6761 section 6.3: the name stands for both loopback addresses, whatever the system's
    // table says.
    if name.eq_ignore_ascii_case("localhost") {
        for loopback in [
            SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
            SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        ] {
            if !found.contains(&loopback) {
                found.push(loopback);
            }
        }
    }
    found
}
