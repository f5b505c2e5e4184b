//! The steady state allocates nothing: counted over real sockets on loopback.

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use drumfire::settings::InlineThreshold;
use drumfire::{NetworkDriver, NetworkEvent, NetworkSettings};

/// Counts allocations of the whole process, and the bytes in use.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static IN_USE: AtomicI64 = AtomicI64::new(0);

#[expect(unsafe_code, reason = "a global allocator is an unsafe trait; this one counts and passes on")]
// SAFETY: every call is passed on to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        IN_USE.fetch_add(i64::try_from(layout.size()).unwrap_or(0), Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract, which is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(i64::try_from(layout.size()).unwrap_or(0), Ordering::Relaxed);
        // SAFETY: the caller keeps `dealloc`'s contract, which is the system allocator's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CLIENTS: usize = 200;

/// A server and raw clients that are connected to it and validated.
struct World {
    server: NetworkDriver,
    clients: Vec<UdpSocket>,
}

impl World {
    fn new(threshold: InlineThreshold) -> Self {
        let settings = NetworkSettings::builder().plain().inline_threshold(threshold).build().unwrap();
        let mut server = NetworkDriver::new(settings).unwrap();
        server.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        server.listen().unwrap();
        let address = server.local_endpoint().to_socket_addr().unwrap();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|index| {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                socket.connect(address).unwrap();
                socket.set_nonblocking(true).unwrap();
                let mut request = b"UTP\x01\x01".to_vec();
                request.extend_from_slice(&token(index));
                socket.send(&request).unwrap();
                socket
            })
            .collect();
        let mut world = Self { server, clients };
        world.server.update();
        while world.server.accept().is_some() {}
        // The first messages bring the probes of the clients' addresses; answer them.
        for _ in 0..50 {
            world.round();
        }
        world
    }

    /// One message from every client, echoed; probes are answered. Returns the echoes.
    fn round(&mut self) -> usize {
        let mut packet = [0; 74];
        for (index, client) in self.clients.iter().enumerate() {
            packet[0] = 1;
            packet[1..9].copy_from_slice(&token(index));
            client.send(&packet).unwrap();
        }
        self.server.update();
        for mut port in self.server.to_concurrent().iter_mut() {
            let (mut events, mut sender) = port.split();
            while let Some(event) = events.pop_event() {
                let NetworkEvent::Data { pipeline, mut reader } = event else { continue };
                if let Ok(mut echo) = sender.begin_send_with(pipeline, 64) {
                    let mut bytes = [0; 64];
                    reader.read_bytes(&mut bytes);
                    echo.write_bytes(&bytes);
                    echo.end_send().unwrap();
                }
            }
        }
        self.server.schedule_flush_send().complete();
        let mut echoes = 0;
        let mut buffer = [0; 1500];
        for (index, client) in self.clients.iter().enumerate() {
            while let Ok(len) = client.recv(&mut buffer) {
                match buffer[0] {
                    1 if len == 74 => echoes += 1,
                    4 => {
                        let value = u16::from_le_bytes([buffer[9], buffer[10]]).wrapping_add(11).to_le_bytes();
                        let mut answer = [5; 13];
                        answer[1..9].copy_from_slice(&token(index));
                        answer[9..].copy_from_slice(&[2, 0, value[0], value[1]]);
                        client.send(&answer).unwrap();
                    }
                    _ => {}
                }
            }
        }
        echoes
    }
}

fn token(index: usize) -> [u8; 8] {
    (0x0102_0304_0506_0000 + index as u64).to_le_bytes()
}

#[test]
fn a_steady_update_allocates_nothing_and_a_spread_one_only_its_spawns() {
    let mut world = World::new(InlineThreshold::AlwaysInline);
    assert_eq!(world.round(), CLIENTS);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..50 {
        assert_eq!(world.round(), CLIENTS);
    }
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0, "allocations of 50 inline rounds");
    drop(world);

    let mut world = World::new(InlineThreshold::NeverInline);
    assert_eq!(world.round(), CLIENTS);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    const ROUNDS: u64 = 50;
    for _ in 0..ROUNDS {
        assert_eq!(world.round(), CLIENTS);
    }
    let threads = u64::try_from(std::thread::available_parallelism().map_or(1, usize::from)).unwrap();
    let allocated = ALLOCATIONS.load(Ordering::Relaxed) - before;
    // An update and a flush a round, each with one lead and threads − 1 helpers; rayon's injector
    // takes a block now and then.
    let allowed = ROUNDS * 2 * (threads + 1) * 2;
    assert!(allocated <= allowed, "{allocated} allocations in {ROUNDS} spread rounds, at most {allowed} allowed");

    idle_connections_cost_at_most_a_kibibyte();
}

/// Part of the one test of this file: the counters are the process's.
fn idle_connections_cost_at_most_a_kibibyte() {
    let bytes = |clients: usize| {
        let before = IN_USE.load(Ordering::Relaxed);
        let settings = NetworkSettings::builder()
            .plain()
            .fixed_frame_time(std::time::Duration::from_millis(400))
            .address_validation(drumfire::settings::AddressValidation::Off)
            .inline_threshold(InlineThreshold::AlwaysInline)
            .build()
            .unwrap();
        let mut server = NetworkDriver::new(settings).unwrap();
        server.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        server.listen().unwrap();
        let address = server.local_endpoint().to_socket_addr().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for index in 0..clients {
            let mut request = b"UTP\x01\x01".to_vec();
            request.extend_from_slice(&token(index));
            socket.send_to(&request, address).unwrap();
            if index % 64 == 63 {
                server.update();
                while server.accept().is_some() {}
            }
        }
        for _ in 0..40 {
            server.update();
            while server.accept().is_some() {}
        }
        assert_eq!(server.connections().count(), clients);
        let used = IN_USE.load(Ordering::Relaxed) - before;
        drop(server);
        used
    };
    let (few, many) = (bytes(64), bytes(4096));
    let each = (many - few) / (4096 - 64);
    println!("{each} bytes an idle connection");
    assert!(each <= 1024, "{each} bytes an idle connection");
}
