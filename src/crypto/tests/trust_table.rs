//! The trust table: what a server may show, each row for X.509 version 1 and 3.

use super::*;
use crate::crypto::{CertificateWarning, CommonNameRefusal, Identity};

/// Both versions of a fixture, of the plain CA, for `game.example`.
fn both(name: &str) -> [Result<PeerIdentity, VerifyError>; 2] {
    both_by("ca", name, NAME)
}

fn both_by(ca: &str, name: &str, server: &str) -> [Result<PeerIdentity, VerifyError>; 2] {
    let versions = [format!("v1_{name}"), format!("v3_{name}")];
    versions.map(|shown| judge(ca, &[&shown], server))
}

#[track_caller]
fn accepted(results: [Result<PeerIdentity, VerifyError>; 2]) {
    for result in results {
        result.unwrap();
    }
}

#[track_caller]
fn refused(results: [Result<PeerIdentity, VerifyError>; 2], like: fn(&VerifyError) -> bool) {
    for result in results {
        let error = result.unwrap_err();
        assert!(like(&error), "{error}");
    }
}

#[track_caller]
fn common_name_refused(results: [Result<PeerIdentity, VerifyError>; 2], why: CommonNameRefusal) {
    for result in results {
        let error = result.unwrap_err();
        assert!(
            matches!(error, VerifyError::CommonNameRefused { cause, .. } if cause == why),
            "{error}"
        );
    }
}

fn wrong_name(error: &VerifyError) -> bool {
    matches!(error, VerifyError::WrongName { .. })
}

#[test]
fn the_right_ca_and_name_are_accepted() {
    accepted(both("plain"));
    let peer = judge("ca", &["v1_plain"], NAME).unwrap();
    assert_eq!(peer.names(), [NAME]);
    assert_eq!(peer.certificate(), der("v1_plain"));
    assert_eq!(peer.fingerprint(), certificate("v1_plain").fingerprint());
}

#[test]
fn another_ca_is_refused() {
    refused(both_by("client_ca", "plain", NAME), |error| {
        matches!(error, VerifyError::UnknownIssuer { .. })
    });
    assert_eq!(
        judge("client_ca", &["v1_plain"], NAME)
            .unwrap_err()
            .to_string(),
        "`CN=game.example,O=Studio` was issued by `CN=Game CA`, which is none of the given CA \
         certificates (`CN=Client CA`): give the CA certificate that signed it"
    );
}

#[test]
fn two_common_names_are_refused() {
    common_name_refused(
        both("two_common_names"),
        CommonNameRefusal::Several { count: 2 },
    );
}

#[test]
fn no_common_name_is_refused() {
    common_name_refused(both("no_common_name"), CommonNameRefusal::Missing);
}

#[test]
fn a_wildcard_common_name_is_refused() {
    common_name_refused(both("wildcard"), CommonNameRefusal::Wildcard);
}

#[test]
fn a_common_name_with_nul_is_refused() {
    common_name_refused(both("nul"), CommonNameRefusal::ControlCharacter);
}

#[test]
fn a_trailing_dot_is_another_name() {
    refused(both("trailing_dot"), wrong_name);
    accepted(both_by("ca", "trailing_dot", "game.example."));
}

#[test]
fn ascii_case_does_not_matter() {
    accepted(both("other_case"));
    accepted(both_by("ca", "plain", "GAME.EXAMPLE"));
}

#[test]
fn other_letters_are_compared_as_they_are() {
    accepted(both_by("ca", "umlaut", "spiel.exämple"));
    refused(both_by("ca", "umlaut", "spiel.exÄmple"), wrong_name);
}

#[test]
fn an_address_in_a_common_name_is_text() {
    accepted(both_by("ca", "address", "192.0.2.1"));
    refused(both_by("ca", "address", "192.0.2.10"), wrong_name);
    refused(both_by("ca", "plain", "192.0.2.1"), wrong_name);
}

