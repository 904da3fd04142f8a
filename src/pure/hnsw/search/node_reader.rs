//! Where node records come from.

use crate::fault::Result;
use crate::hnsw::node::{Layout, ROOM, corrupted};

/// Node records by number.
pub trait Pages {
    /// The number behind the last node record. Numbers from there on cannot have been written.
    fn records(&self) -> u32;

    /// Whether there is a node record of that number. Pages that others have added meanwhile count.
    fn has(&self, number: u32) -> bool {
        number < self.records()
    }

    /// Shows a node record, from its first byte, to `look`. The bytes must be aligned to 4 and must not change
    /// meanwhile; for a node record on several pages, see [`gather`].
    ///
    /// # Errors
    /// Those of reading pages, and cancellation.
    fn read<R>(&mut self, number: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R>;
}

/// Puts together a node record that takes several pages: copies the [`ROOM`] of each page, in order, to `record`. `page`
/// shows one of the pages, counted from the first node page. A writer of such a record must keep readers from seeing half
/// of it, as by holding the lock of its first page all the time.
///
/// # Errors
/// Those of `page`; a page that is too short, a number that lies on no page.
///
/// # Panics
/// If `record` has no room for a node record.
pub fn gather(
    layout: &Layout,
    number: u32,
    record: &mut [u8],
    mut page: impl FnMut(u32, &mut dyn FnMut(&[u8])) -> Result<()>,
) -> Result<()> {
    let first = layout.place(number)?.page;
    for (part, page_number) in record[..layout.node_bytes()].chunks_mut(ROOM).zip(first..) {
        let mut whole = false;
        page(page_number, &mut |room| {
            if let Some(room) = room.get(..part.len()) {
                part.copy_from_slice(room);
                whole = true;
            }
        })?;
        if !whole {
            return Err(corrupted(format_args!("page {page_number} is cut off")));
        }
    }
    Ok(())
}
