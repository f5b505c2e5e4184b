//! The floor server: what an echo costs when nothing is done but receive, look up and send.
//!
//! `recvmmsg` and `sendmmsg` in batches of 64 on one socket, a hash map of tokens as its only state,
//! no timers, no retries, no order, no limits. It knows just enough of the connection protocol to be
//! sent the same load: a request is accepted, data goes back as it came.
//!
//! Its cost is the unit others are measured in: a ratio of 1.10 is ten percent over the bare system calls.

use std::collections::HashMap;
use std::time::Duration;

use drumfire::address::NetworkEndpoint;
use drumfire::buffer::batch::ReceiveBatch;
use drumfire::interface::{
    NetworkInterface, Received, SendReport, Transmit, UdpInterface, UdpOptions,
};

use crate::args::FloorArgs;
use crate::clock::now;
use crate::failure::{Failure, Verdict};
use crate::figures::{Reporter, process_figures};
use crate::histogram::Histogram;
use crate::process;
use crate::protocol::{Figures, Packets, ServerLine};
use crate::say;
use crate::stop::Stop;

/// A connection's name on the wire, in both directions.
type Token = [u8; 8];

/// `UTP`, version 1, request.
const REQUEST: &[u8] = b"UTP\x01\x01";
/// `UTP`, version 1, accept.
const ACCEPT: &[u8] = b"UTP\x01\x02";
/// Types of packets behind a handshake.
const DATA: u8 = 1;
const DISCONNECT: u8 = 2;
/// The largest packet of the protocol and one more byte.
const SLOT: usize = 1_473;
const NAP: Duration = Duration::from_millis(20);

pub(crate) fn run(args: &FloorArgs) -> Result<Verdict, Failure> {
    let stop = Stop::on_signals()?;
    process::pin(&args.child.pin);
    let mut options = UdpOptions {
        gso: false,
        sockets_per_port: args.sockets,
        ..UdpOptions::default()
    };
    if let Some(bytes) = args.receive_buffer {
        options.receive_buffer = bytes;
    }
    let mut interface = UdpInterface::new(options);
    interface.bind(&NetworkEndpoint::from(args.bind))?;
    let mut floor = Floor {
        interface,
        batch: ReceiveBatch::new(SLOT),
        peers: HashMap::new(),
        report: SendReport::default(),
        packets: Packets::default(),
        echoed: 0,
        unsent: 0,
    };
    let started = now();
    let mut reporter = Reporter::new(args.child.machine, &stop);
    let endpoint = floor.interface.local_endpoint().to_string();
    if !args.child.machine {
        say::out(&format!("the floor echoes on {endpoint}"));
    }
    reporter.say(&ServerLine::Listening { endpoint, ca: None });
    let mut unused = Histogram::new();
    while !stop.requested() {
        floor.interface.wait(NAP);
        floor.drain();
        reporter.answer(&mut unused, |_| floor.figures(process_figures(started)));
    }
    Ok(Verdict::Good)
}

struct Floor {
    interface: UdpInterface,
    batch: ReceiveBatch,
    /// Who may be answered, and how often that happened.
    peers: HashMap<Token, u64>,
    report: SendReport,
    packets: Packets,
    echoed: u64,
    /// Answers the socket had no room for.
    unsent: u64,
}

impl Floor {
    /// Answers everything that waits.
    fn drain(&mut self) {
        loop {
            self.batch.clear();
            let received = self.interface.receive(&mut self.batch);
            self.answer();
            if received != Received::More {
                return;
            }
        }
    }

    fn answer(&mut self) {
        let Self {
            interface,
            batch,
            peers,
            report,
            packets,
            echoed,
            unsent,
        } = self;
        let mut accepts: Vec<(&NetworkEndpoint, [u8; 13])> = Vec::new();
        let mut answers: Vec<Transmit<'_>> = Vec::with_capacity(batch.len());
        for (path, bytes) in batch.datagrams() {
            packets.incoming += 1;
            let to = &path.remote;
            match Packet::read(bytes) {
                Packet::Request(token) => {
                    peers.insert(token, 0);
                    accepts.push((to, accept(token)));
                }
                Packet::Data(token) => {
                    if let Some(messages) = peers.get_mut(&token) {
                        *messages += 1;
                        answers.push(Transmit {
                            to,
                            from: None,
                            bytes,
                        });
                    }
                }
                Packet::Disconnect(token) => {
                    peers.remove(&token);
                }
                Packet::Other => {}
            }
        }
        let data = answers.len();
        answers.extend(accepts.iter().map(|(to, bytes)| Transmit {
            to,
            from: None,
            bytes,
        }));
        if answers.is_empty() {
            return;
        }
        interface.send(&answers, report);
        let sent = report.done.saturating_sub(report.faults.len());
        packets.outgoing += sent as u64;
        *echoed += sent.min(data) as u64;
        *unsent += answers.len().saturating_sub(sent) as u64;
    }

    fn figures(&self, mut figures: Figures) -> Figures {
        figures.connections = self.peers.len();
        figures.received = self.echoed + self.unsent;
        figures.echoed = self.echoed;
        figures.packets = self.packets;
        let statistics = self.interface.statistics();
        figures.receive_buffer = statistics.receive_buffer;
        for (name, count) in [
            ("kernel_receive_buffer_full", statistics.kernel_drops),
            ("unsent", self.unsent),
        ] {
            if count > 0 {
                figures.drops.insert(name.to_owned(), count);
            }
        }
        figures
    }
}

/// What the floor tells apart.
enum Packet {
    Request(Token),
    Data(Token),
    Disconnect(Token),
    Other,
}

impl Packet {
    fn read(bytes: &[u8]) -> Self {
        if let Some(token) = bytes.strip_prefix(REQUEST).and_then(<[u8]>::first_chunk) {
            return Self::Request(*token);
        }
        match bytes
            .split_first()
            .map(|(kind, rest)| (*kind, rest.first_chunk()))
        {
            Some((DATA, Some(token))) => Self::Data(*token),
            Some((DISCONNECT, Some(token))) => Self::Disconnect(*token),
            _ => Self::Other,
        }
    }
}

fn accept(token: Token) -> [u8; 13] {
    let mut bytes = [0; 13];
    let parts = ACCEPT.iter().chain(&token);
    for (to, from) in bytes.iter_mut().zip(parts) {
        *to = *from;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packets_it_needs_are_told_apart() {
        let token = *b"\x11\x22\x33\x44\x55\x66\x77\x88";
        let with = |prefix: &[u8]| [prefix, &token].concat();
        assert!(matches!(Packet::read(&with(REQUEST)), Packet::Request(t) if t == token));
        assert!(matches!(Packet::read(&with(&[1])), Packet::Data(t) if t == token));
        assert!(matches!(Packet::read(&with(&[2])), Packet::Disconnect(t) if t == token));
        assert!(matches!(Packet::read(&with(&[3])), Packet::Other));
        assert!(matches!(Packet::read(b"UTP"), Packet::Other));
        assert_eq!(accept(token).to_vec(), with(ACCEPT));
    }
}
