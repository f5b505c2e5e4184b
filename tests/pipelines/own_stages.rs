//! Conformance I4 to I12 and I15: stages of the user's own, through whole drivers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use drumfire::DisconnectReason;
use drumfire::counters::DropReason;
use drumfire::id::NetworkPipeline;
use drumfire::id::StageId::{self, UnreliableSequenced};
use drumfire::pipeline::{PipelineStage, StageAction, StageContext, StageError, StagePacket};
use drumfire::time::Timestamp;

use crate::support::{Event, FRAME, World, ms};
use crate::{messages, send};

/// Which way a stage delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Sending,
    Receiving,
}

/// A stage that does what a test tells it.
#[derive(Clone, Debug, Default)]
struct Probe {
    header: &'static [u8],
    /// Added to each byte of what is sent, and taken off again unless `one_way`.
    shift: u8,
    one_way: bool,
    /// Changes bytes in a buffer of its own, or in place.
    copies: bool,
    delay: Option<(Way, Duration)>,
    /// Panics at a packet that begins with this, on this way.
    dread: Option<(Way, u8)>,
    waiting: VecDeque<(Timestamp, Vec<u8>)>,
    /// How often any of its copies was called between packets.
    calls: Arc<AtomicUsize>,
}

impl Probe {
    fn shift(&self, packet: &mut StagePacket, by: u8) {
        let shifted = |byte: &u8| byte.wrapping_add(by);
        if self.copies {
            let changed: Vec<u8> = packet.bytes().iter().map(shifted).collect();
            packet.replace(&changed);
        } else {
            for byte in packet.bytes_mut() {
                *byte = shifted(byte);
            }
        }
    }

    fn look_at(&self, way: Way, packet: &StagePacket) {
        let dreaded = self.dread.filter(|(dreaded, _)| *dreaded == way);
        let first = packet.bytes().first();
        assert!(
            dreaded.is_none_or(|(_, byte)| first != Some(&byte)),
            "as the test asked"
        );
    }

    /// Keeps the packet if it is to be delayed on this way.
    fn keep(&mut self, way: Way, packet: &StagePacket, cx: &mut StageContext) -> StageAction {
        match self.delay {
            Some((delayed, delay)) if delayed == way => {
                let due = cx.now() + delay;
                self.waiting.push_back((due, packet.bytes().to_vec()));
                self.ask(way, due, cx);
                StageAction::Keep
            }
            _ => StageAction::Pass,
        }
    }

    fn ask(&self, way: Way, due: Timestamp, cx: &mut StageContext) {
        match way {
            Way::Sending => cx.request_send_update(due),
            Way::Receiving => cx.request_update(due),
        }
    }

    fn let_go(&mut self, way: Way, packet: &mut StagePacket, cx: &mut StageContext) -> StageAction {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match self.waiting.front() {
            Some((due, _)) if *due > cx.now() => self.ask(way, *due, cx),
            Some((_, bytes)) => {
                packet.replace(bytes);
                self.waiting.pop_front();
                cx.request_resume();
                return StageAction::Pass;
            }
            None => {}
        }
        StageAction::Keep
    }
}

impl PipelineStage for Probe {
    fn name(&self) -> &str {
        "Probe"
    }

    fn header_capacity(&self) -> usize {
        self.header.len()
    }

    fn for_connection(&self) -> Box<dyn PipelineStage> {
        Box::new(self.clone())
    }

    fn send(
        &mut self,
        packet: &mut StagePacket,
        cx: &mut StageContext,
    ) -> Result<StageAction, StageError> {
        self.look_at(Way::Sending, packet);
        self.shift(packet, self.shift);
        packet.push_header(self.header)?;
        Ok(self.keep(Way::Sending, packet, cx))
    }

    fn receive(
        &mut self,
        packet: &mut StagePacket,
        cx: &mut StageContext,
    ) -> Result<StageAction, StageError> {
        if !packet.bytes().starts_with(self.header) {
            return Err(StageError::new("another header"));
        }
        let rest = packet.bytes()[self.header.len()..].to_vec();
        packet.replace(&rest);
        self.look_at(Way::Receiving, packet);
        if !self.one_way {
            self.shift(packet, self.shift.wrapping_neg());
        }
        Ok(self.keep(Way::Receiving, packet, cx))
    }

    fn resume_send(
        &mut self,
        packet: &mut StagePacket,
        cx: &mut StageContext,
    ) -> Result<StageAction, StageError> {
        Ok(self.let_go(Way::Sending, packet, cx))
    }

    fn resume_receive(
        &mut self,
        packet: &mut StagePacket,
        cx: &mut StageContext,
    ) -> Result<StageAction, StageError> {
        Ok(self.let_go(Way::Receiving, packet, cx))
    }
}

/// A stage of a list.
#[derive(Debug)]
enum Of {
    Own(Probe),
    Builtin(StageId),
}

/// Two clients of a server that all have the same pipeline.
fn world(stages: &[Of]) -> (World, NetworkPipeline) {
    let mut world = World::new(2);
    let mut pipeline = None;
    for node in std::iter::once(&mut world.server).chain(&mut world.clients) {
        let ids: Vec<StageId> = stages
            .iter()
            .map(|stage| match stage {
                Of::Own(probe) => node.driver.register_pipeline_stage(probe.clone()).unwrap(),
                Of::Builtin(id) => *id,
            })
            .collect();
        pipeline = Some(node.driver.create_pipeline(&ids).unwrap());
    }
    (world, pipeline.unwrap())
}

