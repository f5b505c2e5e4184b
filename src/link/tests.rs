//! A link on a bench: hand-written packets in, packets and events out, time pushed by hand.

mod closing;
mod discovery;
mod handshake;
mod machine;
mod random;
mod roaming;
mod tick_gaps;
mod validation;

use std::sync::Arc;
use std::time::Duration;

use super::proof::PAIR_LEN;
use super::{Context, Link, Notice, Rules};
use crate::address::{NetworkEndpoint, Path};
use crate::buffer::egress::{Egress, Route, Source};
use crate::buffer::inbox::{EventKind, Inbox};
use crate::buffer::outbox::{Outbox, RecordKind, Rooms};
use crate::counters::{DropReason, Flow};
use crate::id::StageId;
use crate::pipeline::{Buffers, Pipelines};
use crate::random::Random;
use crate::settings::{AddressValidation, NetworkSettings, NetworkSettingsBuilder};
use crate::time::{Now, Timestamp};
use crate::wire::connection::{
    CheckBody, DATA_HEADER_LEN, Packet, Token, push_accept, push_disconnect, push_heartbeat,
    push_mtu_ack, push_mtu_check, push_request, write_data_header,
};

const TOKEN: Token = Token([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]);
const ROOMS: Rooms = Rooms { head: 10, tail: 0 };

/// Where the peer is at first, and where it or somebody else may be later.
fn home() -> Path {
    NetworkEndpoint::loopback_ipv4(5_000).into()
}

fn away() -> Path {
    NetworkEndpoint::loopback_ipv4(6_000).into()
}

fn third() -> Path {
    NetworkEndpoint::loopback_ipv4(7_000).into()
}

/// A packet that left, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    to: Path,
    bytes: Vec<u8>,
}

/// An event as the user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    Connect(Vec<u8>),
    Data(u8, Vec<u8>),
    Writable(u8),
    Disconnect(u8),
}

fn data(text: &[u8]) -> Event {
    Event::Data(0, text.to_vec())
}

/// Two pipelines without stages of consequence.
fn two_pipelines() -> Pipelines {
    let mut pipelines = Pipelines::default();
    for _ in 0..2 {
        let shape = pipelines.shape_of([StageId::Null.into()]);
        pipelines.add(shape);
    }
    pipelines
}

struct Bench {
    link: Option<Link>,
    rules: Rules,
    now: Now,
    inbox: Inbox,
    outbox: Outbox,
    egress: Egress,
    notices: Vec<Notice>,
    inward: Flow,
    outward: Flow,
    random: Random,
    buffers: Buffers,
    order: u64,
}

impl Bench {
    fn new(settings: NetworkSettingsBuilder) -> Self {
        let start = Timestamp::from_micros(1_000);
        Self {
            link: None,
            rules: Rules {
                settings: settings.build().unwrap(),
                listening: true,
                accept_payload: vec![],
                padding: 0,
                pipelines: Arc::new(two_pipelines()),
                memory: crate::buffer::account::MemoryShare::new(0, usize::MAX / 2, 1),
            },
            now: Now {
                at: start,
                observed: start,
            },
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            egress: Egress::default(),
            notices: vec![],
            inward: Flow::default(),
            outward: Flow::default(),
            random: Random::Seeded(1),
            buffers: Buffers::default(),
            order: 0,
        }
    }

    /// A client that has not sent its first request.
    fn client(settings: NetworkSettingsBuilder) -> Self {
        let mut bench = Self::new(settings);
        bench.link = Some(Link::connect(home(), TOKEN, vec![], bench.now));
        bench
    }

    /// A client that is connected.
    fn connected(settings: NetworkSettingsBuilder) -> Self {
        let mut bench = Self::client(settings);
        bench.serve();
        bench.receive(&accept(b""));
        bench.serve();
        assert_eq!(bench.events(), [Event::Connect(vec![])]);
        bench
    }

