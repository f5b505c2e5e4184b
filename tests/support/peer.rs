//! A peer played by hand: it sends and receives datagrams, and knows how packets look.

use drumfire::address::NetworkEndpoint;
use drumfire::interface::RawSocket;
use drumfire::wire::connection::{
    DATA_HEADER_LEN, Packet, Token, push_accept, push_disconnect, push_heartbeat, push_mtu_ack,
    push_request, write_data_header,
};
use drumfire::wire::mtu::ack_for_check;

/// A peer without a driver.
#[derive(Debug)]
pub(crate) struct Peer {
    socket: RawSocket,
}

impl Peer {
    pub(super) fn new(socket: RawSocket) -> Self {
        Self { socket }
    }

    /// Where it is.
    pub(crate) fn endpoint(&self) -> NetworkEndpoint {
        self.socket.local_endpoint()
    }

    /// Sends one datagram.
    pub(crate) fn send(&self, to: NetworkEndpoint, bytes: &[u8]) {
        self.socket.send_to(&to, bytes);
    }

    /// Everything that has arrived, with its source.
    pub(crate) fn receive_from(&self) -> Vec<(NetworkEndpoint, Vec<u8>)> {
        std::iter::from_fn(|| self.socket.recv_from()).collect()
    }

    /// Everything that has arrived.
    pub(crate) fn receive(&self) -> Vec<Vec<u8>> {
        self.receive_from()
            .into_iter()
            .map(|(_, bytes)| bytes)
            .collect()
    }

    /// The kinds of everything that has arrived.
    pub(crate) fn receive_kinds(&self) -> Vec<&'static str> {
        self.receive().iter().map(|bytes| kind_of(bytes)).collect()
    }

    /// Answers the MTU checks among `packets`, as every client since 2.5 does.
    pub(crate) fn answer_checks(&self, to: NetworkEndpoint, packets: &[Vec<u8>]) {
        for packet in packets {
            if let Ok(Packet::MtuCheck { token, len }) = Packet::parse(packet) {
                let mut answer = Vec::new();
                push_mtu_ack(&mut answer, token, ack_for_check(len, 0));
                self.send(to, &answer);
            }
        }
    }

    /// Accepts the first request among `packets`; its token.
    pub(crate) fn accept_request(
        &self,
        to: NetworkEndpoint,
        packets: &[Vec<u8>],
        payload: &[u8],
    ) -> Option<Token> {
        let token = packets
            .iter()
            .find_map(|packet| match Packet::parse(packet) {
                Ok(Packet::Request { token, .. }) => Some(token),
                _ => None,
            })?;
        let mut accept = Vec::new();
        push_accept(&mut accept, token, payload);
        self.send(to, &accept);
        Some(token)
    }
}

/// A connection request.
pub(crate) fn request(token: Token, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    push_request(&mut out, token, payload);
    out
}

/// A message without a pipeline.
pub(crate) fn data(token: Token, message: &[u8]) -> Vec<u8> {
    let mut header = [0; DATA_HEADER_LEN];
    write_data_header(&mut header, token, 0);
    [&header, message].concat()
}

/// A heartbeat.
pub(crate) fn heartbeat(token: Token) -> Vec<u8> {
    let mut out = Vec::new();
    push_heartbeat(&mut out, token);
    out
}

/// A close.
pub(crate) fn disconnect(token: Token) -> Vec<u8> {
    let mut out = Vec::new();
    push_disconnect(&mut out, token);
    out
}

/// What a packet is.
pub(crate) fn kind_of(bytes: &[u8]) -> &'static str {
    match Packet::parse(bytes) {
        Ok(Packet::Request { .. }) => "request",
        Ok(Packet::Accept { .. }) => "accept",
        Ok(Packet::Data { .. }) => "data",
        Ok(Packet::Disconnect { .. }) => "disconnect",
        Ok(Packet::Heartbeat { .. }) => "heartbeat",
        Ok(Packet::MtuCheck { .. }) => "mtu check",
        Ok(Packet::MtuAck { .. }) => "mtu ack",
        Err(_) => "malformed",
    }
}
