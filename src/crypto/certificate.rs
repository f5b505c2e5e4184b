//! One certificate, read: version, names, dates, key, usages.
//!
//! The parser is strict DER and knows every X.509 version. It decides nothing: what a certificate
//! may be used for is decided in [`trust`](super::trust), and chains are webpki's.

use std::fmt;
use std::str::FromStr;

use rustls_pki_types::CertificateDer;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::{AnyRef, BitStringRef, Ia5StringRef, UintRef};
use x509_cert::der::asn1::{PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::oid::{AssociatedOid, ObjectIdentifier};
use x509_cert::der::{self, Decode, Reader, SliceReader, Tag, Tagged};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints, SubjectAltName,
};
use x509_cert::name::Name;

use super::provider::{Authentication, provider, sha256};
use super::verify_error::VerifyError;
use super::wall_time::WallTime;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

/// SHA-256 of a certificate, as `openssl x509 -noout -fingerprint -sha256` prints it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = super::TrustError;

    /// 64 hexadecimal digits, with or without colons.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || super::TrustError::MalformedFingerprint {
            text: printable(text),
        };
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return Err(refused());
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = std::str::from_utf8(pair)
                .ok()
                .filter(|pair| !pair.starts_with('+'))
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or_else(refused)?;
        }
        Ok(Self(bytes))
    }
}

/// What a certificate is shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    ServerAuthentication,
    ClientAuthentication,
}

impl Purpose {
    fn oid(self) -> ObjectIdentifier {
        match self {
            Self::ServerAuthentication => SERVER_AUTH,
            Self::ClientAuthentication => CLIENT_AUTH,
        }
    }

    /// Its name in an openssl extension file.
    pub(super) fn extension_value(self) -> &'static str {
        match self {
            Self::ServerAuthentication => "serverAuth",
            Self::ClientAuthentication => "clientAuth",
        }
    }
}

/// The kind of a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    Rsa { bits: usize },
    P256,
    P384,
    P521,
    Ed25519,
    Other(String),
}

impl PublicKey {
    /// What suites it fits; `None` below the floor of R18 (RSA-2048, P-256).
    pub(super) fn authentication(&self) -> Option<Authentication> {
        match self {
            Self::Rsa { bits } => (*bits >= 2_048).then_some(Authentication::Rsa),
            Self::P256 | Self::P384 | Self::P521 | Self::Ed25519 => Some(Authentication::Ecdsa),
            Self::Other(_) => None,
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA-{bits}"),
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::P521 => f.write_str("P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// The common names of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CommonName {
    None,
    One(String),
    Several(usize),
    /// In an encoding that is not read: BMPString and the like.
    Unreadable,
}

/// The bytes of a certificate's parts, as they stand in it.
pub(super) struct Raw<'a> {
    /// What is signed.
    pub(super) signed: &'a [u8],
    /// The algorithm of the signature: an `AlgorithmIdentifier`'s content.
    pub(super) signature_algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
    /// Names: a whole `Name`.
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    /// The whole `SubjectPublicKeyInfo`.
    pub(super) key_info: &'a [u8],
    /// Its algorithm: an `AlgorithmIdentifier`'s content.
    pub(super) key_algorithm: &'a [u8],
    pub(super) public_key: &'a [u8],
}

/// A certificate, read.
#[derive(Clone)]
pub(super) struct Certificate {
    der: CertificateDer<'static>,
    read: x509_cert::Certificate,
    authority: Option<BasicConstraints>,
    key_usage: Option<KeyUsage>,
    purposes: Option<ExtendedKeyUsage>,
    public_key: PublicKey,
}

impl Certificate {
    /// Reads one certificate: the whole of `der`.
    pub(super) fn parse(der: &[u8]) -> Result<Self, VerifyError> {
        Self::read(der).map_err(|error| VerifyError::Malformed {
            cause: error.to_string(),
        })
    }

    fn read(bytes: &[u8]) -> der::Result<Self> {
        let read = x509_cert::Certificate::from_der(bytes)?;
        let tbs = read.tbs_certificate();
        let authority = tbs.get_extension::<BasicConstraints>()?;
        let key_usage = tbs.get_extension::<KeyUsage>()?;
        let purposes = tbs.get_extension::<ExtendedKeyUsage>()?;
        let public_key = key_kind(&Raw::read(bytes)?);
        Ok(Self {
            der: CertificateDer::from(bytes.to_vec()),
            authority: authority.map(|(_, value)| value),
            key_usage: key_usage.map(|(_, value)| value),
            purposes: purposes.map(|(_, value)| value),
            read,
            public_key,
        })
    }

    pub(super) fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    pub(super) fn raw(&self) -> Result<Raw<'_>, VerifyError> {
        Raw::read(&self.der).map_err(|error| VerifyError::Malformed {
            cause: error.to_string(),
        })
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint(sha256(&self.der))
    }

    pub(super) fn version(&self) -> Version {
        self.read.tbs_certificate().version()
    }

    pub(super) fn has_extensions(&self) -> bool {
        self.read.tbs_certificate().extensions().is_some()
    }

    pub(super) fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The subject, to be read by people.
    pub(super) fn subject(&self) -> String {
        name_text(self.read.tbs_certificate().subject())
    }

    /// The issuer, to be read by people.
    pub(super) fn issuer(&self) -> String {
        name_text(self.read.tbs_certificate().issuer())
    }

    pub(super) fn is_self_issued(&self) -> bool {
        let tbs = self.read.tbs_certificate();
        tbs.issuer() == tbs.subject()
    }

    pub(super) fn not_before(&self) -> WallTime {
        let validity = self.read.tbs_certificate().validity();
        WallTime::from_unix_seconds(validity.not_before.to_unix_duration().as_secs())
    }

    pub(super) fn not_after(&self) -> WallTime {
        let validity = self.read.tbs_certificate().validity();
        WallTime::from_unix_seconds(validity.not_after.to_unix_duration().as_secs())
    }

    pub(super) fn in_date(&self, now: WallTime) -> bool {
        self.not_before() <= now && now <= self.not_after()
    }

    /// Whether it says CA:TRUE.
    pub(super) fn is_authority(&self) -> bool {
        self.authority.as_ref().is_some_and(|basic| basic.ca)
    }

    /// Whether its key may sign certificates, as far as a key usage says.
    pub(super) fn may_sign_certificates(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage.key_cert_sign())
    }

