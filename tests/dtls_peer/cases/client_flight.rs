//! A client's flight: its share, its certificate and proof, its ChangeCipherSpec and Finished.

use drumfire::Trust;
use drumfire::settings::ClientAuthentication;

use super::*;
use crate::case::Expect::{Accepted, Doomed, Doubted, Refused, Repeated, Silent, Stuck};
use crate::case::Habits;
use crate::case::How::{Alone, Body, Habit, Records};
use crate::client::chain_of;
use crate::identity::{ECDSA_SHA1, Identity, RSA_PKCS1};
use crate::keys::{P384, Suite, X25519};
use crate::messages::*;
use crate::wire::*;

const fn flight(name: &'static str, how: fn(&mut Vec<Record>), expect: Expect) -> Case {
    case(name, At::Flight, Records(how), expect)
}

const fn share(name: &'static str, edit: fn(&mut Vec<u8>), expect: Expect) -> Case {
    case(name, At::Flight, Body(CLIENT_KEY_EXCHANGE, edit), expect)
}

const fn finished(name: &'static str, edit: fn(&mut Vec<u8>), expect: Expect) -> Case {
    case(name, At::Flight, Body(FINISHED, edit), expect)
}

/// Places in the flight of a client without a certificate.
const SHARE: usize = 0;
const CHANGE: usize = 1;
const LAST: usize = 2;

#[rustfmt::skip]
fn shares() -> Vec<Case> { vec![
    share("RFC 8422 §5.7: a share without a point is refused",
        |body| *body = vec![0], Doubted(Some(50), "public key has 0 bytes")),
    share("RFC 8422 §5.7: an empty ClientKeyExchange is refused",
        Vec::clear, Doubted(Some(50), "ClientKeyExchange cannot be read")),
    share("RFC 8422 §5.7: a point beyond its message is refused",
        |body| body[0] += 1, Doubted(Some(50), "ClientKeyExchange cannot be read")),
    share("RFC 8422 §5.7: bytes behind the point are refused",
        |body| body.push(0), Doubted(Some(50), "1 bytes follow")),
    share("RFC 8422 §5.11: a share of another group is refused",
        |body| *body = vector8(&[9; 32]), Doubted(Some(47), "a public key of another group")),
    share("RFC 8422 §5.1.2: a compressed point is refused",
        |body| { body.truncate(34); body[0] = 33; body[1] = 2 },
        Doubted(Some(47), "a public key of another group")),
    share("RFC 8422 §5.11: the point at infinity is refused",
        |body| *body = vec![1, 0], Doubted(Some(47), "a public key of another group")),
    share("RFC 8422 §5.11: a point that is not on the curve is refused",
        |body| body[65] ^= 1, Refused(Some(47), "no point of its group")),
    share("RFC 8422 §5.11: a point in the hybrid form is refused",
        |body| body[1] = 6, Refused(Some(47), "no point of its group")),
    share("RFC 8422 §5.11: coordinates beyond the field are refused",
        |body| body[2..].fill(0xFF), Refused(Some(47), "no point of its group")),
    share("RFC 8422 §5.11: a point of P-384 that is not on the curve is refused",
        |body| body[97] ^= 1, Refused(Some(47), "no point of its group"))
        .with(Habits { group: P384, ..Habits::HONEST }),
    share("RFC 7748 §6.1: an x25519 share of zeros is refused",
        |body| body[1..].fill(0), Refused(Some(47), "no point of its group"))
        .with(Habits { group: X25519, ..Habits::HONEST }),
    share("RFC 7748 §6.1: an x25519 share of small order is refused",
        |body| { body[1..].fill(0); body[1] = 1 }, Refused(Some(47), "no point of its group"))
        .with(Habits { group: X25519, ..Habits::HONEST }),
    share("RFC 8422 §5.11: a P-256 point for x25519 is refused",
        |body| *body = vector8(&[4; 65]), Doubted(Some(47), "a public key of another group"))
        .with(Habits { group: X25519, ..Habits::HONEST }),
    case("RFC 7627 §4: a master secret that is not bound to the handshake opens nothing",
        At::Flight, Habit, Silent(1, "no Finished within 10000 ms"))
        .with(Habits { plain_master: true, ..Habits::HONEST }),
]}

