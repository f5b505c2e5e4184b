//! Every packet in every state, and what a living connection does.

use super::*;

/// A bench in each state, by name.
fn benches() -> Vec<(&'static str, Bench)> {
    let discovering = || plain().path_mtu_discovery(crate::settings::PathMtuDiscovery::On);
    let mut requesting = Bench::client(plain());
    requesting.serve();
    let mut probing = Bench::client(discovering());
    probing.serve();
    probing.receive(&accept(b""));
    probing.serve();
    let mut probing_server = Bench::admitted(discovering(), &request(b""));
    probing_server.serve();
    let mut silent = Bench::admitted(plain(), &request(b""));
    silent.serve();
    let mut refused = Bench::new(plain());
    refused.rules.listening = false;
    refused.admit(&request(b""));
    refused.serve();
    let mut closing = Bench::connected(plain());
    closing.close();
    closing.serve();
    let mut closed = Bench::connected(plain());
    closed.receive(&disconnect());
    closed.serve();
    closed.events();
    let benches = vec![
        ("client requesting", requesting),
        ("client probing", probing),
        ("client established", Bench::connected(plain())),
        ("client closing", closing),
        ("client closed", closed),
        ("server silent", silent),
        ("server probing", probing_server),
        ("server settled", Bench::settled(plain())),
        ("server refused", refused),
    ];
    benches
}

fn packets() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("request", request(b"")),
        ("accept", accept(b"")),
        ("data", message(0, b"x")),
        ("heartbeat", heartbeat()),
        ("check", check(5)),
        ("ack", ack(1_024)),
        ("disconnect", disconnect()),
        ("unknown", unknown()),
    ]
}

/// One word for what a packet did.
fn outcome(bench: &mut Bench, packet: &[u8]) -> String {
    let dropped = bench.inward.drops;
    bench.receive(packet);
    let reason = bench
        .inward
        .drops
        .iter()
        .find(|(reason, count)| *count > dropped.get(*reason))
        .map(|(reason, _)| reason.name());
    let answers = bench.take_sent().len();
    let events = bench.events().len();
    match reason {
        Some(reason) => {
            assert_eq!(events, 0);
            format!("{reason} → {}", bench.state())
        }
        None => format!("{events} events, {answers} packets → {}", bench.state()),
    }
}

#[test]
fn every_packet_in_every_state() {
    let expected = [
        (
            "client requesting",
            [
                "unexpected → requesting",
                "1 events, 0 packets → established",
                "2 events, 0 packets → established",
                "1 events, 0 packets → established",
                "1 events, 1 packets → established",
                "1 events, 0 packets → established",
                "1 events, 0 packets → closed",
                "unknown_type → requesting",
            ],
        ),
        (
            "client probing",
            [
                "unexpected → probing",
                "unexpected → probing",
                // Held back until the Connect event.
                "0 events, 0 packets → probing",
                "0 events, 0 packets → probing",
                "0 events, 1 packets → probing",
                "0 events, 0 packets → probing",
                "1 events, 0 packets → closed",
                "unknown_type → probing",
            ],
        ),
        (
            "client established",
            [
                "unexpected → established",
                "unexpected → established",
                "1 events, 0 packets → established",
                "0 events, 0 packets → established",
                "0 events, 1 packets → established",
                "0 events, 0 packets → established",
                "1 events, 0 packets → closed",
                "unknown_type → established",
            ],
        ),
        (
            "client closing",
            [
                "unexpected → closing",
                "unexpected → closing",
                "unexpected → closing",
                "unexpected → closing",
                "unexpected → closing",
                "unexpected → closing",
                "0 events, 0 packets → closed",
                "unknown_type → closing",
            ],
        ),
        (
            "client closed",
            [
                "unexpected → closed",
                "unexpected → closed",
                "unexpected → closed",
                "unexpected → closed",
                "unexpected → closed",
                "unexpected → closed",
                "unexpected → closed",
                "unknown_type → closed",
            ],
        ),
        (
            "server silent",
            [
                "0 events, 1 packets → established",
                "unexpected → established",
                // The first word of the client is answered with a pair of probes.
                "1 events, 2 packets → established",
                "0 events, 2 packets → established",
                "0 events, 3 packets → established",
                "0 events, 2 packets → established",
                "1 events, 0 packets → closed",
                "unknown_type → established",
            ],
        ),
        (
            "server probing",
            [
                "0 events, 1 packets → probing",
                "unexpected → probing",
                "1 events, 2 packets → probing",
                "0 events, 2 packets → probing",
                "0 events, 3 packets → probing",
                "0 events, 2 packets → probing",
                // The user never heard of it.
                "0 events, 0 packets → closed",
                "unknown_type → probing",
            ],
        ),
        (
            "server settled",
            [
                "0 events, 1 packets → established",
                "unexpected → established",
                "1 events, 0 packets → established",
                "0 events, 0 packets → established",
                "0 events, 1 packets → established",
                "0 events, 0 packets → established",
                "1 events, 0 packets → closed",
                "unknown_type → established",
            ],
        ),
        (
            "server refused",
            [
                "unexpected → refused",
                "unexpected → refused",
                "unexpected → refused",
                "unexpected → refused",
                "unexpected → refused",
                "unexpected → refused",
                "0 events, 0 packets → closed",
                "unknown_type → refused",
            ],
        ),
    ];
    for (kind, (name, packet)) in packets().into_iter().enumerate() {
        for (index, (state, mut bench)) in benches().into_iter().enumerate() {
            assert_eq!(expected[index].0, state);
            let outcome = outcome(&mut bench, &packet);
            assert_eq!(outcome, expected[index].1[kind], "{name} at {state}");
        }
    }
}

