//! What the fuzz targets do with their bytes: the same functions under the fuzzer and in `cargo test`.
//!
//! The datagram targets read their input as a program, one instruction after the other:
//!
//! ```text
//!  byte & 7   operands            what happens
//!  0          n, n bytes          the peer sends these bytes
//!  1          n, n bytes          somebody else sends these bytes
//!  2          -                   the driver updates, its application reads and echoes
//!  3          t, n, n bytes       the peer sends the handshake packet of its role, with this payload
//!  4          t, k, n, n bytes    the peer sends a packet of kind k with its token and this body
//!  5          -                   the peer answers every MTU check that reached it
//!  6          n                   the application sends n bytes to everybody
//!  7          -                   the application leaves its first connection
//! ```
//!
//! `t` picks one of four tokens for a server's peer; a client's peer has learnt the one it was sent.
//! Bit 3 of the instruction byte sends from the other address instead, bit 4 sends twice.

#![expect(clippy::expect_used, reason = "a failure is what fuzzing looks for")]

#[cfg(feature = "aws-lc-rs")]
mod secure;

use std::time::Duration;

use drumfire::counters::Flow;
use drumfire::interface::{InProcessNetwork, RawSocket};
use drumfire::settings::{
    AddressReuse, AddressValidation, DualStack, InlineThreshold, LegacyValidation, LoopbackLimits,
    NetworkSettings, NetworkSettingsBuilder, Offload, PathMtuDiscovery, Pinning, SliceOverlap,
    UnreadEvents, Workers,
};
use drumfire::stream::DataStreamReader;
use drumfire::{NetworkDriver, NetworkEndpoint, NetworkEvent, NetworkPipeline};

#[cfg(feature = "aws-lc-rs")]
pub use secure::{certificates, records, secure_pair};

/// A listening driver, and peers that send it what they like.
pub fn datagram_server(data: &[u8]) {
    let network = InProcessNetwork::new();
    let mut driver = driver(&network);
    driver
        .bind(NetworkEndpoint::loopback_ipv4(9_000))
        .expect("nobody else is on the network");
    driver.listen().expect("it is bound");
    let mut game = Game::new(
        &network,
        driver,
        NetworkEndpoint::loopback_ipv4(9_000),
        Role::Client,
    );
    game.play(data);
}

/// A connecting driver, and a server that answers it what it likes.
pub fn datagram_client(data: &[u8]) {
    let network = InProcessNetwork::new();
    let mut driver = driver(&network);
    driver
        .bind(NetworkEndpoint::loopback_ipv4(9_001))
        .expect("nobody else is on the network");
    driver
        .connect(NetworkEndpoint::loopback_ipv4(1_001))
        .expect("the peer has an address");
    let mut game = Game::new(
        &network,
        driver,
        NetworkEndpoint::loopback_ipv4(9_001),
        Role::Server,
    );
    game.update();
    game.learn_token();
    game.play(data);
}

/// What the peer of the driver is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Client,
    Server,
}

struct Game {
    driver: NetworkDriver,
    local: NetworkEndpoint,
    peer: RawSocket,
    other: RawSocket,
    role: Role,
    /// The token of a client's peer.
    token: Option<[u8; 8]>,
}

fn driver(network: &InProcessNetwork) -> NetworkDriver {
    let settings = NetworkSettings::builder()
        .plain()
        .dangerous_random_seed(1)
        .fixed_frame_time(Duration::from_millis(100))
        .inline_threshold(InlineThreshold::AlwaysInline)
        .build()
        .expect("these settings are in range");
    NetworkDriver::with_interface(settings, network.interface()).expect("no thread is started")
}

impl Game {
    fn new(
        network: &InProcessNetwork,
        driver: NetworkDriver,
        local: NetworkEndpoint,
        role: Role,
    ) -> Self {
        let socket = |port| {
            network
                .socket(&NetworkEndpoint::loopback_ipv4(port))
                .expect("the port is free")
        };
        Self {
            driver,
            local,
            peer: socket(1_001),
            other: socket(1_002),
            role,
            token: None,
        }
    }

    fn play(&mut self, data: &[u8]) {
        let mut program = Bytes(data);
        while let Some(byte) = program.next() {
            let before = program.0;
            self.step(byte & 7, byte & 8 == 0, &mut program);
            if byte & 16 != 0 {
                self.step(byte & 7, byte & 8 == 0, &mut Bytes(before));
            }
        }
        for _ in 0..3 {
            self.update();
        }
        let statistics = self.driver.statistics().clone();
        conserves("inward", &statistics.inward);
        conserves("outward", &statistics.outward);
        conserves("sent", &statistics.sent);
    }

