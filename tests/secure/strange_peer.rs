//! A client that is not ours: the `dimpl` crate's DTLS, and packets made by hand.

#![expect(
    clippy::disallowed_methods,
    reason = "dimpl counts time from a clock; it is read once"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::dimpl::{Config, Dtls, DtlsCertificate, Output};
use drumfire::NetworkEndpoint;

use crate::secrets::bytes_of;
use crate::support::{Peer, SERVER, World};

/// A client at an address of its own. It says only what it is told to.
pub(crate) struct StrangePeer {
    peer: Peer,
    dtls: Dtls,
    start: Instant,
    connected: bool,
    /// What came in records.
    pub(crate) received: Vec<Vec<u8>>,
}

impl StrangePeer {
    /// A client that has begun nothing yet.
    pub(crate) fn new(world: &World, from: NetworkEndpoint) -> Self {
        let certificate = DtlsCertificate {
            certificate: bytes_of(include_str!("../../certs/ecdsa-client.pem")),
            private_key: bytes_of(include_str!("../../certs/ecdsa-client.key")),
        };
        let config = Config::builder()
            .require_client_certificate(false)
            .mtu(1_150)
            .build();
        let start = Instant::now();
        // Its client indicates secure renegotiation only where it offers DTLS 1.3 beside 1.2.
        let mut dtls = Dtls::new_auto(Arc::new(config.unwrap()), certificate, start);
        dtls.set_active(true);
        Self {
            peer: world.net.peer(from),
            dtls,
            start,
            connected: false,
            received: Vec::new(),
        }
    }

    /// Reads what has come, and sends what is to be sent.
    pub(crate) fn turn(&mut self, world: &World) {
        let now = self.start + Duration::from_millis(16) * u32::try_from(world.ticks).unwrap();
        self.dtls.handle_timeout(now).unwrap();
        for datagram in self.peer.receive() {
            // Alerts end it.
            let _ = self.dtls.handle_packet(&datagram);
        }
        self.flush();
    }

    fn flush(&mut self) {
        let mut buffer = vec![0; 4_096];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => self.peer.send(SERVER, packet),
                Output::Timeout(_) => return,
                Output::Connected => self.connected = true,
                Output::ApplicationData(data) => self.received.push(data.to_vec()),
                _ => {}
            }
        }
    }

    /// Seals a packet and sends it.
    pub(crate) fn say(&mut self, packet: &[u8]) {
        self.dtls.send_application_data(packet).unwrap();
        self.flush();
    }

    /// Whether there is an association.
    pub(crate) fn is_up(&self) -> bool {
        self.connected
    }

    /// Turns until there is an association.
    pub(crate) fn shake_hands(&mut self, world: &mut World) {
        for _ in 0..500 {
            self.turn(world);
            if self.connected {
                return;
            }
            world.tick();
        }
        panic!("no association");
    }
}
