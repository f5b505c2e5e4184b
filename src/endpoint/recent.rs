//! Recent answers: who was answered lately, in a fixed number of entries.
//!
//! A stranger may be answered only so often, and there are more strangers than memory. Each hashes,
//! under a secret, to one entry, which remembers the last answer and to whom. Two who share an entry
//! displace each other: most answers are small enough not to mind, and those that are not ask for
//! [`Claim::Granted`].

use std::hash::{BuildHasher, Hash};
use std::time::Duration;

use super::keyed::Keyed;
use crate::time::Timestamp;

const ENTRIES: usize = 1_024;

/// What came of asking for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nobody of this entry was answered lately.
    Granted,
    /// Somebody else of this entry was.
    Displaced,
    /// This one was: no answer.
    Held,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    who: u64,
    until: Timestamp,
}

/// Who was answered lately.
#[derive(Debug)]
pub(crate) struct Recent {
    keys: Keyed,
    entries: Vec<Entry>,
}

impl Recent {
    /// Nobody was.
    pub(crate) fn new(keys: Keyed) -> Self {
        let nobody = Entry {
            who: 0,
            until: Timestamp::ZERO,
        };
        Self {
            keys,
            entries: vec![nobody; ENTRIES],
        }
    }

    /// `who` would be answered, and then not again within `period`.
    pub(crate) fn claim(&mut self, now: Timestamp, period: Duration, who: impl Hash) -> Claim {
        let who = self.keys.hash_one(who);
        let [low, high, ..] = who.to_le_bytes();
        let index = usize::from(u16::from_le_bytes([low, high])) % ENTRIES;
        let Some(entry) = self.entries.get_mut(index) else {
            return Claim::Held;
        };
        let claim = match (now < entry.until, entry.who == who) {
            (false, _) => Claim::Granted,
            (true, false) => Claim::Displaced,
            (true, true) => return Claim::Held,
        };
        *entry = Entry {
            who,
            until: now + period,
        };
        claim
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(millis * 1_000)
    }

    #[test]
    fn one_answer_a_period_and_each_has_its_own() {
        let mut recent = Recent::new(Keyed::new(Some(1)));
        assert_eq!(recent.claim(at(5), SECOND, 1), Claim::Granted);
        assert_eq!(recent.claim(at(6), SECOND, 1), Claim::Held);
        assert_ne!(recent.claim(at(7), SECOND, 2), Claim::Held);
        assert_eq!(recent.claim(at(1_005), SECOND, 1), Claim::Granted);
    }

    #[test]
    fn those_who_share_an_entry_are_granted_one_answer_a_period_together() {
        let mut recent = Recent::new(Keyed::new(Some(1)));
        let mut granted = 0;
        for who in 0..100_000 {
            granted += usize::from(recent.claim(at(0), SECOND, who) == Claim::Granted);
        }
        assert_eq!(granted, ENTRIES);
    }
}
