//! Settings: every field at its bounds, and the rules between fields.

use std::time::Duration;

use drumfire::error::SettingsError;
use drumfire::settings::{
    InlineThreshold, NetworkSettings, NetworkSettingsBuilder, Pinning, Workers,
};
use proptest::prelude::*;

const KIB: u64 = 1024;
/// The longest timer, in microseconds: Unity's `int` milliseconds.
const LONGEST: u64 = 2_147_483_647_000;
const INT: u64 = 2_147_483_647;

/// A numeric setting: durations count microseconds, everything else its own unit.
struct Field {
    name: &'static str,
    min: u64,
    max: u64,
    /// Zero is legal though `min` is above it.
    zero: bool,
    set: fn(NetworkSettingsBuilder, u64) -> NetworkSettingsBuilder,
}

fn us(value: u64) -> Duration {
    Duration::from_micros(value)
}

fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn tiny(value: u64) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

macro_rules! fields {
    ($($name:ident, $convert:expr, $min:expr, $max:expr, $zero:expr;)*) => {
        vec![$(Field {
            name: stringify!($name),
            min: $min,
            max: $max,
            zero: $zero,
            set: |builder, value| builder.$name($convert(value)),
        }),*]
    };
}

fn threads(threads: u64) -> Workers {
    Workers::Own {
        threads: size(threads),
        pinning: Pinning::No,
    }
}

fn fixed(value: u64) -> InlineThreshold {
    InlineThreshold::Fixed(us(value))
}

fn fields() -> Vec<Field> {
    fields![
        connect_timeout, us, 1_000, LONGEST, false;
        max_connect_attempts, small, 1, INT, false;
        disconnect_timeout, us, 1_000, LONGEST, true;
        heartbeat_timeout, us, 1_000, LONGEST, true;
        disconnect_copies, tiny, 1, 3, false;
        reconnection_timeout, us, 1_000, LONGEST, true;
        max_frame_time, us, 1_000, LONGEST, true;
        fixed_frame_time, us, 1_000, LONGEST, true;
        max_message_size, size, 1, 1_472, false;
        receive_queue_capacity, size, 1, INT, false;
        send_queue_capacity, size, 1, INT, false;
        rx_budget, size, 1, INT, false;
        rx_budget_per_conn, size, 1, INT, false;
        send_bytes_per_connection, size, 2_048, 512 * KIB * KIB, false;
        event_bytes_per_connection, size, 2_048, KIB * KIB * KIB, false;
        max_memory_per_connection, size, 8_192, INT, false;
        max_memory_total, size, KIB * KIB, usize::MAX as u64 / 2, false;
        max_connections, size, 1, 16_777_216, false;
        max_connections_per_ip, size, 1, 16_777_216, true;
        half_open_max, size, 1, 16_777_216, false;
        half_open_lifetime, us, 1_000, LONGEST, false;
        waiting_for_accept_max, size, 1, 16_777_216, false;
        waiting_for_accept_lifetime, us, 1_000, LONGEST, false;
        max_tick_credit, us, 1_000, LONGEST, false;
        path_moves_per_minute, small, 1, 3_600, false;
        linger, us, 0, 60_000_000, false;
        reliable_stall_timeout, us, 1_000, LONGEST, true;
        log_lines_per_second, small, 1, 1_000, false;
        receive_buffer, size, 4_096, 1_073_741_823, true;
        send_buffer, size, 4_096, 1_073_741_823, true;
        sockets_per_port, size, 1, 64, false;
        socket_retry_max, small, 0, 1_000_000, false;
        workers, threads, 0, 1_024, false;
        inline_threshold, fixed, 1, 1_000_000, false;
        slice_size, size, 256, 4_096, false;
    ]
}

/// A builder in which `field` alone can be wrong: the fields it must agree with give way.
fn base(field: &str) -> NetworkSettingsBuilder {
    let builder = NetworkSettings::builder().plain();
    match field {
        "disconnect_timeout" => builder.heartbeat_timeout(Duration::ZERO),
        "heartbeat_timeout" => builder.disconnect_timeout(Duration::ZERO),
        "max_memory_total" => builder.max_memory_per_connection(64 * 1024),
        "max_memory_per_connection" => builder.max_memory_total(usize::MAX / 2),
        _ => builder
            .max_memory_total(usize::MAX / 2)
            .max_memory_per_connection(size(INT)),
    }
}