/// What the server gets of one message.
fn passed(stages: &[Of], message: &[u8]) -> Vec<Vec<u8>> {
    let (mut world, pipeline) = world(stages);
    let (ours, theirs) = world.connect(0);
    send(&mut world.clients[0], pipeline, ours, message).unwrap();
    world.tick();
    messages(world.server.events_of(theirs))
}

#[test]
fn i4_i5_i6_i8_through_drivers_headers_and_transforms_leave_the_payload_intact() {
    let header = || Probe {
        header: &[1, 2],
        ..Probe::default()
    };
    let shift = |copies| Probe {
        shift: 77,
        copies,
        ..Probe::default()
    };
    let lists = [
        vec![Of::Own(header())],
        vec![Of::Own(shift(true))],
        vec![Of::Own(shift(false))],
        vec![Of::Own(header()), Of::Own(shift(false))],
        vec![Of::Own(shift(true)), Of::Own(header())],
    ];
    for list in lists {
        assert_eq!(passed(&list, b"intact"), [b"intact"], "{list:?}");
    }
}

#[test]
fn i7_through_drivers_a_one_way_transform_is_seen_by_the_receiver() {
    let stage = Probe {
        shift: 1,
        one_way: true,
        ..Probe::default()
    };
    assert_eq!(passed(&[Of::Own(stage)], b"HAL"), [b"IBM"]);
}

#[test]
fn i9_i10_i11_i12_through_drivers_a_delay_keeps_order_and_loses_nothing() {
    for way in [Way::Sending, Way::Receiving] {
        let delay = || {
            Of::Own(Probe {
                header: &[9; 3],
                delay: Some((way, ms(100))),
                ..Probe::default()
            })
        };
        let other = || {
            Of::Own(Probe {
                header: &[8; 5],
                ..Probe::default()
            })
        };
        let lists = [
            vec![other(), delay()],
            vec![delay(), other()],
            vec![Of::Builtin(UnreliableSequenced), delay()],
            vec![delay(), Of::Builtin(UnreliableSequenced)],
        ];
        for list in lists {
            delayed(&list, way);
        }
    }
}

/// 30 packets of each of two clients: all arrive in order, none before its time.
fn delayed(stages: &[Of], way: Way) {
    let (mut world, pipeline) = world(stages);
    let pairs = [world.connect(0), world.connect(1)];
    // Until the update that is 100 ms behind the one they left in.
    let wait = u64::try_from(100_u128.div_ceil(FRAME.as_millis())).unwrap();
    let begin = world.ticks + 1;
    let mut arrived = [0, 0];
    for round in 0..50_u8 {
        if round < 30 {
            for (client, (ours, _)) in pairs.into_iter().enumerate() {
                let message = [u8::try_from(client).unwrap(), round];
                send(&mut world.clients[client], pipeline, ours, &message).unwrap();
            }
        }
        world.tick();
        for (client, (_, theirs)) in pairs.into_iter().enumerate() {
            for message in messages(world.server.events_of(theirs)) {
                let number = arrived[client];
                assert_eq!(message, [u8::try_from(client).unwrap(), number]);
                let due = begin + u64::from(number) + wait;
                assert_eq!(world.ticks, due, "{number}, {way:?}, {stages:?}");
                arrived[client] += 1;
            }
        }
    }
    assert_eq!(arrived, [30, 30], "{way:?}, {stages:?}");
}

#[test]
fn i15_a_closed_connection_is_asked_for_no_more_updates() {
    let stage = Probe {
        delay: Some((Way::Receiving, ms(200))),
        ..Probe::default()
    };
    let calls = stage.calls.clone();
    let (mut world, pipeline) = world(&[Of::Own(stage)]);
    let (ours, theirs) = world.connect(0);
    send(&mut world.clients[0], pipeline, ours, b"late").unwrap();
    world.run(3);
    world.server.driver.disconnect(theirs);
    world.run(1);
    let before = calls.load(Ordering::Relaxed);
    world.run(100);
    assert_eq!(calls.load(Ordering::Relaxed), before);
}

/// The nodes hold their counters against each other at every update: what a panic costs is counted.
#[test]
fn r34_a_stage_that_panics_ends_its_connection_and_no_other() {
    for way in [Way::Sending, Way::Receiving] {
        let (mut world, pipeline) = world(&[Of::Own(Probe {
            dread: Some((way, b'!')),
            ..Probe::default()
        })]);
        let (unlucky, theirs) = world.connect_proved(0);
        let (lucky, others) = world.connect_proved(0);
        for message in ["before", "!", "behind", "far behind"] {
            send(&mut world.clients[0], pipeline, unlucky, message.as_bytes()).unwrap();
        }
        send(&mut world.clients[0], pipeline, lucky, b"unharmed").unwrap();
        world.tick();
        assert_eq!(messages(world.server.events_of(others)), [b"unharmed"]);
        let (node, ended) = match way {
            Way::Sending => (&mut world.clients[0], unlucky),
            Way::Receiving => (&mut world.server, theirs),
        };
        let events = node.events_of(ended);
        let last = events.last();
        assert_eq!(
            last,
            Some(&Event::Disconnect(DisconnectReason::InternalError))
        );
        let statistics = node.driver.statistics();
        let (flow, unread) = match way {
            Way::Sending => (&statistics.outward, 2),
            Way::Receiving => (&statistics.inward, 0),
        };
        assert_eq!(flow.drops.get(DropReason::InternalError), 1);
        assert_eq!(flow.drops.get(DropReason::Closed), unread);
        world.run(4);
        send(&mut world.clients[0], pipeline, lucky, b"still there").unwrap();
        world.tick();
        assert_eq!(messages(world.server.events_of(others)), [b"still there"]);
    }
}
