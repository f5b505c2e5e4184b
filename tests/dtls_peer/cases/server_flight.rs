//! A server's question, its flight, and its last word.

use drumfire::settings::{SecureClient, SuiteOffer};
use drumfire::{Identity as OurIdentity, Trust};

use super::*;
use crate::case::Expect::{Accepted, Doomed, Doubted, Dropped, Refused, Silent, Stuck};
use crate::case::Habits;
use crate::case::How::{Alone, Body, Habit, Records};
use crate::client::chain_of;
use crate::identity::{ECDSA_SHA1, ECDSA_SHA384, Identity, RSA_PKCS1_SHA1, RSA_PSS};
use crate::keys::{P384, Private, Suite, X25519};
use crate::messages::*;
use crate::wire::*;

const fn question(name: &'static str, how: How, expect: Expect) -> Case {
    case(name, At::Question, how, expect)
}

const fn flight(name: &'static str, how: fn(&mut Vec<Record>), expect: Expect) -> Case {
    case(name, At::Flight, Records(how), expect)
}

const fn hello(name: &'static str, edit: fn(&mut Vec<u8>), expect: Expect) -> Case {
    case(name, At::Flight, Body(SERVER_HELLO, edit), expect)
}

const fn shown(name: &'static str, edit: fn(&mut Vec<u8>), expect: Expect) -> Case {
    case(name, At::Flight, Body(CERTIFICATE, edit), expect)
}

const fn exchange(name: &'static str, edit: fn(&mut Vec<u8>), expect: Expect) -> Case {
    case(name, At::Flight, Body(SERVER_KEY_EXCHANGE, edit), expect)
}

const fn last(name: &'static str, how: fn(&mut Vec<Record>), expect: Expect) -> Case {
    case(name, At::Last, Records(how), expect)
}

/// A case of a server that is wrong before it signs.
const fn signed(name: &'static str, habits: Habits, expect: Expect) -> Case {
    case(name, At::Flight, Habit, expect).with(habits)
}

/// A server's hello with one field changed.
macro_rules! field {
    ($hello:ident => $change:expr) => {
        |body| server_hello(body, |$hello| $change)
    };
}

/// A server's share with one field changed once it is signed.
macro_rules! part {
    ($share:ident => $change:expr) => {
        |body| crate::messages::share(body, |$share| $change)
    };
}

/// A message of this kind in the place of the ServerHello, or of what answers the first hello.
macro_rules! instead {
    ($at:expr, $sequence:literal, $section:literal, $kind:expr, $body:expr, $name:literal, $awaited:literal) => {
        case(
            concat!("RFC 5246 §7.3: a ", $name, $section),
            $at,
            Records(|r| {
                // Behind a warning, so that no hello is looked for.
                let message = Record::message(0, $kind, $sequence, &$body).joined();
                *r = vec![Record::alert(0, 1, 90), message];
            }),
            Doubted(Some(10), concat!($name, " instead of ", $awaited)),
        )
    };
}

macro_rules! at_first {
    ($kind:expr, $body:expr, $name:literal) => {
        instead!(
            At::Question,
            0,
            " in answer to a hello is refused",
            $kind,
            $body,
            $name,
            "ServerHello"
        )
    };
}

