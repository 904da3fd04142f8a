//! What a construction may take, what it has, and the most that it had.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes up to a limit, and how many there are beyond it. What is lent comes back when it is dropped, wherever that is.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: Arc<Used>,
    peak: usize,
}

#[derive(Debug, Default)]
struct Used {
    within: AtomicUsize,
    beyond: AtomicUsize,
}

impl Used {
    fn part(&self, within: bool) -> &AtomicUsize {
        if within { &self.within } else { &self.beyond }
    }
}

impl Budget {
    /// All of it.
    pub fn new(limit: usize) -> Self {
        Self { limit, used: Arc::default(), peak: 0 }
    }

    /// Bytes that are left within the limit.
    pub fn left(&self) -> usize {
        self.limit.saturating_sub(self.used.within.load(Relaxed))
    }

    /// The most bytes that were in use at once.
    pub fn peak(&self) -> usize {
        self.peak
    }

    /// Some within the limit, if as many are left.
    pub fn within(&mut self, bytes: usize) -> Option<Loan> {
        (bytes <= self.left()).then(|| self.lend(bytes, true))
    }

    /// Some beyond the limit.
    pub fn beyond(&mut self, bytes: usize) -> Loan {
        self.lend(bytes, false)
    }

    /// Takes some for good, whether they are left or not.
    pub fn spend(&mut self, bytes: usize) {
        self.take(bytes, true);
    }

    fn lend(&mut self, bytes: usize, within: bool) -> Loan {
        self.take(bytes, within);
        Loan { used: Arc::clone(&self.used), bytes, within }
    }

    fn take(&mut self, bytes: usize, within: bool) {
        self.used.part(within).fetch_add(bytes, Relaxed);
        let used = self.used.within.load(Relaxed) + self.used.beyond.load(Relaxed);
        self.peak = self.peak.max(used);
    }
}

/// Bytes of a budget.
#[derive(Debug)]
pub struct Loan {
    used: Arc<Used>,
    bytes: usize,
    within: bool,
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.used.part(self.within).fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_comes_back() {
        let mut budget = Budget::new(100);
        let first = budget.within(60).unwrap();
        assert!(budget.within(41).is_none());
        let second = budget.beyond(41);
        assert_eq!((budget.left(), budget.peak()), (40, 101));
        drop(first);
        assert_eq!((budget.left(), budget.peak()), (100, 101));
        let third = budget.within(100).unwrap();
        drop(second);
        assert_eq!((budget.left(), budget.peak()), (0, 141));
        drop(third);
        budget.spend(300);
        assert_eq!((budget.left(), budget.peak()), (0, 300));
        // What is spent holds on to nothing that would outlive the budget.
        assert_eq!(Arc::strong_count(&budget.used), 1);
    }
}
