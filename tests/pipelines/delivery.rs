//! Unordered and latest through whole drivers.

use drumfire::error::PipelineError;
use drumfire::id::StageId::{Fragmentation, ReliableLatest, ReliableSequenced, ReliableUnordered};
use drumfire::interface::Conditions;

use crate::support::{Net, World, ms, settings};
use crate::{messages, send};

#[test]
fn what_is_lost_holds_up_an_ordered_pipeline_and_no_unordered_one() {
    let conditions = Conditions {
        loss: 0.2,
        ..Conditions::delayed(ms(30))
    };
    let patient = || {
        settings()
            .disconnect_timeout(ms(0))
            .reliable_stall_timeout(ms(0))
    };
    let waited = |stage| {
        let mut world = World::on(Net::rough(11, conditions), 1, patient(), patient());
        let pipeline = world.create_pipeline(&[stage]);
        let (ours, theirs) = world.connect(0);
        let (mut sum, mut count, mut late) = (0, 0, 0);
        for tick in 0..700_u64 {
            if tick < 500 {
                let now = world.ticks.to_le_bytes();
                send(&mut world.clients[0], pipeline, ours, &now).unwrap();
            }
            world.tick();
            for bytes in messages(world.server.events_of(theirs)) {
                let took = world.ticks - u64::from_le_bytes(bytes.try_into().unwrap());
                (sum, count) = (sum + took, count + 1);
                late += u64::from(took > 6);
            }
        }
        assert_eq!(count, 500, "{stage:?}");
        (sum * 16 / count, late)
    };
    let (ordered, late) = waited(ReliableSequenced);
    let (unordered, alone) = waited(ReliableUnordered);
    println!("ordered {ordered} ms, {late} late; unordered {unordered} ms, {alone} late");
    // One message in five is lost, and each of these holds up the ones behind it.
    assert!(alone < 150 && late > 2 * alone, "{alone} {late}");
    assert!(unordered < ordered);
}

#[test]
fn the_latest_never_fills_its_window() {
    let mut world = World::new(1);
    let pipeline = world.create_pipeline(&[ReliableLatest]);
    let (ours, theirs) = world.connect(0);
    for index in 0..200_u32 {
        send(&mut world.clients[0], pipeline, ours, &index.to_le_bytes()).unwrap();
        if index % 50 == 49 {
            world.tick();
        }
    }
    world.run(3);
    let arrived = messages(world.server.events_of(theirs));
    assert_eq!(arrived.last().unwrap(), &199_u32.to_le_bytes());
}

#[test]
fn stages_of_one_packet_refuse_fragmentation() {
    let mut world = World::new(0);
    for stage in [ReliableUnordered, ReliableLatest] {
        let created = world.server.driver.create_pipeline(&[Fragmentation, stage]);
        let Err(error) = created else {
            panic!("{created:?}");
        };
        let name = stage.name();
        assert_eq!(error, PipelineError::Fragmented { stage: name });
        assert!(error.to_string().contains("ReliableSequenced"));
    }
}
