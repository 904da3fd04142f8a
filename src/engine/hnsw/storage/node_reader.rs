//! Node records of an index in the server's buffers, as the pure parts read them.

use super::page::{self, Kind};
use crate::engine::storage::buffer::{Index, Mode, Page, Ring};
use crate::engine::storage::error_context;
use crate::pg::error::OrRaise;
use conifer_pure::Result;
use conifer_pure::hnsw::node::{Buffer, Header, Layout, corrupted};
use conifer_pure::hnsw::search::{Pages, gather};
use conifer_pure::memory::allocation;
use std::cell::Cell;

/// The node records of an index.
pub struct NodeReader {
    index: Index,
    layout: Layout,
    /// Upper bound of all numbers; grows with the index.
    bound: Cell<u32>,
    /// A node record of several pages, put together.
    whole: Buffer,
    ring: Ring,
}

impl NodeReader {
    /// Reads the node records of an index.
    pub fn new(index: Index, layout: Layout) -> Self {
        let whole = Buffer::new(if layout.unit_pages() > 1 { layout.node_bytes() } else { 0 }).or_raise();
        Self { index, layout, bound: Cell::new(0), whole, ring: std::ptr::null_mut() }
    }

    /// Reads through a ring of buffers.
    pub fn through(self, ring: Ring) -> Self {
        Self { ring, ..self }
    }

    /// Calls `look` with each node record that starts on a page, and its number. Returns how many pages the records are on, which
    /// is one if there are none.
    ///
    /// # Errors
    /// Bytes that no page of an index has, and errors of `look`.
    pub fn on_page(&mut self, page: u32, mut look: impl FnMut(u32, &[u8]) -> Result<()>) -> Result<u32> {
        pgrx::check_for_interrupts!();
        let layout = self.layout;
        let first = self.index.read(page, Mode::Share, self.ring);
        // A new page has free node records only.
        if page::kind(first.bytes())? != Kind::Nodes {
            return Ok(1);
        }
        let number = layout.first_on(page);
        if layout.unit_pages() > 1 {
            self.put_together(number, &first)?;
            look(number, self.whole.bytes())?;
            return Ok(layout.unit_pages() as u32);
        }
        let room = page::room(first.bytes());
        for position in 0..layout.per_page() {
            error_context::node(number + position as u32, page);
            look(number + position as u32, &room[layout.range_at(position)])?;
        }
        Ok(1)
    }

    /// The headers of the node records that start on a page, and how many pages the records are on, as
    /// [`on_page`](Self::on_page). A new page has free node records.
    ///
    /// # Errors
    /// Bytes that no page of an index has.
    pub fn headers(&self, page: u32) -> Result<(u32, Vec<(u32, Header)>)> {
        let layout = &self.layout;
        let first = self.index.read(page, Mode::Share, self.ring);
        let kind = page::kind(first.bytes())?;
        // Of node records on several pages, a new page does not show which of them it would be.
        if kind != Kind::Nodes && (kind != Kind::New || layout.unit_pages() > 1) {
            return Ok((1, vec![]));
        }
        let room = page::room(first.bytes());
        let mut all = vec![];
        for position in 0..layout.per_page() as u32 {
            let number = layout.first_on(page) + position;
            error_context::node(number, page);
            let bytes = room.get(layout.place(number)?.offset..).and_then(|bytes| bytes.first_chunk());
            if let Some(bytes) = bytes {
                all.push((number, Header::read(bytes, layout.slots())?));
            }
        }
        Ok((layout.unit_pages() as u32, all))
    }

    /// Copies a node record of several pages, whose first page is locked.
    fn put_together(&mut self, number: u32, first: &Page) -> Result<()> {
        let Self { index, layout, whole, ring, .. } = self;
        gather(layout, number, whole.bytes_mut(), |number, copy| {
            if number == first.number() {
                copy(page::room(first.bytes()));
                return Ok(());
            }
            let next: Page = index.read(number, Mode::Share, *ring);
            page::check(next.bytes(), Kind::Piece)?;
            copy(page::room(next.bytes()));
            Ok(())
        })?;
        error_context::node(number, first.number());
        Ok(())
    }
}

impl Pages for NodeReader {
    fn records(&self) -> u32 {
        self.bound.set(self.layout.bound(self.index.pages()));
        self.bound.get()
    }

    #[inline]
    fn has(&self, number: u32) -> bool {
        number < self.bound.get() || number < self.records()
    }

    #[inline]
    fn read<R>(&mut self, number: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        pgrx::check_for_interrupts!();
        allocation::check()?;
        // The server's error would be about its files.
        if !self.has(number) {
            return Err(corrupted(format_args!("link to {number} of {}", self.records())));
        }
        let place = self.layout.place(number)?;
        // Held to the end: a writer of a node record of several pages holds the first page, too.
        let first = self.index.read(place.page, Mode::Share, self.ring);
        page::check(first.bytes(), Kind::Nodes)?;
        error_context::node(number, place.page);
        if self.layout.unit_pages() == 1 {
            let room = page::room(first.bytes()).get(place.offset..);
            return room.map(look).ok_or_else(|| corrupted("it is on no page"));
        }
        self.put_together(number, &first)?;
        Ok(look(self.whole.bytes()))
    }
}
