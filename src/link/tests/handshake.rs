//! How a connection begins, in both roles.

use super::*;

#[test]
fn b04_a_client_asks_at_fixed_intervals_and_gives_up() {
    let settings = plain()
        .connect_timeout(Duration::from_millis(100))
        .max_connect_attempts(5);
    let mut bench = Bench::client(settings);
    assert_eq!(bench.serve(), at_home(&[request(b"")]));
    let sent = bench.run(100, 10);
    // The recording `connect_no_server`: retries at ticks 11, 22, 33 and 44, the end at 55.
    assert_eq!(
        sent.iter().map(|(tick, _)| *tick).collect::<Vec<_>>(),
        [11, 22, 33, 44]
    );
    assert!(sent.iter().all(|(_, packet)| packet.bytes == request(b"")));
    assert_eq!(bench.events(), [Event::Disconnect(2)]);
    assert!(bench.link().is_closed());
}

#[test]
fn the_end_of_the_attempts_comes_one_interval_after_the_last() {
    let mut bench = Bench::client(plain().max_connect_attempts(1));
    bench.serve();
    bench.wait(1_000);
    assert_eq!((bench.serve(), bench.state()), (vec![], "requesting"));
    bench.now.at = bench.now.at + Duration::from_micros(1);
    assert_eq!((bench.serve(), bench.state()), (vec![], "closed"));
}

#[test]
fn m1_every_request_carries_the_same_payload() {
    let mut bench = Bench::new(plain());
    bench.link = Some(Link::connect(home(), TOKEN, b"hi".to_vec(), bench.now));
    assert_eq!(bench.serve(), at_home(&[request(b"hi")]));
    assert_eq!(bench.run(2, 1_001).len(), 2);
    assert_eq!(request(b"hi")[13..], [2, 0, b'h', b'i']);
}

#[test]
fn m2_the_accept_payload_reaches_the_connect_event() {
    let mut bench = Bench::client(plain());
    bench.serve();
    bench.receive(&accept(b"welcome"));
    assert_eq!(bench.events(), [Event::Connect(b"welcome".to_vec())]);
    assert_eq!(bench.state(), "established");
}

#[test]
fn an_accept_with_a_wrong_length_connects_without_payload() {
    let mut bench = Bench::client(plain());
    bench.serve();
    let mut packet = accept(b"welcome");
    packet[13] = 9;
    bench.receive(&packet);
    assert_eq!(bench.events(), [Event::Connect(vec![])]);
}

#[test]
fn copies_of_the_accept_change_nothing_not_even_the_timer() {
    let mut bench = Bench::connected(plain());
    bench.wait(20_000);
    bench.receive(&accept(b"other"));
    bench.serve();
    assert_eq!((bench.events(), bench.state()), (vec![], "established"));
    assert_eq!(bench.drops(DropReason::Unexpected), 1);
    bench.wait(10_001);
    bench.serve();
    assert_eq!(bench.events(), [Event::Disconnect(1)]);
}

#[test]
fn b14_a_lost_accept_loses_neither_the_connect_event_nor_the_data() {
    let mut bench = Bench::client(plain());
    bench.serve();
    bench.receive(&message(0, b"first"));
    assert_eq!(bench.events(), [Event::Connect(vec![]), data(b"first")]);
    bench.receive(&accept(b"late"));
    assert_eq!((bench.events(), bench.state()), (vec![], "established"));
}

#[test]
fn any_message_implies_the_accept_but_unknown_types_do_not() {
    for packet in [heartbeat(), check(7), ack(99), message(0, b"")] {
        let mut bench = Bench::client(plain());
        bench.serve();
        bench.receive(&packet);
        assert_eq!(bench.events()[0], Event::Connect(vec![]), "{packet:02x?}");
    }
    let mut bench = Bench::client(plain());
    bench.serve();
    bench.receive(&unknown());
    assert_eq!(bench.state(), "requesting");
    assert_eq!(bench.drops(DropReason::UnknownType), 1);
}

#[test]
fn a_bare_disconnect_refuses_without_a_connect_event() {
    let mut bench = Bench::client(plain());
    bench.serve();
    bench.receive(&disconnect());
    bench.receive(&accept(b""));
    assert_eq!(bench.events(), [Event::Disconnect(3)]);
    assert_eq!(bench.run(5, 2_000), []);
}

#[test]
fn accept_and_disconnect_in_one_burst_connect_and_end() {
    let mut bench = Bench::client(plain());
    bench.serve();
    bench.receive(&accept(b"no"));
    bench.receive(&disconnect());
    assert_eq!(
        bench.events(),
        [Event::Connect(b"no".to_vec()), Event::Disconnect(3)]
    );
}

#[test]
fn a_token_of_another_connection_is_dropped() {
    let mut bench = Bench::client(plain());
    bench.serve();
    let foreign = packet(|out| push_disconnect(out, Token([9; 8])));
    bench.receive(&foreign);
    assert_eq!(bench.state(), "requesting");
    assert_eq!(bench.drops(DropReason::UnknownToken), 1);
}

#[test]
fn a_clients_first_heartbeat_counts_from_its_last_request() {
    let mut bench = Bench::client(plain());
    bench.serve();
    bench.wait(400);
    bench.receive(&accept(b""));
    assert_eq!(bench.serve(), []);
    bench.wait(100);
    assert_eq!(bench.serve(), []);
    bench.wait(1);
    assert_eq!(bench.serve(), at_home(&[heartbeat()]));
}

