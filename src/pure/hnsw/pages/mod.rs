//! The pages of an index beside its node pages, as bytes: the meta page, and the directory of the graphs of all keys.
//!
//! - `meta`: the first page. `key_bytes`: the leading columns of a row as bytes. `graph_entry`: one graph.
//! - `directory`: from a key to its graph, pages of two kinds.
//! - `pgvector`: the first page of pgvector's indexes.
//!
//! Each page is filled from the start of its [`ROOM`](crate::hnsw::node::ROOM); all numbers are little-endian.

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

/// The fault for a page's bytes that cannot have been written.
#[cold]
pub(crate) fn corrupted(what: impl std::fmt::Display) -> Fault {
    corrupted_part("page of the index", what)
}

/// The 32-bit number at an offset that is known to be right.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |word| u32::from_le_bytes(*word))
}

/// The 64-bit number at an offset that is known to be right.
fn long(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |long| u64::from_le_bytes(*long))
}

fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..][..field.len()].copy_from_slice(field);
}
