//! Secrets in memory: wiped when dropped, and without a way to print them (R39).
//!
//! Not `Debug`, `Display`, `Clone` or `Copy`, so a secret can neither be logged nor multiplied by
//! accident. Where a type that holds one must have `Debug`, it writes its own, without the content.
//!
//! The bytes lie on the heap and stay where they are: what moves by value leaves a copy behind that
//! nobody wipes, on the stack or in the box it is taken out of.

use zeroize::Zeroize;

/// `N` secret bytes.
pub(crate) struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// All zeros, to be filled by [`as_mut`](Self::as_mut): the bytes are never anywhere else.
    pub(crate) fn zeroed() -> Self {
        Self(Box::new([0; N]))
    }

    /// The bytes. Do not copy them out.
    pub(crate) fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// Where the bytes are written.
    pub(crate) fn as_mut(&mut self) -> &mut [u8; N] {
        &mut self.0
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Secret bytes of any number: a private key's DER.
pub(crate) struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes the bytes over. They must not have been moved by a growing `Vec` before.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes. Do not copy them out.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to change them in place.
    pub(crate) fn as_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
