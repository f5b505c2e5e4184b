//! The simple-connection protocol, packet by packet.

use proptest::prelude::*;

use super::*;

const T: Token = Token([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]);

/// A packet of `head`, the token of the examples, and `tail`.
fn packet(head: &[u8], tail: &[u8]) -> Vec<u8> {
    [head, &T.0, tail].concat()
}

fn pushed(push: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    push(&mut out);
    out
}

#[test]
fn a_request_without_payload_is_13_bytes() {
    let bytes = pushed(|out| push_request(out, T, b""));
    assert_eq!(bytes, packet(b"UTP\x01\x01", b""));
    assert_eq!(bytes.len(), HANDSHAKE_HEADER_LEN);
}

#[test]
fn a_request_carries_its_payload_behind_a_length() {
    let bytes = pushed(|out| push_request(out, T, b"hi"));
    assert_eq!(bytes, packet(b"UTP\x01\x01", &[2, 0, 0x68, 0x69]));
}

#[test]
fn an_accept_repeats_the_token() {
    let bytes = pushed(|out| push_accept(out, T, b""));
    assert_eq!(bytes, packet(b"UTP\x01\x02", b""));
}

#[test]
fn a_payload_beyond_its_length_field_is_left_out() {
    let bytes = pushed(|out| push_request(out, T, &[0; 65_536]));
    assert_eq!(bytes.len(), HANDSHAKE_HEADER_LEN);
}

#[test]
fn messages_are_type_and_token() {
    assert_eq!(pushed(|out| push_disconnect(out, T)), packet(&[2], b""));
    assert_eq!(pushed(|out| push_heartbeat(out, T)), packet(&[3], b""));
}

#[test]
fn a_data_header_ends_with_the_pipeline() {
    let mut header = [0; DATA_HEADER_LEN];
    write_data_header(&mut header, T, 7);
    assert_eq!(header[..], packet(&[1], &[7]));
}

#[test]
fn a_check_of_1400_is_answered_with_1400() {
    let check = pushed(|out| push_mtu_check(out, T, 1389, CheckBody::Zeros));
    assert_eq!(check.len(), 1400);
    assert_eq!(check[..11], packet(&[4], &[0x6D, 0x05]));
    let ack = pushed(|out| push_mtu_ack(out, T, 1400));
    assert_eq!(ack, packet(&[5], &[2, 0, 0x78, 0x05]));
}

#[test]
fn a_check_without_body_is_11_bytes_whatever_it_says() {
    let check = pushed(|out| push_mtu_check(out, T, 0xFFFF, CheckBody::Absent));
    assert_eq!(check, packet(&[4], &[0xFF, 0xFF]));
}

#[test]
fn short_datagrams_are_no_packets() {
    assert_eq!(Packet::parse(&[]), Err(Malformed::Empty));
    for len in 1..MESSAGE_HEADER_LEN {
        let bytes = &packet(&[3], b"")[..len];
        assert_eq!(Packet::parse(bytes), Err(Malformed::Short { len }));
    }
}

#[test]
fn another_protocol_version_is_refused_before_its_type() {
    let bytes = packet(b"UTP\x02\x09", b"");
    assert_eq!(
        Packet::parse(&bytes),
        Err(Malformed::WrongVersion { version: 2 })
    );
}

#[test]
fn an_unknown_handshake_is_refused_whatever_its_payload() {
    for tail in [&b""[..], &[9, 9, 9]] {
        let bytes = packet(b"UTP\x01\x03", tail);
        assert_eq!(
            Packet::parse(&bytes),
            Err(Malformed::UnknownHandshake { kind: 3 })
        );
    }
}

#[test]
fn up_to_two_bytes_behind_a_handshake_are_no_payload() {
    for tail in [&b""[..], &[5], &[5, 0]] {
        let request = Packet::Request {
            token: T,
            payload: b"",
        };
        assert_eq!(Packet::parse(&packet(b"UTP\x01\x01", tail)), Ok(request));
        let accept = Packet::Accept {
            token: T,
            payload: b"",
        };
        assert_eq!(Packet::parse(&packet(b"UTP\x01\x02", tail)), Ok(accept));
    }
}