#[test]
fn m1_a_request_is_accepted_and_its_payload_reaches_accept_once() {
    let mut bench = Bench::admitted(plain(), &request(b"hi"));
    assert_eq!(bench.serve(), at_home(&[accept(b"")]));
    assert!(matches!(
        &bench.notices[..],
        [Notice::Established { lane: 3, order: 1, payload }] if payload == b"hi"
    ));
    bench.wait(1_001);
    bench.receive(&request(b"other"));
    assert_eq!(bench.serve(), at_home(&[accept(b"")]));
    assert_eq!((bench.notices.len(), bench.events()), (1, vec![]));
}

#[test]
fn m2_the_accept_carries_the_servers_payload() {
    let mut bench = Bench::new(plain());
    bench.rules.accept_payload = b"welcome".to_vec();
    bench.admit(&request(b""));
    assert_eq!(bench.serve(), at_home(&[accept(b"welcome")]));
}

#[test]
fn b13_a_malformed_request_makes_no_link() {
    let mut bad = request(b"hi");
    bad[13] = 5;
    let mut bench = Bench::admitted(plain(), &bad);
    assert!(bench.link().is_closed());
    assert_eq!(
        (bench.serve(), bench.drops(DropReason::Malformed)),
        (vec![], 1)
    );
    let mut bench = Bench::admitted(plain(), &request(b""));
    bench.serve();
    bench.receive(&bad);
    assert_eq!(
        (bench.serve(), bench.drops(DropReason::Malformed)),
        (vec![], 1)
    );
}

#[test]
fn b15_duplicates_are_answered_at_most_three_times_a_second() {
    let mut bench = Bench::admitted(unvalidated(), &request(b""));
    for _ in 0..5 {
        bench.receive(&request(b""));
    }
    assert_eq!(
        bench.serve(),
        at_home(&[accept(b""), accept(b""), accept(b"")])
    );
    assert_eq!(bench.drops(DropReason::RateLimited), 3);
    bench.wait(1_000);
    bench.receive(&request(b""));
    assert_eq!(bench.serve(), at_home(&[accept(b"")]));
}

#[test]
fn b11_a_driver_that_does_not_listen_accepts_and_then_closes() {
    let mut bench = Bench::new(plain().disconnect_copies(1));
    bench.rules.listening = false;
    bench.admit(&request(b""));
    assert_eq!(bench.serve(), at_home(&[accept(b"")]));
    assert_eq!(bench.link().deadline(&bench.rules).at, Timestamp::ZERO);
    bench.wait(10);
    bench.receive(&message(0, b"x"));
    assert_eq!(bench.serve(), at_home(&[disconnect()]));
    assert_eq!(bench.events(), []);
    assert!(matches!(
        bench.notices[..],
        [Notice::Closed {
            lane: 3,
            reason: None,
            ..
        }]
    ));
}

#[test]
fn until_the_client_speaks_an_accept_goes_in_front_of_every_batch() {
    let mut bench = Bench::admitted(unvalidated(), &request(b""));
    bench.serve();
    for _ in 0..2 {
        bench.wait(10);
        bench.send(b"one");
        bench.send(b"two");
        assert_eq!(
            bench.serve(),
            at_home(&[accept(b""), message(0, b"one"), message(0, b"two")])
        );
    }
    // A flush is a batch of its own.
    bench.send(b"one");
    bench.flush();
    assert_eq!(
        bench.take_sent(),
        at_home(&[accept(b""), message(0, b"one")])
    );
    bench.receive(&heartbeat());
    bench.send(b"one");
    assert_eq!(bench.serve(), at_home(&[message(0, b"one")]));
}

#[test]
fn until_the_client_speaks_there_is_no_heartbeat() {
    let mut bench = Bench::admitted(unvalidated(), &request(b""));
    bench.accept();
    bench.serve();
    assert_eq!(bench.run(100, 100), []);
    bench.receive(&heartbeat());
    assert_eq!(bench.serve(), at_home(&[heartbeat()]));
}

#[test]
fn a_silent_client_is_followed_to_where_its_requests_come_from() {
    for settings in [plain(), unvalidated()] {
        let mut bench = Bench::admitted(settings, &request(b""));
        bench.serve();
        bench.receive_from(away(), &request(b""));
        let [sent] = &bench.serve()[..] else {
            panic!("one accept")
        };
        assert_eq!((sent.to, &sent.bytes), (away(), &accept(b"")));
        assert_eq!(bench.link().path(), &away());
    }
}

#[test]
fn e14_data_waits_in_the_inbox_of_a_connection_that_waits_for_accept() {
    let mut bench = Bench::admitted(plain(), &request(b""));
    bench.receive(&message(0, b"early"));
    bench.serve();
    assert_eq!(bench.events(), [data(b"early")]);
}

#[test]
fn a_connection_nobody_accepts_is_closed() {
    let mut bench = Bench::admitted(unvalidated().disconnect_copies(1), &request(b""));
    bench.serve();
    bench.wait(10_000);
    bench.receive(&heartbeat());
    bench.serve();
    assert_eq!(bench.state(), "established");
    bench.wait(1);
    assert_eq!(bench.serve(), at_home(&[disconnect()]));
    assert!(bench.link().is_closed());
    // Accepted in time, it stays.
    let mut bench = Bench::admitted(unvalidated(), &request(b""));
    bench.accept();
    bench.serve();
    bench.wait(20_000);
    bench.serve();
    assert_eq!(bench.state(), "established");
}

#[test]
fn a_proved_client_of_a_half_open_record_goes_on_at_once() {
    let mut bench = Bench::new(plain());
    let (mut cx, _, _) = bench.parts();
    let link = Link::admit_proven(TOKEN, &home(), b"hi", 9, &mut cx);
    bench.link = Some(link);
    assert!(matches!(
        &bench.notices[..],
        [Notice::Established { order: 9, payload, .. }] if payload == b"hi"
    ));
    bench.send(b"x");
    assert_eq!(bench.serve(), at_home(&[message(0, b"x")]));
}
