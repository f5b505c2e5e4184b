//! A flood of forged requests, and clients that connect in spite of it.

use super::*;

/// A stock client, as far as a server sees it while it connects.
struct Client {
    path: Path,
    token: Token,
    began: Timestamp,
    last_request: Option<Timestamp>,
    /// When it sends its next heartbeat; none before its accept.
    next_heartbeat: Option<Timestamp>,
    connected_after: Option<Duration>,
}

impl Client {
    fn new(number: u32, now: Timestamp) -> Self {
        Self {
            path: host(0x00F0_0000 + number),
            token: token(0xC11E_0000_0000_0000 + u64::from(number)),
            began: now,
            last_request: None,
            next_heartbeat: None,
            connected_after: None,
        }
    }

    /// Hears what was sent to it, and says what is due, once a frame.
    fn frame(&mut self, world: &mut World, heard: &[Vec<u8>]) {
        for bytes in heard {
            match Packet::parse(bytes).unwrap() {
                Packet::Accept { .. } => {
                    let asked = self.last_request.unwrap_or(self.began);
                    self.next_heartbeat
                        .get_or_insert_with(|| asked + millis(500));
                }
                Packet::MtuCheck { len, .. } => {
                    assert!(self.next_heartbeat.is_some(), "a check before the accept");
                    let verdict = world.ack(&self.path, self.token, ack_for_check(len, 0));
                    self.see(world, &verdict);
                }
                packet => panic!("{packet:?}"),
            }
        }
        match self.next_heartbeat {
            None if self
                .last_request
                .is_none_or(|at| at + millis(1_000) <= world.now) =>
            {
                self.last_request = Some(world.now);
                let verdict = world.request(&self.path, self.token, b"");
                self.see(world, &verdict);
            }
            Some(at) if at <= world.now => {
                self.next_heartbeat = Some(world.now + millis(500));
                let verdict = world.heartbeat(&self.path, self.token);
                self.see(world, &verdict);
            }
            _ => {}
        }
    }

    fn see(&mut self, world: &mut World, verdict: &Verdict) {
        if let Verdict::Open { slot, .. } | Verdict::OpenProven { slot, .. } = verdict {
            world.endpoint.validated(*slot);
            self.connected_after.get_or_insert(world.now - self.began);
        }
    }
}

#[test]
fn r21_request_flood_is_bounded_and_clients_get_in() {
    const FRAME: Duration = Duration::from_millis(20);
    const FLOOD_PER_FRAME: u32 = 1_000;
    const SOURCES: u32 = 60_000;

    let mut world = World::new(|builder| builder);
    let mut established = Vec::new();
    for number in 0..100 {
        let path = host(0x00E0_0000 + number);
        let name = token(0xE57A_0000_0000_0000 + u64::from(number));
        let Verdict::Open { slot, .. } = world.request(&path, name, b"") else {
            panic!("an empty driver has room");
        };
        world.endpoint.validated(slot);
        world.endpoint.accepted(slot);
        established.push((path, name, slot));
    }

    // 50,000 requests a second from 60,000 addresses.
    let mut clients: Vec<Client> = Vec::new();
    let mut number = 0_u32;
    let mut post: HashMap<NetworkEndpoint, Vec<Vec<u8>>> = HashMap::new();
    for frame in 0..600_u32 {
        world.wait(FRAME);
        for _ in 0..FLOOD_PER_FRAME {
            number += 1;
            world.request(&host(number % SOURCES), token(number.into()), b"");
        }
        // Ten clients a second, within what the flood leaves of each update.
        if frame % 5 == 0 && frame < 350 {
            clients.push(Client::new(frame, world.now));
        }
        for client in &mut clients {
            let heard = post.remove(&client.path.remote).unwrap_or_default();
            client.frame(&mut world, &heard);
        }
        for &(path, name, slot) in &established {
            assert_eq!(world.heartbeat(&path, name), Verdict::Deliver { slot });
        }
        post.clear();
        for (path, bytes) in world.replies() {
            post.entry(path.remote).or_default().push(bytes);
        }
        // The application takes everyone at once.
        for slot in 0..world.endpoint.slots() {
            world.endpoint.accepted(slot);
        }
        let statistics = world.endpoint.statistics();
        assert!(statistics.half_open <= 65_536 && statistics.connections <= 10_000);
        assert!(statistics.unproven <= 2_500);
    }
    let late: Vec<_> = clients
        .iter()
        .filter(|client| {
            client
                .connected_after
                .is_none_or(|time| time > millis(5_000))
        })
        .map(|client| client.connected_after)
        .collect();
    assert!(
        late.is_empty(),
        "{} of {}: {late:?}",
        late.len(),
        clients.len()
    );
    assert!(world.endpoint.statistics().stateless_accepts > 100_000);
    world.assert_conserved();
    world.assert_no_amplification();

    // Ten seconds after the flood its records are gone.
    world.wait(millis(10_000));
    assert_eq!(world.endpoint.statistics().half_open, 0);
    assert!(!world.endpoint.under_load());
}

#[test]
fn r40_a_flood_of_refusals_is_a_few_lines() {
    let mut world = World::new(|builder| builder.max_connections(1));
    world.request(&host(1), token(1), b"");
    world.endpoint.validated(0);
    for number in 0..10_000 {
        world.request(&host(2), token(1_000 + number), b"");
    }
    assert_eq!(world.endpoint.journal().captured.len(), 10);
    world.wait(millis(1_000));
    let (_, line) = world.endpoint.journal().captured.last().unwrap();
    assert_eq!(line, "9990 more lines like the last");
}