#[test]
fn spaces_count() {
    accepted(both_by("ca", "text", "my game server"));
    refused(both_by("ca", "text", "my  game server"), wrong_name);
    refused(both("padded"), wrong_name);
    accepted(both_by("ca", "padded", " game.example "));
}

#[test]
fn an_email_alone_still_silences_the_common_name() {
    let error = judge("ca", &["v3_san_email"], NAME).unwrap_err();
    assert!(
        error.to_string().starts_with(
            "the certificate is for no host name and no address (its common name `game.example` \
             does not count beside subject alternative names), not for `game.example`"
        ),
        "{error}"
    );
}

#[test]
fn a_common_name_does_not_help_wrong_alternative_names() {
    assert!(wrong_name(
        &judge("ca", &["v3_san_other"], NAME).unwrap_err()
    ));
    judge("ca", &["v3_san_other"], "other.example").unwrap();
}

#[test]
fn alternative_names_are_hosts_wildcards_and_addresses() {
    for name in [
        NAME,
        "Game.Example",
        "eu.games.example",
        "192.0.2.1",
        "2001:db8::1",
    ] {
        judge("ca", &["v3_san"], name).unwrap();
    }
    for name in [
        "games.example",
        "a.b.games.example",
        "192.0.2.2",
        "anything",
        "any text",
    ] {
        assert!(
            wrong_name(&judge("ca", &["v3_san"], name).unwrap_err()),
            "{name}"
        );
    }
    let peer = judge("ca", &["v3_san"], NAME).unwrap();
    assert_eq!(
        peer.names(),
        [NAME, "*.games.example", "192.0.2.1", "2001:db8::1"]
    );
}

#[test]
fn a_clients_usage_is_no_servers() {
    for shown in ["v3_client_only", "v3_san_client_only"] {
        assert!(matches!(
            judge("ca", &[shown], NAME),
            Err(VerifyError::WrongUsage {
                needed: "serverAuth",
                ..
            })
        ));
        let chain = der(shown);
        trust("ca").verify_client(&[&chain], None, now()).unwrap();
    }
    judge("ca", &["v3_server_only"], NAME).unwrap();
    let chain = der("v3_server_only");
    assert!(matches!(
        trust("ca").verify_client(&[&chain], None, now()),
        Err(VerifyError::WrongUsage {
            needed: "clientAuth",
            ..
        })
    ));
}

#[test]
fn a_usage_without_signing_is_refused() {
    for shown in ["v3_no_signing", "v3_san_no_signing"] {
        assert!(matches!(
            judge("ca", &[shown], NAME),
            Err(VerifyError::WrongUsage {
                needed: "digitalSignature",
                ..
            })
        ));
    }
}

#[test]
fn an_unknown_critical_extension_is_refused() {
    for shown in ["v3_critical", "v3_san_critical"] {
        let error = judge("ca", &[shown], NAME).unwrap_err();
        assert!(error.to_string().contains("critical extension"), "{error}");
    }
}

#[test]
fn name_constraints_leave_no_common_name() {
    let why = CommonNameRefusal::NameConstraints;
    let outside = both_by("constrained_ca", "constrained_outside", "other.example");
    common_name_refused(outside, why);
    // Inside too: whether it is inside is what webpki does not ask of common names.
    common_name_refused(both_by("constrained_ca", "constrained_inside", NAME), why);
    judge("constrained_ca", &["v3_san_constrained_inside"], NAME).unwrap();
    let error = judge(
        "constrained_ca",
        &["v3_san_constrained_outside"],
        "other.example",
    );
    let error = error.unwrap_err();
    assert!(error.to_string().contains("name constraints"), "{error}");
}

