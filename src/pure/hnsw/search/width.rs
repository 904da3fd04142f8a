//! How far a search looks.

use crate::distance::metric::Metric;
use crate::hnsw::node::Layout;

/// How far a search looks.
///
/// It reads the nearest candidates until what they are estimated at is beyond the `nodes`-th nearest node that was read
/// by more than estimates are usually off, or `hops` blocks were read; and on until `least` nodes with rows are found.
///
/// # What was measured
///
/// Recall of the ten nearest and pages at ef 40, beside a pool of 1.6 ef places as in SymphonyQG and a graph by
/// pgvector's rules:
///
/// | set | this | pool | pgvector's |
/// |---|---|---|---|
/// | 30,000 x 384 embeddings | 0.991, 104 | 0.974, 59 | 0.961, 743 |
/// | the same, pages at 0.99 | 89 | 125 | 2,200 |
/// | 2,000 x 128, uniform | 0.981, 249 | 0.73, 90 | 0.913, 941 |
/// | 1,200 x 768 in clusters, queries far from all | 0.962, 241 | 0.60, 138 | 0.832, 268 |
///
/// Candidates in the order of what they are at least, that is with the error taken off each, need 5 % fewer pages on
/// embeddings and find a third less where rows are noise. Then the far come first, as more may be wrong with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width {
    /// Nodes that make the limit.
    pub nodes: usize,
    /// Nodes with rows that a batch has at least, if there are so many.
    pub least: usize,
    /// Blocks of level 0 that are read for a batch at most, if they give enough.
    pub hops: usize,
}

impl Width {
    /// For pgvector's `hnsw.ef_search`, and the rows that are wanted if that is known, for blocks of that layout.
    ///
    /// Recall is at least pgvector's at the same `ef_search`: on embeddings by far, and on noise, where limits would be
    /// reached late, by the number of hops.
    pub fn of(layout: &Layout, ef: usize, rows: Option<usize>) -> Self {
        let ef = ef.max(rows.unwrap_or(0) * 3 / 2).max(1);
        // Graphs of inner products are no better than pgvector's.
        let product = layout.metric() == Metric::InnerProduct;
        match layout.shape() {
            Some(shape) if shape.bits() == 1 => {
                let nodes = if product { ef } else { (ef * 3).div_ceil(5) };
                Self { nodes: nodes + 2, least: ef, hops: 5 * ef + 40 }
            }
            Some(_) if product => Self { nodes: (ef * 3).div_ceil(2), least: ef, hops: usize::MAX },
            // Estimates are next to exact.
            Some(_) => Self { nodes: ef, least: ef, hops: usize::MAX },
            // They are distances; some more makes up for graphs that are no better than pgvector's.
            None => Self { nodes: (ef * 3).div_ceil(2), least: ef, hops: usize::MAX },
        }
    }
}

/// How many nodes a search looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All nodes of the graph, for small ones.
    All,
    /// Those near the query.
    Near(Width),
}
