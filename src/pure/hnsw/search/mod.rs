//! The search over blocks: one block read is one hop.
//!
//! - `node_reader`: where blocks come from ([`Pages`]). `memory`: from memory, counted.
//! - `frontier`: candidates of the lowest level, and when to stop. `pool`: those of the levels above. `visited`: who has
//!   been read.
//! - `query`: the query as blocks are compared with it. `expand`: what is taken from a block.
//! - `search`: the order of events ([`Search`]). `start`: where a graph is entered; `first_batch`: of one graph, or of several
//!   `graphs` as one. `width`: how far a search looks; `ivfflat`: where that method is asked. `limit`: what ends a search.
//! - `found`: a node that was read. `hit`: a row. `deferred`: what is kept for later batches. `reorder`: rows put into exact
//!   order.
//!
//! As in SymphonyQG (Gou, Gao, Xu and Long, SIGMOD 2025), candidates are in the order of the distance that the codes of
//! their neighbours estimate. The first that was not read is read: that gives its exact distance, with which it enters the
//! result, and estimates for all of its neighbours, which become candidates. A node that several neighbours lead to is a
//! candidate several times; each time it is another chance that not all estimates of it are too large.
//!
//! SymphonyQG ends when a pool of fixed size has been read. Here the search ends where the next candidate is farther than
//! the n-th nearest node by more than estimates are usually off ([`Width`]): it costs fewer pages for the same recall, and
//! finds as much where distances differ by less than the estimates do.
//!
//! # Pages
//!
//! From `benches/pages.rs`, k = 10, 1000 queries; pgvector's rules: plain HNSW, exact distances, a page for each neighbour
//! looked at and one for each list.
//!
//! | 86,652 x 384 real embeddings, cosine | recall 0.9 | 0.95 | 0.99 |
//! |---|---|---|---|
//! | these | below 30 | 38 | 128 |
//! | a pool of fixed size, and more levels | 34 | 47 | 190 |
//! | pgvector's | 441 | 867 | 4542 |
//!
//! # What can change meanwhile
//!
//! A block is evaluated while it can be seen, and nothing is kept of it but numbers, so other processes may
//! change blocks between two steps. A lane may lead to a block that has been freed, or been given to another
//! node, or to one on another level, since: free blocks and those of another level are passed over; a new
//! node is as good as the old one, as its distance and row come from its own block, read together. A block is
//! read once at most. If it is given to another node after that, this search misses that node, whose row is
//! younger than the search. A chain that breaks off is read again from its node. [`Hit::version`] tells whoever
//! comes back to a block later whether it is the same node.

mod deferred;
pub(crate) mod expand;
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
pub(crate) mod visited;
mod width;

pub use hit::Hit;
pub use ivfflat::Lists;
pub use limit::{Effort, Limit, Order};
pub use memory_pages::MemoryPages;
pub use node_reader::{Pages, gather};
pub use reorder::{Known, Reorder};
pub use search::Search;
pub use start::{NARROW, Start};
pub use width::{Reach, SMALL_GRAPH, Width, expected_nodes};
