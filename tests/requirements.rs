//! Every requirement of the threat model (R1 to R40) and every row of the conformance list (A1 to
//! P5), with what shows it.
//!
//! The table fails on a gap, on an id that is missing or listed twice, and on a name that exists
//! nowhere in the sources. A test's name begins with its ids: `a9_…`, `c02_e16_…`, `r08_…`.

mod house;

use std::collections::BTreeSet;

use Evidence::{DoesNotCompile, Figure, Later, Missing, Privileged, Test};
use house::{Source, has_word, sources};

/// What shows that a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    /// A test function of this name, in `src/` or `tests/`.
    Test(&'static str),
    /// A `compile_fail` documentation test, with this marker in the comment in front of it.
    DoesNotCompile(&'static str),
    /// A figure: the test that shows its cause on virtual time, and the file of `benches/` that
    /// measures it.
    Figure {
        cause: &'static str,
        bench: &'static str,
    },
    /// A script of `tests/privileged/` that `.ci/run` runs, since it needs root, a namespace or a
    /// tracer.
    Privileged(&'static str),
    /// A later step owes it, or owes the rest of it.
    Later(&'static str),
    /// Nothing yet: the gap that this file exists to find.
    Missing,
}

const SECURE: &str = "secure connections";
const PIPELINES: &str = "pipelines";
const WEBSOCKET: &str = "WebSocket and further interfaces";

/// Rows of each letter of the conformance list.
const CONFORMANCE_ROWS: [(char, u32); 16] = [
    ('A', 19),
    ('B', 19),
    ('C', 14),
    ('D', 25),
    ('E', 19),
    ('F', 13),
    ('G', 7),
    ('H', 16),
    ('I', 15),
    ('J', 9),
    ('K', 29),
    ('L', 5),
    ('M', 3),
    ('N', 12),
    ('O', 9),
    ('P', 5),
];
const REQUIREMENTS: u32 = 40;

type Row = (&'static str, &'static [Evidence]);

#[rustfmt::skip]
const CONFORMANCE: &[Row] = &[
    // conformance begins
    ("A1", &[Test("a1_a_driver_that_comes_and_goes_leaves_nothing_behind")]),
    ("A2", &[Test("a2_a_driver_binds_to_loopback_and_says_so")]),
    ("A3", &[Test("a3_a_bound_driver_listens_and_says_so")]),
    ("A4", &[Test("a4_accepting_with_nobody_there_ends_at_once")]),
    ("A5", &[DoesNotCompile("A5")]),
    ("A6", &[Test("a6_a_buffer_parameter_out_of_range_is_named"), DoesNotCompile("A6")]),
    ("A7", &[Test("a7_a_queue_without_room_is_refused")]),
    ("A8", &[Test("a8_a_pipeline_parameter_out_of_range_is_named"), Later(PIPELINES)]),
    ("A9", &[Test("a9_a_bound_driver_cannot_be_bound_again_and_stays_where_it_is")]),
    ("A10", &[Test("a10_an_unbound_driver_cannot_listen")]),
    ("A11", &[Test("a11_a_listening_driver_cannot_listen_again")]),
    ("A12", &[Test("a12_port_0_gives_a_fresh_port_each_time_and_the_same_ones_every_run"), Test("a12_port_0_gives_a_real_port"), Test("a12_port_0_shows_a_real_port")]),
    ("A13", &[Test("a13_a_port_in_use_is_an_error_that_names_it"), Test("a13_r05_a_port_in_use_is_told_and_is_free_when_its_owner_is_gone"), Test("a13_r05_a_port_in_use_is_told_by_name_and_the_interface_stays_usable")]),
    ("A14", &[DoesNotCompile("A14")]),
    ("A15", &[Test("a15_an_unbound_driver_updates_and_flushes_without_touching_its_interface")]),
    ("A16", &[Test("a16_a_flush_of_an_unbound_driver_sends_nothing")]),
    ("A17", &[Test("a17_a_driver_keeps_the_settings_it_was_made_with")]),
    ("A18", &[DoesNotCompile("A18")]),
    ("A19", &[Test("a19_large_capacities_are_only_numbers")]),
    ("B1", &[Test("b1_a_client_that_updates_asks_the_host_once")]),
    ("B2", &[Test("b2_the_host_accepts_and_the_client_is_told")]),
    ("B3", &[Test("b3_a_host_that_appears_late_is_found_by_a_retry")]),
    ("B4", &[Test("b04_a_client_asks_at_fixed_intervals_and_gives_up"), Test("b4_a_silent_server_ends_the_attempt_with_its_reason")]),
    ("B5", &[Test("b5_two_clients_in_one_update_get_a_handle_each")]),
    ("B6", &[Test("b6_five_clients_connect_over_real_sockets")]),
    ("B7", &[Test("b7_clients_the_server_leaves_are_told")]),
    ("B8", &[Test("b8_a_driver_that_connects_unbound_is_bound_to_the_wildcard")]),
    ("B9", &[Test("b9_an_invalid_endpoint_is_an_error")]),
    ("B10", &[Test("b10_a_connection_that_is_not_up_reads_connecting_and_takes_no_message")]),
    ("B11", &[Test("b11_a_driver_that_does_not_listen_accepts_and_then_closes"), Test("b11_a_driver_that_does_not_listen_turns_clients_away")]),
    ("B12", &[Test("b12_a_request_of_another_version_is_ignored"), Test("b12_requests_of_another_version_are_ignored")]),
    ("B13", &[Test("b13_a_malformed_request_makes_no_link"), Test("b13_malformed_requests_are_ignored")]),
    ("B14", &[Test("b14_a_lost_accept_loses_neither_the_connect_event_nor_the_data"), Test("b14_the_accept_is_lost_and_data_comes_first")]),
    ("B15", &[Test("b15_a_doubled_request_makes_one_connection_and_gets_two_accepts"), Test("b15_duplicates_are_answered_at_most_three_times_a_second")]),
    ("B16", &[Test("b16_accept_returns_connections_in_the_order_they_were_completed")]),
    ("B17", &[Test("b17_accept_passes_over_connections_that_are_gone_already")]),
    ("B18", &[Test("b18_a_chained_job_accepts_what_its_update_brought")]),
    ("B19", &[Later(PIPELINES)]),
    ("C1", &[Test("c1_a_client_that_leaves_tells_the_host")]),
    ("C2", &[Test("c02_e16_a_close_of_the_peer_is_one_event_behind_its_data_and_is_not_answered"), Test("c2_the_host_learns_that_the_client_has_left")]),
    ("C3", &[Test("c3_a_silent_client_times_out_however_much_is_sent_to_it"), Test("c3_silence_ends_a_connection_strictly_after_its_timeout")]),
    ("C4", &[Test("c04_c05_a_local_close_has_no_event_and_can_be_repeated"), Test("c4_who_leaves_gets_no_event_and_reads_disconnected_at_once")]),
    ("C5", &[Test("c04_c05_a_local_close_has_no_event_and_can_be_repeated"), Test("c5_leaving_twice_is_no_error")]),
    ("C6", &[Test("c6_a_flush_does_not_tell_the_peer_an_update_does")]),
    ("C7", &[Test("c07_data_of_the_same_update_goes_before_the_close"), Test("c7_a_message_ended_before_the_close_arrives_before_it")]),
    ("C8", &[Test("c8_a_remote_close_shows_with_its_event_and_not_before")]),
    ("C9", &[Test("c9_of_1000_connections_closed_in_one_update_every_peer_is_told")]),
    ("C10", &[Test("c10_a_peer_learns_quickly_even_if_the_close_is_lost"), Test("c10_the_close_is_told_three_times_within_50_ms_then_forgotten")]),
    ("C11", &[Test("c11_without_a_timeout_silence_is_never_judged"), Test("c11_without_a_timeout_silence_is_no_end")]),
    ("C12", &[Test("c12_heartbeats_follow_what_was_sent_and_can_be_off"), Test("c12_heartbeats_keep_an_idle_connection_and_nothing_else_does")]),
    ("C13", &[Test("c13_of_1000_idle_connections_none_times_out")]),
    ("C14", &[Test("c14_a_closed_token_is_forgotten_at_once_and_its_slot_when_its_events_are_read"), Test("c14_a_slot_is_reused_under_the_next_version_and_not_before_its_events_are_read"), Test("c14_the_old_handle_of_a_slot_used_again_names_nothing")]),
    ("D1", &[Test("d1_a_handle_that_names_no_slot_gives_minus_1")]),
    ("D2", &[Test("d2_a_handle_of_an_old_version_gives_minus_2")]),
    ("D3", &[Test("d3_more_than_any_packet_holds_gives_minus_4")]),
    ("D4", &[Test("d4_a_message_arrives_as_it_was_written")]),
    ("D5", &[DoesNotCompile("D5")]),
    ("D6", &[DoesNotCompile("D6")]),
    ("D7", &[Test("d7_a_message_begun_and_not_ended_is_aborted"), DoesNotCompile("D7")]),
    ("D8", &[DoesNotCompile("D8")]),
    ("D9", &[DoesNotCompile("D9")]),
    ("D10", &[DoesNotCompile("D10")]),
    ("D11", &[DoesNotCompile("D11")]),
    ("D12", &[DoesNotCompile("D12")]),
    ("D13", &[DoesNotCompile("D13")]),
    ("D14", &[Test("d14_a_connecting_connection_gives_minus_3")]),
    ("D15", &[Test("d15_a_closed_connection_gives_minus_3_also_once_its_slot_is_free")]),
    ("D16", &[Test("d16_more_written_than_fits_gives_minus_4_and_sends_nothing")]),
    ("D17", &[Test("d17_the_capacity_is_what_was_asked_for")]),
    ("D18", &[Test("d18_a_size_just_above_the_capacity_gives_minus_4")]),
    ("D19", &[Test("d19_a_full_queue_gives_minus_5_and_takes_again_after_a_flush")]),
    ("D20", &[Test("d20_the_longest_message_arrives_whole_over_real_sockets")]),
    ("D21", &[Test("d21_an_empty_message_arrives_empty_on_every_pipeline"), Later(PIPELINES)]),
    ("D22", &[Test("d22_ten_thousand_aborted_messages_leak_no_room")]),
    ("D23", &[Test("d23_the_value_of_end_send_is_the_length")]),
    ("D24", &[Test("d24_max_payload_is_the_capacity_of_a_writer")]),
    ("D25", &[Test("d25_capacity_and_headers_make_a_packet")]),
    ("E1", &[Test("e1_an_empty_queue_gives_nothing")]),
    ("E2", &[Test("e2_an_event_is_popped_once")]),
    ("E3", &[Test("e3_the_global_pop_names_the_connection")]),
    ("E4", &[Test("e4_sixteen_events_are_sixteen_pops")]),
    ("E5", &[Test("e5_connection_k_has_its_k_events")]),
    ("E6", &[Test("e6_global_and_single_pops_take_turns_in_order")]),
    ("E7", &[Test("e7_the_global_pop_gives_what_single_pops_left")]),
    ("E8", &[Test("e8_parallel_pops_give_each_event_once")]),
    ("E9", &[DoesNotCompile("E9")]),
    ("E10", &[Test("e10_copies_of_a_reader_read_for_themselves")]),
    ("E11", &[Test("e11_a_connection_that_was_full_takes_events_again_once_it_was_read"), Test("e11_what_is_not_popped_is_kept_or_dropped_as_the_settings_say")]),
    ("E12", &[Test("e12_the_events_of_a_closed_connection_can_still_be_read")]),
    ("E13", &[Test("e13_what_one_update_has_no_room_for_comes_with_the_next_in_order")]),
    ("E14", &[Test("e14_data_for_a_connection_that_is_not_accepted_waits_for_accept"), Test("e14_data_waits_in_the_inbox_of_a_connection_that_waits_for_accept")]),
    ("E15", &[Test("e15_an_unknown_handle_reads_disconnected")]),
    ("E16", &[Test("c02_e16_a_close_of_the_peer_is_one_event_behind_its_data_and_is_not_answered"), Test("e16_data_comes_before_the_close_it_arrived_with")]),
    ("E17", &[Test("e17_the_event_count_is_the_number_of_pops")]),
    ("E18", &[Test("e18_a_server_has_no_event_for_a_client_that_connects")]),
    ("E19", &[Test("e19_one_connections_burst_is_its_own")]),
    ("F1", &[Test("f1_reading_past_the_end_gives_zero_and_a_mark")]),
    ("F2", &[Test("f2_a_byte_array_comes_back")]),
    ("F3", &[Test("f3_reading_into_a_part_of_an_array_leaves_the_rest")]),
    ("F4", &[Test("f4_a_reader_of_a_slice_begins_at_the_slice")]),
    ("F5", &[Test("f5_packed_unsigned_numbers_then_an_int_come_back")]),
    ("F6", &[Test("f6_packed_signed_numbers_come_back")]),
    ("F7", &[Test("f7_deferred_writes_land_where_they_were_left_room")]),
    ("F8", &[Test("f8_a_full_writer_refuses_what_does_not_fit_and_takes_what_does")]),
    ("F9", &[Test("f9_fixed_strings_of_every_size_come_back")]),
    ("F10", &[Test("f10_fixed_string_deltas_of_every_size_come_back")]),
    ("F11", &[Test("f11_raw_bits_of_every_width_mix_with_whole_bytes")]),
    ("F12", &[Test("f12_floats_and_doubles_keep_every_bit")]),
    ("F13", &[Test("f13_no_bytes_make_a_read_panic_or_go_past_the_end")]),
    ("G1", &[Test("g1_a_port_reads_as_it_was_set_and_swapped_in_network_order")]),
    ("G2", &[Test("g2_a_mapped_address_is_ipv4"), Test("g2_texts_get_the_verdict_and_the_bytes_of_the_system")]),
    ("G3", &[Test("g3_every_address_survives_its_text"), Test("g3_text_to_endpoint_to_text_is_stable")]),
    ("G4", &[Test("g4_empty_and_blank_texts_give_an_invalid_endpoint"), Test("g4_no_text_panics")]),
    ("G5", &[Test("g5_a_failed_parse_leaves_no_family_behind")]),
    ("G6", &[Test("g6_custom_endpoints_are_neither_any_nor_loopback")]),
    ("G7", &[Test("g7_exactly_4_16_or_60_raw_bytes_are_used")]),
    ("H1", &[Test("h1_an_idle_driver_schedules_and_completes")]),
    ("H2", &[Test("h2_an_update_completes_the_one_before_it"), DoesNotCompile("H2")]),
    ("H3", &[Test("h3_a_job_behind_update_and_accept_reads_the_message")]),
    ("H4", &[Test("h4_what_a_chained_job_sends_leaves_with_its_update")]),
    ("H5", &[Test("h5_two_connections_are_answered_in_one_parallel_loop")]),
    ("H6", &[Later(PIPELINES)]),
    ("H7", &[Test("h7_250_clients_are_all_answered_once")]),
    ("H8", &[Test("h8_a_writer_stays_open_while_an_update_runs")]),
    ("H9", &[Test("h9_two_threads_on_one_connection_both_send")]),
    ("H10", &[Test("h10_a_million_messages_begun_and_aborted_by_16_threads_leave_nothing")]),
    ("H11", &[Test("h11_each_slot_is_given_out_once_and_comes_back")]),
    ("H12", &[Test("h12_each_connections_messages_keep_their_order_however_many_the_others_have")]),
    ("H13", &[Test("h13_the_front_is_read_and_written_while_an_update_runs")]),
    ("H14", &[Test("h14_a_panic_in_a_job_surfaces_at_complete_and_harms_nothing_else")]),
    ("H15", &[Test("h15_in_200_storms_events_are_the_same_on_1_2_and_16_workers")]),
    ("H16", &[Test("h16_a_hundred_rounds_do_not_drift")]),
    ("I1", &[Test("i1_the_same_stages_make_the_same_shape"), Later(PIPELINES)]),
    ("I2", &[Later(PIPELINES)]),
    ("I3", &[Later(PIPELINES)]),
    ("I4", &[Test("i4_i5_i6_i8_headers_and_transforms_leave_the_payload_intact")]),
    ("I5", &[Test("i4_i5_i6_i8_headers_and_transforms_leave_the_payload_intact")]),
    ("I6", &[Test("i4_i5_i6_i8_headers_and_transforms_leave_the_payload_intact")]),
    ("I7", &[Test("i7_a_one_way_transform_is_seen_by_the_receiver")]),
    ("I8", &[Test("i4_i5_i6_i8_headers_and_transforms_leave_the_payload_intact")]),
    ("I9", &[Test("i9_i10_i11_a_delay_first_or_last_keeps_order_and_loses_nothing"), Test("i9_i11_kept_packets_leave_when_they_asked_to")]),
    ("I10", &[Test("i9_i10_i11_a_delay_first_or_last_keeps_order_and_loses_nothing")]),
    ("I11", &[Test("i9_i10_i11_a_delay_first_or_last_keeps_order_and_loses_nothing"), Test("i9_i11_kept_packets_leave_when_they_asked_to")]),
    ("I12", &[Test("i12_i13_each_connection_and_stage_has_its_own_state")]),
    ("I13", &[Test("i12_i13_each_connection_and_stage_has_its_own_state"), Later(PIPELINES)]),
    ("I14", &[Later(PIPELINES)]),
    ("I15", &[Test("i15_a_chain_that_wants_nothing_asks_for_nothing")]),
    ("J1", &[Test("j1_j2_j3_j6_messages_of_every_size_arrive")]),
    ("J2", &[Test("j1_j2_j3_j6_messages_of_every_size_arrive")]),
    ("J3", &[Test("j1_j2_j3_j6_messages_of_every_size_arrive")]),
    ("J4", &[Test("j4_a_lost_fragment_costs_its_message_and_no_other")]),
    ("J5", &[Test("j5_sizes_around_the_packet_before_and_after_sequenced")]),
    ("J6", &[Test("j1_j2_j3_j6_messages_of_every_size_arrive")]),
    ("J7", &[Test("j7_reordered_and_interleaved_fragments_assemble")]),
    ("J8", &[Test("j8_what_grows_beyond_the_capacity_is_refused")]),
    ("J9", &[Test("j9_abandoned_messages_are_freed_by_age_and_by_count")]),
    ("K1", &[Test("k1_a_gap_holds_what_follows_until_it_closes")]),
    ("K2", &[Test("k2_a_window_of_5_takes_5_and_again_after_release")]),
    ("K3", &[Test("k3_acks_release_across_the_wrap")]),
    ("K4", &[Test("k4_the_mask_keeps_what_it_leaves_out")]),
    ("K5", &[Test("k5_k11_the_peers_processing_time_is_told_and_taken_off")]),
    ("K6", &[Test("k6_a_jam_across_the_wrap_comes_out_in_order")]),
    ("K7", &[Test("k7_a_window_in_reverse_comes_out_at_its_last_packet")]),
    ("K8", &[Test("k8_k9_a_send_and_an_update_both_see_what_was_acknowledged")]),
    ("K9", &[Test("k8_k9_a_send_and_an_update_both_see_what_was_acknowledged")]),
    ("K10", &[Test("k10_one_message")]),
    ("K11", &[Test("k5_k11_the_peers_processing_time_is_told_and_taken_off")]),
    ("K12", &[Test("k12_many_rounds_of_ping_pong")]),
    ("K13", &[Test("k13_k14_drops_near_the_wrap_and_both_ways")]),
    ("K14", &[Test("k13_k14_drops_near_the_wrap_and_both_ways")]),
    ("K15", &[Test("k15_one_way_traffic_is_acknowledged_by_packets_the_user_does_not_see")]),
    ("K16", &[Test("k16_an_idle_pair_is_silent")]),
    ("K17", &[Test("k17_a_lost_packet_is_resent_without_further_traffic")]),
    ("K18", &[Test("k18_after_an_outage_everything_accepted_arrives")]),
    ("K19", &[Test("k19_duplicates_never_stall_the_window"), Test("k19_unitys_timing_acknowledges_every_third_duplicate")]),
    ("K20", &[Test("k20_a_lost_last_ack_is_repeated")]),
    ("K21", &[Test("k21_what_was_acknowledged_is_never_resent")]),
    ("K22", &[Test("k22_large_windows_resend_what_was_sent")]),
    ("K23", &[Test("k23_an_old_packet_is_not_a_new_one_after_the_wrap")]),
    ("K24", &[Test("k24_the_largest_payload_fits_and_one_more_byte_does_not")]),
    ("K25", &[Test("k25_r26_rtt_after_wrap")]),
    ("K26", &[Test("k26_the_resend_time_stays_within_its_bounds_whatever_arrives")]),
    ("K27", &[Test("k27_a_mask_of_another_class_is_refused"), Test("k27_different_windows_neither_corrupt_nor_stall")]),
    ("K28", &[Test("k28_across_the_wrap"), Test("k28_older_ones_are_culled_and_counted")]),
    ("K29", &[Test("k29_one_message_end_to_end")]),
    ("L1", &[Test("l1_a_limited_path_gives_a_size_that_passes"), Test("l1_l4_the_largest_answer_wins_after_two_rounds")]),
    ("L2", &[Test("l2_an_answer_to_the_maximum_ends_it_at_once"), Test("l2_without_a_limit_the_maximum_is_found_without_waiting")]),
    ("L3", &[Test("l3_a_peer_that_answers_no_probe_gets_the_maximum")]),
    ("L4", &[Test("l1_l4_the_largest_answer_wins_after_two_rounds"), Test("l4_the_result_never_exceeds_the_limit")]),
    ("L5", &[Test("l5_a_client_that_probes_reads_connecting_and_loses_no_data"), Test("l5_data_during_discovery_follows_its_connect_event")]),
    ("M1", &[Test("m1_a_connect_payload_that_does_not_fit_is_refused"), Test("m1_a_request_is_accepted_and_its_payload_reaches_accept_once"), Test("m1_every_request_carries_the_same_payload"), Test("m1_the_connect_payload_reaches_accept_once")]),
    ("M2", &[Test("m2_an_accept_payload_that_is_too_large_is_refused"), Test("m2_the_accept_carries_the_servers_payload"), Test("m2_the_accept_payload_reaches_the_connect_event")]),
    ("M3", &[Test("m3_an_address_for_a_name_connects"), Test("m3_an_unknown_name_ends_with_its_reason"), Test("m3_localhost_connects_to_servers_of_either_family"), Test("m3_who_leaves_before_the_name_is_resolved_stays_away")]),
    ("N1", &[Later(SECURE)]),
    ("N2", &[Later(SECURE)]),
    ("N3", &[Later(SECURE)]),
    ("N4", &[Later(SECURE)]),
    ("N5", &[Later(SECURE)]),
    ("N6", &[Later(SECURE)]),
    ("N7", &[Later(SECURE)]),
    ("N8", &[Later(SECURE)]),
    ("N9", &[Later(SECURE)]),
    ("N10", &[Later(SECURE)]),
    ("N11", &[Later(SECURE)]),
    ("N12", &[Later(SECURE)]),
    ("O1", &[Test("o1_datagrams_go_round_by_every_pair_of_paths"), Test("o1_numbers_and_bytes_travel_over_real_sockets")]),
    ("O2", &[Test("o2_an_endpoint_nobody_has_is_no_panic"), Test("o2_an_unknown_endpoint_is_dropped_and_counted")]),
    ("O3", &[Test("o3_an_interface_of_the_users_carries_a_session"), Test("o3_custom_endpoints_are_as_good_as_any")]),
    ("O4", &[Test("o4_a_datagram_longer_than_udp_carries_is_a_fault_and_the_rest_goes_out"), Test("o4_oversized_datagrams_are_dropped_and_counted"), Test("o4_oversized_datagrams_are_dropped_and_counted_between_good_ones")]),
    ("O5", &[Test("o5_a_transient_error_keeps_the_socket_and_a_fatal_one_makes_it_anew_once")]),
    ("O6", &[Later(WEBSOCKET)]),
    ("O7", &[Later(WEBSOCKET)]),
    ("O8", &[Later(WEBSOCKET)]),
    ("O9", &[Later(WEBSOCKET)]),
    ("P1", &[Test("p1_an_interval_drops_every_nth"), Test("p1_the_same_seed_drops_the_same")]),
    ("P2", &[Test("p2_delay_and_jitter_are_within_bounds"), Test("p2_duplicates_come_at_most_once_more"), Test("p2_fuzz_spares_what_lies_before_its_offset_and_what_arrives"), Test("p2_more_than_may_be_held_and_larger_than_may_be_held_pass"), Test("p2_the_mode_says_which_way_it_acts")]),
    ("P3", &[Test("p3_parameters_change_at_run_time_and_fixed_ones_do_not")]),
    ("P4", &[Later(PIPELINES)]),
    ("P5", &[Later(PIPELINES)]),
    // conformance ends
];

#[rustfmt::skip]
const THREAT_MODEL: &[Row] = &[
    // requirements begin
    ("R1", &[Test("r01_every_length_every_state"), Test("r1_short_and_odd_packets_change_nothing")]),
    ("R2", &[Test("r02_fair_share"), Test("r02_junk_is_cheap"), Test("r02_what_an_update_has_no_budget_for_waits_in_the_interface")]),
    ("R3", &[Test("r03_a_hundred_failing_updates_in_a_row_make_the_socket_anew"), Test("r03_a_socket_that_cannot_be_made_is_tried_for_with_growing_pauses_and_given_up"), Test("r03_errno_matrix_scripted_receive_side"), Test("r03_errno_matrix_scripted_send_side"), Test("r03_partial_batch"), Test("r03_three_shortages_in_one_update_stop_sending_until_the_next"), Privileged("r03_errno_matrix")]),
    ("R4", &[Test("r04_a_peer_that_cannot_be_reached_never_costs_the_socket"), Privileged("r04_icmp_flood")]),
    ("R5", &[Test("a13_r05_a_port_in_use_is_told_and_is_free_when_its_owner_is_gone"), Test("a13_r05_a_port_in_use_is_told_by_name_and_the_interface_stays_usable"), Test("r05_a_failed_bind_leaves_the_interface_unbound_and_reusable"), Test("r05_an_address_of_another_machine_is_not_available"), Privileged("r05_port_range")]),
    ("R6", &[Test("r06_a_datagram_from_ourselves_is_dropped_and_counted"), Test("r06_a_driver_does_not_talk_to_itself"), Test("r06_a_mapped_source_and_destination_are_folded"), Test("r06_addresses_of_nobody_are_not_usable"), Test("r06_datagrams_from_nobody_are_dropped_unread"), Test("r06_mapped_is_one_client"), Test("r06_no_loop"), Test("r06_no_loop_between_two_endpoints"), Test("r06_our_own_address_is_dropped_and_a_neighbour_with_our_port_is_not"), Test("r06_sources_nobody_can_have_are_dropped"), Test("r06_what_comes_from_nowhere_or_from_ourselves_is_dropped")]),
    ("R7", &[Test("r07_after_a_stall_each_timer_fires_once"), Test("r07_suspend"), Test("r07_tick_gaps"), Test("r07_tick_gaps_drawn_by_chance_end_no_connection"), Test("r07_wall_jump"), Test("r7_silence_nobody_watched_does_not_count"), Test("r7_what_waited_is_read_before_silence_is_judged")]),
    ("R8", &[Later(SECURE)]),
    ("R9", &[Later(SECURE)]),
    ("R10", &[Later(SECURE)]),
    ("R11", &[Later(SECURE)]),
    ("R12", &[Later(SECURE)]),
    ("R13", &[Later(SECURE)]),
    ("R14", &[Later(SECURE)]),
    ("R15", &[Later(SECURE)]),
    ("R16", &[Later(SECURE)]),
    ("R17", &[Later(SECURE)]),
    ("R18", &[Later(SECURE)]),
    ("R19", &[Test("r19_collision_keys_spread_like_random_ones"), Test("r19_silence"), Test("r19_silence_for_unknown_tokens_of_every_type")]),
    ("R20", &[Test("r20_a_large_accept_goes_out_once_a_second_and_address"), Test("r20_a_request_for_a_live_token_from_elsewhere_is_dropped"), Test("r20_a_request_with_a_live_proved_token_from_elsewhere_is_dropped"), Test("r20_blind_request"), Test("r20_blind_request_and_data"), Test("r20_blind_request_and_data_draw_at_most_three_times_their_bytes"), Test("r20_blind_request_draws_at_most_39_bytes"), Test("r20_duplicate_requests_get_three_accepts_a_second"), Test("r20_no_second_sees_more_than_three_accepts"), Test("r20_probe_search"), Test("r20_probe_search_finds_nothing"), Test("r20_probe_search_finds_two_values_of_65536_in_a_slot"), Test("r20_probe_search_of_a_record_proves_nothing"), Test("r20_probe_search_under_load_proves_nothing"), Test("r20_stock_timing"), Test("r20_the_budget_is_known_at_the_call"), Test("r20_three_accepts_a_second"), Test("r20_three_wrong_answers_void_a_pair_and_three_pairs_the_record")]),
    ("R21", &[Test("r21_a_client_without_a_record_gets_in_after_the_load_is_over"), Test("r21_a_flood_from_one_prefix_evicts_itself"), Test("r21_a_record_takes_at_most_128_bytes"), Test("r21_forged_connections_have_nobody_refused"), Test("r21_max_connections_is_a_hard_cap"), Test("r21_memory_is_given_back_when_a_flood_is_over"), Test("r21_one_address_has_its_share"), Test("r21_records_are_bounded_and_each_new_one_takes_the_place_of_another"), Test("r21_request_flood"), Test("r21_request_flood_is_bounded_and_clients_get_in"), Test("r21_the_share_of_an_address_is_a_hard_cap_for_those_who_come_at_once"), Test("r21_the_victim_is_random"), Test("r21_under_load_a_client_is_admitted_without_a_record_until_it_answers"), Test("r21_under_load_a_request_with_a_payload_has_a_record_or_no_answer"), Test("r21_under_load_nobody_is_told_that_he_is_refused"), Test("r21_under_load_only_data_and_heartbeats_of_unknown_tokens_are_answered"), Test("r21_who_is_not_accepted_in_time_is_gone")]),
    ("R22", &[Test("r22_a_close_counts_only_from_the_current_address"), Test("r22_a_close_from_another_address_is_not_heard"), Test("r22_a_move_finds_out_the_size_anew"), Test("r22_answers_nobody_asked_for_count_for_nothing"), Test("r22_flapping"), Test("r22_nat_rebind"), Test("r22_redirect_attack")]),
    ("R23", &[Test("r23_a_connection_ends_with_one_event_whatever_else_happens"), Test("r23_every_connection_has_one_end_and_it_is_its_last_event"), Test("r23_kill9"), Test("r23_silence_ends_within_a_second_of_its_timeout")]),
    ("R24", &[Test("r24_a_dropped_client_tells_its_server"), Test("r24_drop_10000"), Test("r24_sigterm_1000")]),
    ("R25", &[Test("r25_oracle"), Test("r25_slow_reader"), Later(PIPELINES)]),
    ("R26", &[Test("k25_r26_rtt_after_wrap"), Test("r26_a_rejected_packet_changes_nothing"), Test("r26_five_wraps_at_every_window"), Test("r26_forged_cycle"), Test("r26_prop_wrap")]),
    ("R27", &[Test("r27_a_processing_time_beyond_the_sample_is_ignored"), Test("r27_ack_fuzz"), Test("r27_blackhole"), Test("r27_nothing_is_unacknowledged"), Test("r27_optimistic_ack")]),
    ("R28", &[Test("r28_a_repeat_changes_nothing"), Test("r28_a_user_without_room_gets_the_message_later_where_it_is_reliable"), Test("r28_an_old_fragment_never_joins_a_message_a_lap_later"), Test("r28_orphan_last"), Test("r28_partial_messages_of_many_peers_stay_small_and_go"), Test("r28_prop_frag"), Test("r28_short_and_empty_fragments_are_no_harm")]),
    ("R29", &[Test("r29_reliable_data_beyond_the_memory_limit_is_not_acknowledged"), Later(PIPELINES)]),
    ("R30", &[Later(WEBSOCKET)]),
    ("R31", &[Later(WEBSOCKET)]),
    ("R32", &[Later(WEBSOCKET)]),
    ("R33", &[Later(WEBSOCKET)]),
    ("R34", &[Test("r34_panic_everywhere")]),
    ("R35", &[Test("r35_a_job_that_blocks_delays_only_what_depends_on_it"), Test("r35_all_blocked"), Test("r35_nested_wait_pool1"), Test("r35_shards_that_open_during_an_update_all_come_home")]),
    ("R36", &[Test("r36_a_driver_may_be_dropped_within_a_job_of_its_own_pool"), Test("r36_drop_matrix")]),
    ("R37", &[Test("r37_unsafe_budget")]),
    ("R38", &[Test("r38_each_field"), Test("r38_fuzz_config"), Test("r38_heartbeats_come_before_the_disconnect"), Test("r38_queues_fit_the_memory_and_the_memory_its_total"), Test("r38_the_error_is_a_sentence")]),
    ("R39", &[Test("r39_a_token_is_never_shown_whole"), Later(SECURE)]),
    ("R40", &[Test("r40_a_flood_of_refusals_is_a_few_lines"), Test("r40_conservation"), Test("r40_conservation_and_r20_amplification_hold_for_any_input"), Test("r40_no_injection"), Test("r40_no_second_has_more_lines_than_it_may"), Test("r40_ten_lines_a_second_and_then_their_count")]),
    // requirements end
];

#[test]
fn every_row_is_listed_once() {
    assert_eq!(order_of(CONFORMANCE), conformance_ids());
    assert_eq!(
        order_of(THREAT_MODEL),
        (1..=REQUIREMENTS)
            .map(|number| format!("R{number}"))
            .collect::<Vec<_>>()
    );
}

#[test]
fn every_row_has_what_shows_it() {
    let gaps: Vec<&str> = rows()
        .filter(|row| is_gap(row))
        .map(|(id, _)| *id)
        .collect();
    assert!(
        gaps.is_empty(),
        "{} rows have no evidence: {}",
        gaps.len(),
        gaps.join(" ")
    );
}

#[test]
fn everything_named_exists() {
    let repository = Repository::read();
    let unknown: Vec<String> = rows().flat_map(|row| repository.unknown(row)).collect();
    assert!(
        unknown.is_empty(),
        "{} names exist nowhere:\n{}",
        unknown.len(),
        unknown.join("\n")
    );
}

#[test]
fn what_later_steps_owe_is_told() {
    for step in [SECURE, PIPELINES, WEBSOCKET] {
        let ids: Vec<&str> = rows()
            .filter(|(_, evidence)| evidence.contains(&Later(step)))
            .map(|(id, _)| *id)
            .collect();
        tell(&format!("{step}: {}", ids.join(" ")));
    }
}

#[test]
fn the_differences_from_unity_name_tests_that_exist() {
    let repository = Repository::read();
    let page = sources(&["docs"], "unity.md");
    let named: Vec<String> = page.iter().flat_map(tests_of_differences).collect();
    assert!(
        named.len() > 10,
        "docs/unity.md names {} tests",
        named.len()
    );
    let unknown: Vec<&String> = named
        .iter()
        .filter(|name| !repository.tests.contains(*name))
        .collect();
    assert!(
        unknown.is_empty(),
        "docs/unity.md names tests that exist nowhere: {unknown:?}"
    );
}

// ---- how it is judged ------------------------------------------------------------------------

fn rows() -> impl Iterator<Item = &'static Row> {
    CONFORMANCE.iter().chain(THREAT_MODEL)
}

fn order_of(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|(id, _)| (*id).to_owned()).collect()
}

fn conformance_ids() -> Vec<String> {
    CONFORMANCE_ROWS
        .into_iter()
        .flat_map(|(letter, rows)| (1..=rows).map(move |number| format!("{letter}{number}")))
        .collect()
}

fn is_gap((_, evidence): &Row) -> bool {
    evidence.is_empty() || evidence.contains(&Missing)
}

/// Whether the name of a test begins with this id, among others: `c02_e16_…` shows C2 and E16.
fn names_id(test: &str, id: &str) -> bool {
    test.split('_').map_while(id_of).any(|named| named == id)
}

/// The id a part of a name is: `r08` is R8.
fn id_of(part: &str) -> Option<String> {
    let letter = part.chars().next().filter(char::is_ascii_lowercase)?;
    let number: u32 = part.get(1..)?.parse().ok()?;
    Some(format!("{}{number}", letter.to_ascii_uppercase()))
}

/// The names that evidence may refer to.
#[derive(Debug, Default)]
struct Repository {
    tests: BTreeSet<String>,
    /// Words of the comments in front of `compile_fail` documentation tests.
    markers: BTreeSet<String>,
    benches: BTreeSet<String>,
    scripts: BTreeSet<String>,
}

impl Repository {
    fn read() -> Self {
        let rust = sources(&["src", "tests"], ".rs");
        let stems = |sources: Vec<Source>| {
            sources
                .iter()
                .filter_map(|source| {
                    source
                        .path
                        .rsplit('/')
                        .next()?
                        .split('.')
                        .next()
                        .map(str::to_owned)
                })
                .collect()
        };
        Self {
            tests: rust.iter().flat_map(tests_of).collect(),
            markers: rust.iter().flat_map(markers_of).collect(),
            benches: stems(sources(&["benches"], ".rs")),
            scripts: stems(sources(&["tests/privileged"], ".sh")),
        }
    }

    /// What is wrong with the names of a row.
    fn unknown(&self, (id, evidence): &Row) -> Vec<String> {
        let test = |name: &str| {
            if !names_id(name, id) {
                vec![format!("{id}: {name} does not begin with the id")]
            } else if !self.tests.contains(name) {
                vec![format!("{id}: no test is called {name}")]
            } else {
                vec![]
            }
        };
        let known = |set: &BTreeSet<String>, what: &str, name: &str| {
            if set.contains(name) {
                vec![]
            } else {
                vec![format!("{id}: no {what} is called {name}")]
            }
        };
        evidence
            .iter()
            .flat_map(|evidence| match *evidence {
                Test(name) => test(name),
                DoesNotCompile(marker) => known(&self.markers, "compile_fail marker", marker),
                Figure { cause, bench } => {
                    [test(cause), known(&self.benches, "bench", bench)].concat()
                }
                Privileged(script) => known(&self.scripts, "privileged script", script),
                Later(_) | Missing => vec![],
            })
            .collect()
    }
}

/// The test functions of a file: those with a test attribute above them, property tests included.
fn tests_of(source: &Source) -> Vec<String> {
    let code = source.code();
    let mut names = Vec::new();
    let mut is_test = false;
    for line in code.lines().map(str::trim) {
        is_test |= line.starts_with("#[test]");
        if let Some(at) = line.find("fn ").filter(|_| is_test) {
            let name = line.get(at + 3..).unwrap_or_default();
            names.extend(name.split(['(', '<']).next().map(str::to_owned));
            is_test = false;
        }
    }
    names
}

/// The tests in the last column of the table of differences; rows without one have a dash.
fn tests_of_differences(page: &Source) -> Vec<String> {
    let (_, table) = page
        .text
        .split_once("<!-- differences begin -->")
        .unwrap_or_default();
    let (table, _) = table
        .split_once("<!-- differences end -->")
        .unwrap_or((table, ""));
    let last_columns = table
        .lines()
        .filter_map(|line| line.trim_end_matches(['|', ' ']).rsplit('|').next());
    last_columns
        .flat_map(|column| column.split('`').skip(1).step_by(2))
        .filter(|name| !name.contains('/'))
        .map(str::to_owned)
        .collect()
}

/// The ids in the sentences in front of a file's `compile_fail` documentation tests.
fn markers_of(source: &Source) -> Vec<String> {
    let mut markers = Vec::new();
    let mut sentence = String::new();
    let mut in_block = false;
    for line in source.text.lines().map(str::trim) {
        let comment = line
            .strip_prefix("///")
            .or_else(|| line.strip_prefix("//!"))
            .map(str::trim);
        match comment {
            // A sentence that announces the block may stand a line above it.
            Some("") if sentence.ends_with(':') => {}
            None | Some("") => sentence.clear(),
            Some(fence) if fence.starts_with("```") => {
                if !in_block && fence.contains("compile_fail") {
                    markers.extend(ids_in(&sentence));
                }
                in_block = !in_block;
                sentence.clear();
            }
            Some(text) if !in_block => sentence = format!("{sentence} {text}"),
            Some(_) => {}
        }
    }
    markers
}

fn ids_in(sentence: &str) -> impl Iterator<Item = String> {
    sentence
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| id_of(&word.to_ascii_lowercase()).as_deref() == Some(*word))
        .map(str::to_owned)
}

