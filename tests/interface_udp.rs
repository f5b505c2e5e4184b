//! The UDP interface on real sockets of this machine, by both paths to the system.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, too"
)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use drumfire::address::{NetworkEndpoint, Path};
use drumfire::buffer::batch::ReceiveBatch;
use drumfire::error::{BindError, StatusCode};
use drumfire::interface::{
    NetworkInterface, Received, SendFault, SendReport, SystemPath, Transmit, UdpInterface,
    UdpOptions,
};

const PATHS: [SystemPath; 2] = [SystemPath::Auto, SystemPath::Portable];
/// Long enough for any delivery within the machine, and never waited for in full.
const PATIENCE: Duration = Duration::from_secs(10);
const SLOT: usize = 1_501;

fn options(path: SystemPath) -> UdpOptions {
    UdpOptions {
        path,
        ..UdpOptions::default()
    }
}

fn bound(options: UdpOptions, endpoint: NetworkEndpoint) -> UdpInterface {
    let mut interface = UdpInterface::new(options);
    interface.bind(&endpoint).unwrap();
    interface
}

fn local(path: SystemPath) -> UdpInterface {
    bound(options(path), NetworkEndpoint::loopback_ipv4(0))
}

fn endpoint(text: &str) -> NetworkEndpoint {
    text.parse::<SocketAddr>().unwrap().into()
}

fn on_port(ip: [u8; 4], port: u16) -> NetworkEndpoint {
    SocketAddr::new(Ipv4Addr::from(ip).into(), port).into()
}

fn send_from(
    interface: &UdpInterface,
    to: &NetworkEndpoint,
    from: Option<IpAddr>,
    datagrams: &[&[u8]],
) -> SendReport {
    let batch: Vec<_> = datagrams
        .iter()
        .map(|bytes| Transmit { to, from, bytes })
        .collect();
    let mut report = SendReport::default();
    interface.send(&batch, &mut report);
    report
}

fn send(interface: &UdpInterface, to: &NetworkEndpoint, datagrams: &[&[u8]]) {
    let report = send_from(interface, to, None, datagrams);
    assert_eq!((report.done, &*report.faults), (datagrams.len(), &[][..]));
}

/// Receives until `count` datagrams are there or nothing comes any more.
fn receive(interface: &UdpInterface, count: usize, slot: usize) -> Vec<(Path, Vec<u8>)> {
    let mut got = Vec::new();
    let mut batch = ReceiveBatch::new(interface.slot_size(slot - 1));
    while got.len() < count && interface.wait(PATIENCE) {
        batch.clear();
        let received = interface.receive(&mut batch);
        assert_ne!(received, Received::Failed);
        let datagrams = batch.datagrams();
        got.extend(datagrams.map(|(path, bytes)| (*path, bytes.to_vec())));
    }
    got
}

fn bytes(got: Vec<(Path, Vec<u8>)>) -> Vec<Vec<u8>> {
    got.into_iter().map(|(_, bytes)| bytes).collect()
}

#[test]
fn o1_datagrams_go_round_by_every_pair_of_paths() {
    for (here, there) in PATHS.iter().flat_map(|a| PATHS.map(|b| (*a, b))) {
        let (a, b) = (local(here), local(there));
        let sent: Vec<Vec<u8>> = (0..200_u8).map(|n| vec![n; usize::from(n) * 7]).collect();
        let slices: Vec<&[u8]> = sent.iter().map(Vec::as_slice).collect();
        send(&a, &b.local_endpoint(), &slices);
        let got = receive(&b, 200, SLOT);
        let from_a = |(path, _): &(Path, _)| path.remote == a.local_endpoint();
        assert!(got.iter().all(from_a));
        assert_eq!(bytes(got), sent, "{here:?} to {there:?}");
        assert!(!b.wait(Duration::ZERO));
    }
}

