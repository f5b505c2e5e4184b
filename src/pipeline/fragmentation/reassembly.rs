//! Putting messages together, in whatever order their fragments arrive.
//!
//! ```text
//! numbers   … 7   8   9  10  11  12 …
//! runs         [first 7, 8]  [11, last 12]        9 or 10 joins what it touches
//! ```
//!
//! A *run* is a stretch of fragments without a gap, their payloads one behind the other. A fragment
//! extends a run, joins two, or begins one. A run from a first to a last fragment is a message.
//!
//! Nothing a peer claims is allocated: a run grows by what has arrived. All runs together stay below
//! the capacity, the ones without progress are given up after ten seconds, and so are those that lie
//! far from the newest number, whose numbers could come again (R28). Behind a reliable stage neither
//! can happen: there, a message has as many fragments as there are numbers.

use std::time::Duration;

use crate::counters::DropReason;
use crate::pipeline::packet::Context;
use crate::time::Timestamp;
use crate::wire::fragment::{FRAGMENT_NUMBERS, FRAGMENT_REACH, FragmentRepr};

/// Runs held at once.
const MAX_RUNS: usize = 16;

/// How long a run may stand still.
const PATIENCE: Duration = Duration::from_secs(10);

/// Steps in which a run's memory grows.
const STEP: usize = 4_096;

/// Fragments without a gap.
#[derive(Debug)]
struct Run {
    /// Number of its first fragment.
    from: u16,
    /// Number behind its last fragment.
    to: u16,
    starts: bool,
    ends: bool,
    bytes: Vec<u8>,
    touched: Timestamp,
}

/// What became of a fragment.
#[derive(Debug)]
pub(super) enum Insertion {
    /// It waits for others.
    Held,
    /// It completes this message.
    Complete(Vec<u8>),
    /// It is of no use.
    Dropped(DropReason),
}

/// Fragments of one connection and pipeline that wait for others.
#[derive(Debug, Default)]
pub(super) struct Reassembly {
    /// Whether a reliable stage behind brings every fragment, once and in order, however long that
    /// takes: what it has acknowledged must not be given up (R25).
    patient: bool,
    runs: Vec<Run>,
    newest: u16,
    /// Numbers of the message that was completed last: what comes of it again is a duplicate.
    done: Option<(u16, u16)>,
    /// Memory of the last message, for the next one.
    spare: Vec<u8>,
    spare_since: Timestamp,
    given_up: u64,
    duplicates: u64,
}

/// How far `to` lies behind `from`, going up.
fn distance(from: u16, to: u16) -> u16 {
    to.wrapping_sub(from) % FRAGMENT_NUMBERS
}

impl Run {
    fn contains(&self, number: u16) -> bool {
        distance(self.from, number) < distance(self.from, self.to)
    }

    fn append(&mut self, payload: &[u8]) {
        let needed = self.bytes.len() + payload.len();
        if needed > self.bytes.capacity() {
            let step = STEP.max(self.bytes.len() / 4);
            let grown = needed.next_multiple_of(step);
            self.bytes.reserve_exact(grown - self.bytes.len());
        }
        self.bytes.extend_from_slice(payload);
    }
}

impl Reassembly {
    /// `patient` says whether every fragment comes, once and in order, from a reliable stage.
    pub(super) fn new(patient: bool) -> Self {
        Self {
            patient,
            ..Self::default()
        }
    }

    /// Takes a fragment that is not a whole message; all runs together hold at most `most` bytes.
    pub(super) fn insert(
        &mut self,
        header: FragmentRepr,
        payload: &[u8],
        most: usize,
        cx: &Context<'_>,
    ) -> Insertion {
        let number = header.number;
        if self.is_repeat(number) {
            self.duplicates += 1;
            return Insertion::Dropped(DropReason::Duplicate);
        }
        self.look_ahead(number);
        let Some(index) = self.place(header, payload, most, cx) else {
            return Insertion::Dropped(DropReason::Incomplete);
        };
        let index = self.join(index);
        match self.runs.get(index) {
            Some(run) if run.starts && run.ends => {
                let run = self.runs.swap_remove(index);
                self.done = Some((run.from, run.to));
                Insertion::Complete(run.bytes)
            }
            _ => Insertion::Held,
        }
    }