#[rustfmt::skip]
fn questions() -> Vec<Case> { vec![
    question("RFC 6347 §4.2.1: a question in a record of version 1.2 is answered",
        Records(|r| r[0].version = DTLS_1_2), Accepted(0)),
    question("RFC 6347 §4.2.1: the version a question names is none to be spoken",
        Body(HELLO_VERIFY_REQUEST, |body| body[1] = 0xFD), Accepted(0)),
    question("RFC 6347 §4.2.1: a cookie of one byte is repeated",
        Habit, Accepted(0)).with(Habits { cookie: 1, ..Habits::HONEST }),
    question("RFC 6347 §4.2.1: a cookie of 255 bytes is repeated",
        Habit, Accepted(0)).with(Habits { cookie: 255, ..Habits::HONEST }),
    question("RFC 6347 §4.2.1: a cookie beyond its message is refused",
        Body(HELLO_VERIFY_REQUEST, |body| body[2] += 1), Doubted(Some(50), "HelloVerifyRequest cannot be read")),
    question("RFC 6347 §4.2.1: bytes behind a cookie are refused",
        Body(HELLO_VERIFY_REQUEST, |body| body.push(0)), Doubted(Some(50), "1 bytes follow")),
    question("RFC 6347 §4.2.1: a question without a cookie's length is refused",
        Body(HELLO_VERIFY_REQUEST, |body| body.truncate(2)), Doubted(Some(50), "HelloVerifyRequest cannot be read")),
    question("RFC 6347 §4.2.1: an empty question is refused",
        Body(HELLO_VERIFY_REQUEST, Vec::clear), Doubted(Some(50), "HelloVerifyRequest cannot be read")),
    question("RFC 6347 §4.2.3: a question in pieces is put together",
        Records(|r| *r = vec![r[0].fragment(10, r[0].body_len()), r[0].fragment(0, 10)]), Accepted(0)),
    question("RFC 6347 §4.2.1: a question twice is answered once",
        Records(|r| { let again = r[0].clone(); r.push(again) }), Accepted(0)),
    question("RFC 6347 §4.2.1: a second question right behind the first is a doubt",
        Records(|r| { let second = r[0].sequenced(1).saying(|body| body[9] ^= 1); r.push(second) }),
        Doubted(Some(47), "the same question once more")),
    question("RFC 6347 §4.2.1: a question of epoch 1 waits for keys there are not",
        Records(|r| { r[0].epoch = 1; r[0].seal = Seal::Open }), Stuck(0)),
    question("RFC 6347 §4.2.1: a question of epoch 2 is dropped",
        Records(|r| { r[0].epoch = 2; r[0].seal = Seal::Open }), Stuck(1)),
    question("RFC 6347 §4.1: an answer of TLS is dropped",
        Records(|r| r[0].version = 0x0303), Stuck(1)),
    question("RFC 6347 §4.2.2: a question ahead of its turn is not one",
        Records(|r| r[0] = r[0].sequenced(1)), Stuck(0)),
    question("RFC 5246 §7.2.2: a fatal alert in answer to a hello is a doubt",
        Records(|r| *r = vec![Record::alert(0, 2, 70)]), Doubted(None, "it does not speak DTLS 1.2")),
    question("RFC 5246 §7.4.1.1: a HelloRequest in answer to a hello is ignored",
        Records(|r| r.insert(0, Record::message(0, HELLO_REQUEST, 0, &[]))), Accepted(1)),
    question("RFC 6347 §4.2.1: a server that says hello is none",
        Records(|r| *r = vec![Record::message(0, CLIENT_HELLO, 0, &[0; 40])]),
        Dropped(drumfire::counters::DropReason::Unexpected)),
    at_first!(CLIENT_HELLO, [0; 40], "ClientHello"),
    at_first!(CERTIFICATE, [0; 3], "Certificate"),
    at_first!(SERVER_KEY_EXCHANGE, [3, 0, 23, 0], "ServerKeyExchange"),
    at_first!(CERTIFICATE_REQUEST, [0; 5], "CertificateRequest"),
    at_first!(SERVER_HELLO_DONE, [], "ServerHelloDone"),
    at_first!(CERTIFICATE_VERIFY, [4, 3, 0, 0], "CertificateVerify"),
    at_first!(CLIENT_KEY_EXCHANGE, [1, 0], "ClientKeyExchange"),
]}

