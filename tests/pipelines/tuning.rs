//! Conformance A8, K26 and P: parameters, at the start and at run time, and what is counted.

use drumfire::id::StageId::{ReliableSequenced, Simulator, UnreliableSequenced};
use drumfire::settings::{NetworkSettings, NetworkSettingsBuilder, SimulatorParameters, Timing};

use crate::support::{SERVER, World, ms, settings};
use crate::{messages, send};

#[test]
fn a8_each_pipeline_parameter_out_of_range_names_field_value_and_range() {
    let simulator = |change: fn(&mut SimulatorParameters)| {
        let mut parameters = SimulatorParameters::default();
        change(&mut parameters);
        NetworkSettings::builder().simulator_stage(parameters)
    };
    let builder = NetworkSettings::builder;
    let cases: [(NetworkSettingsBuilder, &str); 12] = [
        (
            builder().reliable_window_size(0),
            "reliable_window_size is 0 packets, but must be 1 to 2040 packets",
        ),
        (
            builder().reliable_window_size(2_041),
            "reliable_window_size is 2041",
        ),
        (
            builder().minimum_resend_time(ms(0)),
            "minimum_resend_time is 0ns",
        ),
        (
            builder()
                .minimum_resend_time(ms(200))
                .maximum_resend_time(ms(200)),
            "maximum_resend_time is 200ms, but must be above minimum_resend_time (200ms)",
        ),
        (
            builder().reliable_ack_delay(ms(21)),
            "reliable_ack_delay is 21ms, but must be 0ns to 20ms",
        ),
        (
            builder().reliable_resends_per_update(0),
            "reliable_resends_per_update is 0",
        ),
        (
            builder().fragmentation_payload_capacity(0),
            "fragmentation_payload_capacity is 0 bytes",
        ),
        (
            builder().fragmentation_payload_capacity(24_115_776),
            "must be 1 to 24115775 bytes",
        ),
        (
            simulator(|s| s.packet_drop_percentage = 101),
            "packet_drop_percentage is 101 percent, but must be 0 to 100 percent",
        ),
        (
            simulator(|s| s.packet_duplication_percentage = 101),
            "packet_duplication_percentage is 101",
        ),
        (simulator(|s| s.fuzz_factor = 101), "fuzz_factor is 101"),
        (
            simulator(|s| s.max_packet_size = 1_473),
            "max_packet_size is 1473",
        ),
    ];
    for (builder, text) in cases {
        let error = builder.plain().build().unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn the_resend_times_nobody_set_follow_from_the_timing() {
    let times = |timing| {
        let settings = settings().reliable_timing(timing).build().unwrap();
        let pipelines = settings.pipelines();
        (pipelines.min_resend, pipelines.max_resend)
    };
    assert_eq!(times(Timing::Prompt), (ms(30), ms(2_000)));
    assert_eq!(times(Timing::Unity), (ms(64), ms(200)));
}

#[test]
fn k26_the_resend_time_can_change_at_run_time_and_only_within_its_range() {
    let mut world = World::new(1);
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let (ours, _) = world.connect_proved(0);
    let driver = &mut world.clients[0].driver;
    driver.set_resend_times(ms(500), ms(600)).unwrap();
    let refused = driver.set_resend_times(ms(600), ms(500)).unwrap_err();
    assert_eq!(refused.field, "maximum_resend_time");
    send(&mut world.clients[0], pipeline, ours, b"x").unwrap();
    world.run(2);
    let statistics = world.clients[0].driver.pipeline_statistics(pipeline, ours);
    assert_eq!(statistics.round_trip.resend_timeout, ms(500));
}

#[test]
fn p3_a_simulator_changes_at_run_time_and_what_is_fixed_does_not() {
    let mut world = World::new(1);
    let pipeline = world.create_pipeline(&[Simulator]);
    let (ours, theirs) = world.connect_proved(0);
    let mut parameters = SimulatorParameters::default();
    parameters.packet_drop_percentage = 100;
    for (percentage, arrives) in [(0, true), (100, false), (0, true)] {
        parameters.packet_drop_percentage = percentage;
        world.clients[0]
            .driver
            .modify_simulator_stage(parameters)
            .unwrap();
        send(&mut world.clients[0], pipeline, ours, b"x").unwrap();
        world.tick();
        assert_eq!(
            messages(world.server.events_of(theirs)).len() == 1,
            arrives,
            "{percentage} %"
        );
    }
    parameters.max_packet_count = 7;
    let refused = world.clients[0].driver.modify_simulator_stage(parameters);
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .starts_with("max_packet_count is fixed")
    );
}

#[test]
fn p2_i9_a_simulator_delays_and_wakes_the_driver_when_it_is_due() {
    let mut parameters = SimulatorParameters::default();
    parameters.packet_delay = ms(100);
    let late = settings().simulator_stage(parameters);
    let mut world = World::with(1, settings(), late);
    let pipeline = world.create_pipeline(&[Simulator, UnreliableSequenced]);
    let (ours, theirs) = world.connect_proved(0);
    send(&mut world.clients[0], pipeline, ours, b"late").unwrap();
    let mut arrived = Vec::new();
    let ticks = world.drive_until(20, |world| {
        arrived.extend(messages(world.server.events_of(theirs)));
        !arrived.is_empty()
    });
    // Sent with the first update; due in the first one 100 ms after it.
    assert_eq!(ticks, 8);
    assert_eq!(arrived, [b"late"]);
}

#[test]
fn p5_the_measured_loss_is_the_simulators() {
    let mut parameters = SimulatorParameters::default();
    parameters.packet_drop_percentage = 25;
    parameters.packet_duplication_percentage = 10;
    let lossy = settings().simulator_stage(parameters);
    let mut world = World::with(1, settings(), lossy);
    let pipeline = world.create_pipeline(&[UnreliableSequenced, Simulator]);
    let (ours, theirs) = world.connect_proved(0);
    for _ in 0..200 {
        for _ in 0..20 {
            send(&mut world.clients[0], pipeline, ours, b"x").unwrap();
        }
        world.tick();
        world.server.events_of(theirs);
    }
    let sent = world.clients[0].driver.pipeline_statistics(pipeline, ours);
    let seen = world.server.driver.pipeline_statistics(pipeline, theirs);
    assert_eq!(sent.messages_sent, 4_000);
    // Three standard deviations of 4,000 throws are 82 and 52.
    assert!((918..=1_082).contains(&sent.simulated_drops), "{sent:?}");
    assert!(seen.missing.abs_diff(sent.simulated_drops) <= 2, "{seen:?}");
    assert!((248..=352).contains(&seen.duplicates), "{seen:?}");
}

#[test]
fn p4_sizes_sum_to_the_total_and_the_bandwidth_is_that_of_one_second() {
    let mut world = World::new(1);
    let pipeline = world.create_pipeline(&[UnreliableSequenced]);
    let (ours, theirs) = world.connect_proved(0);
    let tap = world.net.tap();
    let before = world.server.driver.statistics().inward;
    let mut carried: Vec<Vec<usize>> = Vec::new();
    // Three seconds, 16 ms each; the second one has the most.
    for tick in 0..3_000 / 16_usize {
        let messages = if (63..126).contains(&tick) { 9 } else { 3 };
        for number in 0..messages {
            let message = vec![0; (97 * tick + 211 * number) % 1_388];
            send(&mut world.clients[0], pipeline, ours, &message).unwrap();
        }
        world.tick();
        world.server.events_of(theirs);
        let to_server = tap.take().into_iter().filter(|one| one.to == SERVER);
        carried.push(to_server.map(|one| one.bytes.len()).collect());
    }
    let statistics = world.server.driver.statistics();
    let all: Vec<usize> = carried.concat();
    let (sizes, earlier) = (statistics.inward.sizes, before.sizes);
    for (class, (least, most)) in [
        (0, 128),
        (128, 256),
        (256, 512),
        (512, 1_024),
        (1_024, 1_473),
    ]
    .into_iter()
    .enumerate()
    {
        let there = all
            .iter()
            .filter(|len| (least..most).contains(*len))
            .count();
        let counted = sizes.classes()[class] - earlier.classes()[class];
        assert_eq!(
            usize::try_from(counted).unwrap(),
            there,
            "{least} to {most}"
        );
    }
    assert_eq!(sizes.number(), statistics.inward.entered);
    assert_eq!(sizes.largest() as usize, *all.iter().max().unwrap());
    let bytes = statistics.inward.bytes - before.bytes;
    assert_eq!(usize::try_from(bytes).unwrap(), all.iter().sum::<usize>());
    let mean = statistics.inward.bytes as f64 / statistics.inward.entered as f64;
    assert!((sizes.mean() - mean).abs() < 1e-6);
    // A second is 62 or 63 ticks, whatever tenth it begins with.
    let busiest = |ticks: usize| {
        let of_window = |window: &[Vec<usize>]| window.iter().flatten().sum::<usize>();
        carried.windows(ticks).map(of_window).max().unwrap()
    };
    let most = usize::try_from(statistics.inward_bandwidth.most).unwrap();
    assert!((busiest(56)..=busiest(63)).contains(&most), "{most}");
    let burst = usize::try_from(statistics.inward_bandwidth.largest_burst).unwrap();
    assert_eq!(burst, busiest(1));
    let sent = world.clients[0].driver.statistics().sent_bandwidth;
    assert_eq!(sent.most, statistics.inward_bandwidth.most);
}

#[test]
fn p4_packets_and_bytes_are_what_the_network_carried() {
    let mut world = World::new(1);
    let pipeline = world.create_pipeline(&[ReliableSequenced]);
    let (ours, theirs) = world.connect_proved(0);
    let tap = world.net.tap();
    let traffic = |world: &World| {
        let client = world.clients[0].driver.connection_statistics(ours).traffic;
        let server = world.server.driver.connection_statistics(theirs).traffic;
        [
            client.packets_sent + server.packets_sent,
            client.bytes_sent + server.bytes_sent,
        ]
    };
    let before = traffic(&world);
    for _ in 0..20 {
        send(&mut world.clients[0], pipeline, ours, b"twelve bytes").unwrap();
        world.tick();
    }
    let after = traffic(&world);
    let carried = tap.take();
    let bytes: usize = carried.iter().map(|datagram| datagram.bytes.len()).sum();
    assert_eq!(
        [after[0] - before[0], after[1] - before[1]].map(|count| usize::try_from(count).unwrap()),
        [carried.len(), bytes]
    );
}
