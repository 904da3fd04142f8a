//! The parameters of a graph: how many neighbours its nodes have, and how their edges are chosen.

use crate::distance::metric::Metric;

/// The parameters of a graph. A number outside its range is taken as the nearest number within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Maximum neighbours of a node on each level above 0, 2 to 255.
    pub m: usize,
    /// One node of `step` is on the next level, too; 2 to 65,535.
    pub step: usize,
    /// Maximum neighbours of a node on level 0 (its edge slots), 2 to 255.
    pub slots: usize,
    /// Candidates that a new node's edges are chosen from, at least 1.
    pub ef_construction: usize,
    /// The seed of the nodes' levels and of the order of insertion.
    pub seed: u64,
    /// How neighbour lists of level 0 are kept during the construction.
    pub lists: Lists,
    /// The edges that free edge slots of level 0 get at the end.
    pub fill: Fill,
    /// Whether every node looks for edges on level 0 once more, in the whole graph. Costs as much as the
    /// insertion did; a larger `ef_construction` mostly brings more for the time.
    pub refine: bool,
}

impl Params {
    /// The graph for pgvector's options `m` and `ef_construction`. Its construction takes twice the candidates, in less
    /// time than pgvector's rules would take with `ef_construction` itself.
    ///
    /// The inner product is no distance: a vector is not the nearest to itself, there are no angles, and the
    /// pruning leaves four edges of 32. Full lists make up for that. Measured on 20,000 x 384 real embeddings
    /// with norms that are log-normal (σ 0.35), expansions at recall 0.95: full lists 44, short lists filled
    /// with the nearest 68, a Euclidean graph with one more coordinate √(M² − |x|²) 480; a graph that leaves the
    /// norms aside stays below that recall.
    ///
    /// Lists above level 0 have room for as many edges as lists of level 0, so few levels suffice. By `step`, pages at
    /// recall 0.95 and bytes a node, on 86,652 x 384 real embeddings: 16 (and half the lists) 45, 2946; 32 42, 2852;
    /// 64 39, 2810; 128 38, 2788; 256 40, 2777.
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

    /// The graph of [uncoded](crate::hnsw::uncoded) values for pgvector's options, by pgvector's rules: each edge costs a
    /// search one more node record, so nodes have no more edges than pgvector's, and there may be no angles.
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

    /// The number of edges up to which a growing list is filled with pruned candidates. A list above level 0 is filled
    /// completely: nothing fills it later.
    pub(crate) fn min_edges(&self, level: u8) -> usize {
        match (level, self.lists) {
            (0, Lists::Short) => self.slots / 8,
            (0, Lists::Full) => self.slots,
            _ => self.m,
        }
    }

    /// The same graph with lists of at most `slots` edges, as many as a node record has room for.
    pub(super) fn with_max_slots(self, slots: usize) -> Self {
        Self { slots: self.slots.min(slots), m: self.m.min(slots), ..self }
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
    /// The edges that the pruning selects; up to an eighth of the edge slots, the nearest pruned candidates, too.
    ///
    /// Where lengths differ by orders of magnitude, the pruning leaves two or three edges, and no fill makes up for the rest:
    /// the recall of 4,000 x 64 with log-normal lengths (σ 2) at ef 40 is 0.65 without that eighth, 0.97 with it, 0.99
    /// with a quarter. On embeddings lists are longer anyway; but a quarter costs an insertion a fifth of its speed.
    Short,
    /// Filled up with the nearest pruned candidates, as pgvector does.
    Full,
}

/// The edges that free edge slots of level 0 get at the end.
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
    /// The parameters for pgvector's defaults, and any metric but the inner product.
    fn default() -> Self {
        Self::for_options(Metric::L2, 16, 64)
    }
}