#[rustfmt::skip]
fn hellos() -> Vec<Case> { vec![
    hello("RFC 6347 §4.2.1: a server that speaks 1.0 is refused",
        field!(hello => hello.version = DTLS_1_0), Doubted(Some(70), "speaks no DTLS 1.2 (it says feff)")),
    hello("RFC 6347 §4.2.1: a server that chooses a later version is refused",
        field!(hello => hello.version = 0xFEFC), Doubted(Some(70), "speaks no DTLS 1.2 (it says fefc)")),
    hello("RFC 5246 §7.4.1.3: a suite that was not offered is refused",
        field!(hello => hello.suite = 0xC02B), Doubted(Some(47), "a cipher suite that was not offered")),
    hello("RFC 5246 §A.5: the NULL suite is refused",
        field!(hello => hello.suite = 0), Doubted(Some(47), "a cipher suite that was not offered")),
    hello("RFC 5746 §3.3: the signalling suite is refused as a choice",
        field!(hello => hello.suite = 0x00FF), Doubted(Some(47), "a cipher suite that was not offered")),
    hello("RFC 5246 §7.4.1.3: a suite we know and did not offer is refused",
        field!(hello => hello.suite = 0xCCA9), Doubted(Some(47), "a cipher suite that was not offered"))
        .with(Habits { client: |client| client.suites(SuiteOffer::Aes256Gcm), ..Habits::HONEST }),
    hello("RFC 5246 §7.4.3: a suite for another key than the certificate's is refused",
        field!(hello => hello.suite = Suite::RsaGcm.id()), Doomed(Some(47), "a signature scheme that does not fit")),
    hello("RFC 5246 §7.4.1.3: a compression method is refused",
        field!(hello => hello.compression = 1), Doubted(Some(47), "a compression method")),
    hello("RFC 5246 §7.4.1.3: a name for the session does no harm",
        field!(hello => hello.session_id = vec![8; 32]), Accepted(0)),
    hello("RFC 5246 §7.4.1.3: a name of 33 bytes is refused",
        field!(hello => hello.session_id = vec![8; 33]), Doubted(Some(50), "session id has 33 bytes")),
    hello("RFC 7627 §5.3: a server without the extended master secret is refused",
        field!(hello => hello.extensions.drop(EXTENDED_MASTER_SECRET)), Doubted(Some(40), "extended master secret")),
    hello("RFC 7627 §5.1: an extended master secret with content is refused",
        field!(hello => hello.extensions.set(EXTENDED_MASTER_SECRET, [0])), Doubted(Some(50), "ServerHello cannot be read")),
    hello("RFC 5746 §3.4: a server without renegotiation indication is refused",
        field!(hello => hello.extensions.drop(RENEGOTIATION_INFO)), Doubted(Some(40), "secure renegotiation")),
    hello("RFC 5746 §3.4: the renegotiation of no handshake is refused",
        field!(hello => hello.extensions.set(RENEGOTIATION_INFO, vector8(&[1; 24]))),
        Doubted(Some(40), "renegotiates what was never negotiated")),
    hello("RFC 5746 §3.2: renegotiation info beyond its extension is refused",
        field!(hello => hello.extensions.set(RENEGOTIATION_INFO, [1])), Doubted(Some(50), "renegotiation info")),
    hello("RFC 5246 §7.4.1.4: an extension twice is refused",
        field!(hello => hello.extensions.0.push((RENEGOTIATION_INFO, vec![0]))),
        Doubted(Some(50), "extension 65281 occurs twice")),
    hello("RFC 5246 §7.4.1.4: a ticket nobody asked for is refused",
        field!(hello => hello.extensions.set(35, [])), Doubted(Some(110), "extension 35, which was not offered")),
    hello("RFC 7366 §2: encrypt-then-MAC nobody asked for is refused",
        field!(hello => hello.extensions.set(22, [])), Doubted(Some(110), "extension 22, which was not offered")),
    hello("RFC 7301 §3.1: a protocol nobody asked for is refused",
        field!(hello => hello.extensions.set(16, [0, 2, 1, b'x'])), Doubted(Some(110), "extension 16, which was not offered")),
    hello("RFC 6066 §4: a fragment length nobody asked for is refused",
        field!(hello => hello.extensions.set(1, [1])), Doubted(Some(110), "extension 1, which was not offered")),
    hello("RFC 6066 §3: a server that has used the name says so",
        field!(hello => hello.extensions.set(SERVER_NAME, [])), Accepted(0)),
    hello("RFC 6066 §3: a server that has used a name nobody gave it is refused",
        field!(hello => hello.extensions.set(SERVER_NAME, [])), Doubted(Some(110), "extension 0, which was not offered"))
        .with(Habits {
            client: |_| SecureClient::new("no host's name").trust(Trust::dangerous_anyone()),
            ..Habits::HONEST
        }),
    hello("RFC 6066 §3: a server that names itself is refused",
        field!(hello => hello.extensions.set(SERVER_NAME, vector16(&[&[0][..], &vector16(b"me")].concat()))),
        Doubted(Some(47), "a server name of its own")),
    hello("RFC 8422 §5.2: a server that is silent about point formats is served",
        field!(hello => hello.extensions.drop(EC_POINT_FORMATS)), Accepted(0)),
    hello("RFC 8422 §5.2: point formats without the uncompressed one are refused",
        field!(hello => hello.extensions.set(EC_POINT_FORMATS, [1, 2])), Doubted(Some(47), "no uncompressed point format")),
    hello("RFC 8422 §5.2: point formats beyond their extension are refused",
        field!(hello => hello.extensions.set(EC_POINT_FORMATS, [2, 0])), Doubted(Some(50), "point formats")),
    hello("RFC 5246 §7.4.1.4: a hello without extensions is refused",
        field!(hello => hello.extensions.0.clear()), Doubted(Some(40), "secure renegotiation")),
    hello("RFC 5246 §7.4.1.3: bytes behind the extensions are refused",
        |body| body.push(0), Doubted(Some(50), "ServerHello cannot be read: 1 bytes follow")),
    hello("RFC 5246 §7.4.1.3: extensions beyond the hello are refused",
        |body| body[39] += 1, Doubted(Some(50), "ServerHello cannot be read")),
    hello("RFC 5246 §7.4.1.4: an extension beyond its block is refused",
        |body| body[43] += 200, Doubted(Some(50), "ServerHello cannot be read")),
    hello("RFC 5246 §7.4.1.3: a hello that ends in its random is refused",
        |body| body.truncate(20), Doubted(Some(50), "end of its random")),
    hello("RFC 5246 §7.4.1.3: a session id beyond the hello is refused",
        |body| body[34] = 200, Doubted(Some(50), "end of its session id")),
    hello("RFC 5246 §7.4.1.3: a hello that ends in its suite is refused",
        |body| body.truncate(36), Doubted(Some(50), "end of its cipher suite")),
    hello("RFC 5246 §7.4.1.3: a hello that ends before its compression method is refused",
        |body| body.truncate(37), Doubted(Some(50), "end of its compression method")),
    hello("RFC 5246 §7.4.1.3: an empty ServerHello is refused",
        Vec::clear, Doubted(Some(50), "end of its version")),
]}