    fn step(&mut self, instruction: u8, from_peer: bool, operands: &mut Bytes<'_>) {
        match instruction {
            0 => self.send(from_peer, operands.counted()),
            1 => self.send(!from_peer, operands.counted()),
            2 => self.update(),
            3 => {
                let token = self.token(operands.next_or_0());
                let payload = operands.counted();
                let kind = if self.role == Role::Client { 1 } else { 2 };
                let mut packet = vec![b'U', b'T', b'P', 1, kind];
                packet.extend_from_slice(&token);
                if !payload.is_empty() {
                    packet.extend_from_slice(
                        &u16::try_from(payload.len()).unwrap_or(0).to_le_bytes(),
                    );
                    packet.extend_from_slice(payload);
                }
                self.send(from_peer, &packet);
            }
            4 => {
                let token = self.token(operands.next_or_0());
                let mut packet = vec![operands.next_or_0()];
                packet.extend_from_slice(&token);
                packet.extend_from_slice(operands.counted());
                self.send(from_peer, &packet);
            }
            5 => self.answer_checks(from_peer),
            6 => self.broadcast(usize::from(operands.next_or_0()) * 6),
            _ => {
                let first = self.driver.connections().next();
                if let Some(connection) = first {
                    self.driver.disconnect(connection);
                }
            }
        }
    }

    fn send(&self, from_peer: bool, packet: &[u8]) {
        let socket = if from_peer { &self.peer } else { &self.other };
        socket.send_to(&self.local, packet);
    }

    fn token(&self, pick: u8) -> [u8; 8] {
        self.token.unwrap_or([pick & 3; 8])
    }

    /// The token of the request that the driver has sent.
    fn learn_token(&mut self) {
        while let Some((_, packet)) = self.peer.recv_from() {
            self.token = packet.get(5..13).and_then(|token| token.try_into().ok());
        }
        assert!(self.token.is_some(), "a client asks in its first update");
    }

    /// Answers as Unity Transport does: the check's number, plus its header and this one's.
    fn answer_checks(&self, from_peer: bool) {
        let socket = if from_peer { &self.peer } else { &self.other };
        while let Some((_, packet)) = socket.recv_from() {
            if let &[4, ref token @ .., low, high] = packet.as_slice()
                && token.len() == 8
            {
                let [low, high] = u16::from_le_bytes([low, high])
                    .wrapping_add(11)
                    .to_le_bytes();
                let mut answer = vec![5];
                answer.extend_from_slice(token);
                answer.extend_from_slice(&[2, 0, low, high]);
                socket.send_to(&self.local, &answer);
            }
        }
    }

    fn update(&mut self) {
        self.driver.update();
        while self.driver.accept_with_payload().is_some() {}
        let mut echoes = Vec::new();
        while let Some((connection, event)) = self.driver.pop_event() {
            if let NetworkEvent::Data { reader, .. } = event {
                let mut bytes = vec![0; reader.length()];
                let mut reader = reader;
                assert!(reader.read_bytes(&mut bytes), "a message can be read whole");
                echoes.push((connection, bytes));
            }
        }
        for (connection, bytes) in echoes {
            if let Ok(mut writer) = self.driver.begin_send(NetworkPipeline::NULL, connection) {
                writer.write_bytes(&bytes);
                let _ = writer.end_send();
            }
        }
    }

    fn broadcast(&mut self, len: usize) {
        let connections: Vec<_> = self.driver.connections().collect();
        for connection in connections {
            if let Ok(mut writer) = self.driver.begin_send(NetworkPipeline::NULL, connection) {
                writer.write_bytes(&vec![7; len]);
                let _ = writer.end_send();
            }
        }
    }
}

/// After an update everything has either been passed on or dropped for a reason.
fn conserves(name: &str, flow: &Flow) {
    assert_eq!(
        flow.entered,
        flow.passed + flow.drops.total(),
        "{name} does not conserve: {flow:?}"
    );
}

/// Any bytes, through any sequence of reads: every instruction byte picks one.
pub fn stream_reader(data: &[u8]) {
    let half = data.len() / 2;
    let (program, content) = data.split_at(half);
    let mut reader = DataStreamReader::new(content);
    for byte in program {
        let argument = u32::from(byte >> 5);
        match byte & 31 {
            0 => _ = reader.read_byte(),
            1 => _ = reader.read_short(),
            2 => _ = reader.read_ushort(),
            3 => _ = reader.read_int(),
            4 => _ = reader.read_uint(),
            5 => _ = reader.read_long(),
            6 => _ = reader.read_ulong(),
            7 => _ = reader.read_float(),
            8 => _ = reader.read_double(),
            9 => _ = reader.read_short_network_byte_order(),
            10 => _ = reader.read_uint_network_byte_order(),
            11..=14 => _ = reader.read_raw_bits(argument * 4 + u32::from(byte & 3) + 1),
            15 => _ = reader.read_packed_uint(),
            16 => _ = reader.read_packed_int(),
            17 => _ = reader.read_packed_ulong(),
            18 => _ = reader.read_packed_long(),
            19 => _ = reader.read_packed_float(),
            20 => _ = reader.read_packed_double(),
            21 => _ = reader.read_packed_uint_delta(argument),
            22 => _ = reader.read_packed_int_delta(7),
            23 => _ = reader.read_packed_ulong_delta(u64::MAX),
            24 => _ = reader.read_packed_float_delta(1.5),
            25 => _ = reader.read_packed_double_delta(f64::NAN),
            26 => _ = reader.read_fixed_string_32(),
            27 => _ = reader.read_fixed_string_4096(),
            28 => _ = reader.read_packed_fixed_string_64_delta("baseline"),
            29 => reader.flush(),
            30 => reader.seek_set(usize::from(byte >> 5) * 16),
            _ => _ = reader.read_bytes(&mut [0; 9]),
        }
        assert!(
            reader.bytes_read() <= content.len(),
            "nothing is read beyond the end"
        );
        assert!(
            reader.check().is_err() || !reader.has_failed_reads(),
            "a failure has a reason"
        );
    }
}