    /// A server that has just received `request`.
    fn admitted(settings: NetworkSettingsBuilder, request: &[u8]) -> Self {
        let mut bench = Self::new(settings);
        bench.admit(request);
        bench
    }

    /// A server whose client has spoken and proved its address.
    fn settled(settings: NetworkSettingsBuilder) -> Self {
        let mut bench = Self::admitted(settings, &request(b""));
        bench.accept();
        bench.serve();
        bench.receive(&heartbeat());
        let probes = bench.serve();
        for len in nonces(&probes) {
            bench.receive(&ack(len.wrapping_add(11)));
        }
        bench.serve();
        bench.notices.clear();
        bench
    }

    fn admit(&mut self, request: &[u8]) {
        self.inward.entered += 1;
        let (mut cx, _, _) = self.parts();
        let link = Link::admit(TOKEN, &home(), request, 1, &mut cx);
        self.link = Some(link);
    }

    fn parts(&mut self) -> (Context<'_>, Option<&mut Link>, &mut Outbox) {
        let cx = Context {
            now: self.now,
            rules: &self.rules,
            lane: 3,
            inbox: &mut self.inbox,
            egress: &mut self.egress,
            notices: &mut self.notices,
            inward: &mut self.inward,
            outward: &mut self.outward,
            random: &mut self.random,
            buffers: &mut self.buffers,
            surplus: 0,
        };
        (cx, self.link.as_mut(), &mut self.outbox)
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Link, &mut Context<'_>) -> T) -> T {
        let (mut cx, link, _) = self.parts();
        act(link.unwrap(), &mut cx)
    }

    fn link(&self) -> &Link {
        self.link.as_ref().unwrap()
    }

    fn state(&self) -> &'static str {
        self.link().state.name()
    }

    /// Both times advance.
    fn wait(&mut self, millis: u64) {
        let step = Duration::from_millis(millis);
        self.now.at = self.now.at + step;
        self.now.observed = self.now.observed + step;
    }

    fn receive(&mut self, packet: &[u8]) {
        self.receive_from(home(), packet);
    }

    fn receive_from(&mut self, path: Path, packet: &[u8]) {
        self.inward.entered += 1;
        self.order += 1;
        let order = self.order;
        self.with(|link, cx| link.handle_packet(&path, packet, order, cx));
    }

    /// Queues a message, as the user does between updates.
    fn send(&mut self, payload: &[u8]) {
        let (bytes, opened) = self.outbox.open(0, None, ROOMS, payload.len());
        bytes.copy_from_slice(payload);
        opened.commit(payload.len(), 0);
    }

    fn accept(&mut self) {
        self.outbox.wish(RecordKind::Accepted);
    }

    fn close(&mut self) {
        self.outbox.wish(RecordKind::Disconnect);
    }

    /// The rest of an update: the user's wishes, the timers, and what is sent.
    fn serve(&mut self) -> Vec<Sent> {
        self.flush();
        self.with(Link::handle_timeout);
        self.take_sent()
    }

    fn flush(&mut self) {
        let mut at = 0;
        while let Some(record) = self.outbox.record(at, ROOMS.tail) {
            at = record.next;
            let (mut cx, link, outbox) = self.parts();
            let link = link.unwrap();
            match record.kind {
                RecordKind::Message => {
                    cx.outward.entered += 1;
                    link.handle_message(outbox, &record, &mut cx);
                }
                RecordKind::Disconnect => link.handle_disconnect(&mut cx),
                RecordKind::Accepted => link.handle_accepted(&mut cx),
                RecordKind::Vouched => link.handle_vouched(&mut cx),
                RecordKind::RoomWanted => link.handle_room_wanted(record.pipeline, &mut cx),
            }
        }
    }

    fn take_sent(&mut self) -> Vec<Sent> {
        let current = *self.link().path();
        let sent = self
            .egress
            .iter()
            .map(|outgoing| {
                let bytes = match outgoing.source {
                    Source::Outbox => self.outbox.bytes(),
                    Source::Scratch => self.egress.scratch(),
                };
                let start = outgoing.start as usize;
                Sent {
                    to: match outgoing.route {
                        Route::Current => current,
                        Route::Detour(index) => self.egress.detours()[index as usize],
                    },
                    bytes: bytes[start..start + outgoing.len as usize].to_vec(),
                }
            })
            .collect();
        self.egress.clear();
        self.outbox.clear();
        self.check_conservation();
        sent
    }

    /// Waits and serves, once a step, and says when something was sent, counted in steps.
    fn run(&mut self, steps: u64, step_millis: u64) -> Vec<(u64, Sent)> {
        let mut sent = vec![];
        for step in 1..=steps {
            self.wait(step_millis);
            sent.extend(self.serve().into_iter().map(|packet| (step, packet)));
        }
        sent
    }

    fn events(&mut self) -> Vec<Event> {
        let mut events = vec![];
        while let Some(event) = self.inbox.pop() {
            events.push(match event.kind {
                EventKind::Connect => Event::Connect(event.payload.to_vec()),
                EventKind::Data => Event::Data(event.pipeline, event.payload.to_vec()),
                EventKind::Writable => Event::Writable(event.pipeline),
                EventKind::Disconnect => Event::Disconnect(event.reason),
            });
        }
        self.inbox.clear();
        events
    }

    fn drops(&self, reason: DropReason) -> u64 {
        self.inward.drops.get(reason)
    }

    fn check_conservation(&self) {
        for flow in [&self.inward, &self.outward] {
            assert_eq!(flow.entered, flow.passed + flow.drops.total(), "{flow:?}");
        }
    }
}