#[rustfmt::skip]
fn certificates() -> Vec<Case> { vec![
    shown("RFC 5246 §7.4.2: a server without a certificate is refused",
        |body| *body = vec![0, 0, 0], Doubted(Some(42), "the peer showed no certificate")),
    shown("RFC 5246 §7.4.2: an empty Certificate of a server is refused",
        Vec::clear, Doubted(Some(50), "Certificate cannot be read")),
    shown("RFC 5246 §7.4.2: a chain beyond its message is refused",
        |body| body[2] += 1, Doubted(Some(50), "Certificate cannot be read")),
    shown("RFC 5246 §7.4.2: a certificate beyond its chain is refused",
        |body| body[5] += 1, Doubted(Some(50), "Certificate cannot be read")),
    shown("RFC 5246 §7.4.2: bytes behind a chain are refused",
        |body| body.push(0), Doubted(Some(50), "Certificate cannot be read: 1 bytes follow")),
    shown("RFC 5246 §7.4.2: a certificate of no bytes in a chain is refused",
        |body| *body = vec![0, 0, 3, 0, 0, 0], Doubted(Some(50), "certificate list has 0 bytes")),
    shown("RFC 5246 §7.4.2: half a length in a chain is refused",
        |body| *body = vec![0, 0, 2, 0, 0], Doubted(Some(50), "Certificate cannot be read")),
    shown("RFC 5246 §7.2.2: what is no certificate of a server is refused",
        |body| *body = vector24(&vector24(b"no certificate")), Doubted(Some(42), "certificate is malformed")),
    shown("RFC 5280 §4.1: bytes behind a certificate's DER are refused",
        |body| {
            let mut der = body[6..].to_vec();
            der.push(0);
            *body = vector24(&vector24(&der));
        }, Doubted(Some(42), "certificate is malformed")),
    shown("RFC 5246 §7.2.2: a server's certificate that was changed is refused",
        |body| { let at = body.len() - 1; body[at] ^= 1 }, Doubted(Some(42), "is not by the key of the given CA")),
    shown("RFC 5246 §7.2.2: a server's certificate of another CA is refused",
        |body| *body = chain_of(Some(Identity::RsaServer)), Doubted(Some(48), "which is none of the given CA certificates")),
    shown("RFC 5246 §7.4.2: a player's certificate is refused as a server's",
        |body| *body = chain_of(Some(Identity::Player)), Doubted(Some(43), "may not be used for this")),
    shown("RFC 5246 §7.4.2: a chain with more than is needed does as well",
        |body| *body = vector24(&[&body[3..], &vector24(&Identity::RsaServer.chain()[0])].concat()), Accepted(0)),
    shown("RFC 5246 §7.4.2: a chain that begins with another certificate is refused",
        |body| *body = vector24(&[&vector24(&Identity::RsaServer.chain()[0]), &body[3..]].concat()),
        Doubted(Some(48), "which is none of the given CA certificates")),
]}