#[expect(
    clippy::print_stdout,
    reason = "a remark for whoever runs the test with its output shown"
)]
fn tell(remark: &str) {
    println!("{remark}");
}

// ---- it can fail -----------------------------------------------------------------------------

#[test]
fn a_gap_is_seen() {
    assert!(is_gap(&("A1", &[])));
    assert!(is_gap(&("A1", &[Test("a1_something"), Missing])));
    assert!(!is_gap(&("A1", &[Later(SECURE)])));
}

#[test]
fn a_name_that_exists_nowhere_is_seen() {
    let repository = Repository::default();
    let row: Row = (
        "R8",
        &[
            Test("r08_stateless"),
            DoesNotCompile("R8"),
            Privileged("r08_script"),
            Later(SECURE),
        ],
    );
    assert_eq!(repository.unknown(&row).len(), 3);
    assert_eq!(
        repository
            .unknown(&(
                "R8",
                &[Figure {
                    cause: "r08_stateless",
                    bench: "none"
                }]
            ))
            .len(),
        2
    );
}

#[test]
fn a_test_of_another_row_is_seen() {
    let repository = Repository {
        tests: BTreeSet::from(["a9_something".to_owned()]),
        ..Repository::default()
    };
    assert!(
        repository
            .unknown(&("A9", &[Test("a9_something")]))
            .is_empty()
    );
    assert_eq!(
        repository.unknown(&("A1", &[Test("a9_something")])).len(),
        1
    );
}

#[test]
fn a_name_may_begin_with_several_ids() {
    assert!(names_id("c02_e16_a_close", "C2") && names_id("c02_e16_a_close", "E16"));
    assert!(!names_id("c02_e16_a_close", "A1") && !names_id("a_close_e16", "E16"));
    assert!(!names_id("r1_short", "R11"));
}

#[test]
fn the_last_column_of_the_differences_is_read() {
    let table = "`a0`\n<!-- differences begin -->\n| x | `y` | `a1_b`, `a2_c` |\n<!-- differences end -->\n| `a3` |\n";
    assert_eq!(
        tests_of_differences(&Source::new("docs/unity.md", table)),
        ["a1_b", "a2_c"]
    );
}

#[test]
fn tests_are_told_from_helpers_and_markers_from_text() {
    let text = "/// A second end (D8, D9):\n/// ```compile_fail,E0382\n/// x\n/// ```\n/// D10\n#[test]\nfn a1_b() {}\nfn a2_c() {}\n";
    let source = Source::new("src/a.rs", text);
    assert_eq!(tests_of(&source), ["a1_b"]);
    assert_eq!(markers_of(&source), ["D8", "D9"]);
    assert!(has_word(text, "a1_b"));
}
