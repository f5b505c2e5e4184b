//! Certificates of X.509 version 1, as Unity's manual makes them: signed directly by a given CA.
//!
//! No path is built here. A version-1 certificate cannot say whether it is a CA, so it is never more
//! than a leaf: its issuer's name must be a given CA's, and the signature must be by that CA's key.

use super::authority::{Authority, unknown_issuer};
use super::certificate::{Certificate, Purpose};
use super::provider::provider;
use super::verify_error::VerifyError;
use super::wall_time::WallTime;

/// Finds the given CA that signed `leaf`.
pub(super) fn verify<'a>(
    leaf: &Certificate,
    authorities: &'a [Authority],
    purpose: Purpose,
    now: WallTime,
) -> Result<&'a Authority, VerifyError> {
    let subject = leaf.subject();
    // RFC 5280 §4.1.2.9: extensions are version 3's.
    if leaf.has_extensions() {
        return Err(VerifyError::Malformed {
            cause: "extensions in a certificate of version 1".to_owned(),
        });
    }
    let raw = leaf.raw()?;
    let named = |one: &&Authority| one.subject() == raw.issuer;
    if !authorities.iter().any(|one| named(&one)) {
        return Err(unknown_issuer(leaf, authorities));
    }
    let usable = |one: &&Authority| one.usable(purpose, now);
    let candidates: Vec<_> = authorities.iter().filter(named).collect();
    for authority in candidates.iter().filter(|one| usable(one)) {
        if signed_by(leaf, authority)? {
            return Ok(authority);
        }
    }
    for authority in candidates {
        if signed_by(leaf, authority)? {
            return Err(authority.refusal(purpose, now));
        }
    }
    Err(VerifyError::WrongSignature {
        subject,
        issuer: leaf.issuer(),
    })
}

/// Whether the key of `authority` made the signature on `leaf`.
///
/// The provider's algorithms are RSA of 2,048 bits or more, P-256 up and Ed25519, with SHA-256 or
/// better: there is no other to be found.
pub(super) fn signed_by(leaf: &Certificate, authority: &Authority) -> Result<bool, VerifyError> {
    let raw = leaf.raw()?;
    let key = authority.certificate().raw()?;
    let algorithms = provider().signature_verification_algorithms.all;
    Ok(algorithms
        .iter()
        .filter(|one| one.signature_alg_id().as_ref() == raw.signature_algorithm)
        .filter(|one| one.public_key_alg_id().as_ref() == key.key_algorithm)
        .any(|one| {
            one.verify_signature(key.public_key, raw.signed, raw.signature)
                .is_ok()
        }))
}
