//! Datagrams on their way out: one buffer, cut where each ends.

/// Datagrams to be sent to one peer, in order.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Outgoing {
    /// The datagrams, in order.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .filter_map(|(start, end)| self.bytes.get(start..*end))
    }

    /// Whether there is none.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Forgets them all; the memory stays.
    #[cfg(test)]
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Appends one datagram whose bytes `fill` appends; none if it appends nothing.
    pub(crate) fn push(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        fill(&mut self.bytes);
        if self.bytes.len() > start {
            self.ends.push(self.bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_come_out_as_they_went_in() {
        let mut out = Outgoing::default();
        out.push(|bytes| bytes.extend_from_slice(b"one"));
        out.push(|_| {});
        out.push(|bytes| bytes.extend_from_slice(b"three"));
        assert!(out.datagrams().eq([&b"one"[..], b"three"]));
        out.clear();
        assert!(out.is_empty() && out.datagrams().next().is_none());
    }
}
