//! Every recording of Unity Transport 2.7.2, replayed in both roles under `Timing::Unity`.
//!
//! A recording is two drivers in lockstep at 10 ms a frame. Each side is replayed on its own: it is
//! given what its twin sent and what its application did, and must send the recorded bytes, in order,
//! per tick and pipeline (the order of several pipelines in one update is not determined), and
//! deliver the recorded messages.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::*;
use crate::wire::connection::{DATA_HEADER_LEN, Packet};
use StageId::{Fragmentation as F, ReliableSequenced as R, UnreliableSequenced as U};

/// Stages of the recorded drivers' pipelines, from id 1.
const PIPELINES: [&[StageId]; 7] = [&[U], &[R], &[F], &[F, R], &[F, U], &[U, F], &[R, F]];

/// What differs on purpose: scenario, side, the tick it begins, and why.
const DIFFERENCES: [(&str, &str, u64, Difference); 3] = [
    ("frag_reorder", "server", 4, Difference::AssembledOutOfOrder),
    (
        "trunc_02000000000000ffffffffffff",
        "client",
        12,
        Difference::ForgedAckIgnored,
    ),
    (
        "trunc_0209000000000000000000000000",
        "client",
        12,
        Difference::ForgedAckIgnored,
    ),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Difference {
    /// The message whose first fragment came last (packet 2) is delivered; Unity drops it.
    AssembledOutOfOrder,
    /// The server acknowledges a number the client has not used yet (packet 3, for the injected
    /// packet 2). Unity believes it, and forgets the message it sends under that number later (packet
    /// 4), which nobody received. R27: it is sent again until it is acknowledged.
    ForgedAckIgnored,
}

fn difference(recording: &Recording, side: &str, tick: u64) -> Option<Difference> {
    DIFFERENCES
        .iter()
        .find(|(scenario, differing, from, _)| {
            *scenario == recording.scenario && *differing == side && *from <= tick
        })
        .map(|(.., difference)| *difference)
}

#[derive(Deserialize)]
struct Recording {
    scenario: String,
    client_options: String,
    server_options: String,
    events: Vec<Event>,
    packets: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Event {
    tick: u64,
    side: String,
    ev: String,
    detail: Value,
}

#[derive(Deserialize)]
struct Recorded {
    n: u32,
    tick: u64,
    direction: String,
    hex: String,
    fate: String,
    #[serde(default)]
    volatile: Vec<Undetermined>,
}

#[derive(Deserialize)]
struct Undetermined {
    offset: usize,
    len: usize,
}

impl Recorded {
    fn bytes(&self) -> Vec<u8> {
        unhex(&self.hex)
    }

    /// Pipeline and body of a data packet on a pipeline.
    fn body(&self) -> Option<(usize, Vec<u8>)> {
        match Packet::parse(&self.bytes()) {
            Ok(Packet::Data { pipeline, body, .. }) if pipeline > 0 => {
                Some((usize::from(pipeline), body.to_vec()))
            }
            _ => None,
        }
    }

    /// The body without what the protocol does not determine.
    fn fixed(&self, body: &[u8]) -> Vec<u8> {
        let mut fixed = body.to_vec();
        for range in &self.volatile {
            for byte in range.offset..range.offset + range.len {
                if let Some(byte) = byte.checked_sub(DATA_HEADER_LEN) {
                    fixed[byte] = 0;
                }
            }
        }
        fixed
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len() / 2)
        .map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn recording(path: &Path) -> Recording {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn recordings() -> Vec<Recording> {
    let mut paths: Vec<PathBuf> = fs::read_dir(golden())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("udp_") && name.ends_with(".json")
        })
        .collect();
    paths.sort();
    paths.iter().map(|path| recording(path)).collect()
}

/// The value of an option of the recorded programs.
fn option(options: &str, name: &str) -> Option<usize> {
    let mut words = options.split(' ').skip_while(|word| *word != name);
    words.nth(1)?.parse().ok()
}

/// One recorded side: all of its pipelines, as they are first used.
struct Side {
    parameters: Parameters,
    room: usize,
    pipelines: BTreeMap<usize, Peer>,
    now: Timestamp,
}

impl Side {
    fn new(options: &str) -> Self {
        let mut parameters = Parameters::new(Timing::Unity);
        if let Some(window) = option(options, "--window") {
            parameters.window = window.try_into().unwrap();
        }
        let max = option(options, "--max-message-size").unwrap_or(1_400);
        Self {
            parameters,
            room: max - DATA_HEADER_LEN,
            pipelines: BTreeMap::new(),
            now: Timestamp::ZERO,
        }
    }

    fn pipeline(&mut self, id: usize) -> Option<&mut Peer> {
        let stages = PIPELINES.get(id - 1)?;
        let peer = self
            .pipelines
            .entry(id)
            .or_insert_with(|| Peer::new(stages, &self.parameters));
        peer.room = self.room;
        peer.now = self.now;
        Some(peer)
    }

    /// Acks and resends at the start of an update.
    fn open(&mut self, now: Timestamp) {
        self.now = now;
        for peer in self.pipelines.values_mut() {
            peer.now = now;
            peer.service(Phase::Opening);
        }
    }

    fn close(&mut self) {
        for peer in self.pipelines.values_mut() {
            peer.service(Phase::Closing);
        }
    }

    fn take_sent(&mut self) -> Vec<(usize, Vec<u8>)> {
        let mut sent = Vec::new();
        for (&id, peer) in &mut self.pipelines {
            sent.extend(peer.take_sent().into_iter().map(|body| (id, body)));
        }
        sent
    }

    fn take_messages(&mut self) -> Vec<(usize, Vec<u8>)> {
        let mut received = Vec::new();
        for (&id, peer) in &mut self.pipelines {
            received.extend(peer.take_messages().into_iter().map(|bytes| (id, bytes)));
        }
        received
    }
}

/// Unity's status number of a refusal.
fn status(refusal: &StageRefusal) -> i64 {
    match refusal {
        StageRefusal::TooLong { .. } => -4,
        _ => -5,
    }
}

/// Time of an update.
fn driver_time(tick: u64) -> Timestamp {
    at_ms(1 + 10 * (tick + 1))
}

/// The application sends, at the time of `side.now`.
fn act(side: &mut Side, event: &Event, place: &str) {
    let id = number(&event.detail, "pipe");
    if id == 0 {
        return;
    }
    let len = number(&event.detail, "len");
    let message = match event.detail["hex"].as_str() {
        Some("-") => Vec::new(),
        Some(digits) => unhex(digits),
        None => (0..len).map(|i| u8::try_from(i % 256).unwrap()).collect(),
    };
    assert_eq!(message.len(), len, "{place}");
    let expected = event.detail["rc"].as_i64().unwrap();
    let outcome = side.pipeline(id).unwrap().send(&message);
    let status = outcome.map_or_else(|refusal| status(&refusal), |()| i64::try_from(len).unwrap());
    assert_eq!(status, expected, "{place}: send of {len} bytes");
}

fn number(detail: &Value, name: &str) -> usize {
    usize::try_from(detail[name].as_u64().unwrap()).unwrap()
}

/// Ticks after its own in which a packet is received.
fn arrival(packet: &Recorded) -> u64 {
    let held = packet
        .fate
        .strip_prefix("hold:")
        .map_or(0, |ticks| ticks.parse().unwrap());
    let on_the_way = packet.direction == "s2c" && packet.fate != "injected";
    packet.tick + held + u64::from(on_the_way)
}

/// Replays one side; returns how many packets it sent.
fn replay(recording: &Recording, name: &str) -> usize {
    let client = name == "client";
    let (out, back) = if client {
        ("c2s", "s2c")
    } else {
        ("s2c", "c2s")
    };
    let options = if client {
        &recording.client_options
    } else {
        &recording.server_options
    };
    let mut side = Side::new(options);
    let last = recording.packets.iter().map(|packet| packet.tick).max();
    // Where the connection ends, so does the service of its pipelines.
    let end = recording
        .packets
        .iter()
        .find(|packet| packet.hex.starts_with("02") && packet.fate != "injected")
        .map(|packet| packet.tick)
        .or(last)
        .unwrap_or(0);
    let mut compared = 0;
    for tick in 0..=end {
        let place = format!("{} tick {tick}, {name}", recording.scenario);
        let events: Vec<&Event> = recording
            .events
            .iter()
            .filter(|event| event.tick == tick && event.side == name)
            .collect();
        // A send behind a message of the same tick is the server's answer to it.
        let first_data = events.iter().position(|event| event.ev == "Data");
        let (mut actions, mut answers) = (Vec::new(), Vec::new());
        for (index, event) in events.iter().enumerate() {
            match &event.ev[..] {
                "send" if !client && first_data.is_some_and(|data| data < index) => {
                    answers.push(*event);
                }
                "send" => actions.push(*event),
                "max_payload" => {
                    let id = number(&event.detail, "pipe");
                    if id > 0 {
                        let room = side.room;
                        let max = side.pipeline(id).unwrap().shape.max_payload(room);
                        assert_eq!(max, number(&event.detail, "max"), "{place}");
                        side.pipelines.clear();
                    }
                }
                _ => {}
            }
        }
        for event in actions {
            act(&mut side, event, &place);
        }
        side.open(driver_time(tick));
        for packet in &recording.packets {
            if packet.direction != back || packet.fate == "drop" || arrival(packet) != tick {
                continue;
            }
            if let Some((id, body)) = packet.body()
                && let Some(peer) = side.pipeline(id)
            {
                for _ in 0..if packet.fate == "dup" { 2 } else { 1 } {
                    let _ = peer.receive(&body);
                }
            }
        }
        let received = side.take_messages();
        for event in answers {
            act(&mut side, event, &place);
        }
        side.close();
        let difference = difference(recording, name, tick);
        compare_messages(difference, &events, received, &place);

        let mut expected: Vec<(usize, &Recorded, Vec<u8>)> = recording
            .packets
            .iter()
            .filter(|packet| packet.direction == out && packet.tick == tick)
            .filter(|packet| packet.fate != "injected")
            .filter_map(|packet| packet.body().map(|(id, body)| (id, packet, body)))
            .collect();
        expected.sort_by_key(|(id, packet, _)| (*id, packet.n));
        let mut sent = side.take_sent();
        if difference == Some(Difference::ForgedAckIgnored) {
            sent.retain(|(_, body)| !body.ends_with(b"still-alive"));
        }
        let lens = (sent.len(), expected.len());
        for ((id, body), (expected_id, packet, recorded)) in sent.into_iter().zip(expected) {
            assert_eq!(id, expected_id, "{place} #{}", packet.n);
            assert_eq!(
                hex(&packet.fixed(&body)),
                hex(&packet.fixed(&recorded)),
                "{place} #{}",
                packet.n
            );
            compared += 1;
        }
        assert_eq!(lens.0, lens.1, "{place}: packets sent");
    }
    compared
}

fn compare_messages(
    difference: Option<Difference>,
    events: &[&Event],
    mut received: Vec<(usize, Vec<u8>)>,
    place: &str,
) {
    if difference == Some(Difference::AssembledOutOfOrder) && received.len() > events.len() {
        received.clear();
    }
    let mut expected: Vec<&Value> = events
        .iter()
        .filter(|event| event.ev == "Data" && number(&event.detail, "pipe") > 0)
        .map(|event| &event.detail)
        .collect();
    expected.sort_by_key(|detail| number(detail, "pipe"));
    assert_eq!(received.len(), expected.len(), "{place}: messages");
    for ((id, bytes), detail) in received.iter().zip(expected) {
        assert_eq!(*id, number(detail, "pipe"), "{place}");
        assert_eq!(bytes.len(), number(detail, "len"), "{place}");
        let digits = detail["hex"].as_str().unwrap();
        let prefix = digits.trim_end_matches('.').trim_start_matches('-');
        assert!(hex(bytes).starts_with(prefix), "{place}");
    }
}

#[test]
fn every_recording_replays_in_both_roles() {
    let (mut files, mut packets, mut differing) = (0, 0, Vec::new());
    for recording in recordings() {
        if recording.scenario.starts_with("wrap_") {
            continue;
        }
        for side in ["client", "server"] {
            // Every recording that differs is shown, not only the first.
            match catch_unwind(|| replay(&recording, side)) {
                Ok(compared) => packets += compared,
                Err(_) => differing.push(format!("{} {side}", recording.scenario)),
            }
        }
        files += 1;
    }
    assert!(differing.is_empty(), "{differing:#?}");
    assert!(
        files >= 72 && packets > 1_100,
        "{files} files, {packets} packets"
    );
}

/// The recordings of long runs keep their last packets only, so both sides are replayed against each
/// other: 60 messages a tick, 16 where they are reliable, or until the first refusal.
#[test]
fn the_wraps_replay_from_the_first_message_to_the_last() {
    for (name, id, per_tick) in [
        ("wrap_unreliable_sequenced", 1, 60),
        ("wrap_reliable", 2, 16),
        ("wrap_fragmentation", 3, 60),
    ] {
        let recording = recording(&golden().join(format!("udp_{name}.json")));
        let total: u32 = if id == 3 { 16_390 } else { 65_540 };
        let mut client = Side::new(&recording.client_options);
        let mut server = Side::new(&recording.server_options);
        let mut sent: Vec<(&str, u64, Vec<u8>)> = Vec::new();
        let (mut next, mut delivered) = (0_u32, 0_u32);
        let mut on_the_way: Vec<(usize, Vec<u8>)> = Vec::new();
        let end = recording.packets.iter().map(|packet| packet.tick).max();
        for tick in 0..end.unwrap() {
            for _ in 0..per_tick {
                let ready = tick >= 2 && next < total;
                if !ready
                    || client
                        .pipeline(id)
                        .unwrap()
                        .send(&next.to_le_bytes())
                        .is_err()
                {
                    break;
                }
                next += 1;
            }
            client.open(driver_time(tick));
            for (id, body) in on_the_way.drain(..) {
                let _ = client.pipeline(id).unwrap().receive(&body);
            }
            let packets = client.take_sent();
            server.open(driver_time(tick));
            for (id, body) in &packets {
                server.pipeline(*id).unwrap().receive(body).unwrap();
            }
            for (_, message) in server.take_messages() {
                assert_eq!(message, delivered.to_le_bytes(), "{name}");
                delivered += 1;
            }
            on_the_way = server.take_sent();
            sent.extend(packets.into_iter().map(|(_, body)| ("c2s", tick, body)));
            let answers = on_the_way.iter().cloned();
            sent.extend(answers.map(|(_, body)| ("s2c", tick, body)));
        }
        assert_eq!((next, delivered), (total, total), "{name}");

        let kept: Vec<&Recorded> = recording
            .packets
            .iter()
            .filter(|packet| packet.body().is_some())
            .collect();
        let tail = &sent[sent.len() - kept.len()..];
        for (packet, (direction, tick, body)) in kept.iter().zip(tail) {
            let (_, recorded) = packet.body().unwrap();
            let place = format!("{name} #{}", packet.n);
            assert_eq!(
                (&packet.direction[..], packet.tick),
                (*direction, *tick),
                "{place}"
            );
            assert_eq!(
                hex(&packet.fixed(body)),
                hex(&packet.fixed(&recorded)),
                "{place}"
            );
        }
    }
}
