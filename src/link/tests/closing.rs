//! How a connection ends.

use super::*;

#[test]
fn c07_data_of_the_same_update_goes_before_the_close() {
    let mut bench = Bench::connected(plain());
    bench.send(b"late");
    bench.close();
    bench.send(b"too late");
    assert_eq!(bench.serve(), at_home(&[message(0, b"late"), disconnect()]));
    assert_eq!(bench.outward.drops.get(DropReason::Closed), 1);
}

#[test]
fn c04_c05_a_local_close_has_no_event_and_can_be_repeated() {
    let mut bench = Bench::connected(plain());
    bench.close();
    bench.close();
    assert_eq!(bench.serve(), at_home(&[disconnect()]));
    bench.close();
    assert_eq!(bench.serve(), []);
    assert_eq!(bench.events(), []);
    assert_eq!(
        bench.link().snapshot(&bench.rules).state,
        crate::buffer::desk::ConnectionState::Disconnected
    );
}

#[test]
fn what_arrives_after_a_local_close_is_no_event() {
    // The recording `disconnect_then_data`: the client's data crosses the server's close.
    for crossing in [message(0, b"late"), disconnect()] {
        let mut bench = Bench::connected(plain());
        bench.receive(&crossing);
        bench.close();
        bench.serve();
        assert_eq!(bench.events(), []);
    }
}

#[test]
fn c10_the_close_is_told_three_times_within_50_ms_then_forgotten() {
    let mut bench = Bench::connected(plain());
    bench.close();
    assert_eq!(bench.serve(), at_home(&[disconnect()]));
    assert!(bench.notices.is_empty());
    let sent = bench.run(20, 10);
    assert_eq!(
        sent.iter().map(|(tick, _)| *tick).collect::<Vec<_>>(),
        [2, 4]
    );
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
fn slow_updates_send_fewer_copies() {
    let mut bench = Bench::connected(plain());
    bench.close();
    bench.serve();
    assert_eq!(bench.run(5, 100).len(), 1);
    assert!(bench.link().is_closed());
}

#[test]
fn one_copy_is_unitys_close() {
    let mut bench = Bench::connected(plain().disconnect_copies(1));
    bench.close();
    assert_eq!(bench.serve(), at_home(&[disconnect()]));
    assert!(bench.link().is_closed());
    assert_eq!(bench.run(10, 10), []);
}

#[test]
fn the_peers_own_close_ends_the_copies() {
    let mut bench = Bench::connected(plain());
    bench.close();
    bench.serve();
    bench.receive(&disconnect());
    assert_eq!(bench.run(10, 10), []);
    assert_eq!((bench.events(), bench.notices.len()), (vec![], 1));
}

#[test]
fn c02_e16_a_close_of_the_peer_is_one_event_behind_its_data_and_is_not_answered() {
    let mut bench = Bench::connected(plain());
    bench.receive(&message(0, b"bye"));
    for _ in 0..3 {
        bench.receive(&disconnect());
    }
    assert_eq!(bench.serve(), []);
    assert_eq!(bench.events(), [data(b"bye"), Event::Disconnect(3)]);
    assert_eq!(bench.notices.len(), 1);
    assert_eq!(bench.drops(DropReason::Unexpected), 2);
}

#[test]
fn a_client_that_gives_up_before_the_accept_sends_nothing() {
    let mut bench = Bench::client(plain());
    bench.serve();
    bench.close();
    assert_eq!((bench.serve(), bench.state()), (vec![], "closed"));
    assert_eq!(bench.events(), []);
}

#[test]
fn r22_a_close_counts_only_from_the_current_address() {
    let mut bench = Bench::settled(plain());
    bench.receive_from(away(), &disconnect());
    assert_eq!(bench.state(), "established");
    assert_eq!(bench.drops(DropReason::WrongAddress), 1);
    let mut bench = Bench::settled(unvalidated());
    bench.receive_from(away(), &disconnect());
    assert_eq!(bench.state(), "closed");
}

#[test]
fn r23_a_connection_ends_with_one_event_whatever_else_happens() {
    let mut bench = Bench::settled(plain());
    bench.receive(&disconnect());
    bench.serve();
    assert_eq!(bench.events(), [Event::Disconnect(3)]);
    bench.close();
    bench.receive(&message(0, b"x"));
    bench.wait(60_000);
    bench.serve();
    assert_eq!(bench.events(), []);
    assert_eq!(bench.notices.len(), 1);
}
