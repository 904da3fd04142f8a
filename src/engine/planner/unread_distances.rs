//! Distances that no node of a plan reads are not computed.
//!
//! `SELECT id FROM items ORDER BY v <=> q LIMIT 10` has a column that the statement does not return (resjunk): its distance. An
//! index gives the order, but the server computes the column of each row all the same, for which it fetches the vector
//! from its TOAST table: half of all the pages of a query at 768 dimensions and more. Where a plan has such a column
//! of a scan of ours, and nothing above the scan but a LIMIT that drops it, the column becomes a NULL.
#![allow(unsafe_code)]

use pgrx::PgList;
use pgrx::pg_sys::NodeTag::{T_IndexScan, T_Limit, T_SubqueryScan, T_Var};
use pgrx::prelude::*;
use std::cell::RefCell;
use std::ffi::{c_char, c_int};

static mut NEXT: pg_sys::planner_hook_type = None;

thread_local! {
    /// Indexes of ours that the planner has weighed.
    static WEIGHED: RefCell<Vec<pg_sys::Oid>> = const { RefCell::new(vec![]) };
}

/// Indexes that are remembered; beyond, plans stay as they are until the next statement.
const MAX: usize = 1000;

unsafe extern "C-unwind" {
    /// The server's planner, without pgrx's guard, which would catch its errors.
    fn standard_planner(
        query: *mut pg_sys::Query,
        text: *const c_char,
        options: c_int,
        params: pg_sys::ParamListInfo,
    ) -> *mut pg_sys::PlannedStmt;
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    WEIGHED.with(|_| ());
}

/// Puts the hook in place.
pub fn init() {
    // SAFETY: called once, when the library is loaded, by the backend's only thread.
    unsafe {
        NEXT = pg_sys::planner_hook;
        pg_sys::planner_hook = Some(plan);
    }
}

/// Notes that the planner asks for the cost of a scan of an index of ours.
pub fn weigh(index: pg_sys::Oid) {
    WEIGHED.with_borrow_mut(|weighed| {
        if weighed.len() < MAX && !weighed.contains(&index) {
            weighed.push(index);
        }
    });
}

// Errors of the server pass through here untouched: they are not caught, and pass no value that would have to be dropped.
unsafe extern "C-unwind" fn plan(
    query: *mut pg_sys::Query,
    text: *const c_char,
    options: c_int,
    params: pg_sys::ParamListInfo,
) -> *mut pg_sys::PlannedStmt {
    // SAFETY: passes on the server's arguments, and gets a finished plan.
    unsafe {
        let planned = NEXT.unwrap_or(standard_planner)(query, text, options, params);
        strip(planned);
        planned
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn strip(planned: *mut pg_sys::PlannedStmt) {
    let weighed = WEIGHED.take();
    if weighed.is_empty() {
        return;
    }
    // SAFETY: the trees of a finished plan, which no other code has seen yet.
    unsafe {
        walk((*planned).planTree, true, &weighed);
        for tree in PgList::<pg_sys::Plan>::from_pg((*planned).subplans).iter_ptr() {
            walk(tree, true, &weighed);
        }
    }
}

/// Looks for scans of ours below a LIMIT, or at the top of a query: only there no plan node above reads the resjunk columns, as
/// a sort by one more column does, or a merge of partitions.
///
/// # Safety
/// `tree` is a finished plan or null.
unsafe fn walk(tree: *mut pg_sys::Plan, top: bool, weighed: &[pg_sys::Oid]) {
    // SAFETY: each node is read as the type of its tag.
    unsafe {
        if tree.is_null() {
            return;
        }
        pg_sys::check_stack_depth();
        match (*tree).type_ {
            T_IndexScan if top => clear(tree, weighed, &junk_of(tree)),
            T_Limit => {
                let limit = &*tree.cast::<pg_sys::Limit>();
                // With ties, the LIMIT compares the column.
                if limit.limitOption == pg_sys::LimitOption::LIMIT_OPTION_COUNT {
                    clear((*tree).lefttree, weighed, &dropped_by(tree));
                }
            }
            _ => {}
        }
        if (*tree).type_ == T_SubqueryScan {
            walk((*tree.cast::<pg_sys::SubqueryScan>()).subplan, true, weighed);
        }
        walk((*tree).lefttree, false, weighed);
        walk((*tree).righttree, false, weighed);
    }
}

/// The resjunk columns of a plan.
unsafe fn junk_of(tree: *mut pg_sys::Plan) -> Vec<i16> {
    // SAFETY: a list of target entries.
    let entries = unsafe { PgList::<pg_sys::TargetEntry>::from_pg((*tree).targetlist) };
    // SAFETY: as above.
    entries
        .iter_ptr()
        .filter(|entry| unsafe { (**entry).resjunk })
        .map(|entry| unsafe { (*entry).resno })
        .collect()
}

/// The columns of the plan below that a LIMIT passes on as resjunk alone.
unsafe fn dropped_by(limit: *mut pg_sys::Plan) -> Vec<i16> {
    // SAFETY: a list of target entries; entries of a LIMIT are columns of the plan below, and others are left alone.
    unsafe {
        let entries = PgList::<pg_sys::TargetEntry>::from_pg((*limit).targetlist);
        let below = |entry: *mut pg_sys::TargetEntry| {
            let expression = (*entry).expr.cast::<pg_sys::Var>();
            ((*expression.cast::<pg_sys::Node>()).type_ == T_Var).then(|| (*expression).varattno)
        };
        if entries.iter_ptr().any(|entry| below(entry).is_none()) {
            return vec![];
        }
        let kept: Vec<i16> =
            entries.iter_ptr().filter(|entry| !(**entry).resjunk).filter_map(below).collect();
        let junk = entries.iter_ptr().filter(|entry| (**entry).resjunk).filter_map(below);
        junk.filter(|column| !kept.contains(column)).collect()
    }
}

/// Replaces those of `columns` by NULL that are the distance by which a scan of ours is ordered.
unsafe fn clear(tree: *mut pg_sys::Plan, weighed: &[pg_sys::Oid], columns: &[i16]) {
    // SAFETY: each node is read as the type of its tag.
    unsafe {
        if columns.is_empty() || tree.is_null() || (*tree).type_ != T_IndexScan {
            return;
        }
        let scan = &*tree.cast::<pg_sys::IndexScan>();
        if !weighed.contains(&scan.indexid) {
            return;
        }
        let orders = PgList::<pg_sys::Node>::from_pg(scan.indexorderbyorig);
        for entry in PgList::<pg_sys::TargetEntry>::from_pg((*tree).targetlist).iter_ptr() {
            let expression = (*entry).expr;
            let ordered = orders.iter_ptr().any(|order| pg_sys::equal(order.cast(), expression.cast()));
            if ordered && columns.contains(&(*entry).resno) {
                let (kind, collation) =
                    (pg_sys::exprType(expression.cast()), pg_sys::exprCollation(expression.cast()));
                (*entry).expr = pg_sys::makeNullConst(kind, -1, collation).cast();
            }
        }
    }
}
