//! Sets of certificates and keys that belong together, in memory.

use drumfire::WallTime;
use zeroize::Zeroizing;

use super::issue::{Profile, Signer, Validity, issue};
use super::private_key::{KeyKind, PrivateKey};
use crate::failure::Failure;

const DAY: u64 = 86_400;
/// Certificates begin that long ago: clocks of other machines may be behind.
const BACKDATED: u64 = DAY;

/// A certificate with its key, and the CA that signed it with its own. All is PEM text.
pub(crate) struct Made {
    /// What the other side is given.
    pub(crate) ca: String,
    pub(crate) ca_key: Zeroizing<String>,
    pub(crate) certificate: String,
    pub(crate) private_key: Zeroizing<String>,
}

/// What is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) kind: KeyKind,
    pub(crate) now: WallTime,
    /// From now on.
    pub(crate) days: u32,
}

impl Order {
    fn validity(&self) -> Validity {
        let now = self.now.as_unix_seconds();
        Validity {
            from: WallTime::from_unix_seconds(now.saturating_sub(BACKDATED)),
            to: WallTime::from_unix_seconds(now + u64::from(self.days) * DAY),
        }
    }

    /// A server that is called any of `names`, host names and addresses.
    pub(crate) fn server(&self, names: &[String]) -> Result<Made, Failure> {
        self.leaf("drumfire server CA", names, &Profile::Server(names))
    }

    /// A client that is called any of `names`.
    pub(crate) fn client(&self, names: &[String]) -> Result<Made, Failure> {
        self.leaf("drumfire client CA", names, &Profile::Client(names))
    }

    /// A server as the manual of Unity Transport makes it: a common name only, keys in PKCS#1.
    pub(crate) fn like_unity_manual(&self, common_name: &str) -> Result<Made, Failure> {
        let (ca_key, key) = (self.key()?, self.key()?);
        let made = self.signed("My Game CA", &ca_key, common_name, &key, &Profile::NameOnly)?;
        Ok(Made {
            ca_key: ca_key.traditional_pem()?,
            private_key: key.traditional_pem()?,
            ..made
        })
    }

    fn leaf(&self, ca: &str, names: &[String], profile: &Profile<'_>) -> Result<Made, Failure> {
        let common_name = names
            .first()
            .ok_or_else(|| Failure::new("a certificate needs a name"))?;
        let (ca_key, key) = (self.key()?, self.key()?);
        self.signed(ca, &ca_key, common_name, &key, profile)
    }

    fn signed(
        &self,
        ca: &str,
        ca_key: &PrivateKey,
        common_name: &str,
        key: &PrivateKey,
        profile: &Profile<'_>,
    ) -> Result<Made, Failure> {
        // RFC 5280 appendix A.1: ub-common-name.
        const LONGEST: usize = 64;
        if common_name.is_empty() || common_name.chars().count() > LONGEST {
            return Err(Failure::new(format!(
                "the name `{common_name}` has {} letters, and a common name has 1 to {LONGEST}",
                common_name.chars().count()
            )));
        }
        let issuer = Signer {
            common_name: ca,
            key: ca_key,
        };
        let subject = Signer { common_name, key };
        let validity = self.validity();
        Ok(Made {
            ca: issue(&issuer, &issuer, &Profile::Authority, validity)?,
            certificate: issue(&subject, &issuer, profile, validity)?,
            ca_key: ca_key.pem(),
            private_key: key.pem(),
        })
    }

    fn key(&self) -> Result<PrivateKey, Failure> {
        PrivateKey::generate(self.kind)
    }
}

#[cfg(test)]
mod tests {
    use drumfire::{Identity, ServerName, Trust, VerifyError};

    use super::*;

    /// 2026-01-01.
    const NOW: WallTime = WallTime::from_unix_seconds(1_767_225_600);

    fn order(kind: KeyKind) -> Order {
        Order {
            kind,
            now: NOW,
            days: 30,
        }
    }

