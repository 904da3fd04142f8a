//! `INSERT`: one more row, to the list of rows that wait to be merged.
#![allow(unsafe_code)]

use super::columns;
use super::options;
use super::storage::index_pages::IndexPages;
use super::storage::merge_lock::MergeLock;
use super::storage::meta_page;
use crate::engine::storage::buffer::Index;
use crate::engine::storage::error_context::WorkedOn;
use crate::pg::error::OrRaise;
use conifer_pure::hnsw::node::Tid;
use conifer_pure::inverted::{Effort, ROOT, insert, maintain};
use conifer_pure::memory::allocation;
use pgrx::prelude::*;

/// Pages of segments that an insertion rewrites at most: the rest is left to a vacuum.
const MAX_PAGES: u32 = 2048;

/// Inserts a row. A null vector is in no index.
#[pg_guard]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C-unwind" fn aminsert(
    relation: pg_sys::Relation,
    values: *mut pg_sys::Datum,
    nulls: *mut bool,
    tid: pg_sys::ItemPointer,
    _heap: pg_sys::Relation,
    _unique: pg_sys::IndexUniqueCheck::Type,
    _unchanged: bool,
    _info: *mut pg_sys::IndexInfo,
) -> bool {
    allocation::begin();
    let index = Index(relation);
    let _at = WorkedOn::index(relation);
    let mut pages = IndexPages::of(index);
    let known = meta_page::read(index, &mut pages).or_raise();
    let last = known.key.len();
    // SAFETY: the server gives a value for each column, of its type, and a TID.
    let (key, value, tid) = unsafe {
        if *nulls.add(last) {
            return false;
        }
        let (block, offset) = pgrx::itemptr::item_pointer_get_both(*tid);
        let value = columns::value(*values.add(last), known.dims);
        (known.key.of_row(index, values, nulls), value, Tid { block, offset })
    };
    let pending = insert(&mut pages, ROOT, key, tid, value.as_sparse()).or_raise();
    let limit = options::pending_pages(index);
    if pending.pages > limit
        && let Some(_lock) = MergeLock::attempt(index)
    {
        // SAFETY: a variable of this process.
        let memory = unsafe { pg_sys::work_mem }.max(0) as usize * 1024;
        let effort = Effort { pending_pages: limit, max_pages: MAX_PAGES, memory };
        maintain(&mut pages, ROOT, &effort).or_raise();
    }
    // Pages of a merge, and those that the row had reserved when another one took the end of the list.
    pages.finish();
    false
}