#[test]
fn a_request_with_a_wrong_length_is_dropped() {
    for (tail, declared, actual) in [
        (&[5, 0, 0xAA, 0xBB][..], 5, 2),
        (&[1, 0, 0xAA, 0xBB], 1, 2),
        (&[0, 0, 0xAA], 0, 1),
    ] {
        let bytes = packet(b"UTP\x01\x01", tail);
        let mismatch = Malformed::PayloadLength { declared, actual };
        assert_eq!(Packet::parse(&bytes), Err(mismatch));
    }
}

#[test]
fn an_accept_with_a_wrong_length_has_no_payload() {
    let bytes = packet(b"UTP\x01\x02", &[5, 0, 0xAA, 0xBB]);
    assert_eq!(
        Packet::parse(&bytes),
        Ok(Packet::Accept {
            token: T,
            payload: b""
        })
    );
}

#[test]
fn a_signature_without_a_whole_handshake_is_a_message_of_type_0x55() {
    let bytes = b"UTP\x01\x01\x11\x22\x33\x44\x55\x66\x77";
    for len in MESSAGE_HEADER_LEN..=bytes.len() {
        let token = Token(*b"TP\x01\x01\x11\x22\x33\x44");
        let unknown = Malformed::UnknownType { token, kind: 0x55 };
        assert_eq!(Packet::parse(&bytes[..len]), Err(unknown));
        assert_eq!(peek_token(&bytes[..len]), Some((Kind::Message, token)));
    }
}

#[test]
fn an_unknown_type_keeps_its_token() {
    for kind in (0..=u8::MAX).filter(|kind| !(1..=5).contains(kind)) {
        let unknown = Malformed::UnknownType { token: T, kind };
        assert_eq!(Packet::parse(&packet(&[kind], b"")), Err(unknown));
    }
}

#[test]
fn data_needs_a_pipeline_and_nothing_else() {
    assert_eq!(
        Packet::parse(&packet(&[1], b"")),
        Err(Malformed::DataWithoutPipeline)
    );
    let empty = Packet::Data {
        token: T,
        pipeline: 0,
        body: b"",
    };
    assert_eq!(Packet::parse(&packet(&[1], &[0])), Ok(empty));
    let abc = Packet::Data {
        token: T,
        pipeline: 2,
        body: b"abc",
    };
    assert_eq!(Packet::parse(&packet(&[1], b"\x02abc")), Ok(abc));
}

#[test]
fn mtu_messages_that_end_before_their_number_are_dropped() {
    for (kind, whole) in [(4, 2), (5, 4)] {
        for len in 0..whole {
            let bytes = packet(&[kind], &[0; 4][..len]);
            assert_eq!(Packet::parse(&bytes), Err(Malformed::MtuBodyShort { len }));
        }
    }
}

#[test]
fn bytes_behind_a_message_are_ignored() {
    let with = |kind, tail: &[u8]| packet(&[kind], tail);
    assert_eq!(
        Packet::parse(&with(2, b"xyz")),
        Ok(Packet::Disconnect { token: T })
    );
    assert_eq!(
        Packet::parse(&with(3, b"xyz")),
        Ok(Packet::Heartbeat { token: T })
    );
    let check = Packet::MtuCheck { token: T, len: 3 };
    assert_eq!(Packet::parse(&with(4, &[3, 0])), Ok(check));
    assert_eq!(Packet::parse(&with(4, &[3, 0, 1])), Ok(check));
    let ack = Packet::MtuAck { token: T, size: 14 };
    assert_eq!(Packet::parse(&with(5, &[9, 9, 14, 0, 1])), Ok(ack));
}