#[rustfmt::skip]
fn shares() -> Vec<Case> { vec![
    signed("RFC 7905 §2: a server of ChaCha20 is talked to",
        Habits { suite: Suite::EcdsaChaCha, ..Habits::HONEST }, Accepted(0)),
    signed("RFC 8422 §5.4: a server of x25519 is talked to", Habits { group: X25519, ..Habits::HONEST }, Accepted(0)),
    signed("RFC 8422 §5.4: a server of P-384 is talked to", Habits { group: P384, ..Habits::HONEST }, Accepted(0)),
    signed("RFC 8422 §5.4: a curve without a name is refused",
        Habits { share: |share| share.curve_type = 1, ..Habits::HONEST }, Doomed(Some(50), "curve of type 1, not a named one")),
    signed("RFC 8422 §5.4: a group that was not offered is refused",
        Habits { share: |share| share.group = 25, ..Habits::HONEST }, Doomed(Some(47), "a group that was not offered")),
    signed("RFC 8422 §5.4: a share of another group is refused",
        Habits { share: |share| share.group = X25519, ..Habits::HONEST }, Doomed(Some(47), "a public key of another group")),
    signed("RFC 8422 §5.4: a share without a point is refused",
        Habits { share: |share| share.key.clear(), ..Habits::HONEST }, Doomed(Some(50), "public key has 0 bytes")),
    signed("RFC 8422 §5.4: a compressed point is refused",
        Habits { share: |share| { share.key.truncate(33); share.key[0] = 2 }, ..Habits::HONEST },
        Doomed(Some(47), "a public key of another group")),
    signed("RFC 8422 §5.11: a signed point that is not on the curve is the end",
        Habits { share: |share| share.key[64] ^= 1, ..Habits::HONEST }, Refused(Some(47), "no point of its group")),
    signed("RFC 8422 §5.11: a signed point in the hybrid form is the end",
        Habits { share: |share| share.key[0] = 7, ..Habits::HONEST }, Refused(Some(47), "no point of its group")),
    signed("RFC 8422 §5.11: a signed point of P-384 that is not on the curve is the end",
        Habits { group: P384, share: |share| share.key[96] ^= 1, ..Habits::HONEST }, Refused(Some(47), "no point of its group")),
    signed("RFC 7748 §6.1: a signed x25519 share of zeros is the end",
        Habits { group: X25519, share: |share| share.key.fill(0), ..Habits::HONEST }, Refused(Some(47), "no point of its group")),
    signed("RFC 7748 §6.1: a signed x25519 share of small order is the end",
        Habits { group: X25519, share: |share| { share.key.fill(0); share.key[0] = 1 }, ..Habits::HONEST },
        Refused(Some(47), "no point of its group")),
    signed("RFC 8422 §5.4: a server of RSA and PKCS #1 is talked to", RSA, Accepted(0)),
    signed("RFC 8446 §4.2.3: a server of RSA and PSS is talked to",
        Habits { scheme: Some(RSA_PSS), ..RSA }, Accepted(0)),
    signed("RFC 7905 §2: a server of RSA and ChaCha20 is talked to",
        Habits { suite: Suite::RsaChaCha, ..RSA }, Accepted(0)),
    signed("RFC 5246 §7.4.3: RSA with SHA-1 is refused",
        Habits { scheme: Some(RSA_PKCS1_SHA1), ..RSA }, Doomed(Some(47), "a signature scheme that does not fit")),
    hello("RFC 5246 §7.4.3: a suite of ECDSA with a certificate of RSA is refused",
        field!(hello => hello.suite = Suite::EcdsaGcm.id()), Doomed(Some(47), "a signature scheme that does not fit"))
        .with(RSA),
    exchange("RFC 8446 §4.2.3: PSS put in the place of PKCS #1 is refused",
        part!(share => share.scheme = RSA_PSS), Doubted(Some(51), "signature")).with(RSA),
    exchange("RFC 8422 §5.4: a signature that was changed is refused",
        part!(share => { let at = share.signature.len() - 1; share.signature[at] ^= 1 }), Doubted(Some(51), "signature")),
    exchange("RFC 8422 §5.4: no signature is refused",
        part!(share => share.signature.clear()), Doubted(Some(51), "signature")),
    exchange("RFC 8422 §5.4: a share put under another's signature is refused",
        part!(share => share.key = Private::new(crate::keys::P256).public()), Doubted(Some(51), "signature")),
    exchange("RFC 8422 §5.4: a point that was changed under its signature is refused",
        part!(share => share.key[64] ^= 1), Doubted(Some(51), "signature")),
    exchange("RFC 8422 §5.4: a signature beyond its message is refused",
        |body| { body.pop(); }, Doubted(Some(50), "end of its signature")),
    exchange("RFC 8422 §5.4: bytes behind a signature are refused",
        |body| body.push(0), Doubted(Some(50), "ServerKeyExchange cannot be read: 1 bytes follow")),
    exchange("RFC 8422 §5.4: a share without a signature is refused",
        |body| body.truncate(4 + 65), Doubted(Some(50), "end of its signature algorithm")),
    exchange("RFC 8422 §5.4: a point beyond its message is refused",
        |body| body[3] = 255, Doubted(Some(50), "end of its public key")),
    exchange("RFC 8422 §5.4: an empty ServerKeyExchange is refused",
        Vec::clear, Doubted(Some(50), "end of its curve type")),
    exchange("RFC 5246 §7.4.3: a scheme that was not offered is refused",
        part!(share => share.scheme = ECDSA_SHA1), Doubted(Some(47), "a signature scheme that does not fit")),
    exchange("RFC 5246 §7.4.3: a scheme nobody knows is refused",
        part!(share => share.scheme = 0xFEFE), Doubted(Some(47), "a signature scheme that does not fit")),
    exchange("RFC 5246 §7.4.3: a scheme of RSA does not fit a suite of ECDSA",
        part!(share => share.scheme = RSA_PSS), Doubted(Some(47), "a signature scheme that does not fit")),
    exchange("RFC 8422 §5.1.3: a scheme of Ed25519 does not fit a key of P-256",
        part!(share => share.scheme = 0x0807), Doubted(Some(47), "does not fit its key")),
    exchange("RFC 5246 §7.4.3: a scheme of another hash than was signed with is refused",
        part!(share => share.scheme = ECDSA_SHA384), Doubted(Some(51), "signature")),
    signed("RFC 5246 §7.4.3: a signature over another client's random is refused",
        Habits { sign_over: |signed| signed[0] ^= 1, ..Habits::HONEST }, Doomed(Some(51), "signature")),
    signed("RFC 5246 §7.4.3: a signature over another server's random is refused",
        Habits { sign_over: |signed| signed[32] ^= 1, ..Habits::HONEST }, Doomed(Some(51), "signature")),
    signed("RFC 5246 §7.4.3: a signature over the randoms the other way round is refused",
        Habits { sign_over: |signed| signed[..64].rotate_left(32), ..Habits::HONEST }, Doomed(Some(51), "signature")),
    signed("RFC 5246 §7.4.3: a signature over the share alone is refused",
        Habits { sign_over: |signed| { signed.drain(..64); }, ..Habits::HONEST }, Doomed(Some(51), "signature")),
    signed("RFC 5246 §7.4.3: a signature over another group is refused",
        Habits { sign_over: |signed| signed[66] = 24, ..Habits::HONEST }, Doomed(Some(51), "signature")),
]}