fn refused(result: Result<NetworkSettings, SettingsError>) -> SettingsError {
    match result {
        Ok(settings) => unreachable!("must be refused: {settings:?}"),
        Err(error) => error,
    }
}

#[test]
fn r38_each_field() {
    for field in fields() {
        let build = |value| (field.set)(base(field.name), value).build();
        for good in [field.min, field.max] {
            build(good).unwrap_or_else(|error| panic!("{good}: {error}"));
        }
        let mut bad = vec![field.max + 1, u64::MAX];
        if field.zero {
            build(0).unwrap_or_else(|error| panic!("0: {error}"));
        }
        if field.min > u64::from(field.zero) {
            bad.push(field.min - 1);
        }
        for value in bad {
            let error = refused(build(value));
            assert_eq!(error.field, field.name, "{error}");
            assert!(
                error.value.contains(|c: char| c.is_ascii_digit()),
                "{error}"
            );
            assert!(error.allowed.contains(" to "), "{error}");
            assert_eq!(error.allowed.starts_with("0 ("), field.zero, "{error}");
        }
    }
}

#[test]
fn r38_the_error_is_a_sentence() {
    let builder = NetworkSettings::builder().plain();
    assert_eq!(
        refused(builder.clone().max_message_size(1_473).build()).to_string(),
        "max_message_size is 1473 bytes, but must be 1 to 1472 bytes"
    );
    assert_eq!(
        refused(builder.heartbeat_timeout(us(999)).build()).to_string(),
        "heartbeat_timeout is 999µs, but must be 0 (off) or 1ms to 2147483.647s"
    );
}

#[test]
fn r38_heartbeats_come_before_the_disconnect() {
    let with = |heartbeat, disconnect| {
        NetworkSettings::builder()
            .plain()
            .heartbeat_timeout(Duration::from_millis(heartbeat))
            .disconnect_timeout(Duration::from_millis(disconnect))
            .build()
    };
    assert!(with(499, 500).is_ok());
    assert!(with(0, 1).is_ok());
    assert!(with(60_000, 0).is_ok());
    for heartbeat in [500, 501] {
        let error = refused(with(heartbeat, 500));
        assert_eq!(error.field, "disconnect_timeout");
        assert_eq!(
            error.allowed,
            format!("0 (never) or above heartbeat_timeout ({heartbeat}ms)")
        );
    }
}

#[test]
fn r38_queues_fit_the_memory_and_the_memory_its_total() {
    let builder = || {
        NetworkSettings::builder()
            .plain()
            .max_memory_per_connection(1 << 20)
            .send_bytes_per_connection(1 << 19)
    };
    assert!(
        builder()
            .event_bytes_per_connection(1 << 19)
            .build()
            .is_ok()
    );
    let error = refused(builder().event_bytes_per_connection((1 << 19) + 1).build());
    assert_eq!(error.field, "max_memory_per_connection");
    assert!(error.allowed.contains("(1048577 bytes)"), "{error}");

    assert!(builder().max_memory_total(1 << 20).build().is_ok());
    let larger = builder().max_memory_per_connection((1 << 20) + 4);
    let error = refused(larger.max_memory_total(1 << 20).build());
    assert_eq!(error.field, "max_memory_total");
    assert!(error.allowed.contains("(1048580 bytes)"), "{error}");
}

#[test]
fn queue_bytes_nobody_set_follow_the_memory_of_a_connection() {
    let settings = NetworkSettings::builder()
        .plain()
        .max_memory_per_connection(64 * 1024)
        .build()
        .unwrap();
    assert_eq!(settings.budgets().send_bytes_per_connection, 16 * 1024);
    assert_eq!(settings.budgets().event_bytes_per_connection, 32 * 1024);
}

#[test]
fn a_missing_security_mode_shows_all_spellings() {
    let error = refused(NetworkSettings::builder().build());
    assert_eq!(error.field, "security");
    let text = error.to_string();
    for spelling in [".plain()", ".secure_server(", ".secure_client("] {
        assert!(text.contains(spelling), "{text}");
    }
}

