//! How many vacuums and insertions an index has had, which tells whether what a backend keeps of rows and nodes still holds.

use super::meta_cache::META;
use super::page::{self, FRONT, Kind};
use crate::engine::storage::buffer::{Index, Mode};
use conifer_pure::Result;
use conifer_pure::hnsw::pages::Meta;
use std::sync::atomic::{Ordering, fence};

/// The numbers on the first page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// See [`Meta::vacuums`].
    pub vacuums: u32,
    /// See [`Meta::INSERTIONS`].
    pub insertions: u64,
}

/// The numbers of vacuums and insertions.
///
/// # Errors
/// Those of the first page.
pub fn counts(index: Index) -> Result<Counts> {
    let first = index.page(META, Mode::Share);
    page::check(first.bytes(), Kind::Meta)?;
    let insertions = first.counter(FRONT + Meta::INSERTIONS).load(Ordering::Acquire);
    Ok(Counts { vacuums: Meta::vacuums(page::room(first.bytes())), insertions })
}

/// The number of vacuums.
///
/// # Errors
/// Those of the first page.
pub fn vacuums(index: Index) -> Result<u32> {
    Ok(counts(index)?.vacuums)
}

/// Counts an insertion, before its transaction can end.
///
/// The number is not in the WAL: it need not outlive the server, as nothing that is kept does. The page is marked as changed, so that
/// the number outlives the page's buffer.
pub fn count_insertion(index: Index) {
    let mut first = index.page(META, Mode::Share);
    first.counter(FRONT + Meta::INSERTIONS).fetch_add(1, Ordering::AcqRel);
    // The server looks whether the page is marked already without a lock: a writer of the page either sees the number, or is seen.
    fence(Ordering::SeqCst);
    first.mark_hint();
}