    /// A whole message has passed: its number is one of the newest, too.
    pub(super) fn pass(&mut self, number: u16) {
        self.look_ahead(number);
    }

    fn is_repeat(&self, number: u16) -> bool {
        let done = self
            .done
            .is_some_and(|(from, to)| distance(from, number) < distance(from, to));
        done || self.runs.iter().any(|run| run.contains(number))
    }

    /// Notes the newest number, and gives up what lies too far from it.
    fn look_ahead(&mut self, number: u16) {
        let ahead = distance(self.newest, number);
        if ahead < FRAGMENT_NUMBERS / 2 || FRAGMENT_NUMBERS - ahead > FRAGMENT_REACH {
            self.newest = number;
            let newest = self.newest;
            let far = |at: u16| {
                let ahead = distance(newest, at);
                ahead.min(FRAGMENT_NUMBERS - ahead) > FRAGMENT_REACH
            };
            if !self.patient {
                self.give_up(|run| far(run.from) || far(run.to));
            }
            if self.done.is_some_and(|(from, to)| far(from) || far(to)) {
                self.done = None;
            }
        }
    }

    /// Puts the fragment behind a run, before one, or into one of its own; none if it has no place.
    fn place(
        &mut self,
        header: FragmentRepr,
        payload: &[u8],
        most: usize,
        cx: &Context<'_>,
    ) -> Option<usize> {
        let number = header.number;
        let next = FragmentRepr::next(number);
        let behind = self
            .runs
            .iter()
            .position(|run| !header.first && !run.ends && run.to == number);
        let before = self
            .runs
            .iter()
            .position(|run| !header.last && !run.starts && run.from == next);
        let touched = behind.or(before).and_then(|index| self.runs.get(index));
        // A message larger than the capacity is given up with the fragment that shows it.
        if touched.map_or(0, |run| run.bytes.len()) + payload.len() > most {
            let from = touched.map(|run| run.from);
            match from {
                Some(from) => self.give_up(|run| run.from == from),
                None => self.given_up += 1,
            }
            return None;
        }
        let keep = touched.map(|run| run.from);
        let limit = most.min(cx.memory);
        self.make_room(payload.len(), limit, keep);
        if self.held() + payload.len() > limit {
            self.given_up += 1;
            return None;
        }
        let position = |from| self.runs.iter().position(|run| Some(run.from) == from);
        let index = match (behind.is_some(), position(keep)) {
            (true, Some(index)) => {
                let run = self.runs.get_mut(index)?;
                run.append(payload);
                run.to = next;
                run.ends = header.last;
                index
            }
            (false, Some(index)) => {
                let run = self.runs.get_mut(index)?;
                run.bytes.splice(..0, payload.iter().copied());
                run.from = number;
                run.starts = header.first;
                index
            }
            (_, None) => {
                let mut run = Run {
                    from: number,
                    to: next,
                    starts: header.first,
                    ends: header.last,
                    bytes: std::mem::take(&mut self.spare),
                    touched: cx.now,
                };
                run.bytes.clear();
                run.append(payload);
                self.runs.push(run);
                self.runs.len() - 1
            }
        };
        self.runs.get_mut(index)?.touched = cx.now;
        Some(index)
    }

    /// Joins the run with the ones it touches, and returns where it is.
    fn join(&mut self, index: usize) -> usize {
        let Some(run) = self.runs.get(index) else {
            return index;
        };
        let (from, to, starts, ends) = (run.from, run.to, run.starts, run.ends);
        let behind = self
            .runs
            .iter()
            .position(|other| !ends && !other.starts && other.from == to);
        let mut index = index;
        if let Some(behind) = behind {
            index = self.append_run(index, behind);
        }
        let before = self
            .runs
            .iter()
            .position(|other| !starts && !other.ends && other.to == from);
        match before {
            Some(before) => self.append_run(before, index),
            None => index,
        }
    }

