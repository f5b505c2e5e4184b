//! Why PEM text, an identity or a CA bundle was refused: the item, the cause, the remedy.

use thiserror::Error;

use super::wall_time::WallTime;

/// PEM text that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PemError {
    /// A block has no end line.
    #[error(
        "the block `{label}` of line {line} has no `-----END {label}-----` line: the text is cut off"
    )]
    Unterminated {
        /// The block's label.
        label: String,
        /// Line of its beginning.
        line: usize,
    },
    /// A block's content is not base64.
    #[error("the block `{label}` of line {line} is not base64: the text is damaged")]
    NotBase64 {
        /// The block's label.
        label: String,
        /// Line of its beginning.
        line: usize,
    },
    /// The private key needs a passphrase.
    #[error("the private key is encrypted: decrypt it with `openssl pkey -in KEY -out PLAIN_KEY`")]
    Encrypted,
    /// The block that is needed is not there.
    #[error("there is no `{wanted}` block, only {found}: {hint}")]
    Missing {
        /// The label that was looked for.
        wanted: &'static str,
        /// The labels that are there.
        found: String,
        /// What probably happened.
        hint: &'static str,
    },
    /// There is no PEM block at all.
    #[error(
        "there is no `-----BEGIN …-----` line: give the text of a PEM file, not its name; \
         DER is made PEM by `openssl x509 -inform der` or `openssl pkey -inform der`"
    )]
    NoBlock,
    /// Only one private key can be meant.
    #[error("there are {count} private keys: keep the one of the certificate")]
    SeveralKeys {
        /// How many.
        count: usize,
    },
}

/// A certificate and private key that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The certificate's text cannot be read.
    #[error("certificate: {0}")]
    CertificatePem(PemError),
    /// The private key's text cannot be read.
    #[error("private key: {0}")]
    PrivateKeyPem(PemError),
    /// A certificate cannot be read.
    #[error("certificate {number} of the text is malformed: {cause}")]
    MalformedCertificate {
        /// Which one, from 1.
        number: usize,
        /// What the parser said.
        cause: String,
    },
    /// The private key cannot be read, or is of a kind that is not supported.
    #[error(
        "private key: {cause}; RSA (2048 bits or more), P-256, P-384 and Ed25519 keys work, make one \
         with `openssl ecparam -name prime256v1 -genkey -noout -out KEY`"
    )]
    UnusablePrivateKey {
        /// What is wrong with it.
        cause: String,
    },
    /// No certificate of the text is of the private key.
    #[error(
        "private key: it is not the key of the certificate of `{subject}` \
         (that has a {certificate_key} key, the file a {private_key} key): \
         `openssl pkey -in KEY -pubout` and `openssl x509 -in CERTIFICATE -noout -pubkey` must print the same"
    )]
    KeyMismatch {
        /// Whose certificate.
        subject: String,
        /// The kind of its key.
        certificate_key: String,
        /// The kind of the private key.
        private_key: String,
    },
    /// The key is below the floor.
    #[error(
        "certificate: `{subject}` has {key}, and every peer refuses less than RSA-2048 or P-256: \
         make a new key with `openssl genrsa -out KEY 2048`"
    )]
    WeakKey {
        /// Whose certificate.
        subject: String,
        /// The kind of its key.
        key: String,
    },
    /// The certificate is signed with a hash below the floor.
    #[error(
        "certificate: `{subject}` is signed with {algorithm}, and every peer refuses less than \
         SHA-256: sign it again with `openssl x509 -req … -sha256`"
    )]
    WeakSignature {
        /// Whose certificate.
        subject: String,
        /// What is too weak.
        algorithm: String,
    },
    /// The certificate's time is over.
    #[error(
        "certificate: `{subject}` expired at {not_after}, and it is {now}: \
         sign it again with `openssl x509 -req … -days 365`"
    )]
    Expired {
        /// Whose certificate.
        subject: String,
        /// Its last moment.
        not_after: WallTime,
        /// The system's date.
        now: WallTime,
    },
    /// The certificate's time has not come.
    #[error(
        "certificate: `{subject}` is not valid before {not_before}, and it is {now}: \
         set the clock right, of this machine or of the one that made it"
    )]
    NotYetValid {
        /// Whose certificate.
        subject: String,
        /// Its first moment.
        not_before: WallTime,
        /// The system's date.
        now: WallTime,
    },
    /// The certificate is for something else.
    #[error(
        "certificate: `{subject}` says what it is for, and {needed} is missing: \
         sign it again with `-extfile <(printf '{extension}')`"
    )]
    WrongUsage {
        /// Whose certificate.
        subject: String,
        /// The usage it lacks.
        needed: &'static str,
        /// The line that gives it.
        extension: &'static str,
    },
}

/// CA certificates or pins that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The text cannot be read.
    #[error("CA certificate: {0}")]
    Pem(PemError),
    /// A certificate cannot be read.
    #[error("CA certificate {number} of the text is malformed: {cause}")]
    Malformed {
        /// Which one, from 1.
        number: usize,
        /// What the parser said.
        cause: String,
    },
    /// The key is below the floor.
    #[error(
        "CA certificate: `{subject}` has {key}, and less than RSA-2048 or P-256 is not trusted: \
         make the CA anew with `openssl genrsa -out CA_KEY 2048`"
    )]
    WeakKey {
        /// Whose certificate.
        subject: String,
        /// The kind of its key.
        key: String,
    },
    /// None of the CA certificates is in date.
    #[error(
        "CA certificate: `{subject}` is valid from {not_before} to {not_after}, and it is {now}"
    )]
    OutOfDate {
        /// Whose certificate.
        subject: String,
        /// Its first moment.
        not_before: WallTime,
        /// Its last moment.
        not_after: WallTime,
        /// The system's date.
        now: WallTime,
    },
    /// A pin is no fingerprint.
    #[error(
        "`{text}` is no SHA-256 fingerprint: 64 hexadecimal digits are, with or without colons"
    )]
    MalformedFingerprint {
        /// What was given.
        text: String,
    },
    /// Nothing was given.
    #[error("nothing is pinned: give at least one certificate or key")]
    Nothing,
    /// The system's roots cannot be had.
    #[error("the system's root certificates cannot be used: {cause}")]
    System {
        /// What the system said.
        cause: String,
    },
}
