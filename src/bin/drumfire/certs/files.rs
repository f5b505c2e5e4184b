//! Files of certificates and keys.

use std::io::Write;
use std::path::Path;

use zeroize::Zeroizing;

use crate::failure::{Failure, While};

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    Everybody,
    /// A private key.
    Owner,
}

/// Reads a file of certificates.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).while_doing(|| format!("reading {}", path.display()))
}

/// Reads a file with a private key. What is read is wiped when it is dropped.
pub(crate) fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    read(path).map(Zeroizing::new)
}

/// A warning if others than its owner may read a private key's file.
#[cfg(unix)]
pub(crate) fn exposed(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;

    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    (mode & 0o077 != 0).then(|| {
        let path = path.display();
        format!(
            "{path} may be read by others (mode {:o}): chmod 600 {path}",
            mode & 0o777
        )
    })
}

/// A warning if others than its owner may read a private key's file: not known here.
#[cfg(not(unix))]
pub(crate) fn exposed(_: &Path) -> Option<String> {
    None
}

/// Writes a new file.
///
/// # Errors
/// If there is one already: a key that is overwritten is gone.
pub(super) fn write_new(path: &Path, text: &str, readers: Readers) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = readers;
    let doing = || format!("writing {}", path.display());
    let mut file = options.open(path).while_doing(doing)?;
    file.write_all(text.as_bytes()).while_doing(doing)
}
