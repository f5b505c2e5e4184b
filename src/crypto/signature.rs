//! The check of a signature by a certificate's key.

use super::certificate::Certificate;
use super::provider::verifiers;
use super::scheme::SignatureScheme;
use super::verify_error::VerifyError;

/// Whether the key of `certificate` (DER, of any X.509 version) signed `message`.
///
/// webpki's `EndEntityCert` does the same and refuses version 1; so the key is read here, and the
/// signature itself is checked by the provider's algorithm either way.
pub(crate) fn verify_signature(
    certificate: &[u8],
    scheme: SignatureScheme,
    message: &[u8],
    signature: &[u8],
) -> Result<(), VerifyError> {
    let certificate = Certificate::parse(certificate)?;
    let key = certificate.raw()?;
    let algorithm = verifiers(scheme)
        .iter()
        .find(|algorithm| algorithm.public_key_alg_id().as_ref() == key.key_algorithm)
        .ok_or_else(|| VerifyError::SchemeDoesNotFitKey {
            key: certificate.public_key().to_string(),
        })?;
    algorithm
        .verify_signature(key.public_key, message, signature)
        .map_err(|_| VerifyError::HandshakeSignature)
}
