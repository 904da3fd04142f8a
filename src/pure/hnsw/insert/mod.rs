//! One more node in a graph that lies in blocks.
//!
//! - `decoded`: a vector as a block holds it ([`Stored`]). `find`: the search. `near`: what it has found, with
//!   vectors. `choose`: which of that become edges.
//! - `link`: how an edge gets into a block that is there ([`Change`]); `link_upper`, into one above level 0. `parent_deeper`: parents where those have many children
//!   (`Below`). `parent_walk`: parents where nobody near has room (`Tree`). `parents`: the order of all ([`Parents`]).
//! - `inserter`: the order of events ([`Inserter`]).
//!
//! Nothing here writes pages. Whoever has them calls, for a new row:
//!
//! 1. [`Inserter::start`] with its vector, [`level_for`] with a random number, [`Inserter::find`]. If that finds
//!    the [same](Found::Same) vector, the row goes into the chain of that node, and that is all.
//!    If it is to be on level 0 alone but is [far](Inserter::is_far), the search is made again for level 1.
//! 2. For each of [`Inserter::parents`], until one takes it: with its block and a new one locked,
//!    [`Inserter::adopt`]. A [`Change`] is carried out by [`Inserter::apply`], and the new block on level 0 is
//!    [written](Inserter::write) with the parent in `down`, both at once. Only the first node of a graph has none.
//! 3. For each level from 1 to its own, a new block is written, with the block below in `down`.
//! 4. For each level and each edge that is to get one [back](Edge::back), but that to the parent: with the neighbour's block locked,
//!    [`Inserter::link`], and [`Inserter::apply`] if there is a change.
//! 5. If its level is higher than the root's, the root gets a new entry.
//!
//! Nothing is locked between these steps. A neighbour that has died meanwhile stays in the new node's lanes, until the
//! graph is [mended](crate::hnsw::vacuum).
//!
//! # What was measured
//!
//! `benches/insert.rs` on 14,759 x 384 real embeddings in the order of their names, cosine, 1000 queries, recall of
//! the ten nearest and pages at `ef_search` 20, 40 and 80:
//!
//! | graph | 20 | 40 | 80 |
//! |---|---|---|---|
//! | built | 0.935, 38 | 0.973, 59 | 0.991, 105 |
//! | half built, half inserted | 0.936, 37 | 0.974, 58 | 0.990, 104 |
//! | inserted | 0.927, 37 | 0.968, 58 | 0.986, 102 |
//!
//! An insertion reads 165 blocks, changes 13 others, and takes about 0.3 ms of a busy CPU. What a graph that has only
//! grown loses is what lanes of old nodes are filled with: it was near when they came.

mod choose_edges;
mod decoded;
pub(crate) mod find;
mod inserter;
pub(crate) mod link;
mod link_upper;
pub(crate) mod near;
mod parent_deeper;
mod parent_walk;
mod parents;
#[cfg(test)]
mod tests;

pub(crate) use choose_edges::Choice;
pub use decoded::Stored;
pub(crate) use find::Finder;
pub(crate) use inserter::reach;
pub use inserter::{Edge, Found, Inserter, level_for};
pub use link::{Change, Parent, Verdict};
pub use near::Seen;
#[cfg(test)]
pub(crate) use parent_walk::Tree;
pub use parents::Parents;
