//! Conformance K1 to K27 where packets are lost, doubled or late: reliable pipelines through whole
//! drivers.

use drumfire::id::StageId::ReliableSequenced;
use drumfire::id::{NetworkConnection, NetworkPipeline};
use drumfire::interface::Conditions;
use drumfire::pipeline::PipelineStatistics;
use drumfire::settings::NetworkSettingsBuilder;

use crate::support::{Net, SERVER, World, ms, pattern, settings};
use crate::{messages, send};

/// A client and a server on a network whose weather each test makes.
struct Line {
    world: World,
    pipeline: NetworkPipeline,
    ours: NetworkConnection,
    theirs: NetworkConnection,
}

impl Line {
    fn new(settings: impl Fn() -> NetworkSettingsBuilder) -> Self {
        let net = Net::rough(1, Conditions::default());
        let mut world = World::on(net, 1, settings(), settings());
        let pipeline = world.create_pipeline(&[ReliableSequenced]);
        let (ours, theirs) = world.connect_proved(0);
        Self {
            world,
            pipeline,
            ours,
            theirs,
        }
    }

    /// The weather of what the client sends.
    fn up(&self, conditions: Conditions) {
        let weather = self.world.net.weather();
        weather.set_conditions_to(&SERVER, conditions);
    }

    /// The weather of what the server sends.
    fn down(&self, conditions: Conditions) {
        let weather = self.world.net.weather();
        weather.set_conditions_from(&SERVER, conditions);
    }

    fn send(&mut self, message: &[u8]) {
        send(
            &mut self.world.clients[0],
            self.pipeline,
            self.ours,
            message,
        )
        .unwrap();
    }

    /// One update of both; what the server got.
    fn tick(&mut self) -> Vec<Vec<u8>> {
        self.world.tick();
        messages(self.world.server.events_of(self.theirs))
    }

    fn run(&mut self, ticks: usize) -> Vec<Vec<u8>> {
        (0..ticks).flat_map(|_| self.tick()).collect()
    }

    fn of_client(&mut self) -> PipelineStatistics {
        let driver = &mut self.world.clients[0].driver;
        driver.pipeline_statistics(self.pipeline, self.ours)
    }

    fn of_server(&mut self) -> PipelineStatistics {
        let driver = &mut self.world.server.driver;
        driver.pipeline_statistics(self.pipeline, self.theirs)
    }
}

fn lossy(loss: f64) -> Conditions {
    Conditions::lossy(loss)
}

#[test]
fn k1_through_drivers_a_gap_holds_what_follows_until_it_closes() {
    let mut line = Line::new(settings);
    let mut received = Vec::new();
    for number in 0..5_u8 {
        line.up(lossy(if number == 2 { 1.0 } else { 0.0 }));
        line.send(&[number]);
        received.extend(line.tick());
    }
    assert_eq!(received, [[0], [1]]);
    assert_eq!(line.run(20), [[2], [3], [4]]);
    assert_eq!(line.of_client().resent, 1);
}

#[test]
fn k14_through_drivers_with_drops_both_ways_all_arrive_in_order() {
    let mut line = Line::new(settings);
    line.up(lossy(0.15));
    line.down(lossy(0.15));
    let mut numbers = [0_u32; 4];
    let [sent_up, sent_down, up, down] = &mut numbers;
    let Line {
        world,
        pipeline,
        ours,
        theirs,
    } = &mut line;
    for tick in 0..3_000 {
        if tick < 2_500 {
            for (node, connection, sent) in [
                (&mut world.clients[0], *ours, &mut *sent_up),
                (&mut world.server, *theirs, &mut *sent_down),
            ] {
                if send(node, *pipeline, connection, &sent.to_le_bytes()).is_ok() {
                    *sent += 1;
                }
            }
        }
        world.tick();
        for message in messages(world.server.events_of(*theirs)) {
            assert_eq!(message, up.to_le_bytes());
            *up += 1;
        }
        for message in messages(world.clients[0].events_of(*ours)) {
            assert_eq!(message, down.to_le_bytes());
            *down += 1;
        }
    }
    assert_eq!((up, down), (sent_up, sent_down));
    assert!(numbers[0] > 2_000, "{numbers:?}");
    assert_eq!(line.of_client().stale + line.of_server().stale, 0);
}

#[test]
fn k15_through_drivers_a_silent_side_acknowledges_and_its_user_sees_nothing() {
    let mut line = Line::new(settings);
    for number in 0..500_u32 {
        line.send(&number.to_le_bytes());
        assert_eq!(line.tick(), [number.to_le_bytes()]);
    }
    assert_eq!(line.world.clients[0].events_of(line.ours), []);
    let server = line.of_server();
    assert_eq!((server.messages_sent, server.acks_sent), (0, 500));
}

#[test]
fn k17_through_drivers_a_lost_packet_is_resent_without_further_traffic() {
    let mut line = Line::new(settings);
    line.up(lossy(1.0));
    let before = line.world.net.tally();
    line.send(b"alone");
    assert_eq!(line.tick(), [b""; 0]);
    line.up(lossy(0.0));
    assert_eq!(line.run(30), [b"alone"]);
    let lost = line.world.net.tally().lost_at_random - before.lost_at_random;
    assert_eq!((lost, line.of_client().resent), (1, 1));
}

