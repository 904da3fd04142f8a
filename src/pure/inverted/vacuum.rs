//! Takes rows that are gone out of the index.
//!
//! Pending rows become a segment first. Then the TIDs of each segment are shown, page by page, and those of rows that
//! are gone are zeroed: from then on no search returns them. A segment without living rows is dropped; one of which a
//! quarter is dead is written anew.

use super::docs;
use super::merge::{self, Effort};
use super::root;
use super::storage::PagesMut;
use super::trouble::Trouble;
use crate::fault::Result;
use crate::hnsw::node::Tid;
use crate::memory::allocation::push;

/// A segment is written anew if a row in so many is dead.
const DEAD: u64 = 4;

/// What a vacuum has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vacuumed {
    /// Rows that were taken out.
    pub removed: u64,
    /// Rows that are left.
    pub left: u64,
}

/// Shows the TIDs of all rows to `gone`, and takes those out for which it answers true. The caller holds the root's
/// merge lock.
///
/// # Errors
/// An index whose bytes cannot have been written; those of the pages.
pub fn vacuum(
    pages: &mut impl PagesMut,
    page: u32,
    gone: &mut impl FnMut(Tid) -> bool,
    memory: usize,
) -> Result<Vacuumed> {
    merge::flush(pages, page, &Effort { pending_pages: 0, max_pages: 0, memory })?;
    let (mut result, mut counted) = (Vacuumed::default(), Vec::new());
    let (mut tids, mut places) = (Vec::new(), Vec::new());
    for segment in root::read(pages, page)?.segments {
        let owner = segment.owner(page);
        let mut dead = 0u32;
        let leaves = docs::leaves(pages, &segment, owner).map_err(Trouble::into_fault)?;
        for (at, leaf) in leaves.into_iter().enumerate() {
            pages.check_interrupts()?;
            docs::leaf(pages, &segment, owner, (at, leaf), &mut tids).map_err(Trouble::into_fault)?;
            places.clear();
            for (place, tid) in tids.iter().enumerate() {
                if !tid.is_some() {
                    dead += 1;
                } else if gone(*tid) {
                    push(&mut places, place)?;
                } else {
                    result.left += 1;
                }
            }
            if !places.is_empty() {
                docs::kill(pages, owner, leaf, &places)?;
                dead += places.len() as u32;
                result.removed += places.len() as u64;
            }
        }
        push(&mut counted, (segment, dead))?;
    }
    if counted.iter().any(|(segment, dead)| segment.dead != *dead) {
        root::change(pages, page, |root| {
            for segment in &mut root.segments {
                let dead = counted.iter().find(|(counted, _)| counted.number == segment.number);
                segment.dead = dead.map_or(segment.dead, |(_, dead)| *dead);
            }
            Ok(())
        })?;
    }
    for (segment, dead) in counted {
        if u64::from(dead) * DEAD >= u64::from(segment.docs) {
            merge::merge(pages, page, &[segment.number])?;
        }
    }
    Ok(result)
}