/// A server of RSA, and a client that believes it.
const RSA: Habits = Habits {
    suite: Suite::RsaGcm,
    identity: Some(Identity::RsaServer),
    client: |_| {
        SecureClient::new("localhost")
            .ca_pem(include_str!("../../../certs/rsa-server-ca.pem"))
            .unwrap()
    },
    ..Habits::HONEST
};

/// A server that asks for a certificate.
const ASKS: Habits = Habits {
    asks: true,
    ..Habits::HONEST
};

/// The same, of a client that has one.
const ASKS_A_PLAYER: Habits = Habits {
    client: |client| client.identity(player()),
    ..ASKS
};

fn player() -> OurIdentity {
    OurIdentity::from_pem(
        include_str!("../../../certs/ecdsa-client.pem"),
        include_str!("../../../certs/ecdsa-client.key"),
    )
    .unwrap()
}

const fn wish(name: &'static str, edit: fn(&mut Vec<u8>), expect: Expect) -> Case {
    case(name, At::Flight, Body(CERTIFICATE_REQUEST, edit), expect).with(ASKS)
}

#[rustfmt::skip]
fn wishes() -> Vec<Case> { vec![
    signed("RFC 5246 §7.4.6: a client without a certificate shows that it has none", ASKS, Accepted(0)),
    signed("RFC 5246 §7.4.8: a client with a certificate shows it and proves that it is its own", ASKS_A_PLAYER, Accepted(0)),
    wish("RFC 5246 §7.4.4: a wish for schemes the client's key has none of is answered with none",
        |body| *body = vec![1, 1, 0, 2, 4, 1, 0, 0], Accepted(0)).with(ASKS_A_PLAYER),
    wish("RFC 5246 §7.4.4: a wish that names an authority is answered",
        |body| { body.truncate(body.len() - 2); body.extend([0, 4, 0, 2, 0x30, 0]) }, Accepted(0)).with(ASKS_A_PLAYER),
    wish("RFC 5246 §7.4.4: a wish for no kind of certificate is refused",
        |body| { body.drain(1..3); body[0] = 0 }, Doubted(Some(50), "certificate types has 0 bytes")),
    wish("RFC 5246 §7.4.4: a wish for no scheme is refused",
        |body| *body = vec![1, 64, 0, 0, 0, 0], Doubted(Some(50), "signature algorithms has 0 bytes")),
    wish("RFC 5246 §7.4.4: a wish for half a scheme is refused",
        |body| *body = vec![1, 64, 0, 3, 4, 3, 4, 0, 0], Doubted(Some(50), "signature algorithms has 3 bytes")),
    wish("RFC 5246 §7.4.4: an authority without a name is refused",
        |body| { body.truncate(body.len() - 2); body.extend([0, 2, 0, 0]) }, Doubted(Some(50), "authorities has 0 bytes")),
    wish("RFC 5246 §7.4.4: an authority beyond its list is refused",
        |body| { body.truncate(body.len() - 2); body.extend([0, 3, 0, 9, 0x30]) }, Doubted(Some(50), "end of its authorities")),
    wish("RFC 5246 §7.4.4: authorities beyond their message are refused",
        |body| { let at = body.len() - 1; body[at] = 1 }, Doubted(Some(50), "end of its authorities")),
    wish("RFC 5246 §7.4.4: bytes behind a wish are refused",
        |body| body.push(0), Doubted(Some(50), "CertificateRequest cannot be read: 1 bytes follow")),
    wish("RFC 5246 §7.4.4: an empty CertificateRequest is refused",
        Vec::clear, Doubted(Some(50), "end of its certificate types")),
    flight("RFC 5246 §7.4.4: a second wish is refused",
        |r| { *r = vec![r[0].clone(), r[1].clone(), r[2].clone(), r[3].clone(), r[3].sequenced(5)] },
        Doubted(Some(10), "CertificateRequest instead of ServerHelloDone")).with(ASKS),
    flight("RFC 5246 §7.4.4: a wish before the share is refused",
        |r| { *r = vec![r[0].clone(), r[1].clone(), r[3].sequenced(3)] },
        Doubted(Some(10), "CertificateRequest instead of ServerKeyExchange")).with(ASKS),
]}

