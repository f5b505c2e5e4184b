//! What a server signs, and what cannot go wrong with a transcript.

use crate::wire::handshake::{EcdheParameters, RANDOM_LEN};

use super::error::HandshakeError;
use super::handshake::Trouble;

/// What a server signs: both randoms and its share (RFC 8422 §5.4).
pub(super) fn signed_parameters(
    client_random: &[u8; RANDOM_LEN],
    server_random: &[u8; RANDOM_LEN],
    parameters: &EcdheParameters<'_>,
) -> Vec<u8> {
    let mut signed = [&client_random[..], server_random].concat();
    parameters.push(&mut signed);
    signed
}

/// Never reached: a transcript has its hash from the hellos on, and its messages as long as a
/// certificate is awaited.
pub(super) fn unhashed() -> Trouble {
    Trouble::Final(HandshakeError::SigningFailed)
}
