//! R22: a peer whose address changes.

use super::*;

fn moved_to(bench: &Bench) -> Vec<Path> {
    bench
        .notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::Moved { to, .. } => Some(*to),
            _ => None,
        })
        .collect()
}

/// Answers the probes that went to `path`, from there.
fn answer_from(bench: &mut Bench, path: Path, sent: &[Sent]) {
    let there: Vec<Sent> = sent
        .iter()
        .filter(|sent| sent.to == path)
        .cloned()
        .collect();
    for len in nonces(&there) {
        bench.receive_from(path, &ack(len.wrapping_add(11)));
    }
}

#[test]
fn without_validation_a_link_moves_with_the_first_message() {
    for packet in [message(0, b"x"), heartbeat(), check(0), ack(0)] {
        let mut bench = Bench::settled(unvalidated());
        bench.receive_from(away(), &packet);
        bench.send(b"y");
        assert!(bench.serve().iter().all(|sent| sent.to == away()));
        assert_eq!(moved_to(&bench), [away()]);
    }
    let mut bench = Bench::settled(unvalidated());
    bench.receive_from(away(), &unknown());
    bench.receive_from(away(), &request(b""));
    assert_eq!(bench.link().path(), &home());
}

#[test]
fn r22_nat_rebind() {
    for mut bench in [Bench::settled(plain()), Bench::connected(plain())] {
        bench.notices.clear();
        bench.receive_from(away(), &message(0, b"from my new port"));
        bench.send(b"still to the old");
        let sent = bench.serve();
        assert_eq!(
            sent[0],
            Sent {
                to: home(),
                bytes: message(0, b"still to the old")
            }
        );
        assert_eq!(bench.events(), [data(b"from my new port")]);
        answer_from(&mut bench, away(), &sent);
        assert_eq!(moved_to(&bench), [away()]);
        bench.send(b"to the new");
        assert_eq!(
            bench.serve(),
            [Sent {
                to: away(),
                bytes: message(0, b"to the new")
            }]
        );
        assert_eq!(bench.link().snapshot(&bench.rules).allowance, u32::MAX);
    }
}

#[test]
fn what_was_queued_before_a_move_goes_where_it_was_charged() {
    let mut bench = Bench::admitted(plain(), &request(b""));
    bench.receive_from(away(), &request(b""));
    bench.receive_from(third(), &request(b""));
    let to: Vec<Path> = bench.serve().iter().map(|sent| sent.to).collect();
    assert_eq!(to, [home(), away(), third()]);
}

#[test]
fn r22_redirect_attack() {
    let mut bench = Bench::settled(plain());
    let (mut forged, mut sent_there) = (0, 0);
    for tick in 0..600 {
        bench.wait(16);
        bench.receive(&heartbeat());
        if tick % 10 == 0 {
            let packet = heartbeat();
            forged += packet.len();
            bench.receive_from(away(), &packet);
        }
        bench.send(&[7; 1_000]);
        for sent in bench.serve() {
            if sent.to == away() {
                sent_there += sent.bytes.len();
            }
        }
        assert!(sent_there <= 3 * forged, "{sent_there} of {forged}");
    }
    assert!(moved_to(&bench).is_empty());
}

#[test]
fn a_peer_that_answers_no_probe_moves_after_two_seconds_and_stays_unproved() {
    let mut bench = Bench::settled(plain());
    for _ in 0..2 {
        bench.receive_from(away(), &message(0, b"x"));
        bench.wait(1_500);
        bench.serve();
    }
    assert_eq!(moved_to(&bench), [], "two messages are not three");
    bench.receive_from(away(), &message(0, b"x"));
    bench.serve();
    assert_eq!(moved_to(&bench), [away()]);
    assert!(bench.link().snapshot(&bench.rules).allowance < 100);
    bench.send(&[7; 1_000]);
    assert_eq!(bench.serve(), []);
}