/// Any values for the settings. Those that are accepted make a driver that can update.
pub fn settings(data: &[u8]) {
    let mut bytes = Bytes(data);
    let mut builder = NetworkSettings::builder();
    while let Some(pick) = bytes.next() {
        builder = set(builder, pick, bytes.number());
    }
    match builder.build() {
        Ok(settings) => {
            assert!(settings.connection().max_message_size > 0);
            // Threads of its own would be started for real.
            if settings.workers().workers == Workers::Global {
                let network = InProcessNetwork::new();
                if let Ok(mut driver) = NetworkDriver::with_interface(settings, network.interface())
                {
                    driver.update();
                }
            }
        }
        Err(error) => {
            assert!(
                !error.field.is_empty() && !error.value.is_empty() && !error.allowed.is_empty()
            );
        }
    }
}

fn set(builder: NetworkSettingsBuilder, pick: u8, value: u64) -> NetworkSettingsBuilder {
    let size = usize::try_from(value).unwrap_or(usize::MAX);
    let count = u32::try_from(value).unwrap_or(u32::MAX);
    let time = Duration::from_micros(value);
    let even = value.is_multiple_of(2);
    match pick {
        0 => builder.plain(),
        1 => builder.connect_timeout(time),
        2 => builder.max_connect_attempts(count),
        3 => builder.disconnect_timeout(time),
        4 => builder.heartbeat_timeout(time),
        5 => builder.reconnection_timeout(time),
        6 => builder.max_frame_time(time),
        7 => builder.fixed_frame_time(time),
        8 => builder.max_message_size(size),
        9 => builder.path_mtu_discovery(if even {
            PathMtuDiscovery::On
        } else {
            PathMtuDiscovery::Off
        }),
        10 => builder.max_connections(size),
        11 => builder.max_connections_per_ip(size),
        12 => builder.half_open_max(size),
        13 => builder.half_open_lifetime(time),
        14 => builder.waiting_for_accept_max(size),
        15 => builder.waiting_for_accept_lifetime(time),
        16 => builder.limit_loopback(if even {
            LoopbackLimits::Limited
        } else {
            LoopbackLimits::Exempt
        }),
        17 => builder.max_tick_credit(time),
        18 => builder.address_validation(if even {
            AddressValidation::On
        } else {
            AddressValidation::Off
        }),
        19 => builder.legacy_validation(if even {
            LegacyValidation::Allowed
        } else {
            LegacyValidation::Refused
        }),
        20 => builder.dangerous_large_accept_payload(),
        21 => builder.send_bytes_per_connection(size),
        22 => builder.event_bytes_per_connection(size),
        23 => builder.max_memory_per_connection(size),
        24 => builder.max_memory_total(size),
        25 => builder.unread_events(if even {
            UnreadEvents::Keep
        } else {
            UnreadEvents::Drop
        }),
        26 => builder.receive_buffer(size),
        27 => builder.send_buffer(size),
        28 => builder.sockets_per_port(size),
        29 => builder.send_offload(if even { Offload::Auto } else { Offload::Off }),
        30 => builder.dual_stack(if even { DualStack::On } else { DualStack::Off }),
        31 => builder.reuse_address(if even {
            AddressReuse::Shared
        } else {
            AddressReuse::Exclusive
        }),
        32 => builder.socket_retry_max(count),
        33 => builder.workers(Workers::Own {
            threads: size,
            pinning: Pinning::No,
        }),
        34 => builder.inline_threshold(InlineThreshold::Fixed(time)),
        35 => builder.slice_size(size),
        36 => builder.slice_overlap(if even {
            SliceOverlap::On
        } else {
            SliceOverlap::Off
        }),
        _ => builder.dangerous_random_seed(value),
    }
}

/// Input, read from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn next_or_0(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    /// As many bytes as the next one says, or as there are.
    fn counted(&mut self) -> &'a [u8] {
        let count = usize::from(self.next_or_0()).min(self.0.len());
        let (counted, rest) = self.0.split_at(count);
        self.0 = rest;
        counted
    }

    /// A number of up to eight bytes, little-endian, behind the count of its bytes.
    fn number(&mut self) -> u64 {
        let count = self.next_or_0() % 9;
        (0..count).fold(0, |number, place| {
            number | u64::from(self.next_or_0()) << (8 * u32::from(place))
        })
    }
}
