//! How far a search looks.

use super::start::NARROW;
use crate::distance::metric::Metric;
use crate::hnsw::node::Layout;

/// Maximum number of nodes of a graph whose nodes a search looks at without exception.
pub const SMALL_GRAPH: u32 = 256;

/// How many nodes of all levels a search is likely to read, for the planner. `rows` counts the rows of all graphs that are
/// searched as one; `ef` is none if the search looks at all of them.
///
/// On level 0 of embeddings, a search reads 2.3 times `hnsw.ef_search` nodes. Of several graphs, each is searched by itself
/// first, narrowly.
pub fn expected_nodes(ef: Option<usize>, rows: f64, graphs: f64) -> f64 {
    let near = |ef: usize| 2.3 * ef as f64;
    match ef {
        Some(ef) if rows / graphs > f64::from(SMALL_GRAPH) => {
            let narrow = if graphs > 1.0 { near(ef.min(NARROW)) } else { 0.0 };
            rows.min(graphs * (above(rows / graphs) + narrow) + near(ef))
        }
        _ => rows,
    }
}

/// Nodes read on the levels above the lowest.
fn above(rows: f64) -> f64 {
    4.0 * (rows.ln() / 16f64.ln()).max(0.0)
}

/// How far a search looks.
///
/// A search reads the nearest candidates until their estimates are beyond the `nodes`-th nearest node that was read by more
/// than estimates are usually off, or `hops` node records were read; and on until `min` nodes with rows are found.
///
/// # What was measured
///
/// Recall of the ten nearest and pages at ef 40, beside a pool of 1.6 ef places as in SymphonyQG and a graph by
/// pgvector's rules:
///
/// | set | this width | pool | pgvector's |
/// |---|---|---|---|
/// | 30,000 x 384 embeddings | 0.991, 104 | 0.974, 59 | 0.961, 743 |
/// | the same, pages at 0.99 | 89 | 125 | 2,200 |
/// | 2,000 x 128, uniform | 0.981, 249 | 0.73, 90 | 0.913, 941 |
/// | 1,200 x 768 in clusters, queries far from all | 0.962, 241 | 0.60, 138 | 0.832, 268 |
///
/// Candidates in the order of their lower bounds, that is with the error taken off each estimate, need 5 % fewer pages on
/// embeddings and find a third less where rows are noise: far candidates come first then, as their errors are larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width {
    /// Nodes that determine the limit.
    pub nodes: usize,
    /// Minimum number of nodes with rows in a batch, if there are so many.
    pub min: usize,
    /// Maximum number of node records of level 0 read for a batch, if they give enough nodes.
    pub hops: usize,
}

impl Width {
    /// For pgvector's `hnsw.ef_search`, and the number of rows wanted if it is known, for node records of a layout.
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
                Self { nodes: nodes + 2, min: ef, hops: 5 * ef + 40 }
            }
            Some(_) if product => Self { nodes: (ef * 3).div_ceil(2), min: ef, hops: usize::MAX },
            // Estimates are next to exact.
            Some(_) => Self { nodes: ef, min: ef, hops: usize::MAX },
            // Estimates are distances; some more nodes make up for graphs that are no better than pgvector's.
            None => Self { nodes: (ef * 3).div_ceil(2), min: ef, hops: usize::MAX },
        }
    }

    /// Places of a filtered search where all rows match: more than `nodes`, as no rows are returned beyond those wanted.
    ///
    /// Recall of the ten nearest on 89,469 x 384 embeddings, of which 47 % match by a field, for queries that nothing was
    /// tuned to: 0.978 with 32 of all matching, 0.986 with 48, 0.994 with 64 to 78. Vectors of 1,536 dimensions need the most.
    pub fn filtered(&self, layout: &Layout) -> usize {
        match layout.uncoded() {
            None => self.nodes * 11 / 4,
            Some(_) => self.nodes * 3 / 2,
        }
    }
}

/// How many nodes a search looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All nodes of the graph, for small ones.
    All,
    /// The nodes near the query.
    Near(Width),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_expected_of_more() {
        for graphs in [1.0, 3.0, 60.0] {
            for rows in [1e3, 1e5, 1e9] {
                let expected = |ef| expected_nodes(ef, rows, graphs);
                assert!(expected(Some(10)) <= expected(Some(40)) && expected(Some(1000)) <= expected(None));
                assert!(expected(Some(40)) <= expected_nodes(Some(40), 10.0 * rows, graphs));
                assert!(expected_nodes(Some(40), rows, 1.0) <= expected(Some(40)));
                assert_eq!(expected(None), rows);
            }
        }
        let small = f64::from(SMALL_GRAPH);
        assert_eq!(expected_nodes(Some(40), small, 1.0), small, "each of a small graph's nodes");
    }
}
