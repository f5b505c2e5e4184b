//! What other workers have opened of a shard's run, until the shard's job settles it in order.

use std::collections::VecDeque;

use crate::link::guard::Ahead;

/// What has been opened of a shard's run before its job came to it.
#[derive(Debug, Default)]
pub(crate) struct OpenedAhead {
    /// By segment: a lane, and its records in order.
    segments: Vec<(u8, VecDeque<Ahead>)>,
}

impl OpenedAhead {
    /// The next record of a lane in a segment; none if it is not opened yet.
    #[inline]
    pub(super) fn next(&mut self, segment: usize, lane: u8) -> Option<Ahead> {
        if self.segments.is_empty() {
            return None;
        }
        let (whose, records) = self.segments.get_mut(segment)?;
        (*whose == lane).then(|| records.pop_front()).flatten()
    }

    /// Forgets what nobody asked for.
    pub(super) fn clear(&mut self) {
        for (_, records) in &mut self.segments {
            records.clear();
        }
    }

    /// Room for what will be opened of a segment.
    pub(super) fn take(&mut self, segment: usize) -> VecDeque<Ahead> {
        self.segments
            .get_mut(segment)
            .map(|(_, records)| std::mem::take(records))
            .unwrap_or_default()
    }

    /// What has been opened of a segment.
    pub(super) fn put(&mut self, segment: usize, lane: u8, records: VecDeque<Ahead>) {
        if self.segments.len() <= segment {
            self.segments.resize_with(segment + 1, Default::default);
        }
        if let Some(place) = self.segments.get_mut(segment) {
            *place = (lane, records);
        }
    }
}