#[test]
fn r1_short_and_odd_packets_change_nothing() {
    let odd: [&[u8]; 7] = [
        b"",
        b"U",
        b"UTP\x01\x01",
        &request(b"")[..11],
        &message(0, b"")[..9],
        &check(1)[..10],
        &ack(1)[..12],
    ];
    for (state, mut bench) in benches() {
        let before = bench.state();
        for packet in odd {
            bench.receive(packet);
        }
        bench.check_conservation();
        assert_eq!((bench.state(), bench.events()), (before, vec![]), "{state}");
    }
    let mut wrong_version = request(b"");
    wrong_version[3] = 2;
    let mut bench = Bench::connected(plain());
    bench.receive(&wrong_version);
    assert_eq!(bench.drops(DropReason::WrongVersion), 1);
}

#[test]
fn data_is_delivered_in_order_empty_messages_included() {
    let mut bench = Bench::connected(plain());
    bench.receive(&message(0, b"a"));
    bench.receive(&message(2, b""));
    bench.receive(&message(3, b"c"));
    assert_eq!(bench.events(), [data(b"a"), Event::Data(2, vec![])]);
    assert_eq!(bench.drops(DropReason::UnknownPipeline), 1);
}

#[test]
fn data_beyond_the_event_budget_is_dropped_and_counted() {
    let mut bench = Bench::connected(plain().event_bytes_per_connection(2_048));
    for _ in 0..3 {
        bench.receive(&message(0, &[7; 1_000]));
    }
    assert_eq!(bench.events().len(), 2);
    assert_eq!(bench.drops(DropReason::EventsFull), 1);
}

#[test]
fn messages_go_first_then_answers_then_timers() {
    let mut bench = Bench::connected(plain());
    bench.wait(501);
    bench.send(b"data");
    bench.receive(&check(0));
    bench.receive(&check(0xFFFF));
    let sent = bench.serve();
    assert_eq!(
        sent,
        at_home(&[message(0, b"data"), ack(11), ack(10)]),
        "and no heartbeat, since something was sent"
    );
    bench.wait(501);
    bench.receive(&check(0));
    assert_eq!(bench.serve(), at_home(&[ack(11)]));
    bench.wait(501);
    assert_eq!(bench.serve(), at_home(&[heartbeat()]));
}

#[test]
fn a_check_is_answered_with_the_transports_padding() {
    let mut bench = Bench::connected(plain());
    bench.rules.padding = 29;
    bench.receive(&check(0xFFD7));
    assert_eq!(bench.serve(), at_home(&[ack(0xFFFF)]));
}

#[test]
fn a_message_larger_than_a_datagram_is_dropped_and_counted() {
    let mut bench = Bench::connected(plain());
    bench.send(&[1; 1_390]);
    bench.send(&[1; 1_391]);
    let sent = bench.serve();
    assert_eq!((sent.len(), sent[0].bytes.len()), (1, 1_400));
    assert_eq!(bench.outward.drops.get(DropReason::TooLong), 1);
}

#[test]
fn messages_before_the_accept_and_after_the_end_are_dropped_and_counted() {
    let mut bench = Bench::client(plain());
    bench.send(b"x");
    assert_eq!(bench.serve(), at_home(&[request(b"")]));
    assert_eq!(bench.outward.drops.get(DropReason::Unexpected), 1);
    bench.receive(&disconnect());
    bench.send(b"x");
    assert_eq!(bench.serve(), []);
    assert_eq!(bench.outward.drops.get(DropReason::Closed), 1);
}

