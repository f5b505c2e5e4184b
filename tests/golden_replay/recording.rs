//! A recording: what went over the wire between a real client and a real server, and what each
//! side's API reported. See `tests/golden/README.md` for the rules of replay.

use std::fs;
use std::path::Path;

use drumfire::settings::{AddressValidation, NetworkSettingsBuilder, PathMtuDiscovery, Timing};
use drumfire::wire::connection::Token;
use drumfire::{NetworkSettings, wire::connection::peek_token};
use serde::Deserialize;
use serde_json::Value;

use crate::support::ms;

/// Which side our driver plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

impl Role {
    /// The direction of what our driver sends.
    fn outward(self) -> &'static str {
        match self {
            Self::Client => "c2s",
            Self::Server => "s2c",
        }
    }

    /// The side that our driver's events belong to.
    fn side(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// Scenarios whose Disconnect packet nobody called for: a timeout, or the lost accept that kills
/// clients of Unity Transport 2.5 and later.
const NOBODY_CALLED: [&str; 4] = [
    "timeout",
    "connect_accept_lost_data_first",
    "connect_accept_lost_defaults",
    "connect_accept_lost_heartbeat_first",
];

#[derive(Debug, Deserialize)]
pub(crate) struct Recording {
    pub(crate) scenario: String,
    frame_ms: u64,
    client_options: String,
    server_options: String,
    connect_payload: Option<String>,
    accept_payload: Option<String>,
    events: Vec<RecordedEvent>,
    packets: Vec<RecordedPacket>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RecordedEvent {
    pub(crate) tick: u64,
    side: String,
    ev: String,
    detail: Value,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RecordedPacket {
    pub(crate) n: u32,
    pub(crate) tick: u64,
    direction: String,
    hex: String,
    fate: String,
    #[serde(default)]
    volatile: Vec<Volatile>,
}

#[derive(Debug, Deserialize)]
struct Volatile {
    offset: usize,
    len: usize,
    why: String,
}

/// Something the application did: the recording shows it as an event, or as the packet it caused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Connect,
    Disconnect,
    /// Before the update.
    Send {
        pipeline: u8,
        message: Vec<u8>,
    },
    /// After the update, and flushed: an answer to the message that the update brought as its
    /// `to`-th.
    Answer {
        to: usize,
        pipeline: u8,
        message: Vec<u8>,
    },
    /// Questions of the application.
    AskMaxPayload {
        pipeline: u8,
    },
    AskMaxMessageSize,
    AskState,
}

impl Recording {
    pub(crate) fn load(scenario: &str) -> Self {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/udp_{scenario}.json"));
        let text = fs::read_to_string(path).expect("the recording is part of the repository");
        serde_json::from_str(&text).expect("a recording is JSON")
    }

    /// Settings of our side.
    pub(crate) fn settings(&self, role: Role) -> NetworkSettingsBuilder {
        let options = match role {
            Role::Client => &self.client_options,
            Role::Server => &self.server_options,
        };
        let mut settings = NetworkSettings::builder()
            .plain()
            .fixed_frame_time(ms(self.frame_ms))
            .address_validation(AddressValidation::Off)
            .dangerous_large_accept_payload()
            .reliable_timing(Timing::Unity)
            .disconnect_copies(1);
        let mut words = options.split_whitespace();
        while let Some(option) = words.next() {
            let mut number = || {
                words
                    .next()
                    .and_then(|word| word.parse::<u32>().ok())
                    .expect("an option has a number")
            };
            settings = match option {
                "--connect-timeout" => settings.connect_timeout(ms(number().into())),
                "--heartbeat-timeout" => settings.heartbeat_timeout(ms(number().into())),
                "--disconnect-timeout" => settings.disconnect_timeout(ms(number().into())),
                "--max-connect-attempts" => settings.max_connect_attempts(number()),
                "--window" => settings.reliable_window_size(number().try_into().unwrap()),
                "--max-message-size" => settings.max_message_size(number() as usize),
                // Pools of packets there, byte budgets here.
                "--send-queue" => settings.send_queue_capacity(number() as usize),
                "--recv-queue" => settings.rx_budget_per_conn(number() as usize),
                "--pmtud" => settings.path_mtu_discovery(PathMtuDiscovery::On),
                other => panic!("option {other} is new"),
            };
        }
        settings
    }

    pub(crate) fn connect_payload(&self) -> Vec<u8> {
        unhex(self.connect_payload.as_deref())
    }

    pub(crate) fn accept_payload(&self) -> Vec<u8> {
        unhex(self.accept_payload.as_deref())
    }

    /// The client's token.
    pub(crate) fn token(&self) -> Token {
        let first = self.packets.first().expect("a recording has packets");
        peek_token(&first.bytes())
            .expect("the first packet is a request")
            .1
    }

    /// The last tick in which anything happens.
    pub(crate) fn last_tick(&self) -> u64 {
        let packets = self.packets.iter().map(|packet| packet.tick);
        packets
            .chain(self.events.iter().map(|event| event.tick))
            .max()
            .unwrap_or(0)
    }

    /// The tick of the last packet.
    pub(crate) fn last_packet(&self) -> u64 {
        let ticks = self.packets.iter().map(|packet| packet.tick);
        ticks.max().unwrap_or(0)
    }

    /// The tick of the first packet that is kept of a long run, behind those of its handshake.
    pub(crate) fn kept_from(&self) -> u64 {
        let ticks = self.packets.iter().map(|packet| packet.tick);
        ticks.filter(|tick| *tick > 0).min().unwrap_or(0)
    }

    /// Packets.
    pub(crate) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Messages the server got in a long run, of which the events are not kept.
    pub(crate) fn received_by_the_server(&self) -> u32 {
        let summary = self.events.iter().find(|event| event.side == "summary");
        let count = summary.and_then(|event| event.detail.get("server_rx")?.as_u64());
        count.and_then(|count| count.try_into().ok()).unwrap()
    }

    /// What our side's application does in `tick`, in order.
    pub(crate) fn actions(&self, role: Role, tick: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        if role == Role::Client && tick == 0 {
            actions.push(Action::Connect);
        }
        let mut messages = 0;
        for event in self.events_of(role, tick) {
            let number = |name: &str| {
                event
                    .detail
                    .get(name)
                    .and_then(Value::as_u64)
                    .expect("the detail is a number")
            };
            let pipeline = || u8::try_from(number("pipe")).expect("a pipeline id is a byte");
            match event.ev.as_str() {
                "Data" => messages += 1,
                "send" => {
                    let len = usize::try_from(number("len")).expect("a length fits");
                    let message = event.message(len);
                    actions.push(if messages > 0 && role == Role::Server {
                        Action::Answer {
                            to: messages,
                            pipeline: pipeline(),
                            message,
                        }
                    } else {
                        Action::Send {
                            pipeline: pipeline(),
                            message,
                        }
                    });
                }
                "max_payload" => actions.push(Action::AskMaxPayload {
                    pipeline: pipeline(),
                }),
                "mtu" => actions.push(Action::AskMaxMessageSize),
                "state" => actions.push(Action::AskState),
                _ => {}
            }
        }
        if self.closes_at(role) == Some(tick) {
            actions.push(Action::Disconnect);
        }
        actions
    }

    /// The tick of our side's Disconnect call: that of the connection's last Disconnect packet.
    pub(crate) fn closes_at(&self, role: Role) -> Option<u64> {
        if NOBODY_CALLED.contains(&self.scenario.as_str()) {
            return None;
        }
        let closes = |packet: &&RecordedPacket| {
            let bytes = packet.bytes();
            packet.direction == role.outward()
                && packet.fate != "injected"
                && bytes.first() == Some(&2)
                && bytes.get(1..9) == Some(self.token().0.as_slice())
        };
        self.packets.iter().rfind(closes).map(|packet| packet.tick)
    }

    /// Events of our side in `tick`, in order, the recorder's log lines left out.
    fn events_of(&self, role: Role, tick: u64) -> impl Iterator<Item = &RecordedEvent> {
        self.events
            .iter()
            .filter(move |event| event.tick == tick && event.side == role.side())
    }

    /// The same, described as our driver's are.
    pub(crate) fn described_events(&self, role: Role, tick: u64) -> Vec<String> {
        self.events_of(role, tick)
            .map(RecordedEvent::describe)
            .collect()
    }

    /// Packets that our side sent in `tick`.
    pub(crate) fn sent(&self, role: Role, tick: u64) -> impl Iterator<Item = &RecordedPacket> {
        self.packets.iter().filter(move |packet| {
            packet.tick == tick && packet.direction == role.outward() && packet.fate != "injected"
        })
    }

    /// Packets that arrive at our side in `tick`, in order.
    pub(crate) fn arriving(&self, role: Role, tick: u64) -> Vec<&RecordedPacket> {
        let mut packets = Vec::new();
        let theirs = match role {
            Role::Client => "s2c",
            Role::Server => "c2s",
        };
        for packet in self
            .packets
            .iter()
            .filter(|packet| packet.direction == theirs)
        {
            // A server's packet is in the client's next update; the recorder's own in the same.
            let later = u64::from(role == Role::Client && packet.fate != "injected");
            let (copies, held) = match packet.fate.as_str() {
                "pass" | "injected" => (1, 0),
                "drop" => (0, 0),
                "dup" => (2, 0),
                fate => {
                    let ticks = fate
                        .strip_prefix("hold:")
                        .and_then(|ticks| ticks.parse().ok());
                    (1, ticks.unwrap_or_else(|| panic!("fate {fate} is new")))
                }
            };
            if packet.tick + later + held == tick {
                packets.extend(std::iter::repeat_n(packet, copies));
            }
        }
        packets
    }

    /// The tick from which on the client is at another port.
    pub(crate) fn moves_at(&self) -> Option<u64> {
        self.packets
            .iter()
            .find(|packet| packet.direction == "note")
            .map(|packet| packet.tick)
    }
}

impl RecordedPacket {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        unhex(Some(&self.hex))
    }

    /// Whether `ours` is the same packet, but for what the protocol does not determine. The token is
    /// no exception: `ours` has been given the recorded one.
    pub(crate) fn is(&self, ours: &[u8]) -> bool {
        let recorded = self.bytes();
        recorded.len() == ours.len()
            && (0..ours.len()).all(|at| {
                let free = |volatile: &Volatile| {
                    !volatile.why.contains("token")
                        && (volatile.offset..volatile.offset + volatile.len).contains(&at)
                };
                recorded.get(at) == ours.get(at) || self.volatile.iter().any(free)
            })
    }
}

impl RecordedEvent {
    /// In the words of [`describe`].
    fn describe(&self) -> String {
        let text = |name: &str| self.detail.get(name).and_then(Value::as_str);
        let number = |name: &str| {
            self.detail
                .get(name)
                .and_then(Value::as_i64)
                .unwrap_or_default()
        };
        let len = usize::try_from(number("len")).unwrap_or(0);
        match self.ev.as_str() {
            "Accept" => describe::accept(&unhex(text("connect_payload"))),
            "Connect" => describe::connect(&unhex(text("hex"))),
            "Data" => describe::data(number("pipe"), &self.message(len)),
            "Disconnect" => describe::disconnect(text("reason").unwrap_or_default()),
            "send" => describe::send(number("pipe"), &self.message(len), number("rc")),
            "max_payload" => describe::max_payload(number("pipe"), number("max")),
            "mtu" => describe::max_message_size(number("mtu")),
            "state" => describe::state(text("state").unwrap_or_default()),
            other => panic!("event {other} is new"),
        }
    }

    /// The content of a message, of which long ones have no hex or its beginning only.
    fn message(&self, len: usize) -> Vec<u8> {
        let hex = self.detail.get("hex").and_then(Value::as_str);
        let counting = || crate::support::pattern(len);
        match hex {
            None => counting(),
            Some(hex) => match hex.strip_suffix("..") {
                Some(beginning) => {
                    assert!(counting().starts_with(&unhex(Some(beginning))), "{hex}");
                    counting()
                }
                None => unhex(Some(hex)),
            },
        }
    }
}

/// One wording for what the recording says and what our driver did.
pub(crate) mod describe {
    pub(crate) fn accept(payload: &[u8]) -> String {
        format!("Accept {}", content(payload))
    }

    pub(crate) fn connect(payload: &[u8]) -> String {
        format!("Connect {}", content(payload))
    }

    pub(crate) fn data(pipeline: i64, message: &[u8]) -> String {
        format!("Data on {pipeline}: {}", content(message))
    }

    pub(crate) fn disconnect(reason: &str) -> String {
        format!("Disconnect {reason}")
    }

    pub(crate) fn send(pipeline: i64, message: &[u8], status: i64) -> String {
        format!("send on {pipeline}: {} gives {status}", content(message))
    }

    pub(crate) fn max_payload(pipeline: i64, bytes: i64) -> String {
        format!("max_payload of {pipeline}: {bytes}")
    }

    pub(crate) fn max_message_size(bytes: i64) -> String {
        format!("max_message_size {bytes}")
    }

    pub(crate) fn state(name: &str) -> String {
        format!("state {name}")
    }

    fn content(bytes: &[u8]) -> String {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{} bytes [{hex}]", bytes.len())
    }
}

/// Bytes of a hex text; none for "-" and for nothing.
fn unhex(text: Option<&str>) -> Vec<u8> {
    let text = text.filter(|text| *text != "-").unwrap_or_default();
    let digits = text.as_bytes().chunks_exact(2);
    digits
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("hex is ASCII");
            u8::from_str_radix(pair, 16).expect("hex is hex")
        })
        .collect()
}
