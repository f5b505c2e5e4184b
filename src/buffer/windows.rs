//! How full the reliable windows of a desk's connections are: a row a lane, a place a window.
//!
//! Whoever sends asks here before, so that a full window is an error of the call. Two parties write:
//! the job says what is in flight after each update; where messages are handed over to it, their
//! packets are added at once. What is told thus is never too little: acknowledgements that are under
//! way can only make room.

use std::time::Duration;

/// How full one window is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Packets that are in flight or will be; at most the window counts.
    pub(crate) used: u16,
    /// How long after the update an acknowledgement can be expected that makes room.
    pub(crate) free_in: Duration,
}

/// The windows of a desk's lanes. Takes no memory before the first is used.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    /// Windows of a connection.
    stride: usize,
    rows: Vec<Usage>,
}

impl Windows {
    /// The windows of a lane; shorter, as far as it was never used.
    pub(crate) fn row(&self, lane: usize) -> &[Usage] {
        let start = lane * self.stride;
        self.rows
            .get(start..start + self.stride)
            .unwrap_or_default()
    }

    /// The windows of a lane, of which each connection has `stride`.
    pub(crate) fn row_mut(&mut self, lane: usize, stride: usize) -> &mut [Usage] {
        self.stride = stride;
        let start = lane * stride;
        if self.rows.len() < start + stride {
            self.rows.resize(start + stride, Usage::default());
        }
        self.rows.get_mut(start..start + stride).unwrap_or_default()
    }

    /// Packets of a lane were handed over to its job: so many for each window.
    pub(super) fn add(&mut self, lane: usize, packets: impl ExactSizeIterator<Item = u16>) {
        if packets.len() > 0 {
            let row = self.row_mut(lane, packets.len());
            for (usage, packets) in row.iter_mut().zip(packets) {
                usage.used = usage.used.saturating_add(packets);
            }
        }
    }

    /// Takes over what another desk knows of a lane.
    pub(super) fn copy_row(&mut self, lane: usize, from: &Self) {
        let row = from.row(lane);
        if !row.is_empty() {
            self.row_mut(lane, from.stride).copy_from_slice(row);
        }
    }

    /// The lane has no connection any more.
    pub(super) fn free(&mut self, lane: usize) {
        let (start, stride) = (lane * self.stride, self.stride);
        if let Some(row) = self.rows.get_mut(start..start + stride) {
            row.fill(Usage::default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_what_the_job_said_and_what_was_handed_over_since() {
        let (mut front, mut back) = (Windows::default(), Windows::default());
        front.copy_row(3, &back);
        assert_eq!((front.row(3), front.rows.len()), (&[][..], 0));
        front.add(3, [0, 5].into_iter());
        assert_eq!(front.row(3)[1].used, 5);
        back.row_mut(3, 2)[1].used = 4;
        front.copy_row(3, &back);
        assert_eq!(front.row(3)[1].used, 4);
        front.free(3);
        assert_eq!(front.row(3), [Usage::default(); 2]);
        assert_eq!(front.row(2), [Usage::default(); 2]);
    }
}
