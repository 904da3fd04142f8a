//! Finds pages that nobody owns: those that a crash or an error has left, and those whose freedom was forgotten.

use super::meta::META;
use super::page::{self, Owner};
use super::root;
use super::storage::{PagesMut, free};
use crate::fault::Result;
use crate::memory::allocation::push;

/// Looks at all pages, frees those whose list or segment is in no root any more, and records all that are free.
/// Returns how many are. The caller holds the merge locks of all roots of the index: `roots`.
///
/// # Errors
/// Roots whose bytes cannot have been written; those of the pages.
pub fn sweep(pages: &mut impl PagesMut, roots: &[u32]) -> Result<u32> {
    let mut owners: Vec<Owner> = Vec::new();
    for page in roots {
        let root = root::read(pages, *page)?;
        let segments = root.segments.iter().map(|segment| segment.number);
        for number in segments.chain([root.pending.number, root.frozen.number]) {
            push(&mut owners, Owner { root: *page, number })?;
        }
    }
    let order = |owner: &Owner| (owner.root, owner.number);
    owners.sort_unstable_by_key(order);
    let (mut found, count) = (0, pages.count()?);
    for number in META + 1..count {
        pages.check_interrupts()?;
        match pages.read(number, page::owner)?? {
            None => pages.record_free(number)?,
            Some(owner) if owner.number == 0 || !roots.contains(&owner.root) => continue,
            Some(owner) if owners.binary_search_by_key(&order(&owner), order).is_ok() => continue,
            Some(owner) => free(pages, number, owner)?,
        }
        found += 1;
    }
    Ok(found)
}
