//! A client's hellos: what a server answers without a trace, and what it refuses.

use drumfire::counters::DropReason::{
    BadCookie, FragmentedHello, Malformed, NoAssociation, Oversize,
};

use super::*;
use crate::case::Expect::{Accepted, Asked, Dropped, Refused};
use crate::case::Habits;
use crate::case::How::{Body, Habit, Records};
use crate::keys::{P256, P384, Suite, X25519};
use crate::messages::*;
use crate::wire::*;

const fn first(name: &'static str, how: How, expect: Expect) -> Case {
    case(name, At::Hello, how, expect)
}

const fn second(name: &'static str, how: How, expect: Expect) -> Case {
    case(name, At::Cookie, how, expect)
}

/// A case of two hellos that agree with each other.
const fn both(name: &'static str, hello: fn(&mut ClientHello), expect: Expect) -> Case {
    case(name, At::Cookie, Habit, expect).with(Habits {
        hello,
        ..Habits::HONEST
    })
}

/// A hello whose extension `kind` has this data.
macro_rules! extension {
    ($kind:expr, $data:expr) => {
        Body(CLIENT_HELLO, |body| {
            client_hello(body, |hello| hello.extensions.set($kind, $data))
        })
    };
}

/// A hello with one field changed.
macro_rules! field {
    ($hello:ident => $change:expr) => {
        Body(CLIENT_HELLO, |body| client_hello(body, |$hello| $change))
    };
}

/// Where the fields of an honest first hello begin.
const SESSION_ID: usize = 34;
const COOKIE: usize = 35;
const SUITES: usize = 36;
const COMPRESSIONS: usize = 40;
const EXTENSIONS: usize = 42;

