//! PEM text (RFC 7468), written. The library reads it.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

/// Letters of a line (RFC 7468 §2).
const LINE: usize = 64;

/// What a block holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Label {
    Certificate,
    /// PKCS#8.
    PrivateKey,
    /// PKCS#1.
    RsaPrivateKey,
    /// SEC1.
    EcPrivateKey,
}

impl Label {
    fn name(self) -> &'static str {
        match self {
            Self::Certificate => "CERTIFICATE",
            Self::PrivateKey => "PRIVATE KEY",
            Self::RsaPrivateKey => "RSA PRIVATE KEY",
            Self::EcPrivateKey => "EC PRIVATE KEY",
        }
    }
}

/// One block. What it is made of is wiped: it may be a private key.
pub(super) fn text(label: Label, der: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(Base64::encode_string(der));
    let name = label.name();
    // Large enough: a string that grew would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(base64.len() * 2 + 100));
    text.push_str(&format!("-----BEGIN {name}-----\n"));
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str(&format!("-----END {name}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_64_letters() {
        let text = text(Label::Certificate, &[0; 49]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0], "-----BEGIN CERTIFICATE-----");
        assert_eq!((lines[1].len(), lines[2]), (64, "AA=="));
        assert_eq!(lines[3], "-----END CERTIFICATE-----");
    }
}
