//! Fragmentation: messages larger than a packet travel in several.
//!
//! Fragments are put together in whatever order they arrive (Unity Transport takes them in order
//! only). What is held is bounded by the capacity, by count and by age (R28).
//!
//! A message of more packets than the reliable window behind holds is taken when the whole window is
//! free, and sent as acks make room; until its last fragment has left, no other message is taken.
//!
//! Source: Unity Transport `FragmentationPipelineStage.cs`.

mod reassembly;

use reassembly::{Insertion, Reassembly};

use super::packet::{Context, Lower, MessageSink, Packet, PacketSink, StageRefusal, Upper};
use super::statistics::PipelineStatistics;
use crate::counters::DropReason;
use crate::time::Timestamp;
use crate::wire::fragment::FragmentRepr;

/// The stage of one connection.
#[derive(Debug)]
pub(super) struct Fragmentation {
    /// Number of the next fragment.
    next: u16,
    /// Header capacity of the stages in front.
    before: usize,
    /// Header capacity of this stage and those behind it.
    behind: usize,
    /// The rest of a message that waits for the window.
    backlog: Backlog,
    reassembly: Reassembly,
    malformed: u64,
}

#[derive(Debug, Default)]
struct Backlog {
    bytes: Vec<u8>,
    /// Bytes of it that have left.
    sent: usize,
}

impl Backlog {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }
}

impl Fragmentation {
    /// The stage between stages that write `before` bytes and, with itself, `behind` bytes; `patient`
    /// if one of those behind is reliable.
    pub(super) fn new(before: usize, behind: usize, patient: bool) -> Self {
        Self {
            next: 0,
            before,
            behind,
            backlog: Backlog::default(),
            reassembly: Reassembly::new(patient),
            malformed: 0,
        }
    }

    /// Whether the last message has not left whole.
    pub(super) fn is_busy(&self) -> bool {
        !self.backlog.rest().is_empty()
    }

    /// Bytes of the last message that have not left.
    pub(super) fn waiting(&self) -> usize {
        self.backlog.rest().len()
    }

    /// Splits a message: the first fragment stays where the message lies, the others are copied.
    ///
    /// Whoever calls has made sure that the window behind takes the whole message, or is free.
    pub(super) fn send(
        &mut self,
        packet: &mut Packet<'_>,
        upper: &mut (impl Upper + ?Sized),
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) -> Result<(), StageRefusal> {
        let block = self.block(cx.room);
        let total = packet.len();
        // The headers of the stages in front travel in the first fragment, whatever they left of
        // their capacity.
        let first_len = (block.saturating_sub(self.before) + packet.headers()).min(total);
        let (number, whole) = (self.next, first_len == total);
        let mut first = packet.head(first_len);
        first
            .prepend(FragmentRepr::LEN)?
            .copy_from_slice(&header(number, true, whole));
        upper.send(&mut first, cx, sink)?;
        self.next = FragmentRepr::next(number);
        let sent = self.send_rest(packet.tail(first_len), block, upper, cx, sink);
        if first_len + sent < total && upper.credits(cx.parameters) < usize::MAX {
            self.backlog.bytes.clear();
            self.backlog
                .bytes
                .extend_from_slice(packet.tail(first_len + sent));
            self.backlog.sent = 0;
        }
        Ok(())
    }

    /// Payload bytes of a fragment.
    fn block(&self, room: usize) -> usize {
        room.saturating_sub(self.behind).max(1)
    }

    /// Sends fragments behind the first, as many as the window takes; returns their bytes.
    fn send_rest(
        &mut self,
        rest: &[u8],
        block: usize,
        upper: &mut (impl Upper + ?Sized),
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) -> usize {
        if rest.is_empty() {
            return 0;
        }
        let mut sent = 0;
        let mut buffer = cx.buffers.take(self.behind + block);
        for chunk in rest.chunks(block) {
            if upper.credits(cx.parameters) == 0 {
                break;
            }
            let last = sent + chunk.len() == rest.len();
            let header = header(self.next, false, last);
            // The headroom is the capacity of the stages behind: this header is written here.
            let headroom = self.behind.saturating_sub(FragmentRepr::LEN);
            let Some(mut fragment) = Packet::made(&mut buffer, headroom, [&header, chunk]) else {
                break;
            };
            if upper.send(&mut fragment, cx, sink).is_err() {
                break;
            }
            self.next = FragmentRepr::next(self.next);
            sent += chunk.len();
        }
        cx.buffers.give(buffer);
        sent
    }

    /// Sends more of a message that waits, and gives up what grew too old.
    pub(super) fn service(
        &mut self,
        upper: &mut (impl Upper + ?Sized),
        cx: &mut Context<'_>,
        sink: &mut dyn PacketSink,
    ) {
        if self.is_busy() {
            let backlog = std::mem::take(&mut self.backlog);
            let block = self.block(cx.room);
            let sent = self.send_rest(backlog.rest(), block, upper, cx, sink);
            self.backlog = backlog;
            self.backlog.sent += sent;
            if !self.is_busy() {
                self.backlog = Backlog::default();
            }
        }
        self.reassembly.expire(cx.now);
    }

    /// Takes a fragment, and delivers the message it completes.
    pub(super) fn receive(
        &mut self,
        lower: &mut (impl Lower + ?Sized),
        body: &[u8],
        cx: &mut Context<'_>,
        sink: &mut dyn MessageSink,
    ) -> Result<(), DropReason> {
        let Some((header, payload)) = FragmentRepr::parse(body) else {
            self.malformed += 1;
            return Err(DropReason::Malformed);
        };
        if header.first && header.last {
            self.reassembly.pass(header.number);
            return lower.receive(payload, cx, sink);
        }
        // The stages in front wrote headers into the message; they do not count.
        let most = cx.parameters.fragmentation_capacity + self.before;
        match self.reassembly.insert(header, payload, most, cx) {
            Insertion::Held => Ok(()),
            Insertion::Dropped(reason) => Err(reason),
            Insertion::Complete(message) => {
                let outcome = lower.receive(&message, cx, sink);
                if outcome == Err(DropReason::EventsFull) {
                    // The fragment was never here; the others wait for it.
                    self.reassembly.undo(header, message, payload.len(), cx.now);
                } else {
                    self.reassembly.recycle(message, cx.now);
                }
                outcome
            }
        }
    }

    /// When `service` has something to do.
    pub(super) fn deadline(&self) -> Timestamp {
        self.reassembly.deadline()
    }

    /// Bytes of memory on the heap.
    pub(super) fn memory(&self) -> usize {
        self.backlog.bytes.capacity() + self.reassembly.memory()
    }

    /// Adds what was counted.
    pub(super) fn add_to(&self, statistics: &mut PipelineStatistics) {
        statistics.malformed += self.malformed;
        statistics.incomplete += self.reassembly.given_up();
        statistics.duplicates += self.reassembly.duplicates();
    }

    /// Begins at another number, as a long connection does.
    #[cfg(test)]
    pub(super) fn starting_at(mut self, next: u16) -> Self {
        self.next = next;
        self
    }
}

fn header(number: u16, first: bool, last: bool) -> [u8; FragmentRepr::LEN] {
    FragmentRepr {
        first,
        last,
        number,
    }
    .emit()
}
