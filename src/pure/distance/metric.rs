//! The metrics by which vectors are compared.

/// The distance between vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Euclidean distance.
    L2,
    /// Negative inner product: the vector with the largest inner product is the nearest.
    InnerProduct,
    /// Cosine distance: the length of a vector does not matter.
    Cosine,
    /// Taxicab distance. There are no codes for it, nor for Hamming and Jaccard.
    L1,
    /// Number of bits that differ.
    Hamming,
    /// One less the fraction of common bits among all bits set.
    Jaccard,
}
