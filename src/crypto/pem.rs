//! PEM text (RFC 7468), as files have it: CRLF, text around the blocks, any number, any size.
//!
//! Written here because of R39: a private key must not be left behind in a buffer that grew, and an
//! error must be able to say which block of the text is meant.

use base64ct::{Base64, Encoding};
use zeroize::Zeroize;

use super::identity_error::PemError;
use super::printable::printable;
use super::secret::SecretBytes;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// One block: its label, and what it holds.
struct Block {
    label: String,
    /// The body as it stands, base64 with white space.
    der: SecretBytes,
    encrypted: bool,
}

/// What kind of private key a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyForm {
    /// `RSA PRIVATE KEY` (RFC 8017).
    Pkcs1,
    /// `PRIVATE KEY` (RFC 5958).
    Pkcs8,
    /// `EC PRIVATE KEY` (RFC 5915).
    Sec1,
}

/// The certificates of a text, at least one, in its order.
pub(super) fn certificates(text: &[u8]) -> Result<Vec<Vec<u8>>, PemError> {
    let blocks = blocks(text)?;
    let mut certificates = Vec::new();
    for block in &blocks {
        if matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE") {
            certificates.push(block.der.expose().to_vec());
        }
    }
    if certificates.is_empty() {
        return Err(PemError::Missing {
            wanted: "CERTIFICATE",
            found: labels(&blocks),
            hint: if blocks.iter().any(|block| block.label.contains("REQUEST")) {
                "a request is not a certificate yet, sign it with `openssl x509 -req`"
            } else {
                "certificate and private key may be swapped"
            },
        });
    }
    Ok(certificates)
}

/// The one private key of a text.
pub(super) fn private_key(text: &[u8]) -> Result<(KeyForm, SecretBytes), PemError> {
    let blocks = blocks(text)?;
    let found = labels(&blocks);
    let mut keys = Vec::new();
    for block in blocks {
        let form = match block.label.as_str() {
            "RSA PRIVATE KEY" => KeyForm::Pkcs1,
            "PRIVATE KEY" => KeyForm::Pkcs8,
            "EC PRIVATE KEY" => KeyForm::Sec1,
            "ENCRYPTED PRIVATE KEY" => return Err(PemError::Encrypted),
            _ => continue,
        };
        if block.encrypted {
            return Err(PemError::Encrypted);
        }
        keys.push((form, block.der));
    }
    match keys.len() {
        0 => Err(PemError::Missing {
            wanted: "PRIVATE KEY",
            found,
            hint: "certificate and private key may be swapped",
        }),
        1 => keys.pop().ok_or(PemError::NoBlock),
        count => Err(PemError::SeveralKeys { count }),
    }
}

fn labels(blocks: &[Block]) -> String {
    let labels: Vec<_> = blocks.iter().map(|block| printable(&block.label)).collect();
    labels.join(", ")
}

/// All blocks of a text.
fn blocks(text: &[u8]) -> Result<Vec<Block>, PemError> {
    let mut blocks = Vec::new();
    let mut lines = Lines {
        rest: text,
        number: 0,
    };
    while let Some(line) = lines.next() {
        let Some(label) = marker(line, BEGIN) else {
            continue;
        };
        blocks.push(block(label, &mut lines)?);
    }
    if blocks.is_empty() {
        return Err(PemError::NoBlock);
    }
    Ok(blocks)
}

