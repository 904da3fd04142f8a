//! Points, and the distance between two of them.

/// A set of points, numbered from 0, with a distance; that of halves, codes or a mapped file as well.
pub trait Space: Sync {
    /// Number of points.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Squared Euclidean distance between two points, or whatever orders them alike; not NaN. (The angles of
    /// [`Fill::Angle`](crate::hnsw::params::Fill) are those of the squared Euclidean distance.)
    fn between(&self, a: u32, b: u32) -> f32;

    /// A hint that the distance to this point is asked for soon.
    fn prefetch(&self, _node: u32) {}
}

/// A space that can be searched for points outside of it.
pub trait Rows: Space {
    /// Distance from a query, in the form that [`Arena::query`](crate::hnsw::build::Arena::query) or its like makes, to a point.
    fn distance(&self, query: &[f32], node: u32) -> f32;
}
