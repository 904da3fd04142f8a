//! Scans: `ORDER BY column <-> query`, with values given for each of the key's columns. The keys' graphs are searched as one.
//!
//! Stored vectors are rounded, so the search knows only bounds of rows at nearly the same distance. Such rows are compared by
//! the table's vectors before they are returned (`table_distance.rs`, and [`Reorder`]).
#![allow(unsafe_code)]

mod conditions;
mod filter;
mod inverted;
mod lasting;
mod look_ahead;
mod statistics;
mod table_distance;

use super::config::gucs::{IterativeScan, Settings};
use super::config::method::Method;
use super::config::reloptions;
use super::storage::key_directory;
use super::storage::meta_cache::MetaCache;
use super::storage::node_reader::NodeReader;
use super::storage::value;
use crate::engine::keys::key::{Asked, of_conditions};
use crate::engine::planner::allowed_index;
use crate::engine::scan_start;
use crate::engine::storage::buffer::Index;
use crate::engine::storage::error_context::WorkedOn;
use crate::pg::error::{OrRaise, raise};
use conifer_pure::Result;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::node::{EntryPoint, Layout, Tid};
use conifer_pure::hnsw::pages::{Entry, MANY};
use conifer_pure::hnsw::search::{
    FilteredSearch, Known as Bound, Limit, Order, Pages, Reach, Reorder, SMALL_GRAPH, Search, Start, Width,
    Wish,
};
use conifer_pure::memory::allocation;
use conifer_pure::memory::allocation::{check, push, with_room};
use filter::{Filter, Rows, check_place};
use pgrx::prelude::*;
use pgrx::{PgMemoryContexts, pg_sys};
use std::cell::RefCell;
use std::rc::Rc;
use table_distance::Exact;

/// The state of a scan.
struct Scan {
    known: Rc<MetaCache>,
    records: NodeReader,
    search: Option<Search>,
    reorder: Reorder,
    exact: Exact,
    /// The search has been started.
    started: bool,
    /// Pages of the table when it was last asked.
    table: u32,
    /// The query has a distance to rows: it is not null and, under the cosine, not zero.
    ordered: bool,
    /// The filter of a scan with conditions on columns behind the vector.
    filtered: Option<(FilteredSearch, Filter)>,
    /// The scan's memory.
    context: pg_sys::MemoryContext,
    /// Memory of filters; null until there is one.
    filters: pg_sys::MemoryContext,
}

/// Searches that are kept for later scans, with their memory.
const KEPT: usize = 4;
/// Bytes beyond which a search is not kept.
const LARGE: usize = 1 << 20;

