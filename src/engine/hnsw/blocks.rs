//! Blocks of an index in the server's buffers, as the pure parts read them.

use super::buffer::{Index, Mode, Page};
use super::page::{self, Kind};
use crate::raise::OrRaise;
use conifer_pure::block::{Buffer, Layout, corrupted};
use conifer_pure::search::{Pages, gather};
use conifer_pure::{Result, allocation};
use std::cell::Cell;

/// The blocks of an index.
pub struct Blocks {
    index: Index,
    layout: Layout,
    /// All numbers are below; grows with the index.
    bound: Cell<u32>,
    /// A block of several pages, put together.
    whole: Buffer,
}

impl Blocks {
    /// Those of an index.
    pub fn new(index: Index, layout: Layout) -> Self {
        let whole = Buffer::new(if layout.unit_pages() > 1 { layout.block_bytes() } else { 0 }).or_raise();
        Self { index, layout, bound: Cell::new(0), whole }
    }
}

impl Pages for Blocks {
    fn blocks(&self) -> u32 {
        self.bound.set(self.layout.bound(self.index.pages()));
        self.bound.get()
    }

    #[inline]
    fn has(&self, number: u32) -> bool {
        number < self.bound.get() || number < self.blocks()
    }

    #[inline]
    fn read<R>(&mut self, number: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        pgrx::check_for_interrupts!();
        allocation::check()?;
        // The server would complain of its files.
        if !self.has(number) {
            return Err(corrupted(format_args!("link to {number} of {}", self.blocks())));
        }
        let place = self.layout.place(number)?;
        // Held to the end: whoever writes a block of several pages holds its first one.
        let first = self.index.page(place.page, Mode::Share);
        page::check(first.bytes(), Kind::Blocks)?;
        if self.layout.unit_pages() == 1 {
            let room = page::room(first.bytes()).get(place.offset..);
            return room.map(look).ok_or_else(|| corrupted("it is on no page"));
        }
        let index = self.index;
        gather(&self.layout, number, self.whole.bytes_mut(), |number, copy| {
            if number == place.page {
                copy(page::room(first.bytes()));
                return Ok(());
            }
            let next: Page = index.page(number, Mode::Share);
            page::check(next.bytes(), Kind::Piece)?;
            copy(page::room(next.bytes()));
            Ok(())
        })?;
        Ok(look(self.whole.bytes()))
    }
}
