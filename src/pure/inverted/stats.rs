//! Figures of an index.

use super::root::{self, List, Segment};
use super::storage::Pages;
use crate::fault::Result;

/// Figures of what hangs below a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Rows of segments that live, as far as the last vacuum has told.
    pub rows: u64,
    /// Rows of segments that a vacuum has taken out.
    pub dead: u64,
    /// Pages of rows that no segment has yet.
    pub pending_pages: u32,
    /// Segments.
    pub segments: u32,
    /// Dimensions of each key of all segments; one of several segments counts several times.
    pub terms: u64,
    /// Keys of all segments, counted likewise.
    pub keys: u64,
    /// Postings of all segments.
    pub postings: u64,
    /// Pages of all segments.
    pub pages: u64,
}

/// Reads the figures from a root.
///
/// # Errors
/// A root whose bytes cannot have been written; those of the pages.
pub fn stats(pages: &mut impl Pages, page: u32) -> Result<Stats> {
    let root = root::read(pages, page)?;
    let sum = |of: fn(&Segment) -> u64| root.segments.iter().map(of).fold(0u64, u64::saturating_add);
    let dead = sum(|segment| segment.dead.into());
    let listed = |list: &List| list.pages;
    Ok(Stats {
        rows: sum(|segment| segment.docs.into()) - dead,
        dead,
        pending_pages: listed(&root.pending).saturating_add(listed(&root.frozen)),
        segments: root.segments.len() as u32,
        terms: sum(|segment| u64::from(segment.terms.saturating_sub(segment.keys))),
        keys: sum(|segment| segment.keys.into()),
        postings: sum(|segment| segment.postings),
        pages: sum(|segment| segment.pages.into()),
    })
}
