//! The replay: our driver plays one side, tick by tick; the other side's packets come from the
//! recording. What differs is told in words short enough for a table.

use drumfire::address::NetworkEndpoint;
use drumfire::error::{DisconnectReason, SendError};
use drumfire::id::StageId::{Fragmentation, ReliableSequenced, UnreliableSequenced};
use drumfire::id::{NetworkConnection, NetworkPipeline, StageId};
use drumfire::wire::connection::{Token, peek_token};
use drumfire::{ConnectionState, NetworkDriver};

use crate::recording::{Action, RecordedPacket, Recording, Role, describe};
use crate::support::{Event, Net, Node, Peer, SERVER, kind_of};

/// Where recorded clients are, before and after their port changes.
const CLIENT: NetworkEndpoint = NetworkEndpoint::loopback_ipv4(40_001);
const CLIENT_MOVED: NetworkEndpoint = NetworkEndpoint::loopback_ipv4(40_002);

/// Stages of the recorded drivers' pipelines, from id 1.
pub(crate) const PIPELINES: [&[StageId]; 7] = [
    &[UnreliableSequenced],
    &[ReliableSequenced],
    &[Fragmentation],
    &[Fragmentation, ReliableSequenced],
    &[Fragmentation, UnreliableSequenced],
    &[UnreliableSequenced, Fragmentation],
    &[ReliableSequenced, Fragmentation],
];

/// What differs between the recording and our driver, in order.
///
/// * `-#3 data`: recorded packet 3 was not sent (in its tick);
/// * `+t2 accept`: in tick 2 a packet was sent that is not recorded (there);
/// * `-t5 event Data`, `+t5 event Connect`: the same of events, calls and their results.
pub(crate) fn differences(recording: &Recording, role: Role) -> Vec<String> {
    Replay::new(recording, role).run()
}

struct Replay<'r> {
    recording: &'r Recording,
    role: Role,
    node: Node,
    /// The recorded side: at its address, and where a client goes when its port changes.
    peer: Peer,
    moved: Peer,
    connection: NetworkConnection,
    /// By id.
    pipelines: Vec<NetworkPipeline>,
    recorded: Token,
    /// Our token: chosen by us as a client, by the recording as a server.
    ours: Token,
    events: Vec<String>,
}

impl<'r> Replay<'r> {
    fn new(recording: &'r Recording, role: Role) -> Self {
        let net = Net::calm();
        let mut node = Node::new(recording.settings(role), 1, net.interface());
        let created = PIPELINES.map(|stages| node.driver.create_pipeline(stages).unwrap());
        let pipelines = [&[NetworkPipeline::NULL][..], &created].concat();
        let peer = match role {
            Role::Client => {
                node.driver.bind(CLIENT).unwrap();
                net.peer(SERVER)
            }
            Role::Server => {
                node.listen_on(SERVER);
                node.driver
                    .set_accept_payload(&recording.accept_payload())
                    .unwrap();
                net.peer(CLIENT)
            }
        };
        let recorded = recording.token();
        Self {
            recording,
            role,
            node,
            peer,
            moved: net.peer(CLIENT_MOVED),
            connection: NetworkConnection::default(),
            pipelines,
            recorded,
            ours: recorded,
            events: Vec::new(),
        }
    }

    fn run(mut self) -> Vec<String> {
        (0..=self.recording.last_tick())
            .flat_map(|tick| self.tick(tick))
            .collect()
    }

    fn tick(&mut self, tick: u64) -> Vec<String> {
        let actions = self.recording.actions(self.role, tick);
        for action in &actions {
            self.act(action);
        }
        // Unity passes a message through its stages when it is sent, here that is when it is flushed.
        if actions
            .iter()
            .any(|action| matches!(action, Action::Send { .. }))
        {
            self.node.flush();
        }
        self.feed(tick);
        self.node.update();
        self.collect_events(&actions);
        if actions
            .iter()
            .any(|action| matches!(action, Action::Answer { .. }))
        {
            self.node.flush();
        }
        let mut differences = self.compare_packets(tick);
        differences.extend(self.compare_events(tick));
        differences
    }

    fn act(&mut self, action: &Action) {
        let driver = &mut self.node.driver;
        match action {
            Action::Connect => {
                let payload = self.recording.connect_payload();
                self.connection = driver.connect_with_payload(SERVER, &payload).unwrap();
            }
            Action::Disconnect => driver.disconnect(self.connection),
            Action::Send { pipeline, message } => self.send(*pipeline, message),
            Action::Answer { .. } => {}
            Action::AskMaxPayload { pipeline } => {
                let handle = self.pipelines[usize::from(*pipeline)];
                let bytes = driver.max_payload(handle, self.connection).unwrap();
                self.events.push(describe::max_payload(
                    (*pipeline).into(),
                    i64::try_from(bytes).unwrap(),
                ));
            }
            Action::AskMaxMessageSize => {
                let bytes = driver.max_message_size(self.connection).unwrap();
                self.events
                    .push(describe::max_message_size(i64::try_from(bytes).unwrap()));
            }
            Action::AskState => {
                let name = match driver.connection_state(self.connection) {
                    ConnectionState::Disconnected => "Disconnected",
                    ConnectionState::Connecting => "Connecting",
                    ConnectionState::Connected => "Connected",
                };
                self.events.push(describe::state(name));
            }
        }
    }

    fn send(&mut self, pipeline: u8, message: &[u8]) {
        let handle = self.pipelines[usize::from(pipeline)];
        let status = match send_on(&mut self.node.driver, handle, self.connection, message) {
            Ok(len) => i64::try_from(len).unwrap(),
            Err(error) => error.status() as i64,
        };
        self.events
            .push(describe::send(pipeline.into(), message, status));
    }

