//! Where blocks come from.

use crate::fault::Result;
use crate::hnsw::node::{Layout, ROOM, corrupted};

/// Blocks by number.
pub trait Pages {
    /// Blocks there are. Numbers from there on cannot have been written.
    fn records(&self) -> u32;

    /// Whether there is a block of that number. Pages that others have added meanwhile count.
    fn has(&self, number: u32) -> bool {
        number < self.records()
    }

    /// Shows a block, from its first byte, to `look`. The bytes must be aligned to 4 and nobody may change
    /// them meanwhile; for a block on several pages, see [`gather`].
    ///
    /// # Errors
    /// Whatever comes between.
    fn read<R>(&mut self, number: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R>;
}

/// Puts a block that takes several pages together: copies from the [`ROOM`] of each page, in order, to
/// `block`. `page` shows one of them, counted from the first page of blocks. Whoever writes such a block must
/// keep readers from seeing half of it, as by holding its first page's lock all the time.
///
/// # Errors
/// Those of `page`; a page that is shorter, a number that lies on no page.
///
/// # Panics
/// If `block` has no room for one.
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
