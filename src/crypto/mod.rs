//! Cryptography and certificates: the only module that names rustls.
//!
//! ```text
//! secure/dtls ─▶ KeyExchange ─▶ MasterSecret ─▶ RecordKeys      keys
//!             ─▶ Transcript, finished                           hashes
//!             ─▶ Identity::sign ◀─ settings (PEM)               who we are
//!             ─▶ Trust::verify_server, verify_client            who they are
//!             ─▶ Cookies                                        who is at their address
//! ```
//!
//! Every primitive comes from the provider: aws-lc-rs, or ring by feature. It is always handed over
//! explicitly and never the process's default. What is written here is what rustls does not do for
//! DTLS and for certificates as Unity's manual makes them: X.509 v1, with a common name only.
//!
//! This module never sees a socket, a record header or a handshake message, and reads no clock:
//! [`WallTime`] and [`Timestamp`](crate::time::Timestamp) are arguments.
//! It never logs: warnings and causes are values.

mod authority;
mod certificate;
mod chain;
mod cookie;
mod exchange;
mod fingerprint;
mod identity;
mod identity_error;
#[cfg(feature = "key-log")]
mod key_log;
mod legacy;
mod name;
mod pem;
mod printable;
mod provider;
mod raw;
mod record_key;
mod rehearsal;
mod scheme;
mod secret;
mod signature;
mod summary;
#[cfg(feature = "platform-roots")]
mod system;
mod transcript;
mod trust;
mod verify_error;
mod wall_time;
mod warning;

#[cfg(test)]
mod tests;

pub(crate) use cookie::{CookieFields, Cookies};
pub(crate) use exchange::{KeyExchange, MasterSecret, Side};
#[cfg(feature = "key-log")]
pub(crate) use key_log::KeyLog;
pub(crate) use provider::{CipherSuite, CryptoError, Group, aes_is_fast, constant_time_equal};
pub(crate) use record_key::{NONCE_LEN, RecordKey, TAG_LEN};
pub(crate) use scheme::{Authentication, SignatureScheme};
pub(crate) use signature::verify_signature;
pub(crate) use transcript::Transcript;

pub use fingerprint::Fingerprint;
pub use identity::Identity;
pub use identity_error::{IdentityError, PemError, TrustError};
pub use name::{ServerName, ServerNameError};
pub use summary::CertificateSummary;
pub use trust::{PeerIdentity, Trust};
pub use verify_error::{CommonNameRefusal, VerifyError};
pub use wall_time::WallTime;
pub use warning::CertificateWarning;
