//! No guards: this build has no cryptographic provider, and plain connections only.

use std::ops::Range;
use std::time::Duration;

use super::{Knock, Record, Renewal};
use crate::time::Timestamp;

/// There is none.
#[derive(Debug)]
pub(crate) enum Guard {}

/// Nor is there any of these.
#[derive(Debug)]
pub(crate) enum Reader {}

/// Nor of these.
#[derive(Debug)]
pub(crate) enum Ahead {}

impl Reader {
    pub(crate) fn open_each(&self, _: &mut [u8], _: impl FnMut(Ahead)) {
        match *self {}
    }
}

impl Guard {
    pub(crate) fn reader(&self) -> Option<Reader> {
        match *self {}
    }

    pub(crate) fn take(&mut self, _: Ahead, _: Timestamp) -> (Record, usize) {
        match *self {}
    }

    pub(crate) fn open(&mut self, _: &mut [u8], _: usize, _: Timestamp) -> (Record, usize) {
        match *self {}
    }

    pub(crate) fn seal(&mut self, _: &mut [u8], _: Range<usize>) -> Option<Range<usize>> {
        match *self {}
    }

    pub(crate) fn repeat_last_flight(&mut self, _: Timestamp, _: impl FnMut(&[u8])) {
        match *self {}
    }

    pub(crate) fn note_stranger(&mut self) -> u8 {
        match *self {}
    }

    pub(crate) fn knock(&mut self, _: Timestamp) -> Knock {
        match *self {}
    }

    pub(crate) fn is_spent(&self) -> bool {
        match *self {}
    }

    pub(crate) fn renewal(&mut self, _: Option<Duration>, _: Timestamp) -> Renewal {
        match *self {}
    }

    pub(crate) fn surplus(&self) -> u16 {
        match *self {}
    }

    pub(crate) fn version(&self) -> u32 {
        match *self {}
    }

    pub(crate) fn settle(&mut self, _: u32) {
        match *self {}
    }

    pub(crate) fn idle_deadline(&self) -> Timestamp {
        match *self {}
    }

    pub(crate) fn silence(&self, _: Timestamp) -> Duration {
        match *self {}
    }

    pub(crate) fn is_of_the_same_peer(&self, _: &Self) -> bool {
        match *self {}
    }
}
