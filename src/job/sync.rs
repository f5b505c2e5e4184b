//! The primitives of the hand-over, and loom's in their place under `--cfg loom`.
//!
//! One face for both: a lock that cannot be poisoned, a condition, a bounded queue and two atomics.

#[cfg(not(loom))]
mod real {
    use crossbeam::queue::ArrayQueue;

    pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};

    /// Sleeps on `condition` until notified.
    pub(crate) fn wait<'a, T>(
        condition: &Condvar,
        mut guard: MutexGuard<'a, T>,
    ) -> MutexGuard<'a, T> {
        condition.wait(&mut guard);
        guard
    }

    /// A bounded queue for many threads. It never waits and never allocates after it was made.
    #[derive(Debug)]
    pub(crate) struct Queue<T>(ArrayQueue<T>);

    impl<T> Queue<T> {
        pub(crate) fn new(capacity: usize) -> Self {
            Self(ArrayQueue::new(capacity.max(1)))
        }

        /// Takes an item in; gives it back if the queue is full.
        pub(crate) fn push(&self, item: T) -> Result<(), T> {
            self.0.push(item)
        }

        pub(crate) fn pop(&self) -> Option<T> {
            self.0.pop()
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }

        pub(crate) fn capacity(&self) -> usize {
            self.0.capacity()
        }
    }
}

#[cfg(loom)]
mod real {
    use std::collections::VecDeque;

    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    pub(crate) use loom::sync::{Condvar, MutexGuard};

    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }

    pub(crate) fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        condition
            .wait(guard)
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    #[derive(Debug)]
    pub(crate) struct Queue<T> {
        items: Mutex<VecDeque<T>>,
        capacity: usize,
    }

    impl<T> Queue<T> {
        pub(crate) fn new(capacity: usize) -> Self {
            Self {
                items: Mutex::new(VecDeque::new()),
                capacity: capacity.max(1),
            }
        }

        pub(crate) fn push(&self, item: T) -> Result<(), T> {
            let mut items = self.items.lock();
            if items.len() == self.capacity {
                return Err(item);
            }
            items.push_back(item);
            Ok(())
        }

        pub(crate) fn pop(&self) -> Option<T> {
            self.items.lock().pop_front()
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.items.lock().is_empty()
        }

        pub(crate) fn capacity(&self) -> usize {
            self.capacity
        }
    }
}

pub(crate) use real::*;
