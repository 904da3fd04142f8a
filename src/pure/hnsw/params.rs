//! What graph an index is: the width of its lists, and how its edges are chosen.

use crate::distance::metric::Metric;

/// What graph to build. Numbers outside their range are taken as the nearest within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Width of the lists above level 0, 2 to 255.
    pub m: usize,
    /// Of so many nodes, one is on the next level, too; 2 to 65,535.
    pub step: usize,
    /// Width of the lists of level 0, 2 to 255.
    pub slots: usize,
    /// Candidates that a new node's edges are chosen from, at least 1.
    pub ef_construction: usize,
    /// Decides levels and the order of insertion.
    pub seed: u64,
    /// How lists are kept during the construction.
    pub lists: Lists,
    /// What free lanes of level 0 get in the end.
    pub fill: Fill,
    /// Whether every node looks for edges on level 0 once more, in the whole graph. Costs as much as the
    /// insertion did; a larger `ef_construction` mostly brings more for the time.
    pub refine: bool,
}

impl Params {
    /// The graph for pgvector's options `m` and `ef_construction`. It takes twice the candidates, for less
    /// time than pgvector's own rules would take with them as they are.
    ///
    /// The inner product is no distance: a vector is not the nearest to itself, there are no angles, and the
    /// pruning leaves four edges of 32. Full lists make up for it. Measured on 20,000 x 384 real embeddings
    /// with norms that are log-normal (σ 0.35), expansions at recall 0.95: full lists 44, short ones filled
    /// with the nearest 68, a Euclidean graph with one more coordinate √(M² − |x|²) 480; one that leaves the
    /// norms aside stays below that recall.
    ///
    /// Lists above level 0 have room for as many edges as those on it, so few levels do. By one of so many nodes on the
    /// next level, pages at recall 0.95 and bytes a node, on 86,652 x 384 real embeddings: of 16 (and half the lists) 45,
    /// 2946; of 32 42, 2852; of 64 39, 2810; of 128 38, 2788; of 256 40, 2777.
    pub fn for_options(metric: Metric, m: usize, ef_construction: usize) -> Self {
        let (lists, fill) = match metric {
            Metric::L2 | Metric::Cosine => (Lists::Short, Fill::Angle),
            _ => (Lists::Full, Fill::None),
        };
        let slots = (2 * m).next_multiple_of(32).min(224);
        Self {
            m: slots,
            step: 4 * slots,
            slots,
            ef_construction: 2 * ef_construction,
            seed: 1,
            lists,
            fill,
            refine: false,
        }
    }

    /// The graph of [plain](crate::hnsw::uncoded) values for pgvector's options, by pgvector's rules: each lane costs a search
    /// a block, so there are no more of them, and there may be no angles.
    pub fn for_uncoded(m: usize, ef_construction: usize) -> Self {
        Self {
            m,
            step: m,
            slots: (2 * m).min(224),
            ef_construction,
            seed: 1,
            lists: Lists::Full,
            fill: Fill::None,
            refine: false,
        }
    }

    /// How far lists of a level are filled up while they grow. Those above level 0 are to the end: nothing fills them later.
    pub(crate) fn min(&self, level: u8) -> usize {
        match (level, self.lists) {
            (0, Lists::Short) => self.slots / 8,
            (0, Lists::Full) => self.slots,
            _ => self.m,
        }
    }

    pub(super) fn within_ranges(self) -> Self {
        Self {
            m: self.m.clamp(2, 255),
            step: self.step.clamp(2, 65_535),
            slots: self.slots.clamp(2, 255),
            ef_construction: self.ef_construction.max(1),
            ..self
        }
    }
}

/// How lists of level 0 are kept during the construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// As the pruning leaves them, but for the nearest of the pruned in the first eighth.
    ///
    /// Where lengths differ by orders of magnitude, the pruning leaves two or three edges, which no fill makes good:
    /// the recall of 4,000 x 64 with log-normal lengths (σ 2) at ef 40 is 0.65 without that eighth, 0.97 with it, 0.99
    /// with a quarter. On embeddings lists are longer anyway; but a quarter costs an insertion a fifth of its speed.
    Short,
    /// Filled up with the nearest of the pruned, as pgvector does.
    Full,
}

/// What free lanes of level 0 get in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// Nothing.
    None,
    /// The nearest nodes two hops away.
    Nearest,
    /// Near nodes two hops away in directions that have no edge yet.
    Angle,
}

impl Default for Params {
    /// Those for pgvector's defaults, and any metric but the inner product.
    fn default() -> Self {
        Self::for_options(Metric::L2, 16, 64)
    }
}
