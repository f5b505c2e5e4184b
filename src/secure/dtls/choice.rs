//! What a server and a hello have in common: suite, group, signature schemes; or why nothing.
//!
//! Source: RFC 5246 §7.4.1.3, RFC 8422 §4 and §5.1, RFC 5746 §3.6, RFC 7627 §5.2.

use crate::crypto::{Authentication, CipherSuite, Group, Identity};
use crate::wire::handshake::{ClientHello, MessageKind, RENEGOTIATION_SUITE, U16List};

use super::config::SuiteChoice;
use super::error::HandshakeError;

/// What is common to us and the hello.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) suite: CipherSuite,
    pub(super) group: Group,
    /// Signature schemes the client takes.
    pub(super) schemes: Vec<u16>,
    /// Whether the client speaks of point formats, and wants to hear of them.
    pub(super) point_formats: bool,
}

/// What is common, in the client's order (RFC 5246 §7.4.1.3).
pub(super) fn choose(
    hello: &ClientHello<'_>,
    identity: &Identity,
    suites: SuiteChoice,
) -> Result<Choice, HandshakeError> {
    let illegal = |what| Err(HandshakeError::illegal(MessageKind::ClientHello, what));
    let extensions = &hello.extensions;
    if !hello.version.reaches_dtls_1_2() {
        return Err(HandshakeError::version(hello.version));
    }
    if !hello.compressions.contains(&0) {
        return illegal("no compression method that does not compress");
    }
    // RFC 8422 §5.1.2: the uncompressed format must be among them.
    if extensions
        .point_formats
        .is_some_and(|formats| !formats.contains(&0))
    {
        return illegal("no uncompressed point format");
    }
    // RFC 5746 §3.6.
    match extensions.renegotiation_info {
        Some([]) => {}
        Some(_) => return Err(HandshakeError::Renegotiation),
        None if hello.cipher_suites.contains(RENEGOTIATION_SUITE) => {}
        None => return Err(HandshakeError::NoRenegotiationIndication),
    }
    if !extensions.extended_master_secret {
        return Err(HandshakeError::NoExtendedMasterSecret);
    }
    let key = identity.authentication();
    let suite = choose_suite(hello.cipher_suites, key, suites).ok_or_else(|| {
        HandshakeError::NoCommonSuite {
            offered: hello.cipher_suites.iter().count(),
            key: key_name(key),
        }
    })?;
    // RFC 8422 §4: without the extension any group will do; P-256 is everybody's.
    let group = match extensions.groups {
        None => Some(Group::Secp256r1),
        Some(groups) => Group::ALL
            .into_iter()
            .find(|group| groups.contains(group.id())),
    }
    .ok_or(HandshakeError::NoCommonGroup)?;
    // Without the extension SHA-1 is meant (RFC 5246 §7.4.1.4.1), which is below the floor.
    let schemes: Vec<u16> = extensions
        .signature_schemes
        .map(|schemes| schemes.iter().collect())
        .unwrap_or_default();
    if !identity.can_sign(schemes.iter().copied()) {
        return Err(HandshakeError::NoCommonSignature);
    }
    Ok(Choice {
        suite,
        group,
        schemes,
        point_formats: extensions.point_formats.is_some(),
    })
}

/// The suite to take of those offered.
fn choose_suite(
    offered: U16List<'_>,
    key: Authentication,
    choice: SuiteChoice,
) -> Option<CipherSuite> {
    let mut fitting = offered
        .iter()
        .filter_map(CipherSuite::from_id)
        .filter(|suite| suite.authentication() == key);
    match choice {
        SuiteChoice::AsOffered => fitting.next(),
        // ChaCha20 has no nonce in its records, GCM has.
        SuiteChoice::ChaCha20First => fitting.min_by_key(|suite| suite.explicit_nonce()),
    }
}

fn key_name(key: Authentication) -> &'static str {
    match key {
        Authentication::Ecdsa => "ECDSA",
        Authentication::Rsa => "RSA",
    }
}