#[rustfmt::skip]
fn records() -> Vec<Case> { vec![
    first("RFC 6347 §4.1: a stranger's record of an unknown type is not answered",
        Records(|r| r[0].kind = 24), Dropped(NoAssociation)),
    first("RFC 6347 §4.1: a stranger's record of TLS is not answered",
        Records(|r| r[0].version = 0x0303), Dropped(NoAssociation)),
    first("RFC 6347 §4.1: a first hello in a record of version 1.2 is answered",
        Records(|r| r[0].version = DTLS_1_2), Asked),
    first("RFC 6347 §4.1: a first hello in a record of a later version is answered",
        Records(|r| r[0].version = 0xFEFC), Asked),
    first("RFC 6347 §4.1: a first hello of epoch 1 is not answered",
        Records(|r| { r[0].epoch = 1; r[0].seal = Seal::Open }), Dropped(NoAssociation)),
    first("RFC 6347 §4.1: a first hello of the last epoch is not answered",
        Records(|r| { r[0].epoch = 0xFFFF; r[0].seal = Seal::Open }), Dropped(NoAssociation)),
    first("RFC 6347 §4.2.1: the question has the record number of the hello, however large",
        Records(|r| r[0].number = Some(1 << 40)), Asked),
    first("RFC 6347 §4.1: a length beyond the datagram is not answered",
        Records(|r| r[0].spoil = Some(|bytes| bytes[12] += 1)), Dropped(NoAssociation)),
    first("RFC 6347 §4.1: a length before the end of the hello is not answered",
        Records(|r| r[0].spoil = Some(|bytes| bytes[12] -= 1)), Dropped(Malformed)),
    first("RFC 5246 §6.2.1: an empty record is not answered",
        Records(|r| r[0].content.clear()), Dropped(NoAssociation)),
    first("RFC 6347 §4.1: a datagram shorter than a record header is not answered",
        Records(|r| r[0].spoil = Some(|bytes| bytes.truncate(12))), Dropped(NoAssociation)),
    first("RFC 6347 §4.2.2: a record shorter than a message header is not answered",
        Records(|r| r[0].content.truncate(11)), Dropped(Malformed)),
    first("RFC 6347 §4.2.2: a fragment longer than its record is not answered",
        Records(|r| { r[0].content[3] += 1; r[0].content[11] += 1 }), Dropped(Malformed)),
    first("RFC 6347 §4.2.2: a fragment that passes the end of its message is not answered",
        Records(|r| r[0].content[3] -= 1), Dropped(Malformed)),
    first("RFC 6347 §4.2.3: a first hello in pieces is not answered",
        Records(|r| *r = vec![r[0].fragment(0, 40), r[0].fragment(40, r[0].body_len())]),
        Dropped(FragmentedHello)),
    first("RFC 6347 §4.2.2: a hello that declares 16 MiB is not answered",
        Records(|r| r[0].content[1..4].fill(0xFF)), Dropped(Oversize)),
    first("RFC 6347 §4.2.1: a message of an unknown kind opens nothing",
        Records(|r| r[0].content[0] = 99), Dropped(NoAssociation)),
    first("RFC 6347 §4.2.1: a stranger's ServerHello opens nothing",
        Records(|r| r[0].content[0] = SERVER_HELLO), Dropped(NoAssociation)),
    first("RFC 6347 §4.2.1: a stranger's HelloVerifyRequest opens nothing",
        Records(|r| r[0].content[0] = HELLO_VERIFY_REQUEST), Dropped(NoAssociation)),
    first("RFC 5246 §7.4.1.1: a stranger's HelloRequest opens nothing",
        Records(|r| *r = vec![Record::message(0, HELLO_REQUEST, 0, &[])]), Dropped(NoAssociation)),
    first("RFC 5246 §7.4: a stranger's Finished opens nothing",
        Records(|r| *r = vec![Record::message(0, FINISHED, 0, &[0; 12])]), Dropped(NoAssociation)),
    first("RFC 5246 §7.2: a stranger's alert opens nothing",
        Records(|r| *r = vec![Record::alert(0, 2, 40)]), Dropped(NoAssociation)),
    first("RFC 5246 §7.1: a stranger's ChangeCipherSpec opens nothing",
        Records(|r| *r = vec![Record::change_cipher_spec()]), Dropped(NoAssociation)),
    first("RFC 5246 §10: a stranger's data in the clear opens nothing",
        Records(|r| *r = vec![Record::new(APPLICATION_DATA, 0, *b"text")]), Dropped(NoAssociation)),
    first("RFC 6347 §4.1: a stranger's data of epoch 1 opens nothing",
        Records(|r| { r[0].kind = APPLICATION_DATA; r[0].epoch = 1; r[0].seal = Seal::Open }),
        Dropped(NoAssociation)),
    first("RFC 6347 §4.1: an alert in front of the hello hides it",
        Records(|r| { let hello = r.remove(0).joined(); r.extend([Record::alert(0, 1, 90), hello]) }),
        Dropped(NoAssociation)),
    first("RFC 6347 §4.2.1: two hellos in a datagram are one question",
        Records(|r| { let again = r[0].clone().numbered(0).joined(); r.push(again) }), Asked),
    first("RFC 6347 §4.1: garbage behind a hello does not spoil it",
        Records(|r| r[0].spoil = Some(|bytes| bytes.extend(b"garbage"))), Asked),
]}