    /// Lets arrive what the recording says, with our token in the place of the recorded one.
    fn feed(&self, tick: u64) {
        let (from, to) = match self.role {
            Role::Client => (&self.peer, CLIENT),
            Role::Server if self.recording.moves_at().is_some_and(|at| tick >= at) => {
                (&self.moved, SERVER)
            }
            Role::Server => (&self.peer, SERVER),
        };
        for packet in self.recording.arriving(self.role, tick) {
            from.send(to, &exchange(packet.bytes(), self.recorded, self.ours));
        }
    }

    fn collect_events(&mut self, actions: &[Action]) {
        while let Some((connection, payload)) = self.node.driver.accept_with_payload() {
            self.connection = connection;
            self.events.push(describe::accept(&payload));
        }
        let mut messages = 0;
        for (_, event) in self.node.events() {
            let before = messages;
            self.events.push(match event {
                Event::Connect(payload) => describe::connect(&payload),
                Event::Data(pipeline, message) => {
                    messages += 1;
                    describe::data(pipeline.into(), &message)
                }
                // Unity has no such event.
                Event::Writable(_) => continue,
                Event::Disconnect(reason) => describe::disconnect(reason_name(reason)),
            });
            if messages > before {
                self.answer(messages, actions);
            }
        }
    }

    /// Sends the answers to a message.
    fn answer(&mut self, message: usize, actions: &[Action]) {
        for action in actions {
            if let Action::Answer {
                to,
                pipeline,
                message: answer,
            } = action
                && *to == message
            {
                self.send(*pipeline, answer);
            }
        }
    }

    fn compare_packets(&mut self, tick: u64) -> Vec<String> {
        let recorded: Vec<&RecordedPacket> = self.recording.sent(self.role, tick).collect();
        let mut sent = self.peer.receive();
        // Only a client moves; our server is where it was.
        let moved =
            self.role == Role::Server && self.recording.moves_at().is_some_and(|at| tick >= at);
        let lost = if moved {
            std::mem::replace(&mut sent, self.moved.receive())
        } else {
            Vec::new()
        };
        if self.role == Role::Client && tick == 0 {
            self.ours = peek_token(sent.first().expect("a client asks at once"))
                .expect("with its token")
                .1;
        }
        let sent: Vec<Vec<u8>> = sent
            .into_iter()
            .map(|bytes| exchange(bytes, self.ours, self.recorded))
            .collect();
        let mut differences = diff(
            &recorded,
            &sent,
            |recorded, ours| recorded.is(ours),
            |recorded| format!("-#{} {}", recorded.n, kind_of(&recorded.bytes())),
            |ours| format!("+t{tick} {}", kind_of(ours)),
        );
        differences.extend(
            lost.iter()
                .map(|bytes| format!("+t{tick} {} to the dead port", kind_of(bytes))),
        );
        differences
    }

    fn compare_events(&mut self, tick: u64) -> Vec<String> {
        let ours = std::mem::take(&mut self.events);
        let first_word = |text: &String| text.split(' ').next().unwrap_or_default().to_owned();
        diff(
            &self.recording.described_events(self.role, tick),
            &ours,
            |recorded, ours| recorded == ours,
            |recorded| format!("-t{tick} event {}", first_word(recorded)),
            |ours| format!("+t{tick} event {}", first_word(ours)),
        )
    }
}

/// What is in one list and not in the other, both in order.
fn diff<A, B>(
    recorded: &[A],
    ours: &[B],
    same: impl Fn(&A, &B) -> bool,
    absent: impl Fn(&A) -> String,
    extra: impl Fn(&B) -> String,
) -> Vec<String> {
    // Longest common part of every pair of tails.
    let mut longest = vec![vec![0; ours.len() + 1]; recorded.len() + 1];
    for i in (0..recorded.len()).rev() {
        for j in (0..ours.len()).rev() {
            longest[i][j] = if same(&recorded[i], &ours[j]) {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut differences) = (0, 0, Vec::new());
    while i < recorded.len() || j < ours.len() {
        if i < recorded.len() && j < ours.len() && same(&recorded[i], &ours[j]) {
            (i, j) = (i + 1, j + 1);
        } else if j == ours.len() || i < recorded.len() && longest[i + 1][j] >= longest[i][j + 1] {
            differences.push(absent(&recorded[i]));
            i += 1;
        } else {
            differences.push(extra(&ours[j]));
            j += 1;
        }
    }
    differences
}

/// Gives a packet another token, if it bears `from`.
pub(crate) fn exchange(mut bytes: Vec<u8>, from: Token, to: Token) -> Vec<u8> {
    if peek_token(&bytes).is_some_and(|(_, token)| token == from) {
        let at = if bytes.starts_with(b"UTP") { 5 } else { 1 };
        bytes[at..at + 8].copy_from_slice(&to.0);
    }
    bytes
}

pub(crate) fn send_on(
    driver: &mut NetworkDriver,
    pipeline: NetworkPipeline,
    connection: NetworkConnection,
    message: &[u8],
) -> Result<usize, SendError> {
    let mut guard = driver.begin_send_with(pipeline, connection, message.len())?;
    guard.write_bytes(message);
    guard.end_send()
}

pub(crate) fn reason_name(reason: DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::Timeout => "Timeout",
        DisconnectReason::MaxConnectionAttempts => "MaxConnectionAttempts",
        DisconnectReason::ClosedByRemote => "ClosedByRemote",
        _ => "another",
    }
}