macro_rules! after_hello {
    ($kind:expr, $body:expr, $name:literal) => {
        flight(
            concat!(
                "RFC 5246 §7.3: a ",
                $name,
                " behind the ServerHello is refused"
            ),
            |r| {
                r.truncate(1);
                r.push(Record::message(0, $kind, 2, &$body).joined())
            },
            Doubted(Some(10), concat!($name, " instead of Certificate")),
        )
    };
}

/// Places in a server's flight.
const CERT: usize = 1;
const SHARE: usize = 2;
const DONE: usize = 3;

#[rustfmt::skip]
fn orders() -> Vec<Case> { vec![
    after_hello!(CLIENT_HELLO, [0; 40], "ClientHello"),
    after_hello!(SERVER_HELLO, [0; 40], "ServerHello"),
    after_hello!(HELLO_VERIFY_REQUEST, [0xFE, 0xFF, 0], "HelloVerifyRequest"),
    after_hello!(SERVER_KEY_EXCHANGE, [3, 0, 23, 0], "ServerKeyExchange"),
    after_hello!(CERTIFICATE_REQUEST, [0; 5], "CertificateRequest"),
    after_hello!(SERVER_HELLO_DONE, [], "ServerHelloDone"),
    after_hello!(CERTIFICATE_VERIFY, [4, 3, 0, 0], "CertificateVerify"),
    after_hello!(CLIENT_KEY_EXCHANGE, [1, 0], "ClientKeyExchange"),
    flight("RFC 5246 §7.4.2: a flight without a certificate is refused",
        |r| { *r = vec![r[0].clone(), r[SHARE].sequenced(2), r[DONE].sequenced(3)] },
        Doubted(Some(10), "ServerKeyExchange instead of Certificate")),
    flight("RFC 5246 §7.4.3: a flight without a share is refused",
        |r| { *r = vec![r[0].clone(), r[CERT].clone(), r[DONE].sequenced(3)] },
        Doubted(Some(10), "ServerHelloDone instead of ServerKeyExchange")),
    flight("RFC 5246 §7.3: a second certificate is refused",
        |r| { *r = vec![r[0].clone(), r[CERT].clone(), r[CERT].sequenced(3)] },
        Doubted(Some(10), "Certificate instead of ServerKeyExchange")),
    flight("RFC 5246 §7.3: a second share is refused",
        |r| { *r = vec![r[0].clone(), r[CERT].clone(), r[SHARE].clone(), r[SHARE].sequenced(4)] },
        Doubted(Some(10), "ServerKeyExchange instead of ServerHelloDone")),
    flight("RFC 5246 §7.3: a certificate behind the share is refused",
        |r| { *r = vec![r[0].clone(), r[CERT].clone(), r[SHARE].clone(), r[CERT].sequenced(4)] },
        Doubted(Some(10), "Certificate instead of ServerHelloDone")),
    case("RFC 5246 §7.4.5: a ServerHelloDone with content is refused",
        At::Flight, Alone(SERVER_HELLO_DONE, |body| body.push(0)),
        Doubted(Some(50), "ServerHelloDone cannot be read: 1 bytes follow")),
    flight("RFC 6347 §4.2.3: a flight from its end to its beginning is put in order",
        |r| r.reverse(), Accepted(0)),
    flight("RFC 6347 §4.2.4: a flight twice in a row is heard once",
        |r| { let again = r.clone(); r.extend(again) }, Accepted(0)),
    flight("RFC 6347 §4.2.4: a certificate that is lost is waited for", |r| { r.remove(CERT); }, Stuck(0)),
    flight("RFC 6347 §4.2.4: a share that is lost is waited for", |r| { r.remove(SHARE); }, Stuck(0)),
    flight("RFC 6347 §4.2.4: a ServerHelloDone that is lost is waited for", |r| { r.remove(DONE); }, Stuck(0)),
    flight("RFC 6347 §4.2.4: a flight that does not end is given up after a minute",
        |r| { r.remove(DONE); }, Silent(0, "no ServerHelloDone within 60000 ms: the peer answered")),
    flight("RFC 5246 §7.1: ChangeCipherSpec behind a server's flight is before its time",
        |r| r.insert(DONE, Record::change_cipher_spec()), Accepted(1)),
    flight("RFC 5246 §7.4.2: a certificate in many pieces is put together",
        |r| {
            let all = r.remove(CERT);
            let pieces = (0..all.body_len()).step_by(50);
            r.extend(pieces.map(|at| all.fragment(at, all.body_len().min(at + 50)).joined()));
        }, Accepted(0)),
]}

const fn finished(name: &'static str, edit: fn(&mut Vec<u8>), expect: Expect) -> Case {
    case(name, At::Last, Body(FINISHED, edit), expect)
}