/// A message of this kind in the place of the ClientKeyExchange.
macro_rules! instead {
    ($kind:expr, $body:expr, $name:literal) => {
        flight(
            concat!(
                "RFC 5246 §7.3: a ",
                $name,
                " in the place of a ClientKeyExchange is refused"
            ),
            |r| {
                // Behind a warning, so that no hello is looked for.
                let message = Record::message(0, $kind, 2, &$body).joined();
                *r = vec![Record::alert(0, 1, 90), message];
            },
            Doubted(Some(10), concat!($name, " instead of ClientKeyExchange")),
        )
    };
}

/// A message of this kind behind the ClientKeyExchange.
macro_rules! behind {
    ($kind:expr, $name:literal) => {
        flight(
            concat!(
                "RFC 5246 §7.3: a ",
                $name,
                " behind a ClientKeyExchange is refused"
            ),
            |r| {
                let message = Record::message(0, $kind, 3, &r[SHARE].content[12..]).joined();
                r.truncate(1);
                r.extend([Record::alert(0, 1, 90), message]);
            },
            Doubted(Some(10), concat!($name, " instead of ChangeCipherSpec")),
        )
    };
}

#[rustfmt::skip]
fn orders() -> Vec<Case> { vec![
    instead!(CLIENT_HELLO, [0; 40], "ClientHello"),
    instead!(SERVER_HELLO, [0; 40], "ServerHello"),
    instead!(HELLO_VERIFY_REQUEST, [0xFE, 0xFF, 0], "HelloVerifyRequest"),
    instead!(CERTIFICATE, [0; 3], "Certificate"),
    instead!(SERVER_KEY_EXCHANGE, [3, 0, 23, 0], "ServerKeyExchange"),
    instead!(CERTIFICATE_REQUEST, [0; 5], "CertificateRequest"),
    instead!(SERVER_HELLO_DONE, [], "ServerHelloDone"),
    instead!(CERTIFICATE_VERIFY, [4, 3, 0, 0], "CertificateVerify"),
    behind!(CLIENT_HELLO, "ClientHello"),
    behind!(SERVER_HELLO, "ServerHello"),
    behind!(CERTIFICATE, "Certificate"),
    behind!(CLIENT_KEY_EXCHANGE, "ClientKeyExchange"),
    behind!(CERTIFICATE_VERIFY, "CertificateVerify"),
    behind!(SERVER_HELLO_DONE, "ServerHelloDone"),
    flight("RFC 6347 §4.2.3: a message ahead of its turn waits for it, and is wrong then",
        |r| r[SHARE] = r[SHARE].sequenced(3), Stuck(1)),
    flight("RFC 5246 §7.1: ChangeCipherSpec ahead of the share is dropped, and said again",
        |r| r.swap(SHARE, CHANGE), Stuck(1)),
    flight("RFC 6347 §4.1: Finished ahead of its ChangeCipherSpec waits for it",
        |r| r.swap(CHANGE, LAST), Accepted(0)),
    flight("RFC 6347 §4.1: Finished ahead of everything waits for its keys",
        |r| r.rotate_right(1), Accepted(0)),
    flight("RFC 6347 §4.1: a flight from its end to its beginning is completed by its repetition",
        |r| r.reverse(), Stuck(1)),
    flight("RFC 5246 §7.1: without ChangeCipherSpec there is no Finished",
        |r| { r.remove(CHANGE); }, Stuck(0)),
    flight("RFC 5246 §7.4.9: a Finished that is lost is waited for",
        |r| { r.remove(LAST); }, Stuck(0)),
    flight("RFC 6347 §4.2.4: a share that is lost is waited for",
        |r| { r.remove(SHARE); }, Stuck(1)),
    flight("RFC 6347 §4.2.4: a whole flight twice in a row is heard once",
        |r| { let again = r.clone(); r.extend(again) }, Accepted(0)),
    flight("RFC 5246 §7.4.9: without a Finished the handshake is over after ten seconds",
        |r| { r.remove(LAST); }, Silent(0, "no Finished within 10000 ms: the peer answered")),
    flight("RFC 5246 §7.1: without a ChangeCipherSpec the handshake is over after ten seconds",
        |r| { r.remove(CHANGE); }, Silent(0, "no ChangeCipherSpec within 10000 ms")),
    flight("RFC 6347 §4.2.4: a client that says nothing more is let go after ten seconds",
        Vec::clear, Silent(0, "no ClientKeyExchange within 10000 ms")),
]}

