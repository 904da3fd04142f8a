//! The first page.

use super::index_pages::IndexPages;
use conifer_pure::Result;
use conifer_pure::inverted::META;
use conifer_pure::inverted::Pages;
use conifer_pure::inverted::meta::Meta;

/// What the first page of an index says.
///
/// # Errors
/// A first page that is corrupted, or of another format.
pub fn read(pages: &mut IndexPages) -> Result<Meta> {
    pages.read(META, Meta::read)?
}
