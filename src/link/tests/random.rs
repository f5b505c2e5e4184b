//! R1: any packet, in any state, at any time; and two links that talk through a bad network.

use proptest::prelude::*;

use super::*;
use crate::settings::PathMtuDiscovery;

#[derive(Clone, Debug)]
enum Step {
    Packet { from: u8, bytes: Vec<u8> },
    Wait(u64),
    Message(usize),
    Close,
    Accept,
    Serve,
}

fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    let payload = || prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        payload(),
        payload().prop_map(|payload| request(&payload)),
        payload().prop_map(|payload| accept(&payload)),
        (any::<u8>(), payload()).prop_map(|(pipeline, payload)| message(pipeline, &payload)),
        Just(heartbeat()),
        Just(disconnect()),
        any::<u16>().prop_map(check),
        prop_oneof![any::<u16>(), Just(1_024), Just(1_400)].prop_map(ack),
        (any::<u8>(), payload())
            .prop_map(|(kind, body)| { [&[kind], &TOKEN.0[..], &body].concat() }),
        (0_usize..20).prop_map(|len| {
            let mut bytes = request(b"0123");
            bytes.truncate(len);
            bytes
        }),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u8..3, any_packet()).prop_map(|(from, bytes)| Step::Packet { from, bytes }),
        2 => prop_oneof![0_u64..50, 0_u64..40_000].prop_map(Step::Wait),
        2 => (0_usize..2_000).prop_map(Step::Message),
        1 => Just(Step::Accept),
        4 => Just(Step::Serve),
    ]
}

fn any_bench() -> impl Strategy<Value = (bool, bool, bool, bool)> {
    any::<(bool, bool, bool, bool)>()
}

/// Plays `steps`. An address that proves nothing is sent at most three times what came from it;
/// `first` bytes came from home before.
fn play(bench: &mut Bench, steps: Vec<Step>, bounded: bool, first: usize) {
    let mut ended = false;
    let paths = [home(), away(), third()];
    let mut received = [first, 0, 0];
    let mut sent_to = [0; 3];
    for step in steps {
        match step {
            Step::Packet { from, bytes } => {
                received[usize::from(from)] += bytes.len();
                bench.receive_from(paths[usize::from(from)], &bytes);
            }
            Step::Wait(millis) => bench.wait(millis),
            Step::Message(len) => bench.send(&vec![5; len]),
            Step::Close => bench.close(),
            Step::Accept => bench.accept(),
            Step::Serve => {
                for sent in bench.serve() {
                    assert!(Packet::parse(&sent.bytes).is_ok());
                    assert!(sent.bytes.len() <= 1_400);
                    let to = paths.iter().position(|path| *path == sent.to);
                    sent_to[to.unwrap()] += sent.bytes.len();
                }
                for (sent, received) in sent_to.iter().zip(received) {
                    assert!(!bounded || *sent <= 3 * received, "{sent_to:?} {received}");
                }
                if bench.state() != "refused" {
                    let deadline = bench.link().deadline(&bench.rules);
                    assert!(
                        deadline.at > bench.now.at,
                        "due, but not served: {deadline:?}"
                    );
                }
            }
        }
        for event in bench.events() {
            assert!(!ended, "an event behind the last");
            ended = matches!(event, Event::Disconnect(_));
        }
        if bench.link().is_closed() {
            let deadline = bench.link().deadline(&bench.rules);
            assert_eq!(deadline.at, Timestamp::NEVER);
        }
    }
    bench.serve();
    let closed = bench
        .notices
        .iter()
        .filter(|notice| matches!(notice, Notice::Closed { .. }));
    assert!(closed.count() <= 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_a_peer_sends_breaks_a_link(
        (server, validates, discovers, listens) in any_bench(),
        mut steps in prop::collection::vec(any_step(), 0..120),
        close_at in 0_usize..240,
    ) {
        let mut settings = if validates { plain() } else { unvalidated() };
        if discovers {
            settings = settings.path_mtu_discovery(PathMtuDiscovery::On);
        }
        if close_at < steps.len() {
            steps.insert(close_at, Step::Close);
        }
        let mut bench = Bench::new(settings);
        bench.rules.listening = listens;
        if server {
            bench.admit(&request(b"hi"));
        } else {
            bench.link = Some(Link::connect(home(), TOKEN, b"hi".to_vec(), bench.now));
        }
        play(&mut bench, steps, server && validates, request(b"hi").len());
    }

    #[test]
    fn two_links_agree_through_loss_and_duplication(
        fates in prop::collection::vec(0_u8..10, 64),
        validates in any::<bool>(),
    ) {
        let settings = || if validates { plain() } else { unvalidated() };
        let mut client = Bench::client(settings());
        let mut server = Bench::new(settings());
        let mut fates = fates.into_iter().cycle();
        let mut connected = false;
        for tick in 0..2_000_u32 {
            client.wait(10);
            server.wait(10);
            if connected && tick % 50 == 0 {
                client.send(b"ping");
            }
            for packet in client.serve() {
                // The network is bad for eight seconds, then good.
                let copies = match fates.next() {
                    Some(0..=2) if tick < 800 => 0,
                    Some(3..=4) => 2,
                    _ => 1,
                };
                for _ in 0..copies {
                    if server.link.is_some() {
                        server.receive(&packet.bytes);
                    } else {
                        server.admit(&packet.bytes);
                        server.accept();
                    }
                }
            }
            if server.link.is_some() {
                for packet in server.serve() {
                    let copies = match fates.next() {
                        Some(0..=2) if tick < 800 => 0,
                        Some(3..=4) => 2,
                        _ => 1,
                    };
                    for _ in 0..copies {
                        client.receive(&packet.bytes);
                    }
                }
                server.events();
            }
            connected |= client.events().contains(&Event::Connect(vec![]));
        }
        prop_assert!(connected);
        prop_assert_eq!((client.state(), server.state()), ("established", "established"));
        prop_assert_eq!(server.link().snapshot(&server.rules).allowance, u32::MAX);
    }
}
