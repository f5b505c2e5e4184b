//! R20: what an address that proved nothing may be sent.

use super::*;
use crate::settings::LegacyValidation;

fn bytes_to(sent: &[Sent], path: Path) -> usize {
    sent.iter()
        .filter(|packet| packet.to == path)
        .map(|packet| packet.bytes.len())
        .sum()
}

#[test]
fn r20_blind_request() {
    let mut bench = Bench::admitted(plain(), &request(b""));
    bench.accept();
    let mut sent = bytes_to(&bench.serve(), home());
    for _ in 0..3_600 {
        bench.wait(16);
        bench.send(&[7; 1_390]);
        bench.send(b"");
        sent += bytes_to(&bench.serve(), home());
    }
    assert!(bench.link().is_closed());
    assert!(sent <= 39, "{sent} bytes for a request of 13");
    assert!(bench.outward.drops.get(DropReason::Amplification) > 1_000);
}

#[test]
fn r20_blind_request_and_data() {
    let mut bench = Bench::admitted(plain(), &request(b""));
    bench.accept();
    let (mut received, mut sent) = (13, bytes_to(&bench.serve(), home()));
    let mut guess = 0_u16;
    while !bench.link().is_closed() {
        bench.wait(100);
        guess = guess.wrapping_add(11);
        for packet in [heartbeat(), message(0, b"forged"), check(9), ack(guess)] {
            received += packet.len();
            bench.receive(&packet);
        }
        bench.send(&[7; 60]);
        sent += bytes_to(&bench.serve(), home());
        assert!(sent <= 3 * received, "{sent} of {received}");
    }
    // Nine wrong guesses end it.
    assert_eq!(bench.drops(DropReason::Unexpected), 9);
    assert_eq!(bench.events().last(), Some(&Event::Disconnect(7)));
}

#[test]
fn r20_stock_timing() {
    // A stock client: heartbeat 500 ms after its request, answers in its next frame.
    let mut bench = Bench::admitted(plain(), &request(b""));
    bench.accept();
    bench.serve();
    bench.wait(520);
    bench.receive(&heartbeat());
    let probes = nonces(&bench.serve());
    assert_eq!(probes.len(), 2);
    bench.wait(20);
    for len in probes.iter().rev() {
        bench.receive(&ack(len.wrapping_add(11)));
    }
    assert!(matches!(
        bench.notices.last(),
        Some(Notice::Validated { lane: 3 })
    ));
    bench.send(&[7; 1_390]);
    assert_eq!(bytes_to(&bench.serve(), home()), 1_400);
}

#[test]
fn no_probe_is_sent_before_the_client_speaks() {
    let mut bench = Bench::admitted(plain(), &request(&[0; 200]));
    bench.accept();
    bench.serve();
    bench.receive(&request(&[0; 200]));
    assert_eq!(bench.serve(), at_home(&[accept(b"")]));
    assert_eq!(bench.run(50, 100), []);
}

#[test]
fn early_messages_fit_the_budget_of_a_request_with_payload() {
    let mut bench = Bench::admitted(plain(), &request(&[0; 100]));
    bench.accept();
    bench.serve();
    let allowance = bench.link().snapshot(&bench.rules).allowance;
    assert_eq!(allowance, 3 * 115 - 13 - 13 - 9);
    bench.send(&vec![7; allowance as usize - 10]);
    let sent = bench.serve();
    assert_eq!(sent.len(), 2);
    assert_eq!(bench.link().snapshot(&bench.rules).allowance, 0);
    // A close still fits.
    bench.close();
    assert_eq!(bench.serve(), at_home(&[disconnect()]));
}

#[test]
fn an_unanswered_pair_is_repeated_and_answered_late() {
    let mut bench = Bench::admitted(plain(), &request(b""));
    bench.accept();
    bench.serve();
    bench.receive(&heartbeat());
    let first = nonces(&bench.serve());
    bench.receive(&message(0, &[1; 50]));
    assert!(nonces(&bench.serve()).is_empty());
    bench.wait(200);
    assert_eq!(nonces(&bench.serve()), first);
    for len in first {
        bench.receive(&ack(len.wrapping_add(11)));
    }
    bench.serve();
    assert_eq!(bench.link().snapshot(&bench.rules).allowance, u32::MAX);
}

#[test]
fn r20_a_request_with_a_live_proved_token_from_elsewhere_is_dropped() {
    let mut bench = Bench::settled(plain());
    bench.wait(2_000);
    bench.receive_from(away(), &request(b"mine now"));
    assert_eq!(bench.serve(), at_home(&[heartbeat()]));
    assert_eq!(bench.drops(DropReason::WrongAddress), 1);
    assert!(bench.notices.is_empty());
}

#[test]
fn while_unproved_a_request_from_elsewhere_is_answered_there() {
    let mut bench = Bench::admitted(plain(), &request(b""));
    bench.serve();
    bench.receive(&heartbeat());
    bench.serve();
    bench.wait(1_001);
    bench.receive_from(away(), &request(b""));
    let sent = bench.serve();
    assert_eq!(bytes_to(&sent, away()), 13);
    assert_eq!(bench.link().path(), &home());
}

#[test]
fn a_large_accept_payload_is_sent_once_a_second() {
    let mut bench = Bench::new(plain().dangerous_large_accept_payload());
    bench.rules.accept_payload = vec![1; 1_000];
    bench.admit(&request(b""));
    bench.receive(&request(b""));
    assert_eq!(bench.serve().len(), 1);
    assert_eq!(bench.drops(DropReason::RateLimited), 1);
    bench.wait(1_000);
    bench.receive(&request(b""));
    assert_eq!(bench.serve().len(), 1);
}

#[test]
fn the_application_vouches_only_where_it_may() {
    for (allowed, proved) in [
        (LegacyValidation::Refused, false),
        (LegacyValidation::Allowed, true),
    ] {
        let mut bench = Bench::admitted(plain().legacy_validation(allowed), &request(b""));
        bench.serve();
        bench.receive(&message(0, b"password"));
        bench.with(Link::handle_vouched);
        let allowance = bench.link().snapshot(&bench.rules).allowance;
        assert_eq!(allowance == u32::MAX, proved);
    }
}