#[rustfmt::skip]
fn bodies() -> Vec<Case> { vec![
    first("RFC 5246 §7.4.1.2: a hello that ends in its version is dropped",
        Body(CLIENT_HELLO, |body| body.truncate(1)), Dropped(Malformed)),
    first("RFC 5246 §7.4.1.2: a hello that ends in its random is dropped",
        Body(CLIENT_HELLO, |body| body.truncate(33)), Dropped(Malformed)),
    first("RFC 5246 §7.4.1.2: a session id beyond the hello is dropped",
        Body(CLIENT_HELLO, |body| body[SESSION_ID] = 255), Dropped(Malformed)),
    first("RFC 5246 §7.4.1.2: a session id of 33 bytes is dropped",
        field!(hello => hello.session_id = vec![1; 33]), Dropped(Malformed)),
    first("RFC 6347 §4.2.1: a cookie beyond the hello is dropped (CVE-2022-35409)",
        Body(CLIENT_HELLO, |body| body[COOKIE] = 255), Dropped(Malformed)),
    first("RFC 6347 §4.2.1: a hello that ends in its cookie's length is dropped",
        Body(CLIENT_HELLO, |body| body.truncate(COOKIE)), Dropped(Malformed)),
    first("RFC 5246 §7.4.1.2: cipher suites beyond the hello are dropped",
        Body(CLIENT_HELLO, |body| body[SUITES] = 255), Dropped(Malformed)),
    first("RFC 5246 §7.4.1.2: no cipher suite at all is dropped",
        field!(hello => hello.suites.clear()), Dropped(Malformed)),
    first("RFC 5246 §7.4.1.2: half a cipher suite is dropped",
        Body(CLIENT_HELLO, |body| { body.insert(SUITES + 2, 0); body[SUITES + 1] = 3 }),
        Dropped(Malformed)),
    first("RFC 5246 §7.4.1.2: no compression method at all is dropped",
        field!(hello => hello.compressions.clear()), Dropped(Malformed)),
    first("RFC 5246 §7.4.1.2: compression methods beyond the hello are dropped",
        Body(CLIENT_HELLO, |body| body[COMPRESSIONS] = 255), Dropped(Malformed)),
    first("RFC 5246 §7.4.1.4: bytes behind the extensions are dropped",
        Body(CLIENT_HELLO, |body| body.push(0)), Dropped(Malformed)),
    first("RFC 5246 §7.4.1.4: extensions beyond the hello are dropped",
        Body(CLIENT_HELLO, |body| body[EXTENSIONS + 1] += 1), Dropped(Malformed)),
    first("RFC 5246 §7.4.1.4: half a length of extensions is dropped",
        Body(CLIENT_HELLO, |body| body.truncate(EXTENSIONS + 1)), Dropped(Malformed)),
    first("RFC 5246 §7.4.1.4: an extension beyond its block is dropped",
        Body(CLIENT_HELLO, |body| body[EXTENSIONS + 4] = 1), Dropped(Malformed)),
    first("RFC 5246 §7.4.1.4: an extension that occurs twice is dropped",
        field!(hello => hello.extensions.0.push((SERVER_NAME, Vec::new()))), Dropped(Malformed)),
    first("RFC 5246 §7.4.1.4: an unknown extension that occurs twice is dropped",
        field!(hello => hello.extensions.0.extend([(0x5A5A, vec![]), (0x5A5A, vec![])])),
        Dropped(Malformed)),
    first("RFC 5246 §7.4.1.4: sixty-four extensions are read",
        field!(hello => hello.extensions.0.extend((100..158).map(|kind| (kind, vec![])))), Asked),
    first("RFC 5246 §7.4.1.4: more than sixty-four are dropped",
        field!(hello => hello.extensions.0.extend((100..159).map(|kind| (kind, vec![])))),
        Dropped(Malformed)),
    first("RFC 6066 §3: a list of server names beyond its extension is dropped",
        extension!(SERVER_NAME, [0, 9, 0, 0, 1, b'a']), Dropped(Malformed)),
    first("RFC 6066 §3: a server name beyond its list is dropped",
        extension!(SERVER_NAME, [0, 4, 0, 0, 9, b'a']), Dropped(Malformed)),
    first("RFC 6066 §3: a list of no server names is dropped",
        extension!(SERVER_NAME, [0, 0]), Dropped(Malformed)),
    first("RFC 6066 §3: an empty server name is dropped",
        extension!(SERVER_NAME, [0, 3, 0, 0, 0]), Dropped(Malformed)),
    first("RFC 8422 §5.1.1: no group at all is dropped",
        extension!(SUPPORTED_GROUPS, [0, 0]), Dropped(Malformed)),
    first("RFC 8422 §5.1.1: half a group is dropped",
        extension!(SUPPORTED_GROUPS, [0, 3, 0, 23, 0]), Dropped(Malformed)),
    first("RFC 8422 §5.1.1: groups beyond their extension are dropped",
        extension!(SUPPORTED_GROUPS, [0, 4, 0, 23]), Dropped(Malformed)),
    first("RFC 8422 §5.1.1: bytes behind the groups are dropped",
        extension!(SUPPORTED_GROUPS, [0, 2, 0, 23, 0]), Dropped(Malformed)),
    first("RFC 8422 §5.1.2: point formats beyond their extension are dropped",
        extension!(EC_POINT_FORMATS, [2, 0]), Dropped(Malformed)),
    first("RFC 8422 §5.1.2: bytes behind the point formats are dropped",
        extension!(EC_POINT_FORMATS, [1, 0, 0]), Dropped(Malformed)),
    first("RFC 5246 §7.4.1.4.1: no signature algorithm at all is dropped",
        extension!(SIGNATURE_ALGORITHMS, [0, 0]), Dropped(Malformed)),
    first("RFC 5246 §7.4.1.4.1: half a signature algorithm is dropped",
        extension!(SIGNATURE_ALGORITHMS, [0, 1, 4]), Dropped(Malformed)),
    first("RFC 5246 §7.4.1.4.1: signature algorithms beyond their extension are dropped",
        extension!(SIGNATURE_ALGORITHMS, [0, 4, 4, 3]), Dropped(Malformed)),
    first("RFC 7627 §5.1: an extended master secret with content is dropped",
        extension!(EXTENDED_MASTER_SECRET, [0]), Dropped(Malformed)),
    first("RFC 5746 §3.2: renegotiation info beyond its extension is dropped",
        extension!(RENEGOTIATION_INFO, [1]), Dropped(Malformed)),
    first("RFC 5746 §3.2: renegotiation info without its length is dropped",
        extension!(RENEGOTIATION_INFO, []), Dropped(Malformed)),
    first("RFC 6347 §4.2.1: nobody's cookie is answered with a question",
        field!(hello => hello.cookie = vec![7; 32]), Asked),
    first("RFC 6347 §4.2.1: a hello of version 1.0 costs a question and no state",
        field!(hello => hello.version = DTLS_1_0), Asked),
    first("RFC 5246 §7.4.1.4: a hello without extensions costs a question and no state",
        field!(hello => hello.extensions.0.clear()), Asked),
]}

