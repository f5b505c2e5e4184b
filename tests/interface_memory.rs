//! The networks in memory: delivery without a socket, and weather by a seed.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking, too"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use drumfire::address::{NetworkEndpoint, Path};
use drumfire::buffer::batch::{BATCH_SIZE, ReceiveBatch};
use drumfire::error::BindError;
use drumfire::interface::{
    BurstLoss, Conditions, InProcessNetwork, MemoryInterface, NetworkInterface, NetworkTally,
    RateLimit, Received, SendFault, SendReport, SimulatedNetwork, Transmit,
};
use drumfire::time::Timestamp;
use proptest::prelude::*;

const MILLISECOND: Duration = Duration::from_millis(1);

fn local(port: u16) -> NetworkEndpoint {
    NetworkEndpoint::loopback_ipv4(port)
}

fn bound(mut interface: MemoryInterface, endpoint: NetworkEndpoint) -> MemoryInterface {
    interface.bind(&endpoint).unwrap();
    interface
}

fn send(interface: &MemoryInterface, to: &NetworkEndpoint, datagrams: &[&[u8]]) -> SendReport {
    let batch: Vec<_> = datagrams
        .iter()
        .map(|bytes| Transmit {
            to,
            from: None,
            bytes,
        })
        .collect();
    let mut report = SendReport::default();
    interface.send(&batch, &mut report);
    report
}

fn receive(interface: &MemoryInterface) -> Vec<(Path, Vec<u8>)> {
    let mut got = Vec::new();
    let mut batch = ReceiveBatch::new(interface.slot_size(1_400));
    loop {
        batch.clear();
        let received = interface.receive(&mut batch);
        let datagrams = batch.datagrams();
        got.extend(datagrams.map(|(path, bytes)| (*path, bytes.to_vec())));
        if received != Received::More {
            return got;
        }
    }
}

fn texts(interface: &MemoryInterface) -> Vec<String> {
    let got = receive(interface).into_iter();
    got.map(|(_, bytes)| String::from_utf8(bytes).unwrap())
        .collect()
}

mod in_process {
    use super::*;

    #[test]
    fn datagrams_arrive_at_once_and_in_order() {
        let network = InProcessNetwork::new();
        let a = bound(network.interface(), local(1));
        let b = bound(network.interface(), local(2));
        let numbers: Vec<String> = (0..200).map(|n| n.to_string()).collect();
        let slices: Vec<&[u8]> = numbers.iter().map(String::as_bytes).collect();
        assert_eq!(send(&a, &local(2), &slices).done, 200);
        assert!(b.wait(Duration::ZERO));
        let mut batch = ReceiveBatch::new(b.slot_size(1_400));
        assert_eq!(b.receive(&mut batch), Received::More);
        assert_eq!(batch.len(), BATCH_SIZE);
        let first = batch.datagrams().next().unwrap();
        assert_eq!((first.0.remote, first.0.local), (local(1), None));
        assert_eq!(texts(&b), numbers[BATCH_SIZE..]);
        assert!(!b.wait(Duration::ZERO));
        assert!(network.tally().conserves());
    }

    #[test]
    fn o2_an_unknown_endpoint_is_dropped_and_counted() {
        let network = InProcessNetwork::new();
        let a = bound(network.interface(), local(1));
        let report = send(&a, &local(9), &[b"1", b"2"]);
        assert_eq!((report.done, report.faults.len()), (2, 0));
        let report = send(&a, &NetworkEndpoint::Custom([3; 60]), &[b"3"]);
        assert_eq!((report.done, report.faults.len()), (1, 0));
        let report = send(&a, &NetworkEndpoint::Invalid, &[b"4"]);
        assert_eq!(report.faults, [(0, SendFault::Refused)]);
        network.inject(&local(7), &local(8), b"5");
        assert_eq!(network.take(&local(8)), []);
        assert_eq!(network.tally().unroutable, 4);
        assert!(network.tally().conserves());
    }

    #[test]
    fn o3_custom_endpoints_are_as_good_as_any() {
        let network = InProcessNetwork::new();
        let (here, there) = (
            NetworkEndpoint::Custom([1; 60]),
            NetworkEndpoint::Custom([2; 60]),
        );
        let a = bound(network.interface(), here);
        let b = bound(network.interface(), there);
        send(&a, &there, &[b"hello"]);
        let got = receive(&b);
        assert_eq!(got, [(Path::from(here), b"hello".to_vec())]);
        let error = network.interface().bind(&here).unwrap_err();
        assert!(matches!(error, BindError::AddressInUse { .. }));
    }

