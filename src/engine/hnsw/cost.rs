//! What the planner is told a scan costs.
//!
//! A search reads about as many pages as it has places to look at, whatever the size of the table, before the first
//! row; then rows come at the price of a page each. The upper levels, and of a small index all pages, are in memory;
//! the price of a page is that of a random one only as far as the index does not fit the cache.
#![allow(unsafe_code)]

use super::buffer::Index;
use super::options;
use super::scan::SMALL;
use super::settings::Settings;
use super::{alone, junk};
use pgrx::prelude::*;

/// Operators' cost that a page of neighbours is worth: one distance, 32 estimates.
const OPERATORS: f64 = 20.0;
/// Blocks of the lowest level that a search reads, by `ef_search`, on embeddings.
const NODES: f64 = 2.3;
/// What part of a random page's price a page costs that is likely in memory.
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
    // SAFETY: the planner gives valid pointers; lists are those it has made.
    unsafe {
        let info = &*(*path).indexinfo;
        junk::weigh(info.indexoid);
        *correlation = 0.0;
        *selectivity = 1.0;
        *pages = f64::from(info.pages);
        let orders = pgrx::PgList::<pg_sys::Node>::from_pg((*path).indexorderbys).len();
        if orders != 1 || !has_key(path) || alone::is_out(info.indexoid) {
            // Only the order makes a scan, one alone, and only within a key.
            (*startup, *total) = (f64::INFINITY, f64::INFINITY);
            #[cfg(feature = "pg18")]
            {
                // Not even if all others are disabled.
                (*path).path.disabled_nodes = 2;
            }
            return;
        }
        let conditions = pg_sys::get_quals_from_indexclauses((*path).indexclauses);
        let conditions = pg_sys::add_predicate_to_index_quals((*path).indexinfo, conditions);
        let part = pg_sys::clauselist_selectivity(
            root,
            conditions,
            (*info.rel).relid as i32,
            pg_sys::JoinType::JOIN_INNER,
            std::ptr::null_mut(),
        );
        *selectivity = part;
        let (mut random, mut sequential) = (0.0, 0.0);
        pg_sys::get_tablespace_page_costs(info.reltablespace, &mut random, &mut sequential);
        let rows = (info.tuples * part).max(1.0);
        let search = match settings(info).ef_search {
            Some(ef) if rows > SMALL as f64 => rows.min(upper(rows) + NODES * ef as f64),
            _ => rows,
        };
        let missed = 1.0 - (f64::from(pg_sys::effective_cache_size) / f64::from(info.pages.max(1))).min(1.0);
        let page = random * (CACHED + (1.0 - CACHED) * missed) + OPERATORS * pg_sys::cpu_operator_cost;
        *startup = search * page;
        // Whoever reads on pays for each row.
        *total = *startup + rows * (page + pg_sys::cpu_index_tuple_cost);
    }
}

/// The settings that a scan would have.
fn settings(info: &pg_sys::IndexOptInfo) -> Settings {
    // SAFETY: a look-up in the catalog; the planner has locked the index, to the end of the transaction.
    let lists = unsafe {
        (info.relam == pg_sys::get_am_oid(c"ivfflat".as_ptr(), true)).then(|| {
            let index = pg_sys::index_open(info.indexoid, pg_sys::NoLock as i32);
            let lists = options::lists(Index(index));
            pg_sys::index_close(index, pg_sys::NoLock as i32);
            lists
        })
    };
    Settings::of(lists.flatten(), info.tuples as usize)
}

/// Blocks that are read on the levels above the lowest.
fn upper(rows: f64) -> f64 {
    const WIDTH: f64 = 16.0;
    4.0 * (rows.ln() / WIDTH.ln()).max(0.0)
}

/// Whether every column of the key has a condition.
///
/// # Safety
/// `path` is one that the planner has made.
unsafe fn has_key(path: *const pg_sys::IndexPath) -> bool {
    // SAFETY: the caller vouches for the path; its clauses are a list of IndexClause.
    unsafe {
        let columns = (*(*path).indexinfo).nkeycolumns - 1;
        let clauses = pgrx::PgList::<pg_sys::IndexClause>::from_pg((*path).indexclauses);
        (0..columns).all(|column| clauses.iter_ptr().any(|clause| i32::from((*clause).indexcol) == column))
    }
}
