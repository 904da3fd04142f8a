//! `CREATE INDEX`: the table into memory, graphs by threads, pages in one go.
#![allow(unsafe_code)]

mod mapped_memory;
mod points;
pub(super) mod progress;
mod write;

use super::config::method::Method;
use super::config::opclass::{Class, Columns};
use super::config::reloptions::Options;
use super::storage::list_cache::ListCache;
use super::storage::match_cache::MatchCache;
use super::storage::meta_cache::MetaCache;
use super::storage::value;
use super::storage::vector_cache::VectorCache;
use super::threads;
use crate::engine::column_dims;
use crate::engine::keys::key;
use crate::engine::storage::buffer::Index;
use crate::engine::storage::error_context::WorkedOn;
use crate::pg::error::{OrRaise, raise};
use conifer_pure::distance::metric::Metric;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::build::{Control, Phase};
use conifer_pure::hnsw::node;
use conifer_pure::hnsw::node::{Layout, Tid};
use conifer_pure::hnsw::pages::{Element, Meta};
use conifer_pure::hnsw::params::Params;
use conifer_pure::hnsw::uncoded::{Sizes, Uncoded};
use conifer_pure::memory::allocation;
use pgrx::pg_sys;
use pgrx::prelude::*;
use points::Rows;
use progress::Step;
use std::ffi::c_void;
use write::BulkWriter;

/// The meta page of the new index.
///
/// Raises for columns that cannot be indexed, or options that do not go together.
fn meta(index: Index, columns: &Columns) -> Meta {
    let options = Options::of(index);
    if options.ef_construction < 2 * options.m {
        let message = "ef_construction must be greater than or equal to 2 * m";
        raise(Fault::new(state::INVALID_PARAMETER_VALUE, message));
    }
    let Class { element, metric } = columns.class;
    // SAFETY: the column has the class, so a value is of the class's type.
    let of_value = |value| unsafe { value::query(element, metric, value).dim };
    let column = column_dims::of(index, columns.key.len(), &of_value);
    // The operators take a varbit for a bit, but the type's length is a maximum only.
    if column.base == pg_sys::VARBITOID {
        let message = format!("type not supported for {} index", Method::of(index).name());
        raise(Fault::new(state::FEATURE_NOT_SUPPORTED, message));
    }
    let Some(dim) = column.dims else {
        raise(Fault::new(state::INVALID_PARAMETER_VALUE, "column does not have dimensions"))
    };
    let layout = layout(Method::of(index), columns.class, dim, &options);
    let mut random = [0u8; 16];
    // SAFETY: fills these bytes.
    if !unsafe { pg_sys::pg_strong_random(random.as_mut_ptr().cast(), random.len()) } {
        raise(Fault::new(state::INTERNAL_ERROR, "could not generate random values"));
    }
    let half = |at: usize| random[at..].first_chunk().map_or(0, |half| u64::from_le_bytes(*half));
    Meta {
        layout,
        element: columns.class.element,
        m: options.m,
        ef_construction: options.ef_construction,
        columns: columns.key.len() as u16,
        directory: if columns.key.is_empty() { 0 } else { super::build::write::DIRECTORY },
        // The same rotation for all indexes: an index that is built twice is the same.
        seed: SEED,
        salt: half(8),
    }
}

/// The layout of node records: with codes, where there are codes for the distance.
fn layout(method: Method, class: Class, dim: usize, options: &Options) -> Layout {
    let Class { element, metric } = class;
    let coded = matches!(metric, Metric::L2 | Metric::InnerProduct | Metric::Cosine);
    if coded && matches!(element, Element::F32 | Element::F16) {
        let params = Params::for_options(metric, options.m.into(), options.ef_construction.into());
        let wanted = node::Options { slots: params.slots, ..node::Options::default() };
        return Layout::choose(dim, metric, wanted).or_raise();
    }
    let Some(uncoded) = Uncoded::new(element.form(), metric, dim) else {
        let max = element.form().max_dims();
        let message = format!("column cannot have more than {max} dimensions for {} index", method.name());
        raise(Fault::new(state::PROGRAM_LIMIT_EXCEEDED, message))
    };
    let params = Params::for_uncoded(options.m.into(), options.ef_construction.into());
    Layout::uncoded_for(uncoded, params.slots, Sizes::default().words()).or_raise()
}