    #[test]
    fn o4_oversized_datagrams_are_dropped_and_counted_between_good_ones() {
        let network = InProcessNetwork::new();
        let a = bound(network.interface(), local(1));
        let b = bound(network.interface(), local(2));
        let (most, more, too_long) = (vec![b'x'; 1_400], vec![0; 1_401], vec![0; 65_508]);
        let report = send(&a, &local(2), &[b"first", &more, &too_long, &most, b"last"]);
        assert_eq!(report.faults, [(2, SendFault::TooLong)]);
        let got: Vec<_> = receive(&b).into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(got, [b"first".to_vec(), most, b"last".to_vec()]);
        assert_eq!(b.statistics().oversize, 1);
        assert!(network.tally().conserves());
    }

    #[test]
    fn a12_port_0_gives_a_fresh_port_each_time_and_the_same_ones_every_run() {
        let ports = || {
            let network = InProcessNetwork::new();
            let interfaces: Vec<_> = [local(0), NetworkEndpoint::any_ipv4(0), local(0)]
                .map(|wish| bound(network.interface(), wish))
                .into();
            let ends = interfaces.iter().map(MemoryInterface::local_endpoint);
            ends.map(|end| end.port()).collect::<Vec<_>>()
        };
        let first = ports();
        assert!(first[0] != 0 && first[0] != first[1] && first[1] != first[2]);
        assert_eq!(first, ports());
    }

    #[test]
    fn a13_r05_a_port_in_use_is_told_and_is_free_when_its_owner_is_gone() {
        let network = InProcessNetwork::new();
        let owner = bound(network.interface(), local(7777));
        let mut other = network.interface();
        for wish in [
            local(7777),
            NetworkEndpoint::any_ipv4(7777),
            NetworkEndpoint::any_ipv6(7777),
        ] {
            let error = other.bind(&wish).unwrap_err();
            assert!(matches!(error, BindError::AddressInUse { endpoint } if endpoint == wish));
            assert_eq!(other.local_endpoint(), NetworkEndpoint::Invalid);
        }
        bound(network.interface(), NetworkEndpoint::loopback_ipv6(7777));
        drop(owner);
        other.bind(&local(7777)).unwrap();
        let again = other.bind(&local(0));
        assert!(matches!(again, Err(BindError::AlreadyBound { .. })));
        let error = network.interface().bind(&NetworkEndpoint::Invalid);
        assert!(matches!(error, Err(BindError::UnsupportedFamily { .. })));
    }

    #[test]
    fn a_wildcard_bind_hears_every_address_and_answers_from_the_one_asked() {
        let network = InProcessNetwork::new();
        let server = bound(network.interface(), NetworkEndpoint::any_ipv6(7777));
        let client = network.socket(&local(0)).unwrap();
        let asked = "127.0.0.2:7777".parse::<std::net::SocketAddr>().unwrap();
        let asked = NetworkEndpoint::from(asked);
        client.send_to(&asked, b"question");
        let (path, bytes) = receive(&server).remove(0);
        assert_eq!(path.local, asked.ip());
        let mut report = SendReport::default();
        let answer = Transmit {
            to: &path.remote,
            from: path.local,
            bytes: &bytes,
        };
        server.send(&[answer], &mut report);
        assert_eq!(client.recv_from(), Some((asked, bytes)));
        // Without a wish it is the loopback address of the peer's family.
        send(&server, &client.local_endpoint(), &[b"more"]);
        assert_eq!(client.recv_from(), Some((local(7777), b"more".to_vec())));
        assert_eq!(client.recv_from(), None);
    }

    #[test]
    fn threads_that_send_at_once_change_nothing_of_what_arrives() {
        let run = |threads: u16| {
            let network = InProcessNetwork::new();
            let tap = network.tap();
            let server = bound(network.interface(), local(1));
            let clients: Vec<_> = (10..26)
                .map(|port| bound(network.interface(), local(port)))
                .collect();
            std::thread::scope(|scope| {
                for thread in 0..threads {
                    let (server, clients) = (&server, &clients);
                    scope.spawn(move || {
                        // Each thread has some of the flows in both directions.
                        let own = clients.iter().zip(10..);
                        for (client, port) in own.filter(|(_, port)| port % threads == thread) {
                            for n in 0..50_u8 {
                                send(client, &local(1), &[&[n], &[n, n]]);
                                send(server, &local(port), &[&[n]]);
                            }
                        }
                    });
                }
            });
            for interface in clients.iter().chain([&server]) {
                interface.flush();
            }
            let arrived: Vec<_> = clients.iter().chain([&server]).map(receive).collect();
            (arrived, tap.take())
        };
        let alone = run(1);
        assert_eq!(alone.0.iter().map(Vec::len).sum::<usize>(), 16 * 150);
        assert_eq!(alone.1.len(), 16 * 150);
        for threads in [2, 4, 16] {
            assert!(run(threads) == alone, "{threads} threads");
        }
    }

