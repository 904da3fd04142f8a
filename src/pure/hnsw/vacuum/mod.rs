//! The repair of a graph whose nodes die: living nodes get parents and edges that will stay.
//!
//! - `reparent`: another parent for a node ([`Reparenting`]).
//! - `relink`: other edges in place of edges to doomed nodes ([`Relinker`]).
//! - `unreachable`: whether a search still comes to a node ([`Unreachable`]). `cache`: node records that were read lately
//!   ([`Cache`]).
//!
//! Nothing here writes pages. A vacuum has marked nodes as [dead](crate::hnsw::node::State::Dead), and no insertion that has
//! seen them alive is under way. *Doomed* nodes are to be freed, on all their levels: the dead nodes, but neither the root of
//! the graph's tree (`origin`) nor its entry point as long as the graph has other nodes. Then
//!
//! 1. For each record of level 0 that is not doomed and whose parent is ([`Reparenting::start`]): for each node that
//!    [`Reparenting::next`] gives, until one takes the child: with both locked, [`Reparenting::attach`],
//!    [`Reparenting::apply`] on the parent and [`Reparenting::settle`] on the child. Tree edges lead from the origin to every
//!    living node at any time, unless only an ancestor can take a child.
//! 2. When all nodes have parents, for each record of any level that is not doomed and has edges to doomed nodes
//!    ([`Relinker::find`]): with the record locked, [`Relinker::rewrite`].
//! 3. For each node that has lost its parent, an edge, or an edge that led to it, and is [`Unreachable`]:
//!    [`Reparenting::start_again`] from where the search for the node has ended, then as in step 1, and
//!    [`Reparenting::detach`] on its former parent.
//! 4. The doomed nodes are freed.
//!
//! From before step 1 to after step 2, no new node may become the child of a doomed node: the way from the new node to the
//! origin might be cut off behind its parent.
//!
//! The new edges of a repaired node get edges back ([`Relinker::edges`], [`Relinker::link`]), as a new node's edges do.
//!
//! # What was measured
//!
//! `benches/insert.rs` as in [`insert`](crate::hnsw::insert), recall at `ef_search` 20, 40 and 80:
//!
//! | graph | 20 | 40 | 80 |
//! |---|---|---|---|
//! | 75 % of the nodes died and it was repaired | 0.936 | 0.983 | 0.996 |
//! | built of the rest | 0.935 | 0.981 | 0.995 |
//! | ten times a fifth died, it was repaired, a fifth was inserted | 0.931 | 0.967 | 0.988 |
//! | built of the same | 0.933 | 0.976 | 0.990 |
//!
//! The repair of a node record reads 356 other records after the death of 75 %, and about 95 after that of a fifth; the
//! number of living nodes among them counts. With as many nodes as an insertion finds, dead or not, and no edges back,
//! the second number of the first line is 0.960. A search half as wide for the same edges loses 0.008.
//!
//! Only a single vacuum gives nodes other parents; insertions only add nodes without children. So a node that is no
//! descendant of another before the locks are taken is none under the locks.

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
