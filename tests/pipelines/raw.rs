//! A peer played by hand, connected to a server of ours, and the bytes of the reliable stage.

use drumfire::id::{NetworkConnection, NetworkPipeline};
use drumfire::wire::connection::{Packet, Token};

use crate::packet;
use crate::support::{Dice, Peer, SERVER, World, heartbeat, request};

/// What a peer that has received nothing names as its newest number.
const NOTHING: u16 = u16::MAX;

/// A peer played by hand, connected and proved.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) peer: Peer,
    token: Token,
    /// The server's handle of it.
    pub(crate) connection: NetworkConnection,
}

impl Raw {
    pub(crate) fn connect(world: &mut World) -> Self {
        let peer = world.net.peer(SERVER.with_port(9_999));
        let token = Dice::new(5).token();
        peer.send(SERVER, &request(token, b""));
        world.tick();
        let connection = world.server.driver.accept().unwrap();
        peer.send(SERVER, &heartbeat(token));
        world.tick();
        peer.answer_checks(SERVER, &peer.receive());
        world.tick();
        peer.receive();
        Self {
            peer,
            token,
            connection,
        }
    }

    /// Sends the body of a data packet.
    pub(crate) fn send(&self, pipeline: NetworkPipeline, body: &[u8]) {
        self.peer
            .send(SERVER, &packet(self.token, pipeline.id(), body));
    }

    /// Says that it is there.
    pub(crate) fn heartbeat(&self) {
        self.peer.send(SERVER, &heartbeat(self.token));
    }

    /// The bodies of the data packets that have come.
    pub(crate) fn bodies(&self) -> Vec<Vec<u8>> {
        let datagrams = self.peer.receive();
        let body = |bytes: &Vec<u8>| match Packet::parse(bytes) {
            Ok(Packet::Data { body, .. }) => Some(body.to_vec()),
            _ => None,
        };
        datagrams.iter().filter_map(body).collect()
    }
}

/// A packet of the reliable stage, with the mask as it stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reliable<'a> {
    pub(crate) kind: u8,
    pub(crate) mask_len: u8,
    pub(crate) processing_time: u16,
    pub(crate) sequence: u16,
    pub(crate) acked: u16,
    pub(crate) mask: &'a [u8],
    pub(crate) payload: &'a [u8],
}

impl<'a> Reliable<'a> {
    /// A packet with a payload, of a peer with a window of 32 that has received nothing.
    pub(crate) fn payload(sequence: u16, payload: &'a [u8]) -> Self {
        Self {
            kind: 0,
            mask_len: 0,
            processing_time: 0,
            sequence,
            acked: NOTHING,
            mask: &[0xFF; 4],
            payload,
        }
    }

    /// An ack of a number and all before it, with its one byte without meaning.
    pub(crate) fn ack(acked: u16) -> Self {
        Self {
            kind: 1,
            acked,
            ..Self::payload(0, &[0])
        }
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let numbers = [self.processing_time, self.sequence, self.acked].map(u16::to_le_bytes);
        let head = [self.kind, self.mask_len];
        [&head, numbers.as_flattened(), self.mask, self.payload].concat()
    }

    /// Reads a body whose mask has `mask_len` bytes.
    pub(crate) fn read(body: &'a [u8], mask_len: usize) -> Self {
        let number = |at: usize| u16::from_le_bytes([body[at], body[at + 1]]);
        Self {
            kind: body[0],
            mask_len: body[1],
            processing_time: number(2),
            sequence: number(4),
            acked: number(6),
            mask: &body[8..8 + mask_len],
            payload: &body[8 + mask_len..],
        }
    }
}
