//! What an index keeps beside the blocks, as bytes on pages: what it is, and where the graph of each key starts.
//!
//! - `meta`: the first page. `key`: the leading columns of a row as bytes. `graph_entry`: one graph.
//! - `directory`: from a key to its graph, pages of two kinds.
//! - `pgvector`: what is none of ours.
//!
//! All of it fills the [`ROOM`](crate::hnsw::node::ROOM) of a page from its start; all numbers are little-endian.

pub mod directory;
mod graph_entry;
mod key_bytes;
mod meta;
pub mod pgvector;
#[cfg(test)]
mod tests;

pub use graph_entry::{Entry, MANY};
pub use key_bytes::{Column, Hash, Key, MAX_KEY, MAX_VALUE};
pub use meta::{Element, HINTS, Meta, VERSION, params};

use crate::fault::Fault;
use crate::hnsw::node::corrupted_part;

/// What is said of bytes that cannot have been written.
#[cold]
pub(crate) fn corrupted(what: impl std::fmt::Display) -> Fault {
    corrupted_part("page of the index", what)
}

/// The number at an offset that is known to be right.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |word| u32::from_le_bytes(*word))
}

/// As [`word`].
fn long(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |long| u64::from_le_bytes(*long))
}

fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..][..field.len()].copy_from_slice(field);
}
