//! `drumfire certs new`: CAs, a server and a client, as files.

use std::path::PathBuf;

use drumfire::WallTime;

use super::KeyKind;
use super::args::NewArgs;
use super::files::{self, Readers};
use super::made::{Made, Order};
use crate::failure::{Failure, Verdict, While};
use crate::say;

/// The names of one set's files.
struct Names {
    ca: &'static str,
    ca_key: &'static str,
    certificate: &'static str,
    private_key: &'static str,
}

const SERVER: Names = Names {
    ca: "server-ca.pem",
    ca_key: "server-ca.key",
    certificate: "server.pem",
    private_key: "server.key",
};
const CLIENT: Names = Names {
    ca: "client-ca.pem",
    ca_key: "client-ca.key",
    certificate: "client.pem",
    private_key: "client.key",
};
/// As the manual's commands name them.
const UNITY: Names = Names {
    ca: "myGameClientCA.pem",
    ca_key: "clientPrivateKeyForRootCA.pem",
    certificate: "myGameServerCertificate.pem",
    private_key: "myGameServerPrivateKey.pem",
};

/// A file to write: its name, what it is, its text and who may read it.
type File = (&'static str, &'static str, String, Readers);

pub(super) fn run(args: &NewArgs) -> Result<Verdict, Failure> {
    let order = Order {
        kind: if args.rsa || args.like_unity_manual {
            KeyKind::Rsa
        } else {
            KeyKind::Ecdsa
        },
        now: WallTime::now(),
        days: args.days,
    };
    let (files, ca, certificate, private_key) = if args.like_unity_manual {
        let made = order.like_unity_manual(common_name(args)?)?;
        let files = of(&UNITY, made, "for clients", "for the server").to_vec();
        (files, UNITY.ca, UNITY.certificate, UNITY.private_key)
    } else {
        let server = order.server(&args.server_names())?;
        let client = order.client(std::slice::from_ref(&args.client_name))?;
        let mut files = of(&SERVER, server, "for clients", "for the server").to_vec();
        files.extend(of(
            &CLIENT,
            client,
            "for a server that asks clients for certificates",
            "for a client that is asked",
        ));
        (files, SERVER.ca, SERVER.certificate, SERVER.private_key)
    };
    write(args, files)?;
    let path = |name| args.out.join(name).display().to_string();
    let first = args.server_names().first().cloned().unwrap_or_default();
    say::out(&format!(
        "check them:\n  drumfire certs check --certificate {} --private-key {} --ca {} --server-name '{first}'",
        path(certificate),
        path(private_key),
        path(ca),
    ));
    Ok(Verdict::Good)
}

/// The one common name of a certificate that has no other names.
fn common_name(args: &NewArgs) -> Result<&str, Failure> {
    match args.server_name.as_slice() {
        [] => Ok(NewArgs::DEFAULT_NAME),
        [one] => Ok(one),
        several => Err(Failure::new(format!(
            "{} server names, and a certificate as in Unity's manual has one: leave out \
             --like-unity-manual, or all names but one",
            several.len()
        ))),
    }
}

fn of(names: &Names, made: Made, for_ca: &'static str, for_leaf: &'static str) -> [File; 4] {
    const KEEP: &str = "signs more of them: keep it away from servers and clients";
    let secret = |text: &str| text.to_owned();
    [
        (names.ca, for_ca, made.ca, Readers::Everybody),
        (names.ca_key, KEEP, secret(&made.ca_key), Readers::Owner),
        (
            names.certificate,
            for_leaf,
            made.certificate,
            Readers::Everybody,
        ),
        (
            names.private_key,
            for_leaf,
            secret(&made.private_key),
            Readers::Owner,
        ),
    ]
}

fn write(args: &NewArgs, files: Vec<File>) -> Result<(), Failure> {
    let out = &args.out;
    std::fs::create_dir_all(out).while_doing(|| format!("making {}", out.display()))?;
    let paths: Vec<PathBuf> = files.iter().map(|(name, ..)| out.join(name)).collect();
    if let Some(there) = paths.iter().find(|path| path.exists()) {
        return Err(Failure::new(format!(
            "{} is there already: name another directory with --out, or move it away",
            there.display()
        )));
    }
    let width = paths.iter().map(|path| path.as_os_str().len()).max();
    let width = width.unwrap_or_default();
    for ((_, what, text, readers), path) in files.into_iter().zip(&paths) {
        files::write_new(path, &text, readers)?;
        say::out(&format!("{:<width$}  {what}", path.display().to_string()));
    }
    Ok(())
}
