//! Path MTU discovery.

use super::*;
use crate::settings::PathMtuDiscovery;

fn discovering() -> NetworkSettingsBuilder {
    plain().path_mtu_discovery(PathMtuDiscovery::On)
}

fn sizes(sent: &[Sent]) -> Vec<usize> {
    sent.iter().map(|packet| packet.bytes.len()).collect()
}

fn probing_client() -> Bench {
    let mut bench = Bench::client(discovering());
    bench.serve();
    bench.receive(&accept(b"hi"));
    assert_eq!(sizes(&bench.serve()), [1_024, 1_300, 1_380, 1_400]);
    bench
}

fn path_mtu(bench: &Bench) -> u16 {
    bench.link().snapshot(&bench.rules).path_mtu
}

#[test]
fn probes_are_zeros_behind_their_own_length() {
    let mut bench = Bench::client(discovering());
    bench.serve();
    bench.receive(&accept(b""));
    let sent = bench.serve();
    assert_eq!(sent[3].bytes[9..11], [0x6D, 0x05]);
    assert!(sent[3].bytes[11..].iter().all(|&byte| byte == 0));
}

#[test]
fn l2_an_answer_to_the_maximum_ends_it_at_once() {
    let mut bench = probing_client();
    bench.receive(&ack(1_024));
    bench.receive(&ack(1_400));
    assert_eq!(bench.events(), [Event::Connect(b"hi".to_vec())]);
    assert_eq!((path_mtu(&bench), bench.state()), (1_400, "established"));
}

#[test]
fn l1_l4_the_largest_answer_wins_after_two_rounds() {
    let mut bench = probing_client();
    bench.receive(&ack(1_024));
    bench.receive(&ack(1_300));
    let sent = bench.run(70, 10);
    // The recording `pmtud_limited`: 31 ticks from round to round, 31 more to the end.
    assert_eq!(sent.len(), 4);
    assert!(sent.iter().all(|(tick, _)| *tick == 31));
    assert_eq!(bench.events(), [Event::Connect(b"hi".to_vec())]);
    assert_eq!(path_mtu(&bench), 1_300);
}

#[test]
fn l3_a_peer_that_answers_no_probe_gets_the_maximum() {
    let mut bench = probing_client();
    bench.wait(300);
    assert_eq!(bench.serve(), []);
    bench.wait(1);
    assert_eq!(bench.serve().len(), 4);
    bench.wait(301);
    bench.serve();
    assert_eq!((path_mtu(&bench), bench.state()), (1_400, "established"));
}

#[test]
fn r22_answers_nobody_asked_for_count_for_nothing() {
    let mut bench = probing_client();
    for size in [9_000, 1_399, 0, 65_535, 1_401] {
        bench.receive(&ack(size));
    }
    assert_eq!((path_mtu(&bench), bench.state()), (1_024, "probing"));
    let mut bench = Bench::connected(plain());
    bench.receive(&ack(9_000));
    assert_eq!(path_mtu(&bench), 1_400);
}

#[test]
fn l5_data_during_discovery_follows_its_connect_event() {
    let mut bench = probing_client();
    bench.receive(&message(0, b"early"));
    assert_eq!(bench.events(), []);
    bench.receive(&ack(1_400));
    assert_eq!(
        bench.events(),
        [Event::Connect(b"hi".to_vec()), data(b"early")]
    );
}

#[test]
fn data_during_discovery_survives_a_close() {
    let mut bench = probing_client();
    bench.receive(&message(0, b"early"));
    bench.receive(&disconnect());
    assert_eq!(
        bench.events(),
        [
            Event::Connect(b"hi".to_vec()),
            data(b"early"),
            Event::Disconnect(3)
        ]
    );
    let mut bench = probing_client();
    bench.receive(&disconnect());
    assert_eq!(bench.events(), [Event::Disconnect(3)]);
}

#[test]
fn small_maxima_are_not_probed() {
    let mut bench = Bench::client(discovering().max_message_size(1_024));
    bench.serve();
    bench.receive(&accept(b""));
    assert_eq!((bench.serve(), path_mtu(&bench)), (vec![], 1_024));
}

#[test]
fn a_server_probes_once_the_address_is_proved() {
    let mut bench = Bench::admitted(discovering(), &request(b"hello"));
    assert_eq!(bench.serve(), at_home(&[accept(b"")]));
    bench.wait(10);
    bench.receive(&heartbeat());
    let probes = nonces(&bench.serve());
    assert_eq!((probes.len(), bench.state()), (2, "probing"));
    for len in probes {
        bench.receive(&ack(len.wrapping_add(11)));
    }
    assert_eq!(sizes(&bench.serve()), [1_024, 1_300, 1_380, 1_400]);
    assert!(
        !bench
            .notices
            .iter()
            .any(|notice| matches!(notice, Notice::Established { .. }))
    );
    bench.receive(&ack(1_400));
    assert!(matches!(
        bench.notices.last(),
        Some(Notice::Established { payload, .. }) if payload == b"hello"
    ));
}

#[test]
fn a_server_without_validation_probes_at_the_clients_first_word() {
    let settings = discovering().address_validation(AddressValidation::Off);
    let mut bench = Bench::admitted(settings, &request(b""));
    assert_eq!(bench.serve(), at_home(&[accept(b"")]));
    bench.receive(&check(1_013));
    // The recording `pmtud`: the client's probes and its answers to ours arrive together.
    bench.receive(&ack(1_400));
    assert_eq!(sizes(&bench.serve()), [1_024, 1_300, 1_380, 1_400, 13]);
    assert_eq!(bench.state(), "established");
}

#[test]
fn a_client_that_stays_silent_is_not_kept_out() {
    let mut bench = Bench::admitted(discovering(), &request(b""));
    bench.serve();
    assert_eq!(bench.run(20, 100), []);
    assert_eq!((path_mtu(&bench), bench.state()), (1_400, "established"));
    assert!(matches!(
        bench.notices[..],
        [Notice::Established {
            order: u64::MAX,
            ..
        }]
    ));
}