#[test]
fn a12_port_0_gives_a_real_port() {
    for path in PATHS {
        for wish in [
            NetworkEndpoint::loopback_ipv4(0),
            NetworkEndpoint::any_ipv4(0),
            NetworkEndpoint::loopback_ipv6(0),
            NetworkEndpoint::any_ipv6(0),
        ] {
            let interface = bound(options(path), wish);
            assert_ne!(interface.local_endpoint().port(), 0);
            assert_eq!(interface.local_endpoint().ip(), wish.ip());
        }
    }
}

#[test]
fn a13_r05_a_port_in_use_is_told_by_name_and_the_interface_stays_usable() {
    for path in PATHS {
        // An address of its own: no other test takes the port while it is free.
        let first = bound(options(path), on_port([127, 0, 0, 77], 0));
        let taken = first.local_endpoint();
        let mut second = UdpInterface::new(options(path));
        let error = second.bind(&taken).unwrap_err();
        assert!(matches!(error, BindError::AddressInUse { endpoint } if endpoint == taken));
        assert_eq!(error.status(), StatusCode::NetworkSocketError);
        assert!(error.to_string().contains(&taken.port().to_string()));
        assert_eq!(second.local_endpoint(), NetworkEndpoint::Invalid);
        drop(first);
        second.bind(&taken).unwrap();
        assert_eq!(second.local_endpoint(), taken);
        let again = second.bind(&NetworkEndpoint::loopback_ipv4(0));
        assert!(matches!(again, Err(BindError::AlreadyBound { .. })));
        assert_eq!(second.local_endpoint(), taken, "the first binding stays");
    }
}

#[test]
fn r05_an_address_of_another_machine_is_not_available() {
    // RFC 5737: an address for documentation, which nobody has.
    let foreign = endpoint("192.0.2.1:0");
    let mut interface = UdpInterface::new(UdpOptions::default());
    let error = interface.bind(&foreign).unwrap_err();
    assert!(matches!(error, BindError::AddressNotAvailable { endpoint } if endpoint == foreign));
    for strange in [NetworkEndpoint::Invalid, NetworkEndpoint::Custom([1; 60])] {
        let error = interface.bind(&strange).unwrap_err();
        assert!(matches!(error, BindError::UnsupportedFamily { .. }));
    }
    interface.bind(&NetworkEndpoint::loopback_ipv4(0)).unwrap();
}

#[test]
fn r06_mapped_is_one_client() {
    // Clients of either family, all known to a dual-stack server by their canonical address.
    for path in PATHS {
        let server = bound(options(path), NetworkEndpoint::any_ipv6(0));
        let port = server.local_endpoint().port();
        let v4 = local(path);
        let v6 = bound(options(path), NetworkEndpoint::loopback_ipv6(0));
        // It reaches an IPv4 address by its mapped form.
        let dual = bound(options(path), NetworkEndpoint::any_ipv6(0));

        send(&v4, &NetworkEndpoint::loopback_ipv4(port), &[b"v4"]);
        send(&v6, &NetworkEndpoint::loopback_ipv6(port), &[b"v6"]);
        send(&dual, &NetworkEndpoint::loopback_ipv4(port), &[b"dual"]);
        let got = receive(&server, 3, SLOT);
        let remotes: Vec<_> = got.iter().map(|(path, _)| path.remote).collect();
        let expected = [
            v4.local_endpoint(),
            v6.local_endpoint(),
            NetworkEndpoint::loopback_ipv4(dual.local_endpoint().port()),
        ];
        assert_eq!(remotes, expected, "{path:?}");

        // And answers reach each by that address.
        for (client, (path, bytes)) in [&v4, &v6, &dual].into_iter().zip(&got) {
            let report = send_from(&server, &path.remote, path.local, &[bytes]);
            assert_eq!((report.done, report.faults.len()), (1, 0));
            let back = receive(client, 1, SLOT);
            assert_eq!(back[0].1, *bytes);
            assert_eq!(back[0].0.remote.port(), port);
        }
    }
}

