//! How many vacuums an index has had, which tells whether what a backend keeps of rows and nodes still holds.

use super::buffer::{Index, Mode};
use super::meta_cache::META;
use super::page::{self, Kind};
use conifer_pure::Result;
use conifer_pure::hnsw::pages::Meta;

/// The number of vacuums on the first page: see [`Meta::vacuums`].
///
/// # Errors
/// Those of the first page.
pub fn vacuums(index: Index) -> Result<u32> {
    let first = index.page(META, Mode::Share);
    page::check(first.bytes(), Kind::Meta)?;
    Ok(Meta::vacuums(page::room(first.bytes())))
}