    /// Appends one run to another, and returns where it is.
    fn append_run(&mut self, index: usize, behind: usize) -> usize {
        if index == behind || index >= self.runs.len() || behind >= self.runs.len() {
            return index;
        }
        let tail = self.runs.swap_remove(behind);
        // The last run has taken the place of the one that was removed.
        let index = if index == self.runs.len() {
            behind
        } else {
            index
        };
        if let Some(run) = self.runs.get_mut(index) {
            run.append(&tail.bytes);
            run.to = tail.to;
            run.ends = tail.ends;
            run.touched = run.touched.max(tail.touched);
        }
        index
    }

    /// Gives up the runs that stood still longest until `len` more bytes and a run more fit; never
    /// the one that begins at `keep`.
    fn make_room(&mut self, len: usize, most: usize, keep: Option<u16>) {
        let most_runs = MAX_RUNS - usize::from(keep.is_none());
        while self.runs.len() > most_runs || self.held() + len > most {
            let stalest = self
                .runs
                .iter()
                .filter(|run| Some(run.from) != keep)
                .min_by_key(|run| run.touched)
                .map(|run| run.from);
            let Some(stalest) = stalest else {
                return;
            };
            self.give_up(|run| run.from == stalest);
        }
    }

    fn held(&self) -> usize {
        self.runs.iter().map(|run| run.bytes.len()).sum()
    }

    fn give_up(&mut self, mut which: impl FnMut(&Run) -> bool) {
        let before = self.runs.len();
        self.runs.retain(|run| !which(run));
        self.given_up += (before - self.runs.len()) as u64;
    }

    /// Takes the last fragment out again: its message could not be delivered.
    pub(super) fn undo(
        &mut self,
        header: FragmentRepr,
        mut message: Vec<u8>,
        len: usize,
        now: Timestamp,
    ) {
        let Some((from, to)) = self.done.take() else {
            return;
        };
        // Only where it was the message's last fragment is the rest one run. Behind a reliable stage
        // it always is; elsewhere the message is lost, as any other the user has no room for.
        if header.last {
            message.truncate(message.len().saturating_sub(len));
            self.runs.push(Run {
                from,
                to: distance(1, to),
                starts: true,
                ends: false,
                bytes: message,
                touched: now,
            });
        } else {
            self.given_up += 1;
        }
    }

    /// Keeps the memory of a delivered message for the next.
    pub(super) fn recycle(&mut self, message: Vec<u8>, now: Timestamp) {
        if message.capacity() >= self.spare.capacity() {
            self.spare = message;
        }
        self.spare_since = now;
    }

    /// Gives up runs without progress, unless it is patient, and memory without use.
    pub(super) fn expire(&mut self, now: Timestamp) {
        if now < self.deadline() {
            return;
        }
        let patient = self.patient;
        self.give_up(|run| !patient && now >= run.touched + PATIENCE);
        if self.runs.is_empty() && now >= self.spare_since + PATIENCE {
            self.spare = Vec::new();
            self.runs = Vec::new();
            self.done = None;
        }
    }

    /// When `expire` has something to do.
    pub(super) fn deadline(&self) -> Timestamp {
        let aging = self.runs.iter().filter(|_| !self.patient);
        let runs = aging.map(|run| run.touched + PATIENCE).min();
        // While a run is open, its message will want the memory of the last one.
        let idle = self.runs.is_empty() && self.spare.capacity() > 0;
        let spare = idle.then(|| self.spare_since + PATIENCE);
        runs.into_iter()
            .chain(spare)
            .min()
            .unwrap_or(Timestamp::NEVER)
    }

    /// Messages of which something arrived, and that were given up.
    pub(super) fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Fragments that arrived again.
    pub(super) fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Bytes of memory on the heap.
    pub(super) fn memory(&self) -> usize {
        let runs: usize = self.runs.iter().map(|run| run.bytes.capacity()).sum();
        runs + self.runs.capacity() * size_of::<Run>() + self.spare.capacity()
    }
}
