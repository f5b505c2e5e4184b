//! Foreign protocols: packets people send to a game port by mistake, and what to tell the operator.
//!
//! Recognised after a packet turned out to be nobody's. It is counted each time and explained once a
//! driver: the same mistake needs no second line. Nothing foreign is ever answered.

use crate::address::NetworkEndpoint;
use crate::counters::DropReason;
use crate::journal::{Journal, Kind};
use crate::time::Timestamp;
use crate::wire::connection::Packet;
use crate::wire::foreign::{Foreign, recognise};

/// Which mistakes were explained.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Explained {
    unity_transport_1: bool,
    dtls: bool,
    plain: bool,
}

impl Explained {
    /// Why a datagram without a record is dropped by a secure driver, if it is a plain client's.
    pub(crate) fn plain_on_secure(
        &mut self,
        now: Timestamp,
        remote: &NetworkEndpoint,
        datagram: &[u8],
        journal: &mut Journal,
    ) -> Option<DropReason> {
        Packet::parse(datagram).ok()?;
        if !std::mem::replace(&mut self.plain, true) {
            let from = journal.address(remote);
            journal.note(
                now,
                Kind::PlainOnSecurePort,
                format_args!(
                    "{from} asks for a plain connection, but this driver is secure: give the game \
                     `WithSecureClientParameters`, or make this driver `plain`"
                ),
            );
        }
        Some(DropReason::WrongSecurity)
    }

    /// Why a packet that is nobody's is dropped, if it is of another protocol.
    pub(crate) fn recognise(
        &mut self,
        now: Timestamp,
        remote: &NetworkEndpoint,
        datagram: &[u8],
        journal: &mut Journal,
    ) -> Option<DropReason> {
        match recognise(datagram)? {
            Foreign::UnityTransport1Request => {
                if !std::mem::replace(&mut self.unity_transport_1, true) {
                    let from = journal.address(remote);
                    journal.note(
                        now,
                        Kind::UnityTransport1,
                        format_args!(
                            "{from} asks for a connection in the protocol of Unity Transport 1.x, \
                             which 2.x does not speak: build the game with com.unity.transport 2.0 \
                             or later"
                        ),
                    );
                }
                Some(DropReason::UnityTransport1)
            }
            Foreign::Dtls => {
                if !std::mem::replace(&mut self.dtls, true) {
                    let from = journal.address(remote);
                    journal.note(
                        now,
                        Kind::DtlsOnPlainPort,
                        format_args!(
                            "{from} begins a DTLS handshake, but this driver is plain: give the \
                             driver a certificate with `secure_server`, or take \
                             `WithSecureClientParameters` out of the game"
                        ),
                    );
                }
                Some(DropReason::WrongSecurity)
            }
            // Anything else is noise of the internet, and nobody of ours waits for an answer.
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Addresses;

    #[test]
    fn a_mistake_is_counted_each_time_and_explained_once() {
        let mut explained = Explained::default();
        let mut journal = Journal::new(10, Addresses::Shown);
        let remote = NetworkEndpoint::loopback_ipv4(9);
        let mut see =
            |datagram: &[u8]| explained.recognise(Timestamp::ZERO, &remote, datagram, &mut journal);
        let hello = [&[22, 0xFE, 0xFF][..], &[0; 60]].concat();
        for _ in 0..3 {
            assert_eq!(see(&[0; 10]), Some(DropReason::UnityTransport1));
            assert_eq!(see(&hello), Some(DropReason::WrongSecurity));
            assert_eq!(see(b"GET / HTTP/1.1\r\n\r\n"), None);
        }
        let lines: Vec<_> = journal.captured.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(lines, [Kind::UnityTransport1, Kind::DtlsOnPlainPort]);
        let (_, line) = &journal.captured[0];
        assert!(line.starts_with("127.0.0.1:9 asks"), "{line}");
    }
}
