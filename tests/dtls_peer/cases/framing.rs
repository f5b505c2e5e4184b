//! The first message of a flight in records and fragments of every kind, in both roles.
//!
//! What follows the message in the flight is early for a client, which has its server's messages in any
//! order, and useless for a server, which has a ChangeCipherSpec among them.

use super::*;
use crate::case::Expect::{Accepted, Doubted, Stuck};
use crate::case::How::Records;
use crate::messages::*;
use crate::wire::*;

const fn flight(name: &'static str, how: fn(&mut Vec<Record>), expect: Expect) -> Case {
    case(name, At::Flight, Records(how), expect)
}

/// All of it. `rest` is how many datagrams behind the first message are of no use without it.
#[rustfmt::skip]
fn framing(rest: u64) -> Vec<Case> { vec![
    // ---- records
    flight("RFC 6347 §4.1: a record of an unknown type is dropped",
        |r| r[0].kind = 25, Stuck(1 + rest)),
    flight("RFC 6347 §4.1: a record of TLS is dropped",
        |r| r[0].version = 0x0303, Stuck(1 + rest)),
    flight("RFC 6347 §4.1: a record of version 1.0 is read before the keys are there",
        |r| r[0].version = DTLS_1_0, Accepted(0)),
    flight("RFC 6347 §4.1: a record of epoch 2 is dropped",
        |r| { r[0].epoch = 2; r[0].seal = Seal::Open }, Stuck(1 + rest)),
    flight("RFC 6347 §4.1: a record of the last epoch is dropped",
        |r| { r[0].epoch = 0xFFFF; r[0].seal = Seal::Open }, Stuck(1 + rest)),
    flight("RFC 6347 §4.1: a record of epoch 1 in the clear waits for keys and is nothing then",
        |r| { r[0].epoch = 1; r[0].seal = Seal::Open }, Stuck(rest)),
    flight("RFC 6347 §4.1: a length beyond the datagram is dropped",
        |r| r[0].spoil = Some(|bytes| bytes[11] = 0x20), Stuck(1 + rest)),
    flight("RFC 6347 §4.1: a length short of the message is dropped",
        |r| r[0].spoil = Some(|bytes| bytes[12] -= 1), Stuck(1 + rest)),
    flight("RFC 6347 §4.1: half a header is dropped",
        |r| r[0].spoil = Some(|bytes| bytes.truncate(7)), Stuck(1 + rest)),
    flight("RFC 6347 §4.1: a byte of garbage is dropped",
        |r| r.insert(0, Record::new(0, 0, []).spoilt(|bytes| *bytes = vec![0x2A])), Accepted(1)),
    flight("RFC 6347 §4.1: a number far ahead is read before the keys are there",
        |r| r[0].number = Some(1 << 40), Accepted(0)),
    flight("RFC 6347 §4.1: a number that was there before is read before the keys are there",
        |r| r[0].number = Some(0), Accepted(0)),
    flight("RFC 5246 §6.2.1: an empty handshake record is dropped",
        |r| r.insert(0, Record::new(HANDSHAKE, 0, [])), Accepted(1)),
    flight("RFC 5246 §6.2.1: an empty alert is dropped",
        |r| r.insert(0, Record::new(ALERT, 0, [])), Accepted(1)),
    flight("RFC 5246 §6.2.1: an empty ChangeCipherSpec is dropped",
        |r| r.insert(0, Record::new(CHANGE_CIPHER_SPEC, 0, [])), Accepted(1)),
    flight("RFC 5246 §10: empty data in the clear is dropped",
        |r| r.insert(0, Record::new(APPLICATION_DATA, 0, [])), Accepted(1)),
    flight("RFC 5246 §10: data in the clear is dropped (CVE-2020-24585)",
        |r| r.insert(0, Record::new(APPLICATION_DATA, 0, *b"text")), Accepted(1)),
    flight("RFC 5246 §7.1: a ChangeCipherSpec before its time is dropped",
        |r| r.insert(0, Record::change_cipher_spec()), Accepted(1)),
    flight("RFC 6347 §4.1: a flight in one datagram is read",
        |r| r.iter_mut().skip(1).for_each(|record| record.joins = true), Accepted(0)),
    flight("RFC 6347 §4.1: a bad record does not spoil those behind it in its datagram",
        |r| { r[0].joins = true; r.insert(0, Record::new(ALERT, 0, [2])) }, Accepted(0)),
    flight("RFC 6347 §4.1: garbage behind a record does not spoil it",
        |r| r[0].spoil = Some(|bytes| bytes.extend([0; 40])), Accepted(0)),
    flight("RFC 6347 §4.2.4: a flight said twice is heard once",
        |r| { let again = r[0].clone(); r.insert(1, again) }, Accepted(0)),
    flight("RFC 6347 §4.2.4: nothing of a flight is waited for",
        Vec::clear, Stuck(0)),
    // ---- alerts
    flight("RFC 5246 §7.2.2: a fatal alert that anybody can have sent is a doubt",
        |r| *r = vec![Record::alert(0, 2, 40)], Doubted(None, "gave up with handshake_failure")),
    flight("RFC 5246 §7.2.2: so is unknown_ca, which says what to do",
        |r| *r = vec![Record::alert(0, 2, 48)], Doubted(None, "give it that CA's certificate")),
    flight("RFC 5246 §7.2.2: so is an alert nobody knows",
        |r| *r = vec![Record::alert(0, 2, 200)], Doubted(None, "gave up with alert 200")),
    flight("RFC 5246 §7.2: so is an alert of no known level",
        |r| *r = vec![Record::alert(0, 3, 90)], Doubted(None, "gave up with user_canceled")),
    flight("RFC 5246 §7.2.1: so is close_notify, though it is a warning",
        |r| *r = vec![Record::alert(0, 1, 0)], Doubted(None, "gave up with close_notify")),
    flight("RFC 5246 §7.2: the first of two alerts is the reason",
        |r| *r = vec![Record::alert(0, 2, 70), Record::alert(0, 2, 40)],
        Doubted(None, "gave up with protocol_version")),
    flight("RFC 5246 §7.2.2: a warning is only a warning",
        |r| r.insert(0, Record::alert(0, 1, 112)), Accepted(0)),
    flight("RFC 5246 §7.2: half an alert is dropped",
        |r| r.insert(0, Record::new(ALERT, 0, [2])), Accepted(1)),
    flight("RFC 5246 §7.2: an alert and a half is dropped",
        |r| r.insert(0, Record::new(ALERT, 0, [2, 40, 2])), Accepted(1)),
    // ---- fragments
    flight("RFC 6347 §4.2.3: two pieces in order are put together",
        |r| { let all = r.remove(0); r.splice(0..0, [all.fragment(0, 20), all.fragment(20, all.body_len())]); },
        Accepted(0)),
    flight("RFC 6347 §4.2.3: two pieces in the other order are put together",
        |r| { let all = r.remove(0); r.splice(0..0, [all.fragment(20, all.body_len()), all.fragment(0, 20)]); },
        Accepted(0)),
    flight("RFC 6347 §4.2.3: pieces of one byte are put together",
        |r| { let all = r.remove(0); r.splice(0..0, crumbs(&all)); }, Accepted(0)),
    flight("RFC 6347 §4.2.3: pieces of one byte are put together from the end",
        |r| { let all = r.remove(0); r.splice(0..0, backwards(crumbs(&all))); }, Accepted(0)),
    flight("RFC 6347 §4.2.3: pieces that overlap and agree are put together",
        |r| { let all = r.remove(0); r.splice(0..0, [all.fragment(0, 30), all.fragment(10, all.body_len())]); },
        Accepted(0)),
    flight("RFC 6347 §4.2.3: a piece within another adds nothing",
        |r| { let all = r.remove(0); r.splice(0..0, [all.fragment(0, 40), all.fragment(10, 20), all.fragment(40, all.body_len())]); },
        Accepted(0)),
    flight("RFC 6347 §4.2.3: a piece that is missing is waited for",
        |r| { let all = r.remove(0); r.splice(0..0, [all.fragment(0, 20), all.fragment(21, all.body_len())]); },
        Stuck(rest)),
    flight("RFC 6347 §4.2.3: a piece that says otherwise where it overlaps is dropped",
        |r| {
            let all = r.remove(0);
            let mut other = all.fragment(10, all.body_len());
            other.content[12] ^= 1;
            r.splice(0..0, [all.fragment(0, 30), other]);
        }, Stuck(1 + rest)),
    flight("RFC 6347 §4.2.3: a piece of a message of another length is dropped (CVE-2014-0195)",
        |r| {
            let all = r.remove(0);
            let mut other = all.fragment(20, all.body_len());
            other.content[3] += 1;
            r.splice(0..0, [all.fragment(0, 20), other]);
        }, Stuck(1 + rest)),
    flight("RFC 6347 §4.2.3: a piece of a message of another kind is dropped (GnuTLS 1839)",
        |r| {
            let all = r.remove(0);
            let mut other = all.fragment(20, all.body_len());
            other.content[0] = CERTIFICATE_VERIFY;
            r.splice(0..0, [all.fragment(0, 20), other]);
        }, Stuck(1 + rest)),
    flight("RFC 6347 §4.2.3: an empty piece in front adds nothing (CVE-2014-3507)",
        |r| { let empty = r[0].fragment(0, 0); r.insert(0, empty) }, Accepted(0)),
    flight("RFC 6347 §4.2.3: an empty piece at the end adds nothing",
        |r| {
            let all = r.remove(0);
            let end = all.body_len();
            r.splice(0..0, [all.fragment(0, 20), all.fragment(end, end), all.fragment(20, end)]);
        }, Accepted(0)),
    flight("RFC 6347 §4.2.3: many empty pieces add nothing (CVE-2022-29190)",
        |r| { let empty = r[0].fragment(5, 5).joined(); r.splice(0..0, vec![empty; 30]); }, Accepted(0)),
    flight("RFC 6347 §4.2.2: a piece that passes the end of its message is dropped",
        |r| { let mut all = r.remove(0); all.content[8] = 1; r.insert(0, all) }, Stuck(1 + rest)),
    flight("RFC 6347 §4.2.2: a piece longer than its record is dropped",
        |r| { r[0].content.pop(); }, Stuck(1 + rest)),
    flight("RFC 6347 §4.2.2: half a message header is dropped",
        |r| r[0].content.truncate(11), Stuck(1 + rest)),
    flight("RFC 6347 §4.2.2: half a header behind a message does not spoil it",
        |r| r[0].content.extend([16, 0, 0]), Accepted(0)),
    flight("RFC 6347 §4.2.3: a piece of 16 MiB is dropped (CVE-2014-3506)",
        |r| { let mut piece = r[0].fragment(0, 20); piece.content[1..4].fill(0xFF); r.insert(0, piece) },
        Accepted(1)),
    flight("RFC 6347 §4.2.3: a piece of a message just too long is dropped",
        |r| {
            let mut piece = r[0].fragment(0, 20);
            piece.content[1..4].copy_from_slice(&[0, 0x40, 1]);
            r.insert(0, piece);
        }, Accepted(1)),
    flight("RFC 6347 §4.2.3: a piece of the longest message does not hold the place for good",
        |r| {
            let mut piece = r[0].fragment(0, 20);
            piece.content[1..4].copy_from_slice(&[0, 0x40, 0]);
            r.insert(0, piece);
        }, Stuck(1 + rest)),
    flight("RFC 6347 §4.2.2: a message five ahead is dropped",
        |r| r[0] = r[0].sequenced(u16_at(&r[0].content, 4) + 5), Stuck(1 + rest)),
    flight("RFC 6347 §4.2.2: the last message there can be is dropped",
        |r| r[0] = r[0].sequenced(0xFFFF), Stuck(1 + rest)),
    flight("RFC 6347 §4.2.2: a message of the past is not taken for this one",
        |r| r[0] = r[0].sequenced(0), Stuck(rest)),
    // ---- messages this profile does not have
    flight("RFC 5246 §7.4.1.1: a HelloRequest is ignored (CVE-2014-0221)",
        |r| r.insert(0, Record::message(0, HELLO_REQUEST, 9, &[])), Accepted(1)),
    flight("RFC 5246 §7.4.1.1: a hundred HelloRequests in a record are ignored",
        |r| r.insert(0, Record::new(HANDSHAKE, 0, message(HELLO_REQUEST, 0, &[]).repeat(100))), Accepted(1)),
    flight("RFC 5077 §3.3: a NewSessionTicket nobody asked for is dropped",
        |r| r.insert(0, same_number(r, 4)), Accepted(1)),
    flight("RFC 6066 §5: a CertificateURL is dropped",
        |r| r.insert(0, same_number(r, 21)), Accepted(1)),
    flight("RFC 6066 §8: a CertificateStatus nobody asked for is dropped",
        |r| r.insert(0, same_number(r, 22)), Accepted(1)),
    flight("RFC 8446 §4.6.3: a KeyUpdate of another version is dropped",
        |r| r.insert(0, same_number(r, 24)), Accepted(1)),
    flight("RFC 5246 §7.4: a message of the last kind there can be is dropped",
        |r| r.insert(0, same_number(r, 255)), Accepted(1)),
    flight("RFC 5246 §7.4.9: a Finished in the clear is dropped",
        |r| r.insert(0, Record::message(0, FINISHED, u16_at(&r[0].content, 4), &[0; 12])), Accepted(1)),
]}

/// A message of this kind in the place of the first.
fn same_number(records: &[Record], kind: u8) -> Record {
    Record::message(0, kind, u16_at(&records[0].content, 4), &[0; 8])
}

/// A message in pieces of one byte, thirty a datagram.
fn crumbs(all: &Record) -> Vec<Record> {
    let crumb = |at| {
        let mut piece = all.fragment(at, at + 1);
        piece.joins = at % 30 != 0;
        piece
    };
    (0..all.body_len()).map(crumb).collect()
}

/// The same from the end.
fn backwards(mut pieces: Vec<Record>) -> Vec<Record> {
    pieces.reverse();
    for (at, piece) in pieces.iter_mut().enumerate() {
        piece.joins = at % 30 != 0;
    }
    pieces
}

pub(super) fn of_clients() -> Vec<Case> {
    framing(1)
}

pub(super) fn of_servers() -> Vec<Case> {
    framing(0)
}

#[test]
fn r12_r14_a_server_puts_flights_together_as_the_rfcs_say() {
    play_all::<Client>(&of_clients());
}

#[test]
fn r12_r14_a_client_puts_flights_together_as_the_rfcs_say() {
    play_all::<Server>(&of_servers());
}
