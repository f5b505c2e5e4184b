//! Settings: the defaults, Unity's where it has one, and that every switch arrives.

use std::time::Duration;

use drumfire::settings::{
    AddressReuse, AddressValidation, Budgets, ConnectionParameters, DualStack, InlineThreshold,
    LegacyValidation, Limits, LoopbackLimits, NetworkSettings, NetworkSettingsBuilder, Offload,
    PathMtuDiscovery, Security, SettingsWarning, SliceOverlap, SocketParameters, UnreadEvents,
    WorkerParameters, Workers,
};

#[test]
fn defaults_of_the_connection_are_unitys() {
    let settings = NetworkSettings::plain();
    let connection: &ConnectionParameters = settings.connection();
    assert_eq!(connection.connect_timeout, Duration::from_millis(1_000));
    assert_eq!(connection.max_connect_attempts, 60);
    assert_eq!(connection.disconnect_timeout, Some(Duration::from_secs(30)));
    assert_eq!(
        connection.heartbeat_timeout,
        Some(Duration::from_millis(500))
    );
    assert_eq!(
        connection.reconnection_timeout,
        Some(Duration::from_secs(2))
    );
    assert_eq!(connection.max_frame_time, None);
    assert_eq!(connection.fixed_frame_time, None);
    assert_eq!(connection.max_message_size, 1_400);
    assert_eq!(connection.path_mtu_discovery, PathMtuDiscovery::Off);
}

#[test]
fn defaults_of_limits_and_budgets_are_those_of_the_threat_model() {
    let settings = NetworkSettings::plain();
    let limits: &Limits = settings.limits();
    assert_eq!(limits.max_connections, 10_000);
    assert_eq!(limits.max_connections_per_ip, Some(256));
    assert_eq!(limits.half_open_max, 65_536);
    assert_eq!(limits.half_open_lifetime, Duration::from_secs(10));
    assert_eq!(limits.waiting_for_accept_max, 1_024);
    assert_eq!(limits.waiting_for_accept_lifetime, Duration::from_secs(10));
    assert_eq!(limits.limit_loopback, LoopbackLimits::Exempt);
    assert_eq!(limits.max_tick_credit, Duration::from_secs(1));
    assert_eq!(limits.address_validation, AddressValidation::On);
    assert_eq!(limits.legacy_validation, LegacyValidation::Refused);
    assert!(!limits.large_accept_payload);
    assert_eq!(limits.path_moves_per_minute, 4);
    assert_eq!(limits.linger, Duration::from_millis(200));
    assert_eq!(limits.reliable_stall_timeout, Some(Duration::from_secs(60)));
    assert_eq!(limits.log_lines_per_second, 10);
    assert_eq!(Limits::AMPLIFICATION, 3);

    let budgets: &Budgets = settings.budgets();
    assert_eq!(budgets.receive_queue_capacity, None);
    assert_eq!(budgets.send_queue_capacity, None);
    assert_eq!(budgets.rx_budget, 4_096);
    assert_eq!(budgets.rx_budget_per_conn, 128);
    assert_eq!(budgets.send_bytes_per_connection, 128 * 1024);
    assert_eq!(budgets.event_bytes_per_connection, 256 * 1024);
    assert_eq!(budgets.max_memory_per_connection, 512 * 1024);
    assert_eq!(budgets.max_memory_total, 1024 * 1024 * 1024);
    assert_eq!(budgets.unread_events, UnreadEvents::Keep);
}

#[test]
fn defaults_of_socket_and_workers() {
    let settings = NetworkSettings::plain();
    let socket: &SocketParameters = settings.socket();
    assert_eq!(socket.receive_buffer, Some(4 * 1024 * 1024));
    assert_eq!(socket.send_buffer, Some(4 * 1024 * 1024));
    assert_eq!(socket.sockets_per_port, 1);
    assert_eq!(socket.send_offload, Offload::Auto);
    assert_eq!(socket.receive_offload, Offload::Auto);
    assert_eq!(socket.dual_stack, DualStack::On);
    assert_eq!(socket.reuse_address, AddressReuse::Exclusive);
    assert_eq!(socket.socket_retry_max, 1_000);

    let workers: &WorkerParameters = settings.workers();
    assert_eq!(workers.workers, Workers::Global);
    assert_eq!(workers.inline_threshold, InlineThreshold::Adaptive);
    assert_eq!(workers.slice_size, 512);
    assert_eq!(workers.slice_overlap, SliceOverlap::On);
}

#[test]
fn plain_is_short_for_the_builder() {
    let built = NetworkSettings::builder().plain().build().unwrap();
    let short = NetworkSettings::plain();
    assert_eq!(format!("{built:?}"), format!("{short:?}"));
    assert!(matches!(short.security(), Security::Plain));
    assert_eq!(short.random_seed(), None);
    assert_eq!(short.warnings(), []);
}

#[test]
fn every_switch_arrives() {
    let settings = NetworkSettings::builder()
        .plain()
        .path_mtu_discovery(PathMtuDiscovery::On)
        .unread_events(UnreadEvents::Drop)
        .limit_loopback(LoopbackLimits::Limited)
        .address_validation(AddressValidation::Off)
        .legacy_validation(LegacyValidation::Allowed)
        .dangerous_large_accept_payload()
        .dangerous_random_seed(7)
        .send_offload(Offload::Off)
        .receive_offload(Offload::Off)
        .dual_stack(DualStack::Off)
        .reuse_address(AddressReuse::Shared)
        .slice_overlap(SliceOverlap::Off)
        .inline_threshold(InlineThreshold::NeverInline)
        .build()
        .unwrap();
    assert_eq!(
        settings.connection().path_mtu_discovery,
        PathMtuDiscovery::On
    );
    assert_eq!(settings.budgets().unread_events, UnreadEvents::Drop);
    let limits = settings.limits();
    assert_eq!(limits.limit_loopback, LoopbackLimits::Limited);
    assert_eq!(limits.address_validation, AddressValidation::Off);
    assert_eq!(limits.legacy_validation, LegacyValidation::Allowed);
    assert!(limits.large_accept_payload);
    assert_eq!(settings.random_seed(), Some(7));
    assert_eq!(settings.socket().send_offload, Offload::Off);
    assert_eq!(settings.socket().receive_offload, Offload::Off);
    assert_eq!(settings.socket().dual_stack, DualStack::Off);
    assert_eq!(settings.socket().reuse_address, AddressReuse::Shared);
    assert_eq!(settings.workers().slice_overlap, SliceOverlap::Off);
    assert_eq!(
        settings.workers().inline_threshold,
        InlineThreshold::NeverInline
    );
}

#[test]
fn legal_but_odd_values_warn() {
    let warnings = |builder: NetworkSettingsBuilder| builder.plain().build().unwrap().warnings();
    let small = |bytes| NetworkSettings::builder().max_message_size(bytes);
    assert_eq!(warnings(small(548)), []);
    assert_eq!(
        warnings(small(547)),
        [SettingsWarning::SmallMaxMessageSize { size: 547 }]
    );
    let (frame, credit) = (Duration::from_secs(2), Duration::from_secs(1));
    let slow = NetworkSettings::builder().fixed_frame_time(frame);
    assert_eq!(
        warnings(slow.clone()),
        [SettingsWarning::FrameBeyondTickCredit { frame, credit }]
    );
    assert_eq!(warnings(slow.max_tick_credit(frame)), []);
}
