//! R29 for all connections together: who holds much pays for it, the others do not.

use drumfire::error::SendError;
use drumfire::id::{NetworkPipeline, StageId};

use crate::send;
use crate::support::{Event, World, settings};

const LIMIT: usize = 1 << 20;

#[test]
fn r29_greedy_and_slow_peers_cost_only_themselves() {
    let tight = settings()
        .max_memory_total(LIMIT)
        .max_memory_per_connection(LIMIT)
        .rx_budget_per_conn(1_000);
    let mut world = World::with(9, tight, settings());
    let reliable = world.create_pipeline(&[StageId::ReliableSequenced]);
    let pairs: Vec<_> = (0..9).map(|index| world.connect_proved(index)).collect();
    let (modest, greedy) = pairs.split_last().unwrap();
    let (mut sent, mut received, mut replies) = (0_u32, Vec::new(), 0);
    let mut most = 0;
    for tick in 0..200 {
        // Eight that send what they can, to an application that reads nothing of theirs.
        for (index, (ours, _)) in greedy.iter().enumerate() {
            let client = &mut world.clients[index];
            for _ in 0..20 {
                let _ = client.send(*ours, &[7; 1_000]);
            }
            let _ = send(client, reliable, *ours, &[8; 1_000]);
        }
        // One that asks a little, reliably, and is answered.
        if send(
            &mut world.clients[8],
            reliable,
            modest.0,
            &sent.to_le_bytes(),
        )
        .is_ok()
        {
            sent += 1;
        }
        world.tick();
        for event in world.server.events_of(modest.1) {
            let Event::Data(_, bytes) = event else {
                panic!("{event:?}");
            };
            received.push(u32::from_le_bytes(bytes.try_into().unwrap()));
            send(&mut world.server, reliable, modest.1, b"answer").unwrap();
        }
        replies += world.clients[8].events_of(modest.0).len();
        most = most.max(world.server.driver.statistics().memory_held);
        assert!(tick < 5 || sent > tick - 5, "the modest one is held up");
    }
    assert!(received.iter().copied().eq(0..sent), "{received:?}");
    assert!(replies > 190, "{replies}");
    // The memory is used, and never more than there is and one update brings.
    assert!((LIMIT / 2..LIMIT + LIMIT / 4).contains(&most), "{most}");

    // Whoever holds nothing may still be sent to; a large message is refused, with the remedy.
    world.server.send(greedy[0].1, b"hello").unwrap();
    let settled = world.server.driver.statistics().memory_held;
    let refused = loop {
        match send(
            &mut world.server,
            NetworkPipeline::NULL,
            greedy[0].1,
            &[0; 1_300],
        ) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    let SendError::MemoryFull {
        needed,
        held,
        limit,
    } = refused
    else {
        panic!("{refused}");
    };
    assert_eq!((needed, limit), (1_300, LIMIT));
    assert!(held.abs_diff(settled) < LIMIT / 4, "{held} {settled}");
    assert!(refused.to_string().contains("`max_memory_total`"));

    // What was not acknowledged comes again once the application reads; what was lost was counted.
    for _ in 0..60 {
        world.tick();
        for (_, theirs) in greedy {
            world.server.events_of(*theirs);
        }
    }
    for (index, (ours, theirs)) in greedy.iter().enumerate() {
        let counted = world.clients[index]
            .driver
            .pipeline_statistics(reliable, *ours);
        let taken = world.server.driver.pipeline_statistics(reliable, *theirs);
        assert_eq!(counted.messages_sent, taken.messages_received, "{index}");
    }
}
