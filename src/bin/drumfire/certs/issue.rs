//! Makes X.509 certificates: version 3 with all it should say, or version 1 with a common name only.
//!
//! ```text
//! Certificate    SEQUENCE { signed, algorithm, BIT STRING signature }
//! signed         SEQUENCE { [0] version, serial, algorithm, issuer, validity, subject, public key,
//!                           [3] extensions }          both in version 3 only (RFC 5280 §4.1)
//! ```

use std::net::IpAddr;
use std::time::Duration;

use drumfire::WallTime;
use x509_cert::der::asn1::{Any, BitString, Ia5String, OctetString, UintRef, Utf8StringRef};
use x509_cert::der::oid::{AssociatedOid, ObjectIdentifier};
use x509_cert::der::{self, DateTime, Encode, Tag, TagNumber};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::time::Time;

use super::pem::{self, Label};
use super::private_key::PrivateKey;
use crate::failure::Failure;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

/// From when to when a certificate is valid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Validity {
    pub(super) from: WallTime,
    pub(super) to: WallTime,
}

/// What a certificate says of its subject.
pub(super) enum Profile<'a> {
    /// A CA, of version 3.
    Authority,
    /// A server, of version 3, with host names and addresses.
    Server(&'a [String]),
    /// A client, of version 3, with names.
    Client(&'a [String]),
    /// Nothing but its common name: version 1.
    NameOnly,
}

/// A name and the key that it signs with.
pub(super) struct Signer<'a> {
    pub(super) common_name: &'a str,
    pub(super) key: &'a PrivateKey,
}

/// The certificate of `subject`, signed by `issuer`, as PEM text.
pub(super) fn issue(
    subject: &Signer<'_>,
    issuer: &Signer<'_>,
    profile: &Profile<'_>,
    validity: Validity,
) -> Result<String, Failure> {
    let mut serial = [0; 16];
    getrandom::fill(&mut serial)
        .map_err(|error| Failure::new(format!("no random serial number: {error}")))?;
    let algorithm = issuer.key.signature_algorithm()?;
    let extensions = extensions(subject.key, issuer.key, profile)?;
    let mut parts = Vec::new();
    if extensions.is_some() {
        parts.push(context(0, &2_u8.to_der()?)?); // version 3, counted from 0
    }
    parts.extend([
        UintRef::new(&serial)?.to_der()?,
        algorithm.clone(),
        name(issuer.common_name)?,
        sequence(&[time(validity.from)?, time(validity.to)?])?,
        name(subject.common_name)?,
        subject.key.public_key()?,
    ]);
    if let Some(extensions) = extensions {
        parts.push(context(3, &extensions)?);
    }
    let signed = sequence(&parts)?;
    let signature = BitString::from_bytes(&issuer.key.sign(&signed)?)?.to_der()?;
    let certificate = sequence(&[signed, algorithm, signature])?;
    Ok(pem::text(Label::Certificate, &certificate).to_string())
}

/// The extensions of version 3; none makes it version 1.
fn extensions(
    subject: &PrivateKey,
    issuer: &PrivateKey,
    profile: &Profile<'_>,
) -> Result<Option<Vec<u8>>, Failure> {
    let basic = |ca| BasicConstraints {
        ca,
        path_len_constraint: ca.then_some(0),
    };
    let authority = AuthorityKeyIdentifier {
        key_identifier: Some(OctetString::new(issuer.identifier())?),
        ..AuthorityKeyIdentifier::default()
    };
    let leaf = |names: &[String], purpose| -> Result<Vec<u8>, Failure> {
        let names = names.iter().map(|name| alt_name(name));
        let names = SubjectAltName(names.collect::<Result<_, _>>()?);
        Ok(sequence(&[
            critical(&basic(false))?,
            critical(&KeyUsage(KeyUsages::DigitalSignature.into()))?,
            plain(&ExtendedKeyUsage(vec![purpose]))?,
            plain(&names)?,
            plain(&authority)?,
        ])?)
    };
    Ok(match profile {
        Profile::Authority => Some(sequence(&[
            critical(&basic(true))?,
            critical(&KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign))?,
            plain(&SubjectKeyIdentifier(OctetString::new(
                subject.identifier(),
            )?))?,
        ])?),
        Profile::Server(names) => Some(leaf(names, SERVER_AUTH)?),
        Profile::Client(names) => Some(leaf(names, CLIENT_AUTH)?),
        Profile::NameOnly => None,
    })
}

/// A subject alternative name: an address, or a host name.
fn alt_name(name: &str) -> Result<GeneralName, Failure> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(GeneralName::from(address));
    }
    let host = name.strip_prefix("*.").unwrap_or(name);
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if !host.split('.').all(is_label) {
        return Err(Failure::new(format!(
            "`{name}` is neither host name nor address: a certificate names a server by one of \
             them (any text is only a common name of `--like-unity-manual`)"
        )));
    }
    Ok(GeneralName::DnsName(Ia5String::new(name)?))
}

fn name(common_name: &str) -> der::Result<Vec<u8>> {
    let value = Utf8StringRef::new(common_name)?.to_der()?;
    let attribute = sequence(&[COMMON_NAME.to_der()?, value])?;
    sequence(&[Any::new(Tag::Set, attribute)?.to_der()?])
}

/// `UTCTime` through 2049, `GeneralizedTime` after (RFC 5280 §4.1.2.5).
fn time(at: WallTime) -> der::Result<Vec<u8>> {
    let at = DateTime::from_unix_duration(Duration::from_secs(at.as_unix_seconds()))?;
    Time::from(at).to_der()
}

fn critical<E: Encode + AssociatedOid>(value: &E) -> der::Result<Vec<u8>> {
    extension(value, &[true.to_der()?])
}

fn plain<E: Encode + AssociatedOid>(value: &E) -> der::Result<Vec<u8>> {
    extension(value, &[])
}

fn extension<E: Encode + AssociatedOid>(value: &E, critical: &[Vec<u8>]) -> der::Result<Vec<u8>> {
    let value = OctetString::new(value.to_der()?)?.to_der()?;
    sequence(&[&[E::OID.to_der()?], critical, &[value]].concat())
}

fn sequence(parts: &[Vec<u8>]) -> der::Result<Vec<u8>> {
    Any::new(Tag::Sequence, parts.concat())?.to_der()
}

/// An explicit tag.
fn context(number: u32, content: &[u8]) -> der::Result<Vec<u8>> {
    let tag = Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(number),
    };
    Any::new(tag, content)?.to_der()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_of_a_server_is_refused() {
        for name in ["my game", "", "a..b", "*", "a.*.b", "ü.example"] {
            let refused = alt_name(name).unwrap_err().to_string();
            assert!(
                refused.contains("neither host name nor address"),
                "{refused}"
            );
        }
        for name in ["localhost", "*.example.com", "127.0.0.1", "::1", "a_b.c-d"] {
            assert!(alt_name(name).is_ok(), "{name}");
        }
    }
}
