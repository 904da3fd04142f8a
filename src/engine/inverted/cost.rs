//! The cost of a scan, for the planner.
//!
//! Before the first row, a scan reads the rows that wait to be merged, the query's terms in the dictionary of each
//! segment, and of their postings those blocks that could hold one of the best rows. How many terms a query has is
//! not known here, nor how frequent they are, so a part of all pages stands for them. Further rows cost a look at the
//! table alone, which the planner adds.
#![allow(unsafe_code)]

use crate::engine::planner::asked_keys::{conditions, keys};
use crate::engine::planner::{allowed_index, unread_distances};
use pgrx::PgList;
use pgrx::prelude::*;

/// Part of the pages of its keys that a scan reads before its first row, and pages that it reads for each key in any
/// case.
const PART: f64 = 0.03;
const LEAST: f64 = 4.0;
/// Part of the rows whose scores a scan computes before its first row.
const SCORED: f64 = 0.02;
/// Part of a random page's price that a page costs which is likely in memory.
const CACHED: f64 = 0.05;
/// Price of a score, in operators: as many additions as a row and the query have terms in common.
const OPERATORS: f64 = 4.0;

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
        (*correlation, *selectivity, *pages) = (0.0, 1.0, f64::from(info.pages));
        // The vector is what the scan is ordered by.
        let ordered: Vec<i32> = PgList::<i32>::from_pg((*path).indexorderbycols).iter_int().collect();
        let vector = (ordered.len() == 1).then(|| ordered[0]);
        let keys = vector.and_then(|vector| Some((keys(root, path, vector)?, vector)));
        let (Some((keys, vector)), false) = (keys, allowed_index::is_out(info.indexoid)) else {
            // A scan needs one order by distance, and values for all columns of the key.
            (*startup, *total) = (f64::INFINITY, f64::INFINITY);
            #[cfg(feature = "pg18")]
            {
                // The path is not taken even if all others are disabled.
                (*path).path.disabled_nodes = 2;
            }
            return;
        };
        let (mut random, mut sequential) = (0.0, 0.0);
        pg_sys::get_tablespace_page_costs(info.reltablespace, &mut random, &mut sequential);
        let all = f64::from(info.pages.max(1));
        let missed = 1.0 - (f64::from(pg_sys::effective_cache_size) / all).min(1.0);
        let page = random * (CACHED + (1.0 - CACHED) * missed);
        let (leading, _) = conditions(path, vector);
        let quals = pg_sys::add_predicate_to_index_quals((*path).indexinfo, leading.into_pg());
        let (relation, inner) = ((*info.rel).relid as i32, pg_sys::JoinType::JOIN_INNER);
        let part = pg_sys::clauselist_selectivity(root, quals, relation, inner, std::ptr::null_mut());
        *selectivity = part;
        let rows = (info.tuples * part).max(1.0);
        let score = OPERATORS * pg_sys::cpu_operator_cost;
        *startup = (LEAST * keys + PART * part * all).min(all) * page + SCORED * rows * score;
        *total = *startup + rows * (score + pg_sys::cpu_index_tuple_cost);
    }
}