#[test]
fn c12_heartbeats_follow_what_was_sent_and_can_be_off() {
    let mut bench = Bench::connected(plain().heartbeat_timeout(Duration::from_millis(100)));
    let ticks: Vec<u64> = bench.run(60, 10).iter().map(|(tick, _)| *tick).collect();
    // The recording `heartbeat`: every eleventh tick of 10 ms.
    assert_eq!(ticks, [11, 22, 33, 44, 55]);
    let mut bench = Bench::connected(plain().heartbeat_timeout(Duration::ZERO));
    assert_eq!(bench.run(60, 100), []);
}

#[test]
fn c3_silence_ends_a_connection_strictly_after_its_timeout() {
    let mut bench = Bench::connected(plain().heartbeat_timeout(Duration::ZERO));
    bench.wait(30_000);
    bench.serve();
    assert_eq!(bench.state(), "established");
    let deadline = bench.link().deadline(&bench.rules);
    bench.wait(1);
    assert!(bench.now.observed >= deadline.observed);
    assert_eq!(bench.serve(), at_home(&[disconnect()]));
    assert_eq!(
        (bench.events(), bench.state()),
        (vec![Event::Disconnect(1)], "closed")
    );
    assert!(matches!(bench.notices[..], [Notice::Closed { .. }]));
}

#[test]
fn c11_without_a_timeout_silence_is_never_judged() {
    let mut bench = Bench::connected(plain().disconnect_timeout(Duration::ZERO));
    bench.wait(100_000_000);
    bench.serve();
    assert_eq!(bench.state(), "established");
    assert_eq!(
        bench.link().deadline(&bench.rules).observed,
        Timestamp::NEVER
    );
}

#[test]
fn unknown_types_and_disconnects_are_no_sign_of_life_but_messages_are() {
    for (packet, survives) in [
        (unknown(), false),
        (heartbeat(), true),
        (message(0, b""), true),
        (message(9, b""), true),
        (check(1), true),
        (ack(1), true),
    ] {
        let mut bench = Bench::connected(plain());
        bench.wait(20_000);
        bench.receive(&packet);
        bench.serve();
        bench.wait(20_000);
        bench.serve();
        assert_eq!(bench.state() == "established", survives, "{packet:02x?}");
    }
}

#[test]
fn r7_silence_nobody_watched_does_not_count() {
    let mut bench = Bench::connected(plain());
    bench.now.at = bench.now.at + Duration::from_secs(35);
    bench.now.observed = bench.now.observed + Duration::from_secs(1);
    // One heartbeat, not seventy.
    assert_eq!(bench.serve(), at_home(&[heartbeat()]));
    assert_eq!(bench.state(), "established");
}

#[test]
fn r7_what_waited_is_read_before_silence_is_judged() {
    let mut bench = Bench::connected(plain());
    bench.wait(40_000);
    bench.receive(&heartbeat());
    bench.serve();
    assert_eq!(bench.state(), "established");
}

#[test]
fn deadlines_name_the_update_that_acts() {
    for (state, mut bench) in benches() {
        for _ in 0..200 {
            let deadline = bench.link().deadline(&bench.rules);
            let next =
                Timestamp::from_micros(deadline.at.as_micros().min(deadline.observed.as_micros()));
            if next == Timestamp::NEVER {
                break;
            }
            assert!(
                next > bench.now.at || matches!(bench.state(), "refused" | "requesting"),
                "{state}: {next:?} is not after {:?} at {}",
                bench.now.at,
                bench.state()
            );
            let wait = next.since(bench.now.at);
            bench.now.at = bench.now.at + wait;
            bench.now.observed = bench.now.observed + wait;
            bench.serve();
        }
        assert!(bench.link().is_closed(), "{state} ends in silence");
    }
}

#[test]
fn the_snapshot_follows_the_state() {
    use crate::buffer::desk::ConnectionState::{Connected, Connecting, Disconnected};
    for (name, bench) in benches() {
        let expected = match bench.state() {
            "requesting" | "probing" | "refused" => Connecting,
            "established" => Connected,
            _ => Disconnected,
        };
        let snapshot = bench.link().snapshot(&bench.rules);
        assert_eq!(snapshot.state, expected, "{name}");
        assert_eq!(snapshot.remote, home().remote);
        assert!((1_024..=1_400).contains(&snapshot.path_mtu));
    }
}

#[test]
fn traffic_counts_packets_of_the_transport() {
    let mut bench = Bench::connected(plain());
    bench.send(b"abc");
    bench.receive(&heartbeat());
    bench.receive(&unknown());
    bench.serve();
    let traffic = bench.link().snapshot(&bench.rules).traffic;
    assert_eq!((traffic.packets_received, traffic.bytes_received), (2, 22));
    assert_eq!((traffic.packets_sent, traffic.bytes_sent), (2, 26));
}
