//! One more node in a graph of node records.
//!
//! - `decoded`: a vector as a node record holds it ([`Stored`]). `find`: the search. `near`: the nodes that the search has
//!   found, with vectors. `choose_edges`: which of them become neighbours.
//! - `link`: how an edge gets into a node record that is there ([`Change`]); `link_upper`, into a record above level 0.
//! - `parent_deeper`: parents where the found nodes have many children (`Below`). `parent_walk`: parents where no found node
//!   has room (`Tree`). `parents`: the order of all ([`Parents`]).
//! - `inserter`: the order of events ([`Inserter`]).
//!
//! Nothing here writes pages. The caller, who does, calls for a new row:
//!
//! 1. [`Inserter::start`] with the row's vector, [`level_for`](crate::hnsw::level::level_for) with a random number, [`Inserter::find`]. If the search finds
//!    the [same](Found::Same) vector, the row goes into the TID list of that node, and no step follows.
//!    If the new node is to be on level 0 alone but is [far](Inserter::is_far), the search is made again for level 1.
//! 2. For each of [`Inserter::parents`], until one takes the new node as a child: with the parent's record and a new record
//!    locked, [`Inserter::attach`]. [`Inserter::apply`] carries out a [`Change`], and the new record on level 0 is
//!    [written](Inserter::write) with the parent in `down`, both at once. Only the first node of a graph has no parent.
//! 3. For each level from 1 to the node's highest, a new record is written, with the record below in `down`.
//! 4. For each level and each edge that is to get an edge [back](Edge::back), but the edge to the parent: with the
//!    neighbour's record locked, [`Inserter::link`], and [`Inserter::apply`] if there is a change.
//! 5. If the node's level is higher than the entry point's, the node becomes the graph's entry point.
//!
//! Nothing is locked between these steps. A neighbour that has died meanwhile stays in the new node's edge slots, until a
//! [vacuum](crate::hnsw::vacuum) repairs the graph.
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
//! An insertion reads 165 node records, changes 13 others, and takes about 0.3 ms of a busy CPU. A graph that has only
//! grown loses by the edges that fill slots of old nodes: their neighbours were near when the nodes came.

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
pub use inserter::{Edge, Found, Inserter};
pub use link::{Change, Parent, Verdict};
pub use near::Seen;
#[cfg(test)]
pub(crate) use parent_walk::Tree;
pub use parents::Parents;
