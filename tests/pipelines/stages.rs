//! Conformance I: creating pipelines, and stages of the user's own.

use drumfire::counters::DropReason;
use drumfire::error::PipelineError;
use drumfire::id::NetworkPipeline;
use drumfire::id::StageId::{
    Custom, Fragmentation, Null, ReliableSequenced, Simulator, UnreliableSequenced,
};
use drumfire::pipeline::{PipelineStage, StageAction, StageContext, StageError, StagePacket};

use crate::support::{Event, World, data, settings};
use crate::{packet, send};

#[test]
fn i1_the_same_stages_give_equal_handles_in_order() {
    let mut world = World::new(1);
    let lists: [&[_]; 4] = [
        &[UnreliableSequenced],
        &[ReliableSequenced],
        &[Fragmentation, ReliableSequenced],
        &[Simulator],
    ];
    for (stages, id) in lists.into_iter().zip(1..) {
        assert_eq!(world.create_pipeline(stages).id(), id);
    }
}

#[test]
fn i2_a_pipeline_after_the_first_connection_is_an_error() {
    let mut world = World::new(1);
    world.connect(0);
    assert_eq!(
        world.clients[0].driver.create_pipeline(&[Null]),
        Err(PipelineError::AfterConnect { connections: 1 })
    );
}

#[test]
fn i3_an_unregistered_stage_is_an_error() {
    let mut world = World::new(0);
    let driver = &mut world.server.driver;
    let unknown = Err(PipelineError::UnknownStage { stage: "Custom" });
    assert_eq!(driver.create_pipeline(&[Custom(0)]), unknown);
    let stage = driver.register_pipeline_stage(Tagging { tag: 1 }).unwrap();
    assert_eq!(driver.create_pipeline(&[stage]).unwrap().id(), 1);
    assert_eq!(driver.create_pipeline(&[Custom(1)]), unknown);
}

#[test]
fn headers_that_leave_no_room_are_an_error() {
    let small = settings().max_message_size(22);
    let mut world = World::with(0, small, settings());
    assert_eq!(
        world.server.driver.create_pipeline(&[ReliableSequenced]),
        Err(PipelineError::NoRoom {
            headers: 12,
            room: 12
        })
    );
}

/// Writes a number of its own in front of each packet, and counts how often it was asked.
#[derive(Debug)]
struct Tagging {
    tag: u8,
}

impl PipelineStage for Tagging {
    fn name(&self) -> &str {
        "Tagging"
    }

    fn header_capacity(&self) -> usize {
        1
    }

    fn for_connection(&self) -> Box<dyn PipelineStage> {
        Box::new(Self { tag: self.tag })
    }

    fn send(
        &mut self,
        packet: &mut StagePacket,
        _: &mut StageContext,
    ) -> Result<StageAction, StageError> {
        packet.push_header(&[self.tag])?;
        self.tag += 1;
        Ok(StageAction::Pass)
    }

    fn receive(
        &mut self,
        packet: &mut StagePacket,
        _: &mut StageContext,
    ) -> Result<StageAction, StageError> {
        let [tag] = packet.take_header()?;
        if tag != self.tag {
            return Err(StageError::new("another tag"));
        }
        self.tag += 1;
        Ok(StageAction::Pass)
    }
}

/// A world whose drivers have a pipeline of a stage of their own, and one behind it.
fn tagged() -> (World, NetworkPipeline) {
    let mut world = World::new(2);
    let mut pipeline = None;
    for node in std::iter::once(&mut world.server).chain(&mut world.clients) {
        let stage = node.driver.register_pipeline_stage(Tagging { tag: 7 });
        let stages = [Fragmentation, stage.unwrap(), ReliableSequenced];
        pipeline = Some(node.driver.create_pipeline(&stages).unwrap());
    }
    (world, pipeline.unwrap())
}

#[test]
fn i4_i12_i13_a_users_stage_has_its_own_state_on_each_connection_and_each_reuse() {
    let (mut world, pipeline) = tagged();
    for _ in 0..2 {
        let pairs = [world.connect(0), world.connect(1)];
        for round in 0..3_u8 {
            for (client, (ours, theirs)) in pairs.into_iter().enumerate() {
                let message = vec![round; 3_000];
                send(&mut world.clients[client], pipeline, ours, &message).unwrap();
                world.tick();
                let event = Event::Data(pipeline.id(), message);
                assert_eq!(world.server.events_of(theirs), [event]);
            }
        }
        for (client, (ours, _)) in pairs.into_iter().enumerate() {
            world.clients[client].driver.disconnect(ours);
        }
        world.run(10);
        world.server.events();
    }
}

#[test]
fn i14_an_unknown_pipeline_is_dropped_counted_and_logged_once() {
    let mut world = World::new(0);
    world.create_pipeline(&[Null]);
    let token = crate::support::Dice::new(1).token();
    let peer = world.net.peer(crate::support::SERVER.with_port(9_999));
    peer.send(crate::support::SERVER, &crate::support::request(token, b""));
    world.tick();
    peer.send(crate::support::SERVER, &data(token, b"known"));
    for _ in 0..5 {
        peer.send(crate::support::SERVER, &packet(token, 2, b"unknown"));
    }
    world.tick();
    let statistics = world.server.driver.statistics();
    assert_eq!(statistics.inward.drops.get(DropReason::UnknownPipeline), 5);
    assert_eq!(statistics.log_lines.0, 1);
}