#[rustfmt::skip]
fn changes() -> Vec<Case> { vec![
    flight("RFC 5246 §7.1: ChangeCipherSpec of another value is dropped",
        |r| r[CHANGE].content = vec![2], Stuck(1)),
    flight("RFC 5246 §7.1: ChangeCipherSpec of no byte is dropped",
        |r| r[CHANGE].content.clear(), Stuck(1)),
    flight("RFC 5246 §7.1: ChangeCipherSpec of two bytes is dropped",
        |r| r[CHANGE].content = vec![1, 1], Stuck(1)),
    flight("RFC 5246 §7.1: ChangeCipherSpec under the keys it announces is not one",
        |r| { r[CHANGE].epoch = 1 }, Stuck(0)),
    flight("RFC 5246 §7.1: a second ChangeCipherSpec is dropped (CVE-2020-12457)",
        |r| { let again = r[CHANGE].clone(); r.insert(CHANGE, again) }, Accepted(1)),
    flight("RFC 5246 §7.1: a hundred ChangeCipherSpecs in a datagram are one",
        |r| { let more = vec![r[CHANGE].clone().joined(); 50]; r.splice(LAST..LAST, more); }, Accepted(0)),
]}

#[rustfmt::skip]
fn finishes() -> Vec<Case> { vec![
    finished("RFC 5246 §7.4.9: a Finished that is wrong is the end",
        |body| body[11] ^= 1, Refused(Some(51), "somebody changed the handshake on its way")),
    finished("RFC 5246 §7.4.9: a Finished of zeros is the end",
        |body| body.fill(0), Refused(Some(51), "Finished is wrong")),
    finished("RFC 5246 §7.4.9: a Finished of eleven bytes is the end",
        |body| { body.pop(); }, Refused(Some(50), "Finished cannot be read")),
    finished("RFC 5246 §7.4.9: a Finished of thirteen bytes is the end",
        |body| body.push(0), Refused(Some(50), "1 bytes follow")),
    finished("RFC 5246 §7.4.9: an empty Finished is the end",
        Vec::clear, Refused(Some(50), "Finished cannot be read")),
    flight("RFC 6347 §4.2.6: a Finished in the clear is none",
        |r| r[LAST].epoch = 0, Stuck(1)),
    flight("RFC 6347 §4.1: a Finished under the keys in the epoch before them is none",
        |r| { r[LAST].epoch = 0; r[LAST].seal = Seal::Sealed }, Stuck(1)),
    flight("RFC 6347 §4.1: a Finished of epoch 2 is none",
        |r| { r[LAST].epoch = 2; r[LAST].seal = Seal::Sealed }, Stuck(1)),
    flight("RFC 6347 §4.1: a Finished of version 1.0 is none",
        |r| r[LAST].version = DTLS_1_0, Stuck(1)),
    flight("RFC 6347 §4.1.2.1: a Finished whose tag is broken is none",
        |r| r[LAST].spoil = Some(|bytes| *bytes.last_mut().unwrap() ^= 1), Stuck(1)),
    flight("RFC 6347 §4.1.2.1: a Finished without its tag is none",
        |r| r[LAST].spoil = Some(|bytes| { bytes.truncate(13 + 8 + 15); bytes[12] = 23 }), Stuck(1)),
    flight("RFC 6347 §4.1.2.1: a Finished under another number is none",
        |r| r[LAST].spoil = Some(|bytes| bytes[10] += 1), Stuck(1)),
    flight("RFC 5288 §3: a Finished with another nonce than it was sealed with is none",
        |r| r[LAST].spoil = Some(|bytes| bytes[13] ^= 1), Stuck(1)),
    flight("RFC 5288 §3: a Finished with a nonce of chance is as good as any",
        |r| r[LAST].nonce = Some(0x8F3C_01D2_77AE_5B19), Accepted(0)),
    flight("RFC 6347 §4.1: a Finished with a number far ahead is as good as any",
        |r| r[LAST].number = Some(1 << 40), Accepted(0)),
    flight("RFC 6347 §4.2.3: a Finished in pieces is put together",
        |r| { let all = r.remove(LAST); r.extend((0..12).map(|at| all.fragment(at, at + 1))) }, Accepted(0)),
    flight("RFC 6347 §4.2.6: a Finished half in the clear is completed by its repetition alone",
        |r| {
            let all = r.remove(LAST);
            let mut clear = all.fragment(0, 6);
            clear.epoch = 0;
            r.extend([clear, all.fragment(6, 12)]);
        }, Stuck(1)),
    flight("RFC 6347 §4.2.2: a Finished under the number of another message is none",
        |r| r[LAST] = r[LAST].sequenced(5), Stuck(0)),
    flight("RFC 5246 §7.3: a share under the new keys is none",
        |r| { let mut again = r[SHARE].sequenced(3); again.epoch = 1; r.insert(LAST, again) }, Accepted(1)),
    flight("RFC 5246 §7.2.2: a fatal alert under the new keys is the peer's",
        |r| r[LAST] = Record::alert(1, 2, 42), Refused(None, "gave up with bad_certificate")),
    flight("RFC 5246 §7.2.1: close_notify under the new keys is the end",
        |r| r[LAST] = Record::alert(1, 1, 0), Refused(None, "gave up with close_notify")),
    flight("RFC 5246 §7.2.2: a warning under the new keys is only a warning",
        |r| r.insert(LAST, Record::alert(1, 1, 90)), Accepted(0)),
    flight("RFC 5246 §7.2: half an alert under the new keys is dropped",
        |r| r.insert(LAST, Record::new(ALERT, 1, [2])), Accepted(1)),
    flight("RFC 5246 §7.1: ChangeCipherSpec under the new keys is dropped",
        |r| r.insert(LAST, Record::new(CHANGE_CIPHER_SPEC, 1, [1])), Accepted(1)),
    flight("RFC 5246 §6.2.1: an empty handshake record under the new keys is dropped",
        |r| r.insert(LAST, Record::new(HANDSHAKE, 1, [])), Accepted(1)),
    flight("RFC 6347 §4.1: eight records ahead of Finished are kept, the ninth is dropped",
        |r| { let early = vec![Record::new(APPLICATION_DATA, 1, *b"early"); 9]; r.splice(0..0, early); },
        Accepted(1)),
    flight("RFC 7905 §2: a Finished whose tag is broken is none with ChaCha20 either",
        |r| r[LAST].spoil = Some(|bytes| *bytes.last_mut().unwrap() ^= 1), Stuck(1))
        .with(Habits { suite: Suite::EcdsaChaCha, ..Habits::HONEST }),
    case("RFC 6347 §4.2.4: a Finished said again is answered with the last flight again",
        At::Associated, Records(|r| r.push(Record::message(1, FINISHED, 3, &[0; 12]))), Repeated),
]}

