//! Trust beyond the table: intermediates, pins, demands, clients, and nobody at all.

use super::*;
use crate::crypto::{CommonNameRefusal, Fingerprint, TrustError};

fn server(trust: &Trust, shown: &[&str]) -> Result<PeerIdentity, VerifyError> {
    let chain: Vec<_> = shown.iter().map(|name| der(name)).collect();
    let chain: Vec<_> = chain.iter().map(Vec::as_slice).collect();
    trust.verify_server(&chain, &ServerName::new(NAME).unwrap(), now())
}

#[test]
fn n03_an_intermediate_is_followed_in_any_order() {
    server(&trust("ca"), &["v3_by_between", "between"]).unwrap();
    server(
        &trust("ca"),
        &["v3_by_between", "ca", "v3_plain", "between"],
    )
    .unwrap();
    let error = server(&trust("ca"), &["v3_by_between"]).unwrap_err();
    assert!(
        matches!(error, VerifyError::UnknownIssuer { .. }),
        "{error}"
    );
}

#[test]
fn an_intermediate_that_may_not_sign_is_refused() {
    let shown = ["v3_by_between_no_signing", "between_no_signing"];
    let error = server(&trust("ca"), &shown).unwrap_err();
    assert!(error.to_string().contains("is no CA"), "{error}");
}

#[test]
fn require_san_refuses_common_names() {
    let trust = trust("ca").require_san();
    for shown in ["v1_plain", "v3_plain"] {
        assert!(matches!(
            server(&trust, &[shown]),
            Err(VerifyError::CommonNameRefused {
                cause: CommonNameRefusal::Required,
                ..
            })
        ));
    }
    server(&trust, &["v3_san"]).unwrap();
}

#[test]
fn a_pinned_certificate_needs_no_ca_and_no_name() {
    let pins = fixture("v1_plain.pem") + &fixture("v3_wildcard.pem");
    let trust = Trust::pinned_certificate(pins).unwrap();
    server(&trust, &["v1_plain"]).unwrap();
    server(&trust, &["v3_wildcard"]).unwrap();
    assert!(matches!(
        server(&trust, &["v3_plain"]),
        Err(VerifyError::NotPinned { presented }) if presented == certificate("v3_plain").fingerprint()
    ));
    let late = WallTime::from_unix_seconds(u32::MAX.into());
    let trust = Trust::pinned_certificate(fixture("v1_short.pem")).unwrap();
    let name = ServerName::new(NAME).unwrap();
    assert!(matches!(
        trust.verify_server(&[&der("v1_short")], &name, late),
        Err(VerifyError::Expired { .. })
    ));
}

#[test]
fn a_pinned_key_survives_a_renewal() {
    // sha256 of the SubjectPublicKeyInfo, which all plain leaves share.
    let leaf = certificate("v1_plain");
    let pin = super::super::provider::sha256(leaf.raw().unwrap().key_info);
    let trust = Trust::pinned_public_key([Fingerprint(pin)]).unwrap();
    server(&trust, &["v1_plain"]).unwrap();
    server(&trust, &["v3_san"]).unwrap();
    assert!(matches!(
        server(&trust, &["v3_rsa"]),
        Err(VerifyError::NotPinned { .. })
    ));
    assert_eq!(
        Trust::pinned_public_key([]).unwrap_err(),
        TrustError::Nothing
    );
}

#[test]
fn a_fingerprint_is_read_as_openssl_prints_it() {
    let fingerprint = certificate("ca").fingerprint();
    let text = fingerprint.to_string();
    assert_eq!(text.len(), 95);
    assert_eq!(text.parse::<Fingerprint>().unwrap(), fingerprint);
    let plain = text.replace(':', "").to_lowercase();
    assert_eq!(plain.parse::<Fingerprint>().unwrap(), fingerprint);
    for wrong in [
        "",
        "AB:CD",
        &text.replace('A', "G"),
        &plain.replace("a", "+"),
    ] {
        assert!(wrong.parse::<Fingerprint>().is_err() || wrong == text || wrong == plain);
    }
}

#[test]
fn a_client_may_be_expected_by_name() {
    let [right, wrong] = [NAME, "other.example"].map(|name| ServerName::new(name).unwrap());
    let chain = der("v1_plain");
    let judge = |name| trust("ca").verify_client(&[&chain], name, now());
    assert_eq!(judge(None).unwrap().names(), [NAME]);
    judge(Some(&right)).unwrap();
    assert!(matches!(
        judge(Some(&wrong)),
        Err(VerifyError::WrongName { .. })
    ));
}

