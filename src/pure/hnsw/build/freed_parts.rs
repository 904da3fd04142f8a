//! Freed parts of a file, to be used again.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// The freed parts of a file. All clones share them.
#[derive(Debug, Clone, Default)]
pub struct Parts(Arc<Mutex<Vec<Range<usize>>>>);

impl Parts {
    /// The smallest part of at least `len` bytes, cut to `len`; else the part at the end of the file, of `size` bytes, though
    /// it is too short; `None` if there is neither.
    pub fn take(&self, len: usize, size: usize) -> Option<Range<usize>> {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = (0..parts.len()).filter(|at| parts[*at].len() >= len).min_by_key(|at| parts[*at].len());
        let at = fitting.or_else(|| parts.iter().position(|part| part.end == size))?;
        let part = parts.swap_remove(at);
        if part.len() > len {
            parts.push(part.start + len..part.end);
        }
        Some(part.start..part.end.min(part.start + len))
    }

    /// Takes a part back and merges it with its neighbours.
    pub fn add(&self, mut part: Range<usize>) {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        parts.retain(|other| {
            let beside = other.end == part.start || part.end == other.start;
            if beside {
                part = part.start.min(other.start)..part.end.max(other.end);
            }
            !beside
        });
        parts.push(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_used_again() {
        let parts = Parts::default();
        assert_eq!(parts.take(1, 0), None);
        parts.add(10..20);
        parts.add(30..35);
        assert_eq!(parts.take(4, 50), Some(30..34));
        assert_eq!(parts.take(11, 50), None);
        assert_eq!(parts.take(11, 20), Some(10..20));
        assert_eq!(parts.take(1, 50), Some(34..35));
        for part in [0..5, 10..15, 5..10, 20..25] {
            parts.add(part);
        }
        assert_eq!(parts.take(15, 50), Some(0..15));
        assert_eq!((parts.take(5, 50), parts.take(1, 25)), (Some(20..25), None));
    }
}
