//! Cookies, secrets that cannot be printed, and a generator that fails.

use std::fmt::{Debug, Display};
use std::time::Duration;

use crate::address::NetworkEndpoint;
use crate::crypto::cookie::Cookie;
use crate::crypto::secret::Secret;
use crate::crypto::secret::SecretBytes;
use crate::crypto::{
    CookieFields, Cookies, Identity, KeyExchange, MasterSecret, RecordKey, Transcript,
};
use crate::random::{Random, RandomFailed};
use crate::time::Timestamp;

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(seconds)
}

fn endpoint(text: &str) -> NetworkEndpoint {
    text.parse().unwrap()
}

fn fields<'a>() -> CookieFields<'a> {
    CookieFields {
        peer: endpoint("192.0.2.1:5000"),
        local: endpoint("198.51.100.1:7777"),
        random: &[7; 32],
        session_id: b"",
        cipher_suites: &[0xCC, 0xA8, 0x00, 0xFF],
        compression_methods: &[0],
    }
}

fn cookies() -> Cookies {
    Cookies::new(&mut Random::System, at(0)).unwrap()
}

#[test]
fn r08_bindings_every_field_is_bound() {
    let cookies = cookies();
    let cookie = cookies.make(&fields());
    let valid = |fields: &CookieFields<'_>| cookies.verify(&cookie, fields, at(1));
    assert!(valid(&fields()));
    let good = fields();
    for other in [
        CookieFields {
            peer: endpoint("192.0.2.2:5000"),
            ..good
        },
        CookieFields {
            peer: endpoint("192.0.2.1:5001"),
            ..good
        },
        CookieFields {
            peer: endpoint("[2001:db8::1]:5000"),
            ..good
        },
        CookieFields {
            local: endpoint("198.51.100.2:7777"),
            ..good
        },
        CookieFields {
            local: endpoint("198.51.100.1:7778"),
            ..good
        },
        CookieFields {
            random: &[8; 32],
            ..good
        },
        CookieFields {
            session_id: b"x",
            ..good
        },
        CookieFields {
            cipher_suites: &[0xCC, 0xA9, 0x00, 0xFF],
            ..good
        },
        CookieFields {
            compression_methods: &[1],
            ..good
        },
        // Bytes that move from one field to the next.
        CookieFields {
            session_id: &[0xCC],
            cipher_suites: &[0xA8, 0x00, 0xFF],
            ..good
        },
        CookieFields {
            cipher_suites: &[0xCC, 0xA8, 0x00],
            compression_methods: &[0xFF, 0],
            ..good
        },
    ] {
        assert!(!valid(&other), "{other:?}");
    }
    for index in 0..cookie.len() {
        let mut bad = cookie;
        bad[index] ^= 1;
        assert!(!cookies.verify(&bad, &fields(), at(1)));
    }
    for length in [0, 16, 31] {
        assert!(!cookies.verify(&cookie[..length], &fields(), at(1)));
    }
    assert!(!cookies.verify(&[cookie.as_slice(), &[0]].concat(), &fields(), at(1)));
}

#[test]
fn r08_rotation_a_cookie_lasts_30_to_60_seconds() {
    let mut random = Random::System;
    // Made when its key was new: refused when the key is 60 s old. Made at the key's end: after 30.
    for (made, last, refused) in [(0, 59, 60), (29, 59, 60)] {
        let mut cookies = cookies();
        let cookie = cookies.make(&fields());
        for second in made..=last {
            cookies.rotate(&mut random, at(second)).unwrap();
            assert!(cookies.verify(&cookie, &fields(), at(second)), "{second} s");
        }
        for second in [refused, refused + 1, 1_000] {
            cookies.rotate(&mut random, at(second)).unwrap();
            assert!(
                !cookies.verify(&cookie, &fields(), at(second)),
                "{second} s"
            );
        }
    }
}

#[test]
fn r08_rotation_nobody_needs_to_call_for_a_cookie_to_end() {
    let cookies = cookies();
    let cookie = cookies.make(&fields());
    assert!(cookies.verify(&cookie, &fields(), at(29)));
    assert!(!cookies.verify(&cookie, &fields(), at(61)));
}

#[test]
fn r08_two_servers_do_not_know_each_others_cookies() {
    let cookie: Cookie = cookies().make(&fields());
    assert!(!cookies().verify(&cookie, &fields(), at(0)));
}

#[test]
fn r18_rng_failure_is_an_error_and_the_old_key_stays() {
    assert_eq!(
        Cookies::new(&mut Random::Broken, at(0)).unwrap_err(),
        RandomFailed
    );
    let mut cookies = cookies();
    let cookie = cookies.make(&fields());
    assert_eq!(
        cookies.rotate(&mut Random::Broken, at(40)),
        Err(RandomFailed)
    );
    assert!(cookies.verify(&cookie, &fields(), at(40)));
    assert!(!cookies.verify(&cookie, &fields(), at(60)));
}

/// Fails to compile where `$type` has the trait: both blanket answers would fit.
macro_rules! has_not {
    ($trait:path: $($type:ty),+) => {$({
        trait Answer<Proof> {
            fn answer() {}
        }
        impl<T: ?Sized> Answer<()> for T {}
        struct Has;
        impl<T: ?Sized + $trait> Answer<Has> for T {}
        let _ = <$type as Answer<_>>::answer;
    })+};
}

#[test]
fn r39_no_debug_secrets_cannot_be_printed_or_copied() {
    has_not!(Debug: Secret<32>, SecretBytes);
    has_not!(Display: Secret<32>, SecretBytes, MasterSecret, RecordKey, KeyExchange, Identity);
    has_not!(Clone: Secret<32>, SecretBytes, MasterSecret, RecordKey, KeyExchange, Cookies);
    has_not!(serde::Serialize: Secret<32>, SecretBytes, MasterSecret, RecordKey, Identity, Cookies);
}

#[test]
fn r39_no_debug_what_is_printed_has_no_content() {
    let key = super::fixture("leaf.key");
    let identity = Identity::from_pem(super::fixture("v1_plain.pem"), &key).unwrap();
    let printed = format!("{identity:?} {:?} {:?}", cookies(), Transcript::new());
    for line in key.lines().filter(|line| !line.starts_with("--")) {
        assert!(!printed.contains(line));
    }
    assert!(printed.starts_with("Identity { subject: \"CN=game.example,O=Studio\", fingerprint: "));
}

#[cfg(feature = "key-log")]
#[test]
fn a_key_log_line_is_what_tshark_reads() {
    use std::io::{self, Write};
    use std::sync::Arc;

    use parking_lot::Mutex;

    use crate::crypto::{CipherSuite, KeyLog};

    struct Sink(Arc<Mutex<Vec<u8>>>);
    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let written = Arc::new(Mutex::new(Vec::new()));
    let log = KeyLog::new(Sink(Arc::clone(&written)));
    let master = MasterSecret::of_a_test(CipherSuite::RsaAes256Gcm, [0xAB; 48]);
    log.log(&[0x01; 32], &master).unwrap();
    let line = format!("CLIENT_RANDOM {} {}\n", "01".repeat(32), "ab".repeat(48));
    assert_eq!(written.lock().as_slice(), line.as_bytes());
}
