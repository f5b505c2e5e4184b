//! Records on a connection, in both roles: what arrives, what is dropped and why, and what ends it.

use drumfire::DisconnectReason::{AuthenticationFailure, ClosedByRemote};
use drumfire::counters::DropReason::{
    Forged, Malformed, Replayed, TooOld, Unexpected, Unprotected, WrongEpoch, WrongSecurity,
    WrongVersion,
};

use super::*;
use crate::case::Expect::{Ended, Opened};
use crate::case::Habits;
use crate::case::How::Records;
use crate::keys::Suite;
use crate::messages::*;
use crate::wire::*;

const fn on(name: &'static str, how: fn(&mut Vec<Record>), expect: Expect) -> Case {
    case(name, At::Connected, Records(how), expect)
}

const CHACHA: Habits = Habits {
    suite: Suite::EcdsaChaCha,
    ..Habits::HONEST
};

#[rustfmt::skip]
pub(super) fn all() -> Vec<Case> { vec![
    on("RFC 6347 §4.1: a record as it should be is delivered", |_| {}, Opened(1, &[])),
    // ---- headers
    on("RFC 6347 §4.1: data in the clear is dropped behind the handshake",
        |r| { r[0].epoch = 0 }, Opened(0, &[Unprotected])),
    on("RFC 6347 §4.1: data sealed under the epoch before is dropped",
        |r| { r[0].epoch = 0; r[0].seal = Seal::Sealed }, Opened(0, &[Unprotected])),
    on("RFC 6347 §4.1: data of the next epoch is dropped",
        |r| { r[0].epoch = 2; r[0].seal = Seal::Sealed }, Opened(0, &[WrongEpoch])),
    on("RFC 6347 §4.1: data of the last epoch is dropped",
        |r| { r[0].epoch = 0xFFFF; r[0].seal = Seal::Sealed }, Opened(0, &[WrongEpoch])),
    on("RFC 6347 §4.1: data of version 1.0 is dropped",
        |r| r[0].version = DTLS_1_0, Opened(0, &[WrongVersion])),
    on("RFC 6347 §4.1: data of a later version is dropped",
        |r| r[0].version = 0xFEFC, Opened(0, &[WrongVersion])),
    on("RFC 6347 §4.1: data of TLS is dropped",
        |r| r[0].version = 0x0303, Opened(0, &[WrongSecurity])),
    on("RFC 6347 §4.1: data whose version was changed on the way is dropped",
        |r| r[0].spoil = Some(|bytes| bytes[2] = 0xFF), Opened(0, &[WrongVersion])),
    on("RFC 6347 §4.1: a record of an unknown type is dropped on a connection",
        |r| r[0].kind = 24, Opened(0, &[Malformed])),
    on("RFC 6347 §4.1: a length beyond the datagram is dropped on a connection",
        |r| r[0].spoil = Some(|bytes| bytes[12] += 1), Opened(0, &[Malformed])),
    on("RFC 6347 §4.1.2.1: a length short of the tag leaves a byte that is no record",
        |r| r[0].spoil = Some(|bytes| bytes[12] -= 1), Opened(0, &[Malformed])),
    on("RFC 6347 §4.1.2.1: a record without the tag's last byte is dropped",
        |r| r[0].spoil = Some(|bytes| { bytes.pop(); bytes[12] -= 1 }), Opened(0, &[Forged])),
    on("RFC 6347 §4.1: half a header is dropped on a connection",
        |r| r[0].spoil = Some(|bytes| bytes.truncate(12)), Opened(0, &[Malformed])),
    on("RFC 6347 §4.1: a record of no bytes is dropped",
        |r| r[0].spoil = Some(|bytes| { bytes.truncate(13); bytes[12] = 0 }), Opened(0, &[Malformed])),
    on("RFC 6347 §4.1.2.1: a record shorter than nonce and tag is dropped",
        |r| r[0].spoil = Some(|bytes| { bytes.truncate(13 + 23); bytes[12] = 23 }), Opened(0, &[Malformed])),
    on("RFC 6347 §4.1.2.1: a record of nonce and a made-up tag is dropped",
        |r| r[0].spoil = Some(|bytes| { bytes.truncate(13 + 24); bytes[12] = 24 }), Opened(0, &[Forged])),
    on("RFC 5246 §6.2.1: a record that holds nothing is dropped above",
        |r| r[0].content.clear(), Opened(0, &[Malformed])),
    // ---- protection
    on("RFC 6347 §4.1.2.1: a record whose tag is broken is dropped",
        |r| r[0].spoil = Some(|bytes| *bytes.last_mut().unwrap() ^= 0x80), Opened(0, &[Forged])),
    on("RFC 6347 §4.1.2.1: a record whose text is broken is dropped",
        |r| r[0].spoil = Some(|bytes| bytes[13 + 8] ^= 1), Opened(0, &[Forged])),
    on("RFC 6347 §4.1.2.1: a record whose type was changed is dropped",
        |r| r[0].spoil = Some(|bytes| bytes[0] = ALERT), Opened(0, &[Forged])),
    on("RFC 6347 §4.1.2.1: a record whose number was changed is dropped",
        |r| r[0].spoil = Some(|bytes| bytes[9] ^= 1), Opened(0, &[Forged])),
    on("RFC 6347 §4.1.2.1: a record in the clear under the present epoch is dropped",
        |r| { r[0].seal = Seal::Open; r[0].content = vec![7; 60] }, Opened(0, &[Forged])),
    on("RFC 5288 §3: a record whose nonce was changed is dropped",
        |r| r[0].spoil = Some(|bytes| bytes[13] ^= 1), Opened(0, &[Forged])),
    on("RFC 5288 §3: a nonce of chance is as good as any",
        |r| r[0].nonce = Some(0xDEAD_BEEF_0BAD_CAFE), Opened(1, &[])),
    on("RFC 5288 §3: a nonce of zeros is as good as any",
        |r| r[0].nonce = Some(0), Opened(1, &[])),
    on("RFC 5288 §3: a nonce of ones is as good as any",
        |r| r[0].nonce = Some(u64::MAX), Opened(1, &[])),
    on("RFC 5288 §3: one nonce for two records is the sender's fault, not the receiver's",
        |r| { r[0].nonce = Some(5); let again = r[0].clone(); r.push(again) }, Opened(2, &[])),
    on("RFC 5288 §3: nonces that count down are as good as any",
        |r| { *r = vec![r[0].clone(); 8]; for (at, one) in r.iter_mut().enumerate() { one.nonce = Some(100 - at as u64) } },
        Opened(8, &[])),
    on("RFC 7905 §2: a record of ChaCha20 is delivered", |_| {}, Opened(1, &[])).with(CHACHA),
    on("RFC 7905 §2: an explicit nonce in a record of ChaCha20 is dropped",
        |r| r[0].spoil = Some(|bytes| { bytes.splice(13..13, [0; 8]); bytes[12] += 8 }), Opened(0, &[Forged])).with(CHACHA),
    on("RFC 7905 §2: a record of ChaCha20 whose tag is broken is dropped",
        |r| r[0].spoil = Some(|bytes| *bytes.last_mut().unwrap() ^= 1), Opened(0, &[Forged])).with(CHACHA),
    on("RFC 7905 §2: a record of ChaCha20 whose number was changed is dropped",
        |r| r[0].spoil = Some(|bytes| bytes[10] ^= 64), Opened(0, &[Forged])).with(CHACHA),
    on("RFC 7905 §2: a record of ChaCha20 shorter than its tag is dropped",
        |r| r[0].spoil = Some(|bytes| { bytes.truncate(13 + 15); bytes[12] = 15 }), Opened(0, &[Malformed])).with(CHACHA),
    // ---- replay
    on("RFC 6347 §4.1.2.6: a record that comes twice is delivered once",
        |r| { r[0].number = Some(50); let again = r[0].clone(); r.push(again) }, Opened(1, &[Replayed])),
    on("RFC 6347 §4.1.2.6: other data under a number that was there is dropped",
        |r| {
            r[0].number = Some(50);
            let mut other = r[0].clone();
            *other.content.last_mut().unwrap() = b'!';
            r.push(other);
        }, Opened(1, &[Replayed])),
    on("RFC 6347 §4.1.2.6: records in the other order are delivered",
        |r| { *r = vec![r[0].clone().numbered(60), r[0].clone().numbered(59), r[0].clone().numbered(58)] }, Opened(3, &[])),
    on("RFC 6347 §4.1.2.6: a record 1,023 behind the newest is delivered",
        |r| { *r = vec![r[0].clone().numbered(3_000), r[0].clone().numbered(3_000 - 1_023)] }, Opened(2, &[])),
    on("RFC 6347 §4.1.2.6: a record 1,024 behind the newest is too old",
        |r| { *r = vec![r[0].clone().numbered(3_000), r[0].clone().numbered(3_000 - 1_024)] }, Opened(1, &[TooOld])),
    on("RFC 6347 §4.1.2.6: a record twice at the window's far end is delivered once",
        |r| { *r = vec![r[0].clone().numbered(3_000), r[0].clone().numbered(1_977), r[0].clone().numbered(1_977)] },
        Opened(2, &[Replayed])),
    on("RFC 6347 §4.1.2.6: a jump far ahead moves the window and nothing else",
        |r| { *r = vec![r[0].clone().numbered(1 << 40), r[0].clone().numbered(200)] }, Opened(1, &[TooOld])),
    on("RFC 6347 §4.1.2.6: a forgery far ahead moves no window (CVE-2016-2181)",
        |r| {
            let forged = r[0].clone().numbered(1 << 40).spoilt(|bytes| *bytes.last_mut().unwrap() ^= 1);
            *r = vec![forged, r[0].clone().numbered(200)];
        }, Opened(1, &[Forged])),
    on("RFC 6347 §4.1.2.6: a forgery does not use up the number of the record it precedes",
        |r| {
            let forged = r[0].clone().numbered(70).spoilt(|bytes| *bytes.last_mut().unwrap() ^= 1);
            *r = vec![forged, r[0].clone().numbered(70)];
        }, Opened(1, &[Forged])),
    on("RFC 6347 §4.1.2.6: a forgery under a number that was there is a replay",
        |r| {
            let forged = r[0].clone().numbered(70).spoilt(|bytes| *bytes.last_mut().unwrap() ^= 1);
            *r = vec![r[0].clone().numbered(70), forged];
        }, Opened(1, &[Replayed])),
    // ---- datagrams
    on("RFC 6347 §4.1: two records in a datagram are delivered",
        |r| { let second = r[0].clone().joined(); r.push(second) }, Opened(2, &[])),
    on("RFC 6347 §4.1: a bad record does not spoil the good one behind it",
        |r| { let second = r[0].clone().joined(); r[0].spoil = Some(|bytes| *bytes.last_mut().unwrap() ^= 1); r.push(second) },
        Opened(1, &[])),
    on("RFC 6347 §4.1: a record in the clear does not spoil the good one behind it",
        |r| { let second = r[0].clone().joined(); r[0].epoch = 0; r.push(second) }, Opened(1, &[])),
    on("RFC 6347 §4.1: garbage behind a record does not spoil it on a connection",
        |r| r[0].spoil = Some(|bytes| bytes.extend(b"garbage behind it")), Opened(1, &[])),
    on("RFC 6347 §4.1: nothing is read behind a record of an unknown type",
        |r| { let second = r[0].clone().joined(); r[0].kind = 99; r.push(second) }, Opened(0, &[Malformed])),
    on("RFC 6347 §4.1.1: a datagram larger than any we take is dropped before it is read",
        |r| r[0].content.resize(1_500, b'g'), Opened(0, &[])),
    // ---- alerts
    on("RFC 5246 §7.2.1: close_notify is the end", |r| *r = vec![Record::alert(1, 1, 0)], Ended(ClosedByRemote)),
    on("RFC 5246 §7.2.1: close_notify of the fatal level is the end",
        |r| *r = vec![Record::alert(1, 2, 0)], Ended(ClosedByRemote)),
    on("RFC 5246 §7.2.2: a fatal alert is the end",
        |r| *r = vec![Record::alert(1, 2, 20)], Ended(AuthenticationFailure)),
    on("RFC 5246 §7.2.2: a fatal alert nobody knows is the end",
        |r| *r = vec![Record::alert(1, 2, 255)], Ended(AuthenticationFailure)),
    on("RFC 5246 §7.2: an alert of no known level is the end",
        |r| *r = vec![Record::alert(1, 7, 100)], Ended(AuthenticationFailure)),
    on("RFC 5246 §7.2.2: a warning ends nothing", |r| *r = vec![Record::alert(1, 1, 90)], Opened(0, &[])),
    on("RFC 5246 §7.2.2: no_renegotiation ends nothing", |r| *r = vec![Record::alert(1, 1, 100)], Opened(0, &[])),
    on("RFC 5246 §7.2.1: close_notify in the clear ends nothing (CVE-2023-49786)",
        |r| *r = vec![Record::alert(0, 1, 0)], Opened(0, &[Unprotected])),
    on("RFC 5246 §7.2.2: a fatal alert in the clear ends nothing",
        |r| *r = vec![Record::alert(0, 2, 40)], Opened(0, &[Unprotected])),
    on("RFC 5246 §7.2.2: a fatal alert whose tag is broken ends nothing",
        |r| *r = vec![Record::alert(1, 2, 40).spoilt(|bytes| *bytes.last_mut().unwrap() ^= 1)], Opened(0, &[Forged])),
    on("RFC 5246 §7.2.2: a fatal alert of another epoch ends nothing",
        |r| { let mut alert = Record::alert(2, 2, 40); alert.seal = Seal::Sealed; *r = vec![alert] }, Opened(0, &[WrongEpoch])),
    on("RFC 5246 §7.2: half an alert ends nothing",
        |r| *r = vec![Record::new(ALERT, 1, [2])], Opened(0, &[Unexpected])),
    on("RFC 5246 §7.2: an alert of three bytes ends nothing",
        |r| *r = vec![Record::new(ALERT, 1, [2, 40, 0])], Opened(0, &[Unexpected])),
    on("RFC 5246 §6.2.1: an alert of no bytes ends nothing",
        |r| *r = vec![Record::new(ALERT, 1, [])], Opened(0, &[Unexpected])),
    // ---- what belongs to handshakes
    on("RFC 5246 §7.1: ChangeCipherSpec under the keys is dropped",
        |r| *r = vec![Record::new(CHANGE_CIPHER_SPEC, 1, [1])], Opened(0, &[Unexpected])),
    on("RFC 5246 §7.1: ChangeCipherSpec in the clear is dropped (CVE-2020-12457)",
        |r| *r = vec![Record::change_cipher_spec()], Opened(0, &[Unprotected])),
    on("RFC 5246 §7.4.1.1: a HelloRequest under the keys is ignored",
        |r| *r = vec![Record::message(1, HELLO_REQUEST, 0, &[])], Opened(0, &[Unexpected])),
    on("RFC 5246 §7.4.1.1: a HelloRequest in the clear is ignored",
        |r| *r = vec![Record::message(0, HELLO_REQUEST, 0, &[])], Opened(0, &[Unprotected])),
    on("RFC 5246 §7.4.1.2: a hello under the keys renegotiates nothing",
        |r| *r = vec![Record::message(1, CLIENT_HELLO, 0, &[0xFE; 60])], Opened(0, &[Unexpected])),
    on("RFC 6347 §4.2.8: a hello in the clear does not disturb the association there is",
        |r| *r = vec![Record::message(0, CLIENT_HELLO, 0, &[0xFE; 60])], Opened(0, &[])),
    on("RFC 6347 §4.2.8: a hundred hellos in the clear do not either",
        |r| *r = vec![Record::message(0, CLIENT_HELLO, 0, &[0xFE; 60]); 100], Opened(0, &[])),
    on("RFC 6347 §4.2.8: a question in the clear does not disturb the association there is",
        |r| *r = vec![Record::message(0, HELLO_VERIFY_REQUEST, 0, &[0xFE, 0xFF, 1, 7])], Opened(0, &[Unprotected])),
    on("RFC 5246 §7.4.1.3: a ServerHello under the keys renegotiates nothing",
        |r| *r = vec![Record::message(1, SERVER_HELLO, 0, &[0xFE; 60])], Opened(0, &[Unexpected])),
    on("RFC 5246 §7.4.2: a certificate in the clear behind the handshake is dropped",
        |r| *r = vec![Record::message(0, CERTIFICATE, 9, &[0; 3])], Opened(0, &[Unprotected])),
    on("RFC 5246 §7.4.9: a Finished in the clear behind the handshake is dropped",
        |r| *r = vec![Record::message(0, FINISHED, 9, &[0; 12])], Opened(0, &[Unprotected])),
    on("RFC 6347 §4.2.4: a Finished behind the first data asks for nothing any more",
        |r| r.push(Record::message(1, FINISHED, 3, &[0; 12])), Opened(1, &[Unexpected])),
    on("RFC 5077 §3.3: a ticket under the keys is ignored",
        |r| *r = vec![Record::message(1, 4, 0, &[0; 6])], Opened(0, &[Unexpected])),
    on("RFC 8446 §4.6.3: a KeyUpdate of another version is ignored under the keys",
        |r| *r = vec![Record::message(1, 24, 0, &[1])], Opened(0, &[Unexpected])),
    on("RFC 5246 §6.2.1: an empty handshake record is dropped on a connection",
        |r| *r = vec![Record::new(HANDSHAKE, 1, [])], Opened(0, &[Unexpected])),
]}

#[test]
fn r15_a_server_takes_records_as_the_rfcs_say() {
    play_all::<Client>(&all());
}

#[test]
fn r15_a_client_takes_records_as_the_rfcs_say() {
    play_all::<Server>(&all());
}
