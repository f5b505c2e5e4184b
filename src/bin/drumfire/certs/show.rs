//! `drumfire certs show`: what stands in a file of certificates.

use drumfire::{CertificateSummary, WallTime};

use super::args::ShowArgs;
use super::files;
use crate::failure::{Failure, Verdict, While};
use crate::say;

pub(super) fn run(args: &ShowArgs) -> Result<Verdict, Failure> {
    let text = files::read(&args.file)?;
    let certificates =
        CertificateSummary::from_pem(text).while_doing(|| args.file.display().to_string())?;
    for (index, certificate) in certificates.iter().enumerate() {
        if index > 0 {
            say::out("");
        }
        say::out(&describe(certificate, WallTime::now()));
    }
    Ok(Verdict::Good)
}

/// One certificate, a fact a line.
fn describe(certificate: &CertificateSummary, now: WallTime) -> String {
    let kind = if certificate.is_authority() {
        "CA"
    } else {
        "no CA"
    };
    let names = match certificate.names() {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    let mut lines = vec![
        format!("subject      {}", certificate.subject()),
        format!("issuer       {}", certificate.issuer()),
        format!("names        {names}"),
        format!(
            "valid        {} to {}",
            certificate.not_before(),
            certificate.not_after()
        ),
        format!("key          {}", certificate.key()),
        format!("version      {} ({kind})", certificate.version()),
        format!("fingerprint  {}", certificate.fingerprint()),
        format!("key's pin    {}", certificate.key_fingerprint()),
    ];
    let refusal = certificate.refusal(now).map(|error| error.to_string());
    let warnings = certificate.warnings();
    let warnings = warnings.iter().map(ToString::to_string);
    lines.extend(
        refusal
            .into_iter()
            .chain(warnings)
            .map(|what| format!("warning      {what}")),
    );
    lines.join("\n")
}
