//! Candidates by estimated distance, the nearest first.

/// A node record that may be read; see [`Pool`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    /// Estimated distance, not NaN.
    pub(crate) distance: f32,
    pub(crate) number: u32,
}

/// At most `max` candidates, ascending. Candidates that were taken keep their places.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// `TAKEN` is set in the numbers of candidates that were taken.
    sorted: Vec<Candidate>,
    max: usize,
    /// All candidates before this place are taken.
    next: usize,
}

/// Numbers of node records are below this bit.
const TAKEN: u32 = crate::hnsw::node::MAX_NODES;
const _: () = assert!(TAKEN == 1 << 31);

impl Pool {
    pub(crate) fn start(&mut self, max: usize) {
        self.sorted.clear();
        self.sorted.reserve(max);
        (self.max, self.next) = (max, 0);
    }

    /// The distance that a candidate must be nearer than to get in.
    #[inline]
    pub(crate) fn limit(&self) -> f32 {
        match self.sorted.last() {
            Some(last) if self.sorted.len() >= self.max => last.distance,
            _ => f32::INFINITY,
        }
    }

    /// Adds a candidate that is nearer than the [`limit`](Self::limit), or as near if there is room.
    /// Returns the candidate that is lost by that, if any.
    #[inline]
    pub(crate) fn offer(&mut self, new: Candidate) -> Option<Candidate> {
        let mut lost = None;
        if self.sorted.len() >= self.max {
            match self.sorted.last() {
                Some(last) if new.distance < last.distance => {
                    lost = self.sorted.pop().filter(|last| last.number & TAKEN == 0);
                }
                _ => return Some(new),
            }
        }
        let place = self.sorted.partition_point(|c| c.distance <= new.distance);
        self.sorted.insert(place, new);
        self.next = self.next.min(place);
        lost
    }

    /// Takes the nearest candidate that was not taken yet.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<u32> {
        while let Some(candidate) = self.sorted.get_mut(self.next) {
            self.next += 1;
            if candidate.number & TAKEN == 0 {
                let number = candidate.number;
                candidate.number |= TAKEN;
                return Some(number);
            }
        }
        None
    }
}