/// Sizes are unsigned, so a negative one does not compile (see the module's documentation); the
/// nearest value that does is refused by name.
#[test]
fn a6_a_buffer_parameter_out_of_range_is_named() {
    let error = refused(NetworkSettings::builder().plain().receive_buffer(1).build());
    assert_eq!((error.field, &*error.value), ("receive_buffer", "1 bytes"));
    let error = refused(NetworkSettings::builder().plain().send_buffer(1).build());
    assert_eq!((error.field, &*error.value), ("send_buffer", "1 bytes"));
}

#[test]
fn a7_a_queue_without_room_is_refused() {
    let receive = NetworkSettings::builder().plain().receive_queue_capacity(0);
    assert_eq!(
        refused(receive.build()).to_string(),
        "receive_queue_capacity is 0 packets, but must be 1 to 2147483647 packets"
    );
    let send = NetworkSettings::builder().plain().send_queue_capacity(0);
    assert_eq!(
        refused(send.build()).to_string(),
        "send_queue_capacity is 0 packets, but must be 1 to 2147483647 packets"
    );
}

#[test]
fn a8_a_pipeline_parameter_out_of_range_is_named() {
    let settings = NetworkSettings::builder()
        .plain()
        .reliable_stall_timeout(us(1));
    assert_eq!(
        refused(settings.build()).to_string(),
        "reliable_stall_timeout is 1µs, but must be 0 (never) or 1ms to 2147483.647s"
    );
}

#[test]
fn a19_large_capacities_are_only_numbers() {
    assert!(size_of::<NetworkSettings>() <= 1024);
    // A stack on which no array of packets would fit.
    let thread = std::thread::Builder::new().stack_size(128 * 1024);
    let build = || {
        for capacity in [16_000, 100_000] {
            let settings = NetworkSettings::builder()
                .plain()
                .receive_queue_capacity(capacity)
                .send_queue_capacity(capacity)
                .build()
                .unwrap();
            let copy = settings.clone();
            assert_eq!(copy.budgets().receive_queue_capacity, Some(capacity));
            assert_eq!(copy.budgets().send_queue_capacity, Some(capacity));
        }
    };
    thread.spawn(build).unwrap().join().unwrap();
}

/// Values around bounds, and anything else.
fn any_value() -> impl Strategy<Value = (usize, u64)> {
    let fields = fields();
    (0..fields.len(), 0_u8..8, any::<u64>()).prop_map(move |(index, kind, any)| {
        let (min, max) = fields.get(index).map_or((0, 1), |f| (f.min, f.max));
        let value = match kind {
            0 => 0,
            1 => min,
            2 => max,
            3 => max + 1,
            4 => any,
            _ => min + any % (max - min),
        };
        (index, value)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn r38_fuzz_config(values in prop::collection::vec(any_value(), 0..6), plain in 0_u8..8) {
        let fields = fields();
        let mut builder = NetworkSettings::builder();
        if plain > 0 {
            builder = builder.plain();
        }
        for &(index, value) in &values {
            builder = (fields[index].set)(builder, value);
        }
        match builder.build() {
            Ok(settings) => {
                prop_assert!(plain > 0);
                let connection = settings.connection();
                if let (Some(heartbeat), Some(disconnect)) =
                    (connection.heartbeat_timeout, connection.disconnect_timeout)
                {
                    prop_assert!(heartbeat < disconnect);
                }
                let budgets = settings.budgets();
                let queues =
                    budgets.send_bytes_per_connection + budgets.event_bytes_per_connection;
                prop_assert!(queues <= budgets.max_memory_per_connection);
                prop_assert!(budgets.max_memory_per_connection <= budgets.max_memory_total);
                // One full datagram always fits its queue.
                let datagram = connection.max_message_size;
                prop_assert!(datagram <= budgets.send_bytes_per_connection);
                prop_assert!(datagram <= budgets.event_bytes_per_connection);
                // The last value of each field was in range.
                for (at, &(index, value)) in values.iter().enumerate() {
                    if values.iter().skip(at + 1).all(|&(later, _)| later != index) {
                        let field = &fields[index];
                        let zero = field.zero && value == 0;
                        let range = field.min..=field.max;
                        prop_assert!(zero || range.contains(&value), "{}", field.name);
                    }
                }
            }
            Err(error) => {
                prop_assert!(!error.value.is_empty() && !error.allowed.is_empty());
                let known = fields.iter().any(|field| field.name == error.field);
                prop_assert!(known || plain == 0 && error.field == "security");
            }
        }
    }
}
