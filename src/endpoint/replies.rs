//! Replies to strangers: small datagrams, collected during an update and sent with the rest.
//!
//! One arena of bytes and one list of ranges, both kept from update to update. Whether a reply may
//! be sent at all was decided before it got here.

use std::ops::Range;

use crate::address::Path;

/// Datagrams for peers that have no link.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    bytes: Vec<u8>,
    entries: Vec<(Path, Range<usize>)>,
}

impl Replies {
    /// Adds a datagram: `write` appends its bytes. Returns its length.
    pub(crate) fn push(&mut self, path: &Path, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let range = start..self.bytes.len();
        let len = range.len();
        self.entries.push((*path, range));
        len
    }

    /// Every datagram with its path, in the order added.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.entries
            .iter()
            .map(|(path, range)| (path, self.bytes.get(range.clone()).unwrap_or_default()))
    }

    /// Whether there is none.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets the datagrams; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::NetworkEndpoint;

    #[test]
    fn datagrams_come_out_as_they_went_in() {
        let mut replies = Replies::default();
        let path = |port| NetworkEndpoint::loopback_ipv4(port).into();
        assert_eq!(replies.push(&path(1), |out| out.extend(b"one")), 3);
        assert_eq!(replies.push(&path(2), |_| ()), 0);
        assert_eq!(replies.push(&path(3), |out| out.extend(b"three")), 5);
        let got: Vec<_> = replies
            .iter()
            .map(|(path, bytes)| (path.remote.port(), bytes))
            .collect();
        assert_eq!(got, [(1, &b"one"[..]), (2, b""), (3, b"three")]);
        replies.clear();
        assert!(replies.is_empty());
        assert_eq!(replies.iter().count(), 0);
    }
}
