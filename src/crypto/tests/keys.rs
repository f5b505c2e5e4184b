//! Keys end to end: published and independently computed vectors, both directions, misuse refused.

use std::collections::HashSet;

use crate::crypto::exchange::RecordKeys;
use crate::crypto::provider::{constant_time_equal, hmac_sha256, sha256};
use crate::crypto::record_key::OpenFailed;
use crate::crypto::secret::Secret;
use crate::crypto::{
    CipherSuite, CryptoError, Group, KeyExchange, MasterSecret, RecordKey, Side, Transcript,
};

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Bytes 0 to 47 as master secret.
fn master(suite: CipherSuite) -> MasterSecret {
    MasterSecret::of_a_test(
        suite,
        std::array::from_fn(|index| u8::try_from(index).unwrap()),
    )
}

fn keys(suite: CipherSuite) -> RecordKeys {
    master(suite).record_keys(&[0x11; 32], &[0x22; 32])
}

/// Epoch 1, sequence 5, as a record's header has it.
const NUMBER: u64 = (1 << 48) | 5;

/// RFC 5246 §6.2.3.3: number, type, version and length.
fn additional_data(number: u64, length: usize) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.extend_from_slice(&[23, 0xFE, 0xFD]);
    bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
    bytes
}

fn seal(key: &RecordKey, number: u64, plain: &[u8]) -> Vec<u8> {
    let mut bytes = plain.to_vec();
    let tag = key.seal(number, &additional_data(number, plain.len()), &mut bytes);
    bytes.extend_from_slice(&tag.unwrap());
    bytes
}

fn open(key: &RecordKey, number: u64, sealed: &[u8]) -> Result<Vec<u8>, OpenFailed> {
    let mut bytes = sealed.to_vec();
    let length = sealed.len().saturating_sub(16);
    key.open(number, &additional_data(number, length), &mut bytes)
        .map(|plain| plain.to_vec())
}

/// Computed with Python's `hmac` and `cryptography` (OpenSSL) from RFC 5246 §5 and §6.3, RFC 5288
/// and RFC 7905: what the client and the server seal of "drumfire record".
const RECORDS: [(CipherSuite, &str, &str); 2] = [
    (
        CipherSuite::RsaAes256Gcm,
        "8bdcf70e7fd6059d08f51b68ed50c7e7f7f07ff3c1a28689bdf20064c455c9",
        "a19f875ff5a363b8b60d723dc52e4c0f5cfe3c67bd9f79463800421005783a",
    ),
    (
        CipherSuite::RsaChaCha20Poly1305,
        "dc09e76447ebc6d7ad53b4c9ff498942ccd9be92c409ef996a88af4e3219a7",
        "969eda5c333674bc31bb2ecd40f304f12bb3bab081686dc7a9cdb634f91f77",
    ),
];

#[test]
fn records_are_those_openssl_makes() {
    for (suite, client, server) in RECORDS {
        let keys = keys(suite);
        assert_eq!(seal(&keys.client, NUMBER, b"drumfire record"), hex(client));
        assert_eq!(seal(&keys.server, NUMBER, b"drumfire record"), hex(server));
        assert_eq!(
            open(&keys.client, NUMBER, &hex(client)).unwrap(),
            b"drumfire record"
        );
    }
}

#[test]
fn both_suites_of_an_aead_make_the_same_records() {
    for (ecdsa, rsa) in [
        (CipherSuite::EcdsaAes256Gcm, CipherSuite::RsaAes256Gcm),
        (
            CipherSuite::EcdsaChaCha20Poly1305,
            CipherSuite::RsaChaCha20Poly1305,
        ),
    ] {
        let sealed = seal(&keys(ecdsa).client, 7, b"same");
        assert_eq!(open(&keys(rsa).client, 7, &sealed).unwrap(), b"same");
    }
}

