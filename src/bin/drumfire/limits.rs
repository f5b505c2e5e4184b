//! Descriptors: each client of a load has a socket of its own.

use crate::failure::Failure;

/// Descriptors a process needs beside its sockets: pipes, terminal, epoll, and some to spare.
const SPARE: u64 = 32;

/// Soft and hard limit; none where the system has no such limits.
pub(crate) fn descriptors() -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        let limit = getrlimit(Resource::Nofile);
        Some((
            limit.current.unwrap_or(u64::MAX),
            limit.maximum.unwrap_or(u64::MAX),
        ))
    }
    #[cfg(not(unix))]
    None
}

/// Raises the soft limit so that `sockets` fit.
///
/// # Errors
/// If the hard limit is too low, with the number of clients that do fit.
pub(crate) fn make_room_for(sockets: usize) -> Result<(), Failure> {
    let needed = u64::try_from(sockets)
        .unwrap_or(u64::MAX)
        .saturating_add(SPARE);
    match descriptors() {
        Some((soft, hard)) if soft < needed => raise(sockets, needed, hard),
        _ => Ok(()),
    }
}

fn raise(sockets: usize, needed: u64, hard: u64) -> Result<(), Failure> {
    if hard < needed {
        return Err(too_many(sockets, hard));
    }
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let limit = Rlimit {
            current: Some(needed),
            maximum: Some(hard),
        };
        setrlimit(Resource::Nofile, limit).map_err(|_| too_many(sockets, hard))?;
    }
    Ok(())
}

fn too_many(sockets: usize, hard: u64) -> Failure {
    let fit = hard.saturating_sub(SPARE);
    Failure::new(format!(
        "{sockets} clients need a socket each, and this process may open {hard} files: {fit} clients fit\n\
         try `--clients {fit}`, or raise the hard limit (`ulimit -Hn` as root, or LimitNOFILE of the service)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hard_limit_that_is_too_low_says_how_many_clients_fit() {
        let failure = raise(10_000, 10_032, 4_096).unwrap_err().to_string();
        assert!(failure.contains("4064 clients fit"), "{failure}");
    }

    #[test]
    fn what_fits_already_changes_nothing() {
        make_room_for(1).unwrap();
    }
}