    fn kinds() -> Vec<KeyKind> {
        let rsa = cfg!(feature = "aws-lc-rs").then_some(KeyKind::Rsa);
        [KeyKind::Ecdsa].into_iter().chain(rsa).collect()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn identity(made: &Made) -> Identity {
        Identity::from_pem(&made.certificate, made.private_key.as_bytes()).unwrap()
    }

    fn judge(made: &Made, name: &str) -> Result<Vec<String>, VerifyError> {
        let trust = Trust::from_pem(&made.ca).unwrap();
        trust.check(NOW).unwrap();
        let name = ServerName::new(name).unwrap();
        let peer = trust.judge_server(&identity(made), &name, NOW)?;
        Ok(peer.names().to_vec())
    }

    #[test]
    fn the_library_accepts_servers_by_every_name_and_no_other() {
        let asked = names(&["localhost", "*.game.example", "127.0.0.1", "::1"]);
        for kind in kinds() {
            let made = order(kind).server(&asked).unwrap();
            assert_eq!(identity(&made).check_server(NOW).unwrap(), []);
            for name in ["localhost", "eu.game.example", "127.0.0.1", "::1"] {
                assert_eq!(judge(&made, name).unwrap(), asked);
            }
            for name in ["game.example", "127.0.0.2"] {
                assert!(matches!(
                    judge(&made, name),
                    Err(VerifyError::WrongName { .. })
                ));
            }
        }
    }

    #[test]
    fn a_client_is_no_server_and_a_server_no_client() {
        let order = order(KeyKind::Ecdsa);
        let client = order.client(&names(&["player"])).unwrap();
        let server = order.server(&names(&["localhost"])).unwrap();
        let peer = Trust::from_pem(&client.ca)
            .unwrap()
            .judge_client(&identity(&client), NOW);
        assert_eq!(peer.unwrap().names(), ["player"]);
        assert!(matches!(
            judge(&client, "player"),
            Err(VerifyError::WrongUsage { .. })
        ));
        let trust = Trust::from_pem(&server.ca).unwrap();
        assert!(matches!(
            trust.judge_client(&identity(&server), NOW),
            Err(VerifyError::WrongUsage { .. })
        ));
    }

    #[test]
    fn it_is_valid_from_a_day_ago_for_as_many_days_as_asked() {
        let made = order(KeyKind::Ecdsa)
            .server(&names(&["localhost"]))
            .unwrap();
        let identity = identity(&made);
        let at = |days: i64| {
            let seconds = NOW.as_unix_seconds().checked_add_signed(days * 86_400);
            identity.check_server(WallTime::from_unix_seconds(seconds.unwrap()))
        };
        assert!(at(-1).is_ok() && at(30).is_ok());
        assert!(at(-2).is_err() && at(31).is_err());
    }

    #[test]
    #[cfg(feature = "aws-lc-rs")]
    fn as_the_manual_makes_them_is_version_1_with_any_text_as_name() {
        let made = order(KeyKind::Rsa).like_unity_manual("My Game").unwrap();
        assert!(
            made.private_key
                .starts_with("-----BEGIN RSA PRIVATE KEY-----")
        );
        assert_eq!(judge(&made, "my game").unwrap(), ["My Game"]);
        assert!(matches!(
            judge(&made, "My Games"),
            Err(VerifyError::WrongName { .. })
        ));
        assert!(matches!(
            identity(&made).check_server(NOW).unwrap()[..],
            [drumfire::CertificateWarning::NoSubjectAltName { .. }]
        ));
        let summary = drumfire::CertificateSummary::from_pem(&made.certificate).unwrap();
        assert_eq!(summary[0].version(), 1);
    }

    #[test]
    #[cfg(not(feature = "aws-lc-rs"))]
    fn without_aws_lc_rs_an_rsa_key_is_refused_with_the_remedy() {
        let refused = order(KeyKind::Rsa).like_unity_manual("My Game").err();
        assert!(refused.unwrap().to_string().contains("openssl genrsa"));
    }

    #[test]
    fn a_name_too_long_for_a_common_name_is_refused() {
        let long = "a".repeat(65);
        let refused = order(KeyKind::Ecdsa).server(&[long]).err().unwrap();
        assert!(refused.to_string().contains("65 letters"), "{refused}");
    }
}