#[rustfmt::skip]
fn lasts() -> Vec<Case> { vec![
    finished("RFC 5246 §7.4.9: a server's Finished that is wrong is the end",
        |body| body[0] ^= 1, Refused(Some(51), "somebody changed the handshake on its way")),
    finished("RFC 5246 §7.4.9: a server's Finished of eleven bytes is the end",
        |body| { body.pop(); }, Refused(Some(50), "Finished cannot be read")),
    finished("RFC 5246 §7.4.9: a server's Finished of thirteen bytes is the end",
        |body| body.push(0), Refused(Some(50), "1 bytes follow")),
    last("RFC 5246 §7.1: a server's Finished without ChangeCipherSpec waits for it", |r| { r.remove(0); }, Stuck(0)),
    last("RFC 5246 §7.1: a server's ChangeCipherSpec of another value is dropped", |r| r[0].content = vec![0], Stuck(1)),
    last("RFC 5246 §7.1: a server's ChangeCipherSpec of two bytes is dropped", |r| r[0].content = vec![1, 1], Stuck(1)),
    last("RFC 5246 §7.1: a server's second ChangeCipherSpec is dropped",
        |r| { let again = r[0].clone(); r.insert(0, again) }, Accepted(1)),
    last("RFC 6347 §4.1: a server's Finished ahead of its ChangeCipherSpec waits for it", |r| r.reverse(), Accepted(0)),
    last("RFC 5246 §7.4.9: a server's Finished that is lost is waited for", |r| { r.pop(); }, Stuck(0)),
    last("RFC 6347 §4.2.6: a server's Finished in the clear is none", |r| r[1].epoch = 0, Stuck(1)),
    last("RFC 6347 §4.1: a server's Finished of epoch 2 is none",
        |r| { r[1].epoch = 2; r[1].seal = Seal::Sealed }, Stuck(1)),
    last("RFC 6347 §4.1.2.1: a server's Finished whose tag is broken is none",
        |r| r[1].spoil = Some(|bytes| *bytes.last_mut().unwrap() ^= 1), Stuck(1)),
    last("RFC 5288 §3: a server's Finished with a nonce of chance is as good as any",
        |r| r[1].nonce = Some(0x1234_5678_9ABC_DEF0), Accepted(0)),
    last("RFC 6347 §4.2.3: a server's Finished in pieces is put together",
        |r| { let all = r.remove(1); r.extend([all.fragment(6, 12), all.fragment(0, 6)]) }, Accepted(0)),
    last("RFC 6347 §4.1: ChangeCipherSpec and Finished in one datagram are read", |r| r[1].joins = true, Accepted(0)),
    last("RFC 6347 §4.2.4: a server's last word twice is heard once",
        |r| { let again = r.clone(); r.extend(again) }, Accepted(0)),
    last("RFC 5246 §7.2.2: a server that refuses our certificate in the clear is a doubt",
        |r| *r = vec![Record::alert(0, 2, 42)], Doubted(None, "it refused our certificate")),
    last("RFC 5246 §7.2.2: a server that gives up under its new keys has done so",
        |r| r[1] = Record::alert(1, 2, 51), Refused(None, "gave up with decrypt_error")),
    last("RFC 5246 §7.2.1: a server that says goodbye under its new keys has gone",
        |r| r[1] = Record::alert(1, 1, 0), Refused(None, "gave up with close_notify")),
    last("RFC 5246 §7.2.2: a warning under a server's new keys is only a warning",
        |r| r.insert(1, Record::alert(1, 1, 90)), Accepted(0)),
    last("RFC 5246 §10: data in the clear ahead of the last word is dropped",
        |r| r.insert(0, Record::new(APPLICATION_DATA, 0, *b"text")), Accepted(1)),
    last("RFC 6347 §4.1: data of the new epoch ahead of the last word is kept",
        |r| r.insert(0, Record::new(APPLICATION_DATA, 1, *b"early")), Accepted(0)),
    last("RFC 5246 §7.3: a certificate under the new keys is none",
        |r| r.insert(1, Record::message(1, CERTIFICATE, 5, &[0; 3])), Accepted(1)),
    last("RFC 5246 §7.4.1.1: a HelloRequest under the new keys is ignored",
        |r| r.insert(1, Record::message(1, HELLO_REQUEST, 0, &[])), Accepted(1)),
    last("RFC 5077 §3.3: a ticket nobody asked for in front of the last word is dropped",
        |r| r.insert(0, Record::message(0, 4, 5, &[0; 6])), Accepted(1)),
    last("RFC 6347 §4.2.4: a server that never finishes is given up after a minute",
        |r| r.truncate(1), Silent(0, "no Finished within 60000 ms")),
]}

pub(super) fn all() -> Vec<Case> {
    [
        questions(),
        hellos(),
        certificates(),
        shares(),
        wishes(),
        orders(),
        lasts(),
    ]
    .concat()
}

#[test]
fn r13_r14_a_client_takes_flights_as_the_rfcs_say() {
    play_all::<Server>(&all());
}