    #[test]
    fn a_tap_sees_every_datagram_and_stops_when_dropped() {
        let network = InProcessNetwork::new();
        let mut a = bound(network.interface(), local(1));
        send(&a, &local(9), &[b"before"]);
        let tap = network.tap();
        a.maintain(Timestamp::from_micros(5)).unwrap();
        send(&a, &local(3), &[b"3"]);
        send(&a, &local(2), &[b"2", b"22"]);
        assert_eq!(tap.take(), [], "the update is not over");
        a.flush();
        network.inject(&local(4), &local(1), b"4");
        let seen: Vec<_> = tap.take();
        let to: Vec<_> = seen.iter().map(|datagram| datagram.to.port()).collect();
        assert_eq!(to, [2, 2, 3, 1]);
        assert_eq!(seen[1].bytes, b"22");
        assert_eq!(seen[1].at, Timestamp::from_micros(5));
        assert_eq!((seen[3].from, seen[3].at), (local(4), Timestamp::ZERO));
        drop(tap);
        send(&a, &local(3), &[b"3"]);
        a.flush();
    }

    #[test]
    fn a_wait_is_ended_by_a_datagram() {
        let network = InProcessNetwork::new();
        let a = bound(network.interface(), local(1));
        let b = bound(network.interface(), local(2));
        assert!(!b.wait(MILLISECOND));
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| b.wait(Duration::from_secs(60)));
            send(&a, &local(2), &[b"x"]);
            assert!(waiter.join().unwrap());
        });
    }

    #[test]
    fn an_unbound_interface_does_nothing_and_fails_nothing() {
        let network = InProcessNetwork::new();
        let mut interface = network.interface();
        interface.maintain(Timestamp::ZERO).unwrap();
        assert_eq!(send(&interface, &local(1), &[b"x"]).done, 0);
        interface.flush();
        assert!(!interface.wait(Duration::ZERO));
        assert_eq!(network.tally().sent, 0);
    }
}

mod simulated {
    use super::*;

    /// A server at port 1 and clients from port 10.
    struct World {
        network: SimulatedNetwork,
        server: MemoryInterface,
        clients: Vec<MemoryInterface>,
    }

    fn world(seed: u64, clients: u16, conditions: Conditions) -> World {
        let network = SimulatedNetwork::new(seed, conditions);
        World {
            server: bound(network.interface(), local(1)),
            clients: (0..clients)
                .map(|n| bound(network.interface(), local(10 + n)))
                .collect(),
            network,
        }
    }

    fn rough() -> Conditions {
        Conditions {
            loss: 0.1,
            burst: Some(BurstLoss {
                enter: 0.05,
                leave: 0.3,
                loss: 0.9,
            }),
            duplication: 0.2,
            reordering: 0.2,
            reorder_by: 30 * MILLISECOND,
            delay: 20 * MILLISECOND,
            jitter: 100 * MILLISECOND,
            rate: Some(RateLimit {
                bytes_per_second: 5_000,
                queue: 1_000,
            }),
            mtu: Some(90),
            corruption: 0.1,
        }
    }

    /// What arrived: when, from which port, at which port, the bytes.
    type Log = Vec<(Timestamp, u16, u16, Vec<u8>)>;