#[test]
fn a_peer_that_still_speaks_from_home_does_not_move() {
    let mut bench = Bench::settled(plain());
    for _ in 0..20 {
        bench.wait(500);
        bench.receive(&heartbeat());
        bench.receive_from(away(), &heartbeat());
        bench.serve();
    }
    assert_eq!(bench.link().path(), &home());
}

#[test]
fn a_second_stranger_does_not_displace_the_first() {
    let mut bench = Bench::settled(plain());
    bench.receive_from(away(), &heartbeat());
    bench.receive_from(third(), &heartbeat());
    let sent = bench.serve();
    assert!(sent.iter().all(|packet| packet.to == away()));
    bench.wait(1_000);
    bench.receive_from(third(), &heartbeat());
    assert!(bench.serve().iter().any(|packet| packet.to == third()));
}

#[test]
fn r22_flapping() {
    let mut bench = Bench::settled(plain());
    let mut moves = vec![];
    let mut here = home();
    for tick in 0..1_200 {
        bench.wait(100);
        if tick % 20 == 0 {
            here = if here == home() { away() } else { home() };
        }
        bench.receive_from(here, &message(0, &[1; 20]));
        let sent = bench.serve();
        answer_from(&mut bench, here, &sent);
        bench.serve();
        moves.extend(moved_to(&bench).into_iter().map(|_| bench.now.at));
        bench.notices.clear();
        bench.events();
    }
    assert!(moves.len() >= 8, "{}", moves.len());
    for five in moves.windows(5) {
        assert!(five[4].since(five[0]) >= Duration::from_secs(60));
    }
}

#[test]
fn guessing_on_a_pending_path_ends() {
    let mut bench = Bench::settled(plain());
    let mut guess = 0;
    for _ in 0..100 {
        bench.wait(1_001);
        bench.receive(&heartbeat());
        for _ in 0..3 {
            guess += 3;
            bench.receive_from(away(), &ack(guess));
        }
        bench.serve();
    }
    assert_eq!(bench.link().path(), &home());
    assert_eq!(bench.state(), "established");
}

#[test]
fn a_pending_path_that_falls_silent_is_forgotten() {
    let mut bench = Bench::settled(plain());
    bench.receive_from(away(), &heartbeat());
    bench.serve();
    for _ in 0..11 {
        bench.wait(1_000);
        bench.receive(&heartbeat());
        bench.serve();
    }
    assert!(bench.link().roaming.is_none());
}

#[test]
fn a_check_from_elsewhere_is_answered_there() {
    let mut bench = Bench::settled(plain());
    bench.receive_from(away(), &check(4));
    let sent = bench.serve();
    assert_eq!(
        sent[0],
        Sent {
            to: away(),
            bytes: ack(15)
        }
    );
}

#[test]
fn r22_a_move_finds_out_the_size_anew() {
    use crate::settings::PathMtuDiscovery;
    let mut bench = Bench::connected_probing();
    assert_eq!(bench.link().snapshot(&bench.rules).path_mtu, 1_400);
    bench.receive_from(away(), &heartbeat());
    let sent = bench.serve();
    answer_from(&mut bench, away(), &sent);
    let sent = bench.serve();
    assert_eq!(sent.len(), 4);
    assert_eq!(bench.link().snapshot(&bench.rules).path_mtu, 1_024);
    assert_eq!(bench.state(), "established");
    bench.receive_from(away(), &ack(1_380));
    assert_eq!(bench.link().snapshot(&bench.rules).path_mtu, 1_380);
    assert_eq!(
        bench.rules.settings.connection().path_mtu_discovery,
        PathMtuDiscovery::On
    );
}

impl Bench {
    fn connected_probing() -> Self {
        let settings = plain().path_mtu_discovery(crate::settings::PathMtuDiscovery::On);
        let mut bench = Self::client(settings);
        bench.serve();
        bench.receive(&accept(b""));
        bench.serve();
        bench.receive(&ack(1_400));
        bench.serve();
        bench
    }
}
