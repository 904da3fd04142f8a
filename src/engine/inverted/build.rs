//! `CREATE INDEX`: the table into runs within `maintenance_work_mem`, the runs into one segment.
#![allow(unsafe_code)]

use super::columns;
use super::columns::KeyColumns;
use super::storage::new_pages::NewPages;
use super::storage::temporary_pages::TemporaryPages;
use crate::engine::build_progress;
use crate::engine::storage::buffer::Index;
use crate::engine::storage::error_context::WorkedOn;
use crate::engine::vacuum::memory;
use crate::pg::error::{OrRaise, raise};
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::node::Tid;
use conifer_pure::inverted::meta::Meta;
use conifer_pure::inverted::{Builder, META, ROOT, root};
use conifer_pure::memory::allocation;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::{CStr, c_char, c_void};

/// Steps of a build, by the numbers of their names.
const LOAD: i64 = 2;
const WRITE: i64 = 3;

/// The names of the steps, for `pg_stat_progress_create_index`.
#[pg_guard]
pub unsafe extern "C-unwind" fn ambuildphasename(step: i64) -> *mut c_char {
    let name: &CStr = match step {
        1 => c"initializing",
        LOAD => c"loading tuples",
        WRITE => c"writing pages",
        _ => return std::ptr::null_mut(),
    };
    name.as_ptr().cast_mut()
}

/// The pages that each index has: the first page, and an empty root. Returns the first page's content.
fn first_pages(pages: &mut NewPages, index: Index) -> Meta {
    let dim = columns::dims(index);
    let mut random = [0u8; 8];
    // SAFETY: fills these bytes.
    if !unsafe { pg_sys::pg_strong_random(random.as_mut_ptr().cast(), random.len()) } {
        raise(Fault::new(state::INTERNAL_ERROR, "could not generate random values"));
    }
    let salt = u64::from_le_bytes(random);
    let columns = KeyColumns::of(index, salt).len() as u16;
    let meta = Meta { dim, columns, directory: 0, salt };
    let at = pages.add(|_, room| meta.write(room)).or_raise();
    debug_assert_eq!(at, META);
    let at = pages.add(|number, room| root::format(room, number)).or_raise();
    debug_assert_eq!(at, ROOT);
    meta
}

/// The state of the scan that reads the table.
struct Load {
    builder: Builder,
    scratch: TemporaryPages,
    key: KeyColumns,
    dims: u32,
    loaded: i64,
    memory: pg_sys::MemoryContext,
}

#[pg_guard]
unsafe extern "C-unwind" fn load(
    index: pg_sys::Relation,
    tid: pg_sys::ItemPointer,
    values: *mut pg_sys::Datum,
    nulls: *mut bool,
    _alive: bool,
    state: *mut c_void,
) {
    // SAFETY: the state is that of ambuild; the server gives a value for each column.
    unsafe {
        let load = &mut *state.cast::<Load>();
        let last = load.key.len();
        if *nulls.add(last) {
            return;
        }
        let before = pg_sys::MemoryContextSwitchTo(load.memory);
        let key = load.key.of_row(Index(index), values, nulls);
        let value = columns::value(*values.add(last), load.dims);
        let (block, offset) = pgrx::itemptr::item_pointer_get_both(*tid);
        load.builder.add(&mut load.scratch, key, Tid { block, offset }, value.as_sparse()).or_raise();
        drop(value);
        load.loaded += 1;
        build_progress::rows(load.loaded);
        pg_sys::MemoryContextSwitchTo(before);
        pg_sys::MemoryContextReset(load.memory);
    }
}

/// Makes an index.
#[pg_guard]
pub unsafe extern "C-unwind" fn ambuild(
    heap: pg_sys::Relation,
    relation: pg_sys::Relation,
    info: *mut pg_sys::IndexInfo,
) -> *mut pg_sys::IndexBuildResult {
    allocation::begin();
    let index = Index(relation);
    let _at = WorkedOn::index(relation);
    if index.pages() != 0 {
        let message = format!("index \"{}\" already contains data", index.name());
        raise(Fault::new(state::INTERNAL_ERROR, message));
    }
    let mut pages = NewPages::of(index, pg_sys::ForkNumber::MAIN_FORKNUM);
    let meta = first_pages(&mut pages, index);
    let key = KeyColumns::of(index, meta.salt);
    // SAFETY: the relations are open; a context of our own takes the memory that detoasting leaves behind.
    let (heap_rows, load) = unsafe {
        let memory = pg_sys::AllocSetContextCreateInternal(
            pg_sys::CurrentMemoryContext,
            c"inverted build".as_ptr(),
            pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
            pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
            pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
        );
        let builder = Builder::new(ROOT, memory::limit()).or_raise();
        let scratch = TemporaryPages::default();
        let mut state = Load { builder, scratch, key, dims: meta.dim, loaded: 0, memory };
        build_progress::step(LOAD);
        let heap_rows = if heap.is_null() {
            0.0
        } else {
            let state = std::ptr::from_mut(&mut state).cast();
            let none = std::ptr::null_mut();
            pg_sys::table_index_build_scan(heap, relation, info, true, true, Some(load), state, none)
        };
        pg_sys::MemoryContextDelete(memory);
        (heap_rows, state)
    };
    build_progress::step(WRITE);
    let Load { builder, mut scratch, .. } = load;
    let built = builder.finish(&mut scratch, &mut pages).or_raise();
    pages.finish();
    // SAFETY: the server frees it with its context.
    unsafe {
        let mut result = PgBox::<pg_sys::IndexBuildResult>::alloc0();
        (result.heap_tuples, result.index_tuples) = (heap_rows, built.rows as f64);
        result.into_pg()
    }
}

/// Makes the init fork: the index that an unlogged one becomes after a crash.
#[pg_guard]
pub unsafe extern "C-unwind" fn ambuildempty(relation: pg_sys::Relation) {
    let index = Index(relation);
    let mut pages = NewPages::of(index, pg_sys::ForkNumber::INIT_FORKNUM);
    first_pages(&mut pages, index);
    pages.finish();
}
