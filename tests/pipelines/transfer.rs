//! R25 at size: reliable bytes over a bad network, bit-exact, once, in order.
//!
//! `DRUMFIRE_TRANSFER=seeds,connections,bytes` makes it larger; the form that issue 4 of the project
//! asks for is `DRUMFIRE_TRANSFER=1000,20,100000 cargo test --release --test pipelines transfer`.

use drumfire::id::StageId::{Fragmentation, ReliableSequenced};
use drumfire::id::{NetworkConnection, NetworkPipeline, StageId};
use drumfire::interface::Conditions;

use crate::send;
use crate::support::{Dice, Event, Net, Node, SERVER, ms, settings};

/// Seeds, connections and bytes of each.
fn size() -> [usize; 3] {
    let Ok(text) = std::env::var("DRUMFIRE_TRANSFER") else {
        return [8, 10, 60_000];
    };
    let numbers: Vec<usize> = text.split(',').map(|part| part.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

fn weather() -> Conditions {
    Conditions {
        loss: 0.30,
        duplication: 0.20,
        reordering: 0.10,
        reorder_by: ms(100),
        jitter: ms(200),
        ..Conditions::default()
    }
}

/// The bytes of one direction: any part of them can be made at any time.
#[derive(Clone, Debug)]
struct Stream {
    dice: Dice,
    done: usize,
}

impl Stream {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            done: 0,
        }
    }

    fn next(&mut self, most: usize, total: usize) -> Vec<u8> {
        let len = most.min(total - self.done);
        self.done += len;
        (0..len).map(|_| self.dice.byte()).collect()
    }
}

/// Transfers `bytes` over each of `connections` from the clients to the server.
fn transfer(seed: u64, stages: &[StageId], message: usize, connections: usize, bytes: usize) {
    let net = Net::rough(seed, weather());
    // At this loss a packet is lost ten times in a row now and then, and ten are sent in a minute.
    let patient = || {
        settings()
            .fixed_frame_time(ms(20))
            .disconnect_timeout(ms(0))
            .reliable_stall_timeout(ms(0))
    };
    let mut server = Node::new(patient(), 1_000 * seed, net.interface());
    let mut client = Node::new(patient(), 1_000 * seed + 1, net.interface());
    let pipeline = server.driver.create_pipeline(stages).unwrap();
    assert_eq!(client.driver.create_pipeline(stages), Ok(pipeline));
    server.listen_on(SERVER);
    let mut senders: Vec<(NetworkConnection, Option<Stream>)> = (0..connections)
        .map(|_| (client.driver.connect(SERVER).unwrap(), None))
        .collect();
    let mut receivers: Vec<(NetworkConnection, Option<Stream>)> = Vec::new();
    for tick in 0_u32.. {
        assert!(tick < 100_000, "seed {seed}: nothing moves any more");
        net.advance(ms(20));
        client.update();
        server.update();
        for (connection, event) in client.events() {
            assert!(
                !matches!(event, Event::Disconnect(_)),
                "seed {seed}, tick {tick}: {event:?}"
            );
            if let Event::Connect(_) = event {
                let number = senders.iter().position(|(other, _)| *other == connection);
                let number = u64::try_from(number.unwrap()).unwrap();
                // Its number comes first, so that the other side knows what follows.
                send(&mut client, pipeline, connection, &number.to_le_bytes()).unwrap();
                senders[usize::try_from(number).unwrap()].1 = Some(Stream::new(seed ^ number));
            }
        }
        for (connection, stream) in &mut senders {
            if let Some(stream) = stream {
                fill(&mut client, pipeline, *connection, stream, message, bytes);
            }
        }
        let accepted = server.accept_all();
        receivers.extend(accepted.into_iter().map(|connection| (connection, None)));
        for (connection, event) in server.events() {
            let Event::Data(_, received) = event else {
                panic!("{event:?}");
            };
            let known = receivers.iter_mut().find(|(other, _)| *other == connection);
            let (_, stream) = known.unwrap();
            match stream {
                None => {
                    let number = u64::from_le_bytes(received.try_into().unwrap());
                    *stream = Some(Stream::new(seed ^ number));
                }
                Some(stream) => {
                    assert!(
                        received == stream.next(received.len(), bytes),
                        "seed {seed}"
                    );
                }
            }
        }
        let done = |(_, stream): &(_, Option<Stream>)| {
            stream.as_ref().is_some_and(|stream| stream.done == bytes)
        };
        if receivers.len() == connections && receivers.iter().all(done) {
            return;
        }
    }
}

/// Sends as much as the window takes.
fn fill(
    node: &mut Node,
    pipeline: NetworkPipeline,
    connection: NetworkConnection,
    stream: &mut Stream,
    message: usize,
    bytes: usize,
) {
    while stream.done < bytes {
        let mut ahead = stream.clone();
        if send(node, pipeline, connection, &ahead.next(message, bytes)).is_err() {
            return;
        }
        *stream = ahead;
    }
}

#[test]
fn r25_oracle_every_byte_arrives_once_and_in_order_over_a_bad_network() {
    let [seeds, connections, bytes] = size();
    for seed in 1..=u64::try_from(seeds).unwrap() {
        transfer(seed, &[ReliableSequenced], 1_000, connections, bytes);
    }
}

#[test]
fn r25_oracle_the_same_through_fragmentation() {
    let [seeds, connections, bytes] = size();
    let stages = [Fragmentation, ReliableSequenced];
    for seed in 1..=u64::try_from(seeds).unwrap() {
        transfer(seed, &stages, 4_000, connections, bytes);
    }
}
