//! Identities from PEM: every form of key, every order of chain, every mistake named.

use super::*;
use crate::crypto::scheme::Authentication;
use crate::crypto::{
    CertificateWarning, Identity, IdentityError, Side, SignatureScheme, verify_signature,
};

fn load(certificate: &str, key: &str) -> Result<Identity, IdentityError> {
    Identity::from_pem(
        fixture(&format!("{certificate}.pem")),
        fixture(&format!("{key}.key")),
    )
}

fn all_schemes() -> impl Iterator<Item = u16> {
    SignatureScheme::ALL.into_iter().map(SignatureScheme::id)
}

#[test]
fn every_form_of_key_loads_and_signs() {
    for (certificate, key, authentication) in [
        ("v1_plain", "leaf", Authentication::Ecdsa),
        ("v3_san", "leaf_parameters", Authentication::Ecdsa),
        ("v3_plain", "leaf_pkcs8", Authentication::Ecdsa),
        ("v1_rsa", "rsa", Authentication::Rsa),
        ("v3_rsa", "rsa_pkcs8", Authentication::Rsa),
        ("v3_p384", "p384", Authentication::Ecdsa),
        ("v3_ed25519", "ed25519", Authentication::Ecdsa),
    ] {
        let identity = load(certificate, key).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(identity.authentication(), authentication);
        let (scheme, signature) = identity.sign(all_schemes(), b"message").unwrap();
        assert_eq!(scheme.authentication(), authentication);
        let leaf = der(certificate);
        verify_signature(&leaf, scheme, b"message", &signature).unwrap();
        assert_eq!(
            verify_signature(&leaf, scheme, b"massage", &signature),
            Err(VerifyError::HandshakeSignature)
        );
    }
}

#[test]
fn the_peers_list_decides_the_scheme() {
    let rsa = load("v1_rsa", "rsa").unwrap();
    for scheme in SignatureScheme::ALL {
        let signed = rsa.sign([scheme.id(), 0x0201, 0xFFFF], b"message");
        match scheme.authentication() {
            Authentication::Rsa => {
                let (chosen, signature) = signed.unwrap();
                assert_eq!(chosen, scheme);
                verify_signature(&der("v1_rsa"), scheme, b"message", &signature).unwrap();
                let other = verify_signature(&der("v1_plain"), scheme, b"message", &signature);
                assert!(matches!(
                    other,
                    Err(VerifyError::SchemeDoesNotFitKey { .. })
                ));
            }
            Authentication::Ecdsa => assert!(signed.is_err()),
        }
    }
    // RSA with SHA-1 only: nothing to agree on.
    assert!(!rsa.can_sign([0x0201]));
}

#[test]
fn n03_the_chain_is_sorted_leaf_first() {
    let parts = ["v3_by_between.pem", "between.pem", "ca.pem"].map(fixture);
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let text: String = order.iter().map(|part| parts[*part].as_str()).collect();
        let identity = Identity::from_pem(text, fixture("leaf.key")).unwrap();
        let chain: Vec<_> = identity.chain().collect();
        // The root stays at home.
        assert_eq!(chain, [der("v3_by_between"), der("between")]);
        assert_eq!(identity.check(Side::Server, now()).unwrap(), []);
    }
}

#[test]
fn n03_crlf_text_around_and_any_size_are_fine() {
    let padding = "# a line of a comment that says nothing at all\r\n".repeat(1_000);
    let certificate = fixture("v3_san.pem").replace('\n', "\r\n");
    let key = fixture("leaf_parameters.key").replace('\n', "\r\n");
    let certificate = format!("{padding}{certificate}{padding}");
    assert!(certificate.len() > 90_000);
    Identity::from_pem(certificate, format!("{padding}{key}trailing")).unwrap();
}

#[test]
fn n12_a_key_of_another_certificate_is_named() {
    assert_eq!(
        load("v1_plain", "rsa").unwrap_err().to_string(),
        "private key: it is not the key of the certificate of `CN=game.example,O=Studio` (that has \
         a P-256 key, the file a RSA key): `openssl pkey -in KEY -pubout` and \
         `openssl x509 -in CERTIFICATE -noout -pubkey` must print the same"
    );
}

