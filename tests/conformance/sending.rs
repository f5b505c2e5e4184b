//! Rows D: begin and end send. Rows that need two writers, or a writer used twice, do not compile:
//! they are in `src/driver/misuse.rs`.

use drumfire::error::{SendError, StatusCode};
use drumfire::id::{NetworkConnection, NetworkPipeline, StageId};
use drumfire::{NetworkDriver, NetworkSettings};

use crate::support::{Event, World, ms, pattern, settings};

const NULL: NetworkPipeline = NetworkPipeline::NULL;

fn status_of(driver: &mut NetworkDriver, connection: NetworkConnection) -> StatusCode {
    driver.begin_send(NULL, connection).unwrap_err().status()
}

#[test]
fn d1_a_handle_that_names_no_slot_gives_minus_1() {
    let mut many = World::new(1);
    for _ in 0..3 {
        many.start(0);
    }
    let foreign = many.start(0);
    let mut world = World::new(1);
    assert_eq!(
        status_of(&mut world.clients[0].driver, foreign),
        StatusCode::NetworkIdMismatch
    );
    world.connect(0);
    assert_eq!(
        status_of(&mut world.clients[0].driver, foreign),
        StatusCode::NetworkIdMismatch
    );
    assert_eq!(StatusCode::NetworkIdMismatch as i32, -1);
}

#[test]
fn d2_a_handle_of_an_old_version_gives_minus_2() {
    let mut world = World::new(1);
    let (old, _) = world.connect(0);
    world.clients[0].driver.disconnect(old);
    world.run(8);
    let (new, _) = world.connect(0);
    assert_eq!(old.index(), new.index());
    assert_eq!(
        status_of(&mut world.clients[0].driver, old),
        StatusCode::NetworkVersionMismatch
    );
    assert_eq!(
        status_of(&mut world.clients[0].driver, NetworkConnection::default()),
        StatusCode::NetworkVersionMismatch
    );
    assert_eq!(StatusCode::NetworkVersionMismatch as i32, -2);
}

#[test]
fn d3_more_than_any_packet_holds_gives_minus_4() {
    let mut world = World::new(1);
    let (ours, _) = world.connect(0);
    let error = world.clients[0]
        .driver
        .begin_send_with(NULL, ours, 1_500)
        .unwrap_err();
    assert_eq!(
        error,
        SendError::PacketOverflow {
            needed: 1_500,
            capacity: 1_390
        }
    );
    assert_eq!(error.status() as i32, -4);
}

#[test]
fn d4_a_message_arrives_as_it_was_written() {
    let mut world = World::new(1);
    let (ours, theirs) = world.connect(0);
    let mut guard = world.clients[0].driver.begin_send(NULL, ours).unwrap();
    assert_eq!(guard.capacity(), 1_390);
    assert!(guard.write_int(42));
    guard.end_send().unwrap();
    world.tick();
    assert_eq!(
        world.server.events_of(theirs),
        [Event::data(&42_i32.to_le_bytes())]
    );
}

/// Unity Transport reports it in the next update; here the writer is gone, and the message with it.
#[test]
fn d7_a_message_begun_and_not_ended_is_aborted() {
    let mut world = World::new(1);
    let (ours, theirs) = world.connect(0);
    let mut guard = world.clients[0].driver.begin_send(NULL, ours).unwrap();
    guard.write_int(1);
    drop(guard);
    let mut guard = world.clients[0].driver.begin_send(NULL, ours).unwrap();
    guard.write_int(2);
    guard.abort_send();
    world.clients[0].send(ours, b"3").unwrap();
    world.run(2);
    assert_eq!(world.server.events_of(theirs), [Event::data(b"3")]);
}

#[test]
fn d14_a_connecting_connection_gives_minus_3() {
    let mut world = World::new(1);
    let ours = world.start(0);
    assert_eq!(
        status_of(&mut world.clients[0].driver, ours),
        StatusCode::NetworkStateMismatch
    );
    assert_eq!(StatusCode::NetworkStateMismatch as i32, -3);
}

#[test]
fn d15_a_closed_connection_gives_minus_3_also_once_its_slot_is_free() {
    let mut world = World::new(1);
    let (ours, _) = world.connect(0);
    world.clients[0].driver.disconnect(ours);
    for _ in 0..10 {
        assert_eq!(
            status_of(&mut world.clients[0].driver, ours),
            StatusCode::NetworkStateMismatch
        );
        world.tick();
    }
}

#[test]
fn d16_more_written_than_fits_gives_minus_4_and_sends_nothing() {
    let mut world = World::new(1);
    let (ours, theirs) = world.connect(0);
    let mut guard = world.clients[0]
        .driver
        .begin_send_with(NULL, ours, 4)
        .unwrap();
    assert!(guard.write_int(1));
    assert!(!guard.write_byte(2));
    let error = guard.end_send().unwrap_err();
    assert_eq!(error.status(), StatusCode::NetworkPacketOverflow);
    world.run(2);
    assert_eq!(world.server.events_of(theirs), []);
}

#[test]
fn d17_the_capacity_is_what_was_asked_for() {
    let mut world = World::new(1);
    let (ours, _) = world.connect(0);
    for required in [1, 7, 1_389, 1_390] {
        let guard = world.clients[0]
            .driver
            .begin_send_with(NULL, ours, required)
            .unwrap();
        assert_eq!(guard.capacity(), required);
    }
}