#[test]
fn without_dual_stack_an_ipv6_server_hears_no_ipv4() {
    for path in PATHS {
        let single = UdpOptions {
            dual_stack: false,
            ..options(path)
        };
        let server = bound(single.clone(), NetworkEndpoint::any_ipv6(0));
        // The IPv4 port is free for another.
        let to = on_port([127, 0, 0, 78], server.local_endpoint().port());
        let other = bound(single, to);
        send(&local(path), &to, &[b"v4"]);
        assert_eq!(bytes(receive(&other, 1, SLOT)), [b"v4"]);
        assert!(!server.wait(Duration::ZERO));
        let to_v4 = send_from(&server, &to, None, &[b"x"]);
        assert_eq!(to_v4.faults, [(0, SendFault::Unreachable)]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_leaves_from_the_address_the_question_came_to() {
    for wildcard in [NetworkEndpoint::any_ipv4(0), NetworkEndpoint::any_ipv6(0)] {
        let server = bound(UdpOptions::default(), wildcard);
        let port = server.local_endpoint().port();
        let client = local(SystemPath::Auto);
        for last in [1, 2, 3] {
            let asked = on_port([127, 0, 0, last], port);
            send(&client, &asked, &[b"question"]);
            let (path, _) = receive(&server, 1, SLOT)[0];
            assert_eq!(path.local, asked.ip(), "on {wildcard}");
            // Both alone and in a train.
            for answer in [&[b"a".as_slice()][..], &[b"bb", b"bb", b"b"]] {
                let report = send_from(&server, &path.remote, path.local, answer);
                assert_eq!((report.done, report.faults.len()), (answer.len(), 0));
                for (path, _) in receive(&client, answer.len(), SLOT) {
                    assert_eq!(path.remote, asked, "on {wildcard}");
                }
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_over_ipv6_leaves_from_the_address_the_question_came_to() {
    let server = bound(UdpOptions::default(), NetworkEndpoint::any_ipv6(0));
    let asked = NetworkEndpoint::loopback_ipv6(server.local_endpoint().port());
    let client = bound(UdpOptions::default(), NetworkEndpoint::loopback_ipv6(0));
    send(&client, &asked, &[b"question"]);
    let (path, _) = receive(&server, 1, SLOT)[0];
    assert_eq!(path.local, asked.ip());
    send_from(&server, &path.remote, path.local, &[b"answer"]);
    assert_eq!(receive(&client, 1, SLOT)[0].0.remote, asked);
}

#[cfg(target_os = "linux")]
#[test]
fn a_source_address_that_is_not_ours_is_a_fault_of_that_datagram_only() {
    let server = bound(UdpOptions::default(), NetworkEndpoint::any_ipv4(0));
    let client = local(SystemPath::Auto);
    let to = client.local_endpoint();
    let foreign = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    let batch = [(None, b"1"), (foreign, b"2"), (None, b"3")].map(|(from, bytes)| Transmit {
        to: &to,
        from,
        bytes,
    });
    let mut report = SendReport::default();
    server.send(&batch, &mut report);
    // Linux finds no route from there.
    assert_eq!(report.faults, [(1, SendFault::Unreachable)]);
    assert_eq!(bytes(receive(&client, 2, SLOT)), [b"1", b"3"]);
}

#[test]
fn o4_oversized_datagrams_are_dropped_and_counted_between_good_ones() {
    for path in PATHS {
        let (a, b) = (local(path), local(path));
        let (most, one_more, far_more) = (vec![1; 100], vec![2; 101], vec![3; 5_000]);
        let to = b.local_endpoint();
        send(&a, &to, &[b"first", &one_more, &most, &far_more, b"last"]);
        let got = bytes(receive(&b, 3, 101));
        assert_eq!(got, [b"first".to_vec(), most, b"last".to_vec()], "{path:?}");
        assert_eq!(b.statistics().oversize, 2);
    }
}

#[test]
fn o4_a_datagram_longer_than_udp_carries_is_a_fault_and_the_rest_goes_out() {
    for path in PATHS {
        let (a, b) = (local(path), local(path));
        let (largest, too_long) = (vec![7; 65_507], vec![0; 65_508]);
        let to = b.local_endpoint();
        let report = send_from(&a, &to, None, &[b"first", &too_long, &largest]);
        assert_eq!(report.done, 3);
        assert_eq!(report.faults, [(1, SendFault::TooLong)]);
        let got = bytes(receive(&b, 2, 65_508));
        assert_eq!(got, [b"first".to_vec(), largest]);
    }
}

#[test]
fn r06_a_datagram_from_ourselves_is_dropped_and_counted() {
    for path in PATHS {
        for wish in [
            NetworkEndpoint::loopback_ipv4(0),
            NetworkEndpoint::any_ipv4(0),
            NetworkEndpoint::any_ipv6(0),
        ] {
            let interface = bound(options(path), wish);
            let own = NetworkEndpoint::loopback_ipv4(interface.local_endpoint().port());
            send(&interface, &own, &[b"echo"]);
            assert!(interface.wait(PATIENCE));
            let mut batch = ReceiveBatch::new(SLOT);
            interface.receive(&mut batch);
            assert_eq!(batch.datagrams().count(), 0);
            assert_eq!(interface.statistics().bad_source, 1);
        }
    }
}

#[test]
fn trains_arrive_as_the_datagrams_they_are_made_of() {
    for gro in [false, true] {
        let sender = local(SystemPath::Auto);
        if !sender.segments() {
            eprintln!("SKIPPED: this kernel has no UDP segmentation");
            return;
        }
        let wish = UdpOptions {
            gro,
            ..UdpOptions::default()
        };
        let receiver = bound(wish, NetworkEndpoint::loopback_ipv4(0));
        if gro && !receiver.coalesces() {
            eprintln!("SKIPPED: this kernel has no UDP coalescing");
            return;
        }
        let sent: Vec<Vec<u8>> = (0..130_u8)
            .map(|n| vec![n; if n == 129 { 5 } else { 1_200 }])
            .chain([vec![200; 64], vec![201; 64], vec![], vec![202; 64]])
            .collect();
        let slices: Vec<&[u8]> = sent.iter().map(Vec::as_slice).collect();
        send(&sender, &receiver.local_endpoint(), &slices);
        assert_eq!(bytes(receive(&receiver, sent.len(), SLOT)), sent);

        let (out, into) = (sender.statistics(), receiver.statistics());
        // 54 × 1,200 bytes fill a train; the short one ends the third; two of 64 make one more.
        assert_eq!((out.segmented, out.send_calls), (132, 1));
        assert_eq!(into.coalesced, if gro { 132 } else { 0 });
        assert_eq!(receiver.slot_size(100), if gro { 65_535 } else { 101 });
    }
}

#[test]
fn trains_to_many_peers_keep_to_their_peers() {
    let sender = local(SystemPath::Auto);
    let receivers: Vec<_> = (0..20).map(|_| local(SystemPath::Auto)).collect();
    let ends: Vec<_> = receivers.iter().map(UdpInterface::local_endpoint).collect();
    let payloads: Vec<Vec<u8>> = (0..20_u8).map(|n| vec![n; 100]).collect();
    // More datagrams than one call takes.
    let transmits = ends.iter().zip(&payloads).map(|(to, bytes)| Transmit {
        to,
        from: None,
        bytes,
    });
    let batch: Vec<_> = transmits
        .flat_map(|transmit| std::iter::repeat_n(transmit, 40))
        .collect();
    let mut report = SendReport::default();
    sender.send(&batch, &mut report);
    assert_eq!((report.done, report.faults.len()), (800, 0));
    for (receiver, payload) in receivers.iter().zip(&payloads) {
        let got = bytes(receive(receiver, 40, SLOT));
        assert!(got.len() == 40 && got.iter().all(|bytes| bytes == payload));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_the_kernel_drops_is_counted() {
    let sender = local(SystemPath::Auto);
    let tiny = UdpOptions {
        receive_buffer: 1,
        ..UdpOptions::default()
    };
    let receiver = bound(tiny, NetworkEndpoint::loopback_ipv4(0));
    let payload: &[u8] = &[0; 100];
    for _ in 0..10 {
        send(&sender, &receiver.local_endpoint(), &[payload; 50]);
    }
    let mut got = 0;
    let mut batch = ReceiveBatch::new(SLOT);
    while receiver.wait(Duration::ZERO) {
        batch.clear();
        receiver.receive(&mut batch);
        got += batch.datagrams().count();
    }
    assert!(got < 500, "the buffer held everything");
    // The kernel tells with the next datagram it takes.
    send(&sender, &receiver.local_endpoint(), &[payload]);
    receive(&receiver, 1, SLOT);
    let drops = usize::try_from(receiver.statistics().kernel_drops).unwrap();
    assert_eq!(got + drops, 500);
}

#[test]
fn the_granted_buffers_are_reported() {
    for path in PATHS {
        let small = UdpOptions {
            receive_buffer: 20_000,
            send_buffer: 30_000,
            ..options(path)
        };
        let statistics = bound(small, NetworkEndpoint::loopback_ipv4(0)).statistics();
        assert!(statistics.receive_buffer >= 20_000);
        assert!(statistics.send_buffer >= 30_000);
        assert!(local(path).statistics().receive_buffer > statistics.receive_buffer);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn several_sockets_share_a_port_and_none_is_left_unread() {
    for path in PATHS {
        let several = UdpOptions {
            sockets_per_port: 4,
            ..options(path)
        };
        let server = bound(several, NetworkEndpoint::loopback_ipv4(0));
        // The kernel spreads clients over the sockets.
        let clients: Vec<_> = (0..40).map(|_| local(path)).collect();
        for client in &clients {
            send(client, &server.local_endpoint(), &[b"1", b"2"]);
        }
        let got = receive(&server, 80, SLOT);
        for client in &clients {
            let end = client.local_endpoint();
            let of_client = got.iter().filter(|(path, _)| path.remote == end);
            let order: Vec<_> = of_client.map(|(_, bytes)| bytes.as_slice()).collect();
            assert_eq!(order, [b"1", b"2"]);
        }
        // Answers come from the one port.
        send(&server, &clients[0].local_endpoint(), &[b"back"]);
        let back = receive(&clients[0], 1, SLOT);
        assert_eq!(back[0].0.remote, server.local_endpoint());
    }
}

#[test]
fn several_threads_send_at_once_and_every_flow_keeps_its_order() {
    let server = &local(SystemPath::Auto);
    let clients: Vec<_> = (0..4).map(|_| local(SystemPath::Auto)).collect();
    std::thread::scope(|scope| {
        for client in &clients {
            scope.spawn(move || {
                for n in 0..100_u8 {
                    send(server, &client.local_endpoint(), &[&[n; 10], &[n; 9]]);
                }
            });
        }
    });
    for client in &clients {
        let got = bytes(receive(client, 200, SLOT));
        let expected: Vec<Vec<u8>> = (0..100_u8)
            .flat_map(|n| [vec![n; 10], vec![n; 9]])
            .collect();
        assert_eq!(got, expected);
    }
}

#[test]
fn a_wait_ends_at_its_time_out_or_with_a_datagram() {
    for path in PATHS {
        let (a, b) = (local(path), local(path));
        assert!(!b.wait(Duration::from_millis(1)));
        send(&a, &b.local_endpoint(), &[b"x"]);
        assert!(b.wait(Duration::MAX));
        assert_eq!(receive(&b, 1, SLOT).len(), 1);
    }
}

#[test]
fn a_peer_that_is_gone_concerns_nobody_else() {
    for path in PATHS {
        let server = local(path);
        let gone = local(path).local_endpoint();
        let client = local(path);
        let there = client.local_endpoint();
        for _ in 0..5 {
            let batch = [&gone, &there].map(|to| Transmit {
                to,
                from: None,
                bytes: b"x",
            });
            let mut report = SendReport::default();
            server.send(&batch, &mut report);
            assert_eq!(report.done, 2);
        }
        assert_eq!(receive(&client, 5, SLOT).len(), 5);
        let mut batch = ReceiveBatch::new(SLOT);
        assert_eq!(server.receive(&mut batch), Received::Drained);
    }
}