#[rustfmt::skip]
fn cookies() -> Vec<Case> { vec![
    second("RFC 6347 §4.2.1: a cookie with a bit changed is asked about again",
        field!(hello => hello.cookie[9] ^= 1), Asked),
    second("RFC 6347 §4.2.1: a cookie without its last byte is asked about again",
        field!(hello => { hello.cookie.pop(); }), Asked),
    second("RFC 6347 §4.2.1: a cookie with a byte more is asked about again",
        field!(hello => hello.cookie.push(0)), Asked),
    second("RFC 6347 §4.2.1: a cookie of 255 bytes is asked about again",
        field!(hello => hello.cookie.resize(255, 0)), Asked),
    second("RFC 6347 §4.2.1: no cookie the second time is asked about again",
        field!(hello => hello.cookie.clear()), Asked),
    second("RFC 6347 §4.2.1: the cookie of another random is asked about again",
        field!(hello => hello.random[0] ^= 1), Asked),
    second("RFC 6347 §4.2.1: the cookie of another session id is asked about again",
        field!(hello => hello.session_id = vec![1; 32]), Asked),
    second("RFC 6347 §4.2.1: the cookie of other cipher suites is asked about again",
        field!(hello => hello.suites.push(0xC02B)), Asked),
    second("RFC 6347 §4.2.1: the cookie of other compression methods is asked about again",
        field!(hello => hello.compressions.push(1)), Asked),
    second("RFC 6347 §4.2.1: a right cookie does for a hello with one more extension",
        field!(hello => hello.extensions.set(0x1234, [1])), Accepted(0)),
    second("RFC 6347 §4.2.3: a second hello whose first piece has the cookie is put together",
        Records(|r| *r = vec![r[0].fragment(0, 100), r[0].fragment(100, r[0].body_len())]),
        Accepted(0)),
    second("RFC 6347 §4.2.3: a second hello whose first piece has half the cookie is dropped",
        Records(|r| *r = vec![r[0].fragment(0, 50), r[0].fragment(50, r[0].body_len())]),
        Dropped(FragmentedHello)),
    second("RFC 6347 §4.2.3: a piece of a hello with a wrong cookie is dropped",
        Records(|r| { r[0].content[12 + 40] ^= 1; *r = vec![r[0].fragment(0, 100)] }),
        Dropped(BadCookie)),
    second("RFC 6347 §4.2.4: the same hello twice in a row is one handshake",
        Records(|r| { let again = r[0].clone(); r.push(again) }), Accepted(0)),
    second("RFC 6347 §4.1: half a record behind the hello does not spoil it",
        Records(|r| r[0].spoil = Some(|bytes| bytes.extend([22, 0xFE, 0xFD]))), Accepted(0)),
]}

