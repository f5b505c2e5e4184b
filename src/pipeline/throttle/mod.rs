//! The throttle of a connection: how much reliable data may leave now.
//!
//! One for all pipelines of a connection, as they share its path. Two questions are asked of it: does
//! the path hold more (`window`), and is it time (`bucket`). A first transmission needs both, a resend
//! is asked for the second alone, as what it replaces has left the path. Everything else of the
//! connection leaves unasked and is charged to the bucket, so reliable data makes room for it.
//!
//! The throttle decides when packets leave, never what they say. Off, it says yes to everything.

mod bucket;
mod window;

use std::time::Duration;

use bucket::{Bucket, HEADERS, PACKET, plus};
use window::Window;

use crate::settings::{CongestionControl, PipelineParameters as Parameters};
use crate::time::Timestamp;

/// How much reliable data of one connection may leave now.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    on: bool,
    now: Timestamp,
    /// Bytes that an address which proved nothing may still be sent (R20).
    allowance: u32,
    window: Window,
    bucket: Bucket,
}

impl Throttle {
    /// It is `now`, and the peer's address may be sent `allowance` bytes. Called before everything
    /// else, as often as one likes.
    #[inline]
    pub(crate) fn begin(&mut self, now: Timestamp, allowance: u32, parameters: &Parameters) {
        self.on = parameters.congestion.control == CongestionControl::On;
        self.allowance = allowance;
        if self.on && (now > self.now || now == Timestamp::ZERO) {
            self.now = now;
            let congestion = &parameters.congestion;
            self.window.judge(now, congestion.delay_target);
            self.bucket.fill(now, congestion.burst, self.window.pace());
        }
    }

    /// Whether a packet of `len` bytes may leave for the first time.
    #[inline]
    pub(super) fn admits(&mut self, len: usize) -> bool {
        !self.on || (self.may_reach(len) && self.window.admits(len) && self.bucket.admits(len))
    }

    /// Whether a packet of any size may leave again.
    #[inline]
    pub(super) fn admits_resend(&self) -> bool {
        !self.on || (self.may_reach(PACKET as usize) && self.bucket.is_open())
    }

    /// Whether the peer's address may be sent a packet of `len` bytes. One that may not would be
    /// dropped, and look like one the path has lost.
    #[inline]
    fn may_reach(&self, len: usize) -> bool {
        plus(len, HEADERS) <= self.allowance
    }

    fn reach(&mut self, len: usize) {
        if self.allowance < u32::MAX {
            self.allowance = self.allowance.saturating_sub(plus(len, HEADERS));
        }
    }

    /// A packet of `len` bytes leaves for the first time.
    #[inline]
    pub(super) fn on_sent(&mut self, len: usize) {
        if self.on {
            self.window.on_sent(len);
            self.bucket.spend(len);
            self.reach(len);
        }
    }

    /// A packet of `len` bytes was lost, and leaves again.
    pub(super) fn on_resent(&mut self, len: usize) {
        if self.on {
            self.window.on_lost(len);
            self.bucket.spend(len);
            self.reach(len);
        }
    }

    /// Packets of `bytes` in all were acknowledged; `sample` is a round trip, if one was measured.
    #[inline]
    pub(super) fn on_ack(&mut self, bytes: usize, sample: Option<Duration>) {
        if self.on {
            self.window.on_ack(bytes, sample);
        }
    }

    /// A packet that asks nobody has left.
    #[inline]
    pub(crate) fn charge(&mut self, len: usize) {
        if self.on {
            self.bucket.spend(len);
        }
    }

    /// When a packet that waits for its first transmission may leave; never before something arrives,
    /// if the path is full or the address has had what it may.
    pub(super) fn admits_at(&self) -> Timestamp {
        if self.on && !(self.window.has_room() && self.may_reach(PACKET as usize)) {
            Timestamp::NEVER
        } else {
            self.resends_at()
        }
    }

    /// When a lost packet may leave.
    pub(super) fn resends_at(&self) -> Timestamp {
        if self.on && !self.may_reach(PACKET as usize) {
            Timestamp::NEVER
        } else if self.on {
            self.bucket.opens_at()
        } else {
            Timestamp::ZERO
        }
    }

    /// Bytes the path is thought to hold; 0 if it is off.
    pub(crate) fn window(&self) -> u32 {
        if self.on { self.window.bytes() } else { 0 }
    }
}