#[test]
fn what_does_not_say_ca_true_signs_nothing() {
    refused(both_by("no_ca", "by_no_ca", NAME), |error| {
        matches!(error, VerifyError::IssuerIsNoAuthority { .. })
    });
    assert_eq!(
        trust("no_ca").check(now()).unwrap(),
        [CertificateWarning::NoAuthority {
            subject: "CN=No CA".to_owned()
        }]
    );
}

#[test]
fn a_ca_of_version_1_signs_if_it_signed_itself() {
    accepted(both_by("v1_ca", "by_v1_ca", NAME));
}

#[test]
fn a_leaf_of_version_1_signs_nothing() {
    for shown in ["v1_by_v1_leaf", "v3_by_v1_leaf"] {
        judge("ca", &[shown, "v1_plain"], NAME).unwrap_err();
        // Not even where it was given as CA certificate: it is trusted itself.
        assert!(matches!(
            judge("v1_plain", &[shown, "v1_plain"], NAME),
            Err(VerifyError::IssuerIsNoAuthority { .. })
        ));
    }
    judge("v1_plain", &["v1_plain"], NAME).unwrap();
}

#[test]
fn a_leaf_of_version_1_has_no_intermediate() {
    assert!(matches!(
        judge("ca", &["v1_by_between", "between"], NAME),
        Err(VerifyError::UnknownIssuer { .. })
    ));
    // Signed directly by a given CA, which may be an intermediate one.
    judge("between", &["v1_by_between"], NAME).unwrap();
}

#[test]
fn a_ca_is_no_server() {
    for shown in ["v3_authority", "v3_san_authority"] {
        assert!(matches!(
            judge("ca", &[shown], NAME),
            Err(VerifyError::PeerIsAuthority { .. })
        ));
    }
}

#[test]
fn a_self_signed_leaf_given_as_ca_is_trusted_itself() {
    for shown in [
        "self_signed",
        "self_signed_san",
        "self_signed_authority",
        "self_signed_v1",
        "v3_san_authority",
    ] {
        judge(shown, &[shown], NAME).unwrap();
        // A pin is no free pass: the name is the server's, the date is today.
        assert!(wrong_name(
            &judge(shown, &[shown], "other.example").unwrap_err()
        ));
        let before = WallTime::from_unix_seconds(1_000_000_000);
        assert!(matches!(
            judge_at(shown, &[shown], NAME, before),
            Err(VerifyError::NotYetValid { .. })
        ));
    }
    // And another with the same name and key is another.
    judge("self_signed", &["self_signed_v1"], NAME).unwrap_err();
    judge("self_signed", &["v3_plain"], NAME).unwrap_err();
}

#[test]
fn of_two_cas_of_one_name_the_one_that_signed_counts() {
    let wrong = |error: &VerifyError| matches!(error, VerifyError::WrongSignature { .. });
    refused(both_by("twin_ca", "plain", NAME), wrong);
    refused(both_by("ca", "by_twin_ca", NAME), wrong);
    let both_cas = [
        fixture("ca.pem") + &fixture("twin_ca.pem"),
        fixture("twin_ca.pem") + &fixture("ca.pem"),
    ];
    for bundle in both_cas {
        let trust = Trust::from_pem(bundle).unwrap();
        let name = ServerName::new(NAME).unwrap();
        for shown in ["v1_plain", "v3_plain", "v1_by_twin_ca", "v3_by_twin_ca"] {
            trust.verify_server(&[&der(shown)], &name, now()).unwrap();
        }
    }
}

#[test]
fn sha_1_is_refused() {
    refused(
        both("sha1"),
        |error| matches!(error, VerifyError::WeakAlgorithm { algorithm, .. } if algorithm == "SHA-1"),
    );
}

#[test]
fn rsa_1024_is_refused() {
    refused(
        both("rsa1024"),
        |error| matches!(error, VerifyError::WeakAlgorithm { algorithm, .. } if algorithm == "RSA-1024"),
    );
    assert_eq!(
        Trust::from_pem(fixture("weak_ca.pem"))
            .unwrap_err()
            .to_string(),
        "CA certificate: `CN=Weak CA` has RSA-1024, and less than RSA-2048 or P-256 is not \
         trusted: make the CA anew with `openssl genrsa -out CA_KEY 2048`"
    );
}

