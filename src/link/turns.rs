//! Whose turn it is among the pipelines of a connection: by priority, and in turn among equals.

/// Goes through so many places, those of the highest priority first.
#[derive(Debug)]
pub(super) struct Turns {
    /// Where the round of each priority begins.
    start: usize,
    len: usize,
    /// Places of the present priority that were looked at.
    step: usize,
    priority: Option<u8>,
}

impl Turns {
    /// All of `len` places; among equals the one at `start`, counted around, comes first.
    pub(super) fn new(start: usize, len: usize) -> Self {
        Self {
            start,
            len,
            step: len,
            priority: None,
        }
    }

    /// The next place; `priority` says that of each.
    pub(super) fn next(&mut self, priority: impl Fn(usize) -> u8) -> Option<usize> {
        loop {
            if self.step == self.len {
                let below = |at: &u8| self.priority.is_none_or(|last| *at < last);
                let next = (0..self.len).map(&priority).filter(below).max()?;
                self.priority = Some(next);
                self.step = 0;
            }
            let at = (self.start + self.step) % self.len;
            self.step += 1;
            if Some(priority(at)) == self.priority {
                return Some(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_come_first_and_equals_take_turns() {
        let order = |start, priorities: &[u8]| {
            let mut turns = Turns::new(start, priorities.len());
            let mut order = Vec::new();
            while let Some(at) = turns.next(|at| priorities[at]) {
                order.push(at);
            }
            order
        };
        assert_eq!(order(0, &[5, 9, 5, 0]), [1, 0, 2, 3]);
        assert_eq!(order(1, &[5, 9, 5, 0]), [1, 2, 0, 3]);
        assert_eq!(order(7, &[1, 1, 1]), [1, 2, 0]);
        assert!(order(3, &[]).is_empty());
    }
}
