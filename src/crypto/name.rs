//! The name a server is expected to have, and how a certificate's names are compared with it.

use rustls_pki_types::ServerName as WireName;
use thiserror::Error;
use webpki::EndEntityCert;

use super::certificate::{Certificate, CommonName};
use super::printable::printable;
use super::verify_error::{CommonNameRefusal, VerifyError};

/// A server name that cannot be any certificate's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServerNameError {
    /// Without a name everybody with a certificate of the CA would be the server.
    #[error(
        "the server name is empty: give the name in the server's certificate \
         (`openssl x509 -in CERTIFICATE -noout -subject -ext subjectAltName` prints it)"
    )]
    Empty,
    /// Longer than any name.
    #[error("the server name has {length} bytes, and a name has at most {most}")]
    TooLong {
        /// Its bytes.
        length: usize,
        /// The limit.
        most: usize,
    },
    /// A pattern is for certificates.
    #[error("the server name `{name}` has a wildcard: name one server")]
    Wildcard {
        /// What was given.
        name: String,
    },
    /// NUL and its like.
    #[error("the server name `{name}` has a control character")]
    ControlCharacter {
        /// What was given, escaped.
        name: String,
    },
}

/// The name the server must prove to have: a host name, an address, or any text at all, which only
/// a common name can match (Unity's manual uses one such).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName {
    text: String,
    /// As subject alternative names know it; `None` for other text.
    wire: Option<WireName<'static>>,
}

impl ServerName {
    /// Longest host name in bytes (RFC 1035 §2.3.4).
    const MOST: usize = 255;

    /// Reads a server name: any text that a certificate can have as its name.
    ///
    /// # Errors
    ///
    /// It is empty, too long, a wildcard, or has control characters.
    pub fn new(text: &str) -> Result<Self, ServerNameError> {
        let name = || printable(text);
        if text.is_empty() {
            return Err(ServerNameError::Empty);
        }
        if text.len() > Self::MOST {
            return Err(ServerNameError::TooLong {
                length: text.len(),
                most: Self::MOST,
            });
        }
        if text.contains('*') {
            return Err(ServerNameError::Wildcard { name: name() });
        }
        if text.contains(char::is_control) {
            return Err(ServerNameError::ControlCharacter { name: name() });
        }
        Ok(Self {
            text: text.to_owned(),
            wire: WireName::try_from(text.to_owned()).ok(),
        })
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What to say in the hello: host names only, and without a final dot (RFC 6066 §3).
    pub(crate) fn sni(&self) -> Option<&str> {
        match &self.wire {
            Some(WireName::DnsName(_)) => Some(self.text.strip_suffix('.').unwrap_or(&self.text)),
            _ => None,
        }
    }

    /// As webpki and the system's verifier take it.
    pub(super) fn wire(&self) -> Option<&WireName<'static>> {
        self.wire.as_ref()
    }
}

/// Compares the subject alternative names, by webpki.
pub(super) fn check_alt_names(
    leaf: &Certificate,
    expected: &ServerName,
) -> Result<(), VerifyError> {
    let end_entity = EndEntityCert::try_from(leaf.der());
    let matches = match (end_entity, expected.wire()) {
        (Ok(leaf), Some(name)) => leaf.verify_is_valid_for_subject_name(name).is_ok(),
        _ => false,
    };
    if matches {
        return Ok(());
    }
    let names: Vec<_> = leaf
        .alt_names()
        .iter()
        .map(|name| printable(name))
        .collect();
    let mut presented = if names.is_empty() {
        "no host name and no address".to_owned()
    } else {
        format!("`{}`", names.join("`, `"))
    };
    if let CommonName::One(name) = leaf.common_name() {
        presented.push_str(&format!(
            " (its common name `{}` does not count beside subject alternative names)",
            printable(&name)
        ));
    }
    Err(VerifyError::WrongName {
        expected: expected.as_str().to_owned(),
        presented,
    })
}

/// The common name where it may be used as a name: there is exactly one, and no trick in it.
pub(super) fn usable_common_name(leaf: &Certificate) -> Result<String, VerifyError> {
    let refused = |cause| VerifyError::CommonNameRefused {
        subject: leaf.subject(),
        cause,
    };
    match leaf.common_name() {
        CommonName::None => Err(refused(CommonNameRefusal::Missing)),
        CommonName::Several(count) => Err(refused(CommonNameRefusal::Several { count })),
        CommonName::Unreadable => Err(refused(CommonNameRefusal::Unreadable)),
        CommonName::One(name) if name.contains('*') => Err(refused(CommonNameRefusal::Wildcard)),
        CommonName::One(name) if name.contains(char::is_control) => {
            Err(refused(CommonNameRefusal::ControlCharacter))
        }
        CommonName::One(name) => Ok(name),
    }
}

/// Compares the common name: whole, and only ASCII letters in any case.
pub(super) fn check_common_name(
    leaf: &Certificate,
    expected: &ServerName,
) -> Result<(), VerifyError> {
    let name = usable_common_name(leaf)?;
    if name.eq_ignore_ascii_case(expected.as_str()) {
        return Ok(());
    }
    Err(VerifyError::WrongName {
        expected: expected.as_str().to_owned(),
        presented: format!("`{}`", printable(&name)),
    })
}
