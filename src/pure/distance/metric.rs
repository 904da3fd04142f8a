//! How vectors are compared.

/// What the distance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Euclidean distance.
    L2,
    /// The largest inner product is the nearest.
    InnerProduct,
    /// Angle; the length of a vector is of no importance.
    Cosine,
    /// Taxicab distance. There are no codes for it, nor for those below.
    L1,
    /// Number of bits that differ.
    Hamming,
    /// One less the part that the common bits are of all.
    Jaccard,
}