    /// Plays a script of (client, size, content): 40 datagrams a step, each sent both ways.
    fn play(seed: u64, script: &[(u8, u8, u8)], threads: usize, reversed: bool) -> Log {
        let world = world(seed, 8, rough());
        let mut log = Log::new();
        for step in script.chunks(40) {
            // One flow stays on one thread; which flows come first differs.
            let mut flows: BTreeMap<u8, Vec<Vec<u8>>> = BTreeMap::new();
            for (client, size, fill) in step {
                let payload = vec![*fill; usize::from(*size)];
                flows.entry(client % 8).or_default().push(payload);
            }
            let mut flows: Vec<_> = flows.into_iter().collect();
            if reversed {
                flows.reverse();
            }
            std::thread::scope(|scope| {
                for part in flows.chunks(flows.len().div_ceil(threads)) {
                    let world = &world;
                    scope.spawn(move || {
                        for (client, payloads) in part {
                            let peer = &world.clients[usize::from(*client)];
                            for payload in payloads {
                                send(peer, &local(1), &[payload]);
                                send(&world.server, &peer.local_endpoint(), &[payload]);
                            }
                        }
                    });
                }
            });
            world.network.advance(16 * MILLISECOND);
            let now = world.network.now();
            for interface in world.clients.iter().chain([&world.server]) {
                let to = interface.local_endpoint().port();
                for (path, bytes) in receive(interface) {
                    log.push((now, path.remote.port(), to, bytes));
                }
            }
        }
        let tally = world.network.tally();
        assert!(tally.conserves(), "{tally:?}");
        assert_eq!(tally.sent, u64::try_from(2 * script.len()).unwrap());
        assert_eq!(tally.delivered, u64::try_from(log.len()).unwrap());
        log
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(40)
        })]

        #[test]
        fn the_same_seed_gives_the_same_arrivals_whoever_sends_first(
            seed: u64,
            script in prop::collection::vec((0..8_u8, 0..100_u8, any::<u8>()), 1..400),
        ) {
            let alone = play(seed, &script, 1, false);
            prop_assert_eq!(&play(seed, &script, 1, true), &alone);
            prop_assert_eq!(&play(seed, &script, 4, false), &alone);
        }
    }

    #[test]
    fn another_seed_is_another_weather() {
        let script: Vec<_> = (0..200).map(|n| (n, 50, n)).collect();
        assert_ne!(play(1, &script, 1, false), play(2, &script, 1, false));
    }

    #[test]
    fn a_delayed_datagram_arrives_on_time_and_not_before() {
        let world = world(1, 1, Conditions::delayed(50 * MILLISECOND));
        let network = &world.network;
        send(&world.clients[0], &local(1), &[b"x"]);
        let due = Timestamp::from_micros(50_000);
        assert_eq!(network.next_arrival(), Some(due));
        assert_eq!(network.tally().in_flight, 1);
        network.advance(49 * MILLISECOND);
        assert!(
            !world.server.wait(Duration::MAX),
            "virtual time waits for nobody"
        );
        network.advance(MILLISECOND);
        assert!(world.server.wait(Duration::ZERO));
        assert_eq!(texts(&world.server), ["x"]);
        assert_eq!(network.next_arrival(), None);
    }

    #[test]
    fn without_conditions_everything_arrives_at_once() {
        let world = world(1, 1, Conditions::default());
        send(&world.clients[0], &local(1), &[b"1", b"2"]);
        assert_eq!(texts(&world.server), ["1", "2"]);
        send(&world.clients[0], &local(99), &[b"3"]);
        assert!(!world.server.wait(Duration::ZERO));
        assert_eq!(world.network.tally().unroutable, 1);
    }

    #[test]
    fn every_kind_of_loss_is_counted_as_what_it_is() {
        let expect = |conditions: Conditions, lost: fn(&NetworkTally) -> u64| {
            let world = world(3, 1, conditions);
            let payload: &[u8] = &[0; 100];
            send(&world.clients[0], &local(1), &[payload; 1_000]);
            let tally = world.network.tally();
            assert!(tally.conserves(), "{tally:?}");
            assert!(
                lost(&tally) > 0 && lost(&tally) == tally.lost(),
                "{tally:?}"
            );
        };
        let base = Conditions::default();
        expect(Conditions::lossy(0.5), |tally| tally.lost_at_random);
        let burst = BurstLoss {
            enter: 0.1,
            leave: 0.1,
            loss: 1.0,
        };
        let bursts = Conditions {
            burst: Some(burst),
            ..base
        };
        expect(bursts, |tally| tally.lost_in_burst);
        let narrow = Conditions {
            mtu: Some(99),
            ..base
        };
        expect(narrow, |tally| tally.lost_to_mtu);
        let rate = RateLimit {
            bytes_per_second: 1_000,
            queue: 1_000,
        };
        let slow = Conditions {
            rate: Some(rate),
            ..base
        };
        expect(slow, |tally| tally.lost_to_rate);
    }

    #[test]
    fn duplicates_and_corruption_come_at_their_rates() {
        let conditions = Conditions {
            duplication: 0.5,
            corruption: 0.5,
            ..Conditions::default()
        };
        let world = world(5, 1, conditions);
        let payload: &[u8] = &[0; 100];
        send(&world.clients[0], &local(1), &[payload; 1_000]);
        let got = receive(&world.server);
        let tally = world.network.tally();
        assert!((400..600).contains(&tally.duplicated), "{tally:?}");
        assert!((400..600).contains(&tally.corrupted), "{tally:?}");
        let bad = got.iter().filter(|(_, bytes)| bytes != payload).count();
        assert_eq!(u64::try_from(bad).unwrap(), tally.corrupted);
        for (_, bytes) in got {
            let flipped: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
            assert!(bytes.len() == 100 && flipped <= 3);
        }
    }

    #[test]
    fn a_reordered_datagram_is_overtaken() {
        let conditions = Conditions {
            reordering: 0.1,
            reorder_by: 10 * MILLISECOND,
            ..Conditions::default()
        };
        let world = world(5, 1, conditions);
        let numbers: Vec<[u8; 1]> = (0..200).map(|n| [n]).collect();
        let slices: Vec<&[u8]> = numbers.iter().map(<[u8; 1]>::as_slice).collect();
        send(&world.clients[0], &local(1), &slices);
        world.network.advance(10 * MILLISECOND);
        let got: Vec<u8> = receive(&world.server).iter().map(|got| got.1[0]).collect();
        let late = got.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!(got.len() == 200 && late == 1, "{got:?}");
        assert!((5..50).contains(&world.network.tally().reordered));
    }

    #[test]
    fn conditions_are_per_direction_and_change_at_run_time() {
        let world = world(1, 2, Conditions::default());
        let (network, ends) = (&world.network, [local(10), local(11)]);
        let exchange = || {
            for (client, end) in world.clients.iter().zip(&ends) {
                send(client, &local(1), &[b"up"]);
                send(&world.server, end, &[b"down"]);
            }
            let down = world.clients.iter().map(|client| texts(client).len());
            (texts(&world.server).len(), down.collect::<Vec<_>>())
        };
        assert_eq!(exchange(), (2, vec![1, 1]));
        network.set_conditions_to(&ends[0], Conditions::lossy(1.0));
        assert_eq!(exchange(), (2, vec![0, 1]));
        network.set_conditions_from(&ends[1], Conditions::lossy(1.0));
        assert_eq!(exchange(), (1, vec![0, 1]));
        network.set_conditions_between(&local(1), &ends[0], Conditions::default());
        assert_eq!(exchange(), (1, vec![1, 1]));
        network.set_conditions(Conditions::lossy(1.0));
        assert_eq!(exchange(), (0, vec![1, 0]));
    }

    #[test]
    fn partitions_cut_both_ways_and_heal() {
        let world = world(1, 2, Conditions::default());
        let (network, a, b) = (&world.network, local(10), local(11));
        // Whether the server hears the client, and the client the server.
        let reaches = |client: usize, end: &NetworkEndpoint| {
            send(&world.clients[client], &local(1), &[b"up"]);
            send(&world.server, end, &[b"down"]);
            let up = texts(&world.server).len() == 1;
            (up, texts(&world.clients[client]).len() == 1)
        };
        network.partition(&a, &local(1));
        assert_eq!(reaches(0, &a), (false, false));
        assert_eq!(reaches(1, &b), (true, true));
        network.join(&local(1), &a);
        network.cut(&local(1), &b);
        assert_eq!(reaches(0, &a), (true, true));
        assert_eq!(reaches(1, &b), (true, false));
        network.isolate(&local(1));
        assert_eq!(reaches(0, &a), (false, false));
        network.rejoin(&local(1));
        assert_eq!(reaches(0, &a), (true, true));
        network.heal();
        assert_eq!(reaches(1, &b), (true, true));
        assert_eq!(network.tally().lost_to_partition, 5);
        assert!(network.tally().conserves());
    }

    #[test]
    fn an_address_change_shows_to_the_peer_only() {
        let world = world(1, 1, Conditions::delayed(MILLISECOND));
        let (network, client) = (&world.network, &world.clients[0]);
        let (inner, outer, later) = (local(10), local(5_000), local(6_000));
        let source = || {
            send(client, &local(1), &[b"up"]);
            network.advance(MILLISECOND);
            receive(&world.server)[0].0.remote
        };
        let reaches = |end: &NetworkEndpoint| {
            send(&world.server, end, &[b"down"]);
            network.advance(MILLISECOND);
            texts(client).len() == 1
        };
        assert_eq!(source(), inner);
        send(&world.server, &inner, &[b"under way"]);
        network.rebind(&inner, &outer);
        network.advance(MILLISECOND);
        assert_eq!(texts(client).len(), 0, "sent to an address that is gone");
        assert_eq!(client.local_endpoint(), inner);
        assert_eq!(source(), outer);
        assert!(reaches(&outer) && !reaches(&inner));
        network.rebind(&outer, &later);
        assert_eq!(source(), later);
        assert!(reaches(&later) && !reaches(&outer));
        network.rebind(&later, &inner);
        assert_eq!(source(), inner);
        assert!(reaches(&inner));
        assert!(network.tally().conserves());
    }
}
