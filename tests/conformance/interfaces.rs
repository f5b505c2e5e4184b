//! Rows O: interfaces. Row O5, what becomes of a socket after an error, is tested where the socket
//! is: `src/interface/udp`.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use drumfire::address::{CUSTOM_ADDRESS_LEN, NetworkEndpoint, Path};
use drumfire::buffer::batch::ReceiveBatch;
use drumfire::error::{BindError, DisconnectReason};
use drumfire::interface::{NetworkInterface, Received, SendReport, Transmit};
use drumfire::{NetworkDriver, NetworkPipeline, NetworkSettings};

use crate::support::{
    Event, Net, Node, SERVER, World, data, heartbeat, ms, pattern, request, settings,
};

#[test]
fn o1_numbers_and_bytes_travel_over_real_sockets() {
    let plain = || NetworkSettings::builder().plain().build().unwrap();
    let mut server = NetworkDriver::new(plain()).unwrap();
    server.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    server.listen().unwrap();
    let mut client = NetworkDriver::new(plain()).unwrap();
    let ours = client.connect(server.local_endpoint()).unwrap();
    for _ in 0..500 {
        client.update();
        if client.pop_event().is_some() {
            let mut writer = client.begin_send(NetworkPipeline::NULL, ours).unwrap();
            writer.write_int(-42);
            writer.write_float(1.5);
            writer.write_bytes(b"bytes");
            writer.end_send().unwrap();
        }
        server.wait(ms(10));
        server.update();
        while server.accept().is_some() {}
        if let Some((_, drumfire::NetworkEvent::Data { mut reader, .. })) = server.pop_event() {
            assert_eq!(reader.read_int(), -42);
            assert_eq!(reader.read_float().to_bits(), 1.5_f32.to_bits());
            let mut bytes = [0; 5];
            assert!(reader.read_bytes(&mut bytes));
            assert_eq!(&bytes, b"bytes");
            return;
        }
    }
    panic!("nothing arrived");
}

#[test]
fn o2_an_endpoint_nobody_has_is_no_panic() {
    let mut client = Node::new(
        settings().connect_timeout(ms(50)).max_connect_attempts(2),
        1,
        Net::calm().interface(),
    );
    let ours = client.driver.connect(SERVER).unwrap();
    for _ in 0..20 {
        client.update();
    }
    assert_eq!(
        client.events(),
        [(
            ours,
            Event::Disconnect(DisconnectReason::MaxConnectionAttempts)
        )]
    );
}

/// A transport as a user might write one: letters between boxes with names.
#[derive(Clone, Debug, Default)]
struct Post(Arc<Mutex<HashMap<NetworkEndpoint, VecDeque<Letter>>>>);

type Letter = (NetworkEndpoint, Vec<u8>);

#[derive(Debug)]
struct PostBox {
    post: Post,
    address: NetworkEndpoint,
}

impl Post {
    fn open(&self, name: u8) -> PostBox {
        PostBox {
            post: self.clone(),
            address: NetworkEndpoint::custom([name; CUSTOM_ADDRESS_LEN]),
        }
    }
}

impl NetworkInterface for PostBox {
    fn bind(&mut self, _: &NetworkEndpoint) -> Result<(), BindError> {
        self.post
            .0
            .lock()
            .unwrap()
            .insert(self.address, VecDeque::new());
        Ok(())
    }

    fn local_endpoint(&self) -> NetworkEndpoint {
        self.address
    }

    fn receive(&self, batch: &mut ReceiveBatch) -> Received {
        let mut boxes = self.post.0.lock().unwrap();
        let waiting = boxes.get_mut(&self.address).unwrap();
        while let Some((from, letter)) = waiting.pop_front() {
            if !batch.push(Path::from(from), &letter) {
                waiting.push_front((from, letter));
                return Received::More;
            }
        }
        Received::Drained
    }

    fn send(&self, batch: &[Transmit<'_>], report: &mut SendReport) {
        report.clear();
        let mut boxes = self.post.0.lock().unwrap();
        for letter in batch {
            if let Some(waiting) = boxes.get_mut(letter.to) {
                waiting.push_back((self.address, letter.bytes.to_vec()));
            }
        }
        report.done = batch.len();
    }

    fn wait(&self, _: Duration) -> bool {
        false
    }
}

#[test]
fn o3_an_interface_of_the_users_carries_a_session() {
    let post = Post::default();
    let address = post.open(1).address;
    let mut server = Node::new(settings(), 1, post.open(1));
    server.listen_on(address);
    let mut client = Node::new(settings(), 2, post.open(2));
    let ours = client.driver.connect(address).unwrap();
    let mut round = || {
        client.update();
        server.update();
        (client.events(), server.accept_all(), server.events())
    };
    let (_, accepted, _) = round();
    let [theirs] = accepted[..] else {
        panic!("{accepted:?}")
    };
    assert_eq!(round().0, [(ours, Event::Connect(vec![]))]);
    client.send(ours, &pattern(1_390)).unwrap();
    client.update();
    server.update();
    assert_eq!(server.events_of(theirs), [Event::data(&pattern(1_390))]);
    client.update();
    server.send(theirs, b"welcome").unwrap();
    server.update();
    client.update();
    assert_eq!(client.events_of(ours), [Event::data(b"welcome")]);
    client.driver.disconnect(ours);
    client.update();
    server.update();
    assert_eq!(
        server.events_of(theirs),
        [Event::Disconnect(DisconnectReason::ClosedByRemote)]
    );
}

#[test]
fn o4_oversized_datagrams_are_dropped_and_counted() {
    let token = drumfire::wire::connection::Token([1; 8]);
    let mut world = World::with(0, settings().max_message_size(600), settings());
    let peer = world.net.peer(SERVER.with_port(1));
    peer.send(SERVER, &request(token, &[]));
    world.tick();
    let theirs = world.server.driver.accept().unwrap();
    peer.send(SERVER, &heartbeat(token));
    peer.send(SERVER, &data(token, &pattern(591)));
    peer.send(SERVER, &data(token, &pattern(1_390)));
    peer.send(SERVER, &pattern(65_507));
    peer.send(SERVER, &data(token, &pattern(590)));
    world.tick();
    assert_eq!(world.server.events_of(theirs), [Event::data(&pattern(590))]);
    let statistics = world.server.driver.statistics();
    let dropped = statistics
        .inward
        .drops
        .get(drumfire::counters::DropReason::Oversize);
    assert_eq!(dropped + statistics.interface.oversize, 3);
}