    /// Whether its key may sign handshakes, as far as a key usage says: ECDHE suites need
    /// digitalSignature (RFC 5246 §7.4.2).
    pub(super) fn may_sign_handshakes(&self) -> bool {
        self.key_usage.is_none_or(|usage| usage.digital_signature())
    }

    /// Whether it may be shown for `purpose`, as far as an extended key usage says.
    pub(super) fn serves(&self, purpose: Purpose) -> bool {
        self.purposes
            .as_ref()
            .is_none_or(|purposes| purposes.0.contains(&purpose.oid()))
    }

    pub(super) fn has_subject_alt_names(&self) -> bool {
        self.has_extension(SubjectAltName::OID)
    }

    pub(super) fn has_name_constraints(&self) -> bool {
        self.has_extension(NameConstraints::OID)
    }

    fn has_extension(&self, oid: ObjectIdentifier) -> bool {
        let extensions = self.read.tbs_certificate().extensions();
        extensions.is_some_and(|all| all.iter().any(|one| one.extn_id == oid))
    }

    /// Host names and addresses of the subject alternative names, as text.
    pub(super) fn alt_names(&self) -> Vec<String> {
        let tbs = self.read.tbs_certificate();
        let Ok(Some((_, names))) = tbs.get_extension::<SubjectAltName>() else {
            return Vec::new();
        };
        names.0.iter().filter_map(alt_name_text).collect()
    }

    pub(super) fn common_name(&self) -> CommonName {
        let subject = self.read.tbs_certificate().subject();
        let mut names = subject.iter().filter(|part| part.oid == COMMON_NAME);
        let Some(first) = names.next() else {
            return CommonName::None;
        };
        match names.count() {
            0 => directory_string(AnyRef::from(&first.value))
                .map_or(CommonName::Unreadable, CommonName::One),
            more => CommonName::Several(more + 1),
        }
    }

    /// The name of a signature algorithm below the floor of R18, or that the provider lacks.
    pub(super) fn weak_signature(&self) -> Option<String> {
        let algorithm = self.read.signature_algorithm();
        let raw = self.raw().ok()?;
        let known = provider().signature_verification_algorithms.all;
        if known
            .iter()
            .any(|known| known.signature_alg_id().as_ref() == raw.signature_algorithm)
        {
            return None;
        }
        Some(match algorithm.oid.to_string().as_str() {
            "1.2.840.113549.1.1.4" => "MD5".to_owned(),
            "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" => "SHA-1".to_owned(),
            "1.2.840.113549.1.1.14" | "1.2.840.10045.4.3.1" => "SHA-224".to_owned(),
            other => format!("the algorithm {other}"),
        })
    }
}