#[test]
fn k19_through_drivers_duplicates_never_stall_the_window() {
    let mut line = Line::new(settings);
    line.up(Conditions {
        duplication: 1.0,
        jitter: ms(30),
        ..Conditions::default()
    });
    let mut next = 0_u32;
    for number in 0..1_000_u32 {
        line.send(&number.to_le_bytes());
        for message in line.tick() {
            assert_eq!(message, next.to_le_bytes());
            next += 1;
        }
    }
    assert!(next > 990, "{next}");
    assert!(line.of_server().duplicates > 900);
}

#[test]
fn k20_through_drivers_a_lost_last_ack_is_repeated() {
    let mut line = Line::new(settings);
    line.down(lossy(1.0));
    line.send(b"last");
    assert_eq!(line.tick(), [b"last"]);
    line.down(lossy(0.0));
    assert_eq!(line.run(40), [b""; 0]);
    let client = line.of_client();
    assert_eq!((client.resent, client.in_flight), (1, 0));
    assert_eq!(line.of_server().acks_sent, 2);
}

#[test]
fn k21_through_drivers_what_was_acknowledged_is_never_resent() {
    let mut line = Line::new(settings);
    // The first of the window is lost; the mask acknowledges the others.
    line.up(lossy(1.0));
    line.send(&[0]);
    line.tick();
    line.up(lossy(0.0));
    for number in 1..32 {
        line.send(&[number]);
    }
    let received = line.run(300);
    assert!(received.into_iter().flatten().eq(0..32));
    assert_eq!(line.of_client().resent, 1);
}

#[test]
fn k22_through_drivers_large_windows_resend_what_was_sent() {
    for window in [65, 256, 2_040] {
        let mut line = Line::new(|| settings().reliable_window_size(window));
        line.up(lossy(0.4));
        line.down(lossy(0.4));
        let message =
            |number: u32| pattern(200 + number as usize % 300)[number as usize % 100..].to_vec();
        let (mut sent, mut next) = (0, 0);
        for _ in 0..2_500 {
            while sent < 500 {
                let full = send(
                    &mut line.world.clients[0],
                    line.pipeline,
                    line.ours,
                    &message(sent),
                );
                if full.is_err() {
                    break;
                }
                sent += 1;
            }
            for received in line.tick() {
                assert!(received == message(next), "window {window}, {next}");
                next += 1;
            }
        }
        assert_eq!(next, 500, "window {window}");
    }
}

#[test]
fn k24_through_drivers_the_largest_payload_fits_and_one_more_byte_does_not() {
    for (window, headers) in [(32, 12), (64, 16), (256, 40), (2_040, 263)] {
        let mut line = Line::new(|| settings().reliable_window_size(window));
        let Line {
            world,
            pipeline,
            ours,
            ..
        } = &mut line;
        let most = world.clients[0]
            .driver
            .max_payload(*pipeline, *ours)
            .unwrap();
        assert_eq!(most, 1_400 - 10 - headers, "window {window}");
        // Lost first, so that it also fits where it is kept.
        line.up(lossy(1.0));
        line.send(&pattern(most));
        line.tick();
        line.up(lossy(0.0));
        assert_eq!(line.run(40), [pattern(most)]);
        let Line {
            world,
            pipeline,
            ours,
            ..
        } = &mut line;
        let refused = send(&mut world.clients[0], *pipeline, *ours, &pattern(most + 1));
        assert_eq!(refused.unwrap_err().status() as i32, -4);
    }
}

#[test]
fn k25_r26_rtt_after_wrap_is_measured_as_before_through_drivers() {
    let mut line = Line::new(settings);
    line.up(Conditions::delayed(ms(40)));
    line.down(Conditions::delayed(ms(40)));
    let mut sent = 0_u32;
    while sent < 70_000 {
        while send(&mut line.world.clients[0], line.pipeline, line.ours, &[1]).is_ok() {
            sent += 1;
        }
        line.tick();
    }
    line.run(20);
    let trip = line.of_client().round_trip;
    // 80 ms on the way, and up to a frame on either side.
    assert!((ms(80)..=ms(112)).contains(&trip.smoothed), "{trip:?}");
    // The way becomes longer, behind 65,536 packets: it shows.
    line.up(Conditions::delayed(ms(240)));
    for _ in 0..200 {
        line.send(&[1]);
        line.tick();
    }
    line.run(40);
    let longer = line.of_client().round_trip;
    assert!(longer.samples > trip.samples + 100, "{longer:?}");
    assert!((ms(240)..=ms(320)).contains(&longer.smoothed), "{longer:?}");
}

#[test]
fn k27_through_drivers_windows_of_one_class_differ_without_harm() {
    for (small, large) in [(8, 32), (40, 64), (72, 2_040)] {
        let net = Net::rough(1, Conditions::lossy(0.2));
        let client = settings().reliable_window_size(large);
        let server = settings().reliable_window_size(small);
        let mut world = World::on(net, 1, server, client);
        let pipeline = world.create_pipeline(&[ReliableSequenced]);
        let (ours, theirs) = world.connect(0);
        let (mut sent, mut next) = (0_u32, 0_u32);
        world.drive_until(4_000, |world| {
            while sent < 500
                && send(&mut world.clients[0], pipeline, ours, &sent.to_le_bytes()).is_ok()
            {
                sent += 1;
            }
            for message in messages(world.server.events_of(theirs)) {
                assert_eq!(message, next.to_le_bytes());
                next += 1;
            }
            next == 500
        });
    }
}