thread_local! {
    static IDLE: RefCell<Vec<(Layout, Search)>> = const { RefCell::new(vec![]) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    IDLE.with(|_| ());
}

fn search_for(layout: Layout) -> Search {
    let idle = IDLE.with_borrow_mut(|idle| {
        let at = idle.iter().position(|(l, _)| *l == layout)?;
        Some(idle.swap_remove(at).1)
    });
    idle.unwrap_or_else(|| Search::new(layout))
}

fn keep(layout: Layout, search: Search) {
    if search.memory() < LARGE {
        IDLE.with_borrow_mut(|idle| {
            if idle.len() >= KEPT {
                idle.remove(0);
            }
            idle.push((layout, search));
        });
    }
}

/// Starts a scan.
#[pg_guard]
pub unsafe extern "C-unwind" fn ambeginscan(
    relation: pg_sys::Relation,
    conditions: i32,
    orders: i32,
) -> pg_sys::IndexScanDesc {
    allocation::begin();
    let index = Index(relation);
    let _at = WorkedOn::index(index.0);
    let known = MetaCache::of(index);
    // SAFETY: a variable of this process.
    let context = unsafe { pg_sys::CurrentMemoryContext };
    let new = Scan {
        records: NodeReader::new(index, known.meta.layout),
        search: Some(search_for(known.meta.layout)),
        reorder: Reorder::default(),
        exact: Exact::new(context, known.columns.key.len()),
        known,
        started: false,
        table: 0,
        ordered: true,
        filtered: None,
        context,
        filters: std::ptr::null_mut(),
    };
    // SAFETY: the server's context outlives the scan; the state is dropped with it, also after an error.
    unsafe {
        let scan = pg_sys::RelationGetIndexScan(relation, conditions, orders);
        let orders = orders.max(1) as usize;
        (*scan).xs_orderbyvals = pg_sys::palloc0(orders * size_of::<pg_sys::Datum>()).cast();
        (*scan).xs_orderbynulls = pg_sys::palloc0(orders).cast();
        (*scan).opaque = PgMemoryContexts::CurrentMemoryContext.leak_and_drop_on_delete(new).cast();
        scan
    }
}

/// Starts a scan again, with the same or other conditions.
#[pg_guard]
pub unsafe extern "C-unwind" fn amrescan(
    scan: pg_sys::IndexScanDesc,
    conditions: pg_sys::ScanKey,
    _n_conditions: i32,
    orders: pg_sys::ScanKey,
    _n_orders: i32,
) {
    // SAFETY: the server gives as many conditions and orders as it said in the beginning, or null.
    unsafe {
        if !conditions.is_null() && (*scan).numberOfKeys > 0 {
            std::ptr::copy(conditions, (*scan).keyData, (*scan).numberOfKeys as usize);
        }
        if !orders.is_null() && (*scan).numberOfOrderBys > 0 {
            std::ptr::copy(orders, (*scan).orderByData, (*scan).numberOfOrderBys as usize);
        }
        (*(*scan).opaque.cast::<Scan>()).started = false;
    }
}

/// Ends a scan.
#[pg_guard]
pub unsafe extern "C-unwind" fn amendscan(scan: pg_sys::IndexScanDesc) {
    // SAFETY: made in ambeginscan; the next scan may take the search.
    unsafe {
        let scan = &mut *(*scan).opaque.cast::<Scan>();
        settle(scan);
        scan.exact.close();
        let (layout, search) = (scan.known.meta.layout, scan.search.take());
        if let Some(search) = search {
            keep(layout, search);
        }
    }
}

/// The next row.
#[pg_guard]
pub unsafe extern "C-unwind" fn amgettuple(
    scan: pg_sys::IndexScanDesc,
    _direction: pg_sys::ScanDirection::Type,
) -> bool {
    // SAFETY: made in ambeginscan, and no other reference to it exists.
    let (scan, state) = unsafe { (&mut *scan, &mut *(*scan).opaque.cast::<Scan>()) };
    let _at = WorkedOn::index(scan.indexRelation);
    if !state.started {
        state.started = true;
        start(scan, state);
    }
    let Scan { search: Some(search), reorder, exact, records, table, ordered, filtered, .. } = state else {
        return false;
    };
    let heap = Index(scan.heapRelation);
    search.keeps_beside(reorder.bytes() + filtered.as_ref().map_or(0, |(filtered, _)| filtered.memory()));
    // Rows are looked at for the filter and for their distance, one after the other.
    let exact = RefCell::new(exact);
    let more = || {
        if let Some((filtered, filter)) = filtered {
            let exact = &mut **exact.borrow_mut();
            let mut rows = Rows { scan, exact, filter, table, ordered: *ordered };
            let next = filtered.next(search, records, &mut rows)?;
            return Ok(next.map(|(tid, known)| (tid, if *ordered { known } else { Bound::Distance(0.0) })));
        }
        let Some(hit) = search.next(records)? else { return Ok(None) };
        check_place(heap, table, hit.tid)?;
        let known = match (*ordered, hit.certain) {
            (false, _) => Bound::Distance(0.0),
            (true, true) => Bound::Distance(search.shown(hit.distance)),
            (true, false) => Bound::Floor(hit.floor),
        };
        Ok(Some((hit.tid, known)))
    };
    // SAFETY: the scan was started; only a query that is not null leaves bounds.
    let look = |tid: Tid| Ok(unsafe { exact.borrow_mut().distance(scan, tid) });
    let next = reorder.next(more, look).or_raise();
    exact.into_inner().release();
    let Some((tid, distance)) = next else { return false };
    // SAFETY: room for one distance was made in ambeginscan.
    unsafe {
        pgrx::itemptr::item_pointer_set_all(&mut scan.xs_heaptid, tid.block, tid.offset);
        (scan.xs_recheck, scan.xs_recheckorderby) = (false, false);
        *scan.xs_orderbynulls = !state.ordered;
        *scan.xs_orderbyvals = pg_sys::Datum::from(distance.to_bits());
    }
    true
}

fn start(scan: &mut pg_sys::IndexScanDescData, state: &mut Scan) {
    let index = Index(scan.indexRelation);
    state.reorder.clear();
    scan_start::count(scan);
    // SAFETY: the relation is open.
    allowed_index::note(unsafe { (*scan.indexRelation).rd_id });
    scan_start::check_order(scan, Method::of(index).name());
    // A vacuum may give the record of a node that the search has read to another node, whose rows no MVCC snapshot that was
    // taken before can see; on a standby, the records of that vacuum conflict with the snapshot. Others would see them.
    scan_start::check_snapshot(scan, Method::of(index).name());
    // SAFETY: there is one order.
    let order = unsafe { &*scan.orderByData };
    let layout = &state.known.meta.layout;
    let null = order.sk_flags as u32 & pg_sys::SK_ISNULL != 0;
    let class = state.known.columns.class;
    // SAFETY: the operator takes the column's type on its right side.
    let query = (!null).then(|| unsafe { value::query(class.element, class.metric, order.sk_argument) });
    let graphs = graphs(index, scan, &state.known).or_raise();
    if let Some(query) = query.as_ref().filter(|query| query.dim != layout.dim()) {
        // pgvector's hnsw compares the query with rows, of which there may be none; its ivfflat with the lists' centres,
        // which are always there.
        match Method::of(index) {
            Method::Hnsw if graphs.is_empty() => {}
            Method::Hnsw => raise(value::other_dimensions(class.element, query.dim, layout.dim())),
            Method::Ivfflat => raise(value::other_dimensions(class.element, layout.dim(), query.dim)),
        }
    }
    // SAFETY: the server has set the conditions; the context is this scan's.
    let mut filter =
        unsafe { Filter::of(scan, &state.known.columns, state.context, &mut state.filters).or_raise() };
    if let Some(filter) = &mut filter {
        // SAFETY: as above; nothing but roots was read.
        unsafe { filter.recall(scan).or_raise() };
    }
    settle(state);
    state.filtered = None;
    if graphs.is_empty() || filter.as_ref().is_some_and(Filter::is_never) {
        state.search = None;
        return;
    }
    let query = query.and_then(|query| query.elements);
    state.ordered = query.is_some();
    let query = query.unwrap_or_else(|| value::nothing(layout));
    let rows = state.records.records() / layout.step();
    let settings = Settings::of(reloptions::lists(index), rows as usize);
    let order = match settings.iterative_scan {
        // A filtered scan goes on until it has its rows.
        IterativeScan::Off if filter.is_some() => Order::Strict,
        IterativeScan::Off => Order::Once,
        IterativeScan::Relaxed => Order::Relaxed,
        IterativeScan::Strict => Order::Strict,
    };
    let large = |graph: &Entry| graph.nodes > SMALL_GRAPH;
    let reach = match settings.ef_search.filter(|_| graphs.iter().any(large)) {
        Some(ef) => {
            let width = Width::of(layout, ef, settings.rows);
            // No user of ivfflat counts on `ef` rows in the first batch.
            let min = if Method::of(index) == Method::Ivfflat { width.nodes } else { width.min };
            Reach::Near(Width { min, ..width })
        }
        None => Reach::All,
    };
    let mut starts = with_room(graphs.len()).or_raise();
    starts.extend(
        graphs
            .iter()
            .filter_map(|graph| Some(Start { root: graph.root?, all: reach == Reach::All || !large(graph) })),
    );
    let search = state.search.get_or_insert_with(|| search_for(*layout));
    search.start_several(&state.known.rotation, &query, &starts, reach, order).or_raise();
    let Some(mut filter) = filter else {
        search.limit(Limit {
            hops: settings.max_scan_tuples,
            nodes: settings.max_nodes,
            bytes: settings.memory,
        });
        return;
    };
    search.limit(Limit { bytes: settings.memory, ..Limit::default() });
    let nodes = graphs.iter().map(|graph| nodes(graph, &state.known, rows)).sum::<f64>().min(rows.into());
    filter.of_nodes(nodes, rows.into());
    let wish = Wish {
        rows: settings.rows,
        ef: settings.ef_search.unwrap_or(EF),
        nodes,
        // The planner counts on the order of a path: matches that come too late are returned only where a number of rows is asked for,
        // by a function that sorts them, or order is not.
        complete: settings.iterative_scan == IterativeScan::Relaxed || settings.rows.is_some(),
        costs: filter.costs(layout.dim()),
    };
    let mut filtered = FilteredSearch::new(wish);
    let (exact, table, ordered) = (&mut state.exact, &mut state.table, state.ordered);
    let mut rows = Rows { scan, exact, filter: &mut filter, table, ordered };
    if rows.list_at_once(&wish, layout.dim()).or_raise() {
        filtered.list_at_once();
    }
    state.filtered = Some((filtered, filter));
}

/// Notes how far a filtered scan has walked.
fn settle(state: &Scan) {
    if let Some((filtered, filter)) = &state.filtered {
        filter.settle(&filtered.progress(), &filter.costs(state.known.meta.layout.dim()));
    }
}

/// `hnsw.ef_search` where there is none.
const EF: usize = 40;

/// How many nodes a graph has, roughly. Large ones are not counted: there are about as many as make the level of the entry
/// point likely, and no more than the index has.
fn nodes(graph: &Entry, known: &MetaCache, all: u32) -> f64 {
    match graph.root {
        Some(EntryPoint { level, .. }) if graph.nodes == MANY && !known.columns.key.is_empty() => {
            let step = known.meta.params().step as f64;
            (step.sqrt() * step.powi(level.into())).max(SMALL_GRAPH.into()).min(all.into())
        }
        _ if graph.nodes == MANY => all.into(),
        _ => graph.nodes.into(),
    }
}

/// The graphs that the conditions lead to.
fn graphs(index: Index, scan: &pg_sys::IndexScanDescData, known: &MetaCache) -> Result<Vec<Entry>> {
    // SAFETY: the server has set `numberOfKeys` conditions: equalities of our operator classes, and of nulls.
    let asked = unsafe {
        let conditions = match scan.numberOfKeys {
            0 => &[],
            n => std::slice::from_raw_parts(scan.keyData, n as usize),
        };
        of_conditions(index, &known.columns.key, conditions)?
    };
    let mut graphs = vec![];
    match asked {
        Asked::Keys(keys) => {
            for key in keys {
                pgrx::check_for_interrupts!();
                check()?;
                if let Some(graph) = key_directory::find(index, known, &key) {
                    push(&mut graphs, graph)?;
                }
            }
        }
        Asked::Nothing => {}
        Asked::Open => {
            // The planner makes no such plan: its cost is infinite.
            let message = format!("index \"{}\" cannot be scanned without its key", index.name());
            return Err(Fault::new(state::FEATURE_NOT_SUPPORTED, message));
        }
    }
    const { assert!(MANY > SMALL_GRAPH) };
    Ok(graphs)
}
