//! All pages of a segment, so that they can be freed: a chain of pages with 4 bytes for each page, the chain's own
//! left out.

use super::page::{CONTENT, Draft, Kind, Owner, corrupted};
use super::root::Segment;
use super::storage::{Copied, Pages, PagesMut};
use super::trouble::Reading;
use crate::fault::Result;
use crate::memory::allocation::Reserve;

/// Pages that one page of the map lists.
const LISTED: usize = CONTENT / 4;

/// Writes the map of these pages, and returns its first page and the number of its pages.
///
/// # Errors
/// Those of the pages.
pub fn write(pages: &mut impl PagesMut, owner: Owner, listed: &[u32]) -> Result<(u32, u32)> {
    let first = pages.allocate(owner)?;
    let (mut page, mut count) = (first, 0);
    let mut rest = listed;
    loop {
        let (some, after) = rest.split_at(rest.len().min(LISTED));
        let mut draft = Draft::new(page, owner, Kind::Map, 0)?;
        some.iter().for_each(|page| draft.add(&page.to_le_bytes()));
        let next = if after.is_empty() { 0 } else { pages.allocate(owner)? };
        pages.write(page, draft.sealed(next))?;
        count += 1;
        if after.is_empty() {
            return Ok((first, count));
        }
        (page, rest) = (next, after);
    }
}

/// All pages of a segment, those of the map last.
///
/// # Errors
/// As `page::open_whole`; another number of pages than the segment has; `53200`.
pub fn read(pages: &mut impl Pages, segment: &Segment, owner: Owner) -> Reading<Vec<u32>> {
    let (mut all, mut own) = (Vec::new(), Vec::new());
    let (mut page, mut copy) = (segment.map, Copied::default());
    while page != 0 {
        pages.check_interrupts()?;
        copy.read(pages, page, owner, Kind::Map)?;
        let listed = copy.content.as_chunks::<4>().0;
        all.room_for(listed.len() + own.len() + 1)?;
        all.extend(listed.iter().map(|page| u32::from_le_bytes(*page)));
        own.room_for(1)?;
        own.push(page);
        if all.len() + own.len() > segment.pages as usize {
            break;
        }
        page = copy.next;
    }
    all.append(&mut own);
    if all.len() == segment.pages as usize {
        return Ok(all);
    }
    Err(corrupted(format_args!("a map of {} pages for {}", all.len(), segment.pages)).into())
}
