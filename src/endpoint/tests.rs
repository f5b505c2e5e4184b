//! The endpoint from outside: datagrams in, verdicts and replies out.

mod admission;
mod flood;
mod proof;
mod property;
mod routing;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::*;
use crate::settings::NetworkSettingsBuilder;
use crate::wire::connection::{
    CheckBody, Packet, push_accept, push_disconnect, push_heartbeat, push_mtu_ack, push_mtu_check,
    push_request,
};
use crate::wire::mtu::ack_for_check;

/// An endpoint, its clock, and an account of everything that went in and out.
struct World {
    endpoint: Endpoint,
    rules: Rules,
    now: Timestamp,
    inward: Flow,
    replies: Replies,
    delivered: u64,
    received: HashMap<NetworkEndpoint, usize>,
    sent: HashMap<NetworkEndpoint, usize>,
}

impl World {
    fn new(change: impl FnOnce(NetworkSettingsBuilder) -> NetworkSettingsBuilder) -> Self {
        let builder = NetworkSettings::builder().plain().dangerous_random_seed(7);
        let settings = change(builder).build().unwrap();
        Self {
            endpoint: Endpoint::new(&settings, 0),
            rules: Rules {
                settings,
                listening: true,
                accept_payload: Vec::new(),
                padding: 0,
                pipelines: std::sync::Arc::default(),
                memory: crate::buffer::account::MemoryShare::new(0, usize::MAX / 2, 1),
            },
            now: Timestamp::from_micros(1_000_000),
            inward: Flow::default(),
            replies: Replies::default(),
            delivered: 0,
            received: HashMap::new(),
            sent: HashMap::new(),
        }
    }

    fn send(&mut self, path: &Path, datagram: &[u8]) -> Verdict {
        self.inward.entered += 1;
        self.inward.bytes += u64::try_from(datagram.len()).unwrap();
        *self.received.entry(path.remote).or_default() += datagram.len();
        let verdict = self.endpoint.route(
            self.clock(),
            &self.rules,
            path,
            datagram,
            &mut self.inward,
            &mut self.replies,
        );
        if matches!(verdict, Verdict::Deliver { .. } | Verdict::Open { .. }) {
            self.delivered += 1;
        }
        verdict
    }

    fn request(&mut self, path: &Path, token: Token, payload: &[u8]) -> Verdict {
        let mut datagram = Vec::new();
        push_request(&mut datagram, token, payload);
        self.send(path, &datagram)
    }

    fn heartbeat(&mut self, path: &Path, token: Token) -> Verdict {
        let mut datagram = Vec::new();
        push_heartbeat(&mut datagram, token);
        self.send(path, &datagram)
    }

    fn ack(&mut self, path: &Path, token: Token, size: u16) -> Verdict {
        let mut datagram = Vec::new();
        push_mtu_ack(&mut datagram, token, size);
        self.send(path, &datagram)
    }

    /// The replies since the last call.
    fn replies(&mut self) -> Vec<(Path, Vec<u8>)> {
        let replies: Vec<_> = self
            .replies
            .iter()
            .map(|(path, bytes)| (*path, bytes.to_vec()))
            .collect();
        self.replies.clear();
        for (path, bytes) in &replies {
            *self.sent.entry(path.remote).or_default() += bytes.len();
        }
        replies
    }

    /// The lengths in the checks among the replies, which must be to `path` alone.
    fn question(&mut self, path: &Path) -> Vec<u16> {
        let replies = self.replies();
        assert!(replies.iter().all(|(to, _)| to == path));
        checks(&replies)
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        let now = self.clock();
        self.endpoint.service(now, &self.rules, &mut self.replies);
    }

    fn clock(&self) -> Now {
        Now {
            at: self.now,
            observed: self.now,
        }
    }

    /// Every datagram went somewhere, and nowhere twice.
    fn assert_conserved(&self) {
        let inward = &self.inward;
        assert_eq!(
            inward.entered,
            inward.passed + inward.drops.total() + self.delivered,
            "{inward:?}"
        );
    }

    /// No address was sent more than three times what came from it.
    fn assert_no_amplification(&mut self) {
        self.replies();
        for (remote, sent) in &self.sent {
            let received = self.received.get(remote).copied().unwrap_or(0);
            assert!(*sent <= 3 * received, "{remote}: {received} in, {sent} out");
        }
    }

    /// What the only drop was for.
    fn only_drop(&mut self) -> DropReason {
        let drops = std::mem::take(&mut self.inward.drops);
        let reasons: Vec<_> = drops.iter().collect();
        assert_eq!(reasons.len(), 1, "{reasons:?}");
        self.inward.entered -= 1;
        assert_eq!(reasons[0].1, 1);
        reasons[0].0
    }
}

fn checks(replies: &[(Path, Vec<u8>)]) -> Vec<u16> {
    replies
        .iter()
        .filter_map(|(_, bytes)| match Packet::parse(bytes) {
            Ok(Packet::MtuCheck { len, .. }) => Some(len),
            _ => None,
        })
        .collect()
}

/// Kinds of packets, for comparison.
fn kinds(replies: &[(Path, Vec<u8>)]) -> String {
    replies
        .iter()
        .map(|(_, bytes)| match Packet::parse(bytes) {
            Ok(Packet::Accept { .. }) => 'A',
            Ok(Packet::Disconnect { .. }) => 'X',
            Ok(Packet::MtuCheck { .. }) => 'C',
            _ => '?',
        })
        .collect()
}

fn token(number: u64) -> Token {
    Token(number.to_le_bytes())
}

/// A host on the internet.
fn host(number: u32) -> Path {
    port(number, 5_000)
}

fn port(number: u32, port: u16) -> Path {
    let ip = Ipv4Addr::from_bits(0x0A00_0000 | number);
    NetworkEndpoint::from_socket_addr((ip, port).into()).into()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
