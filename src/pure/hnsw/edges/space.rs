//! Points, and the distance between two of them.

/// A set of points, numbered from 0, with a distance. Points may be stored in any form: halves, codes, a mapped file.
pub trait Space: Sync {
    /// Number of points.
    fn len(&self) -> usize;

    /// Whether there are no points.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Squared Euclidean distance between two points, or another number that orders points by distance; not NaN. (The angles
    /// of [`Fill::Angle`](crate::hnsw::params::Fill) are right for the squared Euclidean distance only.)
    fn between(&self, a: u32, b: u32) -> f32;

    /// A hint that the distance to this point will be computed soon.
    fn prefetch(&self, _node: u32) {}
}

/// A space that can be searched with queries that are none of its points.
pub trait QuerySpace: Space {
    /// Distance from a query, in the form that [`Arena::query`](crate::hnsw::build::Arena::query) makes, to a point.
    fn distance(&self, query: &[f32], node: u32) -> f32;
}
