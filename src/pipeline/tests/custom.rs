//! Conformance I: a user's own stages in a chain.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use StageId::{Fragmentation as F, ReliableSequenced as R, UnreliableSequenced as U};

/// Writes a header, changes the payload, and keeps packets for a while: whatever it is told.
#[derive(Clone, Debug, Default)]
struct Test {
    header: Option<u16>,
    /// Added to each byte when sent, and taken off when received.
    shift: u8,
    /// Whether `shift` is taken off again.
    one_way: bool,
    /// Through a buffer of its own, or in place.
    copies: bool,
    delay: Option<Duration>,
    fails: bool,
    /// Packets a send makes of one.
    repeats: usize,
    sent: u64,
    waiting: VecDeque<(Timestamp, Vec<u8>)>,
}

impl Test {
    fn change(&self, packet: &mut StagePacket, by: u8) {
        if self.copies {
            let changed: Vec<u8> = packet.bytes().iter().map(|b| b.wrapping_add(by)).collect();
            packet.replace(&changed);
        } else {
            for byte in packet.bytes_mut() {
                *byte = byte.wrapping_add(by);
            }
        }
    }
}

impl PipelineStage for Test {
    fn name(&self) -> &str {
        "Test"
    }

    fn header_capacity(&self) -> usize {
        if self.header.is_some() { 2 } else { 0 }
    }

    fn for_connection(&self) -> Box<dyn PipelineStage> {
        Box::new(Self {
            sent: 0,
            waiting: VecDeque::new(),
            ..self.clone()
        })
    }

    fn send(
        &mut self,
        packet: &mut StagePacket,
        cx: &mut StageContext,
    ) -> Result<StageAction, StageError> {
        if self.fails {
            return Err(StageError::new("told to"));
        }
        self.change(packet, self.shift);
        if let Some(header) = self.header {
            packet.push_header(&header.to_le_bytes())?;
        }
        self.sent += 1;
        if let Some(delay) = self.delay {
            let due = cx.now() + delay;
            self.waiting.push_back((due, packet.bytes().to_vec()));
            cx.request_send_update(due);
            return Ok(StageAction::Keep);
        }
        for _ in 1..self.repeats {
            self.waiting.push_back((cx.now(), packet.bytes().to_vec()));
            cx.request_resume();
        }
        Ok(StageAction::Pass)
    }

    fn resume_send(
        &mut self,
        packet: &mut StagePacket,
        cx: &mut StageContext,
    ) -> Result<StageAction, StageError> {
        match self.waiting.front() {
            Some((due, _)) if *due > cx.now() => {
                cx.request_send_update(*due);
                Ok(StageAction::Keep)
            }
            Some((_, bytes)) => {
                packet.replace(bytes);
                self.waiting.pop_front();
                cx.request_resume();
                Ok(StageAction::Pass)
            }
            None => Ok(StageAction::Keep),
        }
    }

    fn receive(
        &mut self,
        packet: &mut StagePacket,
        _: &mut StageContext,
    ) -> Result<StageAction, StageError> {
        if let Some(header) = self.header {
            let found = u16::from_le_bytes(packet.take_header()?);
            if found != header {
                return Err(StageError::new("not my header"));
            }
        }
        if !self.one_way {
            self.change(packet, 0_u8.wrapping_sub(self.shift));
        }
        Ok(StageAction::Pass)
    }
}

fn peers(stages: &[StageKind]) -> (Peer, Peer) {
    let peer = || Peer::of(stages.iter().cloned(), &prompt());
    (peer(), peer())
}

fn custom(stage: Test) -> StageKind {
    StageKind::Custom(Arc::new(stage))
}

fn arrives(stages: &[StageKind], message: &[u8]) -> Vec<Vec<u8>> {
    let (mut sender, mut receiver) = peers(stages);
    sender.send(message).unwrap();
    for body in sender.take_sent() {
        receiver.receive(&body).unwrap();
    }
    receiver.take_messages()
}