/// The block whose first line was just read.
fn block(label: String, lines: &mut Lines<'_>) -> Result<Block, PemError> {
    let line = lines.number;
    // One allocation, large enough: a growing buffer would leave copies behind.
    let mut base64 = SecretBytes::new(Vec::with_capacity(lines.rest.len()));
    let mut encrypted = false;
    loop {
        let Some(text) = lines.next() else {
            return Err(PemError::Unterminated {
                label: printable(&label),
                line,
            });
        };
        if let Some(end) = marker(text, END) {
            if end == label {
                break;
            }
            return Err(PemError::Unterminated {
                label: printable(&label),
                line,
            });
        }
        // RFC 1421 headers, in keys that old openssl encrypted.
        if text.contains(&b':') {
            encrypted |= text.starts_with(b"Proc-Type") && text.ends_with(b"ENCRYPTED");
            continue;
        }
        base64
            .as_mut()
            .extend(text.iter().filter(|byte| !byte.is_ascii_whitespace()));
    }
    let length = Base64::decode_in_place(base64.as_mut()).map(<[u8]>::len);
    let length = match length {
        Ok(length) => length,
        // What is encrypted is not looked at.
        Err(_) if encrypted => 0,
        Err(_) => {
            return Err(PemError::NotBase64 {
                label: printable(&label),
                line,
            });
        }
    };
    let bytes = base64.as_mut();
    if let Some(rest) = bytes.get_mut(length..) {
        rest.zeroize();
    }
    bytes.truncate(length);
    Ok(Block {
        label,
        der: base64,
        encrypted,
    })
}

/// The label of a line that begins or ends a block.
fn marker(line: &[u8], kind: &str) -> Option<String> {
    let line = std::str::from_utf8(line).ok()?.trim();
    let label = line.strip_prefix(kind)?.strip_suffix(DASHES)?;
    Some(label.to_owned())
}

/// Lines that end with LF, CR LF or CR, counted.
struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let length = self.rest.iter().position(is_end);
        let length = length.unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at(length);
        let end = if rest.starts_with(b"\r\n") { 2 } else { 1 };
        self.rest = rest.get(end..).unwrap_or_default();
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAAEC\nAwQ=\n-----END PRIVATE KEY-----\n";

    fn key(text: &str) -> Result<Vec<u8>, PemError> {
        private_key(text.as_bytes()).map(|(_, der)| der.expose().to_vec())
    }

    #[test]
    fn text_around_and_every_line_end_are_fine() {
        assert_eq!(key(KEY).unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(key(&KEY.replace('\n', "\r\n")).unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(key(&KEY.replace('\n', "\r")).unwrap(), [0, 1, 2, 3, 4]);
        let around = format!("Bag Attributes: ü\n  key: 1\n{KEY}\ntrailing text");
        assert_eq!(key(&around).unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(key(KEY.trim_end()).unwrap(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_damaged_block_is_named_with_its_line() {
        let text = format!("intro\n{}", KEY.replace("AAEC", "A?EC"));
        assert_eq!(
            key(&text).unwrap_err().to_string(),
            "the block `PRIVATE KEY` of line 2 is not base64: the text is damaged"
        );
        let cut = KEY.split("-----END").next().unwrap();
        assert_eq!(
            key(cut).unwrap_err().to_string(),
            "the block `PRIVATE KEY` of line 1 has no `-----END PRIVATE KEY-----` line: \
             the text is cut off"
        );
    }

    #[test]
    fn swapped_encrypted_and_missing_are_told_apart() {
        assert_eq!(
            certificates(KEY.as_bytes()).unwrap_err().to_string(),
            "there is no `CERTIFICATE` block, only PRIVATE KEY: \
             certificate and private key may be swapped"
        );
        let encrypted = KEY.replace("PRIVATE", "ENCRYPTED PRIVATE");
        assert_eq!(key(&encrypted).unwrap_err(), PemError::Encrypted);
        let old = KEY.replace("PRIVATE", "RSA PRIVATE").replace(
            "AAEC",
            "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAEC",
        );
        assert_eq!(key(&old).unwrap_err(), PemError::Encrypted);
        assert_eq!(key("server.key").unwrap_err(), PemError::NoBlock);
        assert_eq!(
            key(&format!("{KEY}{KEY}")).unwrap_err(),
            PemError::SeveralKeys { count: 2 }
        );
    }
}