#[test]
fn finished_is_what_hmac_says() {
    // Computed like RECORDS, over the hash of "messages".
    for (suite, client, server) in [
        (
            CipherSuite::EcdsaAes256Gcm,
            "f487bb5c7b5bf22389d13cf3",
            "bffd7af5c2b447cc52eec21f",
        ),
        (
            CipherSuite::EcdsaChaCha20Poly1305,
            "05801d395a8c81213cc5e5c6",
            "3b81a0c9a21f398bbf9473b2",
        ),
    ] {
        let mut transcript = Transcript::new();
        transcript.add(b"mess");
        transcript.start(suite);
        transcript.add(b"ages");
        let digest = transcript.digest().unwrap();
        let finished = |side| master(suite).finished(side, &digest).to_vec();
        assert_eq!(finished(Side::Client), hex(client));
        assert_eq!(finished(Side::Server), hex(server));
    }
}

#[test]
fn the_hash_and_hmac_are_those_of_the_rfcs() {
    // RFC 6234 §8.5 and RFC 4231 §4.3 (the key is padded with zeros, as HMAC does).
    assert_eq!(
        sha256(b"abc").to_vec(),
        hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    );
    let mut key = Secret::zeroed();
    key.as_mut()[..4].copy_from_slice(b"Jefe");
    assert_eq!(
        hmac_sha256(&key, b"what do ya want for nothing?").to_vec(),
        hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    );
}

#[test]
fn whatever_is_changed_does_not_open() {
    for suite in CipherSuite::AES_FIRST {
        let key = keys(suite).client;
        let sealed = seal(&key, NUMBER, b"payload");
        assert_eq!(open(&key, NUMBER, &sealed).unwrap(), b"payload");
        for index in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[index] ^= 1;
            assert_eq!(open(&key, NUMBER, &bad), Err(OpenFailed));
        }
        for length in 0..sealed.len() {
            assert_eq!(open(&key, NUMBER, &sealed[..length]), Err(OpenFailed));
        }
        assert_eq!(open(&key, NUMBER + 1, &sealed), Err(OpenFailed));
        assert_eq!(open(&keys(suite).server, NUMBER, &sealed), Err(OpenFailed));
    }
}

#[test]
fn the_explicit_nonce_of_gcm_is_the_peers_choice() {
    // The additional data has the record's number, the nonce any other.
    let key = keys(CipherSuite::RsaAes256Gcm).client;
    let mut bytes = b"payload".to_vec();
    let additional_data = additional_data(NUMBER, bytes.len());
    let nonce = 0xDEAD_BEEF_0BAD_F00D;
    let tag = key.seal(nonce, &additional_data, &mut bytes).unwrap();
    bytes.extend_from_slice(&tag);
    let plain = key.open(nonce, &additional_data, &mut bytes).unwrap();
    assert_eq!(plain, b"payload");
}

#[test]
fn an_empty_record_is_a_tag() {
    for suite in CipherSuite::AES_FIRST {
        let key = keys(suite).server;
        let sealed = seal(&key, NUMBER, b"");
        assert_eq!(sealed.len(), 16);
        assert_eq!(open(&key, NUMBER, &sealed).unwrap(), b"");
    }
}

#[test]
fn overhead_is_16_or_24_bytes() {
    assert_eq!(keys(CipherSuite::RsaChaCha20Poly1305).client.overhead(), 16);
    assert_eq!(keys(CipherSuite::RsaAes256Gcm).client.overhead(), 24);
}

#[test]
fn r16_limits_are_the_stricter_of_two() {
    let gcm = keys(CipherSuite::EcdsaAes256Gcm).client;
    assert_eq!(gcm.seal_limit(), 1 << 23);
    assert_eq!(gcm.failure_limit(), 1 << 36);
    let chacha = keys(CipherSuite::EcdsaChaCha20Poly1305).client;
    assert_eq!(chacha.seal_limit(), 1 << 48);
    assert_eq!(chacha.failure_limit(), 1 << 36);
}

#[test]
fn r16_nonce_unique_numbers_make_unique_nonces() {
    // The key stream of an all-zero record is a fingerprint of its nonce.
    for suite in [CipherSuite::RsaAes256Gcm, CipherSuite::RsaChaCha20Poly1305] {
        let key = keys(suite).client;
        let mut seen = HashSet::new();
        for epoch in [1_u64, 2] {
            for sequence in 0..5_000 {
                let mut stream = [0; 16];
                key.seal((epoch << 48) | sequence, b"", &mut stream)
                    .unwrap();
                assert!(seen.insert(stream));
            }
        }
    }
}

