//! One certificate, read: version, names, dates, key, usages.
//!
//! The parser is strict DER and knows every X.509 version. It decides nothing: what a certificate
//! may be used for is decided in [`trust`](super::trust), and chains are webpki's.

use std::fmt;

use rustls_pki_types::CertificateDer;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::{
    AnyRef, Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef,
};
use x509_cert::der::oid::{AssociatedOid, ObjectIdentifier};
use x509_cert::der::{self, Decode, Tag, Tagged};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, NameConstraints, SubjectAltName,
};
use x509_cert::name::Name;

use super::fingerprint::Fingerprint;
use super::printable::printable;
use super::provider::{provider, sha256};
use super::raw::{PublicKey, Raw};
use super::verify_error::VerifyError;
use super::wall_time::WallTime;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

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

/// The common names of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CommonName {
    None,
    One(String),
    Several(usize),
    /// In an encoding that is not read: `BMPString` and the like.
    Unreadable,
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
        let public_key = PublicKey::of(&Raw::read(bytes)?);
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

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject())
            .finish_non_exhaustive()
    }
}