/// A server that must see a player's certificate, and a client that has one.
const PLAYER: Habits = Habits {
    identity: Some(Identity::Player),
    server: |server| server.client_authentication(ClientAuthentication::Required(players())),
    ..Habits::HONEST
};

/// A server that would like to.
const PERHAPS: Habits = Habits {
    server: |server| server.client_authentication(ClientAuthentication::Optional(players())),
    ..PLAYER
};

fn players() -> Trust {
    Trust::from_pem(include_str!("../../../certs/ecdsa-client-ca.pem")).unwrap()
}

const fn shown(name: &'static str, edit: fn(&mut Vec<u8>), expect: Expect) -> Case {
    case(name, At::Flight, Body(CERTIFICATE, edit), expect).with(PLAYER)
}

const fn proof(name: &'static str, edit: fn(&mut Vec<u8>), expect: Expect) -> Case {
    case(name, At::Flight, Alone(CERTIFICATE_VERIFY, edit), expect).with(PLAYER)
}

const fn player(name: &'static str, how: fn(&mut Vec<Record>), expect: Expect) -> Case {
    flight(name, how, expect).with(PLAYER)
}

/// Places in the flight of a client with a certificate.
const SHOWN: usize = 0;
const PROOF: usize = 2;

#[rustfmt::skip]
fn certificates() -> Vec<Case> { vec![
    player("RFC 5246 §7.4.8: a player with a certificate and its proof gets in", |_| {}, Accepted(0)),
    case("RFC 5246 §7.4.6: where a certificate is optional none will do",
        At::Flight, Habit, Accepted(0)).with(Habits { identity: None, ..PERHAPS }),
    shown("RFC 5246 §7.4.6: where a certificate is required none is refused",
        |body| *body = vec![0, 0, 0], Doubted(Some(40), "showed no certificate, and one is required")),
    shown("RFC 5246 §7.4.6: certificates beyond their message are refused",
        |body| body[2] += 1, Doubted(Some(50), "Certificate cannot be read")),
    shown("RFC 5246 §7.4.6: bytes behind the certificates are refused",
        |body| body.push(0), Doubted(Some(50), "Certificate cannot be read: 1 bytes follow")),
    shown("RFC 5246 §7.4.6: a certificate beyond its list is refused",
        |body| body[5] += 1, Doubted(Some(50), "Certificate cannot be read")),
    shown("RFC 5246 §7.4.6: a certificate of no bytes is refused",
        |body| *body = vec![0, 0, 3, 0, 0, 0], Doubted(Some(50), "certificate list has 0 bytes")),
    shown("RFC 5246 §7.4.6: a list without its length is refused",
        |body| body.truncate(2), Doubted(Some(50), "Certificate cannot be read")),
    shown("RFC 5246 §7.4.6: an empty Certificate is refused",
        Vec::clear, Doubted(Some(50), "Certificate cannot be read")),
    shown("RFC 5246 §7.2.2: what is no certificate is refused",
        |body| *body = vector24(&vector24(b"no certificate")), Doubted(Some(42), "certificate is malformed")),
    shown("RFC 5246 §7.2.2: a certificate that was changed is refused",
        |body| { let at = body.len() - 1; body[at] ^= 1 }, Doubted(Some(42), "is not by the key of the given CA")),
    shown("RFC 5246 §7.2.2: a certificate of another CA is refused",
        |body| *body = chain_of(Some(Identity::RsaPlayer)), Doubted(Some(48), "which is none of the given CA certificates")),
    shown("RFC 5246 §7.2.2: a server's certificate is refused as a player's",
        |body| *body = chain_of(Some(Identity::Server)), Doubted(Some(43), "may not be used for this")),
    case("RFC 5246 §7.4.8: a certificate without a proof is refused (CVE-2022-29222)",
        At::Flight, Records(|r| { r.remove(PROOF); }), Stuck(1)).with(PLAYER),
    case("RFC 5246 §7.4.8: without a proof the handshake is over after ten seconds",
        At::Flight, Records(|r| { r.remove(PROOF); }), Silent(1, "no CertificateVerify within 10000 ms"))
        .with(PLAYER),
    proof("RFC 5246 §7.4.8: a proof that was changed is refused",
        |body| { let at = body.len() - 1; body[at] ^= 1 }, Doubted(Some(51), "signature")),
    proof("RFC 5246 §7.4.8: a proof without a signature is refused",
        |body| { body.truncate(2); body.extend([0, 0]) }, Doubted(Some(51), "signature")),
    proof("RFC 5246 §7.4.8: a proof beyond its message is refused",
        |body| body[3] += 1, Doubted(Some(50), "CertificateVerify cannot be read")),
    proof("RFC 5246 §7.4.8: bytes behind a proof are refused",
        |body| body.push(0), Doubted(Some(50), "CertificateVerify cannot be read")),
    proof("RFC 5246 §7.4.8: an empty proof is refused",
        Vec::clear, Doubted(Some(50), "CertificateVerify cannot be read")),
    proof("RFC 5246 §7.4.8: a proof of a scheme that was not offered is refused",
        |body| body[..2].copy_from_slice(&ECDSA_SHA1.to_be_bytes()),
        Doubted(Some(47), "a signature scheme that was not offered")),
    proof("RFC 5246 §7.4.8: a proof of a scheme nobody knows is refused",
        |body| body[..2].copy_from_slice(&[0xFE, 0xFE]),
        Doubted(Some(47), "a signature scheme that was not offered")),
    proof("RFC 5246 §7.4.8: a proof of another key's scheme is refused",
        |body| body[..2].copy_from_slice(&RSA_PKCS1.to_be_bytes()), Doubted(Some(47), "a scheme that does not fit its key")),
    case("RFC 5246 §7.4.8: a proof of another handshake is refused",
        At::Flight, Habit, Doomed(Some(51), "signature"))
        .with(Habits { sign_over: |signed| signed[20] ^= 1, ..PLAYER }),
    case("RFC 5246 §7.4.8: a proof of less than the handshake is refused",
        At::Flight, Habit, Doomed(Some(51), "signature"))
        .with(Habits { sign_over: |signed| signed.truncate(signed.len() - 66 - 12), ..PLAYER }),
    player("RFC 5246 §7.3: a proof before the share is refused",
        |r| { *r = vec![r[SHOWN].clone(), r[PROOF].sequenced(3)] },
        Doubted(Some(10), "CertificateVerify instead of ClientKeyExchange")),
    player("RFC 5246 §7.3: a share before the certificate is refused",
        |r| { *r = vec![r[1].sequenced(2)] },
        Doubted(Some(10), "ClientKeyExchange instead of Certificate")),
    player("RFC 5246 §7.3: a proof in the certificate's place is refused",
        |r| { *r = vec![r[PROOF].sequenced(2)] },
        Doubted(Some(10), "CertificateVerify instead of Certificate")),
    player("RFC 5246 §7.3: a second certificate is refused",
        |r| { *r = vec![r[SHOWN].clone(), r[SHOWN].sequenced(3)] },
        Doubted(Some(10), "Certificate instead of ClientKeyExchange")),
    player("RFC 5246 §7.3: a second share in the proof's place is refused",
        |r| { *r = vec![r[SHOWN].clone(), r[1].clone(), r[1].sequenced(4)] },
        Doubted(Some(10), "ClientKeyExchange instead of CertificateVerify")),
    player("RFC 5246 §7.3: a second proof is refused",
        |r| { *r = vec![r[SHOWN].clone(), r[1].clone(), r[PROOF].clone(), r[PROOF].sequenced(5)] },
        Doubted(Some(10), "CertificateVerify instead of ChangeCipherSpec")),
    player("RFC 5246 §7.3: ChangeCipherSpec in the proof's place is dropped",
        |r| r.swap(PROOF, PROOF + 1), Stuck(1)),
    case("RFC 5246 §7.4.8: a proof of no certificate is refused",
        At::Flight, Body(CERTIFICATE, |body| *body = vec![0, 0, 0]),
        Doomed(Some(10), "CertificateVerify instead of ChangeCipherSpec")).with(PERHAPS),
    player("RFC 5246 §6.2.1: a flight whose messages share a record is read",
        |r| {
            let (share, proof) = (r.remove(1), r.remove(1));
            r[0].content.extend(share.content);
            r[0].content.extend(proof.content);
        }, Accepted(0)),
]}

pub(super) fn all() -> Vec<Case> {
    [shares(), orders(), changes(), finishes(), certificates()].concat()
}

#[test]
fn r13_r14_a_server_takes_flights_as_the_rfcs_say() {
    play_all::<Client>(&all());
}
