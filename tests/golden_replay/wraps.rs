//! The recordings of long runs, through the wrap of sequence numbers.
//!
//! Only their last packets are kept, so one side alone could not be fed. Both sides are ours here, do
//! what the recorded ones did from the first message on, and every kept packet and event must be as
//! recorded: each side is given the recorded bytes by the other.

use drumfire::id::NetworkPipeline;
use drumfire::wire::connection::peek_token;

use crate::recording::{Recording, Role, describe};
use crate::replay::{PIPELINES, exchange, reason_name, send_on};
use crate::support::{Event, Net, Node, SERVER, kind_of};

/// The tick of the client's first message.
const FIRST_TICK: u64 = 2;

/// What the recorded client sent: messages that are their own number.
struct Run {
    scenario: &'static str,
    /// Pipeline id.
    pipeline: u8,
    /// Messages in all, and at most in one tick; fewer where the window is full.
    messages: u32,
    each_tick: u32,
}

fn replay(run: &Run) {
    let recording = Recording::load(run.scenario);
    let net = Net::calm();
    let tap = net.tap();
    let [mut client, mut server] = [Role::Client, Role::Server].map(|role| {
        let seed = if role == Role::Client { 1 } else { 2 };
        Node::new(recording.settings(role), seed, net.interface())
    });
    let pipelines: Vec<NetworkPipeline> = PIPELINES
        .iter()
        .map(|stages| {
            let created = client.driver.create_pipeline(stages).unwrap();
            assert_eq!(server.driver.create_pipeline(stages), Ok(created));
            created
        })
        .collect();
    let pipeline = pipelines[usize::from(run.pipeline) - 1];
    server.listen_on(SERVER);
    let ours = client.driver.connect(SERVER).unwrap();
    let (mut sent, mut received, mut token, mut compared) = (0_u32, 0_u32, None, 0);
    for tick in 0..=recording.last_packet() {
        let [mut of_client, mut of_server] = [vec![], vec![]];
        if tick >= FIRST_TICK {
            let most = run.messages.min(sent + run.each_tick);
            while sent < most
                && send_on(&mut client.driver, pipeline, ours, &sent.to_le_bytes()).is_ok()
            {
                sent += 1;
            }
            client.flush();
        }
        if recording.closes_at(Role::Client) == Some(tick) {
            client.driver.disconnect(ours);
        }
        client.update();
        for (_, event) in client.events() {
            match event {
                Event::Connect(payload) => of_client.push(describe::connect(&payload)),
                Event::Writable(_) => {}
                other => panic!("tick {tick}: {other:?}"),
            }
        }
        server.update();
        while let Some((_, payload)) = server.driver.accept_with_payload() {
            of_server.push(describe::accept(&payload));
        }
        for (_, event) in server.events() {
            match event {
                Event::Data(id, message) => {
                    assert_eq!((id, message), (run.pipeline, received.to_le_bytes().into()));
                    received += 1;
                }
                Event::Disconnect(reason) => {
                    of_server.push(describe::disconnect(reason_name(reason)));
                }
                other => panic!("tick {tick}: {other:?}"),
            }
        }
        server.flush();
        assert_eq!(of_client, recording.described_events(Role::Client, tick));
        assert_eq!(of_server, recording.described_events(Role::Server, tick));

        let carried = tap.take();
        for role in [Role::Client, Role::Server] {
            let recorded: Vec<_> = recording.sent(role, tick).collect();
            let ours: Vec<&[u8]> = carried
                .iter()
                .filter(|one| (one.to == SERVER) == (role == Role::Client))
                .map(|one| &*one.bytes)
                .collect();
            // What went before the first of the kept ones was not kept.
            let skipped = match tick {
                0 => 0,
                _ if tick < recording.kept_from() => ours.len(),
                _ if tick == recording.kept_from() => ours.len().saturating_sub(recorded.len()),
                _ => 0,
            };
            let ours = &ours[skipped..];
            let kinds: Vec<_> = ours.iter().map(|bytes| kind_of(bytes)).collect();
            assert_eq!(
                ours.len(),
                recorded.len(),
                "tick {tick}, {role:?}: {kinds:?}"
            );
            for (recorded, ours) in recorded.iter().zip(ours) {
                let token = *token.get_or_insert_with(|| peek_token(ours).unwrap().1);
                let bytes = exchange(ours.to_vec(), token, recording.token());
                assert!(recorded.is(&bytes), "#{}: {bytes:02x?}", recorded.n);
                compared += 1;
            }
        }
    }
    let summary = recording.received_by_the_server();
    assert_eq!((sent, received), (run.messages, summary));
    assert_eq!(compared, recording.len(), "every kept packet");
}

#[test]
fn wrap_unreliable_sequenced() {
    replay(&Run {
        scenario: "wrap_unreliable_sequenced",
        pipeline: 1,
        messages: 65_540,
        each_tick: 60,
    });
}

#[test]
fn wrap_reliable() {
    replay(&Run {
        scenario: "wrap_reliable",
        pipeline: 2,
        messages: 65_540,
        each_tick: 16,
    });
}

#[test]
fn wrap_fragmentation() {
    replay(&Run {
        scenario: "wrap_fragmentation",
        pipeline: 3,
        messages: 16_390,
        each_tick: 60,
    });
}
