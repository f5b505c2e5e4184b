//! Every packet recorded from Unity Transport 2.7.2 is read as what it was, and written back as it was.

#![expect(clippy::expect_used, reason = "these helpers serve tests only")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use drumfire::wire::connection::{
    CheckBody, DATA_HEADER_LEN, Kind, Malformed, PROTOCOL_VERSION, Packet, Token, peek_token,
    push_accept, push_disconnect, push_heartbeat, push_mtu_ack, push_mtu_check, push_request,
    write_data_header,
};
use drumfire::wire::mtu::{ack_for_check, check_len, probe_targets};
use serde::Deserialize;

#[derive(Deserialize)]
struct Recording {
    scenario: String,
    packets: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    n: u32,
    direction: String,
    len: usize,
    hex: String,
    note: String,
}

/// All recordings, without the markers that are no packets.
fn recordings() -> Vec<Recording> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut recordings: Vec<Recording> = fs::read_dir(golden)
        .expect("the golden directory is part of the repository")
        .map(|entry| entry.expect("a directory can be listed").path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("udp_") && name.ends_with(".json")
        })
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a recording is text");
            serde_json::from_str(&text).expect("a recording is JSON")
        })
        .collect();
    for recording in &mut recordings {
        recording
            .packets
            .retain(|packet| packet.direction != "note");
    }
    assert!(
        recordings.len() >= 70,
        "only {} recordings",
        recordings.len()
    );
    recordings
}

impl Recorded {
    fn bytes(&self) -> Vec<u8> {
        let digits = self.hex.as_bytes().chunks_exact(2);
        let bytes: Vec<u8> = digits
            .map(|pair| {
                let pair = std::str::from_utf8(pair).expect("hex is ASCII");
                u8::from_str_radix(pair, 16).expect("hex is hex")
            })
            .collect();
        assert_eq!(bytes.len(), self.len, "packet {}", self.n);
        bytes
    }

    /// The value behind `name=` in the note.
    fn noted(&self, name: &str) -> Option<&str> {
        let (_, value) = self.note.split_once(&format!("{name}="))?;
        value.split([' ', '(']).next()
    }

