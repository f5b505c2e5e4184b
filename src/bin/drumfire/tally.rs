//! What one client sent, and which echoes of it came back.

/// Messages that are remembered: those older count as duplicates when they come at last.
const REMEMBERED: u32 = 1_024;
const WORDS: usize = (REMEMBERED / 64) as usize;

/// One client's messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Messages sent; the number of the next.
    sent: u32,
    /// Different echoes that came.
    received: u32,
    /// Behind the newest message whose echo came.
    answered: u32,
    /// One bit each for the last [`REMEMBERED`] messages: whether its echo came.
    seen: [u64; WORDS],
}

/// What an echo is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    /// The first of its message.
    First,
    /// Not the first, or too late to tell.
    Again,
    /// Of a message that was never sent.
    Unknown,
}

impl Tally {
    /// The number of the next message.
    pub(crate) fn next(&self) -> u32 {
        self.sent
    }

    /// The next message left.
    pub(crate) fn send(&mut self) {
        let number = self.sent;
        self.sent += 1;
        if let Some(word) = self.seen.get_mut(word(number)) {
            *word &= !bit(number);
        }
    }

    /// Judges an echo.
    pub(crate) fn receive(&mut self, number: u32) -> Echo {
        if number >= self.sent {
            return Echo::Unknown;
        }
        if self.sent - number > REMEMBERED {
            return Echo::Again;
        }
        match self.seen.get_mut(word(number)) {
            Some(word) if *word & bit(number) == 0 => {
                *word |= bit(number);
                self.received += 1;
                self.answered = self.answered.max(number + 1);
                Echo::First
            }
            _ => Echo::Again,
        }
    }

    /// Messages newer than all that were answered.
    pub(crate) fn under_way(&self) -> u32 {
        self.sent - self.answered
    }

    /// Messages without an echo.
    pub(crate) fn missing(&self) -> u32 {
        self.sent - self.received
    }
}

fn word(number: u32) -> usize {
    (number % REMEMBERED / 64) as usize
}

fn bit(number: u32) -> u64 {
    1 << (number % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_received_once() {
        let mut tally = Tally::default();
        tally.send();
        tally.send();
        assert_eq!(tally.receive(1), Echo::First);
        assert_eq!(tally.receive(1), Echo::Again);
        assert_eq!(tally.missing(), 1);
        assert_eq!(tally.receive(0), Echo::First);
        assert_eq!(tally.missing(), 0);
    }

    #[test]
    fn what_is_older_than_an_answer_is_under_way_no_more() {
        let mut tally = Tally::default();
        (0..5).for_each(|_| tally.send());
        assert_eq!(tally.under_way(), 5);
        tally.receive(3);
        assert_eq!((tally.under_way(), tally.missing()), (1, 4));
    }

    #[test]
    fn an_echo_of_nothing_is_unknown() {
        let mut tally = Tally::default();
        assert_eq!(tally.receive(0), Echo::Unknown);
    }

    #[test]
    fn a_slot_is_free_again_for_the_message_that_reuses_it() {
        let mut tally = Tally::default();
        for _ in 0..=REMEMBERED {
            let number = tally.next();
            tally.send();
            assert_eq!(tally.receive(number), Echo::First);
        }
        assert_eq!(tally.receive(0), Echo::Again);
        assert_eq!(tally.missing(), 0);
    }
}
