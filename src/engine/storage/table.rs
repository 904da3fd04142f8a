//! The table of an index, for functions that look whether the rows of an index are there.
#![allow(unsafe_code)]

use super::buffer::{Index, Mode};
use super::page::HEADER;
use conifer_pure::hnsw::node::Tid;
use pgrx::pg_sys;

/// The table of an index, open until this is dropped. A function that opens both opens the table first, as the server
/// does.
pub struct Table(Option<pg_sys::Relation>);

impl Table {
    /// The table of an index; none of any other relation.
    pub fn of(index: pg_sys::Oid) -> Self {
        // SAFETY: lookups in catalogs; opened with a lock that lets others read and write, before its index is.
        unsafe {
            let oid = pg_sys::IndexGetRelation(index, true);
            let table = (oid != pg_sys::InvalidOid)
                .then(|| pg_sys::relation_open(oid, pg_sys::AccessShareLock as i32));
            // The rows of another table access method cannot be told.
            match table {
                Some(heap) if (*(*heap).rd_rel).relam != pg_sys::HEAP_TABLE_AM_OID => {
                    pg_sys::relation_close(heap, pg_sys::AccessShareLock as i32);
                    Self(None)
                }
                other => Self(other),
            }
        }
    }

    /// Whether the table has a row at a TID, dead or alive: an index never leads to a line pointer that is not used.
    /// True if that cannot be told.
    pub fn has(&self, tid: Tid) -> bool {
        let Some(table) = self.0.map(Index) else { return true };
        tid.block < table.pages() && is_used(table.page(tid.block, Mode::Share).bytes(), tid)
    }

    /// Looks for TIDs, which are in the order of the table, and calls `lost` with the number beside each that the
    /// table does not seem to have. Each page is read once.
    pub fn look_for(&self, rows: &[(Tid, u32)], mut lost: impl FnMut(u32)) {
        let Some(table) = self.0.map(Index) else { return };
        let mut pages = table.pages();
        for rows in rows.chunk_by(|one, other| one.0.block == other.0.block) {
            pgrx::check_for_interrupts!();
            let Some(block) = rows.first().map(|(tid, _)| tid.block) else { continue };
            if block >= pages {
                pages = table.pages();
            }
            let page = (block < pages).then(|| table.page(block, Mode::Share));
            let is_there = |tid: Tid| page.as_ref().is_some_and(|page| is_used(page.bytes(), tid));
            rows.iter().filter(|(tid, _)| !is_there(*tid)).for_each(|(_, number)| lost(*number));
        }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if let Some(table) = self.0.filter(|_| !std::thread::panicking()) {
            // SAFETY: opened in `of`.
            unsafe { pg_sys::relation_close(table, pg_sys::AccessShareLock as i32) }
        }
    }
}

/// Whether a line pointer of a page is used.
fn is_used(page: &[u8], tid: Tid) -> bool {
    let Some(before) = usize::from(tid.offset).checked_sub(1) else { return false };
    let at = HEADER + before * size_of::<u32>();
    let lower = usize::from(u16::from_ne_bytes([page[12], page[13]]));
    let pointer = page.get(at..lower.max(at)).and_then(|bytes| bytes.first_chunk());
    // The flags of a line pointer are bits 15 and 16; none of them: unused.
    pointer.is_some_and(|pointer| u32::from_ne_bytes(*pointer) >> 15 & 3 != 0)
}
