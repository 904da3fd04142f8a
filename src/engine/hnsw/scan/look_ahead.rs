//! Rows of many pages of the table, with the memory of the pages to come asked for in advance.
//!
//! Most of the time of reading a row at a random place is that of memory: its page's header, its line pointer and the row itself
//! are each elsewhere, and each leads to the next.
#![allow(unsafe_code)]

use super::inverted::{MAX_ROWS, OnPage};
use conifer_pure::Result;
use conifer_pure::hnsw::node::Tid;
use conifer_pure::memory::allocation::collected;
use pgrx::pg_sys;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use std::collections::VecDeque;

/// The server's functions without pgrx's guard, for where one guard serves several calls.
mod bare {
    use pgrx::pg_sys::{Buffer, Relation};
    unsafe extern "C-unwind" {
        pub fn ReadBuffer(relation: Relation, block: u32) -> Buffer;
        pub fn ReleaseBuffer(buffer: Buffer);
    }
}

/// Pages that are pinned in advance.
const PAGES: usize = 8;
/// Of which so many have their rows asked for, as their line pointers have come.
const ROWS: usize = 4;
/// Bytes of a row that are asked for: the CPU goes on by itself.
const ROW: usize = 1024;
/// Offset of the line pointers in a page, and bytes of one.
const POINTERS: usize = 24;
const POINTER: usize = 4;
const PAGE: usize = pg_sys::BLCKSZ as usize;

/// Pages of a table on their way to be read.
pub struct LookAhead {
    /// Null for a table that is no heap: its TIDs are no places in buffers.
    heap: pg_sys::Relation,
    /// At most [`PAGES`], pinned; pins are the resource owner's after an error.
    pages: VecDeque<Page>,
}

struct Page {
    block: u32,
    /// None for all rows.
    offsets: Option<Vec<u16>>,
    buffer: pg_sys::Buffer,
}

/// Asks for the cache lines of some bytes.
fn prefetch(from: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for at in (0..bytes).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing, wherever it points.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(at).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (from, bytes);
}

impl Page {
    fn bytes(&self) -> *const u8 {
        // SAFETY: the buffer is pinned.
        unsafe { pg_sys::BufferGetPage(self.buffer).cast::<u8>().cast_const() }
    }

    fn ask_for_pointers(&self) {
        prefetch(self.bytes(), POINTERS + 1);
    }

    fn ask_for_rows(&self) {
        for offset in self.offsets.iter().flatten() {
            let at = POINTERS + (usize::from(*offset).max(1) - 1) * POINTER;
            if at + POINTER <= PAGE {
                // SAFETY: within the pinned page. Others may change the pointer, which may be wrong then: it is only asked where to
                // prefetch.
                let pointer = unsafe { self.bytes().add(at).cast::<u32>().read_volatile() };
                let place = (pointer & 0x7fff) as usize;
                prefetch(self.bytes().wrapping_add(place.min(PAGE)), ROW.min(PAGE.saturating_sub(place)));
            }
        }
    }
}

impl LookAhead {
    /// For the pages of a table, which is open.
    pub fn new(table: pg_sys::Relation) -> Self {
        // SAFETY: the relation is open.
        let is_heap = unsafe { (*(*table).rd_rel).relam } == pg_sys::HEAP_TABLE_AM_OID;
        Self { heap: if is_heap { table } else { std::ptr::null_mut() }, pages: VecDeque::new() }
    }

    /// Takes a page, and shows the rows of the page that has come [`PAGES`] before.
    ///
    /// # Errors
    /// `53200`, and those of `show`.
    pub fn enter(&mut self, page: OnPage<'_>, show: &mut impl FnMut(Tid) -> Result<()>) -> Result<()> {
        let (block, offsets) = page;
        if self.heap.is_null() {
            return rows(block, offsets, show);
        }
        let offsets = offsets.map(|offsets| collected(offsets.iter().copied())).transpose()?;
        // SAFETY: the table is open, and has the page, as its index has rows of it.
        let buffer = unsafe { pg_guard_ffi_boundary(|| bare::ReadBuffer(self.heap, block)) };
        let page = Page { block, offsets, buffer };
        page.ask_for_pointers();
        self.pages.push_back(page);
        if let Some(page) = self.pages.len().checked_sub(ROWS).and_then(|at| self.pages.get(at)) {
            page.ask_for_rows();
        }
        if self.pages.len() > PAGES { self.leave(show) } else { Ok(()) }
    }

    /// Shows the rows of the page that has come first.
    fn leave(&mut self, show: &mut impl FnMut(Tid) -> Result<()>) -> Result<()> {
        let Some(Page { block, offsets, buffer }) = self.pages.pop_front() else { return Ok(()) };
        rows(block, offsets.as_deref(), show)?;
        // SAFETY: pinned in `enter`.
        unsafe { pg_guard_ffi_boundary(|| bare::ReleaseBuffer(buffer)) }
        Ok(())
    }

    /// Shows the rows of the pages that are left.
    ///
    /// # Errors
    /// The errors of `show`.
    pub fn end(mut self, show: &mut impl FnMut(Tid) -> Result<()>) -> Result<()> {
        while !self.pages.is_empty() {
            self.leave(show)?;
        }
        Ok(())
    }
}

/// Shows the rows of a page, or what may be ones.
fn rows(block: u32, offsets: Option<&[u16]>, show: &mut impl FnMut(Tid) -> Result<()>) -> Result<()> {
    match offsets {
        Some(offsets) => offsets.iter().try_for_each(|offset| show(Tid { block, offset: *offset })),
        None => (1..=MAX_ROWS as u16).try_for_each(|offset| show(Tid { block, offset })),
    }
}
