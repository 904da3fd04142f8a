//! The first page, and what is known of an index by it.

use super::index_pages::IndexPages;
use crate::engine::inverted::columns::KeyColumns;
use crate::engine::storage::buffer::Index;
use conifer_pure::Result;
use conifer_pure::hnsw::node::corrupted_part;
use conifer_pure::inverted::META;
use conifer_pure::inverted::Pages;
use conifer_pure::inverted::meta::Meta;

/// Dimensions and leading columns of an index, which stay as they were made.
pub struct Known {
    /// Dimensions of the vectors.
    pub dims: u32,
    /// The leading columns.
    pub key: KeyColumns,
}

/// Reads the first page of an index.
///
/// # Errors
/// A first page that is corrupted, or of another format, or of an index with other columns.
pub fn read(index: Index, pages: &mut IndexPages) -> Result<Known> {
    let meta = pages.read(META, Meta::read)??;
    let key = KeyColumns::of(index, meta.salt);
    if usize::from(meta.columns) != key.len() {
        let found = format_args!("it has {} leading columns, not {}", meta.columns, key.len());
        return Err(corrupted_part("index", found));
    }
    Ok(Known { dims: meta.dim, key })
}