/// Seed of the rotation.
const SEED: u64 = 0x636f_6e69_6665_7231;

/// The state of the scan that reads the table.
struct Load<'a> {
    columns: &'a Columns,
    rows: Rows,
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
        let load = &mut *state.cast::<Load<'_>>();
        let last = load.columns.key.len();
        if *nulls.add(last) {
            return;
        }
        let before = pg_sys::MemoryContextSwitchTo(load.memory);
        let key = key::of_row(Index(index), &load.columns.key, values, nulls);
        let class = load.columns.class;
        let value = value::of(class.element, class.metric, *values.add(last));
        let (block, offset) = pgrx::itemptr::item_pointer_get_both(*tid);
        if let Some(elements) = value.elements {
            load.rows.push(&key, &elements, Tid { block, offset }).or_raise();
            load.loaded += 1;
            progress::rows(load.loaded);
        }
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
    MetaCache::forget(index);
    ListCache::forget(index);
    MatchCache::forget(index);
    VectorCache::forget(index);
    let columns = Columns::of(index);
    let meta = meta(index, &columns);
    Method::of(index).tell();
    // SAFETY: the relations are open; a context of our own takes the memory that detoasting leaves behind.
    let (heap_rows, rows) = unsafe {
        let memory = pg_sys::AllocSetContextCreateInternal(
            pg_sys::CurrentMemoryContext,
            c"hnsw build".as_ptr(),
            pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
            pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
            pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
        );
        let rows = Rows::new(&meta.layout, !columns.key.is_empty());
        let mut state = Load { columns: &columns, rows, loaded: 0, memory };
        progress::enter(Step::Load);
        let heap_rows = if heap.is_null() {
            0.0
        } else {
            let state = std::ptr::from_mut(&mut state).cast();
            pg_sys::table_index_build_scan(
                heap,
                relation,
                info,
                true,
                true,
                Some(load),
                state,
                std::ptr::null_mut(),
            )
        };
        pg_sys::MemoryContextDelete(memory);
        (heap_rows, state.rows)
    };
    let mut meta = meta;
    if let Some(uncoded) = meta.layout.uncoded().filter(|uncoded| uncoded.words().is_none()) {
        // Now the lengths of the values are known.
        meta.layout = Layout::uncoded_for(*uncoded, meta.layout.slots(), rows.words()).or_raise();
    }
    let index_rows = rows.len() as f64;
    write(index, &meta, rows);
    // SAFETY: the server frees it with its context.
    unsafe {
        let mut result = PgBox::<pg_sys::IndexBuildResult>::alloc0();
        (result.heap_tuples, result.index_tuples) = (heap_rows, index_rows);
        result.into_pg()
    }
}

/// Builds the graphs and writes all pages.
fn write(index: Index, meta: &Meta, rows: Rows) {
    let layout = &meta.layout;
    let expected = rows.nodes().div_ceil(layout.per_page()) * layout.unit_pages();
    let mut writer = BulkWriter::new(index, pg_sys::ForkNumber::MAIN_FORKNUM, meta, expected as u32);
    if rows.len() > 0 {
        let pool = threads::pool(threads::count());
        let control = Control::default();
        let (rotation, params) = (meta.rotation(), meta.params());
        progress::all_rows(rows.len() as i64);
        let report = |phase: Phase, done: u64| {
            progress::enter(phase.into());
            progress::rows(done as i64);
        };
        let mut written = 0;
        let memory = rows.graphs(&params, &pool, &control, report, |graph, memory| {
            progress::enter(Step::Write);
            progress::rows(written);
            written += graph.tids.len() as i64;
            writer.graph(graph, memory, &rotation, &pool, &control);
            progress::rows(written);
        });
        memory.tell(Method::of(index));
    }
    progress::enter(Step::Write);
    writer.finish();
}

/// Makes the init fork: the index that an unlogged one becomes after a crash.
#[pg_guard]
pub unsafe extern "C-unwind" fn ambuildempty(relation: pg_sys::Relation) {
    let index = Index(relation);
    let meta = meta(index, &Columns::of(index));
    BulkWriter::new(index, pg_sys::ForkNumber::INIT_FORKNUM, &meta, 0).finish();
}
