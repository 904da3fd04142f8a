//! Where the blocks of a posting list of more than one block are, and what they hold at most.
//!
//! The entries of one list follow one another on a page of skips, and on the pages of its chain. An entry:
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 4 | `last` | row of the block's last posting |
//! | 4 | 4 | `max` | largest weight |
//! | 8 | 4 | `min` | smallest weight |
//! | 12 | 4 | `page` | of the block |
//! | 16 | 2 | `offset` | of the block, from the start of the page's room |
//! | 18 | 2 | | 0 |

use super::block::BLOCK;
use super::dictionary::{Place, Term};
use super::page::{HEADER, Kind, Owner, corrupted, float, half, put, word};
use super::storage::{Pages, view};
use super::trouble::Reading;
use crate::memory::allocation::with_room;

/// A block of a posting list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Skip {
    /// Row of the last posting.
    pub last: u32,
    /// Largest weight.
    pub max: f32,
    /// Smallest weight.
    pub min: f32,
    /// Where the block is.
    pub place: Place,
}

impl Skip {
    /// Bytes on a page.
    pub const BYTES: usize = 20;

    /// The entry from its bytes.
    pub fn read(bytes: &[u8; Self::BYTES]) -> Self {
        let place = Place { page: word(bytes, 12), offset: half(bytes, 16) };
        Self { last: word(bytes, 0), max: float(bytes, 4), min: float(bytes, 8), place }
    }

    /// The entry as bytes.
    pub fn bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        put(&mut bytes, 0, &self.last.to_le_bytes());
        put(&mut bytes, 4, &self.max.to_le_bytes());
        put(&mut bytes, 8, &self.min.to_le_bytes());
        put(&mut bytes, 12, &self.place.page.to_le_bytes());
        put(&mut bytes, 16, &self.place.offset.to_le_bytes());
        bytes
    }
}

/// The blocks of a term that has more than one. Rows are below `docs`.
///
/// # Errors
/// As `page::open`; entries that cannot have been written; `53200`.
pub fn read(pages: &mut impl Pages, owner: Owner, term: &Term, docs: u32) -> Reading<Vec<Skip>> {
    let count = (term.count as usize).div_ceil(BLOCK);
    let mut all: Vec<Skip> = with_room(count)?;
    let Place { mut page, offset } = term.place;
    let mut start = usize::from(offset).wrapping_sub(HEADER);
    while all.len() < count {
        pages.check_interrupts()?;
        page = view(pages, page, owner, Kind::Skips, |view| {
            let entries = view.content.get(start..).unwrap_or_default().as_chunks::<{ Skip::BYTES }>().0;
            if entries.is_empty() {
                return Err(corrupted(format_args!("{}: its blocks end early", term.name)).into());
            }
            for bytes in entries.iter().take(count - all.len()) {
                let skip = Skip::read(bytes);
                let ascending = all.last().is_none_or(|before| before.last < skip.last);
                if !ascending || skip.last >= docs || !skip.max.is_finite() || !skip.min.is_finite() {
                    return Err(corrupted(format_args!("{}: a block to row {}", term.name, skip.last)).into());
                }
                all.push(skip);
            }
            Ok(view.next)
        })?;
        start = 0;
    }
    Ok(all)
}
