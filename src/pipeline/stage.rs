//! A user's own stage.
//!
//! Everything a stage may do that a built-in one does: write a header, change the payload, keep
//! packets and let them go later, make up packets of its own. It is given bytes and a time, and never
//! sees the connection. Its packets are copied, so a pipeline without one pays nothing.
//!
//! Source: Unity Transport `INetworkPipelineStage`, `NetworkPipelineStage`, `NetworkPipelineContext`.

use std::fmt;
use std::ops::Range;

use thiserror::Error;

use crate::time::Timestamp;

/// A stage of a pipeline.
///
/// The value given to the driver is what each connection's copy is made from, by
/// [`for_connection`](Self::for_connection); it sees no packet itself. Each copy belongs to one
/// connection and pipeline and is dropped with it.
///
/// A packet that was kept is let go from [`resume_send`](Self::resume_send) or
/// [`resume_receive`](Self::resume_receive): ask for the call through [`StageContext`].
pub trait PipelineStage: fmt::Debug + Send + Sync {
    /// Name of the stage, for errors and logs.
    fn name(&self) -> &str;

    /// Most bytes the stage writes in front of a packet.
    fn header_capacity(&self) -> usize {
        0
    }

    /// The stage of a new connection.
    fn for_connection(&self) -> Box<dyn PipelineStage>;

    /// A packet on its way to the peer.
    fn send(
        &mut self,
        packet: &mut StagePacket,
        cx: &mut StageContext,
    ) -> Result<StageAction, StageError>;

    /// A packet from the peer, from this stage's header on.
    ///
    /// In front of a reliable stage, one that the user had no room for comes again.
    fn receive(
        &mut self,
        packet: &mut StagePacket,
        cx: &mut StageContext,
    ) -> Result<StageAction, StageError>;

    /// The stage asked to be called: it may put a packet to send into the empty `packet`.
    fn resume_send(
        &mut self,
        packet: &mut StagePacket,
        cx: &mut StageContext,
    ) -> Result<StageAction, StageError> {
        let _ = (packet, cx);
        Ok(StageAction::Keep)
    }

    /// The stage asked to be called: it may put a packet to deliver into the empty `packet`.
    fn resume_receive(
        &mut self,
        packet: &mut StagePacket,
        cx: &mut StageContext,
    ) -> Result<StageAction, StageError> {
        let _ = (packet, cx);
        Ok(StageAction::Keep)
    }
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageAction {
    /// It goes on to the next stage, as it is in `packet`.
    Pass,
    /// It does not go on. A stage that lets it go later has copied it.
    Keep,
}

/// A stage failed on a packet. The packet is dropped and counted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct StageError {
    reason: String,
}

impl StageError {
    /// An error in words.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

/// The time, and what a stage asks for.
#[derive(Debug)]
pub struct StageContext {
    now: Timestamp,
    room: usize,
    resume: bool,
    update: Option<Timestamp>,
    send_update: Option<Timestamp>,
}

impl StageContext {
    /// The time, and no wish yet.
    pub(super) fn new(now: Timestamp, room: usize) -> Self {
        Self {
            now,
            room,
            resume: false,
            update: None,
            send_update: None,
        }
    }

    /// What the stage asks for: another call at once, one in an update, one in an update that sends.
    pub(super) fn wishes(&self) -> (bool, Option<Timestamp>, Option<Timestamp>) {
        (self.resume, self.update, self.send_update)
    }

    /// The time of the update.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Bytes a packet has for all stage headers and its payload.
    pub fn room(&self) -> usize {
        self.room
    }

    /// Asks to be called again at once, in the direction of this call.
    ///
    /// Source: Unity Transport `Requests.Resume`.
    pub fn request_resume(&mut self) {
        self.resume = true;
    }

    /// Asks for [`PipelineStage::resume_receive`] in the first update at or after `at`.
    ///
    /// Source: Unity Transport `Requests.Update`.
    pub fn request_update(&mut self, at: Timestamp) {
        self.update = Some(self.update.map_or(at, |before| before.min(at)));
    }

    /// Asks for [`PipelineStage::resume_send`] in the first update at or after `at`.
    ///
    /// Source: Unity Transport `Requests.SendUpdate`.
    pub fn request_send_update(&mut self, at: Timestamp) {
        self.send_update = Some(self.send_update.map_or(at, |before| before.min(at)));
    }
}

/// A packet in a stage's hands, with room in front for headers.
#[derive(Debug)]
pub struct StagePacket {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl StagePacket {
    /// The headers of stages before, and the payload.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The same, to change in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// Puts other bytes in place of the ones there are.
    pub fn replace(&mut self, bytes: &[u8]) {
        self.bytes.truncate(self.start);
        self.bytes.extend_from_slice(bytes);
        self.end = self.bytes.len();
    }

    /// Writes a header in front.
    pub fn push_header(&mut self, header: &[u8]) -> Result<(), StageError> {
        let start = self.start.checked_sub(header.len());
        let place = start.and_then(|start| self.bytes.get_mut(start..self.start));
        let (Some(start), Some(place)) = (start, place) else {
            return Err(StageError::new(format!(
                "header of {} bytes, but {} are reserved: raise header_capacity",
                header.len(),
                self.start
            )));
        };
        place.copy_from_slice(header);
        self.start = start;
        Ok(())
    }

    /// Splits a header of `N` bytes off the front.
    pub fn take_header<const N: usize>(&mut self) -> Result<[u8; N], StageError> {
        let Some(&header) = self.bytes().first_chunk::<N>() else {
            return Err(StageError::new(format!(
                "header of {N} bytes, but {} are there",
                self.bytes().len()
            )));
        };
        self.start += N;
        Ok(header)
    }

    /// A packet with that much room in front, in the memory of `bytes`.
    pub(super) fn new(mut bytes: Vec<u8>, headroom: usize, body: &[u8]) -> Self {
        bytes.clear();
        bytes.resize(headroom, 0);
        bytes.extend_from_slice(body);
        Self {
            start: headroom,
            end: bytes.len(),
            bytes,
        }
    }

    /// Its memory, and where in it the packet lies.
    pub(super) fn into_parts(self) -> (Vec<u8>, Range<usize>) {
        (self.bytes, self.start..self.end)
    }
}