fn plain() -> NetworkSettingsBuilder {
    NetworkSettings::builder().plain()
}

fn unvalidated() -> NetworkSettingsBuilder {
    plain().address_validation(AddressValidation::Off)
}

fn packet(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = vec![];
    write(&mut bytes);
    bytes
}

fn request(payload: &[u8]) -> Vec<u8> {
    packet(|out| push_request(out, TOKEN, payload))
}

fn accept(payload: &[u8]) -> Vec<u8> {
    packet(|out| push_accept(out, TOKEN, payload))
}

fn message(pipeline: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = [0; DATA_HEADER_LEN];
    write_data_header(&mut header, TOKEN, pipeline);
    [&header[..], payload].concat()
}

fn heartbeat() -> Vec<u8> {
    packet(|out| push_heartbeat(out, TOKEN))
}

fn disconnect() -> Vec<u8> {
    packet(|out| push_disconnect(out, TOKEN))
}

fn check(len: u16) -> Vec<u8> {
    packet(|out| push_mtu_check(out, TOKEN, len, CheckBody::Absent))
}

fn ack(size: u16) -> Vec<u8> {
    packet(|out| push_mtu_ack(out, TOKEN, size))
}

fn unknown() -> Vec<u8> {
    let mut bytes = heartbeat();
    bytes[0] = 9;
    bytes
}

/// Packets to the link's first peer.
fn at_home(packets: &[Vec<u8>]) -> Vec<Sent> {
    packets
        .iter()
        .map(|bytes| Sent {
            to: home(),
            bytes: bytes.clone(),
        })
        .collect()
}

/// Length fields of the 11-byte checks among `packets`.
fn nonces(packets: &[Sent]) -> Vec<u16> {
    packets
        .iter()
        .filter(|sent| sent.bytes.len() == PAIR_LEN / 2)
        .filter_map(|sent| match Packet::parse(&sent.bytes) {
            Ok(Packet::MtuCheck { len, .. }) => Some(len),
            _ => None,
        })
        .collect()
}

#[test]
fn a_link_is_small() {
    assert!(size_of::<Link>() <= 384, "{}", size_of::<Link>());
}