/// Unity Transport grants a few bytes too many near the size of a packet.
#[test]
fn d18_a_size_just_above_the_capacity_gives_minus_4() {
    let mut world = World::new(1);
    let (ours, _) = world.connect(0);
    for required in 1_391..=1_420 {
        let error = world.clients[0]
            .driver
            .begin_send_with(NULL, ours, required)
            .unwrap_err();
        assert_eq!(
            error,
            SendError::PacketOverflow {
                needed: required,
                capacity: 1_390
            }
        );
    }
}

#[test]
fn d19_a_full_queue_gives_minus_5_and_takes_again_after_a_flush() {
    let tight = settings().send_bytes_per_connection(4_096);
    let mut world = World::with(1, settings(), tight);
    let (ours, theirs) = world.connect(0);
    let message = pattern(1_000);
    for _ in 0..4 {
        assert_eq!(
            send_exactly(&mut world.clients[0].driver, ours, &message),
            Ok(1_000)
        );
    }
    let error = send_exactly(&mut world.clients[0].driver, ours, &message).unwrap_err();
    assert_eq!(
        error,
        SendError::QueueFull {
            queued: 4_000,
            budget: 4_096
        }
    );
    assert_eq!(error.status() as i32, -5);
    world.clients[0].flush();
    assert_eq!(
        send_exactly(&mut world.clients[0].driver, ours, &message),
        Ok(1_000)
    );
    world.tick();
    assert_eq!(
        world.server.events_of(theirs),
        vec![Event::data(&message); 5]
    );
}

fn send_exactly(
    driver: &mut NetworkDriver,
    connection: NetworkConnection,
    message: &[u8],
) -> Result<usize, SendError> {
    let mut guard = driver.begin_send_with(NULL, connection, message.len())?;
    guard.write_bytes(message);
    guard.end_send()
}

#[test]
fn d20_the_longest_message_arrives_whole_over_real_sockets() {
    let plain = || NetworkSettings::builder().plain().build().unwrap();
    let mut server = NetworkDriver::new(plain()).unwrap();
    server.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    server.listen().unwrap();
    let mut client = NetworkDriver::new(plain()).unwrap();
    let ours = client.connect(server.local_endpoint()).unwrap();
    let mut sent = false;
    for _ in 0..500 {
        client.update();
        if client.pop_event().is_some() && !sent {
            sent = true;
            assert_eq!(send_exactly(&mut client, ours, &pattern(1_390)), Ok(1_390));
            client.update();
        }
        server.wait(ms(10));
        server.update();
        while server.accept().is_some() {}
        if let Some((_, event)) = server.pop_event() {
            assert_eq!(Event::of(event), Event::data(&pattern(1_390)));
            return;
        }
    }
    panic!("nothing arrived");
}

#[test]
fn d21_an_empty_message_arrives_empty_on_every_pipeline() {
    let mut world = World::new(1);
    let lists: [&[StageId]; 5] = [
        &[StageId::Null],
        &[StageId::UnreliableSequenced],
        &[StageId::ReliableSequenced],
        &[StageId::Fragmentation],
        &[StageId::Fragmentation, StageId::ReliableSequenced],
    ];
    let pipelines = lists.map(|stages| world.create_pipeline(stages));
    let (ours, theirs) = world.connect(0);
    let mut expected = Vec::new();
    for pipeline in std::iter::once(NULL).chain(pipelines) {
        let guard = world.clients[0].driver.begin_send(pipeline, ours).unwrap();
        assert_eq!(guard.end_send(), Ok(0));
        expected.push(Event::Data(pipeline.id(), vec![]));
    }
    world.tick();
    assert_eq!(world.server.events_of(theirs), expected);
}

/// −7 does not exist here; aborting is what could leak in its place.
#[test]
fn d22_ten_thousand_aborted_messages_leak_no_room() {
    let tight = settings().send_bytes_per_connection(2_048);
    let mut world = World::with(1, settings(), tight);
    let (ours, theirs) = world.connect(0);
    for _ in 0..10_000 {
        let mut guard = world.clients[0].driver.begin_send(NULL, ours).unwrap();
        guard.write_int(1);
    }
    assert_eq!(
        send_exactly(&mut world.clients[0].driver, ours, &pattern(1_390)),
        Ok(1_390)
    );
    world.tick();
    assert_eq!(
        world.server.events_of(theirs),
        [Event::data(&pattern(1_390))]
    );
}

#[test]
fn d23_the_value_of_end_send_is_the_length() {
    let mut world = World::new(1);
    let (ours, _) = world.connect(0);
    for len in [0, 1, 1_390] {
        assert_eq!(world.clients[0].send(ours, &pattern(len)), Ok(len));
    }
}

#[test]
fn d24_max_payload_is_the_capacity_of_a_writer() {
    let mut world = World::new(1);
    let pipeline = world.clients[0]
        .driver
        .create_pipeline(&[StageId::Null])
        .unwrap();
    world
        .server
        .driver
        .create_pipeline(&[StageId::Null])
        .unwrap();
    let (ours, _) = world.connect(0);
    let driver = &mut world.clients[0].driver;
    for pipeline in [NULL, pipeline] {
        let most = driver.max_payload(pipeline, ours).unwrap();
        assert_eq!(driver.begin_send(pipeline, ours).unwrap().capacity(), most);
    }
}

#[test]
fn d25_capacity_and_headers_make_a_packet() {
    for size in [100, 600, 1_400, 1_472] {
        let mut world = World::with(1, settings(), settings().max_message_size(size));
        let (ours, _) = world.connect(0);
        let driver = &mut world.clients[0].driver;
        assert_eq!(driver.max_message_size(ours), Ok(size));
        assert_eq!(
            driver.max_payload(NULL, ours).unwrap() + driver.max_header_size(NULL),
            size
        );
    }
}
