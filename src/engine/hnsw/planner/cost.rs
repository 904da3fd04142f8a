//! The cost of a scan, for the planner.
//!
//! Before the first row, a search reads about as many pages as its width asks for, whatever the size of the table; then rows
//! come at the price of a page each. The upper levels, and of a small index all pages, are in memory;
//! the price of a page is that of a random one only as far as the index does not fit the cache.
#![allow(unsafe_code)]

use super::filtering_index;
use crate::engine::hnsw::config::gucs::Settings;
use crate::engine::hnsw::config::reloptions;
use crate::engine::planner::asked_keys::{conditions, keys};
use crate::engine::planner::{allowed_index, unread_distances};
use crate::engine::storage::buffer::Index;
use conifer_pure::hnsw::search::{Costs, expected_nodes};
use pgrx::PgList;
use pgrx::prelude::*;

/// Cost of a node record's neighbours, in operators: one distance, 32 estimates.
const OPERATORS: f64 = 20.0;
/// Part of a random page's price that a page costs which is likely in memory.
const CACHED: f64 = 0.05;

/// Estimates the cost of a path.
#[pg_guard]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C-unwind" fn amcostestimate(
    root: *mut pg_sys::PlannerInfo,
    path: *mut pg_sys::IndexPath,
    _loops: f64,
    startup: *mut pg_sys::Cost,
    total: *mut pg_sys::Cost,
    selectivity: *mut pg_sys::Selectivity,
    correlation: *mut f64,
    pages: *mut f64,
) {
    // SAFETY: the planner gives valid pointers, to lists of its own.
    unsafe {
        let info = &*(*path).indexinfo;
        unread_distances::weigh(info.indexoid);
        *correlation = 0.0;
        *selectivity = 1.0;
        *pages = f64::from(info.pages);
        // The vector is what the scan is ordered by.
        let ordered: Vec<i32> = PgList::<i32>::from_pg((*path).indexorderbycols).iter_int().collect();
        let vector = (ordered.len() == 1).then(|| ordered[0]);
        let keys = vector.and_then(|vector| keys(root, path, vector));
        let is_out = allowed_index::is_out(info.indexoid)
            || vector.is_some_and(|vector| filtering_index::is_there(root, path, vector));
        let (Some(keys), Some(vector), false) = (keys, vector, is_out) else {
            // A scan needs one order by distance, and values for all columns of the key.
            (*startup, *total) = (f64::INFINITY, f64::INFINITY);
            #[cfg(feature = "pg18")]
            {
                // The path is not taken even if all others are disabled.
                (*path).path.disabled_nodes = 2;
            }
            return;
        };
        let part_of = |conditions| {
            let relation = (*info.rel).relid as i32;
            let join = pg_sys::JoinType::JOIN_INNER;
            pg_sys::clauselist_selectivity(root, conditions, relation, join, std::ptr::null_mut())
        };
        let (leading, filters) = conditions(path, vector);
        let filtered = !filters.is_empty();
        let indexed = filtered && has_inverted(info, path, vector);
        let share = if filtered { part_of(filters.into_pg()) } else { 1.0 };
        let graphs = part_of(pg_sys::add_predicate_to_index_quals((*path).indexinfo, leading.into_pg()));
        let part = graphs * share;
        *selectivity = part;
        let (mut random, mut sequential) = (0.0, 0.0);
        pg_sys::get_tablespace_page_costs(info.reltablespace, &mut random, &mut sequential);
        let rows = (info.tuples * part).max(1.0);
        let nodes = (info.tuples * graphs).max(1.0);
        let settings = settings(info);
        let mut search = expected_nodes(settings.ef_search, nodes, keys);
        if let Some(ef) = settings.ef_search.filter(|_| filtered) {
            let near = expected_nodes(Some(ef), nodes, 1.0) - expected_nodes(Some(0), nodes, 1.0);
            let costs = Costs::INLINE;
            search += costs.expected(ef, settings.rows, nodes, share, indexed) - near;
        }
        // A branch and a leaf of the directory lead to each graph. The first graph's are counted already.
        let search = search + 2.0 * (keys - 1.0);
        let missed = 1.0 - (f64::from(pg_sys::effective_cache_size) / f64::from(info.pages.max(1))).min(1.0);
        let page = random * (CACHED + (1.0 - CACHED) * missed) + OPERATORS * pg_sys::cpu_operator_cost;
        *startup = search * page;
        // Each further row costs a page.
        *total = *startup + rows * (page + pg_sys::cpu_index_tuple_cost);
    }
}

/// The settings of a scan of the index.
fn settings(info: &pg_sys::IndexOptInfo) -> Settings {
    // SAFETY: a look-up in the catalog; the planner has locked the index, to the end of the transaction.
    let lists = unsafe {
        (info.relam == pg_sys::get_am_oid(c"ivfflat".as_ptr(), true)).then(|| {
            let index = pg_sys::index_open(info.indexoid, pg_sys::NoLock as i32);
            let lists = reloptions::lists(Index(index));
            pg_sys::index_close(index, pg_sys::NoLock as i32);
            lists
        })
    };
    Settings::of(lists.flatten(), info.tuples as usize)
}

/// Whether another index of the table gives bitmaps of rows by a column that a condition behind the vector is on.
///
/// # Safety
/// `path` is one that the planner has made for this index.
unsafe fn has_inverted(info: &pg_sys::IndexOptInfo, path: *const pg_sys::IndexPath, vector: i32) -> bool {
    // SAFETY: the caller vouches for the path; its clauses are a list of IndexClause, and the relation has a list of indexes, each
    // with as many columns' attributes as it says.
    unsafe {
        let clauses = PgList::<pg_sys::IndexClause>::from_pg((*path).indexclauses);
        let asked = |attribute: i32| {
            attribute != 0
                && clauses.iter_ptr().any(|clause| {
                    let column = (*clause).indexcol;
                    i32::from(column) > vector && *info.indexkeys.add(column as usize) == attribute
                })
        };
        PgList::<pg_sys::IndexOptInfo>::from_pg((*info.rel).indexlist).iter_ptr().any(|other| {
            let columns = (*other).nkeycolumns as usize;
            (*other).relam == pg_sys::GIN_AM_OID
                && (*other).indpred.is_null()
                && (0..columns).any(|column| asked(*(*other).indexkeys.add(column)))
        })
    }
}
