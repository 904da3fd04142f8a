//! The cost of a scan, for the planner.
//!
//! Before the first row, a search reads about as many pages as its width asks for, whatever the size of the table; then rows
//! come at the price of a page each. The upper levels, and of a small index all pages, are in memory;
//! the price of a page is that of a random one only as far as the index does not fit the cache.
#![allow(unsafe_code)]

use super::unread_distances;
use crate::engine::hnsw::allowed_index;
use crate::engine::hnsw::config::gucs::Settings;
use crate::engine::hnsw::config::reloptions;
use crate::engine::hnsw::storage::buffer::Index;
use conifer_pure::hnsw::search::expected_nodes;
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
        let orders = pgrx::PgList::<pg_sys::Node>::from_pg((*path).indexorderbys).len();
        let keys = keys(root, path);
        let Some(keys) = keys.filter(|_| orders == 1 && !allowed_index::is_out(info.indexoid)) else {
            // A scan needs one order by distance, and values for all columns of the key.
            (*startup, *total) = (f64::INFINITY, f64::INFINITY);
            #[cfg(feature = "pg18")]
            {
                // The path is not taken even if all others are disabled.
                (*path).path.disabled_nodes = 2;
            }
            return;
        };
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
        let search = expected_nodes(settings(info).ef_search, rows, keys);
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

/// How many keys the conditions ask for; none if they leave a column open, or ask for null vectors, which are in no graph.
///
/// # Safety
/// The planner has made `path` for `root`.
unsafe fn keys(root: *mut pg_sys::PlannerInfo, path: *const pg_sys::IndexPath) -> Option<f64> {
    // SAFETY: the caller vouches for the path; its clauses are a list of IndexClause, with lists of RestrictInfo.
    unsafe {
        let last = (*(*path).indexinfo).nkeycolumns - 1;
        let mut min = vec![None; last as usize];
        let clauses = pgrx::PgList::<pg_sys::IndexClause>::from_pg((*path).indexclauses);
        for clause in clauses.iter_ptr() {
            let column = i32::from((*clause).indexcol);
            for condition in pgrx::PgList::<pg_sys::RestrictInfo>::from_pg((*clause).indexquals).iter_ptr() {
                let Some(values) = values(root, (*condition).clause.cast()) else { continue };
                let min = min.get_mut(column as usize)?;
                *min = Some(min.map_or(values, |min: f64| min.min(values)));
            }
        }
        min.into_iter().product()
    }
}

/// How many values of its column a condition asks for; none for IS NOT NULL.
///
/// # Safety
/// `condition` is an expression that the planner has made.
unsafe fn values(root: *mut pg_sys::PlannerInfo, condition: *mut pg_sys::Node) -> Option<f64> {
    // SAFETY: the node is read as the type of its tag; the second argument of an array's condition is the array.
    unsafe {
        match (*condition).type_ {
            pg_sys::NodeTag::T_NullTest => {
                let is_null = (*condition.cast::<pg_sys::NullTest>()).nulltesttype;
                (is_null == pg_sys::NullTestType::IS_NULL).then_some(1.0)
            }
            pg_sys::NodeTag::T_ScalarArrayOpExpr => {
                let arguments = (*condition.cast::<pg_sys::ScalarArrayOpExpr>()).args;
                let array = pgrx::PgList::<pg_sys::Node>::from_pg(arguments).get_ptr(1)?;
                #[cfg(any(feature = "pg15", feature = "pg16"))]
                let values = {
                    let _ = root;
                    f64::from(pg_sys::estimate_array_length(array))
                };
                #[cfg(not(any(feature = "pg15", feature = "pg16")))]
                let values = pg_sys::estimate_array_length(root, array);
                Some(values.max(1.0))
            }
            _ => Some(1.0),
        }
    }
}