    fn noted_number<N: std::str::FromStr>(&self, name: &str) -> Option<N> {
        self.noted(name)?.parse().ok()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The packet in bytes again.
fn emit(packet: Packet<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match packet {
        Packet::Request { token, payload } => push_request(&mut out, token, payload),
        Packet::Accept { token, payload } => push_accept(&mut out, token, payload),
        Packet::Data {
            token,
            pipeline,
            body,
        } => {
            let mut header = [0; DATA_HEADER_LEN];
            write_data_header(&mut header, token, pipeline);
            out.extend_from_slice(&header);
            out.extend_from_slice(body);
        }
        Packet::Disconnect { token } => push_disconnect(&mut out, token),
        Packet::Heartbeat { token } => push_heartbeat(&mut out, token),
        Packet::MtuCheck { token, len } => push_mtu_check(&mut out, token, len, CheckBody::Zeros),
        Packet::MtuAck { token, size } => push_mtu_ack(&mut out, token, size),
    }
    out
}

/// The first word of the note that a parse result deserves.
fn kind(parsed: &Result<Packet<'_>, Malformed>) -> &'static str {
    match parsed {
        Ok(Packet::Request { .. })
        | Err(Malformed::PayloadLength { .. } | Malformed::WrongVersion { .. }) => {
            "ConnectionRequest"
        }
        Ok(Packet::Accept { .. }) => "ConnectionAccept",
        Ok(Packet::Data { .. }) | Err(Malformed::DataWithoutPipeline) => "Data",
        Ok(Packet::Disconnect { .. }) => "Disconnect",
        Ok(Packet::Heartbeat { .. }) => "Heartbeat",
        Ok(Packet::MtuCheck { .. }) => "MtuCheck",
        Ok(Packet::MtuAck { .. }) => "MtuAck",
        Err(Malformed::UnknownHandshake { .. }) => "handshake",
        Err(Malformed::UnknownType { .. }) => "type",
        Err(Malformed::Empty | Malformed::Short { .. }) => "short/garbage",
        Err(_) => "none of these was recorded",
    }
}

#[test]
fn every_recorded_packet_is_what_its_note_says() {
    let mut seen = BTreeMap::new();
    for recording in recordings() {
        for packet in &recording.packets {
            let place = format!("{} #{}: {}", recording.scenario, packet.n, packet.note);
            let bytes = packet.bytes();
            let parsed = Packet::parse(&bytes);
            assert_eq!(
                packet.note.split(' ').next(),
                Some(kind(&parsed)),
                "{place}"
            );
            *seen.entry(kind(&parsed)).or_insert(0) += 1;

            if let Some((_, Token(token))) = peek_token(&bytes) {
                assert_eq!(packet.noted("token"), Some(&hex(&token)[..]), "{place}");
            }
            match parsed {
                Ok(Packet::Request { payload, .. } | Packet::Accept { payload, .. }) => {
                    let noted = packet.noted_number("payload_len").unwrap_or(0);
                    assert_eq!(payload.len(), noted, "{place}");
                    assert_eq!(
                        packet.noted_number("version"),
                        Some(PROTOCOL_VERSION),
                        "{place}"
                    );
                }
                Ok(Packet::Data { pipeline, .. }) => {
                    assert_eq!(packet.noted_number("pipeline"), Some(pipeline), "{place}");
                }
                Ok(Packet::MtuCheck { len, .. }) => {
                    assert_eq!(packet.noted_number("len"), Some(len), "{place}");
                }
                Ok(Packet::MtuAck { size, .. }) => {
                    assert_eq!(packet.noted_number("mtu"), Some(size), "{place}");
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
    let kinds = [
        "ConnectionRequest",
        "ConnectionAccept",
        "Data",
        "Disconnect",
        "Heartbeat",
        "MtuCheck",
        "MtuAck",
    ];
    for kind in kinds {
        assert!(
            seen.get(kind).is_some_and(|&count| count > 10),
            "few {kind}: {seen:?}"
        );
    }
}

#[test]
fn every_recorded_packet_is_written_back_byte_for_byte() {
    let mut written = 0;
    for recording in recordings() {
        for packet in &recording.packets {
            let bytes = packet.bytes();
            if let Ok(parsed) = Packet::parse(&bytes) {
                let place = format!("{} #{}: {}", recording.scenario, packet.n, packet.note);
                assert_eq!(hex(&emit(parsed)), packet.hex, "{place}");
                written += 1;
            }
        }
    }
    assert!(written > 1500, "only {written} packets");
}

#[test]
fn the_only_malformed_packets_are_the_injected_ones() {
    let mut reasons = Vec::new();
    for recording in recordings() {
        for packet in &recording.packets {
            let bytes = packet.bytes();
            if let Err(malformed) = Packet::parse(&bytes) {
                assert_eq!(recording.scenario, "invalid_packets");
                reasons.push(malformed);
            }
        }
    }
    let known = Token([0x53, 0x4a, 0x8d, 0x15, 0x47, 0xea, 0x95, 0xbf]);
    let misread = Token([0x54, 0x50, 0x01, 0x01, 0x11, 0x22, 0x33, 0x44]);
    let expected = [
        Malformed::WrongVersion { version: 2 },
        Malformed::WrongVersion { version: 0 },
        Malformed::Short { len: 1 },
        Malformed::Short { len: 5 },
        Malformed::UnknownType {
            token: misread,
            kind: 0x55,
        },
        Malformed::UnknownHandshake { kind: 3 },
        Malformed::PayloadLength {
            declared: 5,
            actual: 2,
        },
        Malformed::UnknownType {
            token: known,
            kind: 9,
        },
        Malformed::DataWithoutPipeline,
    ];
    assert_eq!(reasons, expected);
}

#[test]
fn every_recorded_answer_to_a_check_is_the_one_computed() {
    let mut answers = 0;
    for recording in recordings() {
        let mut asked = BTreeSet::new();
        for packet in &recording.packets {
            match Packet::parse(&packet.bytes()) {
                Ok(Packet::MtuCheck { len, .. }) => {
                    asked.insert((packet.direction.clone(), ack_for_check(len, 0)));
                }
                Ok(Packet::MtuAck { size, .. }) => {
                    let asker = if packet.direction == "c2s" {
                        "s2c"
                    } else {
                        "c2s"
                    };
                    let place = format!("{} #{}", recording.scenario, packet.n);
                    assert!(asked.contains(&(asker.to_owned(), size)), "{place}");
                    answers += 1;
                }
                _ => {}
            }
        }
    }
    assert!(answers > 10, "only {answers} answers");
}

#[test]
fn the_first_round_of_discovery_is_the_recorded_one() {
    let recordings = recordings();
    let recording = recordings
        .iter()
        .find(|recording| recording.scenario == "pmtud")
        .expect("discovery was recorded");
    let ours: Vec<u16> = probe_targets(1400)
        .filter_map(|target| check_len(target, 0))
        .collect();
    for direction in ["c2s", "s2c"] {
        let recorded: Vec<u16> = recording
            .packets
            .iter()
            .filter(|packet| packet.direction == direction)
            .filter_map(|packet| match Packet::parse(&packet.bytes()) {
                Ok(Packet::MtuCheck { len, .. }) => Some(len),
                _ => None,
            })
            .take(ours.len())
            .collect();
        assert_eq!(recorded, ours, "{direction}");
    }
}

#[test]
fn every_recorded_handshake_is_routed_as_one() {
    for recording in recordings() {
        for packet in &recording.packets {
            let bytes = packet.bytes();
            let routed = peek_token(&bytes).map(|(kind, _)| kind);
            match Packet::parse(&bytes) {
                Ok(Packet::Request { .. }) => assert_eq!(routed, Some(Kind::Request)),
                Ok(Packet::Accept { .. }) => assert_eq!(routed, Some(Kind::Accept)),
                Ok(_) => assert_eq!(routed, Some(Kind::Message)),
                Err(_) => {}
            }
        }
    }
}