impl<'a> Raw<'a> {
    fn read(certificate: &'a [u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(certificate)?;
        let (signed, algorithm, signature) = reader.sequence(|body| {
            let signed = body.tlv_bytes()?;
            let algorithm = body.tlv_bytes()?;
            Ok::<_, der::Error>((signed, algorithm, BitStringRef::decode(body)?))
        })?;
        let mut reader = SliceReader::new(signed)?;
        let (issuer, subject, key_info) = reader.sequence(|body| {
            // The version, where it is not the default: v1.
            if Tag::peek(body)?.is_context_specific() {
                body.tlv_bytes()?;
            }
            body.tlv_bytes()?; // serial number
            body.tlv_bytes()?; // signature algorithm, again
            let issuer = body.tlv_bytes()?;
            body.tlv_bytes()?; // validity
            let (subject, key_info) = (body.tlv_bytes()?, body.tlv_bytes()?);
            while !body.is_finished() {
                body.tlv_bytes()?; // unique ids, extensions
            }
            Ok::<_, der::Error>((issuer, subject, key_info))
        })?;
        let (key_algorithm, public_key) = SliceReader::new(key_info)?.sequence(|body| {
            Ok::<_, der::Error>((body.tlv_bytes()?, BitStringRef::decode(body)?))
        })?;
        let whole_bytes = |bits: BitStringRef<'a>| {
            let bytes = bits.as_bytes();
            bytes.ok_or_else(|| der::Error::from(Tag::BitString.value_error()))
        };
        Ok(Self {
            signed,
            signature_algorithm: content(algorithm)?,
            signature: whole_bytes(signature)?,
            issuer,
            subject,
            key_info,
            key_algorithm: content(key_algorithm)?,
            public_key: whole_bytes(public_key)?,
        })
    }
}

/// The content of one TLV.
fn content(tlv: &[u8]) -> der::Result<&[u8]> {
    Ok(AnyRef::from_der(tlv)?.value())
}

fn key_kind(raw: &Raw<'_>) -> PublicKey {
    let mut parameters = None;
    let Ok(mut reader) = SliceReader::new(raw.key_algorithm) else {
        return PublicKey::Other("a malformed key".to_owned());
    };
    let Ok(algorithm) = ObjectIdentifier::decode(&mut reader) else {
        return PublicKey::Other("a malformed key".to_owned());
    };
    if !reader.is_finished() {
        parameters = ObjectIdentifier::decode(&mut reader).ok();
    }
    match (algorithm, parameters) {
        (RSA_ENCRYPTION, _) => PublicKey::Rsa {
            bits: modulus_bits(raw.public_key).unwrap_or(0),
        },
        (EC_PUBLIC_KEY, Some(P256)) => PublicKey::P256,
        (EC_PUBLIC_KEY, Some(P384)) => PublicKey::P384,
        (EC_PUBLIC_KEY, Some(P521)) => PublicKey::P521,
        (EC_PUBLIC_KEY, Some(curve)) => PublicKey::Other(format!("the curve {curve}")),
        (ED25519, None) => PublicKey::Ed25519,
        (other, _) => PublicKey::Other(format!("a key of the algorithm {other}")),
    }
}

/// Bits of an RSA modulus (RFC 8017 appendix A.1.1: the first of two integers).
fn modulus_bits(public_key: &[u8]) -> der::Result<usize> {
    SliceReader::new(public_key)?.sequence(|body| {
        let modulus = UintRef::decode(body)?;
        body.tlv_bytes()?;
        let bytes = modulus.as_bytes();
        let zeros = bytes.first().map_or(0, |first| first.leading_zeros());
        Ok((bytes.len() * 8).saturating_sub(zeros as usize))
    })
}

fn directory_string(value: AnyRef<'_>) -> Option<String> {
    let text = match value.tag() {
        Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok()?.as_str(),
        Tag::PrintableString => value.decode_as::<PrintableStringRef<'_>>().ok()?.as_str(),
        Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().ok()?.as_str(),
        // T.61 is many alphabets; only its ASCII part is unambiguous.
        Tag::TeletexString => {
            let text = value.decode_as::<TeletexStringRef<'_>>().ok()?.as_str();
            text.is_ascii().then_some(text)?
        }
        _ => return None,
    };
    Some(text.to_owned())
}

fn alt_name_text(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(host) => Some(host.as_str().to_owned()),
        GeneralName::IpAddress(address) => {
            let bytes = address.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(std::net::IpAddr::from);
            let v6 = <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from);
            v4.or(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

fn name_text(name: &Name) -> String {
    let text = name.to_string();
    if text.is_empty() {
        "an empty subject".to_owned()
    } else {
        printable(&text)
    }
}

/// Text of a stranger, fit for a log: no control characters, and not long (R40).
pub(super) fn printable(text: &str) -> String {
    const MOST: usize = 120;
    let mut clean = String::new();
    for (index, letter) in text.chars().enumerate() {
        if index == MOST {
            clean.push('…');
            break;
        }
        if letter.is_control() {
            clean.extend(letter.escape_default());
        } else {
            clean.push(letter);
        }
    }
    clean
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject())
            .finish_non_exhaustive()
    }
}
