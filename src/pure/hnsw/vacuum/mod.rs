//! What a graph in blocks needs when nodes of it die: living nodes get parents and edges that will stay.
//!
//! - `reparent`: who takes a node whose parent goes ([`Reparenting`]).
//! - `relink`: other edges for those that lead to nodes that go ([`Relinker`]).
//! - `unreachable`: whether a search still comes to a node ([`Unreachable`]). `cache`: blocks that were read lately ([`Cache`]).
//!
//! Nothing here writes pages. A vacuum has marked nodes as [dead](crate::hnsw::node::State::Dead), and no insertion that has
//! seen them alive is under way. Those that are to be freed, on all their levels, are *doomed*: the dead ones, but
//! neither the graph's origin nor its entry node as long as the graph has other nodes. Then
//!
//! 1. for each block of level 0 that is not doomed and whose parent is ([`Reparenting::start`]): for each block that
//!    [`Reparenting::next`] gives, until one takes it: with both locked, [`Reparenting::adopt`],
//!    [`Reparenting::apply`] on the parent and [`Reparenting::settle`] on the child. Every living
//!    node can be reached from the origin by anchors at any time, unless nobody but an ancestor can take a child.
//! 2. When all have parents, for each block of any level that is not doomed and has lanes to doomed ones
//!    ([`Relinker::find`]): with its block locked, [`Relinker::rewrite`].
//! 3. For each node that has lost its parent, edges, or one of those that led to it, and is [`Unreachable`]:
//!    [`Reparenting::start_again`] from where the search for it has ended, then as in step 1, and [`Reparenting::let_go`] on the
//!    parent that it had.
//! 4. The doomed are freed.
//!
//! From before step 1 to after step 2, no new node may become the child of a doomed one: its way to the origin might
//! be cut off behind it.
//!
//! A mended node's new edges get edges back ([`Relinker::edges`], [`Relinker::link`]), as a new node's do.
//!
//! # What was measured
//!
//! `benches/insert.rs` as in [`insert`](crate::hnsw::insert), recall at `ef_search` 20, 40 and 80:
//!
//! | graph | 20 | 40 | 80 |
//! |---|---|---|---|
//! | 75 % of the nodes died and it was mended | 0.936 | 0.983 | 0.996 |
//! | built of the rest | 0.935 | 0.981 | 0.995 |
//! | ten times a fifth died, it was mended, a fifth was inserted | 0.931 | 0.967 | 0.988 |
//! | built of the same | 0.933 | 0.976 | 0.990 |
//!
//! To mend a block takes 356 other blocks read after the death of 75 %, and about 95 after that of a fifth; the number of
//! the living among them is what counts. With as many as an insertion finds, whether dead or not, and no edges back,
//! the second number of the first line is 0.960. A search half as wide for the same lanes loses 0.008.
//!
//! Nobody but a single vacuum gives a node another parent; insertions only add nodes without children. So
//! whoever is no descendant of a node before the locks are taken is none under them.

mod cache;
mod relink;
mod reparent;
#[cfg(test)]
mod tests;
mod unreachable;

pub use cache::Cache;
pub use relink::Relinker;
pub use reparent::Reparenting;
pub use unreachable::Unreachable;