#[test]
fn n04_a_clients_certificate_of_another_ca_or_none_is_refused() {
    let chain = der("v1_plain");
    let trust = trust("twin_ca");
    assert!(trust.verify_client(&[&chain], None, now()).is_err());
    assert_eq!(
        trust.verify_client(&[], None, now()),
        Err(VerifyError::NoCertificate)
    );
}

#[test]
fn a_server_names_its_cas_in_its_request() {
    assert_eq!(trust("ten_cas").authority_names().len(), 10);
    let ca = certificate("ca");
    assert_eq!(trust("ca").authority_names(), [ca.raw().unwrap().subject]);
    let pinned = Trust::pinned_certificate(fixture("v1_plain.pem")).unwrap();
    assert!(pinned.authority_names().is_empty());
}

#[test]
fn anyone_is_anyone_with_a_readable_certificate() {
    let trust = Trust::dangerous_anyone();
    for shown in ["v1_sha1", "v3_client_only", "self_signed_v1"] {
        server(&trust, &[shown]).unwrap();
    }
    let name = ServerName::new(NAME).unwrap();
    assert!(matches!(
        trust.verify_server(&[b"junk"], &name, now()),
        Err(VerifyError::Malformed { .. })
    ));
}

#[test]
fn every_cut_and_every_flipped_byte_is_refused_without_a_panic() {
    let name = ServerName::new(NAME).unwrap();
    let trust = trust("ca");
    for shown in ["v1_plain", "v3_plain", "v3_san"] {
        let good = der(shown);
        for length in 0..good.len() {
            assert!(
                trust
                    .verify_server(&[&good[..length]], &name, now())
                    .is_err()
            );
        }
        for index in 0..good.len() {
            let mut bad = good.clone();
            bad[index] ^= 1 << (index % 8);
            let result = trust.verify_server(&[&bad], &name, now());
            assert!(result.is_err(), "{shown}, byte {index}");
        }
    }
}

#[test]
fn every_refusal_has_an_alert() {
    let alert = |result: Result<_, VerifyError>| result.map(drop).unwrap_err().alert();
    assert_eq!(alert(judge("client_ca", &["v1_plain"], NAME)), 48);
    assert_eq!(alert(judge("ca", &["v1_plain"], "other")), 42);
    assert_eq!(alert(judge("ca", &["v1_sha1"], NAME)), 43);
    let late = WallTime::from_unix_seconds(u32::MAX.into());
    assert_eq!(alert(judge_at("ca", &["v1_short"], NAME, late)), 45);
}

#[test]
fn names_that_name_nobody_are_refused() {
    let error = |text: &str| ServerName::new(text).unwrap_err().to_string();
    assert!(error("").starts_with("the server name is empty"));
    assert!(error("*.example").contains("wildcard"));
    assert_eq!(
        error("game\0.example"),
        "the server name `game\\u{0}.example` has a control character"
    );
    assert!(error(&"a".repeat(256)).contains("256 bytes"));
}

#[test]
fn only_host_names_are_said_in_the_hello() {
    let sni = |text: &str| ServerName::new(text).unwrap().sni().map(str::to_owned);
    assert_eq!(sni("game.example").as_deref(), Some("game.example"));
    assert_eq!(sni("game.example.").as_deref(), Some("game.example"));
    assert_eq!(sni("common-name").as_deref(), Some("common-name"));
    assert_eq!(sni("192.0.2.1"), None);
    assert_eq!(sni("::1"), None);
    assert_eq!(sni("my game server"), None);
}

#[cfg(feature = "platform-roots")]
#[test]
fn the_systems_roots_know_alternative_names_and_servers_only() {
    // A machine without root certificates has nothing to ask.
    let Ok(trust) = Trust::system() else {
        return;
    };
    for shown in ["v1_plain", "v3_plain"] {
        assert!(matches!(
            server(&trust, &[shown]),
            Err(VerifyError::CommonNameRefused {
                cause: CommonNameRefusal::SystemRoots,
                ..
            })
        ));
    }
    let error = server(&trust, &["v3_san"]).unwrap_err();
    assert!(
        matches!(error, VerifyError::UnknownIssuer { .. }),
        "{error}"
    );
    assert!(!trust.judges_clients());
    assert_eq!(
        trust.verify_client(&[&der("v3_san")], None, now()),
        Err(VerifyError::SystemRootsAreForServers)
    );
}