#[test]
fn r18_restart_no_reuse_every_exchange_is_fresh() {
    let mut shares = HashSet::new();
    for group in Group::ALL {
        for _ in 0..50 {
            let exchange = KeyExchange::start(group).unwrap();
            assert_eq!(exchange.public_key().len(), group.share_len());
            assert!(shares.insert(exchange.public_key().to_vec()));
        }
    }
}

#[test]
fn both_ends_agree_on_the_master_secret() {
    for group in Group::ALL {
        for suite in CipherSuite::CHACHA_FIRST {
            let client = KeyExchange::start(group).unwrap();
            let server = KeyExchange::start(group).unwrap();
            let (to_server, to_client) =
                (client.public_key().to_vec(), server.public_key().to_vec());
            let mut transcript = Transcript::new();
            transcript.add(b"hellos");
            transcript.start(suite);
            let hash = transcript.digest().unwrap();
            let client = client.master_secret(suite, &to_client, &hash).unwrap();
            let server = server.master_secret(suite, &to_server, &hash).unwrap();
            let sealed = seal(
                &client.record_keys(&[1; 32], &[2; 32]).client,
                NUMBER,
                b"hello",
            );
            let keys = server.record_keys(&[1; 32], &[2; 32]);
            assert_eq!(open(&keys.client, NUMBER, &sealed).unwrap(), b"hello");
        }
    }
}

#[test]
fn a_share_that_is_no_point_is_refused() {
    let mut transcript = Transcript::new();
    transcript.start(CipherSuite::RsaAes256Gcm);
    let hash = transcript.digest().unwrap();
    for group in Group::ALL {
        // Zeros are the point of order 1 of X25519 (RFC 7748 §6.1), and no point of the others.
        for share in [
            vec![],
            vec![0; group.share_len()],
            vec![4; group.share_len()],
        ] {
            if group == Group::X25519 && share.first() == Some(&4) {
                continue;
            }
            let exchange = KeyExchange::start(group).unwrap();
            let secret = exchange.master_secret(CipherSuite::RsaAes256Gcm, &share, &hash);
            assert_eq!(secret.unwrap_err(), CryptoError::BadKeyShare, "{group:?}");
        }
    }
}

#[test]
fn a_transcript_forks_and_forgets() {
    let suite = CipherSuite::EcdsaChaCha20Poly1305;
    let mut transcript = Transcript::new();
    transcript.add(b"a");
    assert!(transcript.digest().is_none());
    transcript.start(suite);
    transcript.add(b"b");
    let mut fork = transcript.fork();
    fork.add(b"c");
    assert_eq!(fork.messages(), Some(b"abc".as_slice()));
    assert_eq!(fork.digest().unwrap().as_bytes(), sha256(b"abc"));
    transcript.forget_messages();
    transcript.add(b"d");
    assert_eq!(transcript.messages(), None);
    assert_eq!(transcript.digest().unwrap().as_bytes(), sha256(b"abd"));
}

#[test]
fn numbers_on_the_wire_are_those_of_the_registry() {
    for suite in CipherSuite::AES_FIRST {
        assert_eq!(CipherSuite::from_id(suite.id()), Some(suite));
    }
    // AES-128, CBC and the renegotiation signal are not spoken.
    for id in [0xC02F, 0xC014, 0x00FF] {
        assert_eq!(CipherSuite::from_id(id), None);
    }
    for group in Group::ALL {
        assert_eq!(Group::from_id(group.id()), Some(group));
    }
    // P-521, and a hybrid with ML-KEM.
    assert_eq!((Group::from_id(25), Group::from_id(4_588)), (None, None));
}

#[test]
fn r08_ct_equality_is_equality() {
    assert!(constant_time_equal(b"", b""));
    assert!(constant_time_equal(b"cookie", b"cookie"));
    assert!(!constant_time_equal(b"cookie", b"cookif"));
    assert!(!constant_time_equal(b"cookie", b"cooki"));
    // The function is the audited one: the type says so.
    fn audited<T: subtle::ConstantTimeEq + ?Sized>() {}
    audited::<[u8]>();
}