#[test]
fn i4_i5_i6_i8_headers_and_transforms_leave_the_payload_intact() {
    let header = Test {
        header: Some(0xBEEF),
        ..Test::default()
    };
    let in_place = Test {
        shift: 7,
        ..Test::default()
    };
    let copying = Test {
        copies: true,
        ..in_place.clone()
    };
    let message = vec![9; 100];
    for stages in [
        vec![custom(header.clone())],
        vec![custom(in_place.clone())],
        vec![custom(copying.clone())],
        vec![custom(header.clone()), custom(in_place.clone())],
        vec![custom(copying), custom(header.clone())],
        vec![custom(header.clone()), StageKind::from(R)],
        vec![StageKind::from(R), custom(header.clone())],
        vec![StageKind::from(U), custom(in_place), custom(header)],
    ] {
        assert_eq!(arrives(&stages, &message), [&message[..]], "{stages:?}");
    }
}

#[test]
fn i7_a_one_way_transform_is_seen_by_the_receiver() {
    let stage = Test {
        shift: 1,
        one_way: true,
        ..Test::default()
    };
    assert_eq!(arrives(&[custom(stage)], b"HAL"), [b"IBM"]);
}

#[test]
fn i9_i11_kept_packets_leave_when_they_asked_to() {
    let delay = Test {
        delay: Some(Duration::from_millis(100)),
        ..Test::default()
    };
    let header = Test {
        header: Some(3),
        ..Test::default()
    };
    for stages in [
        vec![custom(delay.clone()), StageKind::from(U)],
        vec![StageKind::from(U), custom(delay.clone())],
        vec![
            custom(header.clone()),
            custom(delay.clone()),
            StageKind::from(R),
        ],
        vec![custom(delay), custom(header), StageKind::from(U)],
    ] {
        let (mut sender, mut receiver) = peers(&stages);
        let mut received = Vec::new();
        for tick in 0..60_u64 {
            sender.now = at_ms(10 * tick);
            receiver.now = sender.now;
            if tick < 30 {
                sender.send(&[u8::try_from(tick).unwrap()]).unwrap();
            }
            let sent = sender.update(&[]);
            let acks = receiver.update(&sent);
            for message in receiver.take_messages() {
                assert!(10 * u64::from(message[0]) + 100 <= 10 * tick);
                received.push(message[0]);
            }
            for ack in acks {
                let _ = sender.receive(&ack);
            }
        }
        assert!(received.iter().copied().eq(0..30), "{received:?}");
    }
}

#[test]
fn i12_i13_each_connection_and_stage_has_its_own_state() {
    let stages = [
        StageKind::from(U),
        custom(Test::default()),
        StageKind::from(U),
    ];
    let (mut first, mut second) = peers(&stages);
    first.send(b"x").unwrap();
    first.send(b"x").unwrap();
    second.send(b"x").unwrap();
    assert_eq!(first.take_sent()[1][..4], [1, 0, 1, 0]);
    assert_eq!(second.take_sent()[0][..4], [0, 0, 0, 0]);
    // A slot that is used again begins anew.
    let fresh = PipelineState::new(&first.shape, &first.parameters, 2);
    assert!(format!("{fresh:?}").contains("sent: 0"));
}

#[test]
fn i15_a_chain_that_wants_nothing_asks_for_nothing() {
    let (sender, _) = peers(&[StageKind::from(F), StageKind::from(R)]);
    assert_eq!(
        sender.state.deadline(&sender.parameters, &sender.throttle),
        Timestamp::NEVER
    );
}

#[test]
fn resume_sends_more_packets_at_once() {
    let twice = Test {
        repeats: 3,
        ..Test::default()
    };
    let (mut sender, _) = peers(&[custom(twice), StageKind::from(U)]);
    sender.send(b"x").unwrap();
    assert_eq!(sender.take_sent(), [b"\0\0x", b"\x01\0x", b"\x02\0x"]);
}

#[test]
fn an_error_names_the_stage_and_drops_the_packet() {
    let failing = Test {
        fails: true,
        header: Some(1),
        ..Test::default()
    };
    let (mut sender, mut receiver) = peers(&[custom(failing)]);
    let refusal = sender.send(b"x").unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "stage Test refused the message: told to"
    );
    assert_eq!(receiver.receive(b"\x02\0x"), Err(DropReason::StageRefused));
    assert_eq!(receiver.receive(b""), Err(DropReason::StageRefused));
    assert_eq!(receiver.statistics().stage_errors, 2);
}

#[test]
fn i1_the_same_stages_make_the_same_shape() {
    let shape = || PipelineShape::new([StageKind::from(F), StageKind::from(R)], &prompt());
    assert_eq!(format!("{:?}", shape()), format!("{:?}", shape()));
    assert_eq!(shape().max_payload(ROOM), 4_096);
}
