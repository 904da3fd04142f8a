//! Scans: `ORDER BY column <#> query`.
//!
//! A scan gives all rows of the index, in the order of the operator and with its very distances: greatest inner
//! products first, then the rows that have no term in common with the query, then the negative ones. What comes after
//! the positive ones is looked for when it is asked for. Of an index with leading columns, all rows of the keys that
//! the conditions ask for; keys are told by their hashes, so the executor looks at the conditions again.
#![allow(unsafe_code)]

use super::columns;
use super::storage::index_pages::IndexPages;
use super::storage::meta_page;
use super::storage::meta_page::Known;
use crate::engine::planner::allowed_index;
use crate::engine::scan_start;
use crate::engine::storage::buffer::Index;
use crate::engine::storage::error_context::WorkedOn;
use crate::engine::types::sparsevec::SparseVec;
use crate::pg::error::OrRaise;
use conifer_pure::Result;
use conifer_pure::hnsw::node::corrupted_part;
use conifer_pure::inverted::{Hit, Query, ROOT, Scan};
use conifer_pure::memory::allocation;
use conifer_pure::types::sparsevec::Sparse;
use pgrx::prelude::*;
use pgrx::{PgMemoryContexts, pg_sys};

/// Rows that a scan looks for at first: an access method is not told LIMIT.
const FIRST: usize = 32;

/// The state of a scan.
struct State {
    pages: IndexPages,
    /// None until the scan has been started, and once nothing is left.
    scan: Option<Scan>,
    started: bool,
    /// The query is not null.
    ordered: bool,
    /// Dimensions of the rows and of the query, if they differ.
    differ: Option<(u32, u32)>,
    /// There are conditions on leading columns.
    keyed: bool,
    /// Pages of the table when it was last asked.
    table: u32,
}

/// Starts a scan.
#[pg_guard]
pub unsafe extern "C-unwind" fn ambeginscan(
    relation: pg_sys::Relation,
    conditions: i32,
    orders: i32,
) -> pg_sys::IndexScanDesc {
    let new = State {
        pages: IndexPages::of(Index(relation)),
        scan: None,
        started: false,
        ordered: true,
        differ: None,
        keyed: false,
        table: 0,
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

/// Starts a scan again, with the same or other conditions and order.
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
        let state = &mut *(*scan).opaque.cast::<State>();
        (state.started, state.scan) = (false, None);
    }
}

/// Ends a scan.
#[pg_guard]
pub unsafe extern "C-unwind" fn amendscan(scan: pg_sys::IndexScanDesc) {
    // SAFETY: made in ambeginscan; the rest goes with the scan's memory.
    unsafe { (*(*scan).opaque.cast::<State>()).scan = None }
}

/// The next row.
#[pg_guard]
pub unsafe extern "C-unwind" fn amgettuple(
    scan: pg_sys::IndexScanDesc,
    _direction: pg_sys::ScanDirection::Type,
) -> bool {
    // SAFETY: made in ambeginscan, and no other reference to it exists.
    let (scan, state) = unsafe { (&mut *scan, &mut *(*scan).opaque.cast::<State>()) };
    let _at = WorkedOn::index(scan.indexRelation);
    if !state.started {
        allocation::begin();
        start(scan, state).or_raise();
        state.started = true;
    }
    let Some(Hit { tid, score }) = next(scan, state).or_raise() else {
        state.scan = None;
        return false;
    };
    // SAFETY: room for one distance was made in ambeginscan.
    unsafe {
        pgrx::itemptr::item_pointer_set_all(&mut scan.xs_heaptid, tid.block, tid.offset);
        (scan.xs_recheck, scan.xs_recheckorderby) = (state.keyed, false);
        *scan.xs_orderbynulls = !state.ordered;
        *scan.xs_orderbyvals = pg_sys::Datum::from(f64::from(-score).to_bits());
    }
    true
}

fn start(scan: &mut pg_sys::IndexScanDescData, state: &mut State) -> Result<()> {
    scan_start::count(scan);
    // SAFETY: the relation is open.
    allowed_index::note(unsafe { (*scan.indexRelation).rd_id });
    scan_start::check_order(scan, "inverted");
    // A vacuum gives the TID of a row that the scan has read to a new row, which no MVCC snapshot that was taken
    // before can see.
    scan_start::check_snapshot(scan, "inverted");
    let index = Index(scan.indexRelation);
    let Known { dims, key } = meta_page::read(index, &mut state.pages)?;
    // SAFETY: the server has set `numberOfKeys` conditions: equalities of our operator classes, and of nulls.
    let keys = unsafe {
        let conditions = match scan.numberOfKeys {
            0 => &[],
            n => std::slice::from_raw_parts(scan.keyData, n as usize),
        };
        key.asked(index, conditions)?
    };
    state.keyed = key.len() > 0;
    if keys.is_empty() {
        return Ok(());
    }
    // SAFETY: there is one order.
    let order = unsafe { &*scan.orderByData };
    state.ordered = order.sk_flags as u32 & pg_sys::SK_ISNULL == 0;
    // SAFETY: the operator takes a sparse vector on its right side.
    let query = state.ordered.then(|| unsafe { SparseVec::from_raw(order.sk_argument) });
    // The operator compares the query with rows, of which there may be none.
    state.differ =
        query.as_ref().map(|query| (dims, query.dim() as u32)).filter(|(rows, query)| rows != query);
    let nothing = Sparse { dim: dims as i32, indices: &[], values: &[] };
    let query = match &query {
        Some(query) if state.differ.is_none() => Query::new(query.as_sparse())?,
        _ => Query::new(nothing)?,
    };
    state.scan = Some(Scan::new(ROOT, keys, query, FIRST));
    Ok(())
}

fn next(scan: &pg_sys::IndexScanDescData, state: &mut State) -> Result<Option<Hit>> {
    let Some(search) = &mut state.scan else { return Ok(None) };
    let hit = search.next(&mut state.pages)?;
    if let Some((rows, query)) = state.differ.filter(|_| hit.is_some()) {
        columns::check_query(rows, query)?;
    }
    if let Some(Hit { tid, .. }) = &hit
        && tid.block >= state.table
    {
        state.table = Index(scan.heapRelation).pages();
        if tid.block >= state.table {
            return Err(corrupted_part(
                "index",
                format_args!("it has a row on page {} of the table", tid.block),
            ));
        }
    }
    Ok(hit)
}
