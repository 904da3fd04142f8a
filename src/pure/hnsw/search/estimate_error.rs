//! How far estimates from codes are usually off: by so much a candidate's estimate may exceed the limit of a search before the
//! candidate is left out.
//!
//! The error of one node record's estimates is half a standard deviation of RaBitQ's estimator
//! ([`Target::estimate_error`](super::query::Target::estimate_error)). A search takes the mean over the node records that it
//! has read, in which the last ones count most: near the query the error is smaller than where the search has come from.

/// Weight of a node record in the mean.
const WEIGHT: f32 = 0.25;

/// The usual error of the estimates of the node records that were read last.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct EstimateError(f32);

impl EstimateError {
    /// Counts the error of a node record's estimates; none of the earlier ones count if it is the `first`. An error that is
    /// not finite counts as 0.
    #[inline]
    pub(super) fn count(&mut self, error: f32, first: bool) {
        let error = if error.is_finite() { error } else { 0.0 };
        self.0 = if first { error } else { self.0 + WEIGHT * (error - self.0) };
    }

    /// The mean.
    #[inline]
    pub(super) fn mean(self) -> f32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_errors_count_most() {
        let mut error = EstimateError::default();
        error.count(8.0, true);
        assert_eq!(error.mean(), 8.0);
        error.count(f32::NAN, false);
        assert_eq!(error.mean(), 6.0);
        error.count(2.0, false);
        assert_eq!(error.mean(), 5.0);
        error.count(1.0, true);
        assert_eq!(error.mean(), 1.0);
    }
}
