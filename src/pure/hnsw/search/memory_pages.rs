//! Node records in memory, for tests and measurements: reads are counted.

use super::node_reader::{Pages, gather};
use crate::fault::Result;
use crate::hnsw::node::{Buffer, Layout, ROOM, corrupted};

/// The pages of an index without Postgres' page headers.
#[derive(Debug)]
pub struct MemoryPages {
    layout: Layout,
    pages: Buffer,
    records: u32,
    /// A node record of several pages, put together.
    whole: Buffer,
    /// Pages read so far.
    pub reads: u64,
}

impl MemoryPages {
    /// `pages` holds the [`ROOM`]s of all pages one after the other.
    pub fn new(layout: Layout, pages: Buffer, records: u32) -> Self {
        let whole = Buffer::new(if layout.unit_pages() > 1 { layout.node_bytes() } else { 0 });
        let whole = whole.expect("memory for a node");
        Self { layout, pages, records, whole, reads: 0 }
    }

    /// The layout of the node records.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        self.pages.bytes()
    }

    /// All bytes, for changes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.pages.bytes_mut()
    }

    /// The bytes of a node record, for changes; here, a record of several pages is in one piece.
    ///
    /// # Errors
    /// No record with that number.
    pub fn node_mut(&mut self, number: u32) -> Result<&mut [u8]> {
        let place = self.layout.place(number)?;
        let start = place.page as usize * ROOM + place.offset;
        let range = start..start + self.layout.node_bytes();
        self.pages.bytes_mut().get_mut(range).ok_or_else(|| corrupted(format_args!("no node {number}")))
    }
}

impl Pages for MemoryPages {
    fn records(&self) -> u32 {
        self.records
    }

    #[inline]
    fn read<R>(&mut self, number: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        let Self { layout, pages, whole, reads, .. } = self;
        let pages = pages.bytes();
        let page = |number: u32| {
            let page = pages.get(number as usize * ROOM..(number as usize + 1) * ROOM);
            page.ok_or_else(|| corrupted(format_args!("no page {number}")))
        };
        if layout.unit_pages() == 1 {
            *reads += 1;
            let place = layout.place(number)?;
            return Ok(look(&page(place.page)?[place.offset..]));
        }
        gather(layout, number, whole.bytes_mut(), |number, copy| {
            *reads += 1;
            copy(page(number)?);
            Ok(())
        })?;
        Ok(look(whole.bytes()))
    }
}
