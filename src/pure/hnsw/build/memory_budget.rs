//! The memory of a construction: its limit, the bytes in use, and their peak. What is beyond the limit lies in the caller's
//! [`Memory`](super::Memory): in the server, a temporary file that is mapped (`mapped_memory.rs`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes in use up to a limit, and bytes in use beyond it. A [`Loan`] returns its bytes when it is dropped, on any thread.
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
    /// A budget of `limit` bytes, all of them left.
    pub fn new(limit: usize) -> Self {
        Self { limit, used: Arc::default(), peak: 0 }
    }

    /// Bytes left within the limit.
    pub fn left(&self) -> usize {
        self.limit.saturating_sub(self.used.within.load(Relaxed))
    }

    /// Maximum of the bytes in use at once.
    pub fn peak(&self) -> usize {
        self.peak
    }

    /// A loan within the limit; `None` if fewer bytes are left.
    pub fn within(&mut self, bytes: usize) -> Option<Loan> {
        (bytes <= self.left()).then(|| self.lend(bytes, true))
    }

    /// A loan beyond the limit.
    pub fn beyond(&mut self, bytes: usize) -> Loan {
        self.lend(bytes, false)
    }

    /// Takes bytes for good, even if fewer are left.
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

/// Bytes on loan from a budget.
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
        // Spent bytes leave no loan that would outlive the budget.
        assert_eq!(Arc::strong_count(&budget.used), 1);
    }
}