#[test]
fn rsa_2048_p_384_p_521_and_ed25519_are_accepted() {
    accepted(both("rsa"));
    for shown in ["v3_p384", "v3_p521", "v3_ed25519"] {
        judge("ca", &[shown], NAME).unwrap();
    }
}

#[test]
fn an_expired_ca_is_refused() {
    let end = certificate("short_ca").not_after();
    let later = WallTime::from_unix_seconds(end.as_unix_seconds() + 1);
    for shown in ["v1_by_short_ca", "v3_by_short_ca"] {
        judge_at("short_ca", &[shown], NAME, end).unwrap();
        assert!(matches!(
            judge_at("short_ca", &[shown], NAME, later),
            Err(VerifyError::AuthorityOutOfDate { .. })
        ));
    }
    let error = trust("short_ca").check(later).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("CA certificate: `CN=Short CA` is valid from")
    );
    let bundle = fixture("ca.pem") + &fixture("short_ca.pem");
    assert!(matches!(
        Trust::from_pem(bundle)
            .unwrap()
            .check(later)
            .unwrap()
            .as_slice(),
        [CertificateWarning::AuthorityOutOfDate { .. }]
    ));
}

#[test]
fn an_expired_or_early_certificate_is_refused() {
    let end = certificate("v1_short").not_after();
    let later = WallTime::from_unix_seconds(end.as_unix_seconds() + 1);
    let early = WallTime::from_unix_seconds(1_000_000_000);
    for shown in ["v1_short", "v3_short"] {
        let error = judge_at("ca", &[shown], NAME, later).unwrap_err();
        assert!(matches!(error, VerifyError::Expired { .. }), "{error}");
        let error = judge_at("ca", &[shown], NAME, early).unwrap_err();
        assert!(matches!(error, VerifyError::NotYetValid { .. }), "{error}");
        assert!(
            error.to_string().contains("2001-09-09 01:46 UTC"),
            "{error}"
        );
    }
}

#[test]
fn a_bundle_of_ten_cas_works() {
    accepted(both_by("ten_cas", "by_ca_6", NAME));
    refused(both_by("ten_cas", "plain", NAME), |error| {
        error.to_string().contains("`CN=Game CA 2`, 7 more")
    });
}

#[test]
fn a_players_certificate_of_the_same_ca_can_be_the_server_so_it_is_warned() {
    // The player's request named the server, and the CA signed it.
    accepted(both("plain"));
    let server = Identity::from_pem(fixture("v3_rsa.pem"), fixture("rsa.key")).unwrap();
    assert_eq!(
        trust("ca").shared_with(&server),
        Some(CertificateWarning::SharedAuthority {
            issuer: "CN=Game CA".to_owned()
        })
    );
    // Two CAs, or a CA that says what it signs for, and there is nothing to warn of.
    assert_eq!(trust("twin_ca").shared_with(&server), None);
    refused(both_by("client_ca", "by_client_ca", NAME), |error| {
        matches!(
            error,
            VerifyError::WrongUsage {
                needed: "serverAuth",
                ..
            }
        )
    });
}

#[test]
fn every_cell_of_the_manual_works() {
    let trust = Trust::from_pem(read("certs/unity-ca.pem")).unwrap();
    let server = pem::certificates(read("certs/unity-server.pem").as_bytes()).unwrap();
    let judge = |name| trust.verify_server(&[&server[0]], &ServerName::new(name).unwrap(), now());
    judge("common-name").unwrap();
    let error = judge("localhost").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the certificate is for `common-name`, not for `localhost`: set one of its names as server \
         name, or make it for that one with `drumfire certs new --server-name 'localhost'`"
    );
}
