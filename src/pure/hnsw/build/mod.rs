//! The graph of the index, built in memory: HNSW with lists that are chosen for few hops.
//!
//! - `points`: the vectors; [`Arena`] stores points as `f32`, `ragged` points of different lengths.
//! - `duplicates`: equal vectors become one node. `groups`: rows of one key together.
//! - `byte_vectors`, `byte_distance`: the vectors in bytes. A construction is a walk through memory, so bytes halve its time.
//! - `adjacency`: the neighbour lists while they grow. `beam`: the search. The choice of edges is in [`edges`](super::edges).
//! - `builder`: the order of events. `reachability`: edges to nodes that no search would reach.
//! - `graph`: the result as flat arrays. `page_order`: its nodes numbered page by page. `pack`: its pages.
//! - `control`: progress and cancelling. `memory`: the memory for vectors and edges, `budget`: its limit, `growing_pieces`: its
//!   growth, `freed_parts`: freed parts to be used again.
//!
//! # How
//!
//! Nodes are inserted in batches: all nodes of a batch search the graph as it was before the batch, on any
//! number of threads; then each list that gains back-links is changed by one thread. So there are no locks,
//! and **the graph depends on the seed alone, not on the number of threads**. A batch is at most a sixteenth
//! of the nodes before it. Nodes of higher levels come first, so the entry point never moves; within a level
//! the order is shuffled, so that the table's order does not matter.
//!
//! Lists stay about as short as the pruning leaves them ([`Lists::Short`](super::params::Lists)), with room for
//! back-links. Edge slots that are free at the end get edges to nodes two hops away in directions that have no edge yet
//! ([`Fill::Angle`](super::params::Fill)). On real embeddings these edges cut the hops for recall 0.99 by a quarter, with
//! twice the candidates to 0.4; on a set without structure they are neutral.
//! `benches/graph.rs` measures each ingredient.

mod adjacency;
mod beam;
pub(crate) mod builder;
mod byte_distance;
mod byte_vectors;
mod control;
mod duplicates;
mod freed_parts;
mod graph;
mod groups;
mod growing_pieces;
mod memory;
mod memory_budget;
pub mod pack;
mod page_order;
mod points;
mod ragged;
mod reachability;
#[cfg(test)]
mod tests;

pub use adjacency::NONE;
pub use beam::{Beam, Effort};
pub(crate) use builder::guarded;
pub use builder::{Rooms, build, build_arena, build_arena_in};
pub use byte_distance::{ByteDistance, Sums};
pub use byte_vectors::ByteVectors;
pub use control::{Control, Phase, Stopped};
pub use duplicates::{Folding, Members};
pub use freed_parts::Parts;
pub use graph::Graph;
pub use groups::Groups;
pub use memory::{Heap, Memory, Region, Room, Words};
pub use memory_budget::{Budget, Loan};
pub use points::Arena;