#[rustfmt::skip]
fn choices() -> Vec<Case> { vec![
    second("RFC 6347 §4.2.1: a client that speaks 1.0 at most is refused",
        field!(hello => hello.version = DTLS_1_0), Refused(Some(70), "speaks no DTLS 1.2 (it says feff)")),
    second("RFC 5246 §E.1: a client that speaks TLS is refused",
        field!(hello => hello.version = 0x0303), Refused(Some(70), "speaks no DTLS 1.2 (it says 0303)")),
    second("RFC 6347 §4.1: a client that speaks a later version gets 1.2",
        field!(hello => hello.version = 0xFEFC), Accepted(0)),
    both("RFC 5246 §7.4.1.3: only AES-128 is no common suite",
        |hello| hello.suites = vec![0xC02B], Refused(Some(40), "no common cipher suite: 1 were offered")),
    both("RFC 5246 §7.4.1.3: only CBC is no common suite",
        |hello| hello.suites = vec![0xC00A, 0xC024], Refused(Some(40), "no common cipher suite: 2")),
    both("RFC 5246 §7.4.1.3: only RSA suites do not fit an ECDSA certificate",
        |hello| hello.suites = vec![0xC030, 0xCCA8], Refused(Some(40), "a certificate for ECDSA only")),
    both("RFC 5246 §A.5: the NULL suite is no common suite",
        |hello| hello.suites = vec![0], Refused(Some(40), "no common cipher suite")),
    both("RFC 5746 §3.3: the signalling suite alone is no common suite",
        |hello| hello.suites = vec![0x00FF], Refused(Some(40), "no common cipher suite")),
    both("RFC 8701 §3.1: suites nobody knows are skipped",
        |hello| { hello.suites.splice(0..0, [0x0A0A, 0xFAFA]); }, Accepted(0)),
    both("RFC 5246 §7.4.1.3: the client's order of suites is followed",
        |hello| hello.suites.extend([0xCCA9, 0xC030]), Accepted(0)),
    both("RFC 7507 §3: a fallback to the highest version there is goes on",
        |hello| hello.suites.push(0x5600), Accepted(0)),
    both("RFC 5246 §7.4.1.2: a client that must compress is refused",
        |hello| hello.compressions = vec![1], Refused(Some(47), "no compression method that does not compress")),
    both("RFC 5246 §7.4.1.2: a client that would compress is not",
        |hello| hello.compressions = vec![1, 64, 0], Accepted(0)),
    both("RFC 5246 §7.4.1.2: a session nobody knows becomes a full handshake",
        |hello| hello.session_id = vec![5; 32], Accepted(0)),
    second("RFC 7627 §5.2: a client without the extended master secret is refused",
        field!(hello => hello.extensions.drop(EXTENDED_MASTER_SECRET)),
        Refused(Some(40), "extended master secret")),
    second("RFC 5746 §3.6: a client without renegotiation indication is refused",
        field!(hello => hello.extensions.drop(RENEGOTIATION_INFO)),
        Refused(Some(40), "secure renegotiation")),
    both("RFC 5746 §3.6: the signalling suite does in the extension's place",
        |hello| { hello.extensions.drop(RENEGOTIATION_INFO); hello.suites.push(0x00FF) }, Accepted(0)),
    both("RFC 5746 §3.6: suite and extension together do as well",
        |hello| hello.suites.push(0x00FF), Accepted(0)),
    second("RFC 5746 §3.6: the renegotiation of no handshake is refused",
        extension!(RENEGOTIATION_INFO, [12, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        Refused(Some(40), "renegotiates what was never negotiated")),
    second("RFC 8422 §5.1.2: point formats without the uncompressed one are refused",
        extension!(EC_POINT_FORMATS, [2, 1, 2]), Refused(Some(47), "no uncompressed point format")),
    second("RFC 8422 §5.1.2: no point format at all is refused",
        extension!(EC_POINT_FORMATS, [0]), Refused(Some(47), "no uncompressed point format")),
    second("RFC 8422 §5.1.2: a client that is silent about point formats is served",
        field!(hello => hello.extensions.drop(EC_POINT_FORMATS)), Accepted(0)),
    second("RFC 8422 §4: a client that is silent about groups gets P-256",
        field!(hello => hello.extensions.drop(SUPPORTED_GROUPS)), Accepted(0)),
    second("RFC 8422 §5.1.1: groups nobody knows are no common group",
        extension!(SUPPORTED_GROUPS, [0, 4, 0x1A, 0x1A, 0, 25]), Refused(Some(40), "no common group")),
    second("RFC 8701 §3.1: groups nobody knows are skipped",
        extension!(SUPPORTED_GROUPS, [0, 6, 0x1A, 0x1A, 0, 30, 0, 23]), Accepted(0)),
    second("RFC 5246 §7.4.1.4.1: silence about signatures means SHA-1, which is refused",
        field!(hello => hello.extensions.drop(SIGNATURE_ALGORITHMS)),
        Refused(Some(40), "no signature that our private key can make")),
    second("RFC 5246 §7.4.1.4.1: SHA-1 alone is refused",
        extension!(SIGNATURE_ALGORITHMS, [0, 4, 2, 3, 2, 1]), Refused(Some(40), "no signature")),
    second("RFC 5246 §7.4.1.4.1: signatures of other keys alone are refused",
        extension!(SIGNATURE_ALGORITHMS, [0, 4, 4, 1, 8, 4]), Refused(Some(40), "no signature")),
    second("RFC 6066 §3: a client that names another server is served, and judges by itself",
        extension!(SERVER_NAME, [0, 8, 0, 0, 5, b'o', b't', b'h', b'e', b'r']), Accepted(0)),
    second("RFC 6066 §3: a client that names no server is served",
        field!(hello => hello.extensions.drop(SERVER_NAME)), Accepted(0)),
    second("RFC 5246 §7.4.1.4: extensions nobody knows are skipped",
        field!(hello => hello.extensions.0.splice(0..0, [(35, vec![]), (22, vec![]), (0xFAFA, vec![0])]).for_each(drop)),
        Accepted(0)),
    second("RFC 5246 §7.4.1.4: an extension twice in the second piece of a hello is refused",
        Records(|r| {
            let bad = r[0].saying(|body| client_hello(body, |hello| {
                hello.extensions.0.push((0x5A5A, vec![]));
                hello.extensions.0.push((0x5A5A, vec![]));
            }));
            *r = vec![bad.fragment(0, 100), bad.fragment(100, bad.body_len())];
        }),
        Refused(Some(50), "ClientHello cannot be read: extension 23130 occurs twice")),
    second("RFC 7905 §2: a client of ChaCha20 is served",
        Habit, Accepted(0)).with(Habits { suite: Suite::EcdsaChaCha, ..Habits::HONEST }),
    second("RFC 8422 §5.1.1: a client of x25519 is served",
        Habit, Accepted(0)).with(Habits { group: X25519, ..Habits::HONEST }),
    second("RFC 8422 §5.1.1: a client of P-384 is served",
        Habit, Accepted(0)).with(Habits { group: P384, ..Habits::HONEST }),
    second("RFC 8422 §5.1.1: the first common group of a client's that has P-256 alone is P-256",
        extension!(SUPPORTED_GROUPS, [0, 4, 0, 23, 0, 25]), Accepted(0))
        .with(Habits { group: P256, ..Habits::HONEST }),
]}

pub(super) fn all() -> Vec<Case> {
    [records(), bodies(), cookies(), choices()].concat()
}

#[test]
fn r08_r13_a_server_answers_hellos_as_the_rfcs_say() {
    play_all::<Client>(&all());
}