#[test]
fn a_token_and_a_packet_debug_without_their_secrets() {
    assert_eq!(format!("{T:?}"), "Token(1122…)");
    let data = Packet::Data {
        token: T,
        pipeline: 2,
        body: b"abc",
    };
    assert_eq!(
        format!("{data:?}"),
        "Data(Token(1122…), pipeline 2, 3 bytes)"
    );
}

#[test]
fn handshake_payloads_fit_as_many_bytes_as_unity_transport_takes() {
    for (padding, fits) in [(0, 1375), (29, 1346), (14, 1361), (82, 1293), (38, 1337)] {
        assert_eq!(
            max_handshake_payload(DEFAULT_MAX_MESSAGE_SIZE, padding),
            fits
        );
    }
    assert_eq!(max_handshake_payload(20, 0), 0);
}

/// Any bytes, most of them close to a packet.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let any = || prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        any(),
        (0..7_u8, any()).prop_map(|(kind, rest)| [&[kind][..], &rest].concat()),
        (0..3_u8, 0..4_u8, any()).prop_map(|(version, kind, rest)| [
            &b"UTP"[..],
            &[version, kind],
            &rest
        ]
        .concat()),
    ]
}

proptest! {
    #[test]
    fn parsing_and_peeking_agree_on_any_bytes(bytes in datagram()) {
        let routed = peek_token(&bytes);
        match Packet::parse(&bytes) {
            Ok(packet) => {
                let kind = match packet {
                    Packet::Request { .. } => Kind::Request,
                    Packet::Accept { .. } => Kind::Accept,
                    _ => Kind::Message,
                };
                prop_assert_eq!(routed, Some((kind, packet.token())));
            }
            Err(Malformed::UnknownType { token, .. }) => {
                prop_assert_eq!(routed, Some((Kind::Message, token)));
            }
            Err(Malformed::PayloadLength { .. }) => {
                prop_assert_eq!(routed.map(|(kind, _)| kind), Some(Kind::Request));
            }
            Err(Malformed::DataWithoutPipeline | Malformed::MtuBodyShort { .. }) => {
                prop_assert_eq!(routed.map(|(kind, _)| kind), Some(Kind::Message));
            }
            Err(_) => prop_assert_eq!(routed, None),
        }
    }

    #[test]
    fn handshakes_survive_the_round_trip(token: [u8; 8], payload in prop::collection::vec(any::<u8>(), 0..1460)) {
        let token = Token(token);
        let payload = &payload[..];
        let request = pushed(|out| push_request(out, token, payload));
        prop_assert_eq!(Packet::parse(&request), Ok(Packet::Request { token, payload }));
        let accept = pushed(|out| push_accept(out, token, payload));
        prop_assert_eq!(Packet::parse(&accept), Ok(Packet::Accept { token, payload }));
    }

    #[test]
    fn messages_survive_the_round_trip(token: [u8; 8], pipeline: u8, number: u16, body in prop::collection::vec(any::<u8>(), 0..64)) {
        let token = Token(token);
        let mut header = [0; DATA_HEADER_LEN];
        write_data_header(&mut header, token, pipeline);
        let data = [&header[..], &body].concat();
        prop_assert_eq!(Packet::parse(&data), Ok(Packet::Data { token, pipeline, body: &body }));

        let bytes = pushed(|out| push_disconnect(out, token));
        prop_assert_eq!(Packet::parse(&bytes), Ok(Packet::Disconnect { token }));
        let bytes = pushed(|out| push_heartbeat(out, token));
        prop_assert_eq!(Packet::parse(&bytes), Ok(Packet::Heartbeat { token }));
        for body in [CheckBody::Absent, CheckBody::Zeros] {
            let bytes = pushed(|out| push_mtu_check(out, token, number, body));
            prop_assert_eq!(Packet::parse(&bytes), Ok(Packet::MtuCheck { token, len: number }));
        }
        let bytes = pushed(|out| push_mtu_ack(out, token, number));
        prop_assert_eq!(Packet::parse(&bytes), Ok(Packet::MtuAck { token, size: number }));
    }
}
