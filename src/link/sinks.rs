//! Where a pipeline ends: its packets become data packets of the link, its messages the user's events.

use std::ops::Range;

use super::Link;
use super::send::Outlet;
use crate::buffer::inbox::{EventKind, Inbox};
use crate::counters::DropReason;
use crate::pipeline::{MessageSink, PacketSink, StageRefusal};
use crate::wire::connection::{DATA_HEADER_LEN, write_data_header};

/// Takes what a chain sends: bodies of data packets.
pub(super) struct Packets<'l, 'o> {
    pub(super) link: &'l mut Link,
    pub(super) out: Outlet<'o>,
    pub(super) pipeline: u8,
    /// Where in the arena the packet of the user's own message begins, its header included.
    pub(super) placed: Option<usize>,
}

impl Packets<'_, '_> {
    /// Counts what became of a message.
    pub(super) fn settle(&mut self, outcome: Result<(), StageRefusal>) {
        match outcome {
            Ok(()) => self.out.outward.passed += 1,
            Err(refusal) => self.out.outward.drops.count(reason_of(&refusal)),
        }
    }

    /// Whether a packet may leave. One that may not is counted; a reliable one comes again.
    fn may_leave(&mut self, len: usize) -> bool {
        match self.link.clear_way(len, &mut self.out) {
            Ok(()) => true,
            Err(reason) => {
                self.out.outward.entered += 1;
                self.out.outward.drops.count(reason);
                false
            }
        }
    }
}

impl PacketSink for Packets<'_, '_> {
    #[inline]
    fn in_place(&mut self, range: Range<usize>) {
        let len = DATA_HEADER_LEN + range.len();
        if self.may_leave(len) {
            let start = range.start.saturating_sub(DATA_HEADER_LEN);
            self.placed = Some(start);
            self.out.egress.message(self.out.lane, start..range.end);
            self.link.count_sent(len, &self.out);
        }
    }

    fn packet(&mut self, body: &[u8]) {
        if self.may_leave(DATA_HEADER_LEN + body.len()) {
            let mut header = [0; DATA_HEADER_LEN];
            write_data_header(&mut header, self.link.token, self.pipeline);
            let len = self.out.egress.ahead(self.out.lane, |out| {
                out.extend_from_slice(&header);
                out.extend_from_slice(body);
            });
            self.link.count_control(len, &mut self.out);
            self.link.count_sent(len, &self.out);
        }
    }
}

#[cold]
fn reason_of(refusal: &StageRefusal) -> DropReason {
    match refusal {
        StageRefusal::TooLong { .. } => DropReason::TooLong,
        StageRefusal::Stage { .. } => DropReason::StageRefused,
        _ => DropReason::InternalError,
    }
}

/// Takes what a chain delivers.
pub(super) struct Messages<'a> {
    pub(super) inbox: &'a mut Inbox,
    /// Bytes that lie unread elsewhere.
    pub(super) held: usize,
    /// Bytes the user takes; none where it takes nothing.
    pub(super) budget: Option<usize>,
    pub(super) pipeline: u8,
}

impl MessageSink for Messages<'_> {
    #[inline]
    fn has_room(&self, len: usize) -> bool {
        self.budget
            .is_some_and(|budget| self.inbox.has_room(len, self.held, budget))
    }

    #[inline]
    fn message(&mut self, bytes: &[u8]) {
        self.inbox.push(EventKind::Data, self.pipeline, 0, bytes);
    }
}
