//! The search over node records: one record read is one hop.
//!
//! - `node_reader`: where node records come from ([`Pages`]). `memory_pages`: from memory, counted.
//! - `frontier`: candidates of the lowest level, and when to stop. `pool`: candidates of the levels above. `visited`: which
//!   node records were read.
//! - `query`: the query as node records are compared with it. `expand`: what a search takes from a node record.
//! - `search`: the order of events ([`Search`]). `start`: where a graph is entered; `first_batch`: of one graph, or of several
//!   `graphs` as one. `width`: how far a search looks; `ivfflat`: the same for that method. `limit`: what ends a search.
//! - `found`: a node that was read. `hit`: a row. `tids`: the rows of a node. `certainty`: which rows are certainly in order.
//!   `deferred`: nodes kept for later batches. `reorder`: puts the other rows into exact order.
//! - `filtered`: searches for rows that match a filter.
//!
//! As in SymphonyQG (Gou, Gao, Xu and Long, SIGMOD 2025), candidates are in the order of the distance that the codes of
//! their neighbours estimate. The search reads the first candidate that was not read: that gives the node's exact distance,
//! with which the node enters the result, and estimates for all of its neighbours, which become candidates. A node that
//! several neighbours lead to is a candidate several times; each time is another chance that not all estimates of its
//! distance are too large.
//!
//! SymphonyQG ends when a pool of fixed size has been read. Here the search ends where the next candidate is farther than
//! the n-th nearest node by more than estimates are usually off ([`Width`]): that costs fewer pages for the same recall, and
//! finds as much where distances differ by less than the estimates do.
//!
//! # Pages
//!
//! From `benches/pages.rs`, k = 10, 1000 queries; pgvector's rules: uncoded HNSW, exact distances, a page for each neighbour
//! looked at and one for each list.
//!
//! | 86,652 x 384 real embeddings, cosine | recall 0.9 | 0.95 | 0.99 |
//! |---|---|---|---|
//! | this search | below 30 | 38 | 128 |
//! | a pool of fixed size, and more levels | 34 | 47 | 190 |
//! | pgvector's | 441 | 867 | 4542 |
//!
//! # What can change meanwhile
//!
//! A search evaluates a node record while it can see it, and keeps nothing of it but numbers, so other processes may
//! change node records between two steps. An edge may lead to a record that has been freed since, or been given to another
//! node, or to a node on another level: the search passes over free records and records of another level; a new
//! node is as good as the old one, as its distance and row come from its own record, read together. A node record is
//! read once at most. If it is given to another node after that, this search misses that node, whose row is
//! younger than the search. A TID list that breaks off is read again from its node. [`Hit::version`] tells a caller that
//! comes back to a node record later whether the node is the same.

mod bounds;
mod certainty;
mod deferred;
mod estimate_error;
pub(crate) mod expand;
mod filtered;
mod first_batch;
mod found;
mod frontier;
pub(crate) mod graphs;
mod hit;
mod ivfflat;
mod limit;
mod memory_pages;
mod node_reader;
pub(crate) mod pool;
pub(crate) mod query;
mod reorder;
#[allow(clippy::module_inception)] // the search itself
mod search;
mod start;
#[cfg(test)]
mod tests;
mod tids;
pub(crate) mod visited;
mod width;

pub use filtered::{
    ByteProduct, ByteQuery, Costs, FilteredSearch, KeptVectors, KnownMatches, Listed, MatchList, Progress,
    RowFilter, Wish, byte_products, is_bounded,
};
pub use hit::Hit;
pub use ivfflat::Lists;
pub use limit::{Effort, Limit, Order};
pub use memory_pages::MemoryPages;
pub use node_reader::{Pages, gather};
pub use reorder::{Known, Reorder};
pub use search::Search;
pub use start::{NARROW, Start};
pub use width::{Reach, SMALL_GRAPH, Width, expected_nodes};
