//! Clients made of bare sockets: they speak just enough to be connected, validated and echoed to,
//! and allocate nothing while they do.

#![expect(
    clippy::disallowed_types,
    reason = "peers of the driver's sockets need sockets of their own"
)]
#![expect(
    clippy::unwrap_used,
    reason = "these helpers serve tests and benches only"
)]

use std::net::{SocketAddr, UdpSocket};

use drumfire::{ConnectionPort, NetworkDriver, NetworkEvent};

/// Bytes of payload in every message.
pub(crate) const PAYLOAD: usize = 64;
const PACKET: usize = 10 + PAYLOAD;

/// Bare clients of one server.
pub(crate) struct RawClients {
    sockets: Vec<UdpSocket>,
}

impl RawClients {
    /// Connects `count` clients, and answers the server's probes until all are validated.
    pub(crate) fn connect(server: &mut NetworkDriver, count: usize) -> Self {
        let address: SocketAddr = server.local_endpoint().to_socket_addr().unwrap();
        let sockets: Vec<_> = (0..count)
            .map(|_| {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                socket.connect(address).unwrap();
                socket.set_nonblocking(true).unwrap();
                socket
            })
            .collect();
        let clients = Self { sockets };
        for (index, socket) in clients.sockets.iter().enumerate() {
            let mut request = b"UTP\x01\x01".to_vec();
            request.extend_from_slice(&token(index));
            socket.send(&request).unwrap();
            if index % 64 == 63 {
                update(server);
            }
        }
        for _ in 0..20 {
            clients.send();
            update(server);
            echo(server);
            server.schedule_flush_send().complete();
            clients.receive();
        }
        assert_eq!(server.connections().count(), count);
        clients
    }

    /// Every client sends a message.
    pub(crate) fn send(&self) {
        let mut packet = [0; PACKET];
        for (index, socket) in self.sockets.iter().enumerate() {
            packet[0] = 1;
            packet[1..9].copy_from_slice(&token(index));
            socket.send(&packet).unwrap();
        }
    }

    /// Every client reads what there is and answers probes. Returns the echoes.
    pub(crate) fn receive(&self) -> usize {
        let mut echoes = 0;
        let mut buffer = [0; 1500];
        for (index, socket) in self.sockets.iter().enumerate() {
            while let Ok(len) = socket.recv(&mut buffer) {
                match buffer[0] {
                    1 if len == PACKET => echoes += 1,
                    4 => {
                        let value = u16::from_le_bytes([buffer[9], buffer[10]])
                            .wrapping_add(11)
                            .to_le_bytes();
                        let mut answer = [5; 13];
                        answer[1..9].copy_from_slice(&token(index));
                        answer[9..].copy_from_slice(&[2, 0, value[0], value[1]]);
                        socket.send(&answer).unwrap();
                    }
                    _ => {}
                }
            }
        }
        echoes
    }
}

/// Answers every message with itself, on the driver's pool where that pays.
pub(crate) fn echo(server: &mut NetworkDriver) {
    server.to_concurrent().for_each(answer);
}

/// Answers every message of one connection with itself.
pub(crate) fn answer(mut port: ConnectionPort<'_>) {
    let (mut events, mut sender) = port.split();
    while let Some(event) = events.pop_event() {
        let NetworkEvent::Data {
            pipeline,
            mut reader,
        } = event
        else {
            continue;
        };
        if let Ok(mut echo) = sender.begin_send_with(pipeline, PAYLOAD) {
            let mut bytes = [0; PAYLOAD];
            reader.read_bytes(&mut bytes);
            echo.write_bytes(&bytes);
            echo.end_send().unwrap();
        }
    }
}

fn update(server: &mut NetworkDriver) {
    server.update();
    while server.accept().is_some() {}
}

fn token(index: usize) -> [u8; 8] {
    (0x0102_0304_0506_0000 + index as u64).to_le_bytes()
}
