//! Between which numbers a row's distance lies: stored vectors are rounded.

/// An interval that holds the distance that SQL shows of a node's rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Bounds {
    /// All numbers.
    pub(super) const ALL: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };

    /// Whether the distance has an upper bound. Without one, where the search met the node says nothing of its distance.
    pub(super) fn is_limited(self) -> bool {
        self.high < f64::INFINITY
    }

    /// Whether the distance is known.
    pub(super) fn is_point(self) -> bool {
        self.low == self.high
    }

    /// Whether the interval is above `max`, which a point may touch.
    pub(super) fn is_above(self, max: f64) -> bool {
        self.low > max || self.low == max && self.is_point()
    }

    /// Whether the interval is below `min`, which a point may touch.
    pub(super) fn is_below(self, min: f64) -> bool {
        self.high < min || self.high == min && self.is_point()
    }
}