#[test]
fn n12_every_bad_pem_is_named() {
    let certificate = fixture("v1_plain.pem");
    let key = fixture("leaf.key");
    let load = |certificate: &str, key: &str| {
        Identity::from_pem(certificate, key)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        load(&key, &certificate),
        "certificate: there is no `CERTIFICATE` block, only EC PRIVATE KEY: \
         certificate and private key may be swapped"
    );
    assert_eq!(
        load(&certificate, &certificate),
        "private key: there is no `PRIVATE KEY` block, only CERTIFICATE: \
         certificate and private key may be swapped"
    );
    assert!(load("", &key).starts_with("certificate: there is no `-----BEGIN …-----` line"));
    assert!(load(&certificate, "server.key").starts_with("private key: there is no `-----BEGIN"));
    assert!(load(&fixture("request.pem"), &key).contains("`openssl x509 -req`"));
    assert_eq!(
        load(&certificate, &fixture("leaf_encrypted.key")),
        "private key: the private key is encrypted: \
         decrypt it with `openssl pkey -in KEY -out PLAIN_KEY`"
    );
    assert!(load(&certificate, &fixture("rsa_encrypted.key")).contains("is encrypted"));
    let broken = certificate.replace("MII", "AAA");
    assert!(load(&format!("{certificate}{broken}"), &key).starts_with("certificate 2 of the text"));
    let broken = key.replace("MHc", "AAA");
    assert!(load(&certificate, &broken).starts_with("private key: "));
}

#[test]
fn weak_keys_and_hashes_are_refused_at_once() {
    assert!(matches!(
        load("v1_sha1", "leaf"),
        Err(IdentityError::WeakSignature { algorithm, .. }) if algorithm == "SHA-1"
    ));
    // ring does not even load it.
    let error = load("v1_rsa1024", "rsa1024").unwrap_err();
    assert!(
        matches!(
            error,
            IdentityError::WeakKey { .. } | IdentityError::UnusablePrivateKey { .. }
        ),
        "{error}"
    );
    let error = load("v3_p521", "p521").unwrap_err();
    assert!(
        matches!(error, IdentityError::UnusablePrivateKey { .. }),
        "{error}"
    );
}

#[test]
fn dates_and_usages_are_judged_with_the_date() {
    let short = load("v1_short", "leaf").unwrap();
    let end = certificate("v1_short").not_after().as_unix_seconds();
    short.check(Side::Server, now()).unwrap();
    let error = short.check(Side::Server, WallTime::from_unix_seconds(end + 1));
    assert!(matches!(error, Err(IdentityError::Expired { .. })));
    let error = short.check(Side::Server, WallTime::from_unix_seconds(1));
    assert!(matches!(error, Err(IdentityError::NotYetValid { .. })));

    let client = load("v3_client_only", "leaf").unwrap();
    client.check(Side::Client, now()).unwrap();
    assert_eq!(
        client.check(Side::Server, now()).unwrap_err().to_string(),
        "certificate: `CN=game.example` says what it is for, and serverAuth is missing: \
         sign it again with `-extfile <(printf 'extendedKeyUsage=serverAuth')`"
    );
    let silent = load("v3_no_signing", "leaf").unwrap();
    assert!(matches!(
        silent.check(Side::Server, now()),
        Err(IdentityError::WrongUsage {
            needed: "digitalSignature",
            ..
        })
    ));
}

#[test]
fn what_works_and_is_a_pity_is_warned_of() {
    let warnings = |identity: &Identity| identity.check(Side::Server, now()).unwrap();
    assert!(matches!(
        warnings(&load("v1_plain", "leaf").unwrap()).as_slice(),
        [CertificateWarning::NoSubjectAltName { .. }]
    ));
    assert_eq!(warnings(&load("v3_san", "leaf").unwrap()), []);
    assert!(matches!(
        warnings(&load("v3_san_authority", "leaf").unwrap()).as_slice(),
        [CertificateWarning::IdentityIsAuthority { .. }]
    ));
    let text = fixture("v3_san.pem") + &fixture("v3_rsa.pem");
    let identity = Identity::from_pem(text, fixture("leaf.key")).unwrap();
    assert!(matches!(
        warnings(&identity).as_slice(),
        [CertificateWarning::NotOfTheChain { .. }]
    ));
}

#[test]
fn the_committed_identities_fit_their_cas() {
    for kind in ["ecdsa", "rsa"] {
        for (side, name) in [(Side::Server, "server"), (Side::Client, "client")] {
            let file = |end: &str| read(&format!("certs/{kind}-{name}{end}"));
            let identity = Identity::from_pem(file(".pem"), file(".key")).unwrap();
            assert_eq!(identity.check(side, now()).unwrap(), []);
            let trust = Trust::from_pem(file("-ca.pem")).unwrap();
            assert_eq!(trust.check(now()).unwrap(), []);
            let chain: Vec<_> = identity.chain().collect();
            let peer = match side {
                Side::Server => {
                    trust.verify_server(&chain, &ServerName::new("localhost").unwrap(), now())
                }
                Side::Client => trust.verify_client(&chain, None, now()),
            };
            assert_eq!(peer.unwrap().fingerprint(), identity.fingerprint());
        }
    }
    let identity = Identity::from_pem(
        read("certs/unity-server.pem"),
        read("certs/unity-server.key"),
    );
    assert_eq!(identity.unwrap().names(), ["common-name"]);
}
